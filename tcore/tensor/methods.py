"""What tensor variables have under names of NumPy's arrays: attributes and methods."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tcore.finders import siblings
from tcore.tensor.constants import get_scalar_constant_value
from tcore.tensor.shape import specify_shape

if TYPE_CHECKING:
    from tcore.tensor import alloc, dimshuffle, dot, math, reductions, reshape, shape, transfer
else:
    alloc, dimshuffle, dot, math, reductions, reshape, shape, transfer = siblings(
        __name__, "alloc", "dimshuffle", "dot", "math", "reductions", "reshape", "shape", "transfer"
    )

__all__ = ["TensorMethods", "seldom"]


def seldom(module: str) -> Any:
    """A module of this package that many programs do not need, and that is not imported before one does."""
    return import_module(f"tcore.tensor.{module}")


class TensorMethods:
    """Attributes and methods of tensor variables, constants and shared variables; arguments and results are those of NumPy's."""

    __slots__ = ()
    type: Any
    name: str | None

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

    # ------------------------------------------------------------ parts

    def take(self, indices: Any, axis: int | None = None, mode: str = "raise") -> Any:
        """The elements at ``indices`` along ``axis``, as :func:`numpy.take` gives them."""
        return seldom("indexing").take(self, indices, axis, mode)

    def nonzero(self, return_matrix: bool = False) -> Any:
        """The places of elements that are not zero: a tuple of vectors, or a matrix with a row per axis."""
        return seldom("indexing").nonzero(self, return_matrix)

    def nonzero_values(self) -> Any:
        """The elements that are not zero, as a vector."""
        return seldom("indexing").nonzero_values(self)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        """A diagonal of two axes, as the last axis."""
        return seldom("diagonals").diagonal(self, offset, axis1, axis2)

    def trace(self) -> Any:
        """The sum of the diagonal of a matrix."""
        return seldom("diagonals").trace(self)

    def repeat(self, repeats: Any, axis: int | None = None) -> Any:
        """Each element several times; see :func:`tcore.tensor.repeat`."""
        return seldom("manipulation").repeat(self, repeats, axis)

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
        return seldom("cumulative").cumsum(self, axis)

    def cumprod(self, axis: int | None = None) -> Any:
        """Products of all elements up to each; of the flattened tensor without ``axis``."""
        return seldom("cumulative").cumprod(self, axis)

    # ------------------------------------------------------------ order and choice

    def sort(self, axis: int | None = -1, kind: Any = "quicksort", order: None = None) -> Any:
        """A sorted copy; see :func:`tcore.tensor.sort`."""
        return seldom("sorting").sort(self, axis, kind, order)

    def argsort(self, axis: int | None = -1, kind: Any = "quicksort", order: None = None) -> Any:
        """The indices that would sort it; see :func:`tcore.tensor.argsort`."""
        return seldom("sorting").argsort(self, axis, kind, order)

    def searchsorted(self, v: Any, side: Any = "left", sorter: Any = None) -> Any:
        """Where ``v`` belongs in this sorted vector; see :func:`tcore.tensor.searchsorted`."""
        return seldom("searching").searchsorted(self, v, side, sorter)

    def choose(self, choices: Any, out: Any = None, mode: str = "raise") -> Any:
        """Elements of ``choices``, by these numbers; see :func:`tcore.tensor.choose`."""
        return seldom("choosing").choose(self, choices, out, mode)

    def compress(self, a: Any, axis: int | None = None) -> Any:
        """The slices of ``a`` for which this vector of conditions is not zero; see :func:`tcore.tensor.compress`."""
        return seldom("choosing").compress(self, a, axis)

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
