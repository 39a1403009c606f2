"""Graphs as one line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcore.graph.traversal import io_toposort

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tcore.graph.apply import Apply
    from tcore.graph.op import Op
    from tcore.graph.variable import Variable

__all__ = ["as_string", "default_node_formatter", "op_as_string"]


def default_node_formatter(op: Op, argstrings: Sequence[str]) -> str:
    """``op(arg, arg, …)``."""
    return f"{op}({', '.join(argstrings)})"


def op_as_string(
    i: Iterable[Variable],
    op: Apply,
    leaf_formatter: Callable[[Variable], str] = str,
    node_formatter: Callable[[Op, Sequence[str]], str] = default_node_formatter,
) -> str:
    """The node ``op`` as text, its arguments as :func:`as_string` gives them."""
    return node_formatter(op.op, as_string(i, op.inputs, leaf_formatter, node_formatter))


def as_string(
    i: Iterable[Variable],
    o: Iterable[Variable],
    leaf_formatter: Callable[[Variable], str] = str,
    node_formatter: Callable[[Op, Sequence[str]], str] = default_node_formatter,
) -> list[str]:
    """Each variable of ``o`` as text, down to the variables ``i``.

    What is used more than once is written ``*n -> text`` at its first place and ``*n`` afterwards. Output ``k`` of a node
    with several outputs gets ``::k``.
    """
    sources = set(i)
    outputs = list(o)
    uses: dict[Apply, int] = {}

    def computed(variable: Variable) -> bool:
        return variable.owner is not None and variable not in sources

    nodes = io_toposort(sources, outputs)
    for variable in [*outputs, *(v for node in nodes for v in node.inputs)]:
        if computed(variable):
            assert variable.owner is not None
            uses[variable.owner] = uses.get(variable.owner, 0) + 1

    # A shared node is described where the reader meets it first: arguments are written in reading order, so the texts
    # are put together by an explicit stack that enters arguments left to right.
    numbers: dict[Apply, int] = {}
    done: list[str] = []  # finished texts; an entry on the stack that closes takes its arguments from the end
    stack: list[tuple[str, Variable]] = [("open", variable) for variable in reversed(outputs)]
    while stack:
        action, variable = stack.pop()
        node = variable.owner
        if action == "open":
            if node is None or variable in sources:
                done.append(leaf_formatter(variable))
            elif node in numbers:
                done.append(_mark(numbers[node], variable))
            else:
                if uses[node] > 1:
                    numbers[node] = len(numbers) + 1
                stack.append(("close", variable))
                stack.extend(("open", argument) for argument in reversed(node.inputs))
        else:
            assert node is not None
            first = len(done) - len(node.inputs)
            text = node_formatter(node.op, done[first:])
            del done[first:]
            if node in numbers:
                text = f"{_mark(numbers[node], variable)} -> {text}"
            elif len(node.outputs) > 1:
                text = f"{text}::{variable.index}"
            done.append(text)
    return done


def _mark(number: int, variable: Variable) -> str:
    assert variable.owner is not None
    return f"*{number}::{variable.index}" if len(variable.owner.outputs) > 1 else f"*{number}"
