"""A mode that asks for an optimization that is not there says so."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import pytest

import tcore
import tcore.tensor as T
from tcore.compile.optimizations import all_optimizations
from tcore.compile.unknown_tags import known_tags
from tcore.optimizer import EquilibriumDB, Query, optdb
from tcore.plugins.known import DOCUMENTED_TAGS, SUPPLIERS

x = T.dvector("x")
MODE = tcore.Mode("py", "fast_run")


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        (MODE.excluding("fuson"), r"the mode excludes 'fuson', which has no effect: no optimization has this name or tag: did you mean 'fusion'"),
        (MODE.excluding("local_mul_cannonizer"), "did you mean 'local_mul_canonizer'"),
        (MODE.including("local_remove_all_asserts"), "includes 'local_remove_all_asserts'.*did you mean 'local_remove_all_assert'"),
        (MODE.requiring("canonicalise"), "requires 'canonicalise', so that nothing is applied.*did you mean 'canonicalize'"),
        (MODE.excluding("zzz"), "excludes 'zzz'.*`tcore optimizations` lists all"),
        (tcore.Mode("py", Query(["fast_run"], subquery={"canonicalize": Query(["fast_run"], exclude=["local_neg_negg"])})), "'local_neg_neg'"),
    ],
)
def test_misspelt(mode, message):
    """Near matches are named, and the warning stands at the line that compiles."""
    with pytest.warns(UserWarning, match=message) as caught:
        tcore.function([x], T.exp(x), mode=mode)
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize(
    "names",
    [
        ["fusion", "inplace", "local_mul_canonizer", "canonicalize", "BlasOpt", "assume_finite", "cxx_only", "ShapeOpt"],
        sorted(DOCUMENTED_TAGS),
        ["crossentropy_to_crossentropy_with_softmax", "gpuarray_opencl", "cuda"],
    ],
    ids=["of the core", "of the documentation", "of plugins that have no part in the graph"],
)
def test_known_names_are_silent(names):
    tcore.function([x], T.exp(x), mode=MODE.excluding(*names))
    tcore.function([x], T.exp(x), mode=tcore.Mode("py", "merge").including(*names))


@pytest.mark.parametrize("level", ["o1", "o2", "o3", "o4", "fast_run_stable", "stabilize", "unsafe", "merge", None])
def test_predefined_optimizers_are_silent(level):
    tcore.function([x], T.exp(x), mode=tcore.Mode("py", level))


def test_what_a_user_registered_is_known():
    """From the moment on at which it is registered."""
    with pytest.warns(UserWarning, match="'of_a_user'"):
        tcore.function([x], T.exp(x), mode=MODE.excluding("of_a_user"))
    optdb.register("of_a_user", EquilibriumDB(), 0.7, "own_tag_of_a_user")
    try:
        tcore.function([x], T.exp(x), mode=MODE.excluding("of_a_user", "own_tag_of_a_user"))
    finally:
        optdb.unregister("of_a_user")


def test_names_of_our_packages():
    """The table for packages that are not installed has what they register."""
    entries = [entry for entry in all_optimizations() if entry.plugin != "tcore"]
    core = {tag for entry in all_optimizations() if entry.plugin == "tcore" for tag in (entry.name, *entry.tags)}
    theirs = {tag for entry in entries for tag in (entry.name, *entry.tags)} - core
    ours = {name for group, name in SUPPLIERS if group == "optimizations"}
    assert theirs - {"optdb"} - DOCUMENTED_TAGS <= ours
    assert not DOCUMENTED_TAGS & (core | ours | known_tags(optdb)), "these are there: the table of the documentation need not list them"


def test_flags():
    program = "import tcore, tcore.tensor as T; x = T.dvector(); tcore.function([x], T.exp(x))"
    flags = "optimizer_excluding=fuson:inplace,optimizer_including=inplace_opts,optimizer_requiring=canonicalise,linker=py"
    environment = {**os.environ, "TCORE_FLAGS": flags, "PYTHONWARNINGS": "default"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    for text in ("excludes 'fuson'", "includes 'inplace_opts'", "requires 'canonicalise'", "did you mean 'fusion'", "did you mean 'inplace_opt'"):
        assert text in run.stderr


def test_package_that_is_not_installed_is_silent():
    """A program that excludes a rule of tcore_nnet runs where that is off."""
    program = (
        "import warnings; warnings.simplefilter('error'); import tcore, tcore.tensor as T; x = T.dvector(); "
        "tcore.function([x], T.exp(x), mode=tcore.Mode('py', 'fast_run').excluding('crossentropy_to_crossentropy_with_softmax'))"
    )
    environment = {**os.environ, "TCORE_FLAGS": "plugins.disabled=nnet"}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def test_repeated_compilations_warn_at_each_line():
    """Python's filter shows each line once; nothing is remembered as known that is not."""
    mode = MODE.excluding("fuson")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            tcore.function([x], T.exp(x), mode=mode)
    assert len(caught) == 2
