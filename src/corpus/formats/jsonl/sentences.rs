//! Sentences that a document in JSON lines gives itself.

use ground::excerpt::quoted;

use crate::fault::Fault;
use crate::formats::json::Field;
use crate::formats::spans::Source;

/// The characters of each sentence: in order, and with nothing but white space outside them.
///
/// # Errors
/// Where they are something else: evidence would mean other sentences.
pub fn read(listed: &Field, source: &Source) -> Result<Vec<(u32, u32)>, Fault> {
    let mut sentences = Vec::with_capacity(listed.items()?.len());
    let mut past = 0;
    for sentence in listed.items()? {
        let (start, end) = sentence.bounds()?;
        if start < past || end < start || end > source.length() {
            let (length, got) = (source.length(), format!("[{start}, {end}]"));
            return Err(sentence.fault(format!("expected a sentence within {past} to {length}, got {got}")));
        }
        check_gap(&sentence, source, (past, start))?;
        sentences.push((start, end));
        past = end;
    }
    check_gap(listed, source, (past, source.length()))?;
    Ok(sentences)
}

/// Refuses text that no sentence has.
fn check_gap(field: &Field, source: &Source, gap: (u32, u32)) -> Result<(), Fault> {
    let between = source.slice(gap).unwrap_or_default().trim();
    if between.is_empty() {
        return Ok(());
    }
    Err(field.fault(format!("expected sentences with nothing outside them, got {}", quoted(between))))
}
