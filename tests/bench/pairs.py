"""What all pairs cost DocRE-II on CDR, where only pairs of a chemical and a disease are asked about. Part of `make bench`.

Trains with `pairs = "all"` and with `pairs = "candidates"`, one epoch of the base and one of the whole, on the first
documents of CDR (DOCRE_TRAINED, 100), and scores as many; says documents a second of the whole in training, those of
scoring, and the greatest resident size of each. Needs an encoder folder (DOCRE_ENCODER) and CDR's corpus (DOCRE_CORPORA).
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from bench import CORPORA, DOCRE

ENCODER = os.environ.get("DOCRE_ENCODER")
TRAINED = int(os.environ.get("DOCRE_TRAINED", "100"))


def docre(*arguments):
    """Runs the program: seconds, greatest resident size in GiB, and what it told."""
    start = time.perf_counter()
    child = subprocess.Popen([DOCRE, *(str(argument) for argument in arguments)], stderr=subprocess.PIPE, text=True)
    told = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(told)
    return time.perf_counter() - start, usage.ru_maxrss / 2**20, told


def convert(folder):
    text = (CORPORA / "cdr" / "CDR_TrainingSet.PubTator.txt").read_text().split("\n\n")
    for split, documents in (("train", text[:TRAINED]), ("dev", text[TRAINED : 2 * TRAINED])):
        source = folder / f"{split}.txt"
        source.write_text("\n\n".join(documents) + "\n")
        options = ["--format", "pubtator", "--candidates", "Chemical:Disease", "--split", split]
        docre("convert", *options, "--out", folder / "cdr", source)


def settings(folder, pairs):
    with open(pathlib.Path(ENCODER) / "config.json") as file:
        width = json.load(file)["hidden_size"]
    return {
        "model": {"kind": "docre-ii", "embedding": width, "pairs": pairs},
        "encoder": {"pretrained": ENCODER},
        "corpus": str(folder / "cdr"),
        "encoder_rate": 1e-5,
        "head_rate": 5e-5,
        "epochs": 1,
        "batch": 4,
        "second_stage": {"epochs": 1},
    }


def measure(folder, pairs):
    file, out = folder / f"{pairs}.json", folder / pairs
    file.write_text(json.dumps(settings(folder, pairs)))
    _, size, told = docre("train", "--config", file, "--out", out)
    rate = re.search(r"stage 2, .*?([\d.]+) documents/s", told).group(1)
    scored = ["--checkpoint", out / "best", "--corpus", folder / "cdr" / "dev", "--out", folder / f"{pairs}-scored"]
    seconds, size_of_scoring, _ = docre("score", *scored)
    print(
        f"pairs = {pairs}: training {rate} documents/s, {size:.2f} GiB; "
        f"scoring {TRAINED / seconds:.1f} documents/s, {size_of_scoring:.2f} GiB ({TRAINED} documents)"
    )


def main():
    if not ENCODER or not CORPORA.is_dir():
        sys.exit("expected an encoder folder in DOCRE_ENCODER and corpora in DOCRE_CORPORA")
    with tempfile.TemporaryDirectory(dir=os.environ.get("DOCRE_SCRATCH")) as name:
        folder = pathlib.Path(name)
        convert(folder)
        for pairs in ("all", "candidates"):
            measure(folder, pairs)


if __name__ == "__main__":
    main()
