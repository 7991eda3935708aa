//! `summarise`: the figures of several runs, and the runs themselves to test differences → the table `summary`.
//!
//! Each input that takes several has one of each run, in one order, or one for all runs. Which variant a run is of, and
//! with which that is compared, a pipeline's variants say; in one without them, the options do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use serde::{Deserialize, Serialize};
use toml::Table as Toml;

use super::evaluate::written;
use super::kind::{Action, AmongRuns, Kind, Made, Needs, Work, keys_of};
use crate::ground::figure::Figure;
use crate::ground::folder_name;
use crate::ground::manifest::role;
use crate::ground::settings::Settings;
use crate::ground::suggest::unknown;
use crate::metrics::{self, Evaluation, Metric, Request, Summary, Variant, present};
use crate::pipeline::options::settings;
use crate::table::Table;

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
    fn each<'w>(&self, work: &'w Work<'_>, role: &str) -> anyhow::Result<Vec<Option<&'w Path>>> {
        let (given, runs) = (work.inputs.get(role).map_or(&[][..], Vec::as_slice), self.variants.len());
        if let [] | [_] = given {
            return Ok(vec![given.first().map(PathBuf::as_path); runs]);
        }
        ensure!(given.len() == runs, "input `{role}`: expected one of each of {runs} runs, got {}", given.len());
        Ok(given.iter().map(|path| Some(path.as_path())).collect())
    }

    /// The variants with what their runs reached, in their order.
    fn read(&self, work: &Work<'_>) -> anyhow::Result<Vec<Variant>> {
        let roles = [role::METRICS, role::CORPUS, role::RELATIONS, TRAINING].map(|role| self.each(work, role));
        let [metrics, corpora, relations, training] = roles;
        let (corpora, relations, training) = (corpora?, relations?, training?);
        let runs = corpora
            .into_iter()
            .zip(relations)
            .zip(training)
            .map(|((corpus, relations), training)| Some((corpus?, relations?, training)));
        let mut variants: Vec<Variant> = Vec::new();
        for ((name, metrics), run) in self.variants.iter().zip(metrics?).zip(runs) {
            let place = variants.iter().position(|variant| variant.name == *name).unwrap_or(variants.len());
            if place == variants.len() {
                let against = self.against.get(name).cloned();
                variants.push(Variant { name: name.clone(), against, ..Variant::default() });
            }
            let Some(variant) = variants.get_mut(place) else { continue };
            let metrics = metrics.map(|metrics| Table::<Metric>::require_at(metrics)?.all()).transpose()?;
            variant.metrics.extend(metrics.unwrap_or_default());
            variant.runs.extend(run.map(|run| self.evaluated(run)).transpose()?);
        }
        Ok(variants)
    }

    fn evaluated(&self, (corpus, relations, training): (&Path, &Path, Option<&Path>)) -> anyhow::Result<Evaluation> {
        let (options, split) = (self.as_metrics(), folder_name(corpus));
        let request = Request::new(corpus, relations).with(&options);
        Ok(metrics::evaluate(&Request { training_facts: training, split: &split, ..request })?)
    }
}

impl Action for Options {
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
