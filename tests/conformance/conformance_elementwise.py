"""Programs of every scalar op: on arrays and on numbers, of one dtype and of two."""

from __future__ import annotations

import functools
import math

import numpy as np
from conformance_arrays import DTYPES
from conformance_programs import Program, tensor

import tcore.tensor as T
from tcore import scalar
from tcore.codegen.functions import FUNCTIONS
from tcore.scalar.normal_quantile import normal_quantile
from tcore.scalar.op import ScalarOp
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.scalars import ScalarFromTensor, TensorFromScalar

__all__ = ["SCALAR_OPS", "casts", "complex_product", "elementwise", "function_tolerance", "mixed", "on_numbers", "powers", "tolerance"]

SCALAR_OPS = tuple({id(op): op for op in (*(getattr(scalar, name) for name in dir(scalar)), normal_quantile) if isinstance(op, ScalarOp)}.values())
"""Every scalar op that is an instance in ``tcore.scalar``; the others take parameters."""

_TRANSCENDENTAL = 8
_CLOSE = 6
"""libmvec's functions are within 4 ulps of the true value, those of NumPy, SciPy and glibc within 1 or 2."""
_ULPS = {"deg2rad": 2, "rad2deg": 2, "softplus": 8, "sigmoid": 6, "logaddexp": 8, "tgamma": 12, "lgamma": 12}
_UNSIGNED_ZEROS = frozenset(["maximum", "minimum", "clip", "tgamma", "logaddexp"])
"""Which of 0.0 and -0.0 is the larger, NumPy leaves to the processor; the sign of gamma where it vanishes, to the library; that of a small difference, to rounding."""


def tolerance(op, dtype, operands=()):
    """Of a scalar op with results of ``dtype``, and operands of those dtypes."""
    if any(each.startswith("complex") for each in (dtype, *operands)):
        return complex_tolerance(op.loop_name, dtype)
    return function_tolerance(op.loop_name, dtype)


def function_tolerance(name, dtype):
    """Of a function of the loop IR, or of a formula."""
    zeros = {"zero_signs": name not in _UNSIGNED_ZEROS}
    if name == "fma":
        return {"ulps": 1, "near": lambda x, y, z: np.abs(np.asarray(x, "longdouble") * y) * 2.0**-60, "zero_signs": False, "expected": _fma}
    if np.dtype(dtype).kind != "f" or (name not in _ULPS and not _is_library_call(name)):
        return zeros
    # some are 0 where they should be subnormal
    near = _near_gammaln if name == "lgamma" else functools.partial(_near_logaddexp, dtype) if name == "logaddexp" else float(np.finfo(dtype).tiny) if name in ("erfc", "tgamma", "exp2") else 0.0
    reference = {"erfc": _erfc, "pow": _power}.get(name) if dtype != "float16" else None
    expected = {"expected": functools.partial(reference, dtype=dtype)} if reference else {}
    return {"ulps": _ULPS.get(name, _CLOSE), "near": near, **zeros, **expected}


_CALLS_FOR_PARTS = frozenset(["abs", "angle", "sqrt", "complex_from_polar"])
"""Functions that call the mathematics library for complex numbers only."""


def complex_tolerance(name, dtype):
    """Of a function of complex numbers, by parts. The logarithm is a small difference near the unit circle, as is what is taken from it."""
    exact = {"mul": complex_product, "sqr": lambda x, *others: complex_product(x, x)}
    if name in exact:  # NumPy's own may be fused: it depends on the machine
        return {"expected": lambda *values: exact[name](*(value.astype(dtype) for value in values))}
    if np.dtype(dtype).kind not in "fc":
        return {}
    eps = float(np.finfo(dtype).eps)
    near = {"log": 2, "log2": 4, "log10": 2, "log1p": 2}.get(name, 0) * eps
    if name == "expm1":
        near = functools.partial(_near_expm1, dtype)
    if name == "pow":
        return {"ulps": 10, "near": functools.partial(_near_power, dtype), "zero_signs": False}
    return {"ulps": 10, "near": near} if _is_library_call(name) or name in _CALLS_FOR_PARTS else {}


def complex_product(first, *others):
    """By NumPy's formula, each operation rounded."""
    with np.errstate(all="ignore"):
        for other in others:
            shape = np.broadcast_shapes(first.shape, other.shape)
            made = np.empty(shape, first.dtype)
            made.real, made.imag = first.real * other.real - first.imag * other.imag, first.real * other.imag + first.imag * other.real
            first = made
    return first


def _near_expm1(dtype, x, *others):
    x = x.astype(dtype)
    with np.errstate(all="ignore"):
        terms = np.abs(np.expm1(x.real) * np.cos(x.imag)) + 2 * np.sin(x.imag / 2) ** 2
    return np.where(np.isfinite(terms), terms, 0) * np.finfo(dtype).eps * 8


def _near_power(dtype, x, y, *others):
    """What the last digit of the logarithm, times the exponent, leaves of the power: nothing where that is an angle."""
    x, y = x.astype(dtype), y.astype(dtype)
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        lost = info.eps * (20 + 8 * np.abs(y) * (4 + np.abs(np.log(np.abs(x)))))
        near = np.where(lost > 0.1, np.inf, lost * np.abs(np.power(x, y)) + info.tiny)
    return np.where(np.isfinite(x) & np.isfinite(y) & (x != 0), near, 0)


