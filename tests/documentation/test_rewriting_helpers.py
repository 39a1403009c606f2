"""The documentation's pages on fusion, work in place, shapes in rewriting, and what rules are written with, ``tensor.opt``; its lines in the names."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import scalar
from tcore.compile import Mode
from tcore.graph import FunctionGraph
from tcore.optimizer import EquilibriumOptimizer, TopoOptimizer, optdb
from tcore.tensor import opt
from tcore.tensor.errors import ShapeError
from tcore.tensor.opt import ShapeFeature

FAST_RUN = Mode("py", "fast_run")
PLAIN = Mode("py", None)
x, y, z = T.dvectors("x", "y", "z")
m, n = T.dmatrix("m"), T.dmatrix("n")


def graph_of(inputs, *outputs, shapes=False):
    graph = FunctionGraph(list(inputs), list(outputs), clone=True)
    if shapes:
        graph.attach_feature(ShapeFeature())
    return graph


def value_of(graph, *values):
    return tcore.function(graph.inputs, graph.outputs, mode=PLAIN, on_unused_input="ignore", accept_inplace=True)(*values)[0]


# ------------------------------------------------------------ fusion


def test_fusion_optimizer_L25205_L25393():
    """A walk with a rule for two nodes of one shape; what has another shape, or another reader, stays apart."""
    fuse = opt.FusionOptimizer(opt.local_elemwise_fusion)
    graph = graph_of([x, y], T.exp(x) * y + T.tanh(x))
    fuse.optimize(graph)
    (node,) = graph.apply_nodes
    assert isinstance(node.op.scalar_op, scalar.Composite)
    np.testing.assert_allclose(value_of(graph, [0.5, 1.0], [2.0, 3.0]), np.exp([0.5, 1.0]) * [2.0, 3.0] + np.tanh([0.5, 1.0]))
    shared = T.exp(x)
    graph = graph_of([x, m], shared + 1, shared * 2, T.exp(x) + m)
    fuse.optimize(graph)
    assert not any(isinstance(node.op.scalar_op, scalar.Composite) for node in graph.apply_nodes if isinstance(node.op, T.Elemwise))


def test_dtypes_in_a_composite_L25393():
    """Mixed dtypes are cast inside."""
    f, i = T.fvector("f"), T.ivector("i")
    graph = graph_of([f, i], T.exp(f) * i)
    opt.FusionOptimizer(opt.local_elemwise_fusion).optimize(graph)
    (node,) = graph.apply_nodes
    assert node.outputs[0].dtype == "float64"
    np.testing.assert_allclose(value_of(graph, np.float32([1, 2]), np.int32([3, 4])), np.exp(np.float32([1, 2])) * [3.0, 4.0], rtol=1e-6)


def test_lengths_are_checked_at_the_call_L25396():
    """The fused op refuses lengths that do not fit, as the single ones did."""
    f = tcore.function([x, y], T.exp(x) * y, mode=FAST_RUN)
    with pytest.raises(ValueError):
        f([1.0, 2.0], [1.0, 2.0, 3.0])


def test_add_mul_fusion_L25388():
    """Sums of sums are one n-ary sum, products alike: the graph in a Composite stays flat, and a long one can be pickled."""
    total = x
    for _ in range(25):
        total = T.add(total, T.tanh(y))
    graph = graph_of([x, y], total)
    opt.FusionOptimizer(opt.local_add_mul_fusion.rule).optimize(graph)
    sums = [node for node in graph.apply_nodes if node.op == T.add]
    assert [len(node.inputs) for node in sums] == [26]
    graph = graph_of([x, y, z], x * (y * z))
    opt.FusionOptimizer(opt.local_add_mul_fusion.rule).optimize(graph)
    assert [len(node.inputs) for node in graph.apply_nodes] == [3]
    long = x
    for _ in range(300):
        long = T.tanh(long + y)
    f = tcore.function([x, y], long, mode=FAST_RUN)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(f))([0.5], [0.1]), f([0.5], [0.1]))


def test_fusion_of_another_class_L25398():
    """The factory takes the class, how many inputs are allowed, and who makes the fused op."""

    class Named(T.Elemwise):
        pass

    made = []

    def maker(node, composite):
        made.append(node)
        return Named(composite)

    a, b = Named(scalar.exp), Named(scalar.add)
    rule = opt.local_elemwise_fusion_op(Named, maker=maker)
    graph = graph_of([x, y], b(a(x), y))
    TopoOptimizer(tcore.gof.local_optimizer([Named])(rule)).optimize(graph)
    (node,) = graph.apply_nodes
    assert type(node.op) is Named
    assert made
    few = opt.local_elemwise_fusion_op(T.Elemwise, max_input_fct=lambda node: 2)
    graph = graph_of([x, y, z], T.exp(x * y) * T.exp(z * y) * T.tanh(z + x))
    TopoOptimizer(tcore.gof.local_optimizer([T.Elemwise])(few)).optimize(graph)
    assert all(len(set(node.inputs)) <= 3 for node in graph.apply_nodes)


def test_fusion_stays_within_numpy_L25408():
    """32 operands, one of which is the result."""
    many = [T.dvector(f"v{k}") for k in range(40)]
    graph = graph_of(many, sum(T.exp(each) for each in many[1:]) * many[0])
    opt.FusionOptimizer(opt.local_elemwise_fusion).optimize(graph)
    assert max(len(node.inputs) for node in graph.apply_nodes) <= 32


# ------------------------------------------------------------ in place


def in_place(inputs, out):
    graph = graph_of(inputs, out)
    opt.InplaceElemwiseOptimizer(T.Elemwise).optimize(graph)
    return graph, [node.op.inplace_pattern for node in graph.toposort()]


def test_in_place_in_turn_L25209_L25219():
    """x + y + z is x += y += z: each takes the first input that it may have, and x itself stays the caller's where it is protected."""
    graph, patterns = in_place([x, y, z], (x + y) + z)
    assert patterns == [{0: 0}, {0: 0}]
    values = [np.array([1.0]), np.array([10.0]), np.array([100.0])]
    f = tcore.function([tcore.In(v, mutable=True) for v in graph.inputs], graph.outputs, mode=PLAIN, accept_inplace=True)
    assert f(*values)[0].tolist() == [111]


