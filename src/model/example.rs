//! A document as a model sees it, and its labels as tensors.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use candle_core::{Device, Result, Tensor};

use encoder::Input;
use ground::Text;

/// The threshold class: between the relations that hold and those that don't.
pub const THRESHOLD: u32 = 0;

/// The relations that a model tells apart. Class 0 is the threshold; relation i is class i + 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relations {
    names: Vec<Text>,
    classes: BTreeMap<Text, u32>,
    absent: Vec<u32>,
}

impl Relations {
    /// These relations, in their order.
    pub fn new(names: impl IntoIterator<Item = Text>) -> Self {
        let names: Vec<Text> = names.into_iter().collect();
        let classes = names.iter().cloned().zip(1..).collect();
        Self { names, classes, absent: Vec::new() }
    }

    /// The same for documents of a corpus that calls them otherwise, and not all of them anything: `names` has for each
    /// relation of the corpus the one that it is here. Several may be one.
    #[must_use]
    pub fn called(&self, names: &BTreeMap<Text, Text>) -> Self {
        let class = |(own, name): (&Text, &Text)| Some((own.clone(), self.class(name)?));
        let classes: BTreeMap<Text, u32> = names.iter().filter_map(class).collect();
        let told: BTreeSet<u32> = classes.values().copied().collect();
        let absent = (1..self.n_classes() as u32).filter(|class| !told.contains(class)).collect();
        Self { names: self.names.clone(), classes, absent }
    }

    /// The same under other names, by class less one.
    #[must_use]
    pub fn named(self, names: Vec<Text>) -> Self {
        Self { names, ..self }
    }

    /// Their names, by class less one.
    pub fn names(&self) -> &[Text] {
        &self.names
    }

    /// How many classes there are, the threshold included.
    pub fn n_classes(&self) -> usize {
        self.names.len() + 1
    }

    /// A relation's class.
    pub fn class(&self, name: &str) -> Option<u32> {
        self.classes.get(name).copied()
    }

    /// The classes of which the corpus says nothing, ascending.
    pub fn absent(&self) -> &[u32] {
        &self.absent
    }
}

/// A document as a model sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Example {
    /// Its name.
    pub doc_id: Text,
    /// Its pieces.
    pub ids: Vec<u32>,
    /// The places of all mentions, entity by entity.
    pub mentions: Vec<u32>,
    /// The places where the same end, in the same order; a model that reads where they begin alone needs none.
    pub mention_ends: Vec<u32>,
    /// How many of them each entity has; 0 where all are cut off.
    pub n_mentions: Vec<usize>,
    /// The pairs to be classified: (head, tail).
    pub pairs: Vec<(u32, u32)>,
    /// The classes of the relations that hold, for each pair; empty for none.
    pub labels: Vec<Vec<u32>>,
    /// The classes of relations that nobody has annotated in it, ascending: that a pair lacks one of them says nothing.
    pub absent: Vec<u32>,
    /// Pieces that it lost at its end.
    pub truncated: u32,
    /// Where each of its sentences begins, with the marker of a mention that begins there; where its last piece is, if it
    /// is cut off. None where they are not known.
    pub sentences: Vec<u32>,
    /// The sentences that support what holds of some of its pairs, (head, tail), where that is to be learnt.
    pub evidence: Vec<((u32, u32), Vec<u32>)>,
    /// Relations with which inference begins, in place of what the model's base predicts, where another system gives
    /// them: (head, tail, class).
    pub first: Option<Vec<(u32, u32, u32)>>,
    /// What a base made of its pairs before, where it is not to be asked again.
    pub kept: Option<Kept>,
}

/// The features that a base has made of the pairs of a document which the model looks at: `(pairs, width)`, on the CPU.
#[derive(Debug, Clone)]
pub struct Kept(pub Tensor);

impl PartialEq for Kept {
    /// Whether it is the same tensor: what others hold is not compared.
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}

impl Eq for Kept {}

impl Example {
    /// How many entities it has.
    pub fn n_entities(&self) -> usize {
        self.n_mentions.len()
    }

    /// The pieces of each sentence. The last piece ends the document, and is of none.
    pub fn sentence_spans(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = self.sentences.iter().map(|&start| start as usize);
        let ends = starts.clone().skip(1).chain([self.ids.len().saturating_sub(1)]);
        starts.zip(ends).map(|(start, end)| start..end)
    }

    /// The classes of [`Example::first`] for each of its pairs, sorted.
    pub fn first_classes(&self) -> Option<Vec<Vec<u32>>> {
        let mut by_pair: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
        for &(head, tail, class) in self.first.as_ref()? {
            by_pair.entry((head, tail)).or_default().push(class);
        }
        let of_pair = |pair: &(u32, u32)| {
            let mut classes = by_pair.get(pair).cloned().unwrap_or_default();
            classes.sort_unstable();
            classes.dedup();
            classes
        };
        Some(self.pairs.iter().map(of_pair).collect())
    }

    /// What the encoder reads where its attention is wanted where mentions begin.
    pub fn input(&self) -> Input<'_> {
        Input { ids: &self.ids, rows: &self.mentions }
    }
}

/// The labels of all pairs of some documents, in order: `(pairs, classes)`, 1 where a relation holds, else 0. The
/// threshold's column is 0.
///
/// # Errors
/// Where the device refuses.
pub fn labels(examples: &[Example], n_classes: usize, device: &Device) -> Result<Tensor> {
    let sets = examples.iter().flat_map(|example| &example.labels);
    ones(sets.map(Vec::as_slice), n_classes, device)
}

/// Sets of relations as rows of `(sets, classes)`, 1 where the set has the relation, else 0; of an empty set the
/// threshold's column is 1.
///
/// # Errors
/// Where the device refuses.
pub fn indicators(sets: &[&[u32]], n_classes: usize, device: &Device) -> Result<Tensor> {
    ones(sets.iter().map(|set| or_threshold(set)), n_classes, device)
}

fn or_threshold(set: &[u32]) -> &[u32] {
    if set.is_empty() { &[THRESHOLD] } else { set }
}

fn ones<'a>(sets: impl Iterator<Item = &'a [u32]>, n_classes: usize, device: &Device) -> Result<Tensor> {
    let mut rows = Vec::new();
    for set in sets {
        let first = rows.len();
        rows.resize(first + n_classes, 0f32);
        for &class in set {
            if let Some(one) = rows.get_mut(first..).and_then(|row| row.get_mut(class as usize)) {
                *one = 1.0;
            }
        }
    }
    let n_sets = rows.len() / n_classes.max(1);
    Tensor::from_vec(rows, (n_sets, n_classes), device)
}
