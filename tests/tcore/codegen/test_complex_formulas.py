"""Complex numbers in kernels: the interpreter, a device, and C give NumPy's values; a value is taken apart where something is computed only."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.codegen.building import cast, imag, pair, real, select
from tcore.codegen.expr import Axis, Buffer, Fn, const, extent, load
from tcore.codegen.functions import apply_function
from tcore.codegen.walks import rebuilt

_spec = importlib.util.spec_from_file_location("codegen_graphs", Path(__file__).parent / "graphs.py")
graphs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(graphs)

RNG = np.random.default_rng(3)
V, W = ((RNG.normal(size=7) + 1j * RNG.normal(size=7)) for _ in "vw")
M = RNG.normal(size=(5, 7)) + 1j * RNG.normal(size=(5, 7))


def _cases() -> dict[str, tuple[list[Any], list[Any], list[Any]]]:
    v, w, m, s, n = T.zvector("v"), T.zvector("w"), T.zmatrix("m"), T.cvector("s"), T.lvector("n")
    places = np.array([3, 0, 3, -1, 2, 1, 0])
    return {
        "arithmetic": ([v, w], [v * w - v / w, -v.conj() * 2j, 1 / v], [V, W]),
        "functions": ([v], [T.exp(v), T.log(v), T.sqrt(v), T.sin(v) / T.cosh(v), T.tan(v) - T.tanh(v), T.log1p(v), T.expm1(v)], [V]),
        "inverse functions": ([v], [T.arcsin(v) * T.arccos(v), T.arctan(v) + T.arcsinh(v), T.arccosh(v) - T.arctanh(v)], [V]),
        "powers": ([v, w], [v**w, v**-5, v**2.5, v ** T.floor(T.real(w) * 4)], [V, W]),
        "parts": ([v, w], [abs(v), T.angle(v), T.real(v) * T.imag(w), T.eq(v, w), T.neq(v, v), T.isnan(v)], [V, W]),
        "switch and fill": ([v, w], [T.switch(T.real(v) > 0, v, w), T.switch(v, w, 0), T.zeros_like(v) + 1j], [V, W]),
        "sums": ([m], [m.sum(), m.sum(axis=0), m.sum(axis=1) / 7], [M]),
        "products": ([m], [m.prod(axis=0), T.cumsum(m, axis=1), T.cumprod(m[0])], [M]),
        "places": ([m, n, v], [m[n % 5], T.inc_subtensor(m[n % 5], v), T.set_subtensor(m[1:3], v)], [M, places, V]),
        "joins": ([v, w], [T.concatenate([v, w * 2])[::-1], T.diag(v)], [V, W]),
        "single precision": ([s], [s * s + T.exp(s), abs(s), s.sum()], [V.astype("complex64")]),
    }


@pytest.mark.parametrize("case", sorted(_cases()))
def test_kernels(case: str, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a kernel, and agrees with ``perform``: of the interpreter, of OpenCL, and with the text compiled for CUDA."""
    inputs, outputs, values = _cases()[case]
    rtol = 2e-6 if case == "single precision" else 1e-12
    if backend != "cpu":
        monkeypatch.setattr(graphs, "BACKEND", backend)
        assert not graphs.check(inputs, outputs, values, rtol=rtol).reasons
        return
    wanted = tcore.function(inputs, outputs, mode=tcore.compile.Mode("py", None))(*values)
    for got, right in zip(tcore.function(inputs, outputs)(*values), wanted, strict=True):
        assert got.dtype == right.dtype
        np.testing.assert_allclose(got, right, rtol=rtol, atol=rtol)


INVERSES = ("arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh")
PARTS = (0.0, -0.0, 0.5, 1.0, -1.0, 2.0, -3.0, 1e-30, -1e30, 99.0, 100.0, np.inf, -np.inf, np.nan)


def numbers(dtype: str) -> np.ndarray:
    """All pairs of special parts, and numbers of all sizes by chance."""
    rng = np.random.default_rng(1)
    sizes, parts = 10.0 ** rng.uniform(-20, 20, (2, 500)), rng.normal(size=(2, 500))
    found = np.empty(len(PARTS) ** 2 + 1000, dtype)
    found.real, found.imag = np.hstack([np.reshape(np.meshgrid(PARTS, PARTS), (2, -1)), sizes * np.sign(parts), parts])
    found[-1] = complex(1, np.finfo(found.real.dtype).smallest_subnormal)
    found[-2] = complex(-np.finfo(found.real.dtype).tiny, 1)
    return found


