//! Documents scored a second time, on what is evidence in them alone (EIDER, Xie et al. 2022, section 3.3; DREEAM, Ma et al.
//! 2023, section 3.4): what a pair's sentences say, without what stands around them.
//!
//! A pair's evidence are the sentences whose weight a run before has found above the decision's threshold, and, as in
//! DREEAM's program, where they do not mention one of its entities, the sentence that mentions it first. These
//! sentences, in their order, are a document of their own, a cut, with the mentions that stand in them: pairs of one
//! evidence share one. A model sees all candidates of a cut, as it would of such a document, so what infers over pairs
//! infers over these; of what it thinks of them the pair's own is kept. (DREEAM's program also gives a pair the best
//! that the cuts of others say of it, in which its entities happen to be mentioned. EIDER's equation has one score of a
//! pair, of its own evidence, and so has this: the more pairs a document has, the more often the best of many is a
//! chance find.)
//!
//! Entities, and the markers around them, keep the numbers that they have in the document. A pair without evidence, by whose
//! weights no sentence stands out or whose entity is cut off, is not scored.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use decide::{Sentences, Shares};
use examples::Batch;
use ground::identity::Identity;
use ground::up_to_error;
use model::example::Example;
use model::predict::Found;
use table::rows::{DocumentRow, SentenceWeightRow};
use table::{Row, Snapshot, Standing, Table, TableError, TableFiles, Text, identity, in_or_at};

use super::error::ScoreError;

/// What was evidence to a run before.
#[derive(Debug, Clone)]
pub struct OnEvidence {
    /// Its table of the weights of sentences.
    weights: PathBuf,
    /// Its files as they are identified.
    snapshot: Snapshot,
    /// Above which of them a sentence is evidence.
    pub threshold: f32,
}

/// The sentences of a document that are the evidence of some of its pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The document's place among those that are scored together.
    pub document: usize,
    /// The sentences, in order.
    pub sentences: Vec<u32>,
    /// The pairs, (head, tail).
    pub pairs: BTreeSet<(u32, u32)>,
}

/// The pieces of a cut.
struct Pieces {
    ids: Vec<u32>,
    /// Where each sentence of the document begins among them.
    starts: BTreeMap<u32, u32>,
}

/// The shares of sentences, by document.
pub type SharesOf = BTreeMap<Text, Shares>;

impl OnEvidence {
    /// The weights at a path, a folder that holds the table or the table itself, for a run that goes into `out`.
    ///
    /// # Errors
    /// Where there are none, or `out` is where they lie: the run before is needed beside this one.
    pub fn of(path: &Path, out: &Path, threshold: f32) -> Result<Self, ScoreError> {
        let Some((weights, _)) = in_or_at::<SentenceWeightRow>(path)? else {
            return Err(ScoreError::NoWeights(path.to_path_buf()));
        };
        let place = |path: &Path| path.canonicalize().ok();
        if place(&out.join(&SentenceWeightRow::schema().name)).is_some_and(|standing| Some(standing) == place(&weights))
        {
            return Err(ScoreError::OverItself(out.to_path_buf()));
        }
        let snapshot = Snapshot::of(&TableFiles::require_at(&weights)?)?;
        Ok(Self { weights, snapshot, threshold })
    }

    /// Refuses weights that were put in the place of those that it was made of.
    ///
    /// # Errors
    /// Where there are any, or the system refuses to look.
    pub fn check(&self) -> Result<(), TableError> {
        self.snapshot.check()
    }

    /// Identifies scores of this evidence, of what identifies those of the documents.
    pub fn identity(&self, scores: &str) -> Result<String, ScoreError> {
        let weights = identity(&TableFiles::require_at(&self.weights)?)?;
        let identity = Identity::of("scores on evidence").field("scores", scores).field("weights", &weights);
        Ok(identity.field("threshold", &self.threshold).finish())
    }

