"""``Scan``: a loop as one node of a graph."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

from attrs import field

from tcore.configuration import config
from tcore.graph import Apply, FunctionGraph, Op, Variable, clone, equal_computations
from tcore.graph.op import ops_with_inner_function
from tcore.records import frozen
from tcore.scan_module.connection import inner_pattern, outer_pattern
from tcore.scan_module.inner import compiled_step, graph_codes, measuring_function, unfit_type
from tcore.scan_module.layout import Layout
from tcore.scan_module.loop import run_loop
from tcore.scan_module.mappings import variable_mappings
from tcore.scan_module.selectors import Selectors
from tcore.scan_module.shapes import output_shapes
from tcore.tensor.alloc import integer_scalar
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.math import cast
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Options", "Scan"]


@frozen
class Options:
    """What a loop has besides its graph.

    Attributes
    ----------
    truncate_gradient : int
        How many steps gradients go back; -1 for all.
    name : str or None
        For people: profiles, printed graphs, errors.
    mode : Mode or None
        How the user wants the step to be compiled; None as the function around it.
    function_mode : Mode or None
        The mode of the function around it, noted when that is optimized.
    profile : bool or str
    allow_gc : bool or None
        Whether intermediate values of a step are freed in the step; None follows ``config.scan.allow_gc``.
    inplace : tuple of int
        Outputs (mitmots and states, by their position) that use the memory of their outer input. For the optimizer only.
    """

    truncate_gradient: int = -1
    name: str | None = field(default=None, eq=False)
    mode: Any = None
    function_mode: Any = None
    profile: Any = False
    allow_gc: bool | None = None
    inplace: tuple[int, ...] = ()


@frozen(eq=False, repr=False, slots=False)
class Scan(Selectors, Op):
    """Computes the inner graph once a step, feeds some of its outputs back, and stacks others.

    What its inputs and outputs mean, and in which order they stand, :mod:`tcore.scan_module.layout` says. Ops are equal where their
    inner graphs do the same computation, with the same layout and options; use :meth:`of`, or :class:`~tcore.scan_module.parts.Parts`.

    Attributes
    ----------
    fgraph : FunctionGraph
        The inner graph.
    layout : Layout
    options : Options
    """

    fgraph: FunctionGraph
    layout: Layout
    options: Options = field(factory=Options)

    @classmethod
    def of(cls, inputs: Sequence[Variable], outputs: Sequence[Variable], layout: Layout, options: Options) -> Scan:
        """An op on a copy of the graph between ``inputs`` and ``outputs``."""
        return cls(FunctionGraph(*clone(inputs, outputs), clone=False), layout, options)

    def __attrs_post_init__(self) -> None:
        layout = self.layout
        have = (len(self.fgraph.inputs), len(self.fgraph.outputs))
        if have != (layout.n_inner_inputs, layout.n_inner_outputs):
            raise ValueError(f"the layout asks for {layout.n_inner_inputs} inner inputs and {layout.n_inner_outputs} inner outputs, got {have}")
        object.__setattr__(self, "_lock", threading.Lock())

    @property
    def inner_inputs(self) -> list[Variable]:
        """The inputs of the inner graph."""
        return list(self.fgraph.inputs)

    @property
    def inner_outputs(self) -> list[Variable]:
        """The outputs of the inner graph."""
        return list(self.fgraph.outputs)

    # ------------------------------------------------------------ identity and text

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Scan) or (self.layout, self.options) != (other.layout, other.options) or hash(self) != hash(other):
            return False
        return equal_computations(self.inner_outputs, other.inner_outputs, self.inner_inputs, other.inner_inputs)

    def __hash__(self) -> int:
        known: int | None = self.__dict__.get("_hash")
        if known is None:
            known = hash((self.layout, self.options, *graph_codes(self.inner_inputs, self.inner_outputs)))
            object.__setattr__(self, "_hash", known)
        return known

    def __str__(self) -> str:
        loop = "do_while" if self.layout.until else "for"
        places = self.options.inplace
        every = places and len(places) == self.layout.n_mitmots + self.layout.n_states
        where = "inplace," if every else f"inplace{{{''.join(f'{k},' for k in places)}}}," if places else ""
        return f"{loop}{{{where}cpu,{self.options.name or 'scan_fn'}}}"

    __repr__ = __str__

    def __getstate__(self) -> dict[str, Any]:
        return {"fgraph": self.fgraph, "layout": self.layout, "options": self.options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__["_lock"] = threading.Lock()

    def inner_graph_for_print(self, node: Apply) -> tuple[list[Variable], dict[Variable, Variable]]:
        """The inner outputs, and which outer variable each inner input comes from."""
        outer, inner = self.layout.outer_inputs(node.inputs), self.layout.inner_inputs(self.inner_inputs)
        pairs = [
            *zip(inner.seqs, outer.seqs, strict=True),
            *((v, source) for group, source in zip((*inner.mitmots, *inner.states), (*outer.mitmots, *outer.states), strict=True) for v in group),
            *zip((*inner.shareds, *inner.non_seqs), (*outer.shareds, *outer.non_seqs), strict=True),
        ]
        return self.inner_outputs, dict(pairs)

    # ------------------------------------------------------------ the node

    def make_node(self, *inputs: Any) -> Apply:
        layout = self.layout
        if len(inputs) != layout.n_outer_inputs:
            raise ValueError(f"{self} takes {layout.n_outer_inputs} inputs, got {len(inputs)}")
        given = layout.outer_inputs([v if isinstance(v, Variable) else as_tensor_variable(v) for v in inputs])
        inner, out = layout.inner_inputs(self.inner_inputs), layout.inner_outputs(self.inner_outputs)
        problems = [
            *unfit_type("sequence", given.seqs, [[v] for v in inner.seqs], 1),
            *unfit_type("mitmot", given.mitmots, [[*a, *b] for a, b in zip(inner.mitmots, out.mitmots, strict=True)], 1),
            *unfit_type("state", given.states, [[*taps, new] for taps, new in zip(inner.states, out.states, strict=True)], 1),
            *unfit_type("shared value", given.shareds, [[a, b] for a, b in zip(inner.shareds, out.shareds, strict=True)], 0),
            *unfit_type("non-sequence", given.non_seqs, [[v] for v in inner.non_seqs], 0),
        ]
        if problems:
            raise TypeError(f"{self} cannot be applied: {'; '.join(problems)}")
        outer = [
            _count(given.n_steps, "the number of steps"), *given.seqs, *given.mitmots, *given.states, *given.shareds,
            *(_count(keep, "the number of rows to keep") for keep in given.keeps if keep is not None), *given.non_seqs,
        ]  # fmt: skip
        outputs: list[Variable] = [variable.type() for variable in given.mitmots]
        outputs += [TensorType(v.type.dtype, (False, *v.type.broadcastable))() for v in (*out.states, *out.nitsots)]
        outputs += [variable.type() for variable in given.shareds]
        if layout.until:
            outputs.append(TensorType("int64", ())("steps"))
        return Apply(self, outer, outputs)

    @property
    def destroy_map(self) -> dict[int, list[int]]:
        """Mitmots and states that are computed in the memory of their outer input."""
        first = 1 + self.layout.n_seqs
        return {output: [first + output] for output in self.options.inplace}

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """Rows from the number of steps; the shape of a row from that of the inner output."""
        return output_shapes(self, node, shapes)

    # ------------------------------------------------------------ connections

    def inner_connection_pattern(self) -> list[list[bool]]:
        """For each inner output, then each inner input: whether the first is computed of the second in a differentiable way."""
        return inner_pattern(self)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """For each outer input, then each outer output: whether gradients flow, through any number of steps."""
        return outer_pattern(self)

    @property
    def var_mappings(self) -> dict[str, dict[int, Any]]:
        """Which variables of the four lists belong to one another, as documented: twelve dicts from index to index, or list of them."""
        return variable_mappings(self.layout)

    # ------------------------------------------------------------ derivatives

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Backpropagation through time: a loop that goes back."""
        # by name: what builds loops stands above the op
        found: list[Variable] = import_module("tcore.scan_module.backward").gradients(self, inputs, outputs, output_grads)
        return found

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """A loop that computes the derivatives beside the values."""
        found: list[Variable | None] = import_module("tcore.scan_module.tangents").directional_derivatives(self, inputs, eval_points)
        return found

    # ------------------------------------------------------------ computing

    @property
    def fn(self) -> Any:
        """The compiled inner function: from the inner inputs to the list of inner outputs."""
        return self._made_once("_fn", compiled_step)

    @property
    def measure(self) -> Any:
        """From the inner inputs to the lengths of the rows of nitsots: what a loop of no steps asks for."""
        return self._made_once("_measure", measuring_function)

    def _made_once(self, name: str, make: Callable[[Scan], Any]) -> Any:
        with self._lock:  # type: ignore[attr-defined]
            known = self.__dict__.get(name)
            if known is None:
                known = make(self)
                object.__setattr__(self, name, known)
            return known

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        fn = self.fn
        results = run_loop(node, fn, inputs)
        for cell, value in zip(output_storage, results, strict=True):
            cell[0] = value
        if config.allow_gc:
            fn.free()

    def do_constant_folding(self, node: Apply) -> bool:
        """Not while a graph is compiled: a loop may be long."""
        return False


def _count(value: Any, role: str) -> Variable:
    count = integer_scalar(value, role)
    return count if count.type.dtype == "int64" else cast(count, "int64")  # type: ignore[no-any-return]


ops_with_inner_function[Scan] = "fn"
