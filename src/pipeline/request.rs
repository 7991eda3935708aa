//! What is asked of a pipeline.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, bail};

use super::file::Pipeline;
use super::reach::Absent;
use super::sources::list;
use super::stage::kind::Stage;
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
            stages.iter().flat_map(|stage| stage.reads()).filter_map(|(role, input)| input.missing(role)).collect();
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

    /// The stages before the first one that is asked for whose outputs these `stages` are made from.
    ///
    /// # Errors
    /// Where a variant is unknown.
    pub fn taken<'p>(&self, pipeline: &'p Pipeline, stages: &[&'p Stage]) -> anyhow::Result<Vec<&'p Stage>> {
        let (mut read, mut taken) = (stages.to_vec(), Vec::new());
        for stage in self.of_variants(pipeline)?.into_iter().rev() {
            let is_asked = stages.iter().any(|asked| asked.name == stage.name);
            if !is_asked && read.iter().any(|other| other.reads_from(stage)) {
                read.push(stage);
                taken.push(stage);
            }
        }
        taken.reverse();
        Ok(taken)
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
