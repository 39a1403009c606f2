"""Random operands for graphs: shapes, broadcast patterns, dtypes and values, the special ones included."""

from __future__ import annotations

import numpy as np

import tcore.tensor as T
from tcore.graph import Constant, FunctionGraph

FLOATS = ("float64", "float32")
SIGNED = ("int64", "int8")
UNSIGNED = ("uint8",)
COMPLEX = ("complex128",)
KINDS = {
    "float": FLOATS,
    "real": (*FLOATS, *SIGNED, *UNSIGNED),
    "number": (*FLOATS, *SIGNED, *UNSIGNED, *COMPLEX),
    "int": (*SIGNED, *UNSIGNED),
    "discrete": (*SIGNED, *UNSIGNED, "bool"),
    "inexact": (*FLOATS, *COMPLEX),
    "complex": COMPLEX,
    "bool": ("bool",),
    "any": (*FLOATS, *SIGNED, *UNSIGNED, *COMPLEX, "bool"),
}
TAME = (1.0, -1.0, 0.5, 2.0, -3.5, 0.25, 1.75, -0.125)
SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0)


class Drawing:
    """One random choice of everything that a template leaves open.

    Parameters
    ----------
    seed : int
    values : {"tame", "special", "extreme"}
        Ordinary numbers; or NaN, infinities and zeros of both signs, too; or also numbers that overflow and underflow.
    """

    def __init__(self, seed, values="tame", max_ndim=3):
        self.rng = np.random.default_rng(seed)
        self.values = values
        self.inputs: list = []
        self.data: list = []
        ndim = int(self.rng.integers(0, max_ndim + 1))
        self.shape = tuple(int(n) for n in self.rng.choice([0, 1, 2, 3], size=ndim, p=[0.1, 0.2, 0.3, 0.4]))
        self.flags = tuple(length == 1 and bool(self.rng.random() < 0.5) for length in self.shape)

    # ------------------------------------------------------------ choices

    def choice(self, options):
        return options[int(self.rng.integers(len(options)))]

    def dtype(self, kind):
        return self.choice(KINDS.get(kind, (kind,)))

    def array(self, dtype, shape):
        """Values of a dtype, from the pool."""
        dtype = np.dtype(dtype)
        if dtype.kind == "b":
            return self.rng.random(shape) < 0.5
        if dtype.kind in "iu":
            info = np.iinfo(dtype)
            pool = [0, 1, 2, 3, 5, *([-1, -4] if dtype.kind == "i" else []), *([info.min, info.max] if self.values != "tame" else [])]
            return self.rng.choice(np.array(pool, dtype), size=shape)
        if dtype.kind == "c":
            part = "float64" if dtype.itemsize == 16 else "float32"
            result = np.empty(shape, dtype)
            # not real + 1j * imaginary, which makes NaN of an infinity
            result.real, result.imag = self.array(part, shape), self.array(part, shape)
            return result
        pool = [*TAME]
        if self.values != "tame":
            pool += SPECIAL
        if self.values == "extreme":
            info = np.finfo(dtype)
            pool += [info.max / 2, -info.max, info.tiny / 8, -info.smallest_subnormal, 1e3]
        return self.rng.choice(np.array(pool, dtype), size=shape)

    # ------------------------------------------------------------ operands

    def add(self, dtype, flags, data):
        variable = T.TensorType(dtype, flags)(f"x{len(self.inputs)}")
        self.inputs.append(variable)
        self.data.append(np.asarray(data, dtype))
        return variable

    def full(self, kind="float"):
        """An input of the common shape."""
        dtype = self.dtype(kind)
        return self.add(dtype, self.flags, self.array(dtype, self.shape))

    def x(self, kind="float"):
        """An input that broadcasts to the common shape: fewer axes, and some of length 1."""
        dtype = self.dtype(kind)
        if self.rng.random() < 0.5:
            return self.add(dtype, self.flags, self.array(dtype, self.shape))
        skipped = int(self.rng.integers(0, len(self.shape) + 1))
        shape, flags = list(self.shape[skipped:]), list(self.flags[skipped:])
        for axis in range(len(shape)):
            if self.rng.random() < 0.3:
                shape[axis], flags[axis] = 1, True
        return self.add(dtype, flags, self.array(dtype, shape))

    def scalar(self, kind="float"):
        dtype = self.dtype(kind)
        return self.add(dtype, (), self.array(dtype, ()))

    def vector(self, kind="float", length=None):
        dtype = self.dtype(kind)
        length = int(self.rng.integers(0, 4)) if length is None else length
        return self.add(dtype, (False,), self.array(dtype, (length,)))

    def matrix(self, kind="float", rows=None, columns=None, flags=(False, False)):
        dtype = self.dtype(kind)
        shape = [int(self.rng.integers(0, 4)) if n is None else n for n in (rows, columns)]
        shape = tuple(1 if flag else n for flag, n in zip(flags, shape, strict=True))
        return self.add(dtype, flags, self.array(dtype, shape))

    def length(self, value):
        """An int64 scalar input of this value."""
        return self.add("int64", (), np.array(value))

    def const(self, value, like):
        """A constant of the dtype of ``like``: 0-d, or with axes of length 1, or as large as the common shape."""
        form = self.choice(("0-d", "ones", "full"))
        shape = {"0-d": (), "ones": (1,) * len(self.shape), "full": self.shape}[form]
        if 0 in shape:
            shape = ()
        return T.constant(np.full(shape, value, like.dtype))

    def axes(self, ndim=None):
        """Axes to reduce: None, or a tuple."""
        ndim = len(self.shape) if ndim is None else ndim
        if self.rng.random() < 0.3:
            return None
        return tuple(axis for axis in range(ndim) if self.rng.random() < 0.6)


