"""The class Mode: an optimizer and a linker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from tcore.compile.backends import current_backend, linker_named, predefined_linkers
from tcore.configuration import config
from tcore.link import Linker

if TYPE_CHECKING:
    from tcore.compile.backends import Backend
    from tcore.graph import FunctionGraph
    from tcore.optimizer import Query

__all__ = ["Mode"]

#: optimizers that are looked up when they optimize, without loading all of them before
_WELL_KNOWN = ("o4", "o3", "o2", "o1", "fast_run", "fast_compile")


class Mode:
    """An optimizer and a linker.

    Parameters
    ----------
    linker : Linker, str or None
        None follows ``config.linker``.
    optimizer : Query, Optimizer, str or None
        The name of a predefined one, or what to take from ``optdb``; None applies no optimization. ``"default"`` follows
        ``config.optimizer``.

    Notes
    -----
    Names are looked up when a function is compiled, so that a mode follows ``config.backend``.
    """

    def __init__(self, linker: Linker | str | None = None, optimizer: Any = "default") -> None:
        self.provided_linker = config.linker if linker is None else linker
        self.provided_optimizer = config.optimizer if isinstance(optimizer, str) and optimizer == "default" else optimizer
        #: what the optimizer means, looked up when a function is optimized: a query, or an optimizer of the user's
        self._meaning: tuple[Query | None, Any] | None = None
        if self.provided_optimizer not in _WELL_KNOWN:
            self._meaning = _meaning_of(self.provided_optimizer)
        if isinstance(self.provided_linker, str):
            if self.provided_linker not in predefined_linkers:
                known = ", ".join(predefined_linkers.keys())
                raise ValueError(f"there is no linker {self.provided_linker!r}; there are {known}")
        elif not isinstance(self.provided_linker, Linker):
            raise TypeError(f"a linker is a name or a Linker, got {self.provided_linker!r}")

    # ------------------------------------------------------------ parts

    @property
    def _chosen(self) -> tuple[Query | None, Any]:
        if self._meaning is None:
            self._meaning = _meaning_of(self.provided_optimizer)
        return self._meaning

    @property
    def _query(self) -> Query | None:
        return self._chosen[0]

    @property
    def backend(self) -> Backend | None:
        """The backend that runs functions of this mode; None for the core's own linkers and for given ones."""
        name = self.provided_linker
        if not isinstance(name, str):
            return None
        if name in ("py", "vm", "vm_nogc") and not self._stands_for_default(name):
            return None
        return current_backend()

    @staticmethod
    def _stands_for_default(name: str) -> bool:
        """Whether ``name`` is the linker that nobody chose: then the backend knows better what can run."""
        return name == "vm" and config.linker == "vm" and config.source("linker") == "default"

    @property
    def linker(self) -> Linker:
        """A linker of this mode."""
        name = self.provided_linker
        if not isinstance(name, str):
            return name
        backend = self.backend
        return linker_named("cvm" if backend is not None and self._stands_for_default(name) else name, backend)

    @property
    def optimizer(self) -> Any:
        """The optimizer, as ``optdb`` gives it for the query of this mode.

        Compilation uses :meth:`optimizer_for`, which adds what the ops in the graph bring along.
        """
        return self._built(None)

    def optimizer_for(self, fgraph: FunctionGraph) -> Any:
        """The optimizer for one graph: with the optimizations of the plugins whose ops are in it, without all others."""
        return self._built(fgraph)

    def _built(self, fgraph: FunctionGraph | None) -> Any:
        query, optimizer = self._chosen
        if query is None:
            return optimizer
        from tcore.compile.optimizations import active_optimizer  # and with it all of the optimizer, which few calls need

        return active_optimizer(query, fgraph, self.backend)

    # ------------------------------------------------------------ variants

    def _with(self, query: Query) -> Self:
        return self._variant(self.provided_linker, query)

    def _variant(self, linker: Linker | str, optimizer: Any) -> Self:
        """A mode of the same kind with other parts; subclasses that take further arguments override it."""
        return type(self)(linker, optimizer)

    def _queried(self, what: str) -> Query:
        query, optimizer = self._chosen
        if query is None:
            raise TypeError(f"{what} changes a query for optdb; this mode has the optimizer {optimizer} instead")
        return query

    def including(self, *tags: str) -> Self:
        """A mode like this one that also applies the optimizations with these tags or names."""
        return self._with(self._queried("including").including(*tags))

    def excluding(self, *tags: str) -> Self:
        """A mode like this one without the optimizations with these tags or names."""
        return self._with(self._queried("excluding").excluding(*tags))

    def requiring(self, *tags: str) -> Self:
        """A mode like this one that applies only optimizations with all these tags."""
        return self._with(self._queried("requiring").requiring(*tags))

    def register(self, *optimizations: Any) -> Self:
        """A mode like this one with further optimizations: pairs (optimizer, position)."""
        return self._with(self._queried("register").register(*optimizations))

    def clone(self, link_kwargs: dict[str, Any] | None = None, optimizer: Any = "", **kwargs: Any) -> Self:
        """A mode like this one.

        Parameters
        ----------
        link_kwargs : dict, optional
            Arguments for :meth:`Linker.clone`, such as ``allow_gc``.
        optimizer : optional
            In place of the optimizer.
        """
        linker = self.linker.clone(**link_kwargs) if link_kwargs else self.provided_linker
        given = self.provided_optimizer if isinstance(optimizer, str) and optimizer == "" else optimizer
        return self._variant(linker, given)

    def __str__(self) -> str:
        return f"{type(self).__name__}(linker={self.provided_linker}, optimizer={self.provided_optimizer})"

    __repr__ = __str__


def _meaning_of(given: Any) -> tuple[Query | None, Any]:
    """What an argument ``optimizer`` stands for: a query for ``optdb``, or an optimizer.

    Raises
    ------
    ValueError
        If there is no optimizer of this name.
    TypeError
        If it is nothing of the kind.
    """
    from tcore.compile.optimizations import predefined_optimizers  # as above
    from tcore.optimizer import Query

    if given is None or given == "None":
        return Query(include=[]), None
    if isinstance(given, str):
        if given not in predefined_optimizers:
            raise ValueError(f"there is no optimizer {given!r}; there are {', '.join(map(str, predefined_optimizers))}")
        given = predefined_optimizers[given]
    if isinstance(given, Query):
        return given, None
    if hasattr(given, "optimize"):
        return None, given
    raise TypeError(f"an optimizer is a name, a Query or an Optimizer, got {given!r}")
