"""The tables of everything that loaded plugins declare. They are values: a plugin that loads makes new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from attrs import field

from tcore.configuration.option import Option
from tcore.plugins.declarations import (
    BackendSpec,
    CommandSpec,
    ConverterSpec,
    Declaration,
    DeviceSpec,
    LoweringGroup,
    Observer,
    OpSpec,
    RewriteGroup,
    SharedSpec,
    TransferSpec,
    TypeSpec,
)
from tcore.plugins.discovery import Candidate
from tcore.plugins.errors import DuplicateNameError
from tcore.records import frozen

__all__ = ["HOOK_RECORDS", "Declared", "Tables"]

D = TypeVar("D")

#: What each hook may return. ``tcore_report`` is not here: it is called by ``tcore doctor`` only.
HOOK_RECORDS: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        "tcore_config": (Option,),
        "tcore_types": (TypeSpec, ConverterSpec, SharedSpec, TransferSpec),
        "tcore_ops": (OpSpec,),
        "tcore_optimizations": (RewriteGroup,),
        "tcore_lowerings": (LoweringGroup,),
        "tcore_backends": (BackendSpec,),
        "tcore_devices": (DeviceSpec,),
        "tcore_commands": (CommandSpec,),
        "tcore_observers": (Observer,),
    }
)


@frozen
class Declared:
    """Everything that one plugin declares, in the order of its hooks."""

    candidate: Candidate
    options: tuple[Option, ...] = ()
    records: tuple[Declaration, ...] = ()

    @property
    def plugin(self) -> str:
        """Name of the plugin."""
        return self.candidate.name

    @property
    def builtin(self) -> bool:
        """Whether it is a part of the core itself."""
        return self.candidate.builtin

    @property
    def order(self) -> tuple[bool, str, str]:
        """Built-in plugins first, then by distribution and name."""
        return (not self.candidate.builtin, self.candidate.source.key, self.candidate.name)

    def of(self, kind: type[D]) -> tuple[D, ...]:
        """Its records of one kind."""
        return tuple(record for record in self.records if isinstance(record, kind))


@frozen
class Tables:
    """The declarations of the loaded plugins, always in the same order whatever the order of loading was."""

    plugins: tuple[Declared, ...] = ()
    #: (kind, name) -> its owner
    _claims: Mapping[tuple[str, str], Candidate] = field(factory=lambda: MappingProxyType({}), eq=False, repr=False)

    def with_plugin(self, declared: Declared) -> Tables:
        """New tables that hold one more plugin.

        Raises
        ------
        DuplicateNameError
            If it claims a name that another plugin, or it itself, has already.
        """
        claims = dict(self._claims)
        names = [claim for record in declared.records for claim in record.claims]
        names += [("option", option.name) for option in declared.options]
        for kind, name in names:
            other = claims.get((kind, name))
            if other is not None:
                raise DuplicateNameError(f"{kind} {name!r} is declared by {other.describe()} and by {declared.candidate.describe()}")
            claims[kind, name] = declared.candidate
        plugins = tuple(sorted((*self.plugins, declared), key=lambda item: item.order))
        return Tables(plugins, MappingProxyType(claims))

    def of(self, kind: type[D], plugins: Sequence[str] | None = None) -> tuple[tuple[str, D], ...]:
        """Pairs (plugin, record) of one kind, of the named plugins or of all."""
        return tuple((declared.plugin, record) for declared in self.plugins if plugins is None or declared.plugin in plugins for record in declared.of(kind))

    def declared_by(self, plugin: str) -> Declared | None:
        """What a loaded plugin declares."""
        return next((declared for declared in self.plugins if declared.plugin == plugin), None)
