"""The op: what it computes, and how it differentiates."""

import numpy as np
from attrs import frozen

import tcore.tensor as T
from tcore import Apply, Op


@frozen
class Diff(Op):
    """``out[..., i] = x[..., i + 1] - x[..., i]``: differences of neighbours on the last axis."""

    def make_node(self, x):
        x = T.as_tensor_variable(x)
        if x.ndim == 0 or x.dtype == "bool":
            raise TypeError(f"diff needs numbers with at least one axis, got {x.type}")
        return Apply(self, [x], [T.TensorType(x.dtype, (*x.broadcastable[:-1], False))()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = np.diff(inputs[0])

    def infer_shape(self, node, shapes):
        return [(*shapes[0][:-1], T.maximum(shapes[0][-1] - 1, 0))]

    def L_op(self, inputs, outputs, output_grads):
        (x,), (g,) = inputs, output_grads
        # x[i] enters difference i with a minus sign and difference i - 1 with a plus sign
        return [T.inc_subtensor(T.inc_subtensor(T.zeros_like(x)[..., 1:], g)[..., :-1], -g)]


diff = Diff()
