"""Optimizers one after the other."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any, TextIO

from tcore.configuration import config
from tcore.optimizer.base import Optimizer
from tcore.optimizer.failures import report_failure

if TYPE_CHECKING:
    from tcore.graph.fgraph import FunctionGraph

__all__ = ["SeqOptimizer"]


class SeqOptimizer(Optimizer, list[Any]):
    """A list of optimizers that are applied in order.

    An optimizer that raises is reported and skipped, as ``config.on_opt_error`` says.

    Parameters
    ----------
    opts : optimizers, or one list of them
    name : str, optional
    """

    def __init__(self, *opts: Any, name: str | None = None) -> None:
        if len(opts) == 1 and isinstance(opts[0], (list, tuple)):
            opts = tuple(opts[0])
        list.__init__(self, opts)
        self.name = name

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> Any:
        """Apply each; gives what :meth:`print_profile` prints, where the optimizer is profiled, else None."""
        if not (config.profile and config.profile_optimizer):
            for optimizer in self:
                self._apply_one(fgraph, optimizer)
            return None
        fgraph.time_callbacks = True
        validate_start = fgraph.validate_time
        callback_start = fgraph.execute_callbacks_time
        nodes_start = len(fgraph.apply_nodes)
        start = perf_counter()
        steps = []
        for position, optimizer in enumerate(self):
            validated = fgraph.validate_time
            began = perf_counter()
            sub_prof = self._apply_one(fgraph, optimizer)
            validated = fgraph.validate_time - validated
            steps.append((perf_counter() - began, position, optimizer, validated, sub_prof))
        return {
            "opt": self,
            "seconds": perf_counter() - start,
            "nodes": (nodes_start, len(fgraph.apply_nodes)),
            "validate": fgraph.validate_time - validate_start,
            "callback": fgraph.execute_callbacks_time - callback_start,
            "steps": steps,
        }

    @staticmethod
    def _apply_one(fgraph: FunctionGraph, optimizer: Optimizer) -> Any:
        try:
            return optimizer.optimize(fgraph)
        except AssertionError:
            # a broken promise inside the system: going on could give wrong results
            raise
        except Exception as error:
            report_failure(optimizer, error)
            return None

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Nothing of its own: each member attaches what it needs when its turn comes."""

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def __str__(self) -> str:
        return self.name or f"SeqOptimizer({', '.join(map(str, self))})"

    def __repr__(self) -> str:
        return f"SeqOptimizer({list.__repr__(self)})"

    def print_summary(self, stream: TextIO | None = None, level: int = 0, depth: int = -1) -> None:
        """Print the members, too."""
        stream = stream or sys.stdout
        print(f"{' ' * level}SeqOptimizer {self.name or ''} ({len(self)})".rstrip(), file=stream)
        if depth != 0:
            for optimizer in self:
                optimizer.print_summary(stream, level=level + 2, depth=depth - 1)

    @staticmethod
    def merge_profile(prof1: Any, prof2: Any) -> Any:
        """Members of one name and class count together; those that only one has stay."""
        if prof1 is None or prof2 is None:
            return prof1 or prof2
        steps = {_step_key(step): step for step in prof1["steps"]}
        for step in prof2["steps"]:
            before = steps.get(_step_key(step))
            steps[_step_key(step)] = step if before is None else _merged_step(before, step)
        return {
            "opt": prof1["opt"],
            "seconds": prof1["seconds"] + prof2["seconds"],
            "nodes": tuple(map(sum, zip(prof1["nodes"], prof2["nodes"], strict=True))),
            "validate": prof1["validate"] + prof2["validate"],
            "callback": prof1["callback"] + prof2["callback"],
            "steps": list(steps.values()),
        }

    @staticmethod
    def print_profile(stream: TextIO, prof: Any, level: int = 0) -> None:
        """Print the members by time, the slowest first, then the profile of each."""
        if prof is None:
            return
        blanc = "    " * level
        before, after = prof["nodes"]
        name = prof["opt"].name or ""
        print(
            f"{blanc}SeqOptimizer {name} time {prof['seconds']:.3f}s for {before:d}/{after:d} nodes before/after optimization",
            file=stream,
        )
        print(f"{blanc}  {prof['validate']:.3f}s for fgraph.validate()", file=stream)
        print(f"{blanc}  {prof['callback']:.3f}s for callback", file=stream)
        print(f"{blanc}  time      - (name, class, index) - validate time", file=stream)
        for seconds, position, optimizer, validated, sub_prof in sorted(prof["steps"], key=lambda step: (-step[0], step[1])):
            label = (str(optimizer), type(optimizer).__name__, position)
            print(f"{blanc}  {seconds:f}s - {label} - {validated:.3f}s", file=stream)
            if sub_prof is not None:
                optimizer.print_profile(stream, sub_prof, level=level + 1)


def _step_key(step: tuple[Any, ...]) -> tuple[str, str]:
    return str(step[2]), type(step[2]).__name__


def _merged_step(first: tuple[Any, ...], second: tuple[Any, ...]) -> tuple[Any, ...]:
    seconds, position, optimizer, validated, sub_prof = first
    if sub_prof is None or second[4] is None:
        merged = sub_prof or second[4]
    else:
        merged = optimizer.merge_profile(sub_prof, second[4])
    return (seconds + second[0], position, optimizer, validated + second[3], merged)
