"""Complex numbers in kernels: the interpreter, a device, and C give NumPy's values; a value is taken apart where something is computed only."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.codegen.expr import Axis, Buffer, Fn, cast, const, extent, imag, load, pair, real, select
from tcore.codegen.functions import apply_function

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
    assert real(z).rebuild((pair(const(1, "float32"), real(z)),)) is const(1, "float32")


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
