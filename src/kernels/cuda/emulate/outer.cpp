// Outer products of blocks.
#include "check.h"

#include "../outer.cu"

constexpr uint32_t THREADS = 256;

template <typename T>
void check(void (*forward)(const T *, const T *, T *, uint32_t, uint32_t), uint32_t at_once,
           void (*backward)(const T *, const T *, const T *, T *, T *, uint32_t), uint32_t rows, uint32_t groups,
           uint32_t block) {
    std::mt19937_64 random(rows * 1000 + block);
    size_t count = size_t(rows) * groups * block;
    auto one = drawn<T>(count, random, 1.0), other = drawn<T>(count, random, 1.0);
    auto grad = drawn<T>(count * block, random, 1.0);
    Buffer<T> out(count * block), of_one(count), of_other(count);
    launch(blocks_of(count * (block / at_once), THREADS), THREADS, 0,
           [&] { forward(one.get(), other.get(), out.get(), count, block); });
    launch(count / block, 32 * WARPS, WARPS * block * sizeof(float), [&] {
        backward(one.get(), other.get(), grad.get(), of_one.get(), of_other.get(), block);
    });
    std::vector<double> wanted(count * block), wanted_one(count), wanted_other(count);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < block; j++) {
            size_t beside = i / block * block + j, at = i * block + j;
            wanted[at] = number(one[i]) * number(other[beside]);
            wanted_one[i] += number(grad[at]) * number(other[beside]);
            wanted_other[beside] += number(grad[at]) * number(one[i]);
        }
    std::string name = named<T>("outer") + "_" + std::to_string(at_once) + ", blocks of " + std::to_string(block);
    compare_each(name, out, wanted);
    compare_each(name + ", gradient of the first", of_one, wanted_one);
    compare_each(name + ", gradient of the second", of_other, wanted_other);
}

int main() {
    for (uint32_t block : {8, 16, 64, 256}) {
        check(outer_bf16_8, 8, outer_backward_bf16, block == 256 ? 1 : 3, 2, block);
        check(outer_f32_4, 4, outer_backward_f32, block == 256 ? 1 : 3, 2, block);
    }
    check(outer_f32_4, 4, outer_backward_f32, 3, 1, 100);
    for (uint32_t block : {1, 7, 100}) {
        check(outer_bf16_1, 1, outer_backward_bf16, 3, 1, block);
        check(outer_f32_1, 1, outer_backward_f32, 3, 1, block);
    }
    return verdict();
}
