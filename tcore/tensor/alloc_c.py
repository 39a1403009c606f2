"""The C side of ops that make arrays of others, of numbers, or of nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tcore.graph.c_interface import derived

__all__ = ["ARangeC", "AllocC", "AllocEmptyC", "EyeC", "JoinC", "MakeVectorC", "SplitC", "TakeC"]

_PIECE = """
#ifndef TC_ARRAY_PIECE
#define TC_ARRAY_PIECE
/* A copy of what lies between two places along an axis; NULL with an exception. */
__attribute__((unused)) static PyArrayObject* tc_array_piece(PyArrayObject* x, int axis, npy_intp start, npy_intp length)
{
    npy_intp lengths[NPY_MAXDIMS];
    memcpy(lengths, PyArray_DIMS(x), sizeof(npy_intp) * PyArray_NDIM(x));
    lengths[axis] = length;
    Py_INCREF(PyArray_DESCR(x));
    PyObject* shown = PyArray_NewFromDescr(&PyArray_Type, PyArray_DESCR(x), PyArray_NDIM(x), lengths, PyArray_STRIDES(x),
                                           PyArray_BYTES(x) + (length ? start * PyArray_STRIDES(x)[axis] : 0), 0, NULL);
    if (!shown) return NULL;
    PyObject* copy = PyArray_NewCopy((PyArrayObject*) shown, NPY_CORDER);
    Py_DECREF(shown);
    return (PyArrayObject*) copy;
}
#endif
"""


class _MakesArrays:
    """What these ops have in common."""

    _f16_ok = True

    def c_code_cache_version(self) -> tuple[int, ...]:
        """Version of this text."""
        return (1,)


class AllocEmptyC(_MakesArrays):
    """The ``c_*`` methods of :class:`~tcore.tensor.alloc.AllocEmpty`."""

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """Memory of the lengths."""
        return "\n".join(("{", *_memory(node.outputs[0], outputs[0], node.inputs, inputs, sub["fail"]), "}"))


class AllocC(_MakesArrays):
    """The ``c_*`` methods of :class:`~tcore.tensor.alloc.Alloc`."""

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """Memory of the lengths, filled with the value."""
        (value, *lengths), (z,) = inputs, outputs
        flags, fail = node.inputs[0].type.broadcastable, sub["fail"]
        offset = len(lengths) - len(flags)
        checks = [
            f"if (PyArray_DIMS({value})[{k}] != tc_lengths[{offset + k}]) {{\nPyErr_Format(PyExc_ValueError, "
            f'"alloc cannot broadcast a value of length %lld along axis {k} to %lld: lengths must be equal, or 1 by the value\'s type (addbroadcast marks them)", '
            f"(long long) PyArray_DIMS({value})[{k}], (long long) tc_lengths[{offset + k}]);\n{fail}\n}}"
            for k, flag in enumerate(flags)
            if not flag
        ]
        memory = _memory(node.outputs[0], z, node.inputs[1:], lengths, fail, checks)
        return "\n".join(("{", *memory, f"if (PyArray_CopyInto({z}, {value})) {{ {fail} }}", "}"))


class EyeC(_MakesArrays):
    """The ``c_*`` methods of :class:`~tcore.tensor.alloc.Eye`."""

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """Zeros, and copies of one element that is 1 along the diagonal."""
        (*lengths, k), (z,), fail = inputs, outputs, sub["fail"]
        diagonal = f"""PyArray_FILLWBYTE({z}, 0);
