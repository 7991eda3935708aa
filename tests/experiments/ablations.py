"""What each part of DocRE-II is worth: variants of it beside the full model. Run by `make ablations`; `trials.py` says
what the environment changes.

For each seed one first stage is trained and shared. `no pre-training` is the second stage without the first, at the
first's rates; `whole at once` is the same with the epochs of both stages, as has `base alone`. `K = …` are the full model,
scored with other numbers of iterations.
"""

from trials import SEEDS, Trials, greatest, merged, spread

FULL = "full"
SCOPES = ["stated", "implied", "all"]
# What differs from the full model in its second stage.
VARIANTS = {
    FULL: {},
    "no fusion": {"model": {"fusion": False}},
    "full attention": {"model": {"attention": "full"}},
    "no contrastive loss": {"model": {"contrastive": "none"}},
    "SimCLR": {"model": {"contrastive": "simclr"}},
    "frozen base": {"second_stage": {"freeze_base": True}},
    "N_I = 1": {"model": {"N_I": 1}},
    "N_I = 3": {"model": {"N_I": 3}},
}
ITERATIONS = [0, 1, 2, 4]


def at_once(settings, n_epochs):
    """Settings that train the whole from the start: its one stage has the epochs of both."""
    return merged(settings, {"epochs": 1, "second_stage": {"epochs": n_epochs - 1, "pretrain_base": False}})


def variants(trials, seed):
    """Each variant's name, how its checkpoint comes about, and how it is scored."""
    settings = trials.settings
    n_epochs = settings["epochs"] + settings["second_stage"]["epochs"]
    alone = merged(settings, {"model": {"K": 0}})
    trials.attempt(seed, "first stage", trials.train, seed, "first stage", alone)

    def second(name, changes):
        base = str(trials.trained(seed, "first stage"))
        return trials.train(seed, name, merged(settings, {**changes, "base": base}))

    for name, changes in VARIANTS.items():
        yield name, lambda name=name, changes=changes: second(name, changes), []
    for name, epochs in [("no pre-training", settings["second_stage"]["epochs"]), ("whole at once", n_epochs)]:
        whole = at_once(settings, epochs)
        yield name, lambda name=name, whole=whole: trials.train(seed, name, whole), []
    longer = merged(alone, {"epochs": n_epochs})
    yield "base alone", lambda: trials.train(seed, "base alone", longer), []
    for iterations in ITERATIONS:
        yield f"K = {iterations}", lambda: trials.trained(seed, FULL), ["--iterations", iterations]


def main():
    trials = Trials("ablations")
    by_seed = {seed: trials.compare(seed, variants(trials, seed)) for seed in SEEDS}
    rows, results = [], []
    for name in by_seed[SEEDS[0]]:
        of = {seed: found[name] for seed, found in by_seed.items() if found[name]}
        shares = [spread(figures.get(("F1", scope)) for figures, _ in of.values()) for scope in SCOPES]
        p_values = [p_values.get(("F1", "implied")) for _, p_values in of.values()]
        rows.append([name, *shares, "" if name == FULL else greatest(p_values), f"{len(of)}/{len(SEEDS)}"])
        for seed, (figures, tests) in of.items():
            f1 = {f"f1_{scope}": figures.get(("F1", scope)) for scope in SCOPES}
            results.append({"variant": name, "seed": seed, **f1, "p_implied": tests.get(("F1", "implied"))})
    print(f"F1 on the split {trials.split} in percent, mean ± standard deviation over the seeds; p: the greatest of the")
    print("seeds' p-values of a paired bootstrap of implied F1 against the full model")
    trials.write(["variant", *(f"{scope} F1" for scope in SCOPES), "p", "seeds"], rows, results)


if __name__ == "__main__":
    main()
