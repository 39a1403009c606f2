"""Variables: the values that a graph speaks of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field

from tcore.above import from_above
from tcore.configuration import config
from tcore.graph.node import Node
from tcore.graph.pickling import leaf_state, reduce_variable, set_leaf_state
from tcore.records import define

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tcore.graph.apply import Apply
    from tcore.graph.fgraph import FunctionGraph
    from tcore.graph.scratchpad import Scratchpad
    from tcore.graph.type import Type

__all__ = ["Constant", "Variable"]


@define(eq=False, repr=False, slots=True, getstate_setstate=False)
class Variable(Node):
    """A value in a graph: an input, a constant, or one output of an :class:`~tcore.graph.apply.Apply`.

    Two variables are equal only if they are one object.

    Attributes
    ----------
    type : Type
        What values it may take.
    owner : Apply or None
        The node that computes it; None for inputs and constants.
    index : int or None
        Which output of ``owner`` it is.
    name : str or None
        For people; has no meaning to the system.
    fgraph : FunctionGraph or None
        The graph that the variable belongs to: none for what users build, set while a function is compiled.
    """

    type: Type
    owner: Apply | None = None
    index: int | None = None
    name: str | None = None
    fgraph: FunctionGraph | None = field(init=False, default=None)
    _tag: Scratchpad | None = field(init=False, default=None)
    #: functions that are called with each new variable: see :func:`tcore.graph.nodes_constructed`
    construction_observers: ClassVar[list[Callable[[Variable], None]]] = []

    if TYPE_CHECKING:  # what more a variable has depends on its type: tensors have ndim, shape, operators, …

        def __getattr__(self, name: str) -> Any: ...

    def __attrs_post_init__(self) -> None:
        if self.name is not None and not isinstance(self.name, str):
            raise TypeError(f"the name of a variable is a string or None, got {self.name!r}")
        if Variable.construction_observers:
            self.notify_construction_observers()

    def notify_construction_observers(self) -> None:
        """Show this new variable to every observer in ``Variable.construction_observers``."""
        for observer in tuple(Variable.construction_observers):
            observer(self)

    @property
    def clients(self) -> list[tuple[Any, int]]:
        """Where the variable is used: pairs (node, input index) and ("output", output index).

        Exists only in a FunctionGraph, since what users build can grow at any time.
        """
        if self.fgraph is None:
            raise AttributeError(f"{self} belongs to no FunctionGraph: only there is it known who uses a variable")
        return self.fgraph.clients(self)

    def get_parents(self) -> list[Apply]:
        """The owner, as a list; empty without one."""
        return [] if self.owner is None else [self.owner]

    def clone(self) -> Variable:
        """A new variable of the same type and name, without owner; its tag holds the same notes."""
        copy = type(self)(self.type, None, None, self.name)
        if self._tag is not None:
            copy.tag.update(self._tag)
        return copy

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # attrs writes pickling methods for slotted subclasses, which know neither tables nor attributes outside slots
        if getattr(cls.__dict__.get("__setstate__"), "__name__", "") == "slots_setstate":
            cls.__setstate__ = Variable.__setstate__  # type: ignore[method-assign]

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        if self.owner is not None:
            return reduce_variable(self)
        return object.__new__, (type(self),), leaf_state(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        set_leaf_state(self, state)

    def __copy__(self) -> Variable:
        return self.clone()

    def eval(self, inputs_to_values: Mapping[Any, Any] | None = None) -> Any:
        """The value of this variable, given values for the inputs that it needs.

        Parameters
        ----------
        inputs_to_values : dict from Variable to value, optional

        Notes
        -----
        Compiles a function on the first call and keeps it for further calls with the same inputs.
        For more than a try-out, use :func:`tcore.function`.
        """
        return from_above("evaluate")(self, inputs_to_values or {})

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        if self.owner is not None:
            return self._as_output()
        return f"<{self.type}>"

    def __repr__(self) -> str:
        """As ``str``; with ``config.print_test_value``, the test value follows on a line of its own."""
        text = str(self)
        if config.print_test_value:
            from tcore.graph.testvalues import MissingTestValueError, get_test_value

            try:
                return f"{text}\n{get_test_value(self)!r}"
            except MissingTestValueError:
                return text
        return text

    def _as_output(self) -> str:
        assert self.owner is not None
        op = self.owner.op
        if self.index == getattr(op, "default_output", None) and len(self.owner.outputs) == 1:
            return f"{op}.out"
        return f"{op}.{self.index}"


@define(eq=False, repr=False, slots=True, init=False, getstate_setstate=False)
class Constant(Variable):
    """A variable with a fixed value, ``data``, that no function may change.

    ``data`` is filtered by the type, so that it is exactly what the type promises. It cannot be set anew, and a constant
    is never the output of a node.
    """

    _data: Any = None
    _signature: Any = field(init=False, default=None)

    def __init__(self, type: Type, data: Any, name: str | None = None) -> None:
        self.__attrs_init__(type, None, None, name, type.filter(data))
        type_notes = getattr(type, "tag_constant", None)
        if type_notes is not None:
            type_notes(self)

    @property
    def data(self) -> Any:
        """The value, which rewrites and compiled code take as fixed."""
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        raise AttributeError(f"{self} keeps its data, which functions may hold already: make another constant, or a shared variable")

    @property
    def value(self) -> Any:
        """The data (the name that other variables with a value use)."""
        return self.data

    def signature(self) -> Any:
        """A hashable stand-in: two constants with equal signatures are interchangeable and are merged."""
        if self._signature is None:
            try:
                signature = self.type.constant_signature
            except AttributeError:  # a Type that does not inherit from ours
                from tcore.graph.type import of_type

                signature = of_type(self.type, "constant_signature")
            self._signature = signature(self.data)
        return self._signature

    def equals(self, other: object) -> bool:
        """Whether ``other`` is a constant with the same signature."""
        return isinstance(other, Constant) and self.signature() == other.signature()

    def clone(self) -> Constant:
        """A new constant of the same type and name that shares the data."""
        # not through __init__: data was filtered when self was made, and the copy shares it
        copy = object.__new__(type(self))
        copy.__attrs_init__(self.type, None, None, self.name, self.data)
        copy._signature = self._signature
        if self._tag is not None:
            copy.tag.update(self._tag)
        return copy

    def __str__(self) -> str:
        text = str(self.data)
        return f"{type(self).__name__}{{{text if len(text) <= 20 else text[:10] + '..' + text[-10:]}}}"
