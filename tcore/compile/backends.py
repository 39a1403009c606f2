"""Which backend runs compiled functions, and which linker a name means.

``py``, ``vm`` and ``vm_nogc`` are the core's own and run Python implementations. ``cvm``, ``c|py``, ``c`` and their ``_nogc``
forms come from the backend that ``config.backend`` names; without one the core's linkers stand in, but for ``c``, which
promises native code.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from tcore.configuration import config
from tcore.graph.trace import warn_user
from tcore.link import Linker, PerformLinker, VMLinker
from tcore.plugins.errors import PluginError
from tcore.plugins.process import manager
from tcore.plugins.references import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Backend",
    "BackendError",
    "BackendWarning",
    "current_backend",
    "device_in_use",
    "host_backend",
    "linker_named",
    "predefined_linkers",
    "register_linker",
    "restored_linker",
]


class BackendError(RuntimeError):
    """The backend that was asked for cannot run; the text says what to do."""


class BackendWarning(UserWarning):
    """A backend that would be faster cannot run; the core's NumPy linker is used."""


class Backend(Protocol):
    """What a plugin supplies to run functions; ``BackendSpec.load`` names a class of this kind."""

    name: str

    def unavailable(self) -> str | None:
        """Why the backend cannot run here and what to do, or None."""

    def linker(self, name: str, **options: Any) -> Linker:
        """The linker of this name."""

    def tags(self) -> tuple[str, ...]:
        """Tags of optimizations that functions for this backend need."""

    # A backend that keeps what it compiled has ``recall(key) -> bytes | None`` and ``remember(key, data)`` for whole functions.
    #
    # The host's backend may also have ``host_nodes(fgraph, nodes, no_recycling)``: native code for single nodes of a graph that a device's
    # linker runs. Its result has ``native_thunk(node, storage_map, compute_map)``, None where a node has none, and what ``fn.explain()`` asks.
    # ``native_calls(node)`` is the native code of a node by itself, as callables on values; ``native_refusal(node)`` says why there is none.


_core_linkers: dict[str, Callable[[], Linker]] = {
    "py": PerformLinker,
    "vm": VMLinker,
    "vm_nogc": lambda: VMLinker(allow_gc=False),
}
#: stands in for a native linker where no backend is there
_stand_ins: dict[str, Callable[[], Linker]] = {
    "cvm": VMLinker,
    "cvm_nogc": lambda: VMLinker(allow_gc=False),
    "c|py": lambda: VMLinker(lazy=False),
    "c|py_nogc": lambda: VMLinker(allow_gc=False, lazy=False),
}
_registered: dict[str, Linker] = {}
_backends: dict[str, Backend] = {}
_warned: set[str] = set()

LINKER_NAMES = ("py", "c", "c|py", "c|py_nogc", "vm", "cvm", "vm_nogc", "cvm_nogc")


def register_linker(name: str, linker: Linker) -> None:
    """Let ``linker`` be known by ``name`` in modes and in ``config.linker``.

    Raises
    ------
    ValueError
        If the name is taken.
    """
    if name in LINKER_NAMES or name in _registered:
        raise ValueError(f"there is a linker named {name!r} already")
    _registered[name] = linker


def current_backend() -> Backend | None:
    """The backend that ``config.backend`` and ``config.device`` ask for; None is the core's own (NumPy).

    ``auto`` takes the backend of the device, else ``cpu`` where it is installed and able to run, after one warning NumPy where it is
    not able to.

    Raises
    ------
    UnknownNameError
        If nothing that is installed has the backend or device; the text names the package that does.
    BackendError
        If a backend asked for by name cannot run here.
    """
    name = config.backend
    if name == "auto" and (device := device_in_use()) != "cpu":
        spec = manager().device(device)
        name = spec.backend or spec.family
    if name == "numpy":
        return None
    found = manager().find_backend("cpu") if name == "auto" else manager().backend(name)
    if found is None:
        return None
    backend = _backends.get(found.name)
    if backend is None:
        try:
            backend = _backends[found.name] = resolve(found.load)()
        except PluginError as error:
            if name != "auto":
                raise
            _warn_once(found.name, str(error))
            return None
    reason = backend.unavailable()
    if reason is None:
        return backend
    if found.name != "cpu":
        raise BackendError(f"the backend {found.name!r} cannot run: {reason}")
    _warn_once(found.name, reason)
    return None


