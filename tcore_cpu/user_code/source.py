"""The C++ module around users' C code: what all ops and types of a block ask for, before and behind its struct."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcore.configuration import config
from tcore.graph.c_interface import ask, ask_compiler, text_pieces
from tcore_cpu.user_code.block import PLACEHOLDER, Block, joined
from tcore_cpu.user_code.templates import EXCEPTIONS, MODULE, OLD_NAMES, THREADS

__all__ = ["compiler_of", "gathered", "owners", "source_of"]

_HEADERS = ("<Python.h>", "<stdio.h>", "<stdlib.h>", "<string.h>", "<math.h>", "<numpy/arrayobject.h>")


def owners(block: Block) -> list[Any]:
    """Types and ops whose code takes part, each once; types first, since ops build on them."""
    types = [*block.params.values(), *(v.type for v in (*block.given, *block.made))]
    return _unique([*types, *(node.op for node in block.nodes if node not in block.called)])


def compiler_of(block: Block) -> str:
    """The compiler that an op or a type insists on; else ``config.cxx``.

    Raises
    ------
    ValueError
        If two of them insist on different ones.
    """
    asked = {command: owner for owner in owners(block) if (command := ask(owner, "c_compiler"))}
    if len(asked) > 1:
        listed = ", ".join(f"{owner} needs {command}" for command, owner in asked.items())
        raise ValueError(f"one piece of C code has one compiler, and there are several: {listed}")
    return str(next(iter(asked), config.cxx))


def gathered(block: Block, method: str) -> tuple[str, ...]:
    """The answers of all owners to a method that may take the compiler."""
    compiler = compiler_of(block)
    return tuple(dict.fromkeys(item for owner in owners(block) for item in ask_compiler(owner, method, compiler)))


def source_of(block: Block) -> str:
    """The whole module, with :data:`PLACEHOLDER` for its hash."""
    own = [node for node in block.nodes if node not in block.called]
    asked = owners(block)
    headers = dict.fromkeys((*_HEADERS, *gathered(block, "c_headers")))
    support = dict.fromkeys(piece for owner in asked for piece in text_pieces(ask(owner, "c_support_code")))
    initial = dict.fromkeys(joined(ask(owner, "c_init_code")) for owner in asked)
    parts = [
        # documented declarations that a node does not use
        '#pragma GCC diagnostic ignored "-Wunused-local-typedefs"',
        *(f"#include {header}" if header[0] in '<"' else f'#include "{header}"' for header in headers),
        OLD_NAMES,
        THREADS,
        *support,
        *(joined(ask(node.op, "c_support_code_apply", node, block.name(node))) for node in own),
        EXCEPTIONS,
        block.struct(),
        MODULE.format(
            name=f"node_{PLACEHOLDER}_0",
            initial="\n".join(initial),
            apply="\n".join(f"{{\n{joined(ask(node.op, 'c_init_code_apply', node, block.name(node)))}\n}}" for node in own),
        ),
    ]
    return "\n".join(parts)


def _unique(owners: Sequence[Any]) -> list[Any]:
    """In order, one of those that are equal; what does not hash stands for itself."""
    found: dict[Any, Any] = {}
    for owner in owners:
        try:
            found.setdefault(owner, owner)
        except TypeError:
            found.setdefault(id(owner), owner)
    return list(found.values())
