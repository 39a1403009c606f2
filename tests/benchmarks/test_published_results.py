"""The results that the manual shows."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_rows_behind_their_goals_are_explained() -> None:
    """Each row that misses its goal is named where the manual says why."""
    table = (DOCS / "speed" / "results.md").read_text(encoding="utf-8")
    verdicts = dict(re.findall(r"^\| .*\(`([\w-]+)`\) \|.*\| (met|missed|) \|$", table, re.MULTILINE))
    assert len(verdicts) > 30
    assert len(verdicts) == table.count("`) |")
    (reasons,) = re.findall(r"^## Where it is not, and why$(.*?)^## ", (DOCS / "speed.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    missed = [row for row, verdict in verdicts.items() if verdict == "missed"]
    assert [row for row in missed if f"`{row}`" not in reasons] == []
