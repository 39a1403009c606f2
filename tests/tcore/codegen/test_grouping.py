"""Which nodes become one kernel, and which must not."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import frozen

import tcore.tensor as T
from tcore import scalar
from tcore.codegen.group import Group
from tcore.codegen.grouping import Limits
from tcore.codegen.stages import Map, Reduce
from tcore.graph.apply import Apply
from tcore.graph.op import Op
from tcore.tensor.careduce import Supremum
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.extremes import Argmax

_spec = importlib.util.spec_from_file_location("codegen_graphs", Path(__file__).parent / "graphs.py")
graphs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(graphs)
check, grouped, kernels = graphs.check, graphs.grouped, graphs.kernels

M = np.random.default_rng(3).normal(size=(4, 6))
V = M[0]


@frozen
class Opaque(Op):
    """The identity, without a lowering."""

    def make_node(self, x: Any) -> Apply:
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        output_storage[0][0] = inputs[0].copy()


def test_elementwise_chain_is_one_kernel() -> None:
    """The documented example."""
    a, b, c, d = T.dvectors("abcd")
    grouping = check([a, b, c, d], [2 * a + 3 * b - T.sqrt(c) * T.exp(-d)], [V, V, V**2, V])
    (kernel,) = kernels(grouping)
    assert len(kernel.nodes) == 8
    assert [type(s) for s in kernel.kernel.stages] == [Map]


def test_each_apply_is_in_one_group() -> None:
    """Nothing is computed by two kernels."""
    x = T.dmatrix()
    y = T.exp(x)
    outs = [y.sum(axis=0) + 1, y.sum(axis=1) * 2, y.T, T.tanh(y)]
    fgraph, grouping = grouped([x], outs)
    nodes = [n for step in grouping.steps for n in (step.nodes if isinstance(step, Group) else (step,))]
    assert len(nodes) == len(set(nodes)) == len(fgraph.apply_nodes)
    check([x], outs, [M])


def test_granularity_node() -> None:
    """One kernel per Apply."""
    x = T.dmatrix()
    _, grouping = grouped([x], [T.exp(x + x).sum(axis=1)], granularity="node")
    assert [len(k.nodes) for k in kernels(grouping)] == [1, 1, 1]


def test_the_graph_stays_as_it_was() -> None:
    """Grouping changes no node."""
    x = T.dmatrix()
    fgraph, _ = grouped([x], [T.exp(x).sum(axis=1)])
    assert [str(n.op) for n in fgraph.toposort()] == ["Elemwise{exp,no_inplace}", "Sum{axis=[1], acc_dtype=float64}"]


def test_softmax_by_hand_is_a_row_program() -> None:
    """Max, exp kept in row scratch, sum, scale: one kernel, one exp."""
    x = T.dmatrix()
    e = T.exp(x - x.max(axis=1, keepdims=True))
    grouping = check([x], [e / e.sum(axis=1, keepdims=True)], [M])
    (group,) = kernels(grouping)
    assert [type(s) for s in group.kernel.stages] == [Reduce, Map, Reduce, Map]
    assert len(group.kernel.row_scratch) == 1
    assert str(group.kernel).count("exp(") == 1


def test_stored_row_is_read_back() -> None:
    """A row that is an output anyway needs no scratch."""
    x = T.dmatrix()
    e = T.exp(x)
    grouping = check([x], [e, e / e.sum(axis=1, keepdims=True)], [M])
    (group,) = kernels(grouping)
    assert not group.kernel.row_scratch
    assert str(group.kernel).count("exp(") == 1


def test_rows_that_follow_from_one_another_are_computed_once() -> None:
    """Each step needs the mean of the last one: five steps are five tanh, not fifteen."""
    x = T.dmatrix()
    y = x
    for _ in range(5):
        y = T.tanh(y - y.sum(axis=1, keepdims=True) / 6.0)
    (group,) = kernels(check([x], [y], [M]))
    assert str(group.kernel).count("tanh(") == 5


def test_a_row_below_two_others_is_computed_once() -> None:
    """Only sin and cos are read where rows are summed and scaled; what both are of is kept as well."""
    x = T.dmatrix()
    e = T.exp(x - x.max(axis=1, keepdims=True))
    scaled = e / e.sum(axis=1, keepdims=True)
    s, c = T.sin(e), T.cos(T.sqrt(e) * scaled)
    z = s / s.sum(axis=1, keepdims=True) + c / c.sum(axis=1, keepdims=True)
    (group,) = kernels(check([x], [z], [M]))
    text = str(group.kernel)
    assert [text.count(f"{name}(") for name in ("exp", "sin", "cos")] == [1, 1, 1]


def test_values_per_row_are_computed_once() -> None:
    """1 / sqrt of a variance stands at the outer level."""
    x = T.dmatrix()
    centred = x - (x.sum(axis=1) / 6.0).dimshuffle(0, "x")
    scale = T.sqrt((centred * centred).sum(axis=1) + 1e-5).dimshuffle(0, "x")
    (group,) = kernels(check([x], [centred / scale], [M]))
    levels = [group.kernel.level(stage) for stage in group.kernel.stages]
    assert levels == ["full", "outer", "full", "outer", "full"]


def test_full_reduction_does_not_pull_its_readers_in() -> None:
    """x / sum(x): the reader would wait for one block to sum everything."""
    x = T.dmatrix()
    assert len(kernels(check([x], [x / x.sum()], [M]))) == 2


def test_reduction_of_computed_and_its_finish() -> None:
    """sum(tanh(x) * x, axis=0) / n."""
    x = T.dmatrix()
    (group,) = kernels(check([x], [(T.tanh(x) * x).sum(axis=0) / 4.0], [M]))
    assert len(group.outputs) == 1


def test_two_splits_are_two_kernels() -> None:
    """Sums over different axes cannot share loops."""
    x = T.dmatrix()
    grouping = check([x], [T.exp(x).sum(axis=0), T.exp(x).sum(axis=1)], [M])
    for group in kernels(grouping):
        assert sum(isinstance(s, Reduce) for s in group.kernel.stages) <= 1


def test_convexity() -> None:
    """A path through an op without a lowering keeps its ends apart."""
    x = T.dvector()
    y = T.exp(x)
    z = Opaque()(y) + y
    grouping = check([x], [z], [V])
    assert [isinstance(s, Group) for s in grouping.steps] == [True, False, True]


def test_convexity_through_other_kernels() -> None:
    """a → (sum over all) → b: a and b together would need the sum before it is there."""
    x = T.dmatrix()
    a = T.exp(x)
    s = Opaque()(a.sum(axis=0))
    b = a * s + T.tanh(s)
    check([x], [b, a.sum(axis=1)], [M])


def test_convexity_where_a_kernel_has_grown() -> None:
    """What a kernel took in before may need what it would take in next."""
    x = T.dvector("x")
    e = T.exp(x)
    later = T.tanh(Opaque()(e))
    grouping = check([x], [T.sqr(e) * 2 + later, e], [V])
    assert len(kernels(grouping)) == 2
    grouping = check([x], [later + T.sqr(e) * 2, e], [V])
    assert len(kernels(grouping)) == 2


def test_limits() -> None:
    """Operations, operands and calls per kernel."""
    x = T.dvector()
    y = x
    for _ in range(20):
        y = T.tanh(y + x)
    grouping = check([x], [y], [V], limits=Limits(operations=1000, calls=8))
    assert all(sum("tanh" in str(n.op) for n in g.nodes) <= 8 for g in kernels(grouping))
    xs = T.dvectors(*"abcdefghijklmnopqrst")
    total = xs[0]
    for v in xs[1:]:
        total = total * v + v
    grouping = check(list(xs), [total], [V] * 20)
    assert all(len(g.inputs) + len(g.outputs) <= 16 for g in kernels(grouping))


def test_rim_views_stay_views() -> None:
    """A transposed operand is passed as it is; a view of the result is made of the result."""
    x = T.dmatrix()
    y = T.exp(x.T)
    _, grouping = grouped([x], [(y * y).T])
    assert [type(s).__name__ for s in grouping.steps] == ["Apply", "Group", "Apply"]
    check([x], [(y * y).T], [M])


def test_inner_views_are_index_arithmetic() -> None:
    """A broadcast between two computations costs no array."""
    x, v = T.dmatrix(), T.dvector()
    y = T.exp(x).T + 1
    (group,) = kernels(check([x], [y * y], [M]))
    assert len(group.kernel.outputs) == 1
    check([x, v], [(v + 1).dimshuffle("x", 0) * x], [M, V])


def test_expensive_values_are_not_computed_per_index_of_a_broadcast() -> None:
    """exp of a vector, broadcast to a matrix, is a kernel of its own."""
    x, v = T.dmatrix(), T.dvector()
    grouping = check([x, v], [T.exp(v) * x], [M, V])
    assert len(kernels(grouping)) == 2


def test_shifted_reads_of_one_value() -> None:
    """y[1:] - y[:-1] reads y at two indices: y is stored, not computed twice."""
    x = T.dvector()
    y = T.exp(x)
    grouping = check([x], [y[1:] - y[:-1]], [V])
    assert len(kernels(grouping)) == 2


def test_inplace() -> None:
    """An in-place output takes over its operand where each element is read where it is written."""
    x, y = T.dmatrix(), T.dmatrix()
    add = Elemwise(scalar.add, {0: 0})
    (group,) = kernels(check([x, y], [add(x, T.exp(y))], [M, M]))
    position = group.inplace[0]
    assert group.inputs[position].type == x.type


def test_inplace_does_not_read_its_operand_elsewhere() -> None:
    """x += f(x.T) must read all of x.T before: two kernels."""
    x = T.dmatrix()
    add = Elemwise(scalar.add, {0: 0})
    out = add(x, T.exp(x.T))
    _, grouping = grouped([x], [out])
    assert len(kernels(grouping)) == 2


def _in_place(kind: Any) -> Any:
    return Elemwise(kind, {0: 0})


def _logsumexp(rows: Any) -> Any:
    """As the optimizer writes it where the array may be overwritten."""
    largest = Supremum((1,))(rows)
    parts = _in_place(scalar.exp)(_in_place(scalar.sub)(rows, largest.dimshuffle(0, "x")))
    return T.log(parts.sum(axis=1)) + largest


ROW_PROGRAMS = {
    "sum": lambda rows: T.sqr(rows).sum(axis=1),
    "argmax": Argmax((1,)),
    "softmax": T.softmax,
    "logsumexp": _logsumexp,
}


@pytest.mark.parametrize("program", ROW_PROGRAMS)
def test_what_only_a_kernel_reads_overwrites_nothing(program: str) -> None:
    """Work in place on the way to a reduction: its result is but numbers inside of the kernel, so the kernel need not end there."""
    x, b = T.dmatrix(), T.dvector()
    rows = _in_place(scalar.add)(Opaque()(x), b)
    (group,) = kernels(check([x, b], [ROW_PROGRAMS[program](rows)], [M, V]))
    assert not group.inplace
    assert len(group.outputs) == 1


def test_what_others_read_is_overwritten_by_a_kernel_of_its_own() -> None:
    """A result of work in place that the graph returns, too, stands in the operand's memory."""
    x, b = T.dmatrix(), T.dvector()
    rows = _in_place(scalar.add)(Opaque()(x), b)
    for outputs in ([rows, rows.sum(axis=1)], [rows.sum(axis=1), Opaque()(rows)], [rows.sum(axis=1), rows[::2]]):
        first, second = kernels(check([x, b], outputs, [M, V]))
        assert (first.inplace, second.inplace) == ({0: 0}, {})


