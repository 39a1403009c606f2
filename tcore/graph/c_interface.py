"""The documented C side of Ops and Types: what authors of C code may override.

Every method that is not defined raises :class:`MethodNotDefined`; the C code generator of a backend asks for each
and does without those that are missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from tcore.above import from_above
from tcore.graph.errors import MethodNotDefined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tcore.graph.apply import Apply

__all__ = [
    "CLinkerObject", "CLinkerOp", "CLinkerType", "ask", "ask_compiler", "ask_with_check", "code_and_cleanup", "derived", "is_derived", "text_pieces",
]  # fmt: skip


def ask(owner: Any, method: str, *args: Any, default: Any = None) -> Any:
    """What a documented method answers; ``default`` where it is not defined."""
    function = getattr(owner, method, None)
    if function is None:
        return default
    try:
        return function(*args)
    except MethodNotDefined:
        return default


def ask_compiler(owner: Any, method: str, c_compiler: Any = "g++") -> list[str]:
    """The answer of a method that may take the compiler: that form is tried first. Empty where it is not defined."""
    function = getattr(owner, method, None)
    if function is None:
        return []
    try:
        try:
            found = function(c_compiler)
        except TypeError as error:
            if not _refuses_arguments(error):
                raise
            found = function()
    except MethodNotDefined:
        return []
    return [found] if isinstance(found, str) else list(found)


def ask_with_check(function: Any, name: str, sub: Mapping[str, str], check_input: bool) -> str:
    """Call ``c_declare`` or ``c_extract`` with or without the last argument, which older Types do not have."""
    try:
        return function(name, sub, check_input)  # type: ignore[no-any-return]
    except TypeError as error:
        if not _refuses_arguments(error):
            raise
        return function(name, sub)  # type: ignore[no-any-return]


def _refuses_arguments(error: TypeError) -> bool:
    """Whether a call failed for its arguments, before anything of the function ran: the error is from our own frame."""
    return error.__traceback__ is not None and error.__traceback__.tb_next is None


def text_pieces(found: str | Iterable[str] | None) -> list[str]:
    """An answer that may be one text, several, or None, as a list."""
    if found is None:
        return []
    return [found] if isinstance(found, str) else list(found)


def derived(c_code: Any) -> Any:
    """Mark a ``c_code`` that is made of what the op is by other means: it is there for C code around it, and kernels are faster."""
    c_code.derived = True
    return c_code


def is_derived(op: Any) -> bool:
    """Whether an op's ``c_code`` is one that :func:`derived` marks, and no op inside it brings its own."""
    if not getattr(getattr(op, "c_code", None), "derived", False):
        return False
    return all(map(is_derived, getattr(op, "inner_ops", ())))


