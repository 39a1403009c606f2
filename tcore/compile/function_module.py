"""Function: what :func:`tcore.function` returns."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tcore.compile.call_plan import plan_calls
from tcore.compile.calls import call
from tcore.compile.copies import copy_function, deepcopy_function
from tcore.compile.errors import AliasedMemoryError, UnusedInputError
from tcore.compile.frame import Frame, twin_containers
from tcore.compile.io import SymbolicInput, SymbolicOutput
from tcore.compile.lookup import Values, build_finder
from tcore.compile.observation import observers, tell, watched
from tcore.compile.overwriting import note_lost_values
from tcore.compile.sharedvalue import SharedVariable
from tcore.configuration import config
from tcore.finders import names_elsewhere
from tcore.graph import MissingInputError
from tcore.link import Container

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
        # with an underscore, as all that is not documented: other names are those of inputs, see __getattr__
        self._plan = plan_calls(self, self.defaults)
        self._first = Frame(fn, self.input_storage, self.output_storage)
        self._spare: list[Frame] = []
        self._busy = threading.Lock()
        #: position of an input -> how often its value was copied because a call overwrites it
        self._copied_arguments: dict[int, int] = {}
        self._open_entries()

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
                note_lost_values(self, error, ())
                raise
            if result is not NotImplemented:
                return result
        return self._run(args, kwargs)

    def _enter(self, *args: Any) -> Any:
        """The fast path, for observed functions."""
        try:
            return self._fast(*args)  # type: ignore[misc]
        except BaseException as error:
            note_lost_values(self, error, ())
            raise

    def _take_turn(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call on the first frame, or on another while that is busy."""
        busy = self._busy
        if busy.acquire(blocking=False):
            try:
                return call(self, self._first, args, kwargs)
            finally:
                busy.release()
        frame = self._take_frame()
        try:
            return call(self, frame, args, kwargs)
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
            containers = twin_containers(self.input_storage, self._plan.lasting)
            for position, value in self._plan.refed:
                containers[position].storage[0] = value
            fn, outputs = self.maker.make_frame(containers)
            return Frame(fn, containers, outputs)

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
        return f"<{type(self).__name__} {self.name or ''} of {len(self._plan.explicit)} inputs>"

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

    def __reduce__(self) -> tuple[Any, ...]:
        from tcore.compile.pickling import reduce_function  # few programs pickle functions

        return reduce_function(self, self.defaults)


if not TYPE_CHECKING:
    __getattr__ = names_elsewhere(__name__)
