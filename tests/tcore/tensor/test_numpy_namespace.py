"""Every function of NumPy's namespaces that a symbolic tensor reaches builds a graph, or says what is wrong and what to do."""

import inspect
import re

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.graph import Variable
from tcore.tensor.numpy_protocols import FUNCTIONS, SIGNATURES_IN_C, UFUNCS

A = np.random.default_rng(7).uniform(0.1, 0.9, size=(3, 3))
NAMES = [(home, name) for home in (np, np.linalg, np.fft) for name in dir(home) if not name.startswith("_")]
DISPATCHED = {f"{home.__name__}.{name}": getattr(home, name) for home, name in NAMES if hasattr(getattr(home, name), "_implementation")}
OF_NUMBERS = {f"numpy.{name}": getattr(np, name) for name in dir(np) if isinstance(getattr(np, name), np.ufunc)}
NEWER = np.lib.NumpyVersion(np.__version__) >= "2.0.0"
#: NumPy 1 has names that NumPy 2 dropped
GONE = "ignore:.*will be removed in NumPy 2.0:DeprecationWarning"
#: what is known of a variable without its value
KNOWN = (np.ndim, np.result_type, np.iscomplexobj, np.isrealobj)
#: what Python and NumPy say of code that was not made for what it got
UNHELPFUL = re.compile(
    r"unsupported operand|has no attribute|not supported between|is not (iterable|callable|subscriptable)|has no len|cannot unpack"
    r"|object array|dtype\('O'\)|^(\w|\.|<|>)+\(\) (got|takes|missing)"
)


def leaves(result):
    return [leaf for part in result for leaf in leaves(part)] if isinstance(result, (tuple, list)) else [result]


def states_its_signature(function):
    """Functions in C do in later versions of NumPy only."""
    try:
        return bool(inspect.signature(function))
    except ValueError:
        return False


def arguments(function, x):
    """A variable wherever a value is needed; alone, and with each option that NumPy has."""
    if not states_its_signature(function):
        return [([x] * number, {}) for number in (1, 2, 3)]
    parameters = inspect.signature(function).parameters.values()
    needed = [p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)]
    options = [] if function is np.where else [p for p in parameters if p.default is not p.empty and p.kind is not p.POSITIONAL_ONLY]  # np.where has none by name
    start = [x] * max(1, len(needed))
    return [(start, {}), *((start, {p.name: value}) for p in options for value in (x, 1, (0, 1)))]


def outcome(call):
    """What a call gave, or its error."""
    try:
        return call()
    except Exception as error:
        return error


def check(name, found, known):
    """Variables, or an error with help."""
    if isinstance(found, Exception):
        text = str(found)
        assert not UNHELPFUL.search(text), f"{name}: {type(found).__name__}: {text}"
        assert known or "has no meaning for tensors of a graph; what there is, is in tcore.tensor" in text or "dispatcher for" in text, f"{name}: {text}"
    else:
        assert known, f"{name} found something to do"
        assert all(isinstance(leaf, Variable) for leaf in leaves(found)), f"{name}: {found!r}"


@pytest.mark.filterwarnings(GONE)
@pytest.mark.parametrize("home", ["numpy", "numpy.linalg", "numpy.fft"])
def test_every_function(home):
    x = T.dmatrix("x")
    for name, function in DISPATCHED.items():
        if name.rpartition(".")[0] != home or function in KNOWN:
            continue
        for args, options in arguments(function, x):
            found = outcome(lambda f=function, a=args, o=options: f(*a, **o))
            if states_its_signature(function) or not re.search("missing . required positional|positional arguments? but", str(found)):  # a wrong guess
                check(f"{name}{options or ''}", found, function in FUNCTIONS)


def test_every_ufunc():
    x, n = T.dmatrix("x"), T.lmatrix("n")
    for name, ufunc in OF_NUMBERS.items():
        for operand in (x, n):
            check(name, outcome(lambda f=ufunc, a=operand: f(*[a] * f.nin)), ufunc in UFUNCS)
            for method in ("reduce", "accumulate", "outer", "reduceat", "at"):
                args = {"outer": (operand, operand), "reduceat": (operand, [0, 1]), "at": (operand, 0, 1)}.get(method, (operand,))
                found = outcome(lambda f=ufunc, m=method, a=args: getattr(f, m)(*a))
                # NumPy itself refuses some: a matter of ufuncs with one operand or two results
                check(f"{name}.{method}", found, ufunc in UFUNCS or isinstance(found, (ValueError, RuntimeError)))


def test_what_is_known_without_values():
    x, z = T.dmatrix(), T.zmatrix()
    assert (np.ndim(x), np.result_type(x, np.float32), np.iscomplexobj(z), np.isrealobj(z)) == (2, np.float64, True, False)


