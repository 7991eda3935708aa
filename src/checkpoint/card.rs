//! What a checkpoint is for: on what it was trained, as `card.json` beside it says. Checkpoints of an earlier docre, and
//! those that other code has trained, have none, and score as before.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use examples::Profile;
use ground::counts::Counts;
use ground::resample::{f1_difference_interval, f1_interval};
use ground::{present, settings};
use table::Text;

use super::{CARD, CheckpointError, fault, write};

/// What was trained on what, and how well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The version of docre that trained it.
    pub docre: Text,
    /// The split that it was trained on.
    pub train: SplitName,
    /// The split that chose it.
    pub dev: SplitName,
    /// What the split that it was trained on is made of.
    pub profile: Profile,
    /// Its relations, by class less one.
    pub relations: Vec<CardRelation>,
    /// What it did on the dev split.
    pub figures: Option<Figures>,
    /// What the base that it was trained over did there, where it was trained over one.
    pub base: Option<OfBase>,
    /// What it was trained with; places of files are left out.
    pub settings: Value,
    /// The model's keys whose values were not those of its recipe, where it had one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside_recipe: Vec<String>,
}

/// Which split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitName {
    /// The corpus, as its folder is called.
    pub corpus: Text,
    /// The split, as its folder is called.
    pub split: Text,
    /// What its tables say that they were made from.
    pub identity: Text,
    /// Documents.
    pub documents: u64,
}

/// A relation that a model tells from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardRelation {
    /// Its name.
    pub relation: Text,
    /// What it is called in words.
    pub label: Option<Text>,
    /// Facts of the split that the model was trained on.
    pub facts: u64,
    /// Whether it holds both ways.
    pub undirected: bool,
}

/// What a model did on the dev split after an epoch, as training counted it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The stage of training, from 1.
    pub stage: u32,
    /// The epoch, from 1.
    pub epoch: u32,
    /// Correct predictions among all; none of no predictions.
    pub precision: Option<f64>,
    /// Correct predictions among facts; none of no facts.
    pub recall: Option<f64>,
    /// Their harmonic mean.
    pub f1: f64,
    /// The 2.5th percentile of F1 over resampled documents.
    pub f1_low: Option<f64>,
    /// The 97.5th percentile.
    pub f1_high: Option<f64>,
}

impl Figures {
    /// Those of an epoch, by the counts of each document.
    pub fn of(stage: u32, epoch: u32, documents: &[Counts]) -> Self {
        let counts: Counts = documents.iter().copied().sum();
        let (f1_low, f1_high) = f1_interval(documents, 0).unzip();
        let (precision, recall, f1) = (counts.precision(), counts.recall(), counts.f1());
        Self { stage, epoch, precision, recall, f1, f1_low, f1_high }
    }
}

/// What the base of a model did on the dev split, and how the model compares.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OfBase {
    /// Correct predictions among all; none of no predictions.
    pub precision: Option<f64>,
    /// Correct predictions among facts; none of no facts.
    pub recall: Option<f64>,
    /// Their harmonic mean.
    pub f1: f64,
    /// How far the model's F1 is above it.
    pub difference: f64,
    /// The 2.5th percentile of that over resampled documents.
    pub low: Option<f64>,
    /// The 97.5th percentile.
    pub high: Option<f64>,
}

impl OfBase {
    /// By the counts of each document, the base's and the model's.
    pub fn of(base: &[Counts], model: &[Counts]) -> Self {
        let [counts, ours] = [base, model].map(|documents| documents.iter().copied().sum::<Counts>());
        let (low, high) = f1_difference_interval(model, base, 0).unzip();
        let (precision, recall, f1) = (counts.precision(), counts.recall(), counts.f1());
        Self { precision, recall, f1, difference: ours.f1() - f1, low, high }
    }

    /// Whether the model is better.
    pub fn is_worse(&self) -> bool {
        self.difference > 0.0
    }
}

impl Card {
    /// That of the checkpoint in a folder, where it has one.
    ///
    /// # Errors
    /// Where it cannot be read or is damaged.
    pub fn find(folder: &Path) -> Result<Option<Self>, CheckpointError> {
        let path = table::found_under(folder).join(CARD);
        let refused = |source| CheckpointError::Io { path: path.clone(), action: "read", source };
        let Some(text) = present(ground::read_text(&path)).map_err(refused)? else { return Ok(None) };
        let card = settings::from_json(&text);
        card.map(Some).map_err(|reason| fault(&path, &format!("expected the card of a checkpoint: {reason}")))
    }

    /// Writes it beside the checkpoint in a folder that its caller makes appear as a whole.
    ///
    /// # Errors
    /// Where the file system refuses.
    pub fn save(&self, folder: &Path) -> Result<(), CheckpointError> {
        let path = folder.join(CARD);
        let text = serde_json::to_string_pretty(self).map_err(|error| fault(&path, &error))?;
        write(&path, &(text + "\n"))
    }