def test_lazy_inputs_are_borders() -> None:
    """What only one branch needs is not computed with what all need."""
    x = T.dvector()
    y = T.exp(x)
    branch = y * 2
    out = Opaque()(branch)
    total = y + 1
    _, grouping = grouped([x], [out, total], lazy_inputs=lambda node: (0,) if isinstance(node.op, Opaque) else ())
    sizes = sorted(len(g.nodes) for g in kernels(grouping))
    assert sizes == [1, 2]


def test_orderings_are_edges() -> None:
    """An Apply that must run after another does not share its kernel."""
    x = T.dvector()
    a, b = T.exp(x), T.tanh(x)
    fgraph, _ = grouped([x], [a, b, a + b])
    nodes = fgraph.toposort()
    from tcore.codegen.grouping import group

    exp, tanh = (next(n for n in nodes if name in str(n.op)) for name in ("exp", "tanh"))
    found = group(nodes, fgraph.outputs, graphs.TABLE, orderings={tanh: [exp]})
    home = {n: s for s in found.steps for n in s.nodes}
    assert home[exp] is not home[tanh]


def test_checks_name_the_apply() -> None:
    """Each Apply's demand on lengths stays its own."""
    x, y = T.dvector(), T.dvector()
    _, grouping = grouped([x, y], [T.exp(x) + y])
    (group,) = kernels(grouping)
    (one,) = {(str(c.node.op), c.operand, c.axis) for c in group.checks if "add" in str(c.node.op)}
    assert one[0] == "Elemwise{add,no_inplace}"