def device_in_use() -> str:
    """What ``config.device`` names; ``"cpu"``, after one warning, where that cannot be used and ``config.force_device`` does not insist."""
    device: str = config.device
    if device == "cpu" or config.force_device or config.backend != "auto":
        return device
    reason = _objection(device)
    if reason is None:
        return device
    if device not in _warned:
        _warned.add(device)
        text = f"the device {device} cannot be used, so functions run on the CPU: {reason}; the flag force_device=True makes this an error"
        warn_user(text, BackendWarning)
    return "cpu"


@lru_cache(maxsize=16)
def _objection(device: str) -> str | None:
    """Why a device cannot be used here; None where it can, and is open now."""
    try:
        spec = manager().device(device)
        reason: str | None = resolve(manager().backend(spec.backend or spec.family).load)().unavailable()
        if reason is None:
            resolve(spec.load).open(device)
    except (PluginError, RuntimeError) as error:
        return str(error)
    return reason


def restored_linker(saved: tuple[str, dict[str, Any]] | None) -> Linker | None:
    """The linker of an unpickled function with the program that its pickle holds, see :meth:`Linker.save`.

    None where nothing was saved, another backend was asked for, or the backend cannot make it here: functions are then
    compiled as their mode says.
    """
    if saved is None:
        return None
    name, data = saved
    if config.backend not in ("auto", name) or (config.backend == "auto" and device_in_use() != "cpu"):
        return None
    found = manager().find_backend(name)
    if found is None:
        return None
    try:
        backend: Any = _backends.get(found.name) or resolve(found.load)()
    except PluginError:
        return None
    linker: Linker | None = backend.restore(data) if hasattr(backend, "restore") else None
    return linker


def host_backend() -> Backend | None:
    """The backend of the CPU where it is installed and able to run, for device backends that need something compiled."""
    found = manager().find_backend("cpu")
    if found is None:
        return None
    try:
        backend: Backend = _backends.get(found.name) or resolve(found.load)()
    except PluginError:
        return None
    return backend if backend.unavailable() is None else None


def _warn_once(name: str, reason: str) -> None:
    if name not in _warned:
        _warned.add(name)
        warn_user(f"the backend {name!r} cannot run, so functions run on NumPy, slower: {reason}", BackendWarning)


def linker_named(name: str, backend: Backend | None = None) -> Linker:
    """A new linker of this name.

    Parameters
    ----------
    name : str
    backend : Backend, optional
        Where native linkers come from.

    Raises
    ------
    ValueError
        If there is none of this name.
    BackendError
        For ``c`` without a backend: it promises that everything is native.
    """
    if name in _registered:
        return _registered[name].clone()
    if name in _core_linkers:
        return _core_linkers[name]()
    if name not in LINKER_NAMES:
        known = ", ".join((*LINKER_NAMES, *_registered))
        raise ValueError(f"there is no linker {name!r}; there are {known}")
    if backend is not None:
        return backend.linker(name)
    if name == "c":
        raise BackendError(
            "the linker 'c' runs native code only, and no backend that makes it is in use: install tcore-cpu "
            "(pip install 'tcore[cpu]') and set backend=cpu, or use the linker 'vm'"
        )
    return _stand_ins[name]()


class PredefinedLinkers:
    """The documented ``predefined_linkers``: a mapping from name to linker."""

    def __getitem__(self, name: str) -> Linker:
        if name not in self:
            raise KeyError(name)
        return linker_named(name, None if name in _core_linkers or name in _registered else current_backend())

    def __contains__(self, name: object) -> bool:
        return name in LINKER_NAMES or name in _registered

    def __iter__(self) -> Any:
        return iter((*LINKER_NAMES, *_registered))

    def __len__(self) -> int:
        return len(LINKER_NAMES) + len(_registered)

    def keys(self) -> tuple[str, ...]:
        """The names."""
        return (*LINKER_NAMES, *_registered)


predefined_linkers = PredefinedLinkers()
