"""What rewrites of tensor ops share: looking at nodes, and results that fit the place of what they replace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph.variable import Constant
from tcore.optimizer.tracing import trace_back
from tcore.scalar.arithmetic import Neg
from tcore.scalar.basic import Cast, Second
from tcore.scalar.dtypes import complex_dtypes, discrete_dtypes, upcast
from tcore.tensor.alloc import Alloc, alloc
from tcore.tensor.constants import constant_int
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.math import cast, second
from tcore.tensor.rebroadcast import Rebroadcast
from tcore.tensor.type import TensorType
from tcore.tensor.var import TensorConstant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tcore.graph.apply import Apply
    from tcore.graph.variable import Variable

__all__ = [
    "broadcast_like",
    "constant_like",
    "elemwise_node",
    "encompasses_broadcastable",
    "fitted",
    "get_clients",
    "get_clients2",
    "has_value",
    "is_an_upcast",
    "is_cast",
    "is_discrete",
    "is_inverse_pair",
    "is_real",
    "negated",
    "of_kind",
    "only_client",
    "scalarconsts_rest",
    "uniform_value",
    "widened",
]


def elemwise_node(variable: Any, *kinds: type) -> Apply | None:
    """The node that computes ``variable``, if it is an Elemwise of one of the scalar op classes ``kinds`` on new memory."""
    node = variable.owner
    if node is None or not isinstance(node.op, Elemwise) or node.op.inplace_pattern:
        return None
    return node if isinstance(node.op.scalar_op, kinds) else None  # type: ignore[no-any-return]


def of_kind(*kinds: type) -> Callable[[Any], bool]:
    """For ``rewrite(tracks=[Elemwise], only=of_kind(…))``: whether an Elemwise applies a scalar op of one of the classes."""
    return lambda op: isinstance(op.scalar_op, kinds)


def only_client(variable: Variable) -> bool:
    """Whether ``variable`` is used at most once, so that a rewrite may fold it into its user without computing it twice."""
    return variable.fgraph is None or variable.fgraph.client_count(variable) <= 1


def uniform_value(variable: Any) -> np.ndarray | None:
    """The 0-d array that every element of ``variable`` equals, where that is known; None otherwise.

    Looks through views and fills.
    """
    for _ in range(10):
        node = variable.owner
        if node is None:
            return variable.uniform() if isinstance(variable, TensorConstant) else None
        if isinstance(node.op, (DimShuffle, Alloc, Rebroadcast)):
            variable = node.inputs[0]
        elif isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, Second):
            variable = node.inputs[1]
        else:
            return None
    return None


def has_value(variable: Any, number: float) -> bool:
    """Whether every element of ``variable`` is known to be ``number``."""
    value = uniform_value(variable)
    return value is not None and value.item() == number


def is_discrete(node: Apply) -> bool:
    """Whether a node computes integers or truth values: these know no NaN, no infinity and one zero."""
    return node.outputs[0].type.dtype in discrete_dtypes  # type: ignore[attr-defined]


def is_real(node: Apply) -> bool:
    """Whether a node computes no complex numbers: a complex product makes NaN of an infinity and a zero of the other part."""
    return node.outputs[0].type.dtype not in complex_dtypes  # type: ignore[attr-defined]


def scalarconsts_rest(
    inputs: Iterable[Any], elemwise: bool = True, only_process_constants: bool = False
) -> tuple[list[np.ndarray], list[Any], list[Any]]:
    """Split ``inputs`` into uniform constants and the rest: (their values, they themselves, the rest)."""
    values, constants, rest = [], [], []
    for variable in inputs:
        value = uniform_value(variable) if not only_process_constants or isinstance(variable, Constant) else None
        if value is None:
            rest.append(variable)
        else:
            values.append(value)
            constants.append(variable)
    return values, constants, rest


def constant_like(number: Any, variable: Any) -> Any:
    """``number`` in the dtype of ``variable``, broadcastable along all its axes."""
    data = np.asarray(number).astype(variable.type.dtype).reshape((1,) * variable.type.ndim)
    return TensorType(variable.type.dtype, (True,) * variable.type.ndim).make_constant(data)


def encompasses_broadcastable(b1: Any, b2: Any) -> bool:
    """Whether a tensor with the flags ``b2`` broadcasts to the shape of one with ``b1``, and not the other way round."""
    if len(b1) < len(b2):
        return False
    b1 = b1[len(b1) - len(b2) :]
    return not any(first and not other for first, other in zip(b1, b2, strict=True))


def broadcast_like(value: Any, template: Any, fgraph: Any, dtype: str | None = None) -> Any:
    """``value`` in the shape of ``template``, cast to ``dtype`` (by default that of ``template``).

    Where a ShapeFeature knows the shape, it is an ``Alloc`` that does not depend on the values of ``template``.
    """
    value = as_tensor_variable(value)
    dtype = dtype or template.type.dtype
    if value.type.dtype != dtype:
        value = cast(value, dtype)
    flags = template.type.broadcastable
    if value.type.broadcastable == flags:
        return value
    feature = getattr(fgraph, "shape_feature", None)
    if feature is None:
        return second(template, value)
    lengths = [1 if flag else feature.get_shape(template, axis) for axis, flag in enumerate(flags)]
    own = value.type.broadcastable
    single = [(axis, True) for axis, length in enumerate(lengths[len(flags) - len(own) :]) if constant_int(length) == 1 and not own[axis]]
    if single:  # known of the template, not of the value
        value = Rebroadcast(*single)(value)
        if value.type.broadcastable == flags:
            return value
    result = alloc(value, *lengths)
    if result.type.broadcastable != flags:
        # a length that is known to be 1 where the type does not say so
        result = Rebroadcast(*enumerate(flags))(result)
    return result


def fitted(value: Any, old: Any) -> Any:
    """``value`` in dtype and shape of the variable ``old`` of a graph, which it is to replace."""
    trace_back(old, value)
    if value.type.dtype != old.type.dtype:
        value = cast(value, old.type.dtype)
    if value.type.broadcastable != old.type.broadcastable:
        value = broadcast_like(value, old, old.fgraph)
    return value


def widened(terms: Sequence[Any], dtype: str) -> list[Any]:
    """Terms of a sum or product of ``dtype``, the first with a cast where what is computed of these alone might not fit into their dtypes."""
    if len(terms) > 1 and upcast(*[v.type.dtype for v in terms]) != dtype:
        return [cast(terms[0], dtype), *terms[1:]]
    return list(terms)


def negated(variable: Any, dtype: str) -> Any:
    """``x`` where ``variable`` is ``neg(x)`` and that is its negative in ``dtype`` too: small integers wrap around; else None."""
    node = elemwise_node(variable, Neg)
    if node is None or (variable.type.dtype in discrete_dtypes and variable.type.dtype != dtype):
        return None
    return node.inputs[0]


def is_cast(node: Any) -> bool:
    """Whether a node converts to another dtype."""
    return node is not None and isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, Cast)


def is_an_upcast(type1: str, type2: str) -> bool:
    """Whether a conversion from the dtype ``type1`` to ``type2`` goes to a wider kind, or to more bytes of the same kind.

    Kinds in order: truth values, integers, floats, complex numbers. Other than ``scalar.upcast`` it does not ask whether every
    value survives: from int64 to float32 is upwards.
    """
    kinds = ["b", "iu", "f", "c"]

    def rank(name: str) -> tuple[int, int]:
        dtype = np.dtype(name)
        return next(place for place, kind in enumerate(kinds) if dtype.kind in kind), dtype.itemsize

    return rank(type2) > rank(type1)


def get_clients(node: Apply) -> list[Apply]:
    """The nodes that use the first output of ``node``."""
    return [client for client, _ in node.outputs[0].clients if client != "output"]


def get_clients2(node: Apply) -> list[Apply]:
    """The nodes that use outputs of the clients of the first output of ``node``."""
    return [
        user
        for client in get_clients(node)
        for output in client.outputs
        for user, _ in output.clients
        if user != "output"
    ]


def is_inverse_pair(node_op: Any, prev_op: Any, inv_pair: tuple[type, type]) -> bool:
    """Whether two ops in a row, the last first, are a function of ``inv_pair`` and its inverse, in either order."""
    first, other = inv_pair
    return (isinstance(node_op, first) and isinstance(prev_op, other)) or (
        isinstance(node_op, other) and isinstance(prev_op, first)
    )
