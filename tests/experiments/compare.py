"""ATLOP, DocRE-II and DocRE-SD on one corpus with one budget: the same epochs in all, the same rates. DocRE-SD is
trained at once, as in its paper, and once more over the base that DocRE-II began with. Run by `make compare`; see
`trials.py` for what the environment changes. On Re-DocRED:

DOCRE_PIPELINE=pipelines/redocred-dev.toml DOCRE_CORPUS=runs/redocred-dev \\
    DOCRE_ENCODER=data/encoders/all-MiniLM-L6-v2 make compare
"""

from trials import SEEDS, Trials, greatest, spread

ATLOP = "ATLOP"
DOCRE_II = "DocRE-II"
KINDS = {ATLOP: "atlop", DOCRE_II: "docre-ii", "DocRE-SD": "docre-sd"}
OVER_BASE = "DocRE-SD over the base"
NAMES = [*KINDS, OVER_BASE]
SHARED = ["embedding", "block"]
WITH_FEATURE = [*SHARED, "pair_feature"]
FIGURES = [
    ("F1", "all"), ("IgnF1", "all"),
    ("F1", "intra"), ("F1", "inter"), ("F1", "infer"), ("F1", "stated"), ("F1", "implied"),
    ("Infer-Ac", "any"),
    ("Infer-Ac", "s>i,i>o"), ("Infer-Ac", "s>i,o>i"), ("Infer-Ac", "o>i,i>s"), ("Infer-Ac", "i>s,i>o"),
]


def settings_of(trials, kind):
    """The pipeline's settings, or what another kind of model has of them, at once for the epochs of both stages."""
    settings, model = trials.settings, trials.settings["model"]
    if kind == "docre-ii":
        return settings
    keys = SHARED if kind == "atlop" else WITH_FEATURE
    epochs = settings["epochs"] + settings["second_stage"]["epochs"]
    shared = {key: value for key, value in settings.items() if key != "second_stage"}
    return {**shared, "epochs": epochs, "model": {"kind": kind, **{key: model[key] for key in keys if key in model}}}


def variants(trials, seed):
    """Each model's name, how its checkpoint comes about, and how it is scored."""
    for name, kind in KINDS.items():
        settings = settings_of(trials, kind)
        yield name, lambda name=name, settings=settings: trials.train(seed, name, settings), []

    def over_base():
        base = trials.trained(seed, DOCRE_II).parent / "base"
        model = settings_of(trials, "docre-sd")["model"]
        return trials.train(seed, OVER_BASE, {**trials.settings, "model": model, "base": str(base)})

    yield OVER_BASE, over_base, []


def row(figure, by_seed):
    """A figure of each model, and how sure its difference from ATLOP's is."""
    cells = []
    for name in NAMES:
        of = [found[name] for found in by_seed.values() if found.get(name)]
        cells.append(spread(figures.get(figure) for figures, _ in of))
        if name != ATLOP:
            cells.append(greatest(p_values.get(figure) for _, p_values in of))
    return [" ".join(figure), *cells]


def main():
    trials = Trials("compare")
    by_seed = {seed: trials.compare(seed, variants(trials, seed)) for seed in SEEDS}
    figures = [found[0] for of in by_seed.values() for found in of.values() if found]
    had = [figure for figure in FIGURES if any(figure in of for of in figures)]
    results = [
        {"model": name, "seed": seed, "metric": metric, "scope": scope, "value": found[0].get((metric, scope)),
         "p_value": found[1].get((metric, scope))}
        for seed, of in by_seed.items() for name, found in of.items() if found for metric, scope in had
    ]
    print(f"The split {trials.split} in percent, mean ± standard deviation over the seeds; p: the greatest of")
    print("the seeds' p-values of a paired bootstrap against ATLOP, which is made of F1 alone")
    header = ["figure", *(cell for name in NAMES for cell in ([name] if name == ATLOP else [name, "p"]))]
    trials.write(header, [row(figure, by_seed) for figure in had], results)


if __name__ == "__main__":
    main()
