//! Stages in order, each where it is not up to date.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, bail};

use super::file::Pipeline;
use super::install::{self, install};
use super::plan::{reason, tell_outdated};
use super::reach::{Absent, Reach, reach};
use super::request::Request;
use super::run_folder::RunFolder;
use super::stage::kind::Stage;
use super::stage::work::{Made, Work};
use crate::checkpoint;
use crate::encoder::hub;
use crate::ground::Text;
use crate::ground::interrupt;
use crate::ground::manifest::{Artefact, Entry};
use crate::ground::observe::{Event, Observer};
use crate::nn::device::DeviceChoice;
use crate::table::Lock;

/// What became of a run.
#[derive(Debug, Default)]
pub struct Ended {
    /// Records that its stages rejected.
    pub rejected: u64,
    /// Stages that failed and that others could do without, with why.
    pub failed: Vec<(String, anyhow::Error)>,
    /// Stages that needed one of these.
    pub left_out: Vec<String>,
}

impl Ended {
    /// Whether a stage has made what it makes, now or before.
    fn has_made(&self, stage: &Stage) -> bool {
        let mut others = self.failed.iter().map(|(name, _)| name).chain(&self.left_out);
        others.all(|name| *name != stage.name)
    }
}

/// Runs the stages that are not up to date. One that fails leaves those of other variants and seeds, and what takes all
/// together goes without it.
///
/// # Errors
/// Where a stage of the request is unknown or one fails that all need, another run is in the folder, or
/// [`LeftOut`](super::LeftOut). The stages that were done before stay done.
pub fn run(pipeline: &Pipeline, request: &Request, observe: Observer<'_>) -> anyhow::Result<Ended> {
    let stages = request.stages(pipeline)?;
    request.device.open(None)?;
    // Held, never read: the system releases it with the process, however that ends.
    let _lock = Lock::inside(&request.runs.join(&pipeline.name))?;
    let mut folder = RunFolder::open(pipeline, &request.runs)?;
    install::recover(&folder, &stages)?;
    install::check_places(&folder, &stages)?;
    for output in folder.left_behind() {
        let told = format!("{}: no stage makes `{output}` any more: it stays as it is", pipeline.name);
        observe(Event::Line(told));
    }
    fetch(&stages, observe)?;
    tell_outdated(&mut folder, &pipeline.name, &request.taken(pipeline, &stages)?, observe);
    let mut runner = Runner { name: &pipeline.name, folder, force: request.force, device: request.device };
    let mut absent = request.absent(pipeline, &stages)?;
    let mut ended = Ended::default();
    for &stage in &stages {
        interrupt::check()?;
        match runner.reached(stage, &absent, observe) {
            Ok(Some(rejected)) => ended.rejected += rejected,
            Ok(None) => ended.left_out.push(stage.name.clone()),
            Err(error) if pipeline.shares(stage) || interrupt::cause(&*error).is_some() => return Err(error),
            Err(error) => {
                observe(Event::Line(format!("failed: {error:#}")));
                ended.failed.push((stage.name.clone(), error));
            }
        }
        if !ended.has_made(stage) {
            absent.unmade.extend(stage.outputs.values().cloned());
        }
    }
    runner.folder.clean(ended.failed.is_empty() && stages.len() == pipeline.stages.len());
    Ok(ended)
}

/// What people want to see of the outputs of the stages once a run has ended, a text each; where a stage takes all
/// variants and seeds together, not of each of these.
///
/// # Errors
/// Where an output cannot be read.
pub fn summaries(pipeline: &Pipeline, request: &Request, ended: &Ended) -> anyhow::Result<Vec<String>> {
    let folder = request.runs.join(&pipeline.name);
    let stages = request.stages(pipeline)?;
    let is_gathered = stages.iter().any(|stage| stage.kind.gathers());
    let is_shown = |stage: &&&Stage| ended.has_made(stage) && (pipeline.shares(stage) || !is_gathered);
    let summary = |stage: &&Stage| {
        let outputs = stage.outputs.iter().map(|(role, output)| (role.as_str(), folder.join(output))).collect();
        let place = format!("{}/{}", pipeline.name, stage.name);
        stage.action.summary(&place, &outputs).transpose()
    };
    stages.iter().filter(is_shown).filter_map(summary).collect()
}

/// Downloads the encoders that stages need and that are not on this machine.
fn fetch(stages: &[&Stage], observe: Observer<'_>) -> anyhow::Result<()> {
    for (role, input) in stages.iter().flat_map(|stage| stage.reads()) {
        // The first that the hub knows; else the last one's error.
        let mut fetched = Ok(());
        for name in input.to_fetch(role) {
            observe(Event::Line(format!("downloading the encoder `{name}`")));
            fetched = hub::resolve(name).map(drop);
            if fetched.is_ok() {
                break;
            }
        }
        fetched?;
    }
    Ok(())
}

/// A run under way.
struct Runner<'p> {
    name: &'p str,
    folder: RunFolder<'p>,
    force: bool,
    device: DeviceChoice,
}

