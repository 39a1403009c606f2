"""The native program of a function run on row after row: what loops whose step has a mode of its own use."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.scan_module import Scan, until

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("cpu"), pytest.mark.needs_compiler]


def compiled(inputs, outputs):
    """The function, whose loops all run that way, in nothing but native steps."""
    f = tcore.function(inputs, outputs, mode=tcore.compile.get_mode(None).excluding("scan_pushout"))
    nodes = [node for node in f.maker.fgraph.toposort() if isinstance(node.op, Scan)]
    assert nodes
    for node in nodes:
        fn = node.op.fn
        assert fn.maker.linker.native_loop(fn) is not None
    return f


def scan(*arguments, **options):
    return tcore.scan(*arguments, mode="FAST_RUN", **options)[0]


def test_states_in_turn_and_all_rows():
    """Few rows and all of them; a state that is written where it was read."""
    s, n = T.dvector(), T.lscalar()
    total = scan(lambda a, b: a * 0.5 + b, outputs_info={"initial": s, "taps": [-3, -1]}, n_steps=n)
    pair = scan(lambda p, q: [q * 2, p + 1], outputs_info=[s, s], n_steps=n)
    f = compiled([s, n], [total, pair[0][-1], pair[1]])
    last = compiled([s, n], [total[-1]])
    for steps in (1, 2, 5, 130):
        rows, p, q, ps, qs = [1.0, 0.5, 0.25], np.array([1.0, 0.5, 0.25]), np.array([1.0, 0.5, 0.25]), [], []
        for _ in range(steps):
            rows.append(rows[-3] * 0.5 + rows[-1])
            p, q = q * 2, p + 1
            ps.append(p)
            qs.append(q)
        got = f(rows[:3], steps)
        np.testing.assert_allclose(got[0], rows[3:])
        np.testing.assert_allclose(got[1], ps[-1])
        np.testing.assert_allclose(got[2], qs)
        np.testing.assert_allclose(last(rows[:3], steps), [rows[-1]])


def test_gradient():
    """Rows that are read and added to; products; sequences that go back."""
    x, h, w = T.dmatrix(), T.dvector(), T.dmatrix()
    result = scan(lambda v, h, w: T.tanh(v + T.dot(h, w)), x, h, w)
    values = np.random.RandomState(0).normal(size=(70, 3)), np.arange(3.0), np.eye(3) * 0.4
    got = compiled([x, h, w], T.grad((result**2).sum(), [x, h, w]))(*values)
    plain = tcore.function([x, h, w], T.grad((result**2).sum(), [x, h, w]), mode=tcore.Mode("py", None))(*values)
    for a, b in zip(got, plain, strict=True):
        np.testing.assert_allclose(a, b)


def test_until():
    x, limit = T.dvector(), T.dscalar()
    sums = scan(lambda v, s, limit: (s + v, until(s + v >= limit)), x, T.constant(np.float64(0)), limit)
    f = compiled([x, limit], sums)
    assert [f(np.ones(100), bound).size for bound in (0.5, 3, 64, 65, 1000)] == [1, 3, 64, 65, 100]


def test_errors_in_the_middle():
    """They name what is wrong at that step, and the next call is a new one."""
    x, i, k = T.dvector(), T.lvector(), T.lvector()
    f = compiled([i, x], scan(lambda k, x: x[k], i, None, x))
    with pytest.raises(IndexError, match="index 7 is out of bounds"):
        f([1, 0, 7, 1], [5.0, 6.0])
    assert f([1, 0], [5.0, 6.0]).tolist() == [6, 5]
    g = compiled([k], scan(lambda n: T.arange(n) * 2, k))
    with pytest.raises(ValueError, match=r"output 0 changes its shape: \(3,\) at step 2, \(2,\) at step 1"):
        g([2, 2, 3])
    assert g([1, 1]).tolist() == [[0], [0]]


def test_values_that_the_program_cannot_take():
    """Rows in another byte order, or not aligned, take the general way."""
    x = T.dmatrix()
    f = compiled([x], scan(lambda v, s: s + v, x, T.zeros((x.shape[1],))))
    value = np.arange(12.0).reshape(4, 3)
    odd = np.frombuffer(b"\0" + value.tobytes(), np.uint8)[1:].view(np.float64).reshape(4, 3)
    for given in (value, value.astype(">f8"), odd, value[::-1, ::-1]):
        np.testing.assert_allclose(f(given), np.cumsum(given, axis=0))
