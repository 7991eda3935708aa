//! What a run's manifest says to a page.

use ground::manifest::{Entry, Manifest, REPORT, role};

/// The stages that a page shows: not those that make pages, so that a page is the same whoever makes it.
pub fn shown(mut manifest: Manifest) -> Manifest {
    manifest.stages.retain(|stage| stage.recipe.kind != REPORT);
    manifest
}

/// Where the relations are that a stage judged or, if none did, that one made; and the split that they are of.
pub fn judged(manifest: &Manifest) -> (Option<&str>, Option<&str>) {
    let judges =
        |stage: &&Entry| [role::RELATIONS, role::CORPUS].iter().all(|role| stage.recipe.inputs.contains_key(*role));
    let makes = |stage: &&Entry| stage.outputs.contains_key(role::RELATIONS);
    let stages = || manifest.stages.iter().filter(|stage| stage.recipe.kind != REPORT);
    let Some(stage) = stages().find(judges).or_else(|| stages().find(makes)) else { return (None, None) };
    let read = |role: &str| stage.recipe.inputs.get(role).and_then(|all| all.first());
    let relations = read(role::RELATIONS).or_else(|| stage.outputs.get(role::RELATIONS));
    (relations.map(|one| one.path.as_str()), read(role::CORPUS).map(|one| one.path.as_str()))
}

/// Where what is of one making with those relations is, in another role: the stage that made them made it too, or alone
/// read it.
pub fn of_maker<'m>(manifest: &'m Manifest, role: &str) -> Option<&'m str> {
    let relations = judged(manifest).0?;
    let makes = |stage: &&Entry| stage.outputs.get(role::RELATIONS).is_some_and(|made| made.path == relations);
    let maker = manifest.stages.iter().find(makes)?;
    let read = || maker.recipe.inputs.get(role).and_then(|all| <&[_; 1]>::try_from(all.as_slice()).ok());
    let found = maker.outputs.get(role).or_else(|| read().map(|[one]| one));
    found.map(|one| one.path.as_str())
}
