"""What deciding after scoring is worth: thresholds shifted for all or for each relation, types, ensembles, fusion with the
scores of evidence alone, calibration and wanted precisions, fitted on one half of a labelled split and judged on the other,
both ways.

    deciding.py --corpus runs/cdr/dev --training runs/cdr/train --out target/deciding/cdr \\
        runs/1/cdr/model runs/2/cdr/model runs/3/cdr/model

The checkpoints are of one model with several seeds, none of them fitted yet. F1 is that of all documents of the split,
each claimed by the decision of the half that it is not in; a variant is compared with what the same seed's own threshold
claims by `docre evaluate --against`, an ensemble with each seed in turn. Python's standard library is all it needs.
What is finished is not repeated.
"""

import argparse
import csv
import io
import json
import math
import pathlib
import random
import shutil
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "tests" / "bench"))
from bench import DOCRE  # noqa: E402

HALVES = ["a", "b"]
OTHER = {"a": "b", "b": "a"}
RESAMPLES = 1000


class Trial:
    """A split in two halves, what checkpoints think of them, and what is decided of that."""

    def __init__(self, arguments):
        self.arguments, self.out = arguments, arguments.out.resolve()
        self.corpus = arguments.corpus.resolve()
        self.halves = self.out / "halves"
        self.docre("split", "--corpus", self.corpus, "--shares", "a=0.5,b=0.5", "--seed", arguments.seed,
                   "--out", self.halves)
        self.seeds = [f"seed-{number}" for number in range(1, len(arguments.checkpoints) + 1)]
        for seed, checkpoint in zip(self.seeds, arguments.checkpoints):
            for half in HALVES:
                self.docre("score", "--checkpoint", checkpoint, "--corpus", self.halves / half, "--run-id", seed,
                           "--out", self.scores(seed, half))
            for half in HALVES if self.tells_evidence(seed) else []:
                self.docre("score", "--checkpoint", checkpoint, "--corpus", self.halves / half, "--evidence-only",
                           self.scores(seed, half), "--out", self.scores(on_evidence(seed), half))
        self.facts = {half: self.read_facts(half) for half in HALVES}

    def docre(self, *arguments):
        command = [str(part) for part in (self.arguments.docre, "--quiet", *arguments)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"failed: {' '.join(command)}\n{done.stderr.strip()}")
        return done.stdout

    def query(self, folder, sql):
        return list(csv.DictReader(io.StringIO(self.docre("query", folder, sql, "--format", "csv"))))

    def scores(self, seed, half):
        return self.out / "scores" / seed / half

    def tells_evidence(self, seed):
        return all((self.scores(seed, half) / "sentence_weights").exists() for half in HALVES)

    def read_facts(self, half):
        """The facts of a half that count, those of undirected relations in both directions."""
        split = self.halves / half
        undirected = {row["relation"] for row in self.query(split, "SELECT relation, undirected FROM relation_types")
                      if row["undirected"] == "true"}
        pairs = self.query(split, "SELECT doc_id, head, tail FROM pairs WHERE NOT candidate")
        left_out = {(row["doc_id"], row["head"], row["tail"]) for row in pairs}
        facts = set()
        for row in self.query(split, "SELECT doc_id, head, tail, relation FROM facts"):
            if (row["doc_id"], row["head"], row["tail"]) in left_out:
                continue
            facts.add((row["doc_id"], row["head"], row["tail"], row["relation"]))
            if row["relation"] in undirected:
                facts.add((row["doc_id"], row["tail"], row["head"], row["relation"]))
        return facts

    def fit(self, name, seeds, half, *options):
        """A decision that is fitted on a half, as a file."""
        file = self.out / "decisions" / name / f"{half}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        runs = [part for seed in seeds for part in ("--scores", self.scores(seed, half))]
        self.docre("fit", *runs, "--corpus", self.halves / half, "--out", file, "--force", *options)
        return file

    def decide(self, name, seeds, half, *options):
        """The folder of what is claimed of a half."""
        out = self.out / "claims" / name / half
        runs = [part for seed in seeds for part in ("--scores", self.scores(seed, half))]
        self.docre("decide", *runs, "--corpus", self.halves / half, "--out", out, "--run-id", name, "--force", *options)
        return out

    def both(self, name, seeds, fitted=None, *options):
        """What is claimed of each half, by a decision fitted on the other where there are options of fitting."""
        claims = {}
        for half in HALVES:
            decision = [] if fitted is None else ["--decision", self.fit(name, seeds, OTHER[half], *fitted)]
            claims[half] = self.decide(name, seeds, half, *decision, *options)
        return claims

    def joined(self, name, claims):
        """The claims of both halves as one table."""
        out = self.out / "joined" / name
        shutil.rmtree(out, ignore_errors=True)
        (out / "relations").mkdir(parents=True)
        parts = [part for half in HALVES for part in sorted((claims[half] / "relations").iterdir())]
        for number, part in enumerate(parts):
            shutil.copy(part, out / "relations" / f"part-{number:05}.parquet")
        return out

    def evaluate(self, split, relations, against=None):
        """F1 with its interval, and the p-value against other claims."""
        other = ["--against", against] if against else []
        found = json.loads(self.docre("evaluate", "--corpus", split, "--relations", relations, *other, "--format", "json"))
        of = next(row for row in found["metrics"] if (row["metric"], row["scope"], row["relation"]) == ("F1", "all", None))
        p_values = [row["p_value"] for row in found["comparisons"] if (row["metric"], row["scope"]) == ("F1", "all")]
        return {"f1": of["f1"], "low": of["f1_low"], "high": of["f1_high"], "p": p_values[0] if p_values else None}

    def judged(self, half, rows):
        """Rows of scores or claims with whether each holds."""
        facts = self.facts[half]
        return [(row, (row["doc_id"], row["head"], row["tail"], row["relation"]) in facts) for row in rows]


