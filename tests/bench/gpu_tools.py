"""What the steps of `gpu.py` share: the program, the peer, the card's counters, a small encoder, documents."""

import json
import os
import pathlib
import random
import statistics
import struct
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DRY_RUN = bool(os.environ.get("GPU_DRY_RUN"))
WORK = pathlib.Path(os.environ["GPU_WORK"])
CARRY = pathlib.Path(os.environ["DOCRE_CARRY"])
DEVICE = os.environ["DOCRE_DEVICE"]
RESULT = pathlib.Path(os.environ["GPU_RESULT"])
# A little before the step is killed.
ENDS = time.perf_counter() + float(os.environ["GPU_LIMIT"]) - 3
RESULTS = {}


class Skip(Exception):
    """A step that cannot be run here, and why."""


def told(**found):
    """Adds to what the step found; what stands is kept where the step is killed."""
    RESULTS.update(found)
    aside = RESULT.with_suffix(".part")
    aside.write_text(json.dumps(RESULTS))
    aside.replace(RESULT)
    print(found, flush=True)


def left():
    """Seconds that the step still has."""
    return ENDS - time.perf_counter()


def on_a_card():
    return DEVICE.startswith("cuda")


def binary(name, variable):
    """A program: as a variable of the environment names it, or as it was unpacked; None where there is neither."""
    unpacked = WORK / "bin" / name
    return os.environ.get(variable) or (str(unpacked) if unpacked.exists() else None)


def program():
    found = binary("docre", "DOCRE_BIN")
    built = ROOT / "target" / "release" / "docre"
    if found is None and DRY_RUN and built.exists():
        found = str(built)
    if found is None:
        raise Skip(f"no program: expected DOCRE_BIN, or bin.tar.xz in {CARRY}")
    os.environ["DOCRE_BIN"] = found  # for what is shared with the other measurements
    return found


class Counters(threading.Thread):
    """Samples a card's used memory and the share of the last moment in which a kernel ran on it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.samples, self.over, self.handle = [], threading.Event(), None
        if not on_a_card():
            return
        try:
            import pynvml

            pynvml.nvmlInit()
            self.handle = pynvml.nvmlDeviceGetHandleByIndex(int(DEVICE.partition(":")[2] or 0))
            self.read = lambda: (
                time.perf_counter(),
                pynvml.nvmlDeviceGetMemoryInfo(self.handle).used,
                pynvml.nvmlDeviceGetUtilizationRates(self.handle).gpu,
            )
            self.before = self.read()[1]
        except Exception as error:  # whatever the driver says
            print(f"counters: left out: {error}", flush=True)
            self.handle = None

    def run(self):
        while self.handle and not self.over.wait(0.05):
            self.samples.append(self.read())

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def gib(self):
        """Greatest use beyond that before."""
        return (max(used for _, used, _ in self.samples) - self.before) / 2**30 if self.samples else None

    def busy(self):
        """From the first kernel to the last: the mean share of time with one, the share of samples without any."""
        shares = [share for _, _, share in self.samples]
        while shares and not shares[-1]:
            shares.pop()
        while shares and not shares[0]:
            shares.pop(0)
        if not shares:
            return None
        return {"busy_percent": statistics.mean(shares), "idle_samples_percent": 100 * shares.count(0) / len(shares)}


def run(*command, **variables):
    """Seconds, standard error and the card's counters of a command, which must succeed."""
    with Counters() as counters:
        start = time.perf_counter()
        process = subprocess.run(
            [str(part) for part in command],
            env=os.environ | variables,
            capture_output=True,
            text=True,
            errors="replace",
        )
        seconds = time.perf_counter() - start
    print(f"{seconds:.2f} s: {' '.join(map(str, command))}\n{process.stderr[-2000:]}", flush=True)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command[:2]))}: {process.stderr[-600:] or process.stdout[-600:]}")
    return seconds, process.stderr, counters


def docre(*arguments):
    return run(program(), *arguments)


def query(folder, sql):
    """Rows as lines of CSV, in bytes."""
    command = [program(), "query", str(folder), sql, "--format", "csv"]
    return subprocess.run(command, check=True, capture_output=True).stdout.splitlines()[1:]


class Peer:
    """PyTorch with a task, which stays between orders; where there is none, `why`."""

    def __init__(self, task):
        self.process, self.why = None, None
        try:
            import torch
            import transformers  # noqa: F401

            if on_a_card() and not torch.cuda.is_available():
                self.why = "PyTorch sees no card"
        except ImportError as error:
            self.why = f"no PyTorch: {error}"
        if self.why is None:
            command = [sys.executable, str(HERE / "torch_gpu.py"), str(task), DEVICE]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the peer ended; see above")
        return json.loads(line)

    def order(self, do, batch, warm=False):
        """Documents a second and GiB; None where there is no peer, or it runs out of memory."""
        if self.process is None:
            return None
        self.process.stdin.write(json.dumps({"do": do, "batch": batch, "warm": warm}) + "\n")
        self.process.stdin.flush()
        answer = self.answer()
        print(f"peer, {do}, {batch}: {answer}", flush=True)
        if "error" in answer:
            return None
        return answer["documents"] / answer["seconds"], answer["gib"]

    def best_batch(self, do, sizes):
        """The size of batches with which it is fastest."""
        rates = {}
        for size in sizes:
            if self.process is None or (rates and left() < 20):
                break
            if answer := self.order(do, size, warm=True):
                rates[size] = answer[0]
        return max(rates, key=rates.get) if rates else None


