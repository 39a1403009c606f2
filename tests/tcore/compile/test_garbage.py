"""Fewer garbage collections during a compilation."""

import gc

import pytest

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
