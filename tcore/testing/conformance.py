"""Checks that every op should pass, on every backend: what tcore tests its own ops with."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from attrs import field

from tcore.graph import Apply, Constant, Variable
from tcore.records import frozen
from tcore.testing.debugging import check_debug_mode
from tcore.testing.directional import check_r_op

__all__ = [
    "OpCase",
    "check_backend",
    "check_declared_changes",
    "check_gradient",
    "check_infer_shape",
    "check_op",
    "check_values",
    "same_values",
]

#: relative tolerance by dtype: results of backends differ by the order of sums and by the last bits of functions
TOLERANCE = {"float16": 1e-2, "float32": 2e-5, "float64": 1e-10, "complex64": 2e-5, "complex128": 1e-10}


@frozen(eq=False)
class OpCase:
    """An expression and values to try it on.

    Parameters
    ----------
    build : callable
        Makes the output, or a sequence of outputs, from one variable per value.
    values : sequence
        Arrays, or whatever ``tcore.tensor.as_tensor_variable`` takes; their types are those of the inputs.
    gradient : bool
        Whether floating outputs are differentiable at these values.
    expected : callable, optional
        The same with NumPy, for :func:`check_backend` to compare with; else only the backends are compared.
    rtol, atol : float, optional
        Tolerances; by dtype when omitted.
    equal : bool
        Whether ops built twice are equal. False for ops that act, each of which is one of its own: what sends, or holds a graph.
    name : str, optional
        For test listings.
    """

    build: Callable[..., Any]
    values: Sequence[Any] = field(converter=tuple)
    gradient: bool = True
    expected: Callable[..., Any] | None = None
    rtol: float | None = None
    atol: float | None = None
    name: str = ""
    equal: bool = True

    def __str__(self) -> str:
        return self.name or getattr(self.build, "__name__", str(self.build))

    def graph(self) -> tuple[list[Variable], list[Variable]]:
        """New inputs, and the outputs that ``build`` makes of them."""
        from tcore.tensor import as_tensor_variable

        inputs = [as_tensor_variable(value).type(f"x{position}") for position, value in enumerate(self.values)]
        outputs = self.build(*inputs)
        return inputs, [outputs] if isinstance(outputs, Variable) else list(outputs)

    def nodes(self) -> Iterator[tuple[Apply, list[Any]]]:
        """The nodes of the graph in order, each with the values of its inputs, computed with ``perform``."""
        from tcore.graph import io_toposort

        inputs, outputs = self.graph()
        known: dict[Variable, Any] = {
            variable: variable.type.filter(value, allow_downcast=True)
            for variable, value in zip(inputs, self.values, strict=True)
        }
        for node in io_toposort(inputs, outputs):
            known.update((each, each.data) for each in node.inputs if isinstance(each, Constant))
            given = [known[each] for each in node.inputs]
            yield node, given
            known.update(zip(node.outputs, perform(node, copies(given)), strict=True))


def copies(values: Sequence[Any]) -> list[Any]:
    """The values, arrays among them copied."""
    return [np.copy(value) if isinstance(value, np.ndarray) else value for value in values]


def perform(node: Apply, inputs: list[Any]) -> list[Any]:
    """The outputs of one node by its ``perform``; Python runs it, whatever the backend."""
    storage: list[list[Any]] = [[None] for _ in node.outputs]
    thunk = node.op.make_thunk(node, _map(node, inputs, storage), {v: [True] for v in (*node.inputs, *node.outputs)}, [], impl="py")
    thunk()
    return [cell[0] for cell in storage]


def _map(node: Apply, inputs: list[Any], storage: list[list[Any]]) -> dict[Variable, list[Any]]:
    cells = {variable: [value] for variable, value in zip(node.inputs, inputs, strict=True)}
    cells.update(zip(node.outputs, storage, strict=True))
    return cells


def same_values(got: Any, wanted: Any, rtol: float | None = None, atol: float | None = None, what: str = "") -> None:
    """Fail unless two results have equal dtype and shape, and values equal to dtype tolerance; NaN equals NaN.

    Raises
    ------
    AssertionError
    """
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.dtype == wanted.dtype, f"{what}: dtype {got.dtype}, wanted {wanted.dtype}"
    assert got.shape == wanted.shape, f"{what}: shape {got.shape}, wanted {wanted.shape}"
    if wanted.dtype.kind not in "fc":
        np.testing.assert_array_equal(got, wanted, err_msg=what)
        return
    rtol = TOLERANCE[wanted.dtype.name] if rtol is None else rtol
    finite = np.abs(wanted[np.isfinite(wanted)])
    atol = rtol * float(finite.max() if finite.size else 0) if atol is None else atol
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=atol, equal_nan=True, err_msg=what)


def check_backend(case: OpCase) -> None:
    """The backend in use gives what plain ``perform`` without any optimization gives, and what NumPy gives."""
    from tcore.compile import Mode, function
    from tcore.graph import io_toposort

    inputs, outputs = case.graph()
    overwrites = any(any(node.op.destroy_map.values()) for node in io_toposort(inputs, outputs))
    plain = function(inputs, outputs, mode=Mode(linker="py", optimizer=None), on_unused_input="ignore", accept_inplace=overwrites)(*case.values)
    compiled = function(inputs, outputs, on_unused_input="ignore", accept_inplace=overwrites)
    for attempt in ("first call", "second call"):  # a second call meets the buffers of the first
        for position, (got, wanted) in enumerate(zip(compiled(*case.values), plain, strict=True)):
            same_values(got, wanted, case.rtol, case.atol, f"{case}, output {position}, {attempt}")
    if case.expected is not None:
        expected = case.expected(*case.values)
        expected = list(expected) if isinstance(expected, (list, tuple)) else [expected]
        for position, (got, wanted) in enumerate(zip(plain, expected, strict=True)):
            same_values(got, wanted, case.rtol, case.atol, f"{case}, output {position}, against NumPy")


def check_gradient(case: OpCase) -> None:
    """The gradient of every floating output by every floating input agrees with finite differences."""
    from tcore.gradient import verify_grad

    values = [np.asarray(value) for value in case.values]
    floating = [position for position, value in enumerate(values) if value.dtype.kind == "f"]

    def on_floating(pick: int) -> Callable[..., Variable]:
        def build(*variables: Variable) -> Variable:
            from tcore.tensor import constant

            arguments: list[Any] = [constant(value) for value in values]
            for position, variable in zip(floating, variables, strict=True):
                arguments[position] = variable
            outputs = case.build(*arguments)
            return outputs if isinstance(outputs, Variable) else outputs[pick]

        return build

    _, outputs = case.graph()
    for pick, output in enumerate(outputs):
        if floating and str(getattr(output.type, "dtype", "")).startswith("float"):
            verify_grad(on_floating(pick), [values[position] for position in floating], rng=np.random.default_rng(1234))


def check_infer_shape(case: OpCase) -> None:
    """``infer_shape`` of every node says the shape that ``perform`` gives."""
    from tcore.compile import Mode, function
    from tcore.tensor import as_tensor_variable

    for node, given in case.nodes():
        infer = getattr(node.op, "infer_shape", None)
        if infer is None or not all(isinstance(value, np.ndarray) for value in given):
            continue
        shapes = infer(node, [tuple(as_tensor_variable(np.int64(n)) for n in value.shape) for value in given])
        for output, value, shape in zip(node.outputs, perform(node, copies(given)), shapes, strict=True):
            if shape is None or not isinstance(value, np.ndarray):
                continue
            known = {each: each_value for each, each_value in zip(node.inputs, given, strict=True) if not isinstance(each, Constant)}
            run = function(list(known), [as_tensor_variable(n) for n in shape], mode=Mode("py", None), on_unused_input="ignore")
            lengths = tuple(int(n) for n in run(*known.values()))
            assert lengths == value.shape, f"{case}: infer_shape of {node.op} says {lengths} for {output}, perform gives {value.shape}"


def check_declared_changes(case: OpCase) -> None:
    """``perform`` changes an input, or returns memory of one, only where ``destroy_map`` or ``view_map`` says so."""
    for node, given in case.nodes():
        before, working = copies(given), copies(given)
        results = perform(node, working)
        destroyed = {index for indices in node.op.destroy_map.values() for index in indices}
        for index, (old, new) in enumerate(zip(before, working, strict=True)):
            if isinstance(old, np.ndarray) and index not in destroyed:
                np.testing.assert_array_equal(new, old, err_msg=f"{case}: {node.op} changes its input {index} and does not declare it")
        for position, result in enumerate(results):
            allowed = {*node.op.view_map.get(position, ()), *node.op.destroy_map.get(position, ())}
            for index, value in enumerate(working):
                if index not in allowed and isinstance(value, np.ndarray) and isinstance(result, np.ndarray):
                    assert not np.may_share_memory(result, value), f"{case}: output {position} of {node.op} is a view of input {index}, undeclared"


def check_values(case: OpCase) -> None:
    """Ops built twice are equal with equal hashes, and come back equal from a pickle; so do types."""
    for (node, _), (again, _) in zip(case.nodes(), case.nodes(), strict=True):
        if not case.equal:
            assert type(pickle.loads(pickle.dumps(node.op))) is type(node.op), f"{case}: {node.op} comes back from its pickle as something else"
            continue
        assert node.op == again.op, f"{case}: {node.op} built twice is not equal to itself"
        assert hash(node.op) == hash(again.op), f"{case}: {node.op} built twice has two hashes"
        for thing in (node.op, *(output.type for output in node.outputs)):
            copy = pickle.loads(pickle.dumps(thing))
            assert copy == thing, f"{case}: {thing!r} comes back from its pickle as {copy!r}"
            assert hash(copy) == hash(thing), f"{case}: {thing!r} comes back from its pickle with another hash"


def check_op(case: OpCase) -> None:
    """All checks on one case, on the backend in use (the fixture ``backend`` sets it)."""
    check_values(case)
    check_declared_changes(case)
    check_debug_mode(case)
    check_infer_shape(case)
    check_backend(case)
    if case.gradient:
        check_gradient(case)
        check_r_op(case)
