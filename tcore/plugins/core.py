"""The manager: asking for things by name, and which plugins take part in the work on a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from tcore.finders import MountError
from tcore.plugins.declarations import (
    BackendSpec,
    CommandSpec,
    ConverterSpec,
    DeviceSpec,
    LoweringGroup,
    ReportLine,
    RewriteGroup,
    SharedSpec,
)
from tcore.plugins.discovery import Candidate
from tcore.plugins.errors import DuplicateNameError, PluginLoadError, UnknownNameError
from tcore.plugins.known import install_hint, supplier
from tcore.plugins.loader import Loader, one_line
from tcore.plugins.references import resolve
from tcore.plugins.state import ACTIVE

__all__ = ["Manager", "device_family"]

S = TypeVar("S", BackendSpec, DeviceSpec, CommandSpec)
G = TypeVar("G", RewriteGroup, LoweringGroup)

#: which field of a record holds the name that is asked for
_NAME_FIELD: dict[type, str] = {BackendSpec: "name", DeviceSpec: "family", CommandSpec: "name"}
#: packages whose classes belong to no plugin
_PLAIN = frozenset({"builtins", "numpy"})
_OURS = frozenset({"tcore", "builtins", "__main__", "abc", "typing"})


class Manager(Loader):
    """The plugins of one process. :func:`tcore.plugins.core` gives the one that tcore uses; tests make their own."""

    # -- asking for a name --------------------------------------------------------------------------------------------

    def owner(self, group: str, name: str) -> Candidate | None:
        """The plugin whose metadata claims ``name``; nothing is loaded.

        Raises
        ------
        DuplicateNameError
            If several that are not disabled claim it.
        """
        claimants = self.installed.claiming(group, name)
        wanted = [candidate for candidate in claimants if self._wanted(candidate.name)] or list(claimants[:1])
        if len(wanted) > 1:
            owners = " and by ".join(candidate.describe() for candidate in wanted)
            raise DuplicateNameError(f"{group[:-1]} {name!r} is claimed by {owners}; disable one with plugins.disabled")
        return wanted[0] if wanted else None

    def backend(self, name: str) -> BackendSpec:
        """The declaration of a backend; loads its plugin. See :meth:`_get` for the errors."""
        return self._get("backends", name, BackendSpec)

    def device(self, name: str) -> DeviceSpec:
        """The declaration of the family of a device such as ``cuda0``; loads its plugin."""
        return self._get("devices", device_family(name), DeviceSpec)

    def command(self, name: str) -> CommandSpec:
        """The declaration of a subcommand; loads its plugin."""
        return self._get("commands", name, CommandSpec)

    def find_backend(self, name: str) -> BackendSpec | None:
        """As :meth:`backend`, for choices that have another way: None, after one warning, where it cannot be had."""
        candidate = self.owner("backends", name)
        if candidate is None or not self._config.plugins.autoload or not self._try(candidate):
            return None
        return self._get("backends", name, BackendSpec)

    def mounted(self, name: str) -> str | None:
        """The package mounted below ``tcore`` as ``name`` (``"tensor.nnet"``); its plugin is loaded. None: there is none.

        Raises
        ------
        MountError
            If it is one of ours that is not installed; its text says how to get it.
        PluginLoadError
            If its plugin is off.
        """
        candidate = self.owner("modules", name)
        if candidate is not None:
            self._require(candidate)
            return next(claim.value for claim in candidate.claims if (claim.group, claim.name) == ("modules", name))
        package = supplier("modules", name)
        above = name.split(".")
        if package is None or any(self.installed.claiming("modules", ".".join(above[:end])) for end in range(1, len(above))):
            return None  # no part of ours; or the package is there, and has no such module
        module = package.replace("-", "_")
        raise MountError(
            f"No module named {module!r}: tcore.{name} is part of the package {package}, which is not installed; {install_hint(package)}",
            name=module,
        )

    def _get(self, group: str, name: str, kind: type[S]) -> S:
        """The record of a name.

        Raises
        ------
        UnknownNameError
            If no installed plugin has it; the text names the package that does, if it is one of ours.
        PluginLoadError
            If its plugin is off.
        """
        attribute = _NAME_FIELD[kind]
        for _, record in self.tables.of(kind):
            if getattr(record, attribute) == name:
                return record
        candidate = self.owner(group, name)
        if candidate is None:
            raise UnknownNameError(self._unknown(group, name))
        self._require(candidate)
        found = [record for _, record in self.tables.of(kind) if getattr(record, attribute) == name]
        if not found:
            raise PluginLoadError(f"{candidate.describe()} is being loaded and does not have {group[:-1]} {name!r} yet")
        return found[0]

    def _unknown(self, group: str, name: str) -> str:
        what = group[:-1]
        package = supplier(group, name)
        if package is not None:
            return f"{what} {name!r} is supplied by the package {package}, which is not installed: {install_hint(package)}"
        known = ", ".join(sorted(self.names(group))) or "none"
        return f"no installed package has a {what} {name!r}; installed are: {known} (tcore plugins lists them)"

    # -- which plugins take part --------------------------------------------------------------------------------------

    def plugins_of(self, cls: type) -> tuple[Candidate, ...]:
        """The plugins in whose package a class, or one of its bases, is defined: usually one or none."""
        found: dict[str, Candidate] = {}
        for base in cls.__mro__:
            package = base.__module__
            if package.partition(".")[0] in _OURS or not self.installed.candidates:
                continue
            while package:
                for candidate in self._packages.get(package, ()):
                    found[candidate.name] = candidate
                package = package.rpartition(".")[0]
        return tuple(found.values())

    def active_for(self, classes: Iterable[type], backends: Iterable[str] = (), devices: Iterable[str] = ()) -> tuple[str, ...]:
        """The plugins that take part in work on a graph, in fixed order; loads those that are needed.

        Parameters
        ----------
        classes : types
            The classes of all Ops and Types in the graph.
        backends, devices : str
            Those that the function is compiled for.

        Raises
        ------
        PluginLoadError
            If an option switches off a plugin whose Op or Type is in the graph, or if a backend or device is off.
        """
        active = {candidate.name for candidate in self._builtins}
        self._load_builtins()
        for group, names in (("backends", backends), ("devices", map(device_family, devices))):
            for name in names:
                candidate = self.owner(group, name)
                if candidate is not None:
                    self._require(candidate)
                    active.add(candidate.name)
        for cls in dict.fromkeys(classes):
            for candidate in self.plugins_of(cls):
                if candidate.name not in active and self._takes_part(candidate, cls):
                    active.add(candidate.name)
        return tuple(declared.plugin for declared in self._tables.plugins if declared.plugin in active)

    def _takes_part(self, candidate: Candidate, cls: type) -> bool:
        if not self._wanted(candidate.name):
            state = self.state(candidate.name)
            raise PluginLoadError(f"the graph holds {cls.__name__} of {candidate.describe()}, but {state.reason}: {state.remedy}")
        return self._status(candidate.name) == ACTIVE or (self._config.plugins.autoload and self._try(candidate))

    def rewrite_groups(self, active: Iterable[str]) -> tuple[tuple[str, RewriteGroup], ...]:
        """Pairs (plugin, group) of the rewrites that take part when these plugins do."""
        return self._groups(RewriteGroup, active)

    def lowering_groups(self, active: Iterable[str]) -> tuple[tuple[str, LoweringGroup], ...]:
        """Pairs (plugin, group) of the lowerings that take part when these plugins do."""
        return self._groups(LoweringGroup, active)

    def _groups(self, kind: type[G], active: Iterable[str]) -> tuple[tuple[str, G], ...]:
        names = set(active)
        present = names | {candidate.package for candidate in self.installed.candidates if candidate.name in names}
        return tuple(pair for pair in self.tables.of(kind, tuple(names)) if present.issuperset(pair[1].requires))

    def inactive_groups(self) -> Iterator[tuple[str, RewriteGroup | LoweringGroup, tuple[str, ...]]]:
        """Groups of loaded plugins that wait for a package that is not installed: (plugin, group, missing packages)."""
        usable = [c for c in (*self._builtins, *self.installed.candidates) if not self.state(c.name).off]
        present = {c.name for c in usable} | {c.package for c in usable}
        pairs: list[tuple[str, Any]] = [*self.tables.of(RewriteGroup), *self.tables.of(LoweringGroup)]
        for plugin, group in pairs:
            missing = tuple(name for name in group.requires if name not in present)
            if missing:
                yield plugin, group, missing

    def report(self, name: str) -> tuple[ReportLine, ...]:
        """The lines of a loaded plugin for ``tcore doctor``; where it has no ``tcore_report``, one for each of its devices.

        Loads drivers and opens devices, so call it in a process of its own.
        """
        from tcore.plugins.loading import import_plugin, report_hook

        candidate = self._candidate(name)
        self._require(candidate)
        lines: list[ReportLine] = []
        try:
            hooks = report_hook(candidate, import_plugin(candidate))
            for function in hooks:
                lines.extend(function())
        except Exception as error:
            lines.append(ReportLine(name, "problem", f"tcore_report failed: {one_line(error)}", "tell the plugin's author"))
            return tuple(lines)
        if not hooks:
            for _, spec in self.tables.of(DeviceSpec, (name,)):
                lines.extend(_device_lines(spec))
        return tuple(lines)

    # -- foreign values -----------------------------------------------------------------------------------------------

    def converters_for(self, value: object) -> tuple[Callable[..., Any], ...]:
        """Functions of plugins that may make a variable of ``value``; loads the plugins that list its class."""
        return self._for_value(ConverterSpec, value)

    def shared_constructors_for(self, value: object) -> tuple[Callable[..., Any], ...]:
        """Functions of plugins that may make a shared variable of ``value``."""
        return self._for_value(SharedSpec, value)

    def _for_value(self, kind: type[ConverterSpec] | type[SharedSpec], value: object) -> tuple[Callable[..., Any], ...]:
        """Functions for the class of ``value``, those for a class before those for its bases. Kept until a plugin loads."""
        cls = type(value)
        options = self._config.plugins
        switches = (options.disabled, options.only, options.autoload)
        kept = self._by_class.get((kind, cls))
        if kept is not None and kept[0] is self.tables and kept[1] == switches:
            return kept[2]
        modules = tuple(dict.fromkeys(base.__module__ for base in cls.__mro__))
        # numbers and arrays are the core's: for them no metadata is read
        if any(module.partition(".")[0] not in _PLAIN for module in modules):
            for prefix in self.names("values"):
                if any(_below(module, prefix) for module in modules):
                    for candidate in self.installed.claiming("values", prefix):
                        if options.autoload and self._wanted(candidate.name):
                            self._try(candidate)
        tables = self.tables
        references = dict.fromkeys(
            record.load for module in modules for plugin, record in tables.of(kind) if _below(module, record.values) and self._wanted_or_builtin(plugin)
        )
        functions = tuple(resolve(reference) for reference in references)
        self._by_class[kind, cls] = (tables, switches, functions)
        return functions

    def _wanted_or_builtin(self, plugin: str) -> bool:
        return self._wanted(plugin) or any(candidate.name == plugin for candidate in self._builtins)


def _device_lines(spec: DeviceSpec) -> Iterator[ReportLine]:
    """The devices that a family's runtime finds; drivers may raise anything."""
    found = False
    try:
        for device in resolve(spec.load).devices():
            found = True
            memory = f", {device.memory / 2**30:.1f} GiB" if device.memory else ""
            yield ReportLine(spec.family, "ok", f"{device.name}: {device.description}{memory}", device=True)
    except Exception as error:
        yield ReportLine(spec.family, "missing", one_line(error), _NO_DEVICE)
        return
    if not found:
        yield ReportLine(spec.family, "missing", f"the driver finds no {spec.family} device", _NO_DEVICE)


_NO_DEVICE = "install the driver of the device; everything else works without it"


def device_family(name: str) -> str:
    """``cuda`` for ``cuda0``, ``opencl`` for ``opencl0:1``."""
    return name.partition(":")[0].rstrip("0123456789")


def _below(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(prefix + ".")
