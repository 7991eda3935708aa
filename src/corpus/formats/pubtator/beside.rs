//! Relations in a file of their own beside the articles, as ChemDisGene has them: the id of an article, the relation, the
//! ids of subject and object, tab-separated.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use ground::excerpt::quoted;
use table::Text;
use table::rows::RejectRow;

use crate::admission::row;
use crate::cut::CutError;
use crate::fault::{Fault, Loss, Part};
use crate::formats::lines::Lines;
use crate::source::Input;

use super::article::RelationLine;

/// The relations of a file by article, held in memory.
#[derive(Debug, Default)]
pub struct Beside {
    by_article: HashMap<Box<str>, Relations>,
}

#[derive(Debug, Default)]
struct Relations {
    lines: Vec<(u64, Box<str>)>,
    is_taken: AtomicBool,
}

impl Beside {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read, or its first line is no relation.
    pub fn read(input: Input) -> Result<Self, CutError> {
        let mut by_article = HashMap::<Box<str>, Relations>::new();
        for line in Lines::new(input.stream()?) {
            let line = line?;
            let text = String::from_utf8_lossy(&line.bytes);
            if text.trim().is_empty() {
                continue;
            }
            if by_article.is_empty() && text.split('\t').count() < 4 {
                let reason = format!("expected lines `ID<tab>RELATION<tab>SUBJECT<tab>OBJECT`, got {}", quoted(&text));
                return Err(CutError::Format(reason));
            }
            let id = text.split('\t').next().unwrap_or_default().trim();
            by_article.entry(id.into()).or_default().lines.push((line.number, text.as_ref().into()));
        }
        Ok(Self { by_article })
    }

    /// The relations of an article, and what is wrong with some.
    pub(super) fn of(&self, article: &str) -> (Vec<RelationLine<'_>>, Vec<Loss>) {
        let (mut relations, mut losses) = (Vec::new(), Vec::new());
        let Some(found) = self.by_article.get(article) else { return (relations, losses) };
        found.is_taken.store(true, Ordering::Relaxed);
        for (number, line) in &found.lines {
            match RelationLine::of(line, usize::try_from(*number).unwrap_or(usize::MAX)) {
                Ok(relation) => relations.push(RelationLine { is_beside: true, ..relation }),
                Err(Fault { column, reason }) => {
                    losses.push(Loss::new(Part::Relation, Fault::new(format!("relations, {column}"), reason)));
                }
            }
        }
        (relations, losses)
    }

    /// The relations of articles that never came, as rows of `rejects`.
    pub fn strays(&self, source: &Text) -> Vec<RejectRow> {
        let row = |(line, id): (u64, &str)| {
            let fault = Fault::new("id", format!("expected the id of a document of the source, got {}", quoted(id)));
            row(source, line, Some(id.into()), Part::Relation, fault)
        };
        self.left_over().into_iter().map(row).collect()
    }

    /// The articles that were never asked for and the lines of their relations, in the order of the lines.
    pub(crate) fn left_over(&self) -> Vec<(u64, &str)> {
        let lone = self.by_article.iter().filter(|(_, relations)| !relations.is_taken.load(Ordering::Relaxed));
        let mut left: Vec<(u64, &str)> =
            lone.flat_map(|(id, relations)| relations.lines.iter().map(|(line, _)| (*line, &**id))).collect();
        left.sort_unstable();
        left
    }
}
