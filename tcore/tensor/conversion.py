"""Python and NumPy values into tensor constants and variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.configuration import config
from tcore.graph.apply import Apply
from tcore.graph.variable import Variable
from tcore.scalar.conversion import autocast
from tcore.scalar.type import Scalar
from tcore.tensor.scalars import tensor_from_scalar
from tcore.tensor.type import TensorType
from tcore.tensor.values import refuse_masked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from tcore.tensor.var import TensorConstant, TensorVariable

__all__ = ["AsTensorError", "NumpyAutocaster", "as_tensor_variable", "autocast_float", "autocast_float_as", "autocast_int", "constant"]


class AsTensorError(TypeError):
    """A value cannot be made a tensor variable."""


def constant(x: Any, name: str | None = None, ndim: int | None = None, dtype: str | None = None) -> TensorConstant:
    """``x`` as a tensor constant, holding a copy of it.

    Python numbers get the smallest dtype that holds them (see :func:`tcore.scalar.autocast`), arrays keep theirs.
    Axes of length 1 are broadcastable. With ``ndim`` axes of length 1 are put in front.

    Raises
    ------
    AsTensorError
        If ``x`` is not numeric, or a plain Python bool.
    ValueError
        If it has more axes than ``ndim``, or is a masked array.
    """
    if isinstance(x, bool):
        raise AsTensorError(f"cannot make a tensor of the Python bool {x}: use numpy.bool_({x}), or 0 and 1")
    refuse_masked(x)
    try:
        value = _array_of(x, dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise AsTensorError(f"cannot make a tensor of {_brief(x)}: {error}") from error
    if value.dtype.kind not in "biufc":
        raise AsTensorError(f"cannot make a tensor of {_brief(x)}, of {type(x).__name__}: it is not numeric")
    if ndim is not None and value.ndim != ndim:
        if value.ndim > ndim:
            raise ValueError(f"the value has {value.ndim} axes, more than ndim={ndim}")
        value = value.reshape((1,) * (ndim - value.ndim) + value.shape)
    return _new_constant(value, name)


def _new_constant(value: np.ndarray, name: str | None) -> TensorConstant:
    return _type_of(value).make_constant(value, name=name)  # type: ignore[return-value]


def _type_of(value: np.ndarray) -> TensorType:
    return TensorType(value.dtype.name, [length == 1 for length in value.shape], shape=value.shape)


def _array_of(x: Any, dtype: str | None) -> np.ndarray:
    if dtype is not None:
        return np.array(x, dtype=config.floatX if dtype == "floatX" else dtype)
    if isinstance(x, (int, float)) and not isinstance(x, np.generic):
        if _policy.dtypes is not None and isinstance(x, float):
            return _policy.cast(x)
        return autocast(x)
    value = np.array(x)  # a copy: later changes of x must not reach the graph
    if config.cast_policy == "numpy+floatX" and config.floatX == "float32" and value.dtype == np.float64 and _is_untyped(x):
        value = value.astype("float32")
    return value if value.dtype.isnative else value.astype(value.dtype.newbyteorder("="))


def _is_untyped(x: Any) -> bool:
    """Whether these are Python's own numbers, in lists: nobody asked for float64."""
    stack = [x]
    while stack:
        value = stack.pop()
        if isinstance(value, (list, tuple)):
            stack.extend(value)
        elif isinstance(value, np.generic) or not isinstance(value, (int, float)):
            return False
    return True


