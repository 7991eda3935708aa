"""The steps of `gpu.py`, which starts this with the name of one; see there."""

import json
import lzma
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

from gpu_sizes import BRIEF, BULK_PIECES, SCRATCH, SIZES
from gpu_tools import (
    CARRY, DEVICE, DRY_RUN, HERE, ROOT, WORK, Counters, Peer, Skip, binary, docre, document, left, on_a_card, program,
    query, random_bert, renumbered, run, small_pubtator, told, words_of,
)

ENCODER = WORK / "encoder"


def unpack():
    """Programs, encoder and CDR, as they were carried; in a dry run small ones in their place."""
    (WORK / "bin").mkdir()
    if (packed := CARRY / "bin.tar.xz").exists():
        with tarfile.open(packed) as programs:
            programs.extractall(WORK / "bin", filter="data")
    carried = CARRY / "data"
    if DRY_RUN:
        random_bert(ENCODER, ROOT / "tests" / "golden" / "atlop_bert", SIZES["bert"])
        for split, count in (("train", 6), ("dev", 4)):
            (WORK / f"{split}.txt").write_text(small_pubtator(count, random.Random(split)))
    else:
        if (carried / "encoder" / "model.safetensors").exists():
            shutil.copytree(carried / "encoder", ENCODER)
        elif (carried / "encoder").is_dir():
            # As fast with any weights.
            config = json.loads((carried / "encoder" / "config.json").read_text())
            names = {"layers": "num_hidden_layers", "hidden": "hidden_size", "heads": "num_attention_heads"}
            shape = {name: config[theirs] for name, theirs in names.items()} | {"inner": config["intermediate_size"]}
            random_bert(ENCODER, carried / "encoder", shape)
            told(encoder="its shape with random weights: they were not carried")
        for packed in carried.glob("*.txt.xz"):
            (WORK / packed.stem).write_bytes(lzma.decompress(packed.read_bytes()))
    unpacked = sorted(path.name for path in WORK.iterdir())
    told(there=unpacked, programs=sorted(path.name for path in (WORK / "bin").iterdir()))


def golden():
    """Values of the reference, on the card in both types."""
    tested(["cuda::in_16_bits_a_card", "cuda::in_32_bits_a_card"])


def models():
    """All models as on the CPU, which takes its time to teach them."""
    tested(["cuda::in_16_bits_all", "cuda::in_32_bits_all"])


def tested(only):
    tests = binary("it", "DOCRE_TEST_BIN")
    if tests is None:
        raise Skip("the tests were not carried")
    done = subprocess.run([tests, *only, "--nocapture"], capture_output=True, text=True)
    print(done.stdout, done.stderr, flush=True)
    summary = re.search(r"test result: .*?; .*?ignored", done.stdout)
    told(found=summary.group(0).removeprefix("test result: ") if summary else f"exit code {done.returncode}")
    skipped = re.findall(r"^skipped: .*", done.stdout, re.MULTILINE)
    # Tests that were built without the feature are ignored, and those of another name are none.
    passed = re.search(r"test result: ok\. [1-9]\d* passed; 0 failed; 0 ignored", done.stdout)
    if done.returncode != 0 or (on_a_card() and (skipped or not passed)):
        failed = re.findall(r"^test (\S+) \.\.\. FAILED|panicked at (.*)", done.stdout + done.stderr, re.MULTILINE)
        told(failed=failed[:6], **({"skipped on a card": skipped[0]} if skipped else {}))
        raise RuntimeError("tests failed or were skipped")


def ceiling():
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise Skip(f"no PyTorch: {error}") from None
    command = [sys.executable, HERE / "torch_gpu.py", "--ceiling", DEVICE, str(SIZES["side"])]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    (WORK / "ceiling.json").write_text(json.dumps(found))
    if on_a_card():
        query = ["nvidia-smi", "--query-gpu=driver_version,memory.total", "--format=csv,noheader"]
        found["driver"] = subprocess.run(query, capture_output=True, text=True).stdout.strip()
    told(**found)


def share_of_ceiling(teraflops):
    path = WORK / "ceiling.json"
    return 100 * teraflops / json.loads(path.read_text())["tflops"] if path.exists() else None