def write_safetensors(path, tensors):
    """Tensors of float16: names, shapes and bytes, one after the other."""
    header, at = {}, 0
    for name, shape, content in tensors:
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [at, at + len(content)]}
        at += len(content)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for _, _, content in tensors:
            file.write(content)


def drawn(shape, mean, deviation):
    """Bytes of normal numbers in float16."""
    count = 1
    for size in shape:
        count *= size
    try:
        import numpy

        values = numpy.random.default_rng(count).standard_normal(count, dtype=numpy.float32)
        return (values * deviation + mean).astype(numpy.float16).tobytes()
    except ImportError:
        source = random.Random(count)
        return struct.pack(f"<{count}e", *(source.gauss(mean, deviation) for _ in range(count)))


def random_bert(folder, like, shape):
    """An encoder of a shape with random weights and the tokenizer of another."""
    folder.mkdir(parents=True)
    vocabulary = json.loads((like / "config.json").read_text())["vocab_size"]
    hidden, inner, layers = shape["hidden"], shape["inner"], shape["layers"]
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": shape["heads"],
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
        "initializer_range": 0.02,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
    }
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "vocab.txt"):
        if (like / name).exists():
            (folder / name).write_bytes((like / name).read_bytes())
    shapes = {f"embeddings.{name}_embeddings.weight": [rows, hidden] for name, rows in (
        ("word", vocabulary), ("position", 512), ("token_type", 2),
    )}
    norms = ["embeddings.LayerNorm"]
    linears = {}
    for layer in (f"encoder.layer.{number}." for number in range(layers)):
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            linears[f"{layer}attention.{part}"] = [hidden, hidden]
        linears[f"{layer}intermediate.dense"] = [inner, hidden]
        linears[f"{layer}output.dense"] = [hidden, inner]
        norms += [f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"]
    for name, of_linear in linears.items():
        shapes |= {f"{name}.weight": of_linear, f"{name}.bias": of_linear[:1]}
    tensors = [(name, of_tensor, drawn(of_tensor, 0, 0.02)) for name, of_tensor in shapes.items()]
    for name in norms:
        tensors += [(f"{name}.weight", [hidden], drawn([hidden], 1, 0.02))]
        tensors += [(f"{name}.bias", [hidden], drawn([hidden], 0, 0.02))]
    write_safetensors(folder / "model.safetensors", tensors)


def words_of(encoder):
    """Words that are one piece each."""
    vocabulary = json.loads((encoder / "tokenizer.json").read_text())["model"]["vocab"]
    return sorted(word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 2)


def document(name, words, source, n_words, n_entities):
    """A document of JSON lines: random words, each entity named twice, some relations."""
    text = [source.choice(words) for _ in range(n_words)]
    starts, at = [], 0
    for word in text:
        starts.append(at)
        at += len(word) + 1
    places = source.sample(range(n_words * 3 // 4), 2 * n_entities)
    mention = lambda place: {"start": starts[place], "end": starts[place] + len(text[place])}
    twice = [sorted(places[2 * n : 2 * n + 2]) for n in range(n_entities)]
    entities = [{"type": "THING", "mentions": [mention(place) for place in two]} for two in twice]
    related = {tuple(source.sample(range(n_entities), 2)) for _ in range(n_entities // 3 + 1)}
    relations = [{"head": head, "tail": tail, "type": "R1"} for head, tail in sorted(related)]
    return json.dumps({"id": name, "text": " ".join(text), "entities": entities, "relations": relations})


def renumbered(text, times):
    """A PubTator file so many times over, each time with other names."""
    documents = [document for document in text.split("\n\n") if document.strip()]
    found = []
    for time_number in range(times):
        for place, of_document in enumerate(documents):
            name = of_document.strip().split("|", 1)[0]
            new = f"{time_number * len(documents) + place + 1}"
            lines = of_document.strip("\n").split("\n")
            found.append("\n".join(new + line[len(name) :] if line.startswith(name) else line for line in lines))
    return "\n\n".join(found) + "\n"


def small_pubtator(n_documents, source):
    """Documents like CDR's, for a dry run."""
    found = []
    for number in range(1, n_documents + 1):
        chemical = source.choice(["aspirin", "lithium", "heparin"])
        disease = source.choice(["fever", "stroke", "nausea"])
        title, abstract = f"{chemical} and {disease}.", f"A study of {disease} after {chemical} was given."
        lines = [f"{number}|t|{title}", f"{number}|a|{abstract}"]
        for word, kind, concept in ((chemical, "Chemical", "D001"), (disease, "Disease", "D002")):
            text = f"{title} {abstract}"
            for start in (text.find(word), text.rfind(word)):
                lines.append(f"{number}\t{start}\t{start + len(word)}\t{word}\t{kind}\t{concept}")
        if number % 2:
            lines.append(f"{number}\tCID\tD001\tD002")
        found.append("\n".join(lines))
    return "\n\n".join(found) + "\n"
