"""Documented tools for tests of ops: seeds, comparison, gradients, shape inference; for ``unittest`` and pytest alike.

A program finds them as ``tcore.tests.unittest_tools``. New tests of ops are shorter with :func:`tcore.testing.check_op`.
"""

from __future__ import annotations

import unittest
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tcore.compile import function
from tcore.compile.mode import get_default_mode
from tcore.configuration import config
from tcore.gradient import verify_grad as _verify_grad
from tcore.graph import Variable
from tcore.tensor.values import TOLERANCES

__all__ = [
    "InferShapeTester",
    "MockRandomState",
    "WrongValue",
    "assert_allclose",
    "fetch_seed",
    "seed_rng",
    "verify_grad",
]


# --------------------------------------------------------------------------------------------------------------- seeds


def fetch_seed(pseed: int | None = None) -> int | None:
    """The seed to use: ``pseed`` if given, else the option ``unittests.rseed``; None (a fresh one) for ``"random"``."""
    if pseed is not None:
        return int(pseed)
    chosen = config.unittests.rseed
    return None if chosen == "random" else int(chosen)


def seed_rng(pseed: int | None = None) -> int | None:
    """Seed NumPy's global generator with :func:`fetch_seed`; returns the seed."""
    seed = fetch_seed(pseed)
    np.random.seed(seed)  # noqa: NPY002 - the documented tool seeds the global generator, which old tests draw from
    return seed


class MockRandomState:
    """Stands in for a RandomState and always draws the same: to try a test at the ends of its ranges.

    Parameters
    ----------
    val : number
        What :meth:`rand` is full of. :meth:`randint` gives the lowest value for 0, else the highest.
    """

    def __init__(self, val: float) -> None:
        self.val = val

    def rand(self, *shape: int) -> np.ndarray[Any, Any]:
        """An array of that shape, full of ``val``."""
        return np.full(shape, self.val, dtype="float64")

    def randint(self, minval: int, maxval: int | None = None, size: Any = 1) -> np.ndarray[Any, Any]:
        """Integers from ``[minval, maxval)``, or ``[0, minval)`` with one argument: the first or the last of them."""
        low, high = (0, minval) if maxval is None else (minval, maxval)
        return np.full(size, low if self.val == 0 else high - 1, dtype="int64")


# ---------------------------------------------------------------------------------------------------------- comparison


class WrongValue(AssertionError):
    """Arrays that should agree and do not; ``expected``, ``value``, ``rtol`` and ``atol`` are kept for programs."""

    def __init__(self, expected: Any, value: Any, rtol: float, atol: float, text: str) -> None:
        super().__init__(text)
        self.expected, self.value, self.rtol, self.atol = expected, value, rtol, atol


