"""The documentation's pages on Assert and on the normal form of sums and products; its lines in the names and ids."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.compile import Mode
from tcore.graph import FunctionGraph, equal_computations
from tcore.graph.features import AlreadyThere
from tcore.optimizer import TopoOptimizer
from tcore.tensor.opt import Assert, Canonizer, ShapeFeature
from tcore.tensor.rewrites.common import uniform_value

MODE = Mode("py", "fast_run").excluding("fusion", "inplace")
a, b, c, d, x, y, z = T.dvectors(*"abcdxyz")


def calculator(of_none, combine, undo):
    """The documented ``calculate``: a number, or with ``aslist`` a list that is empty where the number is neutral."""

    def calculate(num, denum, aslist=False, out_type=None):
        value = of_none
        for number in num:
            value = combine(value, number)
        for number in denum:
            value = undo(value, number)
        if not aslist:
            return value
        return [] if np.all(value == of_none) else [value]

    return calculate


# as in the documentation, with a function that knows ``aslist``
products = Canonizer(T.mul, T.true_div, T.inv, calculator(1.0, lambda p, q: p * q, lambda p, q: p / q))
sums = Canonizer(T.add, T.sub, T.neg, calculator(0.0, lambda p, q: p + q, lambda p, q: p - q))


def normal(canonizer, expression):
    """The expression after one walk of the canonizer, from the inputs to the outputs."""
    inputs = [v for v in tcore.graph.inputs([expression]) if v.name]
    graph = FunctionGraph(inputs, [expression], clone=True)
    graph.attach_feature(ShapeFeature())
    TopoOptimizer(canonizer, order="in_to_out").optimize(graph)
    return graph.outputs[0]


def same(found, expected):
    """Whether two expressions of the same variables are one, but for the order of sums and products, and how constants are padded."""

    def key(variable):
        node = variable.owner
        if node is None:
            return ("constant", float(np.ravel(variable.data)[0])) if hasattr(variable, "data") else ("variable", variable.name)
        if isinstance(node.op, T.DimShuffle):
            return key(node.inputs[0])
        parts = [key(v) for v in node.inputs]
        return (str(node.op), *(sorted(parts, key=str) if node.op in (T.mul, T.add) else parts))

    return key(found) == key(expected)


# ------------------------------------------------------------ Assert


def test_assert_L25056_L25066():
    """Hands on its value; an error with the message when a condition is false."""
    v = T.vector("v")
    for made, message in ((Assert(), "tcore Assert failed!"), (Assert("too long"), "too long")):
        f = tcore.function([v], made(v, v.size < 2), mode="FAST_COMPILE")
        np.testing.assert_array_equal(f([3.0]), [3.0])
        with pytest.raises(AssertionError, match=message):
            f([3.0, 4.0])
    several = tcore.function([v], Assert()(v, v.size < 5, T.all(v > 0)), mode="FAST_COMPILE")
    np.testing.assert_array_equal(several([1.0, 2.0]), [1.0, 2.0])
    with pytest.raises(AssertionError):
        several([1.0, -2.0])


def test_assert_goes_where_it_must_hold_L25064():
    """A condition that is known to be true takes it out; what no output needs is not there at all; it need not be an output itself."""
    v = T.vector("v")

    def asserts(out):
        return sum(isinstance(node.op, Assert) for node in tcore.function([v], out, mode=MODE).maker.fgraph.apply_nodes)

    assert asserts(Assert()(v, np.bool_(True))) == 0
    assert asserts(Assert()(v, T.constant(1) > 0)) == 0
    assert asserts(Assert()(v, v.size < 2)) == 1
    unused = Assert()(v, v.size < 2)
    np.testing.assert_array_equal(tcore.function([v], v * 2, mode=MODE)([1.0, 2.0]), [2.0, 4.0])
    f = tcore.function([v], T.exp(unused).sum(), mode=MODE)
    with pytest.raises(AssertionError):
        f([1.0, 2.0])
    blocked = tcore.function([v], T.log(Assert()(1 + v, v.size < 9)), mode=MODE)
    assert not any("log1p" in str(node.op) for node in blocked.maker.fgraph.apply_nodes), "no rule looks through it"


# ------------------------------------------------------------ examples of the class

PRODUCTS = {
    "x/x_L25102": (x / x, None), "(x*y)/x_L25103": ((x * y) / x, y), "x/y/x_L25104": (x / y / x, T.inv(y)), "x/y/z_L25105": (x / y / z, x / (y * z)),
    "x/(y/z)_L25106": (x / (y / z), (x * z) / y), "(a/b)*(b/c)*(c/d)_L25107": ((a / b) * (b / c) * (c / d), a / d),
    "(2x)/(4y)_L25111": ((2.0 * x) / (4.0 * y), (0.5 * x) / y), "2x/2_L25112": (2 * x / 2, x),
}  # fmt: skip


@pytest.mark.parametrize("canonizer", [products, T.opt.local_mul_canonizer], ids=["book", "tcore"])
@pytest.mark.parametrize(("before", "after"), PRODUCTS.values(), ids=PRODUCTS)
def test_products_L25076(canonizer, before, after, request):
    """What the mul canonizer of the documentation does, and ours."""
    found = normal(canonizer, before)
    if "x/x" in request.node.callspec.id:
        assert uniform_value(found) == 1
    elif "x/y/x" in request.node.callspec.id:
        assert same(found, after) or same(found, 1.0 / y)
    else:
        assert same(found, after), tcore.pp(found)
    assert found.type == before.type


def test_one_pass_over_the_memory_L25113_L25115():
    """x * y * z is one node of three inputs, never nested; sums alike."""
    for canonizer, expression, op in ((products, x * y * z, T.mul), (products, x * (y * z), T.mul), (sums, x + (y + z), T.add)):
        node = normal(canonizer, expression).owner
        assert node.op == op
        assert {each.name for each in node.inputs} == set("xyz")


def test_sums_L25076():
    """The same class, with other ops."""
    assert same(normal(sums, (x + y) - x), y)
    assert same(normal(sums, x - (y - z)), (x + z) - y)
    assert same(normal(sums, (x + 2.0) - 3.0), T.constant(-1.0) + x)


# ------------------------------------------------------------ its methods


def test_arguments_L25082():
    """``calculate`` gives the neutral number of nothing; ``reciprocal`` is what stands for a lone denominator."""
    assert products.calculate([], []) == 1
    assert products.calculate([2.0, 3.0], [4.0]) == 1.5
    assert products.calculate([2.0], [2.0], aslist=True) == []
    assert products.calculate([2.0], [4.0], aslist=True) == [0.5]
    assert (products.main, products.inverse, products.reciprocal) == (T.mul, T.true_div, T.inv)
    assert Canonizer(T.mul, T.true_div, T.inv, products.calculate, use_reciprocal=False).use_reciprocal is False
    assert set(products.tracks()) == {T.mul, T.true_div, T.inv}


def test_get_constant_L25118():
    """A constant's number, or a number itself; None for a variable. No object is needed."""
    assert Canonizer.get_constant(T.constant(2.5)) == 2.5
    assert Canonizer.get_constant(2) == 2
    assert Canonizer.get_constant(x) is None
    assert Canonizer.get_constant(T.constant([3.0, 3.0])) == 3
    assert Canonizer.get_constant(T.constant([3.0, 4.0])) is None


