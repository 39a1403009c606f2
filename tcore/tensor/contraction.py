"""Sums of products over axes: ``matmul`` of stacks of matrices, ``vecdot``, ``einsum``."""

from __future__ import annotations

from typing import Any

from tcore.graph import Variable
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor._axes import checked_axis
from tcore.tensor._lengths import product
from tcore.tensor.assertion import assert_fitting
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.diagonals import ExtractDiag
from tcore.tensor.dimshuffle import moveaxis
from tcore.tensor.dot import batched_dot, dot
from tcore.tensor.math import conj, eq

__all__ = ["einsum", "matmul", "vecdot"]


def matmul(x1: Any, x2: Any) -> Variable:
    """The product of matrices, or of stacks of matrices whose other axes broadcast: the operator ``@``.

    Parameters
    ----------
    x1, x2 : tensors of one dimension or more
        The last axis of ``x1`` meets the second to last of ``x2``. A vector counts as a row on the left and as a column on the right,
        and that axis is left out of the result.

    Raises
    ------
    ValueError
        For a scalar; when the function runs, if lengths do not fit.
    """
    x, y = as_tensor_variable(x1), as_tensor_variable(x2)
    for operand in (x, y):
        if operand.type.ndim == 0:
            raise ValueError(f"matmul takes tensors of one dimension or more, {operand} is a scalar: multiply with *")
    if max(x.type.ndim, y.type.ndim) <= 2:
        return dot(x, y)
    left = "..." + ("n" if x.type.ndim == 1 else "mn")
    right = "..." + ("n" if y.type.ndim == 1 else "np")
    result = "..." + ("" if x.type.ndim == 1 else "m") + ("" if y.type.ndim == 1 else "p")
    return einsum(f"{left},{right}->{result}", x, y)


def vecdot(x1: Any, x2: Any, axis: int = -1) -> Variable:
    """The inner products of vectors along ``axis`` of each tensor, the first conjugated; the other axes broadcast. As of ``matmul``, those of integers wrap."""
    x: Any = as_tensor_variable(x1)
    y: Any = as_tensor_variable(x2)
    for each in (x, y):
        checked_axis("vecdot", axis, each)
    if axis >= 0 and x.type.ndim != y.type.ndim:
        x, y, axis = moveaxis(x, axis, -1), moveaxis(y, axis, -1), -1
    products = conj(x) * y
    if products.type.dtype == "bool":
        return products.any(axis=axis)  # type: ignore[no-any-return]
    return products.sum(axis=axis, dtype=products.type.dtype if products.type.dtype in discrete_dtypes else None)  # type: ignore[no-any-return]


# ------------------------------------------------------------------------------------------------------------- einsum


class _Term:
    """A tensor whose axes have labels."""

    def __init__(self, tensor: Any, labels: list[str]) -> None:
        self.tensor = tensor
        self.labels = labels

    def is_one(self, label: str) -> bool:
        """Whether the axis is known to have length 1."""
        return bool(self.tensor.type.broadcastable[self.labels.index(label)])

    def length(self, label: str) -> Any:
        """The length of an axis."""
        return 1 if self.is_one(label) else self.tensor.shape[self.labels.index(label)]

    def without(self, label: str) -> _Term:
        """The same without an axis of length 1."""
        kept = [place for place, own in enumerate(self.labels) if own != label]
        return _Term(self.tensor.dimshuffle(*kept), [self.labels[place] for place in kept])

    def summed(self, wanted: set[str]) -> _Term:
        """The sum over the axes that are not wanted."""
        gone = [place for place, label in enumerate(self.labels) if label not in wanted]
        if not gone:
            return self
        return _Term(self.tensor.sum(axis=gone, dtype=self.tensor.type.dtype), [label for label in self.labels if label in wanted])

    def with_diagonals(self) -> _Term:
        """Axes of one label become their diagonal."""
        tensor, labels = self.tensor, list(self.labels)
        for label in dict.fromkeys(labels):
            while labels.count(label) > 1:
                first = labels.index(label)
                second = labels.index(label, first + 1)
                lengths = tensor.shape[first], tensor.shape[second]
                checked = assert_fitting(f"einsum: two axes with the label {label!r} differ in length", tensor, [eq(*lengths)], [tensor])
                tensor = ExtractDiag(0, first, second)(checked)
                labels = [own for place, own in enumerate(labels) if place not in (first, second)] + [label]
        return _Term(tensor, labels)

    def ordered(self, labels: list[str]) -> Any:
        """The tensor with its axes in this order, and new ones of length 1 for labels that it does not have."""
        order = [self.labels.index(label) if label in self.labels else "x" for label in labels]
        return self.tensor if order == list(range(self.tensor.type.ndim)) else self.tensor.dimshuffle(*order)


def einsum(subscripts: str, *operands: Any) -> Variable:
    """Sums of products by Einstein's convention, as :func:`numpy.einsum` reads them.

    Parameters
    ----------
    subscripts : str
        A label for each axis of each operand, operands separated by commas; ``...`` stands for axes that broadcast. After ``->`` the
        labels of the result; without it they are ``...`` and the labels that stand there once, in alphabetical order. A label
        that the result does not have is summed over; one that an operand has twice takes the diagonal.
    operands : tensors

    Returns
    -------
    tensor
        Pairs of operands are multiplied from left to right, as products of matrices where they share summed labels.

    Raises
    ------
    ValueError
        For subscripts that do not fit; when the function runs, for axes of one label that differ in length.
    """
    tensors = [as_tensor_variable(operand) for operand in operands]
    terms, result = _parsed(subscripts, tensors)
    terms = [term.with_diagonals() for term in terms]
    while len(terms) > 1:
        first, second, *rest = terms
        wanted = {*result, *(label for term in rest for label in term.labels)}
        terms = [_multiplied(first, second, wanted), *rest]
    return terms[0].summed(set(result)).ordered(result)  # type: ignore[no-any-return]


