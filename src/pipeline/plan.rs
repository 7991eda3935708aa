//! What is up to date, and why not.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::Context;

use super::file::Pipeline;
use super::install::check_places;
use super::reach::{Reach, reach};
use super::request::Request;
use super::run_folder::RunFolder;
use super::stage::kind::{Input, Stage};
use crate::checkpoint;
use crate::ground::identity::content_without;
use crate::ground::manifest::{Artefact, Entry};
use crate::ground::observe::{Event, Observer};

/// What a run would do with a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The stage.
    pub stage: String,
    /// Why it would run; `None`: it is up to date.
    pub reason: Option<String>,
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "{}: to run: {reason}", self.stage),
            None => write!(f, "{}: up to date", self.stage),
        }
    }
}

/// What a run would do; what it would warn of before it begins is told. Changes nothing, and downloads nothing.
///
/// # Errors
/// Where a stage of the request is unknown, something cannot be read, or [`LeftOut`](super::LeftOut).
pub fn plan(pipeline: &Pipeline, request: &Request, observe: Observer<'_>) -> anyhow::Result<Vec<Planned>> {
    let stages = request.stages(pipeline)?;
    let mut folder = RunFolder::open(pipeline, &request.runs)?;
    check_places(&folder, &stages)?;
    tell_outdated(&mut folder, &pipeline.name, &request.taken(pipeline, &stages)?, observe);
    let absent = request.absent(pipeline, &stages)?;
    let mut to_come = ToCome::default();
    let mut planned = Vec::new();
    for stage in stages {
        absent.told(&pipeline.name, stage).into_iter().for_each(|line| observe(Event::Line(line)));
        let part = match reach(stage, &absent)? {
            Reach::Part(part, _) => Some(part),
            Reach::Whole | Reach::Nothing(_) => None,
        };
        let part = part.as_deref().unwrap_or(stage);
        let reason = match to_come.reason(part) {
            Some(reason) => Some(reason),
            None => reason(&mut folder, part, request.force)?,
        };
        if reason.is_some() {
            to_come.outputs.extend(stage.outputs.values());
            to_come.stages.push(stage);
        }
        planned.push(Planned { stage: stage.name.clone(), reason });
    }
    Ok(planned)
}

/// Tells of stages of a pipeline that are taken as they are which of them are not up to date.
pub fn tell_outdated(folder: &mut RunFolder<'_>, pipeline: &str, stages: &[&Stage], observe: Observer<'_>) {
    for stage in stages {
        let has_run = folder.manifest.entry(&stage.name).is_some();
        // Of one whose inputs are not there, nobody knows.
        if has_run && let Ok(Some(why)) = reason(folder, stage, false) {
            let name = &stage.name;
            let told = format!("{pipeline}: `{name}` is taken as it is, and is not up to date: {why}");
            observe(Event::Warning(told));
        }
    }
}

/// What a run would make anew.
#[derive(Default)]
struct ToCome<'p> {
    stages: Vec<&'p Stage>,
    outputs: BTreeSet<&'p String>,
}

impl ToCome<'_> {
    /// Why a stage behind it would run.
    fn reason(&self, stage: &Stage) -> Option<String> {
        let awaited = |input: &&Input| matches!(input, Input::Made(name) if self.outputs.contains(name));
        if let Some(input) = stage.inputs.values().flatten().find(awaited) {
            return Some(format!("input `{input}` is made anew"));
        }
        let shown = self.stages.iter().find(|shown| stage.action.shows_stages_before() && stage.sees(shown))?;
        Some(format!("it shows the stage `{}`, which runs", shown.name))
    }
}

/// Why a stage must run; `None` where it is up to date.
///
/// # Errors
/// Where an input is not there, or something cannot be read.
pub fn reason(folder: &mut RunFolder<'_>, stage: &Stage, force: bool) -> anyhow::Result<Option<String>> {
    if let Some(name) = stage.reads().flat_map(|(role, input)| input.to_fetch(role)).next() {
        return Ok(Some(format!("encoder `{name}` is to be downloaded")));
    }
    let recipe = folder.recipe(stage)?;
    if force {
        return Ok(Some("forced".to_owned()));
    }
    let Some(entry) = folder.manifest.entry(&stage.name).cloned() else {
        return Ok(Some("it has not run yet".to_owned()));
    };
    match entry.recipe.difference(&recipe) {
        Some(difference) => Ok(Some(difference)),
        None => damage(folder, stage, &entry),
    }
}

/// Whether a checkpoint is as it was made, but for a decision that somebody has put beside it since: that is no part of
/// what the model is, though one of what it scores.
fn is_decided(folder: &RunFolder<'_>, output: &str, known: &Artefact) -> anyhow::Result<bool> {
    let path = folder.path.join(output);
    if !checkpoint::is_decided(&path) {
        return Ok(false);
    }
    let content = content_without(&path, Some(checkpoint::DECISION));
    Ok(content.with_context(|| format!("{}: cannot read", path.display()))? == known.hash)
}

/// What became of the outputs since they were made.
fn damage(folder: &mut RunFolder<'_>, stage: &Stage, entry: &Entry) -> anyhow::Result<Option<String>> {
    for (role, output) in &stage.outputs {
        let known = entry.outputs.get(role).filter(|known| known.path == *output);
        let Some(known) = known else { return Ok(Some(format!("output `{output}` is new"))) };
        match folder.content(&folder.path.join(output))? {
            None => return Ok(Some(format!("output `{output}` is not there"))),
            Some(hash) if hash != known.hash && !is_decided(folder, output, known)? => {
                return Ok(Some(format!("output `{output}` is not as it was made")));
            }
            Some(_) => {}
        }
    }
    Ok(None)
}
