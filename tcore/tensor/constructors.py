"""Variables by kind: ``dmatrix('x')``, ``vectors('a', 'b')``, ``tensor3(dtype='int32')`` …

The typed constructors are :class:`~tcore.tensor.type.TensorType` objects: ``dmatrix`` is a type, ``dmatrix('x')`` a
variable whose ``type`` it is. The untyped ones are functions, which read ``config.floatX`` when called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tcore.configuration import config
from tcore.graph.variable import Variable
from tcore.tensor.type import TensorType

#: letter in front of a typed constructor -> dtype
PREFIXES = {
    "b": "int8",
    "w": "int16",
    "i": "int32",
    "l": "int64",
    "d": "float64",
    "f": "float32",
    "c": "complex64",
    "z": "complex128",
}
#: kind -> broadcast pattern
KINDS: dict[str, tuple[bool, ...]] = {
    "scalar": (),
    "vector": (False,),
    "row": (True, False),
    "col": (False, True),
    "matrix": (False, False),
    **{f"tensor{ndim}": (False,) * ndim for ndim in range(3, 8)},
}
PLURALS = {kind: "matrices" if kind == "matrix" else f"{kind}s" for kind in KINDS}


def tensor(*args: Any, **kwargs: Any) -> Variable:
    """A variable of ``TensorType(*args, **kwargs)``; ``name=`` names the variable."""
    name = kwargs.pop("name", None)
    return TensorType(*args, **kwargs)(name)


class Untyped:
    """A constructor of variables of one kind, ``config.floatX`` unless a ``dtype`` is given."""

    def __init__(self, kind: str) -> None:
        self.__name__ = kind
        self.broadcastable = KINDS[kind]
        self.__doc__ = f"A variable of kind {kind}: broadcast pattern {self.broadcastable}, dtype config.floatX by default."

    def __call__(self, name: str | None = None, dtype: str | None = None) -> Variable:
        return TensorType(config.floatX if dtype is None else dtype, self.broadcastable)(name)

    def __repr__(self) -> str:
        return f"<tensor constructor {self.__name__}>"


class Plural:
    """A constructor of several variables: ``vectors('x', 'y')``, ``vectors(3)``, ``vectors('xyz')``."""

    def __init__(self, name: str, make: Callable[[str | None], Variable]) -> None:
        self.__name__ = name
        self.make = make
        self.__doc__ = f"Several variables at once: {name}('x', 'y') by name, {name}(2) without names, {name}('xy') by letter."

    def __call__(self, *names: Any) -> list[Variable]:
        if len(names) == 1:
            (only,) = names
            if isinstance(only, int):
                return [self.make(None) for _ in range(only)]
            if isinstance(only, (list, tuple)) or (isinstance(only, str) and len(only) > 1):
                return [self.make(name) for name in only]
        return [self.make(name) for name in names]

    def __repr__(self) -> str:
        return f"<tensor constructor {self.__name__}>"


def _all_constructors() -> dict[str, Any]:
    made: dict[str, Any] = {}
    for kind, pattern in KINDS.items():
        made[kind] = Untyped(kind)
        made[PLURALS[kind]] = Plural(PLURALS[kind], made[kind])
        for prefix, dtype in PREFIXES.items():
            typed = TensorType(dtype, pattern)
            made[prefix + kind] = typed
            made[prefix + PLURALS[kind]] = Plural(prefix + PLURALS[kind], typed)
    return made


_constructors = _all_constructors()
globals().update(_constructors)
__all__ = ["TensorType", "tensor", *_constructors]  # noqa: PLE0604 - names made above
