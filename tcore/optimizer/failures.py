"""What happens when a rule or an optimizer raises: ``config.on_opt_error``.

``warn`` (the default) reports it once, skips it and goes on: a graph that was not improved is still right. ``raise``
is for tests, ``pdb`` for their authors, ``ignore`` says nothing.
"""

from __future__ import annotations

import logging
import pdb  # noqa: T100 - a documented option stops in it
import sys
import traceback
from typing import TYPE_CHECKING, Any

from tcore.configuration import config
from tcore.graph.trace import creation_report

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = ["report_failure", "report_local_failure"]

logger = logging.getLogger("tcore.optimizer")


def _act(error: BaseException, message: str) -> None:
    action = config.on_opt_error
    if action == "raise":
        raise error
    if action == "ignore":
        return
    logger.error("%s\n%s", message, "".join(traceback.format_exception(error)).rstrip())
    if action == "pdb":
        pdb.post_mortem(error.__traceback__, None) if sys.stdin is not None else None  # type: ignore[call-arg]


def report_local_failure(rule: Any, node: Apply, error: BaseException) -> None:
    """Tell that ``rule`` raised ``error`` on ``node``, and that it is off for the rest of this optimization."""
    created = creation_report(node.outputs[0]) if node.outputs else ""
    _act(
        error,
        f"Optimization failure due to: {rule}\n"
        f"  node:    {node}\n"
        + (f"  created: {created}\n" if created else "")
        + f"  the rule is skipped for the rest of this compilation; exclude it for good with "
        f"optimizer_excluding={rule}",
    )


def report_failure(optimizer: Any, error: BaseException) -> None:
    """Tell that a whole optimizer raised ``error``, and that it was skipped."""
    _act(error, f"SeqOptimizer apply {optimizer}: the optimizer raised an error and is skipped")
