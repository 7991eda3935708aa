"""All that is to be seen on a card, in one run: `make gpu-check`. Where it runs it needs Python, and for what is compared
PyTorch; no cargo. `gpu_pack.py` made the folder that it is carried with.

Each step is a process of its own with a limit of time; what it found is in OUT/gpu.json at once, what it said in
OUT/gpu.log, and a step that fails does not stop the next. The table comes last. `--dry-run` goes through all of it on
the CPU with tiny sizes, so that no minute of a card is lost to a typing error.

| variable | what |
| --- | --- |
| DOCRE_CARRY | the folder that was carried: gpu-carry |
| DOCRE_BIN, DOCRE_TEST_BIN, DOCRE_MODEL_TEST_BIN | the program and the tests, where they are not in that folder |
| DOCRE_DEVICE | cuda:0 |
| DOCRE_SCRATCH | where the work is done, some 20 GB: the system's folder for such |
| OUT | where results go: target/gpu |
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Seconds that each may take at most, on a card.
LIMITS = {
    "unpack": 40,
    "golden": 40,
    "models": 130,
    "ceiling": 30,
    "score-cdr": 60,
    "train-cdr": 60,
    "score-base": 60,
    "train-base": 75,
    "layers": 60,
    "bulk": 75,
    "sample": 100,
    "kill": 30,
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="on the CPU, with tiny sizes")
    parser.add_argument("--steps", help="only these, separated by commas: " + ", ".join(LIMITS))
    parser.add_argument("--budget", type=float, default=540, help="seconds in all [default: 540]")
    given = parser.parse_args()
    steps = given.steps.split(",") if given.steps else list(LIMITS)
    if unknown := [step for step in steps if step not in LIMITS]:
        parser.error(f"expected some of {', '.join(LIMITS)}, got {', '.join(unknown)}")
    # What is carried is unpacked whatever is asked for.
    return given, ["unpack"] + [step for step in steps if step != "unpack"]


def environment(given, work):
    device = os.environ.get("DOCRE_DEVICE", "cpu" if given.dry_run else "cuda:0")
    return os.environ | {
        "DOCRE_DEVICE": device,
        "DOCRE_CARRY": os.environ.get("DOCRE_CARRY", str(ROOT / "gpu-carry")),
        "DOCRE_GOLDEN": str(ROOT / "tests" / "golden"),
        "GPU_WORK": str(work),
        "GPU_DRY_RUN": "1" if given.dry_run else "",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def run(step, limit, out, variables):
    """What a step found, with its state and seconds. It is killed with all that it started when its time is over."""
    # Few files: from some machines no more than eight come back.
    result, log = out / "step.json", out / "gpu.log"
    result.unlink(missing_ok=True)
    start = time.perf_counter()
    with log.open("ab") as file:
        file.write(f"\n== {step}\n".encode())
        file.flush()
        begin = file.tell()
        process = subprocess.Popen(
            [sys.executable, str(HERE / "gpu_steps.py"), step],
            env=variables | {"GPU_RESULT": str(result), "GPU_LIMIT": str(limit)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            state = "done" if process.wait(timeout=limit) == 0 else "failed"
        except subprocess.TimeoutExpired:
            state = "out of time"
        finally:
            # What it started may outlive it.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
    found = json.loads(result.read_text()) if result.exists() else {}
    if "skipped" in found:
        state = "skipped"
    if state == "failed":
        found["said"] = log.read_bytes()[begin:].decode(errors="replace").strip().splitlines()[-3:]
    return {"state": state, "seconds": round(time.perf_counter() - start, 1), **found}


def written(path, text):
    aside = path.with_suffix(".part")
    aside.write_text(text)
    aside.replace(path)


def shown(value):
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, list):
        return " | ".join(map(shown, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {shown(one)}" for name, one in value.items())
    return str(value)


def table(results):
    lines = []
    for step, found in results.items():
        rest = {name: value for name, value in found.items() if name not in ("state", "seconds", "runs")}
        lines.append(f"{step:11} {found['state']:11} {found['seconds']:6.1f} s")
        lines += [f"    {name}: {shown(value)}" for name, value in rest.items()]
    return "\n".join(lines)


def main():
    given, steps = arguments()
    out = pathlib.Path(os.environ.get("OUT", ROOT / "target" / "gpu")).resolve()
    out.mkdir(parents=True, exist_ok=True)
    (out / "gpu.log").write_bytes(b"")
    budget = given.budget
    print("plan: " + ", ".join(f"{step} {LIMITS[step]} s" for step in steps) + f"; {budget:.0f} s in all", flush=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix="docre-gpu-", dir=os.environ.get("DOCRE_SCRATCH")))
    variables, results = environment(given, work), {}
    # Asked to end, the step that runs ends too, and the work is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        for step in steps:
            # A machine without a card may be slow, or have other work.
            limit = 10 * LIMITS[step] if given.dry_run else min(LIMITS[step], budget)
            if limit < 5:
                results[step] = {"state": "skipped", "seconds": 0.0, "skipped": "no time is left"}
            else:
                results[step] = run(step, limit, out, variables)
            budget -= results[step]["seconds"]
            written(out / "gpu.json", json.dumps(results, indent=1) + "\n")
            print(f"{step}: {results[step]['state']}, {results[step]['seconds']} s", flush=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(table(results))
    # What was asked for on a card and left out has not been seen.
    wanted = {"done", "skipped"} if given.dry_run else {"done"}
    return 1 if any(found["state"] not in wanted for found in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
