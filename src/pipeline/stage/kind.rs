//! What a kind of stage is: its options and roles, its work, and what that makes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde::de::DeserializeOwned;
use tempfile::{Builder, TempDir};
use toml::Table;

use crate::corpus::annotated;
use crate::corpus::convert::Summary;
use crate::decide::Ensemble;
use crate::ground::folder_name;
use crate::ground::identity::Contents;
use crate::ground::manifest::{Manifest, role};
use crate::ground::observe::Observer;
use crate::nn::device::DeviceChoice;
use crate::pipeline::file::{Input, Stage};
use crate::pipeline::options::keys;
use crate::pipeline::sources::Source;
use crate::train::TrainConfig;

/// A sort of stage, as a pipeline file calls for it.
pub struct Kind {
    /// What `kind = "…"` says.
    pub name: &'static str,
    /// The roles of what it reads.
    pub inputs: &'static [(&'static str, Needs)],
    /// Whether it takes inputs in any other role too, one each.
    pub further_inputs: bool,
    /// The roles of what it makes; every one is needed.
    pub outputs: &'static [&'static str],
    /// The roles of outputs that it can make beside them.
    pub optional_outputs: &'static [&'static str],
    /// Whether it makes outputs in any other role too, of which its options tell.
    pub further_outputs: bool,
    /// What it is to variants and seeds.
    pub among_runs: AmongRuns,
    /// The keys of its options.
    pub options: fn() -> Vec<&'static str>,
    /// Reads its options, for a stage with inputs in these roles.
    pub parse: Parse,
}

impl Kind {
    /// Whether it takes all runs together.
    pub fn gathers(&self) -> bool {
        self.among_runs == AmongRuns::Gathers
    }

    /// What most kinds are: without further inputs, without optional or further outputs.
    pub const PLAIN: Self = Self {
        name: "",
        inputs: &[],
        further_inputs: false,
        outputs: &[],
        optional_outputs: &[],
        further_outputs: false,
        among_runs: AmongRuns::Plain,
        options: Vec::new,
        parse: |_, _| Err(anyhow!("a kind of stage has its own options")),
    };
}

/// What a kind of stage is to the variants and seeds of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmongRuns {
    /// Nothing of its own.
    Plain,
    /// A model learns, whose seed a matrix varies where nothing else is said.
    Learns,
    /// It takes the runs of all variants and seeds together: in each role that takes several, one of each run, with the
    /// options `variants` and `against` to say of what they are.
    Gathers,
}

type Parse = fn(Table, &[String]) -> anyhow::Result<Box<dyn Action>>;

/// How often an input is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Once.
    One,
    /// Once or not at all.
    Optional,
    /// Once or more, in order.
    Several,
    /// As often as one likes, in order.
    Any,
}

impl Needs {
    /// Whether it may be given more than once.
    pub fn takes_several(self) -> bool {
        matches!(self, Self::Several | Self::Any)
    }

    /// Whether it may be left out.
    pub fn is_optional(self) -> bool {
        matches!(self, Self::Optional | Self::Any)
    }
}

/// The work of a stage, its options read.
pub trait Action {
    /// Does it. The same options and inputs make the same bytes.
    ///
    /// # Errors
    /// Whatever keeps it from being done; then the outputs stay as they were.
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made>;

    /// Whether its inputs fit it and each other, as far as the file tells.
    ///
    /// # Errors
    /// The input that does not.
    fn check(&self, _inputs: &Before<'_>) -> anyhow::Result<()> {
        Ok(())
    }

    /// What is read that its options name, and in which role: an input like those that the file names.
    fn reads(&self) -> Option<(&'static str, Source)> {
        None
    }

    /// The settings of the model that it trains, where it trains one.
    fn trains(&self) -> Option<&TrainConfig> {
        None
    }

    /// How the decision that it fits joins tables of scores, where it fits one and says so.
    fn fits(&self) -> Option<Ensemble> {
        None
    }

    /// Whether it shows what became of the stages before, [`Work::before`]: that is then a part of its recipe.
    fn shows_stages_before(&self) -> bool {
        false
    }

    /// Why there is no output in a role, where the kind may make one but not with these options.
    fn lacks(&self, _role: &str) -> Option<&'static str> {
        None
    }

    /// What people want to see of the outputs, by role, once the run is over. `place` names pipeline and stage.
    ///
    /// # Errors
    /// Where an output cannot be read.
    fn summary(&self, _place: &str, _outputs: &BTreeMap<&str, PathBuf>) -> anyhow::Result<Option<String>> {
        Ok(None)
    }
}

/// A stage among those of its file, before any of them runs.
pub struct Before<'s> {
    /// The stage.
    pub stage: &'s Stage,
    /// All.
    pub stages: &'s [Stage],
}

