// What a kernel is written in, for CUDA's compiler and for a CPU's.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#include <cuda_bf16.h>
#define DEVICE __device__ __forceinline__
// Memory that a block's threads share; not within a condition, nor after a thread may have ended.
#define SHARED(type, name, count) __shared__ __align__(16) type name[count]
// The same where the launch says how many there are.
#define DYNAMIC_SHARED(type, name) extern __shared__ type name[]
#else
#include "emulate/emulate.h"
#endif

typedef __nv_bfloat16 bf16;
