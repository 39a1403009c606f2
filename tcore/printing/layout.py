"""Places for the figures of a drawing, in layers: what is computed later stands lower."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcore.records import frozen

if TYPE_CHECKING:
    from tcore.printing.drawing import Drawing

__all__ = ["Layout", "Place", "lay_out"]

_CHAR, _PAD, _HEIGHT, _GAP_X, _GAP_Y = 6.6, 16.0, 26.0, 18.0, 46.0


@frozen
class Place:
    """Centre and size of a figure, in points from the top left corner."""

    x: float
    y: float
    width: float
    height: float


@frozen
class Layout:
    """Where each figure stands, and how large the picture is."""

    places: dict[str, Place]
    width: float
    height: float


def lay_out(drawing: Drawing) -> Layout:
    """Longest path from the sources gives the layer, the mean place of the neighbours the order within it."""
    below: dict[str, list[str]] = {key: [] for key in drawing.figures}
    above: dict[str, list[str]] = {key: [] for key in drawing.figures}
    for arrow in drawing.arrows:
        if arrow.label == "UPDATE":  # goes back up: it is no step of the computation
            continue
        below[arrow.start].append(arrow.end)
        above[arrow.end].append(arrow.start)
    layer = _layers(below, above)
    rows: list[list[str]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for key in drawing.figures:
        rows[layer[key]].append(key)
    _untangle(rows, below, above)
    widths = {key: max(40.0, _CHAR * len(figure.label) + _PAD) for key, figure in drawing.figures.items()}
    row_widths = [sum(widths[key] for key in row) + _GAP_X * max(len(row) - 1, 0) for row in rows]
    total = max(row_widths, default=0.0) + 2 * _GAP_X
    places: dict[str, Place] = {}
    for depth, row in enumerate(rows):
        x = (total - row_widths[depth]) / 2
        y = _GAP_Y / 2 + _HEIGHT / 2 + depth * (_HEIGHT + _GAP_Y)
        for key in row:
            places[key] = Place(x + widths[key] / 2, y, widths[key], _HEIGHT)
            x += widths[key] + _GAP_X
    return Layout(places, total, len(rows) * (_HEIGHT + _GAP_Y))


def _layers(below: dict[str, list[str]], above: dict[str, list[str]]) -> dict[str, int]:
    waiting = {key: len(set(sources)) for key, sources in above.items()}
    layer = dict.fromkeys(below, 0)
    ready = [key for key, count in waiting.items() if count == 0]
    placed = []
    while ready:
        key = ready.pop()
        placed.append(key)
        for other in set(below[key]):
            layer[other] = max(layer[other], layer[key] + 1)
            waiting[other] -= 1
            if waiting[other] == 0:
                ready.append(other)
    # sources stand right above their first reader instead of all at the top
    for key in reversed(placed):
        if not above[key] and below[key]:
            layer[key] = max(0, min(layer[other] for other in below[key]) - 1)
    return layer


def _untangle(rows: list[list[str]], below: dict[str, list[str]], above: dict[str, list[str]]) -> None:
    """Sort each row by the mean position of its neighbours, down and up, a few times."""
    for sweep in range(4):
        order = range(1, len(rows)) if sweep % 2 == 0 else range(len(rows) - 2, -1, -1)
        neighbours = above if sweep % 2 == 0 else below
        place = {key: index / max(len(row), 1) for row in rows for index, key in enumerate(row)}
        for depth in order:
            row = rows[depth]
            mean = {
                key: sum(place[n] for n in neighbours[key]) / len(neighbours[key]) if neighbours[key] else place[key]
                for key in row
            }
            row.sort(key=lambda key: mean[key])
            for index, key in enumerate(row):
                place[key] = index / max(len(row), 1)
