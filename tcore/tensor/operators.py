"""What Python's operators, built-in functions and protocols do with tensor variables."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, NoReturn, cast

from tcore import scalar
from tcore.configuration import config
from tcore.finders import siblings
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor.constants import get_vector_length
from tcore.tensor.conversion import AsTensorError
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.methods import TensorMethods, seldom
from tcore.tensor.scalars import scalar_from_tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tcore.graph.variable import Variable

if TYPE_CHECKING:
    from tcore.tensor import dot, math, shape
else:
    dot, math, shape = siblings(__name__, "dot", "math", "shape")

__all__ = ["_tensor_py_operators"]

_ORDERINGS = (scalar.LT, scalar.LE, scalar.GT, scalar.GE)


def _or_not_implemented(function: Callable[..., Any], *operands: Any) -> Any:
    """Leave an operand that is no tensor to its own class."""
    try:
        return function(*operands)
    except AsTensorError:
        return NotImplemented


def _slash(x: Any, y: Any) -> Any:
    """``x / y``: true division, which of integers gives ``config.floatX``, or is refused where ``int_division`` says so."""
    result = math.true_div(x, y)
    if config.int_division == "raise" and all(operand.type.dtype in discrete_dtypes for operand in result.owner.inputs):
        raise TypeError(
            f"{x} / {y} divides integers, and int_division=raise: use // for an integer result, cast an operand to floats, or call tcore.tensor.true_div"
        )
    return result


def _product(x: Any, y: Any) -> Any:
    """``x @ y``."""
    if hasattr(x, "__tcore_dot__") or hasattr(y, "__tcore_dot__"):
        return dot.dot(x, y)
    return seldom("contraction").matmul(x, y)


class _tensor_py_operators(TensorMethods):
    """Operators, attributes and methods of tensor variables, constants and shared variables.

    They follow NumPy's arrays, but for ``==`` and ``!=``, which compare identity (use ``eq`` and ``neq``).
    """

    __slots__ = ()
    #: NumPy arrays on the left leave the operation to us
    __array_priority__ = 1000

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """``np.exp(x)`` and ``array + x`` build graphs."""
        return seldom("numpy_protocols").call_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        """``np.concatenate([x, y])`` builds a graph."""
        return seldom("numpy_protocols").call_function(function, args, options)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """The functions of the Python array API standard: :mod:`tcore.tensor.xp`."""
        if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
            raise ValueError(f"tcore.tensor.xp follows the array API standard of 2024.12 and those before, not {api_version!r}")
        return seldom("xp")

    # ------------------------------------------------------------ conversions

    def _as_scalar_variable(self) -> Any:
        return scalar_from_tensor(self)

    def __bool__(self) -> bool:
        owner = getattr(self, "owner", None)
        if owner is not None and isinstance(owner.op, Elemwise) and isinstance(owner.op.scalar_op, _ORDERINGS):
            raise TypeError("the truth of a symbolic comparison is not known while the graph is built: use switch, ifelse or all(...) on its value")
        return True

    def __len__(self) -> NoReturn:
        raise TypeError("the length of a symbolic tensor is not known while the graph is built: use x.shape[0]")

    def __iter__(self) -> Iterator[Any]:
        try:
            length = get_vector_length(self) if self.ndim == 1 else self._known_length()
        except ValueError as error:
            raise TypeError(f"cannot iterate over {self}: its length is not known while the graph is built; use scan, or index it") from error
        return (self[i] for i in builtins.range(length))

    def __contains__(self, value: object) -> NoReturn:
        raise TypeError(f"whether a value is in {self} is not known while the graph is built: use any(eq(x, value)), which is symbolic")

    def _known_length(self) -> int:
        if self.ndim == 0:
            raise TypeError("cannot iterate over a 0-d tensor")
        known = shape.static_length(cast("Variable", self), 0)
        if known is None:
            raise ValueError("the length is not known")
        return int(known)

    def __int__(self) -> NoReturn:
        raise TypeError("a symbolic tensor has no value yet: use cast, or eval to compute it")

    __float__ = __complex__ = __index__ = __int__

    # ------------------------------------------------------------ items

    def __getitem__(self, key: Any) -> Any:
        return seldom("indexing").index(self, key)

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise TypeError("tensor variables cannot be changed: use set_subtensor(x[key], value) or inc_subtensor(x[key], value), which give a new one")

    # ------------------------------------------------------------ operators

    def __abs__(self) -> Any:
        return math.abs_(self)

    def __neg__(self) -> Any:
        return math.neg(self)

    def __pos__(self) -> Any:
        return self

    def __invert__(self) -> Any:
        return math.invert(self)

    def __lt__(self, other: Any) -> Any:
        return math.lt(self, other)

    def __le__(self, other: Any) -> Any:
        return math.le(self, other)

    def __gt__(self, other: Any) -> Any:
        return math.gt(self, other)

    def __ge__(self, other: Any) -> Any:
        return math.ge(self, other)

    def __and__(self, other: Any) -> Any:
        return math.and_(self, other)

    def __rand__(self, other: Any) -> Any:
        return math.and_(other, self)

    def __or__(self, other: Any) -> Any:
        return math.or_(self, other)

    def __ror__(self, other: Any) -> Any:
        return math.or_(other, self)

    def __xor__(self, other: Any) -> Any:
        return math.xor(self, other)

    def __rxor__(self, other: Any) -> Any:
        return math.xor(other, self)

    def __lshift__(self, other: Any) -> Any:
        return math.left_shift(self, other)

    def __rlshift__(self, other: Any) -> Any:
        return math.left_shift(other, self)

    def __rshift__(self, other: Any) -> Any:
        return math.right_shift(self, other)

    def __rrshift__(self, other: Any) -> Any:
        return math.right_shift(other, self)

    def __add__(self, other: Any) -> Any:
        return _or_not_implemented(math.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return _or_not_implemented(math.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return _or_not_implemented(math.sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        return _or_not_implemented(math.sub, other, self)

    def __mul__(self, other: Any) -> Any:
        return _or_not_implemented(math.mul, self, other)

    def __rmul__(self, other: Any) -> Any:
        return _or_not_implemented(math.mul, other, self)

    def __truediv__(self, other: Any) -> Any:
        return _or_not_implemented(_slash, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _or_not_implemented(_slash, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return _or_not_implemented(math.int_div, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _or_not_implemented(math.int_div, other, self)

    def __mod__(self, other: Any) -> Any:
        return _or_not_implemented(math.mod, self, other)

    def __rmod__(self, other: Any) -> Any:
        return _or_not_implemented(math.mod, other, self)

    def __divmod__(self, other: Any) -> Any:
        return math.divmod(self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return math.divmod(other, self)

    def __pow__(self, other: Any) -> Any:
        return _or_not_implemented(math.pow, self, other)

    def __rpow__(self, other: Any) -> Any:
        return _or_not_implemented(math.pow, other, self)

    def __matmul__(self, other: Any) -> Any:
        return _or_not_implemented(_product, self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _or_not_implemented(_product, other, self)

    def __ceil__(self) -> Any:
        return math.ceil(self)

    def __floor__(self) -> Any:
        return math.floor(self)

    def __trunc__(self) -> Any:
        return math.trunc(self)

    def __round__(self, digits: int | None = None) -> Any:
        return math.around(self, 0 if digits is None else digits)