@pytest.mark.parametrize("seed", range(15))
def test_random_graphs(seed: int) -> None:
    """Any mix of elementwise ops, views, reductions and writes agrees with perform."""
    rng = np.random.default_rng(seed)
    x, v = T.dmatrix("x"), T.dvector("v")
    matrices, vectors = [x], [v]
    for _ in range(25):
        m, n = (matrices[rng.integers(len(matrices))] for _ in range(2))
        w = vectors[rng.integers(len(vectors))]
        choice = rng.integers(10)
        if choice < 2:
            matrices.append(m * 0.5 + n)
        elif choice == 2:
            matrices.append(T.tanh(m) - w)
        elif choice == 3:
            matrices.append((T.exp(-m * m) + n).T.T)
        elif choice == 4:
            vectors.append((m * n).sum(axis=0) / 4.0)
        elif choice == 5:
            matrices.append(m - m.max(axis=1, keepdims=True))
        elif choice == 6:
            matrices.append(T.set_subtensor(m[1:3], T.tanh(w)))
        elif choice == 7:
            matrices.append(T.join(0, m[2:], n[:2] * 0.5))
        elif choice == 8:
            vectors.append(T.tanh(w)[::-1])
        else:
            matrices.append(Opaque()(m) * 0.25)
    picks = [matrices[k] for k in sorted({int(k) for k in rng.integers(len(matrices), size=3)})]
    check([x, v], [*picks, vectors[-1] * 2, matrices[-1].sum()], [M, V], rtol=1e-9)


