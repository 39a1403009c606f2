"""pp, Print, min_informative_str."""

from __future__ import annotations

import numpy as np
import pytest

import tcore.tensor as T
from tcore import Mode, Rop, function, shared
from tcore.configuration import change_flags
from tcore.graph import Apply, FunctionGraph, Op
from tcore.printing import (
    FunctionPrinter,
    IgnorePrinter,
    MemberPrinter,
    OperatorPrinter,
    PatternPrinter,
    PPrinter,
    Print,
    PrinterState,
    assign_tensor_notation,
    hex_digest,
    min_informative_str,
    pp,
    pprint,
    var_descriptor,
)
from tcore.printing.breakpoint import PdbBreakpoint

x, y = T.dmatrix("x"), T.dmatrix("y")
i = T.lscalar("i")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (x + y, "(x + y)"),
        (x - y, "(x - y)"),
        (x * y, "(x * y)"),
        (x / y, "(x / y)"),
        (x // y, "(x // y)"),
        (x**y, "(x ** y)"),
        (x % y, "mod(x, y)"),
        (-x, "(-x)"),
        (abs(x), "|x|"),
        (x > y, "gt(x, y)"),
        (T.exp(x), "exp(x)"),
        (T.switch(x, x, y), "switch(x, x, y)"),
        (T.cast(x, "float32"), "float32(x)"),
        (T.zeros_like(x), "fill(x, TensorConstant{0.0})"),
        (x.sum(), "Sum{acc_dtype=float64}(x)"),
        (x.sum(axis=0), "Sum{axis=[0], acc_dtype=float64}(x)"),
        (x.max(axis=1), "MaxAndArgmax{axis=(1,)}(x)"),
        (T.dot(x, y), r"(x \dot y)"),
        (x.T, "x.T"),
        (x.dimshuffle("x", 0, 1), "x"),
        (x.dimshuffle(1, "x", 0), "DimShuffle{1, x, 0}(x)"),
        (x[0], "x[Constant{0}]"),
        (x[1:3], "x[int64:int64]"),
        (x[:, 0], "x[:, Constant{0}]"),
        (x[i], "x[ScalarFromTensor(i)]"),
        (T.join(0, x, y), "join(TensorConstant{0}, x, y)"),
        (T.stack([i, i]), "[i, i]"),
        (T.dscalar(), "<TensorType(float64, scalar)>"),
    ],
)
def test_pp(expression, text):
    """The documented texts."""
    assert pp(expression) == text


def test_name_of_a_constant_is_not_shown():
    assert pp(T.constant(2.5, name="rate") * x) == "(TensorConstant{2.5} * x)"


def test_long_chain():
    """A chain of 20,000 nodes prints within the default recursion limit."""
    z = T.dscalar("z")
    for _ in range(20_000):
        z = T.exp(z)
    assert pp(z) == "exp(" * 20_000 + "z" + ")" * 20_000


def test_graph_and_function():
    with change_flags(backend="numpy"):
        f = function([x, y], [x + y], mode="FAST_COMPILE")
    assert pp(f) == "inputs: x, y\noutput 0: (x + y)"


class TestAssign:
    class Twist(Op):
        __props__ = ()

        def make_node(self, a, b):
            return Apply(self, [a, b], [a.type()])

    def printer(self):
        own = PPrinter()
        assign_tensor_notation(own)
        return own

    @pytest.mark.parametrize(
        ("printer", "text"),
        [
            (OperatorPrinter("@", -1, "left"), "(x @ (y + y))"),
            (FunctionPrinter("twist"), "twist(x, (y + y))"),
            (PatternPrinter(("<%(1)s|%(0)s>", -1000)), "<(y + y)|x>"),
            (IgnorePrinter(), "x"),
            (MemberPrinter("twisted"), "x.twisted"),
            (lambda output, pstate: f"{output.owner.nin} inputs", "2 inputs"),
        ],
    )
    def test_by_op_class_and_condition(self, printer, text):
        expression = self.Twist()(x, y + y)
        for condition in (
            self.Twist(),
            self.Twist,
            lambda pstate, r: r.owner is not None and isinstance(r.owner.op, self.Twist),
        ):
            own = self.printer()
            own.assign(condition, printer)
            assert own(expression) == text

    def test_refusals(self):
        """A printer for results of ops is not for leaves; a condition is an op, a class of ops or a function."""
        own = self.printer()
        with pytest.raises(TypeError, match="a printer is assigned to an op, a class of ops or a condition, got 'Twist'"):
            own.assign("Twist", IgnorePrinter())
        own.assign(lambda pstate, r: r.name == "x", FunctionPrinter("twist"))
        with pytest.raises(TypeError, match="x is computed by nothing: this printer is for results of ops"):
            own(x)

    def test_ops_without_a_hash(self):
        """Are printed by their class, or as they call themselves."""

        class Odd(Op):  # noqa: PLW1641 - that is the point
            def __eq__(self, other):
                return self is other

            def make_node(self, a):
                return Apply(self, [a], [a.type()])

            def __str__(self):
                return "odd"

        own = self.printer()
        assert own(Odd()(x)) == "odd(x)"
        own.assign(Odd, IgnorePrinter())
        assert own(Odd()(x)) == "x"

    def test_states_are_cloned(self):
        """With further attributes; the state itself stays as it is."""
        state = PrinterState(self.printer(), depth=1)
        assert (state.clone(depth=2, other=3).depth, state.depth) == (2, 1)
        assert state.clone().pprinter is state.pprinter

    def test_process_protocol(self):
        """A printer may also give the text itself."""

        class Own:
            def process(self, output, pstate):
                return "~" + pstate.pprinter.process(output.owner.inputs[0], pstate)

        own = self.printer()
        own.assign(self.Twist, Own())
        assert own(self.Twist()(x * y, y)) == "~(x * y)"


