//! What a run begins with that another has learnt: the variables of a checkpoint, as far as they fit.
//!
//! What a model has for each relation has a row for each: where a checkpoint tells other relations, rows go by the
//! relations' names, and those of relations that it does not know begin at random. What was taken is told, and what not.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Result as TensorResult, Tensor, Var};

use checkpoint::{Checkpoint, CheckpointConfig, ModelConfig};
use ground::observe::Event;
use nn::Weights;
use table::Text;

use super::TrainError;
use super::config::TrainConfig;

/// Names that a note lists; details have all.
const SHOWN: usize = 12;

/// Variables to begin with.
pub struct Begun {
    /// By name.
    pub weights: BTreeMap<String, Tensor>,
    /// Identifies the checkpoint.
    pub identity: String,
    /// What was taken of it.
    pub told: Vec<Event>,
}

/// What fits of a checkpoint.
struct Fitted {
    /// The variables.
    weights: BTreeMap<String, Tensor>,
    /// Those of them that have rows by relation.
    by_relation: Vec<String>,
    /// Those of the model that the checkpoint does not have so.
    anew: Vec<String>,
    /// Those of the checkpoint for which there is no place.
    left: Vec<String>,
}

/// Relations of a checkpoint and of a model.
struct Known {
    /// For each class of the model that of the checkpoint.
    classes: Vec<Option<u32>>,
    n_shared: usize,
    /// Relations of the model alone.
    new: Vec<String>,
    /// Relations of the checkpoint alone.
    left: Vec<String>,
}

impl Known {
    fn new(of: &[Text], ours: &[Text]) -> Self {
        let place = |relation: &Text| of.iter().position(|other| other == relation).map(|place| place as u32 + 1);
        let places: Vec<Option<u32>> = ours.iter().map(place).collect();
        let without = |some: &[Text], others: &[Text]| {
            some.iter().filter(|relation| !others.contains(relation)).map(ToString::to_string).collect()
        };
        Self {
            n_shared: places.iter().flatten().count(),
            // The threshold class is the same in all.
            classes: [Some(0)].into_iter().chain(places).collect(),
            new: without(ours, of),
            left: without(of, ours),
        }
    }

    /// A variable's rows as the checkpoint has them, those of new relations as they begin at random.
    fn rows(&self, given: &Tensor, drawn: &Tensor) -> TensorResult<Tensor> {
        let (n_drawn, drawn) = (drawn.dim(0)? as u32, drawn.to_dtype(given.dtype())?);
        let rows = self.classes.iter().zip(0..).map(|(class, anew)| class.map_or(anew, |class| n_drawn + class));
        let rows = Tensor::new(rows.collect::<Vec<u32>>(), &Device::Cpu)?;
        Tensor::cat(&[&drawn, given], 0)?.index_select(&rows, 0)
    }
}

impl Fitted {
    fn new(
        checkpoint: &Checkpoint,
        known: &Known,
        is_same: bool,
        targets: &BTreeMap<String, Var>,
    ) -> TensorResult<Self> {
        let mut fitted = Self { weights: BTreeMap::new(), by_relation: Vec::new(), anew: Vec::new(), left: Vec::new() };
        let n_classes = checkpoint.config.relations.len() + 1;
        for (name, given) in &checkpoint.weights {
            let target = targets.get(name).map(Var::as_detached_tensor);
            let by_relation = !is_same && ModelConfig::has_row_a_class(name);
            let fits = target.filter(|target| match (given.dims(), target.dims()) {
                ([rows, given @ ..], [_, target @ ..]) if by_relation => *rows == n_classes && given == target,
                (given, target) => given == target,
            });
            let Some(target) = fits else {
                fitted.left.push(name.clone());
                continue;
            };
            let values = if by_relation { known.rows(given, &target)? } else { given.clone() };
            fitted.weights.insert(name.clone(), values);
            fitted.by_relation.extend(by_relation.then(|| name.clone()));
        }
        fitted.anew = targets.keys().filter(|name| !fitted.weights.contains_key(*name)).cloned().collect();
        Ok(fitted)
    }

    fn told(&self, folder: &Path, known: &Known) -> Vec<Event> {
        let (n_all, n_by_relation) = (self.weights.len() + self.anew.len(), self.by_relation.len());
        let whole = format!("{} of {n_all} variables as they are", self.weights.len() - n_by_relation);
        let [shared, all] = [known.n_shared, known.classes.len() - 1];
        let rows = format!(", of {n_by_relation} the rows of {shared} of {all} relations");
        let rows = if n_by_relation > 0 { rows } else { String::new() };
        let lists = [
            ("begin at random, as it does not know them: relations", &known.new),
            ("are no relations of the model, and left aside:", &known.left),
            ("begin as they do without it: variables", &self.anew),
            ("have no place in the model, and are left aside: variables", &self.left),
        ];
        let first = Event::Note(format!("begins with {}: {whole}{rows}", folder.display()));
        let lists = lists.into_iter().filter(|(_, names)| !names.is_empty());
        [first].into_iter().chain(lists.flat_map(|(what, names)| list(what, names))).collect()
    }
}

