"""What the documentation's overview promises of the whole system, each promise by itself; its lines in the names.

What it says of devices is in the tests of those; what it says of debugging in ``test_checking_modes.py``.
"""

from __future__ import annotations

import builtins
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import Mode, function, shared
from tcore.compile.copy_ops import DeepCopyOp
from tcore.graph import Apply, Op
from tcore.tensor import nlinalg, slinalg

rng = np.random.default_rng(31)


def ops(f):
    """The texts of the ops of a function, in the order of execution."""
    return [str(node.op) for node in f.maker.fgraph.toposort()]


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu", "opencl")
class TestFunctions:
    def test_arrays_in_arrays_out_L31_L315(self):
        """Of any dtype and number of axes."""
        for array in (np.arange(3), np.ones((2, 2), "float32"), np.array(2.5), np.ones((1, 2, 3), "int8")):
            x = T.TensorType(array.dtype.name, (False,) * array.ndim)()
            found = function([x], x + x)(array)
            assert type(found) is np.ndarray
            assert (found.dtype, found.shape) == (array.dtype, array.shape)
            np.testing.assert_array_equal(found, array + array)

    def test_two_unnamed_numbers_L238_L260(self):
        """The first program of the documentation: a graph goes in, something to call comes out."""
        a, b = T.dscalar(), T.dscalar()
        f = function([a, b], a + b)
        assert f(1.5, 2.5) == 4.0
        assert callable(f)

    @pytest.mark.parametrize("count", [1, 2, 5])
    def test_derivatives_of_one_or_many_inputs_L33_L273(self, count):
        xs = [T.dvector() for _ in range(count)]
        cost = sum((k + 1) * (x**2).sum() for k, x in enumerate(xs))
        values = rng.normal(size=(count, 3))
        for k, found in enumerate(function(xs, T.grad(cost, xs))(*values)):
            np.testing.assert_allclose(found, 2 * (k + 1) * values[k])

    def test_higher_derivatives_L2324(self):
        """grad of grad, as often as one likes."""
        x = T.dscalar("x")
        y = T.sin(x)
        for wanted in (np.cos, lambda v: -np.sin(v), lambda v: -np.cos(v), np.sin):
            y = T.grad(y, x)
            np.testing.assert_allclose(function([x], y, on_unused_input="ignore")(0.7), wanted(0.7), rtol=1e-12)

    def test_stable_logarithms_L34_L229(self):
        """log(1 + x) of tiny x, log(1 + exp(x)) and log(sum(exp(x))) of large ones."""
        x, m = T.dvector("x"), T.dmatrix("m")
        np.testing.assert_allclose(function([x], T.log(1 + x))([1e-20, 1e-300]), [1e-20, 1e-300], rtol=1e-12)
        np.testing.assert_allclose(function([x], T.log(1 + T.exp(x)))([800.0, -800.0, 0.0]), [800, 0, np.log(2)], atol=1e-300)
        f = function([m], T.log(T.sum(T.exp(m), axis=1)))
        np.testing.assert_allclose(f([[1000.0, 1000.0], [-1000.0, -1000.0]]), [1000 + np.log(2), -1000 + np.log(2)], rtol=1e-12)


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
class TestOptimizer:
    def test_constant_folding_L222(self):
        x = T.dvector("x")
        f = function([x], x + (T.constant(2.0) * 3 + T.exp(T.constant(0.0))))
        (node,) = f.maker.fgraph.apply_nodes
        assert 7.0 in [float(v.data.ravel()[0]) for v in node.inputs if isinstance(v, T.TensorConstant)]
        assert f([1.0]).tolist() == [8]

    def test_equal_subgraphs_are_merged_L223(self):
        m = T.dmatrix("m")
        f = function([m], [T.dot(m, m) + 1, T.tanh(T.dot(m, m))])
        assert sum("ot" in text.partition("{")[0] for text in ops(f) if text.startswith(("Dot", "dot"))) == 1

    def test_arithmetic_L224(self):
        """x * y / x -> y, --x -> x."""
        x, y = T.dvector("x"), T.dvector("y")
        for f in (function([x, y], x * y / x, on_unused_input="ignore"), function([y], T.neg(-y))):
            assert all(isinstance(node.op, DeepCopyOp) for node in f.maker.fgraph.apply_nodes)
            assert f.maker.fgraph.toposort()[0].inputs[0].name == "y"

    GEMMS = {
        "a b": (lambda a, b, c, u, v: T.dot(a, b), "Dot22"),
        "2 a b": (lambda a, b, c, u, v: 2 * T.dot(a, b), "Dot22Scalar"),
        "c + a b": (lambda a, b, c, u, v: c + T.dot(a, b), "Gemm"),
        "3 c - 2 a b": (lambda a, b, c, u, v: 3 * c - 2 * T.dot(a, b), "Gemm"),
        "a.T b + c": (lambda a, b, c, u, v: T.dot(a.T, b) + c, "Gemm"),
        "a u": (lambda a, b, c, u, v: T.dot(a, u), "Gemv"),
        "v + 2 a u": (lambda a, b, c, u, v: v + 2 * T.dot(a, u), "Gemv"),
        "c + u v": (lambda a, b, c, u, v: c + T.outer(u, v), "Ger"),
    }

    @pytest.mark.parametrize("form", GEMMS)
    def test_blas_L225(self, form):
        """Products meet BLAS in each context, and nothing is multiplied or added outside of it."""
        build, wanted = self.GEMMS[form]
        variables = [*T.dmatrices("a", "b", "c"), *T.dvectors("u", "v")]
        f = function(variables, build(*variables), on_unused_input="ignore")
        values = [rng.normal(size=(3, 3)) for _ in range(3)] + [rng.normal(size=3) for _ in range(2)]
        a, b, c, u, v = values
        expected = {
            "a b": a @ b, "2 a b": 2 * a @ b, "c + a b": c + a @ b, "3 c - 2 a b": 3 * c - 2 * a @ b, "a.T b + c": a.T @ b + c,
            "a u": a @ u, "v + 2 a u": v + 2 * a @ u, "c + u v": c + np.outer(u, v),
        }[form]  # fmt: skip
        np.testing.assert_allclose(f(*values), expected, rtol=1e-12)
        assert wanted in {text.partition("{")[0].removeprefix("C") for text in ops(f)}
        assert not any("Composite" in text or "{mul" in text or "{add" in text for text in ops(f))

    def test_views_L226(self):
        """Slices, transposes and new shapes copy nothing inside of a graph, and are not given out as such."""
        m = T.dmatrix("m")
        f = function([m], [m[1:].T, m.reshape((-1,)), m.dimshuffle(1, "x", 0)])
        for node in f.maker.fgraph.apply_nodes:
            assert node.op.view_map or isinstance(node.op, DeepCopyOp)
        array = rng.normal(size=(3, 4))
        assert not any(np.shares_memory(found, array) for found in f(array))

    def test_work_in_place_L227(self):
        """Where nobody reads the memory afterwards; not where somebody does."""
        m = T.dmatrix("m")
        product = T.dot(m, m)
        alone = function([m], T.tanh(product))
        assert any(node.op.destroy_map for node in alone.maker.fgraph.apply_nodes)
        both = function([m], [T.tanh(product), product.sum(axis=0), product])
        a = rng.normal(size=(3, 3))
        for found, wanted in zip(both(a), (np.tanh(a @ a), (a @ a).sum(0), a @ a), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-12)
        before = a.copy()
        alone(a)
        np.testing.assert_array_equal(a, before)

    def test_loop_fusion_L228(self):
        """A chain of elementwise operations is one node."""
        x, y = T.dvector("x"), T.dvector("y")
        f = function([x, y], T.tanh(x * y + 2) - T.exp(-x))
        (text,) = ops(f)
        assert text.startswith("Elemwise{Composite{")


