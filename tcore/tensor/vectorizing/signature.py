"""NumPy's signatures of generalized functions: ``(n),(n,m)->(m)``."""

from __future__ import annotations

import re

from tcore.records import frozen

__all__ = ["Signature"]

_NAME = r"\s*[A-Za-z_]\w*\s*"
_CORE = rf"\s*\(\s*(?:{_NAME}(?:,{_NAME})*)?\)\s*"
_WHOLE = re.compile(rf"{_CORE}(?:,{_CORE})*->{_CORE}(?:,{_CORE})*")


@frozen
class Signature:
    """The names of the last axes of each input and of each output: those of one item."""

    inputs: tuple[tuple[str, ...], ...]
    outputs: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Signature:
        """From text such as ``(n),(n,m)->(m)``; ``()`` is a number.

        Raises
        ------
        ValueError
            If it is no signature.
        """
        if not isinstance(text, str) or not _WHOLE.fullmatch(text):
            raise ValueError(f"a signature names the axes of one item, as in '(n),(n,m)->(m)', got {text!r}")
        left, right = text.split("->")
        return cls(_cores(left), _cores(right))

    def __str__(self) -> str:
        return "->".join(",".join(f"({','.join(core)})" for core in side) for side in (self.inputs, self.outputs))


def _cores(side: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(name.strip() for name in core.split(",") if name.strip()) for core in re.findall(r"\(([^)]*)\)", side))
