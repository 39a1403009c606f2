"""A case for every op of the core that :mod:`conformance_cases` does not use, with what NumPy and SciPy say of it.

Each is for all checks of the kit: values on each backend, shapes, gradients, declared views and changes, pickles.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import numpy as np
import scipy.linalg
import scipy.special
import scipy.stats
from conformance_cases import added_at, put_at
from conformance_elementwise import SCALAR_OPS

import tcore
import tcore.tensor as T
from tcore import gradient, scalar, typed_list
from tcore.compile.copy_ops import DeepCopyOp, FromFunctionOp, OutputGuard
from tcore.gradient.op_from_graph import OpFromGraph
from tcore.gradient.shaping import ConsiderConstant
from tcore.graph import Constant
from tcore.printing import Print
from tcore.printing.breakpoint import PdbBreakpoint
from tcore.scalar.normal_quantile import NormalQuantile
from tcore.tensor import blas, careduce, extremes, linalg, products, type_other
from tcore.tensor.alloc import AllocEmpty
from tcore.tensor.cumulative import LinearRecurrence
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.factors import Differentiated
from tcore.tensor.fft_axes import FFT, HalfFFT, InverseHalfFFT
from tcore.tensor.ifelse import ifelse
from tcore.tensor.io import load, mpi
from tcore.tensor.join import Join
from tcore.tensor.random import mrg_op, philox
from tcore.tensor.random.from_uniform import choice_from_uniform, outcomes_from_uniform
from tcore.tensor.random.function import RandomFunction
from tcore.tensor.random.state import RandomStateType
from tcore.tensor.rebroadcast import Rebroadcast
from tcore.tensor.recurrence import Recurrence
from tcore.tensor.scalars import ScalarFromTensor, TensorFromScalar
from tcore.tensor.shape import Shape_i
from tcore.tensor.softmax import SoftmaxGrad, logsoftmax
from tcore.testing.cases import OpCase

__all__ = ["OPS"]

RNG = np.random.default_rng(21)
OPS: list[OpCase] = []

MATRIX = RNG.normal(size=(4, 3))
SQUARE = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
POSITIVE = SQUARE @ SQUARE.T
VECTOR = np.array([0.3, -1.2, 2.5, 0.7])
UNIT = np.array([0.15, 0.4, 0.85])


def case(name, build, expected, *values, **options):
    """Add a row."""
    OPS.append(OpCase(build, values, expected=expected, name=name, **options))




def soft(x):
    """Exponentials with the sum 1 in each row."""
    return scipy.special.softmax(x, -1)


# --- linear algebra
case(
    "factorizations",
    lambda x, s: [linalg.cholesky(s), linalg.Cholesky(lower=False)(s), *linalg.QRFull("reduced")(x), linalg.QRIncomplete("r")(x),
                  linalg.SVD(full_matrices=False, compute_uv=False)(x)],
    lambda x, s: [np.linalg.cholesky(s), np.linalg.cholesky(s).T, *np.linalg.qr(x), np.linalg.qr(x)[1], np.linalg.svd(x)[1]],
    MATRIX, POSITIVE,
)  # fmt: skip
case(
    "eigenvalues",
    lambda s, b: [linalg.eigh(s)[0], linalg.eigvalsh(s), linalg.eigvalsh(s, b), *linalg.Eig()(s)],
    lambda s, b: [np.linalg.eigvalsh(s), np.linalg.eigvalsh(s), scipy.linalg.eigvalsh(s, b), *(each.astype(complex) for each in np.linalg.eig(s))],
    POSITIVE + np.diag([0.0, 2.0, 5.0]), SQUARE @ SQUARE.T + np.eye(3),
)  # fmt: skip
case(
    "inverses, determinants, exponentials and solutions",
    lambda x, a, b: [linalg.matrix_inverse(a), linalg.pinv(x), linalg.tensorinv(a, 1), linalg.det(a), linalg.expm(a / 4), linalg.Solve()(a, b),
                     linalg.Solve("lower_triangular")(a, b), linalg.tensorsolve(a, b[:, 0]), *linalg.slogdet(a)],
    lambda x, a, b: [np.linalg.inv(a), np.linalg.pinv(x), np.linalg.tensorinv(a, 1), np.linalg.det(a), scipy.linalg.expm(a / 4), np.linalg.solve(a, b),
                     scipy.linalg.solve_triangular(a, b, lower=True), np.linalg.tensorsolve(a, b[:, 0]), *np.linalg.slogdet(a)],
    MATRIX, SQUARE, MATRIX[:3, :2],
)  # fmt: skip
case(
    "least squares",
    lambda x, b: linalg.LeastSquares()(x, b),
    lambda x, b: [np.linalg.lstsq(x, b, rcond=None)[0], np.int64(np.linalg.lstsq(x, b, rcond=None)[2]), np.linalg.lstsq(x, b, rcond=None)[3]],
    MATRIX, MATRIX[:, :2] + 1,
)  # fmt: skip
case(
    "gradients as ops",
    lambda s, g: [linalg.EighGrad()(s, *linalg.eigh(s), g[0], g), linalg.EigvalshGrad()(s, None, g[0])],
    None, POSITIVE, SQUARE, gradient=False,
)  # fmt: skip
case(
    "gradients of factors",
    lambda s, g: [linalg.CholeskyGrad()(s, linalg.cholesky(s), g), linalg.CholeskyGrad(False)(s, linalg.Cholesky(False)(s), g)],
    None, POSITIVE, SQUARE,
)  # fmt: skip
case(
    "gradients with gradients",
    lambda s, g: [linalg.ExpmGrad()(s / 9, g), SoftmaxGrad()(g, T.softmax(s)), T.softmax(s), logsoftmax(g)],
    lambda s, g: [scipy.linalg.expm_frechet(s.T / 9, g, compute_expm=False), (g - (g * soft(s)).sum(-1, keepdims=True)) * soft(s), soft(s), np.log(soft(g))],
    POSITIVE, SQUARE,
)  # fmt: skip
case(
    "products of batches",
    lambda x, y: [T.batched_dot(x, y), T.batched_tensordot(x, y, [[2], [1]]), T.matmul(x, y)],
    lambda x, y: [x @ y, x @ y, x @ y],
    RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 4, 2)),
)  # fmt: skip
case(
    "products that BLAS names",
    lambda a, b, z, s: [blas.Dot22()(a, b), blas.Dot22Scalar()(a, b, s), blas.Gemm(False)(z, s, a, b, s), blas.Gemv(False)(a[:, 0], s, z, a[:, 1], s),
                        blas.Ger(False)(z, s, a[:, 0], b[0])],
    lambda a, b, z, s: [a @ b, s * (a @ b), s * z + s * (a @ b), s * a[:, 0] + s * (z @ a[:, 1]), z + s * np.outer(a[:, 0], b[0])],
    MATRIX, MATRIX.T + 1, RNG.normal(size=(4, 4)), np.array(0.7),
)  # fmt: skip
case(
    "what is known of matrices",
    lambda x, v: [linalg.Hint(psd=True)(x) * 2, T.specify_shape(v, (4,)) + 1, T.Assert("positive")(v, x[0, 0] > 0), T.extra_ops.CpuContiguous()(x.T)],
    lambda x, v: [x * 2, v + 1, v, x.T],
    POSITIVE, VECTOR,
)  # fmt: skip

case(
    "choices between branches",
    lambda x, v: [ifelse(v[0] > 0, x * 2, x.T + 1), ifelse(v[0] <= 0, x * 2, x.T + 1), *ifelse(v.sum(), [v, x[0]], [x[1], v + 1])],
    lambda x, v: [x * 2 if v[0] > 0 else x.T + 1, x.T + 1 if v[0] > 0 else x * 2, *([v, x[0]] if v.sum() else [x[1], v + 1])],
    POSITIVE, VECTOR,
)  # fmt: skip

# --- rows and columns
case(
    "diagonals and triangles",
    lambda x, v: [T.diagonal(x, 1), T.diag(v), T.diag(x), T.trace(x[:3]), linalg.alloc_diag(v), T.tril(x), T.triu(x, 1), T.fill_diagonal(x, v[0])],
    lambda x, v: [np.diagonal(x, 1), np.diag(v), np.diag(x), np.trace(x[:3]), np.diag(v), np.tril(x), np.triu(x, 1), put_at(x, (range(3), range(3)), v[0])],
    MATRIX, VECTOR,
)  # fmt: skip
case(
    "sums and products up to each element",
    lambda x: [T.cumsum(x), T.cumsum(x, 0), T.cumprod(x, 1), T.diff(x, 1, 0), T.extra_ops.cumsum(x, -1)],
    lambda x: [np.cumsum(x), np.cumsum(x, 0), np.cumprod(x, 1), np.diff(x, 1, 0), np.cumsum(x, -1)],
    MATRIX,
)  # fmt: skip


def recurrence(a, b):
    """Each from the one before."""
    out = [b[0]]
    for i in range(1, len(b)):
        out.append(a[i] * out[-1] + b[i])
    return np.array(out)


case("recurrence", LinearRecurrence(0), recurrence, MATRIX, RNG.normal(size=(4, 3)))
case(
    "sorting and searching",
    lambda x, v: [T.sort(x, 0), T.sort(x, None), T.argsort(x, 1), T.searchsorted(T.sort(v), x), T.searchsorted(T.sort(v), v, side="right"), T.sort(x[::-1, ::-1])],
    lambda x, v: [np.sort(x, 0), np.sort(x, None), np.argsort(x, 1), np.searchsorted(np.sort(v), x), np.searchsorted(np.sort(v), v, side="right"),
                  np.sort(x[::-1, ::-1])],
    MATRIX, VECTOR,
)  # fmt: skip
case(
    "NaN is last",
    lambda x: [T.sort(x), T.argsort(x, kind="stable")], lambda x: [np.sort(x), np.argsort(x, kind="stable")],
    np.array([2.0, np.nan, -np.inf, 0.0, np.inf, -0.0]), gradient=False,
)  # fmt: skip
COUNTS = np.array([3, 0, 1, 3, 7])
case(
    "different and counted",
    lambda n, w: [*T.extra_ops.Unique(True, True, True)(n), T.bincount(n), T.bincount(n, w, minlength=10), T.repeat(w, n), T.repeat(w, 2), T.nonzero(n)[0]],
    lambda n, w: [*np.unique(n, True, True, True), np.bincount(n), np.bincount(n, w, 10), np.repeat(w, n), np.repeat(w, 2), np.nonzero(n)[0]],
    COUNTS, RNG.normal(size=5),
)  # fmt: skip
case(
    "nothing to sort, to count or to repeat",
    lambda x, n: [T.sort(x), T.argsort(x), T.extra_ops.Unique()(x), T.bincount(n), T.repeat(x, n), T.cumsum(x), T.nonzero(n)[0]],
    lambda x, n: [x, n, x, n, x, x, n],
    np.zeros(0), np.zeros(0, "int64"), gradient=False,
)  # fmt: skip
case(
    "places by number and by axis",
    lambda i, x: [T.ravel_multi_index((i, i // 2), (8, 5)), T.ravel_multi_index((i, i), (2, 3), mode="wrap", order="F"), *T.unravel_index(i, (2, 4)),
                  x[x > 0], x[type_other.MakeSlice()(slice(1, i[0])), 0]],
    lambda i, x: [np.ravel_multi_index((i, i // 2), (8, 5)), np.ravel_multi_index((i, i), (2, 3), mode="wrap", order="F"), *np.unravel_index(i, (2, 4)),
                  x[x > 0], x[1 : i[0], 0]],
    COUNTS, MATRIX,
)  # fmt: skip
case(
    "reductions by name",
    lambda x: [careduce.CAReduce(scalar.minimum, 1)(x), careduce.CAReduceDtype(scalar.maximum, 0)(x), products.ProdWithoutZeros(axis=(0,))(x), careduce.Supremum((1,))(x), extremes.Argmax((1,))(x), extremes.Argmin((0,))(x)],
    lambda x: [x.min(1), x.max(0), np.prod(np.where(x == 0, 1, x), 0), x.max(1), x.argmax(1), x.argmin(0)],
    MATRIX,
)  # fmt: skip

# --- Fourier transforms


def halves(z):
    """Real and imaginary parts last."""
    return np.stack([z.real, z.imag], -1)


case(
    "Fourier transforms",
    lambda x: [T.fft.rfft(x), T.fft.rfft(x, norm="ortho"), T.fft.irfft(T.fft.rfft(x)), T.fft.irfft(T.fft.rfft(x[:, :3]), is_odd=True)],
    lambda x: [halves(np.fft.rfft(x)), halves(np.fft.rfft(x, norm="ortho")), x, x[:, :3]],
    RNG.normal(size=(2, 4)),
)  # fmt: skip
case(
    "Fourier transforms along any axes",
    lambda x: [
        T.real(FFT((0, 1))(x)), T.imag(FFT((1,), "ortho")(x)), T.real(FFT((0,), "forward", True)(x)),
        T.imag(HalfFFT((0, 1))(x)), InverseHalfFFT((1, 0))(HalfFFT((1, 0))(x), x.shape[0]),
    ],
    lambda x: [np.fft.fft2(x).real, np.fft.fft(x, norm="ortho").imag, np.fft.ifft(x, axis=0, norm="forward").real, np.fft.rfft2(x).imag, x],
    RNG.normal(size=(2, 4)),
)  # fmt: skip

# --- random numbers
STATES = np.array([[7, 8], [9, 10], [11, 12], [13, 14], [15, 16], [17, 18]], "int32")
case("numbers of MRG31k3p", lambda states: mrg_op.mrg_uniform(states, 5, 2, "float64"), None, STATES.T)
case(
    "products modulo a number",
    lambda a, s, m: mrg_op.DotModulo()(a, s, m, a, s + 1, m),
    lambda a, s, m: np.concatenate([a @ s % m, a @ (s + 1) % m]),
    np.array([[3, 4], [5, 6]]), np.array([7, 8]), np.array(11),
)  # fmt: skip
case("numbers of Philox", lambda state: [philox.PhiloxUniform("float64")(state, 3, 2), philox.PhiloxUniform("float32")(state, 0)], None, np.array([1, 2, 3], "uint64"))
case(
    "outcomes of uniform numbers",
    lambda p, u: [outcomes_from_uniform(p, u), choice_from_uniform(p, u[:2])],
    lambda p, u: [np.eye(3, dtype="int8")[(u[..., None] > np.cumsum(p, 1)).sum(-1)], np.array([[0, 2], [1, 0]])],
    np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]), np.array([[0.4, 0.15], [0.75, 0.05], [0.95, 0.9]]),
)  # fmt: skip
case(
    "draws of NumPy",
    lambda low: RandomFunction("uniform", T.dmatrix)(Constant(RandomStateType(), np.random.RandomState(5)), (2, 3), low, low + 1)[1],
    lambda low: np.random.RandomState(5).uniform(low, low + 1, (2, 3)),
    np.array(1.5), gradient=False,
)  # fmt: skip


# --- input and output, and what acts
@functools.cache
def _folder():
    """Removed when the process ends."""
    return tempfile.TemporaryDirectory()


def stored():
    """A file with an array."""
    path = Path(_folder().name, "stored.npy")
    if not path.exists():
        np.save(path, MATRIX)
    return str(path)


def doubled(x):
    """What a user's op computes."""
    return 2 * x


