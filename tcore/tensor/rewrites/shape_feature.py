"""Shapes without values: ShapeFeature knows how the shape of every variable follows from the shapes of inputs."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.configuration import config
from tcore.graph.cloning import clone_replace
from tcore.graph.comparison import equal_computations
from tcore.graph.errors import MethodNotDefined
from tcore.graph.features import AlreadyThere, Feature
from tcore.graph.trace import creation_report
from tcore.graph.variable import Constant
from tcore.optimizer.base import Optimizer
from tcore.optimizer.failures import stop_compilation
from tcore.optimizer.rewrite import GlobalRewrite, Rewrite, Stage, rewrite
from tcore.tensor._lengths import as_length
from tcore.tensor.constants import constant_int
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.errors import ShapeError
from tcore.tensor.join import MakeVector
from tcore.tensor.shape import Shape, Shape_i, static_length

if TYPE_CHECKING:
    from tcore.graph.apply import Apply
    from tcore.graph.fgraph import FunctionGraph
    from tcore.graph.variable import Variable

__all__ = ["REWRITES", "ShapeError", "ShapeFeature", "ShapeOptimizer", "UnShapeOptimizer"]


def _made(node: Apply) -> str:
    where = creation_report(node.outputs[0])
    return f"\n  created: {where}" if where else ""


def _is_read_from(length: Any, variable: Variable) -> bool:
    node = getattr(length, "owner", None)
    return node is not None and isinstance(node.op, Shape_i) and node.inputs[0] is variable


class _Shapes(dict[Any, Any]):
    """``shape_of``: filled as it is asked."""

    def __init__(self, feature: ShapeFeature) -> None:
        super().__init__()
        self.feature = feature

    def __missing__(self, variable: Variable) -> Any:
        self.feature.infer(variable)
        return self[variable]

    def __contains__(self, variable: object) -> bool:
        return dict.__contains__(self, variable) or getattr(variable, "fgraph", None) is self.feature.fgraph


class ShapeFeature(Feature):
    """Knows shapes as tuples of ints and int64 scalars, from ``infer_shape`` of the ops.

    Attributes
    ----------
    shape_of : dict from Variable to tuple, or None for what has no shape
        Filled on demand: a graph whose shapes nobody asks for costs nothing.
    """

    def __init__(self) -> None:
        self.fgraph: FunctionGraph | None = None
        self.shape_of: dict[Any, Any] = _Shapes(self)
        self._replaced: dict[Variable, Variable] = {}

    def on_attach(self, fgraph: FunctionGraph) -> None:
        if hasattr(fgraph, "shape_feature"):
            raise AlreadyThere("the graph has a ShapeFeature")
        self.fgraph = fgraph
        fgraph.shape_feature = self

    def on_detach(self, fgraph: FunctionGraph) -> None:
        del fgraph.shape_feature
        self.__init__()  # type: ignore[misc]

    def on_change_input(
        self, fgraph: FunctionGraph, node: Any, i: int, r: Variable, new_r: Variable, reason: Any = None
    ) -> None:
        if r.owner is None and isinstance(r, Constant):
            return
        self._replaced[r] = new_r
        # an op that says nothing about shapes takes over what was known
        if (
            dict.__contains__(self.shape_of, r)
            and not dict.__contains__(self.shape_of, new_r)
            and new_r.owner is not None
            and getattr(new_r.owner.op, "infer_shape", None) is None
        ):
            self.shape_of[new_r] = self.shape_of[r]

    # ------------------------------------------------------------ inference

    def infer(self, variable: Variable) -> None:
        """Fill ``shape_of`` for ``variable`` and what it follows from, without recursion."""
        stack = [variable]
        known = self.shape_of
        while stack:
            top = stack[-1]
            if dict.__contains__(known, top):
                stack.pop()
                continue
            node = top.owner
            if node is None:
                self.init_r(top)
                continue
            if getattr(node.op, "infer_shape", None) is None:
                for output in node.outputs:
                    self.init_r(output)
                continue
            missing = [each for each in node.inputs if not dict.__contains__(known, each)]
            if missing:
                stack.extend(reversed(missing))
                continue
            for output, shape in zip(node.outputs, self._shapes(node), strict=True):
                if not dict.__contains__(known, output):
                    self.set_shape(output, shape)

    def _shapes(self, node: Apply) -> Any:
        shapes = [self.shape_of[each] for each in node.inputs]
        try:
            found = node.op.infer_shape(node, shapes)  # type: ignore[attr-defined]
            if len(found) != len(node.outputs):
                raise ValueError(f"it gave {len(found)} shapes for {len(node.outputs)} outputs")
        except (ShapeError, MethodNotDefined, NotImplementedError):
            return self.default_infer_shape(node, shapes)
        except Exception as error:
            if config.on_shape_error == "raise":
                error.add_note(f"raised by infer_shape of {node}{_made(node)}")
                stop_compilation(error)
                raise
            warnings.warn(
                f"infer_shape of {node} failed, so that shapes are read from its value (on_shape_error=raise raises): "
                f"{type(error).__name__}: {error}{_made(node)}",
                stacklevel=2,
            )
            return self.default_infer_shape(node, shapes)
        return found

    def default_infer_shape(self, node: Apply, i_shapes: Any) -> list[Any]:
        """Shapes that are read from the computed values."""
        return [self.shape_tuple(output) for output in node.outputs]

    def shape_tuple(self, r: Any) -> tuple[Any, ...] | None:
        """The shape of ``r``, read from its value; None where it has none."""
        ndim = getattr(r.type, "ndim", None)
        return None if ndim is None else tuple(self.shape_ir(i, r) for i in range(ndim))

    def shape_ir(self, i: int, r: Any) -> Any:
        """Length ``i`` of ``r``: what the type tells, else read from the value."""
        length = static_length(r, i) if hasattr(r.type, "broadcastable") else None
        return Shape_i(i)(r) if length is None else length

    def init_r(self, r: Variable) -> None:
        """Register the shape of ``r`` as read from its value."""
        if not dict.__contains__(self.shape_of, r):
            self.shape_of[r] = self.shape_tuple(r)

    def set_shape(self, r: Any, s: Any, override: bool = False) -> None:
        """Register ``s``, a tuple of ints and integer scalars or None, as the shape of ``r``."""
        if not override and dict.__contains__(self.shape_of, r):
            raise ValueError(f"the shape of {r} is known already")
        if s is None:
            self.shape_of[r] = self.shape_tuple(r)
            return
        ndim = getattr(r.type, "ndim", None)
        if ndim != len(s):
            raise ValueError(f"{r} has {ndim} dimensions, the shape {s} has {len(s)}")
        flags = getattr(r.type, "broadcastable", (False,) * len(s))
        self.shape_of[r] = tuple(
            1 if flag else length if isinstance(length, int) else as_length(length)
            for flag, length in zip(flags, s, strict=True)
        )

    def set_shape_i(self, r: Variable, i: int, s_i: Any) -> None:
        """Replace one length of ``r``."""
        shape = list(self.shape_of[r])
        shape[i] = as_length(s_i)
        self.shape_of[r] = tuple(shape)

    def update_shape(self, r: Variable, other_r: Variable) -> None:
        """Give ``r`` the shape of ``other_r``, but its own lengths where those of ``other_r`` tell nothing more.

        A length tells nothing if it is only read from the value of ``other_r`` itself.
        """
        taken, own = self.shape_of[other_r], self.shape_of[r]
        if taken is None or own is None or len(taken) != len(own):
            return
        self.shape_of[r] = tuple(
            mine if isinstance(mine, int) or _is_read_from(theirs, other_r) else theirs for mine, theirs in zip(own, taken, strict=True)
        )

    def unpack(self, s_i: Any, var: Variable) -> Any:
        """``s_i``, a length that an ``infer_shape`` gave for ``var``, as an integer scalar of the graph.

        Raises
        ------
        TypeError
            If it is none; the message names ``var``.
        """
        try:
            length = as_length(s_i)
        except TypeError as error:
            raise TypeError(f"in the shape of {var}: {error}") from error
        variable = as_tensor_variable(np.array(length, "int64") if isinstance(length, int) else length)
        if variable.type.ndim:
            raise TypeError(f"in the shape of {var}: a length is an integer scalar, got {s_i} of type {variable.type}")
        return variable

    # ------------------------------------------------------------ questions

    def get_shape(self, var: Variable, idx: int) -> Any:
        """Length ``idx`` of ``var``, as a variable of the graph as it is now."""
        length = self.shape_of[var][idx]
        if isinstance(length, (int, np.integer)):
            return as_tensor_variable(np.array(length, "int64"))
        return self._refreshed(length)

    def _refreshed(self, length: Variable) -> Variable:
        """A length without variables that rewrites have replaced meanwhile: these must not come back."""
        stale: dict[Variable, Variable] = {}
        stack = [length]
        seen: set[Variable] = set()
        while stack:
            variable = stack.pop()
            if variable in seen or variable.fgraph is self.fgraph:
                continue
            seen.add(variable)
            current = variable
            steps = 0
            while current.fgraph is None and current in self._replaced and steps < 1000:
                current = self._replaced[current]
                steps += 1
            if current is not variable and current.type == variable.type and current not in seen:
                stale[variable] = current
            elif variable.owner is not None:
                stack.extend(variable.owner.inputs)
        return clone_replace(length, stale) if stale else length  # type: ignore[no-any-return]

    def same_shape(self, x: Any, y: Any, dim_x: int | None = None, dim_y: int | None = None) -> bool:
        """Whether ``x`` and ``y`` are known to have equal shapes, or equal lengths in one axis each."""
        shape_x, shape_y = self.shape_of[x], self.shape_of[y]
        if shape_x is None or shape_y is None:
            return False
        if dim_x is not None:
            shape_x = (shape_x[dim_x],)
        if dim_y is not None:
            shape_y = (shape_y[dim_y],)
        if len(shape_x) != len(shape_y):
            return False
        return all(self.same_length(a, b) for a, b in zip(shape_x, shape_y, strict=True))

    def same_length(self, a: Any, b: Any) -> bool:
        """Whether two lengths, ints or integer scalars, are known to be equal."""
        if a is b:
            return True
        if isinstance(a, int) or isinstance(b, int):
            first, other = constant_int(a), constant_int(b)
            return first is not None and first == other

        return equal_computations([self._refreshed(a)], [self._refreshed(b)])


class ShapeOptimizer(Optimizer):
    """graph -> the same with a ShapeFeature: from here on shapes are known without values."""

    name = "ShapeOpt"

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Attach it."""
        fgraph.attach_feature(ShapeFeature())

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> None:
        """Nothing else."""


