// CUDA kernels as plain C++: the threads of a block take turns on one stack each, blocks run one after another.
//
// A warp runs until the whole of it waits for the block, warps first to last in one block and last to first in the next:
// a barrier that is missing shows as wrong results, one that not all threads reach as an abort. Instructions of a whole
// warp exchange their operands between lanes by the layouts that the PTX ISA gives ("Matrix fragments for
// mma.m16n8k16", "ldmatrix"), and each lane touches memory itself, so that the address sanitizer sees what a card would
// do. Asynchronous copies arrive when they are waited for; until then, the target is not a number.
#pragma once

#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define DEVICE inline
#define SHARED(type, name, count)                                                                                      \
    alignas(16) static type name[count];                                                                               \
    emulate::poison_shared(name, sizeof name)
// The block's shared memory whose size the launch gives.
#define DYNAMIC_SHARED(type, name) type *name = reinterpret_cast<type *>(emulate::block->shared)

struct dim3 {
    uint32_t x, y, z;
    dim3(uint32_t x = 1, uint32_t y = 1, uint32_t z = 1) : x(x), y(y), z(z) {}
};
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) uint2 { uint32_t x, y; };
struct alignas(16) uint4 { uint32_t x, y, z, w; };
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uint2 make_uint2(uint32_t x, uint32_t y) { return {x, y}; }
inline uint4 make_uint4(uint32_t x, uint32_t y, uint32_t z, uint32_t w) { return {x, y, z, w}; }