LOG, POWER, SUM = T.log(x), x**y, z + x
TERMS = {
    "x*y_L25130": (x * y, [x, y], []), "inv(x)_L25131": (T.inv(x), [], [x]), "inv(x)*inv(y)_L25132": (T.inv(x) * T.inv(y), [], [x, y]),
    "x*y/z_L25133": (x * y / z, [x, y], [z]), "log(x)/y*(z+x)/y_L25134": (LOG / y * SUM / y, [LOG, SUM], [y, y]), "((a/b)*c)/d_L25135": (((a / b) * c) / d, [a, c], [b, d]),
    "a/(b/c)_L25136": (a / (b / c), [a, c], [b]), "log(x)_L25137": (LOG, [LOG], []), "x**y_L25138": (POWER, [POWER], []), "x*y*z_L25139": (x * y * z, [x, y, z], []),
}  # fmt: skip


@pytest.mark.parametrize(("expression", "num", "denum"), TERMS.values(), ids=TERMS)
def test_get_num_denum_L25124_L25128(expression, num, denum):
    """Two lists with ``expression == inverse(main(*num), main(*denum))``."""
    assert products.get_num_denum(expression) == (num, denum)


MERGED = {
    "1,0": ([x], [], x), "0,1": ([], [x], T.inv(x)), "1,1": ([x], [y], x / y), "0,2": ([], [x, y], T.inv(x * y)), "2,0": ([x, y], [], x * y),
    "1,2": ([x], [y, z], x / (y * z)), "2,1": ([x, y], [z], (x * y) / z), "2,2": ([a, b], [c, d], (a * b) / (c * d)),
}  # fmt: skip


