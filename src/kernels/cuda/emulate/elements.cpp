// Bias and activation, dropout, sums over columns.
#include "check.h"

#include "../elements.cu"

constexpr uint32_t THREADS = 256;

struct Curve {
    double (*value)(double), (*slope)(double);
};

const Curve STRAIGHT = {[](double u) { return u; }, [](double) { return 1.0; }};
const Curve RELU = {[](double u) { return u < 0.0 ? 0.0 : u; }, [](double u) { return u < 0.0 ? 0.0 : 1.0; }};
double below(double u) { return 0.5 * (1.0 + std::erf(u / std::sqrt(2.0))); }
const Curve GELU = {[](double u) { return u * below(u); },
                    [](double u) { return below(u) + u * std::exp(-u * u / 2.0) / std::sqrt(2.0 * M_PI); }};

template <typename T> struct Biased {
    const char *name;
    uint32_t at_once;
    Curve curve;
    void (*forward)(const T *, const float *, T *, uint64_t, uint32_t);
    void (*backward)(const T *, const float *, const T *, T *, uint64_t, uint32_t);
};

template <typename T> void check_bias(const Biased<T> &kernels, uint32_t rows, uint32_t width) {
    std::mt19937_64 random(rows * 1000 + width);
    size_t count = size_t(rows) * width;
    auto x = drawn<T>(count, random, 1.5), grad = drawn<T>(count, random, 1.0);
    auto bias = drawn<float>(width, random, 0.5);
    Buffer<T> out(count), of_x(count);
    uint32_t blocks = blocks_of(count, kernels.at_once * THREADS);
    launch(blocks, THREADS, 0, [&] { kernels.forward(x.get(), bias.get(), out.get(), count, width); });
    launch(blocks, THREADS, 0, [&] { kernels.backward(x.get(), bias.get(), grad.get(), of_x.get(), count, width); });
    std::vector<double> wanted, slopes;
    for (size_t at = 0; at < count; at++) {
        double sum = number(x[at]) + number(bias[at % width]);
        wanted.push_back(kernels.curve.value(sum));
        slopes.push_back(number(grad[at]) * kernels.curve.slope(sum));
    }
    compare_each(kernels.name, out, wanted);
    compare_each(std::string(kernels.name) + ", backward", of_x, slopes);
}

template <typename T>
void check_column_sums(void (*kernel)(const T *, float *, uint32_t, uint32_t, uint32_t), uint32_t rows, uint32_t width,
                       uint32_t rows_of_tile) {
    std::mt19937_64 random(rows * 1000 + width);
    auto x = drawn<T>(size_t(rows) * width, random, 1.0);
    uint32_t tiles = blocks_of(rows, rows_of_tile);
    Buffer<float> out(size_t(tiles) * width);
    launch(dim3(blocks_of(width, 64), tiles), dim3(32, 8), 0,
           [&] { kernel(x.get(), out.get(), rows, width, rows_of_tile); });
    std::vector<double> wanted(out.size());
    for (uint32_t row = 0; row < rows; row++)
        for (uint32_t column = 0; column < width; column++)
            wanted[size_t(row / rows_of_tile) * width + column] += number(x[size_t(row) * width + column]);
    compare_each(named<T>("column_sums"), out, wanted);
}

template <typename T>
void check_drop(void (*kernel)(const T *, T *, uint64_t, uint64_t, uint32_t, float), size_t count, double probability) {
    std::mt19937_64 random(count);
    auto x = drawn<T>(count, random, 1.0);
    Buffer<T> out(count);
    uint64_t seed = random();
    uint32_t least = uint32_t(probability * UINT32_MAX);
    float scale = float(1.0 / (1.0 - probability));
    launch(blocks_of(count, 1024), THREADS, 0, [&] { kernel(x.get(), out.get(), count, seed, least, scale); });
    std::vector<double> wanted;
    size_t dropped = 0;
    for (size_t at = 0; at < count; at++) {
        float kept = Mask(seed, at / 4096, least, scale)(at % 4096, 1.0f);
        wanted.push_back(number(x[at]) * kept);
        dropped += kept == 0.0f;
    }
    compare_each(named<T>("drop"), out, wanted);
    double off = std::abs(double(dropped) / count - probability);
    if (off > 4.0 * std::sqrt(probability * (1.0 - probability) / count)) {
        failures++;
        std::printf("FAILED drop: expected a share of %g, got %zu of %zu\n", probability, dropped, count);
    }
}

template <typename T> void check_rows(const std::vector<Biased<T>> &kernels) {
    for (const Biased<T> &kernel : kernels)
        if (kernel.at_once == 1) {
            check_bias(kernel, 1, 1);
            check_bias(kernel, 300, 1);
            check_bias(kernel, 13, 101);
        } else {
            check_bias(kernel, 1, 8);
            check_bias(kernel, 33, 24);
            check_bias(kernel, 7, 768);
        }
}

#define BIASED(NAME, CURVE, SUFFIX, AT_ONCE)                                                                           \
    {"bias_" #NAME "_" #SUFFIX "_" #AT_ONCE, AT_ONCE, CURVE, bias_##NAME##_##SUFFIX##_##AT_ONCE,                       \
     bias_##NAME##_backward_##SUFFIX##_##AT_ONCE}
#define CURVES(SUFFIX, AT_ONCE)                                                                                        \
    BIASED(straight, STRAIGHT, SUFFIX, AT_ONCE), BIASED(relu, RELU, SUFFIX, AT_ONCE),                                  \
        BIASED(gelu, GELU, SUFFIX, AT_ONCE)

int main() {
    check_rows<bf16>({CURVES(bf16, 8), CURVES(bf16, 1)});
    check_rows<float>({CURVES(f32, 4), CURVES(f32, 1)});
    for (uint32_t rows : {1, 5, 33, 100})
        for (uint32_t width : {1, 63, 64, 65, 200}) {
            check_column_sums(column_sums_bf16, rows, width, 32);
            check_column_sums(column_sums_f32, rows, width, 32);
        }
    // As many rows as make tiles larger, and the sum over the tiles.
    check_column_sums(column_sums_bf16, 2100, 6, 33);
    check_column_sums(column_sums_f32, 64, 6, 64);
    for (size_t count : {1, 1023, 1024, 4096, 4097, 10000})
        for (double probability : {0.0, 0.1, 0.5}) {
            check_drop(drop_bf16, count, count == 1 ? 0.0 : probability);
            check_drop(drop_f32, count, count == 1 ? 0.0 : probability);
        }
    return verdict();
}
