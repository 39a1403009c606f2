"""Graphs as indented trees of text.

One line a node: indentation, op, identifier, name, position in the order of execution. What was printed before appears
again as a line of its own, without its inputs.
"""

from __future__ import annotations

import sys
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal, TextIO

from tcore.graph.apply import Apply
from tcore.graph.fgraph import FunctionGraph
from tcore.graph.variable import Constant, Variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["IdStyle", "char_from_number", "debugprint"]

IdStyle = Literal["id", "int", "CHAR", ""]

# Indentation grows with depth, so the text of a chain would grow with its square: below this many levels the bars of the
# upper levels are summed up as "[+levels]".
_FULL_LEVELS = 100


def char_from_number(number: int) -> str:
    """The identifier of object ``number``: A … Z, BA, BB … (base 26, A is zero)."""
    text = ""
    while True:
        number, digit = divmod(number, 26)
        text = chr(ord("A") + digit) + text
        if not number:
            return text


def debugprint(
    obj: Any,
    depth: int = -1,
    print_type: bool = False,
    file: TextIO | Literal["str"] | None = None,
    ids: IdStyle = "CHAR",
    stop_on_name: bool = False,
    done: dict[Any, str] | None = None,
    print_storage: bool = False,
    print_clients: bool = False,
    used_ids: dict[Any, str] | None = None,
) -> Any:
    """Print a graph as a tree, outputs first.

    Parameters
    ----------
    obj : Variable, Apply, FunctionGraph, compiled function, or list of these
        Anything else is printed as ``print`` does.
    depth : int
        Number of levels to show; -1 for all.
    print_type : bool
        Show types, too.
    file : file-like, "str" or None
        Where to print: None is the standard output; ``"str"`` gives the text back.
    ids : {"CHAR", "int", "id", ""}
        Identifiers: letters, numbers from 0, Python's ids, or none.
    stop_on_name : bool
        Do not go below a variable with a name.
    done, used_ids : dict, optional
        What was printed before, and the identifiers given so far: hand the same dicts to several calls for one set of
        identifiers. Both are filled.
    print_storage : bool
        For a compiled function, show the values that its storage holds.
    print_clients : bool
        Show who else uses a variable that has more than one client.

    Returns
    -------
    The text for ``file="str"``, a given file itself, else None.
    """
    out: TextIO = StringIO() if file == "str" else sys.stdout if file is None else file
    printer = _Printer(out, depth, print_type, ids, stop_on_name, done, print_clients, used_ids)
    for item in obj if isinstance(obj, (list, tuple, set)) else [obj]:
        if isinstance(item, Variable):
            printer.tree(item)
        elif isinstance(item, Apply):
            printer.tree(item.outputs[0])
        elif isinstance(item, FunctionGraph):
            printer.graph(item, None, None)
        elif isinstance(getattr(getattr(item, "maker", None), "fgraph", None), FunctionGraph):
            storage = getattr(getattr(item, "fn", None), "storage_map", None) if print_storage else None
            printer.graph(item.maker.fgraph, storage, getattr(item, "profile", None))
        else:
            print(item, file=out)
    printer.inner_graphs()
    if file == "str":
        assert isinstance(out, StringIO)
        return out.getvalue()
    out.flush()
    return file


