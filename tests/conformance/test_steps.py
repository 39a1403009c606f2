"""Ops without a lowering give what NumPy gives on every backend: any dtype, length, layout and value."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from conformance_arrays import draws, shapes
from conformance_steps import STEPS, arranged
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

import tcore
import tcore.tensor as T

SEEDS = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@functools.cache
def compiled(position, dtype, backend):
    """The function of a step, compiled once for all drawn arrays."""
    step = STEPS[position]
    inputs = [T.TensorType(kind or dtype, (False,) * len(shape))() for kind, shape in zip(step.kinds, step.shape(1, 1), strict=True)]
    with tcore.config.change_flags(backend=backend):
        return tcore.function(inputs, step.build(*inputs))


@pytest.mark.backends("numpy", "cpu", "opencl")
@pytest.mark.parametrize(("position", "dtype"), [pytest.param(k, dtype, id=f"{step}-{dtype}") for k, step in enumerate(STEPS) for dtype in step.dtypes])
@draws(4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), rng=SEEDS)
def test_step(backend, position, dtype, data, rng):
    """As NumPy, or SciPy; the arguments stay as they are."""
    agree(backend, position, dtype, data, rng)


@pytest.mark.backends("cpu")
@pytest.mark.parametrize("position", [pytest.param(k, id=str(step)) for k, step in enumerate(STEPS)])
@draws(2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), rng=SEEDS)
def test_step_of_any_dtype(backend, position, data, rng):
    """Of those that are not tried each time, too: complex and the other whole numbers."""
    dtype = data.draw(st.sampled_from(STEPS[position].taken))
    for tried in ("numpy", backend):
        agree(tried, position, dtype, data, rng)


@np.errstate(all="ignore")
def agree(backend, position, dtype, data, rng):
    """Fail unless a step gives on ``backend`` what is expected of drawn values."""
    step = STEPS[position]
    lengths = data.draw(shapes(2, largest=step.longest))
    values = [arranged(data, rng, kind or dtype, shape, fill) for kind, shape, fill in zip(step.kinds, step.shape(*lengths), step.fills, strict=True)]
    before = [value.copy() for value in values]
    given_ = ", ".join(f"{value.dtype} {value.shape} by {value.strides}" for value in values)
    for place, (got, wanted) in enumerate(zip(compiled(position, dtype, backend)(*values), step.expected(*before), strict=True)):
        what = f"{step}, output {place}, of {given_}"
        assert np.asarray(got).dtype == wanted.dtype, what
        if not step.rtol or wanted.dtype.kind not in "fc":
            np.testing.assert_array_equal(got, wanted, err_msg=what)
            continue
        unit = step.rtol * np.finfo(wanted.dtype).eps
        size = float(abs(wanted[np.isfinite(wanted)]).max(initial=0.0))
        np.testing.assert_allclose(got, wanted, rtol=unit, atol=unit * max(size, 1.0), err_msg=what)
    for value, old in zip(values, before, strict=True):
        np.testing.assert_array_equal(value, old, err_msg=f"{step} changes its argument, {given_}")