const npy_intp tc_shift = (npy_intp) *({node.inputs[2].type.c_element_type()}*) PyArray_DATA({k});
if (tc_shift < tc_lengths[1] && tc_shift > -tc_lengths[0]) {{
    npy_intp i = tc_shift < 0 ? -tc_shift : 0, j = tc_shift < 0 ? 0 : tc_shift;
    char* tc_first = (char*) PyArray_GETPTR2({z}, i, j);
    PyObject* tc_one = PyLong_FromLong(1);
    if (!tc_one || PyArray_SETITEM({z}, tc_first, tc_one)) {{ Py_XDECREF(tc_one); {fail} }}
    Py_DECREF(tc_one);
    for (i++, j++; i < tc_lengths[0] && j < tc_lengths[1]; i++, j++)
        memcpy(PyArray_GETPTR2({z}, i, j), tc_first, PyArray_ITEMSIZE({z}));
}}"""
        return "\n".join(("{", *_memory(node.outputs[0], z, node.inputs[:2], lengths, fail), diagonal, "}"))


class ARangeC(_MakesArrays):
    """The ``c_*`` methods of :class:`~tcore.tensor.ranges.ARange`."""

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """NumPy's range of Python's numbers."""
        (z,), fail = outputs, sub["fail"]
        made = [f"tc_numbers[{k}] = PyArray_GETITEM({x}, PyArray_BYTES({x}));" for k, x in enumerate(inputs)]
        return f"""{{
PyObject *tc_numbers[3], *tc_range = NULL;
{" ".join(made)}
if (tc_numbers[0] && tc_numbers[1] && tc_numbers[2]) {{
    const int tc_moves = PyObject_IsTrue(tc_numbers[2]);
    if (tc_moves > 0)
        tc_range = PyArray_ArangeObj(tc_numbers[0], tc_numbers[1], tc_numbers[2], PyArray_DescrFromType(NPY_{node.outputs[0].type.dtype.upper()}));
    else if (!tc_moves)
        PyErr_SetString(PyExc_ValueError, "arange: step cannot be zero");
}}
for (int k = 0; k < 3; k++) Py_XDECREF(tc_numbers[k]);
if (!tc_range) {{ {fail} }}
Py_XDECREF({z});
{z} = (PyArrayObject*) tc_range;
}}"""


class MakeVectorC(_MakesArrays):
    """The ``c_*`` methods of :class:`~tcore.tensor.join.MakeVector`."""

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """One element for each input."""
        (z,), type_ = outputs, node.outputs[0].type
        size = f"sizeof({type_.c_element_type()})"
        elements = [f"memcpy(PyArray_BYTES({z}) + {k} * {size}, PyArray_DATA({x}), {size});" for k, x in enumerate(inputs)]
        lines = [f"npy_intp tc_lengths[] = {{{len(inputs)}}};", _made(type_, z, 1, sub["fail"]), *elements]
        return "\n".join(("{", *lines, "}"))


class JoinC(_MakesArrays):
    """The ``c_*`` methods of :class:`~tcore.tensor.join.Join`."""

    view: int

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """NumPy's concatenation, in the result's dtype; the one tensor with elements, where the op may show that."""
        (axis, *tensors), (z,) = inputs, outputs
        fail, ndim, type_ = sub["fail"], node.inputs[1].type.ndim, node.outputs[0].type
        kind = node.inputs[0].type.c_element_type()
        packed = ", ".join(f"(PyObject*) {x}" for x in tensors)
        joined = f"""