def same(got: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where values are equal, the signs of zeros as well, or both no numbers."""
    return (np.isnan(got) & np.isnan(wanted)) | ((got == wanted) & (np.signbit(got) == np.signbit(wanted)))


@pytest.mark.backends("cpu", "opencl")
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_inverse_functions_everywhere(dtype: str, backend: str) -> None:
    """On both sides of the branch cuts, at infinities, NaN and zeros of both signs: each part within ten units of NumPy's last place."""
    z = numbers(dtype)
    x = T.vector("x", dtype=dtype)
    for name, got in zip(INVERSES, tcore.function([x], [getattr(T, name)(x) for name in INVERSES])(z), strict=True):
        with np.errstate(all="ignore"):
            wanted = getattr(np, name)(z)
            for g, w in ((got.real, wanted.real), (got.imag, wanted.imag)):
                unit = np.maximum(np.spacing(np.abs(w)), np.finfo(w.dtype).tiny)
                bad = ~same(g, w) & ~((np.abs(g - w) <= 10 * unit) & (np.signbit(g) == np.signbit(w)))
                assert not bad.any(), (name, z[bad][:3], got[bad][:3], wanted[bad][:3])


@pytest.mark.backends("cpu", "opencl")
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_powers_everywhere(dtype: str, backend: str) -> None:
    """Whole exponents are products as in NumPy, with its values of infinities; others go through logarithms."""
    part = T.vector(dtype=dtype).real.dtype
    a = numbers(dtype)[: len(PARTS) ** 2]
    base, exponent = (np.ravel(v) for v in np.broadcast_arrays(a[:, None], a))
    kept = ~(np.abs(exponent) > 1e20) | np.isinf(exponent)  # the angle of such a power has no digit
    base, exponent = base[kept], exponent[kept]
    x, y = T.vector("x", dtype=dtype), T.vector("y", dtype=dtype)
    literals = (0, 1, 3, 7, -5, 0.5, 2 + 0.5j)
    f = tcore.function([x, y], [x**y, *(x ** np.array(literal, dtype) for literal in literals)])
    with np.errstate(all="ignore"):
        for given, got in zip((exponent, *literals), f(base, exponent), strict=True):
            given = np.asarray(given, dtype)
            wanted = np.power(base, given)
            close = np.abs(got - wanted) <= np.finfo(part).eps * (20 + 20 * np.abs(given)) * np.abs(wanted)
            alike = [(np.isnan(g) & np.isnan(w)) | (g == w) for g, w in ((got.real, wanted.real), (got.imag, wanted.imag))]
            bad = ~close & ~(alike[0] & alike[1])
            assert not bad.any(), (given if given.ndim == 0 else given[bad][:3], base[bad][:3], got[bad][:3], wanted[bad][:3])


def test_parts_are_found() -> None:
    """What a number was made of is not computed again, and parts that are put together are the number."""
    x = Buffer("x", "complex64", (False,))
    i = Axis.fresh("i", extent(x, 0))
    z = load(x, (i,))
    assert real(pair(real(z), const(2, "float32"))) is real(z)
    assert pair(real(z), imag(z)) is z
    assert cast(cast(z, "complex128"), "complex64").dtype == "complex64"
    assert const(complex(1, -0.0), "complex64") is pair(const(1, "float32"), const(-0.0, "float32"))
    assert const(2 + 3j, "complex128").value == 2 + 3j
    assert real(Fn("real", (z,), "float32")) is real(z)
    assert imag(const(5, "float64")) is const(0, "float64")
    chosen = select(Fn("isnan", (real(z),), "bool"), z, const(0, "complex64"))
    assert chosen.name == "complex", "nothing but parts is chosen between"
    # loads that are replaced by what a node computes leave nothing to take apart
    assert rebuilt(real(z), (pair(const(1, "float32"), real(z)),)) is const(1, "float32")


def test_unknown_functions() -> None:
    """Complex numbers have no order."""
    with pytest.raises(KeyError, match="lt of complex numbers"):
        apply_function("lt", (const(1j, "complex64"), const(2, "complex64")), "bool")


def test_gradient_of_a_complex_graph() -> None:
    """By real and imaginary part, as one number: it is computed in kernels."""
    v = T.zvector("v")
    gradient = T.grad(T.sum(abs(T.exp(v) * v) ** 2), v)
    _, grouping = graphs.grouped([v], [gradient])
    assert not grouping.reasons
    found = tcore.function([v], gradient)(V)
    step = 1e-7

    def cost(x: np.ndarray) -> Any:
        return np.sum(np.abs(np.exp(x) * x) ** 2)

    for k in range(3):
        at = np.eye(7)[k] * step
        numeric = (cost(V + at) - cost(V - at)) / (2 * step) + 1j * (cost(V + 1j * at) - cost(V - 1j * at)) / (2 * step)
        np.testing.assert_allclose(found[k], numeric, rtol=1e-5)


@pytest.mark.parametrize("function", ["exp", "sinh", "cosh", "sin", "cos"])
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_tiny_numbers_times_exponentials_beyond_the_largest(dtype: str, function: str) -> None:
    """``exp(x) sin(y)`` is finite for a tiny ``y`` though ``exp(x)`` is not, and not even its square root: as from numbers of more range."""
    part, wider = (np.dtype("f4"), np.float64) if dtype == "complex64" else (np.dtype("f8"), np.longdouble)
    if np.finfo(wider).maxexp <= 2 * np.finfo(part).maxexp:
        part, wider, dtype = np.dtype("f4"), np.dtype("f8").type, "complex64"  # long double is double here
    info = np.finfo(part)
    large = np.linspace(0.9, 2.1, 301).astype(part) * part.type(np.log(info.max))
    tiny = np.full(large.shape, info.smallest_subnormal * 1000, part)
    turned = function in ("sin", "cos")
    z = np.empty(large.shape, dtype)
    z.real, z.imag = (tiny, large) if turned else (large, tiny)
    v = T.TensorType(dtype, (False,))("v")
    got = tcore.function([v], getattr(T, function)(v))(z)
    size = {"exp": np.exp, "cos": np.sinh, "cosh": np.sinh}.get(function, np.cosh)(large.astype(wider))
    wanted = size * tiny.astype(wider) * (-1 if function == "cos" else 1)
    with np.errstate(over="ignore"):
        wanted = wanted.astype(part)
    np.testing.assert_allclose(got.real if function == "sin" else got.imag, wanted, rtol=8 * info.eps)
