"""The special cases of ``scan``: map, reduce and folds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.scan_module.scan import scan

if TYPE_CHECKING:
    from collections.abc import Callable

    from tcore.scan_module.updates import OrderedUpdates

__all__ = ["foldl", "foldr", "map", "reduce"]


def map(
    fn: Callable[..., Any],
    sequences: Any,
    non_sequences: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
) -> tuple[Any, OrderedUpdates]:
    """``fn`` of each element of the sequences, stacked. Arguments and result are those of :func:`scan`."""
    return scan(
        fn, sequences, None, non_sequences, truncate_gradient=truncate_gradient, go_backwards=go_backwards, mode=mode, name=name
    )


def reduce(
    fn: Callable[..., Any],
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
) -> tuple[Any, OrderedUpdates]:
    """The outputs of the last step alone: ``fn(element, result so far)``. Arguments and result are those of :func:`scan`."""
    outputs, updates = scan(fn, sequences, outputs_info, non_sequences, go_backwards=go_backwards, mode=mode, name=name)
    if isinstance(outputs, list):
        return [output[-1] for output in outputs], updates
    return outputs[-1], updates


def foldl(
    fn: Callable[..., Any], sequences: Any, outputs_info: Any, non_sequences: Any = None, mode: Any = None, name: str | None = None
) -> tuple[Any, OrderedUpdates]:
    """:func:`reduce` from the first element to the last."""
    return reduce(fn, sequences, outputs_info, non_sequences, mode=mode, name=name)


def foldr(
    fn: Callable[..., Any], sequences: Any, outputs_info: Any, non_sequences: Any = None, mode: Any = None, name: str | None = None
) -> tuple[Any, OrderedUpdates]:
    """:func:`reduce` from the last element to the first."""
    return reduce(fn, sequences, outputs_info, non_sequences, go_backwards=True, mode=mode, name=name)
