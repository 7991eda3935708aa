//! JSON lines: an object a line, a document with its text and the character spans of its mentions.
//!
//! ```json
//! {"id": "d1", "title": "On tea", "text": "Tea has caffeine.",
//!  "entities": [{"type": "Food", "mentions": [{"start": 0, "end": 3}]},
//!               {"id": "Q60235", "type": "Chemical", "mentions": [{"start": 8, "end": 16}]}],
//!  "relations": [{"head": 0, "tail": "Q60235", "type": "contains", "evidence": [0]}]}
//! ```
//!
//! (in one line). Offsets count Unicode scalar values, half-open. `title`, an entity's `id` and `evidence` may be left
//! out; without `relations` the document is unlabelled. A head or tail is the entity's place in the list from 0, or its
//! id as a text. The title is not part of the text, but where it is the text's first line a sentence ends there. Evidence
//! names sentences as the segmentation of [`crate::text`] numbers them, from 0. A key that is none of these is a fault:
//! a misspelt `relations` must not make a document unlabelled.

use std::collections::HashMap;

use ground::excerpt::quoted;

use super::json::{Field, Json};
use super::lines::line_records;
use crate::document::{Document, Entity, Fact, Mention};
use crate::fault::Fault;
use crate::reader::{CutError, Reader, Record, Records, Reject};
use crate::source::Input;
use crate::text::{Characters, Segmented, Unfit, segment};

/// The reader of JSON lines.
#[derive(Debug, Clone, Copy, Default)]
pub struct JsonLines;

/// The text of a document, ready for its mentions.
struct Marked<'t> {
    characters: Characters<'t>,
    segmented: Segmented,
}

impl Reader for JsonLines {
    /// Cuts a file into lines, numbered as they stand in the file.
    fn records(&self, input: Input) -> Result<Records, CutError> {
        line_records(input, |line| {
            let first = String::from_utf8_lossy(line);
            let is_object = line.trim_ascii_start().starts_with(b"{");
            is_object.then_some(()).ok_or_else(|| format!("expected a JSON object a line, got {}", quoted(&first)))
        })
    }

    fn parse(&self, record: &Record) -> Result<Document, Reject> {
        let json = Json::parse(&record.bytes).map_err(|fault| Reject { name: None, fault })?;
        let root = json.root();
        let name = root.key("id").and_then(|id| id.text()).ok().map(Into::into);
        document(root).map_err(|fault| Reject { name, fault })
    }
}

fn document(root: Field<'_, '_>) -> Result<Document, Fault> {
    root.only(&["id", "title", "text", "entities", "relations"])?;
    let id = root.key("id")?.text()?;
    let title = root.optional("title")?.map_or(Ok(""), |title| title.text())?;
    let text = root.key("text")?;
    let entities = root.key("entities")?;
    let marked = Marked::new(text, title, &entities)?;
    let places = places_by_id(&entities)?;
    let found = entities.items()?.map(|entity| marked.entity(entity)).collect::<Result<_, _>>()?;
    let facts = match root.optional("relations")? {
        Some(relations) => Some(relations.items()?.map(|relation| fact(relation, &places)).collect::<Result<_, _>>()?),
        None => None,
    };
    Ok(Document {
        id: id.into(),
        title: title.into(),
        sentences: marked.segmented.sentences,
        entities: found,
        facts,
        ..Document::default()
    })
}

impl<'t> Marked<'t> {
    fn new(text: Field<'_, 't>, title: &str, entities: &Field<'_, 't>) -> Result<Self, Fault> {
        let source = text.text()?;
        let title_ends = match source.strip_prefix(title) {
            Some(rest) if rest.starts_with(['\n', '\r']) => u32::try_from(title.chars().count()).ok(),
            _ => None,
        };
        let mut spans = Vec::new();
        for entity in entities.items()? {
            for mention in entity.key("mentions")?.items()? {
                spans.push(span(&mention)?);
            }
        }
        let segmented = segment(source, title_ends.as_slice(), &spans);
        let segmented = segmented.map_err(|unfit| unfit_mention(&unfit, &text, entities))?;
        Ok(Self { characters: Characters::new(source), segmented })
    }