def peer_task(name, corpus, split, encoder, limit, most_pieces):
    """What PyTorch computes, as it reads it."""
    import models  # which wants to know the program

    path = WORK / f"{name}.json"
    if not path.exists():
        options = ["--most-pieces", most_pieces]
        docre("encode", "--corpus", corpus / split, "--encoder", encoder, "--out", WORK / f"{name}-pieces", *options)
        shutil.copytree(WORK / f"{name}-pieces" / "pieces", corpus / split / "pieces", dirs_exist_ok=True)
        found = models.task(corpus, split, limit) | {"encoder": str(encoder)}
        # We cut documents ourselves, in every split.
        shutil.rmtree(corpus / split / "pieces")
        path.write_text(json.dumps(found))
    return path


def cdr():
    """CDR as tables: train, dev, dev many times over, and a few documents."""
    program()
    corpus = WORK / "cdr"
    if corpus.exists():
        return corpus
    if not (WORK / "dev.txt").exists():
        raise Skip("no CDR was carried")
    train, dev = ((WORK / f"{split}.txt").read_text() for split in ("train", "dev"))
    (WORK / "many.txt").write_text(renumbered(dev, SIZES["repeated"]))
    (WORK / "tiny.txt").write_text("\n\n".join(train.split("\n\n")[:4]) + "\n")
    for split in ("train", "dev", "many", "tiny"):
        options = ["--candidates", "Chemical:Disease", "--split", split, "--out", corpus]
        docre("convert", "--format", "pubtator", *options, WORK / f"{split}.txt")
    return corpus


