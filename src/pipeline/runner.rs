//! Stages in order, each where it is not up to date.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, bail};

use super::file::{Pipeline, Stage};
use super::install::install;
use super::plan::reason;
use super::progress::{Pace, Progress};
use super::request::{Request, Watch};
use super::run_folder::{RunFolder, lock};
use super::stage::kind::{Made, Work};
use crate::ground::manifest::{Artefact, Entry};
use crate::nn::device::DeviceChoice;

/// Runs the stages that are not up to date, and returns how many records they rejected.
///
/// # Errors
/// Where a stage of the request is unknown or fails, another run is in the folder, or [`LeftOut`](super::LeftOut). The
/// stages that were done before stay done.
pub fn run(pipeline: &Pipeline, request: &Request, watch: &Watch<'_>) -> anyhow::Result<u64> {
    let stages = request.stages(pipeline)?;
    request.device.open(None)?;
    // Held, never read: the system releases it with the process, however that ends.
    let _lock = lock(&request.runs.join(&pipeline.name))?;
    let folder = RunFolder::open(pipeline, &request.runs)?;
    let mut runner = Runner { name: &pipeline.name, folder, force: request.force, device: request.device };
    let mut rejected = 0;
    for stage in stages {
        rejected += runner.stage(stage, watch)?;
    }
    runner.folder.clean();
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
    request.stages(pipeline)?.iter().filter_map(summary).collect()
}

/// A run under way.
struct Runner<'p> {
    name: &'p str,
    folder: RunFolder<'p>,
    force: bool,
    device: DeviceChoice,
}

impl Runner<'_> {
    /// Brings a stage up to date, and returns how many records it rejected.
    fn stage(&mut self, stage: &Stage, watch: &Watch<'_>) -> anyhow::Result<u64> {
        let place = format!("{}/{}", self.name, stage.name);
        let say = |line: &str| (watch.say)(&format!("{place}: {line}"));
        let entry = if let Some(reason) = reason(&mut self.folder, stage, self.force)? {
            say(&format!("running: {reason}"));
            let pace = Pace::default();
            let progress = |progress| (watch.progress)(&format!("{place}: {}", pace.told(progress)));
            let (entry, notes) = self.make(stage, &say, &progress).with_context(|| place.clone())?;
            notes.iter().for_each(|note| say(note));
            say(&format!("done in {:.1} s", entry.seconds));
            entry
        } else {
            // What a failed or killed run left of it serves nobody any more.
            let _ = fs::remove_dir_all(self.folder.stage_folder(stage));
            say("up to date");
            let Some(entry) = self.folder.manifest.entry(&stage.name) else { return Ok(0) };
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
        let recipe = self.folder.recipe(stage)?;
        let began = Instant::now();
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let folder = self.folder.work_folder(stage, &recipe, self.force)?;
        let work = Work {
            pipeline: self.name,
            before: self.folder.before(stage),
            inputs: self.folder.input_paths(stage)?,
            contents: &self.folder.contents,
            folder: &folder,
            device: self.device,
            say,
            progress,
        };
        let made = stage.action.run(&work)?;
        let outputs = self.install(stage, &made, &folder)?;
        let Made { notes, warnings, rejected, device, .. } = made;
        let seconds = (began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        let stage_name = stage.name.clone();
        let entry = Entry { stage: stage_name, recipe, outputs, rejected, warnings, device, started, seconds };
        self.folder.note(entry.clone())?;
        let done = self.folder.stage_folder(stage);
        fs::remove_dir_all(&done).with_context(|| format!("{}: cannot remove", done.display()))?;
        Ok((entry, notes))
    }

    /// Puts outputs into their places; what stood there goes away with the folder in which the stage worked.
    fn install(&mut self, stage: &Stage, made: &Made, folder: &Path) -> anyhow::Result<BTreeMap<String, Artefact>> {
        let mut outputs = BTreeMap::new();
        for (role, output) in &stage.outputs {
            let target = self.folder.path.join(output);
            let Some(new) = made.outputs.get(role.as_str()) else { bail!("output `{role}` was not made") };
            let hash = self.folder.content(new)?.ok_or_else(|| anyhow!("output `{role}` was not made"))?;
            install(new, &target, folder, role)
                .with_context(|| format!("{}: cannot put the output there", target.display()))?;
            self.folder.contents.set(target, hash.clone());
            outputs.insert(role.clone(), Artefact { path: output.clone(), hash });
        }
        Ok(outputs)
    }
}
