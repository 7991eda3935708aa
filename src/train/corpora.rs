//! Several corpora that a model learns from together. Each has relations of its own, of which some may be those of another,
//! and says nothing of relations that others alone annotate: there no pair of its documents counts as negative.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use checkpoint::{CardCorpus, CardRelation, CorpusRelation};
use examples::Profile;
use ground::folder_name;
use ground::suggest::unknown;
use model::example::Relations;
use table::rows::PairRow;
use table::{Standing, Text};

use super::TrainError;
use super::card;
use super::config::TrainConfig;
use super::corpus_config::CorpusConfig;

/// How near to 1 shares must add up.
const EXACT: f64 = 1e-9;

impl TrainConfig {
    /// All of its corpora: where none is named, there is one.
    pub(super) fn all_corpora(&self) -> Vec<CorpusConfig> {
        if self.corpora.is_empty() {
            let (train, dev) = (Some(self.train.clone()), Some(self.dev.clone()));
            return vec![CorpusConfig { train, dev, ..CorpusConfig::default() }];
        }
        self.corpora.clone()
    }

    /// The folders of the two splits of a corpus.
    fn splits(&self, corpus: &CorpusConfig) -> [PathBuf; 2] {
        [(&corpus.train, &self.train), (&corpus.dev, &self.dev)].map(|(own, of_all)| {
            let split = own.as_ref().map_or_else(|| Path::new(&corpus.name).join(of_all), PathBuf::from);
            self.corpus.join(split)
        })
    }

    /// The settings that say where its splits are, each with what their corpus is called; of several corpora, with what is
    /// so where they do not say it.
    pub fn places(&mut self) -> Vec<(String, &mut String)> {
        if self.corpora.is_empty() {
            let corpus = folder_name(&self.corpus);
            return vec![(corpus.clone(), &mut self.train), (corpus, &mut self.dev)];
        }
        let of_all = [&*self.train, &*self.dev];
        self.corpora.iter_mut().flat_map(|corpus| corpus.places(of_all)).collect()
    }

    /// Whether the corpora can be told from each other, and share an epoch.
    pub(super) fn check_corpora(&self) -> Result<(), String> {
        self.corpora.iter().try_for_each(CorpusConfig::check)?;
        let mut names = BTreeSet::new();
        if let Some(corpus) = self.corpora.iter().find(|corpus| !names.insert(&corpus.name)) {
            return Err(format!("`corpora`: expected each name once, got `{}` twice", corpus.name));
        }
        let shares: Vec<f64> = self.corpora.iter().filter_map(|corpus| corpus.share).collect();
        let (sum, is_all) = (shares.iter().sum::<f64>(), shares.len() == self.corpora.len());
        let (fits, expected) = match (shares.is_empty(), is_all) {
            (true, _) => (true, ""),
            (_, true) => ((sum - 1.0).abs() < EXACT, "1"),
            _ => (sum < 1.0, "less than 1, as not all corpora have one"),
        };
        if fits { Ok(()) } else { Err(format!("`corpora`: expected shares of together {expected}, got {sum}")) }
    }
}

/// A corpus as a run takes it.
pub struct Corpus {
    config: CorpusConfig,
    /// The folders of the split to train on, and of that which chooses the best checkpoint.
    pub splits: [PathBuf; 2],
    /// The same as they stand.
    pub standing: [Standing; 2],
    /// Its relations, as it calls them, with its facts.
    told: Vec<CardRelation>,
    /// What the model calls those that it learns.
    names: BTreeMap<Text, Text>,
}

impl Corpus {
    /// All of a run's.
    ///
    /// # Errors
    /// Where a split cannot be used, or the settings name relations that their corpus does not have.
    pub fn all(config: &TrainConfig) -> Result<Vec<Self>, TrainError> {
        config.all_corpora().into_iter().map(|corpus| Self::of(config.splits(&corpus), corpus)).collect()
    }

    fn of(splits: [PathBuf; 2], config: CorpusConfig) -> Result<Self, TrainError> {
        let standing = [Standing::of(&splits[0])?, Standing::of(&splits[1])?];
        splits.iter().try_for_each(|split| check_labels(split))?;
        let told = card::relations(&splits)?;
        let known: Vec<&str> = told.iter().map(|told| &*told.relation).collect();
        if let Some(name) = config.relations.keys().chain(&config.leave_out).find(|name| !known.contains(&&***name)) {
            let reason = unknown("relation", name, &known);
            return Err(TrainError::Config(format!("`corpora`: `{}`: {reason}", config.name)));
        }
        let called = |told: &CardRelation| Some((told.relation.clone(), config.called(&told.relation)?));
        let names = told.iter().filter_map(called).collect();
        Ok(Self { config, splits, standing, told, names })
    }

    /// What it is called; nothing where there is no other.
    pub fn name(&self) -> Option<&str> {
        Some(&*self.config.name).filter(|name| !name.is_empty())
    }

    /// Its share of an epoch's documents, where the settings say it.
    pub fn share(&self) -> Option<f64> {
        self.config.share
    }

    /// The model's relations, as it calls them.
    pub fn classes(&self, relations: &Relations) -> Relations {
        if self.name().is_some() { relations.called(&self.names) } else { relations.clone() }
    }

    /// Whether it has relations that the model does not learn.
    pub fn leaves_out(&self) -> bool {
        !self.config.leave_out.is_empty()
    }

    /// What a document is called among those of all corpora.
    pub fn document(&self, doc_id: &Text) -> Text {
        self.name().map_or_else(|| doc_id.clone(), |name| format!("{name}/{doc_id}").into())
    }

    /// What the card says of it, before an epoch has ended.
    pub fn card(&self, dev: u64, profile: &Profile) -> Result<CardCorpus, TrainError> {
        let relation =
            |told: &CardRelation| CorpusRelation { told: told.clone(), model: self.names.get(&told.relation).cloned() };
        Ok(CardCorpus {
            name: self.config.name.as_str().into(),
            train: card::split_name(&self.splits[0], &self.standing[0], profile.documents)?,
            dev: card::split_name(&self.splits[1], &self.standing[1], dev)?,
            profile: profile.clone(),
            relations: self.told.iter().map(relation).collect(),
            figures: None,
        })
    }
}

/// The relations that a model learns from some corpora, by name.
pub fn relations(corpora: &[Corpus]) -> Vec<CardRelation> {
    let mut relations: BTreeMap<&Text, CardRelation> = BTreeMap::new();
    for corpus in corpora {
        for told in &corpus.told {
            let Some(name) = corpus.names.get(&told.relation) else { continue };
            let new = || CardRelation { relation: name.clone(), label: None, facts: 0, undirected: false };
            let joined = relations.entry(name).or_insert_with(new);
            joined.facts += told.facts;
            joined.undirected |= told.undirected;
            // What goes by another name here may mean less than what it is joined with.
            let keeps_label = !corpus.config.relations.contains_key(&told.relation);
            joined.label = joined.label.take().or_else(|| told.label.clone().filter(|_| keeps_label));
        }
    }
    relations.into_values().collect()
}

fn check_labels(split: &Path) -> Result<(), TrainError> {
    for rows in table::read::<PairRow>(split)? {
        if let Some(pair) = rows?.into_iter().find(|pair| pair.labels.is_none()) {
            return Err(TrainError::Unlabelled { split: split.to_path_buf(), document: pair.doc_id.to_string() });
        }
    }
    Ok(())
}
