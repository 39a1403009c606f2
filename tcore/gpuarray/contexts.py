"""Contexts by name: ``config.device`` gives the nameless default, ``config.contexts`` and :func:`reg_context` the others."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Hashable, Iterable

from tcore.configuration import config
from tcore.gpuarray.runtime import DeviceError, GpuContext
from tcore.plugins import manager
from tcore.plugins.references import resolve

__all__ = ["ContextNotDefined", "get_context", "list_contexts", "open_device", "reg_context"]

_lock = threading.Lock()
_contexts: dict[Hashable, GpuContext] = {}


class ContextNotDefined(ValueError):
    """No device answers to this context name."""


@functools.lru_cache(maxsize=64)
def open_device(device: str) -> GpuContext:
    """The context of a device such as ``cuda0`` or ``opencl0:0``, from the plugin that has its family.

    Raises
    ------
    UnknownNameError
        If no installed plugin has devices of this family; the message names the package that does.
    DeviceError
        If the driver or the device is missing, or if ``force_device`` with ``device=cpu`` switches devices off.
    """
    if config.force_device and config.device == "cpu":
        raise DeviceError(f"{device} is switched off by the flags force_device=True and device=cpu")
    return resolve(manager().device(device).load).open(device)  # type: ignore[no-any-return]


def reg_context(name: Hashable, context: GpuContext) -> None:
    """Make ``context`` answer to ``name``; a name is given once.

    Raises
    ------
    TypeError
        If ``context`` is no context.
    ValueError
        If the name has a context already.
    """
    if not isinstance(context, GpuContext):
        raise TypeError(f"a context is needed, got {context!r} of {type(context).__name__}")
    with _lock:
        if name in _contexts:
            raise ValueError(f"context name {name!r} is taken by {_contexts[name].device_name}")
        _contexts[name] = context


def get_context(name: Hashable = None) -> GpuContext:
    """The context that answers to ``name``; None is the device of ``config.device``.

    Raises
    ------
    ContextNotDefined
        If nothing was registered or configured under the name.
    """
    found = _contexts.get(name)
    if found is not None:
        return found
    device = _configured().get(name)
    if device is None and isinstance(name, str) and name.startswith(("cuda", "opencl")):
        return open_device(name)  # no context may be called so: it is a device
    if device is None:
        raise ContextNotDefined(
            f"no context is called {name!r}: set device=… for the default one or contexts='{name}->…' (known: "
            f"{sorted(map(str, list_contexts())) or 'none'})"
        )
    context = open_device(device)
    with _lock:
        known = _contexts.setdefault(name, context)
    if known is context and config.print_active_device:
        _announce(name, device, context)
    return known


def _announce(name: Hashable, device: str, context: GpuContext) -> None:
    """The documented line of a device that is used from now on: what it is, and where it is plugged in."""
    runtime = resolve(manager().device(device).load)
    place = next((info.identifier for info in runtime.devices() if info.name == context.device_name), "")
    print(f"Mapped name {name} to device {device}: {context.description}{f' ({place})' if place else ''}", file=sys.stderr)


def list_contexts() -> Iterable[Hashable]:
    """The names that :func:`get_context` answers to."""
    return [*_contexts, *(name for name in _configured() if name not in _contexts)]


def _configured() -> dict[Hashable, str]:
    """What the options say: context name -> device."""
    found: dict[Hashable, str] = {}
    if config.device != "cpu":
        found[None] = config.device
    elif config.init_gpu_device:
        found[None] = config.init_gpu_device
    for entry in filter(None, (part.strip() for part in config.contexts.split(";"))):
        name, arrow, device = (part.strip() for part in entry.partition("->"))
        if not arrow or not name or not device:
            raise ValueError(f"contexts entry {entry!r} is not of the form name->device")
        if name.startswith(("cuda", "opencl")):
            raise ValueError(f"context name {name!r} begins like a device: choose another")
        found[name] = device
    return found