def test_code_in_c_L35_L217_L272():
    """Elementwise work, reductions and products of a function run in generated C, or in BLAS, where there is a compiler."""
    with tcore.config.change_flags(backend="cpu"):
        x, m = T.dvector("x"), T.dmatrix("m")
        f = function([x, m], [T.exp(x).sum(), T.dot(m, x) * 2])
    text = str(f.explain())
    rows = [line for line in text.splitlines() if line.strip()[:1].isdigit()]
    assert rows
    assert not any("Python" in row for row in rows), text
    assert f([0.0, 0.0], [[1.0, 2.0]])[0] == 2


def test_dtypes_in_c_L5489():
    """The code has the dtypes of the types, and loops."""
    with tcore.config.change_flags(backend="cpu"):
        for dtype, other in (("float32", "f64"), ("float64", "f32")):
            x = T.matrix("x", dtype=dtype)
            f = function([x], x * 2 + 1)
            text = "".join(unit.source.partition("tc_body0(")[2] for unit in f.maker.linker.units)
            assert f"tc_f{dtype[-2:]} v0" in text
            assert other not in text
            assert "for (" in text


def test_python_functions_become_ops_L306_L334():
    """A function of an external library in one line, with its shape."""

    @tcore.as_op(itypes=[T.dvector], otypes=[T.dvector], infer_shape=lambda node, shapes: shapes)
    def sorted_backwards(a):
        return np.sort(a)[::-1].copy()

    x = T.dvector()
    f = function([x], [sorted_backwards(x) + 1, sorted_backwards(x).shape], mode="FAST_COMPILE")
    values, shape = f([1.0, 3.0, 2.0])
    assert values.tolist() == [4, 3, 2]
    assert shape.tolist() == [3]


