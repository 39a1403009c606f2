/* The portable kernel dialect on CUDA C++. */
#define TC_CUDA 1
#ifndef TC_GROUP_ID
#define TC_GROUP_ID(d) ((d) == 0 ? blockIdx.x : (d) == 1 ? blockIdx.y : blockIdx.z)
#endif
#define KERNEL extern "C" __global__
#define WITHIN_KERNEL __device__
#define GLOBAL_MEM
#define LOCAL_MEM __shared__
#define LOCAL_MEM_ARG
#define local_barrier() __syncthreads()
#define LID_0 threadIdx.x
#define LID_1 threadIdx.y
#define LID_2 threadIdx.z
#define LDIM_0 blockDim.x
#define LDIM_1 blockDim.y
#define LDIM_2 blockDim.z
#define GID_0 TC_GROUP_ID(0)
#define GID_1 TC_GROUP_ID(1)
#define GID_2 TC_GROUP_ID(2)
#define GDIM_0 gridDim.x
#define GDIM_1 gridDim.y
#define GDIM_2 gridDim.z
typedef unsigned char ga_bool;
typedef signed char ga_byte;
typedef unsigned char ga_ubyte;
typedef short ga_short;
typedef unsigned short ga_ushort;
typedef int ga_int;
typedef unsigned int ga_uint;
typedef long long ga_long;
typedef unsigned long long ga_ulong;
typedef float ga_float;
typedef double ga_double;
typedef unsigned long long ga_size;
typedef long long ga_ssize;
/* half is storage only; the conversions are single instructions, written as such so that no header is needed */
struct ga_half { unsigned short bits; };
__device__ inline float ga_half2float(ga_half h) { float f; asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h.bits)); return f; }
__device__ inline ga_half ga_float2half(float f) { ga_half h; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h.bits) : "f"(f)); return h; }
