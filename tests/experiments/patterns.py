"""What each head of DocRE-SD is worth: for each pattern a corpus whose implied facts all follow that pattern, and the model
with a head for each of the four beside one whose head for that pattern has another's instead. Run by `make patterns`;
`trials.py` says what the environment changes. Models have one reasoning layer, as a second makes up for a missing head, and
are trained at once, for the epochs of the pipeline's first stage and DOCRE_FURTHER_EPOCHS [1] more.
"""

import os

from compare import settings_of
from trials import SEEDS, Trials, greatest, merged, spread

PATTERNS = ["s>i,i>o", "s>i,o>i", "o>i,i>s", "i>s,i>o"]
WITH, WITHOUT = "with its head", "without its head"
FURTHER = int(os.environ.get("DOCRE_FURTHER_EPOCHS", "1"))


def variants(trials, seed, pattern):
    """The model with all heads, and without that of the pattern."""
    settings = settings_of(trials, "docre-sd")
    settings = {**settings, "epochs": trials.settings["epochs"] + FURTHER}
    others = [other for other in PATTERNS if other != pattern]
    for name, patterns in ((WITH, PATTERNS), (WITHOUT, [*others, others[0]])):
        changed = merged(settings, {"model": {"L": 1, "patterns": patterns}})
        yield name, lambda name=name, changed=changed: trials.train(seed, name, changed), []


def main():
    rows, results = [], []
    for pattern in PATTERNS:
        trials = Trials("patterns", pattern, "--pattern", pattern)
        found = {seed: trials.compare(seed, variants(trials, seed, pattern)) for seed in SEEDS}
        row = [pattern]
        for figure in (("Infer-Ac", pattern), ("F1", "implied"), ("F1", "stated")):
            for name in (WITH, WITHOUT):
                of = [of_seed[name] for of_seed in found.values() if of_seed.get(name)]
                row.append(spread(figures.get(figure) for figures, _ in of))
                results += [{"pattern": pattern, "model": name, "figure": " ".join(figure), "value": figures.get(figure)} for figures, _ in of]
        tested = [of_seed[WITHOUT] for of_seed in found.values() if of_seed.get(WITHOUT)]
        rows.append([*row, greatest(p_values.get(("F1", "implied")) for _, p_values in tested)])
    print("In percent, mean ± standard deviation over the seeds, on corpora of one pattern each, with and without its head;")
    print("p: the greatest of the seeds' p-values of a paired bootstrap of implied F1")
    titles = [f"{figure}, {heads}" for figure in ("Infer-Ac", "implied F1", "stated F1") for heads in ("with", "without")]
    trials.write(["pattern", *titles, "p"], rows, results)


if __name__ == "__main__":
    main()
