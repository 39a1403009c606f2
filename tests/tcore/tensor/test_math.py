"""Elementwise functions: agreement with NumPy and SciPy, gradients, dtypes, shapes, texts."""

import numpy as np
import pytest
import scipy.special

import tcore
import tcore.tensor as T
from tcore.configuration import config

rng = np.random.default_rng(3)


def interval(low, high):
    return lambda shape: rng.uniform(low, high, size=shape)


ANY = interval(-2.5, 2.5)
POSITIVE = interval(0.2, 3.0)
UNIT = interval(-0.9, 0.9)
ABOVE_ONE = interval(1.1, 3.0)

UNARY = {
    "abs_": (np.abs, ANY),
    "neg": (np.negative, ANY),
    "sgn": (np.sign, ANY),
    "inv": (np.reciprocal, POSITIVE),
    "sqr": (np.square, ANY),
    "sqrt": (np.sqrt, POSITIVE),
    "exp": (np.exp, ANY),
    "exp2": (np.exp2, ANY),
    "expm1": (np.expm1, ANY),
    "cbrt": (np.cbrt, POSITIVE),
    "log": (np.log, POSITIVE),
    "log2": (np.log2, POSITIVE),
    "log10": (np.log10, POSITIVE),
    "log1p": (np.log1p, POSITIVE),
    "sin": (np.sin, ANY),
    "cos": (np.cos, ANY),
    "tan": (np.tan, UNIT),
    "arcsin": (np.arcsin, UNIT),
    "arccos": (np.arccos, UNIT),
    "arctan": (np.arctan, ANY),
    "sinh": (np.sinh, ANY),
    "cosh": (np.cosh, ANY),
    "tanh": (np.tanh, ANY),
    "arcsinh": (np.arcsinh, ANY),
    "arccosh": (np.arccosh, ABOVE_ONE),
    "arctanh": (np.arctanh, UNIT),
    "deg2rad": (np.deg2rad, ANY),
    "rad2deg": (np.rad2deg, ANY),
    "ceil": (np.ceil, ANY),
    "floor": (np.floor, ANY),
    "trunc": (np.trunc, ANY),
    "round": (np.round, ANY),
    "erf": (scipy.special.erf, ANY),
    "erfc": (scipy.special.erfc, ANY),
    "erfcx": (scipy.special.erfcx, ANY),
    "erfinv": (scipy.special.erfinv, UNIT),
    "erfcinv": (scipy.special.erfcinv, interval(0.1, 1.9)),
    "gamma": (scipy.special.gamma, POSITIVE),
    "gammaln": (scipy.special.gammaln, POSITIVE),
    "psi": (scipy.special.psi, POSITIVE),
    "tri_gamma": (lambda x: scipy.special.polygamma(1, x), POSITIVE),
    "j0": (scipy.special.j0, ANY),
    "j1": (scipy.special.j1, ANY),
    "i0": (scipy.special.i0, ANY),
    "i1": (scipy.special.i1, ANY),
    "sigmoid": (scipy.special.expit, ANY),
    "softplus": (lambda x: np.logaddexp(0, x), ANY),
    "identity": (np.array, ANY),
    "real": (np.real, ANY),
    "conj": (np.conj, ANY),
}
BINARY = {
    "add": (np.add, ANY),
    "sub": (np.subtract, ANY),
    "mul": (np.multiply, ANY),
    "true_div": (np.true_divide, POSITIVE),
    "int_div": (np.floor_divide, POSITIVE),
    "mod": (np.mod, POSITIVE),
    "pow": (np.power, POSITIVE),
    "maximum": (np.maximum, ANY),
    "minimum": (np.minimum, ANY),
    "arctan2": (np.arctan2, POSITIVE),
    "hypot": (np.hypot, POSITIVE),
    "logaddexp": (np.logaddexp, ANY),
    "copysign": (np.copysign, POSITIVE),
}


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0, 3)])
@pytest.mark.parametrize("name", UNARY)
def test_unary_values(name, shape, evaluate, check_shape):
    """Each function of one argument gives NumPy's values, for any number of axes and for no elements."""
    expected, domain = UNARY[name]
    x = T.TensorType("float64", (False,) * len(shape))("x")
    value = np.asarray(domain(shape))
    out = getattr(T, name)(x)
    assert out.type == x.type
    computed = evaluate(out, {x: value}) if out is not x else value
    np.testing.assert_allclose(computed, expected(value), rtol=1e-13)
    if out is not x:
        check_shape(out, {x: value})


