"""Pickling and deep copies of graphs of any depth.

A variable that a node computes is pickled as a place in a :class:`Table`: a flat list of all nodes that it needs, in
topological order, so that neither the pickler nor the unpickler recurses along the graph. All variables and nodes that
one pickler meets share tables, hence identity inside one pickle is kept: what the first table does not have goes into
a further one, which refers to the first.

While a table is being loaded, parts of it may be asked for already (an input whose ``default_update`` is computed from the
input itself): then a blank object is handed out, which is filled later.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any

from tcore.graph.scratchpad import Scratchpad

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tcore.graph.apply import Apply
    from tcore.graph.variable import Variable

__all__ = ["Table", "forget_table", "leaf_state", "reduce_node", "reduce_variable", "set_leaf_state"]

# attributes that belong to the place in a graph, or to this process; the rest is the variable's own state
_PLACE = frozenset({"owner", "index", "fgraph", "_signature", "_uniform", "__weakref__", "__dict__"})
_PLAIN = frozenset({"type", "name", "_tag"})

_lock = threading.Lock()
# tables that a living pickler uses; its memo keeps them alive, and nothing else does
_live: weakref.WeakValueDictionary[Any, Table] = weakref.WeakValueDictionary()


def forget_table(node: Apply) -> None:
    """The inputs of ``node`` change: a table that holds it describes the past."""
    if _live:
        table = _live.get(node)
        if table is not None:
            table.stale = True


def reduce_variable(variable: Variable) -> tuple[Any, ...]:
    """What ``__reduce_ex__`` of a computed variable returns."""
    assert variable.owner is not None
    table = _table_for(variable.owner)
    return _output, (table, table.rows[variable.owner], variable.index, type(variable))


def reduce_node(node: Apply) -> tuple[Any, ...]:
    """What ``__reduce_ex__`` of a node returns."""
    table = _table_for(node)
    return _node, (table, table.rows[node], type(node))


def _table_for(node: Apply) -> Table:
    with _lock:
        table = _live.get(node)
        if table is None or table.stale:
            table = Table()
            table.enter(node)
        return table


def _output(table: Table, row: int, index: int, cls: type) -> Any:
    return table.output(row, index, cls)


def _node(table: Table, row: int, cls: type) -> Any:
    return table.node(row, cls)


class Table:
    """Nodes in topological order: the flat form of a graph."""

    def __init__(self) -> None:
        self.rows: dict[Any, int] = {}
        self.stale = False
        # on the side of loading
        self._nodes: dict[int, Any] = {}
        self._outputs: dict[tuple[int, int], Any] = {}

    # ------------------------------------------------------------ dumping

    def enter(self, node: Apply) -> None:
        """Put in ``node`` with all its ancestors that no living table has."""
        seen: set[Apply] = set()
        stack: list[tuple[Apply, bool]] = [(node, False)]
        while stack:
            each, ready = stack.pop()
            if ready:
                self.rows[each] = len(self.rows)
                _live[each] = self
                continue
            if each in seen:
                continue
            seen.add(each)
            known = _live.get(each)
            if known is not None and not known.stale and each is not node:
                continue
            stack.append((each, True))
            stack.extend((v.owner, False) for v in reversed(each.inputs) if v.owner is not None)

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return Table, (), self.flat()

    def flat(self, without: Collection[str] = ()) -> tuple[Any, ...]:
        """The state that is pickled; notes in tags whose names are in ``without`` are left out."""
        from tcore.graph.type import of_type  # stands above variables, which need this module

        rows = self.rows
        first: dict[Any, int] = {}
        count = 0
        for node in rows:
            first[node] = count
            count += len(node.outputs)
        leaves: dict[Variable, int] = {}
        traces: dict[Any, int] = {}
        nodes: list[Any] = []
        outputs: list[Any] = []
        tags: dict[int, Any] = {}  # flat output number -> number of its trace, or (number, other notes)
        odd: dict[int, Any] = {}  # flat output number -> class and further attributes, where it is not a plain one
        node_tags: dict[int, Any] = {}
        for row, node in enumerate(rows):
            codes = []
            for variable in node.inputs:
                owner = variable.owner
                if owner is not None and owner in first:
                    codes.append(first[owner] + variable.index)
                else:
                    codes.append(-1 - leaves.setdefault(variable, len(leaves)))
            nodes.append((node.op, tuple(codes), len(node.outputs), type(node)))
            if node.has_tag():
                node_tags[row] = node.tag
            for output in node.outputs:
                number = len(outputs)
                outputs.append((output.type, output.name))
                if output.has_tag():
                    tags[number] = _flat_tag(output.tag, traces, without)
                further = {name: value for name, value in _attributes(output) if name not in _PLAIN}
                if further or type(output) is not of_type(output.type, "Variable"):
                    odd[number] = (type(output), further)
        plain_traces = [[tuple(frame) for frame in trace] for trace in traces]
        return nodes, outputs, list(leaves), tags, plain_traces, odd, node_tags

    # ------------------------------------------------------------ loading

    def node(self, row: int, cls: type) -> Any:
        """Node ``row``: blank, as long as the table is not loaded."""
        node = self._nodes.get(row)
        if node is None:
            node = self._nodes[row] = object.__new__(cls)
        return node

    def output(self, row: int, index: int, cls: type) -> Any:
        """Output ``index`` of node ``row``: blank, as long as the table is not loaded."""
        output = self._outputs.get((row, index))
        if output is None:
            output = self._outputs[row, index] = object.__new__(cls)
        return output

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        from tcore.graph.trace import Frame
        from tcore.graph.type import of_type  # as above

        nodes, outputs, leaves, tags, plain_traces, odd, node_tags = state
        traces = [tuple(Frame(*frame) for frame in trace) for trace in plain_traces]
        made: list[Any] = []
        for row, (op, codes, n_outputs, node_cls) in enumerate(nodes):
            node = self.node(row, node_cls)
            node.op = op
            node.inputs = [made[code] if code >= 0 else leaves[-1 - code] for code in codes]
            node.outputs = []
            node.fgraph = None
            node._tag = node_tags.get(row)
            for index in range(n_outputs):
                number = len(made)
                kind, name = outputs[number]
                cls, further = odd.get(number) or (of_type(kind, "Variable"), {})
                output = self.output(row, index, cls)
                _fill(output, kind, name, node, index)
                for attribute, value in further.items():
                    setattr(output, attribute, value)
                if number in tags:
                    output._tag = _rich_tag(tags[number], traces)
                node.outputs.append(output)
                made.append(output)


def _fill(output: Any, kind: Any, name: str | None, node: Any, index: int) -> None:
    output.type = kind
    output.name = name
    output.owner = node
    output.index = index
    output.fgraph = None
    output._tag = None


def _flat_tag(tag: Scratchpad, traces: dict[Any, int], without: Collection[str]) -> Any:
    notes = {name: note for name, note in tag.__getstate__().items() if name not in without}
    trace = notes.pop("trace", None)
    number = -1 if not trace else traces.setdefault(trace, len(traces))
    return (number, notes) if notes else number


def _rich_tag(flat: Any, traces: list[Any]) -> Scratchpad:
    number, notes = flat if isinstance(flat, tuple) else (flat, None)
    tag = Scratchpad()
    if number >= 0:
        tag.trace = traces[number]
    if notes:
        tag.__dict__.update(notes)
    return tag


# ------------------------------------------------------------ leaves


def _attributes(variable: Any) -> Iterator[tuple[str, Any]]:
    """What a variable holds beside its place in the graph: slots of all its classes, and its ``__dict__``."""
    for cls in type(variable).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in _PLACE and hasattr(variable, name):
                yield name, getattr(variable, name)
    yield from ((name, value) for name, value in getattr(variable, "__dict__", {}).items() if name not in _PLACE)


def leaf_state(variable: Any) -> dict[str, Any]:
    """The state of a variable without owner."""
    return dict(_attributes(variable))


def set_leaf_state(variable: Any, state: dict[str, Any]) -> None:
    """Fill a new variable without owner."""
    _fill(variable, state.get("type"), state.get("name"), None, None)  # type: ignore[arg-type]
    if hasattr(type(variable), "_signature"):
        variable._signature = None
    for name, value in state.items():
        setattr(variable, name, value)
