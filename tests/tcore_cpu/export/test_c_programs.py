"""Exported functions in C and C++ programs: calls, memory, errors, states, the BLAS of the program."""

from __future__ import annotations

import shlex
import subprocess

import numpy as np
from exports import X, compile_, layer, shown

import tcore
import tcore.tensor as tt
from tcore_cpu.compiling.compiler import find_compiler


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