PyObject* tc_tensors = PyTuple_Pack({len(tensors)}, {packed});
PyObject* tc_joined = tc_tensors ? PyArray_Concatenate(tc_tensors, tc_axis) : NULL;
Py_XDECREF(tc_tensors);
if (!tc_joined) {{ {fail} }}
Py_XDECREF({z});
{z} = (PyArrayObject*) PyArray_FROMANY(tc_joined, NPY_{type_.dtype.upper()}, 0, 0, NPY_ARRAY_FORCECAST);
Py_DECREF(tc_joined);
if (!{z}) {{ {fail} }}"""
        if self.view != -1:
            empty = [f"PyArray_DIMS({x})[tc_axis] == 0" for k, x in enumerate(tensors) if k != self.view] or ["true"]
            own = tensors[self.view]
            joined = f"if ({' && '.join(empty)}) {{ Py_INCREF({own}); Py_XDECREF({z}); {z} = {own}; }} else {{{joined}\n}}"
        return f"""{{
int tc_axis = (int) *({kind}*) PyArray_DATA({axis});
if (tc_axis < -{ndim} || tc_axis >= {ndim}) {{
    PyErr_Format(PyExc_IndexError, "join: axis %d does not exist, there are {ndim} dimensions", tc_axis);
    {fail}
}}
if (tc_axis < 0) tc_axis += {ndim};
{joined}
}}"""


class SplitC(_MakesArrays):
    """The ``c_*`` methods of :class:`~tcore.tensor.join.Split`."""

    def c_support_code(self) -> str:
        """A function that copies pieces."""
        return _PIECE

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """A copy of each piece, when all lengths are known to fit."""
        (x, axis, lengths), fail, ndim = inputs, sub["fail"], node.inputs[0].type.ndim
        kinds, many = [v.type.c_element_type() for v in node.inputs[1:]], len(outputs)
        pieces = "\n".join(
            f"Py_XDECREF({z}); {z} = tc_array_piece({x}, tc_axis, tc_start, tc_lengths[{k}]); tc_start += tc_lengths[{k}];\nif (!{z}) {{ {fail} }}"
            for k, z in enumerate(outputs)
        )
        return f"""{{
int tc_axis = (int) *({kinds[0]}*) PyArray_DATA({axis});
npy_intp tc_lengths[{max(many, 1)}], tc_total = 0, tc_start = 0;
if (tc_axis < -{ndim} || tc_axis >= {ndim}) {{
    PyErr_Format(PyExc_IndexError, "split: axis %d does not exist, there are {ndim} dimensions", tc_axis);
    {fail}
}}
if (tc_axis < 0) tc_axis += {ndim};
if (PyArray_DIMS({lengths})[0] != {many}) {{
    PyErr_Format(PyExc_ValueError, "split into {many} pieces needs as many lengths, got %S", (PyObject*) {lengths});
    {fail}
}}
for (int k = 0; k < {many}; k++) {{
    tc_lengths[k] = (npy_intp) *({kinds[1]}*) PyArray_GETPTR1({lengths}, k);
    if (tc_lengths[k] < 0) {{
        PyErr_Format(PyExc_ValueError, "split: a length is negative in %S", (PyObject*) {lengths});
        {fail}
    }}
    if (tc_lengths[k] > PyArray_DIMS({x})[tc_axis] - tc_total) {{ tc_total = -1; break; }}
    tc_total += tc_lengths[k];
}}
if (tc_total != PyArray_DIMS({x})[tc_axis]) {{
    PyErr_Format(PyExc_ValueError, "split: the lengths %S do not make the length of axis %d, which is %lld", (PyObject*) {lengths}, tc_axis,
                 (long long) PyArray_DIMS({x})[tc_axis]);
    {fail}
}}
{pieces}
}}"""


class TakeC(_MakesArrays):
    """The ``c_*`` methods of :class:`~tcore.tensor.advanced_subtensor.AdvancedSubtensor1`."""

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """Rows by NumPy, after a look at the indices, which counts also where rows have no elements."""
        (x, index), (z,) = inputs, outputs
        fail, kind = sub["fail"], node.inputs[1].type.c_element_type()
        return f"""{{
const npy_intp tc_length = PyArray_DIMS({x})[0];
for (npy_intp k = 0; k < PyArray_DIMS({index})[0]; k++) {{
    const npy_intp tc_at = (npy_intp) *({kind}*) PyArray_GETPTR1({index}, k);
    if (tc_at < -tc_length || tc_at >= tc_length) {{
        PyErr_Format(PyExc_IndexError, "index %lld is out of bounds for axis 0 with size %lld", (long long) tc_at, (long long) tc_length);
        {fail}
    }}
}}
PyObject* tc_taken = PyArray_TakeFrom({x}, (PyObject*) {index}, 0, NULL, NPY_WRAP);
if (!tc_taken) {{ {fail} }}
Py_XDECREF({z});
{z} = (PyArrayObject*) tc_taken;
}}"""


def _memory(output: Any, z: str, lengths: Sequence[Any], names: Sequence[str], fail: str, checks: Sequence[str] = ()) -> list[str]:
    """``tc_lengths`` from arrays of no axes, ``checks`` of them, and an output that has them."""
    lines = [f"npy_intp tc_lengths[{max(len(names), 1)}];"]
    for k, (variable, length) in enumerate(zip(lengths, names, strict=True)):
        lines.append(
            f"tc_lengths[{k}] = (npy_intp) *({variable.type.c_element_type()}*) PyArray_DATA({length});\n"
            f'if (tc_lengths[{k}] < 0) {{ PyErr_Format(PyExc_ValueError, "an array cannot have %lld elements along axis {k}", (long long) tc_lengths[{k}]); {fail} }}'
        )
    return [*lines, *checks, _made(output.type, z, len(names), fail)]


def _made(type_: Any, z: str, ndim: int, fail: str) -> str:
    """Memory for an output of ``tc_lengths``: an old result, where that is an array of its own that fits."""
    fits = "".join(f" || PyArray_DIMS({z})[{k}] != tc_lengths[{k}]" for k in range(ndim))
    return (
        f"if (!{z} || !PyArray_ISCARRAY({z}) || !PyArray_CHKFLAGS({z}, NPY_ARRAY_OWNDATA){fits}) {{\nPy_XDECREF({z});\n"
        f"{z} = (PyArrayObject*) PyArray_EMPTY({ndim}, tc_lengths, NPY_{type_.dtype.upper()}, 0);\nif (!{z}) {{ {fail} }}\n}}"
    )
