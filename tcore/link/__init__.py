"""Linkers: from a graph to something that runs; containers, storage, and the reports of errors in running nodes."""

from tcore.link.container import Container
from tcore.link.errors import raise_with_op
from tcore.link.export import ExportError
from tcore.link.linker import Linker, LocalLinker, PerformLinker, WrapLinker
from tcore.link.locks import ValueLock
from tcore.link.program import Program
from tcore.link.storage import gc_schedule, infer_reuse_pattern, map_storage
from tcore.link.vm import LazyProgram, VMLinker

__all__ = [
    "Container",
    "ExportError",
    "LazyProgram",
    "Linker",
    "LocalLinker",
    "PerformLinker",
    "Program",
    "VMLinker",
    "ValueLock",
    "WrapLinker",
    "gc_schedule",
    "infer_reuse_pattern",
    "map_storage",
    "raise_with_op",
]
