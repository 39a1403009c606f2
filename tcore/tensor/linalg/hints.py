"""Facts about matrices for the optimizer: ``psd(A)`` says that A is positive semi-definite.

A :class:`Hint` marks a place in the graph. Before anything else a :class:`HintsFeature` notes what the marks say, and canonicalization
takes them away, so that they block no other rewrite. From then on the facts move with the place: what replaces a variable takes over
what is known of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tcore import scalar
from tcore.graph import Apply, Op, Variable
from tcore.graph.features import AlreadyThere, Feature
from tcore.optimizer.base import Optimizer
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.linalg.inverse import MatrixInverse
from tcore.tensor.linalg.matrices import as_matrices, product
from tcore.tensor.reductions import max as largest
from tcore.tensor.reductions import sum as total

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.graph.fgraph import FunctionGraph

__all__ = ["Hint", "HintsFeature", "HintsOptimizer", "hints_of", "is_transpose", "psd", "spectral_radius_bound"]


class Hint(Op):
    """Its input, of which the keyword arguments are known: ``Hint(psd=True, symmetric=True)(A)``.

    Equations with a matrix are solved in the cheaper ways that ``psd``, ``lower_triangular``, ``upper_triangular``, ``diagonal`` and ``symmetric`` allow.
    """

    view_map: ClassVar[dict[int, list[int]]] = {0: [0]}

    def __init__(self, **kwargs: Any) -> None:
        self.hints = tuple(sorted(kwargs.items()))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.hints == other.hints  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self), self.hints))

    def make_node(self, x: Any) -> Apply:
        x = as_tensor_variable(x)
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = inputs[0]

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        return list(output_grads)

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return list(eval_points)

    def __str__(self) -> str:
        return f"Hint{{{', '.join(f'{name}={value!r}' for name, value in self.hints)}}}"


class HintsFeature(Feature):
    """What is known of the variables of a graph, from its :class:`Hint` nodes, from ``variable.tag.hints``, and from what follows of them.

    Attributes
    ----------
    hints : dict from Variable to dict from name to value
    """

    def __init__(self) -> None:
        self.hints: dict[Variable, dict[str, Any]] = {}

    def on_attach(self, fgraph: FunctionGraph) -> None:
        if hasattr(fgraph, "hints_feature"):
            raise AlreadyThere("the graph has a HintsFeature")
        fgraph.hints_feature = self  # type: ignore[attr-defined]
        for variable in fgraph.inputs:
            self.add(variable, _tagged(variable))
        for node in fgraph.toposort():
            self.on_import(fgraph, node, "on_attach")

    def on_detach(self, fgraph: FunctionGraph) -> None:
        del fgraph.hints_feature  # type: ignore[attr-defined]
        self.hints.clear()

    def on_import(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        for variable in node.outputs:
            self.add(variable, _tagged(variable))
        if isinstance(node.op, Hint):
            self.add(node.inputs[0], dict(node.op.hints))
            self.add(node.outputs[0], self.hints.get(node.inputs[0], {}))
        elif is_transpose(node):
            self.add(node.outputs[0], _of_transpose(self.hints.get(node.inputs[0], {})))
        elif _keeps_definiteness(node) and all(self.hints.get(x, {}).get("psd") for x in node.inputs):
            self.add(node.outputs[0], {"psd": True, "symmetric": True})

    def on_change_input(self, fgraph: FunctionGraph, node: Any, i: int, r: Variable, new_r: Variable, reason: Any = None) -> None:
        """What is known belongs to the place: the new variable takes it over."""
        self.add(new_r, self.hints.get(r, {}))
        if isinstance(node, Apply):
            self.on_import(fgraph, node, reason)

    def add(self, variable: Variable, facts: dict[str, Any]) -> None:
        """Note facts; of two that contradict the newer one stays."""
        if facts:
            self.hints.setdefault(variable, {}).update(facts)


def _tagged(variable: Variable) -> dict[str, Any]:
    """What a user noted in the tag of a variable."""
    return getattr(variable.tag, "hints", None) or {}


def is_transpose(node: Apply) -> bool:
    """Whether a node exchanges the last two axes, the matrices of a stack."""
    if not isinstance(node.op, DimShuffle):
        return False
    ndim = len(node.op.new_order)
    return ndim > 1 and ndim == node.inputs[0].type.ndim and node.op.new_order == (*range(ndim - 2), ndim - 1, ndim - 2)  # type: ignore[attr-defined]


_TURNED = {"lower_triangular": "upper_triangular", "upper_triangular": "lower_triangular"}
_KEPT = ("psd", "symmetric", "diagonal", "banded")


def _of_transpose(facts: dict[str, Any]) -> dict[str, Any]:
    """What is known of the transpose of a matrix."""
    return {_TURNED.get(name, name): value for name, value in facts.items() if name in _TURNED or name in _KEPT}


def _keeps_definiteness(node: Apply) -> bool:
    """Whether a node gives a positive semi-definite matrix, if its inputs are such."""
    return isinstance(node.op, MatrixInverse) or (isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, scalar.Add))


def hints_of(variable: Variable) -> dict[str, Any]:
    """What is known of a variable of a graph; nothing, where no feature keeps it."""
    feature = getattr(variable.fgraph, "hints_feature", None)
    return {} if feature is None else feature.hints.get(variable, {})  # type: ignore[no-any-return]


class HintsOptimizer(Optimizer):
    """graph with Hint nodes -> the same with a HintsFeature, which knows what they say"""

    name = "HintsOptimizer"

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Attach it."""
        fgraph.attach_feature(HintsFeature())

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> None:
        """Nothing else."""


def psd(v: Any) -> Variable:
    """The matrix ``v``, which is positive semi-definite: symmetric, and ``x · v · x`` is not negative for any vector ``x``."""
    return Hint(psd=True, symmetric=True)(as_matrices("psd", v))  # type: ignore[return-value]


def spectral_radius_bound(X: Any, log2_exponent: int) -> Variable:
    """An upper bound of the largest eigenvalue, by absolute value, of a symmetric matrix.

    No eigenvalue of a matrix is larger than its largest sum of absolute values of a row. That of a power bounds the power of the eigenvalue, ever tighter
    (V. Pan, Computers & Mathematics with Applications 20, 1990).

    Parameters
    ----------
    X : square symmetric matrix, or a stack of them
    log2_exponent : int
        How often X is squared, positive: more are slower and tighter; up to 5 are usually enough.

    Returns
    -------
    scalar of the dtype of ``X``, one for each matrix of a stack
    """
    if not isinstance(log2_exponent, (int, np.integer)) or isinstance(log2_exponent, (bool, np.bool_)):
        raise TypeError(f"spectral_radius_bound: log2_exponent is an int, got {log2_exponent!r}")
    if log2_exponent <= 0:
        raise ValueError(f"spectral_radius_bound: log2_exponent is positive, got {log2_exponent}")
    power: Any = as_matrices("spectral_radius_bound", X)
    exponent = 0.5**log2_exponent
    for _ in range(log2_exponent):
        power = product(power, power)
    bound: Any = largest(total(abs(power), axis=-1), axis=-1)
    return bound ** as_tensor_variable(np.array(exponent, bound.type.dtype))  # type: ignore[no-any-return]
