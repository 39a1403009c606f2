"""What DebugMode finds: output memory, C against Python, wrong rewrites, steps that differ from run to run."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

import tcore.tensor as T
from tcore import In, Mode, function, shared
from tcore.compile import DebugMode
from tcore.compile.debugmode import BadOptimization, BadThunkOutput, BadViewMap, DebugModeError, StochasticOrder
from tcore.compile.debugmode.memory import KINDS, kinds_of, offered
from tcore.configuration import change_flags
from tcore.graph import Apply, Feature, InconsistencyError, Op
from tcore.optimizer import PatternSub, SeqOptimizer, TopoOptimizer, local_optimizer
from tcore.tensor.alloc import AllocEmpty

v = T.dvector("v")
m = T.dmatrix("m")


class Elementwise(Op):
    """``x + 1`` by the given ``perform``, and by C code where given."""

    __props__ = ()
    view_map = {}

    def __init__(self, perform, c=None, destroys=False):
        self._perform = perform
        self.c = c
        self.destroy_map = {0: [0]} if destroys else {}

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        self._perform(inputs[0], output_storage[0])

    def __eq__(self, other):
        return self is other

    def __hash__(self):
        return id(self)


def right(x, cell):
    cell[0] = x + 1


def reuses(x, cell):
    """Takes any memory of the right shape, as an op should."""
    if cell[0] is None or cell[0].shape != x.shape:
        cell[0] = np.empty_like(x)
    np.add(x, 1, out=cell[0])


def adds_to_old(x, cell):
    if cell[0] is None or cell[0].shape != x.shape:
        cell[0] = np.zeros_like(x)
    cell[0] += x + 1


def trusts_shape(x, cell):
    if cell[0] is None:
        cell[0] = x + 1
    else:
        cell[0].flat[: x.size] = (x + 1).ravel()


def trusts_c_order(x, cell):
    if cell[0] is None or cell[0].shape != x.shape:
        cell[0] = x + 1
    else:
        whole = cell[0] if cell[0].base is None else cell[0].base
        whole.ravel(order="K")[: x.size] = (x + 1).ravel()


def run(perform, kind, value=None):
    value = np.arange(6.0).reshape(2, 3) if value is None else value
    f = function([m], Elementwise(perform)(m), mode=DebugMode(stability_patience=1, check_preallocated_output=kind, check_c_code=False))
    return f(value)


@pytest.mark.parametrize(
    ("wrong", "kind", "fails"),
    [
        (adds_to_old, "previous", True),
        (adds_to_old, "c_contiguous", True),
        (trusts_shape, "wrong_size", True),
        (trusts_c_order, "f_contiguous", True),
        (trusts_c_order, "strided", True),
        (trusts_c_order, "c_contiguous", False),
        (adds_to_old, "", False),
    ],
)
def test_output_memory_L13157_L13901_L13902_L13903_L13904_L13905(wrong, kind, fails):
    """Each kind finds the op that misuses it; the error says over what memory."""
    if not fails:
        np.testing.assert_array_equal(run(wrong, kind), np.arange(1.0, 7).reshape(2, 3))
        return
    with pytest.raises(DebugModeError, match=rf"perform, {kind}"):
        run(wrong, kind)


def test_initial_memory_L13900():
    """What the cells hold from the call before is offered, too."""
    wrong = Elementwise(adds_to_old)(m)
    f = function([m], wrong, mode=DebugMode(stability_patience=1, check_preallocated_output="initial", check_c_code=False))
    between = function([m], wrong * 2, mode=DebugMode(None, 1, check_preallocated_output="initial", check_c_code=False))
    kept = function([m], Elementwise(reuses)(m) * 2, mode=DebugMode(stability_patience=1, check_preallocated_output="initial:previous", check_c_code=False))
    value = np.ones((2, 3))
    for _ in range(2):
        np.testing.assert_array_equal(kept(value), 4 * value)
    for _ in range(2):
        f(value)  # an output is taken away by the caller: its cell is empty
    between(value)
    with pytest.raises(DebugModeError, match="perform, initial"):
        between(value)


@pytest.mark.parametrize("perform", [right, reuses])
def test_right_ops_pass_all_kinds_L13906(perform):
    """Over all kinds of memory, on matrices of odd shapes."""
    for shape in ((2, 3), (0, 3), (1, 1), (4, 1)):
        np.testing.assert_array_equal(run(perform, "ALL", np.ones(shape)), np.full(shape, 2.0))


@pytest.mark.backends("numpy", "cpu")
def test_own_ops_pass_all_kinds_L13101(backend):
    """Sums, products, in-place and view ops of a whole graph, Python and C."""
    w = shared(np.ones((3, 2)), name="w")
    cost = (T.tanh(T.dot(m, w)) * 2 + m.sum(axis=1, keepdims=True)[:, ::-1]).sum()
    f = function([m], [cost, m.T.reshape((-1,))], updates=[(w, w * 0.5)], mode=DebugMode(check_preallocated_output="ALL", stability_patience=2))
    plain = function([m], [cost], mode=Mode("py", None))
    value = np.arange(6.0).reshape(2, 3)
    wanted = plain(value)[0]
    got, flat = f(value)
    np.testing.assert_allclose(got, wanted)
    np.testing.assert_array_equal(flat, value.T.ravel())
    np.testing.assert_array_equal(w.get_value(), np.full((3, 2), 0.5))


def test_kinds_L13894_L13906_L13910():
    """Names, ``ALL``, and what is offered: the right shapes and strides, full of what must not be read."""
    assert kinds_of("") == ()
    assert kinds_of("strided:initial") == ("initial", "strided")
    assert kinds_of("ALL") == KINDS
    with pytest.raises(ValueError, match="no kind of output memory big"):
        kinds_of("big")
    value = np.ones((2, 3))
    found = list(offered(KINDS, [value], [None], 4))
    assert [kind for kind, _ in found].count("initial") == 0
    arrays = {kind: array for kind, (array,) in found}
    np.testing.assert_array_equal(arrays["previous"], value)
    assert arrays["f_contiguous"].flags.f_contiguous
    assert np.isnan(arrays["c_contiguous"]).all()
    assert arrays["wrong_size +1"].shape == (3, 4)
    assert arrays["wrong_size -1"].shape == (1, 2)
    strides = {array.strides for kind, array in arrays.items() if kind.startswith("strided")}
    assert len([kind for kind in arrays if kind.startswith("strided")]) == 3**2 - 1
    assert any(step < 0 for step in itertools.chain(*strides))
    assert len(list(offered(("strided",), [np.ones((2, 2, 2))], [None], 2))) == 3**2 - 1


@pytest.mark.parametrize(("dtype", "poison"), [("int8", 127), ("uint16", 65535), ("bool", True), ("complex64", np.nan)])
def test_what_memory_is_full_of(dtype, poison):
    """A value that an op which reads it cannot overlook; results that are no arrays leave their cells empty."""
    for kind, (array, other) in offered(("c_contiguous", "f_contiguous", "strided", "wrong_size"), [np.zeros(3, dtype), "text"], [], 1):
        assert other is None
        assert array.dtype == dtype
        np.testing.assert_array_equal(array, np.full(array.shape, poison, dtype), err_msg=kind)
    assert all(array is None for _, (array,) in offered(("c_contiguous",), [np.zeros(3, "O")], [], 1))


def test_memory_without_axes_L13904():
    """Beside outputs with axes, one of none is offered arrays of every kind."""
    for kind, offers in offered(KINDS[1:], [np.array(1.5), np.ones((2, 3))], [None, None], 2):
        assert [type(value) for value in offers] == [np.ndarray] * 2, kind
        assert offers[0].shape == ()


class Two(Op):
    """Two outputs, as given by a function."""

    __props__ = ()

    def __init__(self, fn, view_map):
        self.fn = fn
        self.view_map = view_map

    def make_node(self, x):
        return Apply(self, [x], [x.type(), x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0], output_storage[1][0] = self.fn(inputs[0])

    def __eq__(self, other):
        return self is other

    def __hash__(self):
        return id(self)


def test_outputs_that_share_memory():
    """Are found, unless both are said to be views of one input."""

    def twice(x):
        new = x + 1
        return new, new[::-1]

    mode = DebugMode(None, stability_patience=1, check_c_code=False)
    with pytest.raises(BadViewMap, match=r"outputs 0 and 1 of .*\(perform\) share memory"):
        function([v], Two(twice, {})(v), mode=mode)([1.0, 2.0])
    with change_flags(DebugMode__warn_input_not_reused=False):
        got = function([v], Two(lambda x: (x, x[::-1]), {0: [0], 1: [0]})(v), mode=mode)([1.0, 2.0])
    np.testing.assert_array_equal(got, [[1.0, 2.0], [2.0, 1.0]])


class WithCInOtherOrder(Elementwise):
    """C code gives rows, ``perform`` columns."""

    def __init__(self):
        super().__init__(lambda x, cell: cell.__setitem__(0, np.asfortranarray(x + 1)))

    def c_code(self, node, name, inputs, outputs, sub):
        (x,), (z,) = inputs, outputs
        return f"""
        Py_XDECREF({z});
        {z} = (PyArrayObject*)PyArray_NewLikeArray({x}, NPY_CORDER, NULL, 0);
        for (npy_intp i = 0; i < PyArray_SIZE({x}); ++i)
            ((double*)PyArray_DATA({z}))[i] = ((double*)PyArray_DATA({x}))[i] + 1;
        """

    def c_code_cache_version(self):
        return (1,)


@pytest.mark.backends("cpu")
def test_strides_of_c_and_python(backend):
    """0 does not compare them, 1 warns, 2 is an error."""
    value = np.ones((2, 3))

    def call(required):
        f = function([m], WithCInOtherOrder()(m), mode=DebugMode(None, 1, check_preallocated_output="", require_matching_strides=required))
        np.testing.assert_array_equal(f(value), value + 1)

    call(0)
    with pytest.warns(UserWarning, match=r"gave strides \(8, 16\) in Python and \(24, 8\) in C for the same inputs"):
        call(1)
    with pytest.raises(DebugModeError, match="gave strides"):
        call(2)


class WithC(Elementwise):
    """The same in C, with a constant that may be wrong."""

    def __init__(self, added):
        super().__init__(right)
        self.added = added

    def c_code(self, node, name, inputs, outputs, sub):
        (x,), (z,) = inputs, outputs
        return f"""
        Py_XDECREF({z});
        {z} = (PyArrayObject*)PyArray_NewLikeArray({x}, NPY_KEEPORDER, NULL, 0);
        for (npy_intp i = 0; i < PyArray_SIZE({x}); ++i)
            ((double*)PyArray_DATA({z}))[i] = ((double*)PyArray_DATA({x}))[i] + {self.added};
        """

    def c_code_cache_version(self):
        return (1, self.added)


@pytest.mark.backends("cpu")
def test_c_against_python_L13093_L13109_L13117(backend):
    """C code that gives other numbers than perform is found; by itself each passes."""
    np.testing.assert_array_equal(function([v], WithC(1)(v), mode=DebugMode(stability_patience=1))([1.0]), [2.0])
    wrong = WithC(2)(v)
    with pytest.raises(BadThunkOutput, match=r"C, new memory\) gave \[3\.\] where it gave \[2\.\] before"):
        function([v], wrong, mode=DebugMode(stability_patience=1))([1.0])
    assert function([v], wrong, mode=DebugMode(stability_patience=1, check_c_code=False))([1.0]) == [2.0]
    assert function([v], wrong, mode=DebugMode(stability_patience=1, check_py_code=False))([1.0]) == [3.0]


def test_memory_that_is_not_used_L13916():
    """An op that says it works in place and makes new memory: a warning, unless it is switched off."""
    not_in_place = Elementwise(right, destroys=True)

    def call():
        f = function([In(v, mutable=True)], not_in_place(v), mode=DebugMode(stability_patience=1, check_c_code=False), accept_inplace=True)
        return f([1.0])

    with pytest.warns(UserWarning, match="destroy_map of .* says that output 0 uses the memory of input 0"):
        call()
    with change_flags(DebugMode__warn_input_not_reused=False), warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(call(), [2.0])


class TestOptimizations:
    """Replacements are computed and compared; steps must repeat."""

    @staticmethod
    def optimizer(rule):
        return TopoOptimizer(local_optimizer([T.exp])(rule))

    def test_wrong_replacement_L13094_L13161(self):
        """The error names the rule, both variables and both values."""

        def exp_is_expm1(node):
            return [T.expm1(node.inputs[0])]

        f = function([v], T.exp(v) * 2, mode=DebugMode(self.optimizer(exp_is_expm1), stability_patience=1))
        with pytest.raises(BadOptimization) as caught:
            f([1.0])
        error = caught.value
        assert "exp_is_expm1" in str(error.reason)
        np.testing.assert_allclose(error.old_r_val, np.exp([1.0]))
        np.testing.assert_allclose(error.new_r_val, np.expm1([1.0]))
        assert "exp" in error.old_graph
        assert "expm1" in error.new_graph

    def test_the_cause_is_named_not_what_follows_from_it_L13165(self):
        """An earlier rule moved the factor, and what it put in has since been changed by the wrong one: that one is to blame."""

        def exp_is_linear(node):
            return [node.inputs[0] + 1]

        def factor_first(node):
            return [T.mul(*reversed(node.inputs))] if node.inputs[0].owner.op == T.exp else None

        rules = SeqOptimizer(TopoOptimizer(local_optimizer([T.mul])(factor_first)), self.optimizer(exp_is_linear))
        f = function([v], T.exp(v) * 2, mode=DebugMode(rules, stability_patience=1))
        with pytest.raises(BadOptimization) as caught:
            f([1.0])
        assert "exp_is_linear" in str(caught.value.reason)
        np.testing.assert_allclose([caught.value.old_r_val, caught.value.new_r_val], [np.exp([1.0]), [2.0]])

    def test_wrong_for_some_values_only_L13056_L13082(self):
        """The check is one of values: it fires where they differ."""

        def exp_is_linear(node):
            return [node.inputs[0] + 1]

        f = function([v], T.exp(v), mode=DebugMode(self.optimizer(exp_is_linear), stability_patience=1))
        np.testing.assert_array_equal(f([0.0]), [1.0])
        with pytest.raises(BadOptimization):
            f([1.0])

    def test_accurate_forms_may_save_a_value(self):
        """log(1 + exp(x)) overflows where softplus does not: no mistake of the rewrite."""
        f = function([v], T.log(1 + T.exp(v)), mode=DebugMode(stability_patience=1))
        np.testing.assert_allclose(f([1000.0, 1.0]), [1000.0, np.log1p(np.e)])

    @pytest.mark.parametrize("accepted_first", [False, True])
    def test_refused_replacements_are_not_compared(self, accepted_first):
        """What a feature took back has no effect, wrong as it may be; what was accepted before that is compared."""

        class Refuses(Feature):
            refusing = not accepted_first

            def validate(self, fgraph):
                if self.refusing and any(node.op == T.expm1 for node in fgraph.apply_nodes):
                    raise InconsistencyError("no")
                self.refusing = True

        class Attaches(TopoOptimizer):
            def add_requirements(self, fgraph):
                super().add_requirements(fgraph)
                fgraph.attach_feature(Refuses())

        def exp_is_expm1(node):
            return [T.expm1(node.inputs[0])]

        optimizer = Attaches(local_optimizer([T.exp])(exp_is_expm1))
        f = function([v], T.exp(v) * 2, mode=DebugMode(optimizer, stability_patience=1))
        if accepted_first:
            with pytest.raises(BadOptimization):
                f([1.0])
        else:
            np.testing.assert_allclose(f([1.0]), 2 * np.exp([1.0]))

    def test_steps_that_differ_L13095_L13179(self):
        """A rewrite that does something else each time is found when the function is made."""
        counter = itertools.count()

        def moody(node):
            return [T.exp(node.inputs[0]) + 0 if next(counter) % 2 else T.expm1(node.inputs[0]) + 1]

        with pytest.raises(StochasticOrder, match="took different steps"):
            function([v], T.exp(T.exp(v)), mode=DebugMode(self.optimizer(moody), stability_patience=3))

    def test_replacements_that_differ_L13095(self):
        """As many steps each time, and at the same places: what is put there is compared, too."""
        moods = itertools.cycle([T.sin, T.cos])

        def moody(node):
            return [next(moods)(node.inputs[0])]

        with pytest.raises(StochasticOrder, match="sin.*cos"):
            function([v], T.exp(v), mode=DebugMode(self.optimizer(moody), stability_patience=2))

    def test_a_rule_of_comparison(self):
        """A pattern that says how its values compare with those that they replace is taken at its word."""
        rough = PatternSub((T.exp, "x"), (T.add, "x", 1.0), values_eq_approx=lambda a, b: a.shape == b.shape)
        f = function([v], T.exp(v), mode=DebugMode(TopoOptimizer(rough), stability_patience=1))
        np.testing.assert_array_equal(f([1.0]), [2.0])


@pytest.mark.parametrize("mode", ["DebugMode", "NanGuardMode"])
def test_memory_without_values(mode, monkeypatch):
    """What an empty array holds is nobody's mistake: neither that it differs each time nor that it is NaN, also seen through a view."""
    numbers = itertools.cycle([np.nan, np.inf, 3.0])

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = np.full([int(n) for n in inputs], next(numbers), self.dtype)

    monkeypatch.setattr(AllocEmpty, "perform", perform)
    m = T.dmatrix("m")
    with change_flags(backend="numpy", DebugMode__check_preallocated_output="ALL"):
        f = function([m, v], [T.dot(m, v), T.dot(v, m), AllocEmpty("float64")(v.shape[0])[::-1].shape], mode=mode)
        for _ in range(3):
            for value in f(np.ones((2, 2)), np.ones(2))[:2]:
                np.testing.assert_array_equal(value, [2, 2])
