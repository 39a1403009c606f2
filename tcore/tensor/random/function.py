"""The op that draws from a NumPy generator: a state goes in, the next state and the numbers come out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field

from tcore.graph import Apply, Op, Variable
from tcore.graph.errors import MethodNotDefined
from tcore.graph.null_type import disconnected_type, grad_undefined
from tcore.records import frozen
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.random.state import RandomStateType, copied
from tcore.tensor.shape import Shape_i, as_shape_vector
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["RandomFunction"]


def _tensor_type(instance: object, attribute: Any, value: Any) -> None:
    if not isinstance(value, TensorType):
        raise TypeError(f"outtype of RandomFunction is a TensorType, got {value!r}")


@frozen
class RandomFunction(Op):
    """Draws from a ``RandomState``: ``RandomFunction(fn, outtype)(state, size, *parameters)`` is ``[next state, numbers]``.

    Attributes
    ----------
    fn : str or callable
        Name of a method of ``numpy.random.RandomState``, called with the parameters and ``size=``; or a function that is
        called as ``fn(state, *parameters, size=size)``. A function that is to be pickled stands in a module.
    outtype : TensorType
        Type of the numbers, to which they are converted.
    inplace : bool
        Draw from the given object itself, which changes it, rather than from a copy.
    ndim_added : int
        Axes of one draw, behind those of ``size``: 1 for permutations.
    """

    fn: str | Callable[..., Any] = field()
    outtype: TensorType = field(validator=_tensor_type)
    inplace: bool = False
    ndim_added: int = 0

    @fn.validator
    def _drawable(self, _attribute: Any, fn: Any) -> None:
        if not callable(fn) and not (isinstance(fn, str) and callable(getattr(np.random.RandomState, fn, None))):
            raise TypeError(f"RandomFunction draws by a method of numpy.random.RandomState or by a function, got {fn!r}")

    @property
    def destroy_map(self) -> dict[int, list[int]]:  # type: ignore[override]
        """The next state is the memory of the given one, in place."""
        return {0: [0]} if self.inplace else {}

    def make_node(self, state: Any, size: Any, *parameters: Any) -> Apply:
        """``state`` of RandomStateType, ``size`` a vector of lengths, parameters as tensors."""
        if not isinstance(state, Variable) or not isinstance(state.type, RandomStateType):
            raise TypeError(
                f"{self} draws from a variable of RandomStateType, got {state!r}; raw_random.random_state_type() makes one, "
                f"shared(numpy.random.RandomState(seed)) one with a value"
            )
        vector = as_shape_vector(() if size is None else size)
        vector = vector if vector.type.dtype == "int64" else vector.astype("int64")
        return Apply(self, [state, vector, *map(as_tensor_variable, parameters)], [state.type(), self.outtype()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        state, size, *parameters = inputs
        ndim = self.outtype.ndim
        if len(size) + self.ndim_added != ndim:
            raise ValueError(
                f"{self} was built for numbers of {ndim} axes, {ndim - self.ndim_added} of them from size, but size is {tuple(map(int, size))}: "
                f"ndim= must be the length of size"
            )
        if not self.inplace:
            state = copied(state)
        shape = tuple(size.tolist())
        draw = getattr(state, self.fn) if isinstance(self.fn, str) else self._draw_with(state)
        if isinstance(self.fn, str):  # NumPy's methods take numbers faster than arrays without axes
            parameters = [parameter if parameter.ndim else parameter.item() for parameter in parameters]
        numbers = np.asarray(draw(*parameters, size=shape))
        if numbers.ndim != ndim or numbers.shape[: len(shape)] != shape:
            raise ValueError(f"{self} had to draw numbers of shape {shape}{' and more' if self.ndim_added else ''}, got {numbers.shape}")
        if True in self.outtype.broadcastable and any(flag and length != 1 for flag, length in zip(self.outtype.broadcastable, numbers.shape, strict=True)):
            raise ValueError(f"{self} was built for a size with the length 1 where broadcastable is True in {self.outtype}, got {numbers.shape}")
        output_storage[0][0] = state
        output_storage[1][0] = numbers.astype(self.outtype.dtype, copy=False)

    def _draw_with(self, state: np.random.RandomState) -> Callable[..., Any]:
        fn: Any = self.fn
        return lambda *parameters, size: fn(state, *parameters, size=size)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """``size``; the axes of one draw by the function, where it says so, else only from the numbers themselves."""
        own = self.outtype.ndim - self.ndim_added
        lengths: tuple[Any, ...] = tuple(node.inputs[1][axis] for axis in range(own))
        if self.ndim_added:
            known = getattr(self.fn, "drawn_lengths", None)
            lengths += tuple(known(node.inputs[2:], shapes[2:])) if known else tuple(Shape_i(axis)(node.outputs[1]) for axis in range(own, self.outtype.ndim))
        return [None, lengths]

    def do_constant_folding(self, node: Apply) -> bool:
        """Never: a generator in a graph is not there to be drawn from once and for all."""
        return False

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """The next state depends on the state; the numbers on the parameters. How many are drawn is no quantity to differentiate by."""
        return [[True, False], [False, False], *[[False, True]] * (len(node.inputs) - 2)]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Undefined for parameters: numbers that are drawn are no function of them. ``avg + std * normal(size)`` is, and has a gradient."""
        hint = "draw from the standard distribution and scale the numbers (avg + std * normal(size)), or stop here with gradient.disconnected_grad"
        state, _size, *parameters = inputs
        return [
            grad_undefined(self, 0, state, "generators have no derivative"),
            disconnected_type(),
            *(grad_undefined(self, place, parameter, hint) for place, parameter in enumerate(parameters, 2)),
        ]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """None (no dependence) where no parameter moves; undefined where one does."""
        moved = [place for place, point in enumerate(eval_points) if point is not None]
        if any(place > 1 for place in moved):
            raise MethodNotDefined(
                f"{self} has no derivative by its parameters ({', '.join(str(inputs[place]) for place in moved)}): scale numbers from the standard distribution",
                type(self),
                "R_op",
            )
        return [None, None]

    def __str__(self) -> str:
        name = self.fn if isinstance(self.fn, str) else getattr(self.fn, "__name__", str(self.fn))
        return f"RandomFunction{{{name}}}"
