"""The directive ``optimization-catalogue``: a table of all registered optimizations, made from the database itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.addnodes import download_reference
from sphinx.util.docutils import SphinxDirective

from tcore.compile.optimizations import LEVELS, all_optimizations

if TYPE_CHECKING:
    from sphinx.application import Sphinx

    from tcore.optimizer.catalogue import CatalogueEntry

_HEADINGS = ("name", "before → after", "at", "tags", *LEVELS, "source")
_WIDTHS = (14, 30, 10, 12, *(3 for _ in LEVELS), 14)


class OptimizationCatalogue(SphinxDirective):
    """One row per optimization, in the order in which they are applied."""

    def run(self) -> list[nodes.Node]:
        table = nodes.table(classes=["optimization-catalogue"])
        group = nodes.tgroup(cols=len(_HEADINGS))
        table += group
        group.extend(nodes.colspec(colwidth=width) for width in _WIDTHS)
        head = nodes.thead()
        head += self._row([nodes.paragraph(text=heading) for heading in _HEADINGS])
        body = nodes.tbody()
        for entry in all_optimizations():
            body += self._row(self._cells(entry))
        group += [head, body]
        return [table]

    @staticmethod
    def _row(cells: list[nodes.Node]) -> nodes.row:
        row = nodes.row()
        for cell in cells:
            row += nodes.entry("", cell)
        return row

    def _cells(self, entry: CatalogueEntry) -> list[nodes.Node]:
        anchor = nodes.target("", "", ids=[nodes.make_id(f"optimization-{entry.name}")])
        name = nodes.paragraph("", "", anchor, nodes.literal(text=entry.name))
        levels = [nodes.paragraph(text="×" if level in entry.levels else "") for level in LEVELS]
        return [
            name,
            self._rule(entry.rule),
            nodes.paragraph(text="; ".join(map(str, entry.places))),
            nodes.paragraph(text=", ".join(entry.tags)),
            *levels,
            self._source(entry),
        ]

    def _rule(self, text: str) -> nodes.Node:
        """The rule with its arrow; what stands between double backquotes in the docstring is code."""
        paragraph = nodes.paragraph()
        for number, part in enumerate(text.replace("->", "→").split("``")):
            paragraph += nodes.literal(text=part) if number % 2 else nodes.Text(part)
        return paragraph

    def _source(self, entry: CatalogueEntry) -> nodes.Node:
        """A link to the file, which Sphinx copies beside the page."""
        where = f"{entry.module}, line {entry.line}" if entry.line else entry.module
        if not entry.file or not Path(entry.file).is_file():
            return nodes.paragraph(text=where)
        target = os.path.relpath(entry.file, Path(self.env.doc2path(self.env.docname)).parent)
        link = download_reference(reftarget=target, refdoc=self.env.docname)
        link += nodes.literal(text=where)
        return nodes.paragraph("", "", link)


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.add_directive("optimization-catalogue", OptimizationCatalogue)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