def noted(op, value):
    """Looked at in silence."""


def transfers(x):
    """An array that is sent, and one that is received."""
    return [mpi.send(x, 1, 5), mpi.recv((2, 2), "float64", 1, 6)]


case("a file", lambda x: load(stored(), "float64", (False, False)) + x, lambda x: MATRIX + x, np.array(1.0))
case("transfers", transfers, lambda x: [True, np.ones((2, 2))], VECTOR, gradient=False, equal=False)
case(
    "what hands on its input",
    lambda x: [Print("x", global_fn=noted)(x) + 1, PdbBreakpoint("x")(x.sum() > 1e9, x) * 2, DeepCopyOp()(x)],
    lambda x: [x + 1, x * 2, x],
    VECTOR,
)  # fmt: skip
case("what has the derivatives of another form", lambda x: Differentiated()(T.exp(x), T.exp(x / 2) ** 2), np.exp, VECTOR)
case(
    "what changes gradients alone",
    lambda x: [gradient.disconnected_grad(x) + x, gradient.zero_grad(x), ConsiderConstant()(x), gradient.grad_clip(x, -1, 1), gradient.grad_scale(x, 1.0),
               gradient.undefined_grad(x)],
    lambda x: [x + x, x, x, x, x, x],
    VECTOR, gradient=False,
)  # fmt: skip
case("a Python function", FromFunctionOp(doubled, [T.dvector], [T.dvector]), doubled, VECTOR, gradient=False)
_A, _B = T.dvectors("a", "b")
OF_GRAPH = OpFromGraph([_A, _B], [T.tanh(_A) * _B, _A.sum()])
case("a graph as an op", lambda x, y: OF_GRAPH(x, y), lambda x, y: [np.tanh(x) * y, x.sum()], VECTOR, VECTOR[::-1].copy(), equal=False)
case("a matrix of derivatives", lambda x: gradient.jacobian(T.sqr(x) * x[0], x), None, VECTOR[:2], equal=False)
case(
    "item by item",
    lambda a, b: [T.vectorize(T.fft.rfft, "(m,n)->(m,k,c)")(a), T.vectorize(linalg.solve, "(n,n),(n)->(n)")(a[0], b), T.vectorize(linalg.det, "(n,n)->()")(a[:1])],
    lambda a, b: [np.stack([np.fft.rfft(a).real, np.fft.rfft(a).imag], -1), np.linalg.solve(a[0], b.T).T, np.linalg.det(a[:1])],
    np.stack([SQUARE, POSITIVE]), MATRIX[:2], equal=False,
)  # fmt: skip
case(
    "memory and shapes",
    lambda x, n: [T.set_subtensor(AllocEmpty("float64")(n, 3)[:], 1.0), Shape_i(0)(x), x.shape, Rebroadcast((0, True))(x[:1]) * 2, Rebroadcast((0, False))(x.dimshuffle("x", 0, 1)) * 2,
                  TensorFromScalar()(ScalarFromTensor()(x[0, 0]))],
    lambda x, n: [np.ones((n, 3)), np.int64(4), np.array([4, 3]), x[:1] * 2, x[None] * 2, x[0, 0]],
    MATRIX, np.array(2),
)  # fmt: skip