def test_linear_algebra_L317():
    """Wrapped with derivatives: inverse, determinant, factorizations, solutions."""
    a = T.dmatrix("a")
    value = rng.normal(size=(3, 3)) + 4 * np.eye(3)
    symmetric = value @ value.T
    results = [nlinalg.matrix_inverse(a), nlinalg.det(a), slinalg.cholesky(a), slinalg.solve(a, a), *nlinalg.eigh(a)[:1]]
    found = function([a], results, mode="FAST_COMPILE")(symmetric)
    wanted = [np.linalg.inv(symmetric), np.linalg.det(symmetric), np.linalg.cholesky(symmetric), np.eye(3), np.linalg.eigvalsh(symmetric)]
    for got, want in zip(found, wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)
    gradient = function([a], T.grad(T.log(nlinalg.det(a)), a), mode="FAST_COMPILE")(value)
    np.testing.assert_allclose(gradient, np.linalg.inv(value).T, rtol=1e-9)


def test_default_linker_is_lazy_L302_L327():
    """cvm, with a compiler; what a lazy op does not ask for is not computed."""
    assert tcore.config.linker == "cvm"
    assert Mode().linker.lazy is not False


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
def test_debugmode_computes_all_L328():
    """A branch that is not wanted is computed and checked all the same."""

    class Taken(Op):
        """Its first input; it never asks for the second."""

        __props__ = ()
        lazy = True

        def make_node(self, a, b):
            return Apply(self, [a, b], [a.type()])

        def perform(self, node, inputs, output_storage, params=None):
            output_storage[0][0] = inputs[0] + 0

        def make_thunk(self, node, storage_map, compute_map, no_recycling, impl=None):
            cells, flags = [storage_map[v] for v in node.inputs], [compute_map[v] for v in node.inputs]
            result, done = storage_map[node.outputs[0]], compute_map[node.outputs[0]]

            def thunk():
                if not flags[0][0]:
                    return [0]
                result[0] = cells[0][0] + 0
                done[0] = True
                return []

            thunk.lazy, thunk.inputs, thunk.outputs = True, cells, [result]
            return thunk

    class Fails(Op):
        __props__ = ()

        def make_node(self, a):
            return Apply(self, [a], [a.type()])

        def perform(self, node, inputs, output_storage, params=None):
            raise ArithmeticError("on purpose")

    x = T.dvector("x")
    z = Taken()(x, Fails()(x))
    assert function([x], z, mode="FAST_RUN")([1.0]).tolist() == [1]
    with pytest.raises(ArithmeticError, match="on purpose"):
        function([x], z, mode="DebugMode")([1.0])


# --------------------------------------------------------------------------------------------------------- requirements