def on_evidence(seed):
    """What a seed's second run is called, over evidence alone."""
    return f"{seed}-evidence"


def sigmoid(margin):
    return 1 / (1 + math.exp(-margin)) if margin > -700 else 0.0


def calibrated(decision, margin):
    """A probability as a decision in JSON has it."""
    if decision is None:
        return sigmoid(margin)
    calibration = decision["calibration"]
    if "temperature" in calibration:
        return sigmoid(margin / calibration["temperature"])
    reached = [step["probability"] for step in calibration["steps"] if step["margin"] <= margin]
    return reached[-1] if reached else calibration["steps"][0]["probability"]


def brier(judged):
    return statistics.mean((probability - holds) ** 2 for _, probability, holds in judged)


def in_bins(judged):
    """By document, how much more probable all of each of ten equal bins are than they hold; and how many they are."""
    bins = {}
    for document, probability, holds in judged:
        of = bins.setdefault(document, [0.0] * 10 + [0])
        of[min(int(probability * 10), 9)] += probability - holds
        of[10] += 1
    return bins


def calibration_error(bins):
    """The expected calibration error over ten equal bins, of documents."""
    *gaps, count = map(sum, zip(*bins))
    return sum(map(abs, gaps)) / max(1, count)


def calibration(trial, seed):
    """Brier score and calibration error before and after, of all scores and of those above the threshold; that with its
    bootstrap interval over documents.
    """
    found, draws = {}, random.Random(trial.arguments.seed)
    documents = [row["doc_id"] for half in HALVES
                 for row in trial.query(trial.halves / half, "SELECT doc_id FROM documents")]
    files = {name: {half: trial.fit(f"{name}/{seed}", [seed], half, "--calibration", name) for half in HALVES}
             for name in ("temperature", "isotonic")}
    for name, of in (("as the model says", None), *files.items()):
        judged = []
        for half in HALVES:
            decision = of and json.loads(of[OTHER[half]].read_text())
            sql = "SELECT doc_id, head, tail, relation, logit - threshold_logit AS margin FROM scores"
            rows = trial.judged(half, trial.query(trial.scores(seed, half), sql))
            margins = [(row["doc_id"], float(row["margin"]), holds) for row, holds in rows]
            judged += [(margin, document, calibrated(decision, margin), holds) for document, margin, holds in margins]
        for scope, least in (("scores", -math.inf), ("claims", 0.0)):
            of_scope = [of for margin, *of in judged if margin > least]
            bins = in_bins(of_scope)
            bins = [bins.get(document, [0] * 11) for document in documents]
            drawn = sorted(calibration_error(draws.choices(bins, k=len(bins))) for _ in range(RESAMPLES))
            interval = drawn[int(0.025 * RESAMPLES)], drawn[int(0.975 * RESAMPLES) - 1]
            found[name, scope] = brier(of_scope), calibration_error(bins), *interval
    return found


