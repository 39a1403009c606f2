"""The documentation's chapter on graph optimization, and fibby's; its lines in the names."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from samples import LocalSimplify

import tcore
import tcore.tensor as T
from tcore import config, gof
from tcore.compile import optdb
from tcore.compile.mode import Mode, predefined_optimizers
from tcore.gof import Query, toolbox
from tcore.gof.opt import MergeOptimizer, OpRemove, OpSub, PatternSub
from tcore.scalar import add, float64, identity, mul, true_div

FIRST = "[add(z, mul(true_div(mul(y, x), y), true_div(z, x)))]"
FIRST_DONE = "[add(z, mul(x, true_div(z, x)))]"
SECOND = "[true_div(mul(add(y, z), x), add(y, z))]"


def first_graph():
    x, y, z = float64("x"), float64("y"), float64("z")
    return gof.FunctionGraph([x, y, z], [add(z, mul(true_div(mul(y, x), y), true_div(z, x)))])


def second_graph():
    x, y, z = float64("x"), float64("y"), float64("z")
    return gof.FunctionGraph([x, y, z], [true_div(mul(add(y, z), x), add(y, z))])


def simplify_nodes(fgraph, nodes):
    for node in nodes:
        if node.op == true_div:
            x, y = node.inputs
            z = node.outputs[0]
            if x.owner and x.owner.op == mul:
                a, b = x.owner.inputs
                if y == a:
                    fgraph.replace_validate(z, b)
                elif y == b:
                    fgraph.replace_validate(z, a)


class Simplify(gof.Optimizer):
    def add_requirements(self, fgraph):
        fgraph.attach_feature(toolbox.ReplaceValidate())

    def apply(self, fgraph):
        simplify_nodes(fgraph, fgraph.toposort())


class SimplifyWithNodeFinder(gof.Optimizer):
    """The exercise of seed L10255: the method that NodeFinder publishes in place of toposort."""

    def add_requirements(self, fgraph):
        fgraph.attach_feature(toolbox.ReplaceValidate())
        fgraph.attach_feature(toolbox.NodeFinder())

    def apply(self, fgraph):
        simplify_nodes(fgraph, list(fgraph.get_nodes(true_div)))


PATTERNS = [PatternSub((true_div, (mul, "x", "y"), "y"), "x"), PatternSub((true_div, (mul, "x", "y"), "x"), "y")]


@pytest.mark.parametrize("make", [Simplify, SimplifyWithNodeFinder])
def test_simplify_L10225_L10275_L10292(make):
    """xy/y -> x, whichever factor it is; equal sums count once they are merged. (L10235, L10267, L10268, L10262, L10294)"""
    e = first_graph()
    assert str(e) == FIRST
    make().optimize(e)
    assert str(e) == FIRST_DONE
    e = second_graph()
    assert repr(e) == SECOND
    make().optimize(e)
    assert str(e) == SECOND
    refused, seconds, *rest = MergeOptimizer().optimize(e)
    assert (refused, rest) == (0, [None, None, {}, 1, 0])
    assert str(e) == "[true_div(mul(*1 -> add(y, z), x), *1)]"
    make().optimize(e)
    assert str(e) == "[x]"


def test_features_attach_once_L10255():
    """A second ReplaceValidate has no effect and is no error."""
    e = first_graph()
    e.attach_feature(toolbox.ReplaceValidate())
    e.attach_feature(toolbox.ReplaceValidate())
    Simplify().optimize(e)
    assert str(e) == FIRST_DONE


def test_every_occurrence_L10275():
    """Several quotients in one graph, one inside another."""
    x, y, z = float64("x"), float64("y"), float64("z")
    inner = true_div(mul(x, y), y)
    for optimize in (Simplify().optimize, gof.TopoOptimizer(LocalSimplify()).optimize):
        e = gof.FunctionGraph([x, y, z], [add(inner, true_div(mul(inner, z), z)), true_div(mul(z, z), z)])
        optimize(e)
        assert str(e) == "[add(x, x), z]"


def test_default_optimize_L10195_L10187_L10191():
    """optimize is add_requirements, then apply; what apply returns comes back."""
    order = []

    class Noting(gof.Optimizer):
        def add_requirements(self, fgraph):
            order.append("add_requirements")

        def apply(self, fgraph):
            order.append("apply")
            return "found"

    assert Noting().optimize(first_graph()) == "found"
    assert order == ["add_requirements", "apply"]


def test_topo_optimizer_L10352_L10361_L10362():
    """(the optimizer, changes, nodes before, nodes after, three times)."""
    e = first_graph()
    simplify = gof.TopoOptimizer(LocalSimplify())
    result = simplify.optimize(e)
    assert result[:4] == (simplify, 1, 5, 3)
    assert len(result) == 7
    assert str(e) == FIRST_DONE


def test_local_optimizers_do_nothing_alone_L10350_L10207():
    """A call gives the replacement, and the graph stays."""
    e = first_graph()
    (node,) = [node for node in e.toposort() if node.op == true_div and node.inputs[0].owner]
    (found,) = LocalSimplify().transform(node)
    assert found is e.inputs[0]
    assert str(e) == FIRST


def test_outputs_without_clients_L10348():
    """None drops an output that nobody uses, and only such a one."""
    x = T.dmatrix("x")
    largest, where = T.max_and_argmax(x, axis=1)
    op = largest.owner.op

    @gof.local_optimizer([op])
    def local_only_max(node):
        return [T.sum(node.inputs[0], axis=1), None]

    e = gof.FunctionGraph([x], [largest])
    gof.TopoOptimizer(local_only_max).optimize(e)
    assert all(node.op != op for node in e.apply_nodes)
    e = gof.FunctionGraph([x], [largest, where])
    with pytest.raises(ValueError, match="which is used"):
        gof.TopoOptimizer(local_only_max).optimize(e)


def test_patterns_L10395_L10381_L10398_L10980():
    """Both orders of factors together do the same as the rule; one alone does half."""
    e = first_graph()
    gof.EquilibriumOptimizer(PATTERNS).optimize(e)
    assert str(e) == FIRST_DONE
    e = first_graph()
    gof.EquilibriumOptimizer(PATTERNS[:1]).optimize(e)
    assert str(e) == FIRST


def test_op_sub_and_op_remove_L10388_L10373_L10377():
    """add becomes mul on the same inputs; identity goes."""
    x, y = float64("x"), float64("y")
    e = gof.FunctionGraph([x, y], [add(identity(x), add(y, x))])
    gof.TopoOptimizer(OpSub(add, mul)).optimize(e)
    assert str(e) == "[mul(identity(x), mul(y, x))]"
    gof.TopoOptimizer(OpRemove(identity)).optimize(e)
    assert str(e) == "[mul(x, mul(y, x))]"


def test_pattern_names_L10800():
    """In profiles a pattern stands for itself: ops by their display names, constraints and callables as Python shows them."""

    def positive(variable):
        return True

    def make_out_pattern(x):
        return x

    rule = PatternSub((T.sub, "z", (T.mul, {"pattern": "alpha", "constraint": positive}, "x")), (make_out_pattern, "x"))
    text = str(rule)
    assert text.startswith("Elemwise{sub,no_inplace}(z, Elemwise{mul,no_inplace}(alpha subject to <function ")
    assert text.endswith(")) -> " + f"{make_out_pattern}(x)")


# ---------------------------------------------------------------------------------------------------------- databases


@pytest.fixture
def registered():
    """Registers, and takes out again what the test left."""
    done = []

    def register(db, name, *args, **kwargs):
        db.register(name, *args, **kwargs)
        done.append((db, name))

    yield register
    for db, name in done:
        db.unregister(name)


class Halve(gof.Optimizer):
    """exp(x) -> sqr(x), to be seen in the result."""

    def add_requirements(self, fgraph):
        fgraph.attach_feature(toolbox.ReplaceValidate())

    def apply(self, fgraph):
        for node in fgraph.toposort():
            if node.op == T.exp:
                fgraph.replace_validate(node.outputs[0], T.sqr(node.inputs[0]))


def test_register_L10492_L10495_L10499_L10424(registered):
    """FAST_RUN takes it from then on, between merge1 and canonicalize; what is compiled already does not change."""
    x = T.dvector("x")
    before = tcore.function([x], T.exp(x), mode="FAST_RUN")
    registered(optdb, "simplify", Halve(), 0.5, "fast_run")
    after = tcore.function([x], T.exp(x), mode="FAST_RUN")
    np.testing.assert_allclose(after([3.0]), [9.0])
    np.testing.assert_allclose(before([3.0]), np.exp([3.0]))
    np.testing.assert_allclose(tcore.function([x], T.exp(x), mode="FAST_COMPILE")([3.0]), np.exp([3.0]))
    np.testing.assert_allclose(tcore.function([x], T.exp(x), mode=Mode("vm", "fast_run").excluding("simplify"))([3.0]), np.exp([3.0]))
    names = [str(each) for each in optdb.query(Query(include=["fast_run"]))]
    assert names.index("merge1") < names.index("simplify") < names.index("canonicalize")


def test_positions_L10532():
    """The six members that the documentation lists, and floats between them. (L10432, L10533, L10534, L10535, L10536, L10537)"""
    table = {"merge1": 0, "canonicalize": 1, "specialize": 2, "merge2": 49, "add_destroy_handler": 49.5, "merge3": 100}
    assert {name: optdb.position_of(name) for name in table} == table
    assert isinstance(optdb, gof.SequenceDB)
    assert isinstance(optdb, gof.DB)
    assert isinstance(optdb["canonicalize"], gof.EquilibriumDB)
    assert isinstance(optdb["specialize"], gof.EquilibriumDB)


def test_no_inplace_L10482_L10458():
    """Excluding the tag leaves no op that overwrites anything; with it there is one."""
    x, y = T.dvectors("x", "y")
    out = T.dot(T.exp(x), y) + T.inc_subtensor(T.tanh(x)[1:], T.sin(y)[1:])

    def destroyers(query):
        f = tcore.function([x, y], out, mode=Mode("vm", query))
        return [node for node in f.maker.fgraph.apply_nodes if node.op.destroy_map]

    assert destroyers(Query(include=["fast_run"]))
    assert not destroyers(Query(include=["fast_run"], exclude=["inplace"]))


def test_constants_fold_L10517():
    """Constant(2) * Constant(2) becomes Constant(4)."""
    f = tcore.function([], T.constant(2) * T.constant(2), mode=Mode("vm", Query(include=["canonicalize", "canonicalize_db"])))
    (output,) = f.maker.fgraph.outputs
    constant = output.owner.inputs[0] if output.owner else output
    assert isinstance(constant, tcore.Constant)
    assert constant.data == 4


def test_default_modes_L10473_L10440_L10450():
    """fast_run and fast_compile are the queries with that tag."""
    for name in ("fast_run", "fast_compile"):
        query = predefined_optimizers[name]
        assert (query.include, query.require, query.exclude) == ({name}, frozenset(), frozenset())
        wanted = [str(each) for each in optdb.query(Query(include=[name]))]
        assert [str(each) for each in optdb.query(query)] == wanted


@pytest.mark.parametrize("level", ["o1", "o2", "o3", "o4", "Stabilization", "stabilization", "stabilize", "unsafe", "merge", "None", None])
def test_print_summary_L12061(level, capsys):
    """The one-line command of the documentation lists what a level does."""
    optdb.query(predefined_optimizers[level]).print_summary()
    text = capsys.readouterr().out
    assert text.startswith("SeqOptimizer OPT_")
    if level in ("o3", "o4", "unsafe"):
        assert "EquilibriumOptimizer canonicalize" in text
        assert "FromFunctionLocalOptimizer local_neg_neg" in text
    stream = io.StringIO()
    optdb.print_summary(stream)
    assert "  49.5 add_destroy_handler: " in stream.getvalue()


# ---------------------------------------------------------------------------------------------------------- fibby


class Fibby(tcore.Op):
    """An arbitrarily generalized Fibonacci sequence."""

    __props__ = ()

    def make_node(self, x):
        x_ = T.as_tensor_variable(x)
        assert x_.ndim == 1
        return tcore.Apply(self, inputs=[x_], outputs=[x_.type()])

    def perform(self, node, inputs, output_storage):
        (x,) = inputs
        y = output_storage[0][0] = x.copy()
        for i in range(2, len(x)):
            y[i] = y[i - 1] * y[i - 2] + x[i]


fibby = Fibby()


@pytest.fixture
def fibby_of_zero():
    """Registered by the documented decorators, and taken out again."""
    from tcore.tensor.opt import NotScalarConstantError, get_scalar_constant_value

    @tcore.tensor.opt.register_specialize
    @tcore.gof.local_optimizer([fibby])
    def fibby_of_zero(node):
        if node.op == fibby:
            x = node.inputs[0]
            try:
                if np.all(get_scalar_constant_value(x) == 0):
                    return [x]
            except NotScalarConstantError:
                pass
        return None

    yield fibby_of_zero
    optdb["specialize"].unregister("fibby_of_zero")


@pytest.mark.usefixtures("fibby_of_zero")
def test_fibby_L7801_L7807():
    """The rule (registered as printed: L7772, L7773; returning nothing: L7774) does not fire where the input is not known (L7780)."""
    x = T.dvector()
    f = tcore.function([x], fibby(x))
    values = np.random.default_rng(1).random(5)
    expected = values.copy()
    for i in range(2, 5):
        expected[i] = expected[i - 1] * expected[i - 2] + values[i]
    np.testing.assert_allclose(f(values), expected)
    topo = f.maker.fgraph.toposort()
    assert len(topo) == 1
    assert isinstance(topo[0].op, Fibby)


@pytest.mark.usefixtures("fibby_of_zero")
def test_fibby_of_zero_L7811_L7812_L10519():
    """It fires for zeros, by the constant behind them (L7768), and the constant is copied for the caller; DebugMode agrees (L7805)."""
    f_zero = tcore.function([], fibby(T.zeros([5])))
    np.testing.assert_array_equal(f_zero(), np.zeros(5))
    topo = f_zero.maker.fgraph.toposort()
    assert len(topo) == 1
    assert isinstance(topo[0].op, tcore.compile.ops.DeepCopyOp)
    n = T.lscalar()
    of_any_length = tcore.function([n], fibby(T.zeros([n])))
    assert not any(isinstance(node.op, Fibby) for node in of_any_length.maker.fgraph.toposort())
    np.testing.assert_array_equal(of_any_length(3), np.zeros(3))
    np.testing.assert_array_equal(tcore.function([], fibby(T.zeros([5])), mode="DebugMode")(), np.zeros(5))


def test_fibby_unregistered_L7763_L11584():
    """Nothing is inferred from perform: without the rule the op stays where constants do not fold."""
    n = T.lscalar()
    f = tcore.function([n], fibby(T.zeros([n])), mode=Mode("vm", "fast_run"))
    assert any(isinstance(node.op, Fibby) for node in f.maker.fgraph.toposort())


# ---------------------------------------------------------------------------------------------------------- advice


def sum_square_difference(a, b):
    return T.sum((a - b) ** 2)


@pytest.mark.parametrize("dtypes", [("int8", "float32"), ("int64", "int64"), ("float64", "complex128")])
@pytest.mark.parametrize("shapes", [((), (3,)), ((2, 1, 3), (4, 1)), ((5,), (5,))])
def test_sum_square_difference_L11002(dtypes, shapes):
    """A function of ops that are there has all dtypes and all shapes."""
    rng = np.random.default_rng(2)
    a, b = ((10 * rng.random(shape)).astype(dtype) for shape, dtype in zip(shapes, dtypes, strict=True))
    variables = [T.TensorType(value.dtype, [length == 1 for length in value.shape])() for value in (a, b)]
    f = tcore.function(variables, sum_square_difference(*variables), mode="FAST_COMPILE")
    np.testing.assert_allclose(f(a, b), np.sum((a - b) ** 2), rtol=1e-5)


# ---------------------------------------------------------------------------------------------------------- profile


def test_optimizer_profile_L10590():
    """The fields of the documentation's sample, for a graph with sums, a product of matrices and elementwise work.

    (L10591, L10839, L10692, L10595, L10597, L10854, L10599, L10605, L10646, L10647, L10663, L10706, L10729, L10742)
    """
    with config.change_flags(profile_optimizer=True, profile=True):
        x, y = T.dmatrices("x", "y")
        b = T.dvector("b")
        cost = T.sum(T.log(1 + T.exp(0.5 * T.dot(x, y) + b)))
        profile = tcore.compile.ProfileStats(atexit_print=False)
        tcore.function([x, y, b], [cost, *tcore.grad(cost, [x, y])], profile=profile, mode=Mode("vm", "fast_run"))
        stream = io.StringIO()
        profile.summary(stream)
    text = stream.getvalue().partition("Optimizer Profile\n-----------------\n")[2]
    lines = text.splitlines()
    seconds = r"\d+\.\d{3}s"

    def has(pattern, least=1):
        found = [line for line in lines if re.fullmatch(pattern, line)]
        assert len(found) >= least, pattern
        return found

    assert lines[0] == has(rf"SeqOptimizer OPT_FAST_RUN time {seconds} for \d+/\d+ nodes before/after optimization")[0]
    has(rf"  {seconds} for fgraph\.validate\(\)")
    has(rf"  {seconds} for callback")
    has(r"  time      - \(name, class, index\) - validate time")
    children = has(rf"  \d+\.\d{{6}}s - \('\S+', '\w+', \d+\) - {seconds}", least=10)
    times = [float(line.split("s - ")[0]) for line in children]
    assert times == sorted(times, reverse=True)
    indices = [int(line.split(", ")[2].split(")")[0]) for line in children]
    assert sorted(indices) == list(range(len(indices)))
    # numbered in the order in which they run (L10598, L10723, L10779)
    rows = {line.split("'")[1]: (line.split("'")[3], index) for line, index in zip(children, indices, strict=True)}
    canonicalize, blas, specialize = (rows[name] for name in ("canonicalize", "BlasOpt", "specialize"))
    assert (canonicalize[0], blas[0], specialize[0]) == ("EquilibriumOptimizer", "SeqOptimizer", "EquilibriumOptimizer")
    assert canonicalize[1] < blas[1] < specialize[1]
    # each prints its own, one step to the right of its parent
    has(r"    EquilibriumOptimizer canonicalize")
    has(rf"      time {seconds} for \d+ passes", least=3)
    has(r"      nb nodes \(start, end,  max\) \d+ \d+ \d+", least=3)
    has(rf"      time io_toposort {seconds}")
    has(rf"      time in local optimizers {seconds}")
    has(rf"      time in global optimizers {seconds}")
    passes = has(rf"       \d+ - {seconds} \d+ \({seconds} in global opts, {seconds} io_toposort\) - \d+ nodes -( \('[^)]+', \d+\))*( \.\.\.)?", least=4)
    assert any(line.split("s ")[1].startswith("0 ") for line in passes)
    has(r"      times - times applied - nb node created - name:")
    has(rf"      {seconds} - \d+ - \d+ - \S+", least=5)
    has(rf"      {seconds} - in \d+ optimization that where not used \(display only those with a runtime > 0\)")
    has(rf"        {seconds} - \S+", least=5)
    has(rf"    SeqOptimizer elemwise_fusion time {seconds} for \d+/\d+ nodes before/after optimization")
    has(rf"    SeqOptimizer BlasOpt time {seconds} for \d+/\d+ nodes before/after optimization")
    has(r"        TopoOptimizer local_dot_to_dot22")
    has(r"          nb_node \(start, end, changed\) \(\d+, \d+, \d+\)", least=2)
    for name in ("init io_toposort", "loop time", "callback_time"):
        has(rf"          {name} \S+", least=2)
    for name in ("FusionOptimizer", "nb_iter", "nb_replacement", "nb_inconsistency_replace", "validate_time", "callback_time", "time_toposort"):
        has(rf" +{name}( \S+)?")
    for name in ("nb_replacement_didn_t_remove", "nb_inconsistency_make", "time_canonicalize", "time_factor_can", "time_factor_list"):
        has(rf" +{name} \S+")
    has(r"    MergeOptimizer", least=3)


def test_needs_profile_too_L10586():
    """profile_optimizer alone prints nothing."""
    with config.change_flags(profile_optimizer=True, profile=False):
        x = T.dvector("x")
        profile = tcore.compile.ProfileStats(atexit_print=False)
        tcore.function([x], T.exp(x), profile=profile, mode=Mode("vm", "fast_run"))
        stream = io.StringIO()
        profile.summary(stream)
    assert "Optimizer Profile" not in stream.getvalue()
