"""Graphs computed node by node with ``perform`` alone, and differentiated with ``L_op`` alone: what ops promise by themselves."""

from collections.abc import Sequence

import numpy as np
import pytest

import tcore.tensor as tt
from tcore.graph import Constant, Variable
from tcore.graph.null_type import DisconnectedType, NullType
from tcore.graph.traversal import io_toposort
from tcore.tensor import TensorType, as_tensor_variable
from tcore.tensor.alloc import zeros_like
from tcore.tensor.errors import ShapeError


class Interpreter:
    """Values of variables, from those of the inputs; on the way every node is checked against what its op promises."""

    def __init__(self, values, check=True):
        self.values = dict(values)
        self.check = check

    def __call__(self, variable):
        for node in io_toposort(list(self.values), [variable]):
            if all(output in self.values for output in node.outputs):
                continue
            inputs = [self.value(x) for x in node.inputs]
            before = [np.array(x, copy=True) if isinstance(x, np.ndarray) else x for x in inputs]
            storage = [[None] for _ in node.outputs]
            node.op.perform(node, inputs, storage)
            if self.check:
                self.check_node(node, inputs, before, storage)
            for output, (value,) in zip(node.outputs, storage, strict=True):
                self.values[output] = value
        return self.value(variable)

    def value(self, variable):
        return variable.data if isinstance(variable, Constant) else self.values[variable]

    def check_node(self, node, inputs, before, storage):
        destroyed = {place for places in node.op.destroy_map.values() for place in places}
        for place, (now, was) in enumerate(zip(inputs, before, strict=True)):
            if place not in destroyed and isinstance(now, np.ndarray):
                np.testing.assert_array_equal(now, was, err_msg=f"{node} changed input {place}")
        for index, (output, (value,)) in enumerate(zip(node.outputs, storage, strict=True)):
            output.type.filter(value, strict=True)
            viewed = {*node.op.view_map.get(index, ()), *node.op.destroy_map.get(index, ())}
            for place, x in enumerate(inputs):
                if place not in viewed and isinstance(x, np.ndarray) and isinstance(value, np.ndarray) and x.size:
                    assert not np.shares_memory(x, value), f"output {index} of {node} shares memory with input {place}"
        self.check_shape(node, inputs, storage)

    def check_shape(self, node, inputs, storage):
        infer = getattr(node.op, "infer_shape", None)
        if infer is None:
            return
        symbolic = []
        extra = dict(self.values)
        for variable, value in zip(node.inputs, inputs, strict=True):
            if not hasattr(variable.type, "ndim"):
                symbolic.append(None)
                continue
            lengths = tuple(tt.lscalar() for _ in range(variable.type.ndim))
            extra.update(zip(lengths, (np.array(n, "int64") for n in np.shape(value)), strict=True))
            symbolic.append(tuple(1 if m else s for m, s in zip(variable.type.broadcastable, lengths, strict=True)))
        try:
            inferred = infer(node, symbolic)
        except ShapeError:
            return
        for lengths, (value,) in zip(inferred, storage, strict=True):
            if lengths is None:
                continue
            found = [n if isinstance(n, int) else int(Interpreter(extra, check=False)(tt.as_tensor_variable(n))) for n in lengths]
            assert tuple(found) == np.shape(value), f"infer_shape of {node}"


def gradients(cost, wrt):
    """d cost / d wrt by the ops' own L_op, the plain way; None where disconnected."""
    grads = {cost: tt.as_tensor_variable(np.ones((), cost.dtype))}
    for node in reversed(io_toposort([], [cost])):
        if not any(output in grads for output in node.outputs):
            continue
        from tcore.graph.null_type import disconnected_type

        given = [grads.get(output) or disconnected_type() for output in node.outputs]
        for x, g in zip(node.inputs, node.op.L_op(node.inputs, node.outputs, given), strict=True):
            if isinstance(g.type, (DisconnectedType, NullType)) or not hasattr(g, "dtype"):
                continue
            assert g.type.ndim == x.type.ndim, f"gradient of {node} for {x}"
            if x.type.dtype.startswith(("float", "complex")):
                assert g.type.broadcastable == x.type.broadcastable, f"broadcast pattern of the gradient of {node} for {x}"
                grads[x] = grads[x] + g if x in grads else g
    return [grads.get(x) for x in wrt]


@pytest.fixture
def evaluate():
    """``evaluate(variable or list of them, {input: value})``, with checks of every node on the way."""

    def run(variables, values=None):
        interpreter = Interpreter({x: x.type.filter(value, allow_downcast=True) for x, value in (values or {}).items()})
        return [interpreter(v) for v in variables] if isinstance(variables, (list, tuple)) else interpreter(variables)

    return run


