"""An optimization: one rule, with its stage."""

import tcore.tensor as T
from tcore.optimizer import Stage, rewrite
from tcore_example.ops import Diff, diff


@rewrite(Stage.SPECIALIZE, tracks=[Diff])  # in canonical form -x is -1 * x
def local_diff_neg(node):
    """diff(-x) -> -diff(x), which has one element less to negate"""
    inner = node.inputs[0].owner
    return [T.neg(diff(inner.inputs[0]))] if inner is not None and inner.op == T.neg else None


REWRITES = (local_diff_neg,)
