"""The documented ``c_code`` of built-in ops on arrays: users' ops call it, and it agrees with ``perform``."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.graph import Apply, MethodNotDefined, Op
from tcore.graph.c_interface import ask
from tcore.tensor import blas
from tcore.tensor.advanced_incsubtensor import AdvancedIncSubtensor1
from tcore.tensor.advanced_subtensor import AdvancedSubtensor1
from tcore.tensor.alloc import AllocEmpty, Eye, alloc
from tcore.tensor.incsubtensor import IncSubtensor
from tcore.tensor.join import Join, MakeVector, Split
from tcore.tensor.ranges import ARange
from tcore.tensor.scalars import ScalarFromTensor, TensorFromScalar
from tcore_cpu.user_code.modules import objection

pytestmark = pytest.mark.skipif(objection() is not None, reason=str(objection()))


class Own(Op):
    """A user's op around a built-in one: its C code is that of the other, called by the documented interface."""

    __props__ = ("op",)
    _f16_ok = True

    def __init__(self, op):
        self.op = op
        self.view_map, self.destroy_map = dict(op.view_map), dict(op.destroy_map)

    def make_node(self, *inputs):
        inner = self.op.make_node(*inputs)
        return Apply(self, inner.inputs, [v.type() for v in inner.outputs])

    def _inner(self, node):
        return self.op.make_node(*node.inputs)

    def c_code(self, node, name, inputs, outputs, sub):
        return self.op.c_code(self._inner(node), name, inputs, outputs, sub)

    def c_support_code(self):
        return ask(self.op, "c_support_code", default="")

    def c_code_cache_version(self):
        return (self.op.c_code_cache_version(), 1)


def own(expression):
    """The node of an expression, made anew with :class:`Own` in place of its op."""
    node = expression.owner
    return Own(node.op)(*node.inputs, return_list=True)[expression.index]


class Case:
    """An expression of some inputs, values for them, and values that it refuses: (position, value, error, what it says)."""

    def __init__(self, build, *values, refused=(), types=None):
        values = [np.asarray(value) for value in values]
        self.inputs = [T.TensorType(str(v.dtype), (types or {}).get(k, (False,) * v.ndim))() for k, v in enumerate(values)]
        self.plain, self.values, self.refused = build(*self.inputs), values, refused
        self.own = own(self.plain)


RNG = np.random.default_rng(2)
M, V, W = RNG.normal(size=(4, 6)), RNG.normal(size=6), RNG.normal(size=4)
COLUMN = (False, True)
NUMBER = np.float64(0.5)
PAIR = np.array([3, -1])

