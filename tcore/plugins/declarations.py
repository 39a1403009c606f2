"""What plugins declare: the records that their hooks return.

Each is a value: frozen, compared by content, checked when it is made. Where a record has ``load``, it is a reference
``"package.module:attribute"`` that the core follows when the thing is used for the first time, so that declaring costs
nothing. References to other packages (``requires``) are names only.

Records that hold the same differ by their class alone, which has no fields of its own and no decorator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from attrs import field

from tcore.plugins.references import is_module, is_reference
from tcore.records import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attrs import Attribute

__all__ = [
    "BackendSpec",
    "CommandSpec",
    "ConverterSpec",
    "Declaration",
    "DeviceSpec",
    "LoweringGroup",
    "Observer",
    "OpSpec",
    "ReportLine",
    "RewriteGroup",
    "SharedSpec",
    "TransferSpec",
    "TypeSpec",
]

_REPORT = ("ok", "missing", "problem", "info")


def _is_name(text: str) -> bool:
    """A letter, then letters, digits and ``_.+-``: no regular expression, since compiling one costs more than all checks."""
    return text[:1].isascii() and text[:1].isalpha() and all(c.isalnum() or c in "_.+-" for c in text)


def _reference(instance: object, attribute: Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not is_reference(value):
        raise ValueError(f"{type(instance).__name__}.{attribute.name} must read 'package.module:attribute', got {value!r}")


def _module_or_reference(instance: object, attribute: Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not (is_module(value) or is_reference(value)):
        raise ValueError(f"{type(instance).__name__}.{attribute.name} must read 'package.module' or 'package.module:attribute', got {value!r}")


def _name(instance: object, attribute: Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not _is_name(value):
        raise ValueError(f"{type(instance).__name__}.{attribute.name} must be a plain name, got {value!r}")


def _module(instance: object, attribute: Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not is_module(value):
        raise ValueError(f"{type(instance).__name__}.{attribute.name} must be a dotted module name, got {value!r}")


def _names(instance: object, attribute: Attribute[tuple[str, ...]], value: tuple[object, ...]) -> None:
    for item in value:
        if not isinstance(item, str) or not item:
            raise ValueError(f"{type(instance).__name__}.{attribute.name} must hold names, got {value!r}")


def _tuple(value: object) -> Any:
    """A tuple of any sequence but text: ``tags="gpu"`` is a slip that would otherwise mean three tags."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise ValueError(f"expected a tuple of names, got {value!r}")
    return tuple(value)


class Declaration(Protocol):
    """What all records share: under ``label`` they are listed, ``claims`` are the names that nobody else may claim."""

    @property
    def label(self) -> str: ...
    @property
    def claims(self) -> tuple[tuple[str, str], ...]: ...


@frozen
class _Named:
    """What is loaded, and listed under its name, which no other declaration of its kind may have."""

    kind: ClassVar[str]
    name: str = field(validator=_name)
    load: str = field(validator=_reference)

    @property
    def label(self) -> str:
        return self.name

    @property
    def claims(self) -> tuple[tuple[str, str], ...]:
        return ((self.kind, self.name),)


@frozen
class _Described(_Named):
    """The same with a sentence about it."""

    summary: str = ""


class TypeSpec(_Described):
    """A Type of the plugin, listed under ``name``."""

    __slots__ = ()
    kind = "type"


@frozen
class _ForValues:
    """What makes variables of foreign values: those of classes below the module ``values``."""

    values: str = field(validator=_module)
    load: str = field(validator=_reference)

    @property
    def label(self) -> str:
        return self.values

    @property
    def claims(self) -> tuple[tuple[str, str], ...]:
        return ()


class ConverterSpec(_ForValues):
    """Makes variables of foreign values, for ``as_variable``.

    ``values`` is the module prefix of the classes it takes (``"scipy.sparse"``), which the plugin also lists in the
    entry-point group ``tcore.values``. ``load`` names ``convert(value, name) -> Variable | None`` (None: not mine).
    """

    __slots__ = ()


class SharedSpec(_ForValues):
    """Makes shared variables of foreign values; ``load`` names a constructor of the documented protocol."""

    __slots__ = ()