# --- what shares memory with an input, or overwrites it, here a value that nothing else needs
case("a join of which but one is not empty", lambda x: Join(view=0)(0, x, x[:0]), lambda x: x, MATRIX, gradient=False)
case(
    "in place on what is no array",
    lambda low: RandomFunction("uniform", T.dmatrix, inplace=True)(RandomFunction("uniform", T.dscalar)(Constant(RandomStateType(), np.random.RandomState(5)), ())[0], (2, 3), low, low + 1)[1],
    None, np.array(1.5), gradient=False,
)  # fmt: skip
case(
    "in place",
    lambda x, m, v: [OutputGuard()(x * 3), T.inc_subtensor((m * 2)[1:], 1.0, inplace=True), T.set_subtensor((m * 2)[[0, 1], [1, 0]], 5.0, inplace=True),
                     T.inc_subtensor((m * 2)[[2, 2]], 1.0, inplace=True), blas.Gemm(True)(m * 2, x[0], m, m, x[0]), blas.Gemv(True)(v * 2, x[0], m, v, x[0]),
                     blas.Ger(True)(m * 2, x[0], v, v), linalg.Solve(overwrite_A=True, overwrite_b=True)(m * 2, v * 2), linalg.Cholesky(destructive=True)(T.dot(m, m.T) * 1), T.inplace.exp_inplace(m * 2)],
    lambda x, m, v: [x * 3, added_at(2 * m, slice(1, None), 1.0), put_at(2 * m, ([0, 1], [1, 0]), 5.0), added_at(2 * m, [2, 2], 1.0), x[0] * (2 * m) + x[0] * (m @ m),
                     x[0] * (2 * v) + x[0] * (m @ v), 2 * m + x[0] * np.outer(v, v), np.linalg.solve(m, v), np.linalg.cholesky(m @ m.T), np.exp(2 * m)],
    VECTOR, SQUARE, VECTOR[:3], gradient=False,
)  # fmt: skip

