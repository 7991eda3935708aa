//! What of a stage can run where some outputs will not be there: of one that takes runs together, those that are left.

use std::collections::{BTreeMap, BTreeSet};

use toml::Value;

use super::gather::{AGAINST, VARIANTS};
use super::stage::kind::{Input, Stage};

/// What of a stage can run where some outputs will not be there.
pub enum Reach {
    /// All of it.
    Whole,
    /// It takes runs together, and some are left.
    Part(Box<Stage>),
    /// Nothing: this input will not be there.
    Nothing(String),
}

/// Outputs that will not be there.
#[derive(Debug, Default)]
pub struct Absent {
    /// Those of variants that are not asked for.
    pub aside: BTreeSet<String>,
    /// Those that were to be made and could not.
    pub unmade: BTreeSet<String>,
    /// Those that no run has made and that are not to be made now: of several, a stage goes without them.
    pub wanting: BTreeSet<String>,
}

impl Absent {
    /// What a stage reads of that which no run has made.
    pub fn wanting_of<'s>(&'s self, stage: &'s Stage) -> impl Iterator<Item = &'s Input> {
        let inputs = stage.inputs.values().flatten();
        inputs.filter(|input| matches!(input, Input::Made(name) if self.wanting.contains(name)))
    }
}

/// What of a stage can run where some outputs will not be there. Of several it is left out for want of one that was to be
/// made. Where it is for want of none of its run, it is whole: that what it reads is not there is then told by itself.
///
/// # Errors
/// Never for a stage that was checked.
pub fn reach(stage: &Stage, absent: &Absent) -> anyhow::Result<Reach> {
    let is_of = |of: &BTreeSet<String>, input: &Input| matches!(input, Input::Made(name) if of.contains(name));
    let is_absent = |input: &Input| [&absent.aside, &absent.unmade, &absent.wanting].iter().any(|of| is_of(of, input));
    let first = |of| stage.inputs.values().flatten().find(|input| is_of(of, input));
    let lost = first(&absent.unmade).or_else(|| first(&absent.aside));
    let nothing = || lost.map_or(Reach::Whole, |lost| Reach::Nothing(lost.to_string()));
    let runs = stage.options.get(VARIANTS).and_then(Value::as_array).filter(|_| stage.kind.gathers());
    let Some(runs) = runs else { return Ok(nothing()) };
    let is_list = |inputs: &Vec<Input>| inputs.len() == runs.len();
    let is_left = |run: &usize| {
        stage
            .inputs
            .values()
            .filter(|inputs| is_list(inputs))
            .all(|inputs| inputs.get(*run).is_some_and(|one| !is_absent(one)))
    };
    let left: Vec<usize> = (0..runs.len()).filter(is_left).collect();
    if left.is_empty() {
        return Ok(nothing());
    }
    if left.len() == runs.len() && lost.is_none() {
        return Ok(Reach::Whole);
    }
    let mut options = stage.options.clone();
    let variants: Vec<Value> = left.iter().filter_map(|&run| runs.get(run).cloned()).collect();
    if let Some(Value::Table(against)) = options.get_mut(AGAINST) {
        let is_left = |name: &str| variants.iter().any(|variant| variant.as_str() == Some(name));
        against.retain(|variant, other| is_left(variant) && other.as_str().is_some_and(is_left));
    }
    options.insert(VARIANTS.to_owned(), Value::Array(variants));
    let part = |(role, inputs): (&String, &Vec<Input>)| {
        let some = || left.iter().filter_map(|&run| inputs.get(run).cloned()).collect();
        (role.clone(), if is_list(inputs) { some() } else { inputs.clone() })
    };
    let inputs: BTreeMap<String, Vec<Input>> = stage.inputs.iter().map(part).collect();
    Ok(Reach::Part(Box::new(stage.with(options, inputs)?)))
}