/// A note with the first names; where there are more, a detail with all.
fn list(what: &str, names: &[String]) -> Vec<Event> {
    let told = |some: &[String]| format!("{} {what} `{}`", names.len(), some.join("`, `"));
    let Some((some, rest)) = names.split_at_checked(SHOWN).filter(|(_, rest)| !rest.is_empty()) else {
        return vec![Event::Note(told(names))];
    };
    vec![Event::Note(format!("{} and {} more", told(some), rest.len())), Event::Detail(told(names))]
}

/// What fits of a checkpoint of whatever kind that reads as the model does: every variable that the model has in the same
/// shape, under the same name.
///
/// # Errors
/// Where it reads otherwise, or cannot be read.
pub fn begin_with(folder: &Path, config: &TrainConfig, of: &CheckpointConfig) -> Result<Begun, TrainError> {
    let checkpoint = of_the_same_reading("begin_with", folder, of)?;
    let base = of.model.base().filter(|_| config.second_stage().is_some());
    let (fitted, known) = fitted(("begin_with", folder), &checkpoint, of, [Some(of.model.clone()), base], config.seed)?;
    let told = fitted.told(folder, &known);
    Ok(Begun { weights: fitted.weights, identity: checkpoint.fingerprint, told })
}

/// A base that is trained already: every variable of it, whatever the relations.
///
/// # Errors
/// Where it reads otherwise, is none of the model, or stays as it is and does not know the model's relations.
pub fn base(folder: &Path, config: &TrainConfig, of: &CheckpointConfig) -> Result<Begun, TrainError> {
    let mut checkpoint = of_the_same_reading("base", folder, of)?;
    let misfit = |what| TrainError::Misfit { role: "base", folder: folder.to_path_buf(), what };
    let model = &checkpoint.config.model;
    config.check_evidence_of_base(model).map_err(misfit)?;
    // Settings of what comes after the base may differ: the variables tell whether it is one.
    let model = of.model.base().unwrap_or_else(|| of.model.clone());
    let mut told = Vec::new();
    if checkpoint.config.relations != of.relations {
        let (fitted, known) = fitted(("base", folder), &checkpoint, of, [Some(model.clone()), None], config.seed)?;
        if let Some(new) = known.new.first()
            && config.second_stage().is_some_and(|second| second.is_frozen())
        {
            return Err(misfit(format!("relations of the model, as the base stays as it is: it lacks `{new}`")));
        }
        told = fitted.told(folder, &known);
        let by_relation = fitted.weights.into_iter().filter(|(name, _)| fitted.by_relation.contains(name));
        checkpoint.weights.extend(by_relation);
    }
    let mut weights = Weights::given(checkpoint.weights.clone(), "", 0, &Device::Cpu);
    if let Err(error) = (CheckpointConfig { model, ..of.clone() }).build(&mut weights) {
        return Err(misfit(format!("base of the model: {error}")));
    }
    if !weights.unused().is_empty() {
        return Err(misfit("base of the model alone, got one with more".to_owned()));
    }
    Ok(Begun { weights: checkpoint.weights, identity: checkpoint.fingerprint, told })
}

/// What fits of a checkpoint of the variables of some models, which share those of the same name.
fn fitted(
    (role, folder): (&'static str, &Path),
    checkpoint: &Checkpoint,
    of: &CheckpointConfig,
    models: [Option<ModelConfig>; 2],
    seed: u64,
) -> Result<(Fitted, Known), TrainError> {
    let encoder = checkpoint.weights.iter().filter(|(name, _)| name.starts_with("model."));
    let encoder = encoder.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
    let mut drawn = Weights::given(encoder, "model.", seed, &Device::Cpu);
    for model in models.into_iter().flatten() {
        (CheckpointConfig { model, ..of.clone() }).build(&mut drawn).map_err(|error| {
            let what = format!("encoder of the model: {error}");
            TrainError::Misfit { role, folder: folder.to_path_buf(), what }
        })?;
    }
    let known = Known::new(&checkpoint.config.relations, &of.relations);
    let is_same = checkpoint.config.relations == of.relations;
    Ok((Fitted::new(checkpoint, &known, is_same, drawn.variables())?, known))
}

/// A checkpoint whose encoder is the model's, read as the model reads it.
fn of_the_same_reading(role: &'static str, folder: &Path, of: &CheckpointConfig) -> Result<Checkpoint, TrainError> {
    let checkpoint = like_minded(role, folder, of)?;
    let misfit = |what: &str| TrainError::Misfit { role, folder: folder.to_path_buf(), what: what.to_owned() };
    if checkpoint.config.encoder != of.encoder {
        return Err(misfit("encoder of the model"));
    }
    if checkpoint.config.model.reads() != of.model.reads() {
        return Err(misfit("`averaged_layers` and `mentions` of the model"));
    }
    Ok(checkpoint)
}

/// A checkpoint that reads the same pieces as a model.
///
/// # Errors
/// Where it does not, or cannot be read.
pub fn like_minded(role: &'static str, folder: &Path, of: &CheckpointConfig) -> Result<Checkpoint, TrainError> {
    let checkpoint = Checkpoint::load(folder, &Device::Cpu)?;
    let fits = [
        ("tokenizer of the model", checkpoint.config.tokenizer == of.tokenizer),
        ("markers of the model", checkpoint.config.markers == of.markers),
    ];
    match fits.into_iter().find(|(_, fits)| !fits) {
        Some((what, _)) => Err(TrainError::Misfit { role, folder: folder.to_path_buf(), what: what.to_owned() }),
        None => Ok(checkpoint),
    }
}
