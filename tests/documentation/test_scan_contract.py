"""What the documentation promises of ``scan`` in general: arguments, states, results, and where the loop ends."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.scan_module import Scan, until

SIGNATURES = {
    "scan": "fn, sequences=None, outputs_info=None, non_sequences=None, n_steps=None, truncate_gradient=-1, go_backwards=False, mode=None, name=None, "
    "profile=False, allow_gc=None, strict=False, return_list=False",
    "map": "fn, sequences, non_sequences=None, truncate_gradient=-1, go_backwards=False, mode=None, name=None",
    "reduce": "fn, sequences, outputs_info, non_sequences=None, go_backwards=False, mode=None, name=None",
    "foldl": "fn, sequences, outputs_info, non_sequences=None, mode=None, name=None",
    "foldr": "fn, sequences, outputs_info, non_sequences=None, mode=None, name=None",
}


def run(inputs, outputs, *values, **options):
    """Each output of a function without optimizations, as lists."""
    return [value.tolist() for value in tcore.function(inputs, outputs, mode="FAST_COMPILE", **options)(*values)]


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_L19333_L19276(name):
    """The documented names, order and defaults, of what stands at the top of the package."""
    parameters = inspect.signature(getattr(tcore, name)).parameters.values()
    assert ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters) == SIGNATURES[name]


def test_signature_of_checkpoints_L19447():
    """No sequences are an empty list, of which a tuple is the safe form."""
    parameters = inspect.signature(tcore.scan_checkpoints).parameters
    assert list(parameters) == ["fn", "sequences", "outputs_info", "non_sequences", "name", "n_steps", "save_every_N", "padding"]
    assert [parameters[n].default for n in ("name", "n_steps", "save_every_N", "padding")] == ["checkpointscan_fn", None, 10, True]
    assert list(parameters["sequences"].default) == list(parameters["non_sequences"].default) == []


def test_bare_arguments_L2834_L18821_L19405():
    """A variable or dict alone is a list of one; a sequence alone has the tap 0."""
    x, s, w = T.dvector("x"), T.dscalar("s"), T.dscalar("w")
    forms = [(x, s, w), ([x], [s], [w]), ({"input": x}, {"initial": s}, (w,)), ([{"input": x, "taps": [0]}], [{"initial": s, "taps": [-1]}], [w]), ({"input": x, "taps": 0}, {"initial": s, "taps": -1}, w)]
    results = [tcore.scan(lambda v, a, b: a * b + v, *form)[0] for form in forms]
    assert run([x, s, w], results, [1.0, 2.0], 3.0, 2.0) == [[7, 16]] * len(forms)


def test_result_has_a_leading_axis_L2209_L2472_L2489():
    """One variable for one output; the initial state is not among its rows."""
    s = T.dvector("s")
    result, updates = tcore.scan(lambda a: a + 1, outputs_info=s, n_steps=3)
    assert isinstance(result, T.TensorVariable)
    assert result.ndim == 2
    assert len(updates) == 0
    assert run([s], [result], [0.0, 10.0]) == [[[1, 11], [2, 12], [3, 13]]]


def test_taps_in_order_of_time_L19409_L2403_L19265():
    """The initial state has a row for each step back to the deepest tap, the oldest first."""
    s = T.dvector("s")
    seen, _ = tcore.scan(lambda a, b, c: a + 100 * b + 10000 * c, outputs_info={"initial": s, "taps": [-5, -2, -1]}, n_steps=1)
    assert run([s], [seen], [1.0, 2.0, 3.0, 4.0, 5.0]) == [[1 + 400 + 50000]]


def test_initial_values_of_any_kind_L2799_L2832():
    """NumPy's numbers, expressions, nothing at all for what is a map."""
    x = T.dvector("x")
    (sums, squares, products), _ = tcore.scan(lambda v, s, p: [s + v, v * v, p * v], x, [np.array(0.0), None, T.ones_like(x[0])])
    assert run([x], [sums, squares, products], [1.0, 2.0, 3.0]) == [[1, 3, 6], [1, 4, 9], [1, 2, 6]]


def test_steps_in_a_variable_L2407_L2617():
    """Their number is a part of the graph."""
    n = T.lscalar("n")
    result, _ = tcore.scan(lambda a: a * 2, outputs_info=T.constant(1.0), n_steps=n)
    f = tcore.function([n], result)
    assert [f(k).tolist() for k in (0, 1, 4)] == [[], [2], [2, 4, 8, 16]]


def test_new_variables_and_closures_L18982_L18844_L2689():
    """A named function that makes variables, reads shared and outer ones, and takes gradients inside."""
    x, w = T.dvector("x"), tcore.shared(np.array([1.0, 2.0]), "w")

    def step(v):
        """The gradient of a sum of powers, behind a zero."""
        made = T.zeros_like(w)
        return T.set_subtensor(made[1], T.grad((w**2 * v).sum(), w)[1])

    result, _ = tcore.scan(step, x)
    assert run([x], [result], [1.0, 3.0]) == [[[0, 4], [0, 12]]]


