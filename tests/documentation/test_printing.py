"""The documentation's examples of printed graphs; its lines in the ids."""

from __future__ import annotations

import numpy as np
import pytest

import tcore.tensor as T
from tcore import Mode, function, grad, pp, shared
from tcore.printing import Print, debugprint, pprint, pydotprint

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy")]


def _prediction():
    x = T.dmatrix("x")
    w = shared(np.zeros(3), name="w")
    b = shared(0.0, name="b")
    return 1 / (1 + T.exp(-T.dot(x, w) - b)) > 0.5


def test_pp_of_logistic_regression_L4638_L4686_L4687():
    """Infix signs, calls, constants; the broadcasting of a scalar is not shown. (L5046)"""
    assert pprint(_prediction()) == pp(_prediction())
    assert pp(_prediction()) == (
        "gt((TensorConstant{1} / (TensorConstant{1} + exp(((-(x \\dot w)) - b)))), TensorConstant{0.5})"
    )


def test_pp_of_a_function_L4638():
    """After compilation, too."""
    x = T.dvector("x")
    f = function([x], x * 2 + 1)
    assert pp(f).splitlines() == ["inputs: x", f"output 0: {pp(f.maker.fgraph.outputs[0])}"]


def test_debugprint_of_logistic_regression_L4698_L4700():
    """Labels, with one for both ones (L4702); leaves without quotes."""
    text = debugprint(_prediction(), file="str")
    ops = [line.strip(" |").split(" [id ")[0] for line in text.splitlines()]
    ids = [line.split("[id ")[1].split("]")[0] for line in text.splitlines()]
    assert ops == [
        "Elemwise{gt,no_inplace}", "Elemwise{true_div,no_inplace}", "InplaceDimShuffle{x}", "TensorConstant{1}",
        "Elemwise{add,no_inplace}", "InplaceDimShuffle{x}", "TensorConstant{1}", "Elemwise{exp,no_inplace}",
        "Elemwise{sub,no_inplace}", "Elemwise{neg,no_inplace}", "dot", "x", "w", "InplaceDimShuffle{x}", "b",
        "InplaceDimShuffle{x}", "TensorConstant{0.5}",
    ]  # fmt: skip
    assert "".join(ids) == "ABCDEFDGHIJKLMNOP"
    leaves = [line for line in text.splitlines() if "''" not in line]
    assert [line.strip(" |") for line in leaves] == [
        "TensorConstant{1} [id D]", "TensorConstant{1} [id D]", "x [id K]", "w [id L]", "b [id N]", "TensorConstant{0.5} [id P]"
    ]  # fmt: skip


def test_debugprint_with_types_L4847():
    """After the label; unnamed leaves are their type."""
    x, y = T.dvector(), T.dvector("y")
    assert debugprint(x + y, print_type=True, file="str") == (
        "Elemwise{add,no_inplace} [id A] <TensorType(float64, vector)> ''   \n"
        " |<TensorType(float64, vector)> [id B] <TensorType(float64, vector)>\n"
        " |y [id C] <TensorType(float64, vector)>\n"
    )


def test_constants_of_equal_elements_L4738():
    """Shape and value."""
    for value, text in (([0.5], "{(1,) of 0.5}"), ([1.0], "{(1,) of 1.0}"), ([2.0], "{(1,) of 2.0}"), ([[3, 3]], "{(1, 2) of 3}"), ([1.0, 2.0], "{[1. 2.]}")):
        assert debugprint(T.constant(np.array(value)), file="str") == f"TensorConstant{text} [id A]\n"


def test_composite_of_logistic_regression_L4727():
    """Inputs by number, the formula with signs, calls and nested functions."""
    prediction = _prediction()
    x = next(v for v in _inputs(prediction) if v.name == "x")
    f = function([x], prediction, mode=Mode("py", "fast_run"))
    text = debugprint(f, file="str")
    assert "Elemwise{Composite{GT(scalar_sigmoid((" in text.splitlines()[0]
    assert "i0" in text.splitlines()[0]
    assert "TensorConstant{(1,) of 0.5}" in text


