// What the checks of all modules share. A check runs a file's kernels on the CPU, launched as `nn` launches them, and
// compares with a naive computation in double precision:
// g++ -std=c++20 -O1 -fno-strict-aliasing -Wno-unknown-pragmas emulate/norm.cpp && ./a.out
// With `-fsanitize=address,undefined`, reads beyond what is given are seen too, and not only writes.
#pragma once

#include "../device.cuh"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <type_traits>

// Memory of a card: all bytes set, so that what is read unwritten is not a number, between guards of the same.
template <typename T> class Buffer {
#ifdef __SANITIZE_ADDRESS__
    static constexpr size_t GUARD = 0;
#else
    static constexpr size_t GUARD = 4096;
#endif
    size_t count;
    std::unique_ptr<unsigned char[]> memory;

  public:
    explicit Buffer(size_t count) : count(count), memory(new unsigned char[count * sizeof(T) + 2 * GUARD]) {
        std::memset(memory.get(), 0xFF, count * sizeof(T) + 2 * GUARD);
    }
    T *get() { return reinterpret_cast<T *>(memory.get() + GUARD); }
    T &operator[](size_t at) { return get()[at]; }
    size_t size() const { return count; }
    bool guards_hold() const {
        for (size_t at = 0; at < GUARD; at++)
            if (memory[at] != 0xFF || memory[GUARD + count * sizeof(T) + at] != 0xFF) return false;
        return true;
    }
};

inline double number(float value) { return value; }
inline double number(bf16 value) { return __bfloat162float(value); }
inline void put(float &to, double value) { to = float(value); }
inline void put(bf16 &to, double value) { to = __float2bfloat16(float(value)); }
inline double rounded(double value) { return __bfloat162float(__float2bfloat16(float(value))); }

inline int failures = 0, checks = 0;

// ‖got − wanted‖ / ‖wanted‖, or a number's difference on average where nothing but 0 is wanted. It must be small; what
// is not a number never is.
template <typename T>
double compare(const std::string &what, Buffer<T> &got, const std::vector<double> &wanted, double limit) {
    checks++;
    double difference = 0.0, norm = 0.0;
    for (size_t at = 0; at < wanted.size(); at++) {
        difference += std::pow(number(got[at]) - wanted[at], 2);
        norm += std::pow(wanted[at], 2);
    }
    double error = norm == 0.0 ? std::sqrt(difference / wanted.size()) : std::sqrt(difference / norm);
    if (!(error <= limit) || !got.guards_hold()) {
        failures++;
        std::printf("FAILED %s: error %.2e, limit %.2e, guards %s\n", what.c_str(), error, limit,
                    got.guards_hold() ? "hold" : "are broken");
    }
    return error;
}

template <typename T> void fill(Buffer<T> &buffer, std::mt19937_64 &random, double deviation) {
    std::normal_distribution<double> normal(0.0, deviation);
    for (size_t at = 0; at < buffer.size(); at++) put(buffer[at], normal(random));
}

template <typename T> Buffer<T> drawn(size_t count, std::mt19937_64 &random, double deviation) {
    Buffer<T> buffer(count);
    fill(buffer, random, deviation);
    return buffer;
}

template <typename T> Buffer<T> of(const std::vector<T> &values) {
    Buffer<T> buffer(values.size());
    std::copy(values.begin(), values.end(), buffer.get());
    return buffer;
}

template <typename T> std::string named(const std::string &kernel) {
    return kernel + (std::is_same_v<T, bf16> ? "_bf16" : "_f32");
}

// Each number must be what is wanted, but for rounding it and for sums in f32.
template <typename T> void compare_each(const std::string &what, Buffer<T> &got, const std::vector<double> &wanted) {
    double squares = 0.0, of_number = std::is_same_v<T, bf16> ? 1.0 / 256 : 1e-5;
    for (double value : wanted) squares += value * value;
    double of_all = 1e-5 * std::sqrt(squares / wanted.size());
    bool agrees = got.size() == wanted.size() && got.guards_hold();
    if (!agrees) std::printf("FAILED %s: wrong size, or guards are broken\n", what.c_str());
    for (size_t at = 0; agrees && at < wanted.size(); at++) {
        agrees = std::abs(number(got[at]) - wanted[at]) <= of_number * std::abs(wanted[at]) + of_all;
        if (!agrees)
            std::printf("FAILED %s: number %zu of %zu: expected %g, got %g\n", what.c_str(), at, wanted.size(),
                        wanted[at], number(got[at]));
    }
    checks++;
    if (!agrees) failures++;
}

// Blocks that are needed for so many.
inline uint32_t blocks_of(size_t count, size_t at_once) { return uint32_t((count + at_once - 1) / at_once); }

// What a program ends with.
inline int verdict() {
    if (failures == 0)
        std::printf("%d comparisons agree\n", checks);
    else
        std::printf("%d of %d comparisons failed\n", failures, checks);
    return failures == 0 && checks > 0 ? 0 : 1;
}
