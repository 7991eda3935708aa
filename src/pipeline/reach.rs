//! What of a stage can run where some outputs will not be there: of one that takes runs together, those that are left.

use std::collections::{BTreeMap, BTreeSet};

use toml::Value;

use super::gather::{AGAINST, VARIANTS};
use super::stage::kind::{Input, Stage};

/// What of a stage can run where some outputs will not be there.
pub enum Reach {
    /// All of it.
    Whole,
    /// It takes runs together, and some are left; and what is to be said where these are not of the same seeds.
    Part(Box<Stage>, Option<String>),
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
    /// Without what that no run has made a stage of a pipeline goes which takes runs together, a line each.
    pub fn told(&self, pipeline: &str, stage: &Stage) -> Vec<String> {
        let inputs = stage.inputs.values().flatten().filter(|_| stage.kind.gathers());
        let wanting = inputs.filter(|input| matches!(input, Input::Made(name) if self.wanting.contains(name)));
        let told = |input| format!("{pipeline}/{}: goes without `{input}`, which is not there", stage.name);
        wanting.map(told).collect()
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
    Ok(Reach::Part(Box::new(stage.with(options, inputs)?), uneven(runs, &left)))
}

/// What is to be said where some variants lack runs that others have: the means of their figures are over other seeds.
fn uneven(runs: &[Value], left: &[usize]) -> Option<String> {
    let mut seeds: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for &run in left {
        let variant = runs.get(run)?;
        // A variant has one run of each seed, in their order.
        let before = runs.get(..run)?.iter().filter(|other| *other == variant).count();
        seeds.entry(variant.as_str()?).or_default().insert(before);
    }
    let (first, of_first) = seeds.first_key_value()?;
    let (other, _) = seeds.iter().find(|(_, of_other)| *of_other != of_first)?;
    Some(format!(
        "the runs of `{first}` and `{other}` that are left are not of the same seeds, and their means differ by that, too"
    ))
}
