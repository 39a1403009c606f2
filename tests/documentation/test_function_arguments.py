"""What `function`, In, Out, shared variables and Functions promise, one by one; its lines in the names."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import In, Mode, Out, function, function_dump, shared
from tcore.compile import FAST_COMPILE, Function, ProfileStats, SharedVariable
from tcore.compile.io import SymbolicInput
from tcore.compile.profiling import at_exit
from tcore.configuration import config
from tcore.graph import Apply, Op, Variable
from tcore.link import Container

v, w = T.dvectors("v", "w")

pytestmark = pytest.mark.usefixtures("numpy_backend")


def parameters(callee: Any) -> dict[str, Any]:
    """Names and defaults, in order; no default is Ellipsis."""
    found = inspect.signature(callee).parameters.values()
    return {p.name: ... if p.default is p.empty else p.default for p in found}


class TestSharedVariables:
    def test_made_by_hand_L12255(self):
        """``SharedVariable(name, type, value, strict, container)``: a new container is filled with the value."""
        assert list(parameters(SharedVariable))[:4] == ["name", "type", "value", "strict"]
        value = np.ones(2)
        s = SharedVariable(None, v.type, value, False)
        assert s.name is None
        assert (s.type, s.container.value.tolist()) == (v.type, [1, 1])
        with pytest.raises(TypeError):
            SharedVariable("s", v.type, [1, 2], True)
        with pytest.raises(TypeError, match="name"):
            SharedVariable(3, v.type, value, False)

    def test_one_value_for_all_functions_L12231_L12246(self):
        """A Variable with a value that every function reads and writes; a new value shows at once."""
        s = shared(np.zeros(2), "s")
        assert isinstance(s, SharedVariable)
        assert isinstance(s, Variable)
        add, read = function([v], [], updates=[(s, s + v)]), function([], s * 10)
        add([1.0, 2.0])
        assert read().tolist() == [10, 20]
        s.set_value(np.full(2, 7.0))
        assert read().tolist() == [70, 70]
        assert add.container[s] is read.container[s] is s.container
        with pytest.raises(TypeError):
            s.set_value(np.ones((2, 2)))
        assert read().tolist() == [70, 70]

    def test_container_feeds_functions_L12265(self):
        """What is put into the container by hand is what functions read."""
        s = shared(np.zeros(2), "s")
        f = function([], s + 1)
        assert type(s.container) is Container
        s.container.value = np.full(2, 4.0)
        assert f().tolist() == [5, 5]

    def test_top_level_name_L12278(self):
        assert tcore.shared is tcore.compile.shared
        assert list(parameters(tcore.shared)) == ["value", "name", "strict", "allow_downcast", "kwargs"]


class TestSignatures:
    def test_function_L12308(self):
        """Documented parameters first, in order, with their defaults (None reads ``config.on_unused_input``: raise)."""
        documented = {
            "inputs": ..., "outputs": None, "mode": None, "updates": None, "givens": None, "no_default_updates": False,
            "accept_inplace": False, "name": None, "rebuild_strict": True, "allow_input_downcast": None, "profile": None,
            "on_unused_input": None,
        }  # fmt: skip
        assert list(parameters(function).items())[: len(documented)] == list(documented.items())
        assert config.on_unused_input == "raise"
        dump = parameters(function_dump)
        assert next(iter(dump)) == "filename"
        assert list(dump)[1:13] == list(documented)
        assert dump["extra_tag_to_remove"] is None
        made = function([v], v)
        assert isinstance(made, Function)
        assert callable(made)

    def test_function_object_L12466(self):
        """The class that ``function`` and ``FunctionMaker.create`` return."""
        names = "fn input_storage output_storage indices outputs defaults unpack_single return_none output_keys maker name"
        assert list(parameters(Function)) == names.split()
        f = function([v], v)
        assert (f.unpack_single, f.return_none) == (True, False)
        assert function([v], None, on_unused_input="ignore").return_none

    def test_in_and_out_L12326_L12376_L12380(self):
        documented = {
            "variable": ..., "name": None, "value": None, "update": None, "mutable": None, "strict": False,
            "allow_downcast": None, "autoname": True, "implicit": None, "borrow": None, "shared": False,
        }  # fmt: skip
        assert parameters(In) == documented | {"shape": None}  # ours: a promised shape
        assert list(parameters(Out).items())[:2] == [("variable", ...), ("borrow", False)]
        for cls in (In, Out):
            assert cls(v).variable is v
            assert getattr(tcore.compile.io, cls.__name__) is getattr(tcore.compile, cls.__name__) is cls
        assert not Out(v).borrow
        from tcore.compile.function import In as In_
        from tcore.compile.function import Out as Out_

        assert (In_, Out_) == (In, Out)


class TestFunctionArguments:
    def test_outputs_L12406_L12755(self):
        """A Variable or an Out gives one bare value, lists of them give lists."""
        for single in (v * 2, Out(v * 2)):
            assert function([v], single)([1.0]).tolist() == [2]
            assert isinstance(function([v], [single])([1.0]), list)
        mixed = function([v], [v, Out(v * 2, borrow=True)])([3.0])
        assert [value.tolist() for value in mixed] == [[3], [6]]

    def test_mode_L12407(self):
        """A name, a Mode, or None for the default."""
        assert function([v], v, mode="FAST_COMPILE").maker.mode is FAST_COMPILE
        mine = Mode("py", None)
        assert function([v], v, mode=mine).maker.mode is mine
        with config.change_flags(mode="FAST_COMPILE"):
            assert function([v], v).maker.mode is FAST_COMPILE

    def test_givens_may_change_the_meaning_L12434(self):
        """No rewrite: the second need not equal the first."""
        y = v * 2
        assert function([w], y + 1, givens={v: w * 10})([1.0]).tolist() == [21]
        assert function([w], y + 1, givens=[(y, w)])([1.0]).tolist() == [2]
        assert function([w], y + 1, givens=((v, w),))([1.0]).tolist() == [3]

    def test_givens_of_other_types_L12412(self):
        """With ``rebuild_strict=False`` what depends on it changes its type; an op that cannot take it raises."""

        class OnlyVectors(Op):
            __props__ = ()

            def make_node(self, a):
                if a.type.ndim != 1:
                    raise TypeError("vectors only")
                return Apply(self, [a], [a.type()])

            def perform(self, node, inputs, output_storage, params=None):
                output_storage[0][0] = inputs[0] * 2

        m = T.dmatrix("m")
        with pytest.raises(TypeError, match="cannot stand for"):
            function([m], v + 1, givens={v: m})
        f = function([m], v + 1, givens={v: m}, rebuild_strict=False)
        assert f([[1.0]]).tolist() == [[2]]
        assert f.maker.fgraph.outputs[0].type == m.type
        with pytest.raises(TypeError, match="vectors only"):
            function([m], OnlyVectors()(v), givens={v: m}, rebuild_strict=False)

    def test_lossy_arguments_L12413(self):
        """True takes them; False takes what fits without loss; None, too, and Python floats where floatX is theirs."""
        x, xs = T.fscalar("x"), T.fvector("xs")
        with config.change_flags(floatX="float32"):
            lossy, exact, usual = (function([x], x * 1, allow_input_downcast=allow) for allow in (True, False, None))
            vectors = function([xs], xs * 1)
        assert lossy(0.1) == lossy(np.float64(0.1)) == np.float32(0.1)
        for f in (exact, usual):
            assert f(np.float32(0.1)) == np.float32(0.1)
            assert f(np.int8(3)) == 3
            with pytest.raises(TypeError, match="allow_input_downcast"):
                f(np.float64(0.1))
        with config.change_flags(floatX="float32"):
            assert usual(0.1) == np.float32(0.1)
            with pytest.raises(TypeError):
                exact(0.1)
            with pytest.raises(TypeError):
                vectors([0.1])
        with pytest.raises(TypeError):
            usual(0.1)
        b = T.bvector("b")
        assert function([b], b, allow_input_downcast=True)([1.7, 300]).tolist() == [1, 44]

    def test_profile_L12414_L12418(self, monkeypatch):
        """True makes a ProfileStats of its own, one that is given counts for all its functions."""
        waiting = [None]
        monkeypatch.setattr(at_exit, "_waiting", waiting)  # nothing is printed when the tests end
        own = function([v], v + 1, profile=True)
        assert isinstance(own.profile, ProfileStats)
        assert waiting[1:] == [own.profile]
        both = ProfileStats(atexit_print=False)
        f, g = function([v], v + 1, profile=both), function([v], v * 2, profile=both)
        assert f.profile is g.profile is both
        for each in (f, g, f):
            each([1.0])
        assert both.fct_callcount == 3
        assert function([v], v).profile is None

    def test_dump_without_private_values_L12451(self, tmp_path):
        """The file has the values of shared variables as they are then; nothing is compiled, so nothing is refused."""
        s = shared(np.full(3, 9.0), name="s")
        s.set_value(np.zeros_like(s.get_value()))
        function_dump(str(tmp_path / "dump"), [v], w * s)
        s.set_value(np.full(3, 9.0))
        with (tmp_path / "dump").open("rb") as file:
            arguments = pickle.load(file)
        assert not arguments["outputs"].owner.inputs[1].get_value().any()
        with pytest.raises(tcore.compile.function_module.MissingInputError, match="w"):
            function(**arguments)


class TestFunctions:
    def test_identity_L12474_L12476(self):
        f = function([v], v)
        twin = f.copy()
        assert f == f
        assert f != twin
        assert len({f, twin, f}) == 2
        assert hash(f) == hash(f)

    def test_call_L12486_L12493(self):
        """By position, or by name; a variable as key is for square brackets, since Python's keywords are strings."""
        f = function([v, In(w, value=[1.0], name="second")], [v + w, v])
        for values in (f([1.0], [2.0]), f(v=[1.0], second=[2.0]), f([1.0], second=[2.0])):
            assert [value.tolist() for value in values] == [[3], [1]]
        with pytest.raises(TypeError, match="keywords must be strings"):
            f(**{v: [1.0]})
        f[w] = [5.0]
        assert f([1.0])[0].tolist() == [6]

    @pytest.mark.backends("numpy", "cpu")
    def test_trust_input_L12480(self, backend):
        """Arguments go in unchecked: Python code gets what was given, C code raises for objects of other types."""

        class Kind(Op):
            __props__ = ()

            def make_node(self, a):
                return Apply(self, [a], [tcore.graph.generic()])

            def perform(self, node, inputs, output_storage, params=None):
                output_storage[0][0] = type(inputs[0]).__name__

        with config.change_flags(backend=backend):
            f = function([v], Kind()(v), mode=Mode("py", None))
            g = function([v], T.exp(v))
        assert f.trust_input is False
        assert f([1.0]) == "ndarray"
        f.trust_input = True
        assert f([1.0]) == "list"
        g.trust_input = True
        np.testing.assert_allclose(g(np.zeros(2)), 1)
        if backend == "cpu":
            with pytest.raises(TypeError, match="has not the dtype, dimensions or memory layout"):
                g(np.zeros((2, 2)))
            with pytest.raises(ValueError, match="could not convert"):
                g("a")

    def test_values_are_found_L12470_L12635(self):
        """Square brackets read and set, by variable, name and position, as ``value`` does; containers hold the same object."""
        f = function([v, In(w, value=[1.0], update=w + v)], [])
        for key in (w, "w", 1):
            assert f[key] is f.value[key] is f.container[key].value
            f[key] = [3]
            assert f[w].dtype == "float64"
            assert f[w].tolist() == [3]

    def test_container_value_L12650(self):
        f = function([v, In(w, value=[1.0], update=w + v)], [])
        f([2.0])
        assert isinstance(f.container[w], Container)
        assert f.container[w].value is f.value[w]
        f.container[w].value = np.array([9.0])
        f([1.0])
        assert f[w].tolist() == [10]