@pytest.mark.parametrize("name", UNARY)
def test_unary_gradients(name, check_grad):
    """Each function of one argument differentiates as finite differences say."""
    function, (_, domain) = getattr(T, name), UNARY[name]
    check_grad(function, domain((2, 3)))


@pytest.mark.parametrize("name", BINARY)
def test_binary_values_and_gradients(name, evaluate, check_grad, check_shape):
    """Functions of two arguments broadcast where the pattern says so; the gradient sums over broadcast axes."""
    expected, domain = BINARY[name]
    function = getattr(T, name)
    x, y = T.dmatrix("x"), T.drow("y")
    a, b = domain((2, 3)), domain((1, 3))
    out = function(x, y)
    np.testing.assert_allclose(evaluate(out, {x: a, y: b}), expected(a, b), rtol=1e-14)
    check_shape(out, {x: a, y: b})
    check_grad(function, a, b, flags=[(False, False), (True, False)])
    check_grad(function, domain(()), domain(()))
    check_grad(function, domain((3,)), domain(()))


@pytest.mark.parametrize("name", ["sin", "exp", "sqrt", "gammaln", "sigmoid", "softplus", "erf", "true_div"])
@pytest.mark.parametrize("floatX", ["float32", "float64"])
@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "int32", "int64", "float16", "float32", "float64"])
def test_float_functions_of_every_dtype(name, dtype, floatX, evaluate):
    """Small integers are computed in float32, large ones in float64; floats keep their dtype; a quotient is floatX."""
    with config.change_flags(floatX=floatX):
        x = T.vector("x", dtype=dtype)
        out = getattr(T, name)(x, x) if name == "true_div" else getattr(T, name)(x)
        small = {"bool": "float32", "int8": "float32", "uint8": "float32", "int16": "float32"}
        wanted = small.get(dtype, "float64" if dtype.startswith("int") else dtype)
        if name == "true_div" and not dtype.startswith("float"):
            wanted = floatX
        assert out.dtype == wanted
        value = np.array([1, 1], dtype)
        assert evaluate(out, {x: value}).dtype == wanted


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (lambda b, i: b + b, "bool"),
        (lambda b, i: b * b, "bool"),
        (lambda b, i: b * 1, "int8"),
        (lambda b, i: ~b, "bool"),
        (lambda b, i: b & b, "bool"),
        (lambda b, i: i // 2, "int32"),
        (lambda b, i: i % 2, "int32"),
        (lambda b, i: i**2, "int32"),
        (lambda b, i: abs(i), "int32"),
        (lambda b, i: i * 3.5, "float64"),
        (lambda b, i: i > 2, "bool"),
        (lambda b, i: T.switch(b, i, 2.5), "float64"),
        (lambda b, i: T.ceil(i), "int32"),
        (lambda b, i: T.clip(i, 0, 1), "int32"),
    ],
)
def test_result_dtypes(expression, expected):
    """The dtypes of operations on bools and integers."""
    assert expression(T.vector(dtype="bool"), T.ivector()).dtype == expected


