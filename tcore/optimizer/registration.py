"""Decorators that put a rule into a stage of :data:`~tcore.optimizer.optdb.optdb` at once: for programs and notebooks.

>>> @register_specialize
... @local_optimizer([fibby])
... def local_fibby_of_zero(node):
...     \"\"\"fibby(zeros) -> zeros\"\"\"

A package declares its rules instead (:func:`~tcore.optimizer.rewrite.rewrite`) and lets its plugin register them, so that importing it
changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.optimizer.optdb import optdb
from tcore.optimizer.rewrite import Rewrite, Stage, stage_database

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "register_canonicalize",
    "register_specialize",
    "register_specialize_device",
    "register_stabilize",
    "register_uncanonicalize",
    "register_useless",
]


def _decorator(stage: Stage, *always: str) -> Callable[..., Any]:
    def register(lopt: Any = None, *tags: str, name: str | None = None) -> Any:
        if lopt is None or isinstance(lopt, str):
            named = tags if lopt is None else (lopt, *tags)
            return lambda rule: register(rule, *named, name=name)
        rule, more = (lopt.rule, lopt.tags) if isinstance(lopt, Rewrite) else (lopt, ())
        stage_database(optdb, stage).register(name or str(lopt.name), rule, *always, *more, *tags)
        return lopt

    register.__name__ = register.__qualname__ = f"register_{stage.value}"
    register.__doc__ = f"""Decorator: put a rule into the stage ``{stage.value}``, with the tags {' and '.join(map(repr, always))}.

    Functions that are compiled from now on use it; those that are compiled already do not change.

    Parameters
    ----------
    lopt : LocalOptimizer or Rewrite
        What :func:`local_optimizer` or :func:`rewrite` made.
    *tags : str
        Further tags. Without ``lopt``, a decorator that adds them: ``@{register.__name__}("slow")``.
    name : str, optional
        In place of the rule's own.

    Raises
    ------
    ValueError
        If the name is taken in this stage.
    """
    return register


register_useless = _decorator(Stage.USELESS, "fast_run", "fast_compile")
register_canonicalize = _decorator(Stage.CANONICALIZE, "fast_run")
register_stabilize = _decorator(Stage.STABILIZE, "fast_run")
register_specialize = _decorator(Stage.SPECIALIZE, "fast_run")
register_uncanonicalize = _decorator(Stage.UNCANONICALIZE, "fast_run")
register_specialize_device = _decorator(Stage.SPECIALIZE_DEVICE, "fast_run")
