"""Moves to a device and back that follow one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.gpuarray.transfer import GpuFromHost, HostFromGpu
from tcore.optimizer.navigators import in2out
from tcore.optimizer.rewrite import GlobalRewrite, rewrite

if TYPE_CHECKING:
    from tcore.graph import Apply

__all__ = ["cut_transfers", "local_cut_gpu_host_gpu"]


@rewrite(tracks=[HostFromGpu, GpuFromHost])
def local_cut_gpu_host_gpu(node: Apply) -> Any:
    """host_from_gpu(gpu_from_host(x)) -> x; gpu_from_host(host_from_gpu(x)) -> x, of the same context"""
    before = node.inputs[0].owner
    back = GpuFromHost if isinstance(node.op, HostFromGpu) else HostFromGpu
    if before is None or not isinstance(before.op, back):
        return False
    x = before.inputs[0]
    return [x] if x.type == node.outputs[0].type else False


def cut_transfers(family: str) -> tuple[GlobalRewrite, GlobalRewrite]:
    """The rule at all nodes, for a family of devices: before anything looks for products and sums, and after the lifting at 48.5, which brings results back."""
    rule = local_cut_gpu_host_gpu.rule
    return (
        GlobalRewrite(f"cut_transfers1_{family}", in2out(rule), 0.05, tags=(family,)),
        GlobalRewrite(f"cut_transfers2_{family}", in2out(rule), 48.55, tags=(family,)),
    )
