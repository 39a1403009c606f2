"""The C side of :class:`~tcore.tensor.elemwise.Elemwise`: a loop over all elements around the scalar op's C code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph.c_interface import ask, ask_compiler, code_and_cleanup, derived
from tcore.graph.errors import MethodNotDefined
from tcore.scalar.type import get_scalar_type

if TYPE_CHECKING:
    from tcore.graph.apply import Apply
    from tcore.scalar.op import ScalarOp

__all__ = ["ElemwiseC", "OfScalarOp"]


class OfScalarOp:
    """What the C code of an op that applies a scalar op needs around it: what that op says for a node on numbers."""

    scalar_op: ScalarOp

    def _scalar_node(self, node: Apply) -> Apply:
        return self.scalar_op.make_node(*[get_scalar_type(v.type.dtype)() for v in node.inputs])  # type: ignore[attr-defined]

    def _ask_scalar(self, method: str, node: Apply, name: str, *rest: Any) -> Any:
        return ask(self.scalar_op, method, self._scalar_node(node), f"{name}_scalar", *rest, default="")

    def _refuse_half(self, node: Apply) -> None:
        if not self.scalar_op._f16_ok and any(v.type.dtype == "float16" for v in (*node.inputs, *node.outputs)):  # type: ignore[attr-defined]
            raise MethodNotDefined(f"{self.scalar_op} has no C code for half precision", type(self), "c_code")

    def c_support_code_apply(self, node: Apply, name: str) -> str:
        """That of the scalar op, as all below."""
        return self._ask_scalar("c_support_code_apply", node, name)  # type: ignore[no-any-return]

    def c_init_code_apply(self, node: Apply, name: str) -> str:
        return self._ask_scalar("c_init_code_apply", node, name)  # type: ignore[no-any-return]

    def c_support_code_struct(self, node: Apply, name: str) -> str:
        return self._ask_scalar("c_support_code_struct", node, name)  # type: ignore[no-any-return]

    def c_init_code_struct(self, node: Apply, name: str, sub: Mapping[str, str]) -> str:
        return self._ask_scalar("c_init_code_struct", node, name, sub)  # type: ignore[no-any-return]

    def c_cleanup_code_struct(self, node: Apply, name: str) -> str:
        return self._ask_scalar("c_cleanup_code_struct", node, name)  # type: ignore[no-any-return]

    def c_support_code(self) -> Any:
        return ask(self.scalar_op, "c_support_code")

    def c_init_code(self) -> Any:
        return ask(self.scalar_op, "c_init_code")

    def c_headers(self, c_compiler: Any = None) -> list[str]:
        return ask_compiler(self.scalar_op, "c_headers", c_compiler)

    def c_header_dirs(self, c_compiler: Any = None) -> list[str]:
        return ask_compiler(self.scalar_op, "c_header_dirs", c_compiler)

    def c_libraries(self, c_compiler: Any = None) -> list[str]:
        return ask_compiler(self.scalar_op, "c_libraries", c_compiler)

    def c_lib_dirs(self, c_compiler: Any = None) -> list[str]:
        return ask_compiler(self.scalar_op, "c_lib_dirs", c_compiler)

    def c_compile_args(self, c_compiler: Any = None) -> list[str]:
        return ask_compiler(self.scalar_op, "c_compile_args", c_compiler)

    def c_no_compile_args(self, c_compiler: Any = None) -> list[str]:
        return ask_compiler(self.scalar_op, "c_no_compile_args", c_compiler)

    def c_code_cache_version_apply(self, node: Apply) -> tuple[Any, ...]:
        """That of the scalar op with the version of the loop; none where it has none."""
        version = ask(self.scalar_op, "c_code_cache_version_apply", self._scalar_node(node), default=())
        return (1, version) if version else ()


class ElemwiseC(OfScalarOp):
    """The ``c_*`` methods of :class:`~tcore.tensor.elemwise.Elemwise`: those of the scalar op, for a node on numbers.

    Outputs that fit are written again, others are made anew; those in ``inplace_pattern`` take over their input.
    """

    inplace_pattern: dict[int, int]

    @derived
    def c_code(self, node: Apply, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """Compare lengths, make the outputs, and run the scalar op's code for each element."""
        self._refuse_half(node)
        ndim = node.outputs[0].type.ndim  # type: ignore[attr-defined]
        text = [
            f"npy_intp tc_n[{max(ndim, 1)}];",
            *(_length(node, name, axis, inputs, sub["fail"]) for axis in range(ndim)),
            *(self._output(node, k, inputs, outputs, sub["fail"]) for k in range(len(outputs))),
            self._loop(node, name, inputs, outputs, sub),
        ]
        return "\n".join(("{", *text, "}"))

    def _output(self, node: Apply, k: int, inputs: Sequence[str], outputs: Sequence[str], fail: str) -> str:
        """An output's memory."""
        z = outputs[k]
        source = self.inplace_pattern.get(k)
        if source is not None:
            x = inputs[source]
            return f"if ({z} != {x}) {{ Py_XDECREF({z}); {z} = {x}; Py_XINCREF({z}); }}"
        ndim = node.outputs[k].type.ndim  # type: ignore[attr-defined]
        number = np.dtype(node.outputs[k].type.dtype).num  # type: ignore[attr-defined]
        # an old result may be anybody's view: it is taken again only where its elements are its own
        fits = [f"PyArray_DIMS({z})[{axis}] == tc_n[{axis}]" for axis in range(ndim)]
        return (
            f"if ({z} == NULL || !PyArray_ISCARRAY({z}){''.join(f' || !({fit})' for fit in fits)}) {{\n"
            f"Py_XDECREF({z});\n{z} = (PyArrayObject*) PyArray_EMPTY({ndim}, tc_n, {number}, 0);\nif ({z} == NULL) {{ {fail} }}\n}}"
        )

    def _loop(self, node: Apply, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """Nested loops, the last axis innermost; a pointer for each operand, which stays where it is broadcast."""
        flags = node.outputs[0].type.broadcastable  # type: ignore[attr-defined]
        arrays = [*inputs, *outputs]
        kinds = [v.type.c_element_type() for v in (*node.inputs, *node.outputs)]  # type: ignore[attr-defined]
        patterns = [v.type.broadcastable for v in (*node.inputs, *node.outputs)]  # type: ignore[attr-defined]
        lines = [f"char* tc_p{k} = PyArray_BYTES({array});" for k, array in enumerate(arrays)]
        for axis in range(len(flags)):
            steps = [
                f"{', ' if k else ''}tc_s{axis}_{k} = {0 if patterns[k][axis] else f'PyArray_STRIDES({array})[{axis}]'}"
                for k, array in enumerate(arrays)
            ]
            lines.append(f"const npy_intp {''.join(steps)};")
        for axis in range(len(flags)):
            moved = "".join(f", tc_q{axis}_{k} += tc_s{axis}_{k}" for k in range(len(arrays)))
            start = "".join(f", *tc_q{axis}_{k} = {f'tc_q{axis - 1}_{k}' if axis else f'tc_p{k}'}" for k in range(len(arrays)))
            lines.append("{\nchar " + start[2:] + f";\nfor (npy_intp tc_i{axis} = 0; tc_i{axis} < tc_n[{axis}]; tc_i{axis}++{moved}) {{")
        at = f"tc_q{len(flags) - 1}_" if flags else "tc_p"
        names = [f"{name}_i{k}" for k in range(len(inputs))], [f"{name}_o{k}" for k in range(len(outputs))]
        for k, (kind, element) in enumerate(zip(kinds, [*names[0], *names[1]], strict=True)):
            value = f" = *({kind}*) {at}{k}" if k < len(inputs) else ""
            lines.append(f"{kind} {element}{value}; typedef {kind} dtype_{element}; (void) sizeof(dtype_{element});")
        lines.append(code_and_cleanup(self._scalar_node(node), f"{name}_scalar", *names, sub))
        lines += [f"*({kind}*) {at}{len(inputs) + k} = {element};" for k, (kind, element) in enumerate(zip(kinds[len(inputs) :], names[1], strict=True))]
        return "\n".join(("{", *lines, "}}" * len(flags), "}"))


def _length(node: Apply, name: str, axis: int, inputs: Sequence[str], fail: str) -> str:
    """The length of an axis: all operands that are not broadcast there agree."""
    own = [k for k, v in enumerate(node.inputs) if not v.type.broadcastable[axis]]  # type: ignore[attr-defined]
    if not own:
        return f"tc_n[{axis}] = 1;"
    first = own[0]
    lines = [f"tc_n[{axis}] = PyArray_DIMS({inputs[first]})[{axis}];"]
    for k in own[1:]:
        length = f"PyArray_DIMS({inputs[k]})[{axis}]"
        lines.append(
            f"if ({length} != tc_n[{axis}]) {{\nPyErr_Format(PyExc_ValueError, "
            f'"Input dimension mis-match. (input[{first}].shape[{axis}] = %lld, input[{k}].shape[{axis}] = %lld)", '
            f"(long long) tc_n[{axis}], (long long) {length});\n{fail}\n}}"
        )
    return "\n".join(lines)
