"""Which host ops have a device form, and which op that is.

Ops whose lowering gives kernels become :class:`~tcore.gpuarray.lowered.GpuOp` (or the documented subclass of it); matrix products
have ops of their own. Everything else stays on the host.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from attrs import evolve

from tcore.codegen.lowering import LoweringTable
from tcore.gpuarray.lowered import GpuOp, stays_on_host
from tcore.gpuarray.products import multiplied_ops, product_form
from tcore.graph import Op
from tcore.tensor.alloc import Alloc
from tcore.tensor.careduce import CAReduce
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.incsubtensor import IncSubtensor
from tcore.tensor.join import Join, Split
from tcore.tensor.manipulation import Repeat
from tcore.tensor.random.mrg_op import MRGUniform
from tcore.tensor.random.philox import PhiloxUniform
from tcore.tensor.reshape import Reshape
from tcore.tensor.subtensor import Subtensor

__all__ = [
    "GpuAlloc",
    "GpuCAReduce",
    "GpuDimShuffle",
    "GpuElemwise",
    "GpuIncSubtensor",
    "GpuJoin",
    "GpuReshape",
    "GpuSplit",
    "GpuSubtensor",
    "device_form",
    "native_forms",
    "needs_no_kernel",
]


class GpuElemwise(GpuOp):
    """Elementwise on the device: ``GpuElemwise(Elemwise(scalar_op))``."""

    @property
    def scalar_op(self) -> Op:
        """What is computed for each element."""
        return self.host_op.scalar_op  # type: ignore[attr-defined, no-any-return]


class GpuDimShuffle(GpuOp):
    """Axes reordered, dropped and added on the device: a view."""

    def __str__(self) -> str:
        return str(self.host_op).replace("DimShuffle", "GpuDimShuffle", 1)


class GpuCAReduce(GpuOp):
    """Sums, products, extremes, all and any over axes, on the device."""


class GpuSubtensor(GpuOp):
    """Basic indexing on the device: a view."""


class GpuIncSubtensor(GpuOp):
    """Setting or incrementing a basic index on the device."""


class GpuJoin(GpuOp):
    """Concatenation on the device."""


class GpuSplit(GpuOp):
    """Split on the device."""


class GpuReshape(GpuOp):
    """Reshape on the device."""


class GpuAlloc(GpuOp):
    """A value broadcast to a shape, in device memory. ``memset_0`` in the text says that the value is always 0."""

    def __str__(self) -> str:
        return f"GpuAlloc<{self.context_name}>"


@stays_on_host(Subtensor, Reshape, Alloc, PhiloxUniform, Repeat)
def _all_but_the_first(op: Op, count: int) -> Sequence[int]:
    """Indices, and lengths of axes."""
    return range(1, count)


@stays_on_host(IncSubtensor)
def _indices_after_the_value(op: Op, count: int) -> Sequence[int]:
    return range(2, count)


@stays_on_host(MRGUniform)
def _counts(op: Op, count: int) -> Sequence[int]:
    return range(3, count)


@stays_on_host(Join)
def _axis(op: Op, count: int) -> Sequence[int]:
    return (0,)


@stays_on_host(Split)
def _axis_and_lengths(op: Op, count: int) -> Sequence[int]:
    return (1, 2)


#: ops without a lowering whose form on devices is a view, or a copy where the memory is not in order
_VIEWS: tuple[type[Op], ...] = (Reshape,)
#: documented names for the forms of common ops; any other op that lowers is a plain GpuOp
_FORMS: dict[type[Op], type[GpuOp]] = {
    Elemwise: GpuElemwise,
    DimShuffle: GpuDimShuffle,
    CAReduce: GpuCAReduce,
    Subtensor: GpuSubtensor,
    IncSubtensor: GpuIncSubtensor,
    Alloc: GpuAlloc,
    Reshape: GpuReshape,
    Join: GpuJoin,
    Split: GpuSplit,
}


def needs_no_kernel(form: Op) -> bool:
    """Whether a device op is a view that runs without the lowering of its host op."""
    return isinstance(form, GpuOp) and isinstance(form.host_op, _VIEWS)


def native_forms() -> tuple[type[Op], ...]:
    """The ops of the host that devices do without a kernel from their lowering."""
    return (*multiplied_ops(), *_VIEWS)


def device_form(op: Op, context_name: Hashable, table: LoweringTable) -> Op | None:
    """The op that does on the device what ``op`` does on the host, or None: products by kernels of their own, views, others by their lowering."""
    product = product_form(op)
    if product is not None:
        return product
    if table.find(op) is None and not isinstance(op, _VIEWS):
        return None
    if isinstance(op, Join):
        op = evolve(op, view=-1)  # a kernel writes all parts
    form = next((_FORMS[cls] for cls in type(op).__mro__ if cls in _FORMS), GpuOp)
    return form(op, context_name)
