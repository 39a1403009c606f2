"""StripPickler: pickles of graphs without what only the running program needs."""

from __future__ import annotations

import io
import pickle
from typing import IO, Any

from tcore.graph.pickling import Table
from tcore.graph.scratchpad import Scratchpad

__all__ = ["StripPickler"]


def _scratchpad(notes: dict[str, Any]) -> Scratchpad:
    tag = Scratchpad()
    tag.__dict__.update(notes)
    return tag


class StripPickler(pickle.Pickler):
    """A pickler that leaves traces, test values and further tags out.

    Parameters
    ----------
    file : binary file
    protocol : int
    extra_tag_to_remove : list of str, optional
    """

    def __init__(self, file: IO[bytes] | io.BytesIO, protocol: int = 0, extra_tag_to_remove: list[str] | None = None) -> None:
        super().__init__(file, protocol)
        self.tag_to_remove = ["trace", "test_value", *(extra_tag_to_remove or ())]

    def reducer_override(self, obj: Any) -> Any:
        """Tags lose their unwanted notes, those that stand in the flat form of a graph included."""
        if isinstance(obj, Table):
            return Table, (), obj.flat(self.tag_to_remove)
        if isinstance(obj, Scratchpad):
            return _scratchpad, ({k: v for k, v in obj.__dict__.items() if k not in self.tag_to_remove},)
        return NotImplemented
