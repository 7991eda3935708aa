"""ATLOP's computation in PyTorch and transformers as it is best run on a card: the peer of `gpu.py`, which starts it.

bf16 autocast, attention by SDPA, fused AdamW, padded batches of documents of like length, and all documents of a batch
pooled, paired and classified together, where research code loops over them. The attention of the last layer is made for
mentions alone. Batches are put together beforehand, and losses are never read: both favour this side, as does that pieces
past the encoder's positions are cut off. Reads a task as `torch_atlop.py` does, then orders, a line of JSON each, such as
{"do": "score", "batch": 32}, and answers each with a line.

Usage: torch_gpu.py TASK DEVICE, or torch_gpu.py --ceiling DEVICE [SIDE]: what the card can do at most.
"""

import json
import statistics
import sys
import time

import torch
from torch.nn.utils import clip_grad_norm_
from transformers import get_linear_schedule_with_warmup

from torch_atlop import Atlop, adaptive_threshold, cut_off


def padded(rows, width, value=0):
    return torch.tensor([list(row) + [value] * (width - len(row)) for row in rows])


def collated(documents, classes):
    """A batch as tensors. Entities and pairs are padded to those of the greatest document, and numbered through."""
    longest = -(-max(len(document["ids"]) for document in documents) // 8) * 8
    n_entities = max(len(document["mention_starts"]) for document in documents)
    n_pairs = max(len(document["pairs"]) for document in documents)
    starts = [[start for starts in document["mention_starts"] for start in starts] for document in documents]
    n_mentions = max(1, *map(len, starts))
    rows, places = [], []
    pool = torch.zeros(len(documents), n_entities, n_mentions)
    for place, document in enumerate(documents):
        first = 0
        for entity, of_entity in enumerate(document["mention_starts"]):
            rows.append([place * longest + start for start in of_entity])
            pool[place, entity, first : first + len(of_entity)] = 1 / max(1, len(of_entity))
            first += len(of_entity)
        rows += [[]] * (n_entities - len(document["mention_starts"]))
        places.append([place * n_pairs + pair for pair in range(len(document["pairs"]))])
    most = max(1, *map(len, rows))

    def ends(which):
        numbers = [[pair[which] + place * n_entities for pair in d["pairs"]] for place, d in enumerate(documents)]
        return padded(numbers, n_pairs)

    labels = torch.zeros(sum(map(len, places)), classes)
    for row, found in enumerate(found for document in documents for found in document["labels"]):
        labels[row, found] = 1
    return {
        "ids": padded([document["ids"] for document in documents], longest),
        "mask": padded([[1] * len(document["ids"]) for document in documents], longest),
        "starts": padded(starts, n_mentions),
        "pool": pool,
        "rows": padded(rows, most),
        "there": padded([[1] * len(row) for row in rows], most).bool(),
        "heads": ends(0),
        "tails": ends(1),
        "places": torch.tensor([place for of_document in places for place in of_document]),
        "labels": labels,
    }


class Batched(Atlop):
    """All documents of a batch at once."""

    def __init__(self, encoder, classes):
        super().__init__(encoder, classes, attention="sdpa")

    def forward(self, batch):
        encoded = self.encoder(batch["ids"], attention_mask=batch["mask"], output_hidden_states=True)
        states = encoded.last_hidden_state  # (documents, pieces, hidden)
        attention = self.attention_of_entities(encoded.hidden_states[-2], batch)  # (entities, heads, pieces)
        shared = (attention[batch["heads"]] * attention[batch["tails"]]).mean(2)  # (documents, pairs, pieces)
        shared = shared / (shared.sum(2, keepdim=True) + 1e-5)
        contexts = (shared @ states.to(shared.dtype)).flatten(0, 1)[batch["places"]]
        entities = self.entities(states, batch)
        heads, tails = (entities[batch[end].flatten()[batch["places"]]] for end in ("heads", "tails"))
        return self.classify(heads, tails, contexts)

    @staticmethod
    def entities(states, batch):
        mentions = states.flatten(0, 1)[batch["rows"]].float()  # (entities, mentions, hidden)
        there = batch["there"].unsqueeze(2)
        pooled = mentions.masked_fill(~there, -1e30).logsumexp(1)
        return pooled * there.any(1)

    def attention_of_entities(self, states, batch):
        last = self.encoder.encoder.layer[-1].attention.self
        n_documents, n_pieces, _ = states.shape
        at = batch["starts"].unsqueeze(2).expand(-1, -1, states.shape[2])
        split = (n_documents, -1, last.num_attention_heads, last.attention_head_size)
        queries = last.query(states.gather(1, at)).view(split).transpose(1, 2)
        keys = last.key(states).view(split).permute(0, 2, 3, 1)
        scores = queries @ keys / last.attention_head_size**0.5  # (documents, heads, mentions, pieces)
        scores = scores.float().masked_fill(batch["mask"][:, None, None, :] == 0, -1e30)
        shares = batch["pool"].unsqueeze(1) @ scores.softmax(-1)  # (documents, heads, entities, pieces)
        return shares.transpose(1, 2).reshape(-1, last.num_attention_heads, n_pieces)


class Peer:
    def __init__(self, task, device):
        self.device = torch.device(device)
        self.is_card = self.device.type == "cuda"
        self.classes = task["classes"]
        self.model = Batched(task["encoder"], self.classes).to(self.device)
        documents = cut_off(task["documents"], self.model.encoder.config.max_position_embeddings)
        self.documents = sorted(documents, key=lambda document: len(document["ids"]))
        encoder = list(self.model.encoder.parameters())
        others = [parameter for name, parameter in self.model.named_parameters() if not name.startswith("encoder.")]
        groups = [{"params": encoder, "lr": 8e-5}, {"params": others, "lr": 1e-4}]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=0.0, fused=self.is_card)
        self.schedule = get_linear_schedule_with_warmup(self.optimizer, 10, 10_000)
        self.batches = {}

    def of_size(self, size):
        if size not in self.batches:
            parts = (self.documents[first : first + size] for first in range(0, len(self.documents), size))
            self.batches[size] = [self.pinned(collated(part, self.classes)) for part in parts]
        return self.batches[size]

    def pinned(self, batch):
        return {name: tensor.pin_memory() for name, tensor in batch.items()} if self.is_card else batch

    def carried(self, batch):
        return {name: tensor.to(self.device, non_blocking=True) for name, tensor in batch.items()}

    def autocast(self):
        return torch.autocast(self.device.type, torch.bfloat16)

    def score(self, batches):
        self.model.eval()
        found = []
        with torch.no_grad(), self.autocast():
            for batch in batches:
                logits = self.model(self.carried(batch))
                found.append((logits > logits[:, :1]).nonzero())
        return [pairs.tolist() for pairs in found]

    def train(self, batches):
        self.model.train()
        for batch in batches:
            batch = self.carried(batch)
            with self.autocast():
                logits = self.model(batch)
            adaptive_threshold(logits.float(), batch["labels"]).backward()
            clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.schedule.step()
            self.optimizer.zero_grad()

    def synchronized(self):
        if self.is_card:
            torch.cuda.synchronize()

    def answer(self, order):
        """Seconds of a pass over the documents, of as many as take a second, after a few batches that do not count where
        `warm` asks for it."""
        do = {"score": self.score, "train": self.train}[order["do"]]
        batches = self.of_size(order["batch"])
        if self.is_card:
            torch.cuda.reset_peak_memory_stats()
        if order.get("warm"):
            do(batches[:1] + batches[-2:])
        self.synchronized()
        start, passes, seconds = time.perf_counter(), 0, 0
        while seconds < 1:
            do(batches)
            self.synchronized()
            passes, seconds = passes + 1, time.perf_counter() - start
        seconds /= passes
        peak = torch.cuda.max_memory_reserved() / 2**30 if self.is_card else None
        return {"seconds": seconds, "documents": len(self.documents), "gib": peak}

    def told(self, order):
        try:
            return self.answer(order)
        except torch.OutOfMemoryError as error:
            return {"error": str(error).splitlines()[0]}
        finally:
            # What others compute on the card meanwhile has it to itself.
            if self.is_card:
                torch.cuda.empty_cache()


def median_seconds(device, work, rounds=20):
    times = []
    for number in range(rounds + 3):
        if device.type == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if number >= 3:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def ceiling(device, side):
    """What a bf16 product of square matrices comes to, and a copy in memory, which reads and writes."""
    device = torch.device(device)
    one, other = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    product = median_seconds(device, lambda: one @ other)
    source = torch.randint(0, 255, (side * side * 32,), device=device, dtype=torch.uint8)
    target = torch.empty_like(source)
    copy = median_seconds(device, lambda: target.copy_(source))
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    rates = {"tflops": 2 * side**3 / product / 1e12, "copy_tb_s": 2 * source.numel() / copy / 1e12}
    return {"device": name, "torch": torch.__version__, "side": side, **rates}


def main():
    if sys.argv[1] == "--ceiling":
        print(json.dumps(ceiling(sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 8192)))
        return
    with open(sys.argv[1]) as file:
        peer = Peer(json.load(file), sys.argv[2])
    print(json.dumps({"ready": len(peer.documents)}), flush=True)
    for line in sys.stdin:
        print(json.dumps(peer.told(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
