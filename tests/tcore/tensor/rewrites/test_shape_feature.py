"""What the ShapeFeature is told and asked."""

import pytest

import tcore.tensor as T
from tcore.graph import FunctionGraph
from tcore.graph.features import AlreadyThere
from tcore.tensor.rewrites.shape_feature import ShapeFeature


@pytest.fixture
def graph():
    x, y, n = T.dmatrix("x"), T.dmatrix("y"), T.lscalar("n")
    e = FunctionGraph([x, y, n], [T.exp(x), T.dot(x, y)], clone=False)
    e.attach_feature(ShapeFeature())
    return e


def test_told_shapes(graph):
    """Ints stay, scalars become int64; broadcastable axes are 1; None asks the variable itself; a known one is not told again."""
    feature = graph.shape_feature
    n = graph.inputs[2]
    new = T.dmatrix("new")
    feature.set_shape(new, (3, n))
    assert feature.shape_of[new][0] == 3
    assert feature.shape_of[new][1] is n
    with pytest.raises(ValueError, match="the shape of new is known already"):
        feature.set_shape(new, (3, 4))
    feature.set_shape(new, (3, 4), override=True)
    assert feature.shape_of[new] == (3, 4)
    feature.set_shape_i(new, 0, 7)
    assert feature.shape_of[new] == (7, 4)
    row = T.drow("row")
    feature.set_shape(row, (5, 6))
    assert feature.shape_of[row] == (1, 6)
    with pytest.raises(ValueError, match=r"row has 2 dimensions, the shape \(3,\) has 1"):
        feature.set_shape(row, (3,), override=True)
    feature.set_shape(row, None, override=True)
    assert feature.shape_of[row][0] == 1
    assert str(feature.shape_of[row][1].owner.op) == "Shape_i{1}"


def test_equal_shapes(graph):
    """Of whole shapes, and of single axes: x has the shape of exp(x), and the rows of x · y."""
    feature = graph.shape_feature
    x, y, _ = graph.inputs
    elementwise, product = graph.outputs
    assert feature.same_shape(x, elementwise)
    assert not feature.same_shape(x, product)
    assert feature.same_shape(x, product, 0, 0)
    assert feature.same_shape(y, product, 1, 1)
    assert not feature.same_shape(x, product, 1, 1)
    assert not feature.same_shape(x, T.dvector())
    assert product in feature.shape_of
    assert T.dmatrix() not in feature.shape_of


def test_one_for_a_graph(graph):
    """A second one stays out; a removed one forgets."""
    feature = graph.shape_feature
    assert feature.shape_of[graph.outputs[0]]
    with pytest.raises(AlreadyThere):
        ShapeFeature().on_attach(graph)
    graph.remove_feature(feature)
    assert not hasattr(graph, "shape_feature")
    assert graph.outputs[0] not in feature.shape_of


def test_taken_over_shapes_L25333(graph):
    """``update_shape`` takes the other's lengths, but keeps its own where the other's are read from its value alone, or are known."""
    feature = graph.shape_feature
    x, _, n = graph.inputs
    r, other = T.dmatrix("r"), T.dmatrix("other")
    feature.set_shape(r, (n, 4))
    feature.set_shape(other, (x.shape[0], x.shape[1]))
    feature.update_shape(r, other)
    assert feature.shape_of[r][0] is feature.shape_of[other][0]
    assert feature.shape_of[r][1] == 4
    feature.set_shape(r, (n, 4), override=True)
    feature.update_shape(r, T.dmatrix("unknown"))
    assert feature.shape_of[r] == (n, 4)
    feature.update_shape(r, T.dvector("another rank"))
    assert feature.shape_of[r] == (n, 4)


def test_unpacked_lengths_L25325(graph):
    """An int, an integer scalar of any dtype; anything else is refused with the name of the variable."""
    feature = graph.shape_feature
    x, _, n = graph.inputs
    assert feature.unpack(3, x).data == 3
    assert feature.unpack(n, x) is n
    assert feature.unpack(T.iscalar(), x).type == T.lscalar
    for bad in (2.5, "3", None, T.lvector()):
        with pytest.raises(TypeError, match="in the shape of x: a length is an integer"):
            feature.unpack(bad, x)