def run(code, **environment):
    """What a fresh interpreter prints."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("TCORE")} | environment
    done = subprocess.run([sys.executable, "-P", "-c", code], env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


PROGRAM = "import tcore, tcore.tensor as T; x = T.dvector('x'); f = tcore.function([x], T.exp(x).sum()); print(f([0.0, 0.0]))"


def test_no_compiler_L366_L712_L946(tmp_path):
    """NumPy computes, and one warning says so."""
    said = run(PROGRAM, TCORE_FLAGS=f"cxx=,cpu.cc=,cpu.store={tmp_path}", PATH=str(tmp_path))
    assert "2.0" in said
    assert said.count("compiler") >= 1


def test_folders_with_blanks_L201(tmp_path):
    """Of what is compiled, and for temporary files."""
    store, temporary = tmp_path / "compiled things", tmp_path / "things of the moment"
    temporary.mkdir()
    assert run(PROGRAM, TCORE_FLAGS=f"base_compiledir={store}", TMPDIR=str(temporary)) == "2.0\n"


def test_scipy_is_loaded_when_needed_L357():
    """A program without special functions, sparse matrices or BLAS never loads it."""
    code = f"{PROGRAM}; import sys; print([name for name in sys.modules if name.partition('.')[0] == 'scipy'])"
    assert run(code) == "2.0\n[]\n"


def test_star_and_alias_L1375_L1381():
    """``from tcore import *`` gives the public names and hides none of Python's; submodules have aliases, and the names of the documentation's programs are there."""
    code = "from tcore import *; print(function is not None and shared is not None and config.floatX)"
    assert run(code) == "float64\n"
    assert not {*tcore.__all__} & {*dir(builtins)}, "what a program has of Python stays"
    assert not [name for name in tcore.__all__ if not hasattr(tcore, name)]
    from tcore import In, config, pp, sparse, tensor

    assert tensor is T
    assert In is tcore.In
    assert config is tcore.config
    assert pp is tcore.printing.pp
    assert sparse.__name__ == "tcore_sparse"


def test_program_of_starred_names_L25029(tmp_path):
    """The documentation's program that reads a file uses nothing but the names of the star."""
    np.save(tmp_path / "stored-array.npy", np.arange(3))
    names = {}
    exec("from tcore import *\npath = Variable(Generic())\nfn = function([path], tensor.load(path, 'int64', (False,)) * 2)", names)
    assert names["fn"](str(tmp_path / "stored-array.npy")).tolist() == [0, 2, 4]


def test_configuration_is_printed_L173():
    """Whole, with what is in effect: for reports of bugs."""
    text = run("import tcore; print(tcore.config)", TCORE_FLAGS="floatX=float32")
    for name in ("floatX (", "device (", "blas.ldflags (", "optimizer ("):
        assert name in text
    assert "Value:  float32" in text


def test_blas_section_L681(tmp_path):
    """``[blas] ldflags`` of the personal file chooses the library."""
    (tmp_path / "rc").write_text("[blas]\nldflags = -lopenblas\n")
    assert run("import tcore; print(tcore.config.blas.ldflags)", TCORERC=str(tmp_path / "rc")) == "-lopenblas\n"


def test_threads_of_blas_L6313():
    """The variables by which libraries are told their threads are left as they are."""
    code = f"{PROGRAM.replace('T.exp(x).sum()', 'T.dot(x, x)')}; import os; print(os.environ['OPENBLAS_NUM_THREADS'], os.environ['MKL_NUM_THREADS'])"
    assert run(code, OPENBLAS_NUM_THREADS="3", MKL_NUM_THREADS="2") == "0.0\n3 2\n"


def test_versions_of_python_L11613():
    """All packages say the same."""
    root = Path(tcore.__file__).parents[1]
    found = {re.search(r'requires-python = "(.*)"', path.read_text(encoding="utf-8"))[1] for path in root.glob("tcore*/pyproject.toml")}
    assert found == {">=3.11"}


def test_packages_for_tests_and_documentation_L370_L402():
    """The extras of the distribution."""
    text = (Path(tcore.__file__).parent / "pyproject.toml").read_text(encoding="utf-8")
    extras = text.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    assert {line.partition("=")[0].strip() for line in extras.splitlines() if "=" in line} >= {"test", "doc"}


def test_shared_values_of_any_place_L335():
    """The kind of a value and the place of its storage are two things: the same type of variable, wherever the target is."""
    s = shared(np.ones(2), target="cpu")
    assert s.type == T.dvector


# ----------------------------------------------------------------------------------------- limits that the documentation admits


def test_second_derivative_of_a_product_L21397():
    """Also of the form that allows zeros, where there are none."""
    x = T.dvector("x")
    second = T.grad(T.grad(T.prod(x), x)[0], x)
    np.testing.assert_allclose(function([x], second, mode="FAST_COMPILE")([2.0, 3.0, 4.0]), [0, 4, 3])


