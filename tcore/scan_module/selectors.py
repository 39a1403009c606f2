"""The variables of a loop by kind, under the documented names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph import Apply, Variable
from tcore.scan_module.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Selectors", "scan_args"]


def _outer_inputs(given: Apply | Sequence[Any]) -> Sequence[Any]:
    return given.inputs if isinstance(given, Apply) else given


def _outer_outputs(given: Apply | Sequence[Any]) -> Sequence[Any]:
    return given.outputs if isinstance(given, Apply) else given


class Selectors:
    """Methods of the op ``Scan`` that pick the variables of one kind.

    ``inner_…`` look into the inner graph, or into a list that runs beside its inputs or outputs; ``outer_…`` take a node, or such a list.
    Recurrent kinds have one list for each tap of each variable inside, all in one.
    """

    layout: Layout
    inner_inputs: Any
    inner_outputs: Any

    # ------------------------------------------------------------ taps

    def mitmot_taps(self) -> list[list[int]]:
        """The rows that each mitmot reads, relative to the step."""
        return [list(taps) for taps in self.layout.mitmot_taps]

    def mitmot_out_taps(self) -> list[list[int]]:
        """The rows that each mitmot writes, relative to the step."""
        return [list(taps) for taps in self.layout.mitmot_out_taps]

    def mitsot_taps(self) -> list[list[int]]:
        """The earlier steps that each mitsot reads."""
        return [list(taps) for taps in self.layout.state_taps[: self.layout.n_mitsots]]

    def sitsot_taps(self) -> list[list[int]]:
        """``[-1]`` for each sitsot."""
        return [list(taps) for taps in self.layout.state_taps[self.layout.n_mitsots :]]

    # ------------------------------------------------------------ inside

    def _inside(self, given: Sequence[Any] | None) -> Any:
        return self.layout.inner_inputs(self.inner_inputs if given is None else given)

    def _inside_outs(self, given: Sequence[Any] | None) -> Any:
        return self.layout.inner_outputs(self.inner_outputs if given is None else given)

    def inner_seqs(self, inputs: Sequence[Any] | None = None) -> list[Any]:
        """Rows of sequences."""
        return list(self._inside(inputs).seqs)

    def inner_mitmot(self, inputs: Sequence[Any] | None = None) -> list[Any]:
        """Rows of mitmots."""
        return [v for group in self._inside(inputs).mitmots for v in group]

    def inner_mitsot(self, inputs: Sequence[Any] | None = None) -> list[Any]:
        """Earlier rows of mitsots."""
        return [v for group in self._inside(inputs).states[: self.layout.n_mitsots] for v in group]

    def inner_sitsot(self, inputs: Sequence[Any] | None = None) -> list[Any]:
        """Last rows of sitsots."""
        return [v for group in self._inside(inputs).states[self.layout.n_mitsots :] for v in group]

    def inner_shared(self, inputs: Sequence[Any] | None = None) -> list[Any]:
        """Shared values before the step."""
        return list(self._inside(inputs).shareds)

    def inner_non_seqs(self, inputs: Sequence[Any] | None = None) -> list[Any]:
        """Non-sequences."""
        return list(self._inside(inputs).non_seqs)

    def inner_mitmot_outs(self, outputs: Sequence[Any] | None = None) -> list[Any]:
        """New rows of mitmots."""
        return [v for group in self._inside_outs(outputs).mitmots for v in group]

    def inner_mitsot_outs(self, outputs: Sequence[Any] | None = None) -> list[Any]:
        """New rows of mitsots."""
        return list(self._inside_outs(outputs).states[: self.layout.n_mitsots])

    def inner_sitsot_outs(self, outputs: Sequence[Any] | None = None) -> list[Any]:
        """New rows of sitsots."""
        return list(self._inside_outs(outputs).states[self.layout.n_mitsots :])

    def inner_nitsot_outs(self, outputs: Sequence[Any] | None = None) -> list[Any]:
        """Rows of nitsots."""
        return list(self._inside_outs(outputs).nitsots)

    def inner_shared_outs(self, outputs: Sequence[Any] | None = None) -> list[Any]:
        """Shared values after the step."""
        return list(self._inside_outs(outputs).shareds)

    # ------------------------------------------------------------ outside

    def outer_seqs(self, node: Apply | Sequence[Any]) -> list[Any]:
        """Sequences."""
        return list(self.layout.outer_inputs(_outer_inputs(node)).seqs)

    def outer_mitmot(self, node: Apply | Sequence[Any]) -> list[Any]:
        """What mitmots begin with."""
        return list(self.layout.outer_inputs(_outer_inputs(node)).mitmots)

    def outer_mitsot(self, node: Apply | Sequence[Any]) -> list[Any]:
        """First rows of mitsots."""
        return list(self.layout.outer_inputs(_outer_inputs(node)).states[: self.layout.n_mitsots])

    def outer_sitsot(self, node: Apply | Sequence[Any]) -> list[Any]:
        """First rows of sitsots."""
        return list(self.layout.outer_inputs(_outer_inputs(node)).states[self.layout.n_mitsots :])

    def outer_shared(self, node: Apply | Sequence[Any]) -> list[Any]:
        """Shared values before the loop."""
        return list(self.layout.outer_inputs(_outer_inputs(node)).shareds)

    def outer_non_seqs(self, node: Apply | Sequence[Any]) -> list[Any]:
        """Non-sequences."""
        return list(self.layout.outer_inputs(_outer_inputs(node)).non_seqs)

    def outer_mitmot_outs(self, node: Apply | Sequence[Any]) -> list[Any]:
        """Mitmots after the loop."""
        return list(self.layout.outer_outputs(_outer_outputs(node)).mitmots)

    def outer_mitsot_outs(self, node: Apply | Sequence[Any]) -> list[Any]:
        """Rows of mitsots."""
        return list(self.layout.outer_outputs(_outer_outputs(node)).states[: self.layout.n_mitsots])

    def outer_sitsot_outs(self, node: Apply | Sequence[Any]) -> list[Any]:
        """Rows of sitsots."""
        return list(self.layout.outer_outputs(_outer_outputs(node)).states[self.layout.n_mitsots :])

    def outer_nitsot_outs(self, node: Apply | Sequence[Any]) -> list[Any]:
        """Rows of nitsots."""
        return list(self.layout.outer_outputs(_outer_outputs(node)).nitsots)

    def outer_shared_outs(self, node: Apply | Sequence[Any]) -> list[Any]:
        """Shared values after the loop."""
        return list(self.layout.outer_outputs(_outer_outputs(node)).shareds)


class scan_args:
    """The four lists of variables of a loop, each by kind.

    Parameters
    ----------
    node : Apply
        Of a ``Scan``.

    Attributes
    ----------
    n_steps : Variable
    inner_in_seqs, inner_in_mit_mot, inner_in_mit_sot, inner_in_sit_sot, inner_in_shared, inner_in_non_seqs : list
        Recurrent kinds with several taps are lists of lists.
    inner_out_mit_mot, inner_out_mit_sot, inner_out_sit_sot, inner_out_nit_sot, inner_out_shared : list
    outer_in_seqs, outer_in_mit_mot, outer_in_mit_sot, outer_in_sit_sot, outer_in_shared, outer_in_non_seqs : list
    outer_out_mit_mot, outer_out_mit_sot, outer_out_sit_sot, outer_out_nit_sot, outer_out_shared : list
    mit_mot_in_slices, mit_mot_out_slices, mit_sot_in_slices : list of tuples of int
        Taps.
    cond : list
        The stop condition, or nothing.
    """

    def __init__(self, node: Apply) -> None:
        op: Any = node.op
        layout: Layout = op.layout
        mitsots = layout.n_mitsots
        inside, inside_outs = layout.inner_inputs(op.inner_inputs), layout.inner_outputs(op.inner_outputs)
        outer, outer_outs = layout.outer_inputs(node.inputs), layout.outer_outputs(node.outputs)
        self.n_steps: Variable = outer.n_steps
        self.mit_mot_in_slices, self.mit_mot_out_slices = list(layout.mitmot_taps), list(layout.mitmot_out_taps)
        self.mit_sot_in_slices = list(layout.state_taps[:mitsots])
        self.inner_in_seqs, self.outer_in_seqs = inside.seqs, outer.seqs
        self.inner_in_mit_mot, self.outer_in_mit_mot = inside.mitmots, outer.mitmots
        self.inner_in_mit_sot, self.outer_in_mit_sot = inside.states[:mitsots], outer.states[:mitsots]
        self.inner_in_sit_sot, self.outer_in_sit_sot = [v for (v,) in inside.states[mitsots:]], outer.states[mitsots:]
        self.inner_in_shared, self.outer_in_shared = inside.shareds, outer.shareds
        self.inner_in_non_seqs, self.outer_in_non_seqs = inside.non_seqs, outer.non_seqs
        self.inner_out_mit_mot, self.outer_out_mit_mot = inside_outs.mitmots, outer_outs.mitmots
        self.inner_out_mit_sot, self.outer_out_mit_sot = inside_outs.states[:mitsots], outer_outs.states[:mitsots]
        self.inner_out_sit_sot, self.outer_out_sit_sot = inside_outs.states[mitsots:], outer_outs.states[mitsots:]
        self.inner_out_nit_sot, self.outer_out_nit_sot = inside_outs.nitsots, outer_outs.nitsots
        self.inner_out_shared, self.outer_out_shared = inside_outs.shareds, outer_outs.shareds
        self.cond = inside_outs.until
