// Self-attention over sequences that lie one after another without padding, in bf16 on tensor cores.
//
// A block of four warps takes 64 queries of one head and walks over the keys of their sequence, 64 at a time: scores
// never leave its registers. Softmax is computed as it goes, with a running maximum and sum a row (Milakov & Gimelshein,
// 2018, "Online normalizer calculation for softmax"); tiles and recomputation in the backward pass follow Dao et al.
// (2022, "FlashAttention"). The backward pass is two kernels, one by queries and one by keys, so that nothing is added
// atomically and results are the same in every run; scores are drawn again from the stored log-sum-exp.
//
// Cost for a sequence of n pieces and a head of width w: 4 n² w operations forward, 14 n² w backward (the second kernel
// computes scores once more); memory n · w, and n numbers for the log-sum-exp. Keys and values are read once a tile of queries.
//
// Biases of the projection are never added to whole tiles within the loop:
// - of keys: a query's scores all move by the same number, which softmax ignores; the rows of dS add up to 0. Left out.
// - of values: out + bias · (the sum of kept shares); in dS it is a number a query.
// - of queries: added where queries are loaded once; where they are walked over, it is a number a key.
#include "mask.cuh"
#include "tile.cuh"

constexpr float LOG2_E = 1.4426950408889634f;

template <uint32_t WIDTH> DEVICE constexpr float score_scale() { return WIDTH == 64 ? 0.125f : 0.17677669529663688f; }

// Parts of a row of the projection.
enum Part : uint32_t { QUERIES, KEYS, VALUES };

// What a block computes: a tile of rows of one sequence, in one head.
template <uint32_t WIDTH> struct Place {
    uint32_t first, length, begin, head, n_heads, n_pieces;

    DEVICE Place(const uint32_t *tiles, uint32_t n_heads, uint32_t n_pieces)
        : first(tiles[3 * blockIdx.x]), length(tiles[3 * blockIdx.x + 1]), begin(tiles[3 * blockIdx.x + 2]),
          head(blockIdx.y), n_heads(n_heads), n_pieces(n_pieces) {}

    DEVICE uint32_t hidden() const { return n_heads * WIDTH; }
    DEVICE uint32_t n_tiles() const { return (length + TILE - 1) / TILE; }
    DEVICE size_t statistics() const { return size_t(head) * n_pieces + first; }

    template <typename T> DEVICE Rows<T> of_projection(T *projected, Part part) const {
        uint32_t stride = 3 * hidden();
        return {projected + size_t(first) * stride + part * hidden() + head * WIDTH, stride, length};
    }
    template <typename T> DEVICE Rows<T> of_output(T *out) const {
        return {out + size_t(first) * hidden() + head * WIDTH, hidden(), length};
    }
    DEVICE const float *of_bias(const float *bias, Part part) const { return bias + part * hidden() + head * WIDTH; }
    DEVICE ShareMask mask(const Dropout &dropout) const { return {dropout, first, length, n_heads, head}; }

    // The row, in the sequence, of the lane's side.
    DEVICE uint32_t row(uint32_t side) const { return begin + warp() * STEP + side * 8 + lane_group(); }
};

// Scores of 16 queries and 64 keys.
struct Scores {
    Sums<16> parts[TILE / STEP];
};

// A running softmax over the lane's two rows: in powers of two, sums of the lane alone.
struct Softmax {
    float largest[2] = {-INFINITY, -INFINITY};
    float sum[2] = {0.0f, 0.0f};
    float kept[2] = {0.0f, 0.0f};
};

DEVICE void hide_beyond(Scores &scores, uint32_t n_keys) {
#pragma unroll
    for (uint32_t part = 0; part < TILE / STEP; part++)
        each(scores.parts[part], [&](uint32_t, uint32_t column, float &score) {
            if (part * STEP + column >= n_keys) score = -INFINITY;
        });
}

// Takes in the maxima of these scores; what was summed before is to be multiplied by the corrections.
DEVICE void raise_maximum(Softmax &softmax, Scores &scores, float (&corrections)[2]) {
    float largest[2] = {softmax.largest[0], softmax.largest[1]};
#pragma unroll
    for (auto &part : scores.parts)
        each(part, [&](uint32_t side, uint32_t, float &score) { largest[side] = fmaxf(largest[side], score); });
#pragma unroll
    for (uint32_t side = 0; side < 2; side++) {
        largest[side] = largest_of_row(largest[side]);
        corrections[side] = power_of_two((softmax.largest[side] - largest[side]) * LOG2_E);
        softmax.largest[side] = largest[side];
        softmax.sum[side] *= corrections[side];
        softmax.kept[side] *= corrections[side];
    }
}

// Scores become shares times the running sum.
DEVICE void exponentiate(Softmax &softmax, Scores &scores) {
    float least[2] = {softmax.largest[0] * LOG2_E, softmax.largest[1] * LOG2_E};
#pragma unroll
    for (auto &part : scores.parts)
        each(part, [&](uint32_t side, uint32_t, float &score) {
            score = power_of_two(fmaf(score, LOG2_E, -least[side]));
            softmax.sum[side] += score;
        });
}