def test_repetitions_of_tiles_L21022():
    """Of fewer or more axes than the tensor has, and symbolic."""
    m, reps = T.dmatrix("m"), T.lvector("reps")
    a = np.arange(6.0).reshape(2, 3)
    for given in ((2,), (2, 1), (2, 1, 3)):
        np.testing.assert_array_equal(function([m], T.tile(m, given), mode="FAST_COMPILE")(a), np.tile(a, given))
    np.testing.assert_array_equal(function([m, reps], T.tile(m, reps, ndim=2), mode="FAST_COMPILE")(a, [2, 3]), np.tile(a, (2, 3)))


def test_truth_values_have_a_dtype_L21632():
    """bool, where the documentation has int8."""
    x = T.dvector("x")
    positive = x > 0
    assert positive.dtype == "bool"
    assert function([x], x[positive], mode="FAST_COMPILE")([1.0, -1.0, 2.0]).tolist() == [1, 2]


@pytest.mark.parametrize("subscripts", ["bij,bjk->bik", "ij,kj->ik", "ii->i", "ij->", "bij,bij->b"])
def test_einsum_L22013(subscripts):
    """Offered, without a loop in Python."""
    arrays = [rng.normal(size=(3,) * len(part)) for part in subscripts.partition("->")[0].split(",")]
    xs = [T.TensorType("float64", (False,) * a.ndim)() for a in arrays]
    f = function(xs, T.einsum(subscripts, *xs), mode=Mode("py", "fast_run"))
    np.testing.assert_allclose(f(*arrays), np.einsum(subscripts, *arrays), rtol=1e-10, atol=1e-12)
    assert not any("for" in text for text in ops(f))


def test_diagonals_off_the_main_one_L25675():
    a = rng.normal(size=(3, 4))
    m, v = T.dmatrix("m"), T.dvector("v")
    for k in (-1, 0, 2):
        np.testing.assert_array_equal(function([m], T.diag(m, k), mode="FAST_COMPILE")(a), np.diag(a, k))
        np.testing.assert_array_equal(function([v], T.diag(v, k), mode="FAST_COMPILE")(a[0]), np.diag(a[0], k))


def test_large_composites_are_pickled_L25391():
    """However long the fused chain is."""
    x = T.dvector("x")
    y = x
    for _ in range(1000):
        y = T.tanh(y) + x
    f = function([x], y, mode=Mode("py", "fast_run"))
    twin = pickle.loads(pickle.dumps(f))
    np.testing.assert_array_equal(twin([0.1]), f([0.1]))


def test_equal_up_to_order_L10303():
    """Merging knows that sums and products commute."""
    x, y = T.dvector("x"), T.dvector("y")
    f = function([x, y], [T.exp(x * y), T.tanh(y * x)], mode=Mode("py", "fast_run").excluding("fusion"))
    assert sum("mul" in text.lower() for text in ops(f)) == 1


def test_complex_numbers_L25783():
    """In elementwise work, products, reductions and linear algebra."""
    z = T.zmatrix("z")
    a = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    results = [T.exp(z), T.dot(z, z), z.sum(axis=0), nlinalg.matrix_inverse(z), abs(z), T.angle(z)]
    wanted = [np.exp(a), a @ a, a.sum(0), np.linalg.inv(a), abs(a), np.angle(a)]
    for got, want in zip(function([z], results, mode="FAST_COMPILE")(a), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10)


def test_names_of_numpy_L332():
    """NumPy's functions take symbolic tensors."""
    x, m = T.dvector("x"), T.dmatrix("m")
    a, b = rng.uniform(1, 2, size=3), rng.uniform(1, 2, size=(3, 3))
    for plain in (np.exp, np.log1p, np.cumsum, np.sort, np.mean, np.flip, np.diff, np.square, np.ravel):
        np.testing.assert_allclose(function([x], plain(x), mode="FAST_COMPILE")(a), plain(a))
    for plain in (np.transpose, np.linalg.inv, np.trace, lambda v: np.concatenate([v, v]), lambda v: np.where(v > 1.5, v, 0), lambda v: np.swapaxes(v, 0, 1)):
        np.testing.assert_allclose(function([m], plain(m), mode="FAST_COMPILE")(b), plain(b))
