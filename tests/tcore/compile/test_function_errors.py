"""Every wrong use of `function` and of functions says what is wrong and where."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tcore.tensor as T
from tcore import In, Mode, Out, function, shared
from tcore.compile import (
    UnusedInputError,
    predefined_modes,
    predefined_optimizers,
    register_linker,
    register_mode,
    register_optimizer,
)
from tcore.compile.function_module import MissingInputError
from tcore.compile.io import SymbolicInput
from tcore.configuration import change_flags
from tcore.gof import Apply, Op
from tcore.graph.errors import InconsistencyError
from tcore.link import PerformLinker
from tcore.optimizer import MergeOptimizer, Query

x, y = T.dscalar("x"), T.dscalar("y")

pytestmark = pytest.mark.usefixtures("numpy_backend")


def test_inputs_must_be_a_list_L12394_L13080():
    with pytest.raises(TypeError, match=r"come in a list, got x .*write function\(\[x\]"):
        function(x, x + 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [(3, "a Variable, an In or one of the documented tuples, got 3"), (T.constant(1.5), "constant .* cannot be an input")],
)
def test_inputs_must_be_variables_L12613(wrong, message):
    with pytest.raises(TypeError, match=message):
        function([wrong], x)


def test_shared_variable_is_no_input_L12394():
    s = shared(1.0, name="s")
    with pytest.raises(TypeError, match=r"shared variable s cannot be an input.*givens"):
        function([s], s + 1)


def test_missing_input():
    """The message says what is missing and where it was made."""
    with pytest.raises(MissingInputError, match=r"the outputs need y, of type TensorType.float64, scalar.") as info:
        function([x], x + y)
    assert info.value.variable is y
    assert "test_function_errors.py" in str(info.value)


def test_unused_input_L12420():
    with pytest.raises(UnusedInputError, match=r"the input at position 1, y, .* is not needed"):
        function([x, y], x + 1)
    with pytest.warns(UserWarning, match=r"position 1, y"):
        function([x, y], x + 1, on_unused_input="warn")
    assert function([x, y], x + 1, on_unused_input="ignore")(1, 2) == 2.0


def test_duplicate_input_L12616():
    with pytest.raises(UnusedInputError, match=r"x stands among the inputs twice.*position 1"):
        function([x, x], x + 1)


def test_outputs_must_be_variables():
    with pytest.raises(TypeError, match=r"outputs of a function are Variables or Outs, got <object"):
        function([x], object())


def test_dict_keys_must_be_strings():
    with pytest.raises(AssertionError, match=r"keys of outputs must be strings, got 1"):
        function([x], {1: x})


def test_unknown_mode_optimizer_linker():
    with pytest.raises(ValueError, match=r"no mode 'FAST'.*FAST_RUN"):
        function([x], x, mode="FAST")
    with pytest.raises(ValueError, match=r"no optimizer 'o9'.*o4"):
        Mode(optimizer="o9")
    with pytest.raises(ValueError, match=r"no linker 'jit'.*cvm"):
        Mode(linker="jit")


class TestUpdates:
    def test_target_must_be_shared(self):
        with pytest.raises(TypeError, match=r"store values into shared variables, got x"):
            function([x], x, updates=[(x, x + 1)])

    def test_two_updates_L12430(self):
        s = shared(0.0, name="s")
        with pytest.raises(ValueError, match=r"s has two updates"):
            function([x], x, updates=[(s, x), (s, s + x)])

    def test_wrong_type(self):
        s = shared(0, name="s")
        with pytest.raises(TypeError, match=r"update of the shared variable s has type TensorType\(float64, scalar\)"):
            function([x], x, updates={s: s + 0.5})

    def test_not_pairs(self):
        with pytest.raises(TypeError, match=r"updates is a dict or a list of pairs"):
            function([x], x, updates=[x])


class TestGivens:
    def test_on_an_input(self):
        with pytest.raises(RuntimeError, match=r"x stands among the inputs and in givens"):
            function([x], x + 1, givens={x: y})

    def test_wrong_type_L12412(self):
        s = shared(0.0, name="s")
        v = T.dvector("v")
        with pytest.raises(TypeError, match=r"givens: v cannot stand for s"):
            function([v], s + 1, givens={s: v})

    def test_not_pairs(self):
        with pytest.raises(TypeError, match="givens is a dict or a list of pairs, got x"):
            function([x], x, givens=x)
        with pytest.raises(TypeError, match="updates is a dict or a list of pairs, got 3"):
            function([x], x, updates=3)
        with pytest.raises(TypeError, match="givens replace variables, got 'x'"):
            function([y], y, givens={"x": y})

    def test_twice(self):
        with pytest.raises(ValueError, match=r"exp,no_inplace\}.0 is replaced twice in givens"):
            function([y], middle := T.exp(x), givens=[(middle, y), (middle, y + 1)])

    def test_not_strict_L12412(self):
        """Types may change where rebuild_strict is False."""
        s, v = shared(0.0, name="s"), T.dvector("v")
        f = function([v], s + 1, givens={s: v}, rebuild_strict=False)
        np.testing.assert_allclose(f([1.0, 2.0]), [2, 3])

    def test_of_an_intermediate_expression(self):
        """What it was computed from is not needed any more."""
        middle = T.exp(x)
        assert function([y], middle * 2, givens=[(middle, y)])(3.0) == 6.0


class TestCalls:
    @pytest.fixture
    def f(self):
        return function([x, In(y, value=1.0)], x + y, name="sum_of_two")

    def test_too_many(self, f):
        with pytest.raises(TypeError, match=r'the function "sum_of_two" takes 2 arguments, got 3'):
            f(1, 2, 3)

    def test_missing(self, f):
        with pytest.raises(TypeError, match=r"Missing required input: x"):
            f()

    def test_unknown(self, f):
        with pytest.raises(TypeError, match=r"^Unknown input or state: z"):
            f(1, z=2)

    def test_twice(self, f):
        with pytest.raises(TypeError, match=r"got the input 'x' twice"):
            f(1, x=2)

    def test_wrong_ndim(self, f):
        with pytest.raises(TypeError, match=r'^Bad input argument at index 0 \(called "x"\) of the function "sum_of_two"') as info:
            f([1.0, 2.0])
        assert "needed TensorType(float64, scalar)" in str(info.value)

    def test_wrong_dtype_L12413(self):
        v = T.fvector("v")
        g = function([v], v * 2)
        with pytest.raises(TypeError, match=r"needed TensorType.float32, vector., got ndarray of dtype float64 and shape .3,."):
            g(np.array([0.1, 0.2, 0.3]))

    def test_text(self, f):
        with pytest.raises(ValueError, match=r"Bad input argument at index 0"):
            f("a")

    def test_a_refused_call_changes_nothing(self):
        s = shared(0.0)
        g = function([x, y], x + y, updates=[(s, s + x)])
        with pytest.raises(TypeError):
            g(1.0, [1.0, 2.0])
        assert s.get_value() == 0.0
        assert g(1, 2) == 3.0

    def test_same_name_twice_L12615_L12618(self):
        """By position they work, by name they cannot be told apart."""
        a, b = T.dscalar("a"), T.dscalar("a")
        g = function([a, b], a - b)
        assert g(3, 1) == 2.0
        with pytest.raises(TypeError, match=r"several inputs with the name 'a'"):
            g(1, a=2)
        with pytest.raises(TypeError, match=r"Ambiguous name: a"):
            g["a"]

    def test_unknown_key(self, f):
        with pytest.raises(TypeError, match=r"Unknown input or state: q"):
            f["q"]


class TestIn:
    def test_mutable_without_borrow(self):
        with pytest.raises(AssertionError, match=r"mutable=True"):
            In(x, mutable=True, borrow=False)

    def test_implicit_without_value_L12366(self):
        with pytest.raises(TypeError, match=r"needs a value"):
            In(x, implicit=True)

    def test_update_of_another_type(self):
        with pytest.raises(TypeError, match=r"the update of x must have its type"):
            In(x, update=T.dvector())


def test_unknown_backend_names_the_package():
    """A backend that is not installed is named with the package that has it."""
    from tcore.plugins import UnknownNameError

    with change_flags(backend="nosuch"), pytest.raises(UnknownNameError, match=r"nosuch"):
        function([x], x + 1)


def test_linker_c_needs_a_backend():
    from tcore.compile import BackendError

    with pytest.raises(BackendError, match=r"tcore-cpu"):
        function([x], x + 1, mode=Mode(linker="c"))


def test_error_in_a_call_names_function_values_and_place():
    """An error while running carries the report, and the function works afterwards."""
    a, b = T.dvectors("a", "b")
    g = function([a, b], a * b)
    with pytest.raises(ValueError, match=r"Apply node that caused the error"):
        g([1.0, 2.0], [1.0, 2.0, 3.0])
    np.testing.assert_allclose(g([1.0, 2.0], [1.0, 2.0]), [1, 4])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((x, 1.0, 2.0, 3.0), "cannot read"),
        (("name", 3.0), "cannot read"),
        (("x", (x, x + 1)), "a value is missing"),
        (3.0, "is a Variable, an In or one of the documented tuples, got 3.0, of float"),
        ((), "documented tuples"),
    ],
)
def test_tuples_that_are_no_inputs_L12613(given, message):
    with pytest.raises(TypeError, match=message):
        function([given], x + 1)


def test_arguments_of_function_are_checked():
    """Each by name, with what it takes."""
    with pytest.raises(ValueError, match="on_unused_input is 'raise', 'warn', 'ignore' or None, got 'no'"):
        function([x], x, on_unused_input="no")
    with pytest.raises(TypeError, match="no_default_updates is a bool or a list of shared variables, got 3"):
        function([x], x, no_default_updates=3)
    with pytest.raises(TypeError, match="an optimizer is a name, a Query or an Optimizer, got 3"):
        Mode("py", 3)
    with pytest.raises(TypeError, match="a linker is a name or a Linker, got 3"):
        Mode(3)
    with pytest.raises(TypeError, match="a mode is a Mode, a name or None, got 3"):
        function([x], x, mode=3)
    with pytest.raises(TypeError, match="implicit is True or False"):
        SymbolicInput(x, implicit=None)
    with pytest.raises(TypeError, match="an output of a function is a Variable, got 3, of int"):
        Out(3)
    with pytest.raises(TypeError, match="an input of a function is a Variable or an In, got 3, of int"):
        In(3)


@pytest.mark.parametrize("names", [[], ["a"]])
def test_unknown_keyword(names):
    """What inputs there are by name, where there are any."""
    f = function([T.dscalar(name) for name in names] or [T.dscalar()], [], name="f", on_unused_input="ignore")
    with pytest.raises(TypeError) as caught:
        f(b=1.0)
    text = "1 named input (a)." if names else "0 named inputs, and 1 unnamed input which"
    assert text in str(caught.value)


@pytest.fixture
def _names_kept():
    yield
    predefined_modes.pop("MY_MODE", None)
    predefined_optimizers.pop("only_merge", None)


@pytest.mark.usefixtures("_names_kept")
def test_new_names():
    """Modes and optimizers that are registered are known in all functions, and taken then."""
    v = T.dvector("v")
    register_optimizer("only_merge", MergeOptimizer())
    register_mode("MY_MODE", Mode("py", "only_merge"))
    f = function([v], T.exp(v) + T.exp(v), mode="MY_MODE")
    assert sum(node.op == T.exp for node in f.maker.fgraph.apply_nodes) == 1
    with pytest.raises(ValueError, match="named 'MY_MODE' already"):
        register_mode("MY_MODE", Mode("py", None))


def test_cutoff_of_positions():
    """``optdb.position_cutoff`` leaves out what stands at or behind it, unless a query has its own."""
    v = T.dvector("v")

    def nodes(**options):
        return len(function([v], T.exp(v) * 1 + T.exp(v), mode=Mode("py", **options)).maker.fgraph.apply_nodes)

    with change_flags({"optdb.position_cutoff": 0.05}):
        assert nodes() == nodes(optimizer=None) - 1  # both exp are merged, and nothing else is done
        assert nodes(optimizer=Query(["fast_run"], position_cutoff=100.0)) == 1
    assert nodes() == 1


def test_names_that_are_taken():
    """Linkers, modes and optimizers that the documentation names cannot be replaced."""
    for register, name, value in (
        (register_linker, "vm", PerformLinker()),
        (register_mode, "FAST_RUN", Mode("py", None)),
        (register_optimizer, "o1", Query([])),
    ):
        with pytest.raises(ValueError, match=f"named '{name}' already"):
            register(name, value)


def test_modes_with_an_optimizer_of_their_own_have_no_tags():
    """Tags choose among the registered optimizations; an optimizer that was given as an object has none."""
    mode = Mode("py", MergeOptimizer())
    for change in ("including", "excluding", "requiring", "register"):
        with pytest.raises(TypeError, match=f"{change} changes a query for optdb"):
            getattr(mode, change)("fusion")


class Overwrites(Op):
    """A user's op that works in place."""

    __props__ = ()
    destroy_map = {0: [0]}

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = inputs[0]


