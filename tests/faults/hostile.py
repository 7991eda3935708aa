"""Checkpoints and encoders that others have made to harm: refused in words, and nothing in them runs."""

import io
import json
import os
import pickle
import shutil
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor

import compare
import work

# What a hostile pickle would make if anything in it ran.
CANARY = "it-ran"


class Calls:
    """An object whose pickle calls a function."""

    def __init__(self, function, *arguments):
        self.made_by = (function, arguments)

    def __reduce__(self):
        return self.made_by


def pickles(folder):
    """Pickles as files of weights, by what they would do."""
    canary = folder / CANARY
    system = Calls(os.system, f"touch {canary}")
    deep = b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b"."
    # Each step makes a pair of what the step before has put into the memo.
    steps = [b"h%ch%c\x86q%c" % (n, n, n + 1) for n in range(60)]
    return {
        "calls the system": pickle.dumps({"weight": system}, 2),
        "calls the system, newest protocol": pickle.dumps({"weight": system}, 5),
        "evaluates Python": pickle.dumps({"weight": Calls(eval, f"open({str(canary)!r}, 'w')")}, 2),
        "opens a file": pickle.dumps({"weight": Calls(open, str(canary), "w")}, 2),
        "calls the system as text": b"cos\nsystem\n(S'touch %s'\ntR." % str(canary).encode(),
        "is nested 100,000 deep": deep,
        "doubles its memo": b"\x80\x02]q\x00" + b"".join(steps) + b".",
        "asks for a huge string": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"x.",
        "asks for a huge list of bytes": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"x.",
        "ends at once": b"\x80\x02",
        "takes from an empty stack": b"\x80\x02R.",
        "is empty": b"",
    }


def archive(content, entries=(), inside="archive/"):
    """A pickle in an archive as PyTorch writes one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(f"{inside}data.pkl", content)
        file.writestr(f"{inside}version", "3\n")
        for name, data in entries:
            file.writestr(name, data)
    return buffer.getvalue()


def bomb(n_bytes):
    """An archive whose pickle is that many zeros, compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        with file.open("archive/data.pkl", "w", force_zip64=True) as entry:
            for _ in range(n_bytes >> 20):
                entry.write(bytes(1 << 20))
    return buffer.getvalue()


def header(tensors, data=b"", n_header=None):
    """A safetensors file with that header."""
    text = tensors if isinstance(tensors, bytes) else json.dumps(tensors).encode()
    return struct.pack("<Q", len(text) if n_header is None else n_header) + text + data


