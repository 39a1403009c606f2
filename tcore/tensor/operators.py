"""What Python writes on tensor variables: operators, attributes and methods."""

from __future__ import annotations

import builtins
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn, cast

from tcore import scalar
from tcore.configuration import config
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor import alloc, dimshuffle, dot, indexing, manipulation, math, reductions, reshape, shape, transfer
from tcore.tensor.constants import get_scalar_constant_value, get_vector_length
from tcore.tensor.conversion import AsTensorError
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.scalars import scalar_from_tensor
from tcore.tensor.shape import specify_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tcore.graph.variable import Variable

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
            f"{x} / {y} divides integers, and int_division=raise: use // for an integer result, cast an operand to floats, "
            "or call tcore.tensor.true_div"
        )
    return result


def _product(x: Any, y: Any) -> Any:
    """``x @ y``."""
    if hasattr(x, "__tcore_dot__") or hasattr(y, "__tcore_dot__"):
        return dot.dot(x, y)
    return _seldom("contraction").matmul(x, y)


def _seldom(module: str) -> Any:
    """A module of this package that few programs need, and that is not imported before one does."""
    return import_module(f"tcore.tensor.{module}")


class _tensor_py_operators:
    """Operators, attributes and methods of tensor variables, constants and shared variables.

    They follow NumPy's arrays, but for ``==`` and ``!=``, which compare identity (use ``eq`` and ``neq``).
    """

    __slots__ = ()
    #: NumPy arrays on the left leave the operation to us
    __array_priority__ = 1000
    type: Any
    name: str | None

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """``np.exp(x)`` and ``array + x`` build graphs."""
        return _seldom("numpy_protocols").call_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        """``np.concatenate([x, y])`` builds a graph."""
        return _seldom("numpy_protocols").call_function(function, args, options)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """The functions of the Python array API standard: :mod:`tcore.tensor.xp`."""
        if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
            raise ValueError(f"tcore.tensor.xp follows the array API standard of 2024.12 and those before, not {api_version!r}")
        return _seldom("xp")

    # ------------------------------------------------------------ what the type says

    @property
    def dtype(self) -> str:
        """Name of the element type."""
        return self.type.dtype

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """One flag per axis: whether its length is known to be 1."""
        return self.type.broadcastable

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.type.broadcastable)

    @property
    def shape(self) -> Any:
        """The shape, as an int64 vector."""
        return shape.shape(self)

    @property
    def size(self) -> Any:
        """The number of elements."""
        if self.ndim == 1:
            return self.shape[0]
        return reductions.prod(self.shape)

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

    # ------------------------------------------------------------ parts

    def __getitem__(self, key: Any) -> Any:
        return indexing.index(self, key)

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise TypeError("tensor variables cannot be changed: use set_subtensor(x[key], value) or inc_subtensor(x[key], value), which give a new one")

    def take(self, indices: Any, axis: int | None = None, mode: str = "raise") -> Any:
        """The elements at ``indices`` along ``axis``, as :func:`numpy.take` gives them."""
        return indexing.take(self, indices, axis, mode)

    def nonzero(self, return_matrix: bool = False) -> Any:
        """The places of elements that are not zero: a tuple of vectors, or a matrix with a row per axis."""
        return indexing.nonzero(self, return_matrix)

    def nonzero_values(self) -> Any:
        """The elements that are not zero, as a vector."""
        return indexing.nonzero_values(self)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        """A diagonal of two axes, as the last axis."""
        return _seldom("diagonals").diagonal(self, offset, axis1, axis2)

    def trace(self) -> Any:
        """The sum of the diagonal of a matrix."""
        return _seldom("diagonals").trace(self)

    def repeat(self, repeats: Any, axis: int | None = None) -> Any:
        """Each element several times; see :func:`tcore.tensor.repeat`."""
        return manipulation.repeat(self, repeats, axis)

    # ------------------------------------------------------------ axes

    @property
    def T(self) -> Any:
        """The transpose: axes in reverse order."""
        return dimshuffle.transpose(self)

    @property
    def mT(self) -> Any:
        """The last two axes exchanged: each matrix of a stack transposed."""
        return dimshuffle.swapaxes(self, -2, -1)

    def transpose(self, *axes: Any) -> Any:
        """Axes in the given order, or reversed: ``x.transpose(1, 0)``, ``x.transpose((1, 0))``, ``x.transpose()``."""
        if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (list, tuple))):
            return dimshuffle.transpose(self, axes[0])
        return dimshuffle.transpose(self, axes or None)

    def dimshuffle(self, *pattern: Any) -> Any:
        """A view with axes permuted, added (``"x"``) and, where broadcastable, dropped."""
        return dimshuffle.dimshuffle(self, *pattern)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """Two axes exchanged."""
        return dimshuffle.swapaxes(self, axis1, axis2)

    def specify_shape(self, shape: Any) -> Any:
        """This, with a promised shape, which a run checks; None leaves a length open. See :func:`tcore.tensor.specify_shape`."""
        return specify_shape(self, shape)

    def squeeze(self) -> Any:
        """Without broadcastable axes."""
        return dimshuffle.squeeze(self)

    def reshape(self, shape: Any, ndim: int | None = None) -> Any:
        """The elements in another shape, given as one tuple or vector; ``ndim`` where its length is not known."""
        if ndim is not None and not isinstance(ndim, int):
            raise ValueError(f"ndim is an integer, got {ndim!r}: give the shape as one tuple, x.reshape((2, 3))")
        return reshape.reshape(self, shape, ndim)

    def flatten(self, ndim: int = 1) -> Any:
        """The first ``ndim - 1`` axes kept, the others made one."""
        return reshape.flatten(self, ndim)

    def ravel(self) -> Any:
        """As a vector."""
        return reshape.flatten(self)

    # ------------------------------------------------------------ reductions

    def sum(self, axis: Any = None, dtype: str | None = None, keepdims: bool = False, acc_dtype: str | None = None) -> Any:
        """See :func:`tcore.tensor.sum`."""
        return reductions.sum(self, axis, dtype, keepdims, acc_dtype)

    def prod(self, axis: Any = None, dtype: str | None = None, keepdims: bool = False, acc_dtype: str | None = None) -> Any:
        """See :func:`tcore.tensor.prod`."""
        return reductions.prod(self, axis, dtype, keepdims, acc_dtype)

    def mean(self, axis: Any = None, dtype: str | None = None, keepdims: bool = False, acc_dtype: str | None = None) -> Any:
        """See :func:`tcore.tensor.mean`."""
        return reductions.mean(self, axis, dtype, keepdims=keepdims, acc_dtype=acc_dtype)

    def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False) -> Any:
        """See :func:`tcore.tensor.var`."""
        return reductions.var(self, axis, ddof, keepdims, corrected)

    def std(self, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False) -> Any:
        """See :func:`tcore.tensor.std`."""
        return reductions.std(self, axis, ddof, keepdims, corrected)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The smallest element over ``axis``."""
        return reductions.min(self, axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The largest element over ``axis``."""
        return reductions.max(self, axis, keepdims)

    def argmin(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The index of the first smallest element over ``axis``."""
        return reductions.argmin(self, axis, keepdims)

    def argmax(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The index of the first largest element over ``axis``."""
        return reductions.argmax(self, axis, keepdims)

    def all(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Whether all elements over ``axis`` are true."""
        return reductions.all(self, axis, keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Whether any element over ``axis`` is true."""
        return reductions.any(self, axis, keepdims)

    def cumsum(self, axis: int | None = None) -> Any:
        """Sums of all elements up to each; of the flattened tensor without ``axis``."""
        return _seldom("cumulative").cumsum(self, axis)

    def cumprod(self, axis: int | None = None) -> Any:
        """Products of all elements up to each; of the flattened tensor without ``axis``."""
        return _seldom("cumulative").cumprod(self, axis)

    # ------------------------------------------------------------ order and choice

    def sort(self, axis: int | None = -1, kind: Any = "quicksort", order: None = None) -> Any:
        """A sorted copy; see :func:`tcore.tensor.sort`."""
        return _seldom("sorting").sort(self, axis, kind, order)

    def argsort(self, axis: int | None = -1, kind: Any = "quicksort", order: None = None) -> Any:
        """The indices that would sort it; see :func:`tcore.tensor.argsort`."""
        return _seldom("sorting").argsort(self, axis, kind, order)

    def searchsorted(self, v: Any, side: Any = "left", sorter: Any = None) -> Any:
        """Where ``v`` belongs in this sorted vector; see :func:`tcore.tensor.searchsorted`."""
        return _seldom("searching").searchsorted(self, v, side, sorter)

    def choose(self, choices: Any, out: Any = None, mode: str = "raise") -> Any:
        """Elements of ``choices``, by these numbers; see :func:`tcore.tensor.choose`."""
        return _seldom("choosing").choose(self, choices, out, mode)

    def compress(self, a: Any, axis: int | None = None) -> Any:
        """The slices of ``a`` for which this vector of conditions is not zero; see :func:`tcore.tensor.compress`."""
        return _seldom("choosing").compress(self, a, axis)

    def ptp(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Largest less smallest element over ``axis``."""
        return reductions.ptp(self, axis, keepdims)

    def norm(self, L: Any, axis: Any = None) -> Any:
        """The norm of order ``L`` over ``axis``: 0 counts elements that are not zero, inf takes the largest magnitude."""
        if L is None:
            raise NotImplementedError("norm needs its order L: 2 for the Euclidean one")
        if L == 0:
            return math.neq(self, 0).sum(axis=axis)
        if float("inf") == L:
            return math.abs_(self).max(axis=axis)
        if float("-inf") == L:
            return math.abs_(self).min(axis=axis)
        return math.pow(math.pow(math.abs_(self), L).sum(axis=axis), 1.0 / L)

    # ------------------------------------------------------------ elementwise

    @property
    def real(self) -> Any:
        """The real part."""
        return math.real(self)

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return math.imag(self)

    def conj(self) -> Any:
        """The complex conjugate."""
        return math.conj(self)

    conjugate = conf = conj

    def astype(self, dtype: str) -> Any:
        """Converted to ``dtype``."""
        return math.cast(self, dtype)

    def clip(self, a_min: Any, a_max: Any) -> Any:
        """Limited to ``a_min`` .. ``a_max``."""
        return math.clip(self, a_min, a_max)

    def round(self, mode: str | None = None) -> Any:
        """Rounded to whole numbers; see :func:`tcore.tensor.round`."""
        return math.round(self, mode)

    def fill(self, value: Any) -> Any:
        """A tensor of this shape, filled with ``value``."""
        return math.fill(self, value)

    def zeros_like(self, dtype: str | None = None) -> Any:
        """Zeros in this shape."""
        return alloc.zeros_like(self, dtype=dtype)

    def ones_like(self, dtype: str | None = None) -> Any:
        """Ones in this shape."""
        return alloc.ones_like(self, dtype=dtype)

    def copy(self, name: str | None = None) -> Any:
        """A symbolic copy; its tag is empty."""
        copied = math.tensor_copy(self)
        copied.name = name
        return copied

    def transfer(self, target: str) -> Any:
        """On another device, or back on the host (``"cpu"``)."""
        return transfer.transfer(self, target)

    def dot(self, other: Any) -> Any:
        """The dot product with ``other``."""
        return dot.dot(self, other)

    def get_scalar_constant_value(self) -> Any:
        """The value of a scalar expression that is known while the graph is built."""
        return get_scalar_constant_value(self)