def test_in_place_once_L25219():
    """In (x + y) * (x * y), x and y are read twice: of the two inner ops at most one takes the memory of each."""
    graph, patterns = in_place([x, y], (x + y) * (x * y))
    assert patterns[-1] == {0: 0}
    inner = [node for node in graph.toposort()[:2] if node.op.inplace_pattern]
    taken = [node.inputs[next(iter(node.op.inplace_pattern.values()))].name for node in inner]
    assert len(taken) == len(set(taken)) <= 1
    f = tcore.function([tcore.In(v, mutable=True) for v in graph.inputs], graph.outputs, mode=PLAIN, accept_inplace=True)
    np.testing.assert_array_equal(f(np.array([2.0]), np.array([3.0]))[0], [30])


def test_in_place_takes_what_fits_L25209():
    """An input of another type is passed over for the next."""
    f, _ = T.fvector("f"), None
    _, patterns = in_place([f, x], f + x)
    assert patterns == [{0: 1}]


# ------------------------------------------------------------ helpers of rules


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_make_vector_L25225(dtype):
    """Scalars as a vector, also none at all; constant ones fold."""
    op = opt.MakeVector(dtype)
    for values in ((), (1, 2, 3)):
        out = op(*[T.constant(np.asarray(value, dtype)) for value in values])
        assert out.dtype == dtype
        np.testing.assert_array_equal(tcore.function([], out, mode=PLAIN)(), np.array(values, dtype))
        assert not [node for node in tcore.function([], out, mode=FAST_RUN).maker.fgraph.apply_nodes if isinstance(node.op, opt.MakeVector)]
    assert opt.MakeVector() == opt.MakeVector("int64")


def test_rebroadcasts_cancel_L25347():
    """Useless ones go, others move to the inputs, until nothing changes; without one it is the same variable."""
    row = T.drow("row")
    assert opt.apply_rebroadcast_opt(x) is x
    assert opt.apply_rebroadcast_opt(T.Rebroadcast((0, True))(row)) is row
    twice = T.Rebroadcast((0, False))(T.Rebroadcast((0, True))(row))
    found = opt.apply_rebroadcast_opt(twice)
    assert found.type == twice.type
    lifted = opt.apply_rebroadcast_opt(T.Rebroadcast((0, False))(T.exp(row)))
    assert isinstance(lifted.owner.op, T.Elemwise)
    assert lifted.broadcastable == (False, False)


