"""Frames: one set of storage in which one call of a function runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.link import Container

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Frame", "twin_containers"]


class Frame:
    """The thunk of a function with its cells.

    The first frame of a function is its documented storage. A call that finds it busy, from another thread or from within
    itself, runs in a further frame; frames share the containers of values that live on (shared variables, inputs with
    updates) and have arguments and intermediate values of their own.
    """

    __slots__ = ("containers", "fn", "input_cells", "output_cells", "output_containers")

    def __init__(
        self, fn: Callable[..., Any], containers: Sequence[Container], output_containers: Sequence[Container]
    ) -> None:
        self.fn = fn
        self.containers = list(containers)
        self.input_cells = [container.storage for container in containers]
        self.output_containers = list(output_containers)
        self.output_cells = [container.storage for container in output_containers]


def twin_containers(containers: Sequence[Container], lasting: Sequence[bool]) -> list[Container]:
    """Containers for another frame: those of lasting values are the same ones."""
    twins = []
    for container, keep in zip(containers, lasting, strict=True):
        if keep:
            twins.append(container)
            continue
        twin = Container(
            container.type, [None], container.readonly, container.strict, container.allow_downcast
        )
        twin.name = container.name
        twin.implicit = container.implicit
        twins.append(twin)
    return twins
