//! A run folder: what its manifest says, what its files hold, and where stages work in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::cells::BETWEEN;
use super::file::Pipeline;
use super::stage::kind::{Input, Stage};
use crate::checkpoint;
use crate::ground::identity::Contents;
use crate::ground::manifest::{Artefact, Entry, MANIFEST, Manifest, Recipe};
use crate::table::{found_under, make_folder, remove_leftovers, write_file};

/// Where stages work, a folder each.
const WORK: &str = ".work";

/// A run folder, and what is known of it.
pub struct RunFolder<'p> {
    /// Where it is.
    pub path: PathBuf,
    /// What was run in it.
    pub manifest: Manifest,
    /// What is in it, and in the sources: no content is read twice in a run.
    pub contents: Contents,
    pipeline: &'p Pipeline,
}

impl<'p> RunFolder<'p> {
    /// That of a pipeline below `runs`. Changes nothing.
    ///
    /// # Errors
    /// Where its manifest cannot be read.
    pub fn open(pipeline: &'p Pipeline, runs: &Path) -> anyhow::Result<Self> {
        let path = runs.join(&pipeline.name);
        let manifest = Manifest::read(&path)?.unwrap_or_default();
        Ok(Self { path, manifest, contents: Contents::default(), pipeline })
    }

    /// What a stage would be made of now.
    ///
    /// # Errors
    /// Where an input is not there or cannot be read.
    pub fn recipe(&mut self, stage: &Stage) -> anyhow::Result<Recipe> {
        let mut inputs: BTreeMap<String, Vec<Artefact>> = BTreeMap::new();
        for (role, input) in stage.inputs.iter().flat_map(|(role, inputs)| inputs.iter().map(move |one| (role, one))) {
            let path = input.path(&self.path)?;
            let Some(hash) = self.content(&path)? else {
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
        let (docre, build) = (env!("CARGO_PKG_VERSION").to_owned(), crate::BUILD.to_owned());
        let mut recipe = Recipe { docre, build, kind: stage.kind.name.to_owned(), options, inputs };
        if stage.action.shows_stages_before() {
            recipe.show(&self.before(stage));
        }
        Ok(recipe)
    }

    /// What stands at a path; `None` where nothing does.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn content(&mut self, path: &Path) -> anyhow::Result<Option<String>> {
        self.contents.of(&found_under(path)).with_context(|| format!("{}: cannot read", path.display()))
    }

    /// What is known of the stages before one.
    pub fn before(&self, stage: &Stage) -> Manifest {
        let before = self.pipeline.stages.iter().take_while(|other| other.name != stage.name);
        let before = before.filter(|other| stage.sees(other));
        let stages = before.filter_map(|other| self.manifest.entry(&other.name)).cloned().collect();
        Manifest { pipeline: self.pipeline.name.clone(), stages }
    }

    /// What stands in each output that is a folder.
    pub fn contents_of(&self, outputs: &BTreeMap<String, Artefact>) -> BTreeMap<String, Vec<String>> {
        let of = |(role, output): (&String, &Artefact)| {
            let contents = contents_of(&self.path.join(&output.path));
            (!contents.is_empty()).then(|| (role.clone(), contents))
        };
        outputs.iter().filter_map(of).collect()
    }

    /// What somebody has put into an output of a stage, but for a decision, which may stand beside a model.
    pub fn put_into(&self, stage: &Stage) -> Option<PathBuf> {
        let entry = self.manifest.entry(&stage.name)?;
        let of = |(role, made): (&String, &Vec<String>)| {
            let path = self.path.join(&entry.outputs.get(role)?.path);
            let new = contents_of(&path).into_iter().find(|name| !made.contains(name) && name != checkpoint::DECISION);
            new.map(|name| path.join(name))
        };
        entry.contents.iter().find_map(of)
    }

    /// What a stage has made before, and no stage makes any more: paths and outputs. What was changed since is somebody's.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn outdated(&mut self, stage: &Stage) -> anyhow::Result<Vec<(PathBuf, String)>> {
        let made = self.made();
        let before = self.manifest.entry(&stage.name).map(|entry| entry.outputs.clone()).unwrap_or_default();
        let mut outdated = Vec::new();
        for Artefact { path: output, hash } in before.into_values().filter(|before| !made.contains(&before.path)) {
            let path = self.path.join(&output);
            if self.content(&path)? == Some(hash) {
                outdated.push((path, output));
            }
        }
        Ok(outdated)
    }

