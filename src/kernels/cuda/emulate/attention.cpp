// Self-attention.
#include "check.h"

#include "../attention.cu"

struct Sequences {
    std::vector<uint32_t> lengths;
    uint32_t n_heads, width;

    uint32_t hidden() const { return n_heads * width; }
    uint32_t n_pieces() const {
        uint32_t pieces = 0;
        for (uint32_t length : lengths) pieces += length;
        return pieces;
    }
    std::vector<uint32_t> tiles() const {
        std::vector<uint32_t> tiles;
        uint32_t first = 0;
        for (uint32_t length : lengths) {
            for (uint32_t begin = 0; begin < length; begin += TILE) tiles.insert(tiles.end(), {first, length, begin});
            first += length;
        }
        return tiles;
    }
};

// What attention gives, in double precision: outputs, log-sum-exp, Σ dO ∘ O and the projection's gradient.
struct Attention {
    std::vector<double> out, lse, delta, d_projected;
};

// One head of one sequence.
struct NaiveHead {
    const Sequences &sequences;
    uint32_t first, length, head;
    std::vector<double> q, k, v, d_out;
    std::vector<double> shares, kept; // (queries, keys); kept: 0 or the scale

    double &at(std::vector<double> &rows, uint32_t row, uint32_t column) { return rows[row * sequences.width + column]; }

    NaiveHead(const Sequences &sequences, uint32_t first, uint32_t length, uint32_t head, Buffer<bf16> &projected,
              Buffer<float> &bias, Buffer<bf16> &gradient)
        : sequences(sequences), first(first), length(length), head(head) {
        uint32_t hidden = sequences.hidden(), width = sequences.width;
        for (uint32_t row = 0; row < length; row++)
            for (uint32_t column = 0; column < width; column++) {
                auto biased = [&](uint32_t part) {
                    uint32_t of_row = part * hidden + head * width + column;
                    return number(projected[size_t(first + row) * 3 * hidden + of_row]) + number(bias[of_row]);
                };
                q.push_back(rounded(biased(0) / std::sqrt(double(width))));
                k.push_back(rounded(biased(1)));
                v.push_back(rounded(biased(2)));
                d_out.push_back(number(gradient[size_t(first + row) * hidden + head * width + column]));
            }
    }

    double product(std::vector<double> &left, uint32_t i, std::vector<double> &right, uint32_t j) {
        double sum = 0.0;
        for (uint32_t column = 0; column < sequences.width; column++) sum += at(left, i, column) * at(right, j, column);
        return sum;
    }

    // Returns the log-sum-exp of a query, less what the keys' bias adds to each of its scores.
    double softmax(uint32_t query, const Dropout &dropout, Buffer<float> &bias) {
        std::vector<double> scores;
        double largest = -INFINITY, sum = 0.0, shift = 0.0;
        for (uint32_t key = 0; key < length; key++) {
            scores.push_back(product(q, query, k, key));
            largest = std::max(largest, scores.back());
        }
        for (double score : scores) sum += std::exp(score - largest);
        for (uint32_t key = 0; key < length; key++) {
            uint64_t part = seed_of_part(dropout.seed, uint64_t(first) * sequences.n_heads + head);
            bool dropped = bits_of(part, query * length + key) < dropout.threshold;
            shares.push_back(std::exp(scores[key] - largest) / sum);
            kept.push_back(dropped ? 0.0 : double(dropout.keep_scale));
        }
        uint32_t of_row = sequences.hidden() + head * sequences.width;
        for (uint32_t column = 0; column < sequences.width; column++)
            shift += at(q, query, column) * number(bias[of_row + column]);
        return largest + std::log(sum) - shift;
    }

    void compute(Attention &to, const Dropout &dropout, Buffer<float> &bias) {
        uint32_t hidden = sequences.hidden(), width = sequences.width;
        for (uint32_t i = 0; i < length; i++) {
            size_t statistic = size_t(head) * sequences.n_pieces() + first + i;
            size_t out = size_t(first + i) * hidden + head * width;
            to.lse[statistic] = softmax(i, dropout, bias);
            for (uint32_t j = 0; j < length; j++)
                for (uint32_t column = 0; column < width; column++)
                    to.out[out + column] += shares[i * length + j] * kept[i * length + j] * at(v, j, column);
            for (uint32_t column = 0; column < width; column++)
                to.delta[statistic] += to.out[out + column] * at(d_out, i, column);
            for (uint32_t j = 0; j < length; j++) add_gradients(to, i, j, to.delta[statistic]);
        }
    }

    void add_gradients(Attention &to, uint32_t i, uint32_t j, double delta) {
        uint32_t hidden = sequences.hidden(), width = sequences.width;
        double share = shares[i * length + j], keep = kept[i * length + j];
        double d_score = share * (keep * product(d_out, i, v, j) - delta);
        double *d_query = &to.d_projected[size_t(first + i) * 3 * hidden + head * width];
        double *d_key = &to.d_projected[size_t(first + j) * 3 * hidden + hidden + head * width];
        for (uint32_t column = 0; column < width; column++) {
            d_query[column] += d_score * at(k, j, column) / std::sqrt(double(width));
            d_key[column] += d_score * at(q, i, column);
            d_key[hidden + column] += share * keep * at(d_out, i, column);
        }
    }
};

