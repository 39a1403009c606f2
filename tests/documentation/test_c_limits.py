"""What the documentation leaves open or admits about C code, and how it is here."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.signal

import tcore
import tcore.tensor as T
from tcore.graph import Apply, MethodNotDefined, Op, Type
from tcore.graph.c_interface import ask
from tcore.tensor.signal.pool import pool_2d
from tcore_cpu.compiling.compiler import CompileError
from tcore_cpu.runtime.loading import runtime
from tcore_cpu.user_code.block import Block
from tcore_cpu.user_code.methods import module_text
from tcore_cpu.user_code.modules import load_block, objection
from tcore_nnet.correlation import Correlate, flipped
from tcore_sparse import csc_matrix

pytestmark = [
    pytest.mark.skipif(objection() is not None, reason=str(objection())),
    pytest.mark.usefixtures("backend"),
    pytest.mark.backends("cpu"),
]
GUIDE = Path(__file__).parents[2] / "docs" / "kinds_of_ops.md"


class Room(Type):
    """Some doubles, for which C code needs memory of its own; ``most`` is how many there is room for."""

    __props__ = ("most",)

    def __init__(self, most):
        self.most = most

    def filter(self, value, strict=False, allow_downcast=None):
        return float(value)

    def c_declare(self, name, sub, check_input=True):
        return f"double* {name};"

    def c_init(self, name, sub):
        return f"""
            {name} = {self.most} < 8 ? NULL : (double*) malloc({self.most} * sizeof(double));
            if (!{name}) {{ PyErr_SetString(PyExc_MemoryError, "no room"); {sub["fail"]} }}
        """

    def c_extract(self, name, sub, check_input=True):
        return f"{name} = (double*) malloc(8 * sizeof(double)); {name}[0] = PyFloat_AsDouble(py_{name});"

    def c_sync(self, name, sub):
        return f"Py_XDECREF(py_{name}); py_{name} = PyFloat_FromDouble({name}[0]);"

    def c_cleanup(self, name, sub):
        return f"free({name}); {name} = NULL;"

    def c_code_cache_version(self):
        return (1,)


class Doubled(Op):
    """2 x, in the room of the output."""

    __props__ = ("most",)

    def __init__(self, most):
        self.most = most

    def make_node(self, x):
        return Apply(self, [x], [Room(self.most)()])

    def c_code(self, node, name, inputs, outputs, sub):
        return f"{outputs[0]}[0] = 2 * {inputs[0]}[0];"

    def c_code_cache_version(self):
        return (1,)


@pytest.mark.parametrize("linker", ["c", "cvm", "c|py"])
def test_c_init_may_fail_L15208_L15254(linker):
    """As c_extract may, by ``sub["fail"]``: the exception is raised, and what was filled before is cleaned up."""
    x = Room(8)("x")
    mode = tcore.Mode(linker, None)
    assert tcore.function([x], Doubled(9)(Doubled(8)(x)), mode=mode)(1.5) == 6.0
    with pytest.raises(MemoryError, match="no room"):
        tcore.function([x], Doubled(7)(Doubled(8)(x)), mode=mode)(1.5)


def test_hooks_without_version_L9211_L9224(monkeypatch):
    """Code that is registered without a version is compiled by each process, as the default says; with one it is kept."""
    for version, kept in (((), False), (3, True)):
        ops = tcore.compile.ops
        monkeypatch.setattr(ops.ViewOp, "c_code_and_version", dict(ops.ViewOp.c_code_and_version))
        ops.register_view_op_c_code(Room, "%(oname)s[0] = %(iname)s[0];", version=version)
        node = ops.ViewOp().make_node(Room(8)("x"))
        assert node.op.c_code_cache_version_apply(node) == (() if not kept else (3,))
        assert module_text(node).cached == kept


def test_sparse_matrices_in_C_L8867():
    """They have no C type: their parts have, on which ops with C code work."""
    x = csc_matrix("x", dtype="float64")
    assert ask(x.type, "c_declare", "x", {"fail": ""}) is None
    parts = tcore.sparse.csm_properties(x)
    assert all("PyArrayObject* v;" in part.type.c_declare("v", {"fail": ""}) for part in parts)


@pytest.fixture
def threads():
    """Sets the number of threads, which all kernels use then; undone at the end."""
    module = runtime()
    yield lambda count: (module.set_threads(count), module.set_grain(1))
    module.set_threads(0)
    module.set_grain(40000)


def test_pooling_is_a_loop_for_several_threads_L6305(threads):
    """A kernel like others, which share their work out; no result depends on how."""
    x = T.dtensor4("x")
    f = tcore.function([x], pool_2d(x, (2, 2), ignore_border=True), mode="FAST_RUN")
    assert {f.maker.linker.explain_node(node) for node in f.maker.fgraph.apply_nodes} == {"kernel"}
    value, results = np.random.default_rng(0).normal(size=(3, 2, 12, 12)), []
    for count in (1, 2):
        threads(count)
        results.append(f(value))
    np.testing.assert_array_equal(*results)
    np.testing.assert_array_equal(results[0], value.reshape(3, 2, 6, 2, 6, 2).max((3, 5)))


SHARE = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
TASK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


@pytest.mark.parametrize(
    ("images", "filters", "parts"),
    [((2, 3, 40, 60), (4, 3, 5, 5), 2 * 4 * 36), ((1, 1, 90, 90), (1, 1, 9, 9), 82), ((1, 1, 5, 9000), (1, 1, 2, 30), 4 * 9)],
    ids=["images and filters", "rows", "parts of rows"],
)
def test_convolution_is_a_loop_for_several_threads_L6305(threads, images, filters, parts):
    """However it is shared out, the result is the same."""
    x, w = T.dtensor4("x"), T.dtensor4("w")
    f = tcore.function([x, w], Correlate()(x, flipped(w, 2)), mode="FAST_RUN")
    rng = np.random.default_rng(0)
    image, filter_ = (rng.integers(-4, 5, size=shape).astype("float64") for shape in (images, filters))
    wanted = [[sum(scipy.signal.convolve(a, b, "valid", "direct") for a, b in zip(one, each, strict=True)) for each in filter_] for one in image]
    for count in (1, 3):
        threads(count)
        np.testing.assert_array_equal(f(image, filter_), wanted)
    asked = []

    @SHARE
    def share(n, grain, task, context):
        """The last part first."""
        asked.append((n, grain))
        for begin in reversed(range(0, n, 5)):
            TASK(task)(context, begin, min(begin + 5, n))

    (node,) = (node for node in f.maker.fgraph.apply_nodes if isinstance(node.op, Correlate))
    module = load_block(Block.of(node)).module
    module.use_threads(ctypes.cast(share, ctypes.c_void_p).value)
    try:
        np.testing.assert_array_equal(f(image, filter_), wanted)
    finally:
        module.use_threads(runtime().lent_threads())
    ((n, grain),) = asked
    assert (n, grain < n / 2) == (parts, True)


def test_c_code_beyond_tensors_L7024_L7685():
    """Ops in C work on numbers and on Types of one's own as well as on tensors."""
    s = tcore.scalar.float64("s")
    assert "PyArrayObject" not in s.type.c_declare("s", {"fail": ""})
    assert tcore.function([s], s * 2 + 1, mode=tcore.Mode("c", None))(1.5) == 4.0
    node = tcore.compile.ops.DeepCopyOp().make_node(Room(8)("x"))
    with pytest.raises(MethodNotDefined, match="no native code to call: x of type Room.* is no array"):
        node.op.c_code(node, "name", ["x"], ["y"], {"fail": ""})


