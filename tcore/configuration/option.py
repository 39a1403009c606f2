"""One option: its name, its default and the values that it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import field

from tcore.records import frozen

if TYPE_CHECKING:
    from attrs import Attribute

    from tcore.configuration.tree import Config

__all__ = ["Computed", "Option", "colon_list", "not_negative", "parse_bool", "parse_int"]

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


@frozen
class Computed:
    """A default that is worked out when it is first read: ``Computed(lambda config: ...)``."""

    function: Callable[[Config], Any]
    #: How documentation shows it, for instance ``"full path of g++"``.
    shown: str


def parse_bool(value: Any) -> bool:
    """``value`` as a bool: a bool, 0 or 1, or the text of one in any case (True, yes, on, 1 and their opposites)."""
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError("expected True or False")


def parse_int(value: Any) -> int:
    """``value`` as an int; whole floats and text are taken."""
    number = int(value) if not isinstance(value, float) or value.is_integer() else None
    if number is None:
        raise ValueError("expected a whole number")
    return number


def not_negative(value: Any) -> int:
    """``value`` as an int of at least 0."""
    number = parse_int(value)
    if number < 0:
        raise ValueError("expected a whole number of at least 0")
    return number


def colon_list(value: Any) -> tuple[str, ...]:
    """Names separated by colons, or any sequence of names, as a tuple without empty ones."""
    items = value.split(":") if isinstance(value, str) else value
    return tuple(item.strip() for item in items if item.strip())


_PARSERS: dict[type, Callable[[Any], Any]] = {bool: parse_bool, int: parse_int, float: float, str: str}


def _valid_name(_instance: Option, _attribute: Attribute[str], name: str) -> None:
    # no regular expression: compiling one costs more than all options
    if not name.isascii() or not all(part.isidentifier() and part[0] != "_" for part in name.split(".")):
        raise ValueError(f"an option name is made of identifiers separated by dots, got {name!r}")


@frozen(kw_only=True)
class Option:
    """The declaration of one option; a plugin returns some from its ``tcore_config`` hook.

    Parameters
    ----------
    name : str
        Dotted: ``"scan.allow_gc"`` is ``config.scan.allow_gc``. Plugins take a section of their own.
    default : object or Computed
    doc : str
        One sentence or more, for ``print(config)``.
    choices : tuple
        The values that it takes, if they can be listed; text of a choice is taken for the choice.
    parse : callable, optional
        ``parse(value or text) -> value``, raising ``ValueError`` with what was expected. Without it and without
        choices, the type of ``default`` decides (bool, int, float or str).
    frozen : bool
        True for an option that cannot be changed while the program runs.
    """

    name: str = field(validator=_valid_name)
    default: Any
    doc: str
    choices: tuple[Any, ...] = ()
    parse: Callable[[Any], Any] | None = None
    frozen: bool = False

    def convert(self, value: Any) -> Any:
        """``value`` (or its text) as a value of this option.

        Raises
        ------
        ValueError
            If the option does not take it; the text says what it takes.
        """
        if self.choices:
            for choice in self.choices:
                if str(value) == str(choice):
                    return choice
        if self.parse is not None:
            return self.parse(value)
        if self.choices:
            raise ValueError(f"expected one of {', '.join(map(str, self.choices))}")
        kind = type(self.default) if type(self.default) in _PARSERS else str
        try:
            return _PARSERS[kind](value)
        except (TypeError, ValueError) as error:
            raise ValueError(str(error) if kind is bool else f"expected {kind.__name__}") from error

    @property
    def takes(self) -> str:
        """What values it takes, in words, for listings."""
        if self.choices:
            return ", ".join(map(str, self.choices))
        if isinstance(self.default, Computed) or self.default is None:
            return "str"
        return type(self.default).__name__

    @property
    def shown_default(self) -> str:
        """The default, in words."""
        return self.default.shown if isinstance(self.default, Computed) else str(self.default)
