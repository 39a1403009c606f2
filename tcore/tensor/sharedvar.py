"""Shared variables that hold arrays and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

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
) -> TensorSharedVariable:
    """A shared variable for an ndarray.

    Parameters
    ----------
    value : ndarray
        Copied unless ``borrow``.
    broadcastable : sequence of bool, optional
        By default no axis is broadcastable, since the value may get another length later.

    Raises
    ------
    TypeError
        If ``value`` is no ndarray of numbers.
    ValueError
        If it is a masked array.
    """
    refuse_masked(value)
    if target != "cpu" or isinstance(value, Variable) or not isinstance(value, np.ndarray):
        raise TypeError(f"a tensor shared variable holds an ndarray, got {type(value).__name__}")
    if value.dtype.kind not in "biufc":
        raise TypeError(f"a tensor shared variable holds numbers, got an array of {value.dtype}")
    kind = TensorType(value.dtype.name, (False,) * value.ndim if broadcastable is None else broadcastable)
    return TensorSharedVariable(
        type=kind,
        value=value if borrow else np.array(value, copy=True),
        name=name,
        strict=strict,
        allow_downcast=allow_downcast,
    )


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
