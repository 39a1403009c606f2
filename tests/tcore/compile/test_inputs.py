"""In: defaults, values that stay, containers, names; and which outputs a call asks for."""

from __future__ import annotations

import numpy as np
import pytest

import tcore.tensor as T
from tcore import In, Mode, Out, function, shared
from tcore.compile import FunctionMaker, MonitorMode
from tcore.compile.io import SymbolicInput, convert_function_input
from tcore.configuration import change_flags
from tcore.graph import Apply, Op, generic
from tcore.link import Container

x, s = T.dvector("x"), T.dvector("s")


@pytest.fixture
def numpy():
    with change_flags(backend="numpy"):
        yield


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
class TestValuesThatStay:
    """Functions change only memory of the library, and its memory does not change while none runs."""

    def test_argument_of_a_sticky_input_L12542(self):
        mine = np.ones(2)
        f = function([x, In(s, value=np.zeros(2), update=s + x)], [])
        f([1.0, 1.0], mine)
        np.testing.assert_array_equal(mine, 1)
        np.testing.assert_array_equal(f[s], 2)
        f([0.0, 0.0], s=mine)
        mine += 5
        np.testing.assert_array_equal(f[s], 1)

    def test_trusted_argument(self):
        mine = np.ones(2)
        f = function([x, In(s, value=np.zeros(2), update=s + x)], [])
        f.trust_input = True
        f(np.ones(2), mine)
        np.testing.assert_array_equal(mine, 1)

    def test_assignment(self):
        """f[key] and f.value[key] take a copy."""
        f = function([x, In(s, value=np.zeros(2), update=s + x)], [])
        for assign in (lambda v: f.__setitem__("s", v), lambda v: f.value.__setitem__(s, v)):
            mine = np.ones(2)
            assign(mine)
            f([1.0, 1.0])
            np.testing.assert_array_equal(mine, 1)
            np.testing.assert_array_equal(f[s], 2)

    def test_first_value(self):
        mine = np.ones(2)
        f = function([x, In(s, value=mine, update=s + x)], [])
        f([1.0, 1.0])
        np.testing.assert_array_equal(mine, 1)

    def test_borrowed_argument(self):
        """borrow=True takes the array itself."""
        mine = np.ones(2)
        f = function([x, In(s, value=np.zeros(2), update=s * x, borrow=True)], s.sum())
        assert f([2.0, 2.0], mine) == 2
        np.testing.assert_array_equal(f[s], 2)

    def test_default_is_not_changed(self):
        """A default value that the function may overwrite is the same in the next call."""
        f = function([In(x, value=np.ones(2), mutable=True)], x + 1)
        for _ in range(3):
            np.testing.assert_array_equal(f(), 2)


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
class TestContainers:
    def test_implicit_L12366_L12556(self):
        """A container as value is implicit: it is read, and callers cannot replace it."""
        kept = shared(np.ones(2))
        for value in (kept.container, kept):
            f = function([x, In(s, value=value)], x + s)
            assert f.maker.inputs[1].implicit
            np.testing.assert_array_equal(f([1.0, 1.0]), 2)
            with pytest.raises(TypeError, match="takes 1 argument, got 2"):
                f([1.0, 1.0], [1.0, 1.0])
            with pytest.raises(TypeError, match="implicit input 's'"):
                f([1.0, 1.0], s=[1.0, 1.0])

    def test_explicit_L12554(self):
        """implicit=False: what is given overwrites the content of the container, and stays there."""
        kept = shared(np.ones(2))
        f = function([x, In(s, value=kept.container, implicit=False)], x + s)
        np.testing.assert_array_equal(f([1.0, 1.0]), 2)
        np.testing.assert_array_equal(f([1.0, 1.0], [5.0, 5.0]), 6)
        np.testing.assert_array_equal(kept.get_value(), 5)
        np.testing.assert_array_equal(f([1.0, 1.0]), 6)

    def test_shared_between_functions_L12627(self):
        """One container in two functions: what one updates the other reads, and a pointer to it stays right."""
        f = function([x, In(s, value=[0.0], update=s + x)], [])
        pointer = f.container[s]
        g = function([In(s, value=pointer)], s * 10)
        f([2.0])
        assert g() == [20]
        assert pointer.value is f.value["s"]
        with pytest.raises(TypeError, match="containers cannot be exchanged"):
            f.container[s] = pointer

    def test_filled_later_L12624(self):
        """An empty container must have a value at the time of the call."""
        empty = Container(s, [None])
        f = function([In(s, value=empty, implicit=False)], s * 2)
        with pytest.raises(TypeError, match="Missing required input: s"):
            f()
        empty.value = [1.0]
        assert f() == [2]