class TransferSpec(_Named):
    """Moves variables to another Type; ``load`` names ``transfer(variable, target) -> Variable | None``."""

    __slots__ = ()
    kind = "transfer"


@frozen
class OpSpec:
    """An Op class (or a ready-made Op) of the plugin, for listings, coverage tables and tests.

    Ops work without being declared; pickles store classes by name and never ask here.
    """

    load: str = field(validator=_reference)
    summary: str = ""

    @property
    def label(self) -> str:
        return self.load.rpartition(":")[2]

    @property
    def claims(self) -> tuple[tuple[str, str], ...]:
        return (("op", self.load),)


@frozen
class RewriteGroup(_Named):
    """Rewrites of the plugin that belong together; ``load`` names a sequence of them (see :mod:`tcore.optimizer`).

    Parameters
    ----------
    name : str
    load : str
    tags : tuple of str
        Added to the tags of every rewrite of the group.
    requires : tuple of str
        Packages (``"tcore_nnet"``) or plugins without which the group is inactive; for ops of theirs that it names.
    modules : tuple of str
        Modules or packages of ops: the group takes part in graphs that hold an op of theirs only, and is not imported before.
    """

    kind = "rewrite group"
    tags: tuple[str, ...] = field(default=(), converter=_tuple, validator=_names)
    requires: tuple[str, ...] = field(default=(), converter=_tuple, validator=_names)
    modules: tuple[str, ...] = field(default=(), converter=_tuple, validator=_names)

    def concerns(self, modules: Iterable[str]) -> bool:
        """Whether the group takes part in a graph whose ops are defined in ``modules``."""
        return not self.modules or any(module == own or module.startswith(f"{own}.") for module in modules for own in self.modules)


@frozen
class LoweringGroup(_Named):
    """Lowerings of ops to the loop IR; ``load`` names a sequence of functions marked with ``@lowers``."""

    kind = "lowering group"
    requires: tuple[str, ...] = field(default=(), converter=_tuple, validator=_names)


@frozen
class BackendSpec(_Described):
    """A backend: ``load`` names its class (see ``tcore.link``), ``linkers`` the linker names that it answers to."""

    kind = "backend"
    linkers: tuple[str, ...] = field(default=(), converter=_tuple, validator=_names)
    languages: tuple[str, ...] = field(default=(), converter=_tuple, validator=_names)


@frozen
class DeviceSpec:
    """A family of devices: ``DeviceSpec("cuda", ...)`` answers for ``cuda``, ``cuda0``, ``cuda1`` and so on.

    ``load`` names its runtime, a module or an object with ``open`` and ``devices``; ``backend`` is the backend that makes kernels for it.
    """

    family: str = field(validator=_name)
    load: str = field(validator=_module_or_reference)
    summary: str = ""
    backend: str = ""

    @property
    def label(self) -> str:
        return self.family

    @property
    def claims(self) -> tuple[tuple[str, str], ...]:
        return (("device", self.family),)


class CommandSpec(_Described):
    """A subcommand of ``tcore``; ``load`` names a ``click`` command."""

    __slots__ = ()
    kind = "command"


@frozen
class ReportLine:
    """One line of ``tcore doctor``.

    ``status`` is ``ok``, ``info``, ``missing`` (something optional is not there) or ``problem``; for the last two
    ``remedy`` says what to do, best as the line to type. ``device=True`` marks a device that was found and opened.
    """

    topic: str
    status: str = field()
    text: str
    remedy: str = ""
    device: bool = False

    @status.validator
    def _known(self, _attribute: Attribute[str], value: str) -> None:
        if value not in _REPORT:
            raise ValueError(f"ReportLine.status must be one of {', '.join(_REPORT)}, got {value!r}")

    @property
    def label(self) -> str:
        return self.topic

    @property
    def claims(self) -> tuple[tuple[str, str], ...]:
        return ()


class Observer(_Named):
    """A watcher of compilations and calls; ``load`` names an object with any of ``compiled``, ``called``, ``failed``."""

    __slots__ = ()
    kind = "observer"