def counted(trial, half, claims):
    """Right claims and claims of each document of a half."""
    documents = [row["doc_id"] for row in trial.query(trial.halves / half, "SELECT doc_id FROM documents")]
    of = {document: [0, 0] for document in documents}
    rows = trial.query(claims, "SELECT doc_id, head, tail, relation FROM relations")
    for row, holds in trial.judged(half, rows):
        of[row["doc_id"]][0] += holds
        of[row["doc_id"]][1] += 1
    return list(of.values())


def precision_reached(counts, n_facts, draws):
    """Precision and recall of claims, and the precision's bootstrap interval over documents."""

    def precision(counts):
        return sum(right for right, _ in counts) / max(1, sum(claimed for _, claimed in counts))

    resampled = sorted(precision(draws.choices(counts, k=len(counts))) for _ in range(RESAMPLES))
    low, high = resampled[round(0.025 * RESAMPLES)], resampled[round(0.975 * RESAMPLES) - 1]
    recall = sum(right for right, _ in counts) / max(1, n_facts)
    return {"precision": precision(counts), "low": low, "high": high, "recall": recall}


def variants(trial):
    """F1 of each variant: by seed, or of the ensemble against each seed."""
    types = ["--types-of", trial.arguments.training.resolve()] if trial.arguments.training else []
    single = [("as it is", None), ("one shift", []), ("a shift each", ["--per-relation"])]
    if types:
        single += [("types alone", types), ("a shift each, and types", ["--per-relation", *types])]
    # Types without a shift: what is fitted is replaced by the model's own threshold.
    own = {"types alone": ["--shift", "0"]}
    results, base = [], {}
    for name, fitted in single:
        for seed in trial.seeds:
            claims = trial.both(f"{name}/{seed}", [seed], fitted, *own.get(name, []))
            whole = trial.joined(f"{name}/{seed}", claims)
            base.setdefault(seed, whole)
            found = trial.evaluate(trial.corpus, whole, base[seed] if name != "as it is" else None)
            halves = {half: trial.evaluate(trial.halves / half, claims[half])["f1"] for half in HALVES}
            results.append({"variant": name, "seed": seed, "halves": halves, **found})
    fused = [("fusion", None, ["--ensemble", "fusion"]), ("fusion, one shift", ["--ensemble", "fusion"], [])]
    for name, fitted, options in fused:
        for seed in filter(trial.tells_evidence, trial.seeds):
            claims = trial.both(f"{name}/{seed}", [seed, on_evidence(seed)], fitted, *options)
            found = trial.evaluate(trial.corpus, trial.joined(f"{name}/{seed}", claims), base[seed])
            results.append({"variant": name, "seed": seed, **found})
    if len(trial.seeds) < 2:
        return results
    together = [("ensemble, margins", None, "margins"), ("ensemble, probabilities", None, "probabilities"),
                ("ensemble, margins, one shift", [], "margins"),
                ("ensemble, margins, a shift each", ["--per-relation"], "margins")]
    for name, fitted, ensemble in together:
        claims = trial.both(name, trial.seeds, fitted, "--ensemble", ensemble)
        whole = trial.joined(name, claims)
        for seed in trial.seeds:
            results.append({"variant": name, "seed": seed, **trial.evaluate(trial.corpus, whole, base[seed])})
    return results


def percent(share):
    return f"{100 * share:.2f}"


