"""Ops whose work is a template of ``products.h``: their C++ side, through the documented interface of C code."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tcore.graph import MethodNotDefined, Op

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcore.graph import Apply

__all__ = ["NativeProduct"]


@cache
def _templates() -> str:
    return Path(__file__).with_name("products.h").read_text()


class NativeProduct(Op):
    """An op with a template for real numbers; complex ones and half floats are left to ``perform``: C++ has no arithmetic for NumPy's."""

    __slots__ = ()

    def c_support_code(self) -> str:
        """The templates, one copy for all ops of a module."""
        return _templates()

    def c_code_cache_version(self) -> tuple[int, ...]:
        """The text of the templates is part of the key."""
        return (1,)

    def c_code(self, node: Apply, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """A call of the template."""
        dtypes = [variable.type.dtype for variable in (*node.inputs, *node.outputs)]
        if any(dtype.startswith("complex") or dtype == "float16" for dtype in dtypes):
            raise MethodNotDefined(f"{self} has C code for real numbers of 32 bits and more", type(self), "c_code")
        number = np.dtype(node.outputs[0].type.dtype).num
        return f"if ({self.call(node, inputs, outputs[0], number)} < 0) {{ {sub['fail']} }}"

    def call(self, node: Apply, inputs: Sequence[str], out: str, number: int) -> str:
        """The C++ expression that computes ``out``, of NumPy's type ``number``, and is negative where it fails."""
        raise NotImplementedError
