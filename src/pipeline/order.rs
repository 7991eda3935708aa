//! In which order stages run: that of the file, but each behind those whose outputs it reads. So what a file adds to
//! another, which it extends, runs before what needs it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use toml::{Table, Value};

use super::written::{name, names_in};

/// Stages so that each stands behind those whose outputs it reads: of those of the file in turn, each with what it needs
/// before it. A file in that order stays as it is.
///
/// # Errors
/// Stages that need one another in a circle.
pub fn ordered(stages: Vec<Table>) -> anyhow::Result<Vec<Table>> {
    let places = places(&stages)?;
    let mut stages: Vec<Option<Table>> = stages.into_iter().map(Some).collect();
    Ok(places.into_iter().filter_map(|place| stages.get_mut(place)?.take()).collect())
}

fn places(stages: &[Table]) -> anyhow::Result<Vec<usize>> {
    let needed = needed(stages);
    let needed_by = |place: usize| needed.get(place).map_or(&[][..], Vec::as_slice);
    let (mut order, mut placed, mut met) = (Vec::with_capacity(stages.len()), BTreeSet::new(), BTreeSet::new());
    for first in 0..stages.len() {
        met.insert(first);
        // Each stage waits for the next: a file may have more than a program's stack holds.
        let mut waiting = vec![first];
        while let Some(&place) = waiting.last() {
            match needed_by(place).iter().copied().find(|other| !placed.contains(other)) {
                Some(other) if met.insert(other) => waiting.push(other),
                Some(other) => bail!(circle(stages, &waiting, other)),
                None => {
                    waiting.pop();
                    order.extend(Some(place).filter(|_| placed.insert(place)));
                }
            }
        }
    }
    Ok(order)
}

/// For each stage the places of those whose outputs it reads, in the order of its inputs.
fn needed(stages: &[Table]) -> Vec<Vec<usize>> {
    let mut makers: BTreeMap<String, usize> = BTreeMap::new();
    for (place, stage) in stages.iter().enumerate() {
        for output in names(stage, "outputs") {
            makers.entry(output.to_owned()).or_insert(place);
        }
    }
    let of = |(place, stage): (usize, &Table)| {
        let made = names(stage, "inputs").into_iter().filter_map(|input| makers.get(input).copied());
        // That a stage reads its own output is told where inputs are checked.
        made.filter(|maker| *maker != place).collect()
    };
    stages.iter().enumerate().map(of).collect()
}

/// The names under a key of a stage.
fn names<'s>(stage: &'s Table, key: &str) -> Vec<&'s str> {
    stage.get(key).and_then(Value::as_table).map_or_else(Vec::new, names_in)
}

fn circle(stages: &[Table], waiting: &[usize], first: usize) -> String {
    let circle = waiting.iter().skip_while(|place| **place != first).chain([&first]);
    let names: Vec<String> = circle.map(|place| format!("`{}`", stages.get(*place).map_or("", name))).collect();
    format!("expected stages that read one another's outputs in no circle, got {}", names.join(", which reads from "))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use super::*;

    fn file(stages: &[(&str, &[&str])]) -> Vec<Table> {
        let stage = |(name, inputs): &(&str, &[&str])| {
            let inputs: Vec<String> = inputs.iter().map(|input| format!("{input} = \"{input}\"")).collect();
            let text =
                format!("name = \"{name}\"\ninputs = {{ {} }}\noutputs = {{ made = \"{name}\" }}", inputs.join(", "));
            text.parse().unwrap()
        };
        stages.iter().map(stage).collect()
    }

    fn order(stages: &[(&str, &[&str])]) -> String {
        let ordered = ordered(file(stages));
        ordered.map_or_else(|error| error.to_string(), |all| all.iter().map(name).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn what_a_stage_needs_comes_before_it_and_all_else_stays() {
        assert_eq!(order(&[("a", &[]), ("c", &["a"]), ("b", &["source"])]), "a c b");
        assert_eq!(
            order(&[
                ("a", &[]),
                ("score", &["a", "fit"]),
                ("page", &["score"]),
                ("z", &[]),
                ("fit", &["dev"]),
                ("dev", &["a"])
            ]),
            "a dev fit score page z"
        );
        let circle = "expected stages that read one another's outputs in no circle, got `b`, which reads from `c`, which reads from `b`";
        assert_eq!(order(&[("a", &["b"]), ("b", &["c"]), ("c", &["a2", "b"])]), circle);
        assert_eq!(order(&[("own", &["own"])]), "own");
    }

    #[test]
    fn a_long_way_back_takes_no_stack() {
        let names: Vec<String> = (0..20_000).map(|number| format!("s{number}")).collect();
        let inputs: Vec<[&str; 1]> = names.iter().skip(1).map(|name| [name.as_str()]).chain([["source"]]).collect();
        let stages: Vec<(&str, &[&str])> =
            names.iter().zip(&inputs).map(|(name, inputs)| (name.as_str(), &inputs[..])).collect();
        let ordered = ordered(file(&stages)).unwrap();
        assert_eq!((name(&ordered[0]), name(&ordered[19_999])), ("s19999", "s0"));
    }
}
