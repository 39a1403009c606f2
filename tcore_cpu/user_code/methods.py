"""Users' C code: which nodes have some, and the C++ module around an op's documented ``c_*`` methods."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from typing import Any

from tcore.configuration import config
from tcore.graph import Constant, MethodNotDefined
from tcore.graph.c_interface import CLinkerOp, ask, is_derived
from tcore.graph.type_code import PerTypeCode
from tcore.records import frozen
from tcore_cpu.user_code.block import PLACEHOLDER, Block, params_of
from tcore_cpu.user_code.source import compiler_of, gathered, owners, source_of

__all__ = ["ModuleText", "cells_of", "has_c_code", "has_c_types", "module_text", "params_of", "text_of"]


@frozen
class ModuleText:
    """A C++ module: its name, its source, and what the compiler needs to know.

    ``cached`` is False where an op or a type asks that its code is not kept; ``compiler`` is the command that one of them
    insists on, else that of ``config.cxx``.
    """

    name: str
    source: str
    include_dirs: tuple[str, ...]
    libraries: tuple[str, ...]
    library_dirs: tuple[str, ...]
    arguments: tuple[str, ...]
    refused: tuple[str, ...]
    cached: bool
    compiler: str


def has_c_code(node: Any, derived: bool = False) -> bool:
    """Whether a node's op brings C code for it, and all its types have a C side.

    Code that is made of what the op is by other means counts where ``derived`` is True.
    """
    op = node.op
    if not derived and is_derived(op):
        return False
    if getattr(type(op), "c_code", CLinkerOp.c_code) is CLinkerOp.c_code and "c_code" not in getattr(op, "__dict__", {}):
        return False
    if isinstance(op, PerTypeCode) and op.type_code(node) is None:
        return False
    if not has_c_types(node):
        return False
    if not getattr(op, "_f16_ok", False) and any(getattr(v.type, "dtype", "") == "float16" for v in (*node.inputs, *node.outputs)):
        return False
    try:
        Block.of(node).code(node)
    except MethodNotDefined:  # not for nodes like this one
        return False
    return True


def has_c_types(node: Any, called: bool = False) -> bool:
    """Whether values of all the node's types can be C variables; what is ``called`` has its constants elsewhere."""
    variables = [v for v in (*node.inputs, *node.outputs) if not (called and isinstance(v, Constant))]
    return all(ask(v.type, "c_declare", "V0", {"fail": ""}) is not None for v in variables)


def module_text(node: Any) -> ModuleText:
    """The module for one node, whose op has C code."""
    return text_of(Block.of(node))


def text_of(block: Block) -> ModuleText:
    """The module for some nodes."""
    source = source_of(block)
    versions = _versions(block)
    digest = hashlib.sha256(f"{source}\0{[version for _, version in versions]!r}".encode()).hexdigest()[:32]
    return ModuleText(
        f"node_{digest}_0",
        source.replace(PLACEHOLDER, digest),
        gathered(block, "c_header_dirs"),
        gathered(block, "c_libraries"),
        gathered(block, "c_lib_dirs"),
        gathered(block, "c_compile_args"),
        gathered(block, "c_no_compile_args"),
        all(version for _, version in versions),
        compiler_of(block),
    )


def _versions(block: Block) -> list[tuple[Any, Any]]:
    """Each op and type with its code's version; ``()`` for none."""
    own = [node for node in block.nodes if node not in block.called]
    ops = [node.op for node in own]
    found = [(node.op, ask(node.op, "c_code_cache_version_apply", node, default=())) for node in own]
    found += [(owner, ask(owner, "c_code_cache_version", default=())) for owner in owners(block) if not any(owner is op for op in ops)]
    nameless = [str(owner) for owner, version in found if not version]
    if config.cmodule.warn_no_version and nameless:
        warnings.warn(
            f"the C code of {', '.join(map(str, own))} is compiled again in every process: {', '.join(nameless)} gives no "
            f"c_code_cache_version (cmodule.warn_no_version={config.cmodule.warn_no_version})", stacklevel=3,
        )  # fmt: skip
    return found


def cells_of(node: Any) -> Sequence[Any]:
    """The variables whose cells :func:`module_text`'s struct takes, in order (params come last)."""
    return [*dict.fromkeys(node.inputs), *node.outputs]