def _tolerances(*arrays: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Those of the coarsest floating dtype among the arrays; each level of ``tensor.cmp_sloppy`` is ten times looser."""
    found = [TOLERANCES[array.dtype.name] for array in arrays if array.dtype.name in TOLERANCES] or [(1e-5, 1e-8)]
    looser = 10.0**config.tensor.cmp_sloppy
    return max(relative for relative, _ in found) * looser, max(absolute for _, absolute in found) * looser


def assert_allclose(expected: Any, value: Any, rtol: float | None = None, atol: float | None = None) -> None:
    """Fail unless ``value`` has the shape of ``expected`` and agrees with it within tolerance; NaN equals NaN.

    Parameters
    ----------
    expected, value : array_like
    rtol, atol : float, optional
        By default those of the coarser dtype of the two, widened by the option ``tensor.cmp_sloppy``.

    Raises
    ------
    WrongValue
        With shapes, dtypes, extremes, and the place and size of the largest error.
    """
    wanted, got = np.asarray(expected), np.asarray(value)
    default_rtol, default_atol = _tolerances(wanted, got)
    rtol = default_rtol if rtol is None else rtol
    atol = default_atol if atol is None else atol
    if wanted.shape == got.shape and np.allclose(got, wanted, rtol=rtol, atol=atol, equal_nan=True):
        return
    raise WrongValue(expected, value, rtol, atol, _difference(wanted, got, rtol, atol))


def _difference(wanted: np.ndarray[Any, Any], got: np.ndarray[Any, Any], rtol: float, atol: float) -> str:
    lines = ["the values differ"]
    for what, array in (("expected", wanted), ("value", got)):
        line = f"  {what}: shape {array.shape}, dtype {array.dtype}, strides {array.strides}"
        if array.size and array.dtype.kind in "biuf":
            line += f", min {array.min()}, max {array.max()}, NaN in {int(np.isnan(array).sum()) if array.dtype.kind == 'f' else 0} places"
        lines.append(line)
    if wanted.shape == got.shape and wanted.size:
        with np.errstate(all="ignore"):
            error = np.abs(np.asarray(got, "complex128") - np.asarray(wanted, "complex128"))
            far = ~np.isclose(got, wanted, rtol=rtol, atol=atol, equal_nan=True)
        place = np.unravel_index(int(np.argmax(np.where(far, np.nan_to_num(error, nan=np.inf, posinf=np.inf), -1.0))), wanted.shape)
        where = tuple(int(index) for index in place)
        lines.append(f"  {int(far.sum())} of {wanted.size} elements are off; worst at {where}: expected {wanted[place]}, got {got[place]}")
    lines.append(f"  rtol {rtol:g}, atol {atol:g}")
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------------ ops under test


def verify_grad(op: Callable[..., Variable], pt: Sequence[Any], n_tests: int = 2, rng: Any = None, **kwargs: Any) -> None:
    """:func:`tcore.gradient.verify_grad`, with a generator of :func:`fetch_seed` where none is given."""
    if rng is None:
        rng = np.random.RandomState(fetch_seed())
    _verify_grad(op, pt, n_tests, rng, **kwargs)


class InferShapeTester(unittest.TestCase):
    """Base of tests of ``infer_shape``; seeds NumPy's generator. A subclass with a ``setUp`` of its own calls this one."""

    def setUp(self) -> None:
        """Seed the generator and pick the mode: the default one, with shapes computed apart from values."""
        seed_rng()
        self.mode = get_default_mode().including("canonicalize")

    def _compile_and_check(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        numeric_inputs: Sequence[Any],
        cls: type | tuple[type, ...],
        excluding: Sequence[str] | None = None,
        warn: bool = True,
    ) -> None:
        """Compile the shapes of ``outputs`` alone: no op of class ``cls`` may be left, and they must be the true shapes.

        Parameters
        ----------
        inputs, outputs : sequence of Variable
        numeric_inputs : sequence
            A value for each input; lengths that differ between axes find axes that are mixed up.
        cls : class or tuple of classes
            The op that must have gone from the graph.
        excluding : sequence of str, optional
            Tags of rewrites to leave out.
        warn : bool
            Warn about inputs with equal lengths on two axes.

        Raises
        ------
        AssertionError
            If the op is still needed for the shapes, or a shape is wrong.
        """
        if warn:
            _warn_of_equal_lengths(inputs, numeric_inputs)
        mode = self.mode.excluding(*excluding) if excluding else self.mode
        shapes_of = function(inputs, [output.shape for output in outputs], mode=mode, on_unused_input="ignore")
        left = [node for node in shapes_of.maker.fgraph.toposort() if isinstance(node.op, cls)]
        if left:
            raise AssertionError(f"the shapes of the outputs still need {left[0]}: infer_shape is missing or incomplete")
        values_of = function(inputs, list(outputs), mode=mode, on_unused_input="ignore")
        shapes, values = shapes_of(*numeric_inputs), values_of(*numeric_inputs)
        for position, (shape, value) in enumerate(zip(shapes, values, strict=True)):
            inferred, true = tuple(int(length) for length in shape), np.shape(value)
            if inferred != true:
                raise AssertionError(f"output {position} has shape {true}, infer_shape says {inferred}")


def _warn_of_equal_lengths(inputs: Sequence[Variable], values: Sequence[Any]) -> None:
    for variable, value in zip(inputs, values, strict=True):
        # a broadcastable axis has length 1 whatever infer_shape says
        flags = getattr(variable.type, "broadcastable", (False,) * np.ndim(value))
        lengths = [length for length, flag in zip(np.shape(value), flags, strict=True) if not flag]
        if len(set(lengths)) < len(lengths):
            warnings.warn(
                f"{variable} is tried with shape {np.shape(value)}: equal lengths hide an infer_shape that mixes axes up; warn=False silences this",
                UserWarning,
                stacklevel=3,
            )
