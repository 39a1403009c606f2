"""What a picture of a graph shows: ellipses for Apply nodes, boxes for variables, arrows with positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field

from tcore.compile.sharedvalue import SharedVariable
from tcore.graph import Apply, Constant, FunctionGraph, Variable, io_toposort
from tcore.graph import inputs as graph_inputs
from tcore.records import define, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Arrow", "Drawing", "Figure", "default_colorCodes", "describe", "graph_of"]

#: part of the name of an op's class -> colour
default_colorCodes = {
    "GpuFromHost": "red",
    "HostFromGpu": "red",
    "GpuToGpu": "red",
    "Scan": "yellow",
    "Shape": "brown",
    "IfElse": "magenta",
    "Elemwise": "#FFAABB",
    "Subtensor": "#FFAAFF",
    "Alloc": "#FFAA22",
}
_CYAN, _GREEN, _BLUE, _GREY = "cyan", "lightgreen", "lightskyblue", "lightgrey"


@frozen
class Figure:
    """One ellipse (an Apply) or box (a variable)."""

    key: str
    label: str
    is_apply: bool
    colour: str | None = None
    border: str | None = None


@frozen
class Arrow:
    """From one figure to another."""

    start: str
    end: str
    label: str = ""
    colour: str = "black"


@define
class Drawing:
    """Figures and arrows, in the order in which the graph is computed."""

    figures: dict[str, Figure] = field(factory=dict)
    arrows: list[Arrow] = field(factory=list)

    def add(self, figure: Figure) -> str:
        """Add a figure unless one with its key is there; gives the key."""
        self.figures.setdefault(figure.key, figure)
        return figure.key


def describe(
    obj: Any,
    compact: bool = True,
    with_ids: bool = False,
    colour_codes: Mapping[str, str] | None = None,
    max_label_size: int = 70,
    var_with_name_simple: bool = False,
    highlight: Any = None,
) -> Drawing:
    """The drawing of a compiled function, FunctionGraph, variable, Apply, or list of variables.

    Parameters
    ----------
    compact : bool
        Leave out computed variables without a name.
    with_ids : bool
        Number the boxes and show the position of each Apply.
    colour_codes : dict, optional
        Part of the name of an op's class -> colour.
    max_label_size : int
        Longer labels are cut.
    var_with_name_simple : bool
        Show only the names of variables that have one, without types.
    highlight : bool, Apply or Op, optional
        A lazy if: what only its first, only its second or both branches need gets a blue, red or purple border. True takes the
        first lazy if of the graph, where there is one; any other node with a condition and branches can be given itself.

    Raises
    ------
    ValueError
        If the given node is not in the graph, or has no branches.
    """
    inputs, outputs, order, updates = graph_of(obj)
    return _Describer(
        inputs, outputs, order, updates, compact, with_ids,
        default_colorCodes if colour_codes is None else dict(colour_codes), max_label_size, var_with_name_simple,
        _branches(order, highlight),
    ).run()  # fmt: skip


def graph_of(obj: Any) -> tuple[list[Variable], list[Variable], list[Apply], dict[int, int]]:
    fgraph = obj if isinstance(obj, FunctionGraph) else getattr(getattr(obj, "maker", None), "fgraph", None)
    if fgraph is not None:
        return list(fgraph.inputs), list(fgraph.outputs), fgraph.toposort(), dict(fgraph.update_mapping or {})
    if isinstance(obj, Apply):
        outputs = list(obj.outputs)
    elif isinstance(obj, Variable):
        outputs = [obj]
    elif isinstance(obj, (list, tuple)) and all(isinstance(entry, Variable) for entry in obj):
        outputs = list(obj)
    else:
        raise TypeError(f"a picture is made of a function, a graph, variables or an Apply, got {obj!r}")
    leaves = [variable for variable in graph_inputs(outputs) if not isinstance(variable, Constant)]
    return leaves, outputs, io_toposort([], outputs), {}


def _branches(order: Sequence[Apply], highlight: Any) -> dict[Apply, str]:
    """Border colours for what the branches of a lazy if need."""
    if highlight is None or highlight is False:
        return {}
    if highlight is True:
        node = next((node for node in order if "IfElse" in type(node.op).__name__), None)  # as the table of colours knows them
        if node is None:
            return {}
    else:
        node = next((node for node in order if highlight in (node, node.op)), None)
        if node is None:
            raise ValueError(f"cannot highlight {highlight}: it is not in the graph that is drawn (optimizations may have replaced it)")
        if len(node.inputs) < 3:
            raise ValueError(f"cannot highlight {node}: a condition and two branches are needed, it has {len(node.inputs)} inputs")
    half = (len(node.inputs) - 1) // 2
    left = set(io_toposort([], node.inputs[1 : 1 + half]))
    right = set(io_toposort([], node.inputs[1 + half :]))
    colours = {}
    for each in left | right:
        colours[each] = "purple" if each in left and each in right else "blue" if each in left else "red"
    return colours


class _Describer:
    def __init__(
        self, inputs: list[Variable], outputs: list[Variable], order: list[Apply], updates: dict[int, int], compact: bool,
        with_ids: bool, colours: dict[str, str], max_label_size: int, simple: bool, borders: dict[Apply, str],
    ) -> None:  # fmt: skip
        self.inputs, self.outputs, self.order, self.updates = inputs, outputs, order, updates
        self.compact, self.with_ids, self.colours = compact, with_ids, colours
        self.limit, self.simple, self.borders = max_label_size, simple, borders
        self.drawing = Drawing()
        self.boxes: dict[Variable, str] = {}
        self.final = set(outputs)

    def run(self) -> Drawing:
        ellipses = {node: self._ellipse(position, node) for position, node in enumerate(self.order)}
        for variable in self.inputs:
            self._box(variable)
        for node in self.order:
            end = ellipses[node]
            for position, variable in enumerate(node.inputs):
                label = str(position) if len(node.inputs) > 1 else ""
                if self.simple is False and variable.owner is not None:
                    label = f"{label} {variable.type}".strip()
                self._arrow(self._source(variable, ellipses), end, label, self._edge_colour(node, position))
            for variable in node.outputs:
                if variable in self.final or not self.compact or variable.name is not None:
                    self._arrow(end, self._box(variable), str(variable.index) if len(node.outputs) > 1 else "")
        for position, target in self.updates.items():  # a new value goes back into its shared variable
            start = self._source(self.outputs[position], ellipses)
            self._arrow(start, self._box(self.inputs[target]), "UPDATE", "blue")
        for variable in self.outputs:
            self._box(variable)
        return self.drawing

    def _arrow(self, start: str, end: str, label: str = "", colour: str = "black") -> None:
        self.drawing.arrows.append(Arrow(start, end, self._cut(label), colour))

    def _source(self, variable: Variable, ellipses: dict[Apply, str]) -> str:
        """Where an arrow of a variable starts: at its box, or at its node where the box is left out."""
        if variable.owner is None or variable.owner not in ellipses:
            return self._box(variable)
        if self.compact and variable.name is None and variable not in self.final:
            return ellipses[variable.owner]
        return self._box(variable)

    def _edge_colour(self, node: Apply, position: int) -> str:
        if any(position in positions for positions in node.op.destroy_map.values()):
            return "red"
        if any(position in positions for positions in node.op.view_map.values()):
            return "blue"
        return "black"

    def _cut(self, label: str) -> str:
        return label if len(label) <= self.limit else label[: self.limit - 3] + "..."

    def _ellipse(self, position: int, node: Apply) -> str:
        label = str(node.op).replace("\n", " ")
        if self.with_ids:
            label = f"{label} id={position}"
        kind = type(node.op).__name__
        colour = next((colour for part, colour in self.colours.items() if part in kind), None)
        return self.drawing.add(Figure(f"a{position}", self._cut(label), True, colour, self.borders.get(node)))

    def _box(self, variable: Variable) -> str:
        known = self.boxes.get(variable)
        if known is not None:
            return known
        number = len(self.boxes)
        if variable.name is not None and not isinstance(variable, Constant):
            text = variable.name if self.simple else f"name={variable.name} {variable.type}"
            key = f"n{text}"  # boxes of one name merge
        elif isinstance(variable, Constant):
            text = f"val={variable} {variable.type}" if not self.simple else str(variable)
            key = f"v{number}"
        else:
            text = str(variable.type)
            key = f"v{number}"
        if self.with_ids:
            text = f"{text} id={number}"
        self.boxes[variable] = key
        return self.drawing.add(Figure(key, self._cut(text), False, self._box_colour(variable)))

    def _box_colour(self, variable: Variable) -> str | None:
        if isinstance(variable, SharedVariable):
            return _CYAN
        if variable in self.final:
            return _BLUE
        if variable.owner is None and not isinstance(variable, Constant):
            return _GREEN
        return None if variable.owner is not None else _GREY
