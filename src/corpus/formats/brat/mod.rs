//! brat's stand-off folders: a text `NAME.txt` and what is marked in it, `NAME.ann`; read and written.
//!
//! ```text
//! T1  Chemical 0 9        Alphazine                a mention; `0 5;16 23` where it is in pieces
//! T2  Disease 16 21       cough
//! R1  Treats Arg1:T1 Arg2:T2                       a relation, its roles by any name
//! *   Equiv T1 T3                                  mentions of one entity
//! N1  Reference T1 MESH:D000001  alphazine         its identifier
//! A1  Novelty R1 Novel                             said of a relation: `Novelty=Novel`
//! ```
//!
//! `.a1` and `.a2` together stand for `.ann`, as `BioNLP`'s shared tasks have it. Events (`E`), notes (`#`) and what is said
//! of mentions and events are left aside and told. Offsets count Unicode scalar values of the file as it is, `\r` among
//! them. A mention in pieces is all from its first to its last, where that is short. A text without annotations is
//! unlabelled; one with an empty file of them is not. The folders below a folder belong to it, and a document is named
//! by the way to it: `batch1/d7`. Links in them are left aside and told.

mod folder;
mod lines;
mod write;

pub use write::{BratFolder, remarks};

use std::borrow::Cow;
use std::path::Path;

use super::dialect::Dialect;
use super::marked::Marking;
use crate::cut::CutError;
use crate::document::Document;
use crate::fault::{Fault, Remark};
use crate::reader::{Reader, Record, Records, Reject};
use crate::source::Input;
use crate::text::Characters;

/// Reads brat's folders, a document at a time in the order of their names, or one document by the name of its file.
#[derive(Debug, Clone, Default)]
pub struct Brat {
    /// Which relations stand for coreference.
    pub dialect: Dialect,
}

impl Reader for Brat {
    fn records(&self, input: Input) -> Result<Records, CutError> {
        folder::records(input.path(), self.dialect.most_bytes)
    }

    fn takes_folders(&self) -> bool {
        true
    }

    fn links(&self, folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        folder::links(folder, "", &mut found);
        found.sort();
        found
    }

    fn parse(&self, record: &Record) -> Result<Document, Reject> {
        let unnamed = |fault| Reject { name: None, fault };
        let files = folder::Files::of(&record.bytes).map_err(unnamed)?;
        document(&files, &self.dialect).map_err(|fault| Reject { name: Some((&*files.name).into()), fault })
    }
}

fn document(files: &folder::Files, dialect: &Dialect) -> Result<Document, Fault> {
    let Some(text) = files.text else {
        let reason = format!("expected a text `{}.txt` beside the annotations, got none", files.name);
        return Err(Fault::new("text", reason));
    };
    let text = str::from_utf8(text).map_err(|error| Fault::new("text", format!("expected UTF-8: {error}")))?;
    let annotations = String::from_utf8_lossy(files.annotations.unwrap_or_default());
    let lines::Read { mut marked, pieces } = lines::read(&annotations);
    let (text, remark) = counted(text, &marked.mentions);
    marked.remarks.extend(remark);
    lines::join_pieces(&mut marked, &pieces, &Characters::new(&text));
    marked.labelled = files.labelled;
    marked.document(&files.name, &text, dialect.coreference.as_deref())
}

/// The text as the offsets count it, found by the mentions that have a text of their own: with a byte order mark and
/// both characters of `\r\n` counted, as brat does, or without.
fn counted<'t>(text: &'t str, mentions: &[Marking]) -> (Cow<'t, str>, Option<Remark>) {
    let bare = text.strip_prefix('\u{FEFF}');
    // A blank in the mark's place: it is no token.
    let as_it_is = bare.map_or(Cow::Borrowed(text), |rest| format!(" {rest}").into());
    let mut others: Vec<Cow<str>> = Vec::new();
    others.extend(bare.map(Cow::Borrowed));
    if text.contains("\r\n") {
        others.push(as_it_is.replace("\r\n", "\n").into());
        others.extend(bare.map(|rest| rest.replace("\r\n", "\n").into()));
    }
    let (mut best, mut remark) = (as_it_is, None);
    let mut most = if others.is_empty() { 0 } else { n_fitting(&best, mentions) };
    for other in others {
        let fitting = n_fitting(&other, mentions);
        if fitting > most {
            let example = format!("{fitting} of {} mentions fit", mentions.len());
            remark = Some(Remark { what: "texts whose byte order mark or `\\r` the offsets do not count", example });
            (best, most) = (other, fitting);
        }
    }
    (best, remark)
}

/// How many mentions have the text that stands in their span.
fn n_fitting(text: &str, mentions: &[Marking]) -> usize {
    let characters = Characters::new(text);
    mentions.iter().filter(|mention| mention.name.is_some() && mention.name == characters.slice(mention.span)).count()
}
