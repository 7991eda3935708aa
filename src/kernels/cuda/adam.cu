// AdamW's step and the gradients' norm over all variables at once: a block takes a stretch of one of them.
#include "common.cuh"

constexpr uint32_t STRETCH = 1 << 14;

// Where a variable's numbers lie.
struct Slot {
    float *variable, *first, *second;
    const float *grad;
    uint64_t length;
};

// Of each stretch its slot and its first value.
struct Stretch {
    uint32_t slot, number;
};

__device__ inline uint64_t end_of(const Slot &slot, uint64_t first) {
    return first + STRETCH < slot.length ? first + STRETCH : slot.length;
}

// Σ g² of each stretch.
extern "C" __global__ void squares(const Slot *slots, const Stretch *stretches, float *out) {
    SHARED(float, sums, 8);
    Stretch stretch = stretches[blockIdx.x];
    Slot slot = slots[stretch.slot];
    uint64_t first = (uint64_t)stretch.number * STRETCH, end = end_of(slot, first);
    float sum = 0.0f;
    for (uint64_t place = first + threadIdx.x; place < end; place += blockDim.x)
        sum += slot.grad[place] * slot.grad[place];
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (uint32_t warp = 1; warp < blockDim.x / 32; warp++) sum += sums[warp];
        out[blockIdx.x] = sum;
    }
}

// `keep` and `rate` of each slot; the rest is of all.
extern "C" __global__ void adamw(const Slot *slots, const Stretch *stretches, const float *rates, float scale,
                                 float beta, float other_beta, float root, float epsilon) {
    Stretch stretch = stretches[blockIdx.x];
    Slot slot = slots[stretch.slot];
    float keep = rates[2 * stretch.slot], rate = rates[2 * stretch.slot + 1];
    uint64_t first = (uint64_t)stretch.number * STRETCH, end = end_of(slot, first);
    for (uint64_t place = first + threadIdx.x; place < end; place += blockDim.x) {
        float grad = slot.grad[place] * scale;
        float one = slot.first[place] = beta * slot.first[place] + (1.0f - beta) * grad;
        float two = slot.second[place] = other_beta * slot.second[place] + (1.0f - other_beta) * grad * grad;
        slot.variable[place] = keep * slot.variable[place] - rate * one / (root * sqrtf(two) + epsilon);
    }
}