class TestIn:
    def test_update_L12342(self):
        """None leaves the value alone."""
        f = function([v, In(w, value=[1.0])], v + w)
        f([1.0], [5.0])
        assert f([1.0]).tolist() == [2]
        assert In(v).update is None
        assert In(w, update=w + v, value=[0.0]).update.owner.inputs == [w, v]

    def test_mutable_L12346(self):
        """The array that is given may be overwritten; it never is otherwise."""
        new = T.inc_subtensor(v[0], 5.0)
        for entry, after in ((v, [0, 0]), (In(v, mutable=True), [5, 0])):
            given = np.zeros(2)
            assert function([entry], new)(given).tolist() == [5, 0]
            assert given.tolist() == after

    def test_strict_L12354(self):
        """True takes the very type only; False casts and copies where nothing is lost."""
        strict, loose = function([In(v, strict=True)], v * 1), function([v], v * 1)
        for other in ([1.0], np.ones(1, "float32"), np.ones(1, "int8")):
            assert loose(other).tolist() == [1]
            with pytest.raises(TypeError, match="strictly takes arrays of float64"):
                strict(other)
        assert strict(np.ones(1)).tolist() == [1]

    def test_downcast_L12358(self):
        """Silent loss for this input; without effect where strict."""
        x = T.fvector("x")
        assert function([In(x, allow_downcast=True)], x * 1)(np.array([0.1])).tolist() == [np.float32(0.1)]
        for refusing in (In(x), In(x, allow_downcast=False), In(x, allow_downcast=True, strict=True)):
            with pytest.raises(TypeError):
                function([refusing], x * 1)(np.array([0.1]))

    def test_shared_L12372(self):
        """Marks inputs that ``function`` made of shared variables."""
        f = function([v], v * shared(np.ones(2)))
        assert [(entry.shared, entry.implicit) for entry in f.maker.inputs] == [(False, False), (True, True)]


