"""Documented ``c_code`` of ops that bring none: it calls the native code that the host's backend makes of their lowering.

The text holds the op and its types, pickled, so that a compiled module that is kept serves other processes.
"""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from tcore.compile.backends import host_backend
from tcore.graph import Apply, Constant
from tcore.graph.errors import MethodNotDefined
from tcore.scalar.type import Scalar
from tcore.tensor.type import TensorType

__all__ = ["c_code_of_kernel", "native_calls"]

#: constants of more bytes are arguments: a text is no place for data
_MOST = 1024


def c_code_of_kernel(op: Any, node: Any, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
    """C statements that compute what ``op`` makes of a node's inputs, as :meth:`~tcore.graph.Op.c_code` does.

    Raises
    ------
    MethodNotDefined
        If the op has no native code for such inputs here.
    """
    text = _text_of(op, node)
    backend: Any = host_backend()
    refusal = "no backend makes native code here" if backend is None else backend.native_refusal(_node_of(text))
    if refusal:
        _undefined(op, refusal)
    names = dict(zip(node.inputs, inputs, strict=True))
    read = [variable for variable in names if not _is_kept(variable)]
    count, fail = len(read), sub["fail"]
    lines = [
        "static PyObject* tc_native = NULL;",
        "if (!tc_native) {",
        f'PyObject* tc_module = PyImport_ImportModule("{__name__}");',
        f'PyObject* tc_made = tc_module ? PyObject_CallMethod(tc_module, "{native_calls.__name__}", "s", "{text}") : NULL;',
        f"Py_XDECREF(tc_module);\nif (!tc_made) {fail}",
        "if (tc_native) Py_DECREF(tc_made); else tc_native = tc_made;\n}",
        f"PyObject* tc_arguments[{count + 1}] = {{{', '.join(_argument(names[v], v.type) for v in read)}}};",
        "PyObject* tc_results = NULL;",
        f"int tc_tries = {' && '.join(['true', *(f'tc_arguments[{k}]' for k in range(count))])} ? (int) PyList_GET_SIZE(tc_native) : 0;",
        # each but the last may refuse what it cannot take as it is
        "for (int tc_k = 0; !tc_results && tc_k < tc_tries && (tc_k == 0 || PyErr_ExceptionMatches(PyExc_TypeError)); tc_k++) {",
        f"PyErr_Clear();\ntc_results = PyObject_Vectorcall(PyList_GET_ITEM(tc_native, tc_k), tc_arguments, {count}, NULL);\n}}",
        f"for (int tc_k = 0; tc_k < {count}; tc_k++) Py_XDECREF(tc_arguments[tc_k]);",
        f"if (!tc_results) {fail}",
        *(_result(name, k, variable.type) for k, (name, variable) in enumerate(zip(outputs, node.outputs, strict=True))),
        "Py_DECREF(tc_results);",
    ]
    return "\n".join(("{", *lines, "}"))


def native_calls(text: str) -> list[Callable[..., Sequence[Any]]]:
    """What :func:`c_code_of_kernel`'s statements call: from the values of a node's inputs, each once and without constants, to those of its outputs.

    The first that does not refuse the values with a TypeError counts.
    """
    backend: Any = host_backend()
    if backend is None:
        raise RuntimeError("this module calls native code of a backend, and none can run here: tcore doctor tells why")
    found: list[Callable[..., Sequence[Any]]] = backend.native_calls(_node_of(text))
    return found


# -- nodes as text


def _is_kept(variable: Any) -> bool:
    return isinstance(variable, Constant) and getattr(variable.data, "nbytes", _MOST + 1) <= _MOST


def _text_of(op: Any, node: Any) -> str:
    if not isinstance(node, Apply):
        _undefined(op, f"{node!r} is no node of a graph")
    for variable in (*node.inputs, *node.outputs):
        if not isinstance(variable.type, (TensorType, Scalar)):
            _undefined(op, f"{variable} of type {variable.type} is no array")
    distinct = list(dict.fromkeys(node.inputs))
    given = [(v.type, v.data if _is_kept(v) else None) for v in distinct]
    try:
        packed = pickle.dumps((op, given, [distinct.index(v) for v in node.inputs], [v.type for v in node.outputs]))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        _undefined(op, f"the op cannot be pickled: {error}")
    return base64.b64encode(packed).decode()


def _node_of(text: str) -> Apply:
    op, given, positions, types = pickle.loads(base64.b64decode(text))  # of our own making
    variables = [type_() if data is None else Constant(type_, data) for type_, data in given]
    return Apply(op, [variables[k] for k in positions], [type_() for type_ in types])


def _undefined(op: Any, reason: str) -> NoReturn:
    raise MethodNotDefined(f"{type(op).__name__} defines no c_code, and has no native code to call: {reason}", type(op), "c_code")


# -- values in C


def _argument(name: str, type_: Any) -> str:
    """An expression: a new reference to a variable's value."""
    if isinstance(type_, Scalar):
        return f"PyArray_Scalar(&{name}, PyArray_DescrFromType(NPY_{type_.dtype.upper()}), NULL)"
    return f"Py_NewRef((PyObject*) {name})"


def _result(name: str, position: int, type_: Any) -> str:
    """Statements that fill a variable."""
    item = f"PySequence_Fast_GET_ITEM(tc_results, {position})"
    if isinstance(type_, Scalar):
        return f"PyArray_ScalarAsCtype({item}, &{name});"
    return f"Py_XDECREF({name});\n{name} = (PyArrayObject*) Py_NewRef({item});"
