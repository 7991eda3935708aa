// Bias, dropout, residual and layer norm.
#include "check.h"

#include "../norm.cu"

template <typename T> struct Kernels {
    uint32_t most_columns;
    void (*forward)(const T *, const T *, const float *, const float *, const float *, T *, uint32_t, uint32_t, float,
                    uint64_t, uint32_t, float);
    void (*backward)(const T *, const T *, const T *, const float *, const float *, const float *, T *, T *, float *,
                     uint32_t, uint32_t, float, uint64_t, uint32_t, float, uint32_t);
};

#define KERNELS(SUFFIX, PAIRS) {64 * PAIRS, norm_##SUFFIX##_##PAIRS, norm_backward_##SUFFIX##_##PAIRS}
#define ALL_KERNELS(SUFFIX)                                                                                            \
    {KERNELS(SUFFIX, 2), KERNELS(SUFFIX, 4),  KERNELS(SUFFIX, 6),                                                      \
     KERNELS(SUFFIX, 8), KERNELS(SUFFIX, 12), KERNELS(SUFFIX, 16)}

const std::vector<Kernels<bf16>> OF_BF16 = ALL_KERNELS(bf16);
const std::vector<Kernels<float>> OF_F32 = ALL_KERNELS(f32);

constexpr float EPSILON = 1e-5f;

template <typename T> struct Case {
    uint32_t rows, width;
    uint64_t seed;
    uint32_t least;
    float scale;
    Buffer<T> x, residual, grad;
    Buffer<float> bias, weight, shift;

    Case(uint32_t rows, uint32_t width, double probability, std::mt19937_64 random)
        : rows(rows), width(width), seed(random()), least(uint32_t(probability * UINT32_MAX)),
          scale(float(1.0 / (1.0 - probability))), x(drawn<T>(size_t(rows) * width, random, 1.5)),
          residual(drawn<T>(size_t(rows) * width, random, 1.0)), grad(drawn<T>(size_t(rows) * width, random, 1.0)),
          bias(drawn<float>(width, random, 0.5)), weight(drawn<float>(width, random, 1.0)),
          shift(drawn<float>(width, random, 0.5)) {}
};

struct Wanted {
    std::vector<double> out, of_x, of_residual;
    std::vector<double> affine;  // Gradients of bias, weight and shift.
};

template <typename T> void add_row(Wanted &to, Case<T> &of, uint32_t row) {
    size_t first = size_t(row) * of.width, width = of.width;
    Mask mask(of.seed, row, of.least, of.scale);
    std::vector<double> norm, kept, slopes;
    double mean = 0.0, variance = 0.0, slope = 0.0, along = 0.0;
    for (size_t column = 0; column < width; column++) {
        kept.push_back(mask(column, 1.0f));
        double value = kept.back() * (number(of.x[first + column]) + of.bias[column]);
        norm.push_back(value + number(of.residual[first + column]));
        mean += norm.back() / width;
    }
    for (double &value : norm) variance += (value - mean) * (value - mean) / width;
    double deviation = std::sqrt(variance + EPSILON);
    for (size_t column = 0; column < width; column++) {
        norm[column] = (norm[column] - mean) / deviation;
        double grad = number(of.grad[first + column]);
        to.out.push_back(norm[column] * of.weight[column] + of.shift[column]);
        slopes.push_back(grad * of.weight[column]);
        slope += slopes.back() / width;
        along += slopes.back() * norm[column] / width;
        to.affine[width + column] += grad * norm[column];
        to.affine[2 * width + column] += grad;
    }
    for (size_t column = 0; column < width; column++) {
        to.of_residual.push_back((slopes[column] - slope - norm[column] * along) / deviation);
        to.of_x.push_back(to.of_residual.back() * kept[column]);
        to.affine[column] += to.of_x.back();
    }
}

template <typename T>
void check(const std::vector<Kernels<T>> &all, uint32_t rows, uint32_t width, double probability,
           uint32_t rows_of_block) {
    auto kernels = *std::find_if(all.begin(), all.end(), [&](auto &some) { return some.most_columns >= width; });
    Case<T> of(rows, width, probability, std::mt19937_64(rows * 10000 + width));
    size_t count = size_t(rows) * width;
    uint32_t blocks = blocks_of(rows, rows_of_block);
    Buffer<T> out(count), of_x(count), of_residual(count);
    Buffer<float> affine(size_t(blocks) * 3 * width), sums(3 * width);
    launch(blocks_of(rows, WARPS), 32 * WARPS, 0, [&] {
        kernels.forward(of.x.get(), of.residual.get(), of.bias.get(), of.weight.get(), of.shift.get(), out.get(), rows,
                        width, EPSILON, of.seed, of.least, of.scale);
    });
    launch(blocks, 32 * WARPS, 0, [&] {
        kernels.backward(of.x.get(), of.residual.get(), of.grad.get(), of.bias.get(), of.weight.get(), of.shift.get(),
                         of_x.get(), of_residual.get(), affine.get(), rows, width, EPSILON, of.seed, of.least, of.scale,
                         rows_of_block);
    });
    for (uint32_t column = 0; column < 3 * width; column++) {
        double sum = 0.0;
        for (uint32_t block = 0; block < blocks; block++) sum += affine[size_t(block) * 3 * width + column];
        sums[column] = float(sum);
    }
    Wanted wanted = {{}, {}, {}, std::vector<double>(3 * width)};
    for (uint32_t row = 0; row < rows; row++) add_row(wanted, of, row);
    std::string name = named<T>("norm") + ", " + std::to_string(rows) + " x " + std::to_string(width);
    compare_each(name, out, wanted.out);
    compare_each(name + ", gradient of x", of_x, wanted.of_x);
    compare_each(name + ", gradient of the residual", of_residual, wanted.of_residual);
    compare_each(name + ", gradients of bias, weight and shift", sums, wanted.affine);
    if (!affine.guards_hold()) failures++;
}

int main() {
    for (double probability : {0.0, 0.1})
        for (uint32_t width : {10, 64, 128, 200, 384, 500, 768, 1024})
            for (uint32_t rows : {1, 7, 13}) {
                check(OF_BF16, rows, width, probability, WARPS);
                check(OF_F32, rows, width, probability, WARPS);
            }
    check(OF_BF16, 37, 64, 0.5, 9);
    check(OF_F32, 37, 64, 0.5, 9);
    return verdict();
}
