// Which shares of attention are dropped: drawn from a seed and a place, so that no mask is stored.
// The CPU drops others: it draws them head by head, in parts of 4,096.
#pragma once

#include "random.cuh"

// The seed of one part of a larger whole: what follows `part` numbers in the stream of its seed.
DEVICE uint64_t seed_of_part(uint64_t seed, uint64_t part) { return split_mix(seed + part * 0x9E3779B97F4A7C15ull); }

// Dropout as a kernel's caller asks for it: a share is dropped where its bits are below the threshold (0: none),
// and the others are multiplied by `keep_scale`, 1 / (1 − p).
struct Dropout {
    uint32_t threshold;
    float keep_scale;
    uint64_t seed;
};

// The shares of one head of one sequence.
struct ShareMask {
    uint64_t seed;
    uint32_t length, threshold;

    DEVICE ShareMask(const Dropout &dropout, uint32_t first_row, uint32_t length, uint32_t n_heads, uint32_t head)
        : seed(seed_of_part(dropout.seed, uint64_t(first_row) * n_heads + head)), length(length),
          threshold(dropout.threshold) {}

    DEVICE bool drops_any() const { return threshold != 0; }
    DEVICE bool drops(uint32_t query, uint32_t key) const { return bits_of(seed, query * length + key) < threshold; }
};
