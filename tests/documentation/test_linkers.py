"""The documentation's tables of linkers and optimizers; its lines in the names."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import Mode, function
from tcore.compile import FAST_COMPILE, FAST_RUN, DebugMode, MonitorMode, NanGuardMode, get_mode
from tcore.configuration import change_flags
from tcore.graph import Apply, Op

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("numpy", "cpu")]

LINKERS = ["py", "c|py", "c|py_nogc", "vm", "vm_nogc", "cvm", "cvm_nogc"]
OPTIMIZERS = [None, "o1", "o2", "o3", "o4", "unsafe", "stabilize", "fast_compile", "fast_run", "fast_run_stable", "merge"]
x = T.dvector("x")


class Fails(Op):
    """Raises when it runs."""

    __props__ = ()

    def make_node(self, a):
        return Apply(self, [a], [a.type()])

    def perform(self, node, inputs, output_storage, params=None):
        raise ArithmeticError("on purpose")


class Either(Op):
    """Its second input where the first is true, else its third; it asks for the one that it needs."""

    __props__ = ()
    lazy = True

    def make_node(self, condition, a, b):
        return Apply(self, [condition, a, b], [a.type()])

    def make_thunk(self, node, storage_map, compute_map, no_recycling, impl=None):
        cells, flags = [storage_map[v] for v in node.inputs], [compute_map[v] for v in node.inputs]
        result = storage_map[node.outputs[0]]

        def thunk():
            if not flags[0][0]:
                return [0]
            branch = 1 if cells[0][0] else 2
            if not flags[branch][0]:
                return [branch]
            result[0] = cells[branch][0].copy()
            return []

        thunk.lazy, thunk.inputs, thunk.outputs = True, cells, [result]
        return thunk


@pytest.mark.parametrize("linker", LINKERS)
def test_every_linker_with_every_optimizer_L4573(linker):
    """x vector, z = 10*x: equal results. (L4578, L4579, L4580, L4581, L4642, L4583)"""
    for optimizer in OPTIMIZERS:
        np.testing.assert_array_equal(function([x], 10 * x, mode=Mode(linker, optimizer))([1, 2]), [10, 20])
    without = Mode(linker, "fast_run").excluding("fusion", "inplace")
    np.testing.assert_array_equal(function([x], 10 * x + 1, mode=without)([1, 2]), [11, 21])


@pytest.mark.parametrize("mode", [*LINKERS, "NanGuardMode", "DebugMode"])
def test_errors_name_the_op_L4577_L4584_L4585(mode):
    """Every row of the table says yes."""
    f = function([x], Fails()(x * 2) + 1, mode=mode if mode.endswith("Mode") else Mode(mode))
    with pytest.raises(ArithmeticError, match=r"(?s)on purpose.*Apply node that caused the error: Fails\("):
        f([1.0])


@pytest.mark.parametrize(("linker", "gc"), [("vm", True), ("vm_nogc", False), ("py", True), ("c|py", True), ("c|py_nogc", False)])
def test_garbage_collection_L4608(linker, gc):
    """Intermediate values are released during the call, or kept between calls; free() empties what is kept."""
    f = function([x], T.exp(x) + 1, mode=Mode(linker, None))
    f([0.0])
    graph = f.maker.fgraph
    middle = [v for v in graph.variables if v.owner is not None and v not in graph.outputs]
    kept = [f.fn.storage_map[v] for v in middle if "exp" in str(v)]
    assert [cell[0] is None for cell in kept] == [gc]
    assert f.fn.allow_gc == gc
    f.free()
    assert kept[0][0] is None


@pytest.mark.parametrize(("linker", "lazy"), [("vm", True), ("cvm", True), ("vm_nogc", True), ("cvm_nogc", True), ("py", False), ("c|py", False)])
def test_laziness_L2386(linker, lazy):
    """vm and cvm compute the branch that is taken; the others both."""
    condition, bad = T.iscalar("condition"), Fails()(x)
    f = function([condition, x], Either()(condition, x + 1, bad), mode=Mode(linker, None))
    if lazy:
        assert f(1, [1.0]) == [2]
    with pytest.raises(ArithmeticError):
        f(0 if lazy else 1, [1.0])


@pytest.mark.backends("numpy")
def test_thunks_L4906_L5226():
    """fn.thunks and position_of_error lead to the failed node, whose cells can be looked at."""
    f = function([x], Fails()(x * 2), mode=Mode("vm", None))
    with pytest.raises(ArithmeticError):
        f([1.0, 2.0])
    thunk = f.fn.thunks[f.fn.position_of_error]
    assert thunk.inputs[0][0].shape == (2,)
    assert thunk.outputs == [[None]]


@pytest.mark.backends("numpy")
class TestModes:
    def test_names_L13004_L13005_L13006_L13008_L13022(self):
        """(L4551, L4552, L4553, L4554, L4565, L5292)"""
        assert get_mode("FAST_COMPILE") is FAST_COMPILE
        assert get_mode("FAST_RUN") is FAST_RUN
        assert (FAST_RUN.provided_linker, FAST_RUN.provided_optimizer) == ("cvm", "fast_run")
        assert FAST_COMPILE.provided_optimizer == "fast_compile"
        for name, kind in (("DebugMode", DebugMode), ("DEBUG_MODE", DebugMode), ("NanGuardMode", NanGuardMode)):
            assert type(get_mode(name)) is kind
        with change_flags(**{"DebugMode.patience": 3}):
            assert get_mode("DebugMode").stability_patience == 3, "the options of an earlier use"
        with pytest.raises(ValueError, match="FAST_RUN"):
            get_mode("ProfileMode")

    def test_default_follows_config_L13010_L4547_L4556(self):
        with change_flags(mode="FAST_COMPILE"):
            assert get_mode(None) is FAST_COMPILE
            assert function([x], x + 1).maker.mode is FAST_COMPILE
            assert function([x], x + 1, mode="FAST_RUN").maker.mode is FAST_RUN
        with change_flags(mode="Mode", linker="py", optimizer="o2"):
            assert function([x], x + 1).maker.mode.provided_optimizer == "o2"

    def test_default_mode_object_L13476(self):
        mine = Mode("py", "o1")
        with change_flags(mode=mine):
            assert function([x], x + 1).maker.mode is mine

    def test_top_level_L4595_L4600(self):
        mode = tcore.Mode(optimizer="o2")
        assert mode.linker is not None
        assert function([x], x * 2, mode=mode)([1.0]) == [2]

    @pytest.mark.parametrize("make", [lambda: Mode("py", "fast_run"), lambda: MonitorMode(post_func=print), NanGuardMode, DebugMode])
    def test_variants_are_of_the_same_kind_L13038_L5144_L4571(self, make):
        """including, excluding and requiring leave the mode as it was."""
        mode = make()
        before = str(mode), mode._query
        for change in (mode.including, mode.excluding, mode.requiring):
            changed = change("inplace", "fusion")
            assert type(changed) is type(mode)
            assert changed is not mode
            assert (str(mode), mode._query) == before
        assert getattr(mode.excluding("fusion"), "post_func", None) is getattr(mode, "post_func", None)

    def test_flags_are_for_the_default_mode_L5152(self):
        """optimizer_excluding takes the fusion out of functions without a mode, not of those with a MonitorMode."""
        program = (
            "import tcore, tcore.tensor as T; x = T.dvector('x'); y = T.exp(x) * 2 + 1\n"
            "for mode in (None, tcore.compile.MonitorMode()):\n"
            "    print(len(tcore.function([x], y, mode=mode).maker.fgraph.apply_nodes))"
        )
        flags = "backend=numpy,mode=Mode,linker=py,optimizer=fast_run,optimizer_excluding=fusion"
        environment = {**os.environ, "TCORE_FLAGS": flags}
        done = subprocess.run(
            [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True, env=environment
        )
        assert done.stdout.split() == ["3", "1"]

    def test_excluded_by_a_flag_L13836(self):
        """``optimizer_excluding=inplace_opt``: the default mode computes the same without elementwise work in place."""
        program = (
            "import tcore, tcore.tensor as T; x = T.dvector('x'); e = T.exp(T.dot(T.ones((3, 3)), x))\n"
            "f = tcore.function([x], e)\n"
            "print(any(n.op.destroy_map for n in f.maker.fgraph.apply_nodes if isinstance(n.op, T.Elemwise)), f([0., 0, 0])[0])"
        )
        for excluding, in_place in (("", "True"), ("optimizer_excluding=inplace_opt", "False"), ("optimizer_excluding=merge:inplace_opt", "False")):
            environment = {**os.environ, "TCORE_FLAGS": f"backend=numpy,mode=Mode,linker=py,optimizer=fast_run,{excluding}"}
            done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True, env=environment)
            assert done.stdout.split() == [in_place, "1.0"]

    def test_monitor_without_fusion_L5141(self, capsys):
        """log and mul are two nodes; the NaN is the mul's."""
        from tcore.compile.monitormode import detect_nan

        v = T.dscalar("x")
        mode = MonitorMode(post_func=detect_nan).excluding("local_elemwise_fusion", "inplace")
        f = function([v], [T.log(v) * v], mode=mode)
        assert len(f.maker.fgraph.apply_nodes) == 2
        f(0)
        text = capsys.readouterr().out
        assert "Elemwise{mul,no_inplace}" in text.splitlines()[1]
        assert "Outputs: [array(nan)]" in text

    def test_function_of_a_copied_mode(self):
        """clone changes the linker's options and leaves the rest."""
        mode = Mode("vm", "o1").clone(link_kwargs={"allow_gc": False})
        assert mode.provided_optimizer == "o1"
        assert not function([x], T.exp(x) + 1, mode=mode).fn.allow_gc