@pytest.mark.parametrize(
    "expression",
    [
        lambda b, x, z: -b,
        lambda b, x, z: b - b,
        lambda b, x, z: x & x,
        lambda b, x, z: ~x,
        lambda b, x, z: z < z,
        lambda b, x, z: T.maximum(z, z),
        lambda b, x, z: z // z,
        lambda b, x, z: T.ceil(z),
        lambda b, x, z: T.cast(z, "float64"),
        lambda b, x, z: T.arctan2(z, z),
        lambda b, x, z: T.add(x, T.dmatrix),
        lambda b, x, z: x + True,
    ],
)
def test_refused_at_build_time(expression):
    """Operations without a meaning for a dtype are a TypeError where they are written."""
    with pytest.raises(TypeError):
        expression(T.vector(dtype="bool"), T.dvector(), T.zvector())


def test_special_values(evaluate):
    """NaN and infinity go through as in NumPy."""
    x, y = T.dvectors("x", "y")
    a = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, np.nan])
    b = np.array([1.0, np.inf, 2.0, 0.0, 0.0, np.nan, np.nan])
    with np.errstate(all="ignore"):
        for name in ("add", "sub", "mul", "true_div", "maximum", "minimum", "mod", "int_div", "pow"):
            expected, _ = BINARY[name]
            np.testing.assert_array_equal(evaluate(getattr(T, name)(x, y), {x: a, y: b}), expected(a, b))
        for name in ("isnan", "isinf", "sgn", "sqrt", "log", "exp", "abs_", "floor", "round"):
            expected = {"sgn": np.sign, "abs_": np.abs}.get(name) or getattr(np, name)
            np.testing.assert_array_equal(evaluate(getattr(T, name)(x), {x: a}), expected(a))
    np.testing.assert_array_equal(evaluate(T.sigmoid(x), {x: np.array([-1e3, 1e3, np.nan])}), [0, 1, np.nan])
    np.testing.assert_array_equal(evaluate(T.softplus(x), {x: np.array([-1e3, 1e3, np.inf])}), [0, 1e3, np.inf])


def test_integer_division_and_remainder(evaluate):
    """Quotients round down, remainders have the sign of the divisor, and division by zero gives 0."""
    x, y = T.ivectors("x", "y")
    a, b = np.array([7, -7, 7, -7, 5], "int32"), np.array([2, 2, -2, -2, 0], "int32")
    np.testing.assert_array_equal(evaluate(x // y, {x: a, y: b}), [3, -4, -4, 3, 0])
    np.testing.assert_array_equal(evaluate(x % y, {x: a, y: b}), [1, 1, -1, -1, 0])
    quotient, remainder = T.divmod(x, y)
    np.testing.assert_array_equal(evaluate(quotient, {x: a, y: b}), [3, -4, -4, 3, 0])
    np.testing.assert_array_equal(evaluate(remainder, {x: a, y: b}), [1, 1, -1, -1, 0])
    np.testing.assert_array_equal(evaluate(T.ceil_intdiv(x, y), {x: a, y: np.abs(b) + 1}), [3, -2, 3, -2, 5])


def test_integers_wrap(evaluate):
    """Sums and products of small integers wrap around."""
    x = T.bvector("x")
    a = np.array([127, -128, 100], "int8")
    np.testing.assert_array_equal(evaluate(x + 1, {x: a}), np.array([-128, -127, 101], "int8"))
    np.testing.assert_array_equal(evaluate(x * 2, {x: a}), np.array([-2, 0, -56], "int8"))
    np.testing.assert_array_equal(evaluate(-x, {x: a}), np.array([-127, -128, -100], "int8"))


def test_n_ary(evaluate, check_grad):
    """Sums and products take any number of operands."""
    x, y, z = T.dvectors("x", "y", "z")
    a, b, c = rng.normal(size=(3, 4))
    np.testing.assert_allclose(evaluate(T.add(x, y, z), {x: a, y: b, z: c}), a + b + c)
    np.testing.assert_allclose(evaluate(T.mul(x, y, z), {x: a, y: b, z: c}), a * b * c)
    check_grad(T.mul, a, b, c)
    check_grad(T.add, a, b, c)


def test_switch_and_clip(evaluate, check_grad):
    """Choices take their gradient where they took their value."""
    x, y = T.dvectors("x", "y")
    a, b = np.array([1.0, -2.0, 3.0]), np.array([0.5, 0.1, 9.0])
    np.testing.assert_array_equal(evaluate(T.switch(x > 0, x, y), {x: a, y: b}), np.where(a > 0, a, b))
    np.testing.assert_array_equal(evaluate(T.where(x, 1, y), {x: a * [1, 0, 1], y: b}), [1, 0.1, 1])
    check_grad(lambda v, w: T.switch(v > 0, v * 2, w), a, b)
    np.testing.assert_array_equal(evaluate(x.clip(-1, 2), {x: a}), [1, -1, 2])
    np.testing.assert_array_equal(evaluate(x.clip(5, 2), {x: a}), np.clip(a, 5, 2))
    check_grad(T.clip, a, np.array([-1.0, -1.0, -1.0]), np.array([2.0, 2.0, 2.0]))


def test_rounding_modes(evaluate):
    """Halves go to the even number by default, away from zero on demand; the mode is checked."""
    x = T.dvector("x")
    a = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 0.49999999999999994])
    np.testing.assert_array_equal(evaluate(x.round(), {x: a}), [0, 2, 2, 0, -2, 0])
    np.testing.assert_array_equal(evaluate(T.round(x, "half_away_from_zero"), {x: a}), [1, 2, 3, -1, -2, 0])
    assert evaluate(T.iround(x), {x: a}).dtype == "int64"
    with pytest.raises(ValueError, match="half_to_even"):
        T.round(x, "up")


