"""The gradients of one step of a loop: those of its inputs, from those of its outputs."""

from __future__ import annotations

from typing import Any

from tcore.compile.copy_ops import view_op
from tcore.gradient import graph_gradients
from tcore.gradient.connection import is_disconnected, is_null
from tcore.graph import Variable
from tcore.scan_module.inner import is_float
from tcore.scan_module.parts import Mitmot, Parts
from tcore.tensor.math import cast
from tcore.tensor.rebroadcast import patternbroadcast
from tcore.tensor.type import TensorType

__all__ = ["Pullback", "has_value", "in_type_of"]


def has_value(gradient: Variable) -> bool:
    """Whether a gradient is connected and defined."""
    return not is_disconnected(gradient) and not is_null(gradient)


def _reaches(gradients_of: dict[Variable, Variable], inner: Variable) -> bool:
    return inner in gradients_of and not is_disconnected(gradients_of[inner])


class Pullback:
    """What comes back through one step.

    Attributes
    ----------
    seeds : dict
        Record of a state, nitsot or mitmot -> the inner variables that stand for the gradients of its outputs in a step.
    of : dict
        Inner input -> its gradient in a step.
    """

    def __init__(self, forward: Parts, given: Any) -> None:
        self.forward = forward
        self.seeds: dict[Any, list[Variable]] = {}
        for record, gradient in zip(forward.with_output(), (*given.mitmots, *given.states, *given.nitsots, *given.shareds), strict=True):
            if has_value(gradient):
                self._seed(record)
        self.of: dict[Variable, Variable] = {}
        if not self.seeds:
            return
        wrt = [v for v in forward.inner_inputs() if is_float(v)]
        while True:  # what flows into a state of an earlier step flows on from there
            self.of = dict(zip(wrt, self._gradients(wrt), strict=True))
            fresh = [
                record
                for record in forward.fed_back()
                if record not in self.seeds and any(_reaches(self.of, inner) for inner in getattr(record, "inners", ()))
            ]
            if not fresh:
                break
            for record in fresh:
                self._seed(record)

    def nothing(self) -> bool:
        """Whether no gradient comes in."""
        return not self.seeds

    def _seed(self, record: Any) -> None:
        outs = record.outs if isinstance(record, Mitmot) else [record.out]
        if all(is_float(out) for out in outs):
            self.seeds[record] = [out.type() for out in outs]

    def _gradients(self, wrt: list[Variable]) -> list[Any]:
        # a view of each output: one may be an input, or what another one is computed of
        pairs = [
            (view_op(out), seed)
            for record, seeds in self.seeds.items()
            for out, seed in zip(record.outs if isinstance(record, Mitmot) else [record.out], seeds, strict=True)
        ]
        found = graph_gradients(pairs, wrt)
        return [in_type_of(gradient, variable) for gradient, variable in zip(found, wrt, strict=True)]


def in_type_of(gradient: Any, variable: Any) -> Any:
    """A gradient in the type of its variable."""
    if not has_value(gradient) or not isinstance(variable.type, TensorType):
        return gradient
    if gradient.type.dtype != variable.type.dtype:
        gradient = cast(gradient, variable.type.dtype)
    if gradient.type.broadcastable != variable.type.broadcastable:
        gradient = patternbroadcast(gradient, variable.type.broadcastable)
    return gradient
