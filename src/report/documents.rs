//! A split's tables and predicted facts → documents as the reader shows them, each fact with its verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use ground::counts::Verdict;
use ground::observe::Observer;
use ground::spacing::blanks;
use table::rows::{DocumentRow, EntityRow, FactRow, MentionRow, PairRow, TokenRow};
use table::{Followers, Scratch, TableError, Text, Walk};

use crate::error::ReportError;
use crate::predictions::{Places, Prediction, Predictions};
use crate::shares::{OfPairs, Share, Shares, rounded};
use crate::traces::{Change, Traces};

/// Tokens of a document that a page has at most, each an element where it is part of a mention.
const MOST_TOKENS: usize = 20_000;
/// Facts of a document that a page has at most, each a line of its list.
const MOST_FACTS: usize = 2_000;
/// Changes of a document that a page has at most.
const MOST_CHANGES: usize = 2_000;
/// Sentences of predicted evidence that a fact has at most in a page, and of those that it was looked for in.
const MOST_SHARES: usize = 200;
/// By how much a probability differs from another one at least, for a reader.
const NOTICED: f32 = 1e-3;

/// A document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// Its name in the corpus.
    pub id: Text,
    /// Its title.
    pub title: Text,
    /// Whether it is known which relations hold.
    pub labelled: bool,
    /// Its sentences: tokens, each with the space before it, if there is one.
    pub sentences: Vec<Vec<String>>,
    /// How many sentences it has, where these are not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_sentences: Option<usize>,
    /// Its entities, by `entity_id`.
    pub entities: Vec<Entity>,
    /// Its mentions.
    pub mentions: Vec<Mention>,
    /// What is gold or predicted, sorted by head, tail and relation.
    pub facts: Vec<Fact>,
    /// How many facts it has, where these are not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_facts: Option<usize>,
    /// What inference changed, sorted by head, tail and iteration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// How many pairs inference changed, where these are not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_changed: Option<usize>,
}

/// An entity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entity {
    /// The name of its first mention.
    pub name: Text,
    /// Its type.
    pub r#type: Text,
    /// Its identifier in a knowledge base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kb_id: Option<Text>,
}

/// A mention: half-open, in tokens of the document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mention {
    /// The entity that it names, where the source says which.
    pub entity: Option<u32>,
    /// Its first token.
    pub start: u32,
    /// One past its last.
    pub end: u32,
    /// Its type.
    pub r#type: Text,
}

/// A fact that is gold, predicted or both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fact {
    /// The entity that is its head.
    pub head: u32,
    /// The entity that is its tail.
    pub tail: u32,
    /// The relation.
    pub relation: Text,
    /// What became of it; none where the run has nothing to do with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What became of it in the other run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<Verdict>,
    /// Sentences between the closest mentions of the two.
    pub distance: Option<u32>,
    /// What the run says of it.
    #[serde(flatten)]
    pub claim: Claim,
    /// What the other run says of its probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_probability: Option<f32>,
    /// Gold evidence: sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<u32>,
    /// Predicted evidence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub predicted_evidence: Vec<Share>,
    /// How many sentences that is, where these are not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_evidence: Option<usize>,
    /// Sentences that the model looked at and that are no predicted evidence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub looked_at: Vec<Share>,
    /// How many sentences that is, where these are not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_looked_at: Option<usize>,
}

/// What a run says of a fact, as far as it says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Claim {
    /// The prediction's probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f32>,
    /// The same before inference, where it is of the same making: a calibrated probability is not compared with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<f32>,
    /// What inference did to it, by the model's own threshold; not said of what only a decision with a lower one predicts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference: Option<Inferred>,
    /// The iteration of inference at which it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iteration: Option<u32>,
    /// How far the prediction's logit lies above the threshold's.
    #[serde(skip)]
    pub margin: Option<f32>,
}

/// What inference did to a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Inferred {
    /// The base had made it.
    Kept,
    /// Inference alone made it.
    Added,
}

impl Inferred {
    /// By what the base had said, to its last digit.
    fn of(base: f32) -> Self {
        if base > 0.5 { Self::Kept } else { Self::Added }
    }
}

