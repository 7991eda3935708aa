// Rows by their places, sums over lists of rows, and softmax over rows.
#include "common.cuh"

constexpr uint32_t NO_ROW = 0xFFFFFFFFu;

// Row p of the result is row `places[p]` of x, or zeros. A block takes a row.
template <typename T> __device__ void gather(const T *x, const uint32_t *places, T *out, uint32_t width) {
    uint32_t place = places[blockIdx.x];
    out += (uint64_t)blockIdx.x * width;
    for (uint32_t column = threadIdx.x; column < width; column += blockDim.x)
        out[column] = place == NO_ROW ? narrow<T>(0.0f) : x[(uint64_t)place * width + column];
}

// Row r of the result is the sum of those rows of x that `sources[offsets[r] .. offsets[r + 1]]` names: the gradient of
// rows that were gathered, in a fixed order. A block takes a row.
template <typename T>
__device__ void sum_of_rows(const T *x, const uint32_t *offsets, const uint32_t *sources, T *out, uint32_t width) {
    uint32_t first = offsets[blockIdx.x], end = offsets[blockIdx.x + 1];
    for (uint32_t column = threadIdx.x; column < width; column += blockDim.x) {
        float sum = 0.0f;
#pragma unroll 8
        for (uint32_t place = first; place < end; place++) sum += wide(x[(uint64_t)sources[place] * width + column]);
        out[(uint64_t)blockIdx.x * width + column] = narrow<T>(sum);
    }
}

// A warp takes a row.
template <typename T> __device__ void softmax(const T *x, T *out, uint32_t rows, uint32_t width) {
    uint32_t row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (row >= rows) return;
    x += (uint64_t)row * width;
    out += (uint64_t)row * width;
    float most = -INFINITY, sum = 0.0f;
    for (uint32_t column = lane; column < width; column += 32) most = fmaxf(most, wide(x[column]));
    most = warp_most(most);
    for (uint32_t column = lane; column < width; column += 32) sum += expf(wide(x[column]) - most);
    float scale = 1.0f / warp_sum(sum);
    for (uint32_t column = lane; column < width; column += 32)
        out[column] = narrow<T>(expf(wide(x[column]) - most) * scale);
}

// p∘(g − Σ g∘p), of shares p and their gradient g.
template <typename T>
__device__ void softmax_backward(const T *shares, const T *grad, T *out, uint32_t rows, uint32_t width) {
    uint32_t row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (row >= rows) return;
    uint64_t first = (uint64_t)row * width;
    float mean = 0.0f;
    for (uint32_t column = lane; column < width; column += 32)
        mean += wide(shares[first + column]) * wide(grad[first + column]);
    mean = warp_sum(mean);
    for (uint32_t column = lane; column < width; column += 32)
        out[first + column] = narrow<T>(wide(shares[first + column]) * (wide(grad[first + column]) - mean));
}

#define ROWS(T, SUFFIX)                                                                                                \
    extern "C" __global__ void gather_##SUFFIX(const T *x, const uint32_t *places, T *out, uint32_t width) {           \
        gather(x, places, out, width);                                                                                 \
    }                                                                                                                  \
    extern "C" __global__ void sum_of_rows_##SUFFIX(const T *x, const uint32_t *offsets, const uint32_t *sources,      \
                                                    T *out, uint32_t width) {                                          \
        sum_of_rows(x, offsets, sources, out, width);                                                                  \
    }                                                                                                                  \
    extern "C" __global__ void softmax_##SUFFIX(const T *x, T *out, uint32_t rows, uint32_t width) {                   \
        softmax(x, out, rows, width);                                                                                  \
    }                                                                                                                  \
    extern "C" __global__ void softmax_backward_##SUFFIX(const T *shares, const T *grad, T *out, uint32_t rows,        \
                                                         uint32_t width) {                                             \
        softmax_backward(shares, grad, out, rows, width);                                                              \
    }

ROWS(bf16, bf16)
ROWS(float, f32)
