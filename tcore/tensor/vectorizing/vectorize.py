"""``vectorize``: a function of symbolic items as one of batches, as NumPy's of that name."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

from tcore.configuration import config
from tcore.graph import Variable, get_test_value
from tcore.graph.testvalues import MissingTestValueError
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.shape import static_length
from tcore.tensor.type import TensorType
from tcore.tensor.vectorizing.graph import vectorize_graph
from tcore.tensor.vectorizing.signature import Signature

__all__ = ["vectorize"]


class vectorize:
    """A function of single items, to be called with batches of them.

    ``vectorize(f, "(n),(n,m)->(m)")(x, w)`` calls ``f`` once, with a vector and a matrix that stand for one item of each, and builds the graph of the whole batch from
    the one that comes back: ``x`` and ``w`` may have any number of axes before their own, which broadcast as tensors do and come first in the result.

    Parameters
    ----------
    function : callable
        Of symbolic variables; gives one variable, or as many as the signature says.
    signature : str, optional
        NumPy's: the names of the last axes of each argument and of each result. Without one, items are numbers.
    excluded : collection of int and str
        Positions and names of arguments that are handed to ``function`` as they are.

    Notes
    -----
    Gradients go through. No Python runs item by item where ops have a batched form, as those on elements, reductions, products, indexing and shapes have; other ops,
    such as factorizations of matrices, are applied to item after item. Axes that share a name must have equal lengths: lengths that are known when the graph is
    built are compared at once, others where the operations of ``function`` compare them. Random numbers that ``function`` draws are the same for all items: draw
    them outside, with the whole shape.

    Examples
    --------
    >>> import tcore.tensor as T
    >>> x, w = T.dmatrix("x"), T.dmatrix("w")
    >>> scores = T.vectorize(lambda row, w: T.tanh(T.dot(row, w)), "(n),(n,m)->(m)")(x, w)
    >>> scores.ndim
    2
    """

    def __init__(self, function: Callable[..., Any], signature: str | None = None, excluded: Collection[int | str] = ()) -> None:
        if not callable(function):
            raise TypeError(f"vectorize takes a function of symbolic variables, got {function!r}; vectorize_graph takes a graph")
        self.function = function
        self.signature = None if signature is None else Signature.parse(signature)
        self.excluded = frozenset(excluded)
        self.__doc__ = function.__doc__ or type(self).__doc__
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The results for the whole batch: a variable, or a tuple of them."""
        unknown = sorted(set(kwargs) - self.excluded)  # type: ignore[type-var]
        if unknown:
            raise TypeError(f"{self.__name__}: arguments by name are not vectorized; give {', '.join(map(str, unknown))} by position, or name them in excluded")
        places = [place for place in range(len(args)) if place not in self.excluded]
        cores = self._cores(len(places))
        replace: dict[Variable, Any] = {}
        handed = list(args)
        for place, names in zip(places, cores, strict=True):
            whole: Any = as_tensor_variable(args[place])
            if whole.type.ndim < len(names):
                raise ValueError(f"{self.__name__}: argument {place} has {whole.type.ndim} axes, the signature {self.signature} asks for ({','.join(names)})")
            item = TensorType(whole.type.dtype, whole.type.broadcastable[whole.type.ndim - len(names) :])(whole.name)
            _give_value(item, whole)
            handed[place] = item
            replace[item] = whole
        self._compare_lengths(cores, [replace[handed[place]] for place in places])
        returned = self.function(*handed, **kwargs)
        results = [as_tensor_variable(result) for result in (returned if isinstance(returned, (list, tuple)) else [returned])]
        self._check_results(results)
        found = vectorize_graph(results, replace)
        return tuple(found) if isinstance(returned, (list, tuple)) else found[0]

    def _cores(self, count: int) -> tuple[tuple[str, ...], ...]:
        if self.signature is None:
            return ((),) * count
        if count != len(self.signature.inputs):
            raise TypeError(f"{self.__name__}: the signature {self.signature} has {len(self.signature.inputs)} inputs, got {count}")
        return self.signature.inputs

    def _compare_lengths(self, cores: Any, operands: list[Any]) -> None:
        known: dict[str, tuple[int, int]] = {}
        for place, (names, whole) in enumerate(zip(cores, operands, strict=True)):
            for axis, name in enumerate(names, whole.type.ndim - len(names)):
                length = static_length(whole, axis)
                if length is None:
                    continue
                first, other = known.setdefault(name, (length, place))
                if first != length:
                    raise ValueError(f"{self.__name__}: {name} is {first} in input {other} and {length} in input {place}, but the same in the signature {self.signature}")

    def _check_results(self, results: list[Any]) -> None:
        wanted = ((),) * len(results) if self.signature is None else self.signature.outputs
        if len(results) != len(wanted):
            raise ValueError(f"{self.__name__} returned {len(results)} variables, the signature {self.signature} has {len(wanted)} outputs")
        for place, (result, names) in enumerate(zip(results, wanted, strict=True)):
            if result.type.ndim != len(names):
                means = f"({','.join(names)})" + ("" if self.signature is not None else ", a number, since there is no signature")
                raise ValueError(f"{self.__name__}: output {place} has {result.type.ndim} axes for one item, {means} was to be expected")


def _give_value(item: Any, whole: Any) -> None:
    """The first item of the batch's test value, where test values are used and there is one."""
    if config.compute_test_value != "off":
        with suppress(MissingTestValueError, IndexError):
            item.tag.test_value = get_test_value(whole)[(0,) * (whole.type.ndim - item.type.ndim)]
