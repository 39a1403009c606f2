"""Pictures of graphs."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import numpy as np
import pytest

import tcore.tensor as T
from tcore import function, grad, shared
from tcore.configuration import change_flags
from tcore.graph import Apply, FunctionGraph, Op
from tcore.graph.op import ops_with_inner_function
from tcore.printing import draw_graph, pydot, pydotprint
from tcore.printing.drawing import describe
from tcore.printing.layout import lay_out
from tcore.printing.picture import render, to_dot, to_svg

x = T.dmatrix("x")


@pytest.fixture
def train():
    w = shared(np.zeros(3), name="w")
    cost = T.sum(T.dot(x, w) ** 2)
    with change_flags(backend="numpy"):
        return function([x], cost, updates=[(w, w - 0.1 * grad(cost, w))], mode="FAST_COMPILE")


def test_figures_and_colours(train):
    """Ellipses for nodes, boxes for variables; colours by role; updates go back to their variable."""
    drawing = describe(train, var_with_name_simple=True)
    figures = {figure.label: figure for figure in drawing.figures.values()}
    assert figures["x"].colour == "lightgreen"
    assert figures["w"].colour == "cyan"
    assert not figures["x"].is_apply
    assert sum(figure.is_apply for figure in drawing.figures.values()) == len(train.maker.fgraph.apply_nodes)
    assert [arrow.label for arrow in drawing.arrows].count("UPDATE") == 1


def test_positions_on_edges():
    """Edges into a node with several inputs are numbered."""
    y = T.dmatrix("y")
    drawing = describe(x - y, var_with_name_simple=True)
    assert sorted(arrow.label for arrow in drawing.arrows if arrow.label) == ["0", "1"]


def test_long_labels_are_cut():
    z = x.copy()
    z.name = "n" * 100
    drawing = describe(z, max_label_size=70)
    assert max(len(figure.label) for figure in drawing.figures.values()) == 70
    assert any(figure.label.endswith("...") for figure in drawing.figures.values())


def test_views_are_blue():
    assert any(arrow.colour == "blue" for arrow in describe(x.T).arrows)


def test_figures_do_not_overlap(train):
    """The layout keeps figures of one layer apart, and later ones below."""
    drawing = describe(train)
    layout = lay_out(drawing)
    places = list(layout.places.values())
    for a in places:
        for b in places:
            if a is not b and a.y == b.y:
                assert abs(a.x - b.x) >= (a.width + b.width) / 2
    for arrow in drawing.arrows:
        if arrow.label != "UPDATE":
            assert layout.places[arrow.end].y > layout.places[arrow.start].y


def test_svg_is_xml(train):
    root = ET.fromstring(to_svg(describe(train)))
    kinds = [child.tag.rpartition("}")[2] for child in root]
    assert kinds.count("ellipse") == len(train.maker.fgraph.apply_nodes)


def test_dot(train):
    text = to_dot(describe(train))
    assert text.startswith("digraph")
    assert text.count("shape=ellipse") == len(train.maker.fgraph.apply_nodes)


@pytest.mark.parametrize(("suffix", "start"), [("svg", b"<"), ("dot", b"digraph")])
def test_draw_graph(train, tmp_path, suffix, start):
    path = draw_graph(train, tmp_path / f"graph.{suffix}")
    assert path.read_bytes().startswith(start)


def test_png(train, tmp_path):
    pytest.importorskip("matplotlib")
    assert draw_graph(train, tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")


def test_image_for_notebooks(train):
    picture = pydotprint(train, return_image=True, format="svg")
    assert "<svg" in picture._repr_svg_()
    assert picture._repr_png_() is None


def test_branches_of_a_condition():
    """What only the first branch needs has a blue border, the second a red one, what both need a purple one."""
    a, b = T.dvector("a"), T.dvector("b")
    both = T.exp(a)
    first, second = T.log(both), T.sqrt(both) + b
    chosen = T.switch(T.gt(a, 0.0), first, second)
    drawing = describe(chosen, highlight=chosen.owner)
    borders = {figure.label: figure.border for figure in drawing.figures.values() if figure.border}
    assert {label.split("{")[1].split(",")[0]: border for label, border in borders.items()} == {
        "exp": "purple", "log": "blue", "sqrt": "red", "add": "red",
    }  # fmt: skip
    assert 'color="purple", penwidth=3' in to_dot(drawing)
    assert borders == {f.label: f.border for f in describe(chosen, highlight=chosen.owner.op).figures.values() if f.border}
    with pytest.raises(ValueError, match="a condition and two branches are needed, it has 1 inputs"):
        describe(T.exp(a), highlight=T.exp)
    with pytest.raises(ValueError, match="cannot highlight .*switch.*: it is not in the graph that is drawn"):
        describe(T.exp(a), highlight=chosen.owner)


class IfElse(Op):
    """What lazy ifs are called."""

    __props__ = ()

    def make_node(self, condition, *branches):
        return Apply(self, [condition, *branches], [branch.type() for branch in branches[: len(branches) // 2]])


def test_the_first_lazy_if():
    """``cond_highlight=True`` takes it, not the first node of any kind; without one, and with False, nothing is marked."""
    a, b = T.dvector("a"), T.dvector("b")
    total = T.exp(a) + T.sin(b)
    chosen = IfElse()(T.gt(total.sum(), 0.0), T.log(total), T.sqrt(total))
    borders = {f.label.partition(",")[0]: f.border for f in describe(T.tanh(chosen), highlight=True).figures.values() if f.border}
    assert borders == {"Elemwise{log": "blue", "Elemwise{sqrt": "red", "Elemwise{add": "purple", "Elemwise{exp": "purple", "Elemwise{sin": "purple"}
    for highlight, out in ((False, chosen), (None, chosen), (True, total)):
        assert not [figure for figure in describe(out, highlight=highlight).figures.values() if figure.border]


def test_what_is_drawn():
    """Variables, several of them, nodes, graphs and functions; nothing else; with numbers, where asked."""
    a = T.dvector("a")
    out = T.exp(a)
    pictures = [describe(each) for each in (out, [out], out.owner, FunctionGraph([a], [out]))]
    assert len({tuple(sorted(figure.label for figure in picture.figures.values())) for picture in pictures}) == 1
    labels = [figure.label for figure in describe(out, with_ids=True).figures.values()]
    assert any(label.endswith(" id=0") for label in labels)
    with pytest.raises(TypeError, match="made of a function, a graph, variables or an Apply, got 3"):
        describe(3)


def test_default_file(tmp_path, capsys):
    """Without a name it lies in ``compiledir``, and its place is printed; a name gets the ending of its format."""
    out = T.exp(T.dvector("a"))
    path = tmp_path / "picture"
    pydotprint(out, outfile=str(path), format="svg")
    assert capsys.readouterr().out == f"The output file is available at {path}.svg\n"
    assert path.with_suffix(".svg").read_text().startswith("<svg")
    pydotprint(out, outfile=str(path), format="svg", print_output_file=False)
    assert capsys.readouterr().out == ""


def test_compile_directory(tmp_path, capsys, monkeypatch):
    """Where a picture without a name lies."""
    monkeypatch.setattr(pydot, "config", SimpleNamespace(compiledir=str(tmp_path / "new"), device="cpu"))
    pydotprint(T.exp(T.dvector("a")), format="dot")
    pydotprint(T.exp(T.dvector("a")), format="dot", print_output_file=False)
    path = tmp_path / "new" / "tcore.pydotprint.cpu.dot"
    assert path.read_text().startswith("digraph")
    assert capsys.readouterr().out == f"The output file is available at {path}\n"


class Repeat(Op):
    """An op with a function inside."""

    __props__ = ("name",)

    def __init__(self, name, inner):
        self.name, self.inner = name, inner

    def make_node(self, a):
        return Apply(self, [a], [a.type()])


def test_inner_graphs(tmp_path, monkeypatch):
    """``scan_graphs=True``: a file for each, named after the main one, the op and its position; inner ones of these as well."""
    monkeypatch.setitem(ops_with_inner_function, Repeat, "inner")
    a = T.dvector("a")
    inside = FunctionGraph([a], [Repeat(None, FunctionGraph([a], [T.sin(a)]))(a)])
    out = Repeat("step by/step", inside)(T.exp(a))
    pydotprint(out, tmp_path / "all.dot", format="dot", scan_graphs=True, print_output_file=False)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[:2] == ["all.dot", "all_step_by_step_1.dot"]
    (innermost,) = names[2:]
    assert innermost.startswith("all_step_by_step_1_")
    assert innermost.endswith("_0.dot")
    assert "sin" in (tmp_path / innermost).read_text()
    pydotprint(out, tmp_path / "one.dot", format="dot", print_output_file=False)
    assert len(list(tmp_path.glob("one*"))) == 1


@pytest.mark.parametrize("script", ["cat >/dev/null; printf drawn", "cat >/dev/null; echo 'no such format' >&2; exit 1"])
def test_graphviz(tmp_path, monkeypatch, script):
    """Draws where it is installed; what it complains of is the error."""
    dot = tmp_path / "dot"
    dot.write_text(f"#!/bin/sh\n{script}\n")
    dot.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(dot))
    drawing = describe(T.exp(x))
    if "exit" in script:
        with pytest.raises(RuntimeError, match="Graphviz could not draw the graph: no such format"):
            render(drawing, "gif")
    else:
        assert render(drawing, "gif") == b"drawn"


def test_nothing_to_draw_with_L372(monkeypatch):
    """Says what can be installed, and which formats need nothing."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(RuntimeError, match="needs Graphviz .* or Matplotlib .*; 'svg' and 'dot' need neither"):
        render(describe(T.exp(x)), "png")
