"""Users' statements and what cleans up after them, when C++ code among them throws.

``c_code_cleanup`` reads variables that ``c_code`` declares, so both share a scope, and a handler of exceptions is outside of it.
Here the statements are told apart from the declarations at the top of the scope: statements get handlers inside. Where a
statement throws before all variables are there that the cleanup reads, or the initializer of a declaration does, there is
nothing that the cleanup could run on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tcore.records import frozen

__all__ = ["guarded", "with_cleanup"]

_TOKEN = re.compile(
    r"""
    (?P<skip> [ \t]*\#(?:[^\n\\]|\\.|\\\n)* | //[^\n]* | /\*.*?\*/ | \s+ )
  | (?P<text> R"(?P<delimiter>[^()\s]*)\(.*?\)(?P=delimiter)" | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' )
  | (?P<name> [A-Za-z_]\w* )
  | (?P<open> [({\[] ) | (?P<close> [)}\]] ) | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_WORD = re.compile(r"[A-Za-z_]\w*")
#: words that begin statements which are no declarations
_STATEMENTS = frozenset(["if", "for", "while", "do", "switch", "try", "throw", "return", "goto", "delete", "new", "break", "continue", "sizeof"])
_GOES_ON = frozenset(["else", "while", "catch"])
#: a type and a name, and what may follow it
_DECLARATION = re.compile(r"(?:::)?[A-Za-z_]\w*(?:\s*::\s*\w+|\s*<[^;{}]*>|\s+[A-Za-z_]\w*)*(?:\s*[*&]+\s*(?:const\s+)?|\s+)[A-Za-z_]\w*\s*[=;,\[({]")
_DECLARED = re.compile(r"([A-Za-z_]\w*)\s*(?=[=;,\[({])")


@frozen
class _Piece:
    """A statement at the top of a scope, with what is written before it; ``declared`` are the names that it makes known."""

    text: str
    declared: frozenset[str] = frozenset()


def guarded(code: str, fail: str) -> str:
    """Statements in a block of their own, whose exceptions of C++ become Python's and leave by ``fail``."""
    return f"TC_TRY {{\n{code}\n}} TC_CATCH {{\ntc_caught();\n{fail}\n}}\n"


def with_cleanup(code: str, cleanup: str, here: str, outer: str) -> str:
    """Statements that share a scope with ``cleanup``, which follows them; it runs, too, when one of them throws.

    Parameters
    ----------
    here : str
        Leaves to the cleanup.
    outer : str
        Leaves to what is behind the cleanup.
    """
    if re.search(r"\bgoto\b", code.replace(here, "")) or re.search(r"^[ \t]*#[ \t]*(?:el)?if", code, re.MULTILINE):
        return code  # jumps into handlers are none, and conditions of the preprocessor may hide braces
    runs = _runs(_pieces(code))
    read = frozenset(_WORD.findall(cleanup))
    text = []
    for k, run in enumerate(runs):
        later = frozenset().union(*(piece.declared for other in runs[k + 1 :] for piece in other))
        body = "".join(piece.text for piece in run)
        if run[0].declared or (later and later & read):
            text.append(body)
        elif later:  # a jump to the cleanup would cross the declarations
            text.append(guarded(body, f"{{\n{cleanup}\n}}\n{outer}"))
        else:
            text.append(guarded(body, here))
    return "".join(text)


def _runs(pieces: Iterator[_Piece]) -> list[list[_Piece]]:
    """Neighbours of one kind: declarations, or other statements."""
    runs: list[list[_Piece]] = []
    for piece in pieces:
        if runs and bool(runs[-1][0].declared) == bool(piece.declared):
            runs[-1].append(piece)
        else:
            runs.append([piece])
    return runs


def _pieces(code: str) -> Iterator[_Piece]:
    """The statements at the top of some code. Macros that open a block (``Py_BEGIN_ALLOW_THREADS``) reach to those that end it."""
    tokens = list(_TOKEN.finditer(code))
    start = depth = 0
    first = ""
    for k, token in enumerate(tokens):
        word = token[0]
        if token["skip"] is not None:
            continue
        first = first or word
        opens = token["name"] is not None and "BEGIN" in word and word.upper().count("_") and "END" not in word
        ends = token["name"] is not None and "_END" in word
        depth += (token["open"] is not None) + opens - (token["close"] is not None) - ends
        if depth > 0:
            continue
        follower = next((t[0] for t in tokens[k + 1 :] if t["skip"] is None), "")
        if word == ";" or ends or (word == "}" and follower not in _GOES_ON and follower not in (";", ",", ")", "]", "(", ".", "=")):
            yield _piece(code[start : token.end()], first)
            start, depth, first = token.end(), 0, ""
    if code[start:].strip():
        yield _Piece(code[start:])


def _piece(text: str, first: str) -> _Piece:
    bare = "".join(token[0] if token["skip"] is None else " " for token in _TOKEN.finditer(text)).strip()
    if first in _STATEMENTS or not _WORD.match(first) or "BEGIN" in first or not _DECLARATION.match(bare):
        return _Piece(text)
    return _Piece(text, frozenset(_DECLARED.findall(bare)))
