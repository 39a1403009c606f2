"""The rows: each prepares a pair of workloads that compute the same."""

from __future__ import annotations

import atexit
import shutil
import tempfile

import numpy as np
from measure import Pair, Row, child_seconds, seconds_of

import tcore
import tcore.tensor as T

__all__ = ["ROWS"]


def fused_elementwise() -> Pair:
    """One pass over memory against NumPy's one pass per operation."""
    rng = np.random.default_rng(0)
    values = [rng.random(10_000_000) for _ in "abcd"]
    a, b, c, d = variables = [T.dvector(name) for name in "abcd"]
    f = tcore.function(variables, 2 * a + 3 * b - T.sqrt(c) * T.exp(-d))

    def reference() -> np.ndarray:
        a, b, c, d = values
        return 2 * a + 3 * b - np.sqrt(c) * np.exp(-d)

    np.testing.assert_allclose(f(*values), reference(), rtol=1e-12, atol=1e-14)
    return Pair(seconds_of(lambda: f(*values)), seconds_of(reference), f"backend {tcore.config.backend}")


def scalar_call() -> Pair:
    """The cost of a call: nothing to compute, everything to check."""
    x = T.dscalar("x")
    f = tcore.function([x], x + 1)
    value = np.array(2.0)
    assert f(value) == 3.0
    return Pair(seconds_of(lambda: f(value), 20_000), seconds_of(lambda: np.add(value, 1.0), 20_000))


def reduction(build, reference) -> Pair:
    """A reduction of an 8000 x 1000 matrix."""
    value = np.random.default_rng(0).normal(size=(8000, 1000))
    x = T.dmatrix("x")
    f = tcore.function([x], build(x))
    np.testing.assert_allclose(f(value), reference(value), rtol=1e-9, atol=1e-9)
    return Pair(seconds_of(lambda: f(value)), seconds_of(lambda: reference(value)))


def softmax(value: np.ndarray) -> np.ndarray:
    """Stable softmax over rows, in NumPy."""
    e = np.exp(value - value.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def logsumexp(value: np.ndarray) -> np.ndarray:
    """Stable logarithm of sums of exponentials over rows, in NumPy."""
    m = value.max(axis=1, keepdims=True)
    return np.log(np.exp(value - m).sum(axis=1)) + m[:, 0]


LOGISTIC = """
import time
import numpy as np, tcore, tcore.tensor as T
rng = np.random.default_rng(0)
data = rng.normal(size=(400, 784)), rng.integers(0, 2, 400).astype("float64")
start = time.perf_counter()
x, y = T.dmatrix("x"), T.dvector("y")
w, b = tcore.shared(rng.normal(size=784), name="w"), tcore.shared(0.0, name="b")
p = 1 / (1 + T.exp(-T.dot(x, w) - b))
cost = (-y * T.log(p) - (1 - y) * T.log(1 - p)).mean() + 0.01 * (w ** 2).sum()
gw, gb = T.grad(cost, [w, b])
train = tcore.function([x, y], [p > 0.5, cost], updates=[(w, w - 0.1 * gw), (b, b - 0.1 * gb)])
assert np.isfinite(train(*data)[1])
print(time.perf_counter() - start)
"""

SCALAR = """
import time
import tcore, tcore.tensor as T
start = time.perf_counter()
x = T.dscalar("x")
assert tcore.function([x], x ** 2 + 1)(3.0) == 10.0
print(time.perf_counter() - start)
"""


def first_result(program: str) -> Pair:
    """From the first variable to the first right answer in a fresh process: empty store against full store."""
    full = tempfile.mkdtemp(prefix="tcore-bench-")
    atexit.register(shutil.rmtree, full, ignore_errors=True)

    def cold() -> float:
        with tempfile.TemporaryDirectory() as empty:
            return child_seconds(program, TCORE_FLAGS=f"base_compiledir={empty}")

    return Pair(cold, lambda: child_seconds(program, TCORE_FLAGS=f"base_compiledir={full}"))


IMPORT = "import time; start = time.process_time(); import {}; print(time.process_time() - start)"


def import_budget() -> Pair:
    """CPU time of imports in a fresh process, with the tensor vocabulary, which `import tcore` alone leaves for its first use."""
    return Pair(lambda: child_seconds(IMPORT.format("tcore, tcore.tensor")), lambda: child_seconds(IMPORT.format("numpy")))


ROWS = (
    Row("fused-elementwise", "2a + 3b - sqrt(c) exp(-d) on 1e7 float64, against NumPy", fused_elementwise, limit=0.25),
    Row("scalar-call", "call of x + 1 on a scalar, against np.add", scalar_call, seconds=1.5e-6),
    Row("sum-axis-0", "sum over axis 0 of 8000 x 1000, against NumPy", lambda: reduction(lambda x: x.sum(axis=0), lambda v: v.sum(axis=0)), limit=1.0),
    Row("sum-axis-1", "sum over axis 1 of 8000 x 1000, against NumPy", lambda: reduction(lambda x: x.sum(axis=1), lambda v: v.sum(axis=1)), limit=1.0),
    Row("softmax", "softmax over rows of 8000 x 1000, against NumPy", lambda: reduction(T.softmax, softmax), limit=0.5),
    Row("logsumexp", "logsumexp over rows of 8000 x 1000, against NumPy", lambda: reduction(lambda x: T.log(T.exp(x).sum(axis=1)), logsumexp), limit=0.5),
    Row("first-result-scalar", "first result of a scalar function, empty store against full", lambda: first_result(SCALAR), seconds=0.15),
    Row("first-result-logistic", "first result of logistic regression with gradient, empty store against full", lambda: first_result(LOGISTIC), seconds=0.6),
    Row("import", "CPU time of import tcore and tcore.tensor, against import numpy", import_budget, limit=1.5),
)
