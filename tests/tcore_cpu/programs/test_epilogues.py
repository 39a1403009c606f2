"""Products and the kernels behind them, by blocks of rows: the same numbers as one after the other, and no memory for what passes."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore_cpu import programs
from tcore_cpu.programs import epilogues
from tcore_cpu.runtime.loading import runtime, runtime_kind

pytestmark = [pytest.mark.backends("cpu"), pytest.mark.needs_compiler]

RNG = np.random.default_rng(0)


def softmax(d):
    e = np.exp(d - d.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


PROGRAMS = {
    "tanh": (lambda d, b, c: T.tanh(d + b), lambda d, b, c: np.tanh(d + b)),
    "column": (lambda d, b, c: T.maximum(d, c[:, None]), lambda d, b, c: np.maximum(d, c[:, None])),
    "argmax": (lambda d, b, c: T.argmax(d + b, axis=1), lambda d, b, c: np.argmax(d + b, axis=1)),
    "softmax": (lambda d, b, c: T.softmax(d + b), lambda d, b, c: softmax(d + b)),
    "squares": (lambda d, b, c: T.sqr(d - c[:, None]).sum(axis=1), lambda d, b, c: ((d - c[:, None]) ** 2).sum(axis=1)),
    "reversed": (lambda d, b, c: T.exp(d) - d[::-1], lambda d, b, c: np.exp(d) - d[::-1]),
    "columns summed": (lambda d, b, c: T.sqr(d + b).sum(axis=0), lambda d, b, c: ((d + b) ** 2).sum(axis=0)),
    "product, too": (lambda d, b, c: [d, T.exp(d).sum(axis=1)], lambda d, b, c: [d, np.exp(d).sum(axis=1)]),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_as_numpy(program, backend):
    """Several blocks, the last one shorter; whole products; nothing at all; factors as they are, transposed and with gaps."""
    built, wanted = PROGRAMS[program]
    x, w, b, c = T.dmatrix("x"), T.dmatrix("w"), T.dvector("b"), T.dvector("c")
    f = tcore.function([x, w, b, c], built(T.dot(x, w), b, c), on_unused_input="ignore")
    for m, k, n in [(1003, 9, 300), (7, 3, 5), (0, 3, 5), (1003, 0, 300)]:
        left, right, row, column = RNG.normal(size=(m, 2 * k)), RNG.normal(size=(k, n)), RNG.normal(size=n), RNG.normal(size=m)
        for a in (np.ascontiguousarray(left[:, ::2]), np.asfortranarray(left[:, :k]), left[:, ::2]):
            for v in (right, np.asfortranarray(right), np.repeat(right, 2, axis=1)[:, ::2]):
                for got, value in zip(*(out if isinstance(out, list) else [out] for out in (f(a, v, row, column), wanted(a @ v, row, column))), strict=True):
                    np.testing.assert_allclose(got, value, rtol=1e-10, atol=1e-10)


def test_threads_do_not_matter(backend):
    """Blocks follow from lengths alone."""
    x, w = T.fmatrix("x"), T.fmatrix("w")
    f = tcore.function([x, w], T.softmax(T.dot(x, w)))
    value, matrix = RNG.normal(size=(2500, 20)).astype("float32"), RNG.normal(size=(20, 400)).astype("float32")
    try:
        found = [runtime().set_threads(n) and f(value, matrix) for n in (1, 2, 5)]
    finally:
        runtime().set_threads(0)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_products_that_pass_have_no_memory(backend):
    """Of 16 MB only blocks are ever there; below 2 MB the plan has the whole."""
    x, w = T.dmatrix("x"), T.dmatrix("w")
    f = tcore.function([x, w], T.argmax(T.dot(x, w), axis=1))
    value, matrix = RNG.normal(size=(4000, 16)), RNG.normal(size=(16, 500))
    np.testing.assert_array_equal(f(value, matrix), np.argmax(value @ matrix, axis=1))
    before = runtime().memory_watch()
    f(value, matrix)
    assert runtime().memory_most() - before < 8_000_000 or runtime_kind() != "extension"
    blocks = f.memory_plan(value, matrix).values[0]
    assert (blocks.value, blocks.shape[1:], blocks.memory) == ("blocks of Dot22.0", (496, 500), "inside")
    assert blocks.nbytes <= 2 * 496 * 500 * 8 * runtime().set_threads(0)
    small = f.memory_plan((100, 16), (16, 500))
    assert [(each.value, each.nbytes) for each in small.values if each.memory.startswith("buffer")] == [("rows of Dot22.0", 400_000)]
    assert "blocks of rows" in str(small)
    assert str(pickle.loads(pickle.dumps(f)).memory_plan((100, 16), (16, 500))) == str(small)


def test_in_loops(backend):
    """A step's product and what follows it."""
    x, w = T.dmatrix("x"), T.dmatrix("w")
    last = tcore.scan(lambda h, w: T.tanh(T.dot(h, w) + h), outputs_info=x, non_sequences=w, n_steps=4)[0][-1]
    value, matrix = RNG.normal(size=(700, 400)), RNG.normal(size=(400, 400)) / 40
    wanted = value
    for _ in range(4):
        wanted = np.tanh(wanted @ matrix + wanted)
    np.testing.assert_allclose(tcore.function([x, w], last)(value, matrix), wanted, rtol=1e-9)


