"""Ops whose C code depends on the Type of their input: a table per op, filled by those who make Types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tcore.graph.op import FieldlessOp
from tcore.records import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcore.graph.apply import Apply

__all__ = ["PerTypeCode", "TypeCode"]


@frozen
class TypeCode:
    """What was registered for a Type class.

    Attributes
    ----------
    code : str
        C code with ``%(iname)s``, ``%(oname)s``, ``%(fail)s`` and what the op adds.
    version : int or tuple
        ``()`` keeps compiled code out of the store.
    check_input : str
        C code before ``code``; fails where the value is not fit for the op.
    support : str, optional
        C code outside any function.
    """

    code: str
    version: Any = ()
    check_input: str = ""
    support: str | None = None


class PerTypeCode(FieldlessOp):
    """Base of ops that have C code where somebody registered it for the class of their first input's type.

    A class that is not in the table has the code of its nearest base class that is.
    """

    _f16_ok = True
    #: class of a Type -> its code
    c_code_and_version: ClassVar[dict[type, TypeCode]]

    @classmethod
    def register_c_code(cls, typ: type, entry: TypeCode) -> None:
        """Put ``entry`` into the table; raises TypeError for an instance of a Type instead of its class."""
        if not isinstance(typ, type):
            raise TypeError(f"C code of {cls.__name__} is registered for the class of a Type, got the object {typ!r}")
        cls.c_code_and_version[typ] = entry

    def type_code(self, node: Apply) -> TypeCode | None:
        """The entry for the type of the node's first input."""
        for cls in type(node.inputs[0].type).__mro__:
            if cls in self.c_code_and_version:
                return self.c_code_and_version[cls]
        return None

    def c_code(self, node: Apply, name: str, inames: Sequence[str], onames: Sequence[str], sub: Mapping[str, str]) -> str:
        """The registered code of the input's type; without any, as of other ops that define none."""
        entry = self.type_code(node)
        if entry is None:
            return super().c_code(node, name, inames, onames, sub)
        return self.filled_in(entry, inames, onames, sub)

    def filled_in(self, entry: TypeCode, inames: Sequence[str], onames: Sequence[str], sub: Mapping[str, str]) -> str:
        """The code of ``entry`` with the names of a node; ops override it that have more to say."""
        return entry.code % {"iname": inames[0], "oname": onames[0], **sub}

    def c_support_code_apply(self, node: Apply, name: str) -> str:
        """The support code registered with the code."""
        entry = self.type_code(node)
        return super().c_support_code_apply(node, name) if entry is None or entry.support is None else entry.support

    def c_code_cache_version_apply(self, node: Apply) -> tuple[Any, ...]:
        """The version that was registered with the code of the input's type."""
        entry = self.type_code(node)
        return () if entry is None else _as_tuple(entry.version)

    def c_code_cache_version(self) -> tuple[Any, ...]:
        """The versions of all registered code, by name of the class; ``()`` if one has none."""
        versions = []
        for typ, entry in sorted(self.c_code_and_version.items(), key=lambda item: f"{item[0].__module__}.{item[0].__qualname__}"):
            version = _as_tuple(entry.version)
            if not version:
                return ()
            versions.append((f"{typ.__module__}.{typ.__qualname__}", version))
        return tuple(versions)


def _as_tuple(version: Any) -> tuple[Any, ...]:
    return tuple(version) if isinstance(version, (tuple, list)) else (version,)