def _parsed(subscripts: str, tensors: list[Any]) -> tuple[list[_Term], list[str]]:
    if not isinstance(subscripts, str):
        raise TypeError(f"einsum takes subscripts as text, such as 'ij,jk->ik', got {subscripts!r}")
    text = subscripts.replace(" ", "")
    before, arrow, after = text.partition("->")
    parts = before.split(",")
    if len(parts) != len(tensors):
        raise ValueError(f"einsum: {subscripts!r} is for {len(parts)} operands, there are {len(tensors)}")
    spread = max(_spread(part, tensor, subscripts) for part, tensor in zip(parts, tensors, strict=True))
    terms = [_Term(tensor, _labels(part, tensor, subscripts)) for part, tensor in zip(parts, tensors, strict=True)]
    dots = [f".{place}" for place in reversed(range(spread))]
    used = [label for term in terms for label in term.labels]
    if arrow:
        result = _split(after, dots, subscripts)
    else:
        result = dots + sorted(label for label in set(used) if used.count(label) == 1 and not label.startswith("."))
    if len(set(result)) != len(result):
        raise ValueError(f"einsum: the result of {subscripts!r} has a label twice")
    unknown = [label for label in result if label not in used and label not in dots]
    if unknown:
        raise ValueError(f"einsum: no operand of {subscripts!r} has the label {unknown[0]!r}")
    if spread and not set(dots) <= set(result):
        raise ValueError(f"einsum: the result of {subscripts!r} needs the axes of '...'")
    return terms, result


def _split(part: str, dots: list[str], subscripts: str) -> list[str]:
    front, found, back = part.partition("...")
    if not all(letter.isalpha() for letter in front + back):
        raise ValueError(f"einsum: labels are letters, got {part!r} in {subscripts!r}")
    return [*front, *(dots if found else []), *back]


def _spread(part: str, tensor: Any, subscripts: str) -> int:
    """How many axes of an operand ``...`` stands for."""
    named = len(part.replace("...", ""))
    spread = tensor.type.ndim - named
    if spread < 0 or (spread and "..." not in part):
        raise ValueError(f"einsum: {part!r} in {subscripts!r} names {named} axes, {tensor} has {tensor.type.ndim}")
    return int(spread)


def _labels(part: str, tensor: Any, subscripts: str) -> list[str]:
    # counted from the last, so that operands with fewer broadcast
    dots = [f".{place}" for place in reversed(range(_spread(part, tensor, subscripts)))]
    return _split(part, dots, subscripts)


def _multiplied(x: _Term, y: _Term, wanted: set[str]) -> _Term:
    """The product of two terms, summed over the labels that nobody wants any more."""
    given = x, y
    # an axis of length 1 on one side only broadcasts: the other side has the label alone
    for label in set(x.labels) & set(y.labels):
        if x.is_one(label) and not y.is_one(label):
            x = x.without(label)
        elif y.is_one(label) and not x.is_one(label):
            y = y.without(label)
    x, y = x.summed(wanted | set(y.labels)), y.summed(wanted | set(x.labels))
    shared = [label for label in x.labels if label in y.labels]
    summed = [label for label in shared if label not in wanted]
    batch = [label for label in shared if label in wanted]
    left = [label for label in x.labels if label not in shared]
    right = [label for label in y.labels if label not in shared]
    if not summed:
        labels = [*batch, *left, *right]
        return _Term(x.ordered(labels) * y.ordered(labels), labels)
    return _Term(_as_products(x, y, batch, left, right, summed, given), [*batch, *left, *right])


def _as_products(x: _Term, y: _Term, batch: list[str], left: list[str], right: list[str], summed: list[str], given: tuple[_Term, _Term]) -> Any:
    """By a product of matrices for each index of ``batch``; errors speak of what was ``given``."""
    a, b = x.ordered([*batch, *left, *summed]), y.ordered([*batch, *summed, *right])
    if not left and not right and (batch or len(summed) > 1) and a.type.dtype != "bool":  # a sum of products of elements, which is one loop
        products = a * b
        return products.sum(axis=list(range(len(batch), products.type.ndim)), dtype=products.type.dtype)
    # of two vectors, a vector and a matrix, two matrices or two stacks of matrices, the product has words of its own
    least = 1 if batch else 0
    plain = len(summed) == 1 and len(batch) <= 1 and all(least <= len(own) <= 1 for own in (left, right))
    lengths = {label: x.length(label) for label in (*batch, *left, *summed)} | {label: y.length(label) for label in right}
    inner = product([lengths[label] for label in summed])
    if not plain:  # below, only products of lengths are compared, and errors would speak of them
        equal = [eq(x.length(label), y.length(label)) for label in (*batch, *summed)]
        message = "einsum: axes of one label differ in length; one of length 1 is repeated where its type says so, see addbroadcast"
        inner = assert_fitting(message, inner, equal, [term.tensor for term in given])

    def many(labels: list[str]) -> Any:
        return product([lengths[label] for label in labels])

    if not plain:
        front = [many(batch)] if batch else []
        a = a.reshape([*front, many(left), inner], ndim=len(front) + 2)
        b = b.reshape([*front, inner, many(right)], ndim=len(front) + 2)
    found = batched_dot(a, b) if batch else dot(a, b)
    shape = [lengths[label] for label in (*batch, *left, *right)]
    return found if plain else found.reshape(shape, ndim=len(shape))  # type: ignore[attr-defined]
