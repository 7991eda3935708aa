"""Scoring on a cluster by Ray Data: each worker holds a model, and Ray deals out documents.

>>> import docre.ray
>>> docre.ray.score("s3://bucket/annotated/", "model", "s3://bucket/scored", concurrency=(2, 16))

A row of `annotated` is a document and stands alone, so that documents can be dealt out in any way; what is found does not
depend on who scores what. Ray reads and writes whatever its readers and writers do.
"""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet
import ray
import ray.data
from ray.data.checkpoint import CheckpointConfig

from . import Error, RejectedWarning, Scorer, __version__, schema
from ._dealt import flat, scored
from ._docre import making
from ._heard import LOGGER
from ._scorer import elsewhere

StrPath = str | os.PathLike[str]

#: What `score` makes in its folder, and what it was made of.
TABLES, MADE = ("documents", "finished", "relations"), "made.json"
#: Options that no relation hangs on.
DEALING = {"batch_size", "concurrency", "cpus", "threads"}
#: Options of `documents` that are Ray's and not those of `docre.Scorer`.
OF_ENGINE = {"batch_size", "concurrency", "cpus", "gpus"}
#: Documents that a warning names.
NAMED = 10


class Worker:
    """What an actor holds: a model, loaded once."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.scorer = Scorer(**said)

    def __call__(self, rows: pyarrow.Table) -> pyarrow.Table:
        return scored(self.scorer, rows)


def documents(
    rows: ray.data.Dataset,
    checkpoint: StrPath,
    *,
    concurrency: int | tuple[int, int] = 1,
    cpus: float = 1,
    gpus: float = 0,
    batch_size: int = 64,
    **options: Any,
) -> ray.data.Dataset:
    """A row a document, `doc_id`, a list of its `relations`, and why it was `not_scored`, where it is too large; for a data
    set of rows of `annotated`.

    `checkpoint`: a folder that every node has. `concurrency`: how many workers, or from how many to how many; each has
    `cpus` cores and `gpus` cards, and is given `batch_size` documents at a time. `options`: those of `docre.Scorer`.
    """
    said = elsewhere(checkpoint, {"threads": max(1, int(cpus)), "device": "cuda:0" if gpus else "cpu", **options})
    return rows.map_batches(
        Worker,
        fn_constructor_args=(said,),
        batch_format="pyarrow",
        batch_size=batch_size,
        # One waits while one is scored. Of more, who is there sooner would take what others have to wait for.
        compute=ray.data.ActorPoolStrategy(max_tasks_in_flight_per_actor=2, **_workers(concurrency)),
        num_cpus=cpus,
        num_gpus=gpus,
    )


def _workers(concurrency: int | tuple[int, int]) -> dict[str, int]:
    if isinstance(concurrency, int):
        return {"size": concurrency}
    return dict(zip(("min_size", "max_size"), concurrency))


def relations(rows: ray.data.Dataset, checkpoint: StrPath, **options: Any) -> ray.data.Dataset:
    """The relations of a data set of documents, a row each: as `documents`, whose options these are. Documents that are too
    large have none, and are named in the workers' logs alone: `documents` has them.
    """
    return documents(rows, checkpoint, **options).map_batches(flat, batch_format="pyarrow")


def score(
    source: str | list[str],
    checkpoint: StrPath,
    out: str,
    *,
    force: bool = False,
    block_bytes: int = 4 << 20,
    **options: Any,
) -> None:
    """Scores the documents in Parquet files of `annotated`, and writes their `relations`.

    `source` and `out` are paths or URLs that Ray reads and writes, as `s3://bucket/folder`, and every node sees. In `out`
    come `documents`, as that function gives them; `finished`, where Ray notes which these are; and when all are, the table
    `relations`, in Parquet. Where workers are lost, others take their documents over. Where this call was stopped, the same
    call goes on, and scores no document again that was written; nor where `source` has grown. What was made by another
    checkpoint or other options is refused, and by `force` made anew.

    The cluster has two cores more than the workers: one for what reads and writes, and one that passes over what is done.
    Without them Ray waits for ever; what it waits for is told.

    `block_bytes`: of documents in memory, which are dealt out together, written to a file, and then finished; 4 MiB are some 480
    abstracts. Each costs half a second of a core, and the last is what all wait for: less of them where a model is slow and
    documents are few. The other options are those of `documents`.
    """
    _check_cores(**{name: options[name] for name in ("concurrency", "cpus") if name in options})
    # What no worker could take is refused before anything is written.
    elsewhere(checkpoint, {name: value for name, value in options.items() if name not in OF_ENGINE})
    files, root = _place(out)
    _begin(files, root, _made(checkpoint, options), force)
    noted = CheckpointConfig("doc_id", f"{root}/finished", delete_checkpoint_on_success=False, override_filesystem=files)
    # Ray takes rows together up to 128 MiB: hours of one worker's, while others have none.
    with _set(checkpoint_config=noted, target_max_block_size=block_bytes, target_min_block_size=block_bytes // 8):
        rows = documents(ray.data.read_parquet(source), checkpoint, **options)
        rows.write_parquet(f"{root}/documents", filesystem=files)
    kept, table = f"{root}/documents", f"{root}/relations"
    flattened = ray.data.read_parquet(kept, filesystem=files).map_batches(flat, batch_format="pyarrow")
    flattened.write_parquet(table, filesystem=files, mode=ray.data.SaveMode.OVERWRITE)
    if not files.get_file_info(pyarrow.fs.FileSelector(table, allow_not_found=True)):
        files.create_dir(table)
        pyarrow.parquet.write_table(pyarrow.table(schema("relations")), f"{table}/none.parquet", filesystem=files)
    _warn(files, kept)


def _check_cores(concurrency: int | tuple[int, int] = 1, cpus: float = 1) -> None:
    """Says where workers leave no core to others; a cluster may grow, so that it is no error."""
    if not ray.is_initialized():
        ray.init()
    workers = concurrency if isinstance(concurrency, int) else concurrency[0]
    needed, there = workers * cpus + 2, ray.cluster_resources().get("CPU", 0)
    if there < needed:
        LOGGER.warning("%d workers of %g cores need %g cores with what reads and writes, and there are %g", workers, cpus, needed, there)


@contextlib.contextmanager
def _set(**settings: Any) -> Iterator[None]:
    """Settings of Ray Data, for data sets that are made and used meanwhile."""
    context = ray.data.DataContext.get_current()
    before = {name: getattr(context, name) for name in settings}
    for name, value in settings.items():
        setattr(context, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(context, name, value)


def _place(out: str) -> tuple[pyarrow.fs.FileSystem, str]:
    """Where a path or a URL leads."""
    files, root = pyarrow.fs.FileSystem.from_uri(out if "://" in out else os.path.abspath(out))
    return files, root.rstrip("/")


def _made(checkpoint: StrPath, options: Mapping[str, Any]) -> bytes:
    """What the relations are made of: how documents are dealt out is no matter."""
    given = {name: value for name, value in options.items() if name not in DEALING}
    decision, name = given.pop("decision", None), os.path.basename(os.path.abspath(checkpoint))
    text = json.dumps({"run_id": name, **given}, sort_keys=True)
    identity = making(os.fspath(checkpoint), None if decision is None else os.fspath(decision), text)
    return json.dumps({"docre": __version__, "making": identity}).encode()


def _begin(files: pyarrow.fs.FileSystem, root: str, made: bytes, force: bool) -> None:
    """Sees to it that what stands there is of the same making."""
    note = f"{root}/{MADE}"
    found = files.get_file_info([note, *(f"{root}/{name}" for name in TABLES)])
    there = [of.path for of in found if of.type != pyarrow.fs.FileType.NotFound]
    if note in there:
        with files.open_input_stream(note) as stream:
            if stream.read() == made:
                return
    if there and not force:
        told = f"{root}: what stands there was made by another checkpoint, with other options or by another build of docre"
        raise Error(told, "give another folder, or force=True to make it anew")
    for path in there:
        files.delete_file(path) if path == note else files.delete_dir(path)
    files.create_dir(root)
    with files.open_output_stream(note) as stream:
        stream.write(made)


def _warn(files: pyarrow.fs.FileSystem, kept: str) -> None:
    """Says which documents were too large."""
    of = pyarrow.dataset.dataset(kept, filesystem=files, format="parquet")
    left = of.to_table(["not_scored"], filter=pyarrow.dataset.field("not_scored").is_valid())["not_scored"]
    if len(left):
        told = [*left.slice(0, NAMED).to_pylist(), f"{len(left)} documents are too large and were not scored: {kept} has them"]
        warnings.warn("\n".join(told), RejectedWarning, stacklevel=3)
