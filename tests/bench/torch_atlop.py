"""ATLOP's computation in PyTorch and transformers: the peer of `models.py`, which calls it.

Padded batches of 4 documents in the corpus' order, an encoder that gives its attention out, f32, 2 threads: as research
code does it. Pieces past the encoder's positions are cut off, which favours this side. Reads
{"encoder", "classes", "documents": [{"ids", "mention_starts", "pairs", "labels"}]}, and prints the seconds of scoring
all documents or of training on them once.
"""

import json
import sys
import time

import torch
from torch import nn
from transformers import AutoModel, get_linear_schedule_with_warmup

BATCH, EMBEDDING, BLOCK = 4, 768, 64


class Atlop(nn.Module):
    def __init__(self, encoder, classes, attention="eager"):
        super().__init__()
        self.encoder = AutoModel.from_pretrained(encoder, attn_implementation=attention, dtype=torch.float32)
        hidden = self.encoder.config.hidden_size
        self.head_extractor = nn.Linear(2 * hidden, EMBEDDING)
        self.tail_extractor = nn.Linear(2 * hidden, EMBEDDING)
        self.bilinear = nn.Linear(EMBEDDING * BLOCK, classes)

    def forward(self, batch):
        longest = max(len(document["ids"]) for document in batch)
        ids = torch.zeros(len(batch), longest, dtype=torch.long)
        mask = torch.zeros(len(batch), longest)
        for row, document in enumerate(batch):
            ids[row, : len(document["ids"])] = torch.tensor(document["ids"])
            mask[row, : len(document["ids"])] = 1
        encoded = self.encoder(ids, attention_mask=mask, output_attentions=True)
        ends = [self.ends(*parts) for parts in zip(batch, encoded.last_hidden_state, encoded.attentions[-1])]
        return self.classify(*(torch.cat(parts) for parts in zip(*ends)))

    def classify(self, heads, tails, contexts):
        heads = torch.tanh(self.head_extractor(torch.cat([heads, contexts], dim=1)))
        tails = torch.tanh(self.tail_extractor(torch.cat([tails, contexts], dim=1)))
        blocks = heads.view(-1, EMBEDDING // BLOCK, BLOCK, 1) * tails.view(-1, EMBEDDING // BLOCK, 1, BLOCK)
        return self.bilinear(blocks.view(-1, EMBEDDING * BLOCK))

    @staticmethod
    def ends(document, states, attention):
        """Heads, tails and local contexts of a document's pairs."""
        entities, attentions = [], []
        for starts in document["mention_starts"]:
            entities.append(torch.logsumexp(states[starts], dim=0) if starts else torch.zeros_like(states[0]))
            attentions.append(attention[:, starts].mean(1) if starts else torch.zeros_like(attention[:, 0]))
        entities, attentions = torch.stack(entities), torch.stack(attentions)
        head, tail = torch.tensor(document["pairs"]).T
        shared = (attentions[head] * attentions[tail]).mean(1)
        shared = shared / (shared.sum(1, keepdim=True) + 1e-5)
        return entities[head], entities[tail], shared @ states


def loss_of(logits, batch):
    labels = torch.zeros_like(logits)
    for row, classes in enumerate(classes for document in batch for classes in document["labels"]):
        labels[row, classes] = 1
    return adaptive_threshold(logits, labels)


def adaptive_threshold(logits, labels):
    """The loss: positives above class 0, class 0 above the negatives."""
    threshold = torch.zeros_like(labels)
    threshold[:, 0] = 1
    above = logits - (1 - labels - threshold) * 1e30
    below = logits - labels * 1e30
    positives = -(torch.log_softmax(above, dim=1) * labels).sum(1)
    negatives = -(torch.log_softmax(below, dim=1) * threshold).sum(1)
    return (positives + negatives).mean()


def score(model, batches):
    model.eval()
    with torch.no_grad():
        for batch in batches:
            logits = model(batch)
            (logits > logits[:, :1]).nonzero().tolist()


def train(model, batches):
    model.train()
    encoder = list(model.encoder.parameters())
    others = [parameter for name, parameter in model.named_parameters() if not name.startswith("encoder.")]
    optimizer = torch.optim.AdamW([{"params": encoder, "lr": 8e-5}, {"params": others, "lr": 1e-4}], weight_decay=0.0)
    schedule = get_linear_schedule_with_warmup(optimizer, 10, len(batches))
    for batch in batches:
        loss_of(model(batch), batch).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()


def cut_off(documents, positions):
    """The documents that have pairs, without the pieces past the encoder's positions."""
    return [
        document
        | {
            "ids": document["ids"][:positions],
            "mention_starts": [[start for start in starts if start < positions] for starts in document["mention_starts"]],
        }
        for document in documents
        if document["pairs"]
    ]


def main():
    what, path = sys.argv[1:]
    torch.set_num_threads(2)
    task = json.load(open(path))
    model = Atlop(task["encoder"], task["classes"])
    documents = cut_off(task["documents"], model.encoder.config.max_position_embeddings)
    batches = [documents[first : first + BATCH] for first in range(0, len(documents), BATCH)]
    start = time.perf_counter()
    {"score": score, "train": train}[what](model, batches)
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
