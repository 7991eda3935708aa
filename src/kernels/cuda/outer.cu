// Outer products of the blocks of two rows, as grouped bilinear classifiers multiply them.
#include "common.cuh"

// Of rows of a width, in blocks: out[row, i, j] = one[row, i] * other[row, first of i's block + j]; `count` is
// rows * width, and a thread makes N of the j.
template <typename T, int N>
__device__ void outer(const T *one, const T *other, T *out, uint32_t count, uint32_t block) {
    uint64_t stride = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x;
    uint32_t strides = block / N, place = stride / strides, first = stride % strides * N;
    if (place >= count) return;
    float value = wide(one[place]);
    Values<T, N> values = load<N>(other + place / block * block + first);
    for (int k = 0; k < N; k++) values.at[k] = narrow<T>(value * wide(values.at[k]));
    store<N>(out + (uint64_t)place * block + first, values);
}

constexpr int WARPS = 8;
constexpr int MOST = 8;  // Columns of a lane: blocks of 256 at most.

// The gradients of both: of the first sums over j, of the other over i. A block of threads takes one of the blocks.
template <typename T>
__device__ void outer_backward(const T *one, const T *other, const T *grad, T *of_one, T *of_other, uint32_t block) {
    DYNAMIC_SHARED(float, sums);  // (warps, block)
    uint32_t first = blockIdx.x * block, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    float own[MOST], values[MOST];
    for (int k = 0; k < MOST; k++) {
        own[k] = 0.0f;
        values[k] = lane + 32 * k < block ? wide(other[first + lane + 32 * k]) : 0.0f;
    }
    for (uint32_t i = warp; i < block; i += WARPS) {
        float value = wide(one[first + i]), sum = 0.0f;
        const T *row = grad + (uint64_t)(first + i) * block;
#pragma unroll
        for (int k = 0; k < MOST; k++) {
            if (lane + 32 * k >= block) continue;
            float slope = wide(row[lane + 32 * k]);
            sum += slope * values[k];
            own[k] += slope * value;
        }
        sum = warp_sum(sum);
        if (lane == 0) of_one[first + i] = narrow<T>(sum);
    }
    for (int k = 0; k < MOST; k++)
        if (lane + 32 * k < block) sums[warp * block + lane + 32 * k] = own[k];
    __syncthreads();
    for (uint32_t j = threadIdx.x; j < block; j += blockDim.x) {
        float sum = 0.0f;
        for (int part = 0; part < WARPS; part++) sum += sums[part * block + j];
        of_other[first + j] = narrow<T>(sum);
    }
}

#define OUTER(T, SUFFIX, N)                                                                                            \
    extern "C" __global__ void outer_##SUFFIX##_##N(const T *one, const T *other, T *out, uint32_t count,              \
                                                    uint32_t block) {                                                  \
        outer<T, N>(one, other, out, count, block);                                                                    \
    }

#define BACKWARD(T, SUFFIX)                                                                                            \
    extern "C" __global__ void outer_backward_##SUFFIX(const T *one, const T *other, const T *grad, T *of_one,         \
                                                       T *of_other, uint32_t block) {                                  \
        outer_backward(one, other, grad, of_one, of_other, block);                                                     \
    }

OUTER(bf16, bf16, 8)
OUTER(bf16, bf16, 1)
OUTER(float, f32, 4)
OUTER(float, f32, 1)
BACKWARD(bf16, bf16)
BACKWARD(float, f32)
