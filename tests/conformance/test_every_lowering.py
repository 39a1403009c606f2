"""Nothing that computes is left out: every lowering, function, reduction and native step of the registries has a case."""

from __future__ import annotations

import pytest
from conformance_all import every_program
from conformance_elementwise import SCALAR_OPS

from tcore.codegen import scalar_ops
from tcore.codegen.expr import Fn
from tcore.codegen.functions import FUNCTIONS
from tcore.codegen.lowering import LoweringTable, NotLowered
from tcore.codegen.reductions import IDIOMS
from tcore.codegen.stages import Reduce
from tcore.codegen.walks import flatten
from tcore.graph import io_toposort
from tcore.plugins import LoweringGroup
from tcore.plugins.process import manager
from tcore.plugins.references import resolve
from tcore.scalar.op import ScalarOp
from tcore_cpu.programs.native_steps import native_steps

OURS = ("tcore.", "tcore_")
#: used by authors only: test_stages.py and test_functions.py have cases of them
FOR_AUTHORS = {"logsumexp", "shift_left", "shift_right", "copysign", "hypot", "fma"}


def every_lowering():
    """Those of all installed packages of ours."""
    for candidate in manager().installed.candidates:
        manager().load(candidate.name)
    found = [lowering for _, group in manager().tables.of(LoweringGroup) for lowering in resolve(group.load)]
    return [lowering for lowering in found if lowering.function.__module__.startswith(OURS)]


@pytest.fixture(scope="module")
def nodes():
    """The nodes of all programs."""
    programs = [program for dtype in ("float64", "float16", "int16", "complex128") for _, program in every_program(dtype)]
    return [node for program in programs for node in io_toposort(program.inputs, program.outputs)]


def test_every_lowering(nodes):
    """Each lowering is used, for each of its ops; so is each function and each idiom of reduction."""
    lowerings = every_lowering()
    assert len(lowerings) > 20
    table = LoweringTable.of(lowerings)
    ops, functions, idioms = set(), set(), set()
    for node in nodes:
        try:
            stages = table.lower(node).stages
        except NotLowered:
            continue
        ops.update(next([cls] for cls in type(node.op).__mro__ if cls in table.by_class))
        idioms.update(stage.reduction.name for stage in stages if isinstance(stage, Reduce))
        functions.update(expr.name for stage in stages for expr in flatten(stage.exprs) if isinstance(expr, Fn))
    assert {op for lowering in lowerings for op in lowering.ops} - ops == set(), "these ops have a lowering, and no case in tests/conformance"
    assert set(FUNCTIONS) - functions - FOR_AUTHORS == set()
    assert set(IDIOMS) - idioms - FOR_AUTHORS == set()


def test_every_scalar_op(nodes):
    """Each formula is used; every class of scalar op that kernels compute has an instance among the cases."""
    used = {getattr(node.op, "scalar_op", node.op) for node in nodes}
    names = {op.loop_name for op in used if isinstance(op, ScalarOp)}
    assert set(scalar_ops.FORMULAS) - names == set()
    classes = {type(op) for op in (*used, *SCALAR_OPS)}
    pending = [ScalarOp]
    while pending:
        cls = pending.pop()
        pending += cls.__subclasses__()
        if cls.loop_name and cls.__module__.startswith("tcore."):
            assert cls in classes, f"{cls} has no case in tests/conformance"


def test_every_native_step(nodes):
    """What the CPU backend does without a kernel; loops, where they are loaded, have tests/tcore_cpu/programs/test_loops.py."""
    steps = {op for op in native_steps(blas=True) if op.__name__ != "Scan"}
    assert steps - {type(node.op) for node in nodes} == set(), "no case in tests/conformance"
