"""Loading: which plugins there are, in what state, and how one becomes part of the tables.

Loading is by need, one plugin at a time, all or nothing. A plugin is imported and asked for its declarations without any
lock; the result is swapped in under one. Whatever a plugin does wrong stays with it: the core goes on without it, and says
so once (``plugins.strict`` raises instead).
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tcore.plugins.api import api_problem
from tcore.plugins.discovery import CLAIM_GROUPS, Candidate, Installed, Source, scan
from tcore.plugins.errors import PluginError, PluginLoadError, PluginWarning, UnknownNameError
from tcore.plugins.state import ACTIVE, BROKEN, DISABLED, FAILED, INCOMPATIBLE, INSTALLED, PluginState, switch_off
from tcore.plugins.tables import Declared, Tables

if TYPE_CHECKING:
    from pluggy import PluginManager

    from tcore.configuration.tree import Config

__all__ = ["BUILTIN_PLUGINS", "Loader", "one_line"]

#: The core's own packages that register through the hooks, always loaded first.
BUILTIN_PLUGINS: tuple[tuple[str, str], ...] = (("tensor", "tcore.tensor.plugin"),)

_UNINSTALL = "tell its author, or uninstall it"


class Loader:
    """The part of :class:`~tcore.plugins.core.Manager` that loads plugins.

    Parameters
    ----------
    config : Config
        Its ``plugins.*`` options are read, and plugins' options are registered in it.
    builtins : pairs of name and module
    scan : callable
        Gives what is installed; called once, on first need.
    """

    def __init__(
        self,
        config: Config,
        builtins: Iterable[tuple[str, str]] = BUILTIN_PLUGINS,
        scan: Callable[[], Installed] = scan,
    ) -> None:
        self._config = config
        self._builtins = tuple(Candidate(name, module, Source("tcore"), api=None, builtin=True) for name, module in builtins)
        self._scan = scan
        self._lock = threading.RLock()
        self._here = threading.local()
        self._installed: Installed | None = None
        self._tables = Tables()
        self._states: dict[str, PluginState] = {}
        self._warned: set[str] = set()
        self._modules: dict[str, Any] = {}
        self._pluggy: PluginManager | None = None
        self._by_class: dict[tuple[type, type], tuple[Tables, object, tuple[Callable[..., Any], ...]]] = {}
        self._packages: dict[str, tuple[Candidate, ...]] = {}

    # -- what is installed --------------------------------------------------------------------------------------------

    @property
    def installed(self) -> Installed:
        """What the metadata says; the first use reads it, and warns of what in it cannot be used."""
        if self._installed is None:
            found = self._scan()
            with self._lock:
                if self._installed is None:
                    packages: dict[str, tuple[Candidate, ...]] = {}
                    for candidate in found.candidates:
                        packages[candidate.package] = (*packages.get(candidate.package, ()), candidate)
                    self._packages = packages
                    self._installed = found
            if self._installed is found:
                for item in found.broken:
                    self._announce(
                        PluginState(item.name, item.source, BROKEN, item.problem, _UNINSTALL),
                        key=f"{item.source.key}:{item.name}:{item.problem}",
                    )
        return self._installed

    def rescan(self) -> None:
        """Look again at what is installed, after an installation in a running session. Loaded plugins stay loaded."""
        with self._lock:
            self._installed = None
            self._by_class = {}
            self._states = {name: state for name, state in self._states.items() if state.status == ACTIVE}

    def names(self, group: str) -> Mapping[str, tuple[Candidate, ...]]:
        """Names that can be asked for in ``backends``, ``devices``, ``commands``, ``modules`` or ``values``."""
        if group not in CLAIM_GROUPS:
            raise ValueError(f"no such group: {group!r}; there are {', '.join(CLAIM_GROUPS)}")
        return self.installed.claimed(group)

    # -- states -------------------------------------------------------------------------------------------------------

    def state(self, name: str) -> PluginState:
        """The state of a plugin, without loading it."""
        known = self._states.get(name)
        if known is not None and known.status in (ACTIVE, FAILED):
            return known
        for candidate in self._builtins:
            if candidate.name == name:
                return _state_of(candidate, INSTALLED)
        same = self.installed.named(name)
        if not same:
            near = ", ".join(sorted({candidate.name for candidate in self.installed.candidates})) or "none"
            raise UnknownNameError(f"there is no plugin {name!r}; installed are: {near}")
        return self._refusal(same[0]) or _state_of(same[0], INSTALLED)

    def states(self) -> tuple[PluginState, ...]:
        """The states of all plugins, built-in ones first; broken metadata has an entry, too."""
        names = [candidate.name for candidate in self._builtins]
        names += [candidate.name for candidate in self.installed.candidates if candidate.name not in names]
        broken = [PluginState(item.name, item.source, BROKEN, item.problem, _UNINSTALL) for item in self.installed.broken]
        return (*(self.state(name) for name in dict.fromkeys(names)), *broken)

    def _refusal(self, candidate: Candidate) -> PluginState | None:
        """Why a plugin is not even tried: switched off, wrong API level, or a name that is claimed twice."""
        if candidate.builtin:
            return None
        name = candidate.name
        if not self._wanted(name):
            listed = name in self._config.plugins.disabled
            switch = "plugins.disabled" if listed else "plugins.only"
            remedy = f"take it off {switch} to use it" if listed else "add it to plugins.only to use it"
            return _state_of(candidate, DISABLED, f"the option {switch} leaves it out", remedy)
        problem = api_problem(name, candidate.api)
        if problem is not None:
            return _state_of(candidate, INCOMPATIBLE, *problem)
        twins = [other for other in (*self._builtins, *self.installed.named(name)) if other.name == name]
        if len(twins) > 1:
            owners = " and ".join(str(other.source) for other in twins)
            return _state_of(candidate, BROKEN, f"the name {name!r} is claimed by {owners}", "uninstall one of them")
        for claim in candidate.claims:
            for other in self.installed.claiming(claim.group, claim.name):
                if other is not candidate and self._wanted(other.name) and claim.group != "values":
                    reason = f"{claim.group[:-1]} {claim.name!r} is claimed by {candidate.describe()} and by {other.describe()}"
                    remedy = f"uninstall one, or TCORE_FLAGS=plugins.disabled={other.name}"
                    return _state_of(candidate, BROKEN, reason, remedy)
        return None

    def _wanted(self, name: str) -> bool:
        options = self._config.plugins
        return name not in options.disabled and (not options.only or name in options.only)

    # -- loading ------------------------------------------------------------------------------------------------------

    def load(self, name: str) -> None:
        """Load a plugin by its name.

        Raises
        ------
        UnknownNameError
            If there is none.
        PluginLoadError
            If it is off.
        """
        self._require(self._candidate(name))

    def load_all(self) -> None:
        """Try every plugin that the options allow, as listings do; those that fail are announced and passed over."""
        for name in dict.fromkeys(candidate.name for candidate in self.installed.candidates):
            self._try(self.installed.named(name)[0])

    @property
    def tables(self) -> Tables:
        """What the plugins loaded so far declare, the built-in ones among them."""
        self._load_builtins()
        return self._tables

    @property
    def pluggy(self) -> PluginManager:
        """The pluggy manager with the modules of all loaded plugins, made for whoever asks first: tcore itself reads the tables."""
        self._load_builtins()
        from tcore.plugins.loading import new_pluggy_manager  # outside the lock: another thread's import may need that

        made = new_pluggy_manager()
        with self._lock:
            self._pluggy = self._pluggy or made
            for name, module in self._modules.items():
                if not self._pluggy.has_plugin(name):
                    self._pluggy.register(module, name=name)
            return self._pluggy

    def _load_builtins(self) -> None:
        for candidate in self._builtins:
            if self._status(candidate.name) != ACTIVE and candidate.name not in self._loading():
                state = self._attempt(candidate)
                if state.cause is not None:  # a fault of the core itself: nothing works without it
                    raise state.cause

    def _candidate(self, name: str) -> Candidate:
        self.state(name)  # raises for an unknown name
        return next(candidate for candidate in (*self._builtins, *self.installed.candidates) if candidate.name == name)

    def _status(self, name: str) -> str:
        state = self._states.get(name)
        return state.status if state is not None else ""

    def _loading(self) -> set[str]:
        """Plugins that this thread is importing: what they ask for while they are imported does not load them again."""
        if not hasattr(self._here, "loading"):
            self._here.loading = set()
        loading: set[str] = self._here.loading
        return loading

    def _try(self, candidate: Candidate) -> bool:
        """Load a plugin if need be; whether it is loaded. A failure is announced once."""
        state = self._attempt(candidate)
        if state.off and state.status != DISABLED:
            self._announce(state)
        return state.status == ACTIVE

    def _require(self, candidate: Candidate) -> None:
        state = self._attempt(candidate)
        if state.status != ACTIVE and candidate.name not in self._loading():
            with self._lock:
                self._warned.add(candidate.name)  # the error says it all
            raise PluginLoadError(state.message(), name=candidate.package) from state.cause

    def _attempt(self, candidate: Candidate) -> PluginState:
        name = candidate.name
        known = self._states.get(name)
        if known is not None and known.status in (ACTIVE, FAILED):
            return known
        if name in self._loading():
            return _state_of(candidate, INSTALLED)
        refused = self._refusal(candidate)
        if refused is not None:
            return refused
        if not candidate.builtin:
            self._load_builtins()
        self._loading().add(name)
        try:
            return self._import_and_commit(candidate)
        finally:
            self._loading().discard(name)

    def _import_and_commit(self, candidate: Candidate) -> PluginState:
        from tcore.plugins.loading import collect, import_plugin

        try:
            module = import_plugin(candidate)
            declared = collect(candidate, module)
            with self._lock:
                if self._status(candidate.name) != ACTIVE:  # else another thread was faster
                    self._commit(candidate, module, declared)
                state = self._states[candidate.name]
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return self._failed(candidate, error)
        for section in sorted({option.name.rpartition(".")[0] for option in declared.options}):
            self._config.warn_of_unknown_names(section)
        return state

    def _commit(self, candidate: Candidate, module: Any, declared: Declared) -> None:
        """Swap in the tables with one more plugin. Everything that can fail comes before the first change."""
        same = next((name for name, other in self._modules.items() if other is module), None)
        if same is not None:
            raise PluginError(f"its hooks are those of plugin {same!r}: {candidate.target} is loaded under that name")
        tables = self._tables.with_plugin(declared)
        self._config.register(*declared.options)
        self._modules[candidate.name] = module
        self._tables = tables
        self._states[candidate.name] = _state_of(candidate, ACTIVE)

    def _failed(self, candidate: Candidate, error: BaseException) -> PluginState:
        reason = _why(error)
        state = _state_of(candidate, FAILED, reason, switch_off(candidate.name), error)
        with self._lock:
            known = self._states.get(candidate.name)
            if known is not None and known.status == ACTIVE:
                return known
            self._states[candidate.name] = state
        return state

    def _announce(self, state: PluginState, key: str | None = None) -> None:
        """One warning per plugin; the state was recorded before, so that ``-W error`` loses nothing."""
        with self._lock:
            fresh = (key or state.name) not in self._warned
            self._warned.add(key or state.name)
        if self._config.plugins.strict:
            raise PluginLoadError(state.message()) from state.cause
        if fresh:
            warnings.warn(state.message(), PluginWarning, stacklevel=2)


def _state_of(candidate: Candidate, status: str, reason: str = "", remedy: str = "", cause: BaseException | None = None) -> PluginState:
    return PluginState(candidate.name, candidate.source, status, reason, remedy, cause)


def _why(error: BaseException) -> str:
    """One line for an error of a plugin: what, its root cause, and the line of the plugin where it was raised."""
    if isinstance(error, SystemExit):
        reason = f"it tried to end the program (SystemExit: {error.code})"
    elif isinstance(error, PluginError):
        return " ".join(str(error).split())
    else:
        reason = one_line(error)
    root = error
    while (deeper := root.__cause__) is not None and deeper is not error:
        root = deeper
    if root is not error:
        reason += f", caused by {one_line(root)}"
    import traceback  # for plugins that fail

    frames = traceback.extract_tb(root.__traceback__)
    outside = [frame for frame in frames if not frame.filename.startswith("<frozen")]
    return f"{reason} ({outside[-1].filename}, line {outside[-1].lineno})" if outside else reason


def one_line(error: BaseException) -> str:
    """Class and text of an error, on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