def test_broadcast_like_L25357():
    """The value in shape and dtype of the template, or in a given dtype."""
    graph = graph_of([m], T.exp(m), shapes=True)
    for dtype, expected in ((None, "float64"), ("float32", "float32")):
        made = opt.broadcast_like(T.constant(2, dtype="int8"), graph.outputs[0], graph, dtype=dtype)
        assert made.dtype == expected
        found = tcore.function(graph.inputs, made, mode=PLAIN)(np.zeros((2, 3))) if dtype is None else None
        assert found is None or found.tolist() == [[2, 2, 2]] * 2


def test_x_over_its_absolute_value_L25361():
    """x / abs(x) is the sign of x, other terms stay."""
    num, denum = opt.check_for_x_over_absX([x, y], [T.abs_(x), z])
    assert num[0] is y
    assert str(num[1].owner.op) == "Elemwise{sgn,no_inplace}"
    assert denum == [z]
    assert opt.check_for_x_over_absX([x], [T.abs_(y)])[0] == [x]


@pytest.mark.parametrize(
    ("b1", "b2", "expected"),
    [((False, False), (True, False), True), ((True, False), (False, False), False), ((False, False), (False,), True), ((False,), (False, False), False)],
)
def test_encompassing_patterns_L25364(b1, b2, expected):
    """b2 is broadcast to the shape of b1, not the other way."""
    assert opt.encompasses_broadcastable(b1, b2) is expected


def test_clients_L25375_L25378():
    """The users of a node; and theirs."""
    inner = T.neg(x)
    graph = graph_of([x], T.sqrt(T.exp(inner)), T.log(inner))
    (first,) = [node for node in graph.apply_nodes if node.op == T.neg]
    assert {str(node.op) for node in opt.get_clients(first)} == {"Elemwise{exp,no_inplace}", "Elemwise{log,no_inplace}"}
    assert [str(node.op) for node in opt.get_clients2(first)] == ["Elemwise{sqrt,no_inplace}"]


@pytest.mark.parametrize(
    ("first", "other", "expected"), [("int8", "int32", True), ("int32", "int8", False), ("float32", "float64", True), ("float64", "float32", False), ("int64", "float32", True), ("float32", "int64", False)]
)
def test_upcasts_L25381(first, other, expected):
    """By kind and bytes, other than ``scalar.upcast``, for which int64 and float32 need float64."""
    assert opt.is_an_upcast(first, other) is expected
    assert scalar.upcast("int64", "float32") == "float64"


def test_inverse_pairs_L25385():
    """Two ops in a row, in either order."""
    pair = (scalar.Exp, scalar.Log)
    assert opt.is_inverse_pair(scalar.exp, scalar.log, pair)
    assert opt.is_inverse_pair(scalar.log, scalar.exp, pair)
    assert not opt.is_inverse_pair(scalar.exp, scalar.exp, pair)


SLICES = [slice(None), slice(1, None), slice(None, -1), slice(None, None, -1), slice(1, 6, 2), slice(-2, None, -3), slice(4, 2), slice(7, None, -2)]


@pytest.mark.parametrize("first", SLICES, ids=str)
def test_two_slices_are_one_L25410(first):
    """One slice for two, the second of which may be an index; the lengths are those before the first and after it."""
    for length in (0, 1, 5, 8):
        data = np.arange(length)
        part = data[first]
        for second in (*SLICES, *range(-len(part), len(part))):
            merged = opt.merge_two_slices(first, length, second, len(part))
            numbers = [each if each is None or isinstance(each, int) else int(each.eval()) for each in (merged.start, merged.stop, merged.step)] if isinstance(merged, slice) else None
            found = data[slice(*numbers)] if numbers is not None else data[int(merged.eval()) if hasattr(merged, "eval") else merged]
            np.testing.assert_array_equal(found, part[second])
    with pytest.raises(TypeError, match="slice1 is a slice"):
        opt.merge_two_slices(1, 5, slice(None), 1)


