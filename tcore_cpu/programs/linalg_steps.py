"""Linear algebra through LAPACK: each function emits the instructions of one node, as those of :mod:`tcore_cpu.programs.native_steps` do.

The last axes of an array belong to a matrix or vector, those before to the stack, over whose items the runtime goes with its threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tcore.link.work import Work
from tcore.records import frozen
from tcore.tensor import linalg
from tcore_cpu.kernels.plans import NotScheduled
from tcore_cpu.native.abi import Instruction, IntegerFunction, LinearAlgebra
from tcore_cpu.programs.factors import Factor, Factors
from tcore_cpu.runtime.lapack import KINDS, LETTERS, names_of

if TYPE_CHECKING:
    from tcore_cpu.programs.program import NativeStep, ProgramBuilder

__all__ = ["linalg_steps", "routines_of"]

_NEEDS = (*KINDS, "gemm", "trsm")
"""The bits of routines, those of BLAS behind LAPACK's."""


def linalg_steps() -> dict[type, NativeStep]:
    """The functions by Op class."""
    return {
        linalg.Cholesky: _cholesky,
        linalg.CholeskyGrad: _cholesky_grad,
        linalg.Det: _det,
        linalg.Eig: _eig,
        linalg.Eigh: _eigh,
        linalg.Eigvalsh: _eigvalsh,
        linalg.Expm: _expm,
        linalg.LeastSquares: _least_squares,
        linalg.ExpmGrad: _expm,
        linalg.MatrixInverse: _inverse,
        linalg.MatrixPinv: _pinv,
        linalg.QRFull: _qr,
        linalg.QRIncomplete: _qr,
        linalg.SLogDet: _det,
        linalg.SVD: _svd,
        linalg.Solve: _solve,
    }


# -- which routines they call

_SOLVERS = {"general": ("getrf", "gemm", "trsm"), "symmetric": ("sysv",), "lower_triangular": ("trsm",), "upper_triangular": ("trsm",)}


def _kinds(node: Any) -> tuple[str, ...]:
    """The routines that a node calls, by their names for real numbers and without the letter of the type."""
    match node.op:
        case linalg.Cholesky():
            return ("potrf", "gemm", "trsm")
        case linalg.CholeskyGrad():
            return ("gemm", "trsm")
        case linalg.Solve(A_structure=structure):
            return _SOLVERS[structure]
        case linalg.MatrixInverse():
            return ("getrf", "getri", "gemm", "trsm")
        case linalg.Det() | linalg.SLogDet():
            return ("getrf", "gemm", "trsm")
        case linalg.QRFull() | linalg.QRIncomplete():
            return ("geqrf", "orgqr")
        case linalg.SVD():
            return ("gesdd",)
        case linalg.MatrixPinv():
            return ("gesdd", "gemm")
        case linalg.Eigh():
            return ("syevd",)
        case linalg.Eigvalsh():
            return ("sygvd",) if _is_pair(node) else ("syevd",)
        case linalg.Eig():
            return ("geev",)
        case linalg.LeastSquares():
            return ("gelsd",)
        case linalg.Expm() | linalg.ExpmGrad():
            return ("getrf", "getrs", "gemm")
    return ()


def routines_of(node: Any) -> list[str]:
    """The names of the routines that a node calls in native code."""
    kinds = _kinds(node)
    return names_of(kinds, node.inputs[0].type.dtype) if kinds else []


# -- emitting


@frozen(eq=False)
class _Form:
    """How the operands of a node lie: the slots of its inputs, and how many axes of its outputs belong to the stack."""

    builder: ProgramBuilder
    node: Any
    slots: tuple[int, ...]
    stack: int

    def length(self, axis: int, operand: int = 0) -> int:
        """The register with the length of an axis of a matrix, counted from the first of its own."""
        slot = self.slots[operand]
        return self.builder.assembler.length(slot, self.node.inputs[operand].type.ndim - 2 + axis)

    def least(self) -> int:
        """The register with the shorter side of the first matrix."""
        rows, columns = self.length(0), self.length(1)
        return self.builder.assembler.arith(IntegerFunction.MIN, rows, columns)

    def front(self) -> list[int]:
        """The registers with the lengths of the stack, after a check that they are equal where they must be."""
        found = []
        for axis in range(self.stack):
            places = [(k, axis - (self.stack - (v.type.ndim - 2))) for k, v in enumerate(self.node.inputs[: len(self.slots)])]
            own = [(k, place) for k, place in places if place >= 0 and not self.node.inputs[k].type.broadcastable[place]]
            registers = [self.builder.assembler.length(self.slots[k], place) for k, place in own]
            for (k, place), register in zip(own[1:], registers[1:], strict=True):
                self.builder.check(self.node, k, place, register, registers[0])
            found.append(registers[0] if registers else self.builder.assembler.constant(1))
        return found

    def square(self, operand: int = 0) -> None:
        """A check that the matrices of an operand are square."""
        axis = self.node.inputs[operand].type.ndim - 1
        self.builder.check(self.node, operand, axis, self.length(1, operand), self.length(0, operand))

    def emit(self, operation: LinearAlgebra, option: int, lengths: Sequence[Sequence[int]], cores: Sequence[int] | None = None) -> None:
        """Memory for the outputs, of these lengths beside those of the stack, and the instruction."""
        front = self.front()
        made = [self.builder.new(out, [*front, *own]) for out, own in zip(self.node.outputs, lengths, strict=True)]
        self.run(operation, option, made, [len(own) for own in lengths], cores)

    def run(self, operation: LinearAlgebra, option: int, made: Sequence[int], own: Sequence[int], cores: Sequence[int] | None = None) -> None:
        """The instruction alone, for outputs that have memory."""
        parts = [*zip(made, own, strict=True), *zip(self.slots, cores or [2] * len(self.slots), strict=True)]
        needs = sum(1 << _NEEDS.index(kind) for kind in _kinds(self.node))
        flat = [number for part in parts for number in part]
        apply = self.builder.number[self.node]
        self.builder.assembler.emit(Instruction.LINALG, operation, option, needs, apply, len(made), len(self.slots), *flat)


