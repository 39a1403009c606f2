"""Ops that compilation puts into graphs, and :func:`as_op` for Python functions."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any, ClassVar

from tcore.graph import Apply, Op, Type, as_variable
from tcore.graph.type_code import PerTypeCode, TypeCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcore.graph import Variable

__all__ = [
    "DeepCopyOp",
    "FromFunctionOp",
    "OutputGuard",
    "ViewOp",
    "as_op",
    "deep_copy_op",
    "register_deep_copy_op_c_code",
    "register_view_op_c_code",
    "view_op",
]


class _Copying(PerTypeCode):
    """An op of one input and one output of the same type."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        """One variable in, one of the same type out."""
        (x,) = inputs
        x = as_variable(x)
        return Apply(self, [x], [x.type.make_variable()])

    def infer_shape(self, node: Apply, shapes: list[Any]) -> list[Any]:
        """The shape of the input."""
        return [shapes[0]]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        return [eval_points[0]]


class ViewOp(_Copying):
    """The input itself, under another variable."""

    view_map = {0: [0]}
    c_code_and_version: ClassVar[dict[type, TypeCode]] = {}

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = inputs[0]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> Sequence[Variable]:
        return list(output_grads)


class OutputGuard(ViewOp):
    """A view that counts as overwriting its input, so that nothing else may: keeps an output of a function untouched.

    For optimizations that put in-place ops into a graph without a destroy handler. tcore itself refuses those, and puts none in.
    """

    destroy_map = {0: [0]}
    view_map = {}


class DeepCopyOp(_Copying):
    """A copy of the input that shares no memory with it."""

    c_code_and_version: ClassVar[dict[type, TypeCode]] = {}

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        value = inputs[0]
        output_storage[0][0] = value.copy() if hasattr(value, "copy") and hasattr(value, "dtype") else copy.deepcopy(value)

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> Sequence[Variable]:
        return list(output_grads)


view_op = ViewOp()
deep_copy_op = DeepCopyOp()
identity = deep_copy_op


def register_view_op_c_code(type: type, code: str, version: Any = ()) -> None:
    """Say how :class:`ViewOp` is done in C for a Type class.

    Parameters
    ----------
    type : class
        The Type class itself, not an instance.
    code : str
        C code with the names ``%(iname)s`` and ``%(oname)s``: lets the output be a view of the input.
    version : int or tuple
    """
    ViewOp.register_c_code(type, TypeCode(code, version))


def register_deep_copy_op_c_code(typ: type, code: str, version: Any = ()) -> None:
    """Say how :class:`DeepCopyOp` is done in C for a Type class; see :func:`register_view_op_c_code`."""
    DeepCopyOp.register_c_code(typ, TypeCode(code, version))


class FromFunctionOp(Op):
    """An op made of a Python function. It has no gradient.

    Parameters
    ----------
    fn : callable
        Takes the values of the inputs; returns the output, or a tuple or list of them. Must return new memory and leave its
        arguments alone.
    itypes, otypes : list of Type
    infer_shape : callable, optional
        ``infer_shape(node, input_shapes) -> output_shapes``, lists of tuples.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        itypes: Sequence[Type],
        otypes: Sequence[Type],
        infer_shape: Callable[..., Any] | None = None,
    ) -> None:
        self.__fn = fn
        self.itypes = list(itypes)
        self.otypes = list(otypes)
        self.__infer_shape = infer_shape
        if infer_shape is not None:
            self.infer_shape = self._infer_shape

    def _infer_shape(self, node: Apply, shapes: list[Any]) -> Any:
        assert self.__infer_shape is not None
        return self.__infer_shape(node, shapes)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__fn == other.__fn

    def __hash__(self) -> int:
        return hash((type(self), self.__fn))

    def __str__(self) -> str:
        return f"FromFunctionOp{{{self.__fn.__name__}}}"

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        results = self.__fn(*inputs)
        if not isinstance(results, (list, tuple)):
            results = (results,)
        if len(results) != len(output_storage):
            raise ValueError(f"{self} returned {len(results)} values, {len(output_storage)} were declared")
        for cell, result in zip(output_storage, results, strict=True):
            cell[0] = result

    def __reduce__(self) -> Any:
        try:
            found = load_back(self.__fn)
        except (ImportError, AttributeError):
            found = None
        if found is None:
            raise pickle.PicklingError(
                f"{self} cannot be pickled: its function is not found as {self.__fn.__module__}.{self.__fn.__name__}"
            )
        if isinstance(found, FromFunctionOp):  # as_op replaced the function's name by the op
            return _load, (self.__fn.__module__, self.__fn.__name__)
        return FromFunctionOp, (self.__fn, self.itypes, self.otypes, self.__infer_shape)


def load_back(fn: Callable[..., Any]) -> Any:
    """What stands under the name of ``fn`` in its module."""
    return _load(fn.__module__, fn.__name__)


def _load(module: str, name: str) -> Any:
    found = __import__(module, fromlist=[name])
    return getattr(found, name)


def as_op(
    itypes: Type | Sequence[Type], otypes: Type | Sequence[Type], infer_shape: Callable[..., Any] | None = None
) -> Callable[[Callable[..., Any]], FromFunctionOp]:
    """Decorator that makes an op of a Python function; see :class:`FromFunctionOp`.

    Parameters
    ----------
    itypes, otypes : Type or list of Type
    infer_shape : callable, optional
        Without it, shapes of the result are known only by running the op.
    """
    ins = [itypes] if isinstance(itypes, Type) else list(itypes)
    outs = [otypes] if isinstance(otypes, Type) else list(otypes)
    for what, types in (("itypes", ins), ("otypes", outs)):
        if not all(isinstance(t, Type) for t in types):
            raise TypeError(f"{what} of as_op are Types, got {types!r}")
    if infer_shape is not None and not callable(infer_shape):
        raise TypeError(f"infer_shape of as_op is a function, got {infer_shape!r}")

    def make_op(fn: Callable[..., Any]) -> FromFunctionOp:
        return FromFunctionOp(fn, ins, outs, infer_shape)

    return make_op