SHORTCUTS = [
    pytest.param(lambda: v, (), id="L12686"),
    pytest.param(lambda: ("a", v), ("a",), id="L12687"),
    pytest.param(lambda: (v, [3.0]), (None, [3.0]), id="L12688"),
    pytest.param(lambda: ((v, v + 1), [3.0]), (None, [3.0], "update"), id="L12689"),
    pytest.param(lambda: ("a", v, [3.0]), ("a", [3.0]), id="L12690"),
    pytest.param(lambda: ("a", (v, v + 1), [3.0]), ("a", [3.0], "update"), id="L12691"),
]


@pytest.mark.parametrize(("make", "means"), SHORTCUTS)
def test_shortcut(make, means):
    """Each tuple means an In with this name, value and update."""
    name, value, update = (*means, *(None, None, None)[len(means) :])
    f = function([make()], v * 2)
    (entry,) = f.maker.inputs
    assert isinstance(entry, SymbolicInput)
    assert entry.name == (name or "v")
    assert (entry.update is None) == (update is None)
    assert f(**{name or "v": [1.0]}).tolist() == [2]
    if value is None:
        with pytest.raises(TypeError, match="Missing required input"):
            f()
    else:
        assert f().tolist() == ([4] if update else [6])  # a value of the last call stays where there is an update