def _form(builder: ProgramBuilder, node: Any, operands: int = 1) -> _Form:
    inputs = node.inputs[:operands]
    dtypes = {v.type.dtype for v in inputs}
    if len(dtypes) > 1 or not dtypes <= set(LETTERS):
        raise NotScheduled(f"LAPACK computes in one of {', '.join(LETTERS)}, not in {' and '.join(sorted(dtypes))}")
    stack = max(v.type.ndim - 2 for v in inputs)
    return _Form(builder, node, tuple(builder.array_slot(v) for v in inputs), stack)


def _registers(form: _Form, *axes: int) -> Iterator[int]:
    return (form.length(axis) for axis in axes)


# -- by op


def _cholesky(builder: ProgramBuilder, node: Any) -> None:
    form = _form(builder, node)
    form.square()
    op = node.op
    option = int(op.lower) | 2 * int(op.on_error == "nan")
    if not op.destructive:
        form.emit(LinearAlgebra.CHOLESKY, option, [[*_registers(form, 0, 1)]])
        return
    slot = builder.array_slot(node.outputs[0])
    builder.assembler.emit(Instruction.PRIVATE, slot, form.slots[0])
    _Form(builder, node, (slot,), form.stack).run(LinearAlgebra.CHOLESKY, option, [slot], [2])


def _cholesky_grad(builder: ProgramBuilder, node: Any) -> None:
    form = _form(builder, node, 3)
    form.square()
    for operand in (1, 2):
        for axis in (0, 1):
            builder.check(node, operand, node.inputs[operand].type.ndim - 2 + axis, form.length(axis, operand), form.length(0))
    form.emit(LinearAlgebra.CHOLESKY_GRAD, int(node.op.lower), [[*_registers(form, 0, 1)]])


_STRUCTURES = {"general": 0, "symmetric": 1, "lower_triangular": 2, "upper_triangular": 3}


def _solve(builder: ProgramBuilder, node: Any) -> None:
    op, (a, b) = node.op, node.inputs
    if op.destroy_map:
        raise NotScheduled("it works in the memory of its operands, which LAPACK cannot use without a copy in its own order")
    if b.type.ndim == 1:
        form = _form(builder, node)
        slots = (*form.slots, builder.array_slot(b))
        form.square()
        rows = builder.assembler.length(slots[1], 0)
        builder.check(node, 1, 0, rows, form.length(0))
        form = _Form(builder, node, slots, 0)
        lengths, cores = [rows], [2, 1]
    else:
        form = _form(builder, node, 2)
        form.square()
        builder.check(node, 1, b.type.ndim - 2, form.length(0, 1), form.length(0))
        lengths, cores = [form.length(0, 1), form.length(1, 1)], [2, 2]
    if a.type.dtype != b.type.dtype:
        raise NotScheduled(f"LAPACK computes in one type, not in {a.type.dtype} and {b.type.dtype}")
    if builder.factors is None:
        builder.factors = Factors(builder.nodes)
    if builder.factors.shared(node):
        _solve_by_factor(form, builder.factors, lengths, cores[1])
    else:
        form.emit(LinearAlgebra.SOLVE, _STRUCTURES[op.A_structure] | 4 * int(op.lower), [lengths], cores)


def _solve_by_factor(form: _Form, factors: Factors, lengths: Sequence[int], core: int) -> None:
    """Equations whose matrix others have as well: the first ones make its factor, the last ones give it back."""
    builder, node = form.builder, form.node
    out = builder.new(node.outputs[0], [*form.front(), *lengths])
    factor = factors.find(node) or _factor(form, factors)
    _Form(builder, node, (*factor.slots, form.slots[1]), form.stack).run(
        LinearAlgebra.SOLVE_FACTORED, factors.option(node, factor), [out], [core], [2, 1, core]
    )
    if factors.used(node):
        matrix = factor.node.inputs[0].type
        works = Work("factors", factor.node, 0, matrix.dtype, matrix.ndim), Work("pivots", factor.node, 0, "int32", matrix.ndim - 1)
        for number, work in zip(factor.buffers, works, strict=True):
            builder.assembler.emit(Instruction.RELEASE, number)
            builder.memory.note_work(work, number, builder.position, factor.first)


