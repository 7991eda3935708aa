// The masks of dropout, against those that the CPU draws: `masks WIDTH SEED LEAST SCALE` reads f32 numbers, ones that
// were dropped as rows of this width, each a part of the whole, or of width 0 as one vector.
#include "check.h"

#include "../elements.cu"

std::vector<float> read_all() {
    std::vector<float> numbers;
    for (float value; std::fread(&value, sizeof value, 1, stdin) == 1;) numbers.push_back(value);
    return numbers;
}

int main(int count, char **arguments) {
    if (count != 5) return 2;
    size_t width = std::strtoull(arguments[1], nullptr, 10);
    uint64_t seed = std::strtoull(arguments[2], nullptr, 10);
    uint32_t least = std::strtoul(arguments[3], nullptr, 10);
    float scale = std::strtof(arguments[4], nullptr);
    std::vector<float> wanted = read_all();
    Buffer<float> drawn(wanted.size());
    if (width == 0) {
        auto ones = of(std::vector<float>(wanted.size(), 1.0f));
        launch(blocks_of(wanted.size(), 1024), 256, 0,
               [&] { drop_f32(ones.get(), drawn.get(), wanted.size(), seed, least, scale); });
    } else {
        for (size_t at = 0; at < wanted.size(); at++)
            drawn[at] = Mask(seed, at / width, least, scale)(at % width, 1.0f);
    }
    for (size_t at = 0; at < wanted.size(); at++)
        if (drawn[at] != wanted[at]) {
            failures++;
            std::printf("FAILED mask: number %zu of %zu: expected %g, got %g\n", at, wanted.size(), wanted[at],
                        drawn[at]);
            break;
        }
    checks = wanted.size();
    return verdict();
}
