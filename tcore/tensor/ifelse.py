"""``ifelse``: the values of one of two branches, of which the other is not computed where the linker allows that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from attrs import field

from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import DisconnectedType, disconnected_type
from tcore.records import frozen
from tcore.scalar.dtypes import upcast
from tcore.scalar.type import Scalar
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.gradients import zero_gradient
from tcore.tensor.math import neq, switch
from tcore.tensor.rebroadcast import unbroadcast
from tcore.tensor.scalars import tensor_from_scalar
from tcore.tensor.shape import Shape_i
from tcore.tensor.type import TensorType

__all__ = ["IfElse", "ifelse"]


@frozen(slots=False, repr=False)
class IfElse(Op):
    """``n_outs`` values of the first branch where the condition is true, else those of the second.

    ``IfElse(n_outs)(condition, *then_values, *else_values)``. The linkers ``vm`` and ``cvm`` compute the branch that is
    taken, the others both. Outputs share the memory of the branch.

    Parameters
    ----------
    n_outs : int
    name : str, optional
        Shown where the op is printed.
    """

    n_outs: int
    name: str | None = field(default=None, eq=False)

    #: asked by linkers: its thunk says which inputs it wants
    lazy: ClassVar[bool] = True
    _f16_ok: ClassVar[bool] = True
    copies_where_it_must: ClassVar[bool] = True

    @property
    def view_map(self) -> dict[int, list[int]]:  # type: ignore[override]
        """An output is one of two inputs."""
        return {k: [1 + k, 1 + self.n_outs + k] for k in range(self.n_outs)}

    @property
    def lazy_inputs(self) -> range:
        """The positions of the branches."""
        return range(1, 1 + 2 * self.n_outs)

    def branch_of(self, position: int) -> int:
        """Which branch an input belongs to: they are wanted together."""
        return int(position > self.n_outs)

    def make_node(self, condition: Any, *values: Any) -> Apply:
        if len(values) != 2 * self.n_outs:
            raise ValueError(f"{self} takes a condition and {self.n_outs} values for each branch, got {len(values)} values")
        pairs = [_alike(a, b) for a, b in zip(values[: self.n_outs], values[self.n_outs :], strict=True)]
        then, other = ([pair[side] for pair in pairs] for side in (0, 1))
        return Apply(self, [_as_condition(condition), *then, *other], [v.type() for v in then])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        condition, *values = inputs
        taken = values[: self.n_outs] if condition else values[self.n_outs :]
        for cell, value in zip(output_storage, taken, strict=True):
            cell[0] = value

    def make_thunk(
        self, node: Apply, storage_map: Any, compute_map: Any, no_recycling: Sequence[Variable], impl: str | None = None
    ) -> Callable[[], list[int] | None]:
        """Asks for the condition, then for what is missing of one branch."""
        cells = [storage_map[v] for v in node.inputs]
        outputs = [storage_map[v] for v in node.outputs]
        flags = [[1] for _ in cells] if compute_map is None else [compute_map[v] for v in node.inputs]
        done = [] if compute_map is None else [compute_map[v] for v in node.outputs]
        branches = {True: range(1, 1 + self.n_outs), False: range(1 + self.n_outs, 1 + 2 * self.n_outs)}

        def thunk() -> list[int] | None:
            if not flags[0][0]:
                return [0]
            branch = branches[bool(cells[0][0])]
            missing = [position for position in branch if not flags[position][0]]
            if missing:
                return missing
            for cell, position in zip(outputs, branch, strict=True):
                cell[0] = cells[position][0]
            for flag in done:
                flag[0] = True
            return None

        thunk.lazy, thunk.inputs, thunk.outputs = True, cells, outputs  # type: ignore[attr-defined]
        return thunk

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """Lengths in which the branches differ are chosen, too."""
        condition = node.inputs[0]
        found: list[Any] = []
        for k in range(self.n_outs):
            one, two = shapes[1 + k], shapes[1 + self.n_outs + k]
            if one is None or two is None:
                found.append(None)
                continue
            found.append(tuple(_either(condition, a, b) for a, b in zip(one, two, strict=True)))
        return found

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Each output with its two values; none with the condition."""
        own = [[k == j for j in range(self.n_outs)] for k in range(self.n_outs)]
        return [[False] * self.n_outs, *own, *own]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """To the branch that was taken the gradient, to the other zeros."""
        condition, then, other = inputs[0], inputs[1 : 1 + self.n_outs], inputs[1 + self.n_outs :]
        gradients = []
        for branch in (then, other):
            for value, g in zip(branch, output_grads, strict=True):
                if isinstance(g.type, DisconnectedType):
                    gradients.append(g)
                    continue
                zero = zero_gradient(value)
                gradients.append(ifelse(condition, g, zero) if branch is then else ifelse(condition, zero, g))
        return [disconnected_type(), *gradients]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """The direction of the branch that is taken."""
        if all(point is None for point in eval_points[1:]):
            return [None] * self.n_outs
        points = [zero_gradient(x) if point is None else point for x, point in zip(inputs[1:], eval_points[1:], strict=True)]
        return list(self(inputs[0], *points, return_list=True))

    def __str__(self) -> str:
        return f"if{{{self.name or ''}}}"

    __repr__ = __str__