def _factor(form: _Form, factors: Factors) -> Factor:
    builder, node, matrix = form.builder, form.node, form.slots[0]
    ndim, code = node.inputs[0].type.ndim, builder.assembler
    lengths = [code.length(matrix, axis) for axis in range(ndim)]
    slots = code.slot(ndim, node.inputs[0].type.dtype), code.slot(ndim - 1, "int32")
    first = builder.memory.buffers
    builder.memory.buffers += len(slots)
    buffers = first, first + 1
    for slot, buffer, own in zip(slots, buffers, (lengths, lengths[:-1]), strict=True):
        code.allocate(slot, buffer, own)
    _Form(builder, node, (matrix,), ndim - 2).run(LinearAlgebra.FACTOR, 0, slots, [2, 1])
    return factors.keep(node, slots, buffers, builder.timeline.now)


def _inverse(builder: ProgramBuilder, node: Any) -> None:
    form = _form(builder, node)
    form.square()
    form.emit(LinearAlgebra.INVERSE, 0, [[*_registers(form, 0, 1)]])


def _pinv(builder: ProgramBuilder, node: Any) -> None:
    form = _form(builder, node)
    form.emit(LinearAlgebra.PINV, 0, [[*_registers(form, 1, 0)]])


def _least_squares(builder: ProgramBuilder, node: Any) -> None:
    if node.op.rcond not in (None, -1):
        raise NotScheduled("a limit of its own for singular values")
    form = _form(builder, node, 2)
    builder.check(node, 1, node.inputs[1].type.ndim - 2, form.length(0, 1), form.length(0))
    unknowns, sides = form.length(1), form.length(1, 1)
    form.emit(LinearAlgebra.LSTSQ, int(node.op.rcond == -1), [[unknowns, sides], [], [form.least()]])


def _det(builder: ProgramBuilder, node: Any) -> None:
    form = _form(builder, node)
    form.square()
    form.emit(LinearAlgebra.DET, len(node.outputs) - 1, [[] for _ in node.outputs])


_QR_MODES = {"reduced": 0, "complete": 1, "r": 2, "raw": 3}


def _qr(builder: ProgramBuilder, node: Any) -> None:
    form, mode = _form(builder, node), node.op.mode
    (rows, columns), few = _registers(form, 0, 1), form.least()
    lengths = {
        "reduced": [[rows, few], [few, columns]],
        "complete": [[rows, rows], [rows, columns]],
        "r": [[few, columns]],
        "raw": [[columns, rows], [few]],
    }[mode]
    form.emit(LinearAlgebra.QR, _QR_MODES[mode], lengths)


def _svd(builder: ProgramBuilder, node: Any) -> None:
    form, full = _form(builder, node), node.op.full_matrices
    (rows, columns), few = _registers(form, 0, 1), form.least()
    if not node.op.compute_uv:
        form.emit(LinearAlgebra.SVD, 0, [[few]])
        return
    form.emit(LinearAlgebra.SVD, 2 if full else 1, [[rows, rows if full else few], [few], [columns if full else few, columns]])


def _eigh(builder: ProgramBuilder, node: Any) -> None:
    form = _form(builder, node)
    form.square()
    form.emit(LinearAlgebra.EIGH, int(node.op.UPLO == "L") | 2, [[form.length(0)], [*_registers(form, 0, 1)]])


def _is_pair(node: Any) -> bool:
    return hasattr(node.inputs[1].type, "ndim")


def _eigvalsh(builder: ProgramBuilder, node: Any) -> None:
    pair = _is_pair(node)
    form = _form(builder, node, 2 if pair else 1)
    for operand in range(len(form.slots)):
        form.square(operand)
    if pair:
        builder.check(node, 1, node.inputs[1].type.ndim - 2, form.length(0, 1), form.length(0))
    form.emit(LinearAlgebra.EIGH, int(node.op.lower) | 4 * int(pair), [[form.length(0)]])


def _eig(builder: ProgramBuilder, node: Any) -> None:
    form = _form(builder, node)
    form.square()
    form.emit(LinearAlgebra.EIG, 0, [[form.length(0)], [*_registers(form, 0, 1)]])


def _expm(builder: ProgramBuilder, node: Any) -> None:
    form = _form(builder, node, len(node.inputs))
    for operand in range(len(form.slots)):
        form.square(operand)
    if len(form.slots) == 2:
        builder.check(node, 1, node.inputs[1].type.ndim - 2, form.length(0, 1), form.length(0))
    form.emit(LinearAlgebra.EXPM, 0, [[*_registers(form, 0, 1)]])
