"""GpuEye: the worked example of a GPU op with a kernel of its own, and the identity matrix of every device."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from tcore.configuration import config
from tcore.gpuarray import array
from tcore.gpuarray.array import GpuArray
from tcore.gpuarray.contexts import get_context
from tcore.gpuarray.fp16_help import write_w
from tcore.gpuarray.kernel import GpuKernelBase, Kernel
from tcore.gpuarray.type import GpuArrayType, gpu_context_type
from tcore.gpuarray.typecodes import SIZE, SSIZE, dtype_to_ctype, dtype_to_typecode
from tcore.gradient import grad_undefined
from tcore.graph import Apply, Op, Variable
from tcore.tensor.conversion import as_tensor_variable

__all__ = ["GpuEye"]

_KERNEL = """#include "cluda.h"

KERNEL void eye(GLOBAL_MEM %(ctype)s *a, ga_size a_off, ga_size n, ga_size m, ga_ssize k) {
  a = (GLOBAL_MEM %(ctype)s *)(((GLOBAL_MEM char *)a) + a_off);
  ga_ssize coff = max(k, (ga_ssize)0);
  ga_ssize roff = -min(k, (ga_ssize)0);
  ga_size nb = (ga_size)min((ga_ssize)n - roff, (ga_ssize)m - coff);
  for (ga_size i = GID_0 * LDIM_0 + LID_0; i < nb; i += LDIM_0 * GDIM_0) {
    a[(i + roff) * m + i + coff] = %(write_a)s(1);
  }
}
"""

_CODE = """
{
  size_t dims[2] = {0, 0};
  ssize_t k;
  size_t col_off, row_off;
  int err;
  dims[0] = ((%(in_type_n)s *)PyArray_DATA(%(n)s))[0];
  dims[1] = ((%(in_type_m)s *)PyArray_DATA(%(m)s))[0];
  k = (ssize_t)((%(in_type_k)s *)PyArray_DATA(%(k)s))[0];
  Py_XDECREF(%(z)s);
  %(z)s = pygpu_zeros(2, dims, %(typecode)s, GA_C_ORDER, %(ctx)s, Py_None);
  if (%(z)s == NULL) {
    %(fail)s
  }
  col_off = k > 0 ? (size_t)k : 0;
  row_off = k < 0 ? (size_t)(-k) : 0;
  if (row_off < dims[0] && col_off < dims[1]) {
    size_t ls = 64, gs = 4;
    err = eye_call(1, &gs, &ls, 0, %(z)s->ga.data, %(z)s->ga.offset, dims[0], dims[1], k);
    if (err != GA_NO_ERROR) {
      PyErr_Format(PyExc_RuntimeError, "gpuarray error: kEye: %%s. n%%lu, m%%lu.", GpuKernel_error(&%(kname)s, err),
                   (unsigned long)dims[0], (unsigned long)dims[1]);
      %(fail)s
    }
  }
}
"""


class GpuEye(GpuKernelBase, Op):
    """Ones on diagonal ``k`` of an ``n`` by ``m`` matrix of zeros, made on the device.

    Parameters
    ----------
    dtype : str, optional
        ``config.floatX`` by default.
    context_name : hashable, optional
        Which device; the default one when left out.

    Notes
    -----
    A diagonal outside the matrix gives zeros, as NumPy does.
    """

    __props__ = ("dtype", "context_name")
    _f16_ok = True
    params_type = gpu_context_type

    def __init__(self, dtype: str | None = None, context_name: Hashable = None) -> None:
        self.dtype = config.floatX if dtype is None else dtype
        self.context_name = context_name

    def get_params(self, node: Apply) -> Any:
        """The context."""
        return get_context(self.context_name)

    def make_node(self, n: Any, m: Any, k: Any = 0) -> Apply:
        """Three integers, 0-d and on the host."""
        numbers = [as_tensor_variable(value) for value in (n, m, k)]
        for what, number in zip("nmk", numbers, strict=True):
            if number.ndim != 0 or not number.dtype.startswith(("int", "uint")):
                raise TypeError(f"{what} of {self} must be a 0-d integer, got {number.type}")
        return Apply(self, numbers, [GpuArrayType(self.dtype, (False, False), self.context_name)()])

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """(n, m)."""
        return [tuple(node.inputs[:2])]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Any]:
        """None of the three is differentiable: each is a size or a place."""
        return [grad_undefined(self, position, value) for position, value in enumerate(inputs)]

    def gpu_kernels(self, node: Apply, name: str) -> list[Kernel]:
        """One kernel: each work item writes every so many ones."""
        code = _KERNEL % {"ctype": dtype_to_ctype(self.dtype), "name": name, "write_a": write_w(self.dtype)}
        return [
            Kernel(
                code=code,
                name="eye",
                params=[GpuArray, SIZE, SIZE, SIZE, SSIZE],
                flags=Kernel.get_flags(self.dtype),
                objvar=f"k_eye_{name}",
            )
        ]

    def c_code(
        self, node: Apply, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]
    ) -> str:
        """Allocate zeros, launch."""
        n, m, k = inputs
        types = {f"in_type_{what}": f"npy_{v.type.dtype}" for what, v in zip("nmk", node.inputs, strict=True)}
        return _CODE % {
            "n": n, "m": m, "k": k, "z": outputs[0], "fail": sub["fail"], "ctx": sub["params"],
            "typecode": dtype_to_typecode(self.dtype), "kname": self.gpu_kernels(node, name)[0].objvar, **types,
        }  # fmt: skip

    def c_code_cache_version(self) -> tuple[int, ...]:
        """Version of the text above."""
        return (10,)

    def perform(
        self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None
    ) -> None:
        """The same without C code: made on the host and moved."""
        n, m, k = (int(value) for value in inputs)
        context = get_context(self.context_name)
        output_storage[0][0] = array.asarray(np.eye(n, m, k, dtype=self.dtype), context=context)