def tensor(shape, end, start=0, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def safetensors(whole):
    """Files of weights that lie, from a whole one."""
    n_header = int.from_bytes(whole[:8], "little")
    names = list(json.loads(whole[8 : 8 + n_header]))
    name = next(name for name in names if name != "__metadata__")
    return {
        "a header of 2^63 bytes": header({}, n_header=1 << 63),
        "a header longer than the file": header({}, n_header=1 << 20),
        "a header of nothing": header(b""),
        "a header that is no JSON": header(b"\xff" * 64),
        "a header nested 100,000 deep": header(b'{"a":' + b"[" * 100_000),
        "a tensor beyond the end": header({name: tensor([4], 16)}),
        "a tensor with its end before its start": header({name: tensor([4], 0, 16)}, bytes(16)),
        "a shape that overflows": header({name: tensor([1 << 33, 1 << 33], 16)}, bytes(16)),
        "a shape of 2^40 numbers": header({name: tensor([1 << 40], 16)}, bytes(16)),
        "an unknown type": header({name: tensor([4], 16, dtype="F33")}, bytes(16)),
        "another type": header({name: tensor([4], 16, dtype="I32")}, bytes(16)),
        "no tensors": header({}),
        "its last byte missing": whole[:-1],
        "a byte too many": whole + b"\0",
        "nothing": b"",
    }


def changed(config, **fields):
    return json.dumps({**config, **fields}).encode()


def configs(config):
    """Shapes of an encoder that cannot be, or that no machine holds."""
    huge = {name: 10**9 for name in ("hidden_size", "intermediate_size", "num_hidden_layers", "vocab_size")}
    cases = {f"{name} of 10^9": changed(config, **{name: value}) for name, value in huge.items()}
    cases |= {f"{name} of 0": changed(config, **{name: 0}) for name in (*huge, "num_attention_heads")}
    cases |= {f"{name} of -1": changed(config, **{name: -1}) for name in huge}
    return cases | {
        "2^64 positions": changed(config, max_position_embeddings=1 << 64),
        "10^18 positions": changed(config, max_position_embeddings=10**18),
        "heads that do not divide": changed(config, num_attention_heads=7),
        "an activation of nobody": changed(config, hidden_act="boom"),
        "words for numbers": changed(config, hidden_size="many"),
        "a model of nobody": changed(config, model_type="../../etc/passwd"),
        "JSON nested 100,000 deep": b"[" * 100_000,
        "no JSON": b"\0" * 100,
        "nothing": b"",
    }


def tokenizers(tokenizer):
    """Tokenizers that lie, grow or are none."""
    model = tokenizer["model"]
    vocabulary = model["vocab"]
    far = {**vocabulary, "zzz": 3_000_000_000}
    longer = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 4096}
    growing = {"type": "Sequence", "normalizers": [longer] * 4}
    backtracking = {"type": "Split", "pattern": {"Regex": "(a*)*b|(.*)*\\1x"}, "behavior": "Isolated", "invert": False}
    return {
        "an id of three billion": changed(tokenizer, model={**model, "vocab": far}),
        "an empty vocabulary": changed(tokenizer, model={**model, "vocab": {}}),
        "a normalizer that grows text": changed(tokenizer, normalizer=growing),
        "a map of characters that is none": changed(
            tokenizer, normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAAAAAAAAAA"}
        ),
        "pieces of length 0": changed(tokenizer, pre_tokenizer={"type": "FixedLength", "length": 0}),
        "a pattern that backtracks": changed(tokenizer, pre_tokenizer=backtracking),
        "a model of nobody": changed(tokenizer, model={"type": "Boom"}),
        "JSON nested 100,000 deep": b'{"model":' + b"[" * 100_000,
        "no JSON": b"\xff" * 100,
        "nothing": b"",
    }


# Tokenizers that may do what they say, as long as that ends soon and takes little.
MAY_PASS = {"a normalizer that grows text", "a pattern that backtracks", "2^64 positions", "10^18 positions"}


