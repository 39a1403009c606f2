"""Where values come from, apart from code: the variable ``TCORE_FLAGS`` and rc files."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from tcore.configuration.errors import ConfigValueError
from tcore.records import frozen

__all__ = ["Given", "parse_flags", "rc_paths", "read_rc", "read_sources"]


@frozen
class Given:
    """One value as it was written, and where."""

    name: str
    text: str
    source: str


def parse_flags(text: str) -> dict[str, str]:
    """The pairs of a ``TCORE_FLAGS`` text; of a name given twice the right-most value counts.

    Items are separated by commas; quotes protect a comma inside a value.

    Raises
    ------
    ConfigValueError
        If an item has no ``=`` or a quote is not closed.
    """
    if not text.strip():
        return {}
    import shlex  # most processes have no flags

    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace = ",\n"
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""  # paths on Windows have backslashes
    try:
        items = [item.strip() for item in lexer]
    except ValueError as error:
        raise ConfigValueError(f"TCORE_FLAGS={text!r}: {str(error).lower()}") from error
    pairs = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not name.strip():
            raise ConfigValueError(f"TCORE_FLAGS: {item!r} is not of the form name=value; items are separated by commas")
        pairs[name.strip()] = value.strip()
    return pairs


def rc_paths(environ: Mapping[str, str]) -> list[str]:
    """The rc files to read, the weakest first: those of ``TCORERC``, else the personal one."""
    listed = environ.get("TCORERC")
    if listed is None:
        listed = "~/.tcorerc"
        if sys.platform == "win32":
            listed += os.pathsep + "~/.tcorerc.txt"
    # os.path, since pathlib costs 3 ms at import and is needed for nothing else before a function is compiled; without a home
    # folder the "~" stays, and there is no such file
    return [os.path.expanduser(item.strip()) for item in listed.split(os.pathsep) if item.strip()]  # noqa: PTH111


def read_rc(paths: list[str]) -> dict[str, Given]:
    """Values of the rc files, by lower-case dotted name; later files win, files that do not exist are passed over.

    Direct options stand in ``[global]``, others in a section of their name: ``[dnn.conv]`` holds ``algo_fwd``.
    Names in rc files do not tell lower from upper case.
    """
    given: dict[str, Given] = {}
    for path in paths:
        if not os.path.isfile(path):  # noqa: PTH113
            continue
        import configparser  # 3 ms, and most processes have no rc file

        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as error:
            raise ConfigValueError(f"cannot read the rc file {path}: {error}") from error
        for section in parser.sections():
            prefix = "" if section == "global" else section + "."
            for key, text in parser.items(section):
                name = prefix + key
                given[name.lower()] = Given(name, text.strip(), path)
    return given


def read_sources(environ: Mapping[str, str] = os.environ) -> dict[str, Given]:
    """Everything that the environment and the rc files say. Flags are kept under their exact name, rc values in lower case."""
    given = read_rc(rc_paths(environ))
    for name, text in parse_flags(environ.get("TCORE_FLAGS", "")).items():
        given.pop(name.lower(), None)
        given[name] = Given(name, text, "TCORE_FLAGS")
    return given
