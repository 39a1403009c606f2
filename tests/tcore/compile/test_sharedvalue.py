"""Shared variables: how they are made, read and set, and what is copied on the way."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import tcore.tensor as T
from tcore import function, shared
from tcore.compile.sharedvalue import SharedVariable, constructors, shared_constructor
from tcore.configuration import change_flags
from tcore.graph import generic
from tcore.link import Container
from tcore.tensor.sharedvar import ScalarSharedVariable, TensorSharedVariable

pytestmark = pytest.mark.usefixtures("numpy_backend")


class TestMaking:
    @pytest.mark.parametrize(
        ("value", "dtype", "ndim"),
        [(0, "int64", 0), (0.0, "float64", 0), (True, "bool", 0), (np.float32(1), "float32", 0), (np.int8(3), "int8", 0),
         (np.array(2.0), "float64", 0), (np.ones((1, 1), "float32"), "float32", 2), (np.arange(3, dtype="int16"), "int16", 1)],
    )  # fmt: skip
    def test_numbers_and_arrays_L12271_L12290(self, value, dtype, ndim):
        """Numbers keep their dtype, whatever floatX is; no axis broadcasts, even one of length 1."""
        with change_flags(floatX="float32"):
            s = shared(value, "s")
        assert s.type.dtype == dtype
        assert s.type.broadcastable == (False,) * ndim
        assert s.name == "s"
        assert type(s) is (TensorSharedVariable if isinstance(value, np.ndarray) else ScalarSharedVariable)
        assert isinstance(s.get_value(), np.ndarray)

    @pytest.mark.parametrize("value", [[1, 2], (1,), "text", None, {"a": 1}])
    def test_other_values(self, value):
        s = shared(value)
        assert s.type == generic
        assert s.get_value() == value

    def test_broadcastable_L12290(self):
        """A row is asked for; the shape of a value without it may change."""
        row = shared(np.ones((1, 3)), broadcastable=(True, False))
        assert row.type.broadcastable == (True, False)
        with pytest.raises(TypeError):
            row.set_value(np.ones((2, 3)))
        free = shared(np.ones((1, 3)))
        free.set_value(np.ones((4, 2)))
        assert function([], free)().shape == (4, 2)

    def test_symbolic_value(self):
        with pytest.raises(TypeError, match="symbolic"):
            shared(T.dscalar("x"))

    def test_value_and_container_L12263_L12265(self):
        """One of the two; a container is used as it is."""
        s = shared(np.ones(2))
        with pytest.raises(TypeError, match="not both"):
            SharedVariable("t", s.type, np.ones(2), False, container=s.container)
        twin = SharedVariable("t", s.type, None, False, container=s.container)
        s.set_value(np.full(2, 5.0))
        np.testing.assert_array_equal(twin.get_value(), 5)
        assert isinstance(s.container, Container)

    def test_strict_L12262(self):
        """Nothing is converted; without strict it is."""
        s = shared(np.zeros(2), strict=True)
        for wrong in ([1.0, 2.0], np.ones(2, "float32"), np.ones((2, 1))):
            with pytest.raises(TypeError):
                s.set_value(wrong)
        loose = shared(np.zeros(2))
        loose.set_value([1, 2])
        loose.set_value(np.ones(2, "float32"))
        assert loose.get_value().dtype == "float64"

    def test_downcast(self):
        s = shared(np.zeros(2, "float32"))
        with pytest.raises(TypeError):
            s.set_value(np.array([0.1, 0.2]))
        free = shared(np.zeros(2, "float32"), allow_downcast=True)
        free.set_value(np.array([0.1, 0.2]))
        assert free.get_value().dtype == "float32"


class TestConstructors:
    @pytest.fixture(autouse=True)
    def _restored(self):
        kept = list(constructors)
        yield
        constructors[:] = kept

    def test_last_one_first_L12280_L12292_L12296(self):
        """The constructor that was registered last is asked first, with the documented arguments; TypeError passes on."""
        calls = []

        @shared_constructor
        def earlier(value, name=None, strict=False, allow_downcast=None):
            calls.append("earlier")
            raise TypeError("not mine")

        @shared_constructor
        def later(value, name=None, strict=False, allow_downcast=None):
            calls.append(("later", value, name, strict, allow_downcast))
            raise TypeError("not mine")

        assert callable(earlier)
        assert constructors[-1] is later
        s = shared(2.0, name="s", strict=True)
        assert calls == [("later", 2.0, "s", True, None), "earlier"]
        assert isinstance(s, ScalarSharedVariable)

    def test_keywords_choose_L12286(self):
        """Only constructors that know all keywords are asked."""

        @shared_constructor
        def with_option(value, name=None, strict=False, allow_downcast=None, option=None):
            return SharedVariable(f"option {option}", generic, value, strict)

        assert shared(1, option=3).name == "option 3"
        assert shared([1], option=4).name == "option 4"
        with pytest.raises(TypeError, match="no constructor takes these keywords"):
            shared(np.ones(2), no_such_keyword=1)


    def test_registered_once(self):
        """The same constructor again stays where it is; one that takes any keyword, or hides what it takes, is asked."""
        asked = []

        class Hidden:
            __signature__ = "none"

            def __call__(self, value, **kwargs):
                asked.append("hidden")
                raise TypeError("not mine")

        @shared_constructor
        def any_keyword(value, **kwargs):
            asked.append(sorted(kwargs))
            raise TypeError("not mine")

        shared_constructor(Hidden())
        count = len(constructors)
        assert shared_constructor(any_keyword) is any_keyword
        assert len(constructors) == count
        with pytest.raises(TypeError, match="with colour"):
            shared(1, colour="red")
        assert asked == ["hidden", ["allow_downcast", "colour", "name", "strict"]]

    def test_clones(self):
        """Share the value, and have the notes, where there are any."""
        s = shared(1.0, name="s")
        s.tag.note = "mine"
        twin = s.clone()
        assert (twin.container, twin.name, twin.tag.note) == (s.container, "s", "mine")
        s.tag = None
        assert not hasattr(s.clone().tag, "note")


class TestMemory:
    def test_creating_L5799_L12288(self):
        """A copy, unless borrowed: also of what is no array."""
        for value, change in ((np.zeros(2), lambda v: v.fill(3)), ([0, 0], lambda v: v.append(1))):
            copied, borrowed = shared(value), shared(value, borrow=True)
            change(value)
            assert len(copied.get_value()) == 2
            assert not np.any(copied.get_value())
            assert borrowed.get_value(borrow=True) is value

    def test_uncopyable_object(self):
        lock = threading.Lock()
        with pytest.raises(TypeError, match="borrow=True takes the object itself"):
            shared(lock)
        assert shared(lock, borrow=True).get_value(borrow=True) is lock

    def test_reading_L5835_L12237_L12242_L12244(self):
        """borrow gives the stored object, as it is; else a deep copy of the same kind."""
        s = shared(np.ones(3))
        own = s.get_value(borrow=True)
        assert s.get_value(borrow=True, return_internal_type=True) is own is s.container.value
        for copied in (s.get_value(), s.get_value(return_internal_type=True)):
            assert type(copied) is np.ndarray
            assert not np.may_share_memory(copied, own)

    def test_setting_L5860_L12251(self):
        """A copy, unless borrowed; borrowed values of another dtype are converted, which copies."""
        s, value = shared(np.zeros(3)), np.ones(3)
        s.set_value(value)
        value += 1
        np.testing.assert_array_equal(s.get_value(), 1)
        s.set_value(value, borrow=True)
        assert s.get_value(borrow=True) is value
        s.set_value(value.astype("float32"), borrow=True)
        assert s.get_value().dtype == "float64"

    def test_pattern_L5864_L12246(self):
        """The documented in-place pattern works, and every function sees the new value."""

        def doubled_in_place(array):
            array *= 2
            return array

        s = shared(np.ones(3))
        f = function([], s + 1)
        before = s.get_value(borrow=True)
        s.set_value(doubled_in_place(s.get_value(borrow=True)), borrow=True)
        np.testing.assert_array_equal(f(), 3)
        assert s.get_value(borrow=True) is before

    def test_unique_L5777(self):
        """Two shared variables never have the same memory, whatever the updates are."""
        a, b = shared(np.zeros((2, 2))), shared(np.arange(4.0).reshape(2, 2))
        new = a + b
        for updates in ([(a, b.T), (b, a.T)], [(a, new), (b, new)], [(a, new), (b, new.T)], [(a, b[::-1])]):
            function([], [], updates=updates)()
            assert not np.may_share_memory(a.get_value(borrow=True), b.get_value(borrow=True))

    def test_zero(self):
        s = shared(np.ones(2))
        own = s.get_value(borrow=True)
        s.zero(borrow=True)
        assert s.get_value(borrow=True) is own
        np.testing.assert_array_equal(own, 0)


def test_shared_values_of_other_kinds():
    """``zero`` in place or anew; a twin has the same container; what cannot be copied is told, with the cure."""
    value = np.ones(2)
    s = shared(value, borrow=True)
    s.zero(borrow=True)
    np.testing.assert_array_equal(value, [0.0, 0.0])
    s.set_value(np.ones(2))
    before = s.get_value(borrow=True)
    s.zero()
    np.testing.assert_array_equal(s.get_value(), [0.0, 0.0])
    np.testing.assert_array_equal(before, [1.0, 1.0])
    s.tag.note = "kept"
    twin = s.clone()
    assert twin.container is s.container
    assert twin.tag.note == "kept"
    lock = threading.Lock()
    with pytest.raises(TypeError, match="borrow=True takes the object itself"):
        shared(lock)
    assert shared(lock, borrow=True).get_value(borrow=True) is lock
    with pytest.raises(TypeError, match=r"shared\(\) needs a value, got the symbolic x"):
        shared(T.dscalar("x"))
    with pytest.raises(TypeError, match=r"with nonsense:\n  \(no constructor takes these keywords\)"):
        shared(lock, nonsense=3)
    assert s.filter_update(T.dvector("v")).name == "v"
