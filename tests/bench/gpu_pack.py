"""Fills the folder that a machine with a card is given beside the repository, for `gpu.py`: `make gpu-pack`.

Builds the program and the tests with the feature `cuda`, for which CUDA's compiler and libraries have to be there, strips
and compresses them. An encoder goes as float16, CDR as it is. Parts can be chosen, where a trip carries so much and no
more: `gpu_pack.py docre it`. What is there of other parts stays, but for programs: they are one archive.

| part | what | where |
| --- | --- | --- |
| docre, it, model | the program, the tests of all, the tests of the models | bin.tar.xz |
| tokenizer | of all-MiniLM-L6-v2, from DOCRE_ENCODER or data/encoders: random weights are measured with it | data/encoder |
| encoder | its weights too | data/encoder |
| corpora | CDR of DOCRE_CORPORA, else ../shared/data | data |
| cpu | what the sample pipeline takes and gives on this machine's CPU (minutes) | data/cpu.json |

DOCRE_CARRY names another folder than gpu-carry, GPU_FEATURES other features than cuda, GPU_XZ how hard to compress: 3.
"""

import json
import lzma
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CARRY = pathlib.Path(os.environ.get("DOCRE_CARRY", ROOT / "gpu-carry"))
CORPORA = pathlib.Path(os.environ.get("DOCRE_CORPORA", ROOT.parent / "shared" / "data"))
ENCODER = pathlib.Path(os.environ.get("DOCRE_ENCODER", ROOT / "data" / "encoders" / "all-MiniLM-L6-v2"))
FEATURES = os.environ.get("GPU_FEATURES", "cuda")
CARGO = os.environ.get("CARGO", "cargo")
BUILDS = {
    "docre": ["build", "--bin", "docre"],
    "it": ["test", "--no-run", "--test", "it"],
    "model": ["test", "--no-run", "--package", "docre", "--package", "docre-model", "--lib"],
}
FILTERS = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": int(os.environ.get("GPU_XZ", "3")), "dict_size": 1 << 28}]
PARTS = [*BUILDS, "tokenizer", "encoder", "corpora", "cpu"]


def built(name, features=FEATURES):
    """The program or test binary of a build."""
    features = ["--features", f"docre/{features}"] if features else []
    command = [CARGO, *BUILDS[name], "--release", *features, "--message-format", "json-render-diagnostics"]
    said = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    target = {"docre": "docre", "it": "it", "model": "docre_model"}[name]
    for line in said.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] in (target, target.replace("_", "-")):
            return pathlib.Path(message["executable"])
    sys.exit(f"{name}: expected an executable among what cargo made, found none")


def programs(parts):
    """One archive: programs have much in common, which a dictionary that holds them all finds."""
    with tempfile.TemporaryDirectory() as folder:
        for name in (name for name in BUILDS if name in parts):
            subprocess.run(["strip", "-o", pathlib.Path(folder) / name, built(name)], check=True)
        aside = CARRY / "bin.tar.xz.part"
        with lzma.open(aside, "wb", filters=FILTERS) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
            for path in sorted(pathlib.Path(folder).iterdir()):
                archive.add(path, path.name)
    aside.replace(CARRY / "bin.tar.xz")


def halved(path, target):
    """Tensors of float32 as float16; others as they are."""
    with path.open("rb") as source, target.open("wb") as file:
        (size,) = struct.unpack("<Q", source.read(8))
        header = json.loads(source.read(size))
        header.pop("__metadata__", None)
        at, new = 0, {}
        for name, tensor in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            start, end = tensor["data_offsets"]
            is_wide = tensor["dtype"] == "F32"
            length = (end - start) // (2 if is_wide else 1)
            new[name] = tensor | {"dtype": "F16" if is_wide else tensor["dtype"], "data_offsets": [at, at + length]}
            at += length
        head = json.dumps(new).encode()
        head += b" " * (-len(head) % 8)
        file.write(struct.pack("<Q", len(head)) + head)
        for name in new:
            start, end = header[name]["data_offsets"]
            source.seek(8 + size + start)
            content = source.read(end - start)
            if header[name]["dtype"] == "F32":
                count = len(content) // 4
                content = struct.pack(f"<{count}e", *struct.unpack(f"<{count}f", content))
            file.write(content)


def tokenizer():
    if not ENCODER.is_dir():
        sys.exit(f"no encoder in {ENCODER} (set DOCRE_ENCODER)")
    folder = CARRY / "data" / "encoder"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json", "vocab.txt"):
        shutil.copyfile(ENCODER / name, folder / name)


def encoder():
    tokenizer()
    halved(ENCODER / "model.safetensors", CARRY / "data" / "encoder" / "model.safetensors")


def corpora():
    if not CORPORA.is_dir():
        sys.exit(f"no corpora in {CORPORA} (set DOCRE_CORPORA)")
    (CARRY / "data").mkdir(parents=True, exist_ok=True)
    for split, name in (("train", "CDR_TrainingSet"), ("dev", "CDR_DevelopmentSet")):
        text = (CORPORA / "cdr" / f"{name}.PubTator.txt").read_bytes()
        (CARRY / "data" / f"{split}.txt.xz").write_bytes(lzma.compress(text, preset=9))


def cpu():
    """The sample pipeline on the CPU, by a program without the feature: another needs a driver's library to start."""
    docre = built("docre", features="")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        pipeline = ROOT / "pipelines" / "sample.toml"
        subprocess.run([docre, "run", pipeline, "--device", "cpu", "--runs", folder], check=True)
        seconds = time.perf_counter() - start
        sql = "SELECT scope, f1 FROM metrics WHERE relation IS NULL AND metric = 'F1'"
        command = [docre, "query", f"{folder}/sample", sql, "--format", "csv"]
        shown = subprocess.run(command, check=True, capture_output=True, text=True)
    found = {"seconds_of_command": seconds, "threads": os.cpu_count(), "f1": shown.stdout.splitlines()[1:]}
    (CARRY / "data").mkdir(parents=True, exist_ok=True)
    (CARRY / "data" / "cpu.json").write_text(json.dumps(found))


def main():
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__)
        return
    parts = sys.argv[1:] or PARTS
    if unknown := [part for part in parts if part not in PARTS]:
        sys.exit(f"expected some of {', '.join(PARTS)}, got {', '.join(unknown)}")
    CARRY.mkdir(parents=True, exist_ok=True)
    if any(name in parts for name in BUILDS):
        programs(parts)
    for part, make in (("tokenizer", tokenizer), ("encoder", encoder), ("corpora", corpora), ("cpu", cpu)):
        if part in parts:
            make()
    total = 0
    for path in sorted(path for path in CARRY.rglob("*") if path.is_file()):
        total += path.stat().st_size
        print(f"{path.stat().st_size / 2**20:7.1f} MiB  {path.relative_to(CARRY)}")
    print(f"{total / 2**20:7.1f} MiB in {CARRY}")


if __name__ == "__main__":
    main()
