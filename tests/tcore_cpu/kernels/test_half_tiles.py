"""Elements of half precision that a body converts block by block."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.graph import FunctionGraph
from tcore.tensor.elemwise import Elemwise
from tcore_cpu.linkers.cvm import CvmLinker

EVERY = np.arange(2**16, dtype="uint16").view("float16")


def half(ndim: int = 1):
    return T.TensorType("float16", (False,) * ndim)()


def bodies(inputs, output):
    """The text of the kernels' bodies."""
    fgraph = FunctionGraph(inputs, [output], clone=True)
    linker = CvmLinker().accept(fgraph)
    text = "\n".join(unit.source for unit in linker._draft(fgraph, linker.order(), fgraph.outputs)[1])
    return text[text.index("static void tc_body0") :]


def test_blocks_stand_beside_memory() -> None:
    """Each operand is converted once, before or behind the loop; operations in between are rounded in it."""
    x, y = half(), half()
    text = bodies([x, y], x * y + x)
    assert (text.count("tc_widen("), text.count("tc_narrow("), text.count("tc_half_f32(")) == (2, 1, 1)
    assert "tc_to_" not in text


def test_what_is_widened_alone_has_no_loop() -> None:
    """It goes from memory to memory."""
    x = half()
    text = bodies([x], T.cast(x, "float32"))
    assert "tc_widen(" in text
    assert "for (tc_i64 k" not in text


def test_bits_that_are_moved_are_not_converted() -> None:
    """Choices between stored numbers: also those of a NaN stay what they are."""
    x, y = half(), T.TensorType("bool", (False,))()
    choice = T.switch(y, x, x[::-1])
    assert "tc_widen" not in bodies([x, y], choice)
    truth = np.arange(2**16) % 3 == 0
    got = tcore.function([x, y], choice)(EVERY, truth)
    np.testing.assert_array_equal(got.view("uint16"), np.where(truth, EVERY.view("uint16"), EVERY[::-1].view("uint16")))


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 511, 512, 513, 1500])
def test_lengths(n) -> None:
    """Blocks that are not full, arrays with gaps, gathers beside blocks, operands that are choices and operands at once."""
    rng = np.random.default_rng(n)
    x, y, i = half(), half(), T.lvector()
    f = tcore.function([x, y, i], [x * y[i] - x, T.switch(x > 0, x, x * 2), T.cast(x, "float64"), (x + y).sum()])
    a, b = rng.normal(size=3 * n).astype("float16")[::-3], rng.normal(size=n).astype("float16")
    place = rng.integers(0, n, n) if n else np.zeros(0, "int64")
    wanted = [a * b[place] - a, np.where(a > 0, a, a * 2), a.astype("float64"), (a + b).astype("float64").sum().astype("float16")]
    for got, value in zip(f(a, b, place), wanted, strict=True):
        np.testing.assert_array_equal(got, value)


def test_bits_do_not_depend_on_the_place() -> None:
    """Of NaN with a message, in full blocks and at their ends; with vector forms of functions, too."""
    x = half()
    f = tcore.function([x], [x + 1, T.exp(x)])
    whole = f(EVERY)
    for start, stop in ((0, 9), (31744, 31750), (64000, 64513), (65000, 65536)):
        for got, value in zip(f(EVERY[start:stop]), whole, strict=True):
            np.testing.assert_array_equal(got.view("uint16"), value[start:stop].view("uint16"))


def test_in_place() -> None:
    """The block is read before it is written."""
    x = half()
    f = tcore.function([tcore.In(x, mutable=True)], (x + 1) * x)
    assert any(isinstance(node.op, Elemwise) and node.op.inplace_pattern for node in f.maker.fgraph.apply_nodes)
    given = np.linspace(-3, 3, 1500).astype("float16")
    wanted = (given + 1) * given
    np.testing.assert_array_equal(f(given), wanted)