@pytest.mark.usefixtures("numpy")
class TestNames:
    def test_attribute_L12334_L12362(self):
        """The value of a named input is an attribute, too; autoname=False takes the name away, In(name=) replaces it."""
        f = function([In(x, value=[1.0], name="width"), In(s, value=[2.0], autoname=False)], x + s)
        assert (f.width, f["width"], f[0], f[1], f[s]) == ([1], [1], [1], [2], [2])
        assert f(width=[3.0]) == [5]
        for missing in ("x", "s"):
            with pytest.raises(AttributeError):
                getattr(f, missing)
            with pytest.raises(TypeError, match=r"1 named input \(width\), and 1 unnamed input"):
                f(**{missing: [1.0]})

    def test_any_type_L12334(self):
        f = function([In(x, value=[1.0], name=("any", 1))], x)
        assert f["any", 1] == [1]

    def test_mandatory_behind_a_default_L12614(self):
        """By name it can be given, by position only with everything before it."""
        f = function([In(s, value=[1.0]), x], x + s)
        assert f(x=[5.0]) == [6]
        assert f([2.0], [5.0]) == [7]
        with pytest.raises(TypeError, match="Missing required input: x"):
            f([5.0])

    def test_variable_keys_L12629_L12626(self):
        f = function([x, In(s, value=[1.0])], x + s)
        f.value[s] = [4]
        assert s in f
        assert f.value[1] is f.container["s"].value is f[s]
        for key in ("nothing", 7, T.dscalar()):
            with pytest.raises(TypeError, match="Unknown input or state"):
                f[key]


class Checked(Op):
    """Identity that must not run where its argument is negative."""

    __props__ = ()

    def make_node(self, a):
        return Apply(self, [a], [a.type()])

    def perform(self, node, inputs, output_storage, params=None):
        if (inputs[0] < 0).any():
            raise ArithmeticError("negative")
        output_storage[0][0] = inputs[0].copy()


class TestOutputSubset:
    @pytest.mark.usefixtures("backend")
    @pytest.mark.backends("numpy", "cpu")
    @pytest.mark.parametrize("mode", ["py", "vm", "vm_nogc", "cvm", "cvm_nogc", "c|py", "DebugMode", "NanGuardMode", "MonitorMode"])
    def test_computes_nothing_else_L12492_L12495(self, mode):
        """What only other outputs need does not run; updates do, and all inputs are needed."""
        built = MonitorMode() if mode == "MonitorMode" else mode if mode.endswith("Mode") else Mode(mode, "fast_run")
        state = shared(np.zeros(1))
        f = function([x, s], [x * 2, Checked()(s), T.exp(x), x * 2], updates=[(state, state + x)], mode=built)
        assert f([1.0], [-1.0], output_subset=[3, 0]) == [2, 2]
        assert f([0.0], [-1.0], output_subset=[-2]) == [1]
        assert f([0.0], [-1.0], output_subset=[]) == []
        assert state.get_value() == [1]
        with pytest.raises(ArithmeticError):
            f([1.0], [-1.0], output_subset=[1])
        with pytest.raises(TypeError, match="Missing required input: s"):
            f([1.0], output_subset=[0])
        assert [float(v[0]) for v in f([1.0], [2.0])] == [2, 2, pytest.approx(np.e), 2]

    @pytest.mark.usefixtures("backend")
    @pytest.mark.backends("opencl")
    def test_kernels_of_several_nodes(self):
        """On a device, one launch computes several nodes: each subset gets what it asks for."""
        a, b = T.fmatrices("a", "b")
        state = shared(np.ones((2, 3), "float32"))
        f = function([a, b], [T.exp(a) * state, b * 2 + state, (a + b).sum(), a.T], updates=[(state, state + 1)])
        u = np.arange(6, dtype="float32").reshape(2, 3) / 6
        for subset in ([0], [1], [2], [3], [1, 0], [3, 2], []):
            before = state.get_value()
            expected = [np.exp(u) * before, 2 * u + before, 2 * u.sum(), u.T]
            for k, got in zip(subset, f(u, u, output_subset=subset), strict=True):
                np.testing.assert_allclose(got, expected[k], rtol=1e-5)
            np.testing.assert_array_equal(state.get_value(), before + 1)

    @pytest.mark.usefixtures("numpy")
    def test_keys_and_mistakes_L12495(self):
        f = function([x], {"a": x * 2, "b": x + 1}, name="f")
        assert f([1.0], output_subset=["b"]) == {"b": [2]}
        assert f([1.0], output_subset=[0]) == {"a": [2]}
        with pytest.raises(KeyError, match="its outputs are a, b"):
            f([1.0], output_subset=["c"])
        with pytest.raises(IndexError, match="has 2 outputs, there is none at 2"):
            f([1.0], output_subset=[2])
        for wrong in (1, "a", [x]):
            with pytest.raises(TypeError, match="output_subset is a list of positions or keys"):
                f([1.0], output_subset=wrong)