/// Whose predictions are shown beside a split, and what inference did to them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown<'s> {
    /// The predictions.
    pub relations: Option<&'s Path>,
    /// The table of their evidence.
    pub evidence: Option<&'s Path>,
    /// The table of how much the model looked at each sentence.
    pub sentence_weights: Option<&'s Path>,
    /// Those of another run.
    pub against: Option<&'s Path>,
    /// The table of what inference changed.
    pub traces: Option<&'s Path>,
}

/// A split, walked document by document; a document's rows, but for its pairs, are all that is in memory.
pub struct Split {
    walk: Walk<(TokenRow, EntityRow, MentionRow, FactRow)>,
    pairs: Followers<(PairRow,)>,
    predictions: Predictions,
    others: Option<Predictions>,
    evidence: Option<Shares>,
    weights: Option<Shares>,
    traces: Option<Traces>,
    position: u32,
}

impl Split {
    /// The start of a split; what is shown beside it may be in any order, and is sorted in `scratch`.
    ///
    /// # Errors
    /// Where a table is missing or not as its schema says, or `scratch` cannot be written.
    pub fn open(
        folder: &Path,
        shown: Shown<'_>,
        scratch: &Scratch,
        observe: Observer<'_>,
    ) -> Result<Self, ReportError> {
        let walk = Walk::open(folder)?;
        let places = Places::of(folder)?;
        let sorted =
            |path: &Path, name: &str| Predictions::sorted((folder, &places), path, scratch.folder(name), observe);
        let evidence = shown.evidence.map(|path| Shares::of_evidence(&places, path, scratch.folder("evidence")));
        let weights = shown.sentence_weights.map(|path| Shares::of_weights(&places, path, scratch.folder("weights")));
        let traces = shown.traces.map(|path| Traces::sorted(&places, path, scratch.folder("changes")));
        Ok(Self {
            pairs: Followers::open(folder, walk.standing())?,
            walk,
            predictions: shown.relations.map_or_else(|| Ok(Predictions::none()), |path| sorted(path, "sorted"))?,
            others: shown.against.map(|path| sorted(path, "others")).transpose()?,
            evidence: evidence.transpose()?,
            weights: weights.transpose()?,
            traces: traces.transpose()?,
            position: 0,
        })
    }

    /// What the run and the other are called by their predictions.
    pub fn runs(&self) -> [Option<Text>; 2] {
        [self.predictions.run.clone(), self.others.as_ref().and_then(|others| others.run.clone())]
    }

    /// The next document; `None` behind the last.
    ///
    /// # Errors
    /// Where a table is damaged, or has rows of no document.
    pub fn next(&mut self) -> Result<Option<Document>, TableError> {
        let Some((row, (tokens, entities, mentions, gold))) = self.walk.next().transpose()? else {
            self.pairs.finish()?;
            return Ok(None);
        };
        let position = self.position;
        self.position += 1;
        let is_gold = gold.iter().map(|row| (row.head, row.tail, row.relation.clone())).collect::<BTreeSet<_>>();
        let is_gold = |head, tail, relation: &Text| is_gold.contains(&(head, tail, relation.clone()));
        let changes = self.traces.as_mut().map(|traces| traces.of(position, row.labelled, is_gold)).transpose()?;
        let facts = self.facts(&row, position, gold)?;
        Ok(Some(Document {
            // What has no title is called by its name.
            title: if row.title.trim().is_empty() { row.doc_id.clone() } else { row.title },
            id: row.doc_id,
            labelled: row.labelled,
            sentences: sentences(&tokens, row.n_sentences),
            n_sentences: None,
            entities: entities.into_iter().map(Entity::from).collect(),
            mentions: mentions.into_iter().map(Mention::from).collect(),
            facts,
            n_facts: None,
            changes: changes.unwrap_or_default(),
            n_changed: None,
        }))
    }

