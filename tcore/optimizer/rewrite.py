"""Rewrites as values: what a module declares, and a plugin's ``RewriteGroup`` loads.

A *rewrite* is one rule, with its name, its tags and the stages in which it takes part. Declaring it has no effect;
:func:`register_rewrites` puts a group of them into the database.

>>> @rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Neg])
... def local_neg_neg(node):
...     \"\"\"neg(neg(x)) -> x\"\"\"
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import field

from tcore.optimizer.base import FromFunctionLocalOptimizer, LocalOptimizer, Optimizer
from tcore.optimizer.database import DB
from tcore.optimizer.database_kinds import EquilibriumDB, LocalGroupDB, SequenceDB, TopoDB
from tcore.records import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tcore.graph.apply import Apply
    from tcore.graph.op import Op

__all__ = ["ASSUME_FINITE", "GlobalRewrite", "Rewrite", "Stage", "register_rewrites", "rewrite", "stage_database"]

#: tag of what may lose a NaN, an infinity or the sign of a zero; excluding it leaves the exact part of each rule
ASSUME_FINITE = "assume_finite"


class Stage(Enum):
    """The stages for rules, by the names that they have in the database, in order."""

    USELESS = "useless"
    CANONICALIZE = "canonicalize"
    STABILIZE = "stabilize"
    SPECIALIZE = "specialize"
    UNCANONICALIZE = "uncanonicalize"
    SPECIALIZE_DEVICE = "specialize_device"


def _stages(value: Iterable[Stage]) -> tuple[Stage, ...]:
    return tuple(value)


def _names(value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        raise TypeError(f"a tuple of names is needed, got the string {value!r}")
    return tuple(value)


@frozen(eq=False)
class Rewrite:
    """A rule for one node, and where it takes part.

    Attributes
    ----------
    rule : LocalOptimizer
    stages : tuple of Stage
    tags : tuple of str
        ``fast_run`` is always there, except beside ``unsafe``: such a rule may only be asked for. ``fast_compile`` for rules
        that every compilation wants.
    name : str
    exact : LocalOptimizer, optional
        For a rule that carries :data:`ASSUME_FINITE`: its cases that lose nothing, which stay when the tag is excluded.
    """

    rule: LocalOptimizer
    stages: tuple[Stage, ...] = field(converter=_stages)
    tags: tuple[str, ...] = field(default=(), converter=_names)
    name: str = field(default="", kw_only=True)
    exact: LocalOptimizer | None = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", str(self.rule))

    @property
    def summary(self) -> str:
        """What it does, ``before -> after``: the first line of the rule's docstring."""
        return (self.rule.__doc__ or "").strip().partition("\n")[0]

    def transform(self, node: Apply) -> Any:
        """Try the rule on a node."""
        return self.rule.transform(node)

    def __call__(self, node: Apply) -> Any:
        """As :meth:`transform`."""
        return self.rule.transform(node)


@frozen(eq=False)
class GlobalRewrite:
    """An optimizer (or a database of some) at a position of the sequence.

    Attributes
    ----------
    name : str
    optimizer : Optimizer or DB
    position : float
        The documented position, or any between.
    tags : tuple of str
        Nothing is added: ``fast_run`` must be given.
    after : tuple of str
        Names that come before it, where positions are equal.
    into : str
        The sequence to put it into: ``""`` for the principal one.
    exact : Optimizer, optional
        As for :class:`Rewrite`.
    """

    name: str
    optimizer: Optimizer | DB
    position: float
    tags: tuple[str, ...] = field(default=(), converter=_names)
    after: tuple[str, ...] = field(default=(), converter=_names)
    into: str = ""
    exact: Optimizer | None = field(default=None, kw_only=True)

    @property
    def summary(self) -> str:
        """What it does: the first line of the optimizer's docstring."""
        return (self.optimizer.__doc__ or "").strip().partition("\n")[0]