class Campaign:
    def __init__(self, docre, folders, inputs):
        self.docre, self.folders, self.inputs = docre, folders, inputs
        self.checkpoint = inputs / "heart" / "best"
        self.config = json.loads((self.checkpoint / "config.json").read_text())
        self.rows = {}
        self.take_what_is_whole()

    def take_what_is_whole(self):
        """Makes sure that what is refused later is refused for what is hostile in it."""
        folder = self.folders.fresh()
        shutil.copytree(self.checkpoint, folder / "hostile")
        tokenizer = self.commands("tokenizer", "tokenizer.json", folder)
        score = self.commands("no files", "config.json", folder)[1]
        work.must([self.docre, *score], folder)
        (folder / "hostile" / "config.json").write_text(json.dumps(self.config["encoder"]))
        for command in (*tokenizer, self.commands("weights", "model.safetensors", folder)[1]):
            work.must([self.docre, *command], folder)
        shutil.rmtree(folder)

    def cases(self):
        """Pairs of a row's name, a case's, the file that is hostile and its content or its maker."""
        weights = (self.checkpoint / "model.safetensors").read_bytes()
        tokenizer = json.loads((self.checkpoint / "tokenizer.json").read_text())
        for name, content in safetensors(weights).items():
            yield "weights", name, "model.safetensors", content
        for name, content in configs(self.config["encoder"]).items():
            yield "config of an encoder", name, "config.json", content
        for name, content in tokenizers(tokenizer).items():
            yield "tokenizer", name, "tokenizer.json", content
        for name, content in pickles(self.folders.root).items():
            yield "pickle", name, "pytorch_model.bin", content
            yield "pickle in an archive", name, "pytorch_model.bin", archive(content)
        yield "pickle in an archive", "leaves its folder", "pytorch_model.bin", archive(b"", [("../../" + CANARY, "x")])
        yield "pickle in an archive", "is a bomb", "pytorch_model.bin", lambda path: path.write_bytes(bomb(2 << 30))
        for name in ("model.safetensors", "config.json", "tokenizer.json", "pytorch_model.bin"):
            yield "no files", f"a pipe as {name}", name, os.mkfifo
            yield "no files", f"a link to /dev/zero as {name}", name, lambda path: path.symlink_to("/dev/zero")
            yield "no files", f"a folder as {name}", name, lambda path: path.mkdir()
        for target in ("../../inputs/heart/best/model.safetensors", str(self.checkpoint / "model.safetensors"), "none"):
            index = json.dumps({"weight_map": {"encoder.layer": target}}).encode()
            yield "index of shards", f"names {target[:12]}", "model.safetensors.index.json", index

    def attack(self, row, name, file, content):
        folder = self.folders.fresh()
        encoder = folder / "hostile"
        # The checkpoint is also an encoder: its tokenizer and weights, the encoder's shape beside them.
        shutil.copytree(self.checkpoint, encoder)
        if row != "config of an encoder":
            (encoder / "config.json").write_text(json.dumps(self.config["encoder"]))
        if file.startswith(("pytorch_model", "model.safetensors.index")):
            (encoder / "model.safetensors").unlink()
        (encoder / file).unlink(missing_ok=True)
        if callable(content):
            content(encoder / file)
        else:
            (encoder / file).write_bytes(content)
        for command in self.commands(row, file, folder):
            outcome = work.run([self.docre, *command], folder)
            findings = self.judge(outcome, may_pass=name in MAY_PASS)
            self.rows[row].add(findings, f"{name}: {work.shown(command)}")
            (self.folders.root / CANARY).unlink(missing_ok=True)
        shutil.rmtree(folder)

    def commands(self, row, file, folder):
        """What reads the folder `hostile`, as an encoder and as a checkpoint."""
        corpus = ["--corpus", "../inputs/corpus", "--split", "test"]
        settings = json.loads((self.inputs / "heart.json").read_text())
        settings |= {"encoder": {"pretrained": "hostile"}, "epochs": 1, "train": "dev"}
        (folder / "settings.json").write_text(json.dumps(settings))
        (folder / "relations.json").write_text(json.dumps(self.config["relations"]))
        train = ["train", "--config", "settings.json", "--out", "run"]
        if file == "tokenizer.json":
            return [["encode", *corpus, "--encoder", "hostile", "--out", "out"], train]
        score = ["score", *corpus, "--checkpoint", "hostile", "--out", "out"]
        take_over = ["checkpoint", "--from-atlop", f"hostile/{file}", "--relations", "relations.json", "--out", "taken"]
        take_over += ["--encoder", "hostile"]
        if file == "config.json":
            if row == "config of an encoder":
                self.as_checkpoint(folder)
            return [train, score]
        return [train, take_over]

    def as_checkpoint(self, folder):
        """Puts the hostile shape into a checkpoint's own config, for `score`, where it is JSON at all."""
        checkpoint = folder / "hostile"
        try:
            shape = json.loads((checkpoint / "config.json").read_text())
        except (ValueError, RecursionError):
            return
        (checkpoint / "config.json").write_text(json.dumps({**shape, **self.config, "encoder": shape}))

    def judge(self, outcome, may_pass):
        findings = []
        if (self.folders.root / CANARY).exists():
            findings.append(("ran", "what the file calls"))
        if outcome.kilobytes > work.RESIDENT_KILOBYTES:
            findings.append(("over 1 GiB", f"{outcome.kilobytes >> 10} MB"))
        if crash := outcome.crash():
            return [*findings, ("crashed", f"{crash}: {outcome.last_words()}")]
        if outcome.code == 0 and not may_pass:
            findings.append(("taken", "ended with 0"))
        if outcome.code != 0 and not outcome.stderr.startswith("error: "):
            findings.append(("without words", outcome.last_words()))
        return findings


def campaign(docre, folders, inputs, share, workers):
    """Every hostile folder before what reads it, or every n-th where `share` is n."""
    campaign = Campaign(docre, folders, inputs)
    cases = list(campaign.cases())[::share]
    for row, *_ in cases:
        campaign.rows.setdefault(row, work.Row("hostile files", row))
    with ThreadPoolExecutor(workers) as pool:
        for one in [pool.submit(campaign.attack, *case) for case in cases]:
            one.result()
    return list(campaign.rows.values())
