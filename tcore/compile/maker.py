"""FunctionMaker: from inputs and outputs to a compiled function."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any

from tcore.compile.aliasing import Supervisor, destroyed_inputs, insert_copies, protect_inputs
from tcore.compile.backends import restored_linker
from tcore.compile.errors import UnusedInputError
from tcore.compile.function_module import Function
from tcore.compile.garbage import rare_collections
from tcore.compile.io import SymbolicInput, SymbolicOutput, convert_function_inputs
from tcore.compile.mode import get_mode, using_mode
from tcore.compile.rebuild import missing_or_unused
from tcore.configuration import config
from tcore.configuration.reaction import react
from tcore.graph import FunctionGraph, InconsistencyError, MissingInputError, Variable
from tcore.graph.destroyhandler import DestroyHandler
from tcore.graph.trace import creation_report
from tcore.link import Container, ValueLock, infer_reuse_pattern
from tcore.link.stopwatch import IMPORTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcore.compile.profiling import ProfileStats
    from tcore.link import Linker

__all__ = ["FunctionMaker"]


class FunctionMaker:
    """Optimizes the graph between inputs and outputs, and makes functions of it.

    Parameters
    ----------
    inputs : list of In, Variable or documented tuples
        Everything that the outputs need; shared variables as implicit inputs (:func:`tcore.function` adds them).
    outputs : Variable, Out, or list of them
        One bare output makes functions that return one bare value.
    mode : Mode, str or None
    accept_inplace : bool
        Take graphs that hold ops which overwrite their inputs.
    function_builder : callable
        What :meth:`create` calls; :class:`Function` by default.
    profile : None, bool or ProfileStats
    on_unused_input : {"raise", "warn", "ignore", None}
        None follows ``config.on_unused_input``.
    fgraph : FunctionGraph, optional
        An optimized graph of these inputs and outputs, in their order: it is taken as it is. ``inputs`` and ``outputs`` are
        kept for optimizing again.
    output_keys : list of str, optional
        Functions return a dict with these keys.
    name : str, optional
    updates_transactional : bool, optional
        Never update shared values in place, so that a failing call leaves all of them as they were; None follows
        ``config.updates_transactional``.

    Attributes
    ----------
    fgraph : FunctionGraph
        The optimized graph: the outputs of the function, then one output for each update.
    linker : Linker
    """

    @rare_collections()
    def __init__(
        self,
        inputs: Sequence[Any],
        outputs: Any,
        mode: Any = None,
        accept_inplace: bool = False,
        function_builder: Callable[..., Any] | None = None,
        profile: Any = None,
        on_unused_input: str | None = None,
        fgraph: FunctionGraph | None = None,
        output_keys: Sequence[str] | None = None,
        name: str | None = None,
        updates_transactional: bool | None = None,
    ) -> None:
        self.mode = get_mode(mode)
        self.name = name
        self.profile = _profile_for(profile, name)
        self.accept_inplace = accept_inplace
        self.updates_transactional = (
            config.updates_transactional if updates_transactional is None else updates_transactional
        )
        self._frame_lock = ValueLock()
        self.function_builder = Function if function_builder is None else function_builder
        self.on_unused_input = config.on_unused_input if on_unused_input is None else on_unused_input
        if self.on_unused_input not in ("raise", "warn", "ignore"):
            raise ValueError(f"on_unused_input is 'raise', 'warn', 'ignore' or None, got {on_unused_input!r}")
        self.output_keys = None if output_keys is None else list(output_keys)
        self.unpack_single = isinstance(outputs, (Variable, SymbolicOutput))
        self.return_none = outputs is None
        listed = [] if outputs is None else [outputs] if self.unpack_single else list(outputs)
        self.outputs = [entry if isinstance(entry, SymbolicOutput) else SymbolicOutput(entry) for entry in listed]
        self.inputs: list[SymbolicInput] = list(convert_function_inputs(inputs))
        #: names of the plugins whose optimizations took part
        self.plugins: tuple[str, ...] = ()
        #: under which the function is kept for later processes; None for one that is not, or is already
        self._key: str | None = None
        program = None
        if fgraph is None:
            fgraph, program = self._recalled()
        if fgraph is None:
            fgraph = self._make_graph()
            self._optimize(fgraph)
        self.fgraph = fgraph
        self.linker: Linker = self._accept(restored_linker(program))

    # ------------------------------------------------------------ the graph

    def _roots(self) -> list[Variable]:
        """What is computed: the outputs, then the updates."""
        updates = [entry.update for entry in self.inputs if entry.update is not None]
        return [*(entry.variable for entry in self.outputs), *updates]

    def _recalled(self) -> tuple[FunctionGraph | None, Any]:
        """The optimized graph and the program that an earlier process kept of this function."""
        if not config.compilation_cache:
            return None, None
        from tcore.compile import compilation_cache as cache  # stands above: it knows makers

        roots = self._roots()
        missing, unused = missing_or_unused(self.inputs, roots)
        if missing or any(map(_must_be_used, unused)):
            return None, None  # an error, or a warning
        self._key = cache.key_of(self, roots)
        found = None if self._key is None else cache.recall(self, self._key)
        if found is None:
            return None, None
        self._key, self.plugins = None, found.plugins
        return found.fgraph, found.program

    def _make_graph(self) -> FunctionGraph:
        updated = [(position, entry.update) for position, entry in enumerate(self.inputs) if entry.update is not None]
        roots = self._roots()
        missing, unused = missing_or_unused(self.inputs, roots)
        if missing:
            raise _missing_input(missing[0], roots)
        self._complain_of(unused)
        fgraph = FunctionGraph(
            [entry.variable for entry in self.inputs],
            roots,
            update_mapping={len(self.outputs) + k: position for k, (position, _) in enumerate(updated)},
        )
        in_place = [node for node in fgraph.apply_nodes if any(node.op.destroy_map.values())]
        if in_place:
            if not self.accept_inplace:
                made = creation_report(in_place[0].outputs[0])
                raise TypeError(
                    f"the graph holds ops that overwrite their inputs, such as {in_place[0]}: optimizations put them there, "
                    "users say accept_inplace=True if they mean it" + (f"\n  created: {made}" if made else "")
                )
            fgraph.attach_feature(DestroyHandler())
        protected = self._protected(fgraph)
        if in_place and self.updates_transactional:
            lasting = {v for v, entry in zip(fgraph.inputs, self.inputs, strict=True) if _outlives_calls(entry)}
            protect_inputs(fgraph, [variable for variable in protected if variable in lasting])
        fgraph.attach_feature(Supervisor(protected))
        if in_place:
            try:
                fgraph.execute_callbacks("validate")
            except InconsistencyError as error:
                raise InconsistencyError(
                    f"the graph holds ops that overwrite their inputs, and no order of its nodes gives right results: {error}. "
                    "Let them work on a copy, or declare an input that may be overwritten with In(variable, mutable=True)."
                    + "".join(f"\n  created: {made}" for node in error.nodes[:4] if (made := creation_report(node.outputs[0])))
                ) from error
        return fgraph

    def _protected(self, fgraph: FunctionGraph) -> list[Variable]:
        """The inputs that nothing may overwrite."""
        return [
            variable
            for variable, entry in zip(fgraph.inputs, self.inputs, strict=True)
            if not (entry.mutable or (getattr(entry, "borrow", False) and not getattr(entry, "shared", False)))
            or (self.updates_transactional and _outlives_calls(entry))
        ]

    def _complain_of(self, unused: Sequence[SymbolicInput]) -> None:
        unused = [entry for entry in unused if _must_be_used(entry)]
        if not unused or self.on_unused_input == "ignore":
            return
        entry = unused[0]
        position = self.inputs.index(entry)
        made = creation_report(entry.origin)
        text = (
            f"the input at position {position}, {entry.variable}, of type {entry.variable.type}, is not needed to compute the "
            f"outputs. Leave it out, or give on_unused_input='warn' or 'ignore'."
            + (f"\n  created: {made}" if made else "")
        )
        react(self.on_unused_input, UnusedInputError(text), stacklevel=5)

    def _optimize(self, fgraph: FunctionGraph) -> None:
        from tcore.compile.optimizations import plugins_of  # here: a function that is loaded is not optimized again

        start = time.perf_counter()
        optimizer = self.mode.optimizer_for(fgraph)
        with using_mode(self.mode), config.change_flags(traceback__limit=config.traceback.compile_limit, compute_test_value="off"):
            self.plugins = plugins_of(fgraph)
            found = None if optimizer is None else optimizer.optimize(fgraph)
            assert fgraph.update_mapping is not None
            insert_copies(fgraph, self.outputs, fgraph.update_mapping, self.inputs)
        if self.profile is not None:
            self.profile.add_optimization(fgraph, time.perf_counter() - start, optimizer, found)

    def _accept(self, restored: Linker | None = None) -> Linker:
        """The linker with the finished graph: that of the mode, or one that came with a pickle."""
        fgraph = self.fgraph
        kept = [variable for variable, entry in zip(fgraph.outputs, self.outputs, strict=False) if not entry.borrow]
        updates = fgraph.outputs[len(self.outputs) :]
        no_recycling = infer_reuse_pattern(fgraph, [*kept, *updates])
        linker: Linker = self.mode.linker.clone() if restored is None else restored
        return linker.accept(fgraph, no_recycling, self.profile)

    # ------------------------------------------------------------ functions

    @property
    def updated_inputs(self) -> list[int]:
        """Positions of the inputs whose new values are the last outputs of :attr:`fgraph`, in the order of these."""
        mapping = self.fgraph.update_mapping or {}
        return [mapping[position] for position in sorted(mapping)]

    @rare_collections()
    def create(
        self, input_storage: Sequence[Any] | None = None, trustme: bool = False, storage_map: dict[Any, Any] | None = None
    ) -> Any:
        """A function.

        Parameters
        ----------
        input_storage : list, optional
            For each input a Container to use, a value to start with, or None for the default of the input.
        trustme : bool
            Take the values as they are.
        storage_map : dict from Variable of :attr:`fgraph` to cell, optional
            Cells that the function shares with another one.
        """
        given = [None] * len(self.inputs) if input_storage is None else list(input_storage)
        containers: list[Container] = []
        defaults: list[tuple[bool, bool, Any]] = []
        updated = set(self.updated_inputs)
        for position, (entry, value) in enumerate(zip(self.inputs, given, strict=True)):
            start = getattr(entry, "value", None) if value is None else value
            if isinstance(start, Container):
                containers.append(start)
                defaults.append((start.storage[0] is None and not entry.implicit, False, start))
                continue
            container = Container(entry.variable, [None], strict=entry.strict, allow_downcast=entry.allow_downcast)
            container.name = entry.name
            container.implicit = entry.implicit
            if start is not None:
                if position in updated:
                    start = copy.deepcopy(start)  # an update in place must not reach the caller's object
                if trustme:
                    container.storage[0] = start
                else:
                    container.value = start
            refeed = start is not None and position not in updated
            containers.append(container)
            defaults.append((start is None, refeed, container.storage[0] if refeed else None))
        start_time, imported = time.perf_counter(), IMPORTS.seconds
        with config.change_flags(traceback__limit=config.traceback.compile_limit):
            fn, _, output_storage = self.linker.make_thunk(containers, None, storage_map)
        if self.profile is not None:
            self.profile.add_linking(time.perf_counter() - start_time, IMPORTS.seconds - imported)
        if self._key is not None:
            from tcore.compile import compilation_cache as cache  # as above

            key, self._key = self._key, None
            cache.remember(self, key)
        return self.function_builder(
            fn,
            containers,
            output_storage,
            self.inputs,
            self.outputs,
            defaults,
            self.unpack_single,
            self.return_none,
            self.output_keys,
            self,
            name=self.name,
        )

    def make_frame(self, containers: Sequence[Container]) -> tuple[Any, list[Container]]:
        """Another thunk for the same graph, on the given containers: (thunk, output containers).

        The linker is the one of the first thunk: what it compiled serves all of them. One thread at a time asks it.
        """
        with self._frame_lock, config.change_flags(traceback__limit=config.traceback.compile_limit):
            fn, _, output_storage = self.linker.make_thunk(containers)
        return fn, output_storage

    def destroyed_positions(self) -> frozenset[int]:
        """Positions of the inputs that the function overwrites."""
        destroyed = destroyed_inputs(self.fgraph)
        return frozenset(position for position, variable in enumerate(self.fgraph.inputs) if variable in destroyed)

    # ------------------------------------------------------------ pickling

    def __getstate__(self) -> dict[str, Any]:
        # the graph as it was given comes along, to be optimized again where it is loaded, for what is installed there
        inputs = []
        for entry in self.inputs:
            twin = copy.copy(entry)
            if twin.origin.owner is not None:
                twin.origin = twin.variable
            if isinstance(getattr(twin, "value", None), Container) and not twin.shared:  # type: ignore[attr-defined]
                twin.value = None  # type: ignore[attr-defined]
            inputs.append(twin)
        return {
            "inputs": inputs,
            "outputs": self.outputs,
            "fgraph": self.fgraph,
            "program": self.linker.save(),
            "mode": self.mode,
            "accept_inplace": self.accept_inplace,
            "updates_transactional": self.updates_transactional,
            "plugins": self.plugins,
            "function_builder": self.function_builder,
            "profile": self.profile is not None,
            "on_unused_input": self.on_unused_input,
            "output_keys": self.output_keys,
            "unpack_single": self.unpack_single,
            "return_none": self.return_none,
            "name": self.name,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        profile = state.pop("profile")
        program = state.pop("program")
        self.__dict__.update(state)
        self._frame_lock = ValueLock()
        self._key = None
        self.profile = _profile_for(profile, self.name)
        if config.reoptimize_unpickled_function:
            self.fgraph = self._make_graph()
            self._optimize(self.fgraph)
            program = None  # of another graph
        self.linker = self._accept(restored_linker(program))


def _profile_for(wanted: Any, name: str | None) -> ProfileStats | None:
    wanted = config.profile if wanted is None else wanted
    if not wanted:
        return None
    from tcore.compile.profiling import profile_for  # what measures is loaded where something is measured

    return profile_for(wanted, name)


def _must_be_used(entry: SymbolicInput) -> bool:
    """Whether an input is there for the outputs only."""
    return entry.update is None and not getattr(entry, "shared", False)


def _outlives_calls(entry: SymbolicInput) -> bool:
    """Whether the value of an input is there for the next call as well."""
    return entry.update is not None or bool(getattr(entry, "shared", False))


def _missing_input(variable: Variable, roots: Sequence[Variable]) -> MissingInputError:
    made = creation_report(variable)
    return MissingInputError(
        f"the outputs need {variable}, of type {variable.type}, which is not among the inputs: add it to the inputs, give it a "
        "value with givens, or make it a shared variable."
        + (f"\n  created: {made}" if made else ""),
        variable=variable,
    )