    /// The recipe by which the model's settings were given, where there was one, and which of them were not by it.
    pub fn recipe(&self) -> Option<String> {
        let recipe = self.settings.get("model")?.get("recipe")?.as_str()?;
        if self.beside_recipe.is_empty() {
            return Some(format!("recipe `{recipe}`"));
        }
        Some(format!("recipe `{recipe}`, with `{}` of its own", self.beside_recipe.join("`, `")))
    }

    /// Types of head and tail that training had in one document and never asked about: a model knows nothing of their
    /// pairs. Types that never met are none of them; of those, training says nothing.
    /// Of a corpus with more types than are told apart, there are none: of some, pairs were not counted.
    pub fn left_out(&self) -> BTreeSet<(Text, Text)> {
        if self.profile.further_entities > 0 {
            return BTreeSet::new();
        }
        // Then the smaller number of two entities is the head, whatever their types.
        let one_way = !self.relations.is_empty() && self.relations.iter().all(|relation| relation.undirected);
        let asked = |head: &str, tail: &str| self.profile.pairs_of(head, tail).candidates > 0;
        let met = self.profile.pairs_by_type().filter(|(.., found)| found.pairs > 0);
        let left_out = met.filter(|(head, tail, _)| !(asked(head, tail) || one_way && asked(tail, head)));
        left_out.map(|(head, tail, _)| (head.clone(), tail.clone())).collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use examples::TypePairs;
    use serde_json::json;

    use super::*;

    fn card(undirected: bool, pairs: &[(&str, &str, u64, u64)]) -> Card {
        let split = SplitName { corpus: "c".into(), split: "s".into(), identity: "i".into(), documents: 1 };
        let mut profile = Profile::default();
        for &(head, tail, pairs, candidates) in pairs {
            let tails = profile.type_pairs.entry(head.into()).or_default();
            tails.insert(tail.into(), TypePairs { pairs, candidates });
        }
        let relations = vec![CardRelation { relation: "r".into(), label: None, facts: 1, undirected }];
        let (train, dev) = (split.clone(), split);
        let (settings, beside_recipe) = (json!({}), Vec::new());
        Card { docre: "0".into(), train, dev, profile, relations, figures: None, base: None, settings, beside_recipe }
    }

    #[test]
    fn what_training_met_and_did_not_ask_about_is_left_out() {
        let pairs = [("a", "a", 4, 0), ("a", "b", 4, 3), ("b", "a", 4, 0), ("b", "b", 0, 0)];
        let of = |pairs: &[(&str, &str)]| pairs.iter().map(|&(head, tail)| (head.into(), tail.into())).collect();
        assert_eq!(card(false, &pairs).left_out(), of(&[("a", "a"), ("b", "a")]));
        // Undirected, a pair of `a` and `b` was asked about whichever came first.
        assert_eq!(card(true, &pairs).left_out(), of(&[("a", "a")]));
        let mut of_many = card(false, &pairs);
        of_many.profile.further_entities = 1;
        assert_eq!(of_many.left_out(), BTreeSet::new());
    }

    #[test]
    fn a_model_is_better_than_its_base_where_its_f1_is_above() {
        let document = |true_positives| Counts { true_positives, predicted: 4, gold: 4, known: 0 };
        let [base, model] = [[1, 2, 2], [2, 3, 4]].map(|correct| correct.map(document));
        let of_base = OfBase::of(&base, &model);
        // 5 and 9 of 12.
        assert!((of_base.f1 - 5.0 / 12.0).abs() < 1e-12 && (of_base.difference - 4.0 / 12.0).abs() < 1e-12);
        // No document gains less than a quarter, none more than a half.
        assert!(of_base.is_worse() && of_base.low.unwrap() > 0.249 && of_base.high.unwrap() < 0.501);
        assert!(!OfBase::of(&model, &base).is_worse() && !OfBase::of(&base, &base).is_worse());
    }

    #[test]
    fn a_card_is_read_as_it_was_written_and_one_of_a_later_docre_as_far_as_it_is_known() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Card::find(folder.path()).unwrap(), None);
        let figures = Figures::of(1, 2, &[Counts { true_positives: 1, predicted: 3, gold: 2, known: 0 }]);
        let card = Card { figures: Some(figures), ..card(false, &[("a", "b", 4, 3)]) };
        card.save(folder.path()).unwrap();
        assert_eq!(Card::find(folder.path()).unwrap(), Some(card.clone()));
        let path = folder.path().join(CARD);
        let later = std::fs::read_to_string(&path).unwrap().replacen('{', "{\"languages\": [\"en\"],", 1);
        std::fs::write(&path, later).unwrap();
        assert_eq!(Card::find(folder.path()).unwrap(), Some(card));
        std::fs::write(&path, "{\"docre\": 1}").unwrap();
        let error = Card::find(folder.path()).unwrap_err().to_string();
        assert!(error.contains("card.json: expected the card of a checkpoint: "), "{error}");
    }
}