    /// Batches of the documents of a split from a place on, each with the shares of its sentences.
    ///
    /// # Errors
    /// Where the weights cannot be read, or are of documents that the split lacks.
    pub fn beside<B: Iterator<Item = Result<Batch, ScoreError>>>(
        &self,
        split: &Path,
        (first, is_to_the_end): (usize, bool),
        mut batches: B,
    ) -> Result<impl Iterator<Item = Result<(Batch, SharesOf), ScoreError>> + use<B>, ScoreError> {
        let mut sentences = Sentences::open(std::slice::from_ref(&self.weights))?;
        let mut documents = Table::<DocumentRow>::require(split)?.of_split(&Standing::of(split)?).cursor()?;
        for _ in 0..first {
            let Some(document) = documents.next_if(|_| true)? else { break };
            sentences.of(&document.doc_id)?;
        }
        Ok(up_to_error(move || {
            let Some(batch) = batches.next().transpose()? else {
                if is_to_the_end {
                    sentences.finish()?;
                }
                return Ok(None);
            };
            let of = |example: &Example| Ok((example.doc_id.clone(), sentences.of(&example.doc_id)?));
            let shares = batch.examples.iter().map(of).collect::<Result<_, ScoreError>>()?;
            Ok(Some((batch, shares)))
        }))
    }

    /// The cuts of some documents, document by document.
    ///
    /// # Errors
    /// Where a weight is of a sentence that its document does not have.
    pub fn cuts(&self, examples: &[Example], shares: &SharesOf) -> Result<Vec<Cut>, ScoreError> {
        let mut cuts = Vec::new();
        for (document, example) in examples.iter().enumerate() {
            let Some(shares) = shares.get(&example.doc_id) else { continue };
            let mut of_document: BTreeMap<Vec<u32>, BTreeSet<(u32, u32)>> = BTreeMap::new();
            let mentioned = mentioned(example);
            for &pair in &example.pairs {
                if let Some(sentences) = self.evidence(example, shares, &mentioned, pair)? {
                    of_document.entry(sentences).or_default().insert(pair);
                }
            }
            cuts.extend(of_document.into_iter().map(|(sentences, pairs)| Cut { document, sentences, pairs }));
        }
        Ok(cuts)
    }

    /// The sentences of a pair; `None`: none stands out, or an entity is mentioned nowhere.
    fn evidence(
        &self,
        example: &Example,
        shares: &Shares,
        mentioned: &[BTreeSet<(u32, u32)>],
        pair: (u32, u32),
    ) -> Result<Option<Vec<u32>>, ScoreError> {
        let above = shares.of(pair).filter(|(_, share)| *share > self.threshold);
        let mut sentences: BTreeSet<u32> = above.map(|(sentence, _)| sentence).collect();
        let n_sentences = example.sentences.len();
        if let Some(&sentence) = sentences.last().filter(|last| **last as usize >= n_sentences) {
            let (path, document) = (self.weights.clone(), example.doc_id.to_string());
            return Err(ScoreError::Sentence { path, document, sentence, n_sentences });
        }
        if sentences.is_empty() {
            return Ok(None);
        }
        for entity in [pair.0, pair.1] {
            let Some(of_entity) = mentioned.get(entity as usize) else { return Ok(None) };
            let Some(&first) = of_entity.first() else { return Ok(None) };
            let is_there = |&(first, last): &(u32, u32)| (first..=last).all(|sentence| sentences.contains(&sentence));
            if !of_entity.iter().any(is_there) {
                sentences.extend(first.0..=first.1);
            }
        }
        Ok(Some(sentences.into_iter().collect()))
    }
}

/// From which sentence to which the mentions of each entity of a document reach, the first mention first; mostly it is one.
fn mentioned(example: &Example) -> Vec<BTreeSet<(u32, u32)>> {
    let mut mentions = example.mentions.iter().zip(&example.mention_ends);
    let reach = |(&start, &end): (&u32, &u32)| sentence_of(example, start).zip(sentence_of(example, end));
    example.n_mentions.iter().map(|&count| mentions.by_ref().take(count).filter_map(reach).collect()).collect()
}

/// The sentence of a piece; `None`: of none, as the first piece and the last.
fn sentence_of(example: &Example, piece: u32) -> Option<u32> {
    let is_within = (piece as usize) + 1 < example.ids.len();
    let next = example.sentences.partition_point(|&start| start <= piece);
    u32::try_from(next.checked_sub(1).filter(|_| is_within)?).ok()
}

