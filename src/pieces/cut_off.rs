//! What is lost where a document is cut at its end: told in documents, in entities, and in facts out of reach.

use std::ops::AddAssign;

use ground::observe::Event;
use serde::{Deserialize, Serialize};

/// What documents lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutOff {
    /// Documents that lost pieces at their end.
    pub documents: u64,
    /// Their entities that have no mention left.
    pub entities: u64,
    /// Facts of these, where the documents are labelled: nothing that reads the pieces can find them.
    pub facts: u64,
}

impl CutOff {
    /// What a document lost that is cut: `n_mentions` are left of each entity, `facts` are the pairs (head, tail) of its
    /// facts.
    pub fn of(n_mentions: impl Iterator<Item = usize>, facts: impl Iterator<Item = (u32, u32)>) -> Self {
        let lost: Vec<bool> = n_mentions.map(|left| left == 0).collect();
        let is_lost = |entity: u32| lost.get(entity as usize).is_some_and(|lost| *lost);
        Self {
            documents: 1,
            entities: lost.iter().filter(|lost| **lost).count() as u64,
            facts: facts.filter(|&(head, tail)| is_lost(head) || is_lost(tail)).count() as u64,
        }
    }

    /// The warning that so much was lost with `most_pieces` a document, where anything was.
    pub fn event(&self, most_pieces: usize) -> Option<Event> {
        self.warning(most_pieces, "a greater `most_pieces` keeps more")
    }

    /// The same where a model says how many pieces it reads.
    pub fn event_of_model(&self, most_pieces: usize) -> Option<Event> {
        self.warning(most_pieces, "a model that was trained or imported with a greater `most_pieces` reads more")
    }

    fn warning(&self, most_pieces: usize, what_helps: &str) -> Option<Event> {
        (self.documents > 0).then(|| {
            let documents = counted(self.documents, "document was", "documents were");
            let lost = self.lost();
            Event::Warning(format!("{documents} cut off at {most_pieces} pieces: {lost}; {what_helps}"))
        })
    }

    fn lost(&self) -> String {
        let entities = match self.entities {
            0 => "every entity has a mention left".to_owned(),
            lost => counted(lost, "entity has no mention left", "entities have no mention left"),
        };
        match self.facts {
            0 => entities,
            lost => format!("{entities}, {} can no longer be found", counted(lost, "fact", "facts")),
        }
    }
}

impl AddAssign for CutOff {
    fn add_assign(&mut self, other: Self) {
        self.documents += other.documents;
        self.entities += other.entities;
        self.facts += other.facts;
    }
}

fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