class _Printer:
    """The state of one call: identifiers, what was printed, and what inner graphs are still to come."""

    def __init__(
        self,
        out: TextIO,
        depth: int,
        print_type: bool,
        ids: IdStyle,
        stop_on_name: bool,
        done: dict[Any, str] | None,
        print_clients: bool,
        used_ids: dict[Any, str] | None,
    ) -> None:
        if ids not in ("id", "int", "CHAR", ""):
            raise ValueError(f"ids is 'CHAR', 'int', 'id' or '', got {ids!r}")
        self.out = out
        self.depth = depth
        self.print_type = print_type
        self.ids = ids
        self.stop_on_name = stop_on_name
        self.done = {} if done is None else done
        self.used_ids = {} if used_ids is None else used_ids
        self.print_clients = print_clients
        self.position: Mapping[Apply, int] = {}
        self.storage: Mapping[Variable, list[Any]] | None = None
        self.times: Mapping[Apply, float] = {}
        self.inner: list[tuple[Variable, str]] = []  # with the place in the order of execution

    def graph(self, fgraph: FunctionGraph, storage: Any, profile: Any) -> None:
        """All outputs of a graph, with the positions of its nodes."""
        self.position = {node: number for number, node in enumerate(fgraph.toposort())}
        self.storage = storage
        self.times = getattr(profile, "apply_time", {})
        for output in fgraph.outputs:
            self.tree(output)

    def identifier(self, obj: Any) -> str:
        """`` [id X]``, the same for the same node or leaf."""
        if self.ids == "":
            return ""
        # equal constants are one thing to the reader, whether or not they are one object already
        key = obj.signature() if isinstance(obj, Constant) else obj
        known = self.used_ids.get(key)
        if known is None:
            if self.ids == "id":
                known = f"[id {id(obj)}]"
            elif self.ids == "int":
                known = f"[id {len(self.used_ids)}]"
            else:
                known = f"[id {char_from_number(len(self.used_ids))}]"
            self.used_ids[key] = known
        return f" {known}"

    def tree(
        self,
        root: Variable,
        base: str = "",
        bar: str = " |",
        root_prefix: str = "",
        inner_to_outer: Mapping[Variable, Variable] | None = None,
    ) -> None:
        """``root`` and what it needs, without recursion.

        ``base`` starts every line below the root.
        """
        # a frame: variable, start of its own line, bars of the lines below it, number of levels above it
        stack: list[tuple[Variable, str, list[str], int]] = [(root, root_prefix, [], 0)]
        while stack:
            variable, prefix, bars, level = stack.pop()
            node = variable.owner
            if node is None:
                self._leaf(variable, prefix, inner_to_outer)
                continue
            seen = node in self.done
            self._node(variable, node, prefix, self._position(node))
            if seen:
                continue
            if self.stop_on_name and variable.name is not None:
                continue
            if self.depth >= 0 and level + 1 >= self.depth:
                continue
            if hasattr(node.op, "inner_graph_for_print"):
                self.inner.append((variable, self._position(node)))
            above = level - len(bars)
            last = len(node.inputs) - 1
            for i in range(last, -1, -1):
                start = f"{base} [+{above}]" if above else base
                below = [*bars, " |" if i < last else "  "]
                stack.append((node.inputs[i], start + "".join(bars) + bar, below[-_FULL_LEVELS:], level + 1))

    def _position(self, node: Apply) -> str:
        return str(self.position.get(node, ""))

    def _node(self, variable: Variable, node: Apply, prefix: str, position: str) -> None:
        op = str(node.op) if len(node.outputs) == 1 else f"{node.op}.{variable.index}"
        identifier = self.identifier(node)
        self.done[node] = identifier
        kind = f" <{variable.type}>" if self.print_type else ""
        self.out.write(
            f"{prefix}{op}{identifier}{kind} '{variable.name or ''}'   {position}"
            f"{self._clients(variable)}{self._storage(variable)}{self._time(node)}\n"
        )

    def _leaf(self, variable: Variable, prefix: str, inner_to_outer: Mapping[Variable, Variable] | None) -> None:
        kind = f" <{variable.type}>" if self.print_type else ""
        outer = ""
        if inner_to_outer is not None and variable in inner_to_outer:
            source = inner_to_outer[variable]
            outer = f" ->{self.identifier(source if source.owner is None else source.owner) or f' {source}'}"
        self.out.write(
            f"{prefix}{variable}{self.identifier(variable)}{kind}{outer}"
            f"{self._clients(variable)}{self._storage(variable)}\n"
        )

    def _clients(self, variable: Variable) -> str:
        if not self.print_clients or variable.fgraph is None:
            return ""
        clients = variable.fgraph.clients(variable)
        if len(clients) < 2:
            return ""
        users = ", ".join(
            f"output {index}" if node == "output" else f"{node.op}{self.identifier(node)} input {index}"
            for node, index in clients
        )
        return f" clients: {users}"

    def _storage(self, variable: Variable) -> str:
        if self.storage is None or isinstance(variable, Constant):
            return ""
        return f" {self.storage.get(variable, None)}"

    def _time(self, node: Apply) -> str:
        seconds = self.times.get(node)
        if seconds is None:
            return ""
        total = sum(self.times.values()) or 1.0
        return f" --> {seconds:8.2e}s {100 * seconds / total:4.1f}%"

    def inner_graphs(self) -> None:
        """The inner graphs of the nodes that were printed, and of the nodes in these.

        An op that has one defines ``inner_graph_for_print(node) -> (outputs, {inner input: outer variable})``.
        """
        if not self.inner:
            return
        self.out.write("\nInner graphs of the scan ops:\n\n")
        for variable, position in self.inner:  # which grows meanwhile
            node = variable.owner
            assert node is not None
            self._node(variable, node, "", position)
            outputs: Iterable[Variable]
            outputs, inner_to_outer = node.op.inner_graph_for_print(node)  # type: ignore[attr-defined]
            self.position, self.storage = {}, None  # inner nodes have none
            for output in outputs:
                self.tree(output, base="  ", root_prefix=" >", inner_to_outer=inner_to_outer)
            self.out.write("\n")
