"""A row that is one formula of arrays, in the words of each library."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from row import Call, Goal, Row

__all__ = ["Operation", "variable_of"]


@frozen
class Operation(Row):
    """One formula of the arrays of ``data().arrays``, in the words of each library.

    The two symbolic libraries share theirs: ``symbolic(library, T, *variables)``.
    """

    goal = Goal(peer=1.0, numpy=1.0)
    tiny = {"n": 1000}
    n: int = 10_000_000

    def numpy(self, data) -> Call:
        return lambda: self.of_numpy(*data.arrays)

    def tcore(self, data) -> Call:
        import tcore
        import tcore.tensor as T

        variables = [variable_of(T, array) for array in data.arrays]
        f = tcore.function(variables, self.symbolic(tcore, T, *variables))
        return lambda: f(*data.arrays)

    def pytensor(self, data, mode) -> Call:
        import pytensor
        import pytensor.tensor as pt

        variables = [variable_of(pt, array) for array in data.arrays]
        f = pytensor.function(variables, self.symbolic(pytensor, pt, *variables), mode=mode)
        return lambda: f(*data.arrays)

    def jax(self, data) -> Call:
        import jax
        import jax.numpy as jnp

        f, arrays = self.finish_jax(jax)(self.of_jax), [jnp.asarray(array) for array in data.arrays]
        return lambda: jax.block_until_ready(f(*arrays))

    def finish_jax(self, jax) -> Any:
        """What makes the function fast."""
        return jax.jit

    def torch(self, data, finish) -> Call:
        import torch

        f, arrays = finish(self.of_torch), [torch.from_numpy(array) for array in data.arrays]
        return lambda: f(*arrays)


def variable_of(module, array) -> Any:
    """A symbolic array of the dtype and number of axes of ``array``."""
    return getattr(module, ("scalar", "vector", "matrix", "tensor3")[array.ndim])(dtype=str(array.dtype))
