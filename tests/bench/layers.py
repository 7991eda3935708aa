"""Seconds and peak memory of one reasoning layer, forward and backward, beside the naive form in PyTorch.

For 20, 40, 80 and 160 entities, all pairs of them, width 768. docre's layer is the ignored test `layer_cost`, which is
built when need be. The naive form needs Python with torch: DOCRE_TORCH names it; without it the peer is left out. Memory
is capped at DOCRE_BENCH_GIGABYTES (12): what needs more runs out.
"""

import os
import pathlib
import re
import resource
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
ENTITIES = [20, 40, 80, 160]
MODELS = ["docre-ii", "docre-sd"]
CAP = int(os.environ.get("DOCRE_BENCH_GIGABYTES", "12")) << 30


def built():
    """The test binary."""
    command = ["cargo", "test", "--release", "--package", "docre-model", "--lib", "--no-run"]
    said = subprocess.run(command, cwd=HERE.parent.parent, check=True, stderr=subprocess.PIPE, text=True).stderr
    return said.split("(")[-1].split(")")[0]


def measured(command, **environment):
    """Seconds and peak gigabytes, or None where it runs out of memory."""
    process = subprocess.Popen(
        [str(part) for part in command],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (CAP, CAP)),
    )
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        return None
    return float(re.search(r"seconds (\S+)", said).group(1)), usage.ru_maxrss / (1 << 20)


def shown(result):
    return "out of memory" if result is None else f"{result[0]:8.3f} s {result[1]:7.2f} GB"


def main():
    ours, torch = built(), os.environ.get("DOCRE_TORCH")
    if torch is None:
        print("naive form: left out (set DOCRE_TORCH to a Python with torch)", file=sys.stderr)
    print(f"{'layer':10} {'entities':>8}  {'docre':^22}  {'naive, PyTorch':^22}")
    for model in MODELS:
        for n_entities in ENTITIES:
            rounds = str(max(1, 80 // n_entities))
            setting = {"DOCRE_LAYER": model, "DOCRE_ENTITIES": str(n_entities), "DOCRE_ROUNDS": rounds}
            found = measured([ours, "--ignored", "--exact", "--nocapture", "tests::layer_cost::of_one_layer"], **setting)
            peer = torch and shown(measured([torch, HERE / "naive_layer.py", model, n_entities, 768, rounds]))
            print(f"{model:10} {n_entities:8}  {shown(found):>22}  {peer or '-':>22}", flush=True)


if __name__ == "__main__":
    main()
