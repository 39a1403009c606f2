"""Programs that the CPU backend compiles without any optimization, to compare each of their outputs with ``perform``.

One program has many outputs, each a kernel of its own, so that a compiler runs once for all of them.
"""

from __future__ import annotations

import functools

import numpy as np
from attrs import Factory, define
from conformance_arrays import assert_same

import tcore.tensor as T
from tcore.compile import Mode, function
from tcore_cpu.linkers.cvm import CvmLinker

__all__ = ["Program", "tensor"]


def tensor(dtype, flags=(), name=None):
    """A variable; ``flags`` are one broadcast mark for each axis, or their number."""
    return T.TensorType(dtype, (False,) * flags if isinstance(flags, int) else tuple(flags))(name)


@define(eq=False)
class Program:
    """Inputs, and outputs with the tolerance of each."""

    inputs: list
    outputs: list = Factory(list)
    tolerances: list = Factory(list)

    def add(self, *outputs, **tolerance):
        """More outputs.

        ``tolerance`` as of :func:`assert_same`. ``near`` may be a function of the values of the inputs; ``expected`` is one where ``perform`` is
        not the reference.
        """
        self.outputs += outputs
        self.tolerances += [tolerance] * len(outputs)
        return self

    def try_(self, build, *args, **tolerance):
        """An output if the op takes such operands."""
        try:
            found = build(*args)
        except (TypeError, ValueError):
            return self
        return self.add(*(found if isinstance(found, (list, tuple)) else [found]), **tolerance)

    @functools.cached_property
    def native(self):
        """As one program of kernels."""
        return self._compiled(CvmLinker())

    @functools.cached_property
    def plain(self):
        """Node by node in Python."""
        return self._compiled("py")

    def _compiled(self, linker):
        return function(self.inputs, self.outputs, mode=Mode(linker, None), on_unused_input="ignore")

    @np.errstate(all="ignore")
    def agree(self, *values):
        """Fail unless kernels give what ``perform`` gives, a refusal too, and leave the arguments alone."""
        before = [value.copy() for value in values]
        wanted, found = _outcome(self.plain, values), _outcome(self.native, values)
        given = ", ".join(f"{value.dtype} {value.shape} by {value.strides}" for value in values)
        for value, old in zip(values, before, strict=True):
            assert np.array_equal(value, old, equal_nan=value.dtype.kind in "fc"), f"an argument was changed: {given}"
        if isinstance(wanted, Exception) or isinstance(found, Exception):
            assert type(wanted) is type(found), f"{found!r}, wanted {wanted!r}, for {given}"
            return wanted, found
        for output, tolerance, got, value in zip(self.outputs, self.tolerances, found, wanted, strict=True):
            tolerance = {name: item(*values) if callable(item) else item for name, item in tolerance.items()}
            assert_same(got, tolerance.pop("expected", value), f"{output.owner and output.owner.op} of {given}", **tolerance)
        return wanted, found


def _outcome(call, values):
    try:
        return call(*values)
    except (ValueError, IndexError, TypeError, AssertionError) as error:
        return error
