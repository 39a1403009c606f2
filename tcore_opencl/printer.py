"""The OpenCL C dialect."""

from __future__ import annotations

from typing import ClassVar

from tcore.codegen.gpu_program import GpuDialect
from tcore.codegen.printer import COMPLEX_TYPES, WIDE_COMPLEX_TYPES

__all__ = ["OpenCLDialect"]


class OpenCLDialect(GpuDialect):
    """OpenCL C 1.2: mathematics is overloaded, so float32 has no names of its own.

    ``TC_GROUP_ID`` may be defined before the source: tests use it to shuffle the order of groups.
    """

    name: ClassVar[str] = "opencl"
    suffixed: ClassVar[bool] = False
    function: ClassVar[str] = "TC_INLINE"
    preamble: ClassVar[str] = """\
/* TC_ANY_BLOCK: results do not depend on the size of groups. */
#ifdef cl_khr_fp64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif
#pragma OPENCL FP_CONTRACT OFF
typedef uchar tc_b8; typedef char tc_i8; typedef uchar tc_u8; typedef short tc_i16; typedef ushort tc_u16;
typedef int tc_i32; typedef uint tc_u32; typedef long tc_i64; typedef ulong tc_u64; typedef ushort tc_f16; typedef float tc_f32;
#ifdef cl_khr_fp64
typedef double tc_f64;
#endif
#define TC_INLINE static inline
#define TC_ERROR __global tc_i64 *
#define TC_I64(x) x##L
#define TC_U64(x) x##UL
#define TC_INFINITY INFINITY
#define TC_NAN NAN
#ifndef TC_GROUP_ID
#define TC_GROUP_ID(d) get_group_id(d)
#endif
""" + f"{COMPLEX_TYPES}#ifdef cl_khr_fp64\n{WIDE_COMPLEX_TYPES}#endif\n"
    user_code: ClassVar[str] = """\
typedef tc_i8 npy_int8; typedef tc_u8 npy_uint8; typedef tc_i16 npy_int16; typedef tc_u16 npy_uint16;
typedef tc_i32 npy_int32; typedef tc_u32 npy_uint32; typedef tc_i64 npy_int64; typedef tc_u64 npy_uint64;
typedef tc_b8 npy_bool; typedef tc_i64 npy_intp; typedef tc_f16 npy_float16; typedef tc_f32 npy_float32;
#ifdef cl_khr_fp64
typedef tc_f64 npy_float64;
#endif
"""
    kernel = "__kernel"
    pointer = "__global"
    shared = "__local"
    barrier = "barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);"
    thread = "(tc_i64)TC_GROUP_ID(0) * get_local_size(0) + get_local_id(0)"
    threads = "(tc_i64)get_num_groups(0) * get_local_size(0)"
    lane = "(tc_i64)get_local_id(0)"
    lanes = "(tc_i64)get_local_size(0)"
    block = "(tc_i64)TC_GROUP_ID(0)"
    blocks = "(tc_i64)get_num_groups(0)"
