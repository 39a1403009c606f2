"""Linkers: order, storage, garbage collection, laziness, errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from in_threads import finish, in_thread

import tcore.tensor as T
from tcore.configuration import change_flags
from tcore.graph import Apply, DestroyHandler, FunctionGraph, Op, generic
from tcore.link import Container, PerformLinker, VMLinker, WrapLinker, infer_reuse_pattern, raise_with_op
from tcore.link.storage import written_inputs


class Lazy(Op):
    """The second input where the first is true, else the third; evaluates one of them."""

    __props__ = ()

    def make_node(self, c, a, b):
        return Apply(self, [c, a, b], [a.type()])

    def make_thunk(self, node, storage_map, compute_map, no_recycling, impl=None):
        cells = [storage_map[v] for v in node.inputs]
        flags = [compute_map[v] for v in node.inputs]
        (out,) = (storage_map[v] for v in node.outputs)

        def thunk():
            if not flags[0][0]:
                return [0]
            branch = 1 if cells[0][0] else 2
            if not flags[branch][0]:
                return [branch]
            out[0] = cells[branch][0]
            return None

        thunk.lazy = True
        thunk.inputs, thunk.outputs = cells, [out]
        return thunk


class Count(Op):
    """Identity that counts its runs."""

    __props__ = ("log",)

    def __init__(self, log):
        self.log = log

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        self.log.append(str(node.inputs[0]))
        output_storage[0][0] = inputs[0] * 1

    def __hash__(self):
        return id(self.log)

    def __eq__(self, other):
        return type(self) is type(other) and self.log is other.log


@pytest.mark.parametrize("linker", [PerformLinker(), VMLinker(), VMLinker(allow_gc=False), VMLinker(lazy=True)])
def test_make_function(linker):
    """Every linker computes the graph, again and again."""
    x, y = T.dvectors("x", "y")
    f = linker.accept(FunctionGraph([x, y], [x + y * 2])).make_function()
    np.testing.assert_allclose(f([1.0, 2.0], [3.0, 4.0]), [7, 10])
    np.testing.assert_allclose(f([1.0], [1.0]), [3])


def test_accept_serves_one_graph_at_a_time():
    """A linker that serves a graph gives a clone for another one."""
    x = T.dscalar("x")
    linker = PerformLinker()
    first = linker.accept(FunctionGraph([x], [x + 1]))
    second = first.accept(FunctionGraph([x], [x * 5]))
    assert first is linker
    assert second is not first
    assert first.make_function()(1.0) == 2.0
    assert second.make_function()(1.0) == 5.0


@pytest.mark.parametrize("allow_gc", [True, False])
def test_intermediate_values(allow_gc):
    """With garbage collection nothing stays but inputs and outputs; without it all does."""
    x = T.dvector("x")
    middle = T.exp(x)
    fgraph = FunctionGraph([x], [middle + 1])
    thunk, inputs, outputs = VMLinker(allow_gc=allow_gc).accept(fgraph).make_thunk()
    inputs[0].value = [0.0]
    thunk()
    assert outputs[0].value == [2.0]
    kept = next(cell for v, cell in thunk.storage_map.items() if v.owner is not None and v not in fgraph.outputs)
    assert (kept[0] is None) == allow_gc
    thunk.free()
    assert kept[0] is None


@pytest.mark.parametrize(("linker", "runs"), [(VMLinker(), ["x"]), (PerformLinker(), ["x", "y"])])
def test_lazy_branches(linker, runs):
    """The virtual machine computes the branch that is needed; the perform linker computes both."""
    log = []
    c, x, y = T.dscalar("c"), T.dvector("x"), T.dvector("y")
    z = Lazy()(c, Count(log)(x), Count(log)(y))
    f = linker.accept(FunctionGraph([c, x, y], [z])).make_function()
    assert f(1.0, [1.0], [2.0]) == [1.0]
    assert sorted(log) == runs
    log.clear()
    assert f(0.0, [1.0], [2.0]) == [2.0]
    assert sorted(log) == (["y"] if runs == ["x"] else ["x", "y"])


def test_lazy_value_needed_twice():
    """What a branch and something outside it both need is computed once."""
    log = []
    c, x = T.dscalar("c"), T.dvector("x")
    common = Count(log)(x)
    f = VMLinker().accept(FunctionGraph([c, x], [Lazy()(c, common, common + 1), common * 3])).make_function()
    first, second = f(0.0, [1.0])
    assert (first, second) == ([2.0], [3.0])
    assert log == ["x"]


def test_output_subset():
    """Only what the wanted outputs need is run."""
    log = []
    x, y = T.dvector("x"), T.dvector("y")
    thunk, inputs, outputs = VMLinker().accept(FunctionGraph([x, y], [Count(log)(x), Count(log)(y)])).make_thunk()
    inputs[0].value, inputs[1].value = [1.0], [2.0]
    thunk(output_subset=[1])
    assert log == ["y"]
    assert outputs[1].value == [2.0]


def test_wrap_linker_runs_linkers_in_step():
    """The wrapper sees each node once, with one thunk per linker."""
    seen = []

    def wrapper(i, node, *thunks):
        for thunk in thunks:
            thunk()
        seen.append((i, str(node.op), [float(thunk.outputs[0][0]) for thunk in thunks]))

    x = T.dscalar("x")
    linker = WrapLinker([PerformLinker(), VMLinker()], wrapper)
    f = linker.accept(FunctionGraph([x], [T.exp(x) + 1])).make_function()
    assert f(0.0) == 2.0
    assert [(i, values) for i, _, values in seen] == [(0, [1.0, 1.0]), (1, [2.0, 2.0])]


def test_values_of_callers_are_not_reused():
    """Results that a caller keeps survive the next call."""
    x = T.dvector("x")
    fgraph = FunctionGraph([x], [x * 2])
    f = VMLinker(allow_gc=False).accept(fgraph, infer_reuse_pattern(fgraph, fgraph.outputs)).make_function()
    first = f([1.0])
    f([5.0])
    assert first == [2.0]


def test_reuse_pattern_follows_views():
    """What an output is a view of is kept, too."""
    x = T.dmatrix("x")
    middle = T.exp(x)
    fgraph = FunctionGraph([x], [middle.T])
    pattern = infer_reuse_pattern(fgraph, fgraph.outputs)
    assert {v.owner for v in pattern} == set(fgraph.apply_nodes)


def test_error_report():
    """The exception keeps its type and says node, types, shapes, strides, values, and where the node was made."""
    x, y = T.dvectors("x", "y")
    z = x + y
    f = PerformLinker().accept(FunctionGraph([x, y], [z])).make_function()
    with pytest.raises(ValueError, match="Input dimension mis-match") as info:
        f([1.0, 2.0], [1.0, 2.0, 3.0])
    text = str(info.value)
    assert "Apply node that caused the error: Elemwise{add,no_inplace}(x, y)" in text
    assert "Inputs types: [TensorType(float64, vector), TensorType(float64, vector)]" in text
    assert "Inputs shapes: [(2,), (3,)]" in text
    assert "Inputs strides: [(8,), (8,)]" in text
    assert "Inputs scalar values: ['not scalar', 'not scalar']" in text
    assert "Backtrace when the node is created:" in text
    assert "z = x + y" in text
    assert "exception_verbosity=high" in text
    assert "optimizer=fast_compile" not in text
    assert len(text.splitlines()) <= 25


def test_error_report_continues_in_a_file():
    """At high verbosity the tree and the storage are in a report file that the last line names."""
    x, y = T.dvectors("x", "y")
    z = x
    for _ in range(30):
        z = T.exp(z)
    f = PerformLinker().accept(FunctionGraph([x, y], [z + y])).make_function()
    with change_flags(exception_verbosity="high"), pytest.raises(ValueError, match="whole report is in") as info:
        f([1.0, 2.0], [1.0, 2.0, 3.0])
    lines = str(info.value).splitlines()
    assert len(lines) <= 26  # the message of the exception itself, and the report
    report = Path(lines[-1].removeprefix("The whole report is in ")).read_text()
    assert "Debugprint of the apply node:" in report
    assert report.count("Elemwise{exp") > 30
    assert "Storage map footprint:" in report


def test_position_of_error():
    """The program remembers which thunk failed."""
    x, y = T.dvectors("x", "y")
    thunk, inputs, _ = VMLinker().accept(FunctionGraph([x, y], [T.exp(x) + y])).make_thunk()
    inputs[0].value, inputs[1].value = [1.0], [1.0, 2.0]
    with pytest.raises(ValueError, match="mis-match"):
        thunk()
    assert thunk.nodes[thunk.position_of_error].op == (x + y).owner.op
    assert thunk.thunks[thunk.position_of_error].inputs[1][0].shape == (2,)


class Raises(Op):
    """Raises what it is given; its text may raise as well."""

    __props__ = ("error", "text")

    def __init__(self, error, text="raises"):
        self.error, self.text = error, text

    def make_node(self, x):
        return Apply(self, [x], [T.dscalar()])

    def perform(self, node, inputs, output_storage, params=None):
        raise self.error

    def __str__(self):
        if isinstance(self.text, Exception):
            raise self.text
        return self.text


class Shy:
    """A value that cannot be shown."""

    @property
    def shape(self):
        raise RuntimeError("none of your business")


class Quiet(Exception):
    """An exception that cannot be shown."""

    def __str__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("op", "value"),
    [(Raises(ValueError("mine")), Shy()), (Raises(ValueError("mine"), RuntimeError("no text")), 1), (Raises(Quiet("mine")), 1)],
    ids=["value", "op", "error"],
)
def test_what_cannot_be_shown(op, value):
    """Does not hide the error of the op, which says at least what class of op raised it."""
    x = generic("x")
    f = PerformLinker().accept(FunctionGraph([x], [op(x)])).make_function()
    with pytest.raises(type(op.error)) as info:
        f(value)
    assert info.value.args == ("mine",)
    assert info.value.__notes__ == ["Apply node that caused the error: one of Raises, which cannot be shown: RuntimeError"]


def test_report_of_an_error_without_text():
    """Is the text."""
    x = generic("x")
    f = PerformLinker().accept(FunctionGraph([x], [Raises(AssertionError())(x)])).make_function()
    with pytest.raises(AssertionError, match="^Apply node that caused the error: raises"):
        f(1)


def test_reports_by_hand():
    """``raise_with_op`` finds values where there is no thunk, does without a place that is not known, and takes the first known origin."""
    x, y = T.dscalar("x"), T.dscalar("y")
    node = (x + y).owner
    origin = node.outputs[0].tag.trace
    node.outputs[0].tag.trace = [(), origin]

    def text(*args, **kwargs):
        error = ValueError("mine")
        with pytest.raises(ValueError, match="mine"):
            raise_with_op(*args, exc_info=(type(error), error, None), **kwargs)
        return str(error)

    found = text(FunctionGraph([x], [T.exp(x)]), node, storage_map={x: [np.float64(3.5)]})
    assert "Toposort index" not in found
    assert f"Inputs scalar values: [{np.float64(3.5)!r}, None]" in found
    assert "node = (x + y).owner" in found
    node.outputs[0].tag.trace = [()]
    without = text(None, node)
    assert "Inputs shapes" not in without
    assert "HINT: Re-running with most optimizations disabled" in without


class Two(Op):
    """Two outputs."""

    __props__ = ("log",)

    def __init__(self, log):
        self.log = log

    def make_node(self, x):
        return Apply(self, [x], [x.type(), x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        self.log.append("two")
        output_storage[0][0], output_storage[1][0] = inputs[0] + 1, inputs[0] + 2

    def __hash__(self):
        return id(self.log)

    def __eq__(self, other):
        return type(self) is type(other) and self.log is other.log


def test_a_node_with_several_wanted_outputs_runs_once():
    """In the virtual machine, where each output asks for its node."""
    log = []
    x = T.dscalar("x")
    f = VMLinker(lazy=True).accept(FunctionGraph([x], [*Two(log)(x), x + 1])).make_function()
    assert f(1.0) == [2.0, 3.0, 2.0]
    assert log == ["two"]


class LazyInPlace(Lazy):
    """Hands on the memory of a branch, doubled in place."""

    destroy_map = {0: [1]}

    def make_thunk(self, *args, **kwargs):
        choose = super().make_thunk(*args, **kwargs)

        def thunk():
            needed = choose()
            if needed is None:
                choose.outputs[0][0] *= 2
            return needed

        thunk.lazy, thunk.inputs, thunk.outputs = True, choose.inputs, choose.outputs
        return thunk


def test_readers_run_before_a_lazy_op_that_overwrites():
    """Though the lazy op is wanted first."""
    c, x = T.dscalar("c"), T.dvector("x")
    written = T.exp(x)
    fgraph = FunctionGraph([c, x], [LazyInPlace()(c, written, x), written + 0.5], features=[DestroyHandler()])
    f = VMLinker().accept(fgraph).make_function()
    np.testing.assert_array_equal(f(1.0, [0.0]), [[2.0], [1.5]])


def test_wrong_numbers_are_refused():
    """Of arguments and of cells; a linker without a graph says what is missing; what fails while code is made names the node."""

    class NoThunk(Count):
        def make_thunk(self, *args, **kwargs):
            raise NotImplementedError("none today")

    x = T.dscalar("x")
    with pytest.raises(RuntimeError, match=r"PerformLinker has accepted no graph: call accept\(fgraph\) first"):
        PerformLinker().make_thunk()
    linker = PerformLinker().accept(FunctionGraph([x], [x + 1]))
    with pytest.raises(TypeError, match="got 2 arguments for 1 inputs"):
        linker.make_function()(1.0, 2.0)
    with pytest.raises(ValueError, match="got 0 input cells for 1 inputs"):
        linker.make_thunk(input_storage=[])
    with pytest.raises(ValueError, match="got 2 output cells for 1 outputs"):
        linker.make_thunk(output_storage=[[None], [None]])
    with pytest.raises(NotImplementedError, match="none today") as info:
        PerformLinker().accept(FunctionGraph([x], [NoThunk([])(x)])).make_thunk()
    assert info.value.__notes__[0].startswith("while making code for ")


def test_wrap_linkers_serve_one_graph_each():
    """And refuse linkers that would run the nodes in different orders."""

    def wrapper(i, node, *thunks):
        for thunk in thunks:
            thunk()

    x = T.dscalar("x")
    first = WrapLinker([PerformLinker()], wrapper).accept(FunctionGraph([x], [x + 1]))
    second = first.accept(FunctionGraph([x], [x * 5]))
    assert (first.make_function()(1.0), second.make_function()(1.0)) == (2.0, 5.0)
    back_to_front = PerformLinker(schedule=lambda fgraph: fgraph.toposort()[::-1])
    apart = WrapLinker([PerformLinker(), back_to_front], wrapper).accept(FunctionGraph([x], [T.exp(x), T.sin(x)]))
    with pytest.raises(RuntimeError, match="linkers run side by side must take the nodes in the same order"):
        apart.make_thunk()


def test_reuse_pattern_of_an_output_that_is_listed_twice():
    """Counts once; what is overwritten through two ways, too."""
    x = T.dvector("x")
    y = T.exp(x)
    fgraph = FunctionGraph([x], [y, y])
    assert infer_reuse_pattern(fgraph, fgraph.outputs) == [fgraph.outputs[0]]
    c = T.dscalar("c")
    twice = FunctionGraph([c, x], [LazyInPlace()(c, x, x), LazyInPlace()(c, x[:2], x)])
    assert written_inputs(twice, twice.toposort()) == (1,)


@pytest.mark.parametrize(("flag", "error"), [("seterr_divide=raise", "divide by zero"), ("seterr_over=raise", "overflow"), ("seterr_all=raise", "divide by zero")])
def test_floating_point_flags(flag, error):
    """``numpy.seterr_*`` hold while a function runs, each for its kind."""
    code = (
        "import tcore, tcore.tensor as T\n"
        "x = T.dvector('x')\n"
        "for y in (1 / x, T.exp(1000 / (x + 1))):\n"
        "    try: tcore.function([x], y, mode=tcore.Mode('py', None))([0.0])\n"
        "    except FloatingPointError as error: print(str(error).splitlines()[0])\n"
    )
    flags = f"{os.environ['TCORE_FLAGS']},backend=numpy,numpy.{flag}"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "TCORE_FLAGS": flags}, capture_output=True, text=True, check=True)
    assert error in done.stdout
    assert done.stdout.count("\n") == (2 if "all" in flag else 1)


class TestContainer:
    def test_storage_is_checked(self):
        """A list of one element, so that others see the value."""
        for storage in (None, [], 3.0):
            with pytest.raises(TypeError, match="the storage of a Container is a list of one element, got"):
                Container(T.dscalar("x"), storage)
        assert repr(Container(T.dscalar("x"), [3.0])) == "<3.0>"

    def test_filters(self):
        """Values are converted on assignment, errors name the container."""
        c = Container(T.dscalar("x"), [None])
        c.value = 3
        assert c.value.dtype == "float64"
        with pytest.raises(TypeError) as info:
            c.value = [1.0, 2.0]
        assert 'Container name "x"' in info.value.args
        c.value = None
        assert c.storage == [None]

    def test_strict(self):
        c = Container(T.dscalar("x"), [None], strict=True)
        with pytest.raises(TypeError):
            c.value = 3

    def test_readonly(self):
        c = Container(T.dscalar("x"), [None], readonly=True)
        with pytest.raises(AttributeError, match="read-only"):
            c.value = 3.0

    def test_downcast(self):
        c = Container(T.fvector("x"), [None], allow_downcast=True)
        c.value = np.array([0.1])
        assert c.value.dtype == "float32"


def test_value_lock():
    """Readers share, a writer is alone, and a thread may take a lock again."""
    from tcore.link import ValueLock

    lock = ValueLock()
    lock.acquire_write()
    lock.acquire_read()
    order = []

    def read():
        lock.acquire_read()
        order.append("read")
        lock.release()

    reader = in_thread(read)
    order.append("write")
    lock.release()
    lock.release()
    finish(reader)
    assert order == ["write", "read"]
