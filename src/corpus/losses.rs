//! What is lost on the way from a source to the tables: the smallest thing that is wrong, told by part and reason.

use std::collections::BTreeMap;

use table::rows::RejectRow;

use crate::error::reject_line;
use crate::fault::{Part, Remark};

/// Reasons that are counted apart; those beyond them are counted together.
const MOST_REASONS: usize = 100;
/// Reasons that a summary shows.
const SHOWN_REASONS: usize = 10;
/// Characters of a remark's example that are shown.
const SHOWN_EXAMPLE: usize = 200;

/// How often what was remarked, and the first example of each.
#[derive(Debug, Default)]
pub(crate) struct Remarks(BTreeMap<&'static str, (u64, String)>);

impl Remarks {
    /// Counts those of a document.
    pub(crate) fn add(&mut self, doc_id: &str, remarks: Vec<Remark>) {
        for Remark { what, example } in remarks {
            let first = || (0, format!("document `{doc_id}`: {}", shortened(&example)));
            self.0.entry(what).or_insert_with(first).0 += 1;
        }
    }

    /// A line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.iter().map(|(what, (count, first))| format!("{what}: {count}, the first in {first}")).collect()
    }
}

/// How many there are of something that is another thing once it is written, and the first.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    count: usize,
    first: Option<String>,
}

impl Noted {
    /// Counts one more.
    pub(crate) fn note(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        self.first.get_or_insert_with(example);
    }

    /// What they are, how many, and the first, where there are any.
    pub(crate) fn told(&self, what: &str) -> Option<String> {
        Some(format!("{what}: {}, such as {}", self.count, self.first.as_ref()?))
    }
}

/// What was taken and lost in all.
#[derive(Debug, Default)]
pub struct Losses {
    counts: BTreeMap<Part, u64>,
    /// By part and reason: how often, and the first.
    reasons: BTreeMap<(Part, String), (u64, RejectRow)>,
}

impl Losses {
    /// Counts a row of `rejects`.
    pub fn add(&mut self, row: &RejectRow) {
        let known = Part::ALL.into_iter().find(|part| part.name() == &*row.part);
        debug_assert!(known.is_some(), "`{}` is no part of a source", row.part);
        let part = known.unwrap_or(Part::Document);
        *self.counts.entry(part).or_default() += 1;
        let is_full = self.reasons.len() >= MOST_REASONS;
        let shape = (part, shape(&row.reason));
        let key =
            if is_full && !self.reasons.contains_key(&shape) { (part, "other reasons".to_owned()) } else { shape };
        self.reasons.entry(key).or_insert_with(|| (0, row.clone())).0 += 1;
    }

    /// Whether nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many were lost in all.
    pub fn count(&self) -> u64 {
        self.counts.values().sum()
    }

    /// How many of a part were lost.
    pub fn of(&self, part: Part) -> u64 {
        self.counts.get(&part).copied().unwrap_or_default()
    }

    /// The commonest reason for which documents were lost, with the first of them.
    pub fn commonest(&self) -> Option<(u64, String)> {
        let of_documents = self.reasons.iter().filter(|((part, _), _)| *part == Part::Document);
        let (_, (count, first)) = of_documents.max_by_key(|(_, (count, _))| *count)?;
        Some((*count, reject_line(first)))
    }

    /// What was lost, beside what was taken where that is known: a line of shares, then a line a reason, commonest first.
    pub fn lines(&self, taken: impl Fn(Part) -> Option<u64>) -> Vec<String> {
        let share = |(&part, &lost): (&Part, &u64)| match taken(part) {
            Some(taken) => format!("{lost} of {}", part.counted(taken + lost)),
            None => part.counted(lost),
        };
        let mut lines = vec![self.counts.iter().map(share).collect::<Vec<_>>().join(", ")];
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, (count, _))| u64::MAX - count);
        for ((part, _), (count, first)) in reasons.iter().take(SHOWN_REASONS) {
            let line = reject_line(first);
            lines.push(match count {
                1 => format!("  {line}"),
                _ => format!("  {}, the first: {line}", part.counted(*count)),
            });
        }
        if reasons.len() > SHOWN_REASONS {
            lines.push(format!("  and {} further reasons", reasons.len() - SHOWN_REASONS));
        }
        lines
    }
}

/// A reason without what differs from one such fault to the next: what is quoted, and numbers.
fn shape(reason: &str) -> String {
    let mut shape = String::with_capacity(reason.len());
    let mut quote = None;
    for character in reason.chars() {
        match quote {
            Some(end) if character == end => quote = None,
            Some(_) => {}
            None if matches!(character, '`' | '"') => {
                quote = Some(character);
                shape.push('…');
            }
            None if character.is_ascii_digit() => {
                if !shape.ends_with('#') {
                    shape.push('#');
                }
            }
            None => shape.push(character),
        }
    }
    shape
}

fn shortened(example: &str) -> String {
    match example.char_indices().nth(SHOWN_EXAMPLE) {
        Some((end, _)) => format!("{}…", example.get(..end).unwrap_or_default()),
        None => example.to_owned(),
    }
}
