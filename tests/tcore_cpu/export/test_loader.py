"""Exported functions in Python processes without tcore."""

from __future__ import annotations

import re

from exports import compile_, run_python

import tcore.tensor as tt


def test_loader_without_tcore(exported) -> None:
    """The Python loader returns what the function returns, keeps state, and raises as the function does."""
    lines = run_python(
        exported["layer"][0].parent,
        """
import layer
x = np.linspace(-1, 1, 12).reshape(4, 3)
m, other = layer.Model(), layer.Model(threads=1)
found = m(x)
print(sorted(found))
print(np.allclose(found["products"], np.exp(x) * np.arange(3.0) * 2, rtol=1e-14), found["totals"].shape)
print(np.allclose(m["w"], np.arange(3.0) + x.sum(axis=0)), other["w"].tolist(), m.states, m.inputs)
m["w"] = [1, 1, 1]
print(np.allclose(m(x=x.T.copy().T, scale=1)["products"], np.exp(x), rtol=1e-14), m(np.ones((0, 3)))["products"].shape)
for wrong in (lambda: m(x.astype("f4")), lambda: m(x.astype("c16")), lambda: m(x[:, :2]), lambda: m(), lambda: m(x, y=1), lambda: m["v"]):
    try:
        wrong()
        print("fine")
    except Exception as error:
        print(type(error).__name__, error)
kept = m(x)["softmax"]
del m
print(np.allclose(kept.sum(axis=1), 1))
""",
    )
    assert lines[0] == "['products', 'softmax', 'totals']"
    assert lines[1] == "True (3,)"
    assert lines[2] == "True [0.0, 1.0, 2.0] ['w'] ['x', 'scale']"
    assert lines[3] == "True (0, 3)"
    assert lines[4] == "fine"  # float32 fits into float64
    assert lines[5] == "TypeError input 0 (x) has dtype complex128, expected float64"
    assert lines[6].startswith("ValueError lengths do not fit in ")
    assert lines[7] == "TypeError input 0 (x) is missing"
    assert lines[8] == "TypeError there is no input 'y'; the inputs are x, scale"
    assert lines[9].startswith("KeyError")
    assert lines[10] == "True"


def test_index_outside(tmp_path) -> None:
    """The error has the index and the length, whether one number or a vector of them chooses the rows."""
    x, i, v = tt.dmatrix("x"), tt.lscalar("i"), tt.lvector("v")
    compile_([x, i, v], [x[i], tt.exp(x)[v]]).export(tmp_path / "rows")
    body = """
import rows
model = rows.Model()
for number, vector in ((7, [0]), (-4, [0]), (0, [7]), (0, [-4])):
    try:
        model(np.ones((3, 4)), number, np.array(vector))
    except IndexError as error:
        print(error)
print(model(np.ones((3, 4)), -3, np.array([2]))[0].tolist())
"""
    *errors, last = run_python(tmp_path, body)
    assert [re.sub(r" in (\w+).*: ", r" in \1: ", error) for error in errors] == [
        f"an index is out of bounds in {op}: {index}, where the axis has length 3"
        for op in ("Subtensor", "AdvancedSubtensor1")
        for index in (7, -4)
    ]
    assert last == "[1.0, 1.0, 1.0, 1.0]"


def test_loader_takes_scipys_blas(exported) -> None:
    """Without a BLAS of its own the library gets that of SciPy; without SciPy the error names the remedies."""
    body = """
import product
print(product.Model()(np.ones((2, 3)), np.arange(6.0).reshape(3, 2)).tolist())
"""
    assert run_python(exported["product"][0].parent, body) == ["[[6.0, 9.0], [6.0, 9.0]]"]
    body = """
import product
sys.modules["scipy"] = None
try:
    product.Model()
except product.ExportedError as error:
    print(error)
"""
    (line,) = run_python(exported["product"][0].parent, body)
    assert "install scipy" in line
    assert 'blas="-lopenblas"' in line