@pytest.mark.parametrize(
    ("chapter", "shows"),
    [("Scalar, elementwise and reduction_L7015", "CAReduce"), ("SciPy_L7016", "scipy"), ("Sparse_L7017", "sparse"), ("Random_L7018", "Random"), ("OpenMP_L7019", "OpenMPOp"), ("Numba_L7020", "numba")],
)
def test_the_guide_covers_each_family(chapter, shows):
    """Its programs run with the manual's other ones."""
    title = chapter.partition("_L")[0]
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    assert shows in found[1]


class Longer(Op):
    """Three elements, whatever its type promises."""

    __props__ = ("in_c",)

    def __init__(self, in_c):
        self.in_c = in_c

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = np.arange(3.0)

    def c_code(self, node, name, inputs, outputs, sub):
        if not self.in_c:
            raise MethodNotDefined("c_code")
        return f"npy_intp three = 3; Py_XDECREF({outputs[0]}); {outputs[0]} = (PyArrayObject*) PyArray_ZEROS(1, &three, NPY_FLOAT64, 0);"

    def c_code_cache_version(self):
        return (1,)


@pytest.mark.parametrize(("linker", "in_c"), [("c", True), ("c|py", True), ("cvm", True), ("cvm", False)])
def test_marks_that_are_copied_blindly_L7709(linker, in_c):
    """``x.type()`` promises one element along a broadcastable axis: an op that makes more is named, where kernels would read the first alone."""
    x = T.TensorType("float64", (True,))("x")
    made = Longer(in_c)(x)
    for expression in (made, made * 2):
        with pytest.raises(TypeError, match=r"(?s)the op made an array of .*3.* axis 0.* is broadcastable.* so its length is 1.*caused the error: Longer"):
            tcore.function([x], expression, mode=tcore.Mode(linker, None))([1.0])


class Scaled(Op):
    """A number times one that stands in the text."""

    __props__ = ("by",)

    def __init__(self, by):
        self.by = by

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def c_code(self, node, name, inputs, outputs, sub):
        return f"{outputs[0]} = {inputs[0]} * {self.by};"

    def c_code_cache_version(self):
        return (1,)


@pytest.mark.parametrize(
    ("by", "text", "says"),
    [
        (31, "exit 0", r"(?s)said that it succeeded and wrote no library: is it a compiler with the interface of gcc.*command: "),
        (32, 'echo "unknown option $1"; exit 2', r"(?s)refused an op's C code:.*unknown option -.*command: "),
        (33, None, r"(?s)the compiler cannot be started.*command: "),
    ],
    ids=["does nothing", "other options", "no program"],
)
def test_compilers_with_another_interface_L13830(tmp_path, by, text, says):
    """The error has the command and what came of it; a compiler that understands it makes the module."""
    program = tmp_path / "compiler"
    if text is not None:
        program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        program.chmod(0o755)
    x = tcore.scalar.float64("x")
    with tcore.config.change_flags(cxx=str(program), cpu__store=str(tmp_path / "store")), pytest.raises(CompileError, match=says):
        tcore.function([x], Scaled(by)(x), mode=tcore.Mode("c|py", None))
    assert tcore.function([x], Scaled(by)(x), mode=tcore.Mode("c|py", None))(2.0) == 2 * by
