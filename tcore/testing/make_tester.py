"""Documented generators of test classes for ops; a program finds them as ``tcore.tensor.tests.test_basic``.

New tests of ops are shorter, and see more, with :func:`tcore.testing.check_op`.
"""

from __future__ import annotations

import unittest
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tcore.compile import In, function
from tcore.graph import Variable
from tcore.graph.traversal import io_toposort
from tcore.tensor import TensorType
from tcore.testing.unittest_tools import assert_allclose, seed_rng, verify_grad

__all__ = ["makeBroadcastTester", "makeTester"]

#: description -> function of the inputs and the outputs, arrays both; False is a failure
Checks = Mapping[str, Callable[[Sequence[Any], Sequence[Any]], Any]]
#: description -> a tuple of input values
Cases = Mapping[str, Sequence[Any]]

_INPLACE = "an input has the value of the output afterwards: the op worked in its memory"


def makeTester(
    name: str,
    op: Callable[..., Any],
    expected: Callable[..., Any],
    checks: Checks | None = None,
    good: Cases | None = None,
    bad_build: Cases | None = None,
    bad_runtime: Cases | None = None,
    grad: Cases | None = None,
) -> type[unittest.TestCase]:
    """A class of tests of one op: values, known failures, gradients.

    Parameters
    ----------
    name : str
        Of the class.
    op : callable
        Takes variables, returns one or several.
    expected : callable
        Takes the input values, returns those of the outputs: the reference.
    checks : dict, optional
        Description -> function of (inputs, outputs) after a call. Where one returns False, an Exception has its description.
    good : dict, optional
        Description -> input values; the outputs must be those of ``expected``.
    bad_build : dict, optional
        Description -> input values for whose types ``op`` must refuse to build the graph.
    bad_runtime : dict, optional
        Description -> input values that build, and that must fail when the function runs.
    grad : dict, optional
        Description -> floating input values for :func:`~tcore.testing.unittest_tools.verify_grad`.
    """

    class Checker(_Tester):
        pass

    Checker.__name__ = Checker.__qualname__ = name
    Checker.__doc__ = f"Tests of {op}."
    Checker.op, Checker.expected = staticmethod(op), staticmethod(expected)
    Checker.checks = dict(checks or {})
    Checker.good, Checker.bad_build, Checker.bad_runtime, Checker.grad = (dict(cases or {}) for cases in (good, bad_build, bad_runtime, grad))
    return Checker


def makeBroadcastTester(
    op: Callable[..., Any],
    expected: Callable[..., Any],
    checks: Checks | None = None,
    name: str | None = None,
    *,
    inplace: bool = False,
    **cases: Any,
) -> type[unittest.TestCase]:
    """:func:`makeTester`, with a name made from the op's where none is given, for elementwise ops.

    Parameters
    ----------
    inplace : bool
        Also check that the op overwrote an input: one that equals the output afterwards.
    **cases
        ``good``, ``bad_build``, ``bad_runtime`` and ``grad`` of :func:`makeTester`.
    """
    checks = dict(checks or {})
    if inplace:
        checks[_INPLACE] = lambda inputs, outputs: all(any(np.array_equal(x, out, equal_nan=True) for x in inputs) for out in outputs)
    return makeTester(name or f"{getattr(op, 'name', None) or getattr(op, '__name__', str(op))}Tester", op, expected, checks, **cases)


class _Tester(unittest.TestCase):
    """What the generated classes have in common."""

    op: Callable[..., Any]
    expected: Callable[..., Any]
    checks: Checks
    good: Cases
    bad_build: Cases
    bad_runtime: Cases
    grad: Cases

    def setUp(self) -> None:
        """Seed NumPy's generator, and what ``verify_grad`` draws from."""
        seed_rng()

    def test_good(self) -> None:
        """The outputs are the expected ones, and all checks hold."""
        for case, values in self.good.items():
            with self.subTest(case):
                # in-place ops overwrite what they are given
                inputs = [np.array(value) for value in values]
                wanted = self.expected(*[np.array(value) for value in values])
                outputs = self._compiled(values)(*inputs)
                wanted = list(wanted) if isinstance(wanted, (list, tuple)) else [wanted]
                if len(wanted) != len(outputs):
                    raise AssertionError(f"{case}: {self.op} has {len(outputs)} outputs, {len(wanted)} are expected")
                for reference, output in zip(wanted, outputs, strict=True):
                    assert_allclose(reference, output)
                for description, check in self.checks.items():
                    if not check(inputs, outputs):
                        raise Exception(f"{case}: failed check: {description}")  # noqa: TRY002 - as documented

    def test_bad_build(self) -> None:
        """The graph is refused."""
        for case, values in self.bad_build.items():
            with self.subTest(case), self.assertRaises(Exception):  # noqa: B017, PT027 - which one is up to the op
                self.op(*_variables(values))

    def test_bad_runtime(self) -> None:
        """The graph is built, the call fails."""
        for case, values in self.bad_runtime.items():
            with self.subTest(case):
                compute = self._compiled(values)
                with self.assertRaises(Exception):  # noqa: B017, PT027 - as above
                    compute(*[np.array(value) for value in values])

    def test_grad(self) -> None:
        """The gradient is that of finite differences."""
        for case, values in self.grad.items():
            with self.subTest(case):
                verify_grad(self.op, [np.array(value) for value in values])

    def _compiled(self, values: Sequence[Any]) -> Callable[..., list[Any]]:
        variables = _variables(values)
        made = self.op(*variables)
        outputs = list(made) if isinstance(made, (list, tuple)) else [made]
        # what the op overwrites must be its to overwrite; of other ops nothing is, so that no optimization does it for them
        overwrites = any(node.op.destroy_map for node in io_toposort(variables, outputs))
        return function([In(variable, mutable=overwrites) for variable in variables], outputs, accept_inplace=True, on_unused_input="ignore")  # type: ignore[no-any-return]


def _variables(values: Sequence[Any]) -> list[Variable]:
    """A variable for each value: of its dtype, broadcastable where its length is 1."""
    arrays = [np.asarray(value) for value in values]
    return [TensorType(array.dtype.name, [length == 1 for length in array.shape])(f"input {position}") for position, array in enumerate(arrays)]
