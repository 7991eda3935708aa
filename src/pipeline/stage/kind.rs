//! What a stage is, and what a kind of stage is: its options and roles, and its work.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use toml::Table;

use super::work::{Made, Work};
use crate::decide::Ensemble;
use crate::ground::manifest::role;
use crate::pipeline::sources::{ENCODER, Source};
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

/// A stage: what to do, to what, towards what.
pub struct Stage {
    /// Its name, once in the pipeline: below variant and seed, where it is not of all.
    pub name: String,
    /// The place among the stages of the file of the one that it is.
    pub place: usize,
    /// The variants and seeds that it is of, as `Cells` number them.
    pub cells: BTreeSet<usize>,
    /// What sort of work it does.
    pub kind: &'static Kind,
    /// Its options as they were written.
    pub options: Table,
    /// The work, its options read.
    pub action: Box<dyn Action>,
    /// What it reads, by role.
    pub inputs: BTreeMap<String, Vec<Input>>,
    /// Paths in the run folder that it makes, by role.
    pub outputs: BTreeMap<String, String>,
    /// Whether the pipeline does without it where its sources are not there.
    pub optional: bool,
}

impl Stage {
    /// Whether another stage before this one is of all that this is of.
    pub fn sees(&self, other: &Self) -> bool {
        other.cells.is_superset(&self.cells)
    }

    /// What it reads, with its roles.
    pub fn reads(&self) -> impl Iterator<Item = (&str, &Input)> {
        self.inputs.iter().flat_map(|(role, inputs)| inputs.iter().map(|input| (role.as_str(), input)))
    }

    /// Whether it reads what another makes.
    pub fn reads_from(&self, other: &Self) -> bool {
        let is_of_other = |input: &Input| match input {
            Input::Source(_) => false,
            Input::Made(name) => other.outputs.values().any(|output| output == name),
        };
        self.inputs.values().flatten().any(is_of_other)
    }

    /// The same with other options and inputs.
    ///
    /// # Errors
    /// Where the options are not of its kind.
    pub fn with(&self, options: Table, inputs: BTreeMap<String, Vec<Input>>) -> anyhow::Result<Self> {
        let roles: Vec<String> = inputs.keys().cloned().collect();
        Ok(Self {
            name: self.name.clone(),
            place: self.place,
            cells: self.cells.clone(),
            kind: self.kind,
            action: (self.kind.parse)(options.clone(), &roles)?,
            options,
            inputs,
            outputs: self.outputs.clone(),
            optional: self.optional,
        })
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a stage reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// What was there before.
    Source(Source),
    /// The output of a stage above: a path in the run folder.
    Made(String),
}

impl Input {
    /// Where it is.
    ///
    /// # Errors
    /// Where it is a source that is not there.
    pub fn path(&self, run_folder: &Path) -> anyhow::Result<PathBuf> {
        match self {
            Self::Source(source) => source.path().ok_or_else(|| anyhow!("source `{source}` is not there")),
            Self::Made(name) => Ok(run_folder.join(name)),
        }
    }

    /// A source that is not there, and that no run can fetch in this role.
    pub fn missing(&self, role: &str) -> Option<String> {
        match self {
            Self::Source(source) if source.path().is_none() && self.to_fetch(role).is_empty() => {
                Some(source.to_string())
            }
            _ => None,
        }
    }

    /// The names of an encoder that is not on this machine, one of which a run downloads.
    pub fn to_fetch(&self, role: &str) -> Vec<&str> {
        match self {
            Self::Source(source) if role == ENCODER => source.to_fetch(),
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(source) => source.fmt(f),
            Self::Made(name) => f.write_str(name),
        }
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