def compute(graph, data):
    """The outputs of a FunctionGraph, node by node with ``perform`` alone."""
    values = {}
    for variable, value in zip(graph.inputs, data, strict=True):
        values[variable] = value.copy()

    def value_of(variable):
        return variable.data if isinstance(variable, Constant) and variable not in values else values[variable]

    with np.errstate(all="ignore"):
        for node in graph.toposort():
            storage = [[None] for _ in node.outputs]
            node.op.perform(node, [value_of(v) for v in node.inputs], storage)
            values.update({v: cell[0] for v, cell in zip(node.outputs, storage, strict=True)})
    return [np.array(value_of(v)) for v in graph.outputs]


def graph_of(inputs, outputs):
    return FunctionGraph(inputs, outputs, clone=True)


def precision_of(*graphs):
    """The dtype of the coarsest floats that graphs compute with."""
    dtypes = {np.dtype(v.type.dtype) for graph in graphs for v in graph.variables if hasattr(v.type, "dtype")}
    return np.float32 if np.dtype("float32") in dtypes else np.float64


def assert_same(found, wanted, exact, precision, loose=False):
    """Equal dtypes, shapes and values.

    ``exact``: NaN, infinities and zeros of either sign in the same places, other numbers up to rounding. Otherwise only where
    ``wanted`` is finite. ``loose``: sums may cancel to another small number.
    """
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    if found.dtype.kind not in "fc":
        np.testing.assert_array_equal(found, wanted)
        return
    info = np.finfo(precision)
    rtol, atol = 64 * info.eps, 4 * float(info.smallest_subnormal)
    if loose:
        rtol, atol = 512 * info.eps, 512 * float(info.eps)
    if found.dtype.kind == "c":
        nan = np.isnan(wanted)
        if exact:
            np.testing.assert_array_equal(np.isnan(found), nan, err_msg="NaN")
        keep = ~nan if exact else np.isfinite(wanted)
        for part in (np.real, np.imag):
            _close(part(found)[keep], part(wanted)[keep], False, rtol, max(atol, float(info.eps)))
        return
    if not exact:
        keep = np.isfinite(wanted)
        _close(found[keep], wanted[keep], False, rtol, atol)
        return
    _close(found, wanted, True, rtol, atol)


def _close(found, wanted, signs, rtol, atol):
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted), err_msg="NaN")
    infinite = np.isinf(wanted)
    np.testing.assert_array_equal(np.where(np.isinf(found), found, 0), np.where(infinite, wanted, 0), err_msg="infinities")
    if signs:
        both = (found == 0) & (wanted == 0)
        np.testing.assert_array_equal(np.signbit(found)[both], np.signbit(wanted)[both], err_msg="signs of zeros")
    finite = np.isfinite(wanted)
    np.testing.assert_allclose(found[finite], wanted[finite], rtol=rtol, atol=atol)
