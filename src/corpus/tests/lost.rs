//! What a reader makes of a source, and what it says of the rest.

use super::reading::document;
use crate::{Document, Loss, Reader};

/// What was lost of a document, as `part: column: reason`, once it is sound.
pub fn lost(document: Document) -> Vec<String> {
    let losses = document.sound().unwrap().losses;
    losses.iter().map(|Loss { part, fault }| format!("{}: {fault}", part.name())).collect()
}

/// What was remarked of a document, as `what: example`.
pub fn remarked(document: &Document) -> Vec<String> {
    document.remarks.iter().map(|remark| format!("{}: {}", remark.what, remark.example)).collect()
}

/// The one loss of the one document of such a file.
pub fn the_loss(reader: &impl Reader, contents: impl AsRef<[u8]>) -> String {
    let lost = lost(document(reader, contents));
    assert_eq!(lost.len(), 1, "{lost:?}");
    lost.into_iter().next().unwrap()
}