def test_debugprint_of_a_sum_L5553():
    """The documentation's own, fusion aside."""
    v = T.vector()
    f = function([v], (v + 1).sum(), mode=Mode("py", "fast_run").excluding("fusion", "inplace"))
    dtype = v.dtype
    assert debugprint(f, file="str") == (
        "Sum{acc_dtype=float64} [id A] ''   1\n"
        " |Elemwise{add,no_inplace} [id B] ''   0\n"
        "   |TensorConstant{(1,) of 1.0} [id C]\n"
        f"   |<TensorType({dtype}, vector)> [id D]\n"
    )


def test_debugprint_of_gradient_L18443():
    x = T.dscalar("x")
    gy = grad(x**2, x)
    text = debugprint(gy, file="str")
    assert len(text.splitlines()) == 13
    short = debugprint(gy, depth=2, file="str").splitlines()
    assert [line.strip(" |").split(" [")[0] for line in short] == ["Elemwise{mul}", "Elemwise{mul}", "Elemwise{pow}"]


def test_print_op_L18378(capsys):
    x = T.dvector()
    function([x], Print("hello world")(x))([1, 2, 3])
    assert capsys.readouterr().out == "hello world __str__ = [1. 2. 3.]\n"


def test_several_prints_L5040(capsys):
    """In the order of the nodes of the function."""
    x = T.dvector("x")
    f = function([x], Print("first")(x) + Print("second")(x * 2))
    f([1.0])
    printed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    order = [node.op.message for node in f.maker.fgraph.toposort() if isinstance(node.op, Print)]
    assert printed == order
    assert sorted(printed) == ["first", "second"]


def test_print_hinders_rewrites_L5042(capsys):
    """Between the parts of an unstable expression it keeps them apart."""
    x = T.dvector("x")
    plain = function([x], T.log(1 + T.exp(x)), mode=Mode("py", "fast_run"))
    printed = function([x], T.log(1 + Print("seen")(T.exp(x))), mode=Mode("py", "fast_run"))
    assert plain([800.0]) == 800
    assert printed([800.0]) == np.inf
    assert "seen" in capsys.readouterr().out


def test_print_hands_its_value_on_L5016_L5018_L5037(capsys):
    x = T.dvector("x")
    f = function([x], x * 5)
    g = function([x], Print("this is a very important value")(x) * 5)
    np.testing.assert_allclose(f([1, 2, 3]), [5, 10, 15])
    assert capsys.readouterr().out == ""
    np.testing.assert_allclose(g([1, 2, 3]), [5, 10, 15])
    assert capsys.readouterr().out == "this is a very important value __str__ = [1. 2. 3.]\n"


def test_pydotprint_L4746_L4748_L4749_L5046_L5615(tmp_path, capsys):
    """Graphs before and after compilation, as PNG, with the line that tells where the file is."""
    prediction = _prediction()
    x = next(v for v in _inputs(prediction) if v.name == "x")
    predict = function([x], prediction)
    for name, obj in (("prediction", prediction), ("predict", predict)):
        path = tmp_path / f"{name}.png"
        pydotprint(obj, outfile=str(path), var_with_name_simple=True)
        assert capsys.readouterr().out == f"The output file is available at {path}\n"
        assert path.read_bytes().startswith(b"\x89PNG")


def test_names_in_pictures_L4748(tmp_path, capsys):
    """By name alone where that is asked for, else with the type."""
    x = T.dvector("x")
    texts = []
    for simple in (True, False):
        path = tmp_path / f"{simple}.svg"
        pydotprint(T.exp(x), outfile=str(path), format="svg", var_with_name_simple=simple)
        texts.append(path.read_text())
    capsys.readouterr()
    assert "TensorType" not in texts[0].split("exp")[0]
    assert texts[1].count("TensorType(float64, vector)") > texts[0].count("TensorType(float64, vector)")


def _inputs(variable):
    from tcore.graph import inputs

    return inputs([variable])