CASES = {
    "transpose": Case(lambda m: m.T, M[::2, ::-1]),
    "new axes": Case(lambda m: m.dimshuffle("x", 1, "x", 0), M),
    "dropped axis": Case(lambda m: m.dimshuffle(0), M[:, :1], types={0: COLUMN}),
    "0-d to 2-d": Case(lambda s: s.dimshuffle("x", "x"), NUMBER),
    "halves": Case(lambda h: h.dimshuffle(2, 0, 1), np.arange(6, dtype="float16").reshape(1, 2, 3)),
    "row": Case(lambda m, i: m[i], M, -1, refused=[(1, 4, IndexError, "index 4 is out of bounds for axis 0 with size 4")]),
    "element": Case(lambda m, i: m[i, 2], M[:, ::2], 3, refused=[(1, -5, IndexError, "index -5 is out of bounds for axis 0 with size 4")]),
    "columns": Case(lambda m, i: m[:, i], M, np.uint8(5), refused=[(1, np.uint8(6), IndexError, "index 6 is out of bounds for axis 1 with size 6")]),
    "slices": Case(lambda m, i: m[i:0:-2, 1:], M.T[:, ::-1], 4),
    "empty slice": Case(lambda m, i: m[i:, ::2], M, 9),
    "step": Case(lambda t, i: t[::i, :, 1], RNG.normal(size=(2, 3, 4)), -1, refused=[(1, 0, ValueError, "slice step cannot be zero")]),
    "reshape": Case(lambda m, i: m.reshape((i, -1)), M, 3, refused=[(1, 7, ValueError, "cannot reshape|total size")]),
    "reshape of strides": Case(lambda m: m.reshape((12,)), M[::2]),
    "reshape to 0-d": Case(lambda m: m.reshape((), ndim=0), M[:1, :1]),
    "reshape by a vector": Case(lambda m, k: m.reshape(k, ndim=2), M, PAIR, refused=[(1, np.array([3, 4, 2]), ValueError, "as many entries in the shape, got 3")]),
    "set": Case(lambda m, w, i: T.set_subtensor(m[i:, 1], w), M, W[:3], 1,
                refused=[(1, W, ValueError, "cannot set a value of length 4 along axis 0 in a part of length 3")]),
    "increment": Case(lambda m, s: T.inc_subtensor(m[::2, ::-1], s), M.T, NUMBER),
    "increment in place": Case(lambda m, i: IncSubtensor((tcore.scalar.int64,), inplace=True)(T.exp(m), 1.0, i), M, 2),
    "increment of integers": Case(lambda b, i: T.inc_subtensor(b[i], np.int32(5)), np.arange(6, dtype="int32").reshape(2, 3), 1),
    "alloc": Case(lambda v, i: alloc(v, i, 6), V, 3, refused=[
        (0, V[1:], ValueError, "cannot broadcast a value of length 5 along axis 0 to 6"), (1, -2, ValueError, "cannot have -2 elements along axis 0")]),
    "alloc of a number": Case(lambda s, i: alloc(s, i, 0, 2), NUMBER, 3),
    "alloc of nothing": Case(lambda i: AllocEmpty("float64")(i, 0), 3, refused=[(0, -1, ValueError, "cannot have -1 elements")]),
    "vector of scalars": Case(lambda s: MakeVector("float64")(s, s, T.constant(2.0)), NUMBER),
    "join": Case(lambda i, m, f: Join()(i, m, f, m), -1, M, M[:, ::-1].astype("float32"), refused=[
        (0, 2, IndexError, "axis 2 does not exist"), (2, M[:3].astype("float32"), ValueError, "must match")]),
    "split": Case(lambda m, i, k: Split(2)(m, i, k)[1], M[::-1, ::2], -1, np.array([1, 2], "uint8"), refused=[
        (1, -3, IndexError, "axis -3 does not exist"), (2, [1, 3], ValueError, r"split: the lengths \[1 3\]"), (2, [1], ValueError, "as many lengths"),
        (2, [0, 2], ValueError, r"split: the lengths \[0 2\]")]),
    "split of little": Case(lambda h, k: Split(3)(h, 0, k)[0], np.arange(4, dtype="float16"), np.array([0, 4, 0]), refused=[
        (1, [-1, 5, 0], ValueError, r"a length is negative in \[-1 +5 +0\]"), (1, [2**62, 2**62, 4], ValueError, "split: the lengths")]),
    "unit matrix": Case(lambda i, j: Eye("int8")(i, j, 1), 3, np.uint8(4), refused=[(0, -1, ValueError, "-1")]),
    "lower diagonal": Case(lambda k: Eye("complex64")(4, 2, k), np.int8(-1)),
    "no diagonal": Case(lambda k: Eye("float16")(2, 3, k), np.iinfo("int64").min),
    "range": Case(lambda a, b, c: ARange("int32")(a, b, c), 7, np.int8(-2), -3, refused=[(2, 0, ValueError, "step cannot be zero")]),
    "range of floats": Case(lambda a, b, c: ARange("float64")(a, b, c), NUMBER, np.float32(3), np.float64(0.1), refused=[
        (1, np.inf, (ValueError, OverflowError), "[Mm]aximum|compute length"), (2, 0.0, ValueError, "step cannot be zero")]),
    "join with empty": Case(lambda m, n: Join(view=0)(0, m, n), M, np.zeros((0, 6))),
    "rows": Case(lambda m, k: AdvancedSubtensor1()(m, k), M.T, np.array([0, -1, 2, 0]),
                 refused=[(1, np.array([0, 6]), IndexError, "index 6 is out of bounds for axis 0 with size 6")]),
    "rows without elements": Case(lambda m, k: AdvancedSubtensor1()(m, k), M[:, :0], PAIR,
                                  refused=[(1, np.array([-5]), IndexError, "index -5 is out of bounds for axis 0 with size 4")]),
    "dot": Case(lambda m, n: T.dot(m, n), M, M.T, refused=[(1, M, ValueError, r"x has 6 cols \(and 4 rows\) but y has 4 rows \(and 6 cols\)")]),
    "dot of strides": Case(lambda m, v: T.dot(m, v), M[::-1], V[::-1], refused=[(1, W, ValueError, r"x has 6 cols \(and 4 rows\) but y has 4 elements")]),
    "dot of vectors": Case(lambda v: T.dot(v, v), V),
    "dot of vector and matrix": Case(lambda w, m: T.dot(w, m), W, M),
    "dot of dtypes": Case(lambda b, m: T.dot(b, m), np.arange(8, dtype="int32").reshape(2, 4), M),
    "dot22": Case(lambda m, n: blas.dot22(m, n), M, M.T[:, 1:]),
    "dot22scalar": Case(lambda m, n, s: blas.dot22scalar(m, n, s), M, M.T, NUMBER),
    "gemm": Case(lambda z, m, n, s: blas.gemm_no_inplace(z, s, m, n, s), M[:, :3], M[:, :2], RNG.normal(size=(2, 3)), NUMBER,
                 refused=[(0, M, ValueError, "another shape")]),
    "gemm in place": Case(lambda z, m, s: blas.gemm_inplace(T.exp(z), s, m, m.T, 2.0), M[:, :4], M, NUMBER),
    "gemm without the target": Case(lambda z, m, s: blas.gemm_no_inplace(z, 1.0, m, m.T, s), np.full((4, 4), np.nan), M, np.float64(0)),
    "gemv": Case(lambda w, m, v, s: blas.gemv_no_inplace(w, s, m, v, s), W, M, V, NUMBER),
    "ger": Case(lambda m, s, w, v: blas.ger(m, s, w, v), M, NUMBER, W[::-1], V),
    "ger in place": Case(lambda m, w, v: blas.ger_destructive(T.exp(m), 2.0, w, v), M, W, V),
    # by a call of the kernel that their lowering or native form makes
    "sums": Case(lambda m: T.cumsum(m, axis=1), M.T[::-1]),
    "set rows": Case(lambda m, w, k: T.set_subtensor(m[k], w), M, M[:2, ::-1], PAIR,
                     refused=[(2, np.array([0, 4]), IndexError, "index 4 is out of bounds for axis 0 with size 4")]),
    "add rows in place": Case(lambda m, w, k: AdvancedIncSubtensor1(inplace=True)(T.exp(m), w, k), M, M[:2], PAIR),
    "argmax": Case(lambda m: T.max_and_argmax(m, axis=0)[1], M[:, ::2]),
    "softmax": Case(lambda m: T.softmax(m), M),
    "repeat": Case(lambda m, k: T.repeat(m, k, axis=1), M, np.arange(6), refused=[(1, np.arange(5), ValueError, "broadcast")]),
    "sort": Case(lambda m: T.sort(m, axis=0), M[::-1]),
    "argsort": Case(lambda m: T.argsort(m, axis=-1), M),
    "batched products": Case(lambda t, u: T.batched_dot(t, u), RNG.normal(size=(3, 2, 4)), RNG.normal(size=(3, 4, 5))),
    "specified shape": Case(lambda m: T.specify_shape(m, (4, 6)), M, refused=[(0, M[1:], (AssertionError, ValueError), "[Ss]hape|axis")]),
    "shape": Case(lambda m: T.shape(m), M),
    "elements": Case(lambda m, k: m[k, k + 1], M, PAIR, refused=[(1, np.array([0, 9]), IndexError, "index 9 is out of bounds")]),
    "solution": Case(lambda m, w: T.slinalg.solve(m, w), RNG.normal(size=(4, 4)), W),
    "tensor of a number": Case(lambda i: TensorFromScalar()(ScalarFromTensor()(i)), 7),
}  # fmt: skip


