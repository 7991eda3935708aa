"""Speed and memory of `docre convert --format bioc`, beside Python's parsers of XML alone.

BioRED's BioC XML is repeated, with new ids, to BENCH_MEGABYTES (200 unless set). docre makes sentences, tokens, entities
and facts of it, once without writing them; the peers read the documents, and make nothing of them. Needs Python alone; `lxml` and `bioc` are taken where they are
installed. One thread; seconds are those of a core (user time and system time), so that other work beside does not count.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parent.parent.parent
CORPORA = pathlib.Path(os.environ.get("DOCRE_CORPORA", ROOT.parent / "shared" / "data"))
MEGABYTES = int(os.environ.get("BENCH_MEGABYTES", "200"))

ETREE = """
import sys, xml.etree.ElementTree as etree
n = 0
for _, element in etree.iterparse(sys.argv[1]):
    if element.tag == "document":
        n += len(element.findall("passage/annotation"))
        element.clear()
"""
LXML = """
import sys
from lxml import etree
n = 0
for _, element in etree.iterparse(sys.argv[1], tag="document", load_dtd=False):
    n += len(element.findall("passage/annotation"))
    element.clear()
"""
BIOC = """
import sys
from bioc import biocxml
n = 0
with biocxml.iterparse(open(sys.argv[1], "rb")) as reader:
    for document in reader:
        n += sum(len(passage.annotations) for passage in document.passages)
"""


def program():
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1", "--offline"]
    metadata = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return str(pathlib.Path(json.loads(metadata.stdout)["target_directory"]) / "release" / "docre")


def repeated(source, path):
    """Documents of `source` with new ids, up to so many megabytes."""
    head, rest = source.split("<document>", 1)
    body, tail = rest.rsplit("</document>", 1)
    documents = ("<document>" + body + "</document>").split("</document>")[:-1]
    number, size = 0, 0
    with path.open("w") as file:
        size += file.write(head)
        while size < MEGABYTES * 10**6:
            for document in documents:
                number += 1
                size += file.write(re.sub("<id>[^<]*</id>", f"<id>{number}</id>", document, count=1) + "</document>")
        file.write(tail)
    return number


def run(*command):
    """Seconds of a core and peak megabytes."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 3):
        return None, errors
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    source = CORPORA / "biored" / "biored_Dev.BioC.XML"
    if not source.is_file():
        sys.exit(f"left out, no BioRED at {source} (set DOCRE_CORPORA)")
    os.environ["RAYON_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory(dir=os.environ.get("DOCRE_SCRATCH")) as name:
        folder = pathlib.Path(name)
        path = folder / "large.xml"
        number = repeated(source.read_text(), path)
        megabytes = path.stat().st_size / 1e6
        print(f"{megabytes:.0f} MB, {number:,} documents")
        convert = [program(), "convert", "--format", "bioc", "--split", "s", "--out", folder / "out", "--force", path]
        one = folder / "one.ids"
        one.write_text("1\n")
        # All documents are read, and all but one left aside.
        read = [*convert, "--ids", one]
        peers = {"xml.etree": ETREE, "lxml": LXML, "bioc": BIOC}
        commands = {"docre, reading alone": read, "docre, with all tables": convert} | {name: [sys.executable, "-c", code, path] for name, code in peers.items()}
        for name, command in commands.items():
            seconds, peak = run(*(str(part) for part in command))
            if seconds is None:
                print(f"{name}: left out ({peak.strip().splitlines()[-1] if peak.strip() else 'failed'})")
            else:
                print(f"{name}: {megabytes / seconds:.0f} MB/s of a core, {peak:.0f} MB")


if __name__ == "__main__":
    main()
