"""Which optimizations a function gets: the predefined choices, and what the ops of its graph bring along."""

from __future__ import annotations

import math
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from attrs import evolve

from tcore.compile.backends import device_in_use
from tcore.compile.unknown_tags import warn_of_unknown_tags
from tcore.configuration import config
from tcore.optimizer import AddDestroyHandler, Query, optdb, register_rewrites
from tcore.optimizer.database import declaring
from tcore.plugins.errors import PluginError
from tcore.plugins.process import active_plugins_for, manager
from tcore.plugins.references import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tcore.compile.backends import Backend
    from tcore.graph import FunctionGraph
    from tcore.optimizer.catalogue import CatalogueEntry

__all__ = [
    "LEVELS",
    "AddDestroyHandler",
    "active_optimizer",
    "all_optimizations",
    "is_predefined",
    "optdb",
    "plugins_of",
    "predefined_optimizers",
    "register_optimizer",
]

_NONE = Query(include=[], name="OPT_NONE")
_O1 = Query(include=["fast_compile"], name="OPT_FAST_COMPILE")
_O2 = Query(include=["fast_compile", "fusion"], name="OPT_O2")
_O3 = Query(include=["fast_run"], exclude=["inplace"], name="OPT_O3")
_O4 = Query(include=["fast_run"], name="OPT_FAST_RUN")
# everything up to the stabilizations, which stand at position 1.5
_STABILIZE = Query(include=["fast_run"], position_cutoff=1.5000001, name="OPT_STABILIZE")

#: name -> Query: what ``Mode(optimizer=name)`` and ``config.optimizer`` mean
predefined_optimizers: dict[str | None, Any] = {
    None: _NONE,
    "None": _NONE,
    "merge": Query(include=["merge"], name="OPT_MERGE"),
    "o1": _O1,
    "o2": _O2,
    "o3": _O3,
    "o4": _O4,
    "fast_compile": _O1,
    "fast_run": _O4,
    "fast_run_stable": Query(include=["fast_run"], require=["stable"], name="OPT_FAST_RUN_STABLE"),
    "stabilize": _STABILIZE,
    # the documentation writes it in these ways, too
    "stabilization": _STABILIZE,
    "Stabilization": _STABILIZE,
    "unsafe": Query(include=["fast_run", "unsafe"], exclude=["inplace"], name="OPT_UNSAFE"),
}

#: the documented levels, from the least compile time to the least run time, and the two beside them
LEVELS = ("o1", "o2", "o3", "o4", "stabilization", "unsafe")

_built_in = dict(predefined_optimizers)

_lock = threading.Lock()
_registered: set[tuple[str, str]] = set()
_took_part: WeakKeyDictionary[FunctionGraph, tuple[str, ...]] = WeakKeyDictionary()


def register_optimizer(name: str, opt: Any) -> None:
    """Let ``opt``, a Query or an Optimizer, be known by ``name`` in modes.

    Raises
    ------
    ValueError
        If the name is taken.
    """
    if name in predefined_optimizers:
        raise ValueError(f"there is an optimizer named {name!r} already")
    predefined_optimizers[name] = opt


def is_predefined(name: str | None) -> bool:
    """Whether ``name`` means what tcore says it does."""
    return name in _built_in and predefined_optimizers.get(name) is _built_in[name]


def _register(plugins: Iterable[str], modules: Iterable[str] | None = None) -> set[str]:
    """Put the rewrites of plugins into the database, where they are not yet; the names under which those that take part stand there.

    ``modules`` are those that define the ops of the graph; None takes all groups.
    """
    tables = manager().tables
    origins = set(plugins)
    for plugin, group in manager().rewrite_groups(plugins):
        if modules is not None and not group.concerns(modules):
            continue
        declared = tables.declared_by(plugin)
        ours = declared is not None and declared.builtin
        origin = (group.modules[0] if group.modules else None) if ours else plugin
        origins.update([origin] if origin else [])
        if (plugin, group.name) not in _registered:
            with declaring():
                register_rewrites(optdb, resolve(group.load), group.tags, origin=origin)
            _registered.add((plugin, group.name))
    return origins


def all_optimizations() -> list[CatalogueEntry]:
    """What is in the database once all installed plugins that work are loaded, in the order in which it is applied."""
    from tcore.optimizer.catalogue import catalogue  # for listings; compilations do without

    plugins = manager()
    for state in plugins.states():
        if not state.off:
            with suppress(PluginError):  # `tcore plugins` says why
                plugins.load(state.name)
    with _lock:
        _register([declared.plugin for declared in plugins.tables.plugins])
    return catalogue(optdb, {name: predefined_optimizers[name] for name in LEVELS})


def plugins_of(fgraph: FunctionGraph) -> tuple[str, ...]:
    """The plugins whose optimizations were asked for a graph; empty for a graph that no query was made for."""
    return _took_part.get(fgraph, ())


def active_optimizer(query: Query, fgraph: FunctionGraph | None, backend: Backend | None) -> Any:
    """What the database gives for ``query`` on this graph and backend.

    Optimizations of a plugin take part where an op or a type of it is in the graph, or where the function runs on its
    backend or device: whatever else a program has imported changes nothing.
    """
    if not query.include and not query.extra_optimizations:
        return optdb.query(query)
    nodes = list(fgraph.apply_nodes) if fgraph is not None else []
    variables = list(fgraph.inputs) if fgraph is not None else []
    backends = () if backend is None else (backend.name,)
    devices = () if backend is None or (device := device_in_use()) == "cpu" else (device,)
    active = active_plugins_for(nodes, variables, backends, devices)
    if fgraph is not None:
        _took_part[fgraph] = active
    with _lock:
        origins = _register(active, {type(node.op).__module__ for node in nodes})
    warn_of_unknown_tags(query, optdb, all_optimizations)
    with _lock:
        if backend is not None:
            query = query.including(*backend.tags())
        if not config.cxx:
            # these put in ops that have C code only
            query = query.excluding("cxx_only")
        if math.isinf(query.position_cutoff) and not math.isinf(config.optdb.position_cutoff):
            query = evolve(query, position_cutoff=config.optdb.position_cutoff)
        return optdb.query(query.with_origins(origins))
