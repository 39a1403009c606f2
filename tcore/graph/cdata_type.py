"""C pointers that ops hand to each other: opaque to Python, freed with the last reference."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from attrs import field
from attrs.validators import instance_of, optional

from tcore.above import from_above
from tcore.graph.apply import Apply
from tcore.graph.op import Op
from tcore.graph.type import Type, generic
from tcore.graph.variable import Variable
from tcore.records import frozen

__all__ = ["CDataType"]

#: the class of PyCapsule objects, which Python 3.13 calls types.CapsuleType
_Capsule = type(dt.datetime_CAPI)


@frozen(slots=False, str=False)
class CDataType(Type):
    """A C pointer in the hands of ops' C code: in Python a capsule, or None for NULL.

    Parameters
    ----------
    ctype : str
        The C type, complete with its ``*``.
    freefunc : str, optional
        A C function or macro ``void freefunc(ctype)`` to call with the pointer when its last reference goes. Without it, nothing is.
    headers, header_dirs, libraries, lib_dirs, compile_args : sequence of str
        What code that uses the pointer needs.
    extra_support_code : str
        C code to put before it.
    version : optional
        Changes when that code changes.
    """

    ctype: str = field(validator=instance_of(str))
    freefunc: str | None = field(default=None, validator=optional(instance_of(str)))
    headers: tuple[str, ...] = field(default=(), converter=tuple)
    header_dirs: tuple[str, ...] = field(default=(), converter=tuple)
    libraries: tuple[str, ...] = field(default=(), converter=tuple)
    lib_dirs: tuple[str, ...] = field(default=(), converter=tuple)
    compile_args: tuple[str, ...] = field(default=(), converter=tuple)
    extra_support_code: str = field(default="", validator=instance_of(str))
    version: Any = None

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """``value``, which must be a capsule or None."""
        if value is not None and not isinstance(value, _Capsule):
            raise TypeError(f"{self} takes capsules and None, got {value!r} of {type(value).__name__}; make_value wraps an address")
        return value

    def make_value(self, ptr: int) -> Any:
        """A value of this type that holds the address ``ptr``, and owns it where there is a ``freefunc``.

        The type's own C code makes it, so this needs a C++ compiler and a backend that compiles users' C code.
        """
        if isinstance(ptr, bool) or not isinstance(ptr, int):
            raise TypeError(f"the address of a pointer is an int, got {ptr!r}")
        return _wrapper_of(self)(ptr)

    def values_eq(self, a: Any, b: Any) -> bool:
        """Whether both are one object: what a pointer points to is unknown."""
        return a is b

    def __str__(self) -> str:
        return f"CDataType{{{self.ctype}}}"

    # ------------------------------------------------------------ in C

    def _destructor(self) -> str:
        """The name of the C function that a capsule calls when it goes."""
        import hashlib  # loads OpenSSL, which only generated C code needs

        return f"tcore_free_{hashlib.sha256(repr(self).encode()).hexdigest()[:16]}"

    def c_support_code(self) -> list[str]:
        """The user's own, and the destructor of capsules."""
        if self.freefunc is None:
            return [self.extra_support_code]
        destructor = f"""static void {self._destructor()}(PyObject* capsule) {{
    void* pointer = PyCapsule_GetPointer(capsule, NULL);
    if (pointer) {self.freefunc}(({self.ctype}) pointer);
    else PyErr_WriteUnraisable(capsule);
}}
"""
        return [self.extra_support_code, destructor]

    def c_declare(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """The pointer."""
        return f"{self.ctype} {name};\n"

    def c_init(self, name: str, sub: Mapping[str, str]) -> str:
        """NULL."""
        return f"{name} = NULL;\n"

    def c_extract(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """The address in the capsule, which goes on owning it; NULL for None."""
        return f"""
    {name} = NULL;
    if (py_{name} != Py_None) {{
        {name} = ({self.ctype}) PyCapsule_GetPointer(py_{name}, NULL);
        if ({name} == NULL) {{
            {sub["fail"]}
        }}
    }}
"""

    def c_sync(self, name: str, sub: Mapping[str, str]) -> str:
        """A capsule that owns the pointer from now on; None for NULL."""
        destructor = "NULL" if self.freefunc is None else self._destructor()
        return f"""
    {{
        PyObject* tc_capsule = Py_None;
        if ({name} == NULL) Py_INCREF(Py_None);
        else tc_capsule = PyCapsule_New((void*) {name}, NULL, {destructor});
        if (tc_capsule == NULL) {{
            Py_INCREF(Py_None);
            tc_capsule = Py_None;
            {sub["fail"]}
        }}
        Py_XDECREF(py_{name});
        py_{name} = tc_capsule;
    }}
"""

    def c_cleanup(self, name: str, sub: Mapping[str, str]) -> str:
        """Nothing: capsules own pointers, and an op that fails frees what it made."""
        return ""

    def c_headers(self) -> Sequence[str]:
        """``headers``."""
        return self.headers

    def c_header_dirs(self) -> Sequence[str]:
        """``header_dirs``."""
        return self.header_dirs

    def c_libraries(self) -> Sequence[str]:
        """``libraries``."""
        return self.libraries

    def c_lib_dirs(self) -> Sequence[str]:
        """``lib_dirs``."""
        return self.lib_dirs

    def c_compile_args(self) -> Sequence[str]:
        """``compile_args``."""
        return self.compile_args

    def c_code_cache_version(self) -> tuple[Any, ...]:
        """Version of this text, and of the user's."""
        return (1, self.version)


@frozen(slots=False)
class _FromAddress(Op):
    """An address, a Python int, as a pointer of ``type``: C code alone."""

    type: CDataType

    def make_node(self, address: Variable) -> Apply:
        return Apply(self, [address], [self.type()])

    def c_code(self, node: Apply, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        return f"""
    {outputs[0]} = ({self.type.ctype}) PyLong_AsVoidPtr({inputs[0]});
    if (PyErr_Occurred()) {{
        {sub["fail"]}
    }}
"""

    def c_code_cache_version(self) -> tuple[Any, ...]:
        return (1,)


@lru_cache(maxsize=64)
def _wrapper_of(type_: CDataType) -> Any:
    """The compiled function from an address to a value."""
    address, function, mode = generic(), from_above("function"), from_above("Mode")
    return function([address], _FromAddress(type_)(address), mode=mode("cvm", None))
