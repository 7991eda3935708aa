// LN(dropout(x + bias) + residual)·weight + shift, row by row, in one pass: a warp takes a row, and holds it.
#include "common.cuh"

constexpr int WARPS = 4;  // Rows of a block at a time.

struct Row {
    const float *bias, *weight, *shift;
    uint32_t width;
    float epsilon;
};

// P pairs of columns a lane: 64·P columns at most.
template <typename T, int P> struct Held {
    float at[2 * P];

    __device__ static uint32_t column(int pair) { return (threadIdx.x % 32 + 32 * pair) * 2; }

    // The normalised sum, before weight and shift; returns 1 / deviation.
    __device__ float normalize(const T *x, const T *residual, const Row &row, const Mask &mask) {
        float sum = 0.0f;
#pragma unroll
        for (int pair = 0; pair < P; pair++) {
            uint32_t first = column(pair);
            at[2 * pair] = at[2 * pair + 1] = 0.0f;
            if (first >= row.width) continue;
            Values<T, 2> of_x = load<2>(x + first), of_residual = load<2>(residual + first);
#pragma unroll
            for (int k = 0; k < 2; k++) {
                float value = mask(first + k, wide(of_x.at[k]) + row.bias[first + k]);
                sum += at[2 * pair + k] = value + wide(of_residual.at[k]);
            }
        }
        float mean = warp_sum(sum) / row.width, squares = 0.0f;
#pragma unroll
        for (int pair = 0; pair < P; pair++)
#pragma unroll
            for (int k = 0; k < 2; k++)
                if (column(pair) < row.width) {
                    at[2 * pair + k] -= mean;
                    squares += at[2 * pair + k] * at[2 * pair + k];
                }
        float scale = rsqrtf(warp_sum(squares) / row.width + row.epsilon);
#pragma unroll
        for (int k = 0; k < 2 * P; k++) at[k] *= scale;
        return scale;
    }
};

template <typename T, int P>
__device__ void forward(const T *x, const T *residual, const Row &row, T *out, uint32_t rows, uint64_t seed,
                        uint32_t least, float scale) {
    uint32_t place = blockIdx.x * WARPS + threadIdx.x / 32;
    if (place >= rows) return;
    uint64_t first = (uint64_t)place * row.width;
    Held<T, P> held;
    held.normalize(x + first, residual + first, row, Mask(seed, place, least, scale));
#pragma unroll
    for (int pair = 0; pair < P; pair++) {
        uint32_t column = held.column(pair);
        if (column >= row.width) continue;
        Values<T, 2> values;
#pragma unroll
        for (int k = 0; k < 2; k++)
            values.at[k] = narrow<T>(held.at[2 * pair + k] * row.weight[column + k] + row.shift[column + k]);
        store<2>(out + first + column, values);
    }
}