    /// The facts of a document, less those of pairs that are no candidates, which do not count.
    fn facts(&mut self, document: &DocumentRow, position: u32, gold: Vec<FactRow>) -> Result<Vec<Fact>, TableError> {
        let predicted = self.predictions.of(position)?;
        let others = self.others.as_mut().map(|others| others.of(position)).transpose()?;
        let mut facts = judged(document.labelled, gold, predicted, others);
        let mut pairs: BTreeMap<(u32, u32), Option<PairRow>> =
            facts.iter().map(|fact| ((fact.head, fact.tail), None)).collect();
        while let Some(pair) = self.pairs.next_of(&document.doc_id)? {
            if let Some(place) = pairs.get_mut(&(pair.head, pair.tail)) {
                *place = Some(pair);
            }
        }
        let pair = |fact: &Fact| pairs.get(&(fact.head, fact.tail)).and_then(Option::as_ref);
        facts.retain(|fact| pair(fact).is_none_or(|pair| pair.candidate));
        for fact in &mut facts {
            fact.distance = pair(fact).map(|pair| pair.sentence_distance);
        }
        self.support(&mut facts, position)?;
        Ok(facts)
    }

    /// Says of a document's facts which sentences bear them out: evidence is of what is predicted, weights of all.
    fn support(&mut self, facts: &mut [Fact], position: u32) -> Result<(), TableError> {
        let of = |shares: &mut Option<Shares>| shares.as_mut().map_or(Ok(OfPairs::default()), |all| all.of(position));
        let (evidence, weights) = (of(&mut self.evidence)?, of(&mut self.weights)?);
        for fact in facts {
            let pair = (fact.head, fact.tail);
            if fact.is_predicted() && fact.predicted_evidence.is_empty() {
                fact.predicted_evidence = evidence.of(pair).to_vec();
            }
            let is_evidence =
                |share: &&Share| fact.predicted_evidence.iter().any(|other| other.sentence == share.sentence);
            fact.looked_at = weights.of(pair).iter().filter(|share| !is_evidence(share)).copied().collect();
        }
        Ok(())
    }

    /// Predictions of the next document that the split has not, once it was walked: wrong ones, those of the run and of
    /// the other side by side. None behind the last.
    ///
    /// # Errors
    /// Where what was sorted cannot be read.
    pub fn next_strays(&mut self) -> Result<Vec<Fact>, TableError> {
        let others = self.others.as_mut().map_or(Ok(None), Predictions::next_document)?;
        let Some(document) = self.predictions.next_document()?.into_iter().chain(others).min() else {
            return Ok(Vec::new());
        };
        let predicted = self.predictions.about(&document)?;
        let others = self.others.as_mut().map(|others| others.about(&document)).transpose()?;
        Ok(judged(true, Vec::new(), predicted, others))
    }
}

impl Document {
    /// As much of it as a browser can show: the beginning of its text, the mentions in that, and its first facts.
    #[must_use]
    pub fn cut(mut self) -> Self {
        let mut room = MOST_TOKENS;
        let n_sentences = self.sentences.len();
        let mut is_cut = false;
        self.sentences.retain_mut(|sentence| {
            let kept = sentence.len().min(room);
            is_cut |= kept < sentence.len();
            sentence.truncate(kept);
            room -= kept;
            !is_cut || kept > 0
        });
        if is_cut {
            self.n_sentences = Some(n_sentences);
            self.mentions.retain(|mention| mention.end as usize <= MOST_TOKENS);
        }
        self.n_facts = cut(&mut self.facts, MOST_FACTS);
        for fact in &mut self.facts {
            fact.n_evidence = cut(&mut fact.predicted_evidence, MOST_SHARES);
            fact.n_looked_at = cut(&mut fact.looked_at, MOST_SHARES);
        }
        // A pair is shown with all of its changes, or not at all.
        if let Some(beyond) = self.changes.get(MOST_CHANGES).map(Change::pair) {
            self.n_changed = Some(self.changes.chunk_by(|a, b| a.pair() == b.pair()).count());
            self.changes.truncate(MOST_CHANGES);
            self.changes.retain(|change| change.pair() != beyond);
        }
        self
    }
}

/// Leaves the first of a list; how many there were, where these are not all.
fn cut<T>(list: &mut Vec<T>, most: usize) -> Option<usize> {
    let all = list.len();
    list.truncate(most);
    (all > most).then_some(all)
}

