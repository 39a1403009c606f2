"""What lower floors need of higher ones."""

from __future__ import annotations

import re
from pathlib import Path

import tcore
from tcore.above import from_above

ROOT = Path(tcore.__file__).parent
FLOORS = ("graph", "scalar", "optimizer", "link", "codegen", "compile", "tensor", "gradient")


def asked_for():
    """Need -> the floors that ask for it."""
    needs = {}
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("*.py"):
            for need in re.findall(r'from_above\("(\w+)"\)', path.read_text(encoding="utf-8")):
                needs.setdefault(need, set()).add(floor)
    return needs


def test_the_house_serves_every_need_and_no_other() -> None:
    assert sorted(asked_for()) == sorted(tcore._ABOVE)
    assert all(callable(from_above(need)) for need in tcore._ABOVE)


def test_needs_are_served_from_above() -> None:
    """Else an ordinary import would do."""
    for need, floors in asked_for().items():
        home = tcore._ABOVE[need].split(".")[1]
        assert all(FLOORS.index(floor) < FLOORS.index(home) for floor in floors), need