class UnShapeOptimizer(Optimizer):
    """graph with a ShapeFeature -> the same without: nobody asks it any more."""

    name = "UnShapeOpt"

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> None:
        """Remove it."""
        feature = getattr(fgraph, "shape_feature", None)
        if feature is not None:
            fgraph.remove_feature(feature)


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Shape])
def local_shape_to_shape_i(node: Apply) -> Any:
    """shape(x) -> make_vector(length of axis 0 of x, length of axis 1 of x, …)"""
    feature = getattr(node.fgraph, "shape_feature", None)
    if feature is None or feature.shape_of[node.inputs[0]] is None:
        return False
    (x,) = node.inputs
    lengths = [feature.get_shape(x, i) for i in range(x.type.ndim)]  # type: ignore[attr-defined]
    return [MakeVector("int64")(*lengths)]


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Shape_i])
def local_track_shape_i(node: Apply) -> Any:
    """shape_i(f(x)) -> the length as it follows from x"""
    feature = getattr(node.fgraph, "shape_feature", None)
    (x,) = node.inputs
    if feature is None or feature.shape_of[x] is None:
        return False
    length = feature.get_shape(x, node.op.i)  # type: ignore[attr-defined]
    made = length.owner
    if made is not None and made.op == node.op and made.inputs[0] is x:
        return False
    return [length] if length.type == node.outputs[0].type else False


REWRITES: list[Rewrite | GlobalRewrite] = [
    GlobalRewrite("ShapeOpt", ShapeOptimizer(), 0.1, ("fast_run", "fast_compile", "ShapeOpt")),
    local_shape_to_shape_i,
    local_track_shape_i,
    GlobalRewrite("UnShapeOpt", UnShapeOptimizer(), 10, ("fast_run", "UnShapeOpt")),
]