@pytest.mark.parametrize("shared_with", ["nothing", "rows", "columns", "its transpose"])
def test_where_the_kernel_may_overwrite_an_argument(shared_with, backend):
    """No block of the kernel destroys what a later block is a product of."""
    x, w, y = T.dmatrix("x"), T.dmatrix("w"), T.dmatrix("y")
    f = tcore.function([x, w, tcore.In(y, mutable=True)], T.tanh(T.dot(x, w) + y))
    left, right, target = RNG.normal(size=(3, 704, 704)) / 30
    target = {"nothing": target, "rows": left, "columns": right, "its transpose": left.T}[shared_with]
    wanted = np.tanh(left @ right + target)
    np.testing.assert_allclose(f(left, right, target), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("first", [True, False])
def test_updates(first, backend):
    """A matrix that is a factor of the product and an operand of the kernel has the new value afterwards, as one and as the other factor."""
    m, v = T.dmatrix("m"), tcore.shared(RNG.normal(size=(704, 704)) / 30)
    product, multiplied = (T.dot(v, m), np.matmul) if first else (T.dot(m, v), lambda own, given: given @ own)
    wanted, matrix = v.get_value(), RNG.normal(size=(704, 704)) / 30
    f = tcore.function([m], [], updates={v: T.tanh(product + v)})
    for _ in range(2):
        f(matrix)
        wanted = np.tanh(multiplied(wanted, matrix) + wanted)
    np.testing.assert_allclose(v.get_value(), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", [(1, 2, 400_000), (2047, 1, 129), (2049, 2, 128), (300_000, 2, 1)])
def test_borders_of_blocks(shape, backend):
    """One row that is larger than a block, sizes around the first that goes by blocks, and rows of one number."""
    x, w = T.dmatrix("x"), T.dmatrix("w")
    f = tcore.function([x, w], [T.argmax(T.dot(x, w), axis=1), T.exp(T.dot(x, w)).sum(axis=1)])
    m, k, n = shape
    left, right = RNG.normal(size=(m, k)), RNG.normal(size=(k, n))
    place, total = f(left, right)
    np.testing.assert_array_equal(place, np.argmax(left @ right, axis=1))
    np.testing.assert_allclose(total, np.exp(left @ right).sum(axis=1), rtol=1e-10)


def test_wrong_lengths_are_found_before_the_product(backend):
    """The error names the node of the kernel, or that of the product."""
    x, w, b = T.dmatrix("x"), T.dmatrix("w"), T.dvector("b")
    f = tcore.function([x, w, b], T.tanh(T.dot(x, w) + b))
    for shapes in [((900, 4), (4, 500), 499), ((900, 4), (5, 500), 500)]:
        with pytest.raises(ValueError, match="(?s)Apply node"):
            f(*map(np.ones, shapes))


def test_the_plan_knows_how_large_blocks_are():
    """The numbers by which products go by blocks are the runtime's."""
    text = (Path(programs.__file__).parents[1] / "native" / "epilogues.h").read_text(encoding="utf-8")
    found = re.findall(r"#define TC_(\w+) (?:\(\(int64_t\))?(\d+)(?: << (\d+)\))?\n", text)
    numbers = {name: int(value) << int(shift or 0) for name, value, shift in found}
    assert set(numbers) == {"BLOCKS_FROM", "BLOCK_BYTES", "LARGEST_BLOCK", "ROWS_FOR_TERM", "LEAST_ROWS", "LEAST_BLOCKS"}
    assert numbers == {name: getattr(epilogues, f"_{name}") for name in numbers}
