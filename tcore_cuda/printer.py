"""The CUDA C++ dialect, for NVRTC: no header is included."""

from __future__ import annotations

from typing import ClassVar

from tcore.codegen.gpu_program import GpuDialect
from tcore.codegen.printer import COMPLEX_TYPES, WIDE_COMPLEX_TYPES

__all__ = ["CudaDialect"]


class CudaDialect(GpuDialect):
    """CUDA C++."""

    name: ClassVar[str] = "cuda"
    function: ClassVar[str] = "TC_INLINE"
    preamble: ClassVar[str] = """\
typedef unsigned char tc_b8; typedef signed char tc_i8; typedef unsigned char tc_u8; typedef short tc_i16;
typedef unsigned short tc_u16; typedef int tc_i32; typedef unsigned int tc_u32; typedef long long tc_i64;
typedef unsigned long long tc_u64; typedef unsigned short tc_f16; typedef float tc_f32; typedef double tc_f64;
#define TC_INLINE static __device__ inline
#define TC_ERROR tc_i64 *
#define TC_I64(x) x##LL
#define TC_U64(x) x##ULL
#define TC_INFINITY __longlong_as_double(0x7ff0000000000000LL)
#define TC_NAN __longlong_as_double(0x7ff8000000000000LL)
#ifndef TC_GROUP_ID
#define TC_GROUP_ID(d) ((d) == 0 ? blockIdx.x : (d) == 1 ? blockIdx.y : blockIdx.z)
#endif
""" + COMPLEX_TYPES + WIDE_COMPLEX_TYPES
    user_code: ClassVar[str] = """\
typedef tc_i8 npy_int8; typedef tc_u8 npy_uint8; typedef tc_i16 npy_int16; typedef tc_u16 npy_uint16;
typedef tc_i32 npy_int32; typedef tc_u32 npy_uint32; typedef tc_i64 npy_int64; typedef tc_u64 npy_uint64;
typedef tc_f16 npy_float16; typedef tc_f32 npy_float32; typedef tc_f64 npy_float64; typedef tc_b8 npy_bool; typedef tc_i64 npy_intp;
"""
    #: one instruction each
    helpers: ClassVar[dict[tuple[str, str], str]] = {
        ("to_f32", "float16"): 'TC_INLINE tc_f32 tc_to_f32_f16(tc_f16 x) { tc_f32 y; asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x)); return y; }\n',
        ("to_f16", "float32"): 'TC_INLINE tc_f16 tc_to_f16_f32(tc_f32 x) { tc_f16 y; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y) : "f"(x)); return y; }\n',
        ("to_f16", "float64"): 'TC_INLINE tc_f16 tc_to_f16_f64(tc_f64 x) { tc_f16 y; asm("cvt.rn.f16.f64 %0, %1;" : "=h"(y) : "d"(x)); return y; }\n',
    }
    kernel = 'extern "C" __global__'
    pointer = ""
    shared = "__shared__"
    barrier = "__syncthreads();"
    thread = "(tc_i64)TC_GROUP_ID(0) * blockDim.x + threadIdx.x"
    threads = "(tc_i64)gridDim.x * blockDim.x"
    lane = "(tc_i64)threadIdx.x"
    lanes = "(tc_i64)blockDim.x"
    block = "(tc_i64)TC_GROUP_ID(0)"
    blocks = "(tc_i64)gridDim.x"