def as_tensor_variable(x: Any, name: str | None = None, ndim: int | None = None) -> TensorVariable:
    """``x`` as a tensor variable: itself, what it converts to, or a constant.

    Parameters
    ----------
    x : tensor or scalar variable, Apply with one output, number, array, or list of any of these
    name : str, optional
        For constants.
    ndim : int, optional
        Number of axes that the result has; broadcastable ones are put in front, or dropped from there.

    Raises
    ------
    AsTensorError
        If ``x`` cannot be converted, for instance a Type or a bool.
    ValueError
        If it has more axes than ``ndim`` that are not broadcastable, or is an Apply with several outputs.
    """
    if isinstance(x, Variable):
        variable = _variable_of(x)
    else:
        converter = getattr(x, "_as_TensorVariable", None)
        if converter is not None and not isinstance(x, type):
            variable = converter()
        elif isinstance(x, Apply):
            variable = as_tensor_variable(x.default_output())
        elif isinstance(x, (list, tuple)) and _holds_variables(x):
            from tcore.tensor.join import stack  # which converts what it joins

            variable = stack(_nested(x))
        else:
            return constant(x, name, ndim)  # type: ignore[return-value]
    if ndim is None or variable.type.ndim == ndim:
        return variable
    return _with_ndim(variable, ndim)


def convert(value: Any, name: str | None = None) -> TensorVariable | None:
    """``value`` as a constant, for :func:`tcore.as_variable`; None where it is not numeric."""
    try:
        return as_tensor_variable(value, name)
    except AsTensorError:
        return None


def _variable_of(x: Variable) -> Any:
    kind = x.type
    if isinstance(kind, TensorType):
        return x
    if isinstance(kind, Scalar):

        return tensor_from_scalar(x)
    converter = getattr(x, "_as_TensorVariable", None)
    if converter is None:
        raise AsTensorError(f"{x} of type {kind} is no tensor")
    return converter()


def _holds_variables(values: Any) -> bool:
    stack = [values]
    while stack:
        for value in stack.pop():
            if isinstance(value, Variable):
                return True
            if isinstance(value, (list, tuple)):
                stack.append(value)
    return False


def _nested(values: Any) -> list[Any]:
    return [as_tensor_variable(value) for value in values]


def _with_ndim(variable: Any, ndim: int) -> Any:
    flags = variable.type.broadcastable
    if len(flags) < ndim:
        return variable.dimshuffle(*["x"] * (ndim - len(flags)), *range(len(flags)))
    extra = len(flags) - ndim
    if not all(flags[:extra]):
        raise ValueError(f"{variable} of type {variable.type} has more axes than ndim={ndim}, which are not all broadcastable")
    return variable.dimshuffle(*range(extra, len(flags)))


def _brief(x: Any) -> str:
    text = repr(x)
    return text if len(text) <= 60 else text[:57] + "..."


class NumpyAutocaster:
    """The dtypes that Python numbers may become: the first that holds a value exactly, else the last.

    ``NumpyAutocaster(("float16", "float32"))(0.5)`` is a float16 array. Without dtypes the policy of ``config.cast_policy`` decides.
    """

    def __init__(self, dtypes: Sequence[str] | None = None) -> None:
        self.dtypes = None if dtypes is None else tuple(dtypes)

    def cast(self, value: float) -> np.ndarray:
        """``value`` in the first fitting dtype."""
        assert self.dtypes is not None
        array = np.asarray(value)
        for dtype in self.dtypes:
            with np.errstate(over="ignore"):
                array = np.array(value, dtype)
            if np.isnan(value) or float(array) == value:
                break
        return array

    def __call__(self, value: Any) -> np.ndarray:
        return self.cast(value) if self.dtypes is not None else autocast(value)


_policy = autocast_float = NumpyAutocaster()
autocast_int = autocast


class autocast_float_as:
    """Let Python floats become the given dtypes only, as a context: ``with autocast_float_as("float32"): …``"""

    def __init__(self, *dtypes: str) -> None:
        self.dtypes = dtypes
        self._old: tuple[str, ...] | None = None

    def __enter__(self) -> None:
        if config.cast_policy != "custom":
            raise RuntimeError("autocast_float_as works with config.cast_policy = 'custom' only")
        self._old = _policy.dtypes
        _policy.dtypes = self.dtypes

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _policy.dtypes = self._old
