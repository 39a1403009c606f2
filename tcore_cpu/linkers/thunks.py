"""Thunks over programs of the runtime: values from cells in, results into cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from tcore.graph import Constant
from tcore.link.errors import ThunkView, name_input, raise_with_op
from tcore.link.program import note_written
from tcore.link.storage import written_inputs
from tcore.scalar.type import Scalar
from tcore_cpu.linkers.entries import cells_entry
from tcore_cpu.runtime.slots import is_array

if TYPE_CHECKING:
    from tcore.graph import Apply, Variable
    from tcore.link.container import Cell, StorageMap

__all__ = ["BlockThunk", "NodeCall", "NodeThunk", "SegmentThunk", "operands_of", "tidied"]


class NodeThunk:
    """Runs the program of one node.

    Attributes
    ----------
    inputs, outputs : list of cells
        Those of the node.
    """

    lazy = False
    native = True

    def __init__(
        self, program: Any, node: Apply, operands: Sequence[Variable], storage_map: StorageMap, compute_map: dict[Variable, list[int]]
    ) -> None:
        self.inputs = [storage_map[variable] for variable in node.inputs]
        self.outputs = [storage_map[variable] for variable in node.outputs]
        self._program = program
        self._operands = operands
        self._reads = [storage_map[variable] for variable in operands]
        self._scalars = [_is_scalar(variable) for variable in node.outputs]
        self._done = [compute_map[variable] for variable in node.outputs]

    def __call__(self) -> None:
        """Compute the outputs and say that they are there."""
        results = _run(self._program, self._operands, [cell[0] for cell in self._reads])
        for cell, result, scalar in zip(self.outputs, results, self._scalars, strict=True):
            cell[0] = _unwrapped(result, scalar)
        for flag in self._done:
            flag[0] = True


class SegmentThunk:
    """Runs a program on cells: the thunk of a whole graph.

    Attributes
    ----------
    nodes : list of Apply
    position_of_error : int
    """

    lazy = False

    def __init__(
        self, program: Any, inputs: Sequence[Cell], outputs: Sequence[Cell], fgraph: Any, storage_map: StorageMap,
        allow_gc: bool, partial: Callable[[tuple[int, ...]], Any], slots: Mapping[Variable, int],
    ) -> None:  # fmt: skip
        self.program = program
        self._partial = partial
        self.inputs, self.outputs = list(inputs), list(outputs)
        self.fgraph = fgraph
        self._storage_map, self._slots = storage_map, slots
        self.allow_gc = allow_gc
        if not allow_gc:
            program.keep_values()
        self.nodes = list(fgraph.toposort())
        self.thunks = [self]
        self.position_of_error = -1
        self._all = tuple(range(len(fgraph.outputs)))
        self._operands = list(fgraph.inputs)
        self._scalars = [_is_scalar(variable) for variable in fgraph.outputs]

    def __call__(self, output_subset: Sequence[int] | None = None) -> None:
        """Compute all outputs, or those at some positions, by a program of their own that is made on first use."""
        wanted = self._all if output_subset is None else tuple(sorted(set(output_subset)))
        program = self.program if wanted == self._all else self._partial(wanted)
        results = _run(program, self._operands, [cell[0] for cell in self.inputs])
        for k, result in zip(wanted, results, strict=True):
            self.outputs[k][0] = _unwrapped(result, self._scalars[k])

    @property
    def storage_map(self) -> StorageMap:
        """The cells; with ``allow_gc=False`` filled with what the last call left, as far as it was more than a number in a kernel."""
        if not self.allow_gc:
            for variable, slot in self._slots.items():
                self._storage_map[variable][0] = self.program.kept_value(slot)
        return self._storage_map

    def free(self) -> None:
        """Drop the intermediate values that ``allow_gc=False`` keeps."""
        self.program.forget_values()


def operands_of(node: Apply) -> list[Variable]:
    """The inputs of a node, each once, without constants."""
    return [variable for variable in dict.fromkeys(node.inputs) if not isinstance(variable, Constant)]


class NodeCall:
    """Calls the program of a node that has no C code of its own, from within a block of C++."""

    def __init__(self, program: Any, node: Apply) -> None:
        self._program = program
        self._operands = operands_of(node)
        self._scalars = [_is_scalar(variable) for variable in node.outputs]

    def callables(self) -> list[Any]:
        """What the block calls: the program itself, where its results need no change, and this for values that it refuses."""
        return [self] if any(self._scalars) else [self._program, self]

    def __call__(self, *values: Any) -> tuple[Any, ...]:
        """The outputs for the values of the node's inputs without constants, each once."""
        results = _run(self._program, self._operands, list(values))
        return tuple(_unwrapped(result, scalar) for result, scalar in zip(results, self._scalars, strict=True))


