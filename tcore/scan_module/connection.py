"""Which variables of a loop depend on which, within a step and through any number of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph import io_connection_pattern

if TYPE_CHECKING:
    from tcore.scan_module.layout import Layout

__all__ = ["inner_pattern", "input_bits", "outer_pattern", "reached_inputs"]


def inner_pattern(op: Any) -> list[list[bool]]:
    """For each inner output a row, with an entry for each inner input."""
    known: list[list[bool]] | None = op.__dict__.get("_inner_pattern")
    if known is None:
        by_input = io_connection_pattern(op.inner_inputs, op.inner_outputs)
        known = [[row[k] for row in by_input] for k in range(op.layout.n_inner_outputs)]
        object.__setattr__(op, "_inner_pattern", known)
    return [list(row) for row in known]


def reached_inputs(layout: Layout, pattern: list[list[bool]], sources: list[int]) -> list[int]:
    """For each inner input the bits of all that flows into it or, through steps before, into what it is fed with.

    ``sources`` has the bits of each inner input by itself.
    """
    positions = layout.inner_inputs(range(layout.n_inner_inputs))
    outputs = layout.inner_outputs(range(layout.n_inner_outputs))
    fed: list[tuple[list[int], list[int]]] = [  # inner inputs, and the inner outputs that are fed back to them
        *zip(positions.mitmots, outputs.mitmots, strict=True),
        *((taps, [out]) for taps, out in zip(positions.states, outputs.states, strict=True)),
        *(([inner], [out]) for inner, out in zip(positions.shareds, outputs.shareds, strict=True)),
    ]
    bits = list(sources)
    changed = True
    while changed:
        changed = False
        for inners, outs in fed:
            together = 0
            for inner in inners:
                together |= bits[inner]
            for out in outs:
                together |= _joined(pattern[out], bits)
            for inner in inners:
                if bits[inner] != together:
                    bits[inner] = together
                    changed = True
    return bits


def _joined(row: list[bool], bits: list[int]) -> int:
    together = 0
    for connected, each in zip(row, bits, strict=True):
        if connected:
            together |= each
    return together


def input_bits(op: Any) -> list[int]:
    """For each inner input the set of outer inputs that flow into it at some step, as the bits of a number."""
    layout: Layout = op.layout
    outer = layout.outer_inputs(range(layout.n_outer_inputs))
    inner = layout.inner_inputs(range(layout.n_inner_inputs))
    sources = [0] * layout.n_inner_inputs
    groups: list[tuple[list[int], int]] = [
        *(([position], own) for position, own in zip(inner.seqs, outer.seqs, strict=True)),
        *zip((*inner.mitmots, *inner.states), (*outer.mitmots, *outer.states), strict=True),
        *(([position], own) for position, own in zip((*inner.shareds, *inner.non_seqs), (*outer.shareds, *outer.non_seqs), strict=True)),
    ]
    for positions, own in groups:
        for position in positions:
            sources[position] = 1 << own
    return reached_inputs(layout, inner_pattern(op), sources)


def outer_pattern(op: Any) -> list[list[bool]]:
    """For each outer input a row, with an entry for each outer output."""
    layout: Layout = op.layout
    pattern = inner_pattern(op)
    outer = layout.outer_inputs(range(layout.n_outer_inputs))
    bits = input_bits(op)
    out = layout.inner_outputs(range(layout.n_inner_outputs))
    of_output = [
        *((1 << own) | _any(pattern, outs, bits) for outs, own in zip(out.mitmots, outer.mitmots, strict=True)),
        *((1 << own) | _any(pattern, [position], bits) for position, own in zip(out.states, outer.states, strict=True)),
        *(_any(pattern, [position], bits) for position in out.nitsots),
        *((1 << own) | _any(pattern, [position], bits) for position, own in zip(out.shareds, outer.shareds, strict=True)),
        *([0] if layout.until else []),
    ]
    return [[bool(bit >> position & 1) for bit in of_output] for position in range(layout.n_outer_inputs)]


def _any(pattern: list[list[bool]], outputs: list[int], bits: list[int]) -> int:
    together = 0
    for output in outputs:
        together |= _joined(pattern[output], bits)
    return together
