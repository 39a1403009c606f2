"""What changes graphs: rules, the optimizers that apply them, and the databases from which they are chosen."""

import tcore.graph  # noqa: F401 - floors below load as wholes, before modules of theirs
from tcore.optimizer.base import (
    FromFunctionLocalOptimizer,
    FromFunctionOptimizer,
    LocalOptimizer,
    Optimizer,
    inplace_optimizer,
    local_optimizer,
    optimizer,
)
from tcore.optimizer.commutative import CommutativeMergeOptimizer
from tcore.optimizer.constant_folding import constant_folding
from tcore.optimizer.database import DB
from tcore.optimizer.database_kinds import EquilibriumDB, LocalGroupDB, ProxyDB, SequenceDB, TopoDB
from tcore.optimizer.equilibrium import EquilibriumOptimizer
from tcore.optimizer.groups import LocalOptGroup, OpRemove, OpSub
from tcore.optimizer.merge import MergeFeature, MergeOptimizer
from tcore.optimizer.navigators import NavigatorOptimizer, OpKeyOptimizer, TopoOptimizer, in2out, out2in
from tcore.optimizer.optdb import AddDestroyHandler, AddFeatureOptimizer, optdb
from tcore.optimizer.oscillation import OscillationError
from tcore.optimizer.pattern import PatternSub
from tcore.optimizer.query import Query
from tcore.optimizer.registration import (
    register_canonicalize,
    register_specialize,
    register_specialize_device,
    register_stabilize,
    register_uncanonicalize,
    register_useless,
)
from tcore.optimizer.rewrite import ASSUME_FINITE, GlobalRewrite, Rewrite, Stage, register_rewrites, rewrite
from tcore.optimizer.sequence import SeqOptimizer
from tcore.optimizer.tracing import CheckStackTrace, check_stack_trace, copy_stack_trace, inherit_stack_trace

#: the documented second name
GlobalOptimizer = Optimizer

__all__ = [
    "ASSUME_FINITE",
    "DB",
    "AddDestroyHandler",
    "AddFeatureOptimizer",
    "CheckStackTrace",
    "CommutativeMergeOptimizer",
    "EquilibriumDB",
    "EquilibriumOptimizer",
    "FromFunctionLocalOptimizer",
    "FromFunctionOptimizer",
    "GlobalOptimizer",
    "GlobalRewrite",
    "LocalGroupDB",
    "LocalOptGroup",
    "LocalOptimizer",
    "MergeFeature",
    "MergeOptimizer",
    "NavigatorOptimizer",
    "OpKeyOptimizer",
    "OpRemove",
    "OpSub",
    "Optimizer",
    "OscillationError",
    "PatternSub",
    "ProxyDB",
    "Query",
    "Rewrite",
    "SeqOptimizer",
    "SequenceDB",
    "Stage",
    "TopoDB",
    "TopoOptimizer",
    "check_stack_trace",
    "constant_folding",
    "copy_stack_trace",
    "in2out",
    "inherit_stack_trace",
    "inplace_optimizer",
    "local_optimizer",
    "optdb",
    "optimizer",
    "out2in",
    "register_canonicalize",
    "register_rewrites",
    "register_specialize",
    "register_specialize_device",
    "register_stabilize",
    "register_uncanonicalize",
    "register_useless",
    "rewrite",
]
