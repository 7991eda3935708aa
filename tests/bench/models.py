"""How fast ATLOP scores and trains, beside the same computation in PyTorch. Part of `make bench`.

Needs torch and transformers in the Python that runs it, an encoder folder (DOCRE_ENCODER) and CDR's corpus
(DOCRE_CORPORA). Both programs run in turn on two threads, DOCRE_ROUNDS times; medians and their ratio are reported. Ours are timed as whole
commands, with reading, cutting and writing; PyTorch's loops alone.
"""

import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

from bench import CORPORA, DOCRE, HERE

ENCODER = os.environ.get("DOCRE_ENCODER")
ROUNDS = int(os.environ.get("DOCRE_ROUNDS", "3"))
TRAINED = 100


def docre(*arguments, **options):
    command = [DOCRE, *(str(argument) for argument in arguments)]
    environment = {**os.environ, "RAYON_NUM_THREADS": "2"}
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, **options)
    return time.perf_counter() - start, done


def torch_seconds(what, path):
    command = [sys.executable, HERE / "torch_atlop.py", what, path]
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    return float(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)


def rows(folder, sql):
    return [json.loads(line) for line in docre("query", folder, sql, "--format", "json")[1].stdout.splitlines()]


def task(corpus, split, limit):
    """What both programs compute, as the peer reads it."""
    folder = corpus / split
    pairs = {}
    for row in rows(folder, "SELECT doc_id, head, tail, labels FROM pairs WHERE candidate ORDER BY doc_id, head, tail"):
        pairs.setdefault(row["doc_id"], []).append(row)
    documents = []
    for row in rows(folder, f"SELECT doc_id, ids, mention_starts FROM pieces ORDER BY doc_id LIMIT {limit}"):
        of_document = pairs.get(row["doc_id"], [])
        documents.append(
            {
                "ids": row["ids"],
                "mention_starts": row["mention_starts"],
                "pairs": [(pair["head"], pair["tail"]) for pair in of_document],
                "labels": [[1] if pair["labels"] else [] for pair in of_document],
            }
        )
    return {"encoder": ENCODER, "classes": 2, "documents": documents}


def settings(corpus, train, epochs):
    return {
        "model": {"kind": "atlop", "embedding": 768, "block": 64},
        "encoder": {"pretrained": ENCODER},
        "corpus": str(corpus),
        "train": train,
        "dev": "tiny",
        "encoder_rate": 8e-5,
        "head_rate": 1e-4,
        "epochs": epochs,
        "batch": 4,
    }


def convert(corpus):
    common = ["convert", "--format", "pubtator", "--candidates", "Chemical:Disease", "--out", corpus]
    for split, name in (("train", "CDR_TrainingSet"), ("dev", "CDR_DevelopmentSet")):
        docre(*common, "--split", split, CORPORA / "cdr" / f"{name}.PubTator.txt")
    # The first documents alone: for an epoch's end that costs nothing, and for a training that ends soon.
    for split, count in (("tiny", 4), ("short", TRAINED)):
        text = (CORPORA / "cdr" / "CDR_TrainingSet.PubTator.txt").read_text().split("\n\n")
        source = corpus.parent / f"{split}.txt"
        source.write_text("\n\n".join(text[:count]) + "\n")
        docre(*common, "--split", split, source)
    for split in ("dev", "short"):
        docre("encode", "--corpus", corpus / split, "--encoder", ENCODER)


def train(folder, corpus, split):
    """Documents a second of one epoch, as the run tells them."""
    (folder / "settings.json").write_text(json.dumps(settings(corpus, split, 1)))
    out = pathlib.Path(tempfile.mkdtemp(dir=folder))
    _, done = docre("train", "--config", folder / "settings.json", "--out", out / "run")
    told = re.search(r"([\d.]+) documents/s", done.stderr)
    return out / "run" / "best", float(told.group(1))


def compare(name, n_documents, ours, theirs):
    ours, theirs = statistics.median(ours), statistics.median(theirs)
    print(f"{name}: docre {ours:.2f} documents/s, PyTorch {theirs:.2f}, ratio {ours / theirs:.2f} ({n_documents} documents)")


def main():
    if not ENCODER or not CORPORA.is_dir():
        sys.exit("expected an encoder folder in DOCRE_ENCODER and corpora in DOCRE_CORPORA")
    with tempfile.TemporaryDirectory(dir=os.environ.get("DOCRE_SCRATCH")) as name:
        folder = pathlib.Path(name)
        corpus = folder / "cdr"
        convert(corpus)
        (folder / "dev.json").write_text(json.dumps(task(corpus, "dev", 500)))
        (folder / "short.json").write_text(json.dumps(task(corpus, "short", TRAINED)))
        checkpoint, _ = train(folder, corpus, "tiny")
        ours, theirs, trained, trained_by_torch = [], [], [], []
        for _ in range(ROUNDS):
            out = tempfile.mkdtemp(dir=folder)
            seconds, _ = docre("score", "--checkpoint", checkpoint, "--corpus", corpus / "dev", "--out", out)
            ours.append(500 / seconds)
            theirs.append(500 / torch_seconds("score", folder / "dev.json"))
            trained.append(train(folder, corpus, "short")[1])
            trained_by_torch.append(TRAINED / torch_seconds("train", folder / "short.json"))
        compare("score CDR dev", 500, ours, theirs)
        compare("train on CDR", TRAINED, trained, trained_by_torch)


if __name__ == "__main__":
    main()