def table(header, rows):
    print(f"| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print()


def write_variants(results):
    own = {row["seed"]: row["f1"] for row in results if row["variant"] == "as it is"}
    rows = []
    for name in dict.fromkeys(row["variant"] for row in results):
        of = [row for row in results if row["variant"] == name]
        f1 = [row["f1"] for row in of]
        gains = [row["f1"] - own[row["seed"]] for row in of]
        intervals = [f"{percent(row['f1'])} ({percent(row['low'])} to {percent(row['high'])})" for row in of]
        cells = intervals[:1] + [""] * (len(of) - 1) if name.startswith("ensemble") else intervals
        p_values = [row["p"] for row in of if row["p"] is not None]
        gain = "" if name == "as it is" else f"{100 * statistics.mean(gains):+.2f}"
        rows.append([name, *cells, percent(statistics.mean(f1)), gain, f"{max(p_values):.3f}" if p_values else ""])
    table(["variant", *own, "mean", "gain", "greatest p"], rows)


def write_calibration(by_seed):
    rows = []
    for key in next(iter(by_seed.values())):
        briers, errors = ([of[key][place] for of in by_seed.values()] for place in (0, 1))
        spread = [f"{statistics.mean(of):.4f} ({', '.join(f'{one:.4f}' for one in of)})" for of in (briers, errors)]
        intervals = [f"{low:.3f} to {high:.3f}" for _, _, low, high in (of[key] for of in by_seed.values())]
        rows.append([*key, *spread, "; ".join(intervals)])
    table(["probability", "of", "Brier score", "calibration error", "95% of each"], rows)


def precisions(trial, wanted):
    """What a wanted precision comes to on the other half, fitted for it and as a point of a decision for F1."""
    draws, counts = random.Random(trial.arguments.seed), {}
    for seed in trial.seeds:
        for half in HALVES:
            by_point = trial.fit(f"points/{seed}", [seed], OTHER[half])
            for share in wanted:
                fitted = trial.fit(f"precision-{share}/{seed}", [seed], OTHER[half], "--precision", share)
                ways = [("fit --precision", ["--decision", fitted]),
                        ("--at-precision", ["--decision", by_point, "--at-precision", share])]
                for way, options in ways:
                    claims = trial.decide(f"precision-{share}/{way.strip('-')}/{seed}", [seed], half, *options)
                    counts.setdefault((share, way, seed), {})[half] = counted(trial, half, claims)
    results = []
    for (share, way, seed), of in counts.items():
        for halves in (["a"], ["b"], HALVES):
            n_facts = sum(len(trial.facts[half]) for half in halves)
            found = precision_reached([count for half in halves for count in of[half]], n_facts, draws)
            results.append({"wanted": share, "way": way, "seed": seed, "half": " and ".join(halves), **found})
    return sorted(results, key=lambda row: (row["wanted"], row["way"], row["half"], row["seed"]))


def write_precisions(results):
    rows = []
    for row in results:
        interval = f"{percent(row['low'])} to {percent(row['high'])}"
        reached = "yes" if row["low"] <= row["wanted"] else "above"
        reached = "no" if row["high"] < row["wanted"] else reached
        rows.append([f"{row['wanted']}", row["way"], row["seed"], row["half"], percent(row["precision"]), interval,
                     percent(row["recall"]), reached])
    table(["wanted", "by", "seed", "half", "precision", "95%", "recall", "within"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=pathlib.Path, required=True, help="the folder of the labelled split")
    parser.add_argument("--training", type=pathlib.Path, help="that of the training split, for types")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="where everything goes")
    parser.add_argument("--seed", type=int, default=1, help="how the halves and resamples are drawn [default: 1]")
    parser.add_argument("--precisions", default="0.8,0.9", help="the precisions that are wanted [default: 0.8,0.9]")
    parser.add_argument("--docre", type=pathlib.Path, default=pathlib.Path(DOCRE), help="the program")
    parser.add_argument("checkpoints", type=pathlib.Path, nargs="+", help="a checkpoint a seed")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    trial = Trial(arguments)
    sizes = [len(trial.query(trial.halves / half, "SELECT doc_id FROM documents")) for half in HALVES]
    print(f"Halves of {sizes[0]} and {sizes[1]} documents; F1 in percent, 95% intervals over documents\n")
    f1 = variants(trial)
    write_variants(f1)
    of_seeds = {seed: calibration(trial, seed) for seed in trial.seeds}
    write_calibration(of_seeds)
    reached = precisions(trial, [float(share) for share in arguments.precisions.split(",")])
    write_precisions(reached)
    told = [{"seed": seed, "probability": name, "of": scope, "brier": found[0], "calibration_error": found[1],
             "low": found[2], "high": found[3]}
            for seed, of in of_seeds.items() for (name, scope), found in of.items()]
    results = {"variants": f1, "calibration": told, "precisions": reached}
    (trial.out / "deciding.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
