//! What synthetic documents are like.

use ground::pattern::Pattern;
use ground::settings::{Settings, within};
use serde::{Deserialize, Serialize};

/// What documents to make. The defaults give some 13 sentences, 105 tokens and 14 entities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The same seed gives the same documents.
    pub seed: u64,
    /// Stated facts a document, on average: from 4 to 100. Sentences are fewer, as one states both directions of a
    /// symmetric relation.
    pub facts: usize,
    /// Share of implied facts among all, aimed at: from 0 (none) to 0.5.
    pub implied_share: f64,
    /// Rules between an implied fact and stated ones, at most: from 1 to 4.
    pub chain_length: u32,
    /// The rules: those of these patterns. At least one pattern.
    #[serde(alias = "pattern")]
    pub patterns: Vec<Pattern>,
    /// Sentences that put two entities side by side and state no relation, at most 200.
    pub distractors: usize,
    /// Probability that a fact is stated across two sentences.
    pub across: f64,
    /// Probability that a fact stated in one sentence is put in rare words.
    pub paraphrase: f64,
    /// Probability that a fact, stated or implied, is missing from the labels though it holds.
    pub label_noise: f64,
    /// Probability, for each fact that holds, that the labels have a false one of its relation too, as distant labels do.
    #[serde(skip_serializing_if = "is_nothing")]
    pub false_facts: f64,
}

/// More would use up the names.
pub(super) const MOST_FACTS: usize = 100;

/// Without it, what is made is what earlier versions made, under the same identity.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_nothing(probability: &f64) -> bool {
    *probability == 0.0
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 0,
            facts: 11,
            implied_share: 0.33,
            chain_length: 2,
            patterns: Pattern::ALL.to_vec(),
            distractors: 3,
            across: 0.25,
            paraphrase: 0.05,
            label_noise: 0.0,
            false_facts: 0.0,
        }
    }
}

impl Settings for Options {
    fn check(&self) -> Result<(), String> {
        within("facts", self.facts, 4, MOST_FACTS)?;
        within("implied_share", self.implied_share, 0.0, 0.5)?;
        within("chain_length", self.chain_length, 1, 4)?;
        within("distractors", self.distractors, 0, 200)?;
        within("across", self.across, 0.0, 1.0)?;
        within("paraphrase", self.paraphrase, 0.0, 1.0)?;
        within("label_noise", self.label_noise, 0.0, 1.0)?;
        within("false_facts", self.false_facts, 0.0, 1.0)?;
        if self.patterns.is_empty() {
            return Err("`patterns`: expected at least one pattern, got none".to_owned());
        }
        Ok(())
    }
}
