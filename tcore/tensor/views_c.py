"""The C side of ops that show a part of an array, or the same elements in another form: what they make is a view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tcore.graph.c_interface import derived

__all__ = ["DimShuffleC", "IncSubtensorC", "ReshapeC", "ScalarFromTensorC", "SubtensorC", "TensorFromScalarC", "ViewC"]

_VIEW = """
#ifndef TC_ARRAY_VIEW
#define TC_ARRAY_VIEW
/* A view of x: its memory from data on, with these lengths and strides; NULL with an exception. */
__attribute__((unused)) static PyArrayObject* tc_array_view(PyArrayObject* x, int ndim, npy_intp* lengths, npy_intp* strides, char* data)
{
    for (int k = 0; k < ndim; k++)
        if (lengths[k] == 0)
            data = PyArray_BYTES(x); /* an empty view points nowhere else */
    Py_INCREF(PyArray_DESCR(x));
    PyObject* view = PyArray_NewFromDescr(&PyArray_Type, PyArray_DESCR(x), ndim, lengths, strides, data,
                                          PyArray_FLAGS(x) & NPY_ARRAY_WRITEABLE, NULL);
    if (!view) return NULL;
    Py_INCREF(x);
    if (PyArray_SetBaseObject((PyArrayObject*) view, (PyObject*) x) < 0) { Py_DECREF(view); return NULL; }
    PyArray_UpdateFlags((PyArrayObject*) view, NPY_ARRAY_UPDATE_ALL);
    return (PyArrayObject*) view;
}
#endif
"""


class ViewC:
    """What the C code of ops that make views has in common."""

    _f16_ok = True

    def c_support_code(self) -> str:
        """A function that makes views."""
        return _VIEW

    def c_code_cache_version(self) -> tuple[int, ...]:
        """Version of this text."""
        return (1,)


class DimShuffleC(ViewC):
    """The ``c_*`` methods of :class:`~tcore.tensor.dimshuffle.DimShuffle`."""

    new_order: tuple[int | str, ...]
    drop: tuple[int, ...]

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """Check the axes that go, and exchange lengths and strides."""
        (x,), (z,) = inputs, outputs
        fail = sub["fail"]
        checks = [
            f"if (PyArray_DIMS({x})[{axis}] != 1) {{\nPyErr_Format(PyExc_ValueError, "
            f'"{self} drops axis {axis}, whose length must be 1: got %lld", (long long) PyArray_DIMS({x})[{axis}]);\n{fail}\n}}'
            for axis in self.drop
        ]
        lengths = ["1" if axis == "x" else f"PyArray_DIMS({x})[{axis}]" for axis in self.new_order]
        strides = [f"PyArray_ITEMSIZE({x})" if axis == "x" else f"PyArray_STRIDES({x})[{axis}]" for axis in self.new_order]
        return "\n".join(("{", *checks, *_arrays(lengths, strides), _taken(z, x, len(lengths), f"PyArray_BYTES({x})", fail), "}"))


class SubtensorC(ViewC):
    """The ``c_*`` methods of :class:`~tcore.tensor.subtensor.Subtensor`."""

    idx_list: tuple[Any, ...]

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """Check the numbers of the index, and show the part."""
        (x, *numbers), (z,) = inputs, outputs
        ndim = node.inputs[0].type.ndim
        return "\n".join(("{", *_part(x, ndim, self.idx_list, numbers, sub["fail"]), _taken(z, x, _kept(self.idx_list, ndim), "tc_data", sub["fail"]), "}"))


class IncSubtensorC(ViewC):
    """The ``c_*`` methods of :class:`~tcore.tensor.incsubtensor.IncSubtensor`."""

    idx_list: tuple[Any, ...]
    inplace: bool
    set_instead_of_inc: bool

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """Copy the array, unless it may be overwritten, and write into a view of its part."""
        (x, y, *numbers), (z,) = inputs, outputs
        fail, ndim = sub["fail"], node.inputs[0].type.ndim
        kept = _kept(self.idx_list, ndim)
        flags = node.inputs[1].type.broadcastable
        verb = "set" if self.set_instead_of_inc else "add"
        checks = [
            f"if (PyArray_DIMS({y})[{k}] != tc_lengths[{kept - len(flags) + k}]) {{\nPyErr_Format(PyExc_ValueError, "
            f'"cannot {verb} a value of length %lld along axis {k} in a part of length %lld: lengths must be equal, or 1 by the value\'s type", '
            f"(long long) PyArray_DIMS({y})[{k}], (long long) tc_lengths[{kept - len(flags) + k}]);\n{fail}\n}}"
            for k, flag in enumerate(flags)
            if not flag
        ]
        made = f"Py_INCREF({x}); Py_XDECREF({z}); {z} = {x};"
        if not self.inplace:
            made = f"Py_XDECREF({z}); {z} = (PyArrayObject*) PyArray_NewCopy({x}, NPY_ANYORDER); if (!{z}) {{ {fail} }}"
        write = f"PyArray_CopyInto(tc_part, {y})"
        if not self.set_instead_of_inc:
            write = f"(tc_sum = PyNumber_InPlaceAdd((PyObject*) tc_part, (PyObject*) {y})) ? 0 : -1"
        return "\n".join((
            "{", made, *_part(z, ndim, self.idx_list, numbers, fail), *checks,
            f"PyArrayObject* tc_part = tc_array_view({z}, {kept}, tc_lengths, tc_strides, tc_data);\nif (!tc_part) {{ {fail} }}",
            "PyObject* tc_sum = NULL;",
            f"int tc_wrong = {write};\nPy_XDECREF(tc_sum);\nPy_DECREF(tc_part);\nif (tc_wrong) {{ {fail} }}", "}",
        ))  # fmt: skip


class ReshapeC(ViewC):
    """The ``c_*`` methods of :class:`~tcore.tensor.reshape.Reshape`."""

    ndim: int

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """Let NumPy find the form, as a view where that is possible."""
        (x, shape), (z,) = inputs, outputs
        fail, kind = sub["fail"], node.inputs[1].type.c_element_type()
        return f"""{{
npy_intp tc_lengths[{max(self.ndim, 1)}];
if (PyArray_DIMS({shape})[0] != {self.ndim}) {{
    PyErr_Format(PyExc_ValueError, "reshape to {self.ndim} dimensions needs as many entries in the shape, got %lld", (long long) PyArray_DIMS({shape})[0]);
    {fail}
}}
for (int k = 0; k < {self.ndim}; k++)
    tc_lengths[k] = (npy_intp) *({kind}*) PyArray_GETPTR1({shape}, k);
PyArray_Dims tc_form = {{tc_lengths, {self.ndim}}};
PyObject* tc_made = PyArray_Newshape({x}, &tc_form, NPY_CORDER);
if (!tc_made) {{ {fail} }}
Py_XDECREF({z});
{z} = (PyArrayObject*) tc_made;
}}"""


class ScalarFromTensorC(ViewC):
    """The ``c_*`` methods of :class:`~tcore.tensor.scalars.ScalarFromTensor`."""

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """Read the element."""
        return f"memcpy(&{outputs[0]}, PyArray_DATA({inputs[0]}), sizeof({outputs[0]}));"


class TensorFromScalarC(ViewC):
    """The ``c_*`` methods of :class:`~tcore.tensor.scalars.TensorFromScalar`."""

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """A new array of no axes."""
        (x,), (z,) = inputs, outputs
        number = f"NPY_{node.outputs[0].type.dtype.upper()}"
        return (
            f"Py_XDECREF({z});\n{z} = (PyArrayObject*) PyArray_EMPTY(0, NULL, {number}, 0);\nif (!{z}) {{ {sub['fail']} }}\n"
            f"memcpy(PyArray_DATA({z}), &{x}, sizeof({x}));"
        )


def _arrays(lengths: Sequence[str], strides: Sequence[str]) -> list[str]:
    return [f"npy_intp tc_{name}[] = {{{', '.join(values) or '0'}}};" for name, values in (("lengths", lengths), ("strides", strides))]


def _taken(z: str, x: str, ndim: int, data: str, fail: str) -> str:
    """A view of ``x`` into ``z``."""
    return (
        f"PyArrayObject* tc_made = tc_array_view({x}, {ndim}, tc_lengths, tc_strides, {data});\nif (!tc_made) {{ {fail} }}\n"
        f"Py_XDECREF({z});\n{z} = tc_made;"
    )


def _kept(idx_list: Sequence[Any], ndim: int) -> int:
    """How many axes an index leaves."""
    return ndim - sum(not isinstance(entry, slice) for entry in idx_list)


def _part(x: str, ndim: int, idx_list: Sequence[Any], numbers: Sequence[str], fail: str) -> list[str]:
    """``tc_data``, ``tc_lengths`` and ``tc_strides`` of the part that an index takes; ``numbers`` are the names of its integers."""
    kept = max(_kept(idx_list, ndim), 1)
    lines = [f"npy_intp tc_lengths[{kept}], tc_strides[{kept}];\nchar* tc_data = PyArray_BYTES({x});"]
    remaining, place = iter(numbers), 0
    for axis in range(ndim):
        entry = idx_list[axis] if axis < len(idx_list) else slice(None)
        length, stride = f"PyArray_DIMS({x})[{axis}]", f"PyArray_STRIDES({x})[{axis}]"
        if not isinstance(entry, slice):
            lines.append(
                f"{{ npy_intp tc_at = (npy_intp) {next(remaining)}, tc_from = tc_at < 0 ? tc_at + {length} : tc_at;\n"
                f"if (tc_from < 0 || tc_from >= {length}) {{\nPyErr_Format(PyExc_IndexError, "
                f'"index %lld is out of bounds for axis {axis} with size %lld", (long long) tc_at, (long long) {length});\n{fail}\n}}\n'
                f"tc_data += tc_from * {stride}; }}"
            )
            continue
        start, stop, step = (None if part is None else f"(npy_intp) {next(remaining)}" for part in (entry.start, entry.stop, entry.step))
        lines.append(
            f"{{ Py_ssize_t tc_step = {step or 1};\n"
            f'if (!tc_step) {{ PyErr_SetString(PyExc_ValueError, "slice step cannot be zero"); {fail} }}\n'
            f"Py_ssize_t tc_start = {start or 'tc_step < 0 ? PY_SSIZE_T_MAX : 0'}, tc_stop = {stop or 'tc_step < 0 ? PY_SSIZE_T_MIN : PY_SSIZE_T_MAX'};\n"
            f"tc_lengths[{place}] = PySlice_AdjustIndices({length}, &tc_start, &tc_stop, tc_step);\n"
            f"tc_strides[{place}] = {stride} * tc_step;\nif (tc_lengths[{place}]) tc_data += tc_start * {stride}; }}"
        )
        place += 1
    return lines
