"""The rows of what a loop has computed, for work that is done after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph import Constant, Variable, clone_replace
from tcore.scan_module.layout import depth_of
from tcore.scan_module.parts import Nitsot, State
from tcore.scan_module.rewrites.common import Opened
from tcore.scan_module.rewrites.moving import rows_before
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["RowsAfter"]


class RowsAfter:
    """All rows of inner variables, as they are known after a loop. Stand-ins for outputs of the loop, until it is built.

    Attributes
    ----------
    rows : dict
        Inner variable -> rows.
    stand_ins : dict
        Stand-in -> (record, first row): the output of the loop from that row on.
    """

    def __init__(self, loop: Opened) -> None:
        self.loop = loop
        self.rows, self.fixed = rows_before(loop)
        self.stand_ins: dict[Variable, tuple[Any, int]] = {}
        for record in loop.parts.states:
            if record.keep is None:
                depth = depth_of(record.taps)
                for tap, inner in zip(record.taps, record.inners, strict=True):
                    self._stand_in(inner, record, depth + tap)
                if record.out not in self.rows and record.out not in self.fixed and not isinstance(record.out, Constant):
                    self._stand_in(record.out, record, depth)

    def _stand_in(self, inner: Any, record: Any, first: int) -> None:
        rows = TensorType(inner.type.dtype, (False, *inner.type.broadcastable))()
        self.rows.setdefault(inner, rows)
        self.stand_ins[rows] = (record, first)

    def store(self, inner: Variable) -> None:
        """Let the rows of ``inner`` be an output of the loop, where they are not known otherwise."""
        if inner in self.rows or inner in self.fixed or isinstance(inner, Constant):
            return
        record = next((r for r in self.loop.parts.nitsots if r.out is inner and r.keep is None), None)
        if record is None:
            record = Nitsot(inner)
            self.loop.parts.nitsots.append(record)
        self._stand_in(inner, record, 0)

    def finished(self, values: Sequence[Any], extra: dict[Variable, Variable]) -> list[Any]:
        """``values`` in terms of the outputs of the loop that is built now; ``extra`` gets old outputs -> new ones."""
        parts = self.loop.parts
        known = dict(self.loop.output_of)
        for record, _ in self.stand_ins.values():
            if record not in known:
                self.loop.output_of[record] = TensorType(record.out.type.dtype, (False, *record.out.type.broadcastable))()
        found = self.loop.rebuilt()
        replace = {}
        for stand_in, (record, first) in self.stand_ins.items():
            if record in parts.stacked():
                whole: Any = found[self.loop.output_of[record]]
                part = whole[first:] if first else whole
                replace[stand_in] = part[: parts.n_steps] if isinstance(record, State) and first < depth_of(record.taps) else part
        extra.update({old: new for old, new in found.items() if any(old is each for each in known.values()) or old is self.loop.steps})
        return list(clone_replace(list(values), replace))
