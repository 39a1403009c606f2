"""Exported functions: C programs and Python processes without tcore compute what the functions compute."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.compile.io import In
from tcore.compile.mode import Mode
from tcore.graph import Apply, Op
from tcore.link import ExportError
from tcore.tensor import linalg
from tcore.tensor.assertion import Assert
from tcore.tensor.ifelse import ifelse
from tcore.tensor.sharedvar import tensor_constructor
from tcore_cpu.compiling.compiler import find_compiler
from tcore_cpu.export import writing
from tcore_cpu.linkers.cvm import CvmLinker
from tcore_cpu.linkers.nodes import CPyLinker
from tcore_cpu.native import build

X = np.linspace(-1, 1, 12).reshape(4, 3)

PROLOGUE = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show(const tcore_array *a)
{
    int64_t n = 1;
    for (int d = 0; d < a->ndim; d++)
        n *= a->dims[d];
    printf("%d:", a->ndim);
    for (int d = 0; d < a->ndim; d++)
        printf(" %lld", (long long)a->dims[d]);
    for (int64_t i = 0; i < n; i++)
        printf(" %.17g", ((double *)a->data)[i]);
    printf("\n");
}

static double values[12];

static tcore_array matrix(int64_t rows, int64_t columns)
{
    tcore_array a = {values, TCORE_FLOAT64, 2, {rows, columns}, NULL};
    for (int i = 0; i < 12; i++)
        values[i] = -1 + i * (2.0 / 11);
    return a;
}
"""


def shown(line: str) -> np.ndarray:
    """The array that ``show`` printed."""
    ndim, _, rest = line.partition(":")
    numbers = rest.split()
    shape = tuple(map(int, numbers[: int(ndim)]))
    return np.array(list(map(float, numbers[int(ndim) :]))).reshape(shape)


