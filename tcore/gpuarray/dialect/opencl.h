/* The portable kernel dialect on OpenCL C. */
#define TC_OPENCL 1
#ifdef cl_khr_fp64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif
#pragma OPENCL FP_CONTRACT OFF
#ifndef TC_GROUP_ID
#define TC_GROUP_ID(d) get_group_id(d)
#endif
#define KERNEL __kernel
#define WITHIN_KERNEL
#define GLOBAL_MEM __global
#define LOCAL_MEM __local
#define LOCAL_MEM_ARG __local
#define local_barrier() barrier(CLK_LOCAL_MEM_FENCE)
#define LID_0 get_local_id(0)
#define LID_1 get_local_id(1)
#define LID_2 get_local_id(2)
#define LDIM_0 get_local_size(0)
#define LDIM_1 get_local_size(1)
#define LDIM_2 get_local_size(2)
#define GID_0 TC_GROUP_ID(0)
#define GID_1 TC_GROUP_ID(1)
#define GID_2 TC_GROUP_ID(2)
#define GDIM_0 get_num_groups(0)
#define GDIM_1 get_num_groups(1)
#define GDIM_2 get_num_groups(2)
#define ga_bool uchar
#define ga_byte char
#define ga_ubyte uchar
#define ga_short short
#define ga_ushort ushort
#define ga_int int
#define ga_uint uint
#define ga_long long
#define ga_ulong ulong
#define ga_float float
#define ga_double double
#define ga_size ulong
#define ga_ssize long
/* half is storage only: vload_half and vstore_half are in every OpenCL C */
typedef struct { ushort bits; } ga_half;
static inline float ga_half2float(ga_half h) { return vload_half(0, (const half *)&h.bits); }
static inline ga_half ga_float2half(float f) { ga_half h; vstore_half_rte(f, 0, (half *)&h.bits); return h; }
