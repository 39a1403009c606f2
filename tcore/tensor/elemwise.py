"""Elemwise: a scalar op applied to every element, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from tcore.configuration import config
from tcore.finders import names_elsewhere
from tcore.graph.apply import Apply
from tcore.graph.floating import floating_point_errors
from tcore.graph.null_type import DisconnectedType, NullType
from tcore.graph.op import Op
from tcore.graph.variable import Variable
from tcore.scalar.basic import Second
from tcore.scalar.dtypes import complex_dtypes, discrete_dtypes
from tcore.scalar.op import ScalarOp
from tcore.scalar.type import get_scalar_type
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.dimshuffle import dimshuffle_of
from tcore.tensor.elemwise_c import ElemwiseC
from tcore.tensor.elemwise_grad import gradient_steps
from tcore.tensor.gradients import or_zeros, zero_gradient
from tcore.tensor.type import TensorType, tensor_type

if TYPE_CHECKING:
    from typing import Any  # not at run time: there the documentation has a reduction of that name in this module

__all__ = ["Elemwise"]


def _pattern_key(pattern: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(pattern.items()))


@frozen(slots=False, init=False, str=False, repr=False)
class Elemwise(ElemwiseC, Op):
    """A scalar op applied to each element of arrays that broadcast against one another.

    Inputs with fewer axes get broadcastable ones on the left. In each axis, inputs without a broadcastable flag there have
    equal lengths, also where such a length is 1.

    Parameters
    ----------
    scalar_op : ScalarOp
    inplace_pattern : dict from output index to input index, optional
        Outputs that overwrite an input of the same type.
    name : str, optional
        How the op prints; not compared.
    nfunc_spec : (str, int, int), optional
        Name of the NumPy function that computes the op, its number of inputs and of outputs.
    openmp : bool, optional
        Whether backends may use several threads; None leaves it to the configuration.
    """

    scalar_op: ScalarOp
    inplace_pattern: dict[int, int] = field(eq=_pattern_key)
    name: str | None = field(default=None, eq=False)
    nfunc_spec: tuple[str, int, int] | None = field(default=None, eq=False)
    openmp: bool | None = field(default=None, eq=False)

    _f16_ok = True

    def __init__(
        self,
        scalar_op: ScalarOp,
        inplace_pattern: Mapping[int, int] | None = None,
        name: str | None = None,
        nfunc_spec: tuple[str, int, int] | None = None,
        openmp: bool | None = None,
    ) -> None:
        self.__attrs_init__(scalar_op, dict(inplace_pattern or {}), name, nfunc_spec, openmp)
        if len(set(self.inplace_pattern.values())) < len(self.inplace_pattern):
            raise ValueError(f"inplace_pattern {self.inplace_pattern} overwrites one input with two outputs")

    @property
    def destroy_map(self) -> dict[int, list[int]]:  # type: ignore[override]
        """The inputs that outputs overwrite."""
        pattern = self.inplace_pattern
        return {o: [i] for o, i in pattern.items()} if pattern else {}

    # ------------------------------------------------------------ building

    def get_output_info(self, dim_shuffle: Callable[..., Op], *inputs: Any) -> tuple[list[str], list[tuple[bool, ...]], list[Variable]]:
        """Output dtypes, output broadcast patterns, and the inputs brought to one number of axes by ``dim_shuffle``."""
        variables: list[Any] = [x if isinstance(x, Variable) else as_tensor_variable(x) for x in inputs]
        dtypes = self._output_dtypes(tuple([x.type.dtype for x in variables]))
        patterns = [x.type.broadcastable for x in variables]
        ndim = max(map(len, patterns), default=0)
        for position, pattern in enumerate(patterns):
            missing = ndim - len(pattern)
            if missing:
                order = ("x",) * missing + tuple(range(len(pattern)))
                variables[position] = dim_shuffle(pattern, order)(variables[position])
                patterns[position] = (True,) * missing + pattern
        flags = tuple(map(all, zip(*patterns, strict=True)))
        for output, position in self.inplace_pattern.items():
            given = variables[position].type
            if given.broadcastable != flags:
                raise ValueError(
                    f"{self} cannot overwrite input {position}, {variables[position]}: it has the broadcast pattern {given.broadcastable}, the output {flags}"
                )
            if given.dtype != dtypes[output]:
                raise TypeError(f"{self} cannot overwrite input {position}, {variables[position]}: it has dtype {given.dtype}, the output {dtypes[output]}")
        return dtypes, [flags] * len(dtypes), variables

    def _output_dtypes(self, dtypes: tuple[str, ...]) -> list[str]:
        if type(self.scalar_op).make_node is ScalarOp.make_node:
            return list(_scalar_output_dtypes(self.scalar_op, dtypes, config.floatX, config.cast_policy))
        node = self.scalar_op.make_node(*[get_scalar_type(dtype).make_variable() for dtype in dtypes])
        return [output.type.dtype for output in node.outputs]

    def make_node(self, *inputs: Any) -> Apply:
        """Apply to tensors, arrays and numbers."""
        dtypes, patterns, variables = self.get_output_info(dimshuffle_of, *[as_tensor_variable(x) for x in inputs])
        # no trace here: calling the op notes where the user is
        outputs = [tensor_type(dtype, flags).make_variable() for dtype, flags in zip(dtypes, patterns, strict=True)]
        return Apply(self, variables, outputs)

    # ------------------------------------------------------------ computing

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        shape = common_shape(node, inputs)
        dtypes = [output.type.dtype for output in node.outputs]
        out: list[Any] = []
        for index, (cell, dtype) in enumerate(zip(output_storage, dtypes, strict=True)):
            source = self.inplace_pattern.get(index)
            target = cell[0] if source is None else inputs[source]
            # no booleans: isnan, isinf, isfinite and signbit of NumPy 2.4 write wrong ones to memory with gaps
            fits = type(target) is np.ndarray and target.shape == shape and target.dtype.name == dtype != "bool"
            out.append(target if fits else None)
        with floating_point_errors():
            results = self.scalar_op.on_arrays(inputs, dtypes, out)
        for cell, result in zip(output_storage, results, strict=True):
            cell[0] = result if result.shape == shape else np.array(np.broadcast_to(result, shape))

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        """In each axis the length of the first input that is not broadcastable there, else 1."""
        found: list[Any] = []
        for axis in range(node.outputs[0].type.ndim):
            length: Any = 1
            for x, shape in zip(node.inputs, shapes, strict=True):
                if not x.type.broadcastable[axis]:
                    length = shape[axis]
                    break
            found.append(length)
        return [tuple(found)] * len(node.outputs)

    def python_constant_folding(self, node: Apply) -> bool:
        """True where the outputs are 0-d: NumPy is then faster than any compiler."""
        return all(output.type.ndim == 0 for output in node.outputs)

    def prepare_node(self, node: Apply, storage_map: Any, compute_map: Any, impl: str | None) -> None:
        """Let the scalar op prepare, too."""
        self.scalar_op.prepare_node(node, None, None, impl)

    # ------------------------------------------------------------ differentiating

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """That of the scalar op; everything where it has none."""
        pattern = getattr(self.scalar_op, "connection_pattern", None)
        if pattern is not None:
            return pattern(node)
        return [[True] * len(node.outputs) for _ in node.inputs]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The scalar op's gradients, elementwise, summed over the axes in which an input was broadcast."""
        gradients = self._elementwise_gradients(inputs, outputs, output_grads)
        results: list[Variable] = []
        for x, gradient in zip(inputs, gradients, strict=True):
            if not isinstance(gradient.type, TensorType):
                results.append(gradient)
                continue
            flags = x.type.broadcastable
            spread = [axis for axis, (narrow, wide) in enumerate(zip(flags, outputs[0].type.broadcastable, strict=True)) if narrow and not wide]
            results.append(_summed(gradient, spread, outputs[0]) if spread else _widened(gradient, x))
        return results

    def _elementwise_gradients(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Any]:
        for gradient in output_grads:
            if isinstance(gradient.type, NullType):
                return [gradient.type() for _ in inputs]
        filled = [or_zeros(g, output) for g, output in zip(output_grads, outputs, strict=True)]
        if all(output.type.dtype in discrete_dtypes for output in outputs):
            return [zero_gradient(x) for x in inputs]
        # gradients may come without the flags of the output, or with fewer axes from users' ops
        filled = [as_tensor_variable(g, ndim=outputs[0].type.ndim) for g in filled]
        steps = gradient_steps(
            self.scalar_op,
            tuple(x.type.dtype for x in inputs),
            tuple(g.type.dtype for g in filled),
            config.floatX,
            config.cast_policy,
        )
        return steps.apply(elemwise_of, inputs, outputs, filled)

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Any]:
        """The sum over inputs of the scalar op's gradient, which is linear, in the direction of that input."""
        node = self.make_node(*inputs)
        if len(node.outputs) > 1:
            raise NotImplementedError(f"{self} has several outputs and no R_op: apply Rop before optimization")
        pattern = self.connection_pattern(node)
        output = node.outputs[0]
        total: Any = None
        for position, point in enumerate(eval_points):
            if point is None or not pattern[position][0] or isinstance(point.type, DisconnectedType):
                continue
            term = self._along(node, position, point)
            total = term if total is None else total + term
        if total is not None and total.type.broadcastable != output.type.broadcastable:
            # an input that broadcasts: its derivative has the shape of the result
            total = fill_gradient(output, total)
        return [total]

    def _along(self, node: Apply, position: int, point: Any) -> Any:
        """The derivative in the direction ``point`` of one input, by its gradient L, in which Re and Im are two variables."""
        from tcore.tensor.math import cast, complex, real  # they are made of this class

        output: Any = node.outputs[0]

        def gradient(g: Any) -> Any:
            return self._elementwise_gradients(node.inputs, node.outputs, [g])[position]

        of_complex = node.inputs[position].type.dtype in complex_dtypes  # type: ignore[attr-defined]
        if output.type.dtype not in complex_dtypes:
            return real(gradient(output.ones_like()).conj() * point) if of_complex else gradient(point)
        if of_complex:
            return gradient(point.conj()).conj()
        wide = cast(point, output.type.dtype)
        return complex(gradient(wide), gradient(wide * 1j))

    # ------------------------------------------------------------ identity and text

    @property
    def inner_ops(self) -> tuple[Any, ...]:
        """What is computed for each element: its package takes part in compiling this op."""
        return (self.scalar_op,)

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        if self.inplace_pattern:
            return f"Elemwise{{{self.scalar_op.inplace_text()}}}{sorted(self.inplace_pattern.items())}"
        return f"Elemwise{{{self.scalar_op}}}"

    __repr__ = __str__


