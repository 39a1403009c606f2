"""Python's numbers: beside tensors they take the dtype of the tensor, or the default dtype of their own kind where that is the wider one; as lengths they are whole."""

from __future__ import annotations

from typing import Any

import numpy as np

import tcore.tensor as T
from tcore.configuration import config
from tcore.graph import Variable
from tcore.scalar.dtypes import integer_dtypes, upcast
from tcore.tensor.assertion import Assert

__all__ = ["is_number", "number_dtype", "operands", "whole_number"]

#: of NumPy's letters and of Python's types: what can hold what
_WIDTHS = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3, bool: 0, int: 1, float: 2, complex: 3}


def is_number(x: Any) -> bool:
    """Whether it is a number of Python's own, which has no dtype."""
    return type(x) in _WIDTHS


def number_dtype(number: Any, dtype: str | None) -> str:
    """What ``number`` becomes beside a tensor of ``dtype``; None: alone."""
    width = _WIDTHS[type(number)]
    held = -1 if dtype is None else _WIDTHS[np.dtype(dtype).kind]
    if dtype is not None and width <= held:
        return dtype
    if width < 2:
        return "bool" if width == 0 else "int64"
    return config.floatX if width == 2 else upcast(dtype if dtype is not None and held == 2 else config.floatX, "complex64")


def operands(*values: Any) -> list[Any]:
    """Values that meet in one operation, as tensors.

    Raises
    ------
    OverflowError
        For an integer that the dtype beside it does not hold.
    """
    tensors = [None if is_number(value) else T.as_tensor_variable(value) for value in values]
    dtypes = [tensor.type.dtype for tensor in tensors if tensor is not None]
    common = upcast(*dtypes) if dtypes else None
    return [T.constant(np.asarray(value, number_dtype(value, common))) if tensor is None else tensor for value, tensor in zip(values, tensors, strict=True)]


def whole_number(function: str, name: str, n: Any, least: int) -> Any:
    """``n`` as a scalar; there is an error where it is less than ``least``, of a symbolic one when it is computed.

    Raises
    ------
    TypeError
        For what is no integer.
    ValueError
        For a number that is too small.
    """
    problem = f"{function}: {name} is an integer and at least {least}"
    if isinstance(n, Variable):
        if n.type.dtype not in integer_dtypes or n.type.ndim:
            raise TypeError(f"{problem}, got {n} of type {n.type}")
        return Assert(problem, ValueError)(n, T.ge(n, least))
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
        raise TypeError(f"{problem}, got {n!r}")
    if n < least:
        raise ValueError(f"{problem}, got {n}")
    return T.constant(int(n), dtype="int64")
