"""Finite differences, to check gradients with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.compile.function import function
from tcore.compile.io import In
from tcore.compile.sharedvalue import shared
from tcore.configuration import config
from tcore.gradient.errors import GradientError
from tcore.gradient.reverse import grad
from tcore.graph import Variable
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.math import cast
from tcore.tensor.reductions import sum as tensor_sum
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["numeric_grad", "verify_grad"]

_FLOATS = ("float16", "float32", "float64")


class numeric_grad:
    """Derivatives of a scalar-valued function by one-sided finite differences.

    Parameters
    ----------
    f : callable
        Takes arrays, returns a number.
    pt : array, or list or tuple of arrays
    eps : float, optional
        Step; by default that of the coarsest dtype among the arguments.
    out_type : str, optional
        dtype of complex outputs, which has its own step.

    Attributes
    ----------
    gf : list of arrays
        The derivatives; one array if ``pt`` is one.
    """

    type_eps = {
        "float64": 1e-7, "float32": 3e-4, "float16": 1e-1, np.dtype("float64"): 1e-7, np.dtype("float32"): 3e-4,
        np.dtype("float16"): 1e-1,
    }  # fmt: skip

    def __init__(self, f: Callable[..., Any], pt: Any, eps: float | None = None, out_type: str | None = None) -> None:
        packed = not isinstance(pt, (list, tuple))
        points = [np.array(p) for p in ([pt] if packed else pt)]
        working = np.result_type(np.float32, *[p.dtype for p in points]) if points else np.dtype(config.floatX)
        if working not in (np.dtype("float32"), np.dtype("float64")):
            working = np.dtype("float64")
        dtypes = [p.dtype for p in points]
        if eps is None:
            eps = max((self.type_eps[p.dtype] for p in points if p.dtype in self.type_eps), default=1e-7)
            if out_type in ("complex32", "complex64"):
                eps = max(eps, self.type_eps["float32"])
        # one block of memory, so that one loop reaches every element of every argument
        flat = np.concatenate([p.astype(working).ravel() for p in points]) if points else np.zeros(0, working)
        arguments, start = [], 0
        for point in points:
            arguments.append(flat[start : start + point.size].reshape(point.shape))
            start += point.size

        def value() -> Any:
            return f(*[a.astype(d) for a, d in zip(arguments, dtypes, strict=True)])

        base = np.asarray(value()).copy()
        gradient = np.zeros(flat.shape, working)
        for i in range(flat.size):
            kept = flat[i]
            flat[i] += eps
            moved = np.asarray(value())
            # the step that was really made: the sum is rounded
            gradient[i] = (moved - base) / _made_step(flat[i], kept, dtypes, arguments, i, eps)
            flat[i] = kept
        self.gf: Any = []
        start = 0
        for point in points:
            self.gf.append(gradient[start : start + point.size].reshape(point.shape))
            start += point.size
        if packed:
            self.gf = self.gf[0]

    @staticmethod
    def abs_rel_err(a: Any, b: Any) -> tuple[Any, Any]:
        """Absolute and relative error between ``a`` and ``b``: ``|a-b|`` and ``|a-b| / max(|a|+|b|, 1e-8)``."""
        abs_err = np.abs(a - b)
        return abs_err, abs_err / np.maximum(np.abs(a) + np.abs(b), 1e-8)

    def abs_rel_errors(self, g_pt: Sequence[Any]) -> list[tuple[Any, Any]]:
        """The errors of ``g_pt`` against :attr:`gf`, argument by argument.

        Raises
        ------
        ValueError
            If number or shapes differ.
        """
        own = self.gf if isinstance(self.gf, list) else [self.gf]
        if len(g_pt) != len(own):
            raise ValueError(f"got {len(g_pt)} gradients for {len(own)} arguments")
        errors = []
        for position, (a, b) in enumerate(zip(g_pt, own, strict=True)):
            if np.shape(a) != np.shape(b):
                raise ValueError(f"the gradient of argument {position} has shape {np.shape(a)}, needed {np.shape(b)}")
            errors.append(self.abs_rel_err(a, b))
        return errors

    def max_err(self, g_pt: Sequence[Any], abs_tol: float, rel_tol: float) -> tuple[int, int, Any, Any]:
        """Where ``min(abs_err / abs_tol, rel_err / rel_tol)`` is largest: (argument, position, abs_err, rel_err) there."""
        worst, where = -1.0, (0, 0, 0.0, 0.0)
        for argument, (abs_err, rel_err) in enumerate(self.abs_rel_errors(g_pt)):
            if not np.all(np.isfinite(abs_err)):
                raise ValueError(f"the gradient of argument {argument} is not finite everywhere: {g_pt[argument]}")
            if np.size(abs_err) == 0:
                continue
            scaled = np.minimum(abs_err / abs_tol, rel_err / rel_tol).ravel()
            position = int(np.argmax(scaled))
            if scaled[position] > worst:
                worst = float(scaled[position])
                where = (argument, position, np.ravel(abs_err)[position], np.ravel(rel_err)[position])
        return where


def _made_step(moved: Any, kept: Any, dtypes: Sequence[Any], arguments: Sequence[Any], index: int, eps: float) -> Any:
    """The step of element ``index``, counted through all arguments, in the precision of its argument."""
    ends = np.cumsum([argument.size for argument in arguments])
    dtype = dtypes[int(np.searchsorted(ends, index, side="right"))]
    step = float(np.asarray(moved).astype(dtype)) - float(np.asarray(kept).astype(dtype))
    return step if step != 0.0 else eps


def verify_grad(
    fun: Callable[..., Variable],
    pt: Sequence[Any],
    n_tests: int = 2,
    rng: Any = None,
    eps: float | None = None,
    out_type: str | None = None,
    abs_tol: float | None = None,
    rel_tol: float | None = None,
    mode: Any = None,
    cast_to_output_type: bool = False,
    no_debug_ref: bool = True,
) -> None:
    """Compare a symbolic gradient with finite differences, for random projections of the output to a number.

    Parameters
    ----------
    fun : callable
        Takes variables, returns one.
    pt : list of arrays of dtype float16, float32 or float64
        Where. An axis of length 1 is broadcastable.
    n_tests : int
        How many projections.
    rng : RandomState or Generator
        For the projections.
    eps, abs_tol, rel_tol : float, optional
        Step and tolerances; by default those of the coarsest dtype.
    out_type : str, optional
        dtype of the output, for complex ones.
    mode : Mode, optional
    cast_to_output_type : bool
        Project in the dtype of the output, not in float64.
    no_debug_ref : bool
        Do not use DebugMode for the reference.

    Raises
    ------
    GradientError
        If both tolerances are exceeded somewhere.
    TypeError
        If ``rng`` is missing, or an argument is no floating array.
    """
    if rng is None:
        raise TypeError("verify_grad needs rng, a numpy.random.RandomState, for its random projections")
    if not isinstance(pt, (list, tuple)):
        raise TypeError(f"pt is a list of arrays, got {type(pt).__name__}")
    points = [np.array(p) for p in pt]
    for position, point in enumerate(points):
        if point.dtype.name not in _FLOATS:
            raise TypeError(f"argument {position} has dtype {point.dtype}: finite differences need float16, float32 or float64")
    default_tol = {"float64": 1e-4, "float32": 1e-2, "float16": 5e-2}
    coarsest = max((default_tol[point.dtype.name] for point in points), default=1e-4)
    abs_tol = coarsest if abs_tol is None else abs_tol
    rel_tol = coarsest if rel_tol is None else rel_tol

    inputs = [
        TensorType(point.dtype.name, [length == 1 for length in point.shape])(f"input {position}") for position, point in enumerate(points)
    ]
    if config.compute_test_value != "off":
        for variable, point in zip(inputs, points, strict=True):
            variable.tag.test_value = point
    output = fun(*inputs)
    if isinstance(output, (list, tuple)):
        raise NotImplementedError("verify_grad checks functions with one output: wrap the others out")
    entries = [In(variable, allow_downcast=True) for variable in inputs]
    compute = function(entries, output, mode=mode, on_unused_input="ignore", name="verify_grad value")
    sample = np.asarray(compute(*points))
    output_dtype = output.type.dtype
    projection_dtype = output_dtype if cast_to_output_type and output_dtype == "float32" else "float64"
    random = getattr(rng, "random_sample", None) or getattr(rng, "random", None) or rng.rand

    def draw() -> Any:
        # away from zero, so that no element of the output is missed
        return np.asarray(random(sample.shape) + 0.5, dtype=projection_dtype)

    projection = shared(draw(), name="random projection", broadcastable=output.type.broadcastable)
    flat = cast(output, projection_dtype) if not output_dtype.startswith("complex") else output
    cost = tensor_sum(as_tensor_variable(projection) * flat)
    reference = function(
        entries, cost, mode=mode if no_debug_ref or mode is not None else None, on_unused_input="ignore",
        name="verify_grad cost",
    )  # fmt: skip
    gradients = grad(cost, inputs, disconnected_inputs="ignore")
    derive = function(entries, gradients, mode=mode, on_unused_input="ignore", name="verify_grad gradient")
    for _ in range(n_tests):
        analytic = derive(*points)
        numeric = numeric_grad(reference, points, eps, out_type)
        argument, position, abs_err, rel_err = numeric.max_err(analytic, abs_tol, rel_tol)
        if abs_err > abs_tol and rel_err > rel_tol:
            raise GradientError(
                argument,
                position,
                np.shape(analytic[argument]),
                np.ravel(analytic[argument])[position],
                np.ravel(numeric.gf[argument])[position],
                abs_err,
                rel_err,
                abs_tol,
                rel_tol,
            )
        projection.set_value(draw())
