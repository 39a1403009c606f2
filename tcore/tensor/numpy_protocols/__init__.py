"""NumPy's functions on symbolic tensors: ``np.exp(x)`` and ``np.concatenate([x, y])`` build graphs.

NumPy hands a call over to an operand that has ``__array_ufunc__`` or ``__array_function__``. The tables say what each of its functions
means for tensors; one that is not there is refused by name. Work of NumPy's that needs values (``out=``, ``where=``) is refused, too.

Arguments are read by NumPy's own signature: the fifth of ``np.std`` is ``ddof`` here as well, though our function has fewer arguments before it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

import tcore.tensor as T
from tcore.tensor.numpy_protocols.functions import FUNCTIONS
from tcore.tensor.numpy_protocols.ufuncs import ACCUMULATE, REDUCE, UFUNCS

__all__ = ["FUNCTIONS", "UFUNCS", "call_function", "call_ufunc"]


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], options: dict[str, Any]) -> Any:
    """What ``ufunc.method(*inputs, **options)`` means where an input is a tensor of a graph.

    Raises
    ------
    TypeError
        For a ufunc without meaning here, or options that need values.
    """
    if any(getattr(each, "__array_ufunc__", call_ufunc) is None for each in inputs):
        return NotImplemented
    out = options.pop("out", None)
    # `array += x` is allowed, and makes a variable of the name; nothing can be written into an array while a graph is built
    if out is not None and not (len(out) == 1 and out[0] is inputs[0] and method == "__call__"):
        raise TypeError(f"np.{ufunc.__name__}: out= cannot be an array or a variable, a graph has no values yet; take the result")
    if method == "__call__" and ufunc in UFUNCS and not options:
        return UFUNCS[ufunc](*inputs)
    if method == "reduce" and ufunc in REDUCE:
        return REDUCE[ufunc](inputs[0], **{"axis": 0, **_known(ufunc, options, ("axis", "dtype", "keepdims"))})
    if method == "accumulate" and ufunc in ACCUMULATE:
        return ACCUMULATE[ufunc](inputs[0], **{"axis": 0, **_known(ufunc, options, ("axis",))})
    if method == "outer" and ufunc in UFUNCS and not options:
        left, right = map(T.as_tensor_variable, inputs)
        return UFUNCS[ufunc](left.dimshuffle(*range(left.type.ndim), *["x"] * right.type.ndim), right)
    call = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    with_options = f" with {', '.join(options)}" if options else ""
    raise TypeError(f"{call}{with_options} has no meaning for tensors of a graph; what there is, is in tcore.tensor")


def _known(ufunc: np.ufunc, options: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    if not set(given) <= set(names):
        raise TypeError(f"np.{ufunc.__name__} takes no {', '.join(sorted(set(given) - set(names)))} with tensors of a graph")
    if "dtype" in given:
        given["dtype"] = np.dtype(given["dtype"]).name
    return {**given, **({"axis": None} if "axis" in options and options["axis"] is None else {})}


def call_function(function: Any, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """What ``function(*args, **options)`` means where an argument is a tensor of a graph.

    Raises
    ------
    TypeError
        For a function without meaning here, or arguments that it does not take here.
    """
    meaning = FUNCTIONS.get(function)
    name = f"{getattr(function, '__module__', 'numpy').replace('numpy', 'np')}.{getattr(function, '__name__', function)}"
    if meaning is None:
        raise TypeError(f"{name} has no meaning for tensors of a graph; what there is, is in tcore.tensor")
    args, options = _by_name(function, args, options)
    if options.get("out") is not None:
        raise TypeError(f"{name}: out= cannot be an array or a variable, a graph has no values yet; take the result")
    try:
        return meaning(*args, **options)
    except TypeError:
        if (misfit := _misfit(meaning, args, options)) is not None:
            raise TypeError(f"{name} with tensors of a graph {misfit}") from None
        raise


def _misfit(meaning: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]) -> str | None:
    """What a function takes, and why that is not what it was given; None if it is."""
    if (signature := _signature(meaning)) is None:
        return None
    try:
        signature.bind(*args, **options)
    except TypeError as error:
        return f"takes ({', '.join(str(each.replace(annotation=each.empty)) for each in signature.parameters.values())}): {error}"
    return None


#: of NumPy's functions in C, which tell theirs from NumPy 2.4 on; of the others that are in the table, our own takes the same
SIGNATURES_IN_C = {
    np.concatenate: inspect.signature(lambda arrays, /, axis=0, out=None, *, dtype=None, casting="same_kind": None),
    np.dot: inspect.signature(lambda a, b, out=None: None),
    np.empty_like: inspect.signature(lambda prototype, /, dtype=None, order="K", subok=True, shape=None, *, device=None: None),
}


@cache
def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return SIGNATURES_IN_C.get(function)


def _by_name(function: Any, args: Sequence[Any], options: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments that NumPy's function needs by place, what it has a default for by name and only where it is another value."""
    signature = _signature(function)
    if signature is None:
        return list(args), dict(options)
    places: list[Any] = []
    names: dict[str, Any] = {}
    for name, value in signature.bind(*args, **options).arguments.items():
        parameter = signature.parameters[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            places += value
        elif parameter.kind is parameter.VAR_KEYWORD:
            names.update(value)
        elif parameter.default is parameter.empty and parameter.kind is not parameter.KEYWORD_ONLY:
            places.append(value)
        elif not _same(value, parameter.default):
            if parameter.kind is parameter.POSITIONAL_ONLY:
                places.append(value)
            else:
                names[name] = value
    return places, names


def _same(value: Any, default: Any) -> bool:
    """Whether an argument is the default; variables and arrays are never compared."""
    return value is default or (type(value) is type(default) and isinstance(value, (bool, int, float, str)) and value == default)
