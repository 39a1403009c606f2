"""A user's C text for one scalar operation, as an expression."""

from __future__ import annotations

from attrs import field

from tcore.codegen.expr import Axis, Expr, level_of
from tcore.records import frozen

__all__ = ["Opaque", "OpaqueCode"]


@frozen
class OpaqueCode:
    """A user's C text for one scalar operation.

    ``text`` reads ``tc_x0, tc_x1, …`` and assigns ``tc_z0, …``; ``support`` is placed once per
    source file before it.  Compares by content.
    """

    name: str
    text: str
    input_dtypes: tuple[str, ...]
    output_dtypes: tuple[str, ...]
    support: str = ""


@frozen(eq=False)
class Opaque(Expr):
    """Output number ``output`` of a user's C text applied to ``args``."""

    code: OpaqueCode
    args: tuple[Expr, ...]
    output: int
    axes: frozenset[Axis] = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "axes", level_of(self.args))

    @property
    def dtype(self) -> str:
        return self.code.output_dtypes[self.output]

    def __repr__(self) -> str:
        return f"{self.code.name}({', '.join(map(repr, self.args))})"
