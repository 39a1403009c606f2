"""Matrix products on a device without a BLAS of its own: one kernel in the portable dialect, for one product and for those of a batch.

C = alpha * A · B + beta * C, tile by tile through local memory, item by item along the third axis of the grid. Operands have any strides, so transposes cost nothing; a vector is
a matrix with one row or column. The order of summation is that of the inner axis, whatever the group size: results do not
depend on the launch. With beta = 0 the old content of C is never read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tcore.gpuarray.array import GpuArray
from tcore.gpuarray.dialect import resolve
from tcore.gpuarray.runtime import DeviceError, GpuContext, KernelHandle, LaunchShape
from tcore.gpuarray.typecodes import device_ctype

__all__ = ["batched_gemm", "gemm", "gemm_source"]

_TILE = 16
#: groups along the third axis of a grid: CUDA's limit; each takes several items of a longer batch
_MOST_ITEMS = 65535

_SOURCE = """#include "cluda.h"

#define TILE {tile}

/* strides and offsets count elements */
KERNEL void tc_gemm(
    ga_size items, ga_size m, ga_size n, ga_size k, {ctype} alpha, {ctype} beta,
    GLOBAL_MEM const {ctype} *a, ga_size a_off, ga_ssize a_item, ga_ssize a_row, ga_ssize a_col,
    GLOBAL_MEM const {ctype} *b, ga_size b_off, ga_ssize b_item, ga_ssize b_row, ga_ssize b_col,
    GLOBAL_MEM {ctype} *c, ga_size c_off, ga_ssize c_item, ga_ssize c_row, ga_ssize c_col) {{
  LOCAL_MEM {ctype} a_tile[TILE][TILE + 1];
  LOCAL_MEM {ctype} b_tile[TILE][TILE + 1];
  const ga_size x = LID_0, y = LID_1;
  const ga_size row = GID_1 * TILE + y, col = GID_0 * TILE + x;
  a += a_off;
  b += b_off;
  c += c_off;
  for (ga_size item = GID_2; item < items; item += GDIM_2) {{
    GLOBAL_MEM const {ctype} *left = a + (ga_ssize)item * a_item;
    GLOBAL_MEM const {ctype} *right = b + (ga_ssize)item * b_item;
    {ctype} sum = 0;
    for (ga_size start = 0; start < k; start += TILE) {{
      a_tile[y][x] = row < m && start + x < k ? left[(ga_ssize)row * a_row + (ga_ssize)(start + x) * a_col] : 0;
      b_tile[y][x] = start + y < k && col < n ? right[(ga_ssize)(start + y) * b_row + (ga_ssize)col * b_col] : 0;
      local_barrier();
      const ga_size stop = k - start < TILE ? k - start : TILE;
      for (ga_size i = 0; i < stop; i++) sum += a_tile[y][i] * b_tile[i][x];
      local_barrier();
    }}
    if (row < m && col < n) {{
      GLOBAL_MEM {ctype} *place = c + (ga_ssize)item * c_item + (ga_ssize)row * c_row + (ga_ssize)col * c_col;
      *place = beta == 0 ? alpha * sum : alpha * sum + beta * *place;
    }}
  }}
}}
"""


def gemm_source(dtype: str) -> str:
    """The kernel's text in the portable dialect, for ``"float32"`` or ``"float64"``."""
    return _SOURCE.format(tile=_TILE, ctype=device_ctype(dtype))


_kernels: dict[tuple[str, str], KernelHandle] = {}


def _kernel(context: GpuContext, dtype: str) -> KernelHandle:
    key = (context.device_name, dtype)
    if key not in _kernels:
        if dtype == "float64" and not context.has_double:
            raise DeviceError(f"{context.device_name} has no float64")
        _kernels[key] = context.compile(resolve(gemm_source(dtype), context.kind), "tc_gemm")
    return _kernels[key]


def gemm(alpha: Any, a: GpuArray, b: GpuArray, beta: Any, c: GpuArray) -> None:
    """``c = alpha * a · b + beta * c``, in place.

    Parameters
    ----------
    alpha, beta : number
    a, b, c : GpuArray
        Shapes (m, k), (k, n) and (m, n), of one floating dtype and context, with any strides.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    TypeError
        If the dtypes differ or are not float32 or float64.
    """
    (m, k), (k2, n) = a.shape, b.shape
    if k != k2 or c.shape != (m, n):
        raise ValueError(f"shapes do not fit: {a.shape} times {b.shape} into {c.shape}")
    _multiply(1, alpha, a, b, beta, c)


def batched_gemm(a: GpuArray, b: GpuArray, c: GpuArray) -> None:
    """``c[i] = a[i] · b[i]`` for all items; ``c`` is not read.

    Parameters
    ----------
    a, b, c : GpuArray
        Shapes (items, m, k), (items, k, n) and (items, m, n), of one floating dtype and context, with any strides.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    TypeError
        If the dtypes differ or are not float32 or float64.
    """
    (items, m, k), (items2, k2, n) = a.shape, b.shape
    if items != items2 or k != k2 or c.shape != (items, m, n):
        raise ValueError(f"shapes do not fit: {a.shape} times {b.shape} into {c.shape}")
    _multiply(items, 1, a, b, 0, c)


def _multiply(items: int, alpha: Any, a: GpuArray, b: GpuArray, beta: Any, c: GpuArray) -> None:
    """The product of matrices, or those of all items where there is an axis for them."""
    m, k, n = *a.shape[-2:], b.shape[-1]
    dtype = str(c.dtype)
    if not a.dtype == b.dtype == c.dtype or dtype not in ("float32", "float64"):
        raise TypeError(f"matrix products on devices take float32 or float64 throughout, got {a.dtype}, {b.dtype} and {c.dtype}")
    if m == 0 or n == 0 or items == 0:
        return
    real, size, step = c.dtype.type, np.uint64, np.int64
    item = c.dtype.itemsize

    def operand(x: GpuArray) -> list[Any]:
        strides = (0, *x.strides)[-3:]
        return [x.data, size(x.offset // item), *(step(stride // item) for stride in strides)]

    arguments = [size(items), size(m), size(n), size(k), real(alpha), real(beta), *operand(a), *operand(b), *operand(c)]
    shape = LaunchShape(grid=(-(-n // _TILE), -(-m // _TILE), min(items, _MOST_ITEMS)), block=(_TILE, _TILE, 1))
    c.context.launch(_kernel(c.context, dtype), shape, arguments, reads=[a.data, b.data], writes=[c.data])
