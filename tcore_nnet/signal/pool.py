"""Down-sampling: the largest element, the sum or the average of windows over the last axes."""

from __future__ import annotations

import warnings
from typing import Any

from tcore import tensor as T
from tcore.graph import Variable
from tcore_nnet.pooling import MODES, Pool

__all__ = ["Pool", "max_pool_2d_same_size", "pool_2d", "pool_3d"]


def pool_2d(
    input: Any,
    ws: Any = None,
    ignore_border: bool | None = None,
    stride: Any = None,
    pad: Any = (0, 0),
    mode: str = "max",
    ds: Any = None,
    st: Any = None,
    padding: Any = None,
) -> Variable:
    """Each window over the last two axes of ``input`` as one number.

    Parameters
    ----------
    input : tensor, shape (..., rows, cols)
    ws : two integers, or an integer vector
        Size of a window: rows, columns. (2, 2) halves both axes.
    ignore_border : bool
        Whether windows that reach beyond the border are left out: with ws (2, 2), a (5, 5) input gives (2, 2), else (3, 3).
        None warns, and means False.
    stride : two integers, or an integer vector, optional
        From one window to the next; ``ws`` when omitted: windows side by side.
    pad : two integers, or an integer vector
        Places added above and below, and left and right; smaller than ``ws``.
    mode : {'max', 'sum', 'average_inc_pad', 'average_exc_pad'}
        What is made of a window. Only 'average_inc_pad' counts the padding, as zeros.
    ds, st, padding
        Deprecated names of ``ws``, ``stride`` and ``pad``.

    Returns
    -------
    tensor, as many axes as ``input``
        dtype of ``input``; for averages of integers float64. NaN where a window has one.

    Raises
    ------
    TypeError
        If ``input`` has less than two axes, or sizes are no integers.
    ValueError
        If ``ws`` is missing, an argument is given under both names, the mode is unknown, or sizes are out of range.
    """
    return _pooled("pool_2d", 2, input, ws, ignore_border, stride, pad, mode, ds, st, padding)


def pool_3d(
    input: Any,
    ws: Any = None,
    ignore_border: bool | None = None,
    stride: Any = None,
    pad: Any = (0, 0, 0),
    mode: str = "max",
    ds: Any = None,
    st: Any = None,
    padding: Any = None,
) -> Variable:
    """Each window over the last three axes of ``input`` as one number: :func:`pool_2d` with three entries in place of two.

    With ws (2, 2, 2), a (5, 5, 5) input gives (2, 2, 2) where the border is ignored, else (3, 3, 3).
    """
    return _pooled("pool_3d", 3, input, ws, ignore_border, stride, pad, mode, ds, st, padding)


def max_pool_2d_same_size(input: Any, patch_size: Any) -> Variable:
    """``input`` with all but the largest element of each patch set to 0; of equal ones the first stays.

    Parameters
    ----------
    input : tensor, shape (batch, channels, rows, cols)
    patch_size : two integers, or an integer vector
        Rows and columns of a patch; patches lie side by side, those at the border may be smaller.

    Returns
    -------
    tensor, shape and dtype of ``input``

    Raises
    ------
    TypeError
        If ``input`` has not four axes.
    """
    image = T.as_tensor_variable(input)
    if image.ndim != 4:
        raise TypeError(f"max_pool_2d_same_size needs an input of 4 axes (batch, channels, rows, cols), got {image.type}")
    op = Pool(ignore_border=False, mode="max", ndim=2)
    largest: Any = op(image, patch_size)
    vectors = largest.owner.inputs[1:]
    kept = op.put()(largest, op.positions(image, *vectors), op.lengths(image), *vectors)
    return T.patternbroadcast(kept, image.broadcastable)


def _pooled(
    function: str, ndim: int, image: Any, ws: Any, ignore_border: bool | None, stride: Any, pad: Any, mode: str, ds: Any, st: Any, padding: Any
) -> Variable:
    """Sorts out old names, then applies the op."""
    ws = _renamed(function, "ws", ws, None, "ds", ds)
    stride = _renamed(function, "stride", stride, None, "st", st)
    pad = _renamed(function, "pad", pad, (0,) * ndim, "padding", padding)
    if ws is None:
        raise ValueError(f"{function} needs ws, the size of a window: {ndim} integers")
    if mode not in MODES:
        raise ValueError(f"{function} knows the modes {', '.join(MODES)}; got {mode!r}")
    if ignore_border is None:
        warnings.warn(
            f"{function} without ignore_border keeps the windows at the border; say ignore_border=False, or True to leave them out",
            UserWarning,
            stacklevel=3,
        )
        ignore_border = False
    return Pool(ignore_border=ignore_border, mode=mode, ndim=ndim)(image, ws, stride, pad)  # type: ignore[return-value]


def _renamed(function: str, name: str, value: Any, default: Any, old_name: str, old_value: Any) -> Any:
    """The argument, which may be given under its old name."""
    if old_value is None:
        return value
    if value is not default and not (isinstance(value, (tuple, list)) and tuple(value) == default):
        raise ValueError(f"{function} got both {name} and {old_name}, its old name")
    warnings.warn(f"{old_name} of {function} is deprecated: write {name}", DeprecationWarning, stacklevel=4)
    return old_value