def rewrite(
    *stages: Stage,
    tracks: Sequence[Op | type[Op]] | None,
    tags: Iterable[str] = (),
    requirements: Sequence[Callable[[], Any]] = (),
    name: str | None = None,
    exact: Callable[[Apply], bool] | None = None,
    only: Callable[[Any], bool] | None = None,
) -> Callable[[Callable[[Apply], Any]], Rewrite]:
    """Decorator: a function of a node as a :class:`Rewrite`.

    Parameters
    ----------
    stages : Stage
        None for a rule that only an explicit registration uses.
    tracks : list of ops and op classes, or None
        The nodes that it wants to see; None for all.
    tags : iterable of str
    requirements : sequence of callables
        Each makes a feature that the rule needs.
    name : str, optional
        The documented name, where the function has another.
    only : callable, optional
        ``only(op)``: whether the rule can do anything with nodes of this op; see :meth:`LocalOptimizer.concerns`.
    exact : callable, optional
        For a rule that carries :data:`ASSUME_FINITE`: ``exact(node)`` tells the nodes on which it loses nothing.
    """
    if tracks is not None and not list(tracks):
        raise ValueError("tracks is an empty list, so that the rule would never be asked: use None for all nodes")

    def decorate(fn: Callable[[Apply], Any]) -> Rewrite:
        tracked = None if tracks is None else list(tracks)
        rule = FromFunctionLocalOptimizer(fn, tracked, requirements, name=name, only=only)
        part = None
        if exact is not None:
            part = FromFunctionLocalOptimizer(_only_where(exact, fn), tracked, requirements, name=rule.name, only=only)
            part.__doc__ = fn.__doc__
        return Rewrite(rule, stages, tuple(tags), exact=part)

    return decorate


def _only_where(exact: Callable[[Apply], bool], fn: Callable[[Apply], Any]) -> Callable[[Apply], Any]:
    def transform(node: Apply) -> Any:
        return fn(node) if exact(node) else False

    return transform


def _without(each: Rewrite | GlobalRewrite) -> dict[str, Any]:
    return {} if each.exact is None else {ASSUME_FINITE: each.exact}


def _sequence(optdb: SequenceDB, into: str) -> SequenceDB:
    if not into:
        return optdb
    db = optdb[into]
    if not isinstance(db, SequenceDB):
        raise TypeError(f"'{into}' is no sequence, so that nothing can be put into it at a position")
    return db


def stage_database(optdb: SequenceDB, stage: Stage) -> EquilibriumDB | LocalGroupDB:
    """The database that holds the rules of a stage."""
    db = optdb[stage.value]
    if isinstance(db, TopoDB):
        db = db.db
    assert isinstance(db, (EquilibriumDB, LocalGroupDB))
    return db


def register_rewrites(
    optdb: SequenceDB,
    rewrites: Iterable[Rewrite | GlobalRewrite],
    tags: Iterable[str] = (),
    origin: str | None = None,
) -> None:
    """Put a group of rewrites into the database: all, or none and an error.

    Parameters
    ----------
    optdb : SequenceDB
    rewrites : Rewrite and GlobalRewrite
    tags : iterable of str
        Added to those of each.
    origin : str, optional
        The plugin that they come from; None for tcore itself.
    """
    tags = tuple(tags)
    done: list[tuple[DB, str]] = []
    try:
        for each in rewrites:
            if isinstance(each, Rewrite):
                own = (*each.tags, *tags) if "unsafe" in each.tags else ("fast_run", *each.tags, *tags)
                for stage in each.stages:
                    db = stage_database(optdb, stage)
                    db.register(each.name, each.rule, *own, origin=origin, without=_without(each))
                    done.append((db, each.name))
            elif isinstance(each, GlobalRewrite):
                sequence = _sequence(optdb, each.into)
                sequence.register(
                    each.name, each.optimizer, each.position, *each.tags, *tags, after=each.after, origin=origin, without=_without(each)
                )
                done.append((sequence, each.name))
            else:
                raise TypeError(f"a group of rewrites holds Rewrite and GlobalRewrite records, got {each!r}")
    except BaseException:
        for place, name in reversed(done):
            place.unregister(name)
        raise