#: the cases that one function computes together: one block, one run of the compiler
GROUPS = [list(CASES)[start : start + 7] for start in range(0, len(CASES), 7)]


@cache
def together(group):
    """The cases of a group as one function of the linker c."""
    cases = [CASES[name] for name in GROUPS[group]]
    inputs = [v for case in cases for v in case.inputs]
    return tcore.function(inputs, [case.own for case in cases], mode=tcore.Mode(linker="c", optimizer=None), accept_inplace=True)


def call(group, changed=None, position=0, value=None):
    """The results for the values of the cases, of which one may be another."""
    arguments = []
    for name in GROUPS[group]:
        case = CASES[name]
        arguments += [np.asarray(value, v.type.dtype) if (name, k) == (changed, position) else given for k, (v, given) in enumerate(zip(case.inputs, case.values, strict=True))]
    return together(group)(*arguments)


def reference(name):
    """The function of a case by perform."""
    return tcore.function(CASES[name].inputs, CASES[name].plain, mode=tcore.Mode(linker="py", optimizer=None), accept_inplace=True)


@pytest.mark.parametrize("group", range(len(GROUPS)))
def test_agree_with_perform(group):
    """By their own C code; twice, so that results of the last call are met."""
    f = together(group)
    assert {f.maker.linker.explain_node(node) for node in f.maker.fgraph.apply_nodes if isinstance(node.op, Own)} == {"C"}
    for results in (call(group), call(group)):
        for name, got in zip(GROUPS[group], results, strict=True):
            wanted = reference(name)(*CASES[name].values)
            assert got.dtype == wanted.dtype, name
            np.testing.assert_allclose(got, wanted, rtol=1e-12, err_msg=name)