def test_print_attributes(capsys):
    """Attributes are printed, methods called."""
    v = T.dvector("v")
    with change_flags(backend="numpy"):
        function([v], Print("seen", attrs=["shape", "min"])(v))([1, 2])
    assert capsys.readouterr().out == "seen shape = (2,)\nseen min = 1.0\n"


def test_print_has_a_gradient(capsys):
    z = T.dscalar("z")
    with change_flags(backend="numpy"):
        assert function([z], T.grad(Print("z")(z) ** 2, z))(3.0) == 6.0


def test_programs():
    """Inputs, outputs and updates as lines; other objects and other numbers of arguments are refused."""
    v = T.dvector("v")
    assert pp([v], [T.exp(v), v]) == "inputs: v\noutput 0: exp(v)\noutput 1: v"
    assert pp(v, T.exp(v), {v: T.log(v)}) == "inputs: v\noutput 0: exp(v)\nv <- log(v)"
    with pytest.raises(TypeError, match="pp prints variables, graphs and functions, got 3, of int"):
        pp(3)
    with pytest.raises(TypeError, match="inputs, outputs and updates; got 4 arguments"):
        pp(v, v, v, v)


def test_min_informative_str_L14038():
    z = shared(np.zeros(2), name="w") + 1.0
    lines = min_informative_str(z).splitlines()
    assert lines[0] == "A. Elemwise{add,no_inplace}"
    assert lines[1] == "  B. <w>"
    assert len(lines) == 4


def test_equal_values_have_equal_texts():
    """``var_descriptor``: arrays by bytes, strides and shape, lists by members, graphs by structure."""
    a = np.arange(6.0).reshape(2, 3)
    assert var_descriptor(a) == var_descriptor(a.copy())
    for other in (a.T, a + 1, a.reshape(3, 2), np.asfortranarray(a)):
        assert var_descriptor(a) != var_descriptor(other)
    assert hex_digest(a).endswith("|strides=[24,8]|shape=[2,3]")
    assert var_descriptor([a, (1, "b")]) == f"[<ndarray:{hex_digest(a)}>,(1,b)]"
    # twice the same sub-graph, and a named one in between
    v = T.dvector("v")
    twice = T.exp(v)
    named = T.log(v)
    named.name = "inner"
    assert var_descriptor(twice * named * twice).splitlines()[1:] == [
        "  B. Elemwise{mul,no_inplace}",
        "    C. Elemwise{exp,no_inplace}",
        "      D. <v>",
        "    E. inner",
        "  <C>",
    ]


def test_graphs_by_call():
    """A FunctionGraph is printed with its inputs."""
    assert pprint(FunctionGraph([v := T.dscalar("v")], [v + 1])).endswith("(v + TensorConstant{1})")


@pytest.mark.parametrize("make", [Print("message", attrs=("shape",)), lambda v: PdbBreakpoint("name")(T.constant(0), v)], ids=["Print", "PdbBreakpoint"])
def test_ops_that_look_on(make, capsys):
    """Print and PdbBreakpoint change nothing: shapes are known without running them, derivatives pass, constants do not fold them away."""
    v, w = T.dvector("v"), T.dvector("w")
    seen = make(v)
    op = seen.owner.op
    mode = Mode("py", "fast_run")
    shape = function([v], seen.shape, mode=mode)
    assert not any(type(node.op) is type(op) for node in shape.maker.fgraph.apply_nodes)
    assert tuple(shape([1.0, 2.0])) == (2,)
    along = function([v, w], Rop(seen * 2, v, w), mode=mode, on_unused_input="ignore")
    np.testing.assert_array_equal(along([1.0], [3.0]), [6.0])
    kept = function([], make(T.constant(np.ones(2))), mode=mode)
    assert any(type(node.op) is type(op) for node in kept.maker.fgraph.apply_nodes)
    assert type(op).__name__ in str(op)
    capsys.readouterr()


def test_print_tells_what_it_calls():
    """In its text, where it is not the default."""
    assert str(Print("m")) == "Print{message='m', attrs=('__str__',)}"
    assert "global_fn=<function" in str(Print("m", global_fn=lambda op, value: None))


def test_fused_work():
    """Of an optimized function is written as the op calls itself."""
    v = T.dvector("v")
    f = function([v], T.exp(v) * 2 + 1, mode=Mode("py", "fast_run"))
    assert "Composite{" in pprint(f)
