"""The arrays of one kernel, and what every length is in terms of theirs.

The stages of a node state lengths in terms of the node's own operands and results. Most of these vanish in a kernel: what is left are the
arrays that it reads and those that it stores, of which a length is known before it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tcore.codegen.expr import Axis, Buffer, Expr, Extent
from tcore.codegen.facts import NodeFacts, is_unit, reads_elements
from tcore.codegen.lowering import axis_name
from tcore.codegen.stages import Map, Reduce
from tcore.codegen.walks import flatten, substitute

__all__ = ["Arrays", "runs_along"]


def runs_along(axis: Axis) -> bool:
    """Whether operands that are read at ``axis`` itself have its length: not where a lowering computes another one."""
    return isinstance(axis.extent, Extent)


class Arrays:
    """The arrays and axes of a kernel that is being assembled.

    Attributes
    ----------
    inputs : dict from Variable to Buffer
        Operands, as they were asked for.
    buffers : dict
        What is stored, by Variable, and scratch that reductions leave their results in.
    shapes : dict from Variable to lengths
        Of what the nodes make.
    canonical : dict from Axis to Axis
        The axis of the kernel that stands for each class of equal ones.
    """

    def __init__(
        self,
        facts: Sequence[NodeFacts],
        roots: tuple[Axis, ...],
        inlined: set[Any],
        stored: Sequence[Any],
        find: Callable[[Axis], Axis],
    ) -> None:
        self._facts, self._roots, self._inlined, self._find = facts, roots, inlined, find
        self.stored = list(stored)
        self.made = {v for f in facts for v in f.node.outputs}
        self.inputs: dict[Any, Buffer] = {}
        self.buffers: dict[Any, Buffer] = {}
        self.shapes: dict[Any, tuple[Expr, ...]] = {}
        self.canonical: dict[Axis, Axis] = {}
        self._extents: dict[Expr, Expr] = {}
        self._lengths: dict[Axis, list[Expr]] = {}
        self._collect_extents()
        self._name_axes()
        self._settle()

    def operand(self, variable: Any) -> Buffer:
        """The kernel's buffer for a variable from outside."""
        found = self.inputs.get(variable)
        if found is None:
            flags = tuple(getattr(variable.type, "broadcastable", ()))
            found = self.inputs[variable] = Buffer(f"x{len(self.inputs)}", variable.type.dtype, flags)
        return found

    def target(self, variable: Any) -> Buffer:
        """The kernel's buffer for a variable that it stores."""
        found = self.buffers.get(variable)
        if found is None:
            flags = tuple(getattr(variable.type, "broadcastable", ()))
            name = f"z{self.stored.index(variable)}" if variable in self.stored else f"t{len(self.buffers)}"
            found = self.buffers[variable] = Buffer(name, variable.type.dtype, flags)
        return found

    def reduced(self, buffer: Buffer, key: Any) -> Buffer:
        """Where a reduction leaves its result ``buffer``, which is of the variable ``key`` or scratch: an output of the kernel, or scratch of its own."""
        if key not in self.buffers:
            if key in self.stored:
                return self.target(key)
            self.buffers[key] = Buffer(f"t{len(self.buffers)}", buffer.dtype, buffer.broadcastable)
        return self.buffers[key]

    def extent_rule(self, exprs: list[Expr]) -> list[Expr]:
        """Rewrite lengths of node operands to lengths of kernel operands."""
        for _ in range(len(self._facts) + 1):
            new = substitute(exprs, self._extents)
            if all(a is b for a, b in zip(new, exprs, strict=True)):
                break
            exprs = new
        return exprs

    def vanished(self, length: Expr) -> bool:
        """Whether a length refers to an array that is neither operand nor stored."""
        alive = {*self.inputs.values(), *self.buffers.values()}
        return any(isinstance(e, Extent) and e.buffer not in alive for e in flatten([length]))

    def _collect_extents(self) -> None:
        """What the length of each array of each node is in terms of the kernel's arrays."""
        for facts in self._facts:
            lowered = facts.lowered
            for operand, variable in zip(lowered.inputs, facts.node.inputs, strict=True):
                if operand.buffer is None:
                    continue
                for k in range(operand.buffer.ndim):
                    mine = Extent(operand.buffer, k)
                    if variable in self.shapes:
                        self._extents[mine] = self.shapes[variable][k]
                    elif variable in self.inputs or not operand.buffer.broadcastable[k]:
                        self._extents[mine] = Extent(self.operand(variable), k)
            own = dict(zip(lowered.outputs, facts.node.outputs, strict=True))
            for stage in facts.stages:
                if isinstance(stage, (Map, Reduce)):
                    for buffer in stage.outputs:
                        if buffer in own and not any(reads_elements(a.extent) for a in stage.axes):
                            lengths = substitute([a.extent for a in stage.axes], self._extents)
                            self.shapes[own[buffer]] = tuple(lengths)
            for buffer, variable in own.items():
                if variable in self.stored:
                    for k in range(buffer.ndim):
                        self._extents[Extent(buffer, k)] = Extent(self.target(variable), k)
                    self.shapes.setdefault(variable, tuple(Extent(self.target(variable), k) for k in range(buffer.ndim)))

    def _name_axes(self) -> None:
        """Give each class of equal axes one axis, whose length is known from outside the kernel."""
        roots = set(self._roots)
        for facts in self._facts:
            if facts.node in self._inlined:
                continue
            for stage in facts.stages:
                for axis in stage.loops:
                    # a length that elements decide is that of the stored result
                    if not is_unit(axis) and not reads_elements(axis.extent) and (root := self._find(axis)) in roots:
                        self._lengths.setdefault(root, []).append(axis.extent)
            for position, indices in facts.loads.items():
                variable = facts.node.inputs[position]
                if variable in self.made:
                    continue
                for index in indices:
                    for k, item in enumerate(index):
                        if isinstance(item, Axis) and runs_along(item) and (root := self._find(item)) in roots:
                            self._lengths.setdefault(root, []).insert(0, Extent(self.operand(variable), k))
            for position, axes in facts.produced.items():
                variable = facts.node.outputs[position]
                if variable in self.stored:
                    for k, made in enumerate(axes):
                        if made is not None and (root := self._find(made)) in roots:
                            self._lengths.setdefault(root, []).append(Extent(self.target(variable), k))
        for number, root in enumerate(self._roots):
            self.canonical[root] = Axis.fresh(axis_name(number), self._lengths[root][0])

    def _settle(self) -> None:
        """Replace lengths that are stated in terms of vanished arrays."""
        for root, axis in list(self.canonical.items()):
            known = [self.extent_rule([length]) for length in self._lengths[root]]
            best = next((k[0] for k in known if not self.vanished(k[0])), known[0][0])
            if best is not axis.extent:
                self.canonical[root] = Axis.fresh(axis.name, best)
