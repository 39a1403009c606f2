"""Every lowering against its op's ``perform``, by the interpreter of the loop IR."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tcore.tensor as T
from tcore.tensor.join import Split
from tcore.tensor.softmax import LogSoftmax, Softmax, SoftmaxGrad
from tcore.testing.plugin import chosen_backends

_path = Path(__file__).parents[2] / "codegen" / "graphs.py"
_spec = importlib.util.spec_from_file_location("codegen_graphs", _path)
graphs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(graphs)
kernels = graphs.kernels


@pytest.fixture(autouse=True, params=["numpy", "opencl", "cuda-compile"])
def _everywhere(request: pytest.FixtureRequest) -> None:
    """numpy: the interpreter of the loop IR; opencl: the printed kernels, run; cuda-compile: compiled."""
    if request.param not in chosen_backends(request.config):
        pytest.skip(f"--backend leaves {request.param} out")
    pytest.importorskip({"numpy": "numpy", "opencl": "pyopencl", "cuda-compile": "tcore_cuda.compiler"}[request.param])
    graphs.BACKEND = request.param


def check(*args: Any, **options: Any) -> Any:
    """What graphs.check does."""
    return graphs.check(*args, **options)


rng = np.random.default_rng(7)
M = rng.normal(size=(5, 7))
V = rng.normal(size=7)
EDGES = np.array([0.0, -0.0, 1.5, -2.5, np.inf, -np.inf, np.nan])


def _lowered(inputs: list[Any], outputs: list[Any], arguments: list[Any], **options: Any) -> None:
    """All of the graph must be kernels or views, and agree with perform."""
    grouping = check(inputs, outputs, arguments, **options)
    assert not grouping.reasons, grouping.reasons


UNARY = ["neg", "abs_", "sgn", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sqr", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "ceil", "floor", "trunc", "erf", "erfc", "deg2rad", "rad2deg", "inv", "isnan", "isinf", "round_half_to_even", "round_half_away_from_zero", "gammaln"]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_unary(dtype: str) -> None:
    """Elementwise functions, NaN, infinities and signed zeros included."""
    x = T.vector("x", dtype=dtype)
    data = np.concatenate([V, 1 + np.abs(V), EDGES]).astype(dtype)
    outs = [getattr(T, name)(x) for name in UNARY]
    _lowered([x], outs, [data], rtol=1e-5 if dtype == "float32" else 1e-12)


BINARY = ["add", "sub", "mul", "true_div", "int_div", "mod", "maximum", "minimum", "lt", "ge", "eq", "neq"]


@pytest.mark.parametrize("dtypes", [("float64", "float64"), ("int32", "int8"), ("int64", "float32"), ("uint8", "int16")])
def test_binary(dtypes: tuple[str, str]) -> None:
    """Mixed dtypes convert as the scalar op says; integer division by zero gives 0."""
    x, y = T.vector("x", dtype=dtypes[0]), T.vector("y", dtype=dtypes[1])
    left = np.array([7, 7, 5, 0, 3, 100, 2]).astype(dtypes[0])
    right = np.array([2, 3, 0, 0, 3, 50, 5]).astype(dtypes[1])
    if dtypes[0] != "uint8":
        left[1] = -7
    if dtypes[1] != "uint8":
        right[5] = -9
    _lowered([x, y], [getattr(T, name)(x, y) for name in BINARY], [left, right])


def test_floor_division_and_modulo_of_edges() -> None:
    """Floats divide as Python says: the sign of the modulo is the divisor's."""
    x, y = T.dvector(), T.dvector()
    left = np.array([7.5, -7.5, 7.5, -7.5, 0.0, -0.0, np.inf, 1.0, 5.0])
    right = np.array([2.0, 2.0, -2.0, -2.0, 3.0, 3.0, 2.0, np.inf, 0.0])
    _lowered([x, y], [x // y, x % y], [left, right])


def test_switch_clip_cast() -> None:
    """Selections and conversions."""
    x = T.dvector()
    outs = [T.switch(x > 0, x, -x), T.clip(x, -1, 1), T.cast(x, "float32"), T.cast(x > 0, "int8")]
    _lowered([x], outs, [EDGES])


def test_integer_power() -> None:
    """Small constant powers of integers are products."""
    x = T.lvector()
    _lowered([x], [x**2, x**5, x**0], [np.arange(-3, 4)])


def test_broadcast_and_dimshuffle() -> None:
    """Axes of length 1 are read at 0; transposed operands keep their element."""
    x, v = T.dmatrix(), T.dvector()
    _lowered([x, v], [x + v, x.T * v.dimshuffle(0, "x"), (x.T + 1).T + v], [M, V])


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_reductions(axis: int | None) -> None:
    """Reductions over one or all axes, on what an elementwise op gives."""
    x = T.dmatrix()
    names = ["sum", "prod", "max", "min", "argmax", "argmin"]
    check([x], [getattr(T, name)(x * 2, axis=axis) for name in names], [M])


def test_reduction_dtypes() -> None:
    """Integers accumulate in int64, float32 in float64, unless told otherwise."""
    x, y = T.bmatrix(), T.fmatrix()
    _lowered(
        [x, y],
        [x.sum(), x.sum(axis=0, dtype="int8", acc_dtype="int8"), y.sum(axis=1), T.all(x, axis=0), T.any(y)],
        [np.full((3, 4), 100, "int8"), M.astype("float32")],
        rtol=1e-6,
    )


def test_argmax_of_nan_and_ties() -> None:
    """The first NaN wins, else the first of equals."""
    x = T.dmatrix()
    data = np.array([[1.0, 3.0, 3.0], [1.0, np.nan, np.nan], [np.nan, 5.0, 1.0], [-0.0, 0.0, -1.0]])
    _lowered([x], list(T.max_and_argmax(x, axis=1)), [data])


def test_three_axes() -> None:
    """Separated reduced axes, kept axes in between."""
    x = T.dtensor3()
    _lowered([x], [x.sum(axis=(0, 2)), x.max(axis=1), T.argmax(x, axis=2)], [rng.normal(size=(3, 4, 5))])


@pytest.mark.parametrize(
    "index",
    [
        np.s_[1:3],
        np.s_[::-1],
        np.s_[-3:],
        np.s_[:, 1:-1],
        np.s_[::2, ::-3],
        np.s_[4:1:-2],
        np.s_[2],
        np.s_[-1, 2:5],
        np.s_[10:],
        np.s_[3:1],
    ],
    ids=str,
)
def test_subtensor_of_computed(index: Any) -> None:
    """A slice of a computed array is computed at the slice alone."""
    x = T.dmatrix()
    grouping = check([x], [T.exp(x)[index] + 1], [M])
    assert len(kernels(grouping)) == 1


def test_subtensor_symbolic_bounds() -> None:
    """Bounds that come as inputs are clipped as Python does."""
    x, i, j = T.dvector(), T.lscalar(), T.lscalar()
    for bounds in [(1, 4), (-3, 100), (-100, -1), (5, 2)]:
        check([x, i, j], [T.exp(x)[i:j] * 2], [V, *(np.array(b) for b in bounds)])


@pytest.mark.parametrize("index", [np.s_[1:3], np.s_[::2, 1], np.s_[-1], np.s_[:, ::-1]], ids=str)
def test_set_and_inc_subtensor(index: Any) -> None:
    """Writing into a part leaves the rest."""
    x, y = T.dmatrix(), T.dscalar()
    part = T.exp(x)[index]
    _lowered([x, y], [T.set_subtensor(x[index], y * 2), T.inc_subtensor(x[index], part)], [M, np.array(3.0)])


def test_gather() -> None:
    """Rows by an index vector; negative ones count from the end."""
    x, i = T.dmatrix(), T.lvector()
    _lowered([x, i], [x[i] * 2, x[i + 1]], [M, np.array([0, 3, -2, 0])])


def test_gather_pairs() -> None:
    """x[arange(n), y]: the elements of a log-likelihood."""
    x, i = T.dmatrix(), T.lvector()
    check([x, i], [-T.mean(T.log(x)[T.arange(i.shape[0]), i])], [np.abs(M), np.array([0, 3, 6, 2, 1])])
    check([x, i], [x[:, i]], [M, np.array([0, 3])])


def test_gather_out_of_bounds() -> None:
    """An index outside is an IndexError."""
    x, i = T.dmatrix(), T.lvector()
    fgraph, grouping = graphs.grouped([x, i], [x[i]])
    with pytest.raises(IndexError, match="out of bounds"):
        graphs.run_grouped(fgraph, grouping, [M, np.array([5])], dict.fromkeys(fgraph.outputs, M[:1]))


@pytest.mark.parametrize("increment", ["vector", "matrix"])
def test_scatter(increment: str) -> None:
    """Increments at equal places add up; of several sets the last wins."""
    x, i = T.dmatrix(), T.lvector()
    y = T.dvector() if increment == "vector" else T.dmatrix()
    value = V if increment == "vector" else M[:4]
    index = np.array([1, 3, 1, -1])
    _lowered([x, i, y], [T.inc_subtensor(x[i], y * 2), T.set_subtensor(x[i], y)], [M, index, value])
    _lowered([x, i], [T.inc_subtensor(x[i, i], 1.0)], [M, np.array([1, 1, 2])])


def test_join_split() -> None:
    """Pieces of different dtypes side by side; computed pieces are stored at their place."""
    x, y = T.dmatrix(), T.fmatrix()
    grouping = check([x, y], [T.join(0, T.exp(x), y, x * 2)], [M, M[:2].astype("float32")])
    assert len(kernels(grouping)) == 1
    check([x], Split(2)(x * 2, 1, np.array([3, 4])), [M])


def test_make_arrays() -> None:
    """Fills, ranges, unit matrices, vectors of scalars."""
    n, s = T.lscalar(), T.dscalar()
    arguments = [np.array(4), np.array(2.5)]
    outs = [
        T.alloc(s * 2, n, 3),
        T.arange(n),
        T.arange(s, 7, 0.3),
        T.eye(n, 5, 1),
        T.stack([s, s * 2, s + n]),
    ]
    check([n, s], outs, arguments)


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_reduced_fill_of_a_literal_and_a_computed_length(axis: int | None) -> None:
    """Neither the filled array nor the row that it repeats is ever there: the length is that of what the row is made of."""
    x, n = T.row(dtype="float64"), T.lscalar()
    check([x, n], [T.sum(T.alloc(x * 2, 4, n), axis=axis)], [V[None], np.array(7)])


@pytest.mark.parametrize("op", [Softmax(), LogSoftmax()])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_softmax(op: Any, dtype: str) -> None:
    """A row program: no overflow for large values."""
    x = T.matrix(dtype=dtype)
    data = np.concatenate([M, M * 1e4, np.full((1, 7), -1e30)]).astype(dtype)
    _lowered([x], [op(x)], [data], rtol=1e-6 if dtype == "float32" else 1e-12)


def test_softmax_grad() -> None:
    """dy * sm - sum(dy * sm) * sm."""
    x, y = T.dmatrix(), T.dmatrix()
    _lowered([x, y], [SoftmaxGrad()(x, y)], [M, np.abs(M)])


def test_empty_and_scalar() -> None:
    """0 rows, 0 columns, 0 axes."""
    x, s = T.dmatrix(), T.dscalar()
    outs = [T.exp(x) + s, x.sum(axis=0), x.sum(axis=1), x.sum() + s]
    for shape in [(0, 7), (5, 0), (0, 0)]:
        check([x, s], outs, [np.zeros(shape), np.array(2.0)])
