"""The memory model, presets of linkers, and what ops owe: promises of the documentation that have no page of their own; its lines in the names."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import gof, shared
from tcore.compile import as_op
from tcore.compile.debugmode import BadViewMap, InvalidValueError
from tcore.gof import Apply, CEnumType, Params, ParamsType
from tcore.gof.type import Generic

x = T.dvector("x")
FAST = tcore.Mode("vm", "fast_compile")


# ------------------------------------------------------------ memory


def test_nothing_changes_between_calls_L5775_L5778():
    """Values of shared variables and results stay as they are while no function runs; each call leaves earlier results alone."""
    s = shared(np.arange(3.0))
    f = tcore.function([x], s + x, updates=[(s, s * 2)], mode=FAST)
    first = f([1.0, 1.0, 1.0])
    value, kept = s.get_value(), first.copy()
    tcore.grad((s * x).sum(), x)
    tcore.function([x], s * x, mode=FAST)
    np.testing.assert_array_equal(s.get_value(), value)
    f([5.0, 5.0, 5.0])
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(value, [0.0, 2.0, 4.0])


def test_update_may_end_the_aliasing_L5817():
    """After an update the caller's array holds the new value or its own, never anything else."""
    mine = np.ones(3)
    s = shared(mine, borrow=True)
    assert s.get_value(borrow=True) is mine
    tcore.function([], [], updates=[(s, s + 1)])()
    np.testing.assert_array_equal(s.get_value(), 2.0)
    assert mine.tolist() in ([1.0] * 3, [2.0] * 3)


def test_borrowed_reading_L5842_L5844_L5850():
    """borrow may give the stored array; the internal object is that very one, at once; without borrow it is a copy."""
    s = shared(np.ones(3))
    own = s.get_value(borrow=True, return_internal_type=True)
    assert own is s.get_value(borrow=True, return_internal_type=True)
    assert s.get_value(borrow=True).ctypes.data == own.ctypes.data
    assert not np.may_share_memory(s.get_value(return_internal_type=True), own)
    assert type(s.get_value()) is type(own) is np.ndarray
    assert type(shared([1, 2]).get_value()) is list


def test_out_takes_both_hints_L5906():
    for borrow in (False, True):
        for internal in (False, True):
            f = tcore.function([x], tcore.Out(T.exp(x), borrow=borrow, return_internal_type=internal), mode=FAST)
            np.testing.assert_allclose(f([0.0, 1.0]), np.exp([0.0, 1.0]))


def test_values_for_the_long_term_L5634(tmp_path):
    """The advice of the manual: values of shared variables in NumPy's files."""
    s = shared(np.arange(4.0))
    np.savez(tmp_path / "model.npz", s=s.get_value())
    s.set_value(np.zeros(4))
    s.set_value(np.load(tmp_path / "model.npz")["s"])
    np.testing.assert_array_equal(s.get_value(), np.arange(4.0))


def test_dump_needs_the_classes_L5232(tmp_path):
    """A dump of a graph with an op of a module that is not there: loading names the module."""
    (tmp_path / "ops_of_mine.py").write_text(
        "import tcore\n"
        "class Mine(tcore.Op):\n"
        "    __props__ = ()\n"
        "    def make_node(self, x):\n"
        "        return tcore.Apply(self, [x], [x.type()])\n"
        "    def perform(self, node, inputs, out):\n"
        "        out[0][0] = inputs[0] * 3\n"
    )
    write = "import tcore, tcore.tensor as T, ops_of_mine; x = T.dvector(); tcore.function_dump('dump', [x], ops_of_mine.Mine()(x))"
    subprocess.run([sys.executable, "-c", write], cwd=tmp_path, check=True)
    with (tmp_path / "dump").open("rb") as file, pytest.raises(ModuleNotFoundError, match="ops_of_mine"):
        pickle.load(file)
    sys.path.insert(0, str(tmp_path))
    try:
        with (tmp_path / "dump").open("rb") as file:
            f = tcore.function(**pickle.load(file))
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("ops_of_mine", None)
    np.testing.assert_array_equal(f([1.0]), [3.0])


# ------------------------------------------------------------ linkers


class Doubling(tcore.Op):
    """In Python alone."""

    __props__ = ()

    def make_node(self, v):
        return Apply(self, [v], [v.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0] * 2


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("cpu")
class TestCLinkers:
    def test_c_alone_L4582(self):
        """Only native code: an op without it is an error that names the op and what to use instead."""
        with pytest.raises(Exception, match=r"native code only, and Doubling.*c\|py"):
            tcore.function([x], Doubling()(x), mode=tcore.Mode("c", "fast_run"))
        np.testing.assert_allclose(tcore.function([x], T.exp(x), mode=tcore.Mode("c", "fast_run"))([0.0]), [1.0])

    @pytest.mark.parametrize(("linker", "gc"), [("cvm", True), ("cvm_nogc", False), ("c|py", True), ("c|py_nogc", False)])
    def test_collection_L4578_L4579_L4580_L4581(self, linker, gc):
        """The name says whether values in between are released; an op without native code runs in Python."""
        mode = tcore.Mode(linker, None)
        f = tcore.function([x], T.exp(Doubling()(x)) + 1, mode=mode)
        np.testing.assert_allclose(f([0.5]), np.exp([1.0]) + 1)
        assert mode.linker.allow_gc is gc

    def test_mode_chooses_the_implementation_L6509_L6466(self):
        """An op with both: C where the linker runs C, Python where it does not."""

        class Both(Doubling):
            def perform(self, node, inputs, output_storage):
                output_storage[0][0] = inputs[0] + 1000

            def c_code_cache_version(self):
                return (1,)

            def c_code(self, node, name, inputs, outputs, sub):
                return f"{outputs[0]} = {inputs[0]} * 2;"

        a = tcore.scalar.float64("a")
        assert tcore.function([a], Both()(a), mode=tcore.Mode("cvm", None))(1.5) == 3.0
        assert tcore.function([a], Both()(a), mode=tcore.Mode("py", None))(1.5) == 1001.5


# ------------------------------------------------------------ ops


def test_an_op_inherits_L8195():
    """Unlike a Type: an object with the same methods is refused with the reason."""

    class Duck:
        def make_node(self, v):
            return Apply(self, [v], [v.type()])

        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0]

    with pytest.raises(TypeError, match=r"Duck.*is no Op: the class of an op inherits from tcore\.Op"):
        tcore.function([x], Duck().make_node(x).outputs[0])


