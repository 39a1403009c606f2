"""Reading and writing at places that arrays name, and how near that is to the machine."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from attrs import frozen
from operation import Operation

__all__ = ["ROWS"]


@frozen
class Take(Operation):
    """Reading in random order: the table fits into the cache, positions and results do not."""

    name = "take"
    summary = "x[i], 10⁷ positions in 10⁶ float64"

    def data(self):
        rng = np.random.default_rng(0)
        return SimpleNamespace(arrays=[rng.random(self.n // 10), rng.integers(0, self.n // 10, self.n)])

    def bytes_moved(self):
        return 2 * 8 * self.n

    def of_numpy(self, x, i):
        return x[i]

    def symbolic(self, library, T, x, i):
        return x[i]

    def of_jax(self, x, i):
        return x[i]

    def of_torch(self, x, i):
        return x[i]


@frozen
class Put(Operation):
    """Writing in random order, each place once: neither the array nor the positions fit into the cache."""

    name = "put"
    summary = "x[i] = y, 10⁷ different positions in 10⁷ float64"

    def data(self):
        rng = np.random.default_rng(0)
        return SimpleNamespace(arrays=[rng.random(self.n), rng.random(self.n), rng.permutation(self.n)])

    def bytes_moved(self):
        return 4 * 8 * self.n

    def of_numpy(self, x, y, i):
        made = x.copy()
        made[i] = y
        return made

    def symbolic(self, library, T, x, y, i):
        return T.set_subtensor(x[i], y)

    def of_jax(self, x, y, i):
        return x.at[i].set(y, unique_indices=True)

    def of_torch(self, x, y, i):
        return x.index_put((i,), y)


@frozen
class ScatterAdd(Operation):
    """Adding to places in random order, to each about ten times."""

    name = "scatter-add"
    summary = "x[i] += y, 10⁷ positions in 10⁶ float64"

    def data(self):
        rng = np.random.default_rng(0)
        return SimpleNamespace(arrays=[rng.random(self.n // 10), rng.random(self.n), rng.integers(0, self.n // 10, self.n)])

    def bytes_read(self):
        return 2 * 8 * self.n

    def of_numpy(self, x, y, i):
        made = x.copy()
        np.add.at(made, i, y)
        return made

    def symbolic(self, library, T, x, y, i):
        return T.inc_subtensor(x[i], y)

    def of_jax(self, x, y, i):
        return x.at[i].add(y)

    def of_torch(self, x, y, i):
        return x.index_add(0, i, y)


@frozen
class Mask(Operation):
    """Elements where a condition holds: how many there are is known only when they were counted."""

    name = "mask"
    summary = "x[x > 0], 10⁷ float64"
    tiny = {"n": 1000}

    def data(self):
        return SimpleNamespace(arrays=[np.random.default_rng(0).normal(size=self.n)])

    def bytes_read(self):
        return 8 * self.n

    def of_numpy(self, x):
        return x[x > 0]

    def symbolic(self, library, T, x):
        return x[x > 0]

    def finish_jax(self, jax) -> Any:
        """The shape depends on values: outside of ``jit`` only."""
        return lambda function: function

    def of_jax(self, x):
        return x[x > 0]

    def of_torch(self, x):
        return x[x > 0]


ROWS = (Take(), Put(), ScatterAdd(), Mask())
