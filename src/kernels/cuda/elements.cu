// Bias and activation, dropout, and sums over columns.
#include "common.cuh"

constexpr float ROOT_HALF = 0.70710678118654752f;
constexpr float ROOT_TAU = 0.39894228040143268f;  // 1 / sqrt(2 pi)

struct Straight {
    static __device__ float value(float u) { return u; }
    static __device__ float slope(float) { return 1.0f; }
};

struct Relu {
    // A comparison and not fmaxf, which would hide NaN.
    static __device__ float value(float u) { return u < 0.0f ? 0.0f : u; }
    static __device__ float slope(float u) { return u < 0.0f ? 0.0f : 1.0f; }
};

struct Gelu {
    static __device__ float below(float u) { return 0.5f * (1.0f + erff(u * ROOT_HALF)); }
    static __device__ float value(float u) { return u * below(u); }
    static __device__ float slope(float u) { return below(u) + u * ROOT_TAU * expf(-0.5f * u * u); }
};

// N values a thread; N divides the width, and a row has so many strides of N.
template <int N> struct Stride {
    uint64_t first;
    uint32_t column;

    __device__ Stride(uint32_t strides) {
        uint32_t stride = blockIdx.x * blockDim.x + threadIdx.x;
        first = (uint64_t)stride * N;
        column = stride % strides * N;
    }
};

template <typename A, typename T, int N>
__device__ void bias_forward(const T *x, const float *bias, T *out, uint64_t count, uint32_t width) {
    Stride<N> at(width / N);
    if (at.first >= count) return;
    Values<T, N> values = load<N>(x + at.first);
    for (int k = 0; k < N; k++) values.at[k] = narrow<T>(A::value(wide(values.at[k]) + bias[at.column + k]));
    store<N>(out + at.first, values);
}

// The gradient of x.
template <typename A, typename T, int N>
__device__ void bias_backward(const T *x, const float *bias, const T *grad, T *out, uint64_t count, uint32_t width) {
    Stride<N> at(width / N);
    if (at.first >= count) return;
    Values<T, N> values = load<N>(x + at.first), grads = load<N>(grad + at.first);
    for (int k = 0; k < N; k++)
        values.at[k] = narrow<T>(wide(grads.at[k]) * A::slope(wide(values.at[k]) + bias[at.column + k]));
    store<N>(out + at.first, values);
}

using Columns = float[64];

// Sums over the rows of a tile, `rows_of_tile` of them: `(rows, width)` → `(tiles, width)`. A block of (32, 8) threads
// takes 64 columns; its grid is (columns / 64, tiles).
template <typename T>
__device__ void column_sums(const T *x, float *out, uint32_t rows, uint32_t width, uint32_t rows_of_tile) {
    SHARED(Columns, sums, 8);
    uint32_t column = blockIdx.x * 64 + threadIdx.x * 2;
    uint32_t first = blockIdx.y * rows_of_tile, end = min(rows, first + rows_of_tile);
    float one = 0.0f, other = 0.0f;
    if (column < width) {
#pragma unroll 4
        for (uint32_t row = first + threadIdx.y; row < end; row += 8) {
            const T *at = x + (uint64_t)row * width + column;
            one += wide(at[0]);
            if (column + 1 < width) other += wide(at[1]);
        }
    }
    sums[threadIdx.y][threadIdx.x * 2] = one;
    sums[threadIdx.y][threadIdx.x * 2 + 1] = other;
    __syncthreads();
    uint32_t thread = threadIdx.y * 32 + threadIdx.x;
    if (thread < 64 && blockIdx.x * 64 + thread < width) {
        float sum = 0.0f;
        for (int part = 0; part < 8; part++) sum += sums[part][thread];
        out[(uint64_t)blockIdx.y * width + blockIdx.x * 64 + thread] = sum;
    }
}

// Masks come in parts of 4,096 values.
template <typename T>
__device__ void drop(const T *x, T *out, uint64_t count, uint64_t seed, uint32_t least, float scale) {
    // A block takes 1,024 values, so all of one part.
    uint64_t first = (uint64_t)blockIdx.x * 1024;
    Mask mask(seed, first / 4096, least, scale);
    for (uint32_t k = threadIdx.x; k < 1024 && first + k < count; k += blockDim.x)
        out[first + k] = narrow<T>(mask((first + k) % 4096, wide(x[first + k])));
}

#define BIAS(ACTIVATION, NAME, T, SUFFIX, N)                                                                           \
    extern "C" __global__ void bias_##NAME##_##SUFFIX(const T *x, const float *bias, T *out, uint64_t count,           \
                                                      uint32_t width) {                                                \
        bias_forward<ACTIVATION, T, N>(x, bias, out, count, width);                                                    \
    }                                                                                                                  \
    extern "C" __global__ void bias_##NAME##_backward_##SUFFIX(const T *x, const float *bias, const T *grad, T *out,   \
                                                               uint64_t count, uint32_t width) {                       \
        bias_backward<ACTIVATION, T, N>(x, bias, grad, out, count, width);                                             \
    }

#define ACTIVATIONS(T, SUFFIX, N)                                                                                      \
    BIAS(Straight, straight, T, SUFFIX, N)                                                                             \
    BIAS(Relu, relu, T, SUFFIX, N)                                                                                     \
    BIAS(Gelu, gelu, T, SUFFIX, N)

ACTIVATIONS(bf16, bf16_8, 8)
ACTIVATIONS(bf16, bf16_1, 1)
ACTIVATIONS(float, f32_4, 4)
ACTIVATIONS(float, f32_1, 1)

#define COLUMNS(T, SUFFIX)                                                                                             \
    extern "C" __global__ void column_sums_##SUFFIX(const T *x, float *out, uint32_t rows, uint32_t width,             \
                                                    uint32_t rows_of_tile) {                                           \
        column_sums(x, out, rows, width, rows_of_tile);                                                                \
    }                                                                                                                  \
    extern "C" __global__ void drop_##SUFFIX(const T *x, T *out, uint64_t count, uint64_t seed, uint32_t least,        \
                                             float scale) {                                                            \
        drop(x, out, count, seed, least, scale);                                                                       \
    }

COLUMNS(bf16, bf16)
COLUMNS(float, f32)
