"""Derivatives in a direction, checked against the gradient and against finite differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.graph import Variable
    from tcore.testing.cases import OpCase

__all__ = ["check_r_op"]

#: dtype -> relative tolerance of the two products that must be equal, step of the central difference, tolerance of that
_PRECISION = {"float16": (5e-2, 1e-1, 2e-1), "float32": (2e-3, 1e-2, 5e-2), "float64": (1e-7, 1e-6, 1e-5)}


def check_r_op(case: OpCase) -> None:
    """The derivative of every floating output in directions of the floating inputs: all at once, and each alone.

    It must be the transpose of the gradient, which is exact: ``w.(J v) = (w J).v`` for random v and w. And it must be what central
    differences give, lest both are wrong.

    Raises
    ------
    AssertionError
        That names the case, the direction and the op whose ``R_op`` is wrong where one op is all that the case has.
    """
    inputs, outputs = case.graph()
    moving = [position for position, value in enumerate(case.values) if np.asarray(value).dtype.kind == "f"]
    floating = [output for output in outputs if str(getattr(output.type, "dtype", "")).startswith("float")]
    if not moving or not floating:
        return
    rng = np.random.default_rng(4321)
    sets = [moving] if len(moving) == 1 else [moving, *([position] for position in moving)]
    for chosen in sets:
        _check_direction(case, inputs, floating, chosen, rng)


def _check_direction(case: OpCase, inputs: list[Variable], outputs: list[Variable], chosen: list[int], rng: np.random.Generator) -> None:
    from tcore.compile import Mode, function
    from tcore.gradient import Rop

    targets = [inputs[position] for position in chosen]
    points = [np.asarray(case.values[position]) for position in chosen]
    # away from zero, so that no element is missed
    steps = [np.asarray(rng.uniform(0.5, 1.5, np.shape(point)), point.dtype) for point in points]
    directions = [target.type(f"v{position}") for target, position in zip(targets, chosen, strict=True)]
    forward = Rop(outputs, targets, directions, disconnected_outputs="ignore")
    run: Any = function([*inputs, *directions], [*outputs, *forward], mode=Mode("py", "fast_compile"), on_unused_input="ignore")
    found = run(*case.values, *steps)
    values, tangents = found[: len(outputs)], found[len(outputs) :]
    where = f"{case}, in a direction of {'all inputs' if len(chosen) > 1 else f'input {chosen[0]}'}"
    for place, (value, tangent) in enumerate(zip(values, tangents, strict=True)):
        assert np.shape(tangent) == np.shape(value), f"{where}: the derivative of output {place} has shape {np.shape(tangent)}, the output {np.shape(value)}"
    exact, step, rough = _PRECISION[max((point.dtype.name for point in points), key=lambda name: _PRECISION[name][0])]
    weights = [np.asarray(rng.uniform(0.5, 1.5, np.shape(value)), np.asarray(value).dtype) for value in values]
    _against_gradient(case, inputs, outputs, targets, (steps, tangents, weights), exact, where)
    _against_differences(case, inputs, outputs, chosen, (steps, tangents), (step, rough), where)


def _dot(left: Sequence[Any], right: Sequence[Any]) -> tuple[float, float]:
    """The product of two lists of arrays, and the size of its terms."""
    terms = [np.asarray(a, "float64") * np.asarray(b, "float64") for a, b in zip(left, right, strict=True)]
    return float(sum(term.sum() for term in terms)), float(sum(abs(term).sum() for term in terms))


def _against_gradient(case: OpCase, inputs: Any, outputs: Any, targets: Any, vectors: Any, rtol: float, where: str) -> None:
    from tcore.compile import Mode, function
    from tcore.gradient import grad

    steps, tangents, weights = vectors
    seeds = [output.type() for output in outputs]
    backward = grad(None, targets, known_grads=dict(zip(outputs, seeds, strict=True)), disconnected_inputs="ignore")
    run = function([*inputs, *seeds], backward, mode=Mode("py", "fast_compile"), on_unused_input="ignore")
    gradients = run(*case.values, *weights)
    ahead, size = _dot(weights, tangents)
    back, other = _dot(steps, gradients)
    assert abs(ahead - back) <= rtol * max(size, other, 1e-30), f"{where}: R_op is not the transpose of the gradient, {ahead} instead of {back}"


def _against_differences(case: OpCase, inputs: Any, outputs: Any, chosen: list[int], vectors: Any, precision: Any, where: str) -> None:
    from tcore.compile import Mode, function

    steps, tangents = vectors
    step, rough = precision
    run = function(inputs, outputs, mode=Mode("py", None), on_unused_input="ignore", accept_inplace=True)

    def moved(by: float) -> Any:
        values = [np.array(value) for value in case.values]
        for position, direction in zip(chosen, steps, strict=True):
            values[position] = values[position] + np.asarray(by * direction, values[position].dtype)
        return run(*values)

    for place, (up, down, tangent) in enumerate(zip(moved(step), moved(-step), tangents, strict=True)):
        wanted = (np.asarray(up, "float64") - np.asarray(down, "float64")) / (2 * step)
        scale = max(float(abs(wanted).max(initial=0)), 1.0)
        np.testing.assert_allclose(tangent, wanted, rtol=rough, atol=rough * scale, err_msg=f"{where}: output {place} against finite differences")
