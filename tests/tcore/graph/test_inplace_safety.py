"""In-place safety, proved on random graphs: what is accepted has a safe order, and the given order computes the right values.

The oracle knows nothing of trees of views and labels: it tries which sets of nodes can have run. A value is lost once a
node has overwritten the memory that it lies in; a node can run if all its arguments are there and not lost; in the end
no output of the graph may be lost. The values are checked by running the nodes on real memory, where views are views,
against the same nodes on copies.
"""

import random

import numpy as np
import pytest
from attrs import field, frozen
from samples import snapshot

from tcore.graph import Apply, Constant, DestroyHandler, FunctionGraph, InconsistencyError, Op
from tcore.tensor import TensorConstant, lvector


@frozen
class Step(Op):
    """An op that is told what it does to memory.

    ``kinds`` has a letter for each output: ``n`` new, ``v`` a reversed view of the input of that place, ``d`` computed in
    the memory of that input. ``scratch`` lists further inputs that output 0 ruins.
    """

    kinds: str
    arity: int
    scratch: tuple[int, ...] = ()
    shift: int = 0
    destroyhandler_tolerate_same: tuple = ()
    destroyhandler_tolerate_aliased: tuple = ()
    places: tuple[int, ...] = field(default=(0, 1))

    @property
    def view_map(self):
        return {o: [self.places[o]] for o, kind in enumerate(self.kinds) if kind == "v"}

    @property
    def destroy_map(self):
        found = {o: [self.places[o]] for o, kind in enumerate(self.kinds) if kind == "d"}
        if self.scratch:
            found[0] = [*found.get(0, ()), *self.scratch]
        return found

    def make_node(self, *inputs):
        return Apply(self, list(inputs), [lvector() for _ in self.kinds])

    def run(self, *arrays):
        """The outputs; works in the memory of ``arrays`` as declared."""
        if self.destroyhandler_tolerate_aliased:
            arrays = [arrays[0], *(each.copy() for each in arrays[1:])]
        total = sum((k + 2) * each for k, each in enumerate(arrays)) + self.shift
        outputs = [
            arrays[self.places[o]][::-1] if kind == "v" else total + o if kind == "n" else arrays[self.places[o]]
            for o, kind in enumerate(self.kinds)
        ]
        for o, kind in enumerate(self.kinds):
            if kind == "d":
                outputs[o][...] = total + o
        for i in self.scratch:
            arrays[i][...] = -77
        return outputs


STEPS = [
    *[Step("n", arity) for arity in (1, 2, 2)],
    Step("nn", 2),
    *[Step("v", 1)] * 3,
    Step("v", 2, places=(1,)),
    Step("vv", 2),
    Step("vn", 1),
    *[Step("d", arity) for arity in (1, 2, 2)],
    Step("d", 2, places=(1,)),
    Step("d", 2, scratch=(1,)),
    Step("n", 2, scratch=(0,)),
    Step("dd", 2),
    Step("dv", 2),
    Step("nd", 2, places=(0, 1)),
    Step("d", 2, destroyhandler_tolerate_same=((0, 1),)),
    Step("d", 2, destroyhandler_tolerate_aliased=((0, 1),)),
]


# ------------------------------------------------------------ the oracle


def destroyed(node):
    return {i for inputs in node.op.destroy_map.values() for i in inputs}


def block_of(variable):
    """The variable whose memory it is."""
    while variable.owner is not None and variable.index in variable.owner.op.view_map:
        variable = variable.owner.inputs[variable.owner.op.view_map[variable.index][0]]
    return variable


def clashes(node):
    """Whether a node overwrites a constant, or what it reads by another input."""
    for i in destroyed(node):
        if isinstance(block_of(node.inputs[i]), Constant):
            return True
        for j, other in enumerate(node.inputs):
            if j != i and block_of(other) is block_of(node.inputs[i]):
                same = other is node.inputs[i] and (i, j) in node.op.destroyhandler_tolerate_same
                if not same and (i, j) not in node.op.destroyhandler_tolerate_aliased:
                    return True
    return False


