"""A profile as text: the documented sections, columns and order of rows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TextIO

from tcore.compile.profiling.memory import print_memory
from tcore.configuration import config
from tcore.graph.debugprint import debugprint
from tcore.records import define

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tcore.compile.profiling.stats import NodeRecord, ProfileStats

__all__ = ["print_profile"]


@define
class _Row:
    """Nodes that are shown as one."""

    label: str
    native: bool
    seconds: float = 0.0
    calls: int = 0
    nodes: int = 0


def print_profile(
    profile: ProfileStats, file: TextIO | None = None, n_ops: int | None = None, n_apply: int | None = None
) -> None:
    """Print all sections of ``profile``: global, Class, Ops, Apply; then memory and optimizer where they were asked for."""
    file = sys.stderr if file is None else file
    n_ops = config.profiling.n_ops if n_ops is None else n_ops
    n_apply = config.profiling.n_apply if n_apply is None else n_apply
    _print_global(profile, file)
    ran = [record for record in profile.records.values() if record.calls]
    if ran:
        _print_rows("Class", "<Class name>", "Classes", _merged(ran, _class_of), n_ops, file)
        _print_rows("Ops", "<Op name>", "Ops", _merged(ran, _op_of), n_ops, file)
        _print_applies(ran, n_apply, file)
    if config.profile_memory and profile.sizes:
        print_memory(profile, file, n_apply)
    for optimizer, result in profile.optimizer_profiles:
        _title("Optimizer Profile", "-", file)
        optimizer.print_profile(file, result)
    if config.profiling.debugprint:
        for fgraph in profile.graphs:
            print(debugprint(fgraph, file="str"), file=file)


def _title(text: str, rule: str, file: TextIO) -> None:
    print(text, file=file)
    print(rule * len(text), file=file)


def _print_global(profile: ProfileStats, file: TextIO) -> None:
    calls, whole = profile.fct_callcount, profile.fct_call_time
    _title("Function profiling", "=", file)
    print(f"  Message: {profile.message}", file=file)
    print(f"  Time in {calls} calls to Function.__call__: {whole:e}s", file=file)
    if calls:
        for name, part in (("Function.fn.__call__", profile.vm_call_time), ("thunks", profile.thunk_time)):
            print(f"  Time in {name}: {part:e}s ({_percent(part, whole):.3f}%)", file=file)
    print(f"  Total compile time: {profile.compile_time:e}s", file=file)
    print(f"    Number of Apply nodes: {profile.nb_nodes}", file=file)
    print(f"    tcore Optimizer time: {profile.optimizer_time:e}s", file=file)
    print(f"       tcore validate time: {profile.validate_time:e}s", file=file)
    print(f"    tcore Linker time (includes C, CUDA code generation/compiling): {profile.linker_time:e}s", file=file)
    print(f"       Import time {profile.import_time:e}s", file=file)
    print(f"Time in all call to tcore.grad() {profile.grad_time:e}s", file=file)
    print(file=file)


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0


def _class_of(record: NodeRecord) -> tuple[Any, str]:
    return type(record.node.op), str(type(record.node.op))


def _op_of(record: NodeRecord) -> tuple[Any, str]:
    op = record.node.op
    try:
        hash(op)
    except TypeError:  # an op that cannot be hashed is equal to itself only
        return id(op), str(op)
    return op, str(op)


def _merged(records: Iterable[NodeRecord], key_of: Callable[[NodeRecord], tuple[Any, str]]) -> list[_Row]:
    """Rows of the records with one key and one kind of implementation, the slowest first."""
    rows: dict[Any, _Row] = {}
    for record in records:
        key, label = key_of(record)
        row = rows.setdefault((key, record.native), _Row(label, record.native))
        row.seconds += record.seconds
        row.calls += record.calls
        row.nodes += 1
    return sorted(rows.values(), key=lambda row: -row.seconds)


def _print_rows(title: str, last: str, plural: str, rows: list[_Row], limit: int, file: TextIO) -> None:
    _title(title, "-", file)
    print(f"<% time> <sum %> <apply time> <time per call> <type> <#call> <#apply> {last}", file=file)
    whole = sum(row.seconds for row in rows)
    so_far = 0.0
    for row in rows[:limit]:
        so_far += row.seconds
        print(
            f"  {_percent(row.seconds, whole):5.1f}%   {_percent(so_far, whole):5.1f}%     {row.seconds:7.3f}s     {row.seconds / row.calls:8.2e}s"
            f"     {'C' if row.native else 'Py':2s}  {row.calls:6d}  {row.nodes:6d}   {row.label}",
            file=file,
        )
    _print_rest(rows[limit:], whole, plural, file)


def _print_applies(records: list[NodeRecord], limit: int, file: TextIO) -> None:
    _title("Apply", "-", file)
    print("<% time> <sum %> <apply time> <time per call> <#call> <id> <Apply name>", file=file)
    rows = sorted(records, key=lambda record: -record.seconds)
    whole = sum(record.seconds for record in rows)
    so_far = 0.0
    for record in rows[:limit]:
        so_far += record.seconds
        print(
            f"  {_percent(record.seconds, whole):5.1f}%   {_percent(so_far, whole):5.1f}%     {record.seconds:7.3f}s     "
            f"{record.seconds / record.calls:8.2e}s  {record.calls:6d}  {record.position:4d}   {record.node}",
            file=file,
        )
    _print_rest(rows[limit:], whole, "Apply instances", file)


def _print_rest(rest: list[Any], whole: float, plural: str, file: TextIO) -> None:
    seconds = sum(row.seconds for row in rest)
    print(f"   ... (remaining {len(rest)} {plural} account for {_percent(seconds, whole):6.2f}%({seconds:.2f}s) of the runtime)", file=file)
    print(file=file)
