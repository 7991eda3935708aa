//! Stages in order: what is up to date, and why not; and the work itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, bail};

use super::file::{Input, Pipeline, Stage};
use super::fingerprint;
use super::manifest::{Artefact, Entry, Manifest, Recipe};
use super::place;
use super::progress::{Pace, Progress};
use super::stage::kind::{Made, Work};
use crate::nn::device::DeviceChoice;
use crate::table::Lock;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Where stages work, a folder each.
const WORK: &str = ".work";

/// Which stages to run, and where.
#[derive(Debug, Clone)]
pub struct Request {
    /// The folder of the run folders.
    pub runs: PathBuf,
    /// The first stage; what comes before is taken as it is.
    pub from: Option<String>,
    /// The last stage.
    pub until: Option<String>,
    /// Run stages though they are up to date.
    pub force: bool,
    /// Where stages compute.
    pub device: DeviceChoice,
}

/// Who is told what happens.
pub struct Watch<'w> {
    /// A line of text.
    pub say: &'w dyn Fn(&str),
    /// How far the running stage is: a line that takes the place of the one before.
    pub progress: &'w (dyn Fn(&str) + Sync),
}

/// A pipeline that cannot start: sources are not there.
#[derive(Debug, thiserror::Error)]
#[error("{pipeline}: left out: {} not there", list(missing))]
pub struct LeftOut {
    /// The pipeline's name.
    pub pipeline: String,
    /// The sources that are not there, as places or places `or` places; at least one.
    pub missing: Vec<String>,
}

fn list(missing: &[String]) -> String {
    let names: Vec<String> = missing.iter().map(|places| format!("`{places}`")).collect();
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

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

/// What a run would do. Changes nothing.
///
/// # Errors
/// Where a stage of the request is unknown, something cannot be read, or [`LeftOut`].
pub fn plan(pipeline: &Pipeline, request: &Request) -> anyhow::Result<Vec<Planned>> {
    let stages = selected(pipeline, request)?;
    let mut runner = Runner::open(pipeline, request)?;
    let mut planned = Vec::new();
    for stage in stages {
        let reason = runner.reason(stage)?;
        if reason.is_some() {
            runner.to_come.extend(stage.outputs.values().cloned());
        }
        planned.push(Planned { stage: stage.name.clone(), reason });
    }
    Ok(planned)
}

/// Runs the stages that are not up to date, and returns how many records they rejected.
///
/// # Errors
/// Where a stage of the request is unknown or fails, another run is in the folder, or [`LeftOut`]. The stages that
/// were done before stay done.
pub fn run(pipeline: &Pipeline, request: &Request, watch: &Watch<'_>) -> anyhow::Result<u64> {
    let stages = selected(pipeline, request)?;
    request.device.open(None)?;
    let folder = request.runs.join(&pipeline.name);
    // Held, never read: the system releases it with the process, however that ends.
    let _lock = Lock::inside(&folder)?;
    let mut runner = Runner::open(pipeline, request)?;
    let mut rejected = 0;
    for stage in stages {
        rejected += runner.stage(stage, watch)?;
    }
    // Fails where something is left in it, to go on from.
    let _ = fs::remove_dir(folder.join(WORK));
    Ok(rejected)
}

/// What people want to see of the outputs of the stages, a text each.
///
/// # Errors
/// Where an output cannot be read.
pub fn summaries(pipeline: &Pipeline, request: &Request) -> anyhow::Result<Vec<String>> {
    let folder = request.runs.join(&pipeline.name);
    let summary = |stage: &Stage| {
        let outputs = stage.outputs.iter().map(|(role, output)| (role.as_str(), folder.join(output))).collect();
        let place = format!("{}/{}", pipeline.name, stage.name);
        stage.action.summary(&place, &outputs).transpose()
    };
    selected(pipeline, request)?.iter().filter_map(summary).collect()
}

/// The stages of a request, where their sources are there.
fn selected<'p>(pipeline: &'p Pipeline, request: &Request) -> anyhow::Result<&'p [Stage]> {
    let first = request.from.as_deref().map_or(Ok(0), |stage| pipeline.position(stage))?;
    let last = request.until.as_deref().map(|stage| pipeline.position(stage)).transpose()?;
    let end = last.map_or(pipeline.stages.len(), |last| last + 1);
    let Some(stages) = pipeline.stages.get(first..end).filter(|stages| !stages.is_empty()) else {
        bail!("{}: the first stage to run comes after the last", pipeline.name)
    };
    let source = |input: &Input| match input {
        Input::Source(source) if source.path().is_none() => Some(source.to_string()),
        _ => None,
    };
    let missing: BTreeSet<String> =
        stages.iter().flat_map(|stage| stage.inputs.values().flatten()).filter_map(source).collect();
    if missing.is_empty() {
        return Ok(stages);
    }
    Err(LeftOut { pipeline: pipeline.name.clone(), missing: missing.into_iter().collect() }.into())
}

