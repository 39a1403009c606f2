"""Pictures of graphs, as DOT, SVG, PNG and what else Graphviz can write.

Graphviz's ``dot`` draws where it is installed. Without it SVG comes from a layout of our own, and PNG and PDF from
Matplotlib.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from tcore.printing.drawing import Drawing, describe
from tcore.printing.layout import Layout, lay_out

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["draw_graph", "render", "to_dot", "to_svg"]


def draw_graph(obj: Any, outfile: str | PathLike[str], format: str | None = None, **options: Any) -> Path:
    """Draw a compiled function, graph or variable into a file.

    Parameters
    ----------
    obj : Function, FunctionGraph, Variable, Apply or list of Variable
    outfile : path
    format : str, optional
        ``"dot"``, ``"svg"``, ``"png"``, …; by default what the name of the file ends in.
    **options
        Of :func:`tcore.printing.drawing.describe`.

    Returns
    -------
    Path
    """
    path = Path(outfile)
    wanted = format or path.suffix.lstrip(".") or "png"
    path.write_bytes(render(describe(obj, **options), wanted))
    return path


def render(drawing: Drawing, format: str, high_contrast: bool = True) -> bytes:
    """The drawing in some format.

    Raises
    ------
    RuntimeError
        If neither Graphviz nor Matplotlib, which this format needs, is installed.
    """
    if format == "dot":
        return to_dot(drawing, high_contrast).encode()
    program = shutil.which("dot")
    if program is not None:
        done = subprocess.run(
            [program, f"-T{format}"], input=to_dot(drawing, high_contrast).encode(), capture_output=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"Graphviz could not draw the graph: {done.stderr.decode(errors='replace')}")
        return done.stdout
    if format == "svg":
        return to_svg(drawing, high_contrast).encode()
    return _by_matplotlib(drawing, format, high_contrast)


def to_dot(drawing: Drawing, high_contrast: bool = True) -> str:
    """The drawing in Graphviz's language."""
    lines = ["digraph tcore {", '  node [fontname="Helvetica", fontsize=11];', '  edge [fontname="Helvetica", fontsize=9];']
    for figure in drawing.figures.values():
        attributes = [f"label={_quoted(figure.label)}", f"shape={'ellipse' if figure.is_apply else 'box'}"]
        if figure.colour is not None:
            attributes += [f"fillcolor={_quoted(figure.colour)}", "style=filled"] if high_contrast else [
                f"color={_quoted(figure.colour)}"
            ]
        if figure.border is not None:
            attributes += [f"color={_quoted(figure.border)}", "penwidth=3"]
        lines.append(f"  {_quoted(figure.key)} [{', '.join(attributes)}];")
    for arrow in drawing.arrows:
        attributes = [f"label={_quoted(arrow.label)}"] if arrow.label else []
        if arrow.colour != "black":
            attributes.append(f"color={_quoted(arrow.colour)}")
        end = f" [{', '.join(attributes)}]" if attributes else ""
        lines.append(f"  {_quoted(arrow.start)} -> {_quoted(arrow.end)}{end};")
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def to_svg(drawing: Drawing, high_contrast: bool = True) -> str:
    """The drawing as SVG, in layers."""
    layout = lay_out(drawing)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{layout.width:.0f}" height="{layout.height:.0f}"',
        f'viewBox="0 0 {layout.width:.0f} {layout.height:.0f}" font-family="Helvetica, Arial, sans-serif" font-size="11">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">',
        '<path d="M0,0 L8,4 L0,8 z"/></marker></defs>',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for arrow in drawing.arrows:
        x1, y1, x2, y2 = _ends(layout, arrow.start, arrow.end)
        parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke={quoteattr(arrow.colour)} '
            'marker-end="url(#tip)"/>'
        )
        if arrow.label:
            parts.append(
                f'<text x="{(x1 + x2) / 2 + 3:.1f}" y="{(y1 + y2) / 2:.1f}" font-size="9" fill="dimgrey">'
                f"{escape(arrow.label)}</text>"
            )
    for key, figure in drawing.figures.items():
        place = layout.places[key]
        fill = figure.colour if high_contrast and figure.colour else "white"
        stroke = figure.border or (figure.colour if not high_contrast and figure.colour else "black")
        style = f"fill={quoteattr(fill)} stroke={quoteattr(stroke)} stroke-width={quoteattr('3' if figure.border else '1')}"
        if figure.is_apply:
            parts.append(
                f'<ellipse cx="{place.x:.1f}" cy="{place.y:.1f}" rx="{place.width / 2:.1f}" ry="{place.height / 2:.1f}" {style}/>'
            )
        else:
            parts.append(
                f'<rect x="{place.x - place.width / 2:.1f}" y="{place.y - place.height / 2:.1f}" width="{place.width:.1f}" '
                f'height="{place.height:.1f}" {style}/>'
            )
        parts.append(f'<text x="{place.x:.1f}" y="{place.y + 4:.1f}" text-anchor="middle">{escape(figure.label)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _ends(layout: Layout, start: str, end: str) -> tuple[float, float, float, float]:
    a, b = layout.places[start], layout.places[end]
    down = 1 if b.y >= a.y else -1
    return a.x, a.y + down * a.height / 2, b.x, b.y - down * b.height / 2


def _by_matplotlib(drawing: Drawing, format: str, high_contrast: bool) -> bytes:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas
        from matplotlib.patches import Ellipse, FancyArrowPatch, Rectangle
    except ImportError as error:
        raise RuntimeError(
            f"a picture in the format {format!r} needs Graphviz (its program dot) or Matplotlib (pip install matplotlib); 'svg' and "
            "'dot' need neither"
        ) from error
    import io

    layout = lay_out(drawing)
    # a very large graph would need more pixels than a picture can have
    dpi = min(100.0, 72 * 30000 / max(layout.width, layout.height, 1.0))
    canvas = Canvas(figsize=(max(layout.width, 1.0) / 72, max(layout.height, 1.0) / 72), dpi=dpi)
    FigureCanvasAgg(canvas)
    axes = canvas.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, max(layout.width, 1.0))
    axes.set_ylim(max(layout.height, 1.0), 0)
    axes.axis("off")
    for arrow in drawing.arrows:
        x1, y1, x2, y2 = _ends(layout, arrow.start, arrow.end)
        axes.add_patch(
            FancyArrowPatch((x1, y1), (x2, y2), arrowstyle="-|>", mutation_scale=8, color=arrow.colour, linewidth=0.8, shrinkA=0, shrinkB=0)
        )
        if arrow.label:
            axes.text((x1 + x2) / 2 + 3, (y1 + y2) / 2, arrow.label, fontsize=6, color="dimgrey")
    for key, figure in drawing.figures.items():
        place = layout.places[key]
        fill = figure.colour if high_contrast and figure.colour else "white"
        edge = figure.border or (figure.colour if not high_contrast and figure.colour else "black")
        if figure.is_apply:
            axes.add_patch(Ellipse((place.x, place.y), place.width, place.height, facecolor=fill, edgecolor=edge, zorder=2))
        else:
            corner = (place.x - place.width / 2, place.y - place.height / 2)
            axes.add_patch(Rectangle(corner, place.width, place.height, facecolor=fill, edgecolor=edge, zorder=2))
        label = figure.label.replace("$", r"\$")
        axes.text(place.x, place.y, label, ha="center", va="center", fontsize=8, zorder=3)
    buffer = io.BytesIO()
    canvas.savefig(buffer, format=format)
    return buffer.getvalue()
