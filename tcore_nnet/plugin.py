"""What tcore_nnet declares."""

from tcore.plugins import OpSpec, hookimpl

__all__ = ["tcore_ops"]


@hookimpl
def tcore_ops() -> list[OpSpec]:
    """The ops of neural networks."""
    return []