@pytest.mark.usefixtures("numpy")
class TestUpdatesAndOutputs:
    @pytest.mark.parametrize("form", [lambda *p: list(p), lambda *p: tuple(p), lambda *p: dict(p), lambda *p: [list(q) for q in p]])
    def test_forms_L12408(self, form):
        a, b = shared(np.zeros(1)), shared(np.zeros(1))
        function([x], [], updates=form((a, x), (b, a + 1)))([3.0])
        assert (a.get_value(), b.get_value()) == ([3], [1])

    def test_of_any_type(self):
        """Values that are no arrays are updated as well; a constant may be stored; a row goes into a matrix."""
        thing, number, table = shared([1]), shared(3), shared(np.zeros((1, 2)))
        new, row = generic.make_variable("new"), T.drow("row")
        function([new, row], [], updates=[(thing, new), (number, 5), (table, row)])({"a": 1}, [[1.0, 2.0]])
        assert thing.get_value() == {"a": 1}
        assert number.get_value() == 5
        np.testing.assert_array_equal(table.get_value(), [[1, 2]])
        thing_out = function([], thing)()
        thing_out["a"] = 2
        assert thing.get_value() == {"a": 1}

    def test_single_number(self):
        """One output that is no Variable is one bare value, too."""
        assert function([], 3)() == 3
        assert function([], [3])() == [3]

    def test_return_internal_type(self):
        f = function([x], Out(x * 2, borrow=True, return_internal_type=True))
        assert f([1.0]) == [2]

    def test_unused_input_option_L12420(self):
        """A wrong option is refused even where no input is unused."""
        with pytest.raises(ValueError, match="on_unused_input"):
            function([x], x, on_unused_input="wran")
        with pytest.warns(UserWarning, match="position 1, s"):
            function([x, s], x, on_unused_input="warn")

    def test_givens_reach_updates_L12409(self):
        """They replace shared variables, constants and expressions, in outputs and updates, for this function alone."""
        state, two = shared(np.zeros(1)), T.constant(2.0)
        y = (x * two) + state
        f = function([s], y, updates=[(state, y)], givens={x: s + 1, two: T.constant(3.0), state: s})
        assert f([1.0]) == [7]
        assert state.get_value() == [7]
        assert function([x], y)([1.0]) == [9]


class TestSymbolicInput:
    """The base of In, which callers may use as well."""

    def test_update_is_no_leave_to_overwrite_arguments(self):
        v = T.dvector("v")
        f = function([SymbolicInput(v, name="state", update=v + 1)], v * 2)
        given = np.zeros(3)
        np.testing.assert_array_equal(f(given), np.zeros(3))
        np.testing.assert_array_equal(f["state"], np.ones(3))
        np.testing.assert_array_equal(f(), np.full(3, 2.0))
        np.testing.assert_array_equal(given, np.zeros(3))

    def test_all_it_says(self):
        v = T.dvector("v")
        made = convert_function_input(SymbolicInput(v, "n", strict=True, allow_downcast=True, mutable=True))
        assert (made.variable, made.name, made.strict, made.allow_downcast, made.mutable) == (v, "n", True, True, True)
        with pytest.raises(TypeError, match="input v is implicit, so callers cannot give it: it needs a value"):
            function([SymbolicInput(v, implicit=True)], v)

    def test_texts(self):
        x = T.dscalar("x")
        assert repr(In(x)) == "In(x)"
        assert str(SymbolicInput(x, update=x)) == "In(x -> x)"
        assert repr(Out(x, borrow=True)) == "Out(x,True)"

    def test_name_alone(self):
        x = T.dscalar("x")
        assert function([("n", x)], x + 1)(n=1.0) == 2.0


def test_maker_checks_its_option():
    """Whether or not an input is unused."""
    x = T.dscalar("x")
    with pytest.raises(ValueError, match="on_unused_input is 'raise', 'warn', 'ignore' or None, got 'no'"):
        FunctionMaker([x], x, on_unused_input="no")
