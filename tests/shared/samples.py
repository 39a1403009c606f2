"""What several tests of graphs need: an op in place, the documentation's first rule, and all that can be seen of a graph.

The folder is on the path of test runs (``pythonpath`` in ``pyproject.toml``).
"""

from __future__ import annotations

from tcore.graph import Apply, Op
from tcore.optimizer import LocalOptimizer
from tcore.scalar import mul, true_div


class AddInplace(Op):
    """x + y, written into the memory of x."""

    __props__ = ()
    destroy_map = {0: [0]}

    def make_node(self, a, b):
        return Apply(self, [a, b], [a.type()])

    def perform(self, node, inputs, output_storage, params=None):
        a, b = inputs
        a += b
        output_storage[0][0] = a


class LocalSimplify(LocalOptimizer):
    """x * y / y -> x, the documentation's first example, as a rule."""

    def transform(self, node):
        if node.op == true_div:
            x, y = node.inputs
            if x.owner and x.owner.op == mul:
                a, b = x.owner.inputs
                if y == a:
                    return [b]
                if y == b:
                    return [a]
        return False

    def tracks(self):
        return [true_div]


def snapshot(graph):
    """All that can be seen of a graph, in its order."""
    return (
        list(graph.inputs),
        list(graph.outputs),
        list(graph.apply_nodes),
        [list(node.inputs) for node in graph.apply_nodes],
        list(graph.variables),
        [graph.clients(variable) for variable in graph.variables],
        graph.features,
        graph.toposort(),
    )
