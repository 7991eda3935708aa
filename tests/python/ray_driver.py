"""Scores on Ray as docre.ray does, and notes which documents each worker has scored: what engine_ray.py runs, kills and runs
again.

    python ray_driver.py SOURCE CHECKPOINT DECISION OUT NOTES
"""

import os
import pathlib
import sys
import time

import ray

import docre.ray


class Noting(docre.ray.Worker):
    """Takes its time, and writes the names of what it has scored into a file of its own."""

    def __call__(self, rows):
        found = super().__call__(rows)
        with open(f"{NOTES}/{os.getpid()}", "a") as notes:
            notes.writelines(f"{name}\n" for name in rows["doc_id"].to_pylist())
        time.sleep(0.1)
        return found


if __name__ == "__main__":
    SOURCE, CHECKPOINT, DECISION, OUT, NOTES = sys.argv[1:]
    pathlib.Path(NOTES).mkdir()
    # Ray lets others go first, so that on a busy machine none of its workers would start in time.
    os.environ["RAY_worker_niceness"] = "0"
    ray.init(num_cpus=4, include_dashboard=False)
    docre.ray.Worker = Noting
    docre.ray.score(SOURCE, CHECKPOINT, OUT, decision=DECISION, concurrency=2, batch_size=4, block_bytes=1 << 15)
