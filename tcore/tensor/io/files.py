"""``load``: an array out of a file, read when the function runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import field

from tcore.graph import Apply, Constant, Op, Variable, generic
from tcore.graph.null_type import grad_undefined
from tcore.records import frozen
from tcore.scalar.dtypes import dtype_name
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LoadFromDisk", "load"]


def _mmap_mode(mode: Any) -> Literal["c"] | None:
    if mode not in (None, "c"):
        raise ValueError(
            f"mmap_mode is None (read into memory) or 'c' (mapped, changes stay in memory), got {mode!r}: a function that writes into a file would not be one"
        )
    return mode  # type: ignore[no-any-return]


@frozen
class LoadFromDisk(Op):
    """The path of an ``.npy`` file -> the array in it. It is read at each call."""

    dtype: str = field(converter=dtype_name)
    broadcastable: tuple[bool, ...] = field(converter=lambda flags: tuple(bool(flag) for flag in flags))
    mmap_mode: Literal["c"] | None = field(default=None, converter=_mmap_mode)

    def make_node(self, path: Any) -> Apply:
        if isinstance(path, (str, os.PathLike)):
            path = Constant(generic, os.fspath(path))
        if not isinstance(path, Variable) or path.type != generic:
            raise TypeError(f"load takes the path of a file as a Generic variable or a text, got {path!r}")
        return Apply(self, [path], [TensorType(self.dtype, self.broadcastable)()])

    def do_constant_folding(self, node: Apply) -> bool:
        """Never: what the file holds is asked at each call."""
        return False

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        (path,) = inputs
        found = np.load(path, mmap_mode=self.mmap_mode, allow_pickle=False)
        if not isinstance(found, np.ndarray):
            found.close()
            raise TypeError(f"{path} holds several arrays; load reads files of one array, as numpy.save writes them")
        if found.dtype != self.dtype:
            raise TypeError(f"{path} holds an array of dtype {found.dtype}, load was told {self.dtype}")
        if found.ndim != len(self.broadcastable) or any(flag and length != 1 for flag, length in zip(self.broadcastable, found.shape, strict=True)):
            raise TypeError(f"{path} holds an array of shape {found.shape}, which does not fit the broadcast pattern {self.broadcastable}")
        output_storage[0][0] = np.asarray(found)

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """There is none for a path."""
        return [grad_undefined(self, 0, inputs[0], "a path is no number")]

    def __str__(self) -> str:
        return f"LoadFromDisk{{dtype: {self.dtype}, broadcastable: {self.broadcastable}, mmap_mode: {self.mmap_mode}}}"


def load(path: Any, dtype: Any, broadcastable: Sequence[bool], mmap_mode: Literal["c"] | None = None) -> Variable:
    """The array that a file holds when the function is called.

    Parameters
    ----------
    path : Generic variable, str or path
        An ``.npy`` file, as :func:`numpy.save` writes it.
    dtype : dtype
        That of the array in the file.
    broadcastable : sequence of bool
        Its broadcast pattern: ``(False,)`` for a vector, ``(False, True)`` for a column.
    mmap_mode : None or 'c'
        None reads the file into memory; 'c' maps it, so that only the parts that are used are read.

    Raises
    ------
    ValueError
        For another ``mmap_mode``.
    TypeError, OSError
        When the function runs, if the file is not there, or holds something else.
    """
    return LoadFromDisk(dtype, broadcastable, mmap_mode)(path)  # type: ignore[return-value]
