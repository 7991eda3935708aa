//! Relations as DocRED's official scorer takes them: `result.json`, a list of `{"title", "h_idx", "t_idx", "r"}`.

use std::cell::Cell;
use std::io::{self, Write};

use ground::by_digits;
use serde_json::{Value, json};
use submission::places::Places;

use crate::writer::{Claim, Frame, Writer, Written};

/// Writes one fact a line. Entities are numbered as the source of the split numbers them, those too that it has lost.
#[derive(Debug)]
pub struct SubmissionWriter {
    places: Places,
    /// Whether a fact was written.
    begun: Cell<bool>,
}

impl SubmissionWriter {
    /// A writer of the facts of a split with these places.
    pub fn new(places: Places) -> Self {
        Self { places, begun: Cell::new(false) }
    }

    fn json(&self, doc_id: &str, claim: &Claim) -> Value {
        let place = |entity| self.places.in_source(doc_id, entity);
        let mut json =
            json!({ "title": doc_id, "h_idx": place(claim.head), "t_idx": place(claim.tail), "r": &*claim.relation });
        if !claim.evidence.is_empty() {
            json["evidence"] = Value::from(claim.evidence.clone());
        }
        if let Some(probability) = claim.probability {
            json["score"] = Value::from(by_digits(probability));
        }
        json
    }
}

impl Writer for SubmissionWriter {
    fn frame(&self) -> Frame {
        Frame { opening: "[", between: "", closing: "\n]\n", empty: "[]\n" }
    }

    fn write(&self, written: &Written<'_>, output: &mut dyn Write) -> io::Result<()> {
        for claim in written.claims.iter().flatten() {
            output.write_all(if self.begun.replace(true) { b",\n" } else { b"\n" })?;
            serde_json::to_writer(&mut *output, &self.json(&written.document.id, claim))?;
        }
        Ok(())
    }
}
