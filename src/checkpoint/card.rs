//! What a checkpoint is for: on what it was trained, as `card.json` beside it says. Checkpoints of an earlier docre, and
//! those that other code has trained, have none, and score as before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use examples::Profile;
use ground::counts::Counts;
use ground::resample::{f1_difference_interval, f1_interval};
use ground::suggest::unknown;
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
    /// Those of several corpora that it was trained on together; none where there was one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corpora: Vec<CardCorpus>,
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

impl SplitName {
    /// Several in one: their names side by side, their documents added up.
    pub fn of_all<'s>(splits: impl Iterator<Item = &'s Self> + Clone) -> Self {
        let joined = |of: fn(&Self) -> &Text| {
            let mut names: Vec<&str> = splits.clone().map(|split| &**of(split)).collect();
            names.dedup();
            names.join("+").into()
        };
        let documents = splits.clone().map(|split| split.documents).sum();
        Self {
            corpus: joined(|s| &s.corpus),
            split: joined(|s| &s.split),
            identity: joined(|s| &s.identity),
            documents,
        }
    }
}

/// One of several corpora that a model was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CardCorpus {
    /// What the settings call it.
    pub name: Text,
    /// Its split that the model was trained on.
    pub train: SplitName,
    /// Its split among those that chose the model.
    pub dev: SplitName,
    /// What the split that the model was trained on is made of.
    pub profile: Profile,
    /// Its relations.
    pub relations: Vec<CorpusRelation>,
    /// What the model did on its dev split.
    pub figures: Option<Figures>,
}

/// A relation of one of several corpora, as that calls it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorpusRelation {
    /// What it is there.
    #[serde(flatten)]
    pub told: CardRelation,
    /// What the model calls it; absent: it is left out.
    pub model: Option<Text>,
}

impl CardCorpus {
    /// Relations of it that are one to the model: what the model calls them, and their names there.
    pub fn joined(&self) -> Vec<(&Text, Vec<&Text>)> {
        let mut joined: BTreeMap<&Text, Vec<&Text>> = BTreeMap::new();
        for relation in &self.relations {
            let model = relation.model.iter();
            model.for_each(|model| joined.entry(model).or_default().push(&relation.told.relation));
        }
        joined.into_iter().filter(|(_, own)| own.len() > 1).collect()
    }

    /// The relations of the model that it has, as its own documents are to call them: by its own name where that is one, by
    /// the model's where the model makes one of several; each with the model's name. In the order of the model's names.
    pub fn own_relations(&self) -> Vec<(Text, CardRelation)> {
        let mut joined: BTreeMap<&Text, Vec<&CardRelation>> = BTreeMap::new();
        for relation in &self.relations {
            joined.extend(
                relation.model.as_ref().filter(|model| !joined.contains_key(model)).map(|model| (model, vec![])),
            );
            let of_model = relation.model.as_ref().and_then(|model| joined.get_mut(model));
            of_model.into_iter().for_each(|of_model| of_model.push(&relation.told));
        }
        let own = |(model, told): (&Text, Vec<&CardRelation>)| {
            let own = match told[..] {
                [one] => one.clone(),
                _ => CardRelation {
                    relation: model.clone(),
                    label: None,
                    facts: told.iter().map(|told| told.facts).sum(),
                    undirected: told.iter().any(|told| told.undirected),
                },
            };
            (model.clone(), own)
        };
        joined.into_iter().map(own).collect()
    }
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
    /// Those of an epoch, by the counts of each document, corpus by corpus: of several, the means over these.
    pub fn of(stage: u32, epoch: u32, corpora: &[Vec<Counts>]) -> Self {
        let (precision, recall, f1) = means(corpora);
        let (f1_low, f1_high) = f1_interval(corpora, 0).unzip();
        Self { stage, epoch, precision, recall, f1, f1_low, f1_high }
    }
}

/// The means over corpora of precision, recall and F1, by the counts of each document.
fn means(corpora: &[Vec<Counts>]) -> (Option<f64>, Option<f64>, f64) {
    let counts: Vec<Counts> = corpora.iter().map(|documents| documents.iter().copied().sum()).collect();
    let mean = |of: fn(&Counts) -> Option<f64>| {
        let each = counts.iter().map(of).collect::<Option<Vec<f64>>>()?;
        Some(each.iter().sum::<f64>() / each.len() as f64)
    };
    let f1 = mean(|counts| Some(counts.f1())).unwrap_or_default();
    (mean(Counts::precision), mean(Counts::recall), f1)
}

