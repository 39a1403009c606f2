"""The cross-entropy of a softmax, taken from the softmax's argument."""

from __future__ import annotations

from typing import Any

from tcore import scalar
from tcore import tensor as T
from tcore.graph import Apply
from tcore.optimizer.rewrite import ASSUME_FINITE, Stage, rewrite
from tcore.tensor.elemwise import Elemwise
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


def _without_bias(z: Any) -> tuple[Any, Any] | None:
    """(x, b) where ``z`` is written as x + b with a vector b that each row gets, else None."""
    total = z.owner
    if total is None or not isinstance(total.op, Elemwise) or not isinstance(total.op.scalar_op, scalar.Add) or total.op.inplace_pattern:
        return None
    rows = [v for v in total.inputs if v.broadcastable == (True, False)]
    rest = [v for v in total.inputs if v not in rows]
    # one of the dtype of z, so that no sum is computed in a narrower one
    if not rows or not any(v.broadcastable == z.broadcastable and v.dtype == z.dtype for v in rest) or any(v.dtype != z.dtype for v in rows):
        return None
    x = rest[0] if len(rest) == 1 else T.add(*rest)
    return x, (rows[0] if len(rows) == 1 else T.add(*rows)).dimshuffle(1)


@rewrite(Stage.STABILIZE, Stage.SPECIALIZE, tracks=[CrossentropyCategorical1Hot], tags=(ASSUME_FINITE,))
def crossentropy_to_crossentropy_with_softmax_with_bias(node: Apply) -> Any:
    """crossentropy_categorical_1hot(softmax(x + b), y) -> crossentropy_softmax_argmax_1hot_with_bias(x, b, y)[0]

    For a vector b that each row of x gets: the sum is not stored where nothing else needs it.
    """
    z = _softmax_argument(node.inputs[0])
    parts = None if z is None else _without_bias(z)
    return None if parts is None else [crossentropy_softmax_argmax_1hot_with_bias(*parts, node.inputs[1])[0]]


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


REWRITES = (crossentropy_to_crossentropy_with_softmax_with_bias, crossentropy_to_crossentropy_with_softmax, local_softmax_grad_to_crossentropy_with_softmax_grad)
