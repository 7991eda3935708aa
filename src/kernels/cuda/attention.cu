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
// Biases of the projection:
// - of keys: a query's scores all move by the same number, which softmax ignores; rows of dS add up to 0. Left out.
// - of values: out + bias · (the sum of kept shares); in dO · Vᵀ it is a number a query.
// - of queries: added to a tile where it lies, each thread to what it copied itself.
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

// Scores of keys from the sixteen's `n_keys` on, which may be below 0 or above 16.
DEVICE void hide_beyond(Sums<16> &scores, int32_t n_keys) {
    each(scores, [&](uint32_t, uint32_t column, float &score) {
        if (int32_t(column) >= n_keys) score = -INFINITY;
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
    for (uint32_t part = 0; part < TILE / STEP; part++) {
        times_rows(scores.parts[part], queries, keys, part * STEP);
        if (first_key + TILE > place.length) hide_beyond(scores.parts[part], place.length - first_key - part * STEP);
    }
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
    copy_rows_later(keys[1], place.of_projection(projected, QUERIES), place.begin);
    wait_for_copies();
    bias_own_chunks(keys[1], place.of_bias(bias, QUERIES), score_scale<WIDTH>());
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

// delta: Σ dO ∘ O of each row and head. The grid has a thread for each 16 bytes of the output.
template <uint32_t WIDTH>
DEVICE void attend_delta(const bf16 *gradient, const bf16 *out, float *delta, uint32_t n_heads, uint32_t n_pieces) {
    constexpr uint32_t CHUNKS = WIDTH / 8;
    size_t chunk = size_t(blockIdx.x) * THREADS + threadIdx.x;
    bool inside = chunk < size_t(n_pieces) * n_heads * CHUNKS;
    float sum = 0.0f;
    if (inside) {
        uint4 x = reinterpret_cast<const uint4 *>(gradient)[chunk], y = reinterpret_cast<const uint4 *>(out)[chunk];
        auto product = [](uint32_t a, uint32_t b) { return low_half(a) * low_half(b) + high_half(a) * high_half(b); };
        sum = product(x.x, y.x) + product(x.y, y.y) + product(x.z, y.z) + product(x.w, y.w);
    }
#pragma unroll
    for (uint32_t by = 1; by < CHUNKS; by *= 2) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, by);
    size_t group = chunk / CHUNKS;
    if (inside && chunk % CHUNKS == 0) delta[group % n_heads * n_pieces + group / n_heads] = sum;
}

// Of the lane's two rows: log-sum-exp in powers of two, Σ dO ∘ O, and what the values' bias adds to dO · Vᵀ.
struct RowStatistics {
    float lse[2], delta[2], of_bias[2];
};

template <uint32_t WIDTH>
DEVICE RowStatistics row_statistics(const Place<WIDTH> &place, const Left<WIDTH> &d_out, const float *bias,
                                    const float *lse, const float *delta) {
    RowStatistics rows;
    times_vector(rows.of_bias, d_out, place.of_bias(bias, VALUES));
#pragma unroll
    for (uint32_t side = 0; side < 2; side++) {
        bool inside = place.row(side) < place.length;
        rows.lse[side] = inside ? lse[place.statistics() + place.row(side)] * LOG2_E : INFINITY;
        rows.delta[side] = inside ? delta[place.statistics() + place.row(side)] : 0.0f;
    }
    return rows;
}

// Each row of the sums starts from its own number.
DEVICE Sums<16> sums_from(const float (&rows)[2]) {
    Sums<16> sums;
    each(sums, [&](uint32_t side, uint32_t, float &sum) { sum = rows[side]; });
    return sums;
}

// One tile of keys: dQ += dS · K, sixteen keys at a time so that registers suffice.
template <uint32_t WIDTH>
DEVICE void add_to_queries(Sums<WIDTH> &d_queries, const Left<WIDTH> &queries, const Left<WIDTH> &d_out,
                           const Tile<WIDTH> &keys, const Tile<WIDTH> &values, const RowStatistics &rows,
                           const Place<WIDTH> &place, const Dropout &dropout, const ShareMask &mask, uint32_t first_key) {
#pragma unroll
    for (uint32_t part = 0; part < TILE / STEP; part++) {
        uint32_t first = first_key + part * STEP;
        Sums<16> scores, d_shares = sums_from(rows.of_bias);
        times_rows(scores, queries, keys, part * STEP);
        times_rows(d_shares, d_out, values, part * STEP);
        if (first + STEP > place.length) hide_beyond(scores, place.length - first);
        if (mask.drops_any())
            each(d_shares, [&](uint32_t side, uint32_t column, float &d_share) {
                d_share = mask.drops(place.row(side), first + column) ? 0.0f : d_share * dropout.keep_scale;
            });
        each_pair(scores, d_shares, [&](uint32_t side, uint32_t, float &score, float &d_share) {
            score = power_of_two(fmaf(score, LOG2_E, -rows.lse[side])) * (d_share - rows.delta[side]);
        });
        weigh_rows(d_queries, scores, keys, part * STEP);
    }
}

template <uint32_t WIDTH>
DEVICE void attend_backward_queries(const bf16 *projected, const float *bias, const Place<WIDTH> &place,
                                    const Dropout &dropout, const bf16 *gradient, const float *lse, const float *delta,
                                    bf16 *d_projected) {
    SHARED(Tile<WIDTH>, keys, 2);
    SHARED(Tile<WIDTH>, values, 2);
    auto all_keys = place.of_projection(projected, KEYS), all_values = place.of_projection(projected, VALUES);
    copy_rows_later(keys[0], all_keys, 0);
    copy_rows_later(values[0], all_values, 0);
    copy_rows_later(keys[1], place.of_projection(projected, QUERIES), place.begin);
    copy_rows_later(values[1], place.of_output(gradient), place.begin);
    wait_for_copies();
    bias_own_chunks(keys[1], place.of_bias(bias, QUERIES), score_scale<WIDTH>());
    __syncthreads();
    Left<WIDTH> queries, d_out;
    load_left(queries, keys[1]);
    load_left(d_out, values[1]);

    Sums<WIDTH> d_queries;
    RowStatistics rows = row_statistics(place, d_out, bias, lse, delta);
    ShareMask mask = place.mask(dropout);
    for (uint32_t tile = 0; tile < place.n_tiles(); tile++) {
        // As in the forward pass: one barrier for "the tile is there" and "the other buffer is free".
        wait_for_copies();
        __syncthreads();
        uint32_t now = tile % 2, next = (tile + 1) % 2;
        if (tile + 1 < place.n_tiles()) {
            copy_rows_later(keys[next], all_keys, (tile + 1) * TILE);
            copy_rows_later(values[next], all_values, (tile + 1) * TILE);
        }
        add_to_queries(d_queries, queries, d_out, keys[now], values[now], rows, place, dropout, mask, tile * TILE);
    }
    __syncthreads();
    write_rows(place.of_projection(d_projected, QUERIES), place.begin, d_queries, score_scale<WIDTH>(), keys[0]);
}

// The thread's share of a tile's statistics: log-sum-exp in powers of two, then Σ dO ∘ O, of 64 queries. Infinity makes
// shares of queries beyond the last 0.
template <uint32_t WIDTH>
DEVICE float query_statistic(const Place<WIDTH> &place, const float *lse, const float *delta, uint32_t begin) {
    bool of_lse = threadIdx.x < TILE;
    uint32_t query = begin + threadIdx.x % TILE;
    if (query >= place.length) return of_lse ? INFINITY : 0.0f;
    return of_lse ? lse[place.statistics() + query] * LOG2_E : delta[place.statistics() + query];
}

// Gradients of a warp's sixteen keys and values.
template <uint32_t WIDTH> struct KeyGradients {
    Sums<WIDTH> d_keys, d_values;
};

// One tile of queries: dV += shares ᵀ · dO, dK += dSᵀ · Q, sixteen queries at a time.
template <uint32_t WIDTH>
DEVICE void add_to_keys(KeyGradients<WIDTH> &to, const Left<WIDTH> &keys, const Left<WIDTH> &values,
                        const Tile<WIDTH> &queries, const Tile<WIDTH> &d_out, const float *statistics,
                        const Place<WIDTH> &place, const Dropout &dropout, const ShareMask &mask, uint32_t first_query) {
#pragma unroll
    for (uint32_t part = 0; part < TILE / STEP; part++) {
        uint32_t first = part * STEP;
        Sums<16> shares, d_scores;
        times_rows(shares, keys, queries, first);
        times_rows(d_scores, values, d_out, first);
        each_pair(shares, d_scores, [&](uint32_t side, uint32_t column, float &share, float &d_score) {
            float lse = statistics[first + column], delta = statistics[TILE + first + column];
            share = power_of_two(fmaf(share, LOG2_E, -lse));
            bool drops = mask.drops_any() && mask.drops(first_query + first + column, place.row(side));
            d_score = share * ((drops ? 0.0f : d_score * dropout.keep_scale) - delta);
            if (drops) share = 0.0f;
        });
        weigh_rows(to.d_values, shares, d_out, first);
        weigh_rows(to.d_keys, d_scores, queries, first);
    }
}

template <uint32_t WIDTH>
DEVICE void attend_backward_keys(const bf16 *projected, const float *bias, const Place<WIDTH> &place,
                                 const Dropout &dropout, const bf16 *gradient, const float *lse, const float *delta,
                                 bf16 *d_projected) {
    SHARED(Tile<WIDTH>, queries, 2);
    SHARED(Tile<WIDTH>, d_out, 2);
    SHARED(float, statistics, 2 * THREADS);
    SHARED(float, query_bias, WIDTH);
    auto all_queries = place.of_projection(projected, QUERIES);
    auto all_d_out = place.of_output(gradient);
    copy_rows_later(queries[0], all_queries, 0);
    copy_rows_later(d_out[0], all_d_out, 0);
    copy_rows_later(queries[1], place.of_projection(projected, KEYS), place.begin);
    copy_rows_later(d_out[1], place.of_projection(projected, VALUES), place.begin);
    float statistic = query_statistic(place, lse, delta, 0);
    if (threadIdx.x < WIDTH) query_bias[threadIdx.x] = place.of_bias(bias, QUERIES)[threadIdx.x];
    wait_for_copies();
    bias_own_chunks(d_out[1], place.of_bias(bias, VALUES), 1.0f);
    __syncthreads();
    Left<WIDTH> keys, values;
    load_left(keys, queries[1]);
    load_left(values, d_out[1]);

    KeyGradients<WIDTH> gradients;
    ShareMask mask = place.mask(dropout);
    for (uint32_t tile = 0; tile < place.n_tiles(); tile++) {
        // As in the forward pass; statistics come by way of a register.
        uint32_t now = tile % 2, next = (tile + 1) % 2;
        statistics[now * THREADS + threadIdx.x] = statistic;
        wait_for_copies();
        bias_own_chunks(queries[now], query_bias, score_scale<WIDTH>());
        __syncthreads();
        if (tile + 1 < place.n_tiles()) {
            copy_rows_later(queries[next], all_queries, (tile + 1) * TILE);
            copy_rows_later(d_out[next], all_d_out, (tile + 1) * TILE);
            statistic = query_statistic(place, lse, delta, (tile + 1) * TILE);
        }
        add_to_keys(gradients, keys, values, queries[now], d_out[now], statistics + now * THREADS, place, dropout, mask,
                    tile * TILE);
    }
    __syncthreads();
    write_rows(place.of_projection(d_projected, KEYS), place.begin, gradients.d_keys, 1.0f, queries[0]);
    write_rows(place.of_projection(d_projected, VALUES), place.begin, gradients.d_values, dropout.keep_scale, d_out[0]);
}

// What kernels take, row-major:
//   projected, d_projected: (pieces, 3 · hidden), queries, keys and values side by side, without their bias (3 · hidden);
//   out, gradient: (pieces, hidden); lse: (heads, pieces), of the scaled scores without the keys' bias; delta: likewise;
//   tiles: three numbers for each of the grid's x: the first row of its sequence, the sequence's length, and the tile's
//   first row within it; the grid's y is the head. All pointers to bf16 at multiples of 16 bytes.

#define ATTEND_FORWARD(WIDTH, BLOCKS)                                                                                          \
    extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) attend_forward_w##WIDTH(                                     \
        const bf16 *__restrict__ projected, const float *__restrict__ bias, const uint32_t *__restrict__ tiles,        \
        bf16 *__restrict__ out, float *__restrict__ lse, uint32_t n_heads, uint32_t n_pieces, uint32_t drop_threshold, \
        float keep_scale, uint64_t seed) {                                                                             \
        Dropout dropout = {drop_threshold, keep_scale, seed};                                                          \
        attend_forward(projected, bias, Place<WIDTH>(tiles, n_heads, n_pieces), dropout, out, lse);                    \
    }

