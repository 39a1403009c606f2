"""Values of inputs by position, name and variable; ``eval``."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as T

pytestmark = pytest.mark.usefixtures("numpy_backend")


def test_looking_up_values():
    """``in``, number and names of what can be looked up; attributes by name; containers cannot be exchanged."""
    s, x = T.dscalar("s"), T.dscalar("x")
    f = tcore.function([x, tcore.In(s, value=3.0)], s + x)
    assert "s" in f
    assert "t" not in f
    assert f.s == f["s"] == f.value["s"] == 3.0
    assert set(f.container) >= {0, 1, "s", "x", s, x}
    assert len(f.container) == 2
    with pytest.raises(AttributeError, match="Function has no attribute 't'"):
        f.t
    with pytest.raises(TypeError, match="Unknown input or state: t"):
        f["t"]
    with pytest.raises(TypeError, match="containers cannot be exchanged"):
        f.container["s"] = 3.0
    assert repr(tcore.function([x], x, name="one")) == "<Function one of 1 inputs>"
    again = copy.copy(f)
    again["s"] = 5.0
    assert (f(1.0), again(1.0)) == (4.0, 6.0)


def test_unnamed_input_by_name():
    """A wrong keyword: which names there are, and how many inputs have none."""
    f = tcore.function([T.dscalar("a"), T.dscalar()], [], name="Model", on_unused_input="ignore")
    message = r'Unknown input or state: b. The function "Model" has 1 named input \(a\), and 1 unnamed input which'
    with pytest.raises(TypeError, match=message):
        f(1.0, b=2.0)


def test_finder_of_a_name_that_several_inputs_have():
    """Says so where it is shown."""
    f = tcore.function([T.dscalar("a"), T.dscalar("a"), T.dscalar("a")], [], on_unused_input="ignore")
    assert repr(f.finder["a"]) == "<several inputs have this name>"


def test_allow_input_downcast_of_an_in():
    """For inputs that say nothing of their own; the given In stays as it is, for other functions."""
    i = T.ivector("i")
    given, strict = tcore.In(i), tcore.In(i, allow_downcast=False)
    np.testing.assert_array_equal(tcore.function([given], i * 2, allow_input_downcast=True)([1.0]), [2])
    assert given.allow_downcast is None
    np.testing.assert_array_equal(tcore.function([i, tcore.In(v := T.ivector("v"))], i + v, allow_input_downcast=True)([1.5], [2.5]), [3])
    with pytest.raises(TypeError):
        tcore.function([given], i * 2)([1.5])
    with pytest.raises(TypeError):
        tcore.function([strict], i * 2, allow_input_downcast=True)([1.5])


def test_eval_keeps_its_functions(monkeypatch):
    """The second ``eval`` with the same inputs compiles nothing; copies and pickles do not hand compiled functions on."""
    x = T.dscalar("x")
    y = x * 2
    assert y.eval({x: 3.0}) == 6.0
    monkeypatch.setitem(tcore.compile.evaluate.__globals__, "function", None)
    assert y.eval({x: 4.0}) == 8.0
    monkeypatch.undo()
    for twin in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        assert not twin.tag.eval_functions[1]
        assert twin.eval({twin.owner.inputs[0]: 4.0}) == 8.0
    with pytest.raises(TypeError, match="eval takes a dict from variables to values, got the key 'x'"):
        y.eval({"x": 3.0})
