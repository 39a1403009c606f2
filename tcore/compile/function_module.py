"""Function: what :func:`tcore.function` returns."""

from __future__ import annotations

import threading
import time
from collections import deque
from itertools import repeat
from operator import setitem
from typing import TYPE_CHECKING, Any

from tcore.compile.arguments import explain_bad_argument, matched, wanted_outputs
from tcore.compile.copies import copy_function, deepcopy_function
from tcore.compile.errors import AliasedMemoryError, UnusedInputError
from tcore.compile.frame import Frame, twin_containers
from tcore.compile.io import SymbolicInput, SymbolicOutput
from tcore.compile.lookup import Values, build_finder, detached
from tcore.compile.observation import observers, tell, watched
from tcore.compile.overwriting import may_overwrite, own_copy
from tcore.compile.sharedvalue import SharedVariable
from tcore.configuration import config
from tcore.graph import Constant, MissingInputError
from tcore.graph.type import of_type
from tcore.link import Container
from tcore.link.locks import hold, release
from tcore.plugins.finders import names_elsewhere

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tcore.compile.explanation import Explanation
    from tcore.compile.memory_plan import MemoryPlan

__all__ = ["AliasedMemoryError", "Function", "MissingInputError", "UnusedInputError"]


class Function:
    """A compiled function.

    Made by :func:`tcore.function` and :meth:`FunctionMaker.create`. Call it with one value for each input, by position or
    by name; it returns outputs in the form in which they were asked for. ``f[key]`` reads and sets the value of an input,
    by name, position or variable.

    Functions may be called from several threads at once and from within themselves: a call that finds the storage busy
    takes another frame.

    Attributes
    ----------
    maker : FunctionMaker
        How it was made; ``maker.fgraph`` is the optimized graph.
    fn : callable
        The thunk of the first frame, with ``storage_map``, ``thunks``, ``nodes``, ``position_of_error``.
    input_storage, output_storage : list of Container
    finder : dict from position, variable and name of each input to its Container
    inv_finder : dict from Container to its In
    trust_input : bool
        True skips the checks of arguments.
    name : str or None
    profile : ProfileStats or None
    """

    finder: dict[Any, Any]
    inv_finder: dict[Container, SymbolicInput]

    def __init__(
        self,
        fn: Callable[..., Any],
        input_storage: Sequence[Container],
        output_storage: Sequence[Container],
        indices: Sequence[SymbolicInput],
        outputs: Sequence[SymbolicOutput],
        defaults: Sequence[tuple[bool, bool, Any]],
        unpack_single: bool,
        return_none: bool,
        output_keys: Sequence[str] | None,
        maker: Any,
        name: str | None = None,
    ) -> None:
        self.fn = fn
        self.input_storage = list(input_storage)
        self.output_storage = list(output_storage)
        self.indices = list(indices)
        self.outputs = list(outputs)
        self.defaults = list(defaults)
        self.unpack_single = unpack_single
        self.return_none = return_none
        self.output_keys = None if output_keys is None else list(output_keys)
        self.maker = maker
        self.name = name
        self.trust_input = False
        self.nodes_with_inner_function: list[Any] = []
        self.finder, self.inv_finder = build_finder(self.indices, self.input_storage)
        self._value = Values(self.finder, values=True)
        self._container = Values(self.finder, values=False)
        self._plan_calls()
        self._first = Frame(fn, self.input_storage, self.output_storage)
        self._spare: list[Frame] = []
        self._busy = threading.Lock()
        #: position of an input -> how often its value was copied because a call overwrites it
        self._copied_arguments: dict[int, int] = {}
        self._open_entries()

    def _plan_calls(self) -> None:
        """Work out, once for all calls, what happens to which input and output."""
        maker = self.maker
        self._updated: list[int] = maker.updated_inputs
        updated = set(self._updated)
        #: whether the container of each input came from outside: a shared variable's, or one given as the value of an In
        self._foreign = [isinstance(value, Container) for _, _, value in self.defaults]
        #: whether the value of each input outlives a call
        self._lasting = [
            entry.implicit or position in updated or self._foreign[position] for position, entry in enumerate(self.indices)
        ]
        self._explicit = [position for position, entry in enumerate(self.indices) if not entry.implicit]
        self._destroyed: frozenset[int] = maker.destroyed_positions()
        #: positions of inputs whose value callers may give, and which keeps it for the next call
        self._sticky = frozenset(position for position in self._explicit if self._lasting[position])
        writes = updated | self._destroyed | self._sticky
        plan = {
            container.lock.number: (container.lock, position in writes)
            for position, (container, lasting) in enumerate(zip(self.input_storage, self._lasting, strict=True))
            if lasting
        }
        self._lock_plan = tuple(plan[number] for number in sorted(plan))
        #: positions of the inputs that live on and are overwritten: what a failing call may leave half done
        self._at_risk = sorted(position for position in self._destroyed if self._lasting[position])
        self._constants = [
            variable.data for variable in maker.fgraph.variables if isinstance(variable, Constant)
        ] if self._destroyed else []
        #: output cells that are emptied after a call: the caller has their values now
        inputs = {id(container.storage) for container in self.input_storage}
        self._emptied = [
            position
            for position, container in enumerate(self.output_storage)
            if id(container.storage) not in inputs
            and (position >= len(self.outputs) or not self.outputs[position].borrow)
        ]
        self._required = [position for position, (required, _, _) in enumerate(self.defaults) if required]
        self._refed = [
            (position, value) for position, (_, refeed, value) in enumerate(self.defaults) if refeed
        ]

    def _open_entries(self) -> None:
        """Choose what a call goes through: the linker's native entry, the general way, observers around them."""
        self._entry: Callable[..., Any] | None = None
        self._fast: Callable[..., Any] | None = None
        self.profile = self.maker.profile
        if self.profile is None:
            self._entry = self.maker.linker.native_entry(self)
        self._run: Callable[[tuple[Any, ...], Any], Any] = self._take_turn
        if self.profile is not None and config.profiling.ignore_first_call:
            self._run, self._is_new = self._unprofiled_first_turn, True
        watchers = observers()
        if watchers:
            entry = None if self._entry is None else self._enter
            self._fast, self._entry = self._entry, None
            self._run = watched(self, entry, self._run, watchers)
            tell(watchers, "compiled", self)

    # ------------------------------------------------------------ calls

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs for these arguments and store the updates.

        Parameters
        ----------
        *args
            One value for each input, in order; inputs with a default value or an update may be left out at the end.
        **kwargs
            Values of inputs by name. ``output_subset``: list of positions (or keys) of the outputs to compute; updates are
            always stored.

        Returns
        -------
        value, list or dict
            As ``outputs`` was given.

        Raises
        ------
        TypeError, ValueError
            If arguments are missing, unknown, given twice or not what the input takes. Nothing was computed then.
        """
        entry = self._entry
        if entry is not None and not kwargs:
            try:
                result = entry(*args)
            except BaseException as error:
                self._note_lost_values(error, ())
                raise
            if result is not NotImplemented:
                return result
        return self._run(args, kwargs)

    def _enter(self, *args: Any) -> Any:
        """The fast path, for observed functions."""
        try:
            return self._fast(*args)  # type: ignore[misc]
        except BaseException as error:
            self._note_lost_values(error, ())
            raise

    def _take_turn(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call on the first frame, or on another while that is busy."""
        busy = self._busy
        if busy.acquire(blocking=False):
            try:
                return self._call(self._first, args, kwargs)
            finally:
                busy.release()
        frame = self._take_frame()
        try:
            return self._call(frame, args, kwargs)
        finally:
            self._spare.append(frame)

    def _unprofiled_first_turn(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """As :meth:`_take_turn`, with the first call left out of the profile: ``profiling.ignore_first_call``."""
        if not self._is_new:
            return self._take_turn(args, kwargs)
        self._is_new = False
        assert self.profile is not None
        with self.profile.ignored():
            return self._take_turn(args, kwargs)

    def _take_frame(self) -> Frame:
        try:
            return self._spare.pop()
        except IndexError:
            containers = twin_containers(self.input_storage, self._lasting)
            for position, value in self._refed:
                containers[position].storage[0] = value
            fn, outputs = self.maker.make_frame(containers)
            return Frame(fn, containers, outputs)

    def _call(self, frame: Frame, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        start = time.perf_counter() if self.profile is not None else 0.0
        subset = None
        if kwargs:
            kwargs = dict(kwargs)
            subset = wanted_outputs(self, kwargs.pop("output_subset", None))
        held = hold(self._lock_plan) if self._lock_plan else None
        try:
            self._fill(frame, args, kwargs)
            if self._destroyed:
                self._make_room(frame)
            in_graph = time.perf_counter() if self.profile is not None else 0.0
            try:
                if subset is None:
                    frame.fn()
                else:
                    first_update = len(self.outputs)
                    frame.fn(output_subset=[*subset, *range(first_update, first_update + len(self._updated))])
            except BaseException as error:
                self._note_lost_values(error, self._at_risk)
                raise
            if self.profile is not None:
                in_graph = time.perf_counter() - in_graph
            values = [cell[0] for cell in frame.output_cells]
            if self._updated:
                count = len(self.outputs)
                targets = [frame.input_cells[position] for position in self._updated]
                # one call without Python code in it: Ctrl-C finds all updates stored, or none
                deque(map(setitem, targets, repeat(0), values[count:]), maxlen=0)
                del values[count:]
        finally:
            try:
                self._tidy(frame)
            finally:
                if held:
                    try:
                        release(held)
                    finally:
                        if held:  # Ctrl-C came before its first statement
                            release(held)
        if self.profile is not None:
            self.profile.add_call(time.perf_counter() - start, in_graph)
        if subset is not None:
            return self._partial(subset, values)
        if self.output_keys is not None:
            return dict(zip(self.output_keys, values, strict=True))
        return values[0] if self.unpack_single else values

    def _partial(self, subset: list[int], values: list[Any]) -> Any:
        chosen = [values[position] for position in subset]
        if self.output_keys is not None:
            return {self.output_keys[position]: value for position, value in zip(subset, chosen, strict=True)}
        return chosen

    def _fill(self, frame: Frame, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Put the arguments into the input cells; the frame stays as it was if one does not fit."""
        given = matched(self, args, kwargs)
        if len(given) < len(self._explicit):
            got = {position for position, _ in given}
            for position in self._required:
                if position not in got and (not self._lasting[position] or frame.input_cells[position][0] is None):
                    raise TypeError(f"Missing required input: {self._input_name(position)}")
        if self.trust_input:
            for position, value in given:
                frame.input_cells[position][0] = self._kept(position, value, value)
            return
        filtered = []
        for position, value in given:
            try:
                filtered.append(self._kept(position, frame.containers[position].filter(value), value))
            except Exception as error:
                explain_bad_argument(self, error, position, value)
                raise
        for (position, _), value in zip(given, filtered, strict=True):
            frame.input_cells[position][0] = value

    def _kept(self, position: int, value: Any, given: Any) -> Any:
        """``value``, made of the argument ``given``, without the caller's memory where it stays for further calls."""
        if position not in self._sticky or getattr(self.indices[position], "borrow", False):
            return value
        return detached(value, given, self.indices[position].variable.type)

    def _make_room(self, frame: Frame) -> None:
        """Let each input that will be overwritten have memory of its own that may be written to."""
        cells = frame.input_cells
        for position in self._destroyed:
            value = cells[position][0]
            others = [cell[0] for other, cell in enumerate(cells) if other != position]
            is_default = any(value is default for other, default in self._refed if other == position)
            if is_default or not may_overwrite(
                self.indices[position].variable.type, value, (*others, *self._constants)
            ):
                cells[position][0] = own_copy(value)
                self._copied_arguments[position] = self._copied_arguments.get(position, 0) + 1

    def _note_lost_values(self, error: BaseException, suspects: Sequence[int]) -> None:
        """Name the values that outlive the call and were being overwritten when it failed.

        ``suspects``: the positions of inputs that may have been overwritten where the linker does not say it.
        """
        written = error.__dict__.pop("written_inputs", suspects)
        lost = [str(self.indices[position].origin) for position in written if position in self._at_risk]
        if not lost:
            return
        names, values = ", ".join(lost), "value is" if len(lost) == 1 else "values are"
        error.add_note(
            f"{self._title()} overwrites {names} in place and had begun when it failed: the {values} unspecified now. Set "
            "what was lost with set_value; functions compiled with updates_transactional=True (an argument of function, "
            "and a flag) update nothing in place, so that a failing call leaves all values as they were."
        )

    def _tidy(self, frame: Frame) -> None:
        """Let go of arguments and results."""
        for position in self._explicit:
            if not self._lasting[position]:
                frame.input_cells[position][0] = None
        for position, value in self._refed:
            frame.input_cells[position][0] = value
        for position in self._emptied:
            frame.output_cells[position][0] = None

    # ------------------------------------------------------------ names in error texts

    def _title(self) -> str:
        return f'the function "{self.name}"' if self.name else "the function"

    def _input_name(self, position: int) -> str:
        entry = self.indices[position]
        return str(entry.name if entry.name is not None else entry.origin)

    # ------------------------------------------------------------ values of inputs

    @property
    def value(self) -> Values:
        """The values of the inputs, by position, name or variable: readable and writable."""
        return self._value

    @property
    def container(self) -> Values:
        """The containers of the inputs, by position, name or variable."""
        return self._container

    def __getitem__(self, key: Any) -> Any:
        return self._value[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._value[key] = value

    def __contains__(self, key: Any) -> bool:
        return key in self._value

    def __getattr__(self, name: str) -> Any:
        finder = self.__dict__.get("finder")
        if finder is not None and not name.startswith("_") and name in finder:
            return self._value[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name or ''} of {len(self._explicit)} inputs>"

    # ------------------------------------------------------------ copies

    def copy(
        self,
        share_memory: bool = False,
        swap: Mapping[Any, Any] | None = None,
        delete_updates: bool = False,
        name: str | None = None,
        profile: Any = None,
    ) -> Function:
        """Another function with the same optimized graph: nothing is optimized again.

        Parameters
        ----------
        share_memory : bool
            Use the same storage for intermediate values; useful with ``allow_gc=False``. The two then take turns.
        swap : dict from SharedVariable to SharedVariable
            Shared variables that stand in the place of others in the copy.
        delete_updates : bool
            The copy stores no updates and leaves every shared variable as it is.
        name : str, optional
            The old name with ``" copy"`` by default.
        profile : None, bool or ProfileStats

        Returns
        -------
        Function
            Returns its outputs in the same form.
        """
        return copy_function(self, share_memory, swap, delete_updates, name, profile)

    def __copy__(self) -> Function:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Function:
        return deepcopy_function(self, memo)

    def free(self) -> None:
        """Empty the storage of intermediate values, which ``allow_gc=False`` keeps between calls.

        A call in progress keeps its storage until it is done.
        """
        if self._busy.acquire(blocking=False):
            try:
                free = getattr(self.fn, "free", None)
                if free is not None:
                    free()
            finally:
                self._busy.release()
        self._spare.clear()  # idle frames; the next concurrent call makes its own

    def get_shared(self) -> list[SharedVariable]:
        """The shared variables that the function reads or updates."""
        return [entry.origin for entry in self.indices if isinstance(entry.origin, SharedVariable)]

    def explain(self) -> Explanation:
        """Which node runs where, and what the calls so far cost in copies."""
        from tcore.compile.explanation import explain  # a report, which few programs ask for

        return explain(self)

    def memory_plan(self, *arguments: Any, **named: Any) -> MemoryPlan:
        """Which values of a call have memory, how long, and how much at once.

        Parameters
        ----------
        *arguments, **named : array or tuple of int
            Example arguments, or their shapes (a tuple is a shape), by position or by name; without them lengths stand in the plan
            as texts. Nothing is computed.

        Returns
        -------
        MemoryPlan
            Has ``peak``, ``values``, ``steps``; ``print`` shows a table.
        """
        from tcore.compile.memory_planning import memory_plan  # a report, which few programs ask for

        return memory_plan(self, arguments, named)

    def export(self, path: str | os.PathLike[str], **options: Any) -> list[Path]:
        """Write the function as a library that needs neither tcore nor Python.

        The backend decides what is written and which options there are: the CPU backend writes a shared library, a C header and
        a Python loader, and takes ``march`` and ``blas`` (see "Exporting a function" in the manual).

        Parameters
        ----------
        path : path
            Where, without suffix; its last part names the function and must be an identifier of C.

        Returns
        -------
        list of Path
            The files.

        Raises
        ------
        ExportError
            If the function's linker writes no code that stands alone, or the function has parts that cannot; names them.
        """
        return self.maker.linker.export(self, path, **options)  # type: ignore[no-any-return]

    # ------------------------------------------------------------ pickling

    def __reduce__(self) -> Any:
        values = [
            None if refeed else container.storage[0]
            for container, (_, refeed, _) in zip(self.input_storage, self.defaults, strict=True)
        ]
        self._check_aliases(values)
        containers = [
            container if foreign else None for container, foreign in zip(self.input_storage, self._foreign, strict=True)
        ]
        defaults = [value for _, _, value in self.defaults]
        return _load, (self.maker, containers, values, defaults, self.trust_input)

    def _check_aliases(self, values: Sequence[Any]) -> None:
        strategy = config.pickle_aliased_memory_strategy
        if strategy == "ignore":
            return
        for i, first in enumerate(values):
            kind = self.indices[i].variable.type
            for j in range(i + 1, len(values)):
                second = values[j]
                if first is None or second is None or self.input_storage[i] is self.input_storage[j]:
                    continue
                if not of_type(kind, "may_share_memory")(first, second):
                    continue
                if strategy == "raise":
                    raise AliasedMemoryError(first, second)
                import logging

                logging.getLogger("tcore.compile.function_module").warning(
                    "%s: the values of %s and %s share memory, which the unpickled function will not do",
                    self._title(), self._input_name(i), self._input_name(j),
                )  # fmt: skip


def _load(
    maker: Any, containers: list[Any], values: list[Any], defaults: list[Any], trust_input: bool
) -> Function | None:
    """A function from its pickled parts; None where ``config.unpickle_function`` says so."""
    if not config.unpickle_function:
        return None
    storage = []
    for container, value, default in zip(containers, values, defaults, strict=True):
        if container is not None:
            storage.append(container)
        else:
            storage.append(value if value is not None else default if not isinstance(default, Container) else None)
    function = maker.create(storage, trustme=True)
    function.trust_input = trust_input
    return function  # type: ignore[no-any-return]


if not TYPE_CHECKING:
    __getattr__ = names_elsewhere(__name__)