template <uint32_t WIDTH>
DEVICE void drop(Softmax &softmax, Scores &shares, const ShareMask &mask, const Place<WIDTH> &place, uint32_t first_key) {
#pragma unroll
    for (uint32_t part = 0; part < TILE / STEP; part++)
        each(shares.parts[part], [&](uint32_t side, uint32_t column, float &share) {
            if (mask.drops(place.row(side), first_key + part * STEP + column)) share = 0.0f;
            softmax.kept[side] += share;
        });
}

template <uint32_t WIDTH> DEVICE void correct(Sums<WIDTH> &sums, const float (&corrections)[2]) {
#pragma unroll
    for (auto &block : sums.blocks)
#pragma unroll
        for (uint32_t at = 0; at < 4; at++) block[at] *= corrections[at / 2];
}

// One tile of keys: scores, their softmax so far, and the values' weighted sums.
template <uint32_t WIDTH>
DEVICE void attend_tile(Sums<WIDTH> &out, Softmax &softmax, const Left<WIDTH> &queries, const Tile<WIDTH> &keys,
                        const Tile<WIDTH> &values, const Place<WIDTH> &place, const ShareMask &mask, uint32_t first_key) {
    Scores scores;
#pragma unroll
    for (uint32_t part = 0; part < TILE / STEP; part++) times_rows(scores.parts[part], queries, keys, part * STEP);
    if (first_key + TILE > place.length) hide_beyond(scores, place.length - first_key);
    float corrections[2];
    raise_maximum(softmax, scores, corrections);
    exponentiate(softmax, scores);
    if (mask.drops_any()) drop(softmax, scores, mask, place, first_key);
    correct(out, corrections);
#pragma unroll
    for (uint32_t part = 0; part < TILE / STEP; part++) weigh_rows(out, scores.parts[part], values, part * STEP);
}

// Divides by the sums, adds the values' bias and writes out the log-sum-exp.
template <uint32_t WIDTH>
DEVICE void finish(Sums<WIDTH> &out, const Softmax &softmax, const Place<WIDTH> &place, const float *bias,
                   const Dropout &dropout, float *lse) {
    float scales[2], kept[2];
#pragma unroll
    for (uint32_t side = 0; side < 2; side++) {
        float sum = sum_of_row(softmax.sum[side]), sum_of_kept = sum_of_row(softmax.kept[side]);
        kept[side] = dropout.threshold == 0 ? sum : sum_of_kept;
        scales[side] = dropout.keep_scale / sum;
        if (lane_part() == 0 && place.row(side) < place.length)
            lse[place.statistics() + place.row(side)] = softmax.largest[side] + logf(sum);
    }
    add_bias(out, kept, place.of_bias(bias, VALUES), scales);
}

template <uint32_t WIDTH>
DEVICE void attend_forward(const bf16 *projected, const float *bias, const Place<WIDTH> &place, const Dropout &dropout,
                           bf16 *out, float *lse) {
    SHARED(Tile<WIDTH>, keys, 2);
    SHARED(Tile<WIDTH>, values, 2);
    auto all_keys = place.of_projection(projected, KEYS), all_values = place.of_projection(projected, VALUES);
    copy_rows_later(keys[0], all_keys, 0);
    copy_rows_later(values[0], all_values, 0);
    place_rows(keys[1], place.of_projection(projected, QUERIES), place.begin, place.of_bias(bias, QUERIES),
               score_scale<WIDTH>());
    __syncthreads();
    Left<WIDTH> queries;
    load_left(queries, keys[1]);

    Sums<WIDTH> sums;
    Softmax softmax;
    ShareMask mask = place.mask(dropout);
    for (uint32_t tile = 0; tile < place.n_tiles(); tile++) {
        // After this barrier the tile is there, and nobody reads the other buffer any more.
        wait_for_copies();
        __syncthreads();
        uint32_t now = tile % 2, next = (tile + 1) % 2;
        if (tile + 1 < place.n_tiles()) {
            copy_rows_later(keys[next], all_keys, (tile + 1) * TILE);
            copy_rows_later(values[next], all_values, (tile + 1) * TILE);
        }
        attend_tile(sums, softmax, queries, keys[now], values[now], place, mask, tile * TILE);
    }
    finish(sums, softmax, place, bias, dropout, lse);
    __syncthreads();
    write_rows(place.of_output(out), place.begin, sums, 1.0f, keys[0]);
}

#define ATTEND_FORWARD(WIDTH)                                                                                          \
    extern "C" __global__ void __launch_bounds__(THREADS) attend_forward_w##WIDTH(                                     \
        const bf16 *__restrict__ projected, const float *__restrict__ bias, const uint32_t *__restrict__ tiles,        \
        bf16 *__restrict__ out, float *__restrict__ lse, uint32_t n_heads, uint32_t n_pieces, uint32_t drop_threshold, \
        float keep_scale, uint64_t seed) {                                                                             \
        Dropout dropout = {drop_threshold, keep_scale, seed};                                                          \
        attend_forward(projected, bias, Place<WIDTH>(tiles, n_heads, n_pieces), dropout, out, lse);                    \
    }

ATTEND_FORWARD(32)
ATTEND_FORWARD(64)