impl<'s> Before<'s> {
    /// Its inputs in a role.
    pub fn inputs(&self, role: &str) -> &'s [Input] {
        self.stage.inputs.get(role).map_or(&[], Vec::as_slice)
    }

    /// Whether the stage is to make an output in a role.
    pub fn makes(&self, role: &str) -> bool {
        self.stage.outputs.contains_key(role)
    }

    /// The stage that makes an input, and the role in which it does; `None` of a source.
    pub fn maker(&self, input: &Input) -> Option<(&'s Stage, &'s str)> {
        let Input::Made(name) = input else { return None };
        let makes = |stage: &'s Stage| Some((stage, &**stage.outputs.iter().find(|(_, output)| *output == name)?.0));
        self.stages.iter().find_map(makes)
    }

    /// How the decision that is an input joins tables of scores, where a stage before fits it and says so.
    pub fn fitted(&self) -> Option<Ensemble> {
        self.maker(self.inputs(role::DECISION).first()?)?.0.action.fits()
    }

    /// What is trained to make the one input in a role, and what that is of it.
    pub fn trained(&self, role: &str) -> Option<(&'s Stage, &'s TrainConfig, &'s str)> {
        let (stage, made) = self.maker(self.inputs(role).first()?)?;
        Some((stage, stage.action.trains()?, made))
    }
}

/// What an action works on.
pub struct Work<'w> {
    /// The pipeline's name.
    pub pipeline: &'w str,
    /// What the manifest says of the stages before.
    pub before: Manifest,
    /// Where its inputs are, by role.
    pub inputs: BTreeMap<&'w str, Vec<PathBuf>>,
    /// What those hold, as far as it was read.
    pub contents: &'w Contents,
    /// Its own folder. What a killed run of the same recipe left in it is still there: to go on from, or to write over.
    pub folder: &'w Path,
    /// Where it computes, if it computes with tensors.
    pub device: DeviceChoice,
    /// Told how far it is, and what is worth a line of its own. Warnings are told again each time that the stage is up
    /// to date.
    pub observe: Observer<'w>,
}

impl Work<'_> {
    /// The input in a role that takes one, where there is one.
    pub fn optional(&self, role: &str) -> Option<&Path> {
        self.inputs.get(role)?.first().map(PathBuf::as_path)
    }

    /// The split in a role that needs one; rows of `annotated` that stand in its place are set down as one. A checkpoint's
    /// card tells what they are called.
    ///
    /// # Errors
    /// Where a row is wrong, or the disk refuses.
    pub fn split(&self, role: &str) -> anyhow::Result<Split> {
        self.split_at(self.input(role)?)
    }

    /// The splits in a role that takes several.
    ///
    /// # Errors
    /// As [`Self::split`].
    pub fn splits(&self, role: &str) -> anyhow::Result<Vec<Split>> {
        self.inputs.get(role).into_iter().flatten().map(|path| self.split_at(path)).collect()
    }

    fn split_at(&self, path: &Path) -> anyhow::Result<Split> {
        let Some(table) = annotated::table_at(path)? else {
            return Ok(Split { folder: path.to_path_buf(), _held: None });
        };
        let held = Builder::new().prefix(".rows-").tempdir_in(self.folder);
        let held = held.with_context(|| format!("{}: cannot create a folder in it", self.folder.display()))?;
        let corpus = path.parent().map(folder_name).filter(|corpus| !corpus.is_empty());
        let name = path.file_stem().unwrap_or_default();
        let folder = held.path().join(corpus.as_deref().unwrap_or("rows")).join(name);
        annotated::set_down_table(&table, &folder)?;
        Ok(Split { folder, _held: Some(held) })
    }

    /// The input in a role that needs one.
    ///
    /// # Errors
    /// Never for a pipeline that was checked.
    pub fn input(&self, role: &str) -> anyhow::Result<&Path> {
        self.optional(role).ok_or_else(|| anyhow!("expected an input `{role}`, got none"))
    }
}

/// A split that a stage works on.
pub struct Split {
    /// Its folder.
    pub folder: PathBuf,
    /// Where it was set down, until nobody works on it any more.
    _held: Option<TempDir>,
}

/// What an action made.
#[derive(Default)]
pub struct Made {
    /// Each output, by role: where it is now. The runner moves it to its place.
    pub outputs: BTreeMap<&'static str, PathBuf>,
    /// The same of outputs whose roles the options name.
    pub further_outputs: BTreeMap<String, PathBuf>,
    /// What is to be said of it, a line each.
    pub notes: Vec<String>,
    /// What is to be said of it now, and each time that it is up to date, beside the warnings that were told.
    pub warnings: Vec<String>,
    /// Records that were not taken over.
    pub rejected: u64,
    /// What was computed on.
    pub device: Option<String>,
}

/// The options that a struct has, all of them.
pub fn keys_of<T: DeserializeOwned>() -> Vec<&'static str> {
    keys::<T>().to_vec()
}

/// What is to be said as warnings.
pub fn warnings(told: Vec<String>) -> Vec<String> {
    told.into_iter().map(|told| format!("warning: {told}")).collect()
}

/// The tables of a corpus, as an output `tables`.
pub fn corpus(summary: Summary) -> Made {
    let mut warnings = summary.lost();
    if let Some(first) = warnings.first_mut() {
        *first = format!("{first} were rejected, see the table `rejects`:");
    }
    Made {
        outputs: BTreeMap::from([("tables", summary.folder)]),
        notes: summary.totals.iter().map(ToString::to_string).collect(),
        warnings,
        rejected: summary.losses.count(),
        ..Made::default()
    }
}
