"""The book's examples of printed graphs; seed lines in the ids."""

from __future__ import annotations

import numpy as np
import pytest

import tcore.tensor as T
from tcore import function, grad, pp, shared
from tcore.printing import Print, debugprint, pydotprint

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy")]


def _prediction():
    x = T.dmatrix("x")
    w = shared(np.zeros(3), name="w")
    b = shared(0.0, name="b")
    return 1 / (1 + T.exp(-T.dot(x, w) - b)) > 0.5


def test_pp_of_logistic_regression_L4686():
    assert pp(_prediction()) == (
        "gt((TensorConstant{1} / (TensorConstant{1} + exp(((-(x \\dot w)) - b)))), TensorConstant{0.5})"
    )


def test_debugprint_of_logistic_regression_L4698():
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


def test_print_hands_its_value_on_L5016(capsys):
    x = T.dvector("x")
    f = function([x], x * 5)
    g = function([x], Print("this is a very important value")(x) * 5)
    np.testing.assert_allclose(f([1, 2, 3]), [5, 10, 15])
    assert capsys.readouterr().out == ""
    np.testing.assert_allclose(g([1, 2, 3]), [5, 10, 15])
    assert capsys.readouterr().out == "this is a very important value __str__ = [1. 2. 3.]\n"


def test_pydotprint_L4746_L5615(tmp_path, capsys):
    """Graphs before and after compilation, with the line that tells where the file is."""
    prediction = _prediction()
    x = next(v for v in _inputs(prediction) if v.name == "x")
    predict = function([x], prediction)
    for name, obj in (("prediction", prediction), ("predict", predict)):
        path = tmp_path / f"{name}.png"
        pydotprint(obj, outfile=str(path), var_with_name_simple=True)
        assert capsys.readouterr().out == f"The output file is available at {path}\n"
        assert path.read_bytes().startswith(b"\x89PNG")


def _inputs(variable):
    from tcore.graph import inputs

    return inputs([variable])