REFUSED = [(name, *refused) for name, case in CASES.items() for refused in case.refused]


@pytest.mark.parametrize(("name", "position", "value", "error", "says"), REFUSED, ids=[f"{name}-{says}" for name, *_, says in REFUSED])
def test_refuse_what_perform_refuses(name, position, value, error, says):
    """By sub["fail"], with the node; the function works afterwards."""
    group = next(k for k, names in enumerate(GROUPS) if name in names)
    with pytest.raises(error, match=says) as caught:
        call(group, name, position, value)
    assert f"Apply node that caused the error: {Own.__name__}" in str(caught.value)
    case = CASES[name]
    arguments = [np.asarray(value, v.type.dtype) if k == position else given for k, (v, given) in enumerate(zip(case.inputs, case.values, strict=True))]
    with pytest.raises(error):
        reference(name)(*arguments)
    assert len(call(group)) == len(GROUPS[group])


def test_views_in_a_block_cost_no_call():
    """Between users' ops they are part of the block; kernels are called for what needs them."""
    m = T.dmatrix("m")
    expression = Own(blas.dot22)(m.T[1:], m.reshape((4, 6)) * 2)
    f = tcore.function([m], expression[0], mode=tcore.Mode(linker="c"))
    np.testing.assert_allclose(f(M), (M.T[1:] @ (M * 2))[0])
    shown = {str(node.op): f.maker.linker.explain_node(node) for node in f.maker.fgraph.apply_nodes}
    views = [ran for name, ran in shown.items() if "Subtensor" in name or "DimShuffle" in name]
    assert views
    assert set(views) == {"C"}


def test_ops_without_native_code_have_none():
    """The reason is told; nothing is made up from perform."""

    class Python(Op):
        def make_node(self, x):
            return Apply(self, [x], [x.type()])

        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0]

    x = T.dvector("x")
    node = Python().make_node(x)
    with pytest.raises(MethodNotDefined, match="Python defines no c_code"):
        node.op.c_code(node, "name", ["x"], ["y"], {"fail": ""})
    node = T.cumsum(x).owner
    with pytest.raises(MethodNotDefined, match="CumOp defines no c_code.* is no node"):
        node.op.c_code(None, "name", ["x"], ["y"], {"fail": ""})
    with tcore.config.change_flags(backend="numpy"):
        assert "PyObject_Vectorcall" in node.op.c_code(node, "name", ["x"], ["y"], {"fail": ""})  # it is asked of the host's backend


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np, tcore, tcore.tensor as T
from test_built_in_c_code import own
from tcore_cpu.user_code import modules
x, w = T.dmatrix("x"), T.scalar("w", dtype="float32")
f = tcore.function([x, w], own(T.cumsum(own(T.set_subtensor(x[T.constant([0, 2])], w)), axis=0)), mode=tcore.Mode(linker="c", optimizer=None))
print(f(np.ones((3, 2)), np.float32(2)).tolist(), len(modules._compiled))
"""


def test_kept_modules_serve_later_processes(tmp_path):
    """A text that calls kernels is the same in each process: nothing is compiled again."""
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    environment = {**os.environ, "TCORE_FLAGS": f"cpu.store={tmp_path}/kernels"}
    for compiled in (1, 0):
        command = [sys.executable, "-P", str(tmp_path / "program.py"), str(Path(__file__).parent)]
        shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        assert shown == f"[[2.0, 2.0], [3.0, 3.0], [5.0, 5.0]] {compiled}\n"