# --- scalar ops, of which the table of cases and the programs of kernels say more
_ON_INTEGERS = [op for op in SCALAR_OPS if type(op).__module__ == "tcore.scalar.bitwise"]
_PARTLY = (scalar.chi2sf, scalar.polygamma)
NUMBERS = {arity: [op for op in SCALAR_OPS if op.nin == arity and op not in (*_ON_INTEGERS, *_PARTLY, scalar.arccosh)] for arity in (1, 2, 3, -1)}
case(
    "scalar ops of one number",
    lambda x: [*(Elemwise(op)(x) for op in NUMBERS[1]), Elemwise(scalar.arccosh)(x + 1), Elemwise(NormalQuantile(scalar.upgrade_to_float))(x)],
    None, UNIT,
)  # fmt: skip
case(
    "scalar ops of several numbers",
    lambda x, y, z: [*(Elemwise(op)(x, y) for op in (*NUMBERS[2], *NUMBERS[-1])), *(Elemwise(op)(y, x, z) for op in NUMBERS[3])],
    None, UNIT, UNIT[::-1] + 0.1, np.array([1.5, 1.6, 1.7]),
)  # fmt: skip
case(
    "functions of SciPy with a number of degrees",
    lambda x, n: [Elemwise(scalar.chi2sf)(x, n), Elemwise(scalar.polygamma)(n, x)],
    lambda x, n: [scipy.stats.chi2.sf(x, n), scipy.special.polygamma(n, x)],
    UNIT, np.array([1, 2, 3]),
)  # fmt: skip
_X, _Y = scalar.float64("x"), scalar.float64("y")
case("several numbers at once", Elemwise(scalar.Composite([_X, _Y], [scalar.mul(scalar.exp(_X), _Y)])), lambda x, y: np.exp(x) * y, UNIT, UNIT + 1)
case(
    "bits",
    lambda x, y: [Elemwise(op)(*(x, y)[: 1 if op == scalar.invert else 2]) for op in _ON_INTEGERS],
    None,
    COUNTS, COUNTS[::-1] + 2,
)  # fmt: skip

