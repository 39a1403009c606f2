"""Programs of every scalar function that a lowering can name, whether or not an op of ours does."""

from __future__ import annotations

import functools

import numpy as np
from attrs import frozen
from conformance_elementwise import function_tolerance
from conformance_programs import Program, tensor

import tcore.tensor as T
from tcore.codegen import tables
from tcore.codegen.functions import FUNCTIONS, apply_function, kind
from tcore.codegen.lowering import LoweringTable, lowers
from tcore.codegen.stages import Map
from tcore.graph import Apply, Op
from tcore.tensor.lowering import LOWERINGS

__all__ = ["functions", "lower_named"]


@frozen
class Named(Op):
    """The function of that name, as the table states it for NumPy."""

    name: str

    def make_node(self, *inputs):
        dtype = inputs[0].type.dtype if FUNCTIONS[self.name].rule == "same" else "bool"
        return Apply(self, list(inputs), [tensor(dtype, inputs[0].type.ndim)])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = np.asarray(FUNCTIONS[self.name].numpy(*inputs), node.outputs[0].type.dtype)

    def infer_shape(self, node, shapes):
        return [shapes[0]]


@lowers(Named)
def lower_named(op, out, *inputs):
    axes = out.over(inputs[0].shape)
    return Map((out.buffer,), axes, (apply_function(op.name, tuple(each[axes] for each in inputs), out.dtype),))


ONLY_OF = {"half": "float32", "mantissa": "float64", "exponent": "float64", "philox": "uint64"}
"""Functions that are stated for one dtype."""
NOT_OF_HALVES = ("nextafter",)
"""Kernels compute with halves in float32, where the neighbour of a number is another one; the op of that name stays in NumPy."""


def _positive(x):
    """Positive normal numbers: others have no mantissa."""
    info = np.finfo(x.type.dtype)
    return T.switch(T.isnan(x), 1, T.clip(abs(x), info.tiny, info.max))


@functools.cache
def functions(dtype, ndim):
    """All but ``bounded``, whose values outside are an error."""
    inputs = [tensor(dtype, ndim) for _ in "xyz"]
    program = Program(inputs)
    for row in FUNCTIONS.values():
        if kind(dtype) not in row.spelling or row.rule == "parts" or row.name in ("bounded", "round") or ONLY_OF.get(row.name, dtype) != dtype:
            continue
        if dtype == "float16" and row.name in NOT_OF_HALVES:
            continue
        operands = [_positive(inputs[0])] if row.name in ("mantissa", "exponent") else inputs[: row.arity]
        program.add(Named(row.name)(*operands), **function_tolerance(row.name, dtype))
    return program


def take_part(monkeypatch):
    """The lowering above, beside those of the core."""
    table = LoweringTable.of([*LOWERINGS, lower_named])
    monkeypatch.setattr(tables, "_table", lambda active: table)