def test_shared_variables_as_non_sequences_L19044_L19247():
    """Listed or not: the same loop."""
    x, w = T.dvector("x"), tcore.shared(3.0, "w")
    listed, _ = tcore.scan(lambda v, w: v * w, x, non_sequences=w)
    found, _ = tcore.scan(lambda v: v * w, x)
    assert run([x], [listed, found], [1.0, 2.0]) == [[3, 6], [3, 6]]


def test_backwards_L19424():
    """Every sequence from its end."""
    x, y = T.dvector("x"), T.dvector("y")
    result, _ = tcore.scan(lambda a, b: a * 10 + b, [x, y], go_backwards=True)
    assert run([x, y], [result], [1.0, 2.0], [3.0, 4.0]) == [[24, 13]]


def test_until_L19192_L19214_L19398():
    """The step in which the condition holds is kept; the number of steps is the most there can be."""
    x, limit = T.dscalar("x"), T.dscalar("limit")
    result, _ = tcore.scan(lambda a, limit: (a * 2, until(a * 2 > limit)), outputs_info=x, non_sequences=limit, n_steps=5)
    f = tcore.function([x, limit], result, mode="FAST_COMPILE")
    assert f(1.0, 5.0).tolist() == [2, 4, 8]
    assert f(1.0, 1e9).tolist() == [2, 4, 8, 16, 32]


def test_reduction_and_map_L2401_L19269():
    """Special cases: the last output alone, and no feedback."""
    x = T.dvector("x")
    total, _ = tcore.reduce(lambda v, s: s + v, x, np.array(0.0))
    doubled, _ = tcore.map(lambda v: v * 2, x)
    assert run([x], [total, doubled], [1.0, 2.0, 3.0]) == [6, [2, 4, 6]]


def test_updates_are_for_the_function_L2201_L2732_L2807():
    """Without them the shared variable stays; with them it has its value after the last step."""
    k = tcore.shared(0)
    result, updates = tcore.scan(lambda v: (v + k, {k: k + 1}), T.arange(3))
    assert run([], [result], updates=updates) == [[0, 2, 4]]
    assert k.get_value() == 3
    tcore.function([], result, mode="FAST_COMPILE")()
    assert k.get_value() == 3


def test_gradient_through_the_steps_L2409():
    """Of the tenth power, as a loop."""
    x = T.dscalar("x")
    result, _ = tcore.scan(lambda p, x: p * x, outputs_info=T.ones_like(x), non_sequences=x, n_steps=10)
    np.testing.assert_allclose(tcore.function([x], T.grad(result[-1], x), mode="FAST_COMPILE")(1.1), 10 * 1.1**9)


def test_checkpoints_keep_some_rows_L19226_L19233():
    """One row of four; the gradient is that of the whole loop."""
    x, s = T.dvector("x"), T.dscalar("s")
    whole, _ = tcore.scan(lambda v, a: T.sin(a + v), x, s)
    kept, _ = tcore.scan_checkpoints(lambda v, a: T.sin(a + v), x, s, save_every_N=4)
    rows, every, one, other = run([x, s], [kept, whole[3::4], T.grad(kept[-1], x), T.grad(whole[-1], x)], np.linspace(0, 1, 12), 0.5)
    np.testing.assert_allclose(rows, every)
    np.testing.assert_allclose(one, other)


def test_one_op_with_a_function_of_its_own_L11437_L11454_L11458_L11468():
    """A node of the outer function whose op compiles the inner one; what the step reads without being given it is found."""
    x, w, k = T.dvector("x"), T.dscalar("w"), tcore.shared(2.0, "k")
    result, _ = tcore.scan(lambda v: v * w + k, x)
    f = tcore.function([x, w], result, mode="FAST_COMPILE")
    assert f([1.0, 2.0], 3.0).tolist() == [5, 8]
    (node,) = (node for node in f.maker.fgraph.apply_nodes if isinstance(node.op, Scan))
    assert {v.name for v in node.inputs} >= {"x", "w", "k"}
    assert len(node.op.fn.maker.fgraph.inputs) == 3
    from tcore.scan_module import scan_op, scan_opt, scan_utils, scan_views  # the documentation's modules

    assert scan_op.Scan is Scan
    assert scan_utils.until is until
    assert scan_views.map is tcore.map
    assert scan_opt.ScanSaveMem


def test_a_flag_of_the_book_L2789_L2822():
    """Its programs switch a warning off."""
    before = tcore.config.warn.subtensor_merge_bug
    try:
        tcore.config.warn.subtensor_merge_bug = False
        assert tcore.config.warn.subtensor_merge_bug is False
    finally:
        tcore.config.warn.subtensor_merge_bug = before


def test_all_rows_without_the_rewrite_L11528_L11530():
    """Memory for every step, and for the last ones alone once the rewrite took part: one value."""
    x = T.dscalar("x")
    result, _ = tcore.scan(lambda a: a * 2, outputs_info=x, n_steps=6)
    kept = []
    for mode in (tcore.Mode("py", None), tcore.Mode("py", "fast_run")):
        f = tcore.function([x], result[-1], mode=mode)
        assert f(1.5) == 96
        loops = [node for node in f.maker.fgraph.apply_nodes if isinstance(node.op, Scan)]
        kept += [[k for k in node.op.layout.outer_inputs(node.inputs).keeps if k is not None] for node in loops]
    assert kept[0] == []
    assert all(len(each) == 1 for each in kept[1:])
