"""The op in the loop IR: with this it runs, fused with its neighbours, on every backend."""

from tcore.codegen.expr import index_const
from tcore.codegen.functions import apply_function
from tcore.codegen.lowering import lowers
from tcore.codegen.stages import Map
from tcore_example.ops import Diff


@lowers(Diff)
def lower_diff(op, out, x):
    length = apply_function("maximum", (x.shape[-1] - 1, index_const(0)), "int64")
    axes = out.over((*x.shape[:-1], length))
    *rest, last = axes
    return Map((out.buffer,), axes, (apply_function("sub", (x[(*rest, last + 1)], x[(*rest, last)]), out.dtype),))


LOWERINGS = (lower_diff,)