def test_casts(evaluate):
    """A cast changes the dtype, and is nothing where there is nothing to change."""
    x = T.dvector("x")
    assert x.astype("float64") is x
    np.testing.assert_array_equal(evaluate(T.cast(x, "int32"), {x: np.array([1.7, -1.7])}), [1, -1])
    assert T.cast(x, "floatX") is x
    assert T.cast(T.ivector(), "bool").dtype == "bool"
    assert str(T.cast(x, "float32").owner.op) == "Elemwise{Cast{float32}}"
    with pytest.raises(TypeError):
        T.cast(x, "float128x")


def test_isclose(evaluate):
    """Closeness is NumPy's, with infinities and NaN."""
    x, y = T.dvectors("x", "y")
    a = np.array([1.0, 1.0, np.inf, np.inf, np.nan, 1e10, np.inf])
    b = np.array([1.0 + 1e-9, 1.1, np.inf, -np.inf, np.nan, 1.00001e10, 1.0])
    np.testing.assert_array_equal(evaluate(T.isclose(x, y), {x: a, y: b}), np.isclose(a, b))
    np.testing.assert_array_equal(evaluate(T.isclose(x, y, equal_nan=True), {x: a, y: b}), np.isclose(a, b, equal_nan=True))
    assert not evaluate(T.allclose(x, y), {x: a, y: b})


def test_complex_parts(evaluate):
    """Parts of complex values, and absolute values that are real."""
    z = T.zvector("z")
    a = rng.normal(size=3) + 1j * rng.normal(size=3)
    for name, expected in (("real", np.real), ("imag", np.imag), ("angle", np.angle), ("abs_", np.abs), ("conj", np.conj)):
        np.testing.assert_allclose(evaluate(getattr(T, name)(z), {z: a}), expected(a))
    x, y = T.dvectors("x", "y")
    np.testing.assert_allclose(evaluate(T.complex(x, y), {x: a.real, y: a.imag}), a)
    np.testing.assert_allclose(evaluate(T.complex_from_polar(x, y), {x: abs(a), y: np.angle(a)}), a)


