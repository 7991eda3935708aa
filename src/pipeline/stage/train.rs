//! `train`: two labelled splits, or those of several corpora → the best checkpoint, and the log of its training.
//!
//! The options are the settings of `docre train`, less the paths, which are inputs: the splits, and the checkpoints of a
//! base, a teacher or what all begins with. The encoder is an input; or an option, where it starts at random, or which
//! names what is then an input too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use toml::{Table, Value};

use super::kind::{Action, AmongRuns, Before, Kind, Needs};
use super::work::{Made, Split, Work};
use crate::checkpoint::Card;
use crate::ground::manifest::role;
use crate::pipeline::options::{keys_of, settings};
use crate::pipeline::sources::{ENCODER, Source};
use crate::table;
use crate::table::rows::TrainingLogRow;
use crate::train::config::EncoderSource;
use crate::train::{self, BEST, TrainConfig, Trained};

pub const KIND: Kind = Kind {
    name: "train",
    inputs: &[
        (TRAIN, Needs::Several),
        (DEV, Needs::Several),
        (ENCODER, Needs::Optional),
        (BASE, Needs::Optional),
        (TEACHER, Needs::Optional),
        (BEGIN_WITH, Needs::Optional),
    ],
    outputs: &["checkpoint", role::LOG],
    optional_outputs: &[BASE, FIGURES],
    among_runs: AmongRuns::Learns,
    options: || keys_of::<TrainConfig>().into_iter().filter(|key| !PATHS.contains(key)).collect(),
    parse,
    ..Kind::PLAIN
};

/// The settings that inputs stand for.
const PATHS: [&str; 6] = ["corpus", TRAIN, DEV, BASE, TEACHER, BEGIN_WITH];
const TRAIN: &str = "train";
const DEV: &str = "dev";
const FIGURES: &str = "figures";
pub const BASE: &str = "base";
pub const TEACHER: &str = "teacher";
pub const BEGIN_WITH: &str = "begin_with";

/// Settings in which paths are still to be put.
struct Train(TrainConfig);

fn parse(mut options: Table, inputs: &[String]) -> anyhow::Result<Box<dyn Action>> {
    let is_input = inputs.iter().any(|role| role == ENCODER);
    ensure!(
        is_input != options.contains_key(ENCODER),
        "`{ENCODER}`: expected it once, as an input or as an option, got it {}",
        if is_input { "twice" } else { "not at all" }
    );
    let unset = Value::String(String::new());
    let is_set = |key: &&str| ![BASE, TEACHER, BEGIN_WITH].contains(key) || inputs.iter().any(|role| role == key);
    options.extend(PATHS.into_iter().filter(is_set).map(|key| (key.to_owned(), unset.clone())));
    if is_input {
        options.insert(ENCODER.to_owned(), Value::Table(Table::from_iter([("pretrained".to_owned(), unset)])));
    }
    Ok(Box::new(Train(settings(options)?)))
}

impl Train {
    fn config(&self, work: &Work<'_>, [train, dev]: [&[Split]; 2]) -> anyhow::Result<TrainConfig> {
        let mut config = self.0.clone();
        config.corpus = PathBuf::new();
        for (corpus, (train, dev)) in config.corpora.iter_mut().zip(train.iter().zip(dev)) {
            (corpus.train, corpus.dev) = (Some(text(&train.folder)?), Some(text(&dev.folder)?));
        }
        if let ([train], [dev], true) = (train, dev, config.corpora.is_empty()) {
            (config.train, config.dev) = (text(&train.folder)?, text(&dev.folder)?);
        }
        config.base = work.optional(BASE).map(Path::to_path_buf);
        config.teacher = work.optional(TEACHER).map(Path::to_path_buf);
        config.begin_with = work.optional(BEGIN_WITH).map(Path::to_path_buf);
        // An option keeps the name, which the card tells.
        let is_input = matches!(&config.encoder, EncoderSource::Pretrained(name) if name.is_empty());
        if let Some(encoder) = work.optional(ENCODER).filter(|_| is_input) {
            config.encoder = EncoderSource::Pretrained(text(encoder)?);
        }
        Ok(config)
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str().with_context(|| format!("{}: expected a path in UTF-8", path.display()))?;
    Ok(text.to_owned())
}

impl Action for Train {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let device = work.device.open(self.0.precision)?.to_string();
        let [train, dev] = [work.splits(TRAIN)?, work.splits(DEV)?];
        let config = self.config(work, [&train, &dev])?;
        train::train_knowing(work.contents, &config, work.folder, true, work.device, work.observe)?;
        let mut outputs =
            BTreeMap::from([("checkpoint", work.folder.join(BEST)), (role::LOG, work.folder.join("training_log"))]);
        // Where a first stage has trained one, and where there are several corpora.
        let further = [(BASE, work.folder.join(train::BASE)), (FIGURES, work.folder.join("training_figures"))];
        outputs.extend(further.into_iter().filter(|(_, output)| output.exists()));
        Ok(Made { outputs, device: Some(device), ..Made::default() })
    }

    fn check(&self, before: &Before<'_>) -> anyhow::Result<()> {
        let n_corpora = self.0.corpora.len();
        for role in [TRAIN, DEV] {
            let got = before.inputs(role).len();
            ensure!(
                n_corpora > 0 || got == 1,
                "`corpora`: expected one for each of the {got} inputs `{role}`, to name it, got none"
            );
            ensure!(
                n_corpora == 0 || got == n_corpora,
                "input `{role}`: expected {n_corpora}, one for each of `corpora`, got {got}"
            );
        }
        let placed = self.0.corpora.iter().find(|corpus| corpus.train.is_some() || corpus.dev.is_some());
        if let Some(corpus) = placed {
            bail!("`corpora`: `{}`: expected no `{TRAIN}` and no `{DEV}`, as inputs are that", corpus.name);
        }
        for role in [BASE, TEACHER] {
            let Some((maker, other, made)) = before.trained(role) else { continue };
            let fits = if role == BASE { self.0.check_base(other, made == BASE) } else { self.0.check_pieces(other) };
            fits.map_err(|reason| anyhow!("input `{role}`: {reason}, got another from stage `{}`", maker.name))?;
        }
        Ok(())
    }

    fn reads(&self) -> Option<(&'static str, Source)> {
        match &self.0.encoder {
            EncoderSource::Pretrained(name) if !name.is_empty() => Some((ENCODER, name.as_str().into())),
            _ => None,
        }
    }

    fn trains(&self) -> Option<&TrainConfig> {
        Some(&self.0)
    }

    fn lacks(&self, role: &str) -> Option<&'static str> {
        match role {
            BASE if !self.0.trains_base() => Some("no first stage trains a base with these options"),
            FIGURES if self.0.corpora.len() < 2 => Some("figures by corpus are of several `corpora`"),
            _ => None,
        }
    }

    fn summary(&self, place: &str, outputs: &BTreeMap<&str, PathBuf>) -> anyhow::Result<Option<String>> {
        let Some(log) = outputs.get(role::LOG) else { return Ok(None) };
        let rows = table::Table::<TrainingLogRow>::require_at(log)?.all()?;
        let card = outputs.get("checkpoint").map(|checkpoint| Card::find(checkpoint)).transpose()?.flatten();
        let base_f1 = card.and_then(|card| card.base).map(|base| base.f1);
        Ok(Trained::of(&rows).map(|trained| format!("{place}: {}\n", Trained { base_f1, ..trained })))
    }
}