@pytest.fixture
def run(tmp_path):
    """Compile a main function against an exported function, and run it: the lines that it prints."""

    def run_(files: list[Path], body: str, *flags: str, before: str = "") -> list[str]:
        library, header, _ = files
        source = tmp_path / "program.c"
        source.write_text(f'#include "{header.name}"\n{PROLOGUE}\n{before}\nint main(void)\n{{\n{body}\n    return 0;\n}}\n', encoding="utf-8")
        command = [
            *find_compiler().command, "-std=c99", "-Wall", "-Wno-unused-function", "-Werror", f"-I{header.parent}", str(source),
            f"-L{library.parent}", f"-l{header.stem}", f"-Wl,-rpath,{library.parent}", *flags, "-o", str(tmp_path / "program"),
        ]  # fmt: skip
        subprocess.run(command, check=True)
        return subprocess.run([str(tmp_path / "program")], check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()

    return run_


def compile_(inputs, outputs, **options):
    return tcore.function(inputs, outputs, mode=Mode(linker=CvmLinker()), **options)


def layer():
    """Elementwise work, a reduction, softmax, a state with an update, an optional input."""
    x, scale = tt.dmatrix("x"), tt.dscalar("scale")
    w = tensor_constructor(np.arange(3.0), name="w")
    products = tt.exp(x) * w * scale
    outputs = {"products": products, "softmax": tt.softmax(x), "totals": products.sum(axis=0)}
    return compile_([x, In(scale, value=2.0)], outputs, updates=[(w, w + x.sum(axis=0))]), w


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The files of ``layer`` and of a matrix product."""
    folder = tmp_path_factory.mktemp("exported")
    x, y = tt.dmatrix("x"), tt.dmatrix("y")
    product = compile_([x, y], tt.dot(x, y))
    return {"layer": layer()[0].export(folder / "layer"), "product": product.export(folder / "product")}


def test_c_program(exported, run) -> None:
    """Results of two calls with state and with other lengths are those of the function."""
    lines = run(
        exported["layer"],
        r"""
    layer_instance *m = layer_new();
    for (int call = 0; call < 2; call++) {
        tcore_array in[LAYER_INPUTS] = {{0}}, out[LAYER_OUTPUTS] = {{0}}, w = {0};
        in[LAYER_INPUT_X] = matrix(call ? 2 : 4, 3);
        if (layer_call(m, in, out) || layer_get_w(m, &w))
            puts(layer_error(m));
        for (int k = 0; k < LAYER_OUTPUTS; k++) {
            show(&out[k]);
            layer_free_array(&out[k]);
        }
        show(&w);
        layer_free_array(&w);
    }
    layer_free(m);""",
    )
    f, w = layer()
    for call, rows in enumerate((4, 2)):
        found = dict(zip(("products", "softmax", "totals", "w"), map(shown, lines[4 * call : 4 * call + 4]), strict=True))
        expected = f(X[:rows])
        for name, value in {**expected, "w": w.get_value()}.items():
            assert found[name].shape == value.shape
            np.testing.assert_allclose(found[name], value, rtol=1e-14)


def test_program_in_cplusplus(exported, tmp_path) -> None:
    """Two exported functions in one program in C++, whose threads have an instance each: their headers get along, and so do their calls."""
    folder = exported["layer"][0].parent
    source = tmp_path / "program.cpp"
    source.write_text(
        r"""
#include "layer.h"
#include "product.h"
#include "layer.h"
#include <cstdio>
#include <thread>
#include <vector>

static void totals(double *numbers, double *found)
{
    layer_instance *layer = layer_new();
    product_instance *product = product_new();
    tcore_array in[] = {{numbers, TCORE_FLOAT64, 2, {4, 3}, nullptr}, {}};
    for (int call = 0; call < 50; call++) {
        tcore_array out[LAYER_OUTPUTS] = {}, w = {};
        if (layer_call(layer, in, out) || layer_get_w(layer, &w) || product_missing_blas() == nullptr)
            return;
        found[call] = static_cast<double *>(out[LAYER_OUTPUT_TOTALS].data)[1] + static_cast<double *>(w.data)[2];
        for (tcore_array &array : out)
            layer_free_array(&array);
        layer_free_array(&w);
    }
    layer_free(layer);
    product_free(product);
}

int main()
{
    double numbers[12], found[8][50] = {};
    for (int i = 0; i < 12; i++)
        numbers[i] = -1 + i * (2.0 / 11);
    std::vector<std::thread> threads;
    for (auto &row : found)
        threads.emplace_back(totals, numbers, row);
    for (std::thread &each : threads)
        each.join();
    for (auto &row : found)
        for (double number : row)
            std::printf("%.17g\n", number);
}
""",
        encoding="utf-8",
    )
    command = [
        *shlex.split(tcore.config.cxx), "-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Wno-missing-field-initializers", "-Werror", "-pthread",
        f"-I{folder}", str(source), f"-L{folder}", "-llayer", "-lproduct", f"-Wl,-rpath,{folder}", "-o", str(tmp_path / "program"),
    ]  # fmt: skip
    subprocess.run(command, check=True)
    lines = subprocess.run([str(tmp_path / "program")], check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()
    steps = np.arange(50)
    w = np.arange(3.0) + steps[:, None] * X.sum(axis=0)
    expected = np.exp(X).sum(axis=0)[1] * w[:, 1] * 2 + w[:, 2] + X.sum(axis=0)[2]
    np.testing.assert_allclose(np.array(list(map(float, lines))).reshape(8, 50), np.tile(expected, (8, 1)), rtol=1e-12)


def test_given_memory_and_strides(exported, run) -> None:
    """Results go where the caller has room, in any order of memory, also over an input."""
    lines = run(
        exported["layer"],
        r"""
    layer_instance *m = layer_new();
    double room[12], scale = 1;
    int64_t columns_first[] = {8, 4 * 8};
    tcore_array in[] = {matrix(4, 3), {&scale, TCORE_FLOAT64, 0, {0}, NULL}};
    tcore_array out[LAYER_OUTPUTS] = {{values, TCORE_FLOAT64, 2, {4, 3}, NULL}, {room, TCORE_FLOAT64, 2, {4, 3}, columns_first}};
    if (layer_call(m, in, out))
        puts(layer_error(m));
    show(&out[0]);
    tcore_array flat = {room, TCORE_FLOAT64, 1, {12}, NULL};
    show(&flat);
    in[0] = (tcore_array){room, TCORE_FLOAT64, 2, {4, 3}, columns_first};
    tcore_array again[LAYER_OUTPUTS] = {{0}};
    if (layer_call(m, in, again))
        puts(layer_error(m));
    show(&again[1]);""",
    )
    softmax = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shown(lines[0]), np.exp(X) * np.arange(3.0), rtol=1e-14)
    np.testing.assert_allclose(shown(lines[1]).reshape(3, 4).T, softmax, rtol=1e-14)
    np.testing.assert_allclose(shown(lines[2]), np.exp(softmax) / np.exp(softmax).sum(axis=1, keepdims=True), rtol=1e-14)


def test_errors_of_calls(exported, run) -> None:
    """Each wrong argument has its code and a text; the state is as it was after all of them."""
    lines = run(
        exported["layer"],
        r"""
    layer_instance *m = layer_new();
    float single[12] = {0};
    double room[9] = {0}, scale = 1;
    int64_t stuck[] = {0, 8};
    tcore_array in[LAYER_INPUTS] = {{0}}, out[LAYER_OUTPUTS] = {{0}}, w = {0};
    #define TRY(...) do { __VA_ARGS__; int code = layer_call(m, in, out); printf("%d %s\n", code, layer_error(m)); } while (0)
    TRY((void)0);
    TRY(in[0] = matrix(4, 3); in[0].data = single; in[0].dtype = TCORE_FLOAT32);
    TRY(in[0] = matrix(4, 3); in[0].ndim = 1);
    TRY(in[0] = matrix(3, 4));
    TRY(in[0] = matrix(4, 3); in[0].data = (char *)values + 1);
    TRY(in[0] = matrix(4, 3); out[0] = (tcore_array){room, TCORE_FLOAT64, 2, {3, 3}, NULL});
    TRY(out[0] = (tcore_array){room, TCORE_FLOAT64, 2, {4, 3}, stuck});
    TRY(out[0] = matrix(4, 3); out[1] = matrix(4, 3));
    TRY(in[1] = (tcore_array){&scale, 99, 0, {0}, NULL});
    printf("%d %s\n", layer_get_state(m, 1, &w), layer_error(m));
    printf("%d\n", layer_call(NULL, in, out));
    if (layer_get_w(m, &w))
        puts(layer_error(m));
    show(&w);""",
    )
    expected = [
        "1 input 0 (x) is missing",
        "1 input 0 (x) has dtype float32, expected float64",
        "1 input 0 (x) has 1 dimensions, expected 2",
        "2 lengths do not fit in ",
        "1 input 0 (x) is not aligned to 8 bytes",
        "2 output 0 (products) has shape (4, 3), and there is room for shape (3, 3)",
        "1 output 0 (products) cannot be written into memory with stride 0 along axis 0",
        "1 outputs 0 and 1 share memory",
        "1 input 1 (scale) has dtype (unknown), expected float64",
        "1 there is no state 1: there are 1",
        "1",
    ]
    for line, start in zip(lines, expected, strict=False):
        assert line.startswith(start)
    assert "length 4" in lines[3]
    np.testing.assert_array_equal(shown(lines[-1]), np.arange(3.0))


def test_state_of_c_program(exported, run) -> None:
    """States are set, copied out, and each instance has its own."""
    lines = run(
        exported["layer"],
        r"""
    layer_instance *first = layer_new(), *second = layer_new();
    double numbers[] = {5, 0, 6, 0, 7, 0, 8};
    int64_t every_other[] = {16};
    tcore_array given = {numbers, TCORE_FLOAT64, 1, {4}, every_other}, w = {0}, other = {0};
    if (layer_set_w(first, &given) || layer_get_w(first, &w) || layer_get_w(second, &other))
        puts(layer_error(first));
    show(&w);
    show(&other);
    given.ndim = 2;
    printf("%d %s\n", layer_set_w(first, &given), layer_error(first));""",
    )
    np.testing.assert_array_equal(shown(lines[0]), [5, 6, 7, 8])
    np.testing.assert_array_equal(shown(lines[1]), [0, 1, 2])
    assert lines[2] == "1 state 0 (w) has 2 dimensions, expected 1"


NAIVE_BLAS = r"""
#include <string.h>
void dgemm_(const char *ta, const char *tb, const int *m, const int *n, const int *k, const double *alpha, const double *a,
            const int *lda, const double *b, const int *ldb, const double *beta, double *c, const int *ldc)
{
    for (int j = 0; j < *n; j++)
        for (int i = 0; i < *m; i++) {
            double sum = 0;
            for (int l = 0; l < *k; l++)
                sum += (*ta == 'N' ? a[i + l * *lda] : a[l + i * *lda]) * (*tb == 'N' ? b[l + j * *ldb] : b[j + l * *ldb]);
            c[i + j * *ldc] = *alpha * sum + (*beta != 0 ? *beta * c[i + j * *ldc] : 0);
        }
}
"""
MULTIPLY = r"""
    product_instance *m = product_new();
    double weights[] = {1, 2, 3, 4, 5, 6};
    tcore_array in[] = {matrix(4, 3), {weights, TCORE_FLOAT64, 2, {3, 2}, NULL}}, out[1] = {{0}};
    const char *missing = product_missing_blas();
    puts(missing ? missing : "none");
    int code = product_call(m, in, out);
    printf("%d %s\n", code, product_error(m));
    if (!code)
        show(&out[0]);"""
PRODUCT = X @ np.arange(1.0, 7).reshape(3, 2)


def test_blas_of_the_program(exported, run) -> None:
    """A routine that the program has is found; without one the call says what to do."""
    lines = run(exported["product"], MULTIPLY, "-rdynamic", before=NAIVE_BLAS)
    assert lines[:2] == ["none", "0 "]
    np.testing.assert_allclose(shown(lines[2]), PRODUCT, rtol=1e-14)
    lines = run(exported["product"], MULTIPLY)
    assert lines == ["dgemm", "6 there is no BLAS: link the program with one that has dgemm_, or give it to product_set_blas"]
    text = exported["product"][1].read_text(encoding="utf-8")
    assert "-lopenblas" in text
    assert "-lopenblas" not in exported["layer"][1].read_text(encoding="utf-8")


def test_blas_by_link_flags(run, tmp_path) -> None:
    """With link flags the library itself needs the BLAS."""
    source = tmp_path / "blas.c"
    source.write_text(NAIVE_BLAS, encoding="utf-8")
    subprocess.run([*find_compiler().command, "-shared", "-fPIC", str(source), "-o", str(tmp_path / "libnaive.so")], check=True)
    x, y = tt.dmatrix("x"), tt.dmatrix("y")
    files = compile_([x, y], tt.dot(x, y)).export(tmp_path / "product", blas=f"-L{tmp_path} -lnaive -Wl,-rpath,{tmp_path}", march="native")
    lines = run(files, MULTIPLY)
    assert lines[:2] == ["none", "0 "]
    np.testing.assert_allclose(shown(lines[2]), PRODUCT, rtol=1e-14)
    assert "-lnaive" in files[1].read_text(encoding="utf-8")


LOADER = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tcore", "tcore_cpu"):
            raise ImportError(name)
sys.meta_path.insert(0, Nothing())
sys.path[:0] = [{folder!r}, {packages!r}]
import numpy as np
{body}
"""


def _python(folder: Path, body: str) -> list[str]:
    """Run a program in a Python that cannot import tcore."""
    program = LOADER.format(folder=str(folder), packages=str(Path(np.__file__).parents[1]), body=body)
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_loader_without_tcore(exported) -> None:
    """The Python loader returns what the function returns, keeps state, and raises as the function does."""
    lines = _python(
        exported["layer"][0].parent,
        """
import layer
x = np.linspace(-1, 1, 12).reshape(4, 3)
m, other = layer.Model(), layer.Model(threads=1)
found = m(x)
print(sorted(found))
print(np.allclose(found["products"], np.exp(x) * np.arange(3.0) * 2, rtol=1e-14), found["totals"].shape)
print(np.allclose(m["w"], np.arange(3.0) + x.sum(axis=0)), other["w"].tolist(), m.states, m.inputs)
m["w"] = [1, 1, 1]
print(np.allclose(m(x=x.T.copy().T, scale=1)["products"], np.exp(x), rtol=1e-14), m(np.ones((0, 3)))["products"].shape)
for wrong in (lambda: m(x.astype("f4")), lambda: m(x.astype("c16")), lambda: m(x[:, :2]), lambda: m(), lambda: m(x, y=1), lambda: m["v"]):
    try:
        wrong()
        print("fine")
    except Exception as error:
        print(type(error).__name__, error)
kept = m(x)["softmax"]
del m
print(np.allclose(kept.sum(axis=1), 1))
""",
    )
    assert lines[0] == "['products', 'softmax', 'totals']"
    assert lines[1] == "True (3,)"
    assert lines[2] == "True [0.0, 1.0, 2.0] ['w'] ['x', 'scale']"
    assert lines[3] == "True (0, 3)"
    assert lines[4] == "fine"  # float32 fits into float64
    assert lines[5] == "TypeError input 0 (x) has dtype complex128, expected float64"
    assert lines[6].startswith("ValueError lengths do not fit in ")
    assert lines[7] == "TypeError input 0 (x) is missing"
    assert lines[8] == "TypeError there is no input 'y'; the inputs are x, scale"
    assert lines[9].startswith("KeyError")
    assert lines[10] == "True"


def test_index_outside(tmp_path) -> None:
    """The error has the index and the length, whether one number or a vector of them chooses the rows."""
    x, i, v = tt.dmatrix("x"), tt.lscalar("i"), tt.lvector("v")
    compile_([x, i, v], [x[i], tt.exp(x)[v]]).export(tmp_path / "rows")
    body = """
import rows
model = rows.Model()
for number, vector in ((7, [0]), (-4, [0]), (0, [7]), (0, [-4])):
    try:
        model(np.ones((3, 4)), number, np.array(vector))
    except IndexError as error:
        print(error)
print(model(np.ones((3, 4)), -3, np.array([2]))[0].tolist())
"""
    *errors, last = _python(tmp_path, body)
    assert [re.sub(r" in (\w+).*: ", r" in \1: ", error) for error in errors] == [
        f"an index is out of bounds in {op}: {index}, where the axis has length 3"
        for op in ("Subtensor", "AdvancedSubtensor1")
        for index in (7, -4)
    ]
    assert last == "[1.0, 1.0, 1.0, 1.0]"


def test_loader_takes_scipys_blas(exported) -> None:
    """Without a BLAS of its own the library gets that of SciPy; without SciPy the error names the remedies."""
    body = """
import product
print(product.Model()(np.ones((2, 3)), np.arange(6.0).reshape(3, 2)).tolist())
"""
    assert _python(exported["product"][0].parent, body) == ["[[6.0, 9.0], [6.0, 9.0]]"]
    body = """
import product
sys.modules["scipy"] = None
try:
    product.Model()
except product.ExportedError as error:
    print(error)
"""
    (line,) = _python(exported["product"][0].parent, body)
    assert "install scipy" in line
    assert 'blas="-lopenblas"' in line


def test_linear_algebra(tmp_path) -> None:
    """The library asks for routines of LAPACK, which the loader finds in SciPy; a matrix without a result is an error of its own."""
    x, b = tt.dmatrix("x"), tt.dvector("b")
    files = compile_([x, b], [linalg.solve(linalg.psd(x), b), linalg.expm(x), linalg.svd(x)[1]]).export(tmp_path / "algebra")
    header = files[1].read_text(encoding="utf-8")
    assert "dgemm, dgesdd, dgetrf, dgetrs, dpotrf, dtrsm of BLAS and LAPACK" in header
    body = """
import algebra
model = algebra.Model()
print([part.round(6).tolist() for part in model(np.diag([1.0, 4.0]), np.array([1.0, 8.0]))])
try:
    model(np.diag([1.0, -4.0]), np.ones(2))
except ValueError as error:
    print(error)
"""
    first, second = _python(tmp_path, body)
    assert first == str([[1.0, 2.0], [[round(np.e, 6), 0.0], [0.0, round(np.e**4, 6)]], [4.0, 1.0]])
    assert "Cholesky" in second
    assert "singular, not positive definite or not finite" in second


def test_complex_products(tmp_path) -> None:
    """Products of complex numbers ask for routines of their own, which the loader finds in SciPy; those of vectors go through gemv."""
    x, v = tt.zmatrix("x"), tt.zvector("v")
    files = compile_([x, v], [tt.dot(x, x), tt.dot(v, v)]).export(tmp_path / "waves")
    assert "zgemm, zgemv of BLAS" in files[1].read_text(encoding="utf-8")
    body = """
import waves
matrix, vector = np.array([[1j, 2], [0, 1 - 1j]]), np.array([1j, 2, 3 + 1j])[:2]
print([part.tolist() == wanted.tolist() for part, wanted in zip(waves.Model()(matrix, vector), (matrix @ matrix, vector @ vector))])
"""
    assert _python(tmp_path, body) == ["[True, True]"]


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float16"])
def test_own_products(tmp_path, dtype) -> None:
    """Products of numbers that BLAS does not know need none."""
    x, v = tt.matrix("x", dtype), tt.vector("v", dtype)
    compile_([x, v], [tt.dot(x, x), tt.dot(x, v), tt.dot(v, v)]).export(tmp_path / "whole")
    body = f"""
import whole
x, v = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 1]], "{dtype}"), np.array([1, 0, 1], "{dtype}")
for found, wanted in zip(whole.Model()(x, v), (x @ x, x @ v, v @ v)):
    print(found.dtype == wanted.dtype, np.array_equal(found, wanted))
"""
    assert _python(tmp_path, body) == ["True True"] * 3


def test_half_precision(tmp_path) -> None:
    """Is stored in 16 bits and computed as everywhere else."""
    x = tt.TensorType("float16", (False, False))("x")
    f = compile_([x], [tt.exp(x) / 3 + x, x.sum(axis=1), x > 0])
    f.export(tmp_path / "halves")
    value = X.astype("float16")
    np.savez(tmp_path / "wanted.npz", value, *f(value))
    body = f"""
import halves
value, *wanted = np.load({str(tmp_path / "wanted.npz")!r}).values()
print([(part.dtype == of.dtype, part.tolist() == of.tolist()) for part, of in zip(halves.Model()(value), wanted)])
"""
    assert _python(tmp_path, body) == [str([(True, True)] * 3)]


def test_complex_kernels(tmp_path) -> None:
    """Numbers of two parts are computed as everywhere else."""
    z = tt.zvector("z")
    f = compile_([z], [tt.exp(z) * z, z.sum(), abs(z), tt.cumsum(z)])
    f.export(tmp_path / "turns")
    value = np.array([1j, 2, 0.5 - 1j])
    np.savez(tmp_path / "wanted.npz", value, *f(value))
    body = f"""
import turns
value, *wanted = np.load({str(tmp_path / "wanted.npz")!r}).values()
print([(part.dtype == of.dtype, part.tolist() == of.tolist()) for part, of in zip(turns.Model()(value), wanted)])
"""
    assert _python(tmp_path, body) == [str([(True, True)] * 4)]


def training():
    """Products of matrices and vectors, reductions, gradients, several outputs, numbers, two states that are updated in place."""
    rng = np.random.default_rng(0)
    x, y, rate = tt.dmatrix("x"), tt.dvector("y"), tt.dscalar("rate")
    w = tensor_constructor(rng.normal(size=(3, 5)), name="w")
    v = tensor_constructor(rng.normal(size=5), name="v")
    hidden = tt.tanh(tt.dot(x, w))
    guess = tt.dot(hidden, v)
    cost = ((guess - y) ** 2).mean()
    outputs = [cost, guess, hidden.max(axis=1), tt.argmax(hidden, axis=0), rate * 2]
    return compile_([x, y, rate], outputs, updates=[(p, p - rate * tcore.grad(cost, p)) for p in (w, v)])


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_training_step(compiler, tmp_path, monkeypatch) -> None:
    """Three steps of an exported training step are those of the function, whoever compiles it."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    f = training()
    monkeypatch.setenv("CC", compiler)
    f.export(tmp_path / "training")
    lines = _python(
        tmp_path,
        f"""
import json, training
m = training.Model()
x, y = np.array({X.tolist()}), np.array([0.5, -1.0, 0.25, 2.0])
for step in range(3):
    print(json.dumps([np.asarray(value).tolist() for value in (*m(x, y, 0.125), m["w"], m["v"])]))
""",
    )
    states = {shared.name: shared for shared in f.get_shared()}
    for line in lines:
        wanted = f(X, np.array([0.5, -1.0, 0.25, 2.0]), 0.125)
        wanted += [states["w"].get_value(), states["v"].get_value()]
        for found, value in zip(json.loads(line), wanted, strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-13)


def test_forms_of_results(tmp_path) -> None:
    """One result, a list of one, none at all, results that share memory, dtypes, indices, and the linker ``c|py``."""
    x, i = tt.fvector("x"), tt.lvector("i")
    n = tensor_constructor(np.array(0), name="n")
    mode = Mode(linker=CPyLinker())
    tcore.function([x, i], x[i], mode=mode).export(tmp_path / "single")
    tcore.function([x], [x[::-2], x, tt.constant(np.arange(2, dtype="int8"))], mode=mode).export(tmp_path / "several")
    tcore.function([], updates=[(n, n + 1)], mode=mode).export(tmp_path / "counter")
    lines = _python(
        tmp_path,
        """
import counter, several, single
x = np.arange(5, dtype="f4")
m = single.Model()
print(m(x, [4, -5]), m(x, [0]).dtype)
try:
    m(x, [5])
except IndexError as error:
    print(error)
print(several.Model()(x))
m = counter.Model()
print([m(), m(), m[0].tolist()])
""",
    )
    assert lines[0] == "[4. 0.] float32"
    assert lines[1].startswith("an index is out of bounds in AdvancedSubtensor")
    assert lines[1].endswith("5, where the axis has length 5")
    assert lines[2] == repr([np.arange(5, dtype="f4")[::-2], np.arange(5, dtype="f4"), np.arange(2, dtype="int8")])
    assert lines[3] in ("[[], [], 2]", "[None, None, 2]")


def loops():
    """A recurrence of vectors with its gradient, a loop that ends by a condition and whose rows are read, and a loop in a loop."""
    x, limit = tt.dmatrix("x"), tt.dscalar("limit")
    w = tensor_constructor(np.linspace(-0.5, 0.5, 9).reshape(3, 3), name="w")
    states, _ = tcore.scan(lambda row, h: tt.tanh(row + tt.dot(h, w)), sequences=x, outputs_info=tt.zeros((3,)))
    doubled, _ = tcore.scan(lambda h: (2 * h, tcore.scan_module.until(h[0] > limit)), outputs_info=tt.ones((2,)), n_steps=50)
    sums, _ = tcore.scan(lambda row: tcore.scan(lambda v, total: tt.exp(v) + 0.5 * total, sequences=row, outputs_info=np.float64(0))[0][-1], sequences=x)
    return compile_([x, limit], [states, doubled + 1, sums], updates=[(w, w - 0.1 * tcore.grad(states[-1].sum(), w))])


def test_loops(tmp_path) -> None:
    """Loops are part of the library, what their steps call of BLAS included; where one makes no step there is no last row."""
    f = loops()
    files = f.export(tmp_path / "loops")
    assert "It uses dgemm, dgemv of BLAS" in files[1].read_text(encoding="utf-8")
    lines = _python(
        tmp_path,
        f"""
import json, loops
m = loops.Model()
x = np.array({X.tolist()})
for limit in (9.0, 100.0, 3.0):
    print(json.dumps([np.asarray(value).tolist() for value in (*m(x, limit), m["w"])]))
try:
    m(x[:0], 5.0)
except IndexError as error:
    print(error)
print(m(x, 9.0)[1].shape)
""",
    )
    for limit, line in zip((9.0, 100.0, 3.0), lines, strict=False):
        wanted = [*f(X, limit), f.get_shared()[0].get_value()]
        for found, value in zip(json.loads(line), wanted, strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-13)
    assert lines[3].startswith("an index is out of bounds in IncSubtensor{InplaceSet;int64}")
    assert lines[4] == "(5, 2)"


def choices():
    """Conditions of several dtypes; choices of choices, of inputs, constants and what is overwritten in place; a state that one branch changes."""
    x, y, c, h, z = tt.dvector("x"), tt.dvector("y"), tt.dscalar("c"), tt.scalar("h", dtype="float16"), tt.scalar("z", dtype="complex64")
    w = tensor_constructor(np.arange(3.0), name="w")
    shared = tt.exp(x)
    inner = ifelse(h, shared * y, tt.constant([7.0, 8.0]))
    both = ifelse(c > 0, [inner + 1, x], [tt.dot(x, y) * x, inner])
    outputs = [*both, ifelse(z, x, y), ifelse(tt.isnan(c), shared + 1, shared), tt.set_subtensor(shared[0], 5.0)]
    outputs.append(tt.set_subtensor(ifelse(c > 0, x * 2, y * 3)[1], 9.0))  # nobody else reads what was chosen
    return compile_([x, y, c, h, z], outputs, updates=[(w, ifelse(tt.eq(c, 2), w - x.sum(), w))])


def test_choices(tmp_path) -> None:
    """Only the branch that is taken is computed, by the library as by the function; failed calls leave nothing behind."""
    f = choices()
    f.export(tmp_path / "choices")
    numbers = [(1.0, 1.0, 0.0), (-1.0, 0.0, 1j), (2.0, -0.0, 1.0), (0.0, 0.5, 0.0), (np.nan, np.nan, 1.0), (2.0, 6e-8, 0.0)]
    lines = _python(
        tmp_path,
        f"""
import json, choices
from numpy import nan
m = choices.Model()
x, y = np.array([0.5, -0.5]), np.array([3.0, 4.0])
for c, h, z in {numbers!r}:
    print(json.dumps([np.asarray(value).tolist() for value in (*m(x, y, c, np.float16(h), np.complex64(z)), m["w"])]))
try:
    m(x, y[:1], -1.0, np.float16(0), np.complex64(0))
except ValueError as error:
    print(error)
print(len(m(x, y[:1], 1.0, np.float16(0), np.complex64(0))))
""",
    )
    x, y = np.array([0.5, -0.5]), np.array([3.0, 4.0])
    for (c, h, z), line in zip(numbers, lines, strict=False):
        wanted = [*f(x, y, c, np.float16(h), np.complex64(z)), f.get_shared()[0].get_value()]
        for found, value in zip(json.loads(line), wanted, strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-13)
    assert lines[-2].startswith("lengths do not fit in ")
    assert lines[-1] == "6"  # nobody looked at y


def test_choice_of_loops_and_products(tmp_path, run) -> None:
    """A branch may hold whatever functions hold; BLAS that only one of them needs is told by the header; results lie where the caller wants."""
    x, c = tt.dmatrix("x"), tt.lscalar("c")
    rows, _ = tcore.scan(lambda row, h: tt.tanh(row + h), sequences=x, outputs_info=tt.zeros((3,)))
    f = compile_([x, c], [ifelse(c, rows, tt.dot(x, x.T)[:, :3]), x + 1])
    files = f.export(tmp_path / "model")
    assert "It uses dgemm of BLAS" in files[1].read_text(encoding="utf-8")
    body = r"""
    model_instance *m = model_new();
    int64_t c = 1;
    double room[12], other[12];
    tcore_array in[2] = {matrix(4, 3), {&c, TCORE_INT64}}, out[2] = {{room, TCORE_FLOAT64, 2, {4, 3}}, {other, TCORE_FLOAT64, 2, {4, 3}}};
    if (model_call(m, in, out))
        puts(model_error(m));
    show(&out[0]);
    show(&out[1]);
    c = 0;
    puts(model_call(m, in, out) ? model_error(m) : "BLAS was not missed");
    model_free(m);"""
    lines = run(files, body)
    for line, wanted in zip(lines, f(X, 1), strict=False):
        np.testing.assert_allclose(shown(line), wanted, rtol=1e-14)
    assert lines[2].startswith("there is no BLAS")


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("program", [layer, choices], ids=["one part", "choices"])
def test_sources_draw_no_warning(program, compiler, tmp_path, monkeypatch) -> None:
    """What is written for the compiler, under -Wall -Wextra."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    compile_model = writing._compile

    def strictly(own, name, folder, *rest):
        flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-std=gnu11", f"-I{build.FOLDER}", f"-I{build.FOLDER / 'native'}", "-S", "-o", "/dev/null"]
        subprocess.run([compiler, *flags, "exported.c"], cwd=folder, check=True)
        compile_model(own, name, folder, *rest)

    monkeypatch.setattr(writing, "_compile", strictly)
    made = program()
    assert (made[0] if isinstance(made, tuple) else made).export(tmp_path / "model")


class OwnChoice(Op):
    """Its first input, by a thunk that asks for it."""

    __props__ = ()
    lazy = True

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def make_thunk(self, node, storage_map, compute_map, no_recycling, impl=None):
        (x,), (y,) = node.inputs, node.outputs

        def thunk():
            if not compute_map[x][0]:
                return [0]
            storage_map[y][0], compute_map[y][0] = storage_map[x][0], True
            return None

        thunk.lazy = True
        return thunk


def test_checks(tmp_path) -> None:
    """Conditions of a graph are part of the library; the error has their text."""
    x = tt.dvector("x")
    compile_([x], Assert("all are positive")(x, tt.all(x > 0)) * 2).export(tmp_path / "checked")
    body = """
import checked
model = checked.Model()
for numbers in ([1.0, 2.0], [1.0, -2.0]):
    try:
        print(model(np.array(numbers)))
    except ValueError as error:
        print(error)
"""
    first, second = _python(tmp_path, body)
    assert first == "[2. 4.]"
    assert second.startswith("a condition on lengths or numbers does not hold in Assert{msg='all are positive'}")


class PythonOnly(Op):
    """x + 1, in Python."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = inputs[0] + 1


def test_what_needs_python_is_refused(tmp_path) -> None:
    """The error names the nodes and values, and what to do; nothing is written."""
    x = tt.dvector("x")
    with pytest.raises(ExportError, match=r"need Python:\n  PythonOnly.*PythonOnly has no lowering\nWrite them with ops") as found:
        compile_([x], PythonOnly()(x) * 2, name="twice").export(tmp_path / "model")
    assert str(found.value).startswith('the function "twice" cannot be exported')
    anything = tcore.graph.generic()
    anything.name = "anything"
    with pytest.raises(ExportError, match="input anything is of type"):
        compile_([anything, x], x, on_unused_input="ignore").export(tmp_path / "model")
    with pytest.raises(ExportError, match="OwnChoice.*: it decides in Python which of its inputs are computed; ifelse can be exported"):
        compile_([x], OwnChoice()(x + 1)).export(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_backends_without_export(tmp_path) -> None:
    """A linker that writes no code says which one does."""
    x = tt.dvector("x")
    f = tcore.function([x], x + 1, mode=Mode(linker="py"))
    with pytest.raises(ExportError, match="PerformLinker runs functions inside this process .*package tcore-cpu"):
        f.export(tmp_path / "model")


def test_names_of_files(tmp_path) -> None:
    """The last part of the path is a name in C."""
    x = tt.dvector("x")
    with pytest.raises(ValueError, match="'my-model' cannot start names in C"):
        compile_([x], x + 1).export(tmp_path / "my-model")
    with pytest.raises(ValueError, match=r"'class' is a word of Python, so that nothing could import class\.py"):
        compile_([x], x + 1).export(tmp_path / "class")


def test_wrong_options(tmp_path) -> None:
    """What was expected and what came, before anything is compiled."""
    f = compile_([x := tt.dvector("x")], tt.exp(x))
    for name, options, error, words in (
        ("a" * 300, {}, ValueError, "at most 200 characters, got 300: aaaaaaaaaaaaaaaaaaaa"),
        ("model", {"blas": 5}, TypeError, "blas must be text, such as '-lopenblas', got 5"),
        ("model", {"blas": ["-lblas"]}, TypeError, r"blas must be text, .* got \['-lblas'\]"),
        ("model", {"march": 5}, TypeError, "march must be text, such as 'native', got 5"),
        ("model", {"blas": "-L'here"}, ValueError, 'blas must be link flags, .* got "-L\'here": No closing quotation'),
    ):
        with pytest.raises(error, match=words):
            f.export(tmp_path / name, **options)
    assert not list(tmp_path.iterdir())