/// The mean over corpora of F1, by the counts of each document.
pub fn mean_f1(corpora: &[Vec<Counts>]) -> f64 {
    means(corpora).2
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
    /// By the counts of each document, the base's and the model's, corpus by corpus: of several, the means over these.
    pub fn of(base: &[Vec<Counts>], model: &[Vec<Counts>]) -> Self {
        let (precision, recall, f1) = means(base);
        let (low, high) = f1_difference_interval(model, base, 0).unzip();
        Self { precision, recall, f1, difference: mean_f1(model) - f1, low, high }
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

    /// One of the corpora that it was trained on together.
    ///
    /// # Errors
    /// Where there is none of that name, in words.
    pub fn corpus(&self, name: &str) -> Result<&CardCorpus, String> {
        let known: Vec<&str> = self.corpora.iter().map(|corpus| &*corpus.name).collect();
        self.corpora.iter().find(|corpus| &*corpus.name == name).ok_or_else(|| unknown("corpus", name, &known))
    }

    /// The same of one of them alone, as if the model had been trained on that.
    #[must_use]
    pub fn like(self, corpus: &CardCorpus) -> Self {
        let mut relations: Vec<CardRelation> = corpus.own_relations().into_iter().map(|(_, own)| own).collect();
        relations.sort_by(|one, other| one.relation.cmp(&other.relation));
        let (train, dev, figures) = (corpus.train.clone(), corpus.dev.clone(), corpus.figures);
        Self { train, dev, profile: corpus.profile.clone(), relations, figures, corpora: Vec::new(), ..self }
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
        let (train, dev, corpora) = (split.clone(), split, Vec::new());
        let (settings, beside_recipe) = (json!({}), Vec::new());
        let (docre, figures, base) = ("0".into(), None, None);
        Card { docre, train, dev, profile, relations, figures, base, corpora, settings, beside_recipe }
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
    fn a_card_of_several_corpora_can_be_that_of_one() {
        let relation = |own: &str, facts, undirected, model: Option<&str>| CorpusRelation {
            told: CardRelation { relation: own.into(), label: Some(own.into()), facts, undirected },
            model: model.map(Into::into),
        };
        let relations = vec![
            relation("one", 1, false, Some("r")),
            relation("other", 2, true, Some("joined")),
            relation("third", 4, false, Some("joined")),
            relation("left out", 8, false, None),
        ];
        let of_all = card(false, &[("a", "a", 4, 2), ("a", "b", 4, 3)]);
        let of_one = card(false, &[("a", "a", 2, 0), ("a", "b", 2, 1)]);
        let corpus = CardCorpus {
            name: "c".into(),
            train: of_one.train.clone(),
            dev: of_one.dev.clone(),
            profile: of_one.profile,
            relations,
            figures: None,
        };
        let of_all = Card { corpora: vec![corpus.clone()], ..of_all };
        assert_eq!(of_all.corpus("c"), Ok(&corpus));
        assert_eq!(of_all.corpus("x"), Err("unknown corpus `x`, the nearest known one is `c`".to_owned()));
        assert_eq!(of_all.left_out(), BTreeSet::new());
        let like = of_all.like(&corpus);
        assert_eq!(like.left_out(), BTreeSet::from([("a".into(), "a".into())]));
        let told: Vec<_> = like.relations.iter().map(|told| (&*told.relation, told.facts, told.undirected)).collect();
        // Two that are one to the model have its name, and hold both ways where one of them does.
        assert_eq!(told, [("joined", 6, true), ("one", 1, false)]);
        let splits = SplitName::of_all([&like.train, &like.dev].into_iter());
        assert_eq!((&*splits.corpus, &*splits.split, splits.documents), ("c", "s", 2));
    }

    #[test]
    fn a_model_is_better_than_its_base_where_its_f1_is_above() {
        let document = |true_positives| Counts { true_positives, predicted: 4, gold: 4, known: 0 };
        let [base, model] = [[1, 2, 2], [2, 3, 4]].map(|correct| [correct.map(document).to_vec()]);
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
        let figures = Figures::of(1, 2, &[vec![Counts { true_positives: 1, predicted: 3, gold: 2, known: 0 }]]);
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
