// Tiles of 64 rows in shared memory, and the tensor cores' instructions on them.
//
// Fragments of `mma.m16n8k16`, lane = 4 · group + part:
//   a (16 × 16): registers hold (row, columns) = (group, 2 · part …), (group + 8, 2 · part …), (group, 2 · part + 8 …),
//                (group + 8, 2 · part + 8 …), two neighbours each;
//   b (16 × 8):  (rows 2 · part …, column group), (rows 2 · part + 8 …, column group);
//   sums (16 × 8): (group, 2 · part), (group, 2 · part + 1), (group + 8, 2 · part), (group + 8, 2 · part + 1).
// So sums of two blocks of 8 columns, rounded, are an `a` of the next product without a move between lanes.
#pragma once

#include "device.cuh"

constexpr uint32_t LANES = 32;
constexpr uint32_t THREADS = 128;
constexpr uint32_t TILE = 64;
constexpr uint32_t STEP = 16; // depth of one product, and rows of one warp

#ifdef __CUDACC__

// Four matrices of 8 × 8: lane l gives the address of row l % 8 of matrix l / 8.
DEVICE void load_matrices(uint32_t (&to)[4], const bf16 *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(uint32_t(__cvta_generic_to_shared(row)))
                 : "memory");
}

DEVICE void load_matrices_transposed(uint32_t (&to)[4], const bf16 *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(uint32_t(__cvta_generic_to_shared(row)))
                 : "memory");
}

// sums += a · b.
DEVICE void multiply(float (&sums)[4], const uint32_t (&a)[4], uint32_t b_low, uint32_t b_high) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                 "{%0, %1, %2, %3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b_low), "r"(b_high));
}

// Starts to copy 16 bytes to shared memory; zeros where they are not wanted (nothing is read then).
DEVICE void copy_later(bf16 *to, const bf16 *from, bool wanted) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :
                 : "r"(uint32_t(__cvta_generic_to_shared(to))), "l"(from), "r"(wanted ? 16 : 0)
                 : "memory");
}

// Waits for the thread's own copies; a barrier must follow before others read them.
DEVICE void wait_for_copies() { asm volatile("cp.async.wait_all;" ::: "memory"); }

DEVICE float power_of_two(float x) {
    float power;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
    return power;
}

// Two numbers rounded to nearest even, the first in the low half.
DEVICE uint32_t pack(float low, float high) {
    uint32_t packed;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
}

#endif

DEVICE float low_half(uint32_t packed) { return __uint_as_float(packed << 16); }
DEVICE float high_half(uint32_t packed) { return __uint_as_float(packed & 0xFFFF0000u); }

DEVICE uint32_t lane() { return threadIdx.x % LANES; }
DEVICE uint32_t warp() { return threadIdx.x / LANES; }
DEVICE uint32_t lane_group() { return lane() / 4; }
DEVICE uint32_t lane_part() { return lane() % 4; }

// Over the four lanes that hold a row of sums.
DEVICE float sum_of_row(float x) {
    x += __shfl_xor_sync(0xFFFFFFFFu, x, 1);
    return x + __shfl_xor_sync(0xFFFFFFFFu, x, 2);
}

DEVICE float largest_of_row(float x) {
    x = fmaxf(x, __shfl_xor_sync(0xFFFFFFFFu, x, 1));
    return fmaxf(x, __shfl_xor_sync(0xFFFFFFFFu, x, 2));
}

// Rows of one sequence and one head within a larger matrix, or of its gradient.
template <typename T> struct Rows {
    T *first;
    uint32_t stride, length;

    DEVICE T *at(uint32_t row, uint32_t column) const { return first + size_t(row) * stride + column; }
};

// Eight padding columns: eight rows' 16 bytes at a column lie in different banks.
template <uint32_t WIDTH> struct Tile {
    static constexpr uint32_t STRIDE = WIDTH + 8;
    static constexpr uint32_t CHUNKS = WIDTH / 8; // of 16 bytes, a row

    bf16 values[TILE * STRIDE];

    DEVICE bf16 *at(uint32_t row, uint32_t column) { return values + row * STRIDE + column; }
    DEVICE const bf16 *at(uint32_t row, uint32_t column) const { return values + row * STRIDE + column; }
};

