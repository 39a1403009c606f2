"""Tensor variables and constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from tcore.graph.variable import Constant, Variable
from tcore.tensor.operators import _tensor_py_operators
from tcore.tensor.type import TensorType

__all__ = ["TensorConstant", "TensorVariable", "_tensor_py_operators"]


class TensorVariable(_tensor_py_operators, Variable):
    """A tensor in a graph: an input or the result of an operation."""


class TensorConstant(_tensor_py_operators, Constant):
    """A tensor with a fixed value, of which the graph has its own copy."""

    #: what :meth:`uniform` found: None is no answer yet, False that the elements differ
    _uniform: Any = None

    def uniform(self) -> np.ndarray | None:
        """The 0-d array that every element equals; None where they differ, and where there is none.

        Looked up once: optimizations ask for it at every visit, and the data may be large.
        """
        found = self._uniform
        if found is None:
            found = self._uniform = _uniform_element(self.data)
        return None if found is False else found

    def __str__(self) -> str:
        return f"TensorConstant{{{_constant_text(self.data)}}}"

    __repr__ = __str__


def _uniform_element(data: Any) -> Any:
    if not isinstance(data, np.ndarray) or data.dtype.kind not in "biufc" or not data.size:
        return False
    first = data.reshape(-1)[0]
    return np.asarray(first) if data.size == 1 or (data == first).all() else False


def _constant_text(data: np.ndarray) -> str:
    """One value for all elements: ``(2, 3) of 1.0``; else NumPy's text, its middle left out beyond 20 characters."""
    if data.ndim and data.size:
        first = data.reshape(-1)[0]
        if (data == first).all() or (data.dtype.kind in "fc" and np.isnan(data).all()):
            return f"{data.shape} of {_number_text(first)}"
    text = _number_text(data[()]) if data.ndim == 0 else str(data)
    return text if len(text) <= 20 else f"{text[:10]}..{text[-10:]}"


def _number_text(value: Any) -> str:
    return str(int(value)) if value.dtype == bool else str(value)


TensorType.Variable = TensorVariable
TensorType.Constant = TensorConstant