class TestCompilerOps:
    def test_function_ops_have_no_gradient_L12818(self):
        @tcore.as_op(itypes=[T.dvector], otypes=[T.dscalar])
        def total(a):
            return np.asarray(a.sum())

        with pytest.raises((NotImplementedError, tcore.gradient.NullTypeGradError), match="total"):
            T.grad(total(v), v)

    def test_output_guard_L12820(self):
        """Counts as overwriting what it passes on: a second overwriter is refused; an in-place rule without a handler, too."""
        from tcore.compile.ops import OutputGuard
        from tcore.graph import FunctionGraph, InconsistencyError
        from tcore.graph.destroyhandler import DestroyHandler

        guard, y = OutputGuard(), T.exp(v)
        assert guard.destroy_map == {0: [0]}
        value, cell = np.ones(2), [None]
        guard.perform(guard(y).owner, [value], [cell])
        assert np.shares_memory(cell[0], value)
        graph = FunctionGraph([v, w], [guard(y), T.tanh(y)], clone=False, features=[DestroyHandler()])
        over_y = T.Elemwise(tcore.scalar.tanh, {0: 0})(y)
        with pytest.raises(InconsistencyError):
            graph.replace_all_validate([(graph.outputs[1], over_y)])

    def test_promised_shapes_vanish_L12866(self):
        """The promise is checked where the value is used, and gone where only its shape is."""
        promised = T.specify_shape(v, (3,))
        with pytest.raises(AssertionError, match="promised"):
            function([v], promised * 2)([1.0])
        f = function([v], promised.shape, on_unused_input="ignore", mode=Mode("vm", "fast_run"))
        assert f([1.0]).tolist() == [3]
        assert not any(isinstance(node.op, T.SpecifyShape) for node in f.maker.fgraph.apply_nodes)

    def test_lengths_in_rewrites_L12982_L12990(self):
        """``shape_i``: the simplified form that the graph of the variable knows, or the graph that it is to enter."""
        from tcore.compile.ops import shape_i
        from tcore.graph import FunctionGraph
        from tcore.tensor.rewrites.shape_feature import ShapeFeature

        m = T.dmatrix("m")
        y = T.exp(m) * 2
        assert shape_i(y, 0).owner.inputs == [y]
        graph = FunctionGraph([m], [y], clone=False, features=[ShapeFeature()])
        assert [str(shape_i(y, i)) for i in (0, 1)] == ["Shape_i{0}.0", "Shape_i{1}.0"]
        assert shape_i(y, 0).owner.inputs == [m]
        new = T.tanh(T.dot(y, y).T)
        assert shape_i(new, 0).owner.inputs == [new]
        assert (str(shape_i(new, 0, graph)), shape_i(new, 0, graph).owner.inputs) == ("Shape_i{1}.0", [m])
        assert shape_i(T.alloc(0.0, 7, 2), 1, graph).data == 2
