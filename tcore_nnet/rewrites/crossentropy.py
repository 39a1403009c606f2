"""The cross-entropy of a softmax, taken from the softmax's argument."""

from __future__ import annotations

from typing import Any

from tcore import tensor as T
from tcore.graph import Apply
from tcore.optimizer.rewrite import ASSUME_FINITE, Stage, rewrite
from tcore.tensor.softmax import Softmax
from tcore_nnet.crossentropy import CrossentropyCategorical1Hot, CrossentropyCategorical1HotGrad
from tcore_nnet.softmax_crossentropy import (
    crossentropy_softmax_1hot_with_bias_dx,
    crossentropy_softmax_argmax_1hot_with_bias,
)

__all__ = ["REWRITES"]


def _softmax_argument(variable: Any) -> Any:
    """x where ``variable`` is softmax(x), else None."""
    if variable.owner is not None and isinstance(variable.owner.op, Softmax):
        return variable.owner.inputs[0]
    return None


@rewrite(Stage.STABILIZE, Stage.SPECIALIZE, tracks=[CrossentropyCategorical1Hot], tags=(ASSUME_FINITE,))
def crossentropy_to_crossentropy_with_softmax(node: Apply) -> Any:
    """crossentropy_categorical_1hot(softmax(x), y) -> crossentropy_softmax_argmax_1hot_with_bias(x, 0, y)[0]

    Logarithms of 0 disappear: the cost is logsumexp(x) - x[y].
    """
    x = _softmax_argument(node.inputs[0])
    if x is None:
        return None
    return [crossentropy_softmax_argmax_1hot_with_bias(x, T.zeros_like(x[0, :]), node.inputs[1])[0]]


@rewrite(Stage.STABILIZE, Stage.SPECIALIZE, tracks=[T.SoftmaxGrad], tags=(ASSUME_FINITE,))
def local_softmax_grad_to_crossentropy_with_softmax_grad(node: Apply) -> Any:
    """softmax_grad(crossentropy_categorical_1hot_grad(g, softmax(x), y), softmax(x)) -> g * (softmax(x) - 1hot(y))

    The quotient by a probability that may be 0 disappears.
    """
    back, softmax = node.inputs
    if back.owner is None or not isinstance(back.owner.op, CrossentropyCategorical1HotGrad):
        return None
    g, coding, y = back.owner.inputs
    if coding is not softmax:
        return None
    return [crossentropy_softmax_1hot_with_bias_dx(g, softmax, y)]


REWRITES = (crossentropy_to_crossentropy_with_softmax, local_softmax_grad_to_crossentropy_with_softmax_grad)