# --- lists


def listed(x, y):
    """What each op on lists gives, brought back into arrays."""
    both = typed_list.make_list([x, y])
    longer = typed_list.insert(typed_list.append(typed_list.extend(both, typed_list.reverse(both)), x), 1, y)  # x y y y x x
    shorter = typed_list.remove(longer, y)
    numbers = [typed_list.count(longer, y), typed_list.length(shorter)]
    return [T.sin(longer[1]), shorter[2], longer[::-2][1], longer[numbers[0]] + x, *numbers]


case("lists", listed, lambda x, y: [np.sin(y), y, y, y + x, 3, 5], VECTOR, VECTOR[::-1].copy(), gradient=False)

# --- loops
_STEP = scalar.Composite([_X, _Y], [scalar.add(scalar.mul(scalar.sin(_X), _Y), _Y), scalar.mul(_X, _X)])


def stepped(s, y):
    """The states of ``_STEP``, and the squares of those before."""
    states = [float(s)]
    for value in y:
        states.append(np.sin(states[-1]) * value + value)
    return [np.array(states[1:]), np.array(states[:-1]) ** 2]


def running(x, s, w):
    """A running state and what no step sees, row by row."""
    states = [s]
    for row in x:
        states.append(np.tanh(row + states[-1] @ w))
    return [np.array(states[1:]), np.array([state.sum() for state in states[:-1]])]


case("numbers step by step", Recurrence(_STEP, 1, 1), stepped, np.array(0.3), UNIT, gradient=False)
case("numbers in no step", Recurrence(_STEP, 1, 1), stepped, np.array(0.3), UNIT[:0], gradient=False)
case(
    "loop",
    lambda x, s, w: tcore.scan(lambda row, state, w: [T.tanh(row + T.dot(state, w)), state.sum()], x, [s, None], w)[0],
    running, MATRIX, MATRIX[0] / 3, SQUARE / 5,
)  # fmt: skip
