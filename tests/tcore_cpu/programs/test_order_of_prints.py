"""Prints come in the order of the graph, whatever kernels are joined around them."""

import random

import pytest

import tcore
import tcore.tensor as T
from tcore.printing import Print


def graph(seed, printed):
    """Elementwise steps, sums and views of two vectors, nearly half of them printed."""
    chosen = random.Random(seed)
    pool = [T.dvector("x"), T.dvector("y")]
    kinds = (lambda a, b: T.exp(a * 0.1), T.add, lambda a, b: a * b.sum(), lambda a, b: T.tanh(a) - b, lambda a, b: a[::-1], lambda a, b: a + b.max())
    for step in range(14):
        a, b = chosen.choice(pool), chosen.choice(pool)
        made = kinds[chosen.randrange(6)](a, b)
        if chosen.random() < 0.45:
            made = Print(f"print {step}", global_fn=lambda op, value: printed.append(op.message))(made)
        pool.append(made)
    return pool[:2], chosen.sample(pool[2:], 5)


@pytest.mark.parametrize("seed", [14, 30, 42])
def test_prints_keep_their_order(seed):
    """Kernels that were joined across a Print had taken it behind a later one in each of these graphs."""
    printed = []
    inputs, outputs = graph(seed, printed)
    f = tcore.function(inputs, outputs, mode=tcore.Mode(linker="cvm", optimizer="fast_run"), on_unused_input="ignore")
    wanted = [node.op.message for node in f.maker.fgraph.toposort() if isinstance(node.op, Print)]
    f([1.0, 2.0], [0.3, 0.4])
    assert printed == wanted
    assert len(wanted) > 2
