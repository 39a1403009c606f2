"""Correlation of stacks of images with stacks of filters, in any number of dimensions: what convolutions are made of.

One op, whose derivatives are correlations again: that for the filters is the correlation of the images with what comes back,
that for the images the correlation of what comes back, spread by the stride between zeros, with the filters turned round. So it
has derivatives of any order, and one implementation. Padding and turning filters round are views and copies around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tcore import tensor as T
from tcore.graph import Apply, MethodNotDefined, Variable
from tcore.graph.external_c import COp

__all__ = ["Correlate", "flipped", "padded"]


class Correlate(COp):
    """``out[b, f, i] = sum over c, k of x[b, c, i * stride + k * dilation] * filters[f, c, k]``, where all of the filter lies in the image.

    Inputs: images (batch, channels, …) and filters (filters, channels, …), as many axes after the first two as ``stride`` has
    entries. Output: (batch, filters, (n − (m − 1) dilation − 1) // stride + 1, …) for images of length n and filters of length m;
    the common dtype of the inputs, in which integers wrap.

    Raises ValueError, when it runs, for unequal numbers of channels, and for filters that are empty or longer than the images.
    """

    __props__ = ("stride", "dilation")
    # a kernel adds up each element of the output by itself, and takes 50 times as long as rows of them side by side
    prefers_c_code = True

    def __init__(self, stride: Sequence[int] = (1, 1), dilation: Sequence[int] | None = None) -> None:
        self.stride = _steps("stride", stride)
        self.dilation = _steps("dilation", (1,) * len(self.stride) if dilation is None else dilation)
        if len(self.stride) != len(self.dilation):
            raise ValueError(f"stride and dilation need as many entries, got {self.stride} and {self.dilation}")
        super().__init__("c_code/correlate.c", "APPLY_SPECIFIC(correlate)")

    @property
    def ndim(self) -> int:
        """Number of axes of an image."""
        return len(self.stride)

    def make_node(self, x: Any, filters: Any) -> Apply:
        """Checks dtypes and numbers of axes; both inputs are brought to their common dtype."""
        x, filters = T.as_tensor_variable(x), T.as_tensor_variable(filters)
        for what, each in (("images", x), ("filters", filters)):
            if each.ndim != self.ndim + 2:
                raise TypeError(f"the {what} must have {self.ndim + 2} axes, {self.ndim} of them after the first two, got {each.type}")
        dtype = str(np.promote_types(x.dtype, filters.dtype))
        if dtype == "bool":
            raise TypeError("truth values have no sum of products: cast the images or the filters to the type that is to hold it")
        x, filters = T.cast(x, dtype), T.cast(filters, dtype)
        flags = (x.type.broadcastable[0], filters.type.broadcastable[0], *(False,) * self.ndim)
        return Apply(self, [x, filters], [T.TensorType(dtype, flags)()])

    def out_lengths(self, lengths: Sequence[Any], filter_lengths: Sequence[Any]) -> list[Any]:
        """Lengths of the last axes of the output, for lengths of those of images and filters: numbers or symbolic integers."""
        return [(n - (m - 1) * d - 1) // s + 1 for n, m, s, d in zip(lengths, filter_lengths, self.stride, self.dilation, strict=True)]

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """A view of all windows, and one product of matrices."""
        x, filters = inputs
        self._check(x.shape, filters.shape)
        ndim = self.ndim
        spans = [(m - 1) * d + 1 for m, d in zip(filters.shape[2:], self.dilation, strict=True)]
        view = np.lib.stride_tricks.sliding_window_view(x, spans, axis=tuple(range(2, 2 + ndim)))
        steps = (*(slice(None, None, s) for s in self.stride), *(slice(None, None, d) for d in self.dilation))
        view = view[:, :, *steps]
        wide = "float32" if x.dtype == "float16" else x.dtype
        over = [1, *range(2 + ndim, 2 + 2 * ndim)], list(range(1, 2 + ndim))
        out = np.tensordot(view.astype(wide, copy=False), filters.astype(wide, copy=False), axes=over)
        output_storage[0][0] = np.ascontiguousarray(np.moveaxis(out, -1, 1), dtype=x.dtype)

    def _check(self, shape: Sequence[int], filter_shape: Sequence[int]) -> None:
        if shape[1] != filter_shape[1]:
            raise ValueError(f"images and filters must have as many channels: got {shape[1]} and {filter_shape[1]}")
        for axis, (n, m, d) in enumerate(zip(shape[2:], filter_shape[2:], self.dilation, strict=True), 2):
            if m < 1 or (m - 1) * d + 1 > n:
                raise ValueError(
                    "a filter has at least one element, and is nowhere longer than the image: "
                    f"along axis {axis} it has {m} elements, dilated by {d}, and the image {n}"
                )

    def c_support_code_apply(self, node: Apply, name: str) -> str:
        """The steps as arrays, then the file."""
        dtype = node.outputs[0].type.dtype  # type: ignore[attr-defined]
        if dtype == "float16" or dtype.startswith("complex"):
            raise MethodNotDefined(f"{self} has no C code for {dtype}", type(self), "c_code")
        steps = {"stride": self.stride, "dilation": self.dilation}
        arrays = [f"static const npy_intp {what}_{name}[] = {{{', '.join(map(str, values))}}};" for what, values in steps.items()]
        return "\n".join((*arrays, super().c_support_code_apply(node, name)))

    def c_code(self, node: Apply, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """A call of the function in the file."""
        self.c_support_code_apply(node, name)
        return super().c_code(node, name, inputs, outputs, sub)

    def c_code_cache_version(self) -> tuple[Any, ...]:
        """That of the file, with the steps."""
        return (*super().c_code_cache_version(), self.stride, self.dilation)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """(batch, filters, lengths)."""
        (batch, _, *lengths), (filters, _, *filter_lengths) = shapes
        return [(batch, filters, *self.out_lengths(lengths, filter_lengths))]

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Any]:
        """Correlations of what comes back with the filters and with the images."""
        x, filters = inputs
        (g,) = output_grads
        if x.dtype.startswith(("int", "uint")):
            return [x.zeros_like(dtype=g.dtype), filters.zeros_like(dtype=g.dtype)]
        return [
            T.patternbroadcast(self._for_images(x, filters, g), x.broadcastable),
            T.patternbroadcast(self._for_filters(x, filters, g), filters.broadcastable),
        ]

    def _for_images(self, x: Any, filters: Any, g: Any) -> Variable:
        """Each window of ``g``, spread by the stride between zeros, holds what an element of the image has gone into."""
        margins = [(filters.shape[2 + k] - 1) * d for k, d in enumerate(self.dilation)]
        lengths = [x.shape[2 + k] + margin for k, margin in enumerate(margins)]
        places = [slice(margin, margin + (g.shape[2 + k] - 1) * s + 1, s) for k, (margin, s) in enumerate(zip(margins, self.stride, strict=True))]
        room = T.zeros([g.shape[0], g.shape[1], *lengths], dtype=g.dtype)
        spread = T.set_subtensor(room[:, :, *places], g)
        return Correlate((1,) * self.ndim, self.dilation)(spread, _exchanged(flipped(filters, self.ndim)))  # type: ignore[return-value]

    def _for_filters(self, x: Any, filters: Any, g: Any) -> Variable:
        """Stride and dilation change places; behind the length of the filters lies what the stride leaves of the image."""
        made = Correlate(self.dilation, self.stride)(_exchanged(x), _exchanged(g))
        kept: Any = _exchanged(made)
        return kept[:, :, *(slice(filters.shape[2 + k]) for k in range(self.ndim))]  # type: ignore[no-any-return]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        """It is linear in each input."""
        x, filters = inputs
        terms = [self(dx, filters) for dx in eval_points[:1] if dx is not None] + [self(x, dw) for dw in eval_points[1:] if dw is not None]
        if not terms:
            return [None]
        return [terms[0] if len(terms) == 1 else terms[0] + terms[1]]  # type: ignore[operator]

    def flops(self, inputs: Sequence[Sequence[int]], outputs: Sequence[Sequence[int]]) -> int:
        """A product and a sum for each element of a filter and each element of the output."""
        return 2 * int(np.prod(outputs[0], dtype=object)) * int(np.prod(inputs[1][1:], dtype=object))


def _steps(name: str, value: Sequence[int]) -> tuple[int, ...]:
    steps = tuple(value)
    if not steps or not all(isinstance(each, (int, np.integer)) and not isinstance(each, bool) and each >= 1 for each in steps):
        raise ValueError(f"{name} must have a whole number of at least 1 for each axis of an image, got {value!r}")
    return tuple(map(int, steps))


def _exchanged(x: Any) -> Any:
    """The first two axes change places."""
    return x.dimshuffle(1, 0, *range(2, x.ndim))


def flipped(x: Any, ndim: int) -> Any:
    """The last ``ndim`` axes run backwards."""
    return x[(..., *(slice(None, None, -1),) * ndim)]


def padded(x: Any, pads: Sequence[tuple[Any, Any]]) -> Any:
    """``x`` between zeros: so many before and after each of its last axes, numbers or symbolic integers."""
    keep = x.ndim - len(pads)
    lengths = [x.shape[k] for k in range(keep)]
    lengths += [before + x.shape[keep + k] + after for k, (before, after) in enumerate(pads)]
    places = [slice(before, before + x.shape[keep + k]) for k, (before, _) in enumerate(pads)]
    return T.set_subtensor(T.zeros(lengths, dtype=x.dtype)[..., *places], x)
