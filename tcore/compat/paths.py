"""Documented dotted paths that tcore's layout does not have: path -> where its content really is.

One concept has one name; this table is the only place with two. A text makes the path another name of that module; a
tuple makes a module whose names are looked up in those modules, in turn. Nothing here has logic of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ELSEWHERE", "PATHS"]

_GRAPH = "tcore.graph"
_OPTIMIZER = "tcore.optimizer"
_LINK = "tcore.link"

PATHS: Mapping[str, str | tuple[str, ...]] = MappingProxyType(
    {
        "tcore.configparser": "tcore.configuration",
        "tcore.configdefaults": "tcore.configuration.flags",
        # the graph package
        "tcore.gof": (_GRAPH, _OPTIMIZER, _LINK, "tcore.compile.native_linkers"),
        "tcore.gof.graph": (_GRAPH,),
        "tcore.gof.op": (_GRAPH, "tcore.graph.op"),
        "tcore.gof.type": (_GRAPH, "tcore.graph.type"),
        "tcore.gof.fg": (_GRAPH, "tcore.graph.fgraph", "tcore.graph.errors"),
        "tcore.gof.params_type": ("tcore.graph.params_type",),
        "tcore.gof.utils": ("tcore.graph.utils", "tcore.graph.errors", _GRAPH),
        "tcore.gof.toolbox": ("tcore.graph.features",),
        "tcore.gof.compilelock": "tcore.compile.compilelock",
        "tcore.gof.destroyhandler": "tcore.graph.destroyhandler",
        "tcore.gof.opt": (_OPTIMIZER,),
        "tcore.gof.link": (_LINK, "tcore.compile.native_linkers"),
        "tcore.gof.vm": "tcore.link.vm",
        # tensors
        "tcore.compile.builders": "tcore.gradient.op_from_graph",
        "tcore.compile.ops": ("tcore.compile.copy_ops", "tcore.tensor.shape", "tcore.tensor.rebroadcast"),
        "tcore.ifelse": "tcore.tensor.ifelse",
        "tcore.tensor.basic": ("tcore.tensor",),
        "tcore.tensor.extra_ops": ("tcore.tensor",),
        "tcore.tensor.opt": (
            "tcore.tensor.rewrites.arithmetic",
            "tcore.tensor.rewrites.assertions",
            "tcore.tensor.rewrites.blas",
            "tcore.tensor.rewrites.canonizer",
            "tcore.tensor.rewrites.common",
            "tcore.tensor.rewrites.dimshuffles",
            "tcore.tensor.rewrites.gemm",
            "tcore.tensor.rewrites.fills",
            "tcore.tensor.rewrites.fusion",
            "tcore.tensor.rewrites.inplace",
            "tcore.tensor.rewrites.reductions",
            "tcore.tensor.rewrites.shape_feature",
            "tcore.tensor.rewrites.softmaxes",
            "tcore.tensor.rewrites.stabilize",
            "tcore.tensor.rewrites.subtensor",
            "tcore.tensor.rewrites.useless",
            "tcore.optimizer.registration",
            "tcore.tensor",
        ),
        "tcore.tensor.nlinalg": (
            "tcore.tensor.linalg.inverse",
            "tcore.tensor.linalg.determinant",
            "tcore.tensor.linalg.eigen",
            "tcore.tensor.linalg.factorizations",
            "tcore.tensor.linalg.products",
            "tcore.tensor.linalg.least_squares",
            "tcore.tensor.linalg.solve",
            "tcore.tensor.diagonals",
            "tcore.tensor.dot",
        ),
        "tcore.tensor.slinalg": (
            "tcore.tensor.linalg.cholesky",
            "tcore.tensor.linalg.eigen",
            "tcore.tensor.linalg.exponential",
            "tcore.tensor.linalg.products",
            "tcore.tensor.linalg.least_squares",
            "tcore.tensor.linalg.solve",
        ),
        "tcore.sandbox": (),
        "tcore.sandbox.linalg": ("tcore.tensor.linalg.hints",),
        "tcore.sandbox.linalg.ops": ("tcore.tensor.linalg.hints", "tcore.tensor.linalg"),
        "tcore.tensor.raw_random": (
            "tcore.tensor.random.streams_base",
            "tcore.tensor.random.state",
            "tcore.tensor.random.function",
            "tcore.tensor.random.distributions",
        ),
        "tcore.tensor.shared_randomstreams": ("tcore.tensor.random.shared_streams", "tcore.tensor.random.state"),
        "tcore.tensor.randomstreams": ("tcore.tensor.random.shared_streams",),
        "tcore.sandbox.rng_mrg": ("tcore.tensor.random.mrg_streams", "tcore.tensor.random.mrg31k3p", "tcore.tensor.random.mrg_op"),
        # loops
        "tcore.scan_module.scan_op": ("tcore.scan_module.op",),
        "tcore.scan_module.scan_utils": (
            "tcore.scan_module.until",
            "tcore.scan_module.updates",
            "tcore.scan_module.selectors",
            "tcore.graph.comparison",
            "tcore.graph.cloning",
        ),
        "tcore.scan_module.scan_views": ("tcore.scan_module.wrappers",),
        "tcore.scan_module.scan_opt": (
            "tcore.scan_module.rewrites.cleaning",
            "tcore.scan_module.rewrites.pushing",
            "tcore.scan_module.rewrites.pushing_after",
            "tcore.scan_module.rewrites.sums",
            "tcore.scan_module.rewrites.merging",
            "tcore.scan_module.rewrites.memory",
        ),
        "tcore.updates": ("tcore.scan_module.updates",),
        # arrays on devices
        "tcore.gpuarray.basic_ops": (
            "tcore.gpuarray.transfer",
            "tcore.gpuarray.forms",
            "tcore.gpuarray.eye",
            "tcore.gpuarray.kernel",
            "tcore.gpuarray.kernel_files",
            "tcore.gpuarray.contexts",
        ),
        "tcore.gpuarray.elemwise": ("tcore.gpuarray.forms",),
        "tcore.gpuarray.subtensor": ("tcore.gpuarray.forms",),
        "tcore.gpuarray.blas": ("tcore.gpuarray.products",),
        # files
        "tcore.misc.pkl_utils": ("tcore.compile.archive", "tcore.compile.stripping"),
        "tcore.misc.doubleop": "tcore.testing.doubleop",
        # tools for tests
        "tcore.tensor.tests": (),
        "tcore.tensor.tests.test_basic": "tcore.testing.make_tester",
        "tcore.tests": ("tcore.testing",),
        "tcore.tests.breakpoint": "tcore.printing.breakpoint",
        "tcore.tests.test_rop": "tcore.testing.rop",
        "tcore.tests.unittest_tools": "tcore.testing.unittest_tools",
    }
)

#: modules of ours that the documentation knows by the same path, with more in them -> where the rest is: modules, or
#: ``"name=module:name there"`` for what has another name there
ELSEWHERE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "tcore.compile.function_module": ("tcore.compile.maker", "tcore.compile.errors", "tcore.compile.aliasing", "tcore.compile.io", "tcore.link"),
        "tcore.misc": ("tcore.compile.archive",),
        "tcore.scalar.basic": ("tcore.scalar",),
        "tcore.tensor.blas": ("tcore.tensor.dot", "tcore.tensor.rewrites.blas", "tcore.tensor.rewrites.gemm"),
        "tcore.tensor.elemwise": ("Any=tcore.tensor.careduce:Any_", "tcore.tensor.careduce", "tcore.tensor.products", "tcore.tensor.dimshuffle"),
        "tcore.tensor.subtensor": (
            "tcore.tensor.incsubtensor",
            "tcore.tensor.advanced_subtensor",
            "tcore.tensor.advanced_incsubtensor",
            "tcore.tensor.indexing",
        ),
    }
)