impl Cut {
    /// Its document of its own, with all candidates of the entities that it mentions. `examples` are those that are scored
    /// together.
    ///
    /// # Errors
    /// Where it is of none of these.
    pub fn example(&self, examples: &[Example]) -> Result<Example, ScoreError> {
        let whole = examples.get(self.document).ok_or(ScoreError::Cut)?;
        let pieces = self.pieces(whole).ok_or(ScoreError::Cut)?;
        let (doc_id, absent) = (whole.doc_id.clone(), whole.absent.clone());
        let mut example = Example { doc_id, ids: pieces.ids, absent, ..Example::default() };
        example.sentences = self.sentences.iter().filter_map(|sentence| pieces.starts.get(sentence)).copied().collect();
        let place = |piece: u32| {
            let sentence = sentence_of(whole, piece)?;
            Some(pieces.starts.get(&sentence)? + (piece - whole.sentences.get(sentence as usize)?))
        };
        let mut mentions = whole.mentions.iter().zip(&whole.mention_ends);
        for &count in &whole.n_mentions {
            let before = example.mentions.len();
            for (&start, &end) in mentions.by_ref().take(count) {
                let (Some(new_start), Some(new_end)) = (place(start), place(end)) else { continue };
                // Of one that reaches into the next sentence, all is there.
                if new_end.checked_sub(new_start) == end.checked_sub(start) {
                    example.mentions.push(new_start);
                    example.mention_ends.push(new_end);
                }
            }
            example.n_mentions.push(example.mentions.len() - before);
        }
        let is_there = |entity: u32| example.n_mentions.get(entity as usize).is_some_and(|&count| count > 0);
        let pairs = whole.pairs.iter().copied().filter(|&(head, tail)| is_there(head) && is_there(tail));
        example.pairs = pairs.collect();
        example.labels = vec![Vec::new(); example.pairs.len()];
        Ok(example)
    }

    /// The pieces of its sentences, between those that begin and end every document.
    fn pieces(&self, whole: &Example) -> Option<Pieces> {
        let spans: Vec<Range<usize>> = whole.sentence_spans().collect();
        let mut ids: Vec<u32> = whole.ids.first().copied().into_iter().collect();
        let mut starts = BTreeMap::new();
        for &sentence in &self.sentences {
            starts.insert(sentence, u32::try_from(ids.len()).ok()?);
            ids.extend(whole.ids.get(spans.get(sentence as usize)?.clone())?);
        }
        ids.extend(whole.ids.last());
        Some(Pieces { ids, starts })
    }

    /// What is found of its pairs goes to what is found of its document.
    pub fn give(&self, found: Found, whole: &mut Found) {
        let is_own = |head: u32, tail: u32| self.pairs.contains(&(head, tail));
        let predictions = found.predictions.into_iter().filter(|found| is_own(found.head, found.tail));
        whole.predictions.extend(predictions);
        let given = found.given.into_iter().filter(|given| is_own(given.prediction.head, given.prediction.tail));
        whole.given.extend(given);
    }
}

/// Puts what was found cut by cut in the order of pairs.
pub fn in_order(found: &mut Found) {
    found.predictions.sort_by_key(|found| (found.head, found.tail));
    found.given.sort_by_key(|given| (given.prediction.head, given.prediction.tail));
}

