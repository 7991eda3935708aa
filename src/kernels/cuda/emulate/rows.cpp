// Lists of rows, and softmax.
#include "check.h"

#include "../rows.cu"

template <typename T> struct Kernels {
    void (*gather)(const T *, const uint32_t *, T *, uint32_t);
    void (*sum)(const T *, const uint32_t *, const uint32_t *, T *, uint32_t);
    void (*softmax)(const T *, T *, uint32_t, uint32_t);
    void (*softmax_backward)(const T *, const T *, T *, uint32_t, uint32_t);
};

const Kernels<bf16> OF_BF16 = {gather_bf16, sum_of_rows_bf16, softmax_bf16, softmax_backward_bf16};
const Kernels<float> OF_F32 = {gather_f32, sum_of_rows_f32, softmax_f32, softmax_backward_f32};

// Threads of a block that takes a row.
uint32_t threads_of(uint32_t width) { return std::clamp<uint32_t>(blocks_of(width, 32) * 32, 32, 256); }

// Rows in some places, and the gradient: of each row, the sum over the places that it went to.
template <typename T>
void check_places(const Kernels<T> &kernels, const std::vector<uint32_t> &list, uint32_t n_rows, uint32_t width) {
    std::mt19937_64 random(list.size() * 1000 + width);
    auto x = drawn<T>(size_t(n_rows) * width, random, 1.0), grad = drawn<T>(list.size() * width, random, 1.0);
    Buffer<T> out(grad.size()), of_x(x.size());
    auto places = of(list);
    std::vector<uint32_t> offsets = {0}, sources;
    std::vector<double> wanted, sums(x.size());
    for (uint32_t row = 0; row < n_rows; row++) {
        for (uint32_t place = 0; place < list.size(); place++)
            if (list[place] == row) sources.push_back(place);
        offsets.push_back(sources.size());
    }
    for (uint32_t place = 0; place < list.size(); place++)
        for (uint32_t column = 0; column < width; column++) {
            bool there = list[place] != NO_ROW;
            size_t from = size_t(list[place]) * width + column;
            wanted.push_back(there ? number(x[from]) : 0.0);
            if (there) sums[from] += number(grad[size_t(place) * width + column]);
        }
    auto all_offsets = of(offsets), all_sources = of(sources);
    launch(list.size(), threads_of(width), 0, [&] { kernels.gather(x.get(), places.get(), out.get(), width); });
    launch(n_rows, threads_of(width), 0,
           [&] { kernels.sum(grad.get(), all_offsets.get(), all_sources.get(), of_x.get(), width); });
    compare_each(named<T>("gather"), out, wanted);
    compare_each(named<T>("sum_of_rows"), of_x, sums);
}

template <typename T> void check_softmax(const Kernels<T> &kernels, uint32_t rows, uint32_t width) {
    std::mt19937_64 random(rows * 1000 + width);
    size_t count = size_t(rows) * width;
    auto x = drawn<T>(count, random, 4.0), grad = drawn<T>(count, random, 1.0);
    // Scores that are hidden, but never all of a row.
    for (size_t at = 0; at < count; at++)
        if (at % width % 3 == 1) put(x[at], -INFINITY);
    Buffer<T> shares(count), of_x(count);
    uint32_t warps = 8, blocks = blocks_of(rows, warps);
    launch(blocks, 32 * warps, 0, [&] { kernels.softmax(x.get(), shares.get(), rows, width); });
    launch(blocks, 32 * warps, 0,
           [&] { kernels.softmax_backward(shares.get(), grad.get(), of_x.get(), rows, width); });
    std::vector<double> wanted, slopes;
    for (uint32_t row = 0; row < rows; row++) {
        size_t first = size_t(row) * width;
        double most = -INFINITY, sum = 0.0, mean = 0.0;
        for (uint32_t column = 0; column < width; column++) {
            most = std::max(most, number(x[first + column]));
            mean += number(shares[first + column]) * number(grad[first + column]);
        }
        for (uint32_t column = 0; column < width; column++) sum += std::exp(number(x[first + column]) - most);
        for (uint32_t column = 0; column < width; column++) {
            wanted.push_back(std::exp(number(x[first + column]) - most) / sum);
            slopes.push_back(number(shares[first + column]) * (number(grad[first + column]) - mean));
        }
    }
    std::string size = ", " + std::to_string(rows) + " x " + std::to_string(width);
    compare_each(named<T>("softmax") + size, shares, wanted);
    compare_each(named<T>("softmax_backward") + size, of_x, slopes);
}

template <typename T> void check(const Kernels<T> &kernels) {
    for (uint32_t width : {1, 40, 300}) {
        check_places(kernels, {2, NO_ROW, 0, 2, 5, NO_ROW, 2}, 6, width);
        check_places(kernels, {NO_ROW}, 3, width);
        check_places(kernels, std::vector<uint32_t>(21, 1), 2, width);
    }
    for (uint32_t width : {1, 5, 32, 33, 100})
        for (uint32_t rows : {1, 8, 19}) check_softmax(kernels, rows, width);
}

int main() {
    check(OF_BF16);
    check(OF_F32);
    return verdict();
}