Attention naive_attention(const Sequences &sequences, Buffer<bf16> &projected, Buffer<float> &bias,
                          Buffer<bf16> &gradient, const Dropout &dropout) {
    size_t statistics = size_t(sequences.n_heads) * sequences.n_pieces(), outputs = statistics * sequences.width;
    Attention attention = {std::vector<double>(outputs), std::vector<double>(statistics),
                           std::vector<double>(statistics), std::vector<double>(3 * outputs)};
    uint32_t first = 0;
    for (uint32_t length : sequences.lengths) {
        for (uint32_t head = 0; head < sequences.n_heads; head++)
            NaiveHead(sequences, first, length, head, projected, bias, gradient).compute(attention, dropout, bias);
        first += length;
    }
    return attention;
}

// One of the three parts, side by side, of each row.
double compare_part(const std::string &what, Buffer<bf16> &got, const std::vector<double> &wanted, uint32_t part,
                    uint32_t hidden) {
    Buffer<bf16> got_part(got.size() / 3);
    std::vector<double> wanted_part(got.size() / 3);
    for (size_t at = 0; at < wanted_part.size(); at++) {
        size_t from = at / hidden * 3 * hidden + part * hidden + at % hidden;
        got_part[at] = got[from];
        wanted_part[at] = wanted[from];
    }
    if (!got.guards_hold()) failures++;
    return compare(what, got_part, wanted_part, 1e-2);
}

void check_attention(const Sequences &sequences, double drop_probability) {
    std::mt19937_64 random(sequences.n_pieces() * 100 + sequences.width + sequences.n_heads);
    uint32_t pieces = sequences.n_pieces(), hidden = sequences.hidden(), n_heads = sequences.n_heads;
    bool narrow = sequences.width == 32;
    Buffer<bf16> projected(size_t(pieces) * 3 * hidden), gradient(size_t(pieces) * hidden), out(size_t(pieces) * hidden);
    Buffer<float> bias(3 * hidden), lse(size_t(n_heads) * pieces);
    fill(projected, random, 1.5);
    fill(gradient, random, 1.0);
    fill(bias, random, 0.5);
    std::vector<uint32_t> list = sequences.tiles();
    Buffer<uint32_t> tiles(list.size());
    std::copy(list.begin(), list.end(), tiles.get());
    Dropout dropout = {uint32_t(drop_probability * 4294967296.0), float(1.0 / (1.0 - drop_probability)), 0x1234567890ABCDEF};
    Attention wanted = naive_attention(sequences, projected, bias, gradient, dropout);

    dim3 grid(list.size() / 3, n_heads);
    launch(grid, THREADS, 0, [&] {
        (narrow ? attend_forward_w32 : attend_forward_w64)(projected.get(), bias.get(), tiles.get(), out.get(), lse.get(),
                                                           n_heads, pieces, dropout.threshold, dropout.keep_scale,
                                                           dropout.seed);
    });
    double of_out = compare("attend_forward out", out, wanted.out, 1e-2);
    double of_lse = compare("attend_forward lse", lse, wanted.lse, 1e-2);
    Buffer<float> delta(lse.size());
    Buffer<bf16> d_projected(projected.size());
    launch((gradient.size() / 8 + THREADS - 1) / THREADS, THREADS, 0, [&] {
        (narrow ? attend_delta_w32 : attend_delta_w64)(gradient.get(), out.get(), delta.get(), n_heads, pieces);
    });
    double of_delta = compare("attend_delta", delta, wanted.delta, 1e-2);
    auto backward = [&](decltype(attend_backward_keys_w32) kernel) {
        launch(grid, THREADS, 0, [&] {
            kernel(projected.get(), bias.get(), tiles.get(), gradient.get(), lse.get(), delta.get(), d_projected.get(),
                   n_heads, pieces, dropout.threshold, dropout.keep_scale, dropout.seed);
        });
    };
    backward(narrow ? attend_backward_queries_w32 : attend_backward_queries_w64);
    backward(narrow ? attend_backward_keys_w32 : attend_backward_keys_w64);
    std::printf("attention: lengths");
    for (uint32_t length : sequences.lengths) std::printf(" %u", length);
    std::printf(", %u heads of %u, dropout %g:", n_heads, sequences.width, drop_probability);
    std::printf(" out %.1e, lse %.1e, delta %.1e,", of_out, of_lse, of_delta);
    const char *names[] = {"d_queries", "d_keys", "d_values"};
    for (uint32_t part = 0; part < 3; part++)
        std::printf(" %s %.1e", names[part], compare_part(names[part], d_projected, wanted.d_projected, part, hidden));
    std::printf("\n");
    std::fflush(stdout);
}

int main() {
    for (uint32_t width : {32, 64})
        for (double drop_probability : {0.0, 0.1}) {
            check_attention({{1}, 1, width}, drop_probability);
            check_attention({{7, 1}, 3, width}, drop_probability);
            check_attention({{63, 64, 65}, 1, width}, drop_probability);
            check_attention({{130, 17}, 2, width}, drop_probability);
        }
    return verdict();
}