def base():
    """A BERT of the base shape with random weights, and documents that are all as long as its positions."""
    program()
    encoder, corpus = WORK / "base-encoder", WORK / "base"
    if corpus.exists():
        return encoder, corpus
    if not ENCODER.exists():
        raise Skip("no encoder was carried, whose tokenizer it would have")
    random_bert(encoder, ENCODER, SIZES["bert"])
    words, source = words_of(ENCODER), random.Random(1)
    small, large = SIZES["base_documents"]
    for split, count in (("small", small), ("large", large), ("train", small), ("tiny", 4)):
        shape = (SIZES["base_words"], SIZES["base_entities"])
        lines = (document(f"{split} {n}", words, source, *shape) for n in range(count))
        (WORK / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
        docre("convert", "--format", "jsonl", "--split", split, "--out", corpus, WORK / f"{split}.jsonl")
    return encoder, corpus


def train(name, corpus, encoder, split, batch, epochs, **more):
    """The checkpoint, the rate of each epoch as it is told, and the card's counters."""
    import models

    out = WORK / f"{name}-{len(list(WORK.glob(f'{name}-*')))}"
    settings = models.settings(corpus, split, epochs)
    settings |= {"encoder": {"pretrained": str(encoder)}, "batch": batch, **more}
    config = WORK / f"{name}.config.json"
    config.write_text(json.dumps(settings))
    seconds, said, counters = docre("train", "--config", config, "--out", out, "--device", DEVICE)
    rates = [float(rate) for rate in re.findall(r"([\d.]+) documents/s", said)]
    shutil.rmtree(out / "last", ignore_errors=True)
    return out, rates, seconds, counters


def checkpoint(name, corpus, encoder, **more):
    """One after so short a training that it has learnt no more than that most pairs have no relation."""
    out, *_ = train(f"{name}-checkpoint", corpus, encoder, "train", SIZES["cdr_batch"], 1, head_rate=1e-3, **more)
    return out / "best"


def score(model, corpus, split, pieces):
    out = tempfile.mkdtemp(dir=WORK)
    command = ["score", "--checkpoint", model, "--corpus", corpus / split, "--out", out, "--device", DEVICE]
    found = docre(*command, "--pieces-at-once", pieces)
    shutil.rmtree(out)
    return found


def ratio(ours, theirs):
    return {"times_pytorch": ours / theirs} if theirs else {}


def scored(model, corpus, splits, counts, task, pieces, per_document=None):
    """Our scoring and PyTorch's in turn. Whole commands of two sizes: their difference is without start and end."""
    (small, large), (n_small, n_large) = splits, counts
    peer = Peer(task)
    size = peer.best_batch("score", SIZES["batches"])
    tried = {}
    for some in pieces:
        if tried and left() < 25:
            break
        tried[some] = score(model, corpus, large, some)[0]
    fastest = min(tried, key=tried.get)
    tried = {str(some): seconds for some, seconds in tried.items()}
    told(pieces_at_once=fastest, peer=peer.why or {"batch": size}, tried=tried)
    runs = {"small": [], "large": [], "peer": []}
    while len(runs["large"]) < SIZES["rounds"] and (not runs["large"] or left() > 1.5 * runs["large"][-1] + 5):
        runs["small"].append(score(model, corpus, small, fastest)[0])
        seconds, _, counters = score(model, corpus, large, fastest)
        runs["large"].append(seconds)
        answer = size and peer.order("score", size, warm=True)
        runs["peer"] += [answer[0]] if answer else []
        one, other = (statistics.median(runs[name]) for name in ("small", "large"))
        # Of splits so small that start and end are all that is measured, the whole command.
        steady = (n_large - n_small) / (other - one) if other > 1.05 * one else n_large / other
        theirs = statistics.median(runs["peer"]) if runs["peer"] else None
        found = {
            "documents/s, whole command": n_large / other,
            "documents/s, steady": steady,
            "seconds of start and end": one - n_small / steady,
            "GiB": counters.gib(),
            "PyTorch": {"documents/s": theirs, "GiB": answer[1] if answer else None},
            **ratio(steady, theirs),
        }
        if per_document:
            found |= of_the_ceiling(per_document, steady, theirs)
        told(**found, runs=runs)


def of_the_ceiling(per_document, ours, theirs):
    rates = {"docre": per_document * ours / 1e12, "PyTorch": per_document * theirs / 1e12 if theirs else None}
    shares = {name: rate and share_of_ceiling(rate) for name, rate in rates.items()}
    return {"TFLOP/s": rates, "percent of ceiling": shares}


def trained(name, corpus, encoder, task, batches, peer_sizes, per_document=None, **more):
    """Our training and PyTorch's in turn: epochs after the first, without what stands between them."""
    peer = Peer(task)
    size = peer.best_batch("train", peer_sizes)
    runs, batch, why = {"docre": [], "peer": []}, None, []
    for some in batches:
        try:
            train(name, corpus, encoder, "train", some, 1, **more)
            batch = some
            break
        except RuntimeError as error:
            if not re.search("OUT_OF_MEMORY|ALLOC_FAILED|out of memory", str(error)):
                raise
            why.append(f"{some}: {str(error)[-200:]}")
    told(batch=batch, peer=peer.why or {"batch": size}, **({"too large": why} if why else {}))
    if batch is None:
        raise RuntimeError("no batch could be trained")
    spent = 0
    for _ in range(SIZES["rounds"]):
        if left() < 1.3 * spent + 3:
            break
        start = time.perf_counter()
        _, rates, seconds, counters = train(name, corpus, encoder, "train", batch, SIZES["epochs"], **more)
        runs["docre"].append(statistics.median(rates[1:]))
        answer = size and peer.order("train", size, warm=True)
        runs["peer"] += [answer[0]] if answer else []
        spent = time.perf_counter() - start
        ours = statistics.median(runs["docre"])
        theirs = statistics.median(runs["peer"]) if runs["peer"] else None
        found = {
            "documents/s": ours,
            "seconds of the command": seconds,
            "GiB": counters.gib(),
            "PyTorch": {"documents/s": theirs, "GiB": answer[1] if answer else None},
            **ratio(ours, theirs),
        }
        if per_document:
            found |= of_the_ceiling(per_document, ours, theirs)
        told(**found, runs=runs)


def n_documents(corpus, split):
    sql = "SELECT count(*) AS n FROM documents"
    return int(query(corpus / split, sql)[0])


def score_cdr():
    corpus = cdr()
    task = peer_task("cdr-dev", corpus, "dev", ENCODER, 500, 1024)
    model = checkpoint("cdr", corpus, ENCODER)
    splits = ("dev", "many")
    scored(model, corpus, splits, [n_documents(corpus, split) for split in splits], task, SIZES["pieces"])


def train_cdr():
    corpus = cdr()
    task = peer_task("cdr-train", corpus, "train", ENCODER, 500, 1024)
    # With the same batch: another is another training.
    trained("train-cdr", corpus, ENCODER, task, [SIZES["cdr_batch"]], [SIZES["cdr_batch"]])


def per_document():
    """FLOP of the encoder's products for a document. A piece and layer: 24 h² (queries, keys, values, output, and 4 h
    wide within) + 4 L h (attention over L pieces); a multiplication and an addition are two."""
    shape, pieces = SIZES["bert"], SIZES["most_pieces"]
    return pieces * shape["layers"] * (24 * shape["hidden"] ** 2 + 4 * pieces * shape["hidden"])


def score_base():
    encoder, corpus = base()
    task = peer_task("base-small", corpus, "small", encoder, SIZES["base_documents"][0], SIZES["most_pieces"])
    model = checkpoint("base", corpus, encoder, most_pieces=SIZES["most_pieces"])
    counts = SIZES["base_documents"]
    scored(model, corpus, ("small", "large"), counts, task, SIZES["base_pieces"], per_document())


def train_base():
    encoder, corpus = base()
    task = peer_task("base-train", corpus, "train", encoder, SIZES["base_documents"][0], SIZES["most_pieces"])
    batches, most_pieces = SIZES["base_train"], SIZES["most_pieces"]
    trained("train-base", corpus, encoder, task, batches, batches[::-1], 3 * per_document(), most_pieces=most_pieces)


def layers():
    """Forward and backward of one layer, in bf16 on a card, beside the naive form in PyTorch."""
    tested = binary("model", "DOCRE_MODEL_TEST_BIN")
    if tested is None:
        raise Skip("the model's tests were not carried")
    for model in ("docre-ii", "docre-sd"):
        ours = [our_layer(tested, model, n_entities) for n_entities in SIZES["entities"]]
        for n_entities, found, naive in zip(SIZES["entities"], ours, naive_layers(model)):
            told(**{f"{model}, {n_entities} entities": {"docre": found, "naive": naive}})


def our_layer(tested, model, n_entities):
    rounds = 3 if DRY_RUN else max(5, 400 // n_entities)
    setting = {"DOCRE_LAYER": model, "DOCRE_ENTITIES": str(n_entities), "DOCRE_ROUNDS": str(rounds)}
    command = [tested, "--ignored", "--exact", "--nocapture", "tests::layer_cost::of_one_layer"]
    with Counters() as counters:
        done = subprocess.run(command, env=os.environ | setting, capture_output=True, text=True)
    seconds = re.search(r"seconds (\S+)", done.stdout)
    if done.returncode or not seconds:
        print(done.stdout[-500:], done.stderr[-1500:], flush=True)
        if "out_of_memory" not in done.stderr.lower():
            raise RuntimeError(f"{model}, {n_entities} entities: {done.stderr[-300:]}")
        return "out of memory"
    return {"ms": 1000 * float(seconds.group(1)), "GiB": counters.gib()}


def naive_layers(model):
    """Of each number of entities; one process, which takes seconds to start."""
    entities = ",".join(map(str, SIZES["entities"]))
    command = [sys.executable, HERE / "naive_layer.py", model, entities, "768", "5", DEVICE]
    done = subprocess.run(command, capture_output=True, text=True)
    print(done.stdout, done.stderr[-1500:], flush=True)
    lines = [line for line in done.stdout.splitlines() if line]
    return lines + ["-"] * (len(SIZES["entities"]) - len(lines))


def bulk_corpus(n_documents):
    """So many synthetic documents, the seconds they took, and a checkpoint of the sample's size."""
    program()
    corpus, model = WORK / "bulk", WORK / "bulk-model"
    if not model.exists():
        for split, first, count in (("train", 0, 40), ("dev", 40, 10)):
            docre("synthesize", "--documents", count, "--first", first, "--split", split, "--out", corpus, *BRIEF)
        config = WORK / "bulk.config.json"
        settings = {
            "model": {"kind": "atlop", "embedding": 64, "block": 16},
            "encoder": {"scratch": SCRATCH},
            "encoder_rate": 1e-3,
            "head_rate": 1e-3,
            "epochs": 1,
            "corpus": str(corpus),
        }
        config.write_text(json.dumps(settings))
        docre("train", "--config", config, "--out", model, "--device", DEVICE)
    split = f"load-{n_documents}"
    seconds = None
    if not (corpus / split).exists():
        options = ["--documents", n_documents, "--first", 50, "--split", split, "--out", corpus, *BRIEF]
        seconds, *_ = docre("synthesize", *options)
    return model / "best", corpus, split, seconds


def bulk():
    first = SIZES["bulk_first"]
    model, corpus, split, made = bulk_corpus(first)
    seconds, *_ = score(model, corpus, split, BULK_PIECES)
    # No more than can be made and scored in the time that is left.
    fits = int((left() - 8) / (made + seconds) * first)
    count = min(SIZES["bulk"], max(first, fits))
    model, corpus, split, made = bulk_corpus(count)
    told(**{"documents": count, "documents/s, synthesized": made and count / made, "pieces_at_once": BULK_PIECES})
    seconds, _, counters = score(model, corpus, split, BULK_PIECES)
    found = {"documents/s": count / seconds, "seconds of scoring": seconds}
    told(**found, GiB=counters.gib(), card=counters.busy())


def sample():
    """The sample pipeline, beside what it gave on a CPU where that was carried."""
    runs = WORK / "runs"
    less = [f"{split}-split.documents={count}" for split, count in (("train", 8), ("dev", 4), ("test", 4))]
    less += ["train.epochs=1", "train.second_stage.epochs=1", "model.K=1", "train.encoder.scratch.layers=1"]
    options = [part for setting in less for part in ("--set", setting)] if DRY_RUN else []
    seconds, *_ = docre("run", ROOT / "pipelines" / "sample.toml", "--device", DEVICE, "--runs", runs, *options)
    sql = "SELECT scope, f1 FROM metrics WHERE relation IS NULL AND metric = 'F1'"
    told(seconds_of_command=seconds, f1=[row.decode() for row in query(runs / "sample", sql)])
    if (of_cpu := CARRY / "data" / "cpu.json").exists():
        told(cpu=json.loads(of_cpu.read_text()))


def contents(out):
    found = {}
    for table in ("relations", "scores"):
        for path in sorted((out / table).iterdir()):
            found[f"{table}/{path.name}"] = path.read_bytes()
    return found


def rows(out):
    """What stands in the tables, in the order of their keys."""
    columns = "doc_id, head, tail, relation"
    found = []
    for table, more in (("relations", ""), ("scores", ", logit")):
        sql = f"SELECT {columns}{more} FROM {table} ORDER BY {columns}"
        found.append(query(out, sql))
    return found


def kill():
    """A run that is killed when half of its parts stand, and goes on, beside one that nobody disturbs."""
    model, corpus, split, _ = bulk_corpus(SIZES["kill"])
    whole, stopped = WORK / "whole", WORK / "stopped"

    def command(out):
        where = ["--checkpoint", model, "--corpus", corpus / split, "--out", out, "--run-id", "load"]
        return ["score", *where, "--device", DEVICE]

    docre(*command(whole))
    process = subprocess.Popen([program(), *map(str, command(stopped))], stderr=subprocess.DEVNULL)
    of_part = 2048 if on_a_card() else 256
    wanted = max(1, SIZES["kill"] // of_part // 2)
    while process.poll() is None and sum(1 for _ in stopped.glob(".scores.work/*/scores")) < wanted:
        time.sleep(0.01)
    if process.poll() is not None and not DRY_RUN:
        raise RuntimeError(f"the run ended before it was killed, with {process.returncode}")
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = sum(1 for _ in stopped.glob(".scores.work/*/scores"))
    docre(*command(stopped))
    same_bytes = contents(whole) == contents(stopped)
    same_rows = same_bytes or rows(whole) == rows(stopped)
    told(parts_kept=kept, same_bytes=same_bytes, same_rows=same_rows)
    if not same_rows:
        raise RuntimeError("a run that was killed gave other rows than one that was not")


def main():
    step = globals()[sys.argv[1].replace("-", "_")]
    try:
        step()
    except Skip as reason:
        told(skipped=str(reason))


if __name__ == "__main__":
    main()
