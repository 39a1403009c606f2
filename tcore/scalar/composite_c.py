"""The C side of :class:`~tcore.scalar.composite.Composite`: the C code of its steps, on variables of a block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tcore.graph.c_interface import ask, ask_compiler, code_and_cleanup, derived, text_pieces

if TYPE_CHECKING:
    from tcore.graph.apply import Apply
    from tcore.graph.variable import Constant, Variable
    from tcore.scalar.composite import Step
    from tcore.scalar.op import ScalarOp

__all__ = ["CompositeC"]


class CompositeC:
    """The ``c_*`` methods: what the ops of the steps say, in order."""

    nin: int
    constants: tuple[Constant, ...]
    steps: tuple[Step, ...]
    results: tuple[int, ...]
    inner_ops: tuple[ScalarOp, ...]

    def _c_steps(self, node: Apply, name: str, inputs: Sequence[str], outputs: Sequence[str]) -> Iterator[tuple[Apply, str, list[str], list[str]]]:
        """What the ``c_*`` methods of each step's op are told: its node, name, inputs and outputs."""
        slots: list[Variable] = [*node.inputs, *self.constants]
        names = [*inputs, *(c.type.c_literal(c.data) for c in self.constants)]  # type: ignore[attr-defined]
        for number, step in enumerate(self.steps):
            inner = step.op.make_node(*[slots[i] for i in step.args])
            results = [f"{name}_v{len(names) + i}" for i in range(len(step.dtypes))]
            yield inner, f"{name}_{number}", [names[i] for i in step.args], results
            slots.extend(inner.outputs)
            names.extend(results)
        if outputs:
            yield node, name, [names[i] for i in self.results], list(outputs)

    def _from_steps(self, method: str, node: Apply, name: str, *rest: Any) -> str:
        found = (ask(inner.op, method, inner, own, *rest) for inner, own, _, _ in self._c_steps(node, name, ["tc_none"] * self.nin, ()))
        return "\n".join(piece for text in found for piece in text_pieces(text))

    @derived
    def c_code(self, node: Apply, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """The code of the steps, one after the other, on variables of a block."""
        lines = []
        declared = []
        for inner, own, read, written in self._c_steps(node, name, inputs, outputs):
            if inner is node:
                lines += [f"{result} = {value};" for result, value in zip(written, read, strict=True)]
                continue
            for result, variable in zip(written, inner.outputs, strict=True):
                kind = variable.type.c_element_type()  # type: ignore[attr-defined]
                declared.append(f"{kind} {result}; typedef {kind} dtype_{result};")
            lines.append(code_and_cleanup(inner, own, read, written, sub))
        return "\n".join(("{", *declared, *lines, "}"))

    def c_support_code_apply(self, node: Apply, name: str) -> str:
        """That of the steps; so are the methods below."""
        return self._from_steps("c_support_code_apply", node, name)

    def c_init_code_apply(self, node: Apply, name: str) -> str:
        return self._from_steps("c_init_code_apply", node, name)

    def c_support_code_struct(self, node: Apply, name: str) -> str:
        return self._from_steps("c_support_code_struct", node, name)

    def c_init_code_struct(self, node: Apply, name: str, sub: Mapping[str, str]) -> str:
        return self._from_steps("c_init_code_struct", node, name, sub)

    def c_cleanup_code_struct(self, node: Apply, name: str) -> str:
        return self._from_steps("c_cleanup_code_struct", node, name)

    def c_support_code(self) -> list[str]:
        return list(dict.fromkeys(piece for op in self.inner_ops for piece in text_pieces(ask(op, "c_support_code"))))

    def c_init_code(self) -> list[str]:
        return list(dict.fromkeys(piece for op in self.inner_ops for piece in text_pieces(ask(op, "c_init_code"))))

    def _surroundings(self, method: str, c_compiler: Any) -> list[str]:
        return list(dict.fromkeys(piece for op in self.inner_ops for piece in ask_compiler(op, method, c_compiler)))

    def c_headers(self, c_compiler: Any = None) -> list[str]:
        return self._surroundings("c_headers", c_compiler)

    def c_header_dirs(self, c_compiler: Any = None) -> list[str]:
        return self._surroundings("c_header_dirs", c_compiler)

    def c_libraries(self, c_compiler: Any = None) -> list[str]:
        return self._surroundings("c_libraries", c_compiler)

    def c_lib_dirs(self, c_compiler: Any = None) -> list[str]:
        return self._surroundings("c_lib_dirs", c_compiler)

    def c_compile_args(self, c_compiler: Any = None) -> list[str]:
        return self._surroundings("c_compile_args", c_compiler)

    def c_no_compile_args(self, c_compiler: Any = None) -> list[str]:
        return self._surroundings("c_no_compile_args", c_compiler)

    def c_code_cache_version(self) -> tuple[Any, ...]:
        """Those of the steps; none where one has none."""
        versions = tuple(ask(op, "c_code_cache_version", default=()) for op in self.inner_ops)
        return (1, versions) if all(versions) else ()
