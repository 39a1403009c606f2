"""What rewrites ask of graphs: constants, users, inverse pairs, shapes."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import scalar
from tcore.graph import FunctionGraph
from tcore.link import PerformLinker
from tcore.tensor import linalg
from tcore.tensor.rewrites.common import (
    broadcast_like,
    encompasses_broadcastable,
    get_clients,
    get_clients2,
    has_value,
    is_an_upcast,
    is_inverse_pair,
    scalarconsts_rest,
    uniform_value,
)
from tcore.tensor.rewrites.shape_feature import ShapeFeature

x, s = T.dmatrix("x"), T.dscalar("s")


def test_uniform_values():
    """Constants, seen through views and fills; nothing else."""
    two = T.constant(2.0)
    for variable in (two, two.dimshuffle("x", "x"), T.alloc(two, 3, 4), T.fill(x, two), T.unbroadcast(two.dimshuffle("x"), 0)):
        assert uniform_value(variable) == 2.0
        assert has_value(variable, 2)
        assert not has_value(variable, 3)
    for variable in (x, T.exp(two), T.constant([1.0, 2.0])):
        assert uniform_value(variable) is None
    deep = two
    for _ in range(20):
        deep = deep.dimshuffle(*range(deep.ndim), "x")
    assert uniform_value(deep) is None, "the look goes ten views deep, so that it costs little"


def test_constants_and_rest():
    """Values, constants and rest; only constants themselves, where so asked."""
    two, filled = T.constant(2.0), T.fill(x, 3.0)
    values, constants, rest = scalarconsts_rest([x, two, filled])
    assert [float(each) for each in values] == [2.0, 3.0]
    assert constants == [two, filled]
    assert rest == [x]
    assert scalarconsts_rest([x, two, filled], only_process_constants=True)[1:] == ([two], [x, filled])


@pytest.mark.parametrize(
    ("wider", "other", "expected"),
    [
        ((False, False), (False, False), True),
        ((False, False), (True, False), True),
        ((True, False), (False, False), False),
        ((False, False), (False,), True),
        ((False,), (False, False), False),
        ((True, False), (False,), True),
    ],
)
def test_encompasses_broadcastable(wider, other, expected):
    assert encompasses_broadcastable(wider, other) is expected


def test_clients():
    """The users of a node, and their users; the output of a graph is none."""
    a = T.exp(x)
    b, c = T.log(a), a + 1.0
    d = T.sqrt(b)
    e = FunctionGraph([x], [d, c, a], clone=False)
    assert set(get_clients(a.owner)) == {b.owner, c.owner}
    assert get_clients2(a.owner) == [d.owner]
    assert get_clients(d.owner) == []
    e.check_integrity()


def test_inverse_pairs():
    """In either order, and only these two."""
    pair = (scalar.Exp, scalar.Log)
    assert is_inverse_pair(scalar.exp, scalar.log, pair)
    assert is_inverse_pair(scalar.log, scalar.exp, pair)
    assert not is_inverse_pair(scalar.exp, scalar.exp, pair)
    assert not is_inverse_pair(scalar.exp, scalar.neg, pair)


@pytest.mark.parametrize("shapes", [False, True])
def test_broadcast_like(shapes):
    """With a ShapeFeature an Alloc, which needs no values; without one a fill; cast to the dtype of the template."""
    x, s = T.dmatrix("x"), T.dscalar("s")
    e = FunctionGraph([x, s], [T.exp(x) * s], clone=False)
    if shapes:
        e.attach_feature(ShapeFeature())
    made = broadcast_like(T.constant(2, dtype="int8"), e.outputs[0], e)
    assert made.type == e.outputs[0].type
    assert str(made.owner.op) == ("Alloc" if shapes else "Elemwise{second,no_inplace}")
    assert broadcast_like(x, e.outputs[0], e) is x
    e.replace(e.outputs[0], made)
    whole = e.clone()
    cells = PerformLinker().accept(whole).make_function()
    np.testing.assert_array_equal(cells(np.zeros((2, 3)), np.array(1.0)), np.full((2, 3), 2.0))


def test_upcasts_L25381():
    """To a wider kind, or to more bytes of one kind; values need not survive, other than with ``scalar.upcast``."""
    assert is_an_upcast("int8", "int16")
    assert is_an_upcast("int64", "float32")
    assert scalar.upcast("int64", "float32") == "float64"
    assert is_an_upcast("bool", "uint8")
    assert is_an_upcast("float64", "complex64")
    for narrower in ("int64", "int32", "bool"):
        assert not is_an_upcast("int64", narrower)
    assert not is_an_upcast("float32", "int64")
    assert not is_an_upcast("int32", "uint32")


@pytest.mark.parametrize("mode", ["FAST_COMPILE", "FAST_RUN"])
@pytest.mark.parametrize(("function", "derivative"), [(linalg.cholesky, 0.25), (lambda x: linalg.qr(x)[0], 0), (lambda x: linalg.qr(x)[1], 1)])
def test_lengths_that_only_the_template_knows(function, derivative, mode):
    """What replaces a variable whose axes are known to have length 1 is marked so, where its own type does not say it."""
    x = T.TensorType("float64", (True, True))("x")
    f = tcore.function([x], T.grad(abs(function(x)).sum(), x), mode=mode)
    np.testing.assert_allclose(f([[4.0]]), [[derivative]])