#define ATTEND_DELTA(WIDTH)                                                                                            \
    extern "C" __global__ void __launch_bounds__(THREADS) attend_delta_w##WIDTH(                                       \
        const bf16 *__restrict__ gradient, const bf16 *__restrict__ out, float *__restrict__ delta, uint32_t n_heads,  \
        uint32_t n_pieces) {                                                                                           \
        attend_delta<WIDTH>(gradient, out, delta, n_heads, n_pieces);                                                  \
    }

#define ATTEND_BACKWARD(SIDE, WIDTH, BLOCKS)                                                                                   \
    extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) attend_backward_##SIDE##_w##WIDTH(                           \
        const bf16 *__restrict__ projected, const float *__restrict__ bias, const uint32_t *__restrict__ tiles,        \
        const bf16 *__restrict__ gradient, const float *__restrict__ lse, const float *__restrict__ delta,             \
        bf16 *__restrict__ d_projected, uint32_t n_heads, uint32_t n_pieces, uint32_t drop_threshold,                  \
        float keep_scale, uint64_t seed) {                                                                             \
        Dropout dropout = {drop_threshold, keep_scale, seed};                                                          \
        Place<WIDTH> place(tiles, n_heads, n_pieces);                                                                  \
        attend_backward_##SIDE(projected, bias, place, dropout, gradient, lse, delta, d_projected);                    \
    }

// Blocks a multiprocessor: as many as fit without a spilled register (compute capability 9.0).
ATTEND_FORWARD(32, 5)
ATTEND_FORWARD(64, 4)
ATTEND_DELTA(32)
ATTEND_DELTA(64)
ATTEND_BACKWARD(queries, 32, 5)
ATTEND_BACKWARD(queries, 64, 4)
ATTEND_BACKWARD(keys, 32, 4)
ATTEND_BACKWARD(keys, 64, 3)
