"""Kernels in a program: what a group of Applies becomes, from its checks to its launches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tcore.codegen.expr import Buffer, Expr, Extent, Load
from tcore.codegen.group import Group
from tcore.codegen.walks import flatten
from tcore_cpu.kernels.plans import CopyPlan, KernelPlan
from tcore_cpu.kernels.schedule import schedule
from tcore_cpu.native.abi import Failure, Instruction
from tcore_cpu.programs.draft import Fused
from tcore_cpu.runtime.slots import ndim_of

if TYPE_CHECKING:
    from tcore_cpu.programs.program import ProgramBuilder

__all__ = ["KernelSteps"]

#: the slot of an operand, an output, or what a length is known by
SlotOf = Callable[[Buffer], int]


class KernelSteps:
    """Emits the instructions of groups into the program that ``builder`` makes."""

    def __init__(self, builder: ProgramBuilder) -> None:
        self.builder = builder
        self._plans: dict[Group, list[KernelPlan | CopyPlan]] = {}

    def plans(self, step: Group) -> list[KernelPlan | CopyPlan]:
        """What the runtime does for a group."""
        if step not in self._plans:
            equal = [(check.actual, check.expected) for check in step.checks]
            self._plans[step] = schedule(step.kernel, self.builder.printer, equal)
        return self._plans[step]

    def emit(self, step: Group) -> None:
        """Checks, memory and launches of a group."""
        builder = self.builder
        variables = dict(zip(step.kernel.inputs, step.inputs, strict=True))
        variables |= dict(zip(step.kernel.outputs, step.outputs, strict=True))

        def slot_of(buffer: Buffer) -> int:
            return builder.array_slot(variables[buffer] if buffer in variables else builder.variables[buffer])

        shapes = [self.shape(step, k) for k in range(len(step.outputs))]
        plans = self.plans(step)
        inplace = self.taken_over(step, plans)
        builder.assembler.site = self.site(step)
        self._check(step, slot_of)
        self._make(step, shapes, inplace, slot_of)
        self._launch(step, plans, inplace, slot_of)

    def _check(self, step: Group, slot_of: SlotOf) -> None:
        """What must hold before anything is written."""
        assembler, number = self.builder.assembler, self.builder.number
        stated = set(step.kernel.outputs)
        for check in step.checks:
            if any(isinstance(e, Extent) and e.buffer in stated for e in flatten([check.actual, check.expected])):
                continue  # nothing to compare with before the output is there
            left, right = assembler.index(check.actual, slot_of), assembler.index(check.expected, slot_of)
            if left != right:
                assembler.emit(Instruction.CHECK, Failure.SHAPE, number[check.node], check.operand, check.axis, left, right)
        for requirement in step.requirements:
            fine = assembler.index(requirement.condition, slot_of)
            failure = Failure.DOUBT if requirement.doubtful else Failure.DEMAND
            assembler.emit(Instruction.REQUIRE, failure, number[requirement.node], fine, fine, fine)

    def _make(self, step: Group, shapes: Sequence[tuple[Expr, ...]], inplace: set[int], slot_of: SlotOf) -> None:
        """Memory for the outputs."""
        builder, assembler = self.builder, self.builder.assembler
        for k, variable in enumerate(step.outputs):
            if k in inplace:
                source = builder.slot(step.inputs[step.inplace[k]])
                assembler.emit(Instruction.PRIVATE, builder.slot(variable), source)
                continue
            flags = variable.type.broadcastable if hasattr(variable.type, "broadcastable") else ()
            lengths = [
                assembler.constant(1) if flag else assembler.index(length, slot_of)
                for flag, length in zip(flags, shapes[k], strict=True)
            ]
            like = [builder.slot(v) for v in step.inputs if ndim_of(v.type) == len(lengths) > 1]
            builder.new(variable, lengths, like)

    def _launch(self, step: Group, plans: Sequence[KernelPlan | CopyPlan], inplace: set[int], slot_of: SlotOf) -> None:
        """The loops, and copies of what they start from."""
        builder, assembler = self.builder, self.builder.assembler
        for plan in plans:
            if isinstance(plan, CopyPlan):
                if slot_of(plan.target) not in {builder.slot(step.outputs[k]) for k in inplace}:
                    assembler.emit(Instruction.COPY, slot_of(plan.target), slot_of(plan.source))
            else:
                assembler.kernel(plan, slot_of, assembler.site, builder.epilogue())
        launches = [plan for plan in plans if isinstance(plan, KernelPlan)]
        phases = [phase for plan in launches for phase in plan.phases]
        bodies = dict.fromkeys(phase.body for phase in phases if phase.body is not None)
        tiles = max((phase.tile_bytes for phase in phases), default=0)
        builder.fused.append(Fused(builder.told(step.nodes), tuple(bodies), tiles, max((sum(p.row_itemsizes) for p in launches), default=0)))

    def shape(self, step: Group, k: int) -> tuple[Expr, ...]:
        """Lengths of an output, in terms of what is there before the kernel runs."""
        if k in step.inplace:
            return ()
        variable, lengths, kernel = step.outputs[k], step.shapes[k], step.kernel
        known = {*kernel.inputs, *kernel.outputs[:k]}
        if len(lengths) == kernel.outputs[k].ndim and all(
            e.buffer in known for e in flatten(lengths) if isinstance(e, (Extent, Load))
        ):
            return lengths
        for stage in kernel.stages:
            base = getattr(stage, "base", None)
            if base is not None and stage.outputs[0] is kernel.outputs[k]:
                return tuple(Extent(base, axis) for axis in range(base.ndim))
        return self.builder.lengths.of(variable)

    def taken_over(self, step: Group, plans: Sequence[KernelPlan | CopyPlan]) -> set[int]:
        """Outputs that take over the memory of an input: not where several passes might still read it."""
        kernels = [plan for plan in plans if isinstance(plan, KernelPlan)]
        forced = any(getattr(stage, "inplace", False) for stage in step.kernel.stages)
        if not forced and (len(kernels) != 1 or len(kernels[0].phases) != 1):
            return set()
        return set(step.inplace)

    def site(self, step: Group) -> int:
        """The Apply that a failed index check names."""
        for node in step.nodes:
            if "Subtensor" in type(node.op).__name__:
                return self.builder.number[node]
        return self.builder.number[step.nodes[0]]
