"""Options for finding mistakes and for measuring: test values, error texts, DebugMode, NanGuardMode, profiles, tests."""

from __future__ import annotations

from typing import Any

from tcore.configuration.option import Option, not_negative, parse_int

__all__ = ["DEBUG_OPTIONS"]

_TEST_VALUES = ("off", "ignore", "warn", "raise", "pdb")
_SETERR = ("None", "ignore", "warn", "raise", "call", "print", "log")


def _positive(value: Any) -> int:
    number = parse_int(value)
    if number < 1:
        raise ValueError("expected a whole number of at least 1")
    return number


def _preallocated(value: Any) -> str:
    known = {"initial", "previous", "c_contiguous", "f_contiguous", "strided", "wrong_size", "ALL", ""}
    if not isinstance(value, str) or not set(value.split(":")) <= known:
        raise ValueError(f"expected some of {', '.join(sorted(known - {''}))}, separated by colons")
    return value


def _seterr(name: str, what: str, default: str = "None") -> Option:
    return Option(name=f"numpy.seterr_{name}", default=default, choices=_SETERR, frozen=True, doc=f"What NumPy does on {what}; None leaves it as it is.")


DEBUG_OPTIONS: tuple[Option, ...] = (
    Option(
        name="compute_test_value",
        default="off",
        choices=_TEST_VALUES,
        doc="Compute tag.test_value of every variable while a graph is built, so that wrong shapes show at once.",
    ),
    Option(name="compute_test_value_opt", default="off", choices=_TEST_VALUES, doc="The same for variables that rewrites make."),
    Option(name="print_test_value", default=False, doc="Show test values in the text of a variable."),
    Option(name="exception_verbosity", default="low", choices=("low", "high"), doc="high adds the graph and the storage of the failing node to error texts."),
    Option(name="traceback.limit", default=8, doc="Levels of the user's program that are kept for each variable."),
    Option(name="traceback.compile_limit", default=0, doc="Levels that are kept for variables made by the compiler."),
    _seterr("all", "any floating-point error", "ignore"),
    _seterr("divide", "division by zero"),
    _seterr("over", "overflow"),
    _seterr("under", "underflow"),
    _seterr("invalid", "an invalid operation"),
    Option(name="DebugMode.patience", default=10, parse=not_negative, doc="How often an optimization is repeated, to see that it is stable."),
    Option(name="DebugMode.check_c", default=True, doc="Run the C implementations of ops."),
    Option(name="DebugMode.check_py", default=True, doc="Run the Python implementations of ops."),
    Option(name="DebugMode.check_finite", default=True, doc="Refuse results that are not finite."),
    Option(name="DebugMode.check_strides", default=0, choices=(0, 1, 2), doc="Whether strides of C and Python results must agree: no, a warning, an error."),
    Option(name="DebugMode.warn_input_not_reused", default=True, doc="Warn when an op claims to work in place and does not."),
    Option(
        name="DebugMode.check_preallocated_output",
        default="",
        parse=_preallocated,
        doc="Output memory to try every op with: initial, previous, c_contiguous, f_contiguous, strided, wrong_size, ALL.",
    ),
    Option(name="DebugMode.check_preallocated_output_ndim", default=4, parse=_positive, doc="Innermost dimensions for which strided tries every pattern."),
    Option(name="NanGuardMode.nan_is_error", default=True, doc="Default of the mode's nan_is_error."),
    Option(name="NanGuardMode.inf_is_error", default=True, doc="Default of the mode's inf_is_error."),
    Option(name="NanGuardMode.big_is_error", default=True, doc="Default of the mode's big_is_error (above 1e10)."),
    Option(name="NanGuardMode.action", default="raise", choices=("raise", "warn", "pdb"), doc="What NanGuardMode does when it finds something."),
    Option(name="profile", default=False, doc="Time the nodes of every function."),
    Option(name="profile_memory", default=False, doc="Profile memory as well; needs profile."),
    Option(name="profile_optimizer", default=False, doc="Profile the optimizer as well; needs profile."),
    Option(name="profiling.n_apply", default=20, parse=_positive, doc="Nodes that a profile lists."),
    Option(name="profiling.n_ops", default=20, parse=_positive, doc="Ops that a profile lists."),
    Option(name="profiling.min_memory_size", default=1024, parse=_positive, doc="Bytes of outputs below which a memory profile leaves a node out."),
    Option(name="profiling.min_peak_memory", default=False, doc="Print the least possible peak of memory as well."),
    Option(name="profiling.destination", default="stderr", doc="stderr, stdout or the name of a file to write."),
    Option(name="profiling.debugprint", default=False, doc="Print the graph of each profiled function."),
    Option(name="profiling.ignore_first_call", default=False, doc="Leave the first call out of profiles."),
    Option(name="unittests.rseed", default="666", doc="Seed of the test tools; random draws one."),
    Option(name="tensor.cmp_sloppy", default=0, choices=(0, 1, 2), doc="How loosely the test tools compare floats; 0 is strict."),
)
