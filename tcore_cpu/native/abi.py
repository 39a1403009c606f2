"""Numbers that Python and the C runtime must agree on; a test compares them with ``runtime_core.h``."""

from __future__ import annotations

from enum import IntEnum

from tcore_cpu.native.kept import DTYPES, MAX_DIMS, RUNTIME_ABI, Failure

__all__ = [
    "DTYPES", "LAPACK", "MAX_CELLS", "MAX_DIMS", "MAX_REFS", "RUNTIME_ABI", "Event", "Failure", "Instruction", "IntegerFunction", "KernelOrder",
    "LinearAlgebra", "ReduceOp", "RefKind", "Routine",
]  # fmt: skip

TILE = 512
MAX_REFS = 40
MAX_CELLS = 16

LAPACK = 18
"""``TC_LAPACK``: the number of LAPACK's first routine."""


class RefKind(IntEnum):
    """How a phase sees a pointer of its body."""

    ARRAY = 0
    SCALAR = 1
    BASE = 2
    ROW = 3
    CELL = 4
    TILE = 5
    SPREAD = 6
    PLACE = 7
    LINE = 8


class KernelOrder(IntEnum):
    """In which order a kernel takes its elements."""

    ANY = 0
    SERIAL = 1
    PARTS = 2
    PREFIX = 3


class ReduceOp(IntEnum):
    """Reductions of the runtime."""

    SUM = 0
    PROD = 1
    MIN = 2
    MAX = 3
    ARGMIN = 4
    ARGMAX = 5
    AND = 6
    OR = 7
    XOR = 8


class Instruction(IntEnum):
    """Instructions of a program."""

    END = 0
    CONST = 1
    DIM = 2
    VALUE = 3
    ARITH = 4
    SELECT = 5
    CHECK = 6
    REQUIRE = 7
    ALLOC = 8
    VIEW = 9
    RESHAPE = 10
    KERNEL = 11
    GEMM = 12
    GEMV = 13
    GER = 14
    DOT = 15
    COPY = 16
    CALL = 17
    PRIVATE = 18
    STRIDE = 19
    STORE = 20
    RELEASE = 21
    FORGET = 22
    LINALG = 23
    ROUTINE = 24
    EPILOGUE = 25
    JUMP = 30
    REPEAT = 31


class Routine(IntEnum):
    """Routines of ``Instruction.ROUTINE``."""

    SORT = 0
    ARGSORT = 1
    DIFFERENT = 2
    UNIQUE = 3
    RANGE = 4
    BINCOUNT = 5
    TOTAL = 6
    REPEAT = 7
    COUNT_PLACES = 8
    LIST_PLACES = 9
    DIAGONAL = 10
    BATCHED = 11
    CHOOSE = 12


class LinearAlgebra(IntEnum):
    """Operations of ``Instruction.LINALG``."""

    CHOLESKY = 0
    SOLVE = 1
    INVERSE = 2
    DET = 3
    QR = 4
    SVD = 5
    PINV = 6
    EIGH = 7
    EIG = 8
    EXPM = 9
    FACTOR = 10
    SOLVE_FACTORED = 11
    LSTSQ = 12
    CHOLESKY_GRAD = 13


class IntegerFunction(IntEnum):
    """Functions of register arithmetic."""

    ADD = 0
    SUB = 1
    MUL = 2
    FLOORDIV = 3
    MOD = 4
    MIN = 5
    MAX = 6
    LT = 7
    LE = 8
    EQ = 9
    NE = 10
    AND = 11
    OR = 12
    GT = 13
    GE = 14


class Event(IntEnum):
    """Why the core returns to the host."""

    DONE = 0
    ALLOC = 1
    CALL = 2
    FAILED = 3
    FORGET = 4
