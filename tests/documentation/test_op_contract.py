"""What an Op promises and is promised: methods, gradients, connection patterns, R_op; its lines in the names."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
from tcore import gof, scalar, tensor
from tcore.gof import Apply
from tcore.gradient import DisconnectedType, NullType, grad_not_implemented, grad_undefined
from tcore.tensor import as_tensor_variable, dmatrix, dscalar, dvector, iscalar, lscalar

FAST = tcore.Mode("vm", None)


class Base(gof.Op):
    """One tensor in, one of the same type out."""

    __props__ = ()

    def make_node(self, x):
        x = as_tensor_variable(x)
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0] * 2


# ------------------------------------------------------------ the Python contract


def test_make_node_twice_L8203_L8197_L6625():
    """make_node on the inputs of a node gives an equivalent node: copies of graphs depend on it."""
    x, y = dvector("x"), dvector("y")
    node = (x - y).owner
    again = node.op.make_node(*node.inputs)
    assert again.op == node.op
    assert again.inputs == node.inputs
    assert [o.type for o in again.outputs] == [o.type for o in node.outputs]


def test_storage_persists_and_length_stays_L8213_L8217():
    """Cells hold None or what perform put there; one element each."""
    seen = []

    class Watching(Base):
        def perform(self, node, inputs, output_storage):
            assert [len(cell) for cell in output_storage] == [1]
            seen.append(output_storage[0][0])
            output_storage[0][0] = inputs[0] + 1

    x = dvector("x")
    f = tcore.function([x], Watching()(Watching()(x)), mode=tcore.Mode(gof.vm.VMLinker(allow_gc=False), None))
    np.testing.assert_array_equal(f([1.0]), [3.0])
    np.testing.assert_array_equal(f([2.0]), [4.0])
    assert seen[0] is None
    assert seen[2] is None or seen[2].dtype == np.float64


def test_wrong_output_is_caught_by_debug_mode_L8489():
    """An int in a cell of floats breaks the contract; DebugMode says so."""

    class Wrong(Base):
        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0].astype("int64")

    x = dvector("x")
    with pytest.raises(tcore.compile.debugmode.InvalidValueError, match="Wrong"):
        tcore.function([x], Wrong()(x), mode="DebugMode")([1.0])


def test_determined_by_its_inputs_L8219_L6507():
    """Another result for the same inputs is found by DebugMode."""

    class Counter(Base):
        count = 0

        def perform(self, node, inputs, output_storage):
            Counter.count += 1
            output_storage[0][0] = inputs[0] + Counter.count

    x = dvector("x")
    with pytest.raises(tcore.compile.debugmode.BadThunkOutput, match="Counter"):
        tcore.function([x], Counter()(x), mode="DebugMode")([1.0])


def test_undeclared_view_and_change_L8221_L8722_L6420():
    class View(Base):
        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0][:]

    class Change(Base):
        def perform(self, node, inputs, output_storage):
            inputs[0] += 1
            output_storage[0][0] = inputs[0].copy()

    x = dvector("x")
    with pytest.raises(tcore.compile.debugmode.BadViewMap):
        tcore.function([x], View()(x), mode="DebugMode")([1.0])
    with pytest.raises(tcore.compile.debugmode.BadDestroyMap):
        tcore.function([x], Change()(x), mode="DebugMode")([1.0])


def test_props_L8253_L8239_L8304():
    """Equality, hash and text from __props__; () for an op without parameters; identity without it."""

    class Scale(Base):
        __props__ = ("by", "offset")

        def __init__(self, by, offset=0):
            self.by, self.offset = by, offset

    class Bare(gof.Op):
        pass

    assert Scale(2) == Scale(2)
    assert hash(Scale(2)) == hash(Scale(2))
    assert Scale(2) != Scale(2, 1)
    assert str(Scale(2, 1)) == "Scale{by=2, offset=1}"
    assert Base() == Base()
    assert str(Base()) == "Base"
    assert Bare() != Bare()

    class Named(Scale):
        def __str__(self):
            return "named"

    assert str(Named(1)) == "named"
    assert Named(1) == Named(1)
    assert Named(1) != Scale(1)


def test_equal_ops_merge_L8227():
    """Equality is a promise: equal ops on the same inputs are computed once."""
    x = dvector("x")
    f = tcore.function([x], [Base()(x), Base()(x)])
    assert sum(isinstance(node.op, Base) for node in f.maker.fgraph.toposort()) == 1


def test_default_output_L8261():
    """An integer k gives output k; None the only output, or the list of all."""

    class Two(gof.Op):
        __props__ = ()

        def make_node(self, x):
            return Apply(self, [x], [x.type(), x.type()])

    class Second(Two):
        default_output = 1

    class Fifth(Two):
        default_output = 5

    x = dvector("x")
    both = Two()(x)
    assert isinstance(both, list)
    assert [v.index for v in both] == [0, 1]
    assert Second()(x).index == 1
    assert Second()(x, return_list=True)[0].index == 1
    assert not isinstance(Base()(x), list)
    assert Second.default_output == 1
    assert Base.default_output is None
    with pytest.raises(AttributeError):
        both[0].owner.default_output()
    with pytest.raises(AttributeError):
        Fifth().make_node(x).default_output()


def test_make_thunk_replaces_perform_L8267_L8274_L6516():
    """Cells are shared pointers; computed values are marked; lazy linkers ask such ops, too."""
    states = []

    class OwnThunk(gof.Op):
        __props__ = ()

        def make_node(self, x):
            return Apply(self, [x], [x.type()])

        def make_thunk(self, node, storage_map, compute_map, no_recycling, impl=None):
            assert impl in (None, "c", "py")
            (x,), (z,) = node.inputs, node.outputs

            def thunk():
                states.append(compute_map[z][0])
                storage_map[z][0] = storage_map[x][0] * 3
                compute_map[z][0] = True

            thunk.inputs, thunk.outputs, thunk.lazy = [storage_map[x]], [storage_map[z]], False
            return thunk

    x = dvector("x")
    for linker in ("vm", "py", "cvm"):
        f = tcore.function([x], OwnThunk()(OwnThunk()(x)), mode=tcore.Mode(linker, None))
        np.testing.assert_array_equal(f([1.0, 2.0]), [9.0, 18.0])
    f = tcore.function([x], OwnThunk()(x), mode=tcore.Mode(gof.vm.VMLinker(lazy=True), None))
    states.clear()
    f([1.0])
    f([1.0])
    assert states == [0, 0]


def test_compute_map_after_collection_L8276():
    """2: freed, and not needed any more in this call."""
    x = dvector("x")
    middle = Base()(x)
    f = tcore.function([x], Base()(middle), mode=tcore.Mode(gof.vm.VMLinker(allow_gc=True, lazy=True), None))
    f([1.0])
    program = f.fn
    node = f.maker.fgraph.outputs[0].owner
    assert program.compute_map[node.inputs[0]][0] == 2
    assert program.storage_map[node.inputs[0]][0] is None
    assert program.compute_map[node.outputs[0]][0] == 1
    np.testing.assert_array_equal(f([2.0]), [8.0])


def test_call_may_be_overridden_L8284():
    class Friendly(Base):
        def __call__(self, x, times=1):
            for _ in range(times):
                x = super().__call__(x)
            return x

    x = dvector("x")
    np.testing.assert_array_equal(tcore.function([x], Friendly()(x, times=3), mode=FAST)([1.0]), [8.0])


def test_infer_shape_spares_the_computation_L8290():
    """The shape is known without running the op."""

    class Never(gof.Op):
        __props__ = ()

        def make_node(self, x, y):
            return Apply(self, [x, y], [dmatrix()])

        def perform(self, node, inputs, output_storage):
            raise AssertionError("only the shape is needed")

        def infer_shape(self, node, shapes):
            (x0, _x1), (_y0, y1) = shapes
            return [(x0, y1)]

    x, y = dmatrix("x"), dmatrix("y")
    f = tcore.function([x, y], Never()(x, y).shape)
    assert not any(isinstance(node.op, Never) for node in f.maker.fgraph.toposort())
    np.testing.assert_array_equal(f(np.zeros((2, 3)), np.zeros((3, 5))), [2, 5])


class Unfolded(Base):
    def do_constant_folding(self, node):
        return False


def test_do_constant_folding_L8314():
    """True by default; False keeps the node; the answer may depend on the node."""

    class SmallOnly(Base):
        def do_constant_folding(self, node):
            return node.inputs[0].data.size < 3

    def left(op, data):
        f = tcore.function([], op(tensor.constant(np.asarray(data))))
        np.testing.assert_array_equal(f(), 2 * np.asarray(data))
        return sum(isinstance(node.op, Base) for node in f.maker.fgraph.toposort())

    data = [1.0, 2.0]
    assert left(Base(), data) == 0
    assert left(Unfolded(), data) == 1
    assert left(SmallOnly(), data) == 0
    assert left(SmallOnly(), [1.0, 2.0, 3.0]) == 1


def test_debug_perform_L8322():
    """Used instead of perform by DebugMode alone, with the params of the op, if it has some."""
    ran = []

    class Troubled(Base):
        def perform(self, node, inputs, output_storage):
            ran.append("perform")
            output_storage[0][0] = inputs[0] * 2

        def debug_perform(self, node, inputs, output_storage):
            ran.append("debug_perform")
            output_storage[0][0] = inputs[0] * 2

    class WithParams(Base):
        params_type = gof.ParamsType(by=scalar.Scalar("float64"))
        by = 3

        def perform(self, node, inputs, output_storage, params):
            raise AssertionError("DebugMode uses debug_perform")

        def debug_perform(self, node, inputs, output_storage, params):
            output_storage[0][0] = inputs[0] * params.by

    x = dvector("x")
    np.testing.assert_array_equal(tcore.function([x], Troubled()(x), mode="DebugMode")([1.0]), [2.0])
    assert set(ran) == {"debug_perform"}
    ran.clear()
    tcore.function([x], Troubled()(x), mode=FAST)([1.0])
    assert ran == ["perform"]
    np.testing.assert_array_equal(tcore.function([x], WithParams()(x), mode="DebugMode")([1.0]), [3.0])


# ------------------------------------------------------------ grad


class MatrixTimes(gof.Op):
    """y = J x for a fixed J: its grad is J' times what comes in."""

    __props__ = ()
    J = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])

    def make_node(self, x):
        return Apply(self, [x], [dvector()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = self.J @ inputs[0]

    def grad(self, inputs, output_gradients):
        return [tensor.dot(self.J.T, output_gradients[0])]

    def R_op(self, inputs, eval_points):
        return [None if v is None else self(v) for v in eval_points]


def test_grad_is_a_product_L8346():
    """dot(J', z), with the shape of x; contributions of several uses of x are added. (L8336, L8362, L8350, L8354)"""
    x = dvector("x")
    z = np.array([1.0, -2.0, 0.5])
    cost = tensor.dot(z, MatrixTimes()(x))
    f = tcore.function([x], tcore.grad(cost, x), mode=FAST, on_unused_input="ignore")
    np.testing.assert_allclose(f([7.0, 8.0]), MatrixTimes.J.T @ z)
    twice = tcore.grad(cost + (x**2).sum() + cost, x)
    np.testing.assert_allclose(tcore.function([x], twice, mode=FAST)([7.0, 8.0]), 2 * (MatrixTimes.J.T @ z) + [14, 16])


def test_grad_undefined_and_not_implemented_L8340():
    """Both build variables of type NullType, which grad refuses to give out, with the reason."""
    x = dvector("x")
    for make, why in [(grad_undefined, "undefined"), (grad_not_implemented, "not implemented")]:

        class Half(Base):
            def grad(self, inputs, output_gradients, make=make):
                return [make(self, 0, inputs[0], "for a reason")]

        assert isinstance(make(Base(), 0, x, "for a reason").type, NullType)
        with pytest.raises(TypeError, match="for a reason") as caught:
            tcore.grad(Half()(x).sum(), x)
        assert why in str(caught.value)


def test_disconnected_output_gradients_L8342_L8364():
    """A cost that leaves an output out: its gradient comes in as DisconnectedType; what fed it alone is disconnected."""
    came = []

    class Pair(gof.Op):
        """(2 x, 3 y)."""

        __props__ = ()

        def make_node(self, x, y):
            return Apply(self, [x, y], [x.type(), y.type()])

        def perform(self, node, inputs, output_storage):
            output_storage[0][0], output_storage[1][0] = 2 * inputs[0], 3 * inputs[1]

        def connection_pattern(self, node):
            return [[True, False], [False, True]]

        def grad(self, inputs, output_gradients):
            came.extend(type(g.type) for g in output_gradients)
            factors = (2, 3)
            return [
                DisconnectedType()() if isinstance(g.type, DisconnectedType) else factor * g
                for factor, g in zip(factors, output_gradients, strict=True)
            ]

    x, y = dvector("x"), dvector("y")
    first, second = Pair()(x, y)
    gx = tcore.grad(first.sum(), x)
    np.testing.assert_array_equal(tcore.function([x, y], gx, mode=FAST)([1.0, 1.0], [1.0]), [2.0, 2.0])
    assert came[1] is DisconnectedType
    with pytest.raises(ValueError, match="y"):
        tcore.grad(first.sum(), y)
    assert (tcore.grad(first.sum(), y, disconnected_inputs="ignore", return_disconnected="zero").type) == y.type
    both = tcore.grad((first + second).sum(), [x, y])
    assert [float(v[0]) for v in tcore.function([x, y], both, mode=FAST)([1.0], [1.0])] == [2.0, 3.0]


def test_missing_grad_L8344():
    """Taken as forgotten: differentiation fails and names the op."""
    x = dvector("x")
    with pytest.raises((TypeError, NotImplementedError, gof.utils.MethodNotDefined), match="Base"):
        tcore.grad(Base()(x).sum(), x)


def test_no_integer_gradients_L8368():
    """Gradients are Variables that never have an integer dtype."""
    x = dvector("x")

    class IntegerGrad(Base):
        def grad(self, inputs, output_gradients):
            return [tensor.zeros_like(inputs[0], dtype="int64")]

    class NoVariable(Base):
        def grad(self, inputs, output_gradients):
            return [3.0]

    for op in (IntegerGrad(), NoVariable()):
        with pytest.raises((TypeError, ValueError), match=type(op).__name__):
            tcore.grad(op(x).sum(), x)


def test_argmax_L8392():
    """Zero with respect to x; the axis has no derivative."""
    x = dmatrix("x")
    cost = tensor.cast(tensor.argmax(x, axis=1), "float64").sum()
    np.testing.assert_array_equal(tcore.function([x], tcore.grad(cost, x), mode=FAST)([[1.0, 2.0]]), [[0.0, 0.0]])


class Repeated(gof.Op):
    """A vector of ``count`` elements that all are x (L8393)."""

    __props__ = ()

    def make_node(self, x, count):
        return Apply(self, [as_tensor_variable(x), as_tensor_variable(count)], [dvector()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = np.full(int(inputs[1]), inputs[0])

    def connection_pattern(self, node):
        return [[True], [False]]

    def grad(self, inputs, output_gradients):
        return [output_gradients[0].sum(), DisconnectedType()()]


def test_length_is_disconnected_L8393():
    x, count = dscalar("x"), lscalar("count")
    cost = (Repeated()(x, count) ** 2).sum()
    gx = tcore.grad(cost, x)
    assert tcore.function([x, count], gx, mode=FAST)(3.0, 4) == 24.0
    with pytest.raises(tcore.gradient.DisconnectedInputError, match="count"):
        tcore.grad(cost, count)


def test_integer_in_and_out_L8383():
    """Defined at x + eps: zero. Defined on integers only: undefined, whatever comes in."""

    class OnIntegersOnly(Base):
        def grad(self, inputs, output_gradients):
            return [grad_undefined(self, 0, inputs[0], "defined on integers only")]

    i = iscalar("i")
    zero = tcore.grad(tensor.cast(i * i, "float64"), i)
    assert tcore.function([i], zero, mode=FAST, on_unused_input="ignore")(3) == 0.0
    assert not zero.dtype.startswith("int")
    with pytest.raises(TypeError, match="defined on integers only"):
        tcore.grad(tensor.cast(OnIntegersOnly()(i), "float64"), i)


# ------------------------------------------------------------ connection_pattern and R_op


def test_shape_reads_no_elements_L8411():
    """d shape(x) / dx is disconnected, as an error or, where that is wanted, as zeros."""
    x = dvector("x")
    cost = tensor.cast(x.shape[0], "float64")
    with pytest.raises(ValueError, match="x"):
        tcore.grad(cost, x)
    zeros = tcore.grad(cost, x, disconnected_inputs="ignore")
    np.testing.assert_array_equal(tcore.function([x], zeros, mode=FAST)([1.0, 2.0]), [0.0, 0.0])
    assert x.shape.owner.op.connection_pattern(x.shape.owner) == [[False]]


def test_alloc_does_not_read_lengths_L8408():
    """The elements of alloc depend on the value, not on the lengths."""
    value, n = dscalar("v"), lscalar("n")
    out = tensor.alloc(value, n, n)
    assert out.owner.op.connection_pattern(out.owner) == [[True], [False], [False]]
    with pytest.raises(ValueError, match="n"):
        tcore.grad(out.sum(), n)


def test_pattern_of_a_variable_number_of_inputs_L8404():
    """Subtensor has one row for each index that is a variable."""
    x, i, j = dmatrix("x"), lscalar("i"), lscalar("j")
    for expression, rows in [(x[i], 2), (x[i, j], 3), (x[i:j], 3)]:
        node = expression.owner
        assert node.op.connection_pattern(node) == [[True], *[[False]] * (rows - 1)]


def test_without_pattern_everything_is_connected_L8406_L8413():
    """Then an undefined gradient is reported where the input does not matter; with the pattern it is not."""

    class Silent(gof.Op):
        __props__ = ()

        def make_node(self, x, count):
            return Apply(self, [x, count], [dvector()])

        def grad(self, inputs, output_gradients):
            return [output_gradients[0].sum(), grad_undefined(self, 1, inputs[1], "a length has no derivative")]

    x, count = dscalar("x"), lscalar("count")
    assert not hasattr(Silent(), "connection_pattern")
    with pytest.raises(TypeError, match="a length has no derivative"):
        tcore.grad(Silent()(x, count).sum(), count)


def test_wrong_pattern_is_reported_L8396():
    class Misshapen(Repeated):
        def connection_pattern(self, node):
            return [[True]]

    x, count = dscalar("x"), lscalar("count")
    with pytest.raises(ValueError, match="one row for each of 2 inputs"):
        tcore.grad(Misshapen()(x, count).sum(), x)


def test_r_op_L8420_L8428():
    """Jacobian times v, in the shape of the output; None where nothing flows."""
    x, v = dvector("x"), dvector("v")
    out = MatrixTimes()(x)
    f = tcore.function([x, v], tcore.Rop(out, x, v), mode=FAST, on_unused_input="ignore")
    np.testing.assert_allclose(f([0.0, 0.0], [1.0, 2.0]), MatrixTimes.J @ [1.0, 2.0])

    class NotForward(MatrixTimes):
        def R_op(self, inputs, eval_points):
            return [None]

    with pytest.raises(tcore.gradient.DisconnectedInputError, match="NotForward.*does not depend differentiably"):
        tcore.Rop(NotForward()(x), x, v)

    class Nothing(MatrixTimes):
        def R_op(self, inputs, eval_points):
            return None

    assert tcore.Rop(Nothing()(x), x, v, disconnected_outputs="ignore", return_disconnected="None") is None


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (lambda x, v: v, TypeError, "must return a list with one derivative, or None, for each output"),
        (lambda x, v: [v, v], ValueError, "returned 2 derivatives for 1 outputs"),
        (lambda x, v: [v.dimshuffle("x", 0)], ValueError, "a derivative with 2 dimensions, where 1 are needed, for output 0"),
        (lambda x, v: [v.sum()], ValueError, "a derivative with 0 dimensions, where 1 are needed"),
        (lambda x, v: [tensor.constant(np.ones(3))], ValueError, "a derivative of length 3 on axis 0, where 1 is needed"),
        (lambda x, v: [v + 1j], TypeError, "a complex derivative, where"),
        (lambda x, v: [tcore.gof.Constant(tcore.gof.generic, "text")], TypeError, "a derivative of type .*, where TensorType"),
    ],
)
def test_wrong_r_op_is_refused_L8425(given, error, text):
    """Number, dimensions, known lengths and kind of what R_op returns are those of the outputs; the error names op, node and line."""

    class Wrong(MatrixTimes):
        def make_node(self, x):
            return Apply(self, [x], [tensor.TensorType("float64", ("length 3" in text,))()])

        def R_op(self, inputs, eval_points):
            return given(inputs[0], eval_points[0])

    x, v = dvector("x"), dvector("v")
    out = Wrong()(x)
    with pytest.raises(error, match=rf"Wrong\.R_op.*{text}") as caught:
        tcore.Rop(out, x, v)
    assert "created: " in str(caught.value)
    assert "test_op_contract.py" in str(caught.value)


def test_misprinted_names_L9331():
    """Names that the documentation's texts misprint: the real ones are there, the misprinted ones are not."""
    assert hasattr(gof.Op, "c_init_code_struct")
    assert not hasattr(gof.Op, "c_code_init_code_struct")
    assert hasattr(gof.Op, "make_node")
    assert not hasattr(gof.Op, "make_mode")