def test_complex_gradients(check_grad):
    """A real cost through complex values differentiates with respect to its real inputs."""
    a, b = rng.normal(size=(2, 3))

    def through(function):
        return lambda x, y: function(T.complex(x, y)).real * 0.7 + function(T.complex(x, y)).imag * 1.3

    check_grad(lambda x, y: abs(T.complex(x, y)), a, b)
    check_grad(lambda x, y: T.angle(T.complex(x, y)), a, b)
    for function in (T.exp, T.log, T.sin, T.tanh, T.sqr, T.inv, T.conj, lambda z: z * z * (1 + 2j), lambda z: (1 + z) / z):
        check_grad(through(function), a, b)


def test_dimension_mismatch(evaluate):
    """Lengths that differ are an error that names both, also where one of them is 1 without a flag."""
    x, y = T.dmatrices("x", "y")
    with pytest.raises(ValueError, match=r"Input dimension mis-match. \(input\[0\].shape\[0\] = 3, input\[1\].shape\[0\] = 5\)"):
        evaluate(x * y, {x: np.zeros((3, 4)), y: np.zeros((5, 5))})
    with pytest.raises(ValueError, match="mis-match"):
        evaluate(x * y, {x: np.zeros((3, 4)), y: np.zeros((1, 4))})


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (lambda x, y: x + y, "Elemwise{add,no_inplace}"),
        (lambda x, y: x // y, "Elemwise{int_div,no_inplace}"),
        (lambda x, y: -x, "Elemwise{neg,no_inplace}"),
        (lambda x, y: abs(x), "Elemwise{abs_,no_inplace}"),
        (lambda x, y: x < y, "Elemwise{lt,no_inplace}"),
        (lambda x, y: T.exp(x), "Elemwise{exp,no_inplace}"),
        (lambda x, y: T.round(x), "Elemwise{round_half_to_even,no_inplace}"),
        (T.fill, "Elemwise{second,no_inplace}"),
        (lambda x, y: x.copy(), "Elemwise{identity}"),
        (lambda x, y: T.sigmoid(x), "sigmoid"),
        (lambda x, y: T.softplus(x), "softplus"),
    ],
)
def test_texts(expression, text):
    """Ops print as documented."""
    assert str(expression(*T.dmatrices("x", "y")).owner.op) == text


def test_gradient_text(gradient):
    """Ops made inside a gradient carry no suffix, and constants stay as they were written."""
    x = T.dscalar("x")
    (g,) = gradient(x**2, [x])
    ops = {str(node.op) for node in _nodes(g)}
    assert ops == {"Elemwise{mul}", "Elemwise{sub}", "Elemwise{pow}"}


def _nodes(variable):
    found, stack = set(), [variable.owner]
    while stack:
        node = stack.pop()
        if node is not None and node not in found:
            found.add(node)
            stack.extend(v.owner for v in node.inputs)
    return found


def test_questions_about_whole_numbers(evaluate):
    """Integers and truth values are neither NaN nor infinite, and close to what they equal."""
    k, b = T.lvector("k"), T.vector("b", dtype="bool")
    values = {k: np.array([0, 1, 2]), b: np.array([True, False, True])}
    for variable in (k, b):
        for question in (T.isnan, T.isinf):
            result = evaluate(question(variable), values)
            assert result.dtype == "bool"
            assert not result.any()
    np.testing.assert_array_equal(evaluate(T.isclose(b, k), values), [False, False, False])
    np.testing.assert_array_equal(evaluate(T.isclose(b, b), values), [True, True, True])


def test_around_of_complex_numbers():
    """Real and imaginary parts each."""
    z = T.zvector()
    a = np.array([1.25 - 2.75j, 0.5 + 1.5j])
    found = tcore.function([z], [T.around(z), T.around(z, 1), np.rint(z), np.round(z, -1)], mode="FAST_COMPILE")(a)
    for got, wanted in zip(found, [np.round(a), np.round(a, 1), np.rint(a), np.round(a, -1)], strict=True):
        np.testing.assert_array_equal(got, wanted)
