"""The directive ``op-list``: a table of all installed ops, made from their classes."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from tcore.cli.ops import all_ops

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_HEADINGS = ("op", "what it computes", "gradient", "R_op")
_WIDTHS = (26, 60, 7, 7)


class OpList(SphinxDirective):
    """One table for each module with ops."""

    def run(self) -> list[nodes.Node]:
        return [node for module, entries in groupby(all_ops(), key=lambda entry: entry.module) for node in self._module(module, list(entries))]

    def _module(self, module: str, entries: list[Any]) -> list[nodes.Node]:
        title = nodes.rubric("", "", nodes.literal(text=module))
        table = nodes.table(classes=["op-list"])
        group = nodes.tgroup(cols=len(_HEADINGS))
        group.extend(nodes.colspec(colwidth=width) for width in _WIDTHS)
        head, body = nodes.thead(), nodes.tbody()
        head += self._row([nodes.paragraph(text=heading) for heading in _HEADINGS])
        for entry in entries:
            marks = [nodes.paragraph(text="×" if there else "") for there in (entry.gradient, entry.r_op)]
            body += self._row([nodes.paragraph("", "", nodes.literal(text=entry.name)), self._text(entry.summary), *marks])
        group += [head, body]
        table += group
        return [title, table]

    @staticmethod
    def _row(cells: list[nodes.Node]) -> nodes.row:
        row = nodes.row()
        for cell in cells:
            row += nodes.entry("", cell)
        return row

    @staticmethod
    def _text(text: str) -> nodes.Node:
        """What stands between double backquotes in the docstring is code."""
        paragraph = nodes.paragraph()
        for number, part in enumerate(text.split("``")):
            paragraph += nodes.literal(text=part) if number % 2 else nodes.Text(part)
        return paragraph


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.add_directive("op-list", OpList)
    return {"parallel_read_safe": True}
