//! What is asked of a pipeline.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, bail};

use super::file::{Input, Pipeline, Stage};
use super::gather::Absent;
use super::sources::ENCODER;
use crate::ground::hint::{Hint, Words};
use crate::nn::device::DeviceChoice;
use crate::table::found_under;

/// Which stages to run, and where.
#[derive(Debug, Clone)]
pub struct Request {
    /// The folder of the run folders.
    pub runs: PathBuf,
    /// The first stage; what comes before is taken as it is.
    pub from: Option<String>,
    /// The last stage.
    pub until: Option<String>,
    /// The variants to run, with what they are compared with; none: all.
    pub variants: Vec<String>,
    /// Run stages though they are up to date.
    pub force: bool,
    /// Where stages compute.
    pub device: DeviceChoice,
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

impl Hint for LeftOut {
    fn hint(&self) -> Option<Words> {
        Some(
            "`data/README.md` says where corpora and encoders are had; `--set sources.NAME=PATH` names another place"
                .into(),
        )
    }
}

/// Sources with their verb.
pub fn list(missing: &[String]) -> String {
    let names: Vec<String> = missing.iter().map(|places| format!("`{places}`")).collect();
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

impl Request {
    /// The stages that are asked for, where their sources are there.
    ///
    /// # Errors
    /// Where a stage or a variant is unknown, the last comes before the first, or [`LeftOut`].
    pub fn stages<'p>(&self, pipeline: &'p Pipeline) -> anyhow::Result<Vec<&'p Stage>> {
        let first = self.from.as_deref().map_or(Ok(0), |stage| pipeline.position(stage))?;
        let last = self.until.as_deref().map_or(Ok(usize::MAX), |stage| pipeline.position(stage))?;
        let stages = self.of_variants(pipeline)?.into_iter().filter(|stage| (first..=last).contains(&stage.place));
        let stages: Vec<&Stage> = stages.collect();
        if stages.is_empty() {
            bail!("{}: the first stage to run comes after the last", pipeline.name)
        }
        let missing: BTreeSet<String> =
            stages.iter().copied().flat_map(inputs).filter_map(|(role, input)| missing(role, input)).collect();
        if missing.is_empty() {
            return Ok(stages);
        }
        Err(LeftOut { pipeline: pipeline.name.clone(), missing: missing.into_iter().collect() }.into())
    }

    /// What will not be there before any of the `stages` that are asked for has run: what others make of the variants that
    /// are not asked for, and what stages before the first have not made.
    ///
    /// # Errors
    /// Where a variant is unknown.
    pub fn absent(&self, pipeline: &Pipeline, stages: &[&Stage]) -> anyhow::Result<Absent> {
        let (cells, folder) = (self.cells(pipeline)?, self.runs.join(&pipeline.name));
        let mut absent = Absent::default();
        for stage in &pipeline.stages {
            let outputs = stage.outputs.values().cloned();
            if stage.cells.is_disjoint(&cells) {
                absent.aside.extend(outputs);
            } else if stages.iter().all(|asked| asked.name != stage.name) {
                absent.wanting.extend(outputs.filter(|output| !found_under(&folder.join(output)).exists()));
            }
        }
        Ok(absent)
    }

    /// The stages of the variants that are asked for, without those that other variants alone have a use for.
    fn of_variants<'p>(&self, pipeline: &'p Pipeline) -> anyhow::Result<Vec<&'p Stage>> {
        let cells = self.cells(pipeline)?;
        let mut stages: Vec<&Stage> = Vec::new();
        for stage in pipeline.stages.iter().rev().filter(|stage| !stage.cells.is_disjoint(&cells)) {
            let is_read = || pipeline.stages.iter().any(|other| other.reads_from(stage));
            if self.variants.is_empty() || stages.iter().any(|other| other.reads_from(stage)) || !is_read() {
                stages.push(stage);
            }
        }
        stages.reverse();
        Ok(stages)
    }

    fn cells(&self, pipeline: &Pipeline) -> anyhow::Result<BTreeSet<usize>> {
        pipeline.cells.of(&self.variants).with_context(|| pipeline.name.clone())
    }
}

/// What a stage reads, with its roles.
pub fn inputs(stage: &Stage) -> impl Iterator<Item = (&str, &Input)> {
    stage.inputs.iter().flat_map(|(role, inputs)| inputs.iter().map(|input| (role.as_str(), input)))
}

/// A source that is not there, and that no run can fetch.
pub fn missing(role: &str, input: &Input) -> Option<String> {
    match input {
        Input::Source(source) if source.path().is_none() && to_fetch(role, input).is_empty() => {
            Some(source.to_string())
        }
        _ => None,
    }
}

/// The names of an encoder that is not on this machine, one of which a run downloads.
pub fn to_fetch<'i>(role: &str, input: &'i Input) -> Vec<&'i str> {
    match input {
        Input::Source(source) if role == ENCODER => source.to_fetch(),
        _ => Vec::new(),
    }
}
