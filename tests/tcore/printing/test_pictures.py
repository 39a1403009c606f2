"""Pictures of graphs."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tcore.tensor as T
from tcore import function, grad, shared
from tcore.configuration import change_flags
from tcore.graph import FunctionGraph
from tcore.printing import draw_graph, pydotprint
from tcore.printing.drawing import describe
from tcore.printing.layout import lay_out
from tcore.printing.picture import to_dot, to_svg

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
    assert not [figure for figure in describe(T.exp(a), highlight=both.owner).figures.values() if figure.border]


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
