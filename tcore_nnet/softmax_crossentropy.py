"""Softmax, cross-entropy and argmax of a layer's output in one op: what the cross-entropy of a softmax is compiled to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tcore import tensor as T
from tcore.gradient import DisconnectedType, grad_not_implemented
from tcore.graph import Apply, Op, Variable
from tcore_nnet.crossentropy import check_positions, check_rows

__all__ = [
    "CrossentropySoftmax1HotWithBiasDx",
    "CrossentropySoftmaxArgmax1HotWithBias",
    "crossentropy_softmax_1hot",
    "crossentropy_softmax_1hot_with_bias",
    "crossentropy_softmax_argmax_1hot_with_bias",
]


class CrossentropySoftmaxArgmax1HotWithBias(Op):
    """Cost, softmax and argmax of ``x + b`` by rows.

    Inputs: floating matrix ``x`` (rows, n), vector ``b`` (n), integer vector ``y`` (rows).
    Outputs: ``-log(softmax(x + b)[i, y[i]])`` (rows), the softmax (rows, n), the place of each row's largest entry (rows, dtype of y).

    The cost is logsumexp(z) − z[y] with z = x + b − max(x + b): it neither overflows nor takes the logarithm of 0.
    """

    __props__ = ()

    def make_node(self, x: Any, b: Any, y: Any) -> Apply:
        """Checks dtypes and numbers of axes."""
        x, b, y = (T.as_tensor_variable(v) for v in (x, b, y))
        if x.ndim != 2 or not x.dtype.startswith("float"):
            raise TypeError(f"x must be a floating matrix, got {x.type}")
        if b.ndim != 1 or not b.dtype.startswith("float"):
            raise TypeError(f"b must be a floating vector, got {b.type}")
        check_positions(y)
        dtype = str(np.promote_types(x.dtype, b.dtype))
        rows = x.broadcastable[:1]
        outputs = [T.TensorType(dtype, rows)(), T.TensorType(dtype, x.broadcastable)(), T.TensorType(y.dtype, rows)()]
        return Apply(self, [x, b, y], outputs)

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """Row by row, from the row's largest entry."""
        x, b, y = inputs
        check_rows(x, y)
        if len(b) != x.shape[1]:
            raise ValueError(f"x has {x.shape[1]} columns, but b has {len(b)} entries")
        z = np.add(x, b, order="C")  # rows without gaps, which NumPy sums in pairs
        place = np.argmax(z, axis=1) if z.size else np.zeros(len(z), np.int64)
        z -= z[np.arange(len(z)), place][:, None]
        e = np.exp(z)
        total = e.sum(axis=1)
        output_storage[0][0] = np.log(total) - z[np.arange(len(z)), y]
        output_storage[1][0] = e / total[:, None]
        output_storage[2][0] = place.astype(node.outputs[2].type.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """(rows,), (rows, n), (rows,)."""
        rows = (shapes[0][0],)
        return [rows, shapes[0], rows]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Positions are not differentiable, nor is the argmax."""
        return [[True, True, False], [True, True, False], [False, False, True]]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Any]:
        """Of the cost: g (softmax − 1hot(y)); of the softmax: the softmax's own rule."""
        y = inputs[2]
        _, softmax, _ = outputs
        g_cost, g_softmax, _ = output_grads
        terms = []
        if not isinstance(g_cost.type, DisconnectedType):
            terms.append(crossentropy_softmax_1hot_with_bias_dx(g_cost, softmax, y))
        if not isinstance(g_softmax.type, DisconnectedType):
            weighted = g_softmax * softmax
            terms.append(weighted - weighted.sum(axis=1, keepdims=True) * softmax)
        if not terms:
            return [DisconnectedType()(), DisconnectedType()(), DisconnectedType()()]
        dx = terms[0] if len(terms) == 1 else terms[0] + terms[1]
        return [dx, dx.sum(axis=0), DisconnectedType()()]


class CrossentropySoftmax1HotWithBiasDx(Op):
    """``out[i, j] = g[i] * (softmax[i, j] - (j == y[i]))``. Inputs: (rows) or scalar, (rows, n), (rows); output: (rows, n)."""

    __props__ = ()

    def make_node(self, g: Any, softmax: Any, y: Any) -> Apply:
        """The output is like the softmax."""
        g, softmax, y = (T.as_tensor_variable(v) for v in (g, softmax, y))
        if g.ndim > 1 or not g.dtype.startswith("float"):
            raise TypeError(f"g must be a floating vector or scalar, got {g.type}")
        if softmax.ndim != 2 or not softmax.dtype.startswith("float"):
            raise TypeError(f"softmax must be a floating matrix, got {softmax.type}")
        check_positions(y)
        return Apply(self, [g, softmax, y], [softmax.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """A copy, one subtraction a row, a scaling."""
        g, softmax, y = inputs
        check_rows(softmax, y)
        result = softmax.copy()
        result[np.arange(len(y)), y] -= 1
        result *= g if np.ndim(g) == 0 else g[:, None]
        output_storage[0][0] = result

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """The softmax's shape."""
        return [shapes[1]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Any]:
        """It is linear in g and in softmax."""
        g, softmax, y = inputs
        (back,) = output_grads
        rows = T.arange(y.shape[0])
        g_column = g if g.ndim == 0 else g.dimshuffle(0, "x")
        dg = (back * softmax).sum(axis=1) - back[rows, y]
        return [
            dg.sum() if g.ndim == 0 else dg,
            back * g_column,
            grad_not_implemented(self, 2, y, "positions are not differentiable"),
        ]


crossentropy_softmax_argmax_1hot_with_bias = CrossentropySoftmaxArgmax1HotWithBias()
crossentropy_softmax_1hot_with_bias_dx = CrossentropySoftmax1HotWithBiasDx()


def crossentropy_softmax_1hot_with_bias(x: Any, b: Any, y: Any) -> tuple[Any, Any]:
    """Cost and softmax of ``x + b`` by rows, for ones at ``y``."""
    return tuple(crossentropy_softmax_argmax_1hot_with_bias(x, b, y)[:2])  # type: ignore[return-value]


def crossentropy_softmax_1hot(x: Any, y: Any) -> tuple[Any, Any]:
    """Cost and softmax of ``x`` by rows, for ones at ``y``."""
    x = T.as_tensor_variable(x)
    return crossentropy_softmax_1hot_with_bias(x, T.zeros_like(x[0, :]), y)
