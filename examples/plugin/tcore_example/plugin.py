"""What the plugin declares."""

from tcore.plugins import LoweringGroup, OpSpec, RewriteGroup, hookimpl


@hookimpl
def tcore_ops():
    return [OpSpec("tcore_example.ops:Diff", summary="differences of neighbours")]


@hookimpl
def tcore_lowerings():
    return [LoweringGroup("example", load="tcore_example.lowering:LOWERINGS")]


@hookimpl
def tcore_optimizations():
    return [RewriteGroup("example", load="tcore_example.rewrites:REWRITES")]