@lru_cache(maxsize=4096)
def _scalar_output_dtypes(scalar_op: ScalarOp, dtypes: tuple[str, ...], floatX: str, cast_policy: str) -> tuple[str, ...]:
    """The output dtypes of a scalar op; the two options are what else preferences depend on."""
    if scalar_op.nin >= 0 and len(dtypes) != scalar_op.nin:
        raise TypeError(f"{scalar_op} takes {scalar_op.nin} inputs, got {len(dtypes)}")
    return tuple(t.dtype for t in scalar_op.output_types([get_scalar_type(dtype) for dtype in dtypes]))


@lru_cache(maxsize=1024)
def elemwise_of(scalar_op: ScalarOp) -> Elemwise:
    """The Elemwise of a scalar op that works on new memory and prints without a suffix."""
    return Elemwise(scalar_op)


#: ``fill_gradient(x, g)``: a gradient, which fits ``x``, in the shape of ``x``
fill_gradient = Elemwise(Second(name="second", fits=True))


def _summed(gradient: Any, axes: list[int], output: Any) -> Any:
    """The sum over ``axes``, which stay with length 1."""
    flags = gradient.type.broadcastable
    if any(flags[axis] for axis in axes):
        # the gradient is the same all along such an axis and was not spread out: it counts once per element
        gradient = fill_gradient(output, gradient)
    return gradient.sum(axis=axes, keepdims=True)