def has_safe_order(graph):
    """Tries every order, sets of nodes that have run being met once."""
    nodes = list(graph.apply_nodes)
    if any(map(clashes, nodes)):
        return False
    bit = {node: 1 << k for k, node in enumerate(nodes)}
    ruins = [(bit[node], {block_of(node.inputs[i]) for i in destroyed(node)}) for node in nodes]

    def lost(done, variable):
        return any(done & ran and block_of(variable) in blocks for ran, blocks in ruins)

    def can_run(done, node):
        return all((v.owner is None or done & bit[v.owner]) and not lost(done, v) for v in node.inputs)

    seen, stack = {0}, [0]
    while stack:
        done = stack.pop()
        if done == (1 << len(nodes)) - 1:
            return not any(lost(done, variable) for variable in graph.outputs)
        for node in nodes:
            after = done | bit[node]
            if after not in seen and can_run(done, node):
                seen.add(after)
                stack.append(after)
    return False


# ------------------------------------------------------------ values


def values_of(graph, order, share):
    """The outputs, computed in ``order`` in shared memory or on copies."""
    cells = {variable: np.arange(k, k + 3) * 10 for k, variable in enumerate(graph.inputs)}

    def read(variable):
        if variable.owner is None and isinstance(variable, Constant):
            return variable.data
        return cells[variable]

    for node in order:
        arguments = [read(variable) for variable in node.inputs]
        results = node.op.run(*(arguments if share else [each.copy() for each in arguments]))
        cells.update(zip(node.outputs, results if share else [each.copy() for each in results], strict=True))
    return [read(variable).copy() for variable in graph.outputs]


def assert_runs_right(graph):
    right = values_of(graph, graph.toposort(), share=False)
    for got, wanted in zip(values_of(graph, graph.toposort(), share=True), right, strict=True):
        np.testing.assert_array_equal(got, wanted)


# ------------------------------------------------------------ random graphs


def random_graph(rng, features=()):
    inputs = [lvector("a"), lvector("b")]
    pool = [*inputs, TensorConstant(lvector, np.array([1, 2, 3]))]
    for _ in range(rng.randint(2, 7)):
        step = rng.choice(STEPS)
        made = step.make_node(*(rng.choice(pool[-5:] if rng.random() < 0.6 else pool) for _ in range(step.arity)))
        pool.extend(made.outputs)
    return FunctionGraph(inputs, rng.sample(pool[3:], min(len(pool) - 3, rng.randint(1, 3))), features=features)


@pytest.mark.parametrize("late", [True, False], ids=["attached to a graph", "there from the start"])
def test_accepted_is_what_has_a_safe_order(late):
    """600 graphs of views, destroyers and both: the handler agrees with the search, and its order computes the right values."""
    rng = random.Random(2)
    accepted = 0
    for _ in range(600):
        graph = random_graph(rng, [] if late else [DestroyHandler()])
        if late:
            graph.attach_feature(DestroyHandler())
        safe = has_safe_order(graph)
        assert graph.consistent() == safe, graph
        if safe:
            accepted += 1
            assert_runs_right(graph)
    assert 100 < accepted < 500


def test_replacements_are_accepted_if_they_leave_a_safe_order():
    """Step by step: each replacement that leaves a safe order is done, any other leaves no trace."""
    rng = random.Random(3)
    outcomes = []
    while len(outcomes) < 500:
        graph = random_graph(rng, [DestroyHandler()])
        if not graph.consistent():
            continue
        for shift in range(6):
            node = rng.choice(graph.toposort())
            step = rng.choice([each for each in STEPS if len(each.kinds) == 1])
            sources = [v for v in graph.variables if v is not node.outputs[0]]
            step = Step(step.kinds, step.arity, step.scratch, shift + 1, places=step.places)
            made = step.make_node(*(rng.choice(sources) for _ in range(step.arity)))
            before = snapshot(graph)
            wanted = _after(graph, node.outputs[0], made)
            try:
                graph.replace_validate(node.outputs[0], made.outputs[0])
                done = True
            except InconsistencyError:
                done = False
                assert snapshot(graph) == before
            assert done == wanted, graph
            graph.check_integrity()
            assert graph.consistent()
            assert_runs_right(graph)
            outcomes.append(done)
            if not graph.toposort():
                break
    assert 50 < sum(outcomes) < 450


def _after(graph, old, made):
    """Whether a copy of the graph has a safe order after the replacement."""
    copy, twin = graph.clone_get_equiv(attach_feature=False)
    copy.replace(twin[old], made.op.make_node(*(twin[variable] for variable in made.inputs)).outputs[0])
    return has_safe_order(copy)
