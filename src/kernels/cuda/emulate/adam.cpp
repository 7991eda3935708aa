// AdamW.
#include "check.h"

#include "../adam.cu"

constexpr uint32_t THREADS = 256;

// A variable with its moments and its gradient.
struct Variable {
    Buffer<float> value, first, second, grad;

    Variable(size_t length, std::mt19937_64 &random)
        : value(drawn<float>(length, random, 1.0)), first(drawn<float>(length, random, 0.1)),
          second(drawn<float>(length, random, 0.1)), grad(drawn<float>(length, random, 0.5)) {
        for (size_t at = 0; at < length; at++) second[at] *= second[at];
    }
};

int main() {
    std::mt19937_64 random(7);
    std::vector<Variable> variables;
    for (size_t length : {size_t(1), size_t(37), size_t(STRETCH), size_t(STRETCH) + 1, size_t(40000), size_t(5)})
        variables.emplace_back(length, random);
    std::vector<Slot> slot_list;
    std::vector<Stretch> stretch_list;
    std::vector<double> squares_wanted;
    std::vector<float> rate_list;
    for (uint32_t slot = 0; slot < variables.size(); slot++) {
        Variable &of = variables[slot];
        slot_list.push_back({of.value.get(), of.first.get(), of.second.get(), of.grad.get(), of.grad.size()});
        for (size_t at = 0; at < of.grad.size(); at++) {
            if (at % STRETCH == 0) {
                stretch_list.push_back({slot, uint32_t(at / STRETCH)});
                squares_wanted.push_back(0.0);
            }
            squares_wanted.back() += number(of.grad[at]) * number(of.grad[at]);
        }
        rate_list.insert(rate_list.end(), {1.0f - 0.01f * slot, 0.1f + 0.05f * slot});
    }
    auto slots = of(slot_list);
    auto stretches = of(stretch_list);
    auto rates = of(rate_list);
    Buffer<float> sums(stretch_list.size());
    launch(stretch_list.size(), THREADS, 0, [&] { squares(slots.get(), stretches.get(), sums.get()); });
    compare_each("squares", sums, squares_wanted);

    float scale = 0.7f, beta = 0.9f, other_beta = 0.999f, root = 1.25f, epsilon = 1e-6f;
    std::vector<std::vector<double>> wanted;  // Of each variable: value, first moment, second moment, gradient.
    for (size_t slot = 0; slot < variables.size(); slot++) {
        Variable &of = variables[slot];
        std::vector<double> values, firsts, seconds, grads;
        for (size_t at = 0; at < of.grad.size(); at++) {
            double grad = number(of.grad[at]) * scale;
            firsts.push_back(double(beta) * of.first[at] + (1.0 - beta) * grad);
            seconds.push_back(double(other_beta) * of.second[at] + (1.0 - other_beta) * grad * grad);
            double step = rate_list[2 * slot + 1] * firsts.back() / (root * std::sqrt(seconds.back()) + epsilon);
            values.push_back(double(rate_list[2 * slot]) * of.value[at] - step);
            grads.push_back(of.grad[at]);
        }
        wanted.insert(wanted.end(), {values, firsts, seconds, grads});
    }
    launch(stretch_list.size(), THREADS, 0, [&] {
        adamw(slots.get(), stretches.get(), rates.get(), scale, beta, other_beta, root, epsilon);
    });
    for (size_t slot = 0; slot < variables.size(); slot++) {
        std::string name = "adamw, variable " + std::to_string(slot);
        compare_each(name, variables[slot].value, wanted[4 * slot]);
        compare_each(name + ", first moment", variables[slot].first, wanted[4 * slot + 1]);
        compare_each(name + ", second moment", variables[slot].second, wanted[4 * slot + 2]);
        compare_each(name + ", gradient", variables[slot].grad, wanted[4 * slot + 3]);
    }
    return verdict();
}
