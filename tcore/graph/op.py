"""Ops: what can be applied to variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tcore.above import from_above
from tcore.configuration import config
from tcore.graph.apply import Apply, NoParams
from tcore.graph.c_interface import CLinkerOp
from tcore.graph.errors import MethodNotDefined
from tcore.graph.params_type import ParamsType
from tcore.graph.props import add_props_methods, default_text
from tcore.graph.thunks import value_thunk
from tcore.graph.trace import is_paused, note_traces
from tcore.graph.variable import Variable
from tcore.records import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.graph.type import Type

__all__ = ["FieldlessOp", "Op", "PureOp", "ops_with_inner_function", "performs"]

#: documented registry: Op class -> name of the attribute that holds its compiled inner function
ops_with_inner_function: dict[type, str] = {}


def performs(op: Any) -> bool:
    """Whether an op has ``perform``, on its class or set on itself."""
    return getattr(type(op), "perform", PureOp.perform) is not PureOp.perform or "perform" in getattr(op, "__dict__", {})


class PureOp:
    """What an Op computes and how it differentiates; nothing about C."""

    #: which output stands for the node in expressions, where there are several
    default_output: int | None = None
    if TYPE_CHECKING:  # subclasses have attributes or properties

        @property
        def destroy_map(self) -> dict[int, list[int]]:
            """{output index: [indices of inputs whose memory that output overwrites]}."""

        @property
        def view_map(self) -> dict[int, list[int]]:
            """{output index: [indices of inputs whose memory that output may share]}."""
    else:
        destroy_map = {}
        view_map = {}

    # ------------------------------------------------------------ building

    def make_node(self, *inputs: Any) -> Apply:
        """An :class:`Apply` of this op on ``inputs``, which it checks and converts.

        The default uses the attributes ``itypes`` and ``otypes`` (lists of Types), where the op has them.
        """
        itypes: Sequence[Type] | None = getattr(self, "itypes", None)
        otypes: Sequence[Type] | None = getattr(self, "otypes", None)
        if itypes is None or otypes is None:
            raise NotImplementedError(f"{type(self).__name__} defines neither make_node nor itypes and otypes")
        if len(inputs) != len(itypes):
            raise ValueError(f"{self} takes {len(itypes)} inputs, got {len(inputs)}: {', '.join(map(str, inputs))}")
        variables = [self._as_variable(value) for value in inputs]
        wrong = [
            f"input {position} is {variable.type}, needed {wanted}"
            for position, (variable, wanted) in enumerate(zip(variables, itypes, strict=True))
            if variable.type != wanted
        ]
        if wrong:
            raise TypeError(f"{self} cannot be applied: {'; '.join(wrong)}")
        return Apply(self, variables, [otype() for otype in otypes])  # type: ignore[arg-type]

    @staticmethod
    def _as_variable(value: Any) -> Variable:
        if isinstance(value, Variable):
            return value
        from tcore.graph.conversion import as_variable

        return as_variable(value)

    def __call__(self, *inputs: Any, **kwargs: Any) -> Any:
        """Apply the op: its output, or the list of its outputs when there are several and no default.

        Keyword arguments go to :meth:`make_node`; ``return_list=True`` always gives a list.
        """
        return_list = kwargs.pop("return_list", False)
        node = self.make_node(*inputs, **kwargs)
        note_traces(node.outputs)
        mode = config.compute_test_value_opt if is_paused() else config.compute_test_value
        if mode != "off":
            from tcore.graph.testvalues import compute_test_value

            compute_test_value(node, mode)
        if self.default_output is not None:
            result = node.outputs[self.default_output]
            return [result] if return_list else result
        if return_list:
            return list(node.outputs)
        return node.outputs[0] if len(node.outputs) == 1 else node.outputs

    # ------------------------------------------------------------ computing

    def perform(
        self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None
    ) -> None:
        """Compute: store the value of output ``i`` into ``output_storage[i][0]``.

        ``output_storage[i][0]`` may hold an earlier value of the right type, whose memory may be reused.
        ``inputs`` must not change, but for those in ``destroy_map``.
        """
        raise MethodNotDefined(f"{type(self).__name__} defines no perform", type(self), "perform")

    def do_constant_folding(self, node: Apply) -> bool:
        """Whether a node whose inputs are all constants may be computed when its graph is optimized."""
        return True

    #: the Type of this op's parameters: with one, ``perform`` and C code get what :meth:`get_params` returns
    params_type: Any = None

    def get_params(self, node: Apply) -> Any:
        """The parameters of a node: an object that ``params_type.filter`` takes, or None for "no parameters".

        With a :class:`~tcore.graph.params_type.ParamsType`, the default collects the op's attributes that are called
        like its fields. Other types have no default.
        """
        params_type = self.params_type
        if isinstance(params_type, ParamsType):
            return params_type.get_params(self)
        raise MethodNotDefined(f"{type(self).__name__} has a params_type, but no get_params", type(self), "get_params")

    def params_of(self, node: Apply) -> Any:
        """The filtered parameters of ``node``, or :data:`NoParams`.

        Raises
        ------
        TypeError
            If ``get_params`` gives some, and there is no ``params_type`` to say what they are.
        """
        params_type = self.params_type
        if params_type is None and type(self).get_params is Op.get_params:
            return NoParams
        params = self.get_params(node)
        if params is None:
            return NoParams
        if params_type is None:
            raise TypeError(f"{type(self).__name__}.get_params gives {params!r}, but the op has no params_type: set it to a Type that takes such values")
        return params_type.filter(params)

    def prepare_node(self, node: Apply, storage_map: Any, compute_map: Any, impl: str | None) -> None:
        """Called once before thunks are made for ``node`` with implementation ``impl`` (``"py"``, ``"c"`` or None)."""

    # ------------------------------------------------------------ differentiating

    def L_op(
        self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]
    ) -> Sequence[Variable]:
        """Gradients of a scalar cost with respect to ``inputs``, from those with respect to ``outputs``.

        One variable per input: a gradient of the input's type and shape, a ``DisconnectedType`` variable, or an undefined
        one (``grad_undefined``, ``grad_not_implemented``). Defaults to :meth:`grad`.
        """
        return self.grad(inputs, output_grads)

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> Sequence[Variable]:
        """As :meth:`L_op`, without the outputs."""
        raise MethodNotDefined(f"{type(self).__name__} defines no grad", type(self), "grad")

    def R_op(
        self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]
    ) -> Sequence[Variable | None]:
        """Derivative of the outputs in the direction ``eval_points``; None stands for zero."""
        raise MethodNotDefined(f"{type(self).__name__} defines no R_op", type(self), "R_op")

    # ------------------------------------------------------------ text

    @default_text
    def __str__(self) -> str:
        return getattr(self, "name", None) or type(self).__name__


class Op(PureOp, CLinkerOp):
    """What can be applied to variables: the base of all ops.

    Ops compare by content: attrs-frozen classes by their fields, others by ``__props__`` or by their own ``__eq__``
    and ``__hash__``. A plain ``Op()`` with methods set on the instance works, too, and equals only itself.

    Optional methods that are looked for and not defined here: ``infer_shape(node, shapes)``, ``connection_pattern(node)``,
    ``debug_perform(node, inputs, output_storage)``, which DebugMode runs instead of ``perform`` and C code,
    ``flops(inputs, outputs)``, the floating point operations of one call from the shapes of inputs and outputs, by which
    the memory profile tells the op's speed. Attributes that are looked for: ``host_inputs``, the positions of inputs that the op's form
    on a device takes from the host, such as lengths and other small integers; ``prefers_c_code``, True where the op's C code runs
    in place of kernels of its lowering, which is then for devices.
    """

    __props__: ClassVar[tuple[str, ...]]
    #: False, where two threads must not run one node at once
    thread_safe: bool = True
    #: True, where running it shows (it prints): such nodes run one after another in the order of the graph
    in_sequence: bool = False
    #: True, where ``view_map`` says what an output may share, and it is a copy where a view is not possible
    copies_where_it_must: bool = False
    #: whether C code gets inputs that were checked
    check_input: bool | None = None
    _f16_ok: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        add_props_methods(cls)

    def make_thunk(
        self,
        node: Apply,
        storage_map: dict[Variable, list[Any]],
        compute_map: dict[Variable, list[int]] | None,
        no_recycling: Sequence[Variable],
        impl: str | None = None,
    ) -> Any:
        """A callable without arguments that computes ``node`` from and into the cells of ``storage_map``.

        Parameters
        ----------
        storage_map : dict from Variable to one-element list
        compute_map : dict from Variable to one-element list of int, or None
            0 for a value that is not computed, 1 for one that is, 2 for one that was computed and is freed, because nothing
            needs it any more. Set to 1 for the outputs after a run.
        no_recycling : sequence of Variable
            Outputs whose old value must not be reused.
        impl : {None, "py", "c"}
            ``"py"`` insists on ``perform``, ``"c"`` on the op's own C code; None takes ``perform`` where there is one.

        Returns
        -------
        callable
            With attributes ``inputs`` and ``outputs`` (lists of cells) and ``lazy`` (False).
        """
        if impl == "c" or (impl is None and not performs(self)):
            thunk = self.make_c_thunk(node, storage_map, compute_map, no_recycling)
            if thunk is not None:
                return thunk
            if impl == "c":
                raise NotImplementedError(
                    f"{self} has no C code for {node}, or nothing here compiles it: 'tcore doctor' tells what is missing; impl=None also runs perform"
                )
        self.prepare_node(node, storage_map, compute_map, "py")
        return self.make_py_thunk(node, storage_map, compute_map, no_recycling)

    def make_c_thunk(
        self,
        node: Apply,
        storage_map: dict[Variable, list[Any]],
        compute_map: dict[Variable, list[int]] | None,
        no_recycling: Sequence[Variable],
    ) -> Any:
        """As :meth:`make_thunk`, on the op's own C code; None where it has none, or no backend compiles it."""
        backend: Any = from_above("host_backend")()
        program = None if backend is None else backend.c_program(node)
        if program is None:
            return None
        input_cells = [storage_map[variable] for variable in node.inputs]
        output_cells = [storage_map[variable] for variable in node.outputs]
        computed = [] if compute_map is None else [compute_map[variable] for variable in node.outputs]

        return value_thunk(lambda values: program(*values), input_cells, output_cells, computed)

    def make_py_thunk(
        self,
        node: Apply,
        storage_map: dict[Variable, list[Any]],
        compute_map: dict[Variable, list[int]] | None,
        no_recycling: Sequence[Variable],
    ) -> Any:
        """As :meth:`make_thunk`, on ``perform``."""
        input_cells = [storage_map[variable] for variable in node.inputs]
        output_cells = [storage_map[variable] for variable in node.outputs]
        computed = [] if compute_map is None else [compute_map[variable] for variable in node.outputs]
        fresh = [storage_map[variable] for variable in node.outputs if variable in no_recycling]
        perform = self.perform
        params = self.params_of(node)
        extra = () if params is NoParams else (params,)

        def thunk() -> None:
            for cell in fresh:
                cell[0] = None
            perform(node, [cell[0] for cell in input_cells], output_cells, *extra)
            for flag in computed:
                flag[0] = True

        thunk.inputs = input_cells  # type: ignore[attr-defined]
        thunk.outputs = output_cells  # type: ignore[attr-defined]
        thunk.perform = perform  # type: ignore[attr-defined]
        thunk.lazy = False  # type: ignore[attr-defined]
        return thunk


@frozen(slots=False, eq=False, repr=False)
class FieldlessOp(Op):
    """Base of ops without fields: frozen, and equal to all of the same class.

    Subclasses need no decorator: the methods that attrs would write for each of them, at a third of a millisecond, are
    inherited.
    """

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}()"
