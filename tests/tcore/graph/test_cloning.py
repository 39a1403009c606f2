"""Copies and comparisons of graphs."""

import numpy as np
import pytest

from tcore.graph import Apply, Op, clone, clone_get_equiv, clone_replace, equal_computations, is_same_graph
from tcore.scalar import add, exp, float32, float64, mul, neg


@pytest.fixture
def x():
    return float64("x")


@pytest.fixture
def y():
    return float64("y")


def test_clone_copies_inputs_and_keeps_names(x, y):
    """New variables of the same types and names, tags handed on."""
    total = add(x, y)
    total.name = "total"
    total.tag.note = 3
    (new_x, _), (new_total,) = clone([x, y], [total])
    assert new_x is not x
    assert new_x.name == "x"
    assert new_total.owner.inputs[0] is new_x
    assert (new_total.name, new_total.tag.note) == ("total", 3)
    assert is_same_graph(new_total, total, givens={x: new_x, y: new_total.owner.inputs[1]})


def test_clone_can_share_orphans(x, y):
    """``copy_orphans=False`` keeps what is not an input, constants included; None follows ``copy_inputs``."""
    total = add(x, y)
    _, (kept,) = clone([x], [total], copy_orphans=False)
    assert kept.owner.inputs[1] is y
    _, (copied,) = clone([x], [total])
    assert copied.owner.inputs[1] is not y
    (same,), _ = clone([x], [total], copy_inputs=False)
    assert same is x


def test_clone_get_equiv_fills_memo(x, y):
    """What the memo has is taken as it is."""
    product = mul(x, y)
    total = add(product, x)
    other = float64("other")
    memo = {product: other}
    assert clone_get_equiv([x], [total], memo=memo) is memo
    assert memo[total].owner.inputs[0] is other
    assert memo[total.owner] is memo[total].owner
    assert product.owner not in memo


def test_constant_clone_shares_data(x):
    """A copy of a constant is another variable with the same data object."""
    constant = add(x, 2.5).owner.inputs[1]
    copied = constant.clone()
    assert copied is not constant
    assert copied.data is constant.data


def test_clone_replace(x, y):
    """Parts without a replacement are shared; types must fit unless strict is off."""
    shared = exp(y)
    total = add(neg(x), shared)
    replaced = clone_replace(total, {x: y})
    assert replaced.owner.inputs[0].owner.inputs[0] is y
    assert replaced.owner.inputs[1] is shared
    z = float32("z")
    with pytest.raises(TypeError, match="place of x"):
        clone_replace(total, {x: z})
    loose = clone_replace([neg(x)], {x: z}, strict=False)
    assert loose[0].type == z.type
    fresh = clone_replace(total, share_inputs=False)
    assert fresh.owner.inputs[0].owner.inputs[0] is not x
    with pytest.raises(TypeError, match="only variables can be replaced, got 'x'"):
        clone_replace(total, {"x": y})
    leaf, again, computed = clone_replace([x, x, neg(x)], share_inputs=False)
    assert leaf is again is computed.owner.inputs[0]
    assert leaf is not x
    assert clone_replace(x) is x


def test_same_graph(x, y):
    """Structure counts, not arithmetic; givens apply to both sides."""
    z = float64("z")
    assert not is_same_graph(mul(x, mul(y, z)), mul(mul(x, y), z))
    assert is_same_graph(add(x, 1), add(x, 1), givens={})
    assert not is_same_graph(add(x, 1), add(y, 1), givens={})
    assert is_same_graph(add(x, 1), add(y, 1), givens={x: y})


def test_equal_computations(x, y):
    """Inputs stand for each other pairwise; lists must have equal lengths."""
    assert equal_computations([neg(x), 3], [neg(y), 3], [x], [y])
    assert not equal_computations([neg(x)], [neg(y)])
    assert not equal_computations([add(x, y)], [add(y, x)])
    assert not equal_computations([x], [float32("z")], [x], [float32("z")])
    assert not equal_computations([x], [3])
    assert not equal_computations([3], [4])
    with pytest.raises(ValueError, match="equal length"):
        equal_computations([x], [])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [([1, 2], [1, 2], True), ([1, 2], [1, 3], False), ([1, 1], [1], False), ([], [1], False), ([1, 2], [1, 2, 3], False)],
)
def test_equal_values(one, other, same):
    """Arrays beside variables are equal as a whole: nothing is broadcast."""
    assert equal_computations([np.array(one)], [np.array(other)]) is same


def test_given_outputs_of_one_node(x):
    """An intermediate result that stands for an input is not looked into; its neighbours are."""
    halves, others = Halves()(x), Halves()(x)
    y, z = float64("y"), float64("z")
    assert equal_computations([add(*halves)], [add(y, others[1])], [halves[0]], [y])
    assert not equal_computations([add(*halves)], [add(y, z)], [halves[0]], [y])


class Halves(Op):
    """Two outputs."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type(), x.type()])


def test_ops_that_cannot_be_hashed(x):
    """Are compared by equality."""

    class Power(Op):  # noqa: PLW1641 - that is the point
        def __init__(self, exponent):
            self.exponent = exponent

        def __eq__(self, other):
            return type(self) is type(other) and self.exponent == other.exponent

        def make_node(self, x):
            return Apply(self, [x], [x.type()])

    assert is_same_graph(add(Power(2)(x), Power(3)(x)), add(Power(2)(x), Power(3)(x)))
    assert not is_same_graph(add(Power(2)(x), Power(3)(x)), add(Power(3)(x), Power(2)(x)))


def test_clone_with_new_inputs(x, y):
    """Other types are refused when strict, and change the output types otherwise."""
    node = add(x, y).owner
    z = float32("z")
    assert node.clone_with_new_inputs([y, x]).outputs[0].type == float64
    with pytest.raises(TypeError):
        node.clone_with_new_inputs([z, z])
    assert node.clone_with_new_inputs([z, z], strict=False).outputs[0].type == float32