    /// Where a stage finds what it reads, by role.
    ///
    /// # Errors
    /// Where a source is not there.
    pub fn input_paths<'s>(&self, stage: &'s Stage) -> anyhow::Result<BTreeMap<&'s str, Vec<PathBuf>>> {
        let paths = |inputs: &[Input]| inputs.iter().map(|input| input.path(&self.path)).collect::<Result<_, _>>();
        stage.inputs.iter().map(|(role, inputs)| Ok((role.as_str(), paths(inputs)?))).collect()
    }

    /// Notes a stage in the manifest, in the pipeline's order; stages that the file has no more go. Those stay, behind, of
    /// variants and seeds that it does not have now, and those whose sources are not there: who leaves one out for once has
    /// not lost its runs.
    ///
    /// # Errors
    /// Where the manifest cannot be written.
    pub fn note(&mut self, entry: Entry) -> anyhow::Result<()> {
        self.manifest.pipeline.clone_from(&self.pipeline.name);
        let mut entries = std::mem::take(&mut self.manifest.stages);
        entries.retain(|other| other.stage != entry.stage);
        entries.push(entry);
        let place = |entry: &Entry| self.pipeline.stages.iter().position(|stage| stage.name == entry.stage);
        entries.retain(|entry| place(entry).is_some() || self.is_of_file(entry));
        entries.sort_by_key(|entry| place(entry).unwrap_or(usize::MAX));
        self.manifest.stages = entries;
        write_file(&self.path.join(MANIFEST), true, |file| Ok(self.manifest.write(file)?))
    }

    /// The outputs of the stages.
    fn made(&self) -> BTreeSet<&'p String> {
        self.pipeline.stages.iter().flat_map(|stage| stage.outputs.values()).collect()
    }

    /// Whether a stage, of whatever variant and seed, is one of the file.
    fn is_of_file(&self, entry: &Entry) -> bool {
        let stage = entry.stage.rsplit('/').next();
        stage.is_some_and(|stage| self.pipeline.names.iter().any(|name| name == stage))
    }

    /// The outputs that stand here of stages which the file has no more, and that no other makes.
    pub fn left_behind(&self) -> Vec<String> {
        let made = self.made();
        let gone = self.manifest.stages.iter().filter(|entry| !self.is_of_file(entry));
        let outputs = gone.flat_map(|entry| entry.outputs.values().map(|output| output.path.clone()));
        outputs.filter(|output| !made.contains(output) && self.path.join(output).exists()).collect()
    }

    /// The folder in which a stage works, made. What was left by a killed run stays where the recipe is the same, unless
    /// all is to be made `anew`.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn work_folder(&self, stage: &Stage, recipe: &Recipe, anew: bool) -> anyhow::Result<PathBuf> {
        let all = self.stage_folder(stage);
        let own = all.join(recipe.identity());
        if anew || (all.exists() && !own.exists()) {
            let _ = fs::remove_dir_all(&all);
        }
        make_folder(&own)?;
        Ok(own)
    }

    /// The folder of all that a stage works in.
    pub fn stage_folder(&self, stage: &Stage) -> PathBuf {
        self.path.join(WORK).join(stage.name.replace('/', &BETWEEN.to_string()))
    }

    /// Removes what killed runs have left once a run is done, and where it was of `all` stages also their work, from which
    /// nobody goes on any more. What stays hinders nobody.
    pub fn clean(&self, all: bool) {
        let _ = remove_leftovers(&self.path.join(MANIFEST));
        let work = self.path.join(WORK);
        // Stages that the pipeline has no more have left their work too; what is not a stage's is somebody's.
        for stage in fs::read_dir(&work).into_iter().flatten().flatten() {
            let recipes =
                fs::read_dir(stage.path()).map(|mut recipes| recipes.all(|recipe| recipe.is_ok_and(is_recipe)));
            if all && recipes.unwrap_or_default() {
                let _ = fs::remove_dir_all(stage.path());
            }
        }
        let _ = fs::remove_dir(&work);
    }

    /// Removes the folders in which a stage worked that failed, as far as they hold nothing to go on from.
    pub fn prune(&self, stage: &Stage, folder: &Path) {
        let stage = self.stage_folder(stage);
        for folder in [folder, &stage, &self.path.join(WORK)] {
            // Refused for a folder that holds anything.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// The paths of all files and folders in a folder and below it, but for hidden ones, in order; of anything else none.
fn contents_of(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Some(name) = entry.file_name().to_str().filter(|name| !name.starts_with('.')).map(str::to_owned) else {
            continue;
        };
        let below = contents_of(&entry.path()).into_iter().map(|below| format!("{name}/{below}"));
        found.extend([name.clone()].into_iter().chain(below));
    }
    found.sort();
    found
}

/// Whether a folder bears a recipe's identity.
fn is_recipe(entry: fs::DirEntry) -> bool {
    let is_identity = |name: &str| name.len() == 32 && name.bytes().all(|digit| digit.is_ascii_hexdigit());
    entry.file_name().to_str().is_some_and(is_identity)
}