def _widened(gradient: Any, x: Any) -> Any:
    """``gradient``, filled out to the shape of ``x`` where it is narrower, as a constant is."""
    if any(g and not wanted for g, wanted in zip(gradient.type.broadcastable, x.type.broadcastable, strict=True)):
        return fill_gradient(x, gradient)
    return gradient


def common_shape(node: Apply, inputs: Sequence[np.ndarray]) -> tuple[int, ...]:
    """The shape of the outputs.

    Raises
    ------
    ValueError
        If two inputs have different lengths in an axis in which neither is broadcastable.
    """
    if not inputs:
        return ()
    shape = inputs[0].shape
    for x in inputs:
        if x.shape != shape:
            break
    else:
        flagged = node.outputs[0].type.broadcastable
        if not any(flagged) or all(n == 1 for n, flag in zip(shape, flagged, strict=True) if flag):
            return shape
    found: list[int] = []
    for axis in range(len(shape)):
        first: int | None = None
        for position, x in enumerate(inputs):
            length = x.shape[axis]
            if node.inputs[position].type.broadcastable[axis]:
                if length != 1:
                    raise ValueError(
                        f"Input dimension mis-match. (input[{position}].shape[{axis}] = {length}, but it is broadcastable there, so that it must be 1)"
                    )
            elif first is None:
                first = position
            elif length != inputs[first].shape[axis]:
                raise ValueError(
                    f"Input dimension mis-match. (input[{first}].shape[{axis}] = {inputs[first].shape[axis]}, input[{position}].shape[{axis}] = {length})"
                )
        found.append(1 if first is None else inputs[first].shape[axis])
    return tuple(found)


if not TYPE_CHECKING:
    __getattr__ = names_elsewhere(__name__)
