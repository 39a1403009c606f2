"""The C side of :class:`~tcore.tensor.careduce.CAReduce`: the scalar op's C code between an accumulator and each element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph.c_interface import code_and_cleanup, derived
from tcore.graph.errors import MethodNotDefined
from tcore.scalar.type import get_scalar_type
from tcore.tensor.elemwise_c import OfScalarOp

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = ["CAReduceC"]


class CAReduceC(OfScalarOp):
    """The ``c_*`` methods of :class:`~tcore.tensor.careduce.CAReduce`; an accumulator has ``acc_dtype``, else the result's."""

    axis: tuple[int, ...] | None

    def _acc_dtype(self, node: Apply) -> str:
        return str(getattr(self, "acc_dtype", None) or node.outputs[0].type.dtype)  # type: ignore[attr-defined]

    def _scalar_node(self, node: Apply) -> Apply:
        return self.scalar_op.make_node(get_scalar_type(self._acc_dtype(node))(), get_scalar_type(node.inputs[0].type.dtype)())  # type: ignore[attr-defined]

    def _identity(self) -> Any:
        """What the fold begins with; None for the first element, as where NumPy has no value for an empty array."""
        identity = self.scalar_op.identity
        return None if identity is None or np.isinf(identity) else identity

    @derived
    def c_code(self, node: Apply, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """Make the output, and fold the elements of each of its places, in the order of the axes."""
        self._refuse_half(node)
        if "complex" in self._acc_dtype(node):
            raise MethodNotDefined(f"{self} has no C code for complex numbers", type(self), "c_code")
        (x,), (z,) = inputs, outputs
        ndim = node.inputs[0].type.ndim  # type: ignore[attr-defined]
        reduced = range(ndim) if self.axis is None else [axis % ndim for axis in self.axis]
        kept = [axis for axis in range(ndim) if axis not in reduced]
        lines = [f"npy_intp tc_n[{max(len(kept), 1)}];", *(f"tc_n[{k}] = PyArray_DIMS({x})[{axis}];" for k, axis in enumerate(kept))]
        lines.append(self._output(node, z, len(kept), sub["fail"]))
        if self._identity() is None:
            message = f"cannot reduce an empty array by {self.scalar_op}, which has no neutral element"
            nothing = [f"PyArray_DIMS({x})[{axis}] == 0" for axis in reduced] or ["false"]
            lines.append(f'if ({" || ".join(nothing)}) {{ PyErr_SetString(PyExc_ValueError, "{message}"); {sub["fail"]} }}')
        lines += ["{", f"char* tc_z = PyArray_BYTES({z});"]
        lines += [_for(x, axis, kept[k - 1] if k else None) for k, axis in enumerate(kept)]
        lines += self._accumulate(node, name, x, kept, list(reduced), sub)
        return "\n".join(("{", *lines, "}" * (1 + len(kept)), "}"))

    def _output(self, node: Apply, z: str, ndim: int, fail: str) -> str:
        number = np.dtype(node.outputs[0].type.dtype).num  # type: ignore[attr-defined]
        fits = "".join(f" || PyArray_DIMS({z})[{k}] != tc_n[{k}]" for k in range(ndim))
        return (
            f"if ({z} == NULL || !PyArray_ISCARRAY({z}){fits}) {{\nPy_XDECREF({z});\n"
            f"{z} = (PyArrayObject*) PyArray_EMPTY({ndim}, tc_n, {number}, 0);\nif ({z} == NULL) {{ {fail} }}\n}}"
        )

    def _accumulate(self, node: Apply, name: str, x: str, kept: list[int], reduced: list[int], sub: Mapping[str, str]) -> list[str]:
        """One place of the output."""
        inner = self._scalar_node(node)
        acc, given, made = (v.type.c_element_type() for v in (*inner.inputs, *inner.outputs))  # type: ignore[attr-defined]
        out = node.outputs[0].type.c_element_type()  # type: ignore[attr-defined]
        identity = self._identity()
        start = "0" if identity is None else get_scalar_type(self._acc_dtype(node)).c_literal(identity)
        names = [f"{name}_a", f"{name}_x"], [f"{name}_r"]
        typedefs = [f"typedef {kind} dtype_{each};" for kind, each in zip((acc, given, made), (*names[0], *names[1]), strict=True)]
        order = [*kept, *reduced]
        return [
            "{",
            *typedefs,
            f"{acc} {name}_a = {start};\nbool tc_started = {'false' if identity is None else 'true'};",
            *(_for(x, axis, order[order.index(axis) - 1] if order[0] != axis else None) for axis in reduced),
            f"{given} {name}_x = *({given}*) {f'tc_q{order[-1]}' if order else f'PyArray_BYTES({x})'};\n{made} {name}_r;",
            f"if (!tc_started) {{ {name}_a = ({acc}) {name}_x; tc_started = true; }} else {{",
            code_and_cleanup(inner, f"{name}_scalar", *names, sub),
            f"{name}_a = ({acc}) {name}_r;\n}}",
            "}" * len(reduced),
            f"*({out}*) tc_z = ({out}) {name}_a;\ntc_z += sizeof({out});\n}}",
        ]


def _for(x: str, axis: int, outside: int | None) -> str:
    """The beginning of a loop along an axis: ``tc_q`` points at where it is, starting from that of the loop outside."""
    start = f"PyArray_BYTES({x})" if outside is None else f"tc_q{outside}"
    step = f"tc_i{axis}++, tc_q{axis} += PyArray_STRIDES({x})[{axis}]"
    return f"char* tc_q{axis} = {start};\nfor (npy_intp tc_i{axis} = 0; tc_i{axis} < PyArray_DIMS({x})[{axis}]; {step}) {{"
