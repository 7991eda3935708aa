//! Stages that a pipeline does without where their sources are not there, such as those of a test split.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::bail;

use super::sources::list;
use super::stage::kind::{Input, Stage};

/// The stages that were left out, and the sources for want of which.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Without {
    /// Their names, in the order of the file.
    pub stages: Vec<String>,
    missing: BTreeSet<String>,
}

impl fmt::Display for Without {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.stages.len() == 1 { "stage" } else { "stages" };
        let missing: Vec<String> = self.missing.iter().cloned().collect();
        write!(f, "without the {noun} `{}`, as {} not there", self.stages.join("`, `"), list(&missing))
    }
}

/// Parts stages from the optional ones that cannot run: those whose sources are not there, and those that need theirs.
///
/// # Errors
/// Where a stage that must run needs one that may be left out.
pub fn leave_out(stages: Vec<Stage>) -> anyhow::Result<(Vec<Stage>, Without)> {
    check(&stages)?;
    let (mut kept, mut without, mut unmade): (Vec<Stage>, _, Vec<String>) =
        (Vec::new(), Without::default(), Vec::new());
    for stage in stages {
        let absent: Vec<String> = stage.reads().filter_map(|(role, input)| input.missing(role)).collect();
        let needs_unmade = stage.reads().any(|(_, input)| matches!(input, Input::Made(name) if unmade.contains(name)));
        if stage.optional && (needs_unmade || !absent.is_empty()) {
            unmade.extend(stage.outputs.into_values());
            without.stages.push(stage.name);
            without.missing.extend(absent);
        } else {
            kept.push(stage);
        }
    }
    Ok((kept, without))
}

fn check(stages: &[Stage]) -> anyhow::Result<()> {
    let optional = || stages.iter().filter(|stage| stage.optional);
    for stage in stages.iter().filter(|stage| !stage.optional) {
        for (_, input) in stage.reads() {
            let Input::Made(name) = input else { continue };
            let made = optional().find(|other| other.outputs.values().any(|output| output == name));
            let Some(other) = made else { continue };
            let (stage, other) = (&stage.name, &other.name);
            bail!("stage `{stage}`: expected `optional = true`, as `{name}` is of the optional stage `{other}`");
        }
    }
    Ok(())
}