@pytest.fixture
def check_gradient(evaluate):
    """``check_gradient(build, *points)``: L_op of ``build(*variables)`` against central differences at float64 points."""

    def run(build, *points, broadcastable=None):
        points = [np.asarray(point, "float64") for point in points]
        flags = broadcastable or [(False,) * p.ndim for p in points]
        xs = [tt.TensorType("float64", flag)(f"x{n}") for n, flag in enumerate(flags)]
        result = build(*xs)
        rng = np.random.default_rng(7)
        weights = rng.normal(size=evaluate(result, dict(zip(xs, points, strict=True))).shape)
        cost = (result * weights).sum()
        for place, (x, g) in enumerate(zip(xs, gradients(cost, xs), strict=True)):
            found = evaluate(g, dict(zip(xs, points, strict=True)))
            wanted = np.zeros_like(points[place])
            for where in np.ndindex(*wanted.shape):
                values = []
                for sign in (1, -1):
                    moved = [p.copy() for p in points]
                    moved[place][where] += sign * 1e-5
                    values.append(Interpreter(dict(zip(xs, moved, strict=True)), check=False)(cost))
                wanted[where] = (values[0] - values[1]) / 2e-5
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7, err_msg=f"gradient for input {place}")

    return run


def compute(outputs, givens=None):
    """The values of ``outputs`` by the ``perform`` of each node, with the type of every value checked."""
    single = not isinstance(outputs, (list, tuple))
    wanted = [outputs] if single else list(outputs)
    values = dict(givens or {})
    for node in io_toposort(list(values), wanted):
        for variable in node.inputs:
            if isinstance(variable, Constant):
                values[variable] = variable.data
        cells = [[None] for _ in node.outputs]
        node.op.perform(node, [values[v] for v in node.inputs], cells)
        for variable, cell in zip(node.outputs, cells, strict=True):
            variable.type.filter(cell[0], strict=True)
            values[variable] = cell[0]
    for variable in wanted:
        if isinstance(variable, Constant):
            values[variable] = variable.data
    return values[wanted[0]] if single else [values[v] for v in wanted]


def dense_gradients(cost, wrt):
    """The gradients of ``cost`` by the ``L_op`` of each node; zeros where disconnected."""
    found = {cost: as_tensor_variable(np.ones((), cost.dtype))}
    for node in reversed(io_toposort(list(wrt), [cost])):
        if not any(v in found for v in node.outputs):
            continue
        given = [found.get(v) for v in node.outputs]
        given = [DisconnectedType()() if g is None else g for g in given]
        pattern = node.op.connection_pattern(node) if hasattr(node.op, "connection_pattern") else None
        for i, (variable, term) in enumerate(zip(node.inputs, node.op.L_op(node.inputs, node.outputs, given), strict=True)):
            if isinstance(term.type, DisconnectedType) or (pattern is not None and not any(pattern[i])):
                continue
            assert not isinstance(term.type, NullType), term.type.why_null
            assert term.type.ndim == variable.type.ndim, (node, term.type, variable.type)
            assert term.type.dtype not in ("bool", "int8", "int64"), (node, term.type)
            if variable.type.dtype == term.type.dtype:
                assert term.type.broadcastable == variable.type.broadcastable, (node, i, term.type, variable.type)
            found[variable] = found[variable] + term if variable in found else term
    return [found[x] if x in found else zeros_like(x) for x in wrt]


def differences(function, points, eps):
    """Central differences of a function of arrays to a number."""
    results = []
    for k, point in enumerate(points):
        gradient = np.zeros(point.shape)
        for place in np.ndindex(point.shape):
            values = []
            for step in (eps, -eps):
                moved = [p.copy() for p in points]
                moved[k][place] += step
                values.append(function(moved))
            gradient[place] = (values[0] - values[1]) / (2 * eps)
        results.append(gradient)
    return results


@pytest.fixture
def gradient():
    """``gradient(cost, [variables])``."""
    return dense_gradients


@pytest.fixture
def check_grad():
    """``check_grad(function of tensors, *arrays)``: the gradient of a random projection against central differences."""

    def check(function, *points: np.ndarray, eps: float = 1e-6, rtol: float = 1e-5, atol: float = 1e-7, flags: Sequence | None = None):
        rng = np.random.default_rng(7)
        points = [np.asarray(p, "float64") for p in points]
        patterns = flags or [(False,) * p.ndim for p in points]
        variables: list[Variable] = [TensorType("float64", pattern)() for pattern in patterns]
        out = function(*variables)
        shape = compute(out, dict(zip(variables, points, strict=True))).shape
        cost = (out * rng.normal(size=shape)).sum() if shape != () else out * 1.7
        computed = compute(dense_gradients(cost, variables), dict(zip(variables, points, strict=True)))
        expected = differences(lambda values: compute(cost, dict(zip(variables, values, strict=True))), points, eps)
        for got, want, point in zip(computed, expected, points, strict=True):
            assert got.shape == point.shape
            np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)

    return check


@pytest.fixture
def check_shape():
    """``check_shape(output, {variable: array})``: ``infer_shape`` of the last node against the value."""

    def check(output, givens):
        node = output.owner
        shapes = [tuple(np.shape(compute(v, givens))) for v in node.inputs]
        value = compute(output, givens)
        inferred = node.op.infer_shape(node, shapes)[output.index]
        assert tuple(int(compute(n) if isinstance(n, Variable) else n) for n in inferred) == value.shape

    return check