def code_and_cleanup(node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
    """A node's ``c_code`` and what cleans up after it, in a block of their own: for ops that wrap others.

    Where the code fails, its cleanup runs before ``sub["fail"]``.
    """
    cleanup = ask(node.op, "c_code_cleanup", node, name, inputs, outputs, sub, default="") or ""
    if not cleanup.strip():
        return f"{{\n{node.op.c_code(node, name, inputs, outputs, sub)}\n}}"
    label, failed = f"cleanup_{name}", f"failed_{name}"
    inner = {**sub, "fail": f"{{ {failed} = 1; goto {label}; }}"}
    code = node.op.c_code(node, name, inputs, outputs, inner)
    return f"{{\nint {failed} = 0;\n{code}\n{label}: __attribute__((unused));\n{cleanup}\nif ({failed}) {sub['fail']}\n}}"


class CLinkerObject:
    """What Ops and Types share: the surroundings of their C code."""

    def _undefined(self, method: str) -> NoReturn:
        raise MethodNotDefined(f"{type(self).__name__} defines no {method}", type(self), method)

    def c_headers(self) -> Sequence[str]:
        """Headers to include: ``"<math.h>"`` or ``"mine.h"`` (quotes are added where neither form is used)."""
        self._undefined("c_headers")

    def c_header_dirs(self) -> Sequence[str]:
        """Folders in which to look for headers."""
        self._undefined("c_header_dirs")

    def c_libraries(self) -> Sequence[str]:
        """Names of libraries to link, without ``-l``."""
        self._undefined("c_libraries")

    def c_lib_dirs(self) -> Sequence[str]:
        """Folders in which to look for libraries."""
        self._undefined("c_lib_dirs")

    def c_support_code(self) -> str | Sequence[str]:
        """C code outside any function, once per module: a text, or several of which equal ones are put in once."""
        self._undefined("c_support_code")

    def c_code_cache_version(self) -> tuple[Any, ...]:
        """Version of the C code; ``()`` keeps it out of the store."""
        return ()

    def c_compile_args(self) -> Sequence[str]:
        """Flags for the compiler."""
        self._undefined("c_compile_args")

    def c_no_compile_args(self) -> Sequence[str]:
        """Flags that the compiler must not get."""
        self._undefined("c_no_compile_args")

    def c_init_code(self) -> Sequence[str]:
        """C statements to run once, when the module is loaded."""
        self._undefined("c_init_code")

    def c_compiler(self) -> Any:
        """The compiler that this code needs, or MethodNotDefined for any."""
        self._undefined("c_compiler")


class CLinkerOp(CLinkerObject):
    """The C side of an Op. ``name`` is valid in identifiers and unique in its module."""

    def c_code(
        self, node: Apply, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]
    ) -> str:
        """C statements that compute ``outputs`` from ``inputs`` (names of C variables).

        ``sub["fail"]`` is a statement that leaves with an error set; ``sub["params"]`` names the parameters, if any.

        An op that does not override it answers for C code of others around it, where a backend has native code for it: with a call of that.
        """
        return str(from_above("c_code_of_kernel")(self, node, inputs, outputs, sub))

    def c_code_cache_version_apply(self, node: Apply) -> tuple[Any, ...]:
        """As :meth:`c_code_cache_version`, for one node."""
        return self.c_code_cache_version()

    def c_code_cleanup(
        self, node: Apply, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]
    ) -> str:
        """C statements to run after :meth:`c_code`, also when it failed."""
        self._undefined("c_code_cleanup")

    def c_support_code_apply(self, node: Apply, name: str) -> str:
        """C code outside any function, once per node."""
        self._undefined("c_support_code_apply")

    def c_init_code_apply(self, node: Apply, name: str) -> str:
        """C statements to run once per node, when the module is loaded."""
        self._undefined("c_init_code_apply")

    def c_init_code_struct(self, node: Apply, name: str, sub: Mapping[str, str]) -> str:
        """C statements for the constructor of the struct that a node's code lives in."""
        self._undefined("c_init_code_struct")

    def c_support_code_struct(self, node: Apply, name: str) -> str:
        """Members of the struct that a node's code lives in."""
        self._undefined("c_support_code_struct")

    def c_cleanup_code_struct(self, node: Apply, name: str) -> str:
        """C statements for the destructor of the struct that a node's code lives in."""
        self._undefined("c_cleanup_code_struct")


class CLinkerType(CLinkerObject):
    """The C side of a Type: how a Python value becomes C variables and back."""

    def c_element_type(self) -> str:
        """The C type of one element."""
        self._undefined("c_element_type")

    def c_is_simple(self) -> bool:
        """Whether the C value is plain data, which needs no cleanup."""
        return False

    def c_literal(self, data: Any) -> str:
        """C text of the value ``data``."""
        self._undefined("c_literal")

    def c_declare(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """C declarations of the variables that hold a value called ``name``."""
        self._undefined("c_declare")

    def c_init(self, name: str, sub: Mapping[str, str]) -> str:
        """C statements that put the variables into an empty state, from which cleanup is safe."""
        self._undefined("c_init")

    def c_extract(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """C statements that fill the variables from ``py_<name>``."""
        self._undefined("c_extract")

    def c_extract_out(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """As :meth:`c_extract`, for outputs, where ``py_<name>`` may be None: then as :meth:`c_init`."""
        return (
            f"if (py_{name} == Py_None)\n{{\n{self.c_init(name, sub)}\n}}\nelse\n{{\n"
            f"{ask_with_check(self.c_extract, name, sub, check_input)}\n}}"
        )

    def c_cleanup(self, name: str, sub: Mapping[str, str]) -> str:
        """C statements that release what the variables hold."""
        self._undefined("c_cleanup")

    def c_check(self, name: str, sub: Mapping[str, str]) -> str:
        """Fail where what an op's code left in ``<name>`` is no value of the Type: the next op would read it as one. No check by default."""
        return ""

    def c_sync(self, name: str, sub: Mapping[str, str]) -> str:
        """C statements that put the variables' value into ``py_<name>``."""
        self._undefined("c_sync")