// With n the normalised row and g = grad∘weight: (g − mean(g) − n·mean(g∘n)) / deviation is the residual's gradient,
// and masked that of x. Sums over rows for bias, weight and shift go to `affine`, `(blocks, 3·width)`, and are added up
// afterwards. A block takes `rows_of_block` rows.
template <typename T, int P>
__device__ void backward(const T *x, const T *residual, const T *grad, const Row &row, T *of_x, T *of_residual,
                         float *affine, uint32_t rows, uint32_t rows_of_block, uint64_t seed, uint32_t least,
                         float scale) {
    using Columns = float[64 * P];
    SHARED(Columns, shared, WARPS);
    float of_bias[2 * P] = {}, of_weight[2 * P] = {}, of_shift[2 * P] = {};
    uint32_t end = min(rows, (blockIdx.x + 1) * rows_of_block);
    for (uint32_t place = blockIdx.x * rows_of_block + threadIdx.x / 32; place < end; place += WARPS) {
        uint64_t first = (uint64_t)place * row.width;
        Mask mask(seed, place, least, scale);
        Held<T, P> held;
        float inverse = held.normalize(x + first, residual + first, row, mask), mean = 0.0f, along = 0.0f;
        float slopes[2 * P];
#pragma unroll
        for (int pair = 0; pair < P; pair++) {
            uint32_t column = held.column(pair);
            slopes[2 * pair] = slopes[2 * pair + 1] = 0.0f;
            if (column >= row.width) continue;
            Values<T, 2> grads = load<2>(grad + first + column);
#pragma unroll
            for (int k = 0; k < 2; k++) {
                float value = wide(grads.at[k]), norm = held.at[2 * pair + k];
                of_shift[2 * pair + k] += value;
                of_weight[2 * pair + k] += value * norm;
                slopes[2 * pair + k] = value *= row.weight[column + k];
                mean += value;
                along += value * norm;
            }
        }
        mean = warp_sum(mean) / row.width;
        along = warp_sum(along) / row.width;
#pragma unroll
        for (int pair = 0; pair < P; pair++) {
            uint32_t column = held.column(pair);
            if (column >= row.width) continue;
            Values<T, 2> straight, masked;
#pragma unroll
            for (int k = 0; k < 2; k++) {
                float value = inverse * (slopes[2 * pair + k] - mean - held.at[2 * pair + k] * along);
                float kept = mask(column + k, value);
                straight.at[k] = narrow<T>(value);
                masked.at[k] = narrow<T>(kept);
                of_bias[2 * pair + k] += kept;
            }
            store<2>(of_residual + first + column, straight);
            store<2>(of_x + first + column, masked);
        }
    }
    float *sums[3] = {of_bias, of_weight, of_shift};
    for (int part = 0; part < 3; part++) {
#pragma unroll
        for (int k = 0; k < 2 * P; k++) shared[threadIdx.x / 32][Held<T, P>::column(k / 2) + k % 2] = sums[part][k];
        __syncthreads();
        for (uint32_t column = threadIdx.x; column < row.width; column += blockDim.x) {
            float sum = 0.0f;
            for (int warp = 0; warp < WARPS; warp++) sum += shared[warp][column];
            affine[((uint64_t)blockIdx.x * 3 + part) * row.width + column] = sum;
        }
        __syncthreads();
    }
}

#define NORM(T, SUFFIX, P)                                                                                             \
    extern "C" __global__ void __launch_bounds__(32 * WARPS)                                                           \
        norm_##SUFFIX##_##P(const T *x, const T *residual, const float *bias, const float *weight, const float *shift, \
                            T *out, uint32_t rows, uint32_t width, float epsilon, uint64_t seed, uint32_t least,       \
                            float scale) {                                                                             \
        forward<T, P>(x, residual, Row{bias, weight, shift, width, epsilon}, out, rows, seed, least, scale);           \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(32 * WARPS)                                                           \
        norm_backward_##SUFFIX##_##P(const T *x, const T *residual, const T *grad, const float *bias,                  \
                                     const float *weight, const float *shift, T *of_x, T *of_residual, float *affine,  \
                                     uint32_t rows, uint32_t width, float epsilon, uint64_t seed, uint32_t least,      \
                                     float scale, uint32_t rows_of_block) {                                            \
        backward<T, P>(x, residual, grad, Row{bias, weight, shift, width, epsilon}, of_x, of_residual, affine, rows,   \
                       rows_of_block, seed, least, scale);                                                             \
    }

#define NORMS(T, SUFFIX)                                                                                               \
    NORM(T, SUFFIX, 2)                                                                                                 \
    NORM(T, SUFFIX, 4)                                                                                                 \
    NORM(T, SUFFIX, 6)                                                                                                 \
    NORM(T, SUFFIX, 8)                                                                                                 \
    NORM(T, SUFFIX, 12)                                                                                                \
    NORM(T, SUFFIX, 16)

NORMS(bf16, bf16)
NORMS(float, f32)
