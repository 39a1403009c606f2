"""Graphs as trees of text."""

import io

import pytest

import tcore
import tcore.tensor as T
from tcore.graph import Apply, FunctionGraph, Op, debugprint
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
    """The text of a chain of 20,000 nodes stays small, its upper levels being summed up."""
    chain = float64("x")
    for _ in range(20_000):
        chain = neg(chain)
    text = debugprint(chain, file="str")
    assert text.count("\n") == 20_001
    assert len(text) < 8_000_000
    assert " [+" in text.splitlines()[-1]


class Loop(Op):
    """An op with a graph of its own: ``f(f(x))`` for an inner ``f``."""

    __props__ = ("name",)

    def __init__(self, name, inner=neg):
        self.name, self.inner = name, inner

    def __str__(self):
        return self.name

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def inner_graph_for_print(self, node):
        inside, constant = float64("inside"), float64("other")
        return [add(self.inner(inside), constant)], {inside: node.inputs[0]}


def test_inner_graphs():
    """Printed after the outer graph, each with its node and its place; an inner input points to the outer variable."""
    x = float64("x")
    first = Loop("first")(exp(x))
    graph = FunctionGraph([x], [Loop("second", Loop("nested"))(first)])
    assert debugprint(graph, file="str") == (
        "second [id A] ''   2\n"
        " |first [id B] ''   1\n"
        "   |exp [id C] ''   0\n"
        "     |x [id D]\n"
        "\nInner graphs of the scan ops:\n\n"
        "second [id A] ''   2\n"
        " >add [id E] ''   \n"
        "   |nested [id F] ''   \n"
        "   | |inside [id G] -> [id B]\n"
        "   |other [id H]\n"
        "\n"
        "first [id B] ''   1\n"
        " >add [id I] ''   \n"
        "   |neg [id J] ''   \n"
        "   | |inside [id K] -> [id C]\n"
        "   |other [id L]\n"
        "\n"
        "nested [id F] ''   \n"
        " >add [id M] ''   \n"
        "   |neg [id N] ''   \n"
        "   | |inside [id O] -> [id G]\n"
        "   |other [id P]\n"
        "\n"
    )


def test_python_ids(total):
    """As ``id`` gives them. Without identifiers an inner input points to its variable by name."""
    assert f"add [id {id(total.owner)}]" in debugprint(total, ids="id", file="str")
    assert "|inside -> add.0\n" in debugprint(Loop("first")(total), ids="", file="str")


@pytest.mark.backends("numpy")
def test_storage_and_times(backend):
    """Of a function: what its cells hold, and what share of the time a node took."""
    x = T.dvector("x")
    profile = tcore.compile.ProfileStats(atexit_print=False)
    f = tcore.function([x], T.exp(x).sum() + 2.0, mode=tcore.compile.Mode("vm_nogc", None), profile=profile)
    f([0.0, 1.0])
    lines = debugprint(f, print_storage=True, file="str").splitlines()
    assert any(line.lstrip(" |").startswith("x [id") and line.endswith("[None]") for line in lines)
    assert any("exp" in line and "[array([1." in line for line in lines)
    shares = [float(line.rpartition("s ")[2].rstrip("%")) for line in lines if "-->" in line]
    assert len(shares) == len(f.maker.fgraph.apply_nodes)
    assert sum(shares) == pytest.approx(100, abs=0.5)
    assert "-->" not in debugprint(f.maker.fgraph, file="str")
