"""The same program gives the same optimized graph, whatever else was imported or loaded before."""

from __future__ import annotations

RULES = """
    from tcore.optimizer import Stage, rewrite
    from tcore.tensor.elemwise import Elemwise
    from tcore.tensor import cos

    @rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Elemwise], tags=["fast_compile"])
    def local_everything_is_cos(node):
        '''f(x) -> cos(x), for every elementwise f of one input'''
        if len(node.inputs) == 1 and node.op != cos(node.inputs[0]).owner.op:
            return [cos(node.inputs[0])]
        return None

    GROUP = [local_everything_is_cos]
"""

OPS = """
    from tcore.graph import Apply, Op
    from tcore.tensor import as_tensor_variable

    class Mine(Op):
        __props__ = ()
        def make_node(self, x):
            x = as_tensor_variable(x)
            return Apply(self, [x], [x.type()])
        def perform(self, node, inputs, outputs):
            outputs[0][0] = inputs[0].copy()

    mine = Mine()
"""

PLUGIN = """
    from tcore.plugins import OpSpec, RewriteGroup, hookimpl

    @hookimpl
    def tcore_ops():
        return [OpSpec("pk_wild.ops:Mine")]

    @hookimpl
    def tcore_optimizations():
        return [RewriteGroup("wild", load="pk_wild.rules:GROUP")]
"""

PROGRAM = """
import sys
import tcore
import tcore.tensor as tt
from tcore.plugins import manager
if "import" in sys.argv:
    import pk_wild.ops, pk_wild.rules
if "load" in sys.argv:
    manager().load("wild")
if "compile" in sys.argv:
    import pk_wild.ops
    y = tt.dvector("y")
    wild = tcore.function([y], tt.exp(pk_wild.ops.mine(y)))
    print([str(node.op) for node in wild.maker.fgraph.toposort()])
x = tt.dvector("x")
f = tcore.function([x], tt.exp(x) + 1)
print([str(node.op) for node in f.maker.fgraph.toposort()])
print(f([0.0]))
"""


def test_unrelated_plugins_change_nothing(site) -> None:
    """A plugin's rules act where its op is in the graph and nowhere else."""
    site.plugin("wild", PLUGIN, pk_wild__rules=RULES, pk_wild__ops=OPS)

    def run(*words: str) -> list[str]:
        done = site.python("-c", PROGRAM, *words, tcore_flags="backend=numpy")
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    alone = run()
    assert alone[-1] == "[2.]"
    assert "cos" not in alone[0]
    assert run("import") == alone
    assert run("load") == alone
    with_graph = run("import", "load", "compile")
    assert "cos" in with_graph[0].lower()
    assert "exp" not in with_graph[0].lower()
    assert with_graph[1:] == alone
