"""One of each program, for checks that look at all kernels."""

from __future__ import annotations

from conformance_elementwise import casts, elementwise, on_numbers, powers
from conformance_programs import Program, tensor
from conformance_reductions import (
    batches,
    complex_products,
    crossentropies,
    extremes,
    ordered,
    products,
    randoms,
    recurrences,
    reductions,
    rows,
    suprema,
    whole_products,
)
from conformance_structure import advanced, checks, counts, diagonals, fills, joins, numbered, places, ranges, searches, vectors, views, writes
from conformance_windows import GEOMETRIES, correlations, pools

import tcore.tensor as T

__all__ = ["every_program"]


def _windows(dtype):
    """Which of GEOMETRIES: all of them once; for other dtypes, whose kernels differ in types alone, one with gaps between the windows and one without."""
    if dtype.startswith("complex"):
        return ()
    return range(len(GEOMETRIES)) if dtype == "float64" else (1, 5)


def every_program(dtype):
    """(name, program) for a dtype that kernels compute in."""
    yield "elementwise", elementwise(dtype, 2)
    yield "elementwise, no axes", elementwise(dtype, 0)
    yield "numbers", on_numbers(dtype)
    yield "casts", casts(dtype, 2)
    for axes in ((0,), (2,), (0, 2), (0, 1, 2)):
        yield f"sums over {axes}", reductions(dtype, 3, axes)
        if dtype.startswith("complex"):
            yield f"products over {axes}", complex_products(dtype, 3, axes)
        else:
            yield f"extremes over {axes}", extremes(dtype, 3, axes)
    yield "views", views(dtype, 3)
    yield "view without axes", views(dtype, 0)
    for number in _windows(dtype):
        yield f"pools {number}", pools(dtype, (False,) * 3, GEOMETRIES[number], number % 2 == 0)
    yield "numbered", numbered(dtype, 2)
    yield "checks", checks(dtype)
    yield "diagonals", diagonals(dtype, 1)
    yield "searches", searches(dtype, dtype)
    yield "places", places("int64", "C")
    yield "counts", counts(dtype)
    yield "joins", joins(dtype, 2, 1, dtype)
    yield "vectors", vectors(dtype, "int64")
    yield "fills", fills(dtype, 1)
    yield "gathers", advanced(dtype, 3, "int64")
    if dtype != "bool":
        yield "correlations", correlations(dtype)
        yield "ranges", ranges(dtype)
        yield "ordered", ordered(dtype, 2, 0)
        yield "recurrences", recurrences(dtype)
        yield "scatters", writes(dtype, 3, "int32", dtype)
    if dtype.startswith("float"):
        yield "batches", batches(dtype)
        yield "suprema", suprema(dtype, 2, (1,))
        yield "rows", rows(dtype)
        yield "crossentropies", crossentropies(dtype)
        yield "products", products(dtype)
        yield "randoms", randoms(dtype)
        yield "fused", _fused(dtype)
    elif dtype.startswith("complex"):
        yield "products", products(dtype)
    else:
        yield "whole products", whole_products(dtype)
    if not dtype.startswith(("bool", "float", "complex")):
        yield "powers", powers(dtype, 1)


def _fused(dtype):
    """Kernels of several nodes: rows, gradients, writes of what was just computed."""
    x, v, i = tensor(dtype, 2), tensor(dtype, 1), tensor("int64", 1)
    total = T.sqr(T.nnet.softmax(T.dot(x, x) + v)).sum()
    parts = [T.exp(x) + v, x - x.mean(axis=1, keepdims=True), T.set_subtensor(T.exp(x)[i], 0), T.grad(total, x), x.std(axis=0)]
    return Program([x, v, i]).add(*parts, T.logsumexp(x, axis=1), T.concatenate([x * 2, T.tanh(x)])[:, ::-1] + 1)
