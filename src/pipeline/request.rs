//! What is asked of a pipeline, and who is told how it goes.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::bail;

use super::file::{Input, Pipeline, Stage};
use crate::nn::device::DeviceChoice;

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

impl Request {
    /// The stages that are asked for, where their sources are there.
    ///
    /// # Errors
    /// Where a stage is unknown, the last comes before the first, or [`LeftOut`].
    pub fn stages<'p>(&self, pipeline: &'p Pipeline) -> anyhow::Result<&'p [Stage]> {
        let first = self.from.as_deref().map_or(Ok(0), |stage| pipeline.position(stage))?;
        let last = self.until.as_deref().map(|stage| pipeline.position(stage)).transpose()?;
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
}
