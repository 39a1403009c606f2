"""``pydotprint``: the documented way to draw a graph into a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tcore.configuration import config
from tcore.printing.drawing import default_colorCodes, describe
from tcore.printing.picture import render

__all__ = ["default_colorCodes", "pydotprint"]


class Picture:
    """A drawn graph that notebooks show."""

    def __init__(self, data: bytes, format: str) -> None:
        self.data = data
        self.format = format

    def _repr_svg_(self) -> str | None:
        return self.data.decode() if self.format == "svg" else None

    def _repr_png_(self) -> bytes | None:
        return self.data if self.format == "png" else None


def pydotprint(
    fct: Any,
    outfile: Any = None,
    compact: bool = True,
    format: str = "png",
    with_ids: bool = False,
    high_contrast: bool = True,
    cond_highlight: Any = None,
    colorCodes: dict[str, str] | None = None,
    max_label_size: int = 70,
    scan_graphs: bool = False,
    var_with_name_simple: bool = False,
    print_output_file: bool = True,
    return_image: bool = False,
) -> Any:
    """Draw a graph: ellipses are Apply nodes, boxes are variables.

    Boxes are green for inputs, blue for outputs, cyan for shared variables, grey for other leaves. Ellipses are red for
    transfers between devices, yellow for scan, brown for shapes, magenta for lazy ifs, pink for elementwise ops, purple for
    indexing, orange for alloc. An arrow is blue where a node returns a view of that input, red where it overwrites it.

    Parameters
    ----------
    fct : compiled function, Variable, Apply, or list of Variable
    outfile : path, optional
        In the compile directory by default.
    compact : bool
        Leave out computed variables without a name.
    format : str
    with_ids : bool
        Number boxes, and show each Apply's position in the order of computation.
    high_contrast : bool
        Fill figures with their colours instead of colouring the border.
    cond_highlight : bool, Op or Apply, optional
        Mark what the first (blue), the second (red) and both branches (purple) of a lazy if need: the first of the graph, or a
        given one.
    colorCodes : dict, optional
        Part of an op's class name -> colour.
    max_label_size : int
        Longer labels are cut, with three dots at the end.
    scan_graphs : bool
        Draw the inner graph of each scan as well, into files named after this one.
    var_with_name_simple : bool
        Show only the name of a variable that has one.
    print_output_file : bool
        Print where the file is.
    return_image : bool
        Return the picture instead of writing a file.
    """
    drawing = describe(
        fct, compact=compact, with_ids=with_ids, colour_codes=colorCodes, max_label_size=max_label_size,
        var_with_name_simple=var_with_name_simple, highlight=cond_highlight,
    )  # fmt: skip
    data = render(drawing, format, high_contrast)
    if return_image:
        return Picture(data, format)
    if outfile is None:
        folder = Path(config.compiledir)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"tcore.pydotprint.{config.device}.{format}"
    else:
        path = Path(outfile)
        if not path.suffix:
            path = path.with_name(f"{path.name}.{format}")
    path.write_bytes(data)
    if print_output_file:
        print("The output file is available at", path)
    if scan_graphs:
        _inner_graphs(
            fct, path, {
                "compact": compact, "format": format, "with_ids": with_ids, "high_contrast": high_contrast,
                "cond_highlight": cond_highlight, "colorCodes": colorCodes, "max_label_size": max_label_size,
                "scan_graphs": scan_graphs, "var_with_name_simple": var_with_name_simple,
                "print_output_file": print_output_file,
            },
        )  # fmt: skip
    return None


def _inner_graphs(fct: Any, path: Path, options: dict[str, Any]) -> None:
    """One file for each op with an inner function: name of the main file, name of the op, its position."""
    from tcore.graph.op import ops_with_inner_function
    from tcore.printing.drawing import graph_of

    for position, node in enumerate(graph_of(fct)[2]):
        attribute = next((name for cls, name in ops_with_inner_function.items() if isinstance(node.op, cls)), None)
        if attribute is None:
            continue
        name = re.sub(r"[^\w.-]+", "_", str(getattr(node.op, "name", None) or node.op))
        inner = getattr(node.op, attribute)
        pydotprint(inner, path.with_name(f"{path.stem}_{name}_{position}{path.suffix}"), **options)
