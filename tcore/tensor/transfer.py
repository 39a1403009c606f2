"""Moving tensors between the host and devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tcore.configuration import config
from tcore.graph.variable import Variable
from tcore.plugins.errors import UnknownNameError
from tcore.plugins.process import manager
from tcore.plugins.references import resolve
from tcore.tensor.conversion import as_tensor_variable

__all__ = ["register_transfer", "transfer"]

_registered: tuple[Callable[[Variable, str], Variable | None], ...] = ()


def register_transfer(fn: Callable[[Variable, str], Variable | None]) -> None:
    """Add ``fn(variable, target) -> Variable or None`` to those that :func:`transfer` asks; None means "not mine"."""
    global _registered  # noqa: PLW0603 - replaced as a whole, so that readers need no lock
    if not callable(fn):
        raise TypeError(f"a transfer is a function of a variable and a target, got {fn!r}")
    _registered = (*_registered, fn)


def _of_plugins(target: Any) -> list[Any]:
    """Transfers that plugins declare; the plugin that has the device ``target`` is loaded."""
    from tcore.plugins.declarations import TransferSpec  # with the manager, which few graphs need before they are compiled

    device = config.device if target is None else target
    try:
        if isinstance(device, str) and device != "cpu":
            manager().device(device)
    except UnknownNameError:
        pass  # a context's name, which a transfer function may know
    return [resolve(spec.load) for _, spec in manager().tables.of(TransferSpec)]


def transfer(var: Any, target: str) -> Variable:
    """``var`` on another device, or back on the host.

    Parameters
    ----------
    var : tensor variable
    target : str
        ``"cpu"`` for the host (nothing to do for a tensor that is there), or a name that a device plugin registered.

    Raises
    ------
    ValueError
        If nobody knows the target.
    """
    if target == "cpu":
        return as_tensor_variable(var)
    for function in (*_registered, *_of_plugins(target)):
        moved = function(var, target)
        if moved is not None:
            return moved
    raise ValueError(f"no such place to move a tensor to: {target!r}; devices must be configured before a graph names them")
