"""Rewrites of loops; :data:`GROUP` takes part in graphs that hold one."""

from __future__ import annotations

from tcore.optimizer import SequenceDB, TopoOptimizer, in2out
from tcore.optimizer.rewrite import GlobalRewrite, Rewrite
from tcore.scan_module.rewrites.cleaning import remove_constants_and_unused_inputs_scan, scan_merge_inouts
from tcore.scan_module.rewrites.memory import ScanInplaceOptimizer, ScanSaveMem, scan_mode_of_function
from tcore.scan_module.rewrites.merging import ScanMerge
from tcore.scan_module.rewrites.numbers import scan_to_recurrence
from tcore.scan_module.rewrites.pushing import PushOutNonSeqScan, PushOutSeqScan
from tcore.scan_module.rewrites.pushing_after import PushOutScanOutput
from tcore.scan_module.rewrites.sums import PushOutDot1

__all__ = ["GROUP"]

_ALWAYS = ("fast_run", "fast_compile", "scan")
_RUN = ("fast_run", "scan")


def _walk(rule: Rewrite) -> TopoOptimizer:
    return in2out(rule.rule, ignore_newtrees=True, name=rule.name)


def _steps(into: str) -> list[GlobalRewrite]:
    """What both sequences do, before and after the rules for single nodes: less work first, then what remains joined."""
    rows = [
        (remove_constants_and_unused_inputs_scan, _ALWAYS),
        (PushOutNonSeqScan, (*_RUN, "scan_pushout", "scanOp_pushout_nonseqs_ops")),
        (PushOutSeqScan, (*_RUN, "scan_pushout", "scanOp_pushout_seqs_ops", "more_mem")),
        (PushOutScanOutput, (*_RUN, "scan_pushout", "scanOp_pushout_output", "more_mem")),
        (PushOutDot1, (*_RUN, "scan_pushout", "scan_pushout_dot1", "more_mem")),
        (scan_merge_inouts, _RUN),
    ]
    found = [GlobalRewrite("scan_merge", ScanMerge(), 0.5, _ALWAYS, into=into)]
    found += [GlobalRewrite(rule.name, _walk(rule), 1 + place, tags, into=into) for place, (rule, tags) in enumerate(rows)]
    found.append(GlobalRewrite("remove_unused_scan", _walk(remove_constants_and_unused_inputs_scan), 9, _ALWAYS, into=into))
    return found


GROUP: tuple[Rewrite | GlobalRewrite, ...] = (
    GlobalRewrite("scan_eqopt1", SequenceDB(), 0.05, _ALWAYS),
    *_steps("scan_eqopt1"),
    GlobalRewrite("scan_eqopt2", SequenceDB(), 1.6, _ALWAYS),
    *_steps("scan_eqopt2"),
    GlobalRewrite("scanOp_save_mem", _walk(ScanSaveMem), 1.61, _ALWAYS),
    GlobalRewrite("scan_to_recurrence", _walk(scan_to_recurrence), 48.5, _RUN),
    GlobalRewrite("scanOp_make_inplace", ScanInplaceOptimizer(), 75, ("fast_run", "inplace", "scan")),
    GlobalRewrite("scan_mode_of_function", _walk(scan_mode_of_function), 98, _ALWAYS),
)
