"""Generators as values: the Type of NumPy's ``RandomState``, and shared variables that hold one."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from tcore.compile.sharedvalue import SharedVariable
from tcore.graph import Type, Variable
from tcore.records import frozen

__all__ = ["RandomStateSharedVariable", "RandomStateType", "copied", "random_state_type", "randomstate_constructor"]


@frozen(repr=False)
class RandomStateType(Type):
    """The type of ``numpy.random.RandomState`` objects. Two are equal when they would go on to draw the same numbers."""

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """The generator itself, which is shared, not copied."""
        if not isinstance(value, np.random.RandomState):
            kind = type(value).__name__
            hint = "numpy.random.RandomState(seed) makes one"
            if isinstance(value, np.random.Generator):
                hint = "its draws follow other algorithms; numpy.random.RandomState(generator.bit_generator) draws from the same bits"
            raise TypeError(f"expected a numpy.random.RandomState, got {value!r:.60} of {kind}: {hint}")
        return value

    def is_valid_value(self, value: Any) -> bool:
        """Whether it is a RandomState."""
        return isinstance(value, np.random.RandomState)

    def values_eq(self, a: Any, b: Any) -> bool:
        """Whether both generators are in one state."""
        return _same(a.get_state(legacy=False), b.get_state(legacy=False))

    def constant_signature(self, data: Any) -> Any:
        """The object: its state may change, and equal states may part."""
        return (self, id(data))

    @staticmethod
    def may_share_memory(a: Any, b: Any) -> bool:
        """Whether drawing from one changes the other."""
        return a is b or getattr(a, "_bit_generator", a) is getattr(b, "_bit_generator", b)

    def get_shape_info(self, obj: Any) -> Any:
        """Nothing: generators of one kind have one size."""

    def get_size(self, shape_info: Any) -> int:
        """Bytes of a Mersenne twister's 624 words and its place in them."""
        return 625 * 4

    def __str__(self) -> str:
        return "RandomStateType"


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(_same(value, b[key]) for key, value in a.items())
    return bool(np.array_equal(a, b))


_TYPE = RandomStateType()


def random_state_type(name: str | None = None) -> Variable:
    """A new variable whose values are NumPy ``RandomState`` objects."""
    return _TYPE(name)


def copied(state: np.random.RandomState) -> np.random.RandomState:
    """Another generator in the same state; half the time of ``copy.deepcopy`` for the usual kind."""
    if type(state) is np.random.RandomState and state.get_state(legacy=False)["bit_generator"] == "MT19937":
        twin = np.random.RandomState(0)
        twin.set_state(state.get_state())
        return twin
    return copy.deepcopy(state)


class RandomStateSharedVariable(SharedVariable):
    """A shared variable whose value is a generator."""


def randomstate_constructor(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    borrow: bool = False,
) -> RandomStateSharedVariable:
    """A shared variable for a ``RandomState``, of which it takes a copy unless ``borrow``.

    Raises
    ------
    TypeError
        If ``value`` is no RandomState.
    """
    _TYPE.filter(value)
    variable = RandomStateSharedVariable(
        type=_TYPE, value=value if borrow else copied(value), name=name, strict=strict, allow_downcast=allow_downcast
    )
    variable.tag.is_rng = True
    return variable
