"""What ignore, warn, raise and pdb do."""

from __future__ import annotations

import pdb  # noqa: T100 - it is what is tested

import pytest

from tcore.configuration.reaction import react


def test_each_action_does_one_thing(monkeypatch, capsys):
    """``raise`` raises the finding itself; ``warn`` warns with its text; ``pdb`` prints it and stops; ``ignore`` does nothing."""
    stops = []
    monkeypatch.setattr(pdb, "set_trace", lambda: stops.append(True))
    finding = ValueError("too large")
    react("ignore", finding)
    with pytest.raises(ValueError) as caught:
        react("raise", finding)
    assert caught.value is finding
    with pytest.warns(UserWarning, match="too large") as warned:
        react("warn", finding)
    assert warned[0].filename == __file__
    assert not stops
    assert capsys.readouterr().out == ""
    react("pdb", finding)
    assert stops
    assert "too large" in capsys.readouterr().out
