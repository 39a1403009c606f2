"""Products of vectors and matrices: through BLAS where it knows the numbers, else by loops of the runtime's own.

Each function emits the instructions of one node, or raises :class:`NotScheduled` before it has emitted an allocation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph import Constant
from tcore.tensor.blas import Dot22, Dot22Scalar, Gemm, Gemv, Ger, blas_dtypes
from tcore.tensor.dot import BatchedDot, Dot
from tcore_cpu.kernels.plans import NotScheduled
from tcore_cpu.native.abi import Instruction, Routine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore_cpu.programs.program import NativeStep, ProgramBuilder

__all__ = ["BLAS_PRODUCTS", "OWN_PRODUCTS"]


def _of_one_dtype(node: Any) -> str:
    """The dtype of all operands and of the result."""
    dtype: str = node.outputs[0].type.dtype
    if any(v.type.dtype != dtype for v in node.inputs):
        raise NotScheduled("a product of numbers of two dtypes, which optimizations bring into one")
    return dtype


# -- BLAS


def _floats(builder: ProgramBuilder, node: Any) -> list[int]:
    """Slots of the operands, which must have one BLAS dtype."""
    _of_one_dtype(node)
    return [builder.array_slot(v) for v in node.inputs]


def _dot(builder: ProgramBuilder, node: Any) -> None:
    if node.outputs[0].type.dtype not in blas_dtypes:
        _own_dot(builder, node)
        return
    x, y = _floats(builder, node)
    (out,), assembler = node.outputs, builder.assembler
    ndims = tuple(v.type.ndim for v in node.inputs)
    builder.check(node, 1, 0, assembler.length(y, 0), assembler.length(x, ndims[0] - 1))
    if ndims == (1, 1):
        assembler.emit(Instruction.DOT, builder.new(out, []), x, y)
    elif ndims == (2, 2):
        _product(builder, node, x, y)
    elif ndims == (2, 1):
        slot = builder.new(out, [assembler.length(x, 0)])
        assembler.emit(Instruction.GEMV, slot, x, y, -1, -1)
    elif ndims == (1, 2):
        turned = _transposed(builder, y, out.type.dtype)
        slot = builder.new(out, [assembler.length(y, 1)])
        assembler.emit(Instruction.GEMV, slot, turned, x, -1, -1)
    else:
        raise NotScheduled("a product of other than vectors and matrices")


def _transposed(builder: ProgramBuilder, slot: int, dtype: str) -> int:
    assembler = builder.assembler
    turned = assembler.slot(2, dtype)
    assembler.view(turned, slot, [(assembler.length(slot, 1), 1, -1), (assembler.length(slot, 0), 0, -1)])
    return turned


def _product(builder: ProgramBuilder, node: Any, x: int, y: int, alpha: int = -1) -> None:
    assembler = builder.assembler
    slot = builder.new(node.outputs[0], [assembler.length(x, 0), assembler.length(y, 1)])
    builder.multiply(slot, x, y, alpha, -1)


def _dot22(builder: ProgramBuilder, node: Any) -> None:
    x, y = _floats(builder, node)
    builder.check(node, 1, 0, builder.assembler.length(y, 0), builder.assembler.length(x, 1))
    _product(builder, node, x, y)


def _dot22scalar(builder: ProgramBuilder, node: Any) -> None:
    x, y, alpha = _floats(builder, node)
    builder.check(node, 1, 0, builder.assembler.length(y, 0), builder.assembler.length(x, 1))
    _product(builder, node, x, y, alpha)


def _target(builder: ProgramBuilder, node: Any, source: int, ndim: int, *, inplace: bool, reads: bool) -> int:
    """The slot of the output: the memory of the first operand, or new memory with a copy of it."""
    (out,), assembler = node.outputs, builder.assembler
    if inplace:
        slot = builder.array_slot(out)
        assembler.emit(Instruction.PRIVATE, slot, source)
        return slot
    slot = builder.new(out, [assembler.length(source, k) for k in range(ndim)])
    if reads:
        assembler.emit(Instruction.COPY, slot, source)
    return slot


def _is_zero(variable: Any) -> bool:
    return isinstance(variable, Constant) and bool(variable.data == 0)


def _gemm(builder: ProgramBuilder, node: Any) -> None:
    z, a, x, y, b = _floats(builder, node)
    assembler = builder.assembler
    builder.check(node, 3, 0, assembler.length(y, 0), assembler.length(x, 1))
    builder.check(node, 0, 0, assembler.length(z, 0), assembler.length(x, 0))
    builder.check(node, 0, 1, assembler.length(z, 1), assembler.length(y, 1))
    slot = _target(builder, node, z, 2, inplace=node.op.inplace, reads=not _is_zero(node.inputs[4]))
    builder.multiply(slot, x, y, a, b)


def _gemv(builder: ProgramBuilder, node: Any) -> None:
    y, alpha, a, x, beta = _floats(builder, node)
    assembler = builder.assembler
    builder.check(node, 3, 0, assembler.length(x, 0), assembler.length(a, 1))
    builder.check(node, 0, 0, assembler.length(y, 0), assembler.length(a, 0))
    slot = _target(builder, node, y, 1, inplace=node.op.inplace, reads=not _is_zero(node.inputs[4]))
    assembler.emit(Instruction.GEMV, slot, a, x, alpha, beta)


def _ger(builder: ProgramBuilder, node: Any) -> None:
    a, alpha, x, y = _floats(builder, node)
    assembler = builder.assembler
    builder.check(node, 0, 0, assembler.length(a, 0), assembler.length(x, 0))
    builder.check(node, 0, 1, assembler.length(a, 1), assembler.length(y, 0))
    slot = _target(builder, node, a, 2, inplace=node.op.destructive, reads=True)
    assembler.emit(Instruction.GER, slot, x, y, alpha)


# -- batches, and numbers that BLAS does not know


def _lengths(builder: ProgramBuilder, slot: int) -> list[int]:
    return [builder.assembler.length(slot, axis) for axis in range(builder.assembler.ndims[slot])]


def _batch_of_matrices(builder: ProgramBuilder, slot: int, dtype: str, absent: Sequence[int]) -> int:
    """A view of a slot as a batch of matrices, whose axes ``absent`` it lacks: they are of length 1."""
    assembler, own = builder.assembler, iter(enumerate(_lengths(builder, slot)))
    if not absent:
        return slot
    axes = []
    for number in range(3):
        if number in absent:
            axes.append((assembler.constant(1), -1, -1))
        else:
            axis, length = next(own)
            axes.append((length, axis, -1))
    view = assembler.slot(3, dtype)
    assembler.view(view, slot, axes)
    return view


def _multiply(builder: ProgramBuilder, node: Any, slots: Sequence[int], absent: Sequence[Sequence[int]]) -> None:
    """The product of two batches: slots of the result and of both factors, with the axes that each of them lacks."""
    dtype = node.outputs[0].type.dtype
    views = [_batch_of_matrices(builder, slot, dtype, lacks) for slot, lacks in zip(slots, absent, strict=True)]
    builder.assembler.emit(Instruction.ROUTINE, Routine.BATCHED, builder.number[node], len(views), 0, *views)


def _own_dot(builder: ProgramBuilder, node: Any) -> None:
    (x, y), (out,), assembler = node.inputs, node.outputs, builder.assembler
    _require_own(node)
    left, right = builder.array_slot(x), builder.array_slot(y)
    builder.check(node, 1, 0, assembler.length(right, 0), assembler.length(left, x.type.ndim - 1))
    slot = builder.new(out, [*_lengths(builder, left)[:-1], *_lengths(builder, right)[1:]])
    rows, columns = [1] * (x.type.ndim == 1), [2] * (y.type.ndim == 1)
    _multiply(builder, node, [slot, left, right], [[0, *rows, *columns], [0, *rows], [0, *columns]])


def _batched_dot(builder: ProgramBuilder, node: Any) -> None:
    (x, y), (out,), assembler = node.inputs, node.outputs, builder.assembler
    _of_one_dtype(node)
    left, right = builder.array_slot(x), builder.array_slot(y)
    builder.check(node, 1, 0, assembler.length(right, 0), assembler.length(left, 0))
    builder.check(node, 1, 1, assembler.length(right, 1), assembler.length(left, x.type.ndim - 1))
    slot = builder.new(out, [*_lengths(builder, left)[:-1], *_lengths(builder, right)[2:]])
    rows, columns = [1] * (x.type.ndim == 2), [2] * (y.type.ndim == 2)
    _multiply(builder, node, [slot, left, right], [[*rows, *columns], rows, columns])


def _own_batched_dot(builder: ProgramBuilder, node: Any) -> None:
    _require_own(node)
    _batched_dot(builder, node)


def _require_own(node: Any) -> None:
    """Refuse numbers that are BLAS's to multiply, and those of two dtypes."""
    if _of_one_dtype(node) in blas_dtypes:
        raise NotScheduled(f"a product of {node.outputs[0].type.dtype} needs BLAS")


OWN_PRODUCTS: dict[type, NativeStep] = {BatchedDot: _own_batched_dot, Dot: _own_dot}
"""The functions that emit the instructions of a node, by Op class."""
BLAS_PRODUCTS: dict[type, NativeStep] = {
    BatchedDot: _batched_dot,
    Dot: _dot,
    Dot22: _dot22,
    Dot22Scalar: _dot22scalar,
    Gemm: _gemm,
    Gemv: _gemv,
    Ger: _ger,
}
"""Those where there is BLAS."""
