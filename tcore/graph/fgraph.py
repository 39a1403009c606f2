"""FunctionGraph: a graph between inputs and outputs that can be changed, and knows who uses what."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from tcore.configuration import config
from tcore.graph.cloning import clone_get_equiv
from tcore.graph.errors import BadOptimization, MissingInputError
from tcore.graph.features import AlreadyThere, Feature, ReplaceValidate
from tcore.graph.pickling import forget_table
from tcore.graph.trace import copy_trace, creation_report
from tcore.graph.traversal import io_toposort
from tcore.graph.type import of_type
from tcore.graph.variable import Constant, Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, KeysView, Mapping, Sequence

    from tcore.graph.apply import Apply

__all__ = ["FunctionGraph"]

#: (node, index of its input) or ("output", index of the output)
Client = tuple[Any, int]


class FunctionGraph:
    """The body of a function: all nodes between ``inputs`` and ``outputs``, with everything that optimizations need.

    Parameters
    ----------
    inputs, outputs : lists of Variable
        ``inputs`` hold everything that ``outputs`` depend on, constants apart.
    features : list of Feature, optional
        Attached before the nodes come in, so that they see every import.
    clone : bool
        True works on a copy. False takes the nodes themselves: they belong to this graph until :meth:`disown`.
    update_mapping : dict, optional
        Output position -> position of the input that it updates; kept for others.

    Attributes
    ----------
    inputs, outputs : lists of Variable
    apply_nodes : set-like view of the nodes, in the order in which they came
    variables : set-like view of the variables

    Raises
    ------
    MissingInputError
        If the outputs need a variable that is not given.
    ValueError
        If an input is computed by a node, or listed twice.
    """

    def __init__(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        features: Iterable[Any] | None = None,
        clone: bool = True,
        update_mapping: dict[int, int] | None = None,
    ) -> None:
        inputs = list(inputs)
        outputs = list(outputs)
        for position, variable in enumerate(inputs):
            if variable.owner is not None:
                raise ValueError(
                    f"input {position}, {variable}, is computed by {variable.owner}: an input of a FunctionGraph has no owner"
                )
        if len(set(inputs)) != len(inputs):
            twice = next(variable for variable in inputs if inputs.count(variable) > 1)
            raise ValueError(f"{twice} stands twice among the inputs of a FunctionGraph")
        if clone:
            # a missing input is reported as the user's own variable, hence before the copy
            _check_complete(inputs, outputs)
            memo = clone_get_equiv(inputs, outputs)
            inputs = [memo[variable] for variable in inputs]
            outputs = [memo[variable] for variable in outputs]
        self.inputs: list[Variable] = inputs
        self.outputs: list[Variable] = outputs
        self.update_mapping = update_mapping
        self._nodes: dict[Apply, None] = {}
        # an ordered set of clients for each variable: a list would make the removal of one of many quadratic
        self._clients: dict[Variable, dict[Client, None]] = {}
        self._order: list[Apply] | None = None
        self._features: list[Any] = []
        self._callbacks: dict[str, list[Callable[..., Any]]] = {}
        #: seconds spent in callbacks, in all and for each feature, while :attr:`time_callbacks` is True
        self.time_callbacks = False
        self.execute_callbacks_time = 0.0
        self.execute_callbacks_times: dict[Any, float] = {}

        for variable in inputs:
            self._adopt(variable)
        for feature in features or ():
            self.attach_feature(feature)
        self.attach_feature(ReplaceValidate())
        self.outputs = outputs = self._import(outputs, reason="init")
        for position, variable in enumerate(outputs):
            self._clients[variable]["output", position] = None

    # ------------------------------------------------------------ what is there

    @property
    def apply_nodes(self) -> KeysView[Apply]:
        """The nodes, as a set that keeps the order in which they came in."""
        return self._nodes.keys()

    @property
    def variables(self) -> KeysView[Variable]:
        """The variables, as a set that keeps the order in which they came in."""
        return self._clients.keys()

    def clients(self, r: Variable) -> list[Client]:
        """Every use of ``r``: pairs (node, input index), and ("output", output index)."""
        return list(self._clients[r])

    def client_count(self, r: Variable) -> int:
        """How often ``r`` is used; the outputs of the graph count."""
        return len(self._clients[r])

    def list_inputs(self, variable_list: Iterable[Variable]) -> list[Variable]:
        """The inputs of the graph that ``variable_list`` needs."""
        from tcore.graph.traversal import inputs

        return inputs(variable_list)

    def toposort(self) -> list[Apply]:
        """All nodes, producers before users, with the orderings that features ask for.

        Deterministic. Sorted anew only after a change; callers get a list of their own.

        Raises
        ------
        ValueError
            If there is a cycle.
        """
        if self._order is None:
            self._order = self._sort()
        return list(self._order)

    def _sort(self) -> list[Apply]:
        order = io_toposort(self.inputs, self.outputs, self.orderings())
        if len(order) != len(self._nodes):
            raise RuntimeError(f"{len(self._nodes)} nodes are in the graph, {len(order)} were sorted: it is damaged")
        return order

    def orderings(self) -> dict[Apply, list[Apply]]:
        """Node -> nodes that must run before it, as the features ask (data dependencies not included)."""
        merged: dict[Apply, list[Apply]] = {}
        for method in self._methods("orderings"):
            for node, before in method(self).items():
                if isinstance(before, (set, frozenset)):
                    raise TypeError(f"orderings of {node} come as a set, which has no fixed order: give a list")
                merged.setdefault(node, []).extend(before)
        return merged

    # ------------------------------------------------------------ features

    @property
    def features(self) -> list[Any]:
        """The attached features, in order."""
        return list(self._features)

    def attach_feature(self, feature: Any) -> None:
        """Add a feature and call its ``on_attach``; nothing happens if an equal one is there."""
        if feature in self._features:
            return
        attach = getattr(feature, "on_attach", None)
        if attach is not None:
            try:
                attach(self)
            except AlreadyThere:
                return
        self._features.append(feature)
        self._forget_methods(feature)

    def remove_feature(self, feature: Any) -> None:
        """Take a feature out and call its ``on_detach``; nothing happens if it is not there."""
        if feature not in self._features:
            return
        self._features.remove(feature)
        self._forget_methods(feature)
        detach = getattr(feature, "on_detach", None)
        if detach is not None:
            detach(self)

    def _forget_methods(self, feature: Any) -> None:
        self._callbacks.clear()
        if getattr(type(feature), "orderings", None) is not Feature.orderings:
            self._order = None

    def _methods(self, name: str) -> list[Callable[..., Any]]:
        # methods that only inherit the empty default of Feature are left out: callbacks are the hot path of optimization
        methods = self._callbacks.get(name)
        if methods is None:
            empty = getattr(Feature, name, None)
            methods = [
                getattr(feature, name)
                for feature in self._features
                if hasattr(feature, name) and (empty is None or getattr(type(feature), name, None) is not empty)
            ]
            self._callbacks[name] = methods
        return methods

    def execute_callbacks(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Call the method ``name`` of every feature that has one, with this graph and ``args``."""
        if not self.time_callbacks:
            for method in self._methods(name):
                method(self, *args, **kwargs)
            return
        for method in self._methods(name):
            start = perf_counter()
            method(self, *args, **kwargs)
            seconds = perf_counter() - start
            self.execute_callbacks_time += seconds
            feature = getattr(method, "__self__", method)
            self.execute_callbacks_times[feature] = self.execute_callbacks_times.get(feature, 0.0) + seconds

    def collect_callbacks(self, name: str, *args: Any) -> dict[Any, Any]:
        """As :meth:`execute_callbacks`; gives a dict from feature to result."""
        return {
            feature: getattr(feature, name)(self, *args) for feature in self._features if hasattr(feature, name)
        }

    # ------------------------------------------------------------ changes

    def change_input(
        self, node: Apply | Literal["output"], i: int, new_r: Variable, reason: Any = None
    ) -> None:
        """Make ``new_r`` input ``i`` of ``node``, or output ``i`` of the graph where ``node`` is ``"output"``.

        Features are told afterwards (``on_change_input``); what nobody needs any more leaves the graph.

        Raises
        ------
        TypeError
            If the types differ.
        """
        group = self.outputs if isinstance(node, str) else node.inputs
        r = group[i]
        if r is new_r:
            return
        if r.type != new_r.type:
            raise TypeError(f"{new_r} has type {new_r.type}, but {r}, which it is to replace in {node}, has {r.type}")
        if new_r.fgraph is not self:
            new_r = self._import([new_r], reason)[0]
        self._order = None
        if not isinstance(node, str):
            forget_table(node)
        group[i] = new_r
        client = (node, i)
        self._clients[new_r][client] = None
        old_clients = self._clients[r]
        del old_clients[client]
        self.execute_callbacks("on_change_input", node, i, r, new_r, reason=reason)
        if not old_clients:
            self._prune(r, reason)

    def replace(self, r: Variable, new_r: Variable, reason: Any = None, verbose: bool | None = None) -> None:
        """Let every user of ``r`` use ``new_r``.

        ``new_r`` may itself be computed from ``r``: that use stays.

        Parameters
        ----------
        r : Variable
            Nothing happens if it is not in the graph (any more).
        new_r : Variable
            Of the same type, or convertible to it.
        reason : str or Optimizer, optional
            Who asks; features and reports show it.
        verbose : bool, optional
            Print the replacement; None follows ``config.optimizer_verbose``.

        Raises
        ------
        BadOptimization
            If the types differ and no conversion applies.
        ValueError
            If ``r`` belongs to another FunctionGraph.
        """
        if r.fgraph is not self:
            if r.fgraph is not None:
                raise ValueError(f"cannot replace {r}: it belongs to another FunctionGraph")
            return
        if new_r is r:
            return
        if config.optimizer_verbose if verbose is None else verbose:
            print(reason, r, new_r)
        if r.type != new_r.type:
            try:
                new_r = copy_trace(r, of_type(r.type, "filter_variable")(new_r))
            except TypeError as error:
                raise BadOptimization(
                    r, new_r, None, None, reason, details=f"the types differ, {r.type} and {new_r.type}: {error}"
                ) from error
        if new_r.fgraph is not None and new_r.fgraph is not self and isinstance(new_r, Constant):
            new_r = new_r.clone()
        for node, i in list(self._clients[r]):
            self.change_input(node, i, new_r, reason=reason)

    def replace_all(
        self, pairs: Mapping[Variable, Variable] | Iterable[tuple[Variable, Variable]], reason: Any = None
    ) -> None:
        """As :meth:`replace`, for each pair in turn."""
        for r, new_r in list(pairs.items() if hasattr(pairs, "items") else pairs):
            self.replace(r, new_r, reason=reason)

    def add_input(self, variable: Variable) -> None:
        """Add an input: a variable without owner, not in the graph yet."""
        if variable.owner is not None:
            raise ValueError(f"{variable} is computed by {variable.owner}: an input has no owner")
        if variable not in self._clients:
            self._adopt(variable)
        if variable not in self.inputs:
            self.inputs.append(variable)

    def add_output(self, variable: Variable, reason: Any = None) -> None:
        """Add an output; its nodes come in as needed."""
        variable = self._import([variable], reason)[0]
        self._clients[variable]["output", len(self.outputs)] = None
        self.outputs.append(variable)
        self._order = None

    def import_var(self, variable: Variable, reason: Any = None) -> None:
        """Bring a variable and what it needs into the graph before something uses it."""
        self._import([variable], reason)

    # ------------------------------------------------------------ nodes come and go

    def _adopt(self, variable: Variable) -> None:
        if variable.fgraph is not None:
            raise ValueError(f"{variable} belongs to another FunctionGraph already: clone one of the two")
        variable.fgraph = self
        self._clients[variable] = {}

    def _import(self, variables: Iterable[Variable], reason: Any) -> list[Variable]:
        """Bring in what ``variables`` need; gives the variables themselves, or own copies of foreign constants.

        All is checked first, so that a refused import changes nothing.
        """
        clients = self._clients
        wanted = list(variables)
        order: list[Apply] = []
        leaves: dict[Variable, None] = {}
        entered: set[Apply] = set()
        stack: list[tuple[Apply | None, Variable]] = [(None, variable) for variable in reversed(wanted)]
        while stack:
            finished, variable = stack.pop()
            if finished is not None:
                order.append(finished)
                continue
            if variable in clients:
                continue
            owner = variable.owner
            if owner is None:
                leaves[variable] = None
            elif owner not in entered:
                if owner.fgraph is not None and owner.fgraph is not self:
                    raise ValueError(f"{owner} belongs to another FunctionGraph already: clone one of the two")
                entered.add(owner)
                stack.append((owner, variable))
                stack.extend((None, argument) for argument in reversed(owner.inputs))
        for leaf in leaves:
            if not isinstance(leaf, Constant):
                raise MissingInputError(_missing_input(leaf, order, self.inputs), variable=leaf)
        own: dict[Variable, Variable] = {}
        for leaf in leaves:
            if leaf.fgraph is not None and isinstance(leaf, Constant):
                # a constant is a value: one that another graph holds already comes in as a copy
                own[leaf] = leaf.clone()
            self._adopt(own.get(leaf, leaf))
        if order:
            self._order = None
        for node in order:
            if own:
                node.inputs[:] = [own.get(variable, variable) for variable in node.inputs]
            node.fgraph = self
            self._nodes[node] = None
            for output in node.outputs:
                output.fgraph = self
                clients[output] = {}
            for i, variable in enumerate(node.inputs):
                clients[variable][node, i] = None
            self.execute_callbacks("on_import", node, reason)
        return [own.get(variable, variable) for variable in wanted]

    def _prune(self, r: Variable, reason: Any) -> None:
        """Remove ``r``, which nobody uses, with everything that nobody uses then."""
        clients = self._clients
        stack = [r]
        while stack:
            variable = stack.pop()
            uses = clients.get(variable)
            if uses is None or uses:
                continue
            node = variable.owner
            if node is None:
                if isinstance(variable, Constant) or variable not in self.inputs:
                    del clients[variable]
                    variable.fgraph = None
                continue
            if node not in self._nodes or any(clients[output] for output in node.outputs):
                continue
            del self._nodes[node]
            self._order = None
            node.fgraph = None
            for output in node.outputs:
                del clients[output]
                output.fgraph = None
            for i, argument in enumerate(node.inputs):
                del clients[argument][node, i]
            self.execute_callbacks("on_prune", node, reason)
            stack.extend(reversed(node.inputs))

    def disown(self) -> None:
        """Release all nodes and variables, which are free for other graphs then; this graph cannot be used any more."""
        for feature in reversed(self._features):
            detach = getattr(feature, "on_detach", None)
            if detach is not None:
                detach(self)
        for node in self._nodes:
            node.fgraph = None
        for variable in self._clients:
            variable.fgraph = None
        self._features = []
        self._callbacks.clear()
        self._nodes = {}
        self._clients = {}
        self._order = None
        self.inputs = []
        self.outputs = []

    # ------------------------------------------------------------ copies and checks

    def clone(self, check_integrity: bool = True) -> FunctionGraph:
        """A copy of the graph, with the features that can serve a copy."""
        return self.clone_get_equiv(check_integrity)[0]

    def clone_get_equiv(
        self, check_integrity: bool = True, attach_feature: bool = True
    ) -> tuple[FunctionGraph, dict[Any, Any]]:
        """A copy of the graph, and a dict from each old node and variable to the new one.

        A feature with a method ``clone()`` is copied by it, any other is attached as it is.
        """
        equiv = clone_get_equiv(self.inputs, self.outputs)
        if check_integrity:
            self.check_integrity()
        copy = FunctionGraph(
            [equiv[variable] for variable in self.inputs],
            [equiv[variable] for variable in self.outputs],
            clone=False,
            update_mapping=self.update_mapping,
        )
        if check_integrity:
            copy.check_integrity()
        if attach_feature:
            for feature in self._features:
                cloned = feature.clone() if hasattr(feature, "clone") else feature
                copy.attach_feature(cloned)
        return copy, equiv

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        # features that can make a fresh copy of themselves come along; others hold what they found in this graph
        features = [feature.clone() for feature in self._features if hasattr(feature, "clone")]
        return object.__new__, (type(self),), (self.inputs, self.outputs, features, self.update_mapping)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        inputs, outputs, features, update_mapping = state
        FunctionGraph.__init__(self, inputs, outputs, features, clone=False, update_mapping=update_mapping)

    def check_integrity(self) -> None:
        """Compare what the graph knows about itself with what is there.

        Raises
        ------
        RuntimeError
            Names the first difference. It is a bug in tcore or in a feature.
        """
        nodes = io_toposort(self.inputs, self.outputs)
        if set(nodes) != set(self._nodes):
            odd = sorted(map(str, set(nodes) ^ set(self._nodes)))
            raise RuntimeError(f"the nodes of the graph and those that its outputs need differ: {', '.join(odd[:5])}")
        expected: dict[Variable, set[Client]] = {variable: set() for variable in self.inputs}
        for node in nodes:
            if node.fgraph is not self:
                raise RuntimeError(f"{node} does not know that it belongs to this graph")
            for i, variable in enumerate(node.inputs):
                expected.setdefault(variable, set()).add((node, i))
            for i, output in enumerate(node.outputs):
                expected.setdefault(output, set())
                if output.owner is not node or output.index != i:
                    raise RuntimeError(f"output {i} of {node} says that it is output {output.index} of {output.owner}")
        for i, variable in enumerate(self.outputs):
            expected.setdefault(variable, set()).add(("output", i))
        for variable, clients in expected.items():
            if variable.owner is None and variable not in self.inputs and not isinstance(variable, Constant):
                raise RuntimeError(f"{variable} is neither an input nor a constant nor computed")
            if variable.fgraph is not self:
                raise RuntimeError(f"{variable} does not know that it belongs to this graph")
            if set(self._clients.get(variable, {})) != clients:
                raise RuntimeError(
                    f"{variable} is used by {sorted(map(str, clients))}, "
                    f"but the graph knows of {sorted(map(str, self._clients.get(variable, {})))}"
                )
        odd_variables = set(self._clients) - set(expected)
        if odd_variables:
            raise RuntimeError(f"variables that nobody needs are in the graph: {', '.join(map(str, odd_variables))}")

    def __str__(self) -> str:
        from tcore.graph.text import as_string

        return f"[{', '.join(as_string(self.inputs, self.outputs))}]"

    def __repr__(self) -> str:
        return str(self)


def _check_complete(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> None:
    given = set(inputs)
    nodes = io_toposort(inputs, outputs)
    for variable in [*(v for node in nodes for v in node.inputs), *outputs]:
        if variable.owner is None and variable not in given and not isinstance(variable, Constant):
            raise MissingInputError(_missing_input(variable, nodes, inputs), variable=variable)


def _missing_input(variable: Variable, nodes: Iterable[Apply], inputs: Sequence[Variable]) -> str:
    user = next((node for node in nodes if variable in node.inputs), None)
    if user is None:
        where = "is an output itself"
    else:
        where = f"is input {user.inputs.index(variable)} of {user}"
    message = (
        f"the graph needs {variable}, of type {variable.type}, which is not given: it {where}\n"
        f"  given: {', '.join(map(str, inputs)) or 'no inputs'}\n"
        f"  try:   add {variable} to the inputs, or replace it with givens"
    )
    created = creation_report(variable)
    return f"{message}\n  created: {created}" if created else message