def test_type_of_an_output_has_the_pattern_too_L6560():
    """``x.type()`` of a row is a row: an op whose result has more rows breaks that promise, which DebugMode finds."""

    class Stack(Doubling):
        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = np.vstack([inputs[0]] * 2)

    row, matrix = T.drow("row"), T.dmatrix("matrix")
    assert Stack()(row).type.broadcastable == (True, False)
    assert tcore.function([matrix], Stack()(matrix), mode="DebugMode")([[1.0]]).shape == (2, 1)
    with pytest.raises(InvalidValueError, match="Stack"):
        tcore.function([row], Stack()(row), mode="DebugMode")([[1.0]])


def test_as_op_gives_new_data_L6954():
    """A view of an input, or the input itself changed, is found by DebugMode."""

    @as_op([T.dvector], [T.dvector])
    def tail(v):
        return v[1:]

    @as_op([T.dvector], [T.dvector])
    def changed(v):
        v += 1
        return v.copy()

    with pytest.raises(BadViewMap):
        tcore.function([x], tail(x), mode="DebugMode")([1.0, 2.0])
    with pytest.raises(tcore.compile.debugmode.BadDestroyMap):
        tcore.function([x], changed(x), mode="DebugMode")([1.0, 2.0])


def test_matrix_type_L5493():
    """dmatrix: float64, two axes of any length."""
    assert (T.dmatrix.dtype, T.dmatrix.ndim, T.dmatrix.broadcastable) == ("float64", 2, (False, False))
    for shape in ((0, 3), (1, 1), (2, 5)):
        assert T.dmatrix.filter(np.zeros(shape)).shape == shape
    with pytest.raises(TypeError):
        T.dmatrix.filter(np.zeros(3))


# ------------------------------------------------------------ params


def test_params_are_compared_and_hashed_by_their_types_L9503_L15812():
    """Equal params are one key of a dictionary; values that do not hash themselves are compared by their types."""
    kind = ParamsType(a=T.dvector, b=Generic())
    one, same, other = (kind.get_params(a=[1.0, 2.0], b=b) for b in ("b", "b", "c"))
    assert {one: 1}[same] == 1
    assert one != other
    assert hash(one) == hash(same)
    thing = ["no hash"]
    made, again = (Params(kind, a=np.array([1.0, 2.0]), b=thing) for _ in range(2))
    assert made.b is thing
    assert made == again
    assert hash(made) == hash(again)


def test_python_values_of_c_constants_L15143():
    """Different for each name, good for choosing one; what C says they are is not known in Python."""
    enum = CEnumType("EINVAL", "EAGAIN", "ENOENT")
    assert len({enum.EINVAL, enum.EAGAIN, enum.ENOENT}) == 3
    assert [enum.filter(name) for name in ("EINVAL", "EAGAIN")] == [enum.EINVAL, enum.EAGAIN]


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("cpu")
def test_names_of_values_in_c_are_for_debugging_L15428():
    """The function that names a value is in the C text only where ``cmodule.debug`` asks for it."""
    from tcore_cpu.user_code.methods import module_text

    class Chosen(tcore.Op):
        __props__ = ("choice",)
        params_type = gof.EnumList("FIRST", "SECOND", cname="choices")

        def __init__(self, choice):
            self.choice = self.params_type.filter(choice)

        def get_params(self, node):
            return self.choice

        def make_node(self, v):
            return Apply(self, [v], [v.type()])

        def c_code(self, node, name, inputs, outputs, sub):
            return f"{outputs[0]} = {inputs[0]} + {sub['params']};"

    node = Chosen("SECOND")(tcore.scalar.float64("a")).owner
    assert "tcore_enum_to_string_choices" not in module_text(node).source
    with tcore.config.change_flags(**{"cmodule.debug": True}):
        assert "tcore_enum_to_string_choices" in module_text(node).source


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("cpu")
def test_fields_belong_to_the_params_L15759():
    """C code frees none of them: their counts of references are the same after many calls."""
    thing = object()

    class Holding(tcore.Op):
        __props__ = ()
        params_type = ParamsType(thing=Generic(), v=T.dvector)

        def get_params(self, node):
            return self.params_type.get_params(thing=thing, v=[1.0, 2.0])

        def make_node(self, a):
            return Apply(self, [a], [a.type()])

        def c_code_cache_version(self):
            return (1,)

        def c_code(self, node, name, inputs, outputs, sub):
            return f"{outputs[0]} = {inputs[0]} + *(double*) PyArray_GETPTR1({sub['params']}->v, 1);"

    a = tcore.scalar.float64("a")
    f = tcore.function([a], Holding()(a), mode=tcore.Mode("cvm", None))
    assert f(1.0) == 3.0
    before = sys.getrefcount(thing)
    for _ in range(50):
        f(1.0)
    assert sys.getrefcount(thing) == before
