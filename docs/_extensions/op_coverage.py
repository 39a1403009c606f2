"""The directive ``op-coverage``: what there is of each op of the core, made from the classes, the lowerings and the backends."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from tcore.testing.coverage import columns, coverage

if TYPE_CHECKING:
    from sphinx.application import Sphinx

    from tcore.testing.coverage import OpCoverage


class OpCoverageTable(SphinxDirective):
    """One table for each module with ops; below it, the reasons for its empty cells."""

    def run(self) -> list[nodes.Node]:
        headings = columns()
        return [
            node for module, rows in groupby(coverage(), key=lambda row: row.module) for node in self._module(module, list(rows), headings)
        ]

    def _module(self, module: str, rows: list[OpCoverage], headings: tuple[str, ...]) -> list[nodes.Node]:
        table = nodes.table(classes=["op-coverage"])
        group = nodes.tgroup(cols=1 + len(headings))
        group.extend(nodes.colspec(colwidth=width) for width in (28, *(9 for _ in headings)))
        head, body = nodes.thead(), nodes.tbody()
        head += self._row([nodes.Text("op"), *map(nodes.Text, headings)])
        for row in rows:
            body += self._row([nodes.literal(text=row.name), *(nodes.Text(row.cells[heading] or "–") for heading in headings)])
        group += [head, body]
        table += group
        reasons = nodes.bullet_list()
        for row in rows:
            for reason, lacking in row.grouped_reasons().items():
                line = nodes.paragraph("", "", nodes.literal(text=row.name), nodes.Text(f", no {', '.join(lacking)}: {reason}"))
                reasons += nodes.list_item("", line)
        title = nodes.rubric("", "", nodes.literal(text=module))
        return [title, table, *([reasons] if reasons.children else [])]

    @staticmethod
    def _row(cells: list[nodes.Node]) -> nodes.row:
        row = nodes.row()
        for cell in cells:
            row += nodes.entry("", nodes.paragraph("", "", cell))
        return row


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.add_directive("op-coverage", OpCoverageTable)
    return {"parallel_read_safe": True}
