"""The documented table of which variables of a loop belong to one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tcore.scan_module.layout import Layout

__all__ = ["variable_mappings"]

_SETS = ("outer_inp", "inner_inp", "inner_out", "outer_out")


def variable_mappings(layout: Layout) -> dict[str, dict[int, Any]]:
    """Twelve dicts ``<to>_from_<from>``: from a position in one list to the positions in another of what belongs to the same variable.

    Values are positions, -1 for none, where they lead to the outer lists, and lists of positions where they lead to the inner ones.
    """
    outer_in = layout.outer_inputs(range(layout.n_outer_inputs))
    inner_in = layout.inner_inputs(range(layout.n_inner_inputs))
    inner_out = layout.inner_outputs(range(layout.n_inner_outputs))
    outer_out = layout.outer_outputs(range(layout.n_outer_outputs))
    # a record for each variable: its positions in the four lists, in the order of _SETS
    records: list[tuple[list[int], list[int], list[int], list[int]]] = [
        *(([o], [i], [], []) for o, i in zip(outer_in.seqs, inner_in.seqs, strict=True)),
        *(([a], b, c, [d]) for a, b, c, d in zip(outer_in.mitmots, inner_in.mitmots, inner_out.mitmots, outer_out.mitmots, strict=True)),
        *(([a], b, [c], [d]) for a, b, c, d in zip(outer_in.states, inner_in.states, inner_out.states, outer_out.states, strict=True)),
        *(([], [], [c], [d]) for c, d in zip(inner_out.nitsots, outer_out.nitsots, strict=True)),
        *(([a], [b], [c], [d]) for a, b, c, d in zip(outer_in.shareds, inner_in.shareds, inner_out.shareds, outer_out.shareds, strict=True)),
        *(([o], [i], [], []) for o, i in zip(outer_in.non_seqs, inner_in.non_seqs, strict=True)),
        *(([], [], [c], [d]) for c, d in zip(inner_out.until, outer_out.steps, strict=True)),
    ]
    # the number of steps and the numbers of rows that are kept belong to no variable
    records += [([position], [], [], []) for position in (outer_in.n_steps, *(keep for keep in outer_in.keeps if keep is not None))]
    mappings: dict[str, dict[int, Any]] = {}
    for to, target in enumerate(_SETS):
        for start, source in enumerate(_SETS):
            if to == start:
                continue
            found: dict[int, Any] = {}
            for record in records:
                value: Any = list(record[to]) if target.startswith("inner") else record[to][0] if record[to] else -1
                found.update(dict.fromkeys(record[start], value))
            mappings[f"{target}_from_{source}"] = dict(sorted(found.items()))
    return mappings
