//! `summarise`: the figures of several runs, and the runs themselves to test differences → the table `summary`.
//!
//! Each input that takes several has one of each run, in one order, or one for all runs. Which variant a run is of, and
//! with which that is compared, a pipeline's variants say; in one without them, the options do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{bail, ensure};
use serde::{Deserialize, Serialize};
use toml::Table as Toml;

use super::evaluate::written;
use super::kind::{Action, AmongRuns, Before, Kind, Needs};
use super::work::{Made, Work};
use crate::ground::figure::Figure;
use crate::ground::folder_name;
use crate::ground::manifest::role;
use crate::ground::settings::Settings;
use crate::ground::suggest::unknown;
use crate::metrics::{self, Evaluation, Metric, Request, Summary, Variant, present};
use crate::pipeline::options::{keys_of, settings};
use crate::table::{Table, Text};

pub const KIND: Kind = Kind {
    name: "summarise",
    inputs: &[
        (role::METRICS, Needs::Several),
        (role::CORPUS, Needs::Any),
        (role::RELATIONS, Needs::Any),
        (TRAINING, Needs::Any),
    ],
    outputs: &[role::SUMMARY],
    among_runs: AmongRuns::Gathers,
    options: keys_of::<Options>,
    parse,
    ..Kind::PLAIN
};

const TRAINING: &str = "training";

/// What is summarised.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    /// The variant of each run.
    variants: Vec<String>,
    /// With which variant one is compared.
    against: BTreeMap<String, String>,
    /// The figures that are shown at the end of a run, as metric and scope; the table has all.
    shown: Vec<String>,
    /// Bootstrap resamples; 0 leaves tests out.
    resamples: u64,
    /// The seed of the resamples.
    seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        let metrics::Options { run_id: _, resamples, seed } = metrics::Options::default();
        let shown = [Figure::F1(crate::ground::scope::Scope::All)].map(called).to_vec();
        Self { variants: Vec::new(), against: BTreeMap::new(), shown, resamples, seed }
    }
}

fn called(figure: Figure) -> String {
    let (metric, scope) = figure.names();
    format!("{metric} {scope}")
}

impl Settings for Options {
    fn check(&self) -> Result<(), String> {
        if self.variants.is_empty() {
            return Err("`variants`: expected the variant of each run, got none".to_owned());
        }
        if let Some(name) =
            self.against.iter().flat_map(|(one, other)| [one, other]).find(|name| !self.variants.contains(name))
        {
            let known: Vec<&str> = self.variants.iter().map(String::as_str).collect();
            return Err(format!("`against`: {}", unknown("variant", name, &known)));
        }
        let known: Vec<String> = Figure::in_reading_order().into_iter().map(called).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        if let Some(name) = self.shown.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("`shown`: {}", unknown("figure", name, &known)));
        }
        self.as_metrics().check()
    }
}

fn parse(options: Toml, inputs: &[String]) -> anyhow::Result<Box<dyn Action>> {
    let options: Options = settings(options)?;
    let given = |role: &str| inputs.iter().any(|input| input == role);
    ensure!(
        given(role::RELATIONS) == given(role::CORPUS) && (given(role::RELATIONS) || !given(TRAINING)),
        "expected `{}` and `{}` together, with `{TRAINING}` or without, or none of them",
        role::CORPUS,
        role::RELATIONS
    );
    Ok(Box::new(options))
}

impl Options {
    fn as_metrics(&self) -> metrics::Options {
        metrics::Options { run_id: None, resamples: self.resamples, seed: self.seed }
    }

