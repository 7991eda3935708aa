"""One layer of a reasoning model in PyTorch, in the naive form: the keys and values of all heads of all pairs are built
in full, (pairs, heads, N + 1, width) each. Prints the seconds of its forward and backward pass; for comparison with
docre's factored form. Needs torch. Usage: naive_layer.py docre-ii|docre-sd ENTITIES WIDTH ROUNDS [DEVICE], on
a card with bf16 autocast; ENTITIES may be several numbers, separated by commas, of each of which a line is printed.
"""

import sys
import time

import torch
from torch import nn
from torch.nn import functional

HEADS = 4


def bridges(model, n_entities):
    """For each head the pairs that each pair attends to: (heads, pairs, N) row numbers, one such list for each of the
    pairs that meet in a bridge, and which of them count."""
    head, tail = torch.meshgrid(torch.arange(n_entities), torch.arange(n_entities), indexing="ij")
    off = head != tail
    s, o = head[off][:, None], tail[off][:, None]
    i = torch.arange(n_entities)[None, :]
    rows = torch.full((n_entities, n_entities), -1)
    rows[off] = torch.arange(len(s))
    axes = {"si": rows[s, i], "io": rows[i, o], "is": rows[i, s], "oi": rows[o, i]}
    own = torch.arange(len(s))[:, None]
    patterns = {
        "docre-ii": [("si",), ("io",), ("is",), ("oi",)],
        "docre-sd": [("si", "io"), ("si", "oi"), ("oi", "is"), ("is", "io")],
    }[model]
    sides = [torch.stack([axes[pattern[side]] for pattern in patterns]) for side in range(len(patterns[0]))]
    counts = torch.stack(sides).ge(0).all(0) & torch.stack(sides).ne(own).all(0)
    return [side.clamp(min=0) for side in sides], counts


class Attention(nn.Module):
    def __init__(self, width, sides):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        part = width // HEADS
        self.joined = [[nn.Linear(2 * part, part) for _ in range(HEADS)] for _ in range(2)] if sides == 2 else None
        self.output = nn.Linear(width, width)

    def built(self, rows, sides, which):
        """(pairs, heads, N + 1, width of a head)."""
        heads = rows.view(len(rows), HEADS, -1)
        built = []
        for head in range(HEADS):
            own = heads[:, head]
            others = torch.cat([own[side[head]] for side in sides], -1)
            if self.joined:
                others = self.joined[which][head](others)
            built.append(torch.cat([own[:, None], others], 1))
        return torch.stack(built, 1)

    def forward(self, queries, memory, sides, counts):
        query = self.query(queries).view(len(queries), HEADS, 1, -1)
        keys = self.built(self.key(memory), sides, 0)
        scores = (query @ keys.transpose(-1, -2)).squeeze(2) / query.shape[-1] ** 0.5
        hidden = torch.cat([counts.new_ones(HEADS, len(queries), 1), counts], 2).transpose(0, 1)
        shares = scores.masked_fill(~hidden, -1e30).softmax(-1)
        gathered = (shares[:, :, None] @ self.built(self.value(memory), sides, 1)).squeeze(2)
        return self.output(gathered.flatten(1))


class FeedForward(nn.Module):
    def __init__(self, width, activation):
        super().__init__()
        self.inner, self.outer = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.norm, self.activation = nn.LayerNorm(width), activation

    def forward(self, x, residual):
        return self.norm(residual + self.outer(self.activation(self.inner(x))))


class DocreII(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.memory, self.norm = nn.Linear(2 * width, width), nn.LayerNorm(width)
        self.attention = nn.ModuleList(Attention(width, 1) for _ in range(2))
        self.gate = nn.Linear(2 * width, width)
        self.update = nn.ModuleList(FeedForward(width, functional.relu) for _ in range(2))

    def forward(self, features, relations, sides, counts):
        memory = self.norm(self.memory(torch.cat([features, relations], 1)))
        one = self.attention[0](features, memory, sides, counts)
        other = self.attention[1](relations, memory, sides, counts)
        gate = self.gate(torch.cat([one, other], 1)).sigmoid()
        joined = gate * one + (1 - gate) * other
        return self.update[0](joined, features) + self.update[1](joined, relations)


class DocreSD(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.attention, self.norm = Attention(width, 2), nn.LayerNorm(width)
        self.update = FeedForward(width, functional.gelu)

    def forward(self, features, _, sides, counts):
        joined = self.norm(features + self.attention(features, features, sides, counts))
        return self.update(joined, joined)


def measured(layer, model, n_entities, width, rounds, device):
    """The seconds of the fastest round."""
    sides, counts = bridges(model, n_entities)
    n_pairs = n_entities * (n_entities - 1)
    features, relations = (torch.randn(n_pairs, width, requires_grad=True) for _ in range(2))
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            output = layer(features, relations, sides, counts)
        output.float().square().sum().backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main():
    model, entities, width, rounds = sys.argv[1], sys.argv[2].split(","), int(sys.argv[3]), int(sys.argv[4])
    device = torch.device(sys.argv[5] if len(sys.argv) > 5 else "cpu")
    torch.set_default_device(device)
    layer = {"docre-ii": DocreII, "docre-sd": DocreSD}[model](width)
    for n_entities in map(int, entities):
        try:
            found = f"seconds {measured(layer, model, n_entities, width, rounds, device)}"
        except torch.OutOfMemoryError:
            found = "out of memory"
        if device.type == "cuda":
            found += f" GiB {torch.cuda.max_memory_reserved() / 2**30:.2f}"
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        print(found, flush=True)


main()