@pytest.mark.parametrize(("num", "denum", "expected"), MERGED.values(), ids=MERGED)
def test_merge_num_denum_L25145(num, denum, expected):
    """As few nodes as the numbers of terms allow."""
    assert equal_computations([products.merge_num_denum(num, denum)], [expected])


def test_merge_of_nothing_L25145():
    """Neutral: 1 for products, 0 for sums."""
    assert products.merge_num_denum([], []).data == 1
    assert sums.merge_num_denum([], []).data == 0


FACTORS = {"[x],[x]_L25199": ([x], [x], [], []), "[x,y],[x]_L25200": ([x, y], [x], [y], []), "[a,b],[c,d]_L25201": ([a, b], [c, d], [a, b], [c, d])}


@pytest.mark.parametrize(("num", "denum", "left", "right"), FACTORS.values(), ids=FACTORS)
def test_simplify_factors_L25195(num, denum, left, right):
    """What stands on both sides goes, once for each time; the lists themselves change."""
    num, denum = list(num), list(denum)
    found = products.simplify_factors(num, denum)
    assert found == (left, right)
    assert (num, denum) == (left, right)
    assert products.simplify_factors([x, x, y], [x]) == ([x, y], [])


CONSTANTS = {
    "[2,3,x],[]_L25185": ([2, 3, x], [], [6, x], []), "[x,y,2],[4,z]_L25186": ([x, y, 2], [4, z], [0.5, x, y], [z]), "[x,2,y],[z,2]_L25187": ([x, 2, y], [z, 2], [x, y], [z]),
}  # fmt: skip


@pytest.mark.parametrize("as_constants", [False, True], ids=["numbers", "constants"])
@pytest.mark.parametrize(("num", "denum", "left", "right"), CONSTANTS.values(), ids=CONSTANTS)
def test_simplify_constants_L25179(num, denum, left, right, as_constants):
    """All constants are one, in front of the numerator; none where it is neutral."""
    if as_constants:
        num, denum = ([T.constant(v, dtype="float64") if isinstance(v, int) else v for v in terms] for terms in (num, denum))
    found = products.simplify_constants(num, denum)
    assert [products.get_constant(v) if products.get_constant(v) is not None else v for v in found[0]] == left
    assert found[1] == right


def test_simplify_L25171():
    """First factors, then constants."""
    assert products.simplify([2, x, y], [x, 4], x.type) == ([0.5, y], [])


# ------------------------------------------------------------ ShapeFeature, attached once


def test_shape_feature_is_one_L25339_L25343():
    """ShapeOptimizer attaches one and changes nothing; UnShapeOptimizer takes it away."""
    graph = FunctionGraph([x], [T.exp(x)], clone=True)
    T.opt.ShapeOptimizer().optimize(graph)
    assert isinstance(graph.shape_feature, ShapeFeature)
    T.opt.ShapeOptimizer().optimize(graph)
    with pytest.raises(AlreadyThere):
        ShapeFeature().on_attach(graph)
    T.opt.UnShapeOptimizer().optimize(graph)
    assert not hasattr(graph, "shape_feature")
    T.opt.UnShapeOptimizer().optimize(graph)
    assert [str(node.op) for node in graph.toposort()] == ["Elemwise{exp,no_inplace}"]
