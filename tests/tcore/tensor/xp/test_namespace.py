"""The namespace as a whole: its names, their arguments, and programs that are written for any array library."""

from __future__ import annotations

import inspect
import operator
import subprocess
import sys

import numpy as np
import pytest
from namespaces import A, computed

import tcore
import tcore.tensor as T
from tcore import config
from tcore.tensor import xp

#: arguments of the standard -> the functions that take them; expand_dims takes ``axis`` by place as well, as NumPy's does
SIGNATURES = {
    "x, /": (
        "abs acos acosh asin asinh atan atanh bitwise_invert ceil conj cos cosh exp expm1 floor imag isfinite isinf isnan log log10 log1p log2 "
        "logical_not matrix_transpose negative nonzero positive real reciprocal round sign signbit sin sinh sqrt square tan tanh trunc unique_all "
        "unique_counts unique_inverse unique_values linalg.det linalg.eigh linalg.eigvalsh linalg.inv linalg.matrix_transpose linalg.slogdet "
        "linalg.svdvals"
    ),
    "x1, x2, /": (
        "add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor copysign divide equal floor_divide greater greater_equal "
        "hypot less less_equal logaddexp logical_and logical_or logical_xor matmul maximum minimum multiply nextafter not_equal pow remainder "
        "subtract linalg.matmul linalg.outer linalg.solve"
    ),
    "x, /, *, axis=None, keepdims=False": "all any argmax argmin count_nonzero max mean min",
    "start, /, stop=None, step=1, *, dtype=None, device=None": "arange",
    "x, /, *, axis=-1, descending=False, stable=True": "argsort sort",
    "obj, /, *, dtype=None, device=None, copy=None": "asarray",
    "x, dtype, /, *, copy=True, device=None": "astype",
    "*arrays": "broadcast_arrays",
    "x, /, shape": "broadcast_to",
    "from_, to, /": "can_cast",
    "x, /, min=None, max=None": "clip",
    "arrays, /, *, axis=0": "concat stack",
    "x, /, *, axis=None, dtype=None, include_initial=False": "cumulative_prod cumulative_sum",
    "x, /, *, axis=-1, n=1, prepend=None, append=None": "diff",
    "shape, *, dtype=None, device=None": "empty ones zeros",
    "x, /, *, dtype=None, device=None": "empty_like ones_like zeros_like",
    "x, /, axis=0": "expand_dims",
    "n_rows, n_cols=None, /, *, k=0, dtype=None, device=None": "eye",
    "type, /": "finfo iinfo",
    "x, /, *, axis=None": "flip",
    "x, /, *, device=None, copy=None": "from_dlpack",
    "shape, fill_value, *, dtype=None, device=None": "full",
    "x, /, fill_value, *, dtype=None, device=None": "full_like",
    "dtype, kind": "isdtype",
    "start, stop, /, num, *, dtype=None, device=None, endpoint=True": "linspace",
    "*arrays, indexing='xy'": "meshgrid",
    "x, source, destination, /": "moveaxis",
    "x, /, axes": "permute_dims",
    "x, /, *, axis=None, dtype=None, keepdims=False": "prod sum",
    "x, repeats, /, *, axis=None": "repeat",
    "x, /, shape, *, copy=None": "reshape",
    "*arrays_and_dtypes": "result_type",
    "x, /, shift, *, axis=None": "roll",
    "x1, x2, /, *, side='left', sorter=None": "searchsorted",
    "x, /, axis": "squeeze",
    "x, /, *, axis=None, correction=0.0, keepdims=False": "std var",
    "x, indices, /, *, axis=None": "take",
    "x, indices, /, *, axis=-1": "take_along_axis",
    "x1, x2, /, *, axes=2": "tensordot linalg.tensordot",
    "x, repetitions, /": "tile",
    "x, /, *, k=0": "tril triu",
    "x, /, *, axis=0": "unstack",
    "x1, x2, /, *, axis=-1": "vecdot linalg.cross linalg.vecdot",
    "condition, x1, x2, /": "where",
    "x, /, *, upper=False": "linalg.cholesky",
    "x, /, *, offset=0": "linalg.diagonal",
    "x, /, *, keepdims=False, ord='fro'": "linalg.matrix_norm",
    "x, n, /": "linalg.matrix_power",
    "x, /, *, rtol=None": "linalg.matrix_rank linalg.pinv",
    "x, /, *, mode='reduced'": "linalg.qr",
    "x, /, *, full_matrices=True": "linalg.svd",
    "x, /, *, offset=0, dtype=None": "linalg.trace",
    "x, /, *, axis=None, keepdims=False, ord=2": "linalg.vector_norm",
    "x, /, *, n=None, axis=-1, norm='backward'": "fft.fft fft.hfft fft.ifft fft.ihfft fft.irfft fft.rfft",
    "n, /, *, d=1.0, dtype=None, device=None": "fft.fftfreq fft.rfftfreq",
    "x, /, *, s=None, axes=None, norm='backward'": "fft.fftn fft.ifftn fft.irfftn fft.rfftn",
    "x, /, *, axes=None": "fft.fftshift fft.ifftshift",
}
NAMES = (
    "__array_api_version__ __array_namespace_info__ e inf nan newaxis pi "
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128"
)


@pytest.mark.parametrize("arguments", SIGNATURES)
def test_arguments_of_the_standard(arguments):
    """Each function is there, with the names, the kinds and the defaults of the standard's arguments."""
    for name in SIGNATURES[arguments].split():
        signature = inspect.signature(operator.attrgetter(name)(xp))
        bare = signature.replace(parameters=[each.replace(annotation=each.empty) for each in signature.parameters.values()], return_annotation=signature.empty)
        assert str(bare) == f"({arguments})", name