// Sixteen rows of a warp, as the left side of products.
template <uint32_t WIDTH> struct Left {
    uint32_t steps[WIDTH / STEP][4];
};

// Sums of a warp: 16 rows, WIDTH columns.
template <uint32_t WIDTH> struct Sums {
    float blocks[WIDTH / 8][4] = {};
};

// Calls with the row and first column of each of the thread's 16-byte chunks of a tile.
template <uint32_t WIDTH, typename Body> DEVICE void each_own_chunk(Body body) {
#pragma unroll
    for (uint32_t pass = 0; pass < TILE * Tile<WIDTH>::CHUNKS / THREADS; pass++) {
        uint32_t chunk = pass * THREADS + threadIdx.x;
        body(chunk / Tile<WIDTH>::CHUNKS, chunk % Tile<WIDTH>::CHUNKS * 8);
    }
}

// The block starts to copy rows from `begin` on; what is beyond the last is 0.
template <uint32_t WIDTH> DEVICE void copy_rows_later(Tile<WIDTH> &tile, Rows<const bf16> rows, uint32_t begin) {
    each_own_chunk<WIDTH>([&](uint32_t row, uint32_t column) {
        bool wanted = begin + row < rows.length;
        copy_later(tile.at(row, column), rows.at(wanted ? begin + row : 0, column), wanted);
    });
}

// Makes of a copied tile (row + bias) · scale, rounded. A thread changes the chunks that it copied itself: they must be
// there, and no barrier is needed before.
template <uint32_t WIDTH> DEVICE void bias_own_chunks(Tile<WIDTH> &tile, const float *bias, float scale) {
    each_own_chunk<WIDTH>([&](uint32_t row, uint32_t column) {
        uint4 &chunk = *reinterpret_cast<uint4 *>(tile.at(row, column));
        uint4 x = chunk;
        auto biased = [&](uint32_t packed, uint32_t at) {
            const float *pair = bias + column + at;
            return pack((low_half(packed) + pair[0]) * scale, (high_half(packed) + pair[1]) * scale);
        };
        chunk = make_uint4(biased(x.x, 0), biased(x.y, 2), biased(x.z, 4), biased(x.w, 6));
    });
}

// The warp's own sixteen rows.
template <uint32_t WIDTH> DEVICE void load_left(Left<WIDTH> &left, const Tile<WIDTH> &tile) {
#pragma unroll
    for (uint32_t step = 0; step < WIDTH / STEP; step++)
        load_matrices(left.steps[step], tile.at(warp() * STEP + lane() % 16, step * STEP + lane() / 16 * 8));
}

// sums (16 × 16) += left · (sixteen rows of the tile)ᵀ.
template <uint32_t WIDTH>
DEVICE void times_rows(Sums<16> &sums, const Left<WIDTH> &left, const Tile<WIDTH> &tile, uint32_t row) {
#pragma unroll
    for (uint32_t step = 0; step < WIDTH / STEP; step++) {
        uint32_t right[4];
        load_matrices(right, tile.at(row + lane() % 8 + lane() / 16 * 8, step * STEP + lane() / 8 % 2 * 8));
        multiply(sums.blocks[0], left.steps[step], right[0], right[1]);
        multiply(sums.blocks[1], left.steps[step], right[2], right[3]);
    }
}