#: arguments by place as NumPy counts them, also behind those that tensors do not take
BY_PLACE = {
    "mean": lambda a: np.mean(a, 0, None, None, True), "sum": lambda a: np.sum(a, 1, None, None, True), "max": lambda a: np.max(a, 1, None, True),
    "std": lambda a: np.std(a, 0, None, None, 1), "var": lambda a: np.var(a, 1, None, None, 1, True), "all": lambda a: np.all(a > 0.2, 0, None, True),
    "argmax": lambda a: np.argmax(a, axis=1, out=None, keepdims=True), "nansum": lambda a: np.nansum(a, 0, None, None, True),
    "quantile": lambda a: np.quantile(a, 0.3, 0, None, False, "lower"), "median": lambda a: np.median(a, 1, None, False, True),
    "take": lambda a: np.take(a, [4, 1], 1, None, "wrap"), "dot": lambda a: np.dot(a, a, None), "clip": lambda a: np.clip(a, 0.3, 0.6, None),
    "concatenate": lambda a: np.concatenate((a, a), 1, None), "empty_like": lambda a: np.empty_like(a, None, "K", True) * 0 + a,
    "names": lambda a: np.sum(a=a, axis=0), "order": lambda a: np.ravel(a, "C"), "device": lambda a: np.zeros_like(a, None, "K", True, None) + 1,
    "trace": lambda a: np.trace(a, 1) + np.trace(a, axis1=1, axis2=0), "angle": lambda a: np.angle(-a, True), "size": lambda a: np.size(a[:2], 1),
    "cumsum": lambda a: np.cumsum(a * 10, 0, np.int64), "cumprod": lambda a: np.cumprod(a, dtype=np.float32), "linspace": lambda a: np.linspace(a[0, 0], 2.0),
    "fft": lambda a: np.abs(np.fft.fft(a, None, 0, None, *[None] * NEWER)), "svd": lambda a: np.linalg.svd(a, True, False, False), "transpose": lambda a: np.transpose(a[0], 0),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_PLACE)
def test_arguments_stand_where_numpy_has_them(name):
    x, call = T.dmatrix("x"), BY_PLACE[name]
    found, wanted = tcore.function([x], call(x), mode="FAST_COMPILE", on_unused_input="ignore")(A), call(A)
    np.testing.assert_allclose(found, wanted, rtol=1e-6 if wanted.dtype == "float32" else 1e-12) if hasattr(wanted, "dtype") else np.testing.assert_equal(int(found), wanted)
    assert found.shape == np.shape(wanted)


@pytest.mark.parametrize("function", SIGNATURES_IN_C)
def test_signatures_in_c_are_those_of_numpy(function):
    """As NumPy states them, in its later versions: names, kinds and defaults."""
    if not states_its_signature(function):
        pytest.skip("this NumPy states none")
    wanted = inspect.signature(function).parameters
    found = SIGNATURES_IN_C[function].parameters
    assert [(p.name, p.kind, p.default) for p in found.values()] == [(p.name, p.kind, p.default) for p in wanted.values()]


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="np.clip has these names from NumPy 2.1 on")
def test_clip_by_the_names_of_the_standard():
    x = T.dmatrix()
    np.testing.assert_array_equal(tcore.function([x], np.clip(x, min=0.3, max=0.6), mode="FAST_COMPILE")(A), A.clip(0.3, 0.6))


REFUSED = {
    "where": (lambda x: np.sum(x, where=A > 0.5), r"np\.sum with tensors of a graph takes \(.*axis.*\): got an unexpected keyword argument 'where'"),
    "initial": (lambda x: np.max(x, initial=3.0), r"np\.max with tensors of a graph takes .*'initial'"),
    "out": (lambda x: np.sum(x, out=np.zeros(())), r"np\.sum: out= cannot be an array or a variable, a graph has no values yet; take the result"),
    "out of a function": (lambda x: np.dot(x, x, np.zeros((3, 3))), r"np\.dot: out= cannot be"),
    "dtype": (lambda x: np.var(x, 0, np.float32), r"np\.var with tensors of a graph takes .*'dtype'"),
    "upper": (lambda x: np.linalg.cholesky(x, upper=True), r"np\.linalg\.cholesky with tensors of a graph takes \(a\)"),
    "tol": (lambda x: np.linalg.matrix_rank(x, tol=0.1), r"np\.linalg\.matrix_rank with tensors of a graph takes \(.*rtol.*\): .*'tol'"),
    "order": (lambda x: np.ravel(x, "F"), r"np\.ravel with tensors of a graph takes \(a\)"),
    "lengths": (lambda x: np.fft.fft2(x, s=4), r"np\.fft\.fftn: s is a sequence with an integer for each axis, got 4"),
    "turn": (lambda x: np.rot90(x, axes=1), r"np\.rot90: axes are two integers, got 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_options_that_tensors_do_not_take(name):
    if name == "upper" and not NEWER:
        pytest.skip("np.linalg.cholesky has the option from NumPy 2 on")
    call, text = REFUSED[name]
    with pytest.raises((TypeError, ValueError), match=text):
        call(T.dmatrix("x"))
