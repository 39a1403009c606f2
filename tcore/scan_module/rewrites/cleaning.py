"""Loops without what nobody uses, without constants among their inputs, and without computing a thing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph import Constant, ancestors, clone_replace, equal_computations
from tcore.optimizer import rewrite
from tcore.scan_module.inner import graph_codes
from tcore.scan_module.op import Scan
from tcore.scan_module.rewrites.common import inners_of, is_loop, is_used, opened, outs_of

if TYPE_CHECKING:
    from tcore.graph import Apply, Variable
    from tcore.scan_module.parts import Parts
    from tcore.scan_module.rewrites.common import Opened

__all__ = ["merge_equal_records", "remove_constants_and_unused_inputs_scan", "scan_merge_inouts"]


_GROUPS = ("seqs", "mitmots", "states", "nitsots", "shareds", "non_seqs")


@rewrite(tracks=[Scan])
def remove_constants_and_unused_inputs_scan(node: Apply) -> Any:
    """scan(f, x, 2.0, unused) -> scan(f with 2.0 inside, x): constants go inside, what nothing depends on goes"""
    if not is_loop(node):
        return False
    loop = opened(node)
    parts = loop.parts
    inside: dict[Any, Any] = {}
    for part in parts.non_seqs:
        if isinstance(part.outer, Constant) and part.outer.type == part.inner.type:
            inside[part.inner] = part.outer.clone()
    used = _used_records(loop)
    needed = set(ancestors([out for record in used for out in outs_of(record)] + ([] if parts.until is None else [parts.until])))
    removed = False
    for name in _GROUPS:
        group: list[Any] = getattr(parts, name)
        if name in ("seqs", "non_seqs"):
            kept = [part for part in group if part.inner in needed and part.inner not in inside]
        else:
            kept = [record for record in group if record in used]
        removed = removed or len(kept) < len(group)
        setattr(parts, name, kept)
    if not removed:
        return False
    loop.substitute(inside)
    found: dict[Any, Any] = dict(loop.rebuilt())
    return found or False


def _used_records(loop: Opened) -> set[Any]:
    """The records with an output that the graph reads, or that another such record depends on."""
    parts = loop.parts
    used: set[Any] = set()
    fresh = [record for record, output in loop.output_of.items() if is_used(output)]
    roots: list[Variable] = [] if parts.until is None else [parts.until]
    while fresh or roots:
        used.update(fresh)
        needed = set(ancestors([*roots, *(out for record in fresh for out in outs_of(record))]))
        roots = []
        fresh = [
            record
            for record in parts.fed_back()
            if record not in used and not needed.isdisjoint(inners_of(record))
        ]
    return used


@rewrite(tracks=[Scan])
def scan_merge_inouts(node: Apply) -> Any:
    """scan(f, x, x) with two equal results -> scan(f, x) with one"""
    if not is_loop(node):
        return False
    loop = opened(node)
    twins = merge_equal_records(loop)
    if not twins:
        return False
    found = loop.rebuilt()
    for record, kept in twins.items():
        if record in loop.output_of:
            found[loop.output_of[record]] = found[loop.output_of[kept]]
    return dict(found)


def merge_equal_records(loop: Opened) -> dict[Any, Any]:
    """Leave out records that do what another one does: record -> the one that stays, changing ``loop``.

    States are equal if they begin with the same rows, and a step gives equal rows where the earlier ones are equal.
    """
    parts = loop.parts
    twins: dict[Any, Any] = {}
    inside: dict[Any, Any] = {}
    groups: list[list[Any]] = [parts.seqs, parts.non_seqs]
    for group in groups:
        first: dict[Any, Any] = {}
        for part in group:
            stays = first.setdefault(part.outer, part)
            if stays is not part:
                twins[part] = stays
                inside[part.inner] = stays.inner
    loop.substitute(inside)
    twins.update(_equal_states(loop))
    twins.update(_equal_nitsots(parts))
    gone = set(twins)
    for name in _GROUPS:
        setattr(parts, name, [record for record in getattr(parts, name) if record not in gone])
    return twins


def _equal_states(loop: Opened) -> dict[Any, Any]:
    parts = loop.parts
    groups: dict[Any, list[Any]] = {}
    for state in parts.states:
        groups.setdefault((state.outer, state.taps, state.keep), []).append(state)
    for part in parts.shareds:
        groups.setdefault(part.outer, []).append(part)
    twin = {record: group[0] for group in groups.values() for record in group[1:]}
    while twin:
        replace = {v: w for record, stays in twin.items() for v, w in zip(inners_of(record), inners_of(stays), strict=True)}
        pairs = list(twin.items())
        outs = clone_replace([record.out for pair in pairs for record in pair], replace)
        codes = graph_codes(parts.inner_inputs(), outs)
        different = [
            record
            for k, (record, _) in enumerate(pairs)
            if codes[2 * k] != codes[2 * k + 1] or not equal_computations([outs[2 * k]], [outs[2 * k + 1]])
        ]
        if not different:
            loop.substitute(replace)
            return twin
        for record in different:
            del twin[record]
    return {}


def _equal_nitsots(parts: Parts) -> dict[Any, Any]:
    codes = graph_codes(parts.inner_inputs(), [record.out for record in parts.nitsots])
    first: dict[Any, Any] = {}
    twins: dict[Any, Any] = {}
    for record, code in zip(parts.nitsots, codes, strict=True):
        stays = first.setdefault((code, record.keep), record)
        if stays is not record and record.out.type == stays.out.type and equal_computations([record.out], [stays.out]):
            twins[record] = stays
    return twins