def test_constants_and_the_rest_L25421():
    """Values that are uniform, the constants themselves, and what is left."""
    two, filled = T.constant(2.0), T.fill(x, 3.0)
    values, constants, rest = opt.scalarconsts_rest([x, two, filled])
    assert [float(value) for value in values] == [2, 3]
    assert (constants, rest) == ([two, filled], [x])
    assert opt.scalarconsts_rest([x, two, filled], elemwise=True, only_process_constants=True)[2] == [x, filled]


# ------------------------------------------------------------ shapes


def optimized(inputs, out):
    return [type(node.op).__name__ for node in tcore.function(inputs, out, mode=FAST_RUN, on_unused_input="ignore").maker.fgraph.toposort()]


def test_shapes_are_lifted_L25231_L25243():
    """No op computes what only a shape needs; Shape is Shape_i and MakeVector; fills are gone; a node has one user less."""
    assert set(optimized([m], T.log(m).shape)) == {"Shape_i", "MakeVector"}
    assert optimized([m], T.log(m).shape[0]) == ["Shape_i"]
    assert optimized([m, n], T.dot(m, n).shape[1]) == ["Shape_i"]
    assert not any("Second" in str(node.op) for node in tcore.function([m], T.fill(m, 2.0) + T.exp(m), mode=FAST_RUN).maker.fgraph.apply_nodes)
    inner = T.exp(m)
    f = tcore.function([m], [inner * 2, inner.shape[0]], mode=FAST_RUN)
    assert sum(isinstance(node.op, T.Elemwise) for node in f.maker.fgraph.apply_nodes) == 1, "exp(m) has one user, and is fused"


