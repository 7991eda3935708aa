//! JSON lines for own documents: an object a line, or an array of such, or objects laid out over several lines. A
//! document has its text and the character spans of its mentions.
//!
//! ```json
//! {"id": "d1", "title": "On tea", "text": "Tea has caffeine.",
//!  "entities": [{"type": "Food", "mentions": [{"start": 0, "end": 3, "text": "Tea"}]},
//!               {"id": "c", "kb_id": "MESH:D002110", "type": "Chemical", "mentions": [{"start": 8, "end": 16}]}],
//!  "relations": [{"head": 0, "tail": "c", "type": "contains", "evidence": [0], "attributes": {"novelty": "Novel"}}]}
//! ```
//!
//! Offsets count Unicode scalar values, half-open. `title`, an entity's `id` and `kb_id`, a mention's `text`, `evidence`
//! and `attributes` may be left out; without `relations` the document is unlabelled. A head or tail is the entity's place
//! in the list from 0, or its `id`, which says nothing beyond the document; `kb_id`, `PREFIX:ID`, is its identity across
//! documents. The title is not part of the text, but where it is the text's first line a sentence ends there. Evidence
//! names sentences as the segmentation of [`crate::text`] numbers them, from 0, or as `sentences` does, a list of the first
//! and one past the last character of each. Mentions of no entity stand in `mentions`, as an entity's do and with a `type`.
//! Other keys are left aside, and told; a slip of `entities`, `mentions`, `sentences` or `relations` is a fault: a misspelt
//! `relations` must not make a document unlabelled.

mod mentions;
mod relations;
mod sentences;
mod write;

use table::Text;

use self::mentions::Drafts;
use self::relations::Ends;
use super::json::{Field, Json, title};
use super::objects;
use super::spans::Source;
use super::strays::Strays;
use crate::cut::CutError;
use crate::document::Document;
use crate::fault::{Fault, Remark};
use crate::reader::{Reader, Record, Records, Reject};
use crate::source::Input;
use crate::text::{segment, segment_as};

pub use write::JsonLinesWriter;

/// Where entities may come from.
const MARKING: &str = "docre relates entities that are marked, and marks none: see data/README.md#your-own-documents";

/// The reader of JSON lines.
#[derive(Debug, Clone)]
pub struct JsonLines {
    /// Bytes of a record that may be held; of a longer one not much more is.
    pub most_bytes: u64,
}

impl Reader for JsonLines {
    fn records(&self, input: Input) -> Result<Records, CutError> {
        objects::records(input, self.most_bytes, &format!("; {MARKING}"))
    }

    fn parse(&self, record: &Record) -> Result<Document, Reject> {
        let json = Json::parse(&record.bytes).map_err(|fault| Reject { name: None, fault })?;
        let root = json.root();
        let name = root.key("id").and_then(|id| id.identifier()).ok().map(|id| Text::from(&*id));
        document(root).map_err(|fault| Reject { name, fault })
    }
}

fn document(root: Field<'_, '_>) -> Result<Document, Fault> {
    let mut strays = Strays::default();
    strays.check(&root, "", &["relations", "entities", "mentions", "sentences"], &["id", "title", "text"])?;
    if root.optional("documents")?.is_some() && root.optional("text")?.is_none() {
        return Err(
            root.fault("expected a document, got several under `documents`, as BioC has them (`--format bioc`)")
        );
    }
    let id = root.key("id")?.identifier()?;
    let mut document = Document { id: (*id).into(), ..Document::default() };
    let title = title(&root, &mut document.remarks)?;
    document.title = title.into();
    let text = root.key("text")?;
    let source = Source::new(text.text()?);
    let Some(entities) = root.optional("entities")? else {
        return Err(Fault::new("entities", format!("missing; {MARKING}")));
    };
    let loose = root.optional("mentions")?;
    let drafts = Drafts::read(&entities, loose.as_ref(), &source, &mut strays, &mut document)?;
    let segmented = match root.optional("sentences")? {
        Some(listed) => segment_as(source.text, &sentences::read(&listed, &source)?, &drafts.spans()),
        None => segment(source.text, source.title_end(title).as_slice(), &drafts.spans()),
    };
    let segmented = segmented.map_err(|unfit| text.fault(unfit.reason))?;
    drafts.place(&source, segmented, &mut document);
    if let Some(relations) = root.optional("relations")? {
        let ends = Ends::of(&entities)?;
        let facts = relations::read(&relations, &ends, &mut strays, &mut document)?;
        document.facts = Some(facts);
    }
    if document.entities.is_empty() {
        let what = "documents without entities, which can have no relations";
        document.remarks.push(Remark { what, example: MARKING.to_owned() });
    }
    document.remarks.extend(strays.remark());
    Ok(document)
}