def test_ops_in_place_are_refused_with_their_line():
    """The message says what to do, and where the op was applied."""
    x = T.dvector("x")
    y = Overwrites()(x)
    with pytest.raises(TypeError, match=r"(?s)accept_inplace=True.*created: .*test_function_errors.py.*in test_ops_in_place"):
        function([x], y)


def test_two_that_overwrite_one_value_are_refused_with_their_lines():
    """Both nodes and both lines; the one line of a node that overwrites a protected input, a constant, or what another reads later."""
    x = T.dvector("x")
    first = Overwrites()(x)  # the first
    second = Overwrites()(x)  # the second
    with pytest.raises(InconsistencyError, match="both overwrite x") as caught:
        function([In(x, mutable=True)], [first, second], accept_inplace=True)
    lines = [line for line in str(caught.value).splitlines() if line.startswith("  created: ")]
    assert sorted(line.rpartition("# ")[2] for line in lines) == ["the first", "the second"]
    assert all("test_function_errors.py" in line for line in lines)
    with pytest.raises(InconsistencyError, match=r"(?s)x is protected, but Overwrites\(x\) overwrites it.*created: .*# the first"):
        function([x], first, accept_inplace=True)
    with pytest.raises(InconsistencyError, match=r"(?s)overwrites the constant.*created: .*# here"):
        function([], Overwrites()(T.constant([1.0, 2])), accept_inplace=True)  # here
    y = x * 2  # a reader
    assert function([In(x, mutable=True)], [first + 1, y], accept_inplace=True)([1.0, 2])[1].tolist() == [2, 4]
    z = first * x  # reads what is gone
    with pytest.raises(InconsistencyError, match=r"(?s)needs Overwrites.*# reads what is gone.*# the first"):
        function([In(x, mutable=True)], z, accept_inplace=True)
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args
