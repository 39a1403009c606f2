"""What tcore_nnet declares."""

from tcore.plugins import LoweringGroup, OpSpec, RewriteGroup, hookimpl

__all__ = ["tcore_lowerings", "tcore_ops", "tcore_optimizations"]

#: file -> op classes in it
_OPS = {
    "crossentropy": ("CrossentropyCategorical1Hot", "CrossentropyCategorical1HotGrad"),
    "pooling": ("Pool", "PoolPositions", "PoolPut", "PoolSpread"),
    "softmax_crossentropy": ("CrossentropySoftmax1HotWithBiasDx", "CrossentropySoftmaxArgmax1HotWithBias"),
}


@hookimpl
def tcore_ops() -> list[OpSpec]:
    """The ops of neural networks."""
    return [OpSpec(f"tcore_nnet.{module}:{name}") for module, names in _OPS.items() for name in names]


@hookimpl
def tcore_optimizations() -> list[RewriteGroup]:
    """Stable forms."""
    return [RewriteGroup("nnet", load="tcore_nnet.rewrites:GROUP")]


@hookimpl
def tcore_lowerings() -> list[LoweringGroup]:
    """Their lowerings to the loop IR."""
    return [LoweringGroup("nnet", load="tcore_nnet.lowering:LOWERINGS")]
