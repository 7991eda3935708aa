"""Eight processes in one folder: what they leave is what one leaves."""

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import compare
import work

AT_ONCE = 8
# Eight processes on few cores, one of which may wait for another.
SECONDS = 120


def all_at_once(docre, commands, folder):
    with ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(lambda command: work.run([docre, *command], folder, None, SECONDS), commands))


def amiss(outcome, may_refuse):
    """What is amiss in how one of many ended."""
    if crash := outcome.crash():
        return [("crashed", f"{crash}: {outcome.last_words()}")]
    if outcome.code == 0 or may_refuse and outcome.stderr.startswith("error: "):
        return []
    return [("failed", outcome.last_words())]


def one_stage(docre, attack, rounds):
    """The same stage eight times: some may be told that another is at work, one has to come through."""
    row = work.Row("eight at once", attack.stage.name)
    for _ in range(rounds):
        folder = attack.copy()
        outcomes = all_at_once(docre, [attack.stage.command] * AT_ONCE, folder)
        findings = [finding for outcome in outcomes for finding in amiss(outcome, may_refuse=True)]
        if all(outcome.code != 0 for outcome in outcomes):
            findings.append(("nobody came through", outcomes[0].last_words()))
        if difference := attack.difference(folder):
            findings.append(("differing", difference))
        if left := compare.hidden(folder):
            findings.append(("left over", compare.some(left)))
        row.add(findings, f"{AT_ONCE} of {work.shown(attack.stage.command)}")
        shutil.rmtree(folder)
    return row


def different_stages(docre, folders, rounds):
    """Eight stages into one folder, each of which has to come through."""
    row = work.Row("eight at once", "different stages")
    corpus = ["--corpus", "../inputs/corpus", "--split", "test"]
    commands = [
        ["convert", "--format", "docred", "--split", "test", "--out", "out", "../inputs/test.json"],
        ["synthesize", "--documents", 3, "--split", "more", "--out", "out"],
        ["encode", *corpus, "--encoder", "../inputs/heart/best", "--out", "out"],
        ["score", *corpus, "--checkpoint", "../inputs/heart/best", "--out", "out"],
        ["evaluate", *corpus, "--relations", "../inputs/gold.parquet", "--resamples", 20, "--out", "out"],
        ["graph", *corpus, "--relations", "../inputs/gold.parquet", "--out", "out/graph"],
        ["report", "../inputs/run", "--out", "out/page.html"],
        ["train", "--config", "../inputs/one.json", "--out", "out/model"],
    ]

    def files(folder):
        return compare.without_times(docre, folder, compare.visible(folder))

    alone = folders.fresh()
    for command in commands:
        (alone / "out").mkdir(exist_ok=True)
        work.must([docre, *command], alone)
    expected = files(alone)
    for _ in range(rounds):
        folder = folders.fresh()
        (folder / "out").mkdir()
        findings = [finding for outcome in all_at_once(docre, commands, folder) for finding in amiss(outcome, False)]
        if difference := compare.difference(expected, files(folder)):
            findings.append(("differing", difference))
        if left := compare.hidden(folder):
            findings.append(("left over", compare.some(left)))
        row.add(findings, "eight stages into one folder")
        shutil.rmtree(folder)
    return row


def replaced_below(docre, folders, inputs, replacements):
    """Readers of a split that is replaced all the while: an error, or the answer of one version."""
    row = work.Row("eight at once", "readers of a split that is replaced")
    documents = json.loads((inputs / "test.json").read_text())
    for document in documents:
        # Other facts, and in other tables other types and words.
        document["labels"] = document["labels"][::2]
        for mention in (mention for entity in document["vertexSet"] for mention in entity):
            mention["type"] = "MISC"
        document["sents"][-1][-1] = "!"
    (inputs / "other.json").write_text(json.dumps(documents))
    folder = folders.fresh()
    convert = ["convert", "--format", "docred", "--split", "test", "--out", "out", "--force"]
    versions = [[docre, *convert, f"../inputs/{name}.json"] for name in ("test", "other")]
    evaluate = ["evaluate", "--corpus", "out/test", "--relations", "../inputs/gold.parquet", "--resamples", 0]
    readers = [[docre, *evaluate], [docre, "convert", "--to", "docred", "out/test"]]
    answers = {number: set() for number in range(len(readers))}
    for version in versions:
        work.must(version, folder)
        for number, reader in enumerate(readers):
            answers[number].add(work.must(reader, folder).stdout)
    # The two versions once more, to be swapped faster than docre makes them.
    made = []
    for version in versions:
        work.must(version, folder)
        made.append(folder / ".tmp" / f"version-{len(made)}")
        shutil.copytree(folder / "out" / "test", made[-1])
    is_over = threading.Event()

    def read(number):
        while not is_over.is_set():
            outcome = work.run(readers[number % len(readers)], folder, None, SECONDS)
            findings = amiss(outcome, may_refuse=True)
            if outcome.code == 0 and outcome.stdout not in answers[number % len(readers)]:
                findings.append(("mixed", "ended with 0 and the answer of no version"))
            row.add(findings, work.shown(readers[number % len(readers)][1:]))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        reading = [pool.submit(read, number) for number in range(AT_ONCE - 1)]
        for place in range(replacements):
            outcome = work.run(versions[place % 2], folder, None, SECONDS)
            row.add(amiss(outcome, may_refuse=False), work.shown(versions[place % 2][1:]))
            swap(folder / "out" / "test", made, 0.5)
        is_over.set()
        for one in reading:
            one.result()
    shutil.rmtree(folder)
    return row


def swap(split, made, seconds):
    """Puts one version in the place of the other over and over, by renames as docre does."""
    end, number = time.monotonic() + seconds, 0
    aside = split.parent.parent / ".tmp" / "aside"
    while time.monotonic() < end:
        version = made[number % 2]
        split.rename(aside)
        version.rename(split)
        time.sleep(0.002)
        split.rename(version)
        aside.rename(split)
        number += 1


def two_pages(docre, folders, rounds):
    """Pages of different content to one file: one of them, whole."""
    row = work.Row("eight at once", "two pages to one file")
    commands = [["report", "../inputs/run", "--out", "page.html", "--documents", n] for n in (1, 4)]
    pages = []
    for command in commands:
        folder = folders.fresh()
        work.must([docre, *command], folder)
        pages.append((folder / "page.html").read_bytes())
    for _ in range(rounds):
        folder = folders.fresh()
        outcomes = all_at_once(docre, commands * (AT_ONCE // 2), folder)
        findings = [finding for outcome in outcomes for finding in amiss(outcome, may_refuse=True)]
        page = folder / "page.html"
        if not page.exists() or page.read_bytes() not in pages:
            findings.append(("mixed", "the page is none of the two"))
        if left := compare.hidden(folder):
            findings.append(("left over", compare.some(left)))
        row.add(findings, "eight of docre report")
        shutil.rmtree(folder)
    return row


def campaign(docre, folders, inputs, attacks, rounds):
    for attack in attacks:
        yield one_stage(docre, attack, rounds)
    yield different_stages(docre, folders, rounds)
    yield two_pages(docre, folders, rounds)
    yield replaced_below(docre, folders, inputs, 4 * rounds)
