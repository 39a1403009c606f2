"""Apply nodes: one application of an Op to variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field

from tcore.graph.node import Node
from tcore.graph.pickling import reduce_node
from tcore.graph.scratchpad import Scratchpad
from tcore.graph.type import of_type
from tcore.graph.variable import Constant, Variable
from tcore.records import define

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.graph.fgraph import FunctionGraph
    from tcore.graph.op import Op

__all__ = ["Apply", "NoParams"]


class _NoParams:
    """What :meth:`Apply.run_params` returns for an Op without parameters."""

    def __repr__(self) -> str:
        return "NoParams"

    def __reduce__(self) -> str:
        return "NoParams"


NoParams = _NoParams()


@define(eq=False, repr=False, slots=True, init=False, getstate_setstate=False)
class Apply(Node):
    """``op`` applied to ``inputs``, giving ``outputs``.

    Attributes
    ----------
    op : Op
    inputs : list of Variable
    outputs : list of Variable
        Each gets this node as ``owner`` and its place as ``index``.
    fgraph : FunctionGraph or None
        The graph that the node belongs to, if any.

    Raises
    ------
    TypeError
        If an input or output is no Variable, or ``inputs`` or ``outputs`` no list or tuple.
    ValueError
        If an output already belongs to another node, or is a constant.
    """

    op: Op
    inputs: list[Variable]
    outputs: list[Variable]
    fgraph: FunctionGraph | None = field(default=None)
    _tag: Scratchpad | None = field(default=None)

    def __init__(self, op: Op, inputs: Sequence[Variable], outputs: Sequence[Variable]) -> None:
        for what, group in (("inputs", inputs), ("outputs", outputs)):
            if not isinstance(group, (list, tuple)):
                raise TypeError(f"the {what} of an Apply are a list or a tuple, got {type(group).__name__} for {op}")
            for variable in group:
                if not isinstance(variable, Variable):
                    position = next(i for i, each in enumerate(group) if each is variable)
                    raise TypeError(
                        f"{what[:-1]} {position} of {op} is {variable!r}, of {type(variable).__name__}: "
                        "an Apply holds Variables only; make_node converts what users give"
                    )
        self.op = op
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.fgraph = None
        self._tag = None
        for index, output in enumerate(self.outputs):
            if output.owner is None:
                if isinstance(output, Constant):
                    raise ValueError(f"output {index} of {op} is the constant {output}, whose value is known without computing")
                output.owner = self
                output.index = index
            else:
                raise ValueError(f"output {index} of {op}, {output}, already belongs to {output.owner}")

    @property
    def nin(self) -> int:
        """Number of inputs."""
        return len(self.inputs)

    @property
    def nout(self) -> int:
        """Number of outputs."""
        return len(self.outputs)

    @property
    def out(self) -> Variable:
        """The only output, or the one that the op calls its default."""
        return self.default_output()

    def default_output(self) -> Variable:
        """The output that stands for the node in expressions.

        Raises
        ------
        AttributeError
            If there are several outputs and the op names none as default, or one that the node does not have.
        """
        index: int | None = getattr(self.op, "default_output", None)
        if index is None:
            if len(self.outputs) == 1:
                return self.outputs[0]
            raise AttributeError(f"{self.op} has {len(self.outputs)} outputs and no default_output: choose one of .outputs")
        if not 0 <= index < len(self.outputs):
            raise AttributeError(f"{self.op}.default_output is {index}, but there are {len(self.outputs)} outputs")
        return self.outputs[index]

    @property
    def params_type(self) -> Any:
        """The Type of the op's parameters, or None."""
        return self.op.params_type

    def run_params(self) -> Any:
        """The op's parameters for this node, or :data:`NoParams`."""
        return self.op.params_of(self)

    def get_parents(self) -> list[Variable]:
        """The inputs, as a list of its own."""
        return list(self.inputs)

    def clone(self) -> Apply:
        """The same op on the same inputs, with new outputs."""
        return self._with_inputs(list(self.inputs))

    def _with_inputs(self, inputs: list[Variable]) -> Apply:
        # the copy of a node that was checked when it was made: its inputs have the same types
        copy = object.__new__(type(self))
        copy.op = self.op
        copy.inputs = inputs
        copy.outputs = outputs = []
        copy.fgraph = None
        copy._tag = None
        for index, output in enumerate(self.outputs):
            new = output.clone()
            new.owner = copy
            new.index = index
            outputs.append(new)
        if self._tag is not None:
            copy.tag.update(self._tag)
        return copy

    def clone_with_new_inputs(self, inputs: Sequence[Variable], strict: bool = True) -> Apply:
        """The same op on other inputs.

        Parameters
        ----------
        inputs : list of Variable
            As many as this node has.
        strict : bool
            True keeps the output types: an input of another type is converted to the old one (TypeError where that
            cannot be done). False lets ``make_node`` find new types when an input's type differs.

        Returns
        -------
        Apply
        """
        if len(inputs) != len(self.inputs):
            raise TypeError(f"{self.op} has {len(self.inputs)} inputs here, got {len(inputs)}")
        new_inputs = list(inputs)
        remake = False
        for position, (old, new) in enumerate(zip(self.inputs, inputs, strict=True)):
            if old.type != new.type:
                if strict:
                    new_inputs[position] = of_type(old.type, "filter_variable")(new)
                else:
                    remake = True
        if not remake:
            return self._with_inputs(new_inputs)
        copy = self.op.make_node(*new_inputs)
        for old_output, new_output in zip(self.outputs, copy.outputs, strict=True):
            new_output.name = old_output.name
            if old_output.has_tag():
                new_output.tag.update(old_output.tag)
        if self._tag is not None:
            copy.tag.update(self._tag)
        return copy

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return reduce_node(self)

    def __copy__(self) -> Apply:
        return self.clone()

    def __str__(self) -> str:
        return f"{self.op}({', '.join(map(str, self.inputs))})"

    def __repr__(self) -> str:
        return str(self)
