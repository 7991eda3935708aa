"""The same bytes whatever surrounds a stage: threads, language, time zone, folders."""

import shutil

import compare
import work

VARIABLES = {
    "two threads": {"RAYON_NUM_THREADS": "2", "POLARS_MAX_THREADS": "2"},
    "Turkish": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    "no language": {"LC_ALL": None},
    "Kathmandu's time": {"TZ": "Asia/Kathmandu"},
    "no home": {"HOME": None},
    "a narrow terminal": {"COLUMNS": "20", "NO_COLOR": None, "CLICOLOR_FORCE": "1"},
}
FOLDER = "another folder"
TEMPORARY = "another TMPDIR"


def is_promised(stage, name):
    """Sums of training depend on how many threads share them."""
    return name != "two threads" or not stage.name.startswith(("train", "run"))


def differs(attack, name):
    """In what the outputs differ from those of the usual surroundings, in words, or None."""
    folder = attack.copy()
    outside = []
    variables = work.environment(**VARIABLES.get(name, {}))
    if name == FOLDER:
        # `../inputs` is to be there as well.
        parent = attack.folders.fresh() / "a folder ü"
        parent.mkdir()
        (parent / "inputs").symlink_to(attack.folders.root / "inputs")
        folder, outside = folder.rename(parent / "work"), [parent.parent]
    if name == TEMPORARY:
        outside = [attack.folders.fresh()]
        variables["TMPDIR"] = str(outside[0])
    outcome = work.run([attack.docre, *attack.stage.command], folder, variables)
    difference = outcome.last_words() if outcome.code != 0 else attack.difference(folder)
    for one in (folder, *outside):
        shutil.rmtree(one, ignore_errors=True)
    return difference


def campaign(attacks, names=(*VARIABLES, FOLDER, TEMPORARY)):
    """A row for each change of surroundings, over all stages that promise the same."""
    for name in names:
        row = work.Row("surroundings", name)
        for attack in attacks:
            if is_promised(attack.stage, name):
                difference = differs(attack, name)
                row.add([("differing", difference)] if difference else [], work.shown(attack.stage.command))
        yield row