impl Runner<'_> {
    /// Brings up to date what can be of a stage without the outputs `absent`; `None` where nothing can.
    fn reached(&mut self, stage: &Stage, absent: &Absent, observe: Observer<'_>) -> anyhow::Result<Option<u64>> {
        let place = format!("{}/{}", self.name, stage.name);
        match reach(stage, absent)? {
            Reach::Whole => self.stage(stage, observe).map(Some),
            Reach::Part(part, uneven) => {
                absent.told(self.name, stage).into_iter().for_each(|line| observe(Event::Line(line)));
                uneven.into_iter().for_each(|told| observe(Event::Warning(format!("{place}: {told}"))));
                self.stage(&part, observe).map(Some)
            }
            Reach::Nothing(input) => {
                observe(Event::Line(format!("{place}: left out, as its input `{input}` was not made")));
                Ok(None)
            }
        }
    }

    /// Brings a stage up to date, and returns how many records it rejected.
    fn stage(&mut self, stage: &Stage, observe: Observer<'_>) -> anyhow::Result<u64> {
        let place = Text::from(format!("{}/{}", self.name, stage.name));
        let tell = |event: Event| observe(event.at(&place));
        if let Some(reason) = reason(&mut self.folder, stage, self.force)? {
            tell(Event::Line(format!("running: {reason}")));
            return self.make(stage, &tell).with_context(|| place.to_string());
        }
        // What a failed or killed run left of it serves nobody any more.
        let _ = fs::remove_dir_all(self.folder.stage_folder(stage));
        tell(Event::Line("up to date".to_owned()));
        let entry = self.folder.manifest.entry(&stage.name);
        let entry = entry.with_context(|| format!("{place}: the manifest names no such stage"))?;
        entry.warnings.iter().cloned().map(Event::Line).for_each(tell);
        Ok(entry.rejected)
    }

    /// Does the work of a stage, puts its outputs into their places, notes them in the manifest, and returns how many
    /// records were rejected.
    fn make(&mut self, stage: &Stage, tell: Observer<'_>) -> anyhow::Result<u64> {
        let recipe = self.folder.recipe(stage)?;
        let began = Instant::now();
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let folder = self.folder.work_folder(stage, &recipe, self.force)?;
        let acted = self.act(stage, &folder, tell).inspect_err(|_| self.folder.prune(stage, &folder));
        let (made, warnings) = acted?;
        for output in stage.outputs.values().filter(|output| checkpoint::is_decided(&self.folder.path.join(output))) {
            let file = self.folder.path.join(output).join(checkpoint::DECISION);
            tell(Event::Warning(format!(
                "{}: decided of the model that is replaced, and goes with it",
                file.display()
            )));
        }
        // Beside what is new it would be taken for its own.
        for (path, output) in self.folder.outdated(stage)? {
            install::clear(&path)?;
            tell(Event::Line(format!("takes its output `{output}` away, which it makes no more")));
        }
        let outputs = self.install(stage, &made, &folder)?;
        for (role, Artefact { path, hash }) in &outputs {
            tell(Event::Detail(format!("made {role}: {}, {hash}", self.folder.path.join(path).display())));
        }
        let Made { notes, warnings: later, rejected, device, .. } = made;
        let warnings = [warnings, later.clone()].concat();
        let seconds = (began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        let stage_name = stage.name.clone();
        let contents = self.folder.contents_of(&outputs);
        let entry =
            Entry { stage: stage_name, recipe, outputs, contents, rejected, warnings, device, started, seconds };
        self.folder.note(entry)?;
        let done = self.folder.stage_folder(stage);
        fs::remove_dir_all(&done).with_context(|| format!("{}: cannot remove", done.display()))?;
        notes.into_iter().map(Event::Line).for_each(tell);
        tell(Event::Line(format!("done in {seconds:.1} s")));
        later.into_iter().map(Event::Line).for_each(tell);
        Ok(rejected)
    }

    /// Does the work of a stage in a folder; what it made, and the warnings that it told.
    fn act(&self, stage: &Stage, folder: &Path, tell: Observer<'_>) -> anyhow::Result<(Made, Vec<String>)> {
        let inputs = self.folder.input_paths(stage)?;
        for (role, path) in inputs.iter().flat_map(|(role, paths)| paths.iter().map(move |path| (role, path))) {
            let hash = self.folder.contents.known(path).unwrap_or_default();
            tell(Event::Detail(format!("reads {role}: {}, {hash}", path.display())));
        }
        let warnings = RefCell::new(Vec::new());
        let observe = |event: Event| {
            if matches!(event, Event::Warning(_)) {
                warnings.borrow_mut().push(event.to_string());
            }
            tell(event);
        };
        let work = Work {
            pipeline: self.name,
            before: self.folder.before(stage),
            inputs,
            contents: &self.folder.contents,
            folder,
            device: self.device,
            observe: &observe,
        };
        let made = stage.action.run(&work)?;
        Ok((made, warnings.take()))
    }

    /// Puts outputs into their places, in place of what a run has made there before.
    fn install(&mut self, stage: &Stage, made: &Made, folder: &Path) -> anyhow::Result<BTreeMap<String, Artefact>> {
        // Somebody may have put files there while the stage was at work.
        install::check_places(&self.folder, &[stage])?;
        let mut outputs = BTreeMap::new();
        for (role, output) in &stage.outputs {
            let target = self.folder.path.join(output);
            let new = made.outputs.get(role.as_str()).or_else(|| made.further_outputs.get(role));
            let Some(new) = new else { bail!("output `{role}` was not made") };
            let hash = self.folder.content(new)?.ok_or_else(|| anyhow!("output `{role}` was not made"))?;
            install(new, &target, folder, role)
                .with_context(|| format!("{}: cannot put the output there", target.display()))?;
            self.folder.contents.set(target, hash.clone());
            outputs.insert(role.clone(), Artefact { path: output.clone(), hash });
        }
        Ok(outputs)
    }
}