inline dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulate {

struct Barrier {
    uint32_t expected, arrived = 0, generation = 0;

    void release_if_full() {
        if (arrived < expected) return;
        arrived = 0;
        generation++;
    }
};

// What lanes of a warp show each other. Two sets in turn, so that one barrier an exchange is enough: a set is written
// again only after the barrier that follows its reading.
struct Warp {
    Barrier all;
    uint32_t shown[2][32][8] = {};
};

struct Copy {
    void *to;
    const void *from;
    uint32_t bytes;
};

struct Thread {
    static constexpr size_t STACK = 256 * 1024;

    dim3 index;
    Warp *warp;
    uint32_t lane, exchanges = 0, generation = 0;
    Barrier *waits_for = nullptr;
    bool ended = false;
    std::vector<Copy> copies = {};
    std::unique_ptr<unsigned char[]> stack = std::unique_ptr<unsigned char[]>(new unsigned char[STACK]);
    ucontext_t context = {};

    bool can_run() const { return !ended && (waits_for == nullptr || waits_for->generation != generation); }
};

struct Block {
    Barrier all;
    unsigned char *shared;
    std::function<void()> kernel;
    std::vector<std::unique_ptr<Warp>> warps = {};
    std::vector<std::unique_ptr<Thread>> threads = {};
    ucontext_t scheduler = {};
};

// The block and the thread that run.
inline Block *block;
inline Thread *here;

inline void wait(Barrier &barrier) {
    here->waits_for = &barrier;
    here->generation = barrier.generation;
    barrier.arrived++;
    barrier.release_if_full();
    if (!here->can_run()) swapcontext(&here->context, &block->scheduler);
}

inline void leave(Barrier &barrier) {
    barrier.expected--;
    if (barrier.expected > 0) barrier.release_if_full();
}

inline void run_thread() {
    block->kernel();
    leave(here->warp->all);
    leave(block->all);
    here->ended = true;
    swapcontext(&here->context, &block->scheduler);
}

inline void add_thread(dim3 shape, uint32_t index) {
    uint32_t threads = shape.x * shape.y * shape.z, first = index / 32 * 32;
    if (index == first) block->warps.push_back(std::make_unique<Warp>(Warp{{threads - first < 32 ? threads - first : 32}}));
    dim3 at(index % shape.x, index / shape.x % shape.y, index / shape.x / shape.y);
    block->threads.push_back(std::make_unique<Thread>(Thread{at, block->warps.back().get(), index % 32}));
    Thread &thread = *block->threads.back();
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.get();
    thread.context.uc_stack.ss_size = Thread::STACK;
    makecontext(&thread.context, run_thread, 0);
}

// Runs the lanes of a warp until none can go on; returns whether any could.
inline bool run_warp(uint32_t warp) {
    bool any = false;
    for (bool again = true; again;) {
        again = false;
        for (uint32_t at = warp * 32; at < block->threads.size() && at < warp * 32 + 32; at++) {
            if (!block->threads[at]->can_run()) continue;
            here = block->threads[at].get();
            threadIdx = here->index;
            swapcontext(&block->scheduler, &here->context);
            any = again = true;
        }
    }
    return any;
}

inline void run_block(bool from_last) {
    uint32_t warps = block->warps.size();
    for (bool any = true; any;) {
        any = false;
        for (uint32_t warp = 0; warp < warps; warp++) any |= run_warp(from_last ? warps - 1 - warp : warp);
    }
    for (auto &thread : block->threads)
        if (!thread->ended) {
            std::fprintf(stderr, "a barrier is not reached by all threads\n");
            std::abort();
        }
}

// Shows `count` numbers to the warp and returns what all lanes show.
template <typename T> const uint32_t (*exchange(const T *numbers, uint32_t count))[8] {
    static_assert(sizeof(T) == 4);
    auto &shown = here->warp->shown[here->exchanges++ % 2];
    std::memcpy(shown[here->lane], numbers, 4 * count);
    wait(here->warp->all);
    return shown;
}

inline void poison_shared(void *memory, size_t bytes) {
    wait(block->all);
    if (threadIdx.x + threadIdx.y + threadIdx.z == 0) std::memset(memory, 0xFF, bytes);
    wait(block->all);
}

template <typename T> T as(uint32_t bits) {
    T value;
    std::memcpy(&value, &bits, 4);
    return value;
}

inline float low(uint32_t packed) { return as<float>(packed << 16); }
inline float high(uint32_t packed) { return as<float>(packed & 0xFFFF0000u); }

inline uint16_t round_to_bf16(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    if (std::isnan(value)) return 0x7FFF;
    return uint16_t((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

} // namespace emulate

// kernel<<<grid, shape, shared>>>(…) as launch(grid, shape, shared, [&] { kernel(…); }).
template <typename Kernel> void launch(dim3 grid, dim3 shape, size_t shared, Kernel kernel) {
    gridDim = grid, blockDim = shape;
    for (uint32_t index = 0; index < grid.x * grid.y * grid.z; index++) {
        blockIdx = dim3(index % grid.x, index / grid.x % grid.y, index / grid.x / grid.y);
        std::unique_ptr<unsigned char[]> memory(new unsigned char[shared]);
        std::memset(memory.get(), 0xFF, shared);
        emulate::Block block = {{shape.x * shape.y * shape.z}, memory.get(), kernel};
        emulate::block = &block;
        for (uint32_t thread = 0; thread < block.all.expected; thread++) emulate::add_thread(shape, thread);
        emulate::run_block(index % 2 == 1);
    }
}

inline void __syncthreads() { emulate::wait(emulate::block->all); }
inline void __syncwarp(uint32_t = ~0u) { emulate::wait(emulate::here->warp->all); }
inline void __threadfence() {}

template <typename T> T __shfl_sync(uint32_t, T value, uint32_t from, uint32_t width = 32) {
    uint32_t lane = emulate::here->lane;
    return emulate::as<T>(emulate::exchange(&value, 1)[lane / width * width + from % width][0]);
}
template <typename T> T __shfl_xor_sync(uint32_t, T value, uint32_t by, uint32_t width = 32) {
    uint32_t lane = emulate::here->lane, from = lane ^ by;
    return emulate::as<T>(emulate::exchange(&value, 1)[from / width > lane / width ? lane : from][0]);
}
template <typename T> T __shfl_down_sync(uint32_t, T value, uint32_t by, uint32_t width = 32) {
    uint32_t lane = emulate::here->lane, from = lane + by;
    return emulate::as<T>(emulate::exchange(&value, 1)[from / width > lane / width ? lane : from][0]);
}

struct __nv_bfloat16 { uint16_t bits; };
struct __nv_bfloat162 { __nv_bfloat16 x, y; };

inline float __bfloat162float(__nv_bfloat16 value) { return emulate::as<float>(uint32_t(value.bits) << 16); }
inline __nv_bfloat16 __float2bfloat16(float value) { return {emulate::round_to_bf16(value)}; }
inline __nv_bfloat16 __float2bfloat16_rn(float value) { return __float2bfloat16(value); }
inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {__float2bfloat16(x), __float2bfloat16(y)}; }
inline float2 __bfloat1622float2(__nv_bfloat162 pair) { return {__bfloat162float(pair.x), __bfloat162float(pair.y)}; }

inline float __uint_as_float(uint32_t bits) { return emulate::as<float>(bits); }
inline uint32_t __float_as_uint(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    return bits;
}
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float x, float y) { return x / y; }
template <typename T> T __ldg(const T *at) { return *at; }
template <typename T> T min(T a, T b) { return b < a ? b : a; }
template <typename T> T max(T a, T b) { return a < b ? b : a; }
template <typename T> T atomicAdd(T *at, T by) { return std::exchange(*at, *at + by); }

// What `tile.cuh` writes in PTX.

inline float power_of_two(float x) { return std::exp2(x); }

inline uint32_t pack(float low, float high) {
    return emulate::round_to_bf16(low) | uint32_t(emulate::round_to_bf16(high)) << 16;
}

// Each lane reads the row whose address it gives: row lane % 8 of matrix lane / 8.
inline const uint32_t (*show_rows(const __nv_bfloat16 *row))[8] {
    uint32_t numbers[4];
    if (reinterpret_cast<uintptr_t>(row) % 16 != 0) std::abort();
    std::memcpy(numbers, row, 16);
    return emulate::exchange(numbers, 4);
}

// Register i of lane l: row l / 4 of matrix i, its elements 2 (l % 4) and the next.
inline void load_matrices(uint32_t (&to)[4], const __nv_bfloat16 *row) {
    auto rows = show_rows(row);
    uint32_t lane = emulate::here->lane;
    for (uint32_t matrix = 0; matrix < 4; matrix++) to[matrix] = rows[matrix * 8 + lane / 4][lane % 4];
}

// Register i of lane l: rows 2 (l % 4) and the next of matrix i, their element l / 4.
inline void load_matrices_transposed(uint32_t (&to)[4], const __nv_bfloat16 *row) {
    auto rows = show_rows(row);
    uint32_t lane = emulate::here->lane, column = lane / 4;
    for (uint32_t matrix = 0; matrix < 4; matrix++) {
        auto element = [&](uint32_t row) { return rows[matrix * 8 + row][column / 2] >> column % 2 * 16 & 0xFFFF; };
        to[matrix] = element(lane % 4 * 2) | element(lane % 4 * 2 + 1) << 16;
    }
}

// Element i of a lane's eight of a (16 × 16): row = group (i in 0, 1, 4, 5) or group + 8, column = 2 part + (i & 1),
// + 8 from i = 4 on. Element i of its four of b (16 × 8): row = 2 part + (i & 1), + 8 from i = 2 on, column = group.
// Element i of its four of the sums (16 × 8): row = group, + 8 from i = 2 on, column = 2 part + (i & 1).
inline void multiply(float (&sums)[4], const uint32_t (&a)[4], uint32_t b_low, uint32_t b_high) {
    uint32_t operands[6] = {a[0], a[1], a[2], a[3], b_low, b_high};
    auto shown = emulate::exchange(operands, 6);
    auto half = [](uint32_t packed, uint32_t which) { return which ? emulate::high(packed) : emulate::low(packed); };
    auto left = [&](uint32_t row, uint32_t k) {
        return half(shown[row % 8 * 4 + k % 8 / 2][row / 8 + k / 8 * 2], k % 2);
    };
    auto right = [&](uint32_t k, uint32_t column) { return half(shown[column * 4 + k % 8 / 2][4 + k / 8], k % 2); };
    uint32_t group = emulate::here->lane / 4, part = emulate::here->lane % 4;
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t k = 0; k < 16; k++) sums[i] += left(group + i / 2 * 8, k) * right(k, part * 2 + i % 2);
}

inline void copy_later(__nv_bfloat16 *to, const __nv_bfloat16 *from, bool wanted) {
    if (reinterpret_cast<uintptr_t>(to) % 16 != 0 || reinterpret_cast<uintptr_t>(from) % 16 != 0) std::abort();
    std::memset(to, 0xFF, 16);
    emulate::here->copies.push_back({to, from, wanted ? 16u : 0u});
}

inline void wait_for_copies() {
    for (auto &copy : emulate::here->copies) {
        std::memset(copy.to, 0, 16);
        std::memcpy(copy.to, copy.from, copy.bytes);
    }
    emulate::here->copies.clear();
}