class Product(tcore.Op):
    """A product of matrices with the documentation's infer_shape, or another."""

    __props__ = ("rule",)

    def __init__(self, rule="book"):
        self.rule = rule

    def make_node(self, a, b):
        return tcore.Apply(self, [a, b], [T.dmatrix(), tcore.gof.generic()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0], output_storage[1][0] = inputs[0] @ inputs[1], "text"

    def infer_shape(self, node, input_shapes):
        if self.rule == "unknown":
            raise ShapeError("depends on the values")
        (x0, _), (_, y1) = input_shapes
        return ((x0, y1), None)


class Silent(Product):
    """The same without a rule for shapes."""

    infer_shape = None


def test_infer_shape_L25245_L25247():
    """A tuple per input, one per output, None for an output that is no tensor."""
    graph = graph_of([m, n], Product()(m, n)[0], shapes=True)
    node = graph.outputs[0].owner
    shape_of = graph.shape_feature.shape_of
    (x0, _), (_, y1) = shape_of[node.inputs[0]], shape_of[node.inputs[1]]
    assert graph.shape_feature.same_shape(graph.outputs[0], node.inputs[0], 0, 0)
    assert graph.shape_feature.same_shape(graph.outputs[0], node.inputs[1], 1, 1)
    assert shape_of[node.outputs[0]] == (x0, y1)
    assert shape_of[node.outputs[1]] is None
    assert optimized([m, n], Product()(m, n)[0].shape[1]) == ["Shape_i"]


@pytest.mark.parametrize("op", [Product("unknown"), Silent()], ids=["ShapeError", "no-rule"])
def test_shapes_that_nobody_knows_L25245_L25251_L25277(op):
    """The conservative default reads lengths from the value, whatever the shapes of the inputs are."""
    graph = graph_of([m, n], op(m, n)[0], shapes=True)
    feature, out = graph.shape_feature, graph.outputs[0]
    assert [str(each.owner.op) for each in feature.shape_of[out]] == ["Shape_i{0}", "Shape_i{1}"]
    for i_shapes in ([], [(1, 2), (3, 4)]):
        first, second = feature.default_infer_shape(out.owner, i_shapes)
        assert [each.owner.inputs[0] for each in first] == [out, out]
        assert second is None
    f = tcore.function([m, n], op(m, n)[0].shape, mode=FAST_RUN)
    np.testing.assert_array_equal(f(np.ones((2, 3)), np.ones((3, 4))), [2, 4])


def test_sizes_drive_rewrites_L25249():
    """A product of several matrices is ordered, and a fill left out, by lengths that are known."""
    known = T.specify_shape(m, (3, 4))
    assert not [node for node in tcore.function([m], T.alloc(known, 3, 4) + 1, mode=FAST_RUN).maker.fgraph.apply_nodes if isinstance(node.op, T.Alloc)]


def test_shape_of_in_a_rule_L25257():
    """The documentation's way to ask: the dict where the graph has one, else nothing is done."""

    @tcore.gof.local_optimizer([T.Elemwise])
    def sees_shapes(node):
        try:
            shape_of = node.fgraph.shape_feature.shape_of
        except AttributeError:
            return
        seen.append(shape_of[node.outputs[0]])

    for shapes in (False, True):
        seen = []
        TopoOptimizer(sees_shapes).optimize(graph_of([m], T.exp(m), shapes=shapes))
        assert len(seen) == shapes
        assert all(len(shape) == 2 for shape in seen)
    row = graph_of([m], T.exp(m.dimshuffle("x", 0, 1)), shapes=True)
    assert row.shape_feature.shape_of[row.outputs[0]][0] == 1


def test_asking_the_feature_L25283_L25291_L25317_L25321_L25325():
    """Lengths as they are now, registered, symbolic, all of them, and as scalars of the graph."""
    graph = graph_of([m], T.exp(m), shapes=True)
    feature, (a,), (out,) = graph.shape_feature, graph.inputs, graph.outputs
    length = feature.get_shape(out, 1)
    assert (str(length.owner.op), length.owner.inputs[0]) == ("Shape_i{1}", a)
    new = T.dmatrix("new")
    assert new not in feature.shape_of
    feature.init_r(new)
    assert new in feature.shape_of
    assert str(feature.shape_ir(1, new).owner.op) == "Shape_i{1}"
    assert feature.shape_ir(0, T.drow()) == 1
    assert [str(each.owner.op) for each in feature.shape_tuple(new)] == ["Shape_i{0}", "Shape_i{1}"]
    assert feature.shape_tuple(tcore.gof.generic()) is None
    assert feature.unpack(3, new).data == 3
    with pytest.raises(TypeError, match="in the shape of new"):
        feature.unpack("three", new)


def test_telling_the_feature_L25295_L25303_L25313_L25333():
    """Shapes that are set, one length that is replaced, the shape of another; equal only where that is certain."""
    graph = graph_of([m, n], T.exp(m), T.dot(m, n), shapes=True)
    feature, (a, b), (elementwise, product) = graph.shape_feature, graph.inputs, graph.outputs
    assert feature.same_shape(a, elementwise)
    assert not feature.same_shape(a, product)
    assert feature.same_shape(a, product, 0, 0)
    assert feature.same_shape(product, b, dim_x=1, dim_y=1)
    new, other = T.dmatrix("new"), T.dmatrix("other")
    feature.set_shape(new, (3, 4))
    with pytest.raises(ValueError, match="known already"):
        feature.set_shape(new, None)
    feature.set_shape(new, None, override=True)
    feature.set_shape_i(new, 0, 7)
    assert feature.shape_of[new][0] == 7
    feature.set_shape(other, (T.lscalar("length"), 5))
    feature.update_shape(new, other)
    assert feature.shape_of[new][1] == 5
    feature.update_shape(new, T.dmatrix("unknown"))
    assert feature.shape_of[new][1] == 5


def test_get_shape_is_up_to_date_L25283():
    """After a replacement the length is that of what is in the graph now."""
    graph = graph_of([m], T.exp(T.neg(T.neg(m))), shapes=True)
    inner = graph.outputs[0].owner.inputs[0]
    silent = graph.shape_feature
    assert silent.shape_of[graph.outputs[0]]
    graph.replace(inner, graph.inputs[0])
    length = silent.get_shape(graph.outputs[0], 0)
    assert length.owner.inputs[0] is graph.inputs[0]


def test_members_L25339():
    """Both stand in the sequence, the one before and the other after what asks for shapes."""
    assert isinstance(optdb["canonicalize"].query("+fast_run"), EquilibriumOptimizer)
    assert optdb.position_of("ShapeOpt") < optdb.position_of("canonicalize") < optdb.position_of("UnShapeOpt")
