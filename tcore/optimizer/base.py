"""What an optimizer is: something that changes a FunctionGraph; and what a local one is: a rule for one node."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TextIO

from tcore.graph.features import ReplaceValidate
from tcore.graph.trace import traces_paused
from tcore.optimizer.failures import one_optimization, title

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcore.graph.apply import Apply
    from tcore.graph.fgraph import FunctionGraph
    from tcore.graph.op import Op
    from tcore.graph.variable import Variable

__all__ = [
    "FromFunctionLocalOptimizer",
    "FromFunctionOptimizer",
    "LocalOptimizer",
    "Optimizer",
    "inplace_optimizer",
    "local_optimizer",
    "optimizer",
]


class Optimizer:
    """Changes a :class:`~tcore.graph.fgraph.FunctionGraph` so that it computes the same in a better way.

    A subclass defines :meth:`apply`, and :meth:`add_requirements` where it needs features. Optimizers compare and hash
    by identity, unless they say otherwise.
    """

    name: str | None = None

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> Any:
        """Change the graph; what it returns is for its own :meth:`print_profile`."""
        raise NotImplementedError(f"{type(self).__name__} defines no apply")

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Attach the features that :meth:`apply` needs."""

    def optimize(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> Any:
        """Attach what is needed, then apply: the entry for callers.

        Nodes that are made on the way take the creation trace of what they replace, not of this call.
        """
        self.add_requirements(fgraph)
        with traces_paused(), one_optimization():
            return self.apply(fgraph, *args, **kwargs)

    def __call__(self, fgraph: FunctionGraph) -> Any:
        """As :meth:`optimize`."""
        return self.optimize(fgraph)

    def add_after(self, other: Optimizer) -> Optimizer:
        """An optimizer that applies this one, then ``other``."""
        from tcore.optimizer.sequence import SeqOptimizer

        return SeqOptimizer([self, other])

    def print_summary(self, stream: TextIO | None = None, level: int = 0, depth: int = -1) -> None:
        """Print what this is made of, ``depth`` levels deep (-1 for all)."""
        print(f"{' ' * level}{title(self)}", file=stream or sys.stdout)

    @staticmethod
    def print_profile(stream: TextIO, prof: Any, level: int = 0) -> None:
        """Print what :meth:`apply` returned, where it has something to say."""
        if prof is not None:
            print(f"{'    ' * level}{prof}", file=stream)

    @staticmethod
    def merge_profile(prof1: Any, prof2: Any) -> Any:
        """The sum of two results of :meth:`apply`, for the profile of several functions; None where there is none."""
        return None

    def __str__(self) -> str:
        return self.name or type(self).__name__


class FromFunctionOptimizer(Optimizer):
    """An optimizer made of a function ``fn(fgraph)``; ``requirements`` are functions that make features."""

    def __init__(
        self, fn: Callable[[FunctionGraph], Any], requirements: Sequence[Callable[[], Any]] = (), name: str | None = None
    ) -> None:
        self.fn = fn
        self.requirements = tuple(requirements)
        self.name = name or getattr(fn, "__name__", None)
        self.__doc__ = fn.__doc__

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.fn(fgraph, *args, **kwargs)

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Attach one of each required feature."""
        for make in self.requirements:
            fgraph.attach_feature(make())

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.fn == other.fn

    def __hash__(self) -> int:
        return hash(self.fn)


def optimizer(fn: Callable[[FunctionGraph], Any]) -> FromFunctionOptimizer:
    """Decorator: a function of a FunctionGraph as an optimizer that has ``replace_validate``."""
    return FromFunctionOptimizer(fn, (ReplaceValidate,))


def inplace_optimizer(fn: Callable[[FunctionGraph], Any]) -> FromFunctionOptimizer:
    """Decorator: as :func:`optimizer`, for one that puts in-place ops into the graph."""
    from tcore.graph.destroyhandler import DestroyHandler

    return FromFunctionOptimizer(fn, (ReplaceValidate, DestroyHandler))


class LocalOptimizer:
    """A rule for one node. It does nothing alone: a navigator or a database applies it.

    Attributes
    ----------
    name : str or None
    reentrant : bool
        Whether the rule may fire again on what it made.
    retains_inputs : bool
        Whether replacements use all inputs of the node.
    """

    name: str | None = None
    reentrant: bool = True
    retains_inputs: bool = False

    def tracks(self) -> Sequence[Op | type[Op]] | None:
        """The ops of the nodes that the rule wants to see, as instances (equal ones match) and classes (subclasses match).

        None for all nodes.
        """
        return None

    def concerns(self, op: Op) -> bool:
        """Whether the rule can do anything with nodes of ``op``, which :meth:`tracks` lets through.

        Asked once for each op, not at each node: what the op alone decides belongs here.
        """
        return True

    def transform(self, node: Apply) -> Any:
        """What stands for the outputs of ``node``.

        Returns
        -------
        False or None
            Nothing to do.
        list of Variable
            One replacement per output, of the same type. None in a place drops an output that nobody uses.
        dict
            Variable -> replacement, or node -> list of replacements of its outputs, anywhere in the graph. The key ``"remove"``
            may list nodes, or variables in their place, that must be gone afterwards; the whole step is taken back if one is
            still used.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no transform")

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Attach the features that :meth:`transform` needs."""

    def print_summary(self, stream: TextIO | None = None, level: int = 0, depth: int = -1) -> None:
        """Print what this is made of."""
        print(f"{' ' * level}{title(self)}", file=stream or sys.stdout)

    @staticmethod
    def print_profile(stream: TextIO, prof: Any, level: int = 0) -> None:
        """Print what was measured, where there is something to say."""
        if prof is not None:
            print(f"{'    ' * level}{prof}", file=stream)

    def __str__(self) -> str:
        return self.name or type(self).__name__

    def __repr__(self) -> str:
        return str(self)


class FromFunctionLocalOptimizer(LocalOptimizer):
    """A rule made of a function ``fn(node)``: see :func:`local_optimizer`; ``only(op)`` narrows ``tracks``."""

    def __init__(
        self,
        fn: Callable[[Apply], Any],
        tracks: Sequence[Op | type[Op]] | None = None,
        requirements: Sequence[Callable[[], Any]] = (),
        name: str | None = None,
        only: Callable[[Any], bool] | None = None,
    ) -> None:
        self.fn = fn
        self._tracks = tracks
        self.requirements = tuple(requirements)
        self.name = name or getattr(fn, "__name__", None)
        self.__doc__ = fn.__doc__
        self.__module__ = fn.__module__
        # on the instance: callers get the function itself, without a call in between
        self.transform = fn  # type: ignore[assignment]
        if only is not None:
            self.concerns = only  # type: ignore[assignment,method-assign]

    def tracks(self) -> Sequence[Op | type[Op]] | None:
        """As given."""
        return self._tracks

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Attach one of each required feature."""
        for make in self.requirements:
            fgraph.attach_feature(make())

    def __call__(self, node: Apply) -> list[Variable] | dict[Any, Any] | bool | None:
        """Try the rule on a node."""
        result: list[Variable] | dict[Any, Any] | bool | None = self.fn(node)
        return result

    def __repr__(self) -> str:
        return f"FromFunctionLocalOptimizer({self.fn!r}, {self._tracks!r})"


def local_optimizer(
    tracks: Sequence[Op | type[Op]] | None, inplace: bool = False, requirements: Sequence[Callable[[], Any]] = ()
) -> Callable[[Callable[[Apply], Any]], FromFunctionLocalOptimizer]:
    """Decorator: a function of a node as a rule.

    Parameters
    ----------
    tracks : list of Op instances and Op classes, or None
        The nodes that the function is asked about; None for all.
    inplace : bool
        Whether the rule puts in-place ops into the graph.
    requirements : sequence of callables
        Each makes a feature that the rule needs.

    Raises
    ------
    ValueError
        If ``tracks`` is empty: such a rule would never be asked.
    """
    if tracks is not None:
        if isinstance(tracks, (str, type)) or not hasattr(tracks, "__iter__"):
            raise TypeError(f"tracks is a list of ops and op classes, or None, got {tracks!r}")
        if not list(tracks):
            raise ValueError("tracks is an empty list, so that the rule would never be asked: use None for all nodes")

    def decorate(fn: Callable[[Apply], Any]) -> FromFunctionLocalOptimizer:
        needed = tuple(requirements)
        if inplace:
            from tcore.graph.destroyhandler import DestroyHandler

            if DestroyHandler not in needed:
                needed = (*needed, DestroyHandler)
        return FromFunctionLocalOptimizer(fn, None if tracks is None else list(tracks), needed)

    return decorate
