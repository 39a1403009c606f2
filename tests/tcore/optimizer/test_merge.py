"""Merging: what a refused merge leaves behind."""

from tcore.graph import FunctionGraph, InconsistencyError
from tcore.optimizer import MergeOptimizer
from tcore.scalar import add, exp, float64, neg


class AtLeast:
    """Refuses a graph with fewer nodes than it had."""

    def __init__(self, fgraph):
        self.nodes = len(fgraph.apply_nodes)

    def validate(self, fgraph):
        if len(fgraph.apply_nodes) < self.nodes:
            raise InconsistencyError


def test_a_refused_merge_is_tried_once():
    """Taking a merge back brings the duplicate in again, which must not start it anew for ever."""
    x = float64("x")
    e = FunctionGraph([x], [add(neg(x), 1.0), exp(neg(x))])
    e.attach_feature(AtLeast(e))
    refused, *_, merged, _ = MergeOptimizer().optimize(e)
    assert (refused, merged) == (1, 0)
    assert len(e.apply_nodes) == 4
    e.check_integrity()


def test_two_results_in_memory_of_their_own_are_not_merged_for_ever():
    """Matrix-vector products write into empty buffers, equal nodes that in-place ops keep apart."""
    import numpy as np

    import tcore
    import tcore.tensor as T

    m, v = T.dmatrix("m"), T.dvector("v")
    f = tcore.function([m, v], [T.dot(m, T.tanh(T.dot(m, v) + float(i))) + 1.0 for i in range(3)])
    matrix, vector = np.arange(4.0).reshape(2, 2) / 5, np.array([1.0, 2.0])
    for number, got in enumerate(f(matrix, vector)):
        np.testing.assert_allclose(got, matrix @ np.tanh(matrix @ vector + number) + 1.0, rtol=1e-12)
