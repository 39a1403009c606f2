"""Walks over graphs: what contributes to a variable, and in which order nodes can be computed.

Every walk keeps its own stack, so that the depth of a graph is bounded by memory alone, and visits in an order that
depends on nothing but the graph: two runs on equal graphs give equal lists.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from tcore.graph.variable import Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from tcore.graph.apply import Apply

__all__ = [
    "CycleError",
    "ancestors",
    "general_toposort",
    "inputs",
    "io_connection_pattern",
    "io_toposort",
    "is_in_ancestors",
    "list_of_nodes",
    "ops",
    "orphans",
    "stack_search",
    "variables",
    "variables_and_orphans",
    "view_roots",
]

T = TypeVar("T")


class CycleError(ValueError):
    """No order puts everything behind what it needs; ``cycle`` is what needs itself, each the next one."""

    def __init__(self, text: str, cycle: Sequence[Any] = ()) -> None:
        super().__init__(text)
        self.cycle = tuple(cycle)


def stack_search(
    start: deque[T],
    expand: Callable[[T], Sequence[T] | None],
    mode: Literal["bfs", "dfs"] = "bfs",
    build_inv: bool = False,
) -> Any:
    """Everything that can be reached from ``start``, each once, in the order of the search.

    Parameters
    ----------
    start : deque
        Emptied by the search; its elements belong to the result.
    expand : callable
        Gives the neighbours of an element, or None; called once for each.
    mode : {"bfs", "dfs"}
        Breadth first, or depth first (then the last of several neighbours is visited first).
    build_inv : bool
        True returns a pair: the list, and a dict from element to the list of those that led to it.

    Raises
    ------
    ValueError
        For another mode.
    """
    if mode not in ("bfs", "dfs"):
        raise ValueError(f"mode is 'bfs' or 'dfs', got {mode!r}")
    take = start.popleft if mode == "bfs" else start.pop
    seen: set[T] = set()
    found: list[T] = []
    inverse: dict[T, list[T]] = {}
    while start:
        element = take()
        if element in seen:
            continue
        seen.add(element)
        found.append(element)
        neighbours = expand(element)
        if neighbours:
            if build_inv:
                for neighbour in neighbours:
                    inverse.setdefault(neighbour, []).append(element)
            start.extend(neighbours)
    return (found, inverse) if build_inv else found


def ancestors(variable_list: Iterable[Variable], blockers: Collection[Variable] | None = None) -> list[Variable]:
    """All variables that contribute to ``variable_list``, which they include, left first and depth first.

    ``blockers`` are variables below which the walk does not go; those that it meets belong to the result.
    """
    found: dict[Variable, None] = {}
    stack = list(variable_list)
    stack.reverse()
    while stack:
        variable = stack.pop()
        if variable in found:
            continue
        found[variable] = None
        owner = variable.owner
        if owner is not None and (blockers is None or variable not in blockers):
            stack.extend(reversed(owner.inputs))
    return list(found)


def inputs(variable_list: Iterable[Variable], blockers: Collection[Variable] | None = None) -> list[Variable]:
    """Those :func:`ancestors` that no node computes, constants among them."""
    return [variable for variable in ancestors(variable_list, blockers) if variable.owner is None]


def variables_and_orphans(i: Iterable[Variable], o: Iterable[Variable]) -> tuple[list[Variable], list[Variable]]:
    """All variables between ``i`` and ``o`` (both included), and those of them that are orphans.

    Returns
    -------
    (list, list)
        The second list holds what has no owner and is not in ``i``, constants included.
    """
    sources = set(i)
    found: dict[Variable, None] = {}
    stack = list(o)
    stack.reverse()
    while stack:
        variable = stack.pop()
        if variable in found:
            continue
        found[variable] = None
        if variable.owner is not None and variable not in sources:
            # siblings come along: an intermediate node stands in the graph with all its outputs
            stack.extend(reversed(variable.owner.outputs))
            stack.extend(reversed(variable.owner.inputs))
    missing = [variable for variable in found if variable.owner is None and variable not in sources]
    for variable in i:
        found.setdefault(variable)
    return list(found), missing


def variables(i: Iterable[Variable], o: Iterable[Variable]) -> set[Variable]:
    """The set of all variables between ``i`` and ``o``, orphans and both ends included."""
    return set(variables_and_orphans(i, o)[0])


def orphans(i: Iterable[Variable], o: Iterable[Variable]) -> list[Variable]:
    """What ``o`` needs that is neither in ``i`` nor computed between the two: ``orphans([x], [x + y])`` is ``[y]``."""
    return variables_and_orphans(i, o)[1]


def ops(i: Iterable[Variable], o: Iterable[Variable]) -> set[Apply]:
    """The Apply nodes between ``i`` and ``o`` as a set; owners of ``i`` do not count."""
    return set(list_of_nodes(i, o))


def list_of_nodes(inputs: Iterable[Variable], outputs: Iterable[Variable]) -> list[Apply]:
    """The Apply nodes between ``inputs`` and ``outputs``, users before producers."""
    nodes = io_toposort(inputs, outputs)
    nodes.reverse()
    return nodes


def is_in_ancestors(l_node: Apply, f_node: Apply) -> bool:
    """Whether ``f_node`` is needed, directly or not, to compute ``l_node``; all inputs count, those of lazy ops too."""
    seen: set[Apply] = set()
    stack = [l_node]
    while stack:
        node = stack.pop()
        if node is f_node:
            return True
        if node not in seen:
            seen.add(node)
            stack.extend(variable.owner for variable in node.inputs if variable.owner is not None)
    return False


def general_toposort(
    outputs: Iterable[T],
    deps: Callable[[T], Sequence[T]] | None,
    debug_print: bool = False,
    compute_deps_cache: Callable[[T], Sequence[T]] | None = None,
    deps_cache: dict[T, Any] | None = None,
    clients: dict[T, list[T]] | None = None,
) -> list[T]:
    """What can be reached from ``outputs`` through ``deps``, dependencies first.

    Parameters
    ----------
    outputs : iterable of hashable objects
    deps : callable or None
        The dependencies of an object, as a list or tuple: the order of the result follows theirs, so that a set is
        refused. Called once for each object. None where ``compute_deps_cache`` is given.
    debug_print : bool
        Print what was sorted and what was not, before a cycle is reported.
    compute_deps_cache : callable, optional
        As ``deps``; its answers stand in ``deps_cache``, which it fills itself.
    deps_cache : dict, optional
        Needed by ``compute_deps_cache``.
    clients : dict, optional
        Filled: object -> those that depend on it.

    Raises
    ------
    ValueError
        If there is a cycle; the message names one.
    TypeError
        If dependencies come as a set.
    """
    if compute_deps_cache is not None:
        if deps_cache is None:
            raise ValueError("compute_deps_cache needs a dict deps_cache, which it fills")
        deps = compute_deps_cache
    if deps is None:
        raise ValueError("general_toposort needs deps, or compute_deps_cache with deps_cache")
    order: list[T] = []
    open_until: dict[T, bool] = {}  # True while an object waits for its dependencies
    stack = list(outputs)
    if clients is not None:
        for element in stack:
            clients.setdefault(element, [])
    while stack:
        element = stack[-1]
        state = open_until.get(element)
        if state is None:
            needed = deps(element)
            if isinstance(needed, (set, frozenset)):
                raise TypeError(f"the dependencies of {element} come as a set, which has no fixed order: give a list")
            open_until[element] = True
            if deps_cache is not None and compute_deps_cache is None:
                deps_cache[element] = needed
            if needed:
                for dependency in needed:
                    state = open_until.get(dependency)
                    if clients is not None:
                        clients.setdefault(dependency, []).append(element)
                    if state is None:
                        stack.append(dependency)
                    elif state:
                        _report_cycle(order, stack, open_until, dependency, debug_print)
                continue
        stack.pop()
        if open_until[element]:
            open_until[element] = False
            order.append(element)
            if clients is not None:
                clients.setdefault(element, [])
    return order


def _report_cycle(order: list[T], stack: list[T], open_until: Mapping[T, bool], again: T, debug_print: bool) -> None:
    # the objects that are open form the path from an output to the place where it closes
    path = [element for element in dict.fromkeys(stack) if open_until.get(element)]
    if debug_print:
        print("sorted:", order)
        print("waiting:", path)
    cycle = path[path.index(again) :]
    raise CycleError(f"the graph has a cycle: {' needs '.join(map(str, [*cycle, again]))}", cycle)


def io_toposort(
    inputs: Iterable[Variable],
    outputs: Iterable[Variable],
    orderings: Mapping[Apply, Sequence[Apply]] | None = None,
    clients: dict[Any, list[Any]] | None = None,
) -> list[Apply]:
    """The Apply nodes between ``inputs`` and ``outputs``, producers before users.

    Parameters
    ----------
    inputs, outputs : iterables of Variable
        The walk stops at ``inputs``, also at those that have an owner.
    orderings : dict from Apply to list of Apply, optional
        Further nodes that must come first.
    clients : dict, optional
        Filled: node or variable -> its users.

    Raises
    ------
    ValueError
        If there is a cycle.
    """
    sources = set(inputs)
    if clients is not None:
        return _io_toposort_with_clients(sources, outputs, orderings or {}, clients)
    order: list[Apply] = []
    state: dict[Apply, bool] = {}  # True while a node waits for its producers
    stack: list[Apply] = [
        variable.owner for variable in outputs if variable.owner is not None and variable not in sources
    ]
    stack.reverse()  # the first output is served first; of several inputs, the last
    while stack:
        node = stack[-1]
        waiting = state.get(node)
        if waiting is None:
            state[node] = True
            ready = True
            for variable in node.inputs:
                owner = variable.owner
                if owner is not None and variable not in sources:
                    there = state.get(owner)
                    if there is None:
                        stack.append(owner)
                        ready = False
                    elif there:
                        _report_cycle(order, stack, state, owner, debug_print=False)
            if orderings and node in orderings:
                before = orderings[node]
                if isinstance(before, (set, frozenset)):
                    raise TypeError(f"the orderings of {node} come as a set, which has no fixed order: give a list")
                for owner in before:
                    there = state.get(owner)
                    if there is None:
                        stack.append(owner)
                        ready = False
                    elif there:
                        _report_cycle(order, stack, state, owner, debug_print=False)
            if not ready:
                continue
        stack.pop()
        if state[node]:
            state[node] = False
            order.append(node)
    return order


def _io_toposort_with_clients(
    sources: set[Variable],
    outputs: Iterable[Variable],
    orderings: Mapping[Apply, Sequence[Apply]],
    clients: dict[Any, list[Any]],
) -> list[Apply]:
    def deps(element: Any) -> list[Any]:
        if isinstance(element, Variable):
            return [] if element in sources or element.owner is None else [element.owner]
        return [*element.inputs, *orderings.get(element, ())]

    order = general_toposort(list(outputs), deps, clients=clients)
    return [element for element in order if not isinstance(element, Variable)]


def view_roots(r: Variable) -> list[Variable]:
    """The variables at the far end of the ``view_map`` chains of ``r``; ``[r]`` where it views nothing."""
    roots: dict[Variable, None] = {}
    seen: set[Variable] = set()
    stack = [r]
    while stack:
        variable = stack.pop()
        if variable in seen:
            continue
        seen.add(variable)
        viewed: Sequence[int] = ()
        if variable.owner is not None:
            viewed = (getattr(variable.owner.op, "view_map", None) or {}).get(variable.index, ())
        if viewed:
            assert variable.owner is not None
            stack.extend(variable.owner.inputs[i] for i in reversed(viewed))
        else:
            roots[variable] = None
    return list(roots)


def io_connection_pattern(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> list[list[bool]]:
    """Which outputs depend on which inputs in a way that gradients may follow.

    Returns
    -------
    list of lists of bool
        One list per input, with one entry per output: for inputs ``[x, y]`` and outputs ``[x * 2, x + y]``,
        ``[[True, True], [False, True]]``.
    """
    # one integer a variable, whose bit k says "depends on input k": a single pass serves all inputs
    depends: dict[Variable, int] = {}
    for position, variable in enumerate(inputs):
        depends[variable] = depends.get(variable, 0) | 1 << position
    for node in io_toposort(inputs, outputs):
        of_inputs = [depends.get(variable, 0) for variable in node.inputs]
        pattern = getattr(node.op, "connection_pattern", None)
        connected = None if pattern is None else pattern(node)
        for j, output in enumerate(node.outputs):
            bits = depends.get(output, 0)
            for i, of_input in enumerate(of_inputs):
                if connected is None or connected[i][j]:
                    bits |= of_input
            depends[output] = bits
    return [[bool(depends.get(output, 0) >> position & 1) for output in outputs] for position in range(len(inputs))]
