"""Fewer garbage collections during a compilation."""

import gc

import pytest

from tcore.compile import garbage
from tcore.compile.garbage import rare_collections


@pytest.fixture(autouse=True)
def usual():
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)
    gc.enable()


def test_threshold_comes_back():
    """Only when the outermost context is left."""
    with rare_collections():
        with rare_collections():
            assert gc.get_threshold()[0] > 700
        assert gc.get_threshold()[0] > 700
    assert gc.get_threshold() == (700, 10, 10)


def test_threshold_comes_back_after_an_error():
    """A compilation may fail."""

    @rare_collections()
    def fail():
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize("chosen", [(0, 10, 10), (10**6, 5, 5)])
def test_a_rarer_collector_stays(chosen):
    """Off, or set to collect less often still."""
    gc.set_threshold(*chosen)
    with rare_collections():
        assert gc.get_threshold() == chosen
    assert gc.get_threshold() == chosen


def test_what_the_program_sets_meanwhile_stays():
    """Another thread may choose its own rate during a compilation."""
    with rare_collections():
        gc.set_threshold(1234, 10, 10)
    assert gc.get_threshold() == (1234, 10, 10)


@pytest.mark.parametrize("frozen", [False, True])
def test_the_first_context_leaves_nothing_young(monkeypatch, frozen):
    """What it made counts as old at once; what a program froze stays frozen, and nothing else becomes so."""
    monkeypatch.setattr(garbage, "_first", True)
    if frozen:
        gc.freeze()
    count = gc.get_freeze_count()
    try:
        with rare_collections():
            made = [[] for _ in range(5000)]
        assert (gc.get_freeze_count() > 1000) == frozen
        assert gc.get_freeze_count() <= count
        if not frozen:
            assert not any(each is made for each in gc.get_objects(generation=0))
        with rare_collections():
            made = [[]]
        assert any(each is made for each in gc.get_objects(generation=0))
    finally:
        gc.unfreeze()
