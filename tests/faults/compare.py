"""What a folder holds, byte for byte, but for what tells the time."""

import base64
import json
import re
import zlib

import work

# Keys of manifests and pages that tell when and how fast something was made.
TIMES = {"started", "seconds", "documents_per_second"}
# Files whose bytes tell it, and so do the hashes of them that a manifest has.
TIMED = {"training_log", "manifest.json", "report.html"}


def visible(folder):
    """Bytes of each file that bears a final name, by its path below the folder."""
    return {path: (folder / path).read_bytes() for path in paths(folder) if not is_hidden(path)}


def hidden(folder):
    """What lies about under a name of work in progress; `.tmp` is the folder of temporary files."""
    temporary = folder / ".tmp"
    left = [path for path in paths(folder, folders=True) if is_hidden(path) and not path.startswith(".tmp")]
    return left + ([f".tmp/{path}" for path in paths(temporary, folders=True)] if temporary.is_dir() else [])


def some(paths):
    """The first of them, for messages."""
    return ", ".join(paths[:2]) + (f" and {len(paths) - 2} more" if len(paths) > 2 else "")


def paths(folder, folders=False):
    found = [path for path in folder.rglob("*") if folders or not path.is_dir()]
    return sorted(str(path.relative_to(folder)) for path in found)


def is_hidden(path):
    return any(part.startswith(".") for part in path.split("/"))


def without_times(docre, folder, files):
    """The files with times and speeds taken out, for comparing two runs."""
    return {path: timeless(docre, folder, path, content) for path, content in files.items()}


def timeless(docre, folder, path, content):
    if "training_log/" in path:
        return log_without_speeds(docre, folder, path)
    if path.endswith("manifest.json"):
        return json.dumps(stripped(json.loads(content)))
    if path.endswith(".html"):
        return page_without_times(content.decode())
    return content


def log_without_speeds(docre, folder, path):
    table = path.rpartition("/")[0]
    outcome = work.run([docre, "query", table, "SELECT * FROM training_log", "--format", "json"], folder)
    if outcome.code != 0:
        return outcome.stderr
    lines = outcome.stdout.decode()
    return re.sub(r'"documents_per_second":\s*[^,}\s]+', "", lines)


def page_without_times(page):
    page = re.sub(r"nonce([-=\"]+)[0-9a-f]+", r"nonce\1", page)
    return re.sub(r'(type="application/octet-stream"[^>]*>)([^<]*)<', lambda block: block[1] + opened(block[2]), page)


def opened(block):
    try:
        return json.dumps(stripped(json.loads(zlib.decompress(base64.b64decode(block)))))
    except (ValueError, zlib.error):
        return block


def stripped(value):
    """JSON without the keys that tell times, and without hashes of files that do."""
    if isinstance(value, list):
        return [stripped(item) for item in value]
    if not isinstance(value, dict):
        return value
    is_timed = str(value.get("path", "")).split("/")[-1] in TIMED
    left_out = TIMES | ({"hash"} if is_timed else set())
    return {key: stripped(item) for key, item in value.items() if key not in left_out}


def difference(expected, got):
    """In what two folders differ, in words, or None."""
    if missing := sorted(set(expected) - set(got)):
        return f"{missing[0]} is missing"
    if more := sorted(set(got) - set(expected)):
        return f"{more[0]} is not of an undisturbed run"
    if other := sorted(path for path in expected if expected[path] != got[path]):
        return f"{other[0]} has other bytes"
    return None


def torn(stage, before, after, now):
    """What is torn in a folder that a stage was stopped in, in words, or None.

    `before` and `after` are the files before the stage and after one that nobody stopped, `now` is what there is.
    """
    units = {}
    for path in now:
        units.setdefault(unit(stage, path), set()).add(path)
    for name, files in units.items():
        old, new = ({path for path in version if unit(stage, path) == name} for version in (before, after))
        if files == old and all(now[path] == before[path] for path in files):
            continue
        if files == new and all(now[path] == after[path] for path in files):
            continue
        if not stage.has_steps:
            return f"{name} is neither old nor new"
        if files not in (old, new):
            return f"{name} has {sorted(files ^ new)[0]} or lacks it"
        if broken := [path for path in files if not is_whole(path, now[path])]:
            return f"{broken[0]} cannot be opened"
    return None


def unit(stage, path):
    """The folder, or for a file that has none the file, that appears as one."""
    for name in stage.units:
        if path.startswith(f"{name}/"):
            return name
    parent = path.rpartition("/")[0]
    return path if parent in ("", "out", "runs/pipeline") else parent


def is_whole(path, content):
    """Whether a file's frame is whole: its magic and the lengths that it tells."""
    if path.endswith(".parquet"):
        footer = int.from_bytes(content[-8:-4], "little")
        return len(content) > 12 and content[:4] == content[-4:] == b"PAR1" and footer + 12 <= len(content)
    if path.endswith(".safetensors"):
        n_header = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + n_header])
        ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        return len(content) == 8 + n_header + max(ends)
    if path.endswith(".json"):
        try:
            json.loads(content)
        except ValueError:
            return False
    return bool(content)
