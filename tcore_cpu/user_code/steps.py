"""Nodes that run users' C code, on cells and on values."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from tcore.graph import Constant
from tcore.graph.op import performs
from tcore.link import ValueLock
from tcore.link.errors import ThunkView, name_input, raise_with_op
from tcore.scalar.type import Scalar
from tcore_cpu.compiling.compiler import CompileError
from tcore_cpu.runtime.loading import runtime
from tcore_cpu.user_code.block import Block, params_of
from tcore_cpu.user_code.methods import has_c_code
from tcore_cpu.user_code.modules import Loaded, load_block, objection, stored_module

__all__ = ["CStep", "CThunk", "ScalarInputs", "c_step_of", "lock_of", "prepare"]


def c_step_of(node: Any, key: str = "") -> CStep | None:
    """The step of a node whose op brings C code; None where it runs in Python.

    A module that the kernel store has under ``key`` is taken as it is: nothing needs to be compiled then. An op that has
    ``perform`` as well runs that where nothing can be compiled.

    Raises
    ------
    CompileError
        If the compiler refuses the code, or if there is no compiler and no ``perform`` either.
    """
    prepare(node)
    if not has_c_code(node):
        return None
    block = Block.of(node)
    stored = stored_module(key) if key else None
    if stored is not None:
        return CStep(block, Loaded(stored, key))
    reason = objection()
    if reason is not None:
        if performs(node.op):
            return None
        raise CompileError(f"{node.op} has C code only, and {reason}")
    return CStep(block, load_block(block))


def prepare(node: Any) -> None:
    """Tell an op that C code for one of its nodes is about to be made."""
    hook = getattr(node.op, "prepare_node", None)
    if hook is not None:
        cells = {v: [v.data if isinstance(v, Constant) else None] for v in (*node.inputs, *node.outputs)}
        hook(node, cells, {v: [isinstance(v, Constant)] for v in cells}, "c")


class ScalarInputs:
    """Native code keeps numbers of type Scalar as 0-d arrays; ops get the NumPy scalars that the type promises."""

    def __init__(self, node: Any) -> None:
        self._positions = [position for position, variable in enumerate(node.inputs) if isinstance(variable.type, Scalar)]

    def __call__(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if not self._positions:
            return values
        converted = list(values)
        for position in self._positions:
            converted[position] = converted[position][()]
        return tuple(converted)


class CThunk:
    """A thunk on users' C code: each run takes values from the cells of a block's variables, and leaves results there.

    Parameters
    ----------
    cells : mapping from variables to cells
    calls : sequence of sequences of callables
        What the block's called nodes call.
    flags : sequence of cells
        Set when the outputs are there.
    lock : context manager, optional
        Held during runs.

    Attributes
    ----------
    inputs, outputs : list of cells
        Those of the block's node, if it has one; those that are read and written otherwise.
    struct : object
        What the module's functions take.
    """

    lazy = False
    native = True

    def __init__(
        self,
        block: Block,
        loaded: Loaded,
        cells: Mapping[Any, list[Any]],
        calls: Sequence[Sequence[Any]] = (),
        flags: Sequence[list[Any]] = (),
        lock: Any = None,
    ) -> None:
        read, written = [cells[v] for v in block.given], [cells[v] for v in block.wanted]
        self.inputs, self.outputs, self._read_cells = read, written, read
        if len(block.nodes) == 1:
            self.inputs = [cells[v] for v in block.nodes[0].inputs]
        self._flags, self._lock, self._block = tuple(flags), lock, block
        self._run, self._place, self._read = loaded.module.run, loaded.module.failed_at, loaded.module.operands
        extra = [[params_of(node)] for node in block.params] + [list(callables) for callables in calls]
        self.struct = loaded.module.instantiate((*read, *written, *extra))

    def __call__(self) -> None:
        """Compute the outputs and say that they are there."""
        try:
            if self._lock is None:
                self._run(self.struct)
            else:
                with self._lock:
                    self._run(self.struct)
        except Exception as error:
            self.explain(error)
            raise
        for flag in self._flags:
            flag[0] = True

    def bare(self) -> Callable[[], Any] | None:
        """What runs the code as a call does, but for the explanation of errors; None where a run is more than that."""
        return partial(self._run, self.struct) if self._lock is None and not self._flags else None

    def failed_node(self) -> Any:
        """The node that the last run failed in; None where it failed before any."""
        return self._block.failed(self._place(self.struct))

    def explain(self, error: Exception) -> None:
        """Where the last run could not read an input, let the error name it."""
        explain_unread(error, self._block, self._place(self.struct), dict(zip(self._block.given, self._read_cells, strict=True)))

    def failed_operands(self) -> tuple[Any, ...] | None:
        """What that node read, where the block keeps it for reports; it can be asked once."""
        node, kept = self.failed_node(), self._read(self.struct)
        return kept if kept is None or node is None else self._block.operands(node, kept)


def explain_unread(error: Exception, block: Block, code: int, cells: Mapping[Any, list[Any]]) -> None:
    """Where failure number ``code`` is an input that could not be read from its cell, let the error name it."""
    variable = block.unread(code)
    if variable is not None:
        name_input(error, variable, cells[variable][0])


def lock_of(op: Any) -> ValueLock | None:
    """A lock for the runs of a node whose op allows one at a time; None for others."""
    return None if getattr(op, "thread_safe", True) else ValueLock()


class CStep:
    """Calls a node's C code on values; each call in progress has a struct of its own.

    Attributes
    ----------
    key : str
        Finds the module in the kernel store again; empty where it is not kept.
    compiled : bool
        Whether this process made it.
    """

    runs_on: ClassVar[str] = "C"

    def __init__(self, block: Block, loaded: Loaded) -> None:
        (self.node,), self.fgraph = block.nodes, None
        self.key, self.compiled = loaded.key, loaded.compiled
        self._block, self._loaded = block, loaded
        self._unwrap = ScalarInputs(self.node)
        self._spare: list[tuple[CThunk, list[list[Any]], list[list[Any]]]] = []
        self._lock = lock_of(self.node.op)
        self._spare.append(self._instance())

    def native(self) -> Any:
        """A callable that does the same in native code; this one where runs need a lock, or the runtime has none."""
        make = getattr(runtime(), "CStep", None)
        if make is None or self._lock is not None:
            return self
        numbers = tuple(isinstance(variable.type, Scalar) for variable in self.node.inputs)
        return make(self._loaded.module.run, self._native_instance, self.blame, numbers)

    def _instance(self) -> tuple[CThunk, list[list[Any]], list[list[Any]]]:
        node = self.node
        cells: dict[Any, list[Any]] = {v: [None] for v in (*node.inputs, *node.outputs)}
        return CThunk(self._block, self._loaded, cells, lock=self._lock), [cells[v] for v in node.inputs], [cells[v] for v in node.outputs]

    def _native_instance(self) -> tuple[Any, tuple[list[Any], ...], tuple[list[Any], ...]]:
        thunk, inputs, outputs = self._spare.pop() if self._spare else self._instance()
        return thunk.struct, tuple(inputs), tuple(outputs)

    def blame(self, error: Exception, values: tuple[Any, ...], struct: Any = None) -> None:
        """Raise ``error`` with the node, which was given ``values``; ``struct``: the one that ran, if one did."""
        if struct is not None:
            cells = {variable: [value] for variable, value in zip(self.node.inputs, values, strict=True)}
            explain_unread(error, self._block, self._loaded.module.failed_at(struct), cells)
        raise_with_op(self.fgraph, self.node, ThunkView(values, len(self.node.outputs)), (type(error), error, error.__traceback__))

    def __call__(self, *values: Any) -> tuple[Any, ...]:
        try:
            instance = self._spare.pop()
        except IndexError:
            instance = self._instance()
        thunk, inputs, outputs = instance
        try:
            for cell, value in zip(inputs, self._unwrap(values), strict=True):
                cell[0] = value
            thunk()
            return tuple(cell[0] for cell in outputs)
        except Exception:
            raise_with_op(self.fgraph, self.node, ThunkView(values, len(self.node.outputs)), sys.exc_info())
        finally:
            for cell in (*inputs, *outputs):
                cell[0] = None
            self._spare.append(instance)
