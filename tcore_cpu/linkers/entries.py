"""Native entries: the fast ways to call a function whose calls need no more than positions and storage.

Each returns ``NotImplemented``, before any effect, where a call needs the general path.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from tcore.compile.overwriting import make_room
from tcore.graph import Generic
from tcore.link.locks import hold, release
from tcore.scalar.type import Scalar
from tcore_cpu.native.kept import DTYPES
from tcore_cpu.runtime.loading import runtime
from tcore_cpu.runtime.slots import is_array

if TYPE_CHECKING:
    from tcore.link.container import StorageMap

__all__ = ["cells_entry", "is_plain", "program_entry"]


def is_plain(function: Any, fgraph: Any) -> bool:
    """Whether calls of a function only fill cells and return what is made: a native entry can do that."""
    explicit = function._plan.explicit
    return (
        function.output_keys is None
        and all(function.defaults[k][0] and not function.defaults[k][1] for k in explicit)
        and not any(output.borrow for output in function.outputs)
        and not any(isinstance(v.type, Scalar) or not hasattr(v.type, "broadcastable") for v in fgraph.outputs)
        and not any(container.strict for container in function.input_storage)
        # an entry checks arrays and numbers by itself; what other types take only their filter knows
        and all(is_array(kind) or isinstance(kind, Generic) for kind in (fgraph.inputs[k].type for k in explicit))
        and not any(function._plan.lasting[k] for k in explicit)
    )


def program_entry(program: Any, function: Any) -> Callable[..., Any]:
    """For a function that is one program: a frame of the program for each call in progress."""
    plan, returned = function._plan, len(function.outputs)
    implicit = [k for k in range(len(function.input_storage)) if k not in set(plan.explicit)]
    return runtime().Entry(  # type: ignore[no-any-return]
        program,
        (*plan.explicit, *implicit),
        tuple(function.input_storage[k].storage for k in implicit),
        tuple(range(returned, returned + len(plan.updated))),
        tuple(function.input_storage[k].storage for k in plan.updated),
        tuple(range(returned)),
        bool(function.unpack_single and returned == 1),
        tuple(plan.locks),
        hold,
        release,
    )


def cells_entry(
    run: Callable[[], Any], function: Any, fgraph: Any, storage_map: StorageMap, fail: Callable[[Exception], None] | None = None
) -> Callable[..., Any] | None:
    """For a function whose graph ``run`` computes on cells: one call in progress; None where the runtime has no such entry.

    ``fail`` is called with an exception of ``run``, and computes in another way or raises.
    """
    native = getattr(runtime(), "CellsEntry", None)
    if native is None:
        return None
    plan, returned = function._plan, len(function.outputs)
    made = [storage_map[variable] for variable in fgraph.outputs]
    return native(  # type: ignore[no-any-return]
        run,
        fail,
        tuple(_form(fgraph.inputs[k].type) for k in plan.explicit),
        tuple(function.input_storage[k].storage for k in plan.explicit),
        tuple(made[:returned]),
        tuple(made[returned:]),
        tuple(function.input_storage[k].storage for k in plan.updated),
        tuple(function.output_storage[k].storage for k in plan.emptied),
        bool(function.unpack_single and returned == 1),
        partial(make_room, function, function._first) if plan.destroyed else None,
        tuple(plan.locks),
        hold,
        release,
        function._busy.acquire,
        function._busy.release,
    )


def _form(kind: Any) -> tuple[int, int, int]:
    """How arrays of a type look to an entry: dtype, number of axes, and as bits which of these have length 1."""
    if not is_array(kind):
        return DTYPES["object"], 0, 0
    flags = getattr(kind, "broadcastable", ())
    return DTYPES[kind.dtype], len(flags), sum(1 << axis for axis, one in enumerate(flags) if one)