/// A run folder, and what is known of it.
struct Runner<'p> {
    pipeline: &'p Pipeline,
    folder: PathBuf,
    force: bool,
    device: DeviceChoice,
    manifest: Manifest,
    /// Hashes that were taken, so that no content is read twice in a run.
    hashes: BTreeMap<PathBuf, String>,
    /// In a plan: outputs that would be made anew.
    to_come: BTreeSet<String>,
}

impl<'p> Runner<'p> {
    fn open(pipeline: &'p Pipeline, request: &Request) -> anyhow::Result<Self> {
        let folder = request.runs.join(&pipeline.name);
        let manifest = Manifest::read(&folder)?;
        let (hashes, to_come) = (BTreeMap::new(), BTreeSet::new());
        let (force, device) = (request.force, request.device);
        Ok(Self { pipeline, folder, force, device, manifest, hashes, to_come })
    }

    /// Why a stage must run; `None` where it is up to date.
    fn reason(&mut self, stage: &Stage) -> anyhow::Result<Option<String>> {
        let awaited = |input: &&Input| matches!(input, Input::Made(name) if self.to_come.contains(name));
        if let Some(input) = stage.inputs.values().flatten().find(awaited) {
            return Ok(Some(format!("input `{input}` is made anew")));
        }
        let recipe = self.recipe(stage)?;
        if self.force {
            return Ok(Some("forced".to_owned()));
        }
        let Some(entry) = self.manifest.entry(&stage.name).cloned() else {
            return Ok(Some("it has not run yet".to_owned()));
        };
        match entry.recipe.difference(&recipe) {
            Some(difference) => Ok(Some(difference)),
            None => self.damage(stage, &entry),
        }
    }

    /// What became of the outputs since they were made.
    fn damage(&mut self, stage: &Stage, entry: &Entry) -> anyhow::Result<Option<String>> {
        for (role, output) in &stage.outputs {
            let known = entry.outputs.get(role).filter(|known| known.path == *output);
            let Some(known) = known else { return Ok(Some(format!("output `{output}` is new"))) };
            match self.hash(&self.folder.join(output))? {
                None => return Ok(Some(format!("output `{output}` is not there"))),
                Some(hash) if hash != known.hash => {
                    return Ok(Some(format!("output `{output}` is not as it was made")));
                }
                Some(_) => {}
            }
        }
        Ok(None)
    }

    fn recipe(&mut self, stage: &Stage) -> anyhow::Result<Recipe> {
        let mut inputs: BTreeMap<String, Vec<Artefact>> = BTreeMap::new();
        for (role, input) in stage.inputs.iter().flat_map(|(role, inputs)| inputs.iter().map(move |one| (role, one))) {
            let path = input.path(&self.folder)?;
            let Some(hash) = self.hash(&path)? else {
                bail!(
                    "{}/{}: input `{input}`: expected {}, found nothing; run the stage before it first",
                    self.pipeline.name,
                    stage.name,
                    path.display()
                );
            };
            inputs.entry(role.clone()).or_default().push(Artefact { path: input.to_string(), hash });
        }
        let options = stage.options.iter().map(|(key, value)| Ok((key.clone(), serde_json::to_value(value)?)));
        let options = options.collect::<anyhow::Result<_>>()?;
        Ok(Recipe { docre: VERSION.to_owned(), kind: stage.kind.name.to_owned(), options, inputs })
    }

    fn hash(&mut self, path: &Path) -> anyhow::Result<Option<String>> {
        if let Some(hash) = self.hashes.get(path) {
            return Ok(Some(hash.clone()));
        }
        let hash = fingerprint::of(path)?;
        if let Some(hash) = &hash {
            self.hashes.insert(path.to_path_buf(), hash.clone());
        }
        Ok(hash)
    }

