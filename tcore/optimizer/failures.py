"""What happens when a rule or an optimizer raises: ``config.on_opt_error``.

``warn`` (the default) reports it once, skips it and goes on: a graph that was not improved is still right. ``raise``
is for tests, ``pdb`` for their authors, ``ignore`` says nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from tcore.configuration import config
from tcore.graph.trace import creation_report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tcore.graph.apply import Apply

__all__ = ["one_optimization", "report_failure", "report_local_failure", "report_oscillation", "rules_off", "stop_compilation", "title"]

_off: ContextVar[set[Any] | None] = ContextVar("rules_off", default=None)


@contextmanager
def one_optimization() -> Iterator[set[Any]]:
    """A context in which a rule that failed stays off, so that it is reported once. Inside another, it is that one.

    The whole optimization of a graph is one such context: a rule may belong to several of its stages.
    """
    off = _off.get()
    if off is not None:
        yield off
        return
    off = set()
    token = _off.set(off)
    try:
        yield off
    finally:
        _off.reset(token)


def rules_off() -> set[Any]:
    """The rules that are off for the rest of the optimization that is going on."""
    off = _off.get()
    return set() if off is None else off


def stop_compilation(error: BaseException) -> None:
    """Let ``error``, which is about to be raised, reach the user whatever ``on_opt_error`` says: another option asked for it."""
    error.__dict__["stops_compilation"] = True


def _act(error: BaseException, message: str) -> None:
    action = config.on_opt_error
    if action == "raise" or "stops_compilation" in error.__dict__:
        if message not in getattr(error, "__notes__", ()):
            error.add_note(message)
        raise error
    if action == "ignore":
        return
    import logging  # here, as pdb: a compilation without failures loads neither
    import traceback

    raised = error.__traceback__ is not None  # what was only noticed has nothing more to show
    logging.getLogger("tcore.optimizer").error("%s", "\n".join((message, "".join(traceback.format_exception(error)).rstrip())) if raised else message)
    if action == "pdb":
        import pdb  # noqa: T100 - what the option asks for; it loads a dozen modules

        if raised:
            pdb.post_mortem(error.__traceback__)
        else:
            pdb.set_trace()  # noqa: T100


def title(optimizer: Any) -> str:
    """Class and name of an optimizer, as reports and summaries call it."""
    name = getattr(optimizer, "name", None)
    return f"{type(optimizer).__name__} {name}" if name else type(optimizer).__name__


def _where(node: Apply | None) -> str:
    if node is None:
        return ""
    created = creation_report(node.outputs[0]) if node.outputs else ""
    return f"  node:    {node}\n" + (f"  created: {created}\n" if created else "")


def report_local_failure(rule: Any, node: Apply, error: BaseException) -> None:
    """Tell that ``rule`` raised ``error`` on ``node``, once, and switch it off for the rest of this optimization."""
    off = rules_off()
    if rule in off:
        return
    off.add(rule)
    _act(
        error,
        f"Optimization failure due to: {rule}\n"
        f"{_where(node)}"
        f"  the rule is skipped for the rest of this compilation; exclude it for good with "
        f"optimizer_excluding={rule}",
    )


def report_failure(optimizer: Any, error: BaseException) -> None:
    """Tell that a whole optimizer raised ``error``, and that it was skipped."""
    _act(error, f"SeqOptimizer apply {optimizer}: the optimizer raised an error and is skipped")


def report_oscillation(error: BaseException, rule: Any, node: Apply | None) -> None:
    """Tell that rules do not come to rest, and switch ``rule``, one of them, off for the rest of this optimization."""
    rules_off().add(rule)
    _act(
        error,
        f"{error}\n"
        f"{_where(node)}"
        f"  '{rule}' is skipped for the rest of this compilation, and the graph is right, but may be less optimized. A rule must "
        f"reach a state where it returns False, and not undo another's work; exclude one of them for good with "
        f"optimizer_excluding={rule}",
    )
