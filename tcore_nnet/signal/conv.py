"""Convolution of images with filters, each image with each filter: nothing is summed over channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcore import tensor as T
from tcore.graph import Variable
from tcore_nnet.correlation import Correlate, flipped, padded

__all__ = ["conv2d"]

#: hints of the convolution op of long ago; they change no result
_HINTS = ("unroll_batch", "unroll_kern", "unroll_patch", "openmp")


def conv2d(
    input: Any,
    filters: Any,
    image_shape: Sequence[Any] | None = None,
    filter_shape: Sequence[Any] | None = None,
    border_mode: str = "valid",
    subsample: Sequence[int] = (1, 1),
    **kargs: Any,
) -> Variable:
    """Two-dimensional convolution of images with filters, as ``scipy.signal.convolve2d``: filters are turned round.

    Parameters
    ----------
    input : tensor, shape (rows, cols) or (images, rows, cols)
    filters : tensor, shape (rows, cols) or (filters, rows, cols)
    image_shape, filter_shape : sequence of integers, optional
        Promised shapes of ``input`` and ``filters``, with as many entries as those have axes, None where nothing is promised. Another
        shape is then an AssertionError when the function runs.
    border_mode : {'valid', 'full'}
        Results where all of the filter lies in the image; or wherever they meet, with zeros around the image.
    subsample : two integers
        Only every so many rows and columns of the result, from the first on.
    **kargs
        ``unroll_batch``, ``unroll_kern``, ``unroll_patch`` and ``openmp`` are taken and change nothing.

    Returns
    -------
    tensor, shape ([images,] [filters,] rows, cols)
        Each leading axis is there if that input had one. The common dtype of the inputs.

    Raises
    ------
    TypeError
        If an input has neither two nor three axes, or there is an unknown keyword.
    ValueError
        If the border mode is unknown, ``subsample`` is not two whole numbers above 0, or a promised shape has a wrong number of
        entries; when the function runs, if a filter is empty, or longer than an image whose border mode is 'valid'.
    """
    unknown = sorted(set(kargs) - set(_HINTS))
    if unknown:
        raise TypeError(f"conv2d has no argument {unknown[0]!r}; beside its own it takes {', '.join(_HINTS)}")
    if border_mode not in ("valid", "full"):
        raise ValueError(f"conv2d knows the border modes 'valid' and 'full', got {border_mode!r}")
    if len(tuple(subsample)) != 2:
        raise ValueError(f"subsample needs two whole numbers, for rows and columns, got {subsample!r}")
    op = Correlate(tuple(subsample))
    images, several_images = _stack("input", input, "image_shape", image_shape)
    kernels, several_filters = _stack("filters", filters, "filter_shape", filter_shape)
    if border_mode == "full":
        images = padded(images, [(kernels.shape[axis] - 1,) * 2 for axis in (2, 3)])
    out: Any = op(images, flipped(kernels, 2))
    return out.dimshuffle(*([0] if several_images else []), *([1] if several_filters else []), 2, 3)  # type: ignore[no-any-return]


def _stack(name: str, value: Any, shape_name: str, shape: Sequence[Any] | None) -> tuple[Any, bool]:
    """A stack of images of one channel, and whether it was a stack before."""
    images: Any = T.as_tensor_variable(value)
    if images.ndim not in (2, 3):
        raise TypeError(f"{name} must be one image of 2 axes, or a stack of them of 3, got {images.type}")
    if shape is not None:
        if len(shape) != images.ndim:
            raise ValueError(f"{shape_name} must have an entry for each of the {images.ndim} axes of {name}, got {tuple(shape)}")
        images = T.specify_shape(images, [images.shape[axis] if length is None else length for axis, length in enumerate(shape)])
    several = images.ndim == 3
    return images.dimshuffle(*((0, "x", 1, 2) if several else ("x", "x", 0, 1))), several
