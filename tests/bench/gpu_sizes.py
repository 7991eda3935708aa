"""How large what the steps of `gpu.py` measure is, on a card and in a dry run."""

from gpu_tools import DRY_RUN

FULL = {
    "rounds": 2,
    "repeated": 10,  # CDR's dev split so many times over
    "pieces": [32768],  # of a batch that is scored
    "batches": [16, 64],  # of the peer's scoring
    "cdr_batch": 32,
    "epochs": 3,
    "bert": {"layers": 12, "hidden": 768, "heads": 12, "inner": 3072},
    "base_documents": (500, 2500),
    "base_words": 520,
    "base_entities": 12,
    "base_pieces": [32768],
    "base_train": [64, 16],  # the first that fits; of the peer's the fastest
    "most_pieces": 512,
    "entities": [20, 40, 80, 160],
    "bulk": 100_000,
    "bulk_first": 4_000,
    "kill": 12_000,
    "side": 8192,
}
TINY = {
    "rounds": 1,
    "repeated": 2,
    "pieces": [2048],
    "batches": [2],
    "cdr_batch": 2,
    "epochs": 2,
    "bert": {"layers": 2, "hidden": 32, "heads": 2, "inner": 64},
    "base_documents": (4, 8),
    "base_words": 40,
    "base_entities": 4,
    "base_pieces": [2048],
    "base_train": [4],
    "most_pieces": 24,
    "entities": [4],
    "bulk": 60,
    "bulk_first": 30,
    "kill": 260,
    "side": 64,
}
SIZES = TINY if DRY_RUN else FULL
BULK_PIECES = 32768
# What makes documents short.
BRIEF = ["--facts", 4, "--distractors", 0] if DRY_RUN else []
FULL_SCRATCH = {"layers": 3, "hidden": 128, "heads": 4, "inner": 256, "vocabulary": 3000, "dropout": 0.0}
TINY_SCRATCH = {"layers": 1, "hidden": 16, "heads": 2, "inner": 16, "vocabulary": 200, "dropout": 0.0}
SCRATCH = TINY_SCRATCH if DRY_RUN else FULL_SCRATCH