@pytest.mark.parametrize("index", [np.s_[::-1], np.s_[::2], np.s_[1:4], np.s_[-2::-2]], ids=str)
def test_view_of_what_is_computed_at_its_index(index) -> None:
    """A view whose operand nobody else needs: one kernel stores what it shows."""
    x, y = T.dvectors("xy")
    grouping = check([x, y], [(x + y)[index]], [V, 2 * V])
    assert len(kernels(grouping)) == 1
    m, n = T.dmatrices("mn")
    check([m, n], [((m - n) * m).T[index]], [M, 2 * M])
    check([x, y], [(x + y)[index], (x + y).sum()], [V, 2 * V])


@pytest.mark.parametrize("seed", range(25))
def test_random_graphs_of_computed_lengths(seed: int) -> None:
    """Fills, ranges and slices whose lengths are numbers of the graph, among what reads and reduces them."""
    rng = np.random.default_rng(seed)
    x, v, n = T.dmatrix("x"), T.dvector("v"), T.lscalar("n")
    matrices, vectors, scalars = [x], [v], [v[0]]

    def pick(among: list[Any]) -> Any:
        return among[rng.integers(len(among))]

    for _ in range(int(rng.integers(4, 16))):
        m, w, s = pick(matrices), pick(vectors), pick(scalars)
        kind, made = [
            (matrices, lambda: T.tanh(m) - w),  # noqa: B023 - called at once
            (matrices, lambda: T.alloc(w, m.shape[0], n)),  # noqa: B023
            (matrices, lambda: T.ones_like(m)[::-1] * w),  # noqa: B023
            (vectors, lambda: m.sum(axis=0)),  # noqa: B023
            (vectors, lambda: T.alloc(s, n) * w),  # noqa: B023
            (vectors, lambda: T.cast(T.arange(n), "float64") * s),  # noqa: B023
            (vectors, lambda: (w * 2)[n - 6 :]),  # noqa: B023
            (vectors, lambda: T.join(0, w[2:], w[:2])[::-1]),  # noqa: B023
            (vectors, lambda: T.fill(w, s)),  # noqa: B023
            (scalars, lambda: w.max() - w[-1]),  # noqa: B023
        ][rng.integers(10)]
        kind.append(made())
    outputs = [pick(matrices), pick(vectors), pick(scalars), matrices[-1].sum(axis=0), vectors[-1].sum(), vectors[-1] * 2, matrices[-1].max()]
    check([x, v, n], outputs, [M, V, np.int64(6)], rtol=1e-8)