    /// The input of each run in a role.
    fn each<'i, I>(&self, role: &str, given: &'i [I]) -> anyhow::Result<Vec<Option<&'i I>>> {
        let runs = self.variants.len();
        if let [] | [_] = given {
            return Ok(vec![given.first(); runs]);
        }
        ensure!(given.len() == runs, "input `{role}`: expected one of each of {runs} runs, got {}", given.len());
        Ok(given.iter().map(Some).collect())
    }

    /// The variants with what their runs reached, in their order.
    fn read(&self, work: &Work<'_>) -> anyhow::Result<Vec<Variant>> {
        let given = |role: &str| work.inputs.get(role).map_or(&[][..], Vec::as_slice);
        let roles = [role::METRICS, role::CORPUS, role::RELATIONS, TRAINING].map(|role| self.each(role, given(role)));
        let [metrics, corpora, relations, training] = roles;
        let (corpora, relations, training) = (corpora?, relations?, training?);
        let runs = corpora
            .into_iter()
            .zip(relations)
            .zip(training)
            .map(|((corpus, relations), training)| Some((corpus?, relations?, training)));
        let (mut variants, mut names): (Vec<Variant>, Vec<[Text; 2]>) = (Vec::new(), Vec::new());
        let mut known = BTreeSet::new();
        for ((name, metrics), run) in self.variants.iter().zip(metrics?).zip(runs) {
            // A variant on which seeds do not bear has one run, given for each of them.
            if !known.insert((name, metrics, run.map(|(_, relations, _)| relations))) {
                continue;
            }
            let place = variants.iter().position(|variant| variant.name == *name).unwrap_or(variants.len());
            if place == variants.len() {
                let against = self.against.get(name).cloned();
                variants.push(Variant { name: name.clone(), against, ..Variant::default() });
            }
            let Some(variant) = variants.get_mut(place) else { continue };
            let rows = metrics.map(|metrics| Table::<Metric>::require_at(metrics)?.all()).transpose()?;
            let rows = rows.unwrap_or_default();
            if let Some(run) = run {
                let evaluation = self.evaluated(run)?;
                if let (Some(path), Some(found)) = (metrics, evaluation.differs_from(&rows)) {
                    bail!("{}: expected figures of {}, got {found}", path.display(), run.1.display());
                }
                names.extend(
                    rows.first().zip(evaluation.metrics.first()).map(|(a, b)| [a, b].map(|row| row.run_id.clone())),
                );
                variant.runs.push(evaluation);
            }
            variant.metrics.extend(rows);
        }
        check_names(&names)?;
        Ok(variants)
    }

    /// Whether what each run's figures were made of is what stands beside them.
    fn check_makers(&self, before: &Before<'_>) -> anyhow::Result<()> {
        let each = |role: &str| self.each(role, before.inputs(role));
        let beside = [role::CORPUS, role::RELATIONS, TRAINING];
        let inputs = beside.into_iter().map(|role| Ok((role, each(role)?))).collect::<anyhow::Result<Vec<_>>>()?;
        for (run, metrics) in each(role::METRICS)?.into_iter().enumerate() {
            let Some((maker, _)) = metrics.and_then(|metrics| before.maker(metrics)) else { continue };
            for (role, given) in &inputs {
                let own = given.get(run).copied().flatten();
                let Some((own, of_maker)) = own.zip(maker.inputs.get(*role).and_then(|made| made.first())) else {
                    continue;
                };
                let name = &maker.name;
                ensure!(
                    own == of_maker,
                    "input `{role}`: expected `{of_maker}`, of which stage `{name}` made the figures, got `{own}`"
                );
            }
        }
        Ok(())
    }

    fn evaluated(&self, (corpus, relations, training): Judged<'_>) -> anyhow::Result<Evaluation> {
        let (options, split) = (self.as_metrics(), folder_name(corpus));
        let request = Request::new(corpus, relations).with(&options);
        let training_facts = training.map(PathBuf::as_path);
        Ok(metrics::evaluate(&Request { training_facts, split: &split, ..request })?)
    }
}

/// Refuses figures of one run beside predictions of another, by what both call the run. A name of its own that figures were
/// given is none of another's.
fn check_names(names: &[[Text; 2]]) -> anyhow::Result<()> {
    let is_swapped = |[figures, run]: &&[Text; 2]| figures != run && names.iter().any(|[_, other]| other == figures);
    match names.iter().find(is_swapped) {
        Some([figures, run]) => bail!("input `metrics`: expected figures of the run `{run}`, got those of `{figures}`"),
        None => Ok(()),
    }
}

/// A split, predictions about it, and the training split.
type Judged<'p> = (&'p PathBuf, &'p PathBuf, Option<&'p PathBuf>);

impl Action for Options {
    fn check(&self, before: &Before<'_>) -> anyhow::Result<()> {
        self.check_makers(before)
    }

    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let rows = metrics::summary(work.pipeline, &self.read(work)?)?;
        let summary = written(work.folder, rows)?;
        Ok(Made { outputs: BTreeMap::from([(role::SUMMARY, summary)]), ..Made::default() })
    }

    fn summary(&self, _place: &str, outputs: &BTreeMap<&str, PathBuf>) -> anyhow::Result<Option<String>> {
        let Some(summary) = outputs.get(role::SUMMARY) else { return Ok(None) };
        let rows = Table::<Summary>::require_at(summary)?.all()?;
        let mut variants: Vec<&str> = Vec::new();
        for name in &self.variants {
            if !variants.contains(&name.as_str()) {
                variants.push(name);
            }
        }
        let figures = Figure::in_reading_order().into_iter().map(|figure| (called(figure), figure.names()));
        let figures: Vec<(String, (&str, &str))> = figures.collect();
        let shown = self.shown.iter().filter_map(|name| figures.iter().find(|(called, _)| called == name));
        let shown: Vec<(&str, &str)> = shown.map(|(_, names)| *names).collect();
        Ok(Some(present::summary_table(&rows, &variants, &shown)))
    }
}
