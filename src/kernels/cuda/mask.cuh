// Which shares of attention are dropped: drawn from a seed and a place, so that no mask is stored.
#pragma once

#include "tile.cuh"

// Mixes 32 bits: two rounds of multiply and shift (the constants of Degski's 32-bit mixer).
DEVICE uint32_t mix(uint32_t bits) {
    bits = (bits ^ (bits >> 16)) * 0x045D9F3Bu;
    bits = (bits ^ (bits >> 16)) * 0x045D9F3Bu;
    return bits ^ (bits >> 16);
}

// The random bits of one place of one mask.
DEVICE uint32_t bits(uint64_t seed, uint32_t place) {
    return mix((uint32_t(seed) + place * 0x9E3779B9u) ^ uint32_t(seed >> 32));
}

// The seed of one part of a larger whole: splitmix64.
DEVICE uint64_t seed_of_part(uint64_t seed, uint64_t part) {
    uint64_t state = seed + (part + 1) * 0x9E3779B97F4A7C15u;
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9u;
    state = (state ^ (state >> 27)) * 0x94D049BB133111EBu;
    return state ^ (state >> 31);
}

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
    DEVICE bool drops(uint32_t query, uint32_t key) const { return bits(seed, query * length + key) < threshold; }
};