def ifelse(condition: Any, then_branch: Any, else_branch: Any, name: str | None = None) -> Any:
    """The value of one of two branches; with the linkers ``vm`` and ``cvm`` the other one is not computed.

    Parameters
    ----------
    condition : scalar
        0 (or False) takes ``else_branch``.
    then_branch, else_branch : variable, value, or list or tuple of these
        As many values in each. Tensors need equal numbers of axes; dtypes are brought to a common one.
    name : str, optional
        Shown where the op is printed.

    Returns
    -------
    Variable, or list of Variables where the branches are lists

    Raises
    ------
    TypeError
        If the condition is no scalar, or the branches have values that no one Type holds.
    ValueError
        If the branches have different numbers of values.

    See Also
    --------
    tcore.tensor.switch : chooses element by element, and computes both
    """
    several = isinstance(then_branch, (list, tuple)) or isinstance(else_branch, (list, tuple))
    then, other = ([*branch] if isinstance(branch, (list, tuple)) else [branch] for branch in (then_branch, else_branch))
    if len(then) != len(other):
        raise ValueError(f"the branches of ifelse have as many values each, got {len(then)} and {len(other)}")
    found = IfElse(len(then), name)(condition, *then, *other, return_list=True)
    return found if several else found[0]


def _either(condition: Variable, a: Any, b: Any) -> Any:
    """One of two lengths: by ``switch`` where both are there in any case, so that nothing needs to wait for the condition."""
    if a is b or (isinstance(a, int) and a == b):
        return a
    a, b = as_tensor_variable(a), as_tensor_variable(b)
    at_hand = all(v.owner is None or (isinstance(v.owner.op, Shape_i) and v.owner.inputs[0].owner is None) for v in (a, b))
    return switch(neq(condition, 0), a, b) if at_hand else ifelse(condition, a, b)


def _as_condition(condition: Any) -> Variable:
    if isinstance(condition, Variable) and isinstance(condition.type, Scalar):
        return tensor_from_scalar(condition)
    variable = as_tensor_variable(condition)
    if variable.type.ndim != 0:
        raise TypeError(
            f"the condition of ifelse is one truth value, got {variable} with {variable.type.ndim} dimensions: "
            "switch chooses element by element; all(...) and any(...) make one value of many"
        )
    return variable


def _alike(a: Any, b: Any) -> tuple[Variable, Variable]:
    """The values of two branches as variables of one Type."""
    a, b = (value if isinstance(value, Variable) else as_tensor_variable(value) for value in (a, b))
    if a.type == b.type:
        return a, b
    if isinstance(a.type, TensorType) and isinstance(b.type, TensorType):
        if a.type.ndim != b.type.ndim:
            raise TypeError(f"the branches of ifelse have values of {a.type.ndim} and {b.type.ndim} dimensions: {a} and {b}")
        dtype = upcast(a.type.dtype, b.type.dtype)
        axes = [axis for axis, (one, two) in enumerate(zip(a.type.broadcastable, b.type.broadcastable, strict=True)) if one != two]
        return tuple(unbroadcast(v if v.type.dtype == dtype else v.astype(dtype), *axes) for v in (a, b))  # type: ignore[return-value]
    for one, two in ((a, b), (b, a)):
        try:
            converted = one.type.filter_variable(two)
        except TypeError:
            continue
        return (a, converted) if one is a else (converted, b)
    raise TypeError(f"the branches of ifelse have values of types that do not convert into each other: {a} of {a.type}, {b} of {b.type}")
