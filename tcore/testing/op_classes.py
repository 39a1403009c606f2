"""The classes of ops that the core has."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator

from tcore.graph import Op

__all__ = ["core_ops"]

#: packages of the core with ops in them
_PACKAGES = ("compile", "gpuarray", "gradient", "printing", "scalar", "tensor")


def core_ops() -> Iterator[type]:
    """Classes of ops in the core that are no base of others."""
    for package in _PACKAGES:
        for module in pkgutil.walk_packages(importlib.import_module(f"tcore.{package}").__path__, f"tcore.{package}."):
            importlib.import_module(module.name)
    stack, seen = [Op], {Op}
    while stack:
        cls = stack.pop()
        below = [each for each in cls.__subclasses__() if each.__module__.startswith("tcore.")]
        stack.extend(each for each in below if each not in seen)
        seen.update(below)
        base = below or cls.__name__.startswith("_") or cls.__name__.endswith("Base") or cls.__module__ == "tcore.scalar.op"
        # a class that its module does not have is an older one of a module that was loaded again, or local to a function
        there = getattr(sys.modules.get(cls.__module__), cls.__qualname__, None) is cls
        if there and not base and cls.__module__.split(".")[1] in _PACKAGES:
            yield cls