def test_every_name_of_the_standard():
    """The extensions have no other names than its own."""
    known = " ".join(SIGNATURES.values()).split()
    for home in ("linalg", "fft"):
        assert sorted(getattr(xp, home).__all__) == sorted(name.removeprefix(f"{home}.") for name in known if name.startswith(home))
    for name in NAMES.split():
        assert hasattr(xp, name), name
    assert xp.__array_api_version__ == "2024.12"
    assert xp.exp.__name__ == "exp"
    assert xp.exp.__doc__


def test_namespace_of_variables():
    """Of variables, constants and shared variables; versions that it is not are refused."""
    for x in (T.dvector(), T.constant(A), tcore.shared(A)):
        assert x.__array_namespace__() is xp
        assert x.__array_namespace__(api_version="2024.12") is xp
    with pytest.raises(ValueError, match=r"2024\.12.*'2035\.01'"):
        T.dvector().__array_namespace__(api_version="2035.01")


def test_loaded_when_it_is_asked_for():
    """``import tcore.tensor`` does not load it."""
    program = "import sys, tcore.tensor; print([n for n in sys.modules if n.startswith(('tcore.tensor.xp', 'tcore.tensor.numpy_protocols'))])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_inspection():
    """Capabilities, devices, and dtypes by kind, as NumPy lists them."""
    ours, numpy = xp.__array_namespace_info__(), np.__array_namespace_info__()
    assert ours.capabilities() == numpy.capabilities()
    assert list(ours.devices()) == list(numpy.devices())
    assert ours.default_device() == numpy.default_device()
    for kind in (None, "bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric", ("bool", "integral")):
        assert {name: np.dtype(dtype) for name, dtype in ours.dtypes(kind=kind).items()} == numpy.dtypes(kind=kind)
    with config.change_flags(floatX="float64"):
        assert {kind: np.dtype(dtype) for kind, dtype in ours.default_dtypes().items()} == numpy.default_dtypes()


def test_bad_input():
    """Each message names the function and the argument."""
    x = T.dmatrix("x")
    for call, message in (
        (lambda: xp.unstack(x), "unstack: the length of axis 0 of x is not known"),
        (lambda: xp.unstack(x, axis=2), "unstack: axis 2 does not exist in x with 2 dimensions"),
        (lambda: xp.cumulative_sum(x), "cumulative_sum: x has 2 dimensions, so it needs an axis"),
        (lambda: xp.take(x, [0]), "take: x has 2 dimensions, so it needs an axis"),
        (lambda: xp.meshgrid(x), "meshgrid takes vectors, got x with 2 dimensions"),
        (lambda: xp.meshgrid(x[0], indexing="ji"), "indexing is 'xy' or 'ij', got 'ji'"),
        (lambda: xp.roll(x, (1, 2, 3), axis=(0, 1)), "3 shifts for 2 axes"),
        (lambda: xp.asarray([1, 2], copy=False), "copy=False cannot be had"),
        (lambda: xp.linalg.matrix_norm(x, ord=3), "ord is 'fro', 'nuc', 1"),
        (lambda: xp.linalg.matrix_norm(x[0]), "takes a matrix or a stack of matrices"),
        (lambda: xp.linalg.qr(x, mode="raw"), "mode is 'reduced' or 'complete', got 'raw'"),
        (lambda: xp.linspace(0, 1, num=-1), "linspace: num is an integer and at least 0, got -1"),
        (lambda: xp.fft.fftfreq(0), "fftfreq: n is an integer and at least 1, got 0"),
        (lambda: xp.result_type(), "result_type takes one tensor, dtype or number"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(ValueError, match="cross: vectors have three components"):
        computed(xp.linalg.cross(x, x), (x, A))
    with pytest.raises(np.linalg.LinAlgError, match="slogdet takes a square matrix"):
        computed(list(xp.linalg.slogdet(x)), (x, A))
    n = T.lscalar("n")
    for call, value in ((lambda: xp.linspace(0, 1, n), -1), (lambda: xp.fft.fftfreq(n), 0), (lambda: xp.fft.rfftfreq(n), 0)):
        with pytest.raises(ValueError, match="is an integer and at least"):
            computed(call(), (n, value))
    for call, message in (
        (lambda: xp.sum(x, 0), "positional"),
        (lambda: xp.exp(x, name="e"), "unexpected keyword"),
        (lambda: xp.add(x), "x2"),
        (lambda: xp.add(x, x, x), "positional"),
        (lambda: xp.linspace(0, 1, num=2.0), "linspace: num is an integer and at least 0, got 2.0"),
        (lambda: xp.fft.fftfreq(4.0), "fftfreq: n is an integer and at least 1, got 4.0"),
        (lambda: xp.fft.rfftfreq(T.dscalar("d")), "rfftfreq: n is an integer and at least 1, got d of type"),
    ):
        with pytest.raises(TypeError, match=message):
            call()


def test_a_program_for_any_array_library():
    """The same function on arrays and on variables, differentiated through."""

    def softmax(x):
        xp = x.__array_namespace__()
        shifted = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
        return shifted / xp.sum(shifted, axis=-1, keepdims=True)

    x = T.dmatrix()
    np.testing.assert_allclose(computed(softmax(x), (x, A)), softmax(A))
    assert computed(T.grad(softmax(x)[0, 0], x), (x, A)).shape == A.shape
