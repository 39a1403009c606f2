"""Generators as values: filter, equality, copies, pickles, shared variables."""

import copy
import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.tensor.random.state import RandomStateSharedVariable, RandomStateType, copied, random_state_type

TYPE = RandomStateType()


def test_filter():
    """Takes generators as they are, refuses everything else and says what to do."""
    state = np.random.RandomState(1)
    assert TYPE.filter(state, strict=True) is state
    assert TYPE.is_valid_value(state)
    assert not TYPE.is_valid_value(None)
    with pytest.raises(TypeError, match=r"expected a numpy.random.RandomState, got 3 of int"):
        TYPE.filter(3)
    with pytest.raises(TypeError, match="bit_generator"):
        TYPE.filter(np.random.default_rng(1))


def test_equality():
    """Equal when both will draw the same."""
    a, b = np.random.RandomState(1), np.random.RandomState(1)
    assert TYPE.values_eq(a, b)
    assert TYPE.values_eq_approx(a, b)
    a.normal()  # leaves the second number of a pair behind
    assert not TYPE.values_eq(a, b)
    b.normal()
    assert TYPE.values_eq(a, b)
    b.normal()
    assert not TYPE.values_eq(a, b)
    other = np.random.RandomState(np.random.PCG64(1))
    assert not TYPE.values_eq(a, other)
    assert TYPE.values_eq(other, np.random.RandomState(np.random.PCG64(1)))


def test_memory():
    """Two objects around one generator of bits are one memory."""
    a = np.random.RandomState(1)
    assert TYPE.may_share_memory(a, a)
    assert TYPE.may_share_memory(a, np.random.RandomState(a._bit_generator))
    assert not TYPE.may_share_memory(a, np.random.RandomState(1))
    assert TYPE.get_size(TYPE.get_shape_info(a)) == 2500


@pytest.mark.parametrize("make", [lambda: np.random.RandomState(3), lambda: np.random.RandomState(np.random.PCG64(3))], ids=["MT19937", "PCG64"])
def test_copies(make):
    """A copy goes on as the original would, and leaves it alone."""
    state = make()
    state.normal()
    twin = copied(state)
    assert TYPE.values_eq(state, twin)
    assert not TYPE.may_share_memory(state, twin)
    np.testing.assert_array_equal(twin.normal(size=3), state.normal(size=3))


def test_type_and_variable():
    """Types are equal, hash alike, pickle; the variable has a name."""
    assert RandomStateType() == TYPE
    assert hash(TYPE) == hash(RandomStateType())
    assert pickle.loads(pickle.dumps(TYPE)) == TYPE
    variable = random_state_type("state")
    assert variable.type == TYPE
    assert str(variable) == "state"
    assert str(random_state_type()) == "<RandomStateType>"


def test_shared():
    """A shared variable copies the generator, unless it may borrow it; get_value gives a copy, too."""
    value = np.random.RandomState(4)
    variable = tcore.shared(value, name="g")
    assert isinstance(variable, RandomStateSharedVariable)
    assert variable.type == TYPE
    assert variable.get_value(borrow=True) is not value
    assert TYPE.values_eq(variable.get_value(), value)
    assert variable.get_value() is not variable.get_value(borrow=True)
    assert tcore.shared(value, borrow=True).get_value(borrow=True) is value
    assert variable.tag.is_rng
    with pytest.raises(TypeError, match="RandomState"):
        variable.set_value(5)
    for twin in (copy.deepcopy(variable), pickle.loads(pickle.dumps(variable))):
        assert TYPE.values_eq(twin.get_value(), value)


def test_paths():
    """The documented modules have it."""
    assert tt.raw_random.RandomStateType is RandomStateType
    assert tt.raw_random.random_state_type is random_state_type
    assert tt.shared_randomstreams.RandomStateSharedVariable is RandomStateSharedVariable
