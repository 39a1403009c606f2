"""Every op of the core passes the kit, on every backend; the table of what there is of each says what is so."""

from __future__ import annotations

import pytest
from conformance_cases import CASES
from conformance_ops import OPS

import tcore
import tcore.tensor as T
from tcore.codegen.lowering import NotLowered
from tcore.codegen.tables import lowering_table
from tcore.graph import Variable, get_test_value, io_toposort
from tcore.tensor.io import mpi
from tcore.testing import check_debug_mode, check_r_op, conformance
from tcore.testing.coverage import coverage
from tcore.testing.op_classes import core_ops
from tcore.testing.reasons import REASONS


class Request:
    """A transfer that is done when it is waited for."""

    def __init__(self, data=None):
        self.data = data

    def wait(self):
        if self.data is not None:
            self.data[...] = 1


class Loopback:
    """In the place of other processes: takes what is sent, sends ones."""

    def Isend(self, data, dest, tag):
        return Request()

    def Irecv(self, data, source, tag):
        return Request(data)


@pytest.fixture(autouse=True)
def communicator(monkeypatch):
    monkeypatch.setattr(mpi, "communicator", Loopback)


@pytest.mark.parametrize("case", OPS, ids=str)
def test_values(backend, case):
    """The backend agrees with ``perform``, and that with NumPy or SciPy."""
    conformance.check_backend(case)


@pytest.mark.backends("numpy")
@pytest.mark.parametrize("case", [*CASES, *OPS], ids=str)
def test_promises(backend, case):
    """Equality, pickles, views, what is overwritten, shapes."""
    conformance.check_values(case)
    conformance.check_declared_changes(case)
    check_debug_mode(case)
    conformance.check_infer_shape(case)


@pytest.mark.backends("numpy")
@pytest.mark.parametrize("case", [case for case in (*CASES, *OPS) if case.gradient], ids=str)
def test_derivatives(backend, case):
    """Finite differences agree, for the gradient and for derivatives in directions, of which one is the transpose of the other."""
    conformance.check_gradient(case)
    check_r_op(case)


#: built of numbers of its own, which have no values; and of what other processes send, which they do when a function runs
_WITHOUT_VALUES = {"constants in a Composite", "transfers"}


@pytest.mark.backends("numpy")
@pytest.mark.parametrize("case", [case for case in (*CASES, *OPS) if str(case) not in _WITHOUT_VALUES], ids=str)
def test_values_while_building(backend, case):
    """With test values, every output and every gradient has one when it is built, whatever graphs of its own an op builds on the way."""
    with tcore.config.change_flags(compute_test_value="raise"):
        inputs = [T.as_tensor_variable(value).type() for value in case.values]
        for variable, value in zip(inputs, case.values, strict=True):
            variable.tag.test_value = value
        built = case.build(*inputs)
        outputs = [built] if isinstance(built, Variable) else list(built)
        costs = [output.sum() for output in outputs if getattr(output.type, "dtype", "").startswith("float")] if case.gradient else []
        wrt = [variable for variable in inputs if variable.type.dtype.startswith(("float", "complex"))]
        gradients = T.grad(sum(costs), wrt, disconnected_inputs="ignore") if costs and wrt else []
        for variable in (*outputs, *gradients):
            variable.type.filter(get_test_value(variable))


def _with_inner(op):
    """The op and those that it applies to elements."""
    yield op
    for inner in getattr(op, "inner_ops", ()):
        yield from _with_inner(inner)


def _names(node):
    return {f"{type(op).__module__}:{type(op).__qualname__}" for op in _with_inner(node.op)}


def _nodes(case):
    return io_toposort(*case.graph())


def test_every_op_has_a_case():
    """The ops of the table are those of the cases: a new op needs one."""
    names = {name for case in (*CASES, *OPS) for node in _nodes(case) for name in _names(node)}
    missing = {row.reference for row in coverage()} - names
    assert missing == set(), f"no case in tests/conformance/conformance_ops.py: {sorted(missing)}"


def test_every_derivative_has_a_case():
    """Ops whose row says that there is a gradient are differentiated, but where what they say is wrong on purpose, or that there is none."""
    tried = {name for case in (*CASES, *OPS) if case.gradient for node in _nodes(case) for name in _names(node)}
    shaping = {f"tcore.gradient.shaping:{name}" for name in ("ConsiderConstant", "DisconnectedGrad", "GradClip", "GradScale", "UndefinedGrad")}
    parallel = {f"tcore.tensor.io.mpi:{name}" for name in ("MPIRecv", "MPIRecvWait", "MPISend", "MPISendWait")}
    refused = {"tcore.tensor.random.function:RandomFunction", "tcore.tensor.linalg.eigen:EigvalshGrad", "tcore.compile.copy_ops:OutputGuard"}
    lists = {f"tcore.typed_list.basic:{name}" for name in ("Append", "Extend", "GetItem", "Insert", "MakeList", "Remove", "Reverse")}
    assert {row.reference for row in coverage() if row.cells["grad"] not in ("", "none")} - tried == shaping | parallel | refused | lists


@pytest.mark.parametrize("declared", ["view_map", "destroy_map"])
def test_every_use_of_memory_has_a_case(declared):
    """Ops that may hand on or overwrite memory do so in a case."""
    able = {cls for cls in core_ops() if getattr(cls, declared) != {} and not cls.__module__.startswith("tcore.gpuarray.")}
    assert able - {type(node.op) for case in (*CASES, *OPS) for node in _nodes(case) if getattr(node.op, declared)} == set()


def test_every_empty_cell_has_a_reason():
    """And no cell that is filled."""
    rows = {row.reference: row for row in coverage()}
    bare = [f"{row.reference}: {column}" for row in rows.values() for column, cell in row.cells.items() if not cell and not row.reasons.get(column)]
    assert bare == [], "state the reason in tcore/testing/reasons.py, or fill the cell"
    assert set(REASONS) <= set(rows), "reasons for ops that are not there"
    idle = [f"{name}: {column}" for name, reasons in REASONS.items() for column in reasons if rows[name].cells.get(column)]
    assert idle == [], "these cells are filled: take their reasons out of tcore/testing/reasons.py"


def test_lowerings_are_as_the_table_says():
    """Of the cases of an op with a lowering, at least one lowers; of an op without, none does."""
    table, lowered, tried = lowering_table(()), set(), set()
    for case in (*CASES, *OPS):
        for node in _nodes(case):
            ops = _names(node)
            tried |= ops
            try:
                table.lower(node)
            except NotLowered:
                continue
            lowered |= ops
    stated = {row.reference for row in coverage() if row.cells["lowering"]}
    assert stated & tried <= lowered
    assert lowered <= stated | {"tcore.compile.copy_ops:ViewOp", "tcore.gradient.shaping:ZeroGrad"}
