"""Graphs as trees of text."""

import io

import pytest

from tcore.graph import FunctionGraph, debugprint
from tcore.graph.debugprint import char_from_number
from tcore.scalar import add, exp, float64, mul, neg


@pytest.fixture
def total():
    x, y = float64("x"), float64("y")
    shared = mul(x, y)
    shared.name = "product"
    return add(exp(shared), neg(shared))


def test_tree(total):
    """Bars group the inputs of a node; what was printed comes again without its inputs."""
    assert debugprint(total, file="str") == (
        "add [id A] ''   \n"
        " |exp [id B] ''   \n"
        " | |mul [id C] 'product'   \n"
        " |   |x [id D]\n"
        " |   |y [id E]\n"
        " |neg [id F] ''   \n"
        "   |mul [id C] 'product'   \n"
    )


def test_positions_types_and_depth(total):
    """A graph numbers its nodes; types follow the identifier; depth counts levels."""
    graph = FunctionGraph([v for v in total.owner.inputs[0].owner.inputs[0].owner.inputs], [total])
    lines = debugprint(graph, file="str").splitlines()
    assert lines[0] == "add [id A] ''   3"
    assert lines[2] == " | |mul [id C] 'product'   0"
    assert debugprint(total, depth=1, file="str") == "add [id A] ''   \n"
    assert debugprint(total, depth=2, print_type=True, file="str").splitlines()[1] == " |exp [id B] <float64> ''   "


def test_identifiers(total, capsys):
    """Letters, numbers, none; shared between calls by the dicts."""
    assert [char_from_number(n) for n in (0, 25, 26, 27)] == ["A", "Z", "BA", "BB"]
    assert "add [id 0]" in debugprint(total, ids="int", file="str")
    assert "[id" not in debugprint(total, ids="", file="str")
    done, used = {}, {}
    debugprint(total, done=done, used_ids=used, file="str")
    assert debugprint(total.owner.inputs[1], done=done, used_ids=used, file="str") == "neg [id F] ''   \n"
    with pytest.raises(ValueError, match="ids is"):
        debugprint(total, ids="roman")
    assert debugprint(total) is None
    assert capsys.readouterr().out.startswith("add [id A]")
    out = io.StringIO()
    assert debugprint(total, file=out) is out


def test_names_and_clients(total):
    """The walk may stop at names; clients are listed where there are several."""
    assert "|x" not in debugprint(total, stop_on_name=True, file="str")
    leaves = total.owner.inputs[0].owner.inputs[0].owner.inputs
    graph = FunctionGraph(list(leaves), [total])
    assert "clients: exp [id B] input 0, neg [id" in debugprint(graph, print_clients=True, file="str")
    assert debugprint(3, file="str") == "3\n"


def test_long_chains():
    """The text of a chain of 50,000 nodes stays small, its upper levels being summed up."""
    chain = float64("x")
    for _ in range(50_000):
        chain = neg(chain)
    text = debugprint(chain, file="str")
    assert text.count("\n") == 50_001
    assert len(text) < 20_000_000
    assert " [+" in text.splitlines()[-1]