    fn entity(&self, entity: Field<'_, 't>) -> Result<Entity, Fault> {
        entity.only(&["id", "type", "mentions"])?;
        let kb_id = entity.optional("id")?.map(|id| id.text()).transpose()?.map(Into::into);
        let kind = entity.key("type")?.text()?;
        let mentions = entity.key("mentions")?;
        let mentions = mentions.items()?.map(|mention| self.mention(mention, kind)).collect::<Result<_, _>>()?;
        Ok(Entity { kb_id, mentions })
    }

    fn mention(&self, mention: Field<'_, 't>, kind: &str) -> Result<Mention, Fault> {
        mention.only(&["start", "end"])?;
        let span = span(&mention)?;
        let found = self.segmented.locate(span).zip(self.characters.slice(span));
        let (place, name) = found.ok_or_else(|| mention.expected("a span of the text"))?;
        let name = name.trim().into();
        Ok(Mention { name, kind: kind.into(), sentence: place.sentence, start: place.start, end: place.end })
    }
}

fn span(mention: &Field) -> Result<(u32, u32), Fault> {
    Ok((mention.key("start")?.number_u32()?, mention.key("end")?.number_u32()?))
}

/// The fault of the mention that segmentation refused, or of the text.
fn unfit_mention(unfit: &Unfit, text: &Field, entities: &Field) -> Fault {
    let find = |place: usize| -> Result<Option<Fault>, Fault> {
        let mut before = 0;
        for entity in entities.items()? {
            let mentions = entity.key("mentions")?;
            let count = mentions.items()?.len();
            if let Some(mention) = mentions.items()?.nth(place - before) {
                return Ok(Some(mention.key("end")?.fault(&*unfit.reason)));
            }
            before += count;
        }
        Ok(None)
    };
    let found = unfit.span.and_then(|place| find(place).unwrap_or_else(Some));
    found.unwrap_or_else(|| text.fault(&*unfit.reason))
}

/// The place of each entity in the list: by its number as it stands there, and by its id where it has one.
struct Places<'t> {
    count: usize,
    by_id: HashMap<&'t str, u32>,
}

fn places_by_id<'t>(entities: &Field<'_, 't>) -> Result<Places<'t>, Fault> {
    let mut by_id = HashMap::new();
    for (place, entity) in (0..).zip(entities.items()?) {
        let Some(id) = entity.optional("id")? else { continue };
        if let Some(other) = by_id.insert(id.text()?, place) {
            return Err(id.expected(&format!("an id other than that of entity {other}")));
        }
    }
    Ok(Places { count: entities.items()?.len(), by_id })
}

impl Places<'_> {
    fn find(&self, entity: &Field) -> Result<u32, Fault> {
        match entity.value() {
            Json::Text(id) => match self.by_id.get(&**id) {
                Some(&place) => Ok(place),
                None => Err(entity.expected("the id of an entity")),
            },
            _ => match entity.number_u32() {
                Ok(place) if (place as usize) < self.count => Ok(place),
                _ => Err(entity.expected(&format!("the place of one of {} entities or an id", self.count))),
            },
        }
    }
}

fn fact(relation: Field<'_, '_>, places: &Places) -> Result<Fact, Fault> {
    relation.only(&["head", "tail", "type", "evidence"])?;
    let mut evidence: Vec<u32> = match relation.optional("evidence")? {
        Some(evidence) => evidence.items()?.map(|sentence| sentence.number_u32()).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    evidence.sort_unstable();
    evidence.dedup();
    Ok(Fact {
        head: places.find(&relation.key("head")?)?,
        tail: places.find(&relation.key("tail")?)?,
        relation: relation.key("type")?.text()?.into(),
        evidence,
        ..Fact::default()
    })
}
