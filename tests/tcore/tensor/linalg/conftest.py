"""Derivatives of what takes and gives complex matrices, and derivatives in directions, against central differences."""

import numpy as np
import pytest

import tcore.tensor as T

rng = np.random.default_rng(17)


@pytest.fixture
def check_complex_grad(check_grad):
    """``check_complex_grad(f, array)``: derivatives by real and imaginary parts of the argument, of both parts of the result."""

    def check(function, point, **options):
        def of_parts(re, im):
            out = function(re + np.array(1j) * im)
            return T.concatenate([out.real.flatten(), out.imag.flatten()]) if "complex" in out.dtype else out

        check_grad(of_parts, point.real.copy(), point.imag.copy(), **options)

    return check


@pytest.fixture
def check_direction(evaluate):
    """``check_direction(f, *arrays)``: R_op against central differences along random directions."""

    def check(function, *points, eps=1e-6, rtol=1e-5, atol=1e-7):
        xs = [T.TensorType(p.dtype.name, (False,) * p.ndim)() for p in points]
        vs = [x.type() for x in xs]
        directions = [rng.normal(size=p.shape) for p in points]
        outs = function(*xs)
        outs = outs if isinstance(outs, (list, tuple)) else [outs]
        values = {**dict(zip(xs, points, strict=True)), **dict(zip(vs, directions, strict=True))}
        found = evaluate(T.Rop(list(outs), xs, vs), values)
        sides = [evaluate(list(outs), {x: p + sign * eps * d for x, p, d in zip(xs, points, directions, strict=True)}) for sign in (1, -1)]
        for got, up, down in zip(found, *sides, strict=True):
            np.testing.assert_allclose(got, (up - down) / (2 * eps), rtol=rtol, atol=atol)

    return check
