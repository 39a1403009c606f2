"""Ops that make draws of other distributions from uniform numbers, where loops or choices keep formulas from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph import Apply, FieldlessOp, Variable
from tcore.graph.null_type import Unconnected
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SLACK", "ChoiceFromUniform", "OutcomesFromUniform", "choice_from_uniform", "outcomes_from_uniform"]

#: dtype of probabilities -> by how much their sum may miss 1 and still mean 1
SLACK = {"float16": 5e-3, "float32": 1e-5, "float64": 1e-9}


class _FromUniform(Unconnected, FieldlessOp):
    """What both share: probabilities by row, uniform numbers by draw and row, no derivatives."""

    def _checked(self, pvals: Any, uniform: Any) -> tuple[Variable, Variable]:
        pvals, uniform = as_tensor_variable(pvals), as_tensor_variable(uniform)
        for variable, name in ((pvals, "pvals"), (uniform, "uniform numbers")):
            if variable.type.ndim != 2 or variable.type.dtype not in SLACK:
                raise TypeError(f"{self}: {name} are a matrix of floats, got {variable} of type {variable.type}")
        return pvals, uniform


def _same_rows(pvals: np.ndarray, uniform: np.ndarray) -> None:
    if pvals.shape[0] != uniform.shape[1]:
        raise ValueError(f"pvals have {pvals.shape[0]} rows, there are uniform numbers for {uniform.shape[1]}")


class OutcomesFromUniform(_FromUniform):
    """``outcomes(pvals, u)[t, r, j]`` is 1 where draw t of row r has the outcome j, else 0; int8.

    Outcome j has the numbers between the sums of the probabilities before it and with it. The one at which the sum comes to 1, but
    for rounding, has all the rest. Where a row never comes to 1, a draw may have no outcome; nothing is checked.
    """

    def make_node(self, pvals: Any, uniform: Any) -> Apply:
        """``pvals``: rows by outcomes; ``uniform``: draws by rows."""
        pvals, uniform = self._checked(pvals, uniform)
        flags = (uniform.type.broadcastable[0], pvals.type.broadcastable[0] and uniform.type.broadcastable[1], pvals.type.broadcastable[1])
        return Apply(self, [pvals, uniform], [TensorType("int8", flags)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        pvals, uniform = inputs
        _same_rows(pvals, uniform)
        sums = np.cumsum(pvals, axis=1, dtype="float64")
        bounds = np.where(sums >= 1 - SLACK[pvals.dtype.name], 2.0, sums)
        below = np.concatenate([np.zeros((len(pvals), 1)), bounds[:, :-1]], axis=1)
        wide = uniform[:, :, None]
        output_storage[0][0] = ((wide > below) & (wide <= bounds)).astype("int8")

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [(shapes[1][0], shapes[0][0], shapes[0][1])]

    def __str__(self) -> str:
        return "outcomes_from_uniform"


class ChoiceFromUniform(_FromUniform):
    """``choice(pvals, u)[r, t]`` is the outcome that draw t of row r takes from those that are left; int64.

    Each draw divides the probabilities of what is left by their sum. A row without any takes the first that is left.
    """

    def make_node(self, pvals: Any, uniform: Any) -> Apply:
        """``pvals``: rows by outcomes; ``uniform``: draws by rows."""
        pvals, uniform = self._checked(pvals, uniform)
        flags = (pvals.type.broadcastable[0] and uniform.type.broadcastable[1], uniform.type.broadcastable[0])
        return Apply(self, [pvals, uniform], [TensorType("int64", flags)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        pvals, uniform = inputs
        _same_rows(pvals, uniform)
        if len(uniform) > pvals.shape[1]:
            raise ValueError(f"cannot choose {len(uniform)} of {pvals.shape[1]} outcomes without replacement: draw fewer, or replace=True")
        rows = np.arange(len(pvals))
        left = pvals.astype("float64")
        free = np.ones(left.shape, bool)
        chosen = np.empty((len(pvals), len(uniform)), "int64")
        for draw, numbers in enumerate(uniform):
            sums = np.cumsum(left, axis=1)
            hit = free & (sums >= (numbers * sums[:, -1])[:, None]) & (left > 0)
            best = np.where(hit.any(axis=1), hit.argmax(axis=1), free.argmax(axis=1))
            chosen[:, draw] = best
            free[rows, best] = False
            left[rows, best] = 0
        output_storage[0][0] = chosen

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [(shapes[0][0], shapes[1][0])]

    def __str__(self) -> str:
        return "choice_from_uniform"


outcomes_from_uniform = OutcomesFromUniform()
choice_from_uniform = ChoiceFromUniform()
