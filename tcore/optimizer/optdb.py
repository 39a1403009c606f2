"""The principal database of optimizations, and its stages.

Numbers are the documented positions; each stage is a database of its own, to which the packages of tcore and its plugins
add rules: see :mod:`tcore.optimizer.rewrite`.
"""

from __future__ import annotations

from typing import Any

from tcore.graph.destroyhandler import DestroyHandler
from tcore.graph.features import Feature
from tcore.graph.fgraph import FunctionGraph
from tcore.optimizer.base import Optimizer
from tcore.optimizer.commutative import CommutativeMergeOptimizer
from tcore.optimizer.constant_folding import constant_folding
from tcore.optimizer.database import declaring
from tcore.optimizer.database_kinds import EquilibriumDB, LocalGroupDB, SequenceDB, TopoDB
from tcore.optimizer.merge import MergeOptimizer
from tcore.optimizer.replacing import InplaceOrderError
from tcore.optimizer.tracing import CheckStackTrace

__all__ = ["AddDestroyHandler", "AddFeatureOptimizer", "optdb"]


class AddFeatureOptimizer(Optimizer):
    """Attaches a feature and does nothing else."""

    def __init__(self, feature: Feature) -> None:
        self.feature = feature

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Attach it."""
        fgraph.attach_feature(self.feature)

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> None:
        """Nothing."""


class AddDestroyHandler(Optimizer):
    """graph -> the same with a DestroyHandler: from here on it may hold in-place ops."""

    name = "add_destroy_handler"

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Attach one.

        Raises
        ------
        InplaceOrderError
            If an optimizer put an in-place op in already: nobody has checked that its input is not read later.
        """
        if not hasattr(fgraph, "destroy_handler"):
            early = next((node for node in fgraph.apply_nodes if node.op.destroy_map), None)
            if early is not None:
                raise InplaceOrderError(early)
            fgraph.attach_feature(DestroyHandler())

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> None:
        """Nothing: outputs of the graph are protected by the handler itself."""


#: the database that modes ask; ``tcore.compile.mode.optdb``
optdb = SequenceDB()
optdb.name = "optdb"


def _stages() -> None:
    optdb.register("CheckStackTrace", CheckStackTrace(), -1, "fast_run", "fast_compile", "CheckStackTrace")
    optdb.register("merge1", MergeOptimizer(), 0, "fast_run", "fast_compile", "merge")
    # rules that only remove what has no effect: cheap, and less work for all that follows
    useless = LocalGroupDB(apply_all_opts=True)
    useless.name = "useless"
    optdb.register("useless", TopoDB(useless), 0.6, "fast_run", "fast_compile")
    optdb.register("merge1.1", MergeOptimizer(), 0.65, "fast_run", "fast_compile", "merge")
    canonicalize = optdb.register("canonicalize", EquilibriumDB(), 1, "fast_run", "fast_compile", "canonicalize_db")
    optdb.register("merge1.2", MergeOptimizer(), 1.2, "fast_run", "fast_compile", "merge")
    optdb.register("merge_commutative1", CommutativeMergeOptimizer(), 1.21, "fast_run", "merge_commutative")
    optdb.register("stabilize", EquilibriumDB(), 1.5, "fast_run")
    specialize = optdb.register("specialize", EquilibriumDB(), 2, "fast_run", "fast_compile_gpu")
    optdb.register("uncanonicalize", EquilibriumDB(), 3, "fast_run")
    optdb.register("specialize_device", EquilibriumDB(), 48.6, "fast_run")
    optdb.register("merge_commutative2", CommutativeMergeOptimizer(), 48.9, "fast_run", "merge_commutative")
    optdb.register("merge2", MergeOptimizer(), 49, "fast_run", "merge")
    optdb.register("add_destroy_handler", AddDestroyHandler(), 49.5, "fast_run", "inplace")
    optdb.register("merge3", MergeOptimizer(), 100, "fast_run", "merge")
    canonicalize.register("constant_folding", constant_folding, "fast_run", "fast_compile")
    canonicalize.register("MergeOptimizer", MergeOptimizer(), "fast_run", "fast_compile", "merge")
    optdb["stabilize"].register("constant_folding", constant_folding, "fast_run")
    specialize.register("constant_folding", constant_folding, "fast_run")


with declaring():
    _stages()
