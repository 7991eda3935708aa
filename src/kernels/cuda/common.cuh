// What all kernels share: values of two types computed in f32, sums over a warp, and the masks of dropout.
#pragma once

#include "random.cuh"

__device__ inline float wide(float value) { return value; }
__device__ inline float wide(bf16 value) { return __bfloat162float(value); }

template <typename T> __device__ inline T narrow(float value);
template <> __device__ inline float narrow<float>(float value) { return value; }
template <> __device__ inline bf16 narrow<bf16>(float value) { return __float2bfloat16(value); }

// N values that are read and written at once.
template <typename T, int N> struct alignas(sizeof(T) * N) Values {
    T at[N];
};

template <int N, typename T> __device__ inline Values<T, N> load(const T *from) {
    return *reinterpret_cast<const Values<T, N> *>(from);
}

template <int N, typename T> __device__ inline void store(T *to, const Values<T, N> &values) {
    *reinterpret_cast<Values<T, N> *>(to) = values;
}

__device__ inline float warp_sum(float value) {
    for (int apart = 16; apart > 0; apart /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, apart);
    return value;
}

__device__ inline float warp_most(float value) {
    for (int apart = 16; apart > 0; apart /= 2)
        value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, apart));
    return value;
}

// The masks of `nn::ops::dropout`: but for shares of attention, what is dropped is the same on every device.
struct Mask {
    uint32_t least;  // A value whose 32 bits lie below is dropped; 0: none is.
    float scale;     // What the others are multiplied with.
    uint64_t of_part;

    // The mask of the `part`-th part of a whole, whose seed is the first number of the part's own stream.
    __device__ Mask(uint64_t seed, uint64_t part, uint32_t least, float scale)
        : least(least), scale(scale), of_part(split_mix(split_mix(seed ^ (part * 0xD1342543DE82EF95ull)))) {}

    __device__ float operator()(uint32_t place, float value) const {
        if (least == 0) return value;
        return bits_of(of_part, place) < least ? 0.0f : value * scale;
    }
};