/// With the cuts of documents that are scored together.
pub fn with_cuts(identity: Identity, cuts: &[Cut]) -> Identity {
    cuts.iter().fold(identity, |identity, Cut { document, sentences, pairs }| {
        let identity = identity.field("cut", document).numbers("sentences", sentences.iter().copied().map(u64::from));
        identity.numbers("pairs", pairs.iter().flat_map(|&(head, tail)| [head, tail]).map(u64::from))
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use super::*;

    /// Three sentences of pieces 1 to 3, 4 and 5, 6 to 8. Entity 0 is mentioned in the first and the last, 1 in the second,
    /// 2 from the second into the last, 3 nowhere.
    fn document() -> Example {
        Example {
            doc_id: "d".into(),
            ids: vec![100, 11, 12, 13, 21, 22, 31, 32, 33, 200],
            sentences: vec![1, 4, 6],
            mentions: vec![1, 7, 4, 5],
            mention_ends: vec![2, 8, 4, 6],
            n_mentions: vec![2, 1, 1, 0],
            pairs: vec![(0, 1), (0, 2), (0, 3), (1, 0)],
            labels: vec![Vec::new(); 4],
            ..Example::default()
        }
    }

    fn cuts(weights: &[(u32, u32, u32, f32)]) -> Result<Vec<Cut>, ScoreError> {
        let row = |&(head, tail, sent_id, weight): &(u32, u32, u32, f32)| {
            let (run_id, doc_id) = ("run".into(), "d".into());
            SentenceWeightRow { run_id, doc_id, head, tail, sent_id, weight }
        };
        let shares = Shares::of_run(&weights.iter().map(row).collect::<Vec<_>>());
        let evidence =
            OnEvidence { weights: "weights".into(), snapshot: Snapshot::of_files([]).unwrap(), threshold: 0.2 };
        evidence.cuts(&[document()], &SharesOf::from([("d".into(), shares)]))
    }

    #[test]
    fn pairs_of_one_evidence_share_a_cut_and_what_is_not_mentioned_comes_with_its_first_sentence() {
        let cut = |sentences: &[u32], pairs: &[(u32, u32)]| Cut {
            document: 0,
            sentences: sentences.to_vec(),
            pairs: pairs.iter().copied().collect(),
        };
        // The last sentence mentions 0; 1 brings the second. Of (1, 0) nothing is told but the other direction. Beside the
        // second, 0 brings the first, and 2 all that it reaches over; 3 is mentioned nowhere.
        let weights = [(0, 1, 2, 0.5), (0, 1, 1, 0.2), (0, 2, 1, 0.9), (0, 3, 0, 0.9)];
        assert_eq!(cuts(&weights).unwrap(), [cut(&[0, 1, 2], &[(0, 2)]), cut(&[1, 2], &[(0, 1), (1, 0)])]);
        // Neither is mentioned: the first that mentions 0 is the first sentence.
        assert_eq!(cuts(&[(0, 1, 1, 0.5), (1, 0, 0, 0.1)]).unwrap(), [cut(&[0, 1], &[(0, 1)])]);
        assert_eq!(cuts(&[(0, 1, 0, 0.2)]).unwrap(), []);
        let strange = cuts(&[(0, 1, 3, 0.5)]).unwrap_err().to_string();
        assert_eq!(strange, "weights: document `d`: expected one of its 3 sentences, got sentence 3");
    }

    #[test]
    fn a_cut_is_a_document_of_its_sentences() {
        let cut = |sentences: &[u32]| {
            let cut = Cut { document: 0, sentences: sentences.to_vec(), pairs: BTreeSet::new() };
            cut.example(&[document()])
        };
        let found = cut(&[0, 1]).unwrap();
        assert_eq!((&found.ids[..], &found.sentences[..]), (&[100, 11, 12, 13, 21, 22, 200][..], &[1, 4][..]));
        let mentions = (&found.mentions[..], &found.mention_ends[..], &found.n_mentions[..]);
        assert_eq!(mentions, (&[1, 4][..], &[2, 4][..], &[1, 1, 0, 0][..]));
        assert_eq!(found.pairs, [(0, 1), (1, 0)]);
        let found = cut(&[1, 2]).unwrap();
        assert_eq!((&found.ids[..], &found.sentences[..]), (&[100, 21, 22, 31, 32, 33, 200][..], &[1, 3][..]));
        let mentions = (&found.mentions[..], &found.mention_ends[..], &found.n_mentions[..]);
        assert_eq!(mentions, (&[4, 1, 2][..], &[5, 1, 3][..], &[1, 1, 1, 0][..]));
        assert_eq!(found.pairs, [(0, 1), (0, 2), (1, 0)]);
        let found = cut(&[2]).unwrap();
        assert_eq!((&found.ids[..], &found.sentences[..]), (&[100, 31, 32, 33, 200][..], &[1][..]));
        assert_eq!((&found.mentions[..], &found.mention_ends[..], found.pairs.len()), (&[2][..], &[3][..], 0));
        assert!(cut(&[3]).is_err());
    }
}
