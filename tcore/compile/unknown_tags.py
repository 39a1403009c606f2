"""Tags and names that a mode asks for and no optimization has: most are misspelt, and would have no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcore.graph.trace import warn_user
from tcore.plugins.known import DOCUMENTED_TAGS, supplier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tcore.optimizer import DB, Query

__all__ = ["known_tags", "warn_of_unknown_tags"]


#: tags that were found once, so that most compilations look no further
_confirmed: set[str] = set()


def known_tags(db: DB) -> set[str]:
    """All names and tags in a database and in the databases in it."""
    found: set[str] = set()
    waiting = [db]
    for each in waiting:  # grows on the way
        for entry in each.entries():
            found |= {*entry.tags, *entry.without}
        waiting.extend(each.members())
    return found


def _asked(query: Query) -> Iterator[tuple[str, str]]:
    """(what the query does, tag), for it and its subqueries."""
    for what, tags in (("includes", query.include), ("requires", query.require), ("excludes", query.exclude)):
        for tag in sorted(tags):
            yield what, tag
    for inner in query.subquery.values():
        yield from _asked(inner)


def warn_of_unknown_tags(query: Query, db: DB, ask_all: Callable[[], object]) -> None:
    """Warn of each tag of ``query`` that nothing has, and name those that are written nearly alike.

    Parameters
    ----------
    query : Query
        As the user's mode has it.
    db : DB
        The database that is asked, with the optimizations of the core and of the plugins that were needed so far.
    ask_all : callable
        Puts those of all installed plugins into ``db``; called only where the others do not suffice.

    Notes
    -----
    Names that are documented, and those of our own packages that are not installed, are no mistakes: a program may exclude them
    wherever it runs.
    """
    if all(tag in _confirmed for _, tag in _asked(query)):
        return
    known = known_tags(db)
    if not all(tag in known for _, tag in _asked(query)):
        ask_all()
        known = known_tags(db)
    for what, tag in _asked(query):
        if tag in known or tag in DOCUMENTED_TAGS or supplier("optimizations", tag) is not None:
            _confirmed.add(tag)
        else:
            _warn(what, tag, known)


def _warn(what: str, tag: str, known: set[str]) -> None:
    import difflib  # only slips need it

    near = difflib.get_close_matches(tag, sorted(known | DOCUMENTED_TAGS), 3, cutoff=0.7)
    hint = f": did you mean {' or '.join(map(repr, near))}?" if near else "; `tcore optimizations` lists all that are there"
    effect = "so that nothing is applied" if what == "requires" else "which has no effect"
    text = f"the mode {what} {tag!r}, {effect}: no optimization has this name or tag{hint}"
    warn_user(text, UserWarning)
