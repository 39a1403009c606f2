"""What the tests of tensor ops share: evaluation by ``perform`` alone, and gradients against finite differences."""

from collections.abc import Sequence

import numpy as np
import pytest
from tcore.graph import Constant, Variable
from tcore.graph.null_type import DisconnectedType, NullType
from tcore.graph.traversal import io_toposort
from tcore.tensor import TensorType, as_tensor_variable
from tcore.tensor.alloc import zeros_like


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


def gradients(cost, wrt):
    """The gradients of ``cost`` by the ``L_op`` of each node; zeros where disconnected."""
    found = {cost: as_tensor_variable(np.ones((), cost.dtype))}
    for node in reversed(io_toposort(list(wrt), [cost])):
        if not any(v in found for v in node.outputs):
            continue
        given = [found.get(v, None) for v in node.outputs]
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
def evaluate():
    """``evaluate(outputs, {variable: array})``."""
    return compute


@pytest.fixture
def gradient():
    """``gradient(cost, [variables])``."""
    return gradients


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
        computed = compute(gradients(cost, variables), dict(zip(variables, points, strict=True)))
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
