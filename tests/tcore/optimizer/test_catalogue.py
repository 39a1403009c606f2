"""Every registered optimization says what it does; levels have what the documentation's table says."""

import pytest

from tcore.compile.optimizations import all_optimizations, predefined_optimizers
from tcore.configuration import config
from tcore.optimizer import EquilibriumDB, LocalOptGroup, LocalOptimizer, OpSub, PatternSub, Query, TopoOptimizer, local_optimizer, optdb
from tcore.optimizer.catalogue import _written, catalogue, rule_text
from tcore.scalar import add, exp, mul, neg

ALL = {"o4", "o3", "o2", "o1", "unsafe"}
SLOW = {"o4", "o3", "unsafe"}
#: the documentation's table, without the column that decisions of position make (stabilization); ours by name
TABLE = {
    "merge1": ALL,
    "constant_folding": ALL,
    "local_shape_to_shape_i": SLOW,
    "local_track_shape_i": SLOW,
    "local_fill_sink": SLOW,
    "pre_local_IncSubtensor_serialize": SLOW,
    "local_reshape_chain": SLOW,
    "local_pow_canonicalize": SLOW,
    "local_add_canonizer": SLOW,
    "local_mul_canonizer": SLOW,
    "local_dot_to_dot22": SLOW,
    "local_sum_mul_by_scalar": SLOW,
    "local_neg_neg": SLOW,
    "local_neg_div_neg": SLOW,
    "local_add_specialize": SLOW,
    "local_mul_specialize": SLOW,
    "local_pow_specialize": SLOW,
    "local_inplace_setsubtensor": {"o4"},
    "gemm_optimizer": SLOW,
    "inplace_elemwise_opt": {"o4"},
    "composite_elemwise_fusion": SLOW | {"o2"},
    "local_log_softmax": SLOW | {"stabilization"},
    "local_remove_all_assert": {"unsafe"},
}


@pytest.fixture(scope="module")
def entries():
    return {entry.name: entry for entry in all_optimizations()}


def test_every_rule_says_what_it_does_L12057_L12059(entries):
    """``before -> after``, tags, a place, and a line of source."""
    silent = [entry.name for entry in entries.values() if "->" not in entry.rule]
    assert not silent, f"these say no `before -> after` in the first paragraph of their docstring: {', '.join(silent)}"
    for entry in entries.values():
        assert entry.tags, entry
        assert entry.places, entry
        assert entry.line > 0, entry
        assert entry.file.endswith(".py"), entry
    assert {entry.plugin for entry in entries.values()} >= {"tcore"}


def test_order_is_that_of_execution_L12043():
    """By the position of what each is part of; what has several places stands at its first one."""
    first = [entry.places[0].position for entry in all_optimizations()]
    numbers = [float(position) for position in first if isinstance(position, (int, float))]
    assert len(numbers) == len(first)
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("name", TABLE)
def test_levels_L12069(entries, name):
    """The membership table of the documentation. (L12095, L12076, L12091, L12096, L12097)"""
    levels = set(entries[name].levels)
    assert levels - {"stabilization"} == TABLE[name] - {"stabilization"}
    if "stabilization" in TABLE[name]:
        assert "stabilization" in levels


def test_gpu_transfer_in_all_levels_L12075(entries):
    """It comes with the tag of the backend that a function is compiled for, whatever the level."""
    for entry in entries.values():
        if entry.name.startswith("gpuarray_"):
            (family,) = {"cuda", "opencl"} & set(entry.tags)
            for level in ALL:
                assert predefined_optimizers[level].including(family).matches((entry.name, *entry.tags))


def test_levels_are_the_queries_L12099_L12066_L4599_L4602():
    """o4 is fast_run and o1 is fast_compile; what the table says is what queries build."""
    assert predefined_optimizers["o4"] is predefined_optimizers["fast_run"]
    assert predefined_optimizers["o1"] is predefined_optimizers["fast_compile"]
    assert predefined_optimizers["Stabilization"] is predefined_optimizers["stabilize"]
    built = optdb.query(predefined_optimizers["unsafe"])
    (canonicalize,) = [each for each in built if str(each) == "canonicalize"]
    names = [str(rule) for rule in canonicalize.local_optimizers]
    assert "local_remove_all_assert" in names
    assert "add_destroy_handler" not in [str(each) for each in built]


def test_places_and_patterns():
    """Rules in several stages are one entry; patterns speak for themselves; an unknown source is no error."""
    rule = PatternSub((add, "x", "x"), (mul, "x", 2.0))
    inner = EquilibriumDB()
    db = EquilibriumDB()
    db.register("inner", inner, "t")
    inner.register("double", rule, "t")
    db.register("double", rule, "t", "u")
    db.register("other", OpSub(add, mul), "v")
    levels = {"T": Query(["t"]), "U": Query(["u"]), "no": Query(["t"], exclude=["double"])}
    first, second = catalogue(db, levels)
    assert (first.name, first.rule, first.levels, len(first.places)) == ("double", "add(x, x) -> mul(x, 2.0)", ("T", "U"), 2)
    assert (second.name, second.rule, second.levels) == ("other", "add -> mul", ())
    assert first.as_dict()["places"][0]["stage"] == "inner"
    assert "file" not in first.as_dict()


def test_c_only_rules_need_a_compiler_L10171():
    """``cxx_only``: left out where nothing can compile C."""
    from tcore.compile.optimizations import active_optimizer

    optdb.register("only_in_c", EquilibriumDB(), 3.3, "fast_run", "cxx_only")
    try:
        for compiler, expected in (("g++", True), ("", False)):
            with config.change_flags(cxx=compiler):
                built = active_optimizer(predefined_optimizers["fast_run"], None, None)
            assert ("only_in_c" in [str(each) for each in built]) is expected
    finally:
        optdb.unregister("only_in_c")


def test_what_a_group_does_and_where_it_is_written():
    """Each text once; a rule made at run time has its module and no line."""

    class Silent(LocalOptimizer):
        __doc__ = None

    assert rule_text(TopoOptimizer(LocalOptGroup(OpSub(neg, exp), OpSub(neg, exp), Silent(), OpSub(mul, add)))) == "neg -> exp; mul -> add"
    namespace = {"__name__": "made_at_run_time"}
    exec("def fn(node):\n    return False\n", namespace)
    assert _written(local_optimizer([neg])(namespace["fn"])) == {"module": "made_at_run_time", "line": 0, "file": ""}
