"""FunctionGraph: a graph between inputs and outputs that can be changed, and knows who uses what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tcore.configuration import config
from tcore.graph.arrivals import ArrivalOrder
from tcore.graph.cloning import clone_get_equiv
from tcore.graph.errors import BadOptimization, MissingInputError
from tcore.graph.feature_host import FeatureHost
from tcore.graph.features import ReplaceValidate, Revert
from tcore.graph.integrity import check_complete, check_integrity, missing_input
from tcore.graph.op import Op
from tcore.graph.ordered_view import OrderedView
from tcore.graph.pickling import forget_table
from tcore.graph.trace import copy_trace
from tcore.graph.traversal import io_toposort
from tcore.graph.type import of_type
from tcore.graph.variable import Constant, Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tcore.graph.apply import Apply
    from tcore.graph.arrivals import Client
    from tcore.graph.destroyhandler import DestroyHandler

__all__ = ["FunctionGraph"]

class FunctionGraph(FeatureHost, ArrivalOrder):
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
    variables : set-like view of the variables: the inputs, then those of the nodes

    Raises
    ------
    MissingInputError
        If the outputs need a variable that is not given.
    ValueError
        If an input is computed by a node, or listed twice.
    """

    # what features put on a graph while they are attached: ReplaceValidate, which every graph has, …
    checkpoint: Callable[[], int]
    revert: Callable[[int], None]
    validate: Callable[[], None]
    consistent: Callable[[], bool]
    #: seconds spent in validate()
    validate_time: float
    replace_validate: Callable[..., None]
    replace_all_validate: Callable[..., None]
    replace_all_validate_remove: Callable[..., None]
    # … NodeFinder, DestroyHandler, MergeFeature and ShapeFeature, of which the last two stand on floors above
    get_nodes: Callable[[Any], list[Apply]]
    destroy_handler: DestroyHandler
    destroyers: Callable[[Variable], list[Apply]]
    has_destroyers: Callable[[Iterable[Variable]], bool]
    merge_feature: Any
    shape_feature: Any

    def __init__(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        features: Iterable[Any] | None = None,
        clone: bool = True,
        update_mapping: dict[int, int] | None = None,
    ) -> None:
        FeatureHost.__init__(self)
        ArrivalOrder.__init__(self)
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
            check_complete(inputs, outputs)
            memo = clone_get_equiv(inputs, outputs)
            inputs = [memo[variable] for variable in inputs]
            outputs = [memo[variable] for variable in outputs]
        self.inputs: list[Variable] = inputs
        self.outputs: list[Variable] = []  # until the nodes are there
        self.update_mapping = update_mapping
        self.apply_nodes = OrderedView(self._nodes, self._sorted_nodes)
        self.variables = OrderedView(self._clients, self._sorted_variables)
        self._order: list[Apply] | None = None
        try:
            self._populate(outputs, features or ())
        except BaseException:
            self.disown()  # what was taken is free again
            raise

    def _populate(self, outputs: list[Variable], features: Iterable[Any]) -> None:
        for variable in self.inputs:
            self._adopt(variable)
        features = list(features)
        if not any(isinstance(feature, ReplaceValidate) for feature in features):
            features.insert(0, ReplaceValidate())  # before a History or a Validator alone: it does what they do
        for feature in features:
            self.attach_feature(feature)
        self.outputs = self._import(outputs, reason="init")
        for position, variable in enumerate(self.outputs):
            self._add_client(variable, ("output", position))

    # ------------------------------------------------------------ what is there

    def _sorted_variables(self) -> Iterable[Variable]:
        found = dict.fromkeys(self.inputs)
        for node in self.apply_nodes:
            for variable in node.inputs:
                if variable.owner is None:
                    found[variable] = None
            found.update(dict.fromkeys(node.outputs))
        for variable in self._clients:
            found.setdefault(variable)  # what nobody uses yet
        return found

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

    def _orderings_changed(self) -> None:
        self._order = None

    # ------------------------------------------------------------ changes

    def change_input(
        self, node: Apply | Literal["output"], i: int, new_r: Variable, reason: Any = None
    ) -> None:
        """Make ``new_r`` input ``i`` of ``node``, or output ``i`` of the graph where ``node`` is ``"output"``.

        Features are told afterwards (``on_change_input``); what nobody needs any more leaves the graph. If a feature raises,
        the change is taken back; if it raises in ``on_prune``, the change stays and all other features are told first.

        Raises
        ------
        TypeError
            If the types differ.
        """
        group = self.outputs if isinstance(node, str) else node.inputs
        r = group[i]
        if r is new_r:
            return
        if r.type is not new_r.type and r.type != new_r.type:
            raise TypeError(f"{new_r} has type {new_r.type}, but {r}, which it is to replace in {node}, has {r.type}")
        imported = new_r.fgraph is not self
        if imported:
            new_r = self._import([new_r], reason)[0]
        mine = self._hold_places()
        try:
            self._set_input(node, group, i, new_r)
            self.execute_callbacks("on_change_input", node, i, r, new_r, reason=reason)
        except BaseException:
            self._set_input(node, group, i, r)
            back = Revert(reason)
            self._take_back("on_change_input", "on_change_input", node, i, new_r, r, reason=back)
            if imported and not self._clients[new_r]:
                self._prune(new_r, back)
            raise
        finally:
            self._release_places(mine)
        if not self._clients[r]:
            self._prune(r, reason)

    def _set_input(self, node: Apply | Literal["output"], group: list[Variable], i: int, new_r: Variable) -> None:
        self._order = None
        if not isinstance(node, str):
            forget_table(node)
        client = (node, i)
        self._drop_client(group[i], client)
        group[i] = new_r
        self._add_client(new_r, client)

    def replace(self, r: Variable, new_r: Variable, reason: Any = None, verbose: bool | None = None) -> None:
        """Let every user of ``r`` use ``new_r``.

        ``new_r`` may itself be computed from ``r``: that use stays. If a feature raises, no user has changed.

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
        if r.type is not new_r.type and r.type != new_r.type:
            try:
                new_r = copy_trace(r, of_type(r.type, "filter_variable")(new_r))
            except TypeError as error:
                raise BadOptimization(
                    r, new_r, None, None, reason, details=f"the types differ, {r.type} and {new_r.type}: {error}"
                ) from error
        if new_r.fgraph is not None and new_r.fgraph is not self and isinstance(new_r, Constant):
            new_r = new_r.clone()
        done: list[Client] = []
        mine = self._hold_places()
        try:
            for node, i in self.clients(r):
                self.change_input(node, i, new_r, reason=reason)
                done.append((node, i))
        except BaseException:
            if r.fgraph is self:
                for node, i in reversed(done):
                    self.change_input(node, i, r, reason=Revert(reason))
            raise
        finally:
            self._release_places(mine)

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
        self._add_client(variable, ("output", len(self.outputs)))
        self.outputs.append(variable)
        self._order = None

    # ------------------------------------------------------------ nodes come and go

    def _adopt(self, variable: Variable) -> None:
        if variable.fgraph is not None:
            raise ValueError(f"{variable} belongs to another FunctionGraph already: clone one of the two")
        variable.fgraph = self
        self._clients[variable] = {}

    def _import(self, variables: Iterable[Variable], reason: Any) -> list[Variable]:
        """Bring in what ``variables`` need; gives the variables themselves, or own copies of foreign constants.

        All is checked first, and taken back if a feature raises, so that a refused import changes nothing.
        """
        wanted = list(variables)
        order, leaves = self._find_missing(wanted)
        for leaf in leaves:
            if not isinstance(leaf, Constant):
                raise MissingInputError(missing_input(leaf, order, self.inputs), variable=leaf)
        for node in order:
            if not isinstance(node.op, Op):
                raise TypeError(f"{node.op!r} in a graph is no Op: the class of an op inherits from tcore.Op, unlike that of a Type")
        # a constant is a value: one that another graph holds already comes in as a copy
        own: dict[Variable, Variable] = {leaf: leaf.clone() for leaf in leaves if leaf.fgraph is not None}
        for leaf in leaves:
            self._adopt(own.get(leaf, leaf))
        if order:
            self._order = None
        before = [list(node.inputs) for node in order] if own else []
        for position, node in enumerate(order):
            if own:
                node.inputs[:] = [own.get(variable, variable) for variable in node.inputs]
            self._connect(node)
            try:
                self.execute_callbacks("on_import", node, reason)
            except BaseException:
                back = Revert(reason)
                self._disconnect(node)
                self._take_back("on_import", "on_prune", node, back)
                for earlier in reversed(order[:position]):
                    self._disconnect(earlier)
                    self.execute_callbacks("on_prune", earlier, back)
                for each, old in zip(order, before, strict=False):
                    each.inputs[:] = old
                for leaf in leaves:
                    self._release(own.get(leaf, leaf))
                raise
        return [own.get(variable, variable) for variable in wanted]

    def _find_missing(self, wanted: list[Variable]) -> tuple[list[Apply], list[Variable]]:
        """The nodes that ``wanted`` needs and the graph does not have, producers first, and the variables without owner."""
        clients = self._clients
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
        return order, list(leaves)

    def _connect(self, node: Apply) -> None:
        node.fgraph = self
        self._add_node(node)
        for output in node.outputs:
            output.fgraph = self
            self._clients[output] = {}
        for i, variable in enumerate(node.inputs):
            self._add_client(variable, (node, i))

    def _disconnect(self, node: Apply) -> None:
        self._order = None
        self._drop_node(node)
        node.fgraph = None
        for output in node.outputs:
            self._release(output)
        for i, argument in enumerate(node.inputs):
            self._drop_client(argument, (node, i))

    def _release(self, variable: Variable) -> None:
        del self._clients[variable]
        self._clients_unsorted.discard(variable)
        variable.fgraph = None

    def _prune(self, r: Variable, reason: Any) -> None:
        """Remove ``r``, which nobody uses, with everything that nobody uses then."""
        clients = self._clients
        failure: Exception | None = None
        stack = [r]
        while stack:
            variable = stack.pop()
            uses = clients.get(variable)
            if uses is None or uses:
                continue
            node = variable.owner
            if node is None:
                if isinstance(variable, Constant) or variable not in self.inputs:
                    self._release(variable)
                continue
            if node not in self._nodes or (len(node.outputs) > 1 and any(clients[output] for output in node.outputs)):
                continue
            self._disconnect(node)
            for method in self._methods("on_prune"):
                try:
                    method(self, node, reason)
                except Exception as error:  # the node is gone: the others must hear of it before anybody does
                    failure = failure or error
            stack.extend(reversed(node.inputs))
        if failure is not None:
            raise failure

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
        self._forget_arrivals()
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
        check_integrity(self)

    def __str__(self) -> str:
        from tcore.graph.text import as_string

        return f"[{', '.join(as_string(self.inputs, self.outputs))}]"

    def __repr__(self) -> str:
        return str(self)