class BlockThunk:
    """Runs users' C code for a whole graph on cells.

    Attributes
    ----------
    storage_map : dict from Variable to cell
    nodes : list of Apply
    position_of_error : int
        Which node's code failed last; -1 before any error, and where an input could not be read.
    """

    lazy = False
    allow_gc = False

    def __init__(
        self, block: Any, inputs: Sequence[Cell], outputs: Sequence[Cell], fgraph: Any, storage_map: StorageMap,
        no_recycling: Sequence[Variable], nodes: Sequence[Apply],
    ) -> None:  # fmt: skip
        self.inputs, self.outputs = list(inputs), list(outputs)
        self.fgraph, self.storage_map, self.nodes = fgraph, storage_map, list(nodes)
        self.thunks = [self]
        self.position_of_error = -1
        self._block = block
        self._types = [variable.type for variable in fgraph.inputs]
        self._fresh = [storage_map[variable] for variable in no_recycling if variable.owner is not None]
        cells = [storage_map[variable] for variable in fgraph.outputs]
        #: outputs that are an input, or another output: nobody computes them a second time
        self._copied = [(source, cell) for source, cell in zip(cells, self.outputs, strict=True) if source is not cell]

    def __call__(self, output_subset: Sequence[int] | None = None) -> None:
        """Compute all outputs: one block cannot do with less."""
        for cell in self._fresh:
            cell[0] = None
        try:
            self._block()
        except Exception as error:
            self._recover(error)
        for source, cell in self._copied:
            cell[0] = source[0]

    def _recover(self, error: Exception) -> None:
        """After ``error``: run on tidy values, where an input could not be read as it was and that helps.

        Raises
        ------
        Exception
            The error, with the node whose code failed, or with the name of the input.
        """
        if isinstance(error, (NotImplementedError, TypeError)) and self._block.failed_node() is None:
            values = [cell[0] for cell in self.inputs]
            tidy = [_behaved(type_, value) for type_, value in zip(self._types, values, strict=True)]
            if any(a is not b for a, b in zip(tidy, values, strict=True)):
                try:
                    for cell, value in zip(self.inputs, tidy, strict=True):
                        cell[0] = value
                    self._block()
                    return
                except Exception as second:
                    error = second
                finally:
                    for cell, value in zip(self.inputs, values, strict=True):
                        cell[0] = value
        self._blame(error)

    def _blame(self, error: Exception) -> NoReturn:
        node = self._block.failed_node()
        if node is None:  # an input cannot be read: the error names it
            raise error
        self.position_of_error = self.nodes.index(node)
        note_written(error, written_inputs(self.fgraph, self.nodes[: self.position_of_error + 1]))
        operands = self._block.failed_operands()
        view = None if operands is None else ThunkView(operands, len(node.outputs))
        raise_with_op(self.fgraph, node, view, (type(error), error, error.__traceback__))

    def entry(self, function: Any) -> Callable[..., Any] | None:
        """The fast way to call a function that this is the thunk of, whose calls only fill cells and return what is made."""
        if any(_is_scalar(self.fgraph.inputs[k]) for k in function._plan.explicit):
            return None  # the entry would make 0-d arrays of numbers
        bare, emptied = self._block.bare(), [id(function.output_storage[k].storage) for k in function._plan.emptied]
        if bare is None or not {id(cell) for cell in self._fresh}.issubset(emptied):
            return cells_entry(self, function, self.fgraph, self.storage_map)
        return cells_entry(bare, function, self.fgraph, self.storage_map, self._after_bare)

    def _after_bare(self, error: Exception) -> None:
        self._block.explain(error)
        self._recover(error)

    def free(self) -> None:
        """Nothing is kept between calls but outputs."""


def _run(program: Any, operands: Sequence[Variable], values: list[Any]) -> Any:
    """The results for these values of ``operands``, which are tidied up where the runtime refuses one of them as it is."""
    try:
        return program(*values)
    except TypeError as error:
        return program(*tidied(error, operands, values))


def tidied(error: TypeError, operands: Sequence[Variable], values: Sequence[Any]) -> list[Any]:
    """The values of ``operands`` in the form that the runtime takes, where its ``error`` refused them as they are.

    Raises
    ------
    TypeError
        The error, where that is no help: it names a value that fits in no form. So it may be one of a node, too.
    """
    tidy = []
    for variable, value in zip(operands, values, strict=True):
        try:
            tidy.append(_behaved(variable.type, value))
        except (TypeError, ValueError) as refusal:
            name_input(refusal, variable, value)
            raise
    for variable, value, array in zip(operands, values, tidy, strict=True):
        if is_array(variable.type) and not _fits(variable.type, array):
            name_input(error, variable, value)
            raise error
    if all(a is b for a, b in zip(tidy, values, strict=True)):
        raise error
    return tidy


def _fits(type_: Any, array: np.ndarray) -> bool:
    """Whether an array has as many axes as the type says, and length 1 where it says that."""
    flags = getattr(type_, "broadcastable", ())
    return array.ndim == len(flags) and all(length == 1 for length, flag in zip(array.shape, flags, strict=True) if flag)


def _behaved(type_: Any, value: Any) -> Any:
    """An array as the runtime takes it: aligned, in native byte order, of exactly the type's dtype."""
    if not is_array(type_):
        return value
    array = np.asarray(value, dtype=type_.dtype)
    if array is value and array.flags.aligned and array.dtype.isnative:
        return value
    return np.require(array, dtype=np.dtype(type_.dtype).newbyteorder("="), requirements="A")


def _is_scalar(variable: Variable) -> bool:
    """Whether values of the variable are numbers, not arrays."""
    return isinstance(variable.type, Scalar)


def _unwrapped(result: Any, scalar: bool) -> Any:
    """Programs give 0-d arrays for numbers."""
    return result[()] if scalar and isinstance(result, np.ndarray) else result
