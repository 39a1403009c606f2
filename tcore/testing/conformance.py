"""Checks that every op should pass, on every backend: what tcore tests its own ops with."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from tcore.graph import Constant, Variable
from tcore.testing.cases import OpCase, copies, perform
from tcore.testing.debugging import check_debug_mode
from tcore.testing.directional import check_r_op

__all__ = [
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
