"""Shared variables that hold arrays and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tcore.compile.io import checked_lengths
from tcore.compile.sharedvalue import SharedVariable
from tcore.configuration import config
from tcore.graph.variable import Variable
from tcore.plugins.references import resolve
from tcore.tensor.operators import _tensor_py_operators
from tcore.tensor.type import TensorType
from tcore.tensor.values import refuse_masked

__all__ = ["ScalarSharedVariable", "TensorSharedVariable", "device_constructor", "scalar_constructor", "tensor_constructor"]

#: what makes shared variables on devices: followed where there is a device
_ON_DEVICE = "tcore.gpuarray.type:gpuarray_shared_constructor"


class TensorSharedVariable(_tensor_py_operators, SharedVariable):
    """A shared variable whose value is an array."""

    def set_value(self, new_value: Any, borrow: bool = False) -> None:
        """Replace the value, for all functions that use it; see :meth:`~tcore.compile.sharedvalue.SharedVariable.set_value`.

        Raises
        ------
        ValueError
            If it has not the lengths that :attr:`fixed_shape` promises.
        """
        if self.fixed_shape is not None:
            self._refuse_other_lengths(np.shape(new_value))
        super().set_value(new_value, borrow)

    def clone(self) -> SharedVariable:
        """Another variable with the same container and the same promise."""
        twin = super().clone()
        twin.fixed_shape = self.fixed_shape
        return twin

    def fix_shape(self, shape: tuple[int | None, ...]) -> None:
        """Promise lengths of all values, None leaving one open.

        Raises
        ------
        ValueError
            If the value has others.
        """
        self.fixed_shape = shape
        self._refuse_other_lengths(self.container.value.shape)

    def _refuse_other_lengths(self, shape: tuple[int, ...]) -> None:
        promised = self.fixed_shape
        assert promised is not None
        if len(shape) != len(promised) or any(want not in (None, have) for have, want in zip(shape, promised, strict=True)):
            raise ValueError(f"the shared variable {self} was made for values of shape {_written(promised)}, got one of shape {_written(shape)}")


class ScalarSharedVariable(TensorSharedVariable):
    """A shared variable whose value is a 0-d array, made of a number."""


def tensor_constructor(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    borrow: bool = False,
    broadcastable: Any = None,
    target: str = "cpu",
    shape: Any = None,
) -> TensorSharedVariable:
    """A shared variable for an ndarray.

    Parameters
    ----------
    value : ndarray
        Copied unless ``borrow``.
    broadcastable : sequence of bool, optional
        By default no axis is broadcastable, since the value may get another length later; axes of a promised length 1 are.
    shape : True, or sequence of int and None, optional
        A promise of the shape of all values: functions are optimized for it, and values and updates that break it are refused.
        True stands for the shape of ``value``; None leaves the length of that axis open.

    Raises
    ------
    TypeError
        If ``value`` is no ndarray of numbers.
    ValueError
        If it is a masked array, or has not the promised shape.
    """
    refuse_masked(value)
    if target != "cpu" or isinstance(value, Variable) or not isinstance(value, np.ndarray):
        raise TypeError(f"a tensor shared variable holds an ndarray, got {type(value).__name__}")
    if value.dtype.kind not in "biufc":
        raise TypeError(f"a tensor shared variable holds numbers, got an array of {value.dtype}")
    promised = None if shape is None else value.shape if shape is True else checked_lengths(shape, value.ndim)
    if broadcastable is None:
        broadcastable = (False,) * value.ndim if promised is None else [length == 1 for length in promised]
    kind = TensorType(value.dtype.name, broadcastable)
    made = TensorSharedVariable(
        type=kind,
        value=value if borrow else np.array(value, copy=True),
        name=name,
        strict=strict,
        allow_downcast=allow_downcast,
    )
    if promised is not None:
        made.fix_shape(promised)
    return made


def _written(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('any' if length is None else str(length) for length in shape)}{',' if len(shape) == 1 else ''})"


def scalar_constructor(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    borrow: bool = False,
    target: str = "cpu",
) -> ScalarSharedVariable:
    """A shared variable for a number: int64, float64, bool or complex128 for Python's, a NumPy scalar keeps its dtype.

    Raises
    ------
    TypeError
        If ``value`` is no number.
    """
    if target != "cpu" or not isinstance(value, (bool, int, float, complex, np.number, np.bool_)):
        raise TypeError(f"a scalar shared variable holds a number, got {type(value).__name__}")
    array = np.asarray(value)
    return ScalarSharedVariable(type=TensorType(array.dtype.name, ()), value=array, name=name, strict=strict, allow_downcast=allow_downcast)


def device_constructor(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    borrow: bool = False,
    broadcastable: Any = None,
    target: Any = None,
) -> SharedVariable:
    """A shared variable on a device, for an ndarray of floats where ``config.device`` or ``target`` names one.

    Raises
    ------
    TypeError
        If the value stays on the host: no floats, 0-d, or there is no such device.
    """
    if target == "cpu" or (target is None and config.device == "cpu") or not isinstance(value, np.ndarray) or value.dtype.kind != "f" or not value.ndim:
        raise TypeError("arrays of floats go to a device, where config.device or target names one")
    options = {} if target is None else {"target": target}
    try:
        made: SharedVariable = resolve(_ON_DEVICE)(
            value, name=name, strict=strict, allow_downcast=allow_downcast, borrow=borrow, broadcastable=broadcastable, **options
        )
    except (ValueError, RuntimeError) as error:  # no such context, or a device that does not open: functions tell, too
        raise TypeError(str(error)) from error
    return made
