"""Whose C code a compiler refused: its words, with the op, the line that built it, and what to do about known mistakes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tcore.graph.c_interface import ask
from tcore.graph.trace import creation_report
from tcore_cpu.compiling.compiler import CompileError
from tcore_cpu.user_code.block import Block, joined
from tcore_cpu.user_code.methods import ModuleText

__all__ = ["explained"]

#: what stands in the words of compilers; clang does not name the type that is to be returned
_HINTS = {
    r"c_code_must_not_return|non-void (function 'run'|lambda.*|block) should return a value": "HINT: C code sets the variables of its outputs and runs to its end; after an error it leaves by sub['fail'], never by return.",
}


def explained(error: CompileError, block: Block, text: ModuleText) -> CompileError:
    """The error with the nodes that the refused line may belong to: those whose code has it, else all of the module."""
    own = [node for node in block.nodes if node not in block.called]
    places = re.findall(rf"{re.escape(text.name)}\.cpp:(\d+):(?:\d+:)? error", str(error))
    lines = {_plain(text.source.splitlines()[int(place) - 1]) for place in places}
    blamed = [node for node in own if lines & {*_lines(block, node)}] or own
    told = [f"of {node.op}" + (f", created: {made}" if (made := creation_report(node.outputs[0])) else "") for node in blamed]
    hints = [hint for words, hint in _HINTS.items() if re.search(words, str(error))]
    return CompileError("\n".join([str(error), *dict.fromkeys(told), *hints]))


def _lines(block: Block, node: Any) -> Iterator[str]:
    """What the node's own text consists of."""
    name = block.name(node)
    yield from map(_plain, block.code(node).splitlines())
    for method in ("c_support_code_apply", "c_support_code_struct", "c_init_code_apply"):
        yield from map(_plain, joined(ask(node.op, method, node, name)).splitlines())
    for method in ("c_support_code", "c_init_code"):
        yield from map(_plain, joined(ask(node.op, method)).splitlines())


def _plain(line: str) -> str:
    """Without the label that failures go to, which depends on the place, and the hash that stands in names."""
    return re.sub(r"goto \w+;", "goto;", re.sub(r"node_\w+?_(?=\d)", "node_", line)).strip()