def _is_library_call(name):
    """Whether it costs as much as an exponential: what is cheaper is exact."""
    return name in FUNCTIONS and FUNCTIONS[name].cost >= _TRANSCENDENTAL


def _erfc(x, *others, dtype):
    """By the C library: the square of x that SciPy's takes is rounded."""
    return np.asarray(np.frompyfunc(math.erfc, 1, 1)(x.astype("float64"))).astype(dtype)


def _near_gammaln(x, *others):
    """Near its zeros it is a small difference; of subnormal numbers, SciPy says infinity."""
    info = np.finfo(scalar.dtypes.as_float(x.dtype.name))
    return np.where((x != 0) & (np.abs(x) < info.tiny), np.inf, info.eps * 8)


def _near_logaddexp(dtype, x, y, *others):
    """Where the logarithm of the sum is near 0, it is a small difference."""
    with np.errstate(all="ignore"):
        larger = np.maximum(np.abs(x.astype(dtype)), np.abs(y.astype(dtype)))
    return np.where(np.isfinite(larger), larger + 1, 1) * np.finfo(dtype).eps * 4


def _fma(x, y, z):
    """In more digits."""
    return (np.asarray(x, "longdouble") * y + z).astype(x.dtype)


def _power(x, y, *others, dtype):
    """With exponents that differ: for one alone NumPy may take a root, where -inf and -0.0 have others than powers."""
    shape = np.broadcast_shapes(x.shape, y.shape)
    base, exponent = (np.append(np.broadcast_to(each, shape), [1, 2]).astype(dtype) for each in (x, y))
    return np.power(base, exponent)[:-2].reshape(shape)


def _add(program, op, operands, apply):
    try:
        output = apply(op, operands)
    except TypeError:
        return  # the op does not take this dtype
    found = tolerance(op, output.type.dtype, [each.type.dtype for each in operands])
    if "expected" in found:  # of the operands, which may be fewer than the inputs, or one of them again
        places = [program.inputs.index(each) if each in program.inputs else place for place, each in enumerate(operands)]
        found["expected"] = functools.partial(_of_operands, found["expected"], places)
    program.add(output, **found)


def _of_operands(expected, places, *values):
    return expected(*(values[place] for place in places))


def _operands(op, variables):
    return variables[: op.nin if op.nin > 0 else 3]


def _whole_power(op, operands):
    """Integers to powers that are variables run in Python."""
    return isinstance(op, scalar.Pow) and all(v.type.dtype in scalar.discrete_dtypes for v in operands)


def _in_kernels(op):
    return bool(op.loop_name)


@functools.cache
def elementwise(dtype, ndim, flags=()):
    """Every op on arrays of one dtype; the second operand has the broadcast marks ``flags``."""
    x, y, z = tensor(dtype, ndim), tensor(dtype, flags or ndim), tensor(dtype, ndim)
    program = Program([x, y, z])
    for op in filter(_in_kernels, SCALAR_OPS):
        if not _whole_power(op, [x, y]):
            _add(program, op, _operands(op, [x, y, z]), lambda op, operands: Elemwise(op)(*operands))
    a, b = scalar.get_scalar_type(dtype)("a"), scalar.get_scalar_type(dtype)("b")
    if dtype != "bool":  # several results and constants in one kernel
        total = scalar.add(a, b, scalar.constant(2, dtype=dtype))
        product, difference = Elemwise(scalar.Composite([a, b], [scalar.mul(total, b), scalar.sub(total, a)]))(x, y)
        exact = {"expected": lambda x, y, z: complex_product(x + y + 2, y)} if dtype.startswith("complex") else {}
        program.add(product, **exact).add(difference)
    return program


@functools.cache
def mixed(left, right, ndim=1):
    """Every op of two operands, of two dtypes; and those of three."""
    x, y = tensor(left, ndim), tensor(right, ndim)
    program = Program([x, y])
    for op in filter(_in_kernels, SCALAR_OPS):
        if op.nin != 1 and not _whole_power(op, [x, y]):
            _add(program, op, _operands(op, [x, y, x]), lambda op, operands: Elemwise(op)(*operands))
    return program


@functools.cache
def casts(dtype, ndim):
    """To every dtype."""
    x = tensor(dtype, ndim)
    program = Program([x])
    for target in DTYPES:
        if dtype.startswith("complex") and not target.startswith("complex"):
            continue  # NumPy warns
        program.add(Elemwise(scalar.Cast(scalar.get_scalar_type(target)))(x))
    return program


@functools.cache
def powers(dtype, ndim):
    """Whole numbers to constant powers."""
    x = tensor(dtype, ndim)
    program = Program([x])
    for exponent in (0, 1, 2, 3, 7, 13, 63, 64):
        program.add(Elemwise(scalar.pow)(x, _constant(exponent, dtype, ndim)))
    return program


def _constant(value, dtype, ndim):
    return T.constant(np.full((1,) * ndim, value, dtype))


@functools.cache
def on_numbers(dtype):
    """Every op that no Elemwise wraps."""
    inputs = [tensor(dtype) for _ in "xyz"]
    program = Program(inputs)
    numbers = [ScalarFromTensor()(each) for each in inputs]
    for op in filter(_in_kernels, SCALAR_OPS):
        if not _whole_power(op, inputs[:2]):
            _add(program, op, _operands(op, numbers), lambda op, operands: TensorFromScalar()(op(*operands)))
    return program