    /// Brings a stage up to date, and returns how many records it rejected.
    fn stage(&mut self, stage: &Stage, watch: &Watch<'_>) -> anyhow::Result<u64> {
        let place = format!("{}/{}", self.pipeline.name, stage.name);
        let say = |line: &str| (watch.say)(&format!("{place}: {line}"));
        let entry = if let Some(reason) = self.reason(stage)? {
            say(&format!("running: {reason}"));
            let pace = Pace::default();
            let progress = |progress| (watch.progress)(&format!("{place}: {}", pace.told(progress)));
            let (entry, notes) = self.make(stage, &say, &progress).with_context(|| place.clone())?;
            notes.iter().for_each(|note| say(note));
            say(&format!("done in {:.1} s", entry.seconds));
            entry
        } else {
            // What a failed or killed run left of it serves nobody any more.
            let _ = fs::remove_dir_all(self.stage_folder(stage));
            say("up to date");
            let Some(entry) = self.manifest.entry(&stage.name) else { return Ok(0) };
            entry.clone()
        };
        entry.warnings.iter().for_each(|warning| say(warning));
        Ok(entry.rejected)
    }

    /// Does the work of a stage, puts its outputs into their places and notes them in the manifest.
    fn make(
        &mut self,
        stage: &Stage,
        say: &dyn Fn(&str),
        progress: &(dyn Fn(Progress) + Sync),
    ) -> anyhow::Result<(Entry, Vec<String>)> {
        let recipe = self.recipe(stage)?;
        let began = Instant::now();
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let folder = self.work_folder(stage, &recipe)?;
        let work = Work {
            pipeline: &self.pipeline.name,
            run: &self.folder,
            inputs: self.input_paths(stage)?,
            folder: &folder,
            device: self.device,
            say,
            progress,
        };
        let made = stage.action.run(&work)?;
        let outputs = self.place(stage, &made, &folder)?;
        let Made { notes, warnings, rejected, device, .. } = made;
        let seconds = (began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        let stage_name = stage.name.clone();
        let entry = Entry { stage: stage_name, recipe, outputs, rejected, warnings, device, started, seconds };
        self.note(entry.clone())?;
        let done = self.stage_folder(stage);
        fs::remove_dir_all(&done).with_context(|| format!("{}: cannot remove", done.display()))?;
        Ok((entry, notes))
    }

    /// Where a stage finds what it reads, by role.
    fn input_paths<'s>(&self, stage: &'s Stage) -> anyhow::Result<BTreeMap<&'s str, Vec<PathBuf>>> {
        let paths = |inputs: &[Input]| inputs.iter().map(|input| input.path(&self.folder)).collect::<Result<_, _>>();
        stage.inputs.iter().map(|(role, inputs)| Ok((role.as_str(), paths(inputs)?))).collect()
    }

    /// The folder in which a stage works. What was left by a killed run stays where the recipe is the same.
    fn work_folder(&self, stage: &Stage, recipe: &Recipe) -> anyhow::Result<PathBuf> {
        let all = self.stage_folder(stage);
        let own = all.join(recipe.fingerprint()?);
        if self.force || (all.exists() && !own.exists()) {
            let _ = fs::remove_dir_all(&all);
        }
        fs::create_dir_all(&own).with_context(|| format!("{}: cannot create the folder", own.display()))?;
        Ok(own)
    }

    fn stage_folder(&self, stage: &Stage) -> PathBuf {
        self.folder.join(WORK).join(&stage.name)
    }

    /// Puts outputs into their places; what stood there goes away with the folder in which the stage worked.
    fn place(&mut self, stage: &Stage, made: &Made, folder: &Path) -> anyhow::Result<BTreeMap<String, Artefact>> {
        let mut outputs = BTreeMap::new();
        for (role, output) in &stage.outputs {
            let target = self.folder.join(output);
            let Some(new) = made.outputs.get(role.as_str()) else { bail!("output `{role}` was not made") };
            let hash = fingerprint::of(new)?.ok_or_else(|| anyhow!("output `{role}` was not made"))?;
            place::put(new, &target, folder, role)
                .with_context(|| format!("{}: cannot put the output there", target.display()))?;
            self.hashes.insert(target, hash.clone());
            outputs.insert(role.clone(), Artefact { path: output.clone(), hash });
        }
        Ok(outputs)
    }

    fn note(&mut self, entry: Entry) -> anyhow::Result<()> {
        self.manifest.pipeline.clone_from(&self.pipeline.name);
        let mut entries = std::mem::take(&mut self.manifest.stages);
        entries.retain(|other| other.stage != entry.stage);
        entries.push(entry);
        let place = |entry: &Entry| self.pipeline.stages.iter().position(|stage| stage.name == entry.stage);
        entries.retain(|entry| place(entry).is_some());
        entries.sort_by_key(place);
        self.manifest.stages = entries;
        self.manifest.write(&self.folder)
    }
}