impl From<EntityRow> for Entity {
    fn from(EntityRow { name, r#type, kb_id, .. }: EntityRow) -> Self {
        Self { name, r#type, kb_id }
    }
}

impl From<MentionRow> for Mention {
    fn from(MentionRow { entity_id, token_start, token_end, r#type, .. }: MentionRow) -> Self {
        Self { entity: entity_id, start: token_start, end: token_end, r#type }
    }
}

/// Gold facts of a document and those that one run or two predict as sets, put side by side.
fn judged(
    labelled: bool,
    gold: Vec<FactRow>,
    predicted: Vec<Prediction>,
    others: Option<Vec<Prediction>>,
) -> Vec<Fact> {
    let is_compared = others.is_some();
    let mut sides: BTreeMap<(u32, u32, Text), Sides> = BTreeMap::new();
    for row in gold {
        sides.entry((row.head, row.tail, row.relation)).or_default().gold = Some(row.evidence);
    }
    for mut row in predicted {
        let sides = sides.entry((row.head, row.tail, row.relation.clone())).or_default();
        if sides.claim.is_none() {
            sides.named = std::mem::take(&mut row.evidence);
            sides.claim = Some(Claim::from(row));
        }
    }
    for row in others.into_iter().flatten() {
        let place = &mut sides.entry((row.head, row.tail, row.relation.clone())).or_default().other;
        *place = place.or(Some(Claim::from(row)));
    }
    let fact = |((head, tail, relation), Sides { gold, claim, named, other })| {
        let verdict = |claim: Option<Claim>| verdict(labelled, gold.is_some(), claim.is_some());
        Fact {
            head,
            tail,
            relation,
            verdict: verdict(claim),
            other: is_compared.then(|| verdict(other)).flatten(),
            distance: None,
            claim: claim.unwrap_or_default(),
            other_probability: other.and_then(|other| other.probability),
            evidence: gold.unwrap_or_default(),
            predicted_evidence: named.into_iter().map(Share::unweighed).collect(),
            n_evidence: None,
            looked_at: Vec::new(),
            n_looked_at: None,
        }
    };
    sides.into_iter().map(fact).collect()
}

impl Fact {
    /// Whether the run predicts it.
    pub fn is_predicted(&self) -> bool {
        self.verdict.is_some_and(|verdict| verdict != Verdict::Missed)
    }
}

/// What is known of a fact.
#[derive(Default)]
struct Sides {
    /// Its evidence, where it is gold.
    gold: Option<Vec<u32>>,
    claim: Option<Claim>,
    /// The sentences that the prediction itself names as its evidence.
    named: Vec<u32>,
    other: Option<Claim>,
}

fn verdict(labelled: bool, is_gold: bool, is_predicted: bool) -> Option<Verdict> {
    match (is_gold, is_predicted) {
        (true, true) => Some(Verdict::Correct),
        (true, false) => Some(Verdict::Missed),
        (false, true) if labelled => Some(Verdict::Wrong),
        (false, true) => Some(Verdict::Unjudged),
        (false, false) => None,
    }
}

impl From<Prediction> for Claim {
    fn from(row: Prediction) -> Self {
        let is_plain = |probability: f32, margin: f32| (probability - 1.0 / (1.0 + (-margin).exp())).abs() < NOTICED;
        let is_plain =
            row.probability.zip(row.margin).is_some_and(|(probability, margin)| is_plain(probability, margin));
        let is_models_own = row.margin.is_some_and(|margin| margin > 0.0);
        Self {
            probability: row.probability.map(rounded),
            base: row.base_probability.filter(|_| is_plain).map(rounded),
            inference: row.base_probability.filter(|_| is_models_own).map(Inferred::of),
            iteration: row.iteration,
            margin: row.margin,
        }
    }
}

/// A document's sentences: their tokens, each with the space before it, if there is one.
fn sentences(tokens: &[TokenRow], n_sentences: u32) -> Vec<Vec<String>> {
    let mut sentences = vec![Vec::new(); n_sentences as usize];
    for sentence in tokens.chunk_by(|a, b| a.sent_id == b.sent_id) {
        let Some(place) = sentence.first().and_then(|token| sentences.get_mut(token.sent_id as usize)) else {
            continue;
        };
        let blanks = blanks(sentence.iter().map(|token| (&*token.text, token.char_start.zip(token.char_end))));
        let spaced = |(token, blanks): (&TokenRow, u32)| format!("{}{}", if blanks > 0 { " " } else { "" }, token.text);
        *place = sentence.iter().zip(blanks).map(spaced).collect();
    }
    sentences
}
