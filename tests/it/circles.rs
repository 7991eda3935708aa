//! The architecture, held by a test: the files of a room import one another in no circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A file's place among the modules of its crate, which its folder names.
type Module = (PathBuf, Vec<String>);

/// The folder of each crate's root, the program's own first.
fn crates() -> Vec<PathBuf> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let rooms = fs::read_dir(&src).unwrap().map(|room| room.unwrap().path());
    let rooms = rooms.filter(|room| room.join("lib.rs").exists());
    let mut crates: Vec<PathBuf> = rooms.collect();
    crates.push(src);
    crates.sort();
    crates
}

/// The files of a crate by their modules, without tests and without other crates inside it. A file that declares the
/// modules beside it is no room of its own: it hands names on.
fn files(root: &Path, folder: &Path, crates: &[PathBuf], found: &mut BTreeMap<Module, String>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && !crates.contains(&path) && name != "tests" {
            files(root, &path, crates, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !["lib", "mod", "main", "tests"].contains(&&*name)
        {
            let below = path.with_extension("");
            let steps = below.strip_prefix(root).unwrap().iter().map(|step| step.to_str().unwrap().to_owned());
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            found.insert((root.to_path_buf(), steps.collect()), code.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// The paths that a text names from `crate` or `super` on, those within braces one by one.
fn paths(text: &str) -> Vec<Vec<String>> {
    let starts = ["crate::", "super::"].iter().flat_map(|start| text.match_indices(start));
    let is_start =
        |place: &usize| !text[..*place].ends_with(|before: char| before.is_alphanumeric() || "_:".contains(before));
    starts.map(|(place, _)| place).filter(is_start).flat_map(|place| branches(&text[place..]).0).collect()
}

/// The paths with which a text begins, and what stands behind them.
fn branches(text: &str) -> (Vec<Vec<String>>, &str) {
    let end =
        text.find(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '*')).unwrap_or(text.len());
    let (step, rest) = text.split_at(end);
    let Some(mut rest) = rest.strip_prefix("::") else { return (vec![vec![step.to_owned()]], rest) };
    let mut found = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside.trim_start();
        while !rest.starts_with('}') && !rest.is_empty() {
            let (some, behind) = branches(rest);
            found.extend(some);
            // Past what it is called here, and the comma.
            rest = behind.split_once([',', '}']).map_or("", |(called, _)| &behind[called.len()..]);
            rest = rest.trim_start_matches(',').trim_start();
        }
        rest = rest.strip_prefix('}').unwrap_or(rest);
    } else {
        (found, rest) = branches(rest);
    }
    (found.into_iter().map(|path| [vec![step.to_owned()], path].concat()).collect(), rest)
}

/// The file that a path leads to from a module; none where that is the module's own or one that it is part of.
fn target((root, from): &Module, path: &[String], files: &BTreeMap<Module, String>) -> Option<Module> {
    let ups = path.iter().take_while(|step| *step == "super").count();
    let base = if ups > 0 { &from[..from.len().checked_sub(ups)?] } else { &[] };
    let whole = [base, &path[ups.max(1)..]].concat();
    let known = (1..=whole.len()).rev().map(|length| (root.clone(), whole[..length].to_vec()));
    known.into_iter().find(|module| files.contains_key(module)).filter(|(_, to)| !from.starts_with(to))
}

/// The first circle that is found from a module on.
fn circle(
    from: &Module,
    arrows: &BTreeMap<Module, BTreeSet<Module>>,
    way: &mut Vec<Module>,
    done: &mut BTreeSet<Module>,
) -> Option<Vec<Module>> {
    if let Some(place) = way.iter().position(|module| module == from) {
        return Some(way[place..].to_vec());
    }
    if !done.insert(from.clone()) {
        return None;
    }
    way.push(from.clone());
    let found = arrows[from].iter().find_map(|to| circle(to, arrows, way, done));
    way.pop();
    found
}

#[test]
fn files_import_one_another_in_no_circle() {
    let (crates, mut all) = (crates(), BTreeMap::new());
    crates.iter().for_each(|root| files(root, root, &crates, &mut all));
    let of = |(module, text): (&Module, &String)| {
        let targets = paths(text).into_iter().filter_map(|path| target(module, &path, &all));
        (module.clone(), targets.collect::<BTreeSet<Module>>())
    };
    let arrows: BTreeMap<Module, BTreeSet<Module>> = all.iter().map(of).collect();
    assert!(arrows.values().map(BTreeSet::len).sum::<usize>() > 500, "paths are read");
    let mut done = BTreeSet::new();
    let found = arrows.keys().find_map(|module| circle(module, &arrows, &mut Vec::new(), &mut done));
    let name = |(root, steps): &Module| root.join(steps.join("/")).display().to_string();
    let found = found.map(|found| found.iter().map(name).collect::<Vec<_>>().join(" → "));
    assert_eq!(found, None);
}

#[test]
fn paths_are_read_in_all_their_forms() {
    let text = "use super::{a, b::{self, C as D}, e::*};\nfn f() { crate::g::h(xsuper::i) }\npub(super) fn j() {}";
    let found: Vec<String> = paths(text).into_iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["crate::g::h", "super::a", "super::b::self", "super::b::C", "super::e::*"]);
}
