"""Exported functions with loops, and with choices of which one side is computed; the text that is compiled for both."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest
from exports import X, compile_, layer, run_python, shown

import tcore
import tcore.tensor as tt
from tcore.tensor.ifelse import ifelse
from tcore.tensor.sharedvar import tensor_constructor
from tcore_cpu.export import writing
from tcore_cpu.native import build


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
    lines = run_python(
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
    lines = run_python(
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