// sums (16 × WIDTH) += rounded weights (16 × 16) · sixteen rows of the tile.
template <uint32_t WIDTH>
DEVICE void weigh_rows(Sums<WIDTH> &sums, const Sums<16> &weights, const Tile<WIDTH> &tile, uint32_t row) {
    const auto &w = weights.blocks;
    uint32_t left[4] = {pack(w[0][0], w[0][1]), pack(w[0][2], w[0][3]), pack(w[1][0], w[1][1]), pack(w[1][2], w[1][3])};
#pragma unroll
    for (uint32_t column = 0; column < WIDTH; column += 16) {
        uint32_t right[4];
        load_matrices_transposed(right, tile.at(row + lane() % 16, column + lane() / 16 * 8));
        multiply(sums.blocks[column / 8], left, right[0], right[1]);
        multiply(sums.blocks[column / 8 + 1], left, right[2], right[3]);
    }
}

// Calls with each of the lane's places in 16 × 16 sums: its row (0: group, 1: group + 8), column and value.
template <typename Body> DEVICE void each(Sums<16> &sums, Body body) {
#pragma unroll
    for (uint32_t place = 0; place < 8; place++)
        body(place / 2 % 2, place / 4 * 8 + lane_part() * 2 + place % 2, sums.blocks[place / 4][place % 4]);
}

// The same over two of them.
template <typename Body> DEVICE void each_pair(Sums<16> &first, Sums<16> &second, Body body) {
#pragma unroll
    for (uint32_t place = 0; place < 8; place++)
        body(place / 2 % 2, place / 4 * 8 + lane_part() * 2 + place % 2, first.blocks[place / 4][place % 4],
             second.blocks[place / 4][place % 4]);
}

// The products of the warp's rows with one vector; a lane gets those of its two rows.
template <uint32_t WIDTH> DEVICE void times_vector(float (&products)[2], const Left<WIDTH> &left, const float *vector) {
    products[0] = products[1] = 0.0f;
#pragma unroll
    for (uint32_t half = 0; half < WIDTH / 8; half++) {
        const float *pair = vector + half * 8 + lane_part() * 2;
#pragma unroll
        for (uint32_t side = 0; side < 2; side++) {
            uint32_t packed = left.steps[half / 2][half % 2 * 2 + side];
            products[side] += low_half(packed) * pair[0] + high_half(packed) * pair[1];
        }
    }
    products[0] = sum_of_row(products[0]);
    products[1] = sum_of_row(products[1]);
}

// sums = (sums + weight · bias) · scale, weight and scale by row.
template <uint32_t WIDTH>
DEVICE void add_bias(Sums<WIDTH> &sums, const float (&weights)[2], const float *bias, const float (&scales)[2]) {
#pragma unroll
    for (uint32_t place = 0; place < WIDTH / 2; place++) {
        uint32_t side = place / 2 % 2;
        float &sum = sums.blocks[place / 4][place % 4];
        sum = (sum + weights[side] * bias[place / 4 * 8 + lane_part() * 2 + place % 2]) * scales[side];
    }
}

// Writes a warp's sums, scaled and rounded, to rows from `begin` on, by way of its rows of the tile, which must be free.
template <uint32_t WIDTH>
DEVICE void write_rows(Rows<bf16> rows, uint32_t begin, const Sums<WIDTH> &sums, float scale, Tile<WIDTH> &tile) {
#pragma unroll
    for (uint32_t place = 0; place < WIDTH / 4; place++) {
        const float *pair = &sums.blocks[place / 2][place % 2 * 2];
        uint32_t row = warp() * STEP + lane_group() + place % 2 * 8, column = place / 2 * 8 + lane_part() * 2;
        *reinterpret_cast<uint32_t *>(tile.at(row, column)) = pack(pair[0] * scale, pair[1] * scale);
    }
    __syncwarp();
#pragma unroll
    for (uint32_t pass = 0; pass < STEP * Tile<WIDTH>::CHUNKS / LANES; pass++) {
        uint32_t chunk = pass * LANES + lane();
        uint32_t row = warp() * STEP + chunk / Tile<WIDTH>::CHUNKS, column = chunk % Tile<WIDTH>::CHUNKS * 8;
        if (begin + row < rows.length)
            *reinterpret_cast<uint4 *>(rows.at(begin + row, column)) = *reinterpret_cast<const uint4 *>(tile.at(row, column));
    }
}
