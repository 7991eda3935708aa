// Random bits of a seed and a place: those of `ground::random`, and of `nn::ops::dropout`.
#pragma once

#include "device.cuh"

// The first number of a seed's stream (splitmix64).
DEVICE uint64_t split_mix(uint64_t state) {
    uint64_t bits = state + 0x9E3779B97F4A7C15ull;
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9ull;
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBull;
    return bits ^ (bits >> 31);
}

// Mixes 32 bits: two rounds of multiply and shift (the constants of Degski's 32-bit mixer).
DEVICE uint32_t mix(uint32_t bits) {
    bits = (bits ^ (bits >> 16)) * 0x045D9F3Bu;
    bits = (bits ^ (bits >> 16)) * 0x045D9F3Bu;
    return bits ^ (bits >> 16);
}

// The random bits of one place of the mask of a seed.
DEVICE uint32_t bits_of(uint64_t seed, uint32_t place) {
    return mix((uint32_t(seed) + place * 0x9E3779B9u) ^ uint32_t(seed >> 32));
}
