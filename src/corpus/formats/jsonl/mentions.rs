//! The entities of a document in JSON lines, and their mentions.

use ground::excerpt::quoted;
use table::Text;

use crate::document::{Document, Entity, Mention};
use crate::fault::{Fault, Part, Remark};
use crate::formats::json::Field;
use crate::formats::spans::{Likeness, Source, likeness};
use crate::formats::strays::Strays;
use crate::text::Segmented;

/// A span, and what it is said to cover.
type Marked<'v> = ((u32, u32), Option<&'v str>);

/// Entities whose mentions have no tokens yet, and mentions of none.
pub struct Drafts<'v> {
    entities: Vec<Draft<'v>>,
    loose: Vec<Draft<'v>>,
}

/// One of them, with its sound mentions.
struct Draft<'v> {
    kb_id: Option<Text>,
    kind: &'v str,
    /// Each with its own type, where it has another.
    spans: Vec<((u32, u32), Option<&'v str>)>,
}

/// What there is to say of mentions, once all are known.
#[derive(Default)]
struct Findings<'v> {
    /// Every mention whose offsets are numbers.
    marked: Vec<Marked<'v>>,
    /// Those that cannot stand.
    faults: Vec<Fault>,
    /// The words that mentions cut.
    cut: Vec<String>,
}

impl<'v> Drafts<'v> {
    /// Reads the entities; what is wrong with them goes to the document's losses.
    ///
    /// # Errors
    /// Where they, or `loose`, the mentions of none, are no list.
    pub fn read(
        entities: &Field<'_, 'v>,
        loose: Option<&Field<'_, 'v>>,
        source: &Source<'v>,
        strays: &mut Strays<'v>,
        document: &mut Document,
    ) -> Result<Self, Fault> {
        let (mut drafts, mut findings) = (Vec::with_capacity(entities.items()?.len()), Findings::default());
        for entity in entities.items()? {
            let mut draft = Draft { kb_id: None, kind: "", spans: Vec::new() };
            if let Err(fault) = draft.read(&entity, source, strays, &mut findings, document) {
                document.lose(Part::Mention, fault);
            }
            drafts.push(draft);
        }
        let mut alone = Vec::new();
        for mention in loose.map(Field::items).transpose()?.into_iter().flatten() {
            match read_loose(&mention, source, strays, &mut findings, document) {
                Ok(draft) => alone.push(draft),
                Err(fault) => findings.faults.push(fault),
            }
        }
        findings.tell(source, document);
        Ok(Self { entities: drafts, loose: alone })
    }

    /// The spans of all of them.
    pub fn spans(&self) -> Vec<(u32, u32)> {
        self.entities.iter().chain(&self.loose).flat_map(|draft| draft.spans.iter().map(|(span, _)| *span)).collect()
    }

    /// Puts them into the document, their mentions in tokens.
    pub fn place(self, source: &Source, segmented: Segmented, document: &mut Document) {
        for (place, draft) in self.entities.into_iter().enumerate() {
            let mentions = draft.mentions(&format!("entities[{place}].mentions"), source, &segmented, document);
            document.entities.push(Entity { kb_id: draft.kb_id, mentions });
        }
        for draft in self.loose {
            let mentions = draft.mentions("mentions", source, &segmented, document);
            document.loose_mentions.extend(mentions);
        }
        (document.sentences, document.uneven) = (segmented.sentences, segmented.uneven);
    }
}

impl<'v> Draft<'v> {
    fn read(
        &mut self,
        entity: &Field<'_, 'v>,
        source: &Source<'v>,
        strays: &mut Strays<'v>,
        findings: &mut Findings<'v>,
        document: &mut Document,
    ) -> Result<(), Fault> {
        strays.check(entity, "entities[].", &["mentions"], &["id", "kb_id", "type"])?;
        self.kind = entity.key("type")?.text()?;
        self.kb_id = identity(entity, document)?;
        for mention in entity.key("mentions")?.items()? {
            let span = strays
                .check(&mention, "entities[].mentions[].", &[], &["start", "end", "text", "type"])
                .and_then(|()| read_mention(&mention, source, findings, document))
                .and_then(|span| Ok((span, self.other_type(&mention, document)?)));
            match span {
                Ok(span) => self.spans.push(span),
                Err(fault) => findings.faults.push(fault),
            }
        }
        Ok(())
    }

    /// A mention's own type, where it is not the entity's. The first has that: an entity's type is its first mention's.
    fn other_type(&self, mention: &Field<'_, 'v>, document: &mut Document) -> Result<Option<&'v str>, Fault> {
        let own = mention.optional("type")?.map(|kind| kind.text()).transpose()?.filter(|own| *own != self.kind);
        if let Some(own) = own.filter(|_| self.spans.is_empty()) {
            let example = format!("{mention}: {}, of an entity of type {}", quoted(own), quoted(self.kind));
            document
                .remarks
                .push(Remark { what: "first mentions of another type than their entity, which counts", example });
            return Ok(None);
        }
        Ok(own)
    }

    /// The mentions in tokens. One that no sentence has whole is lost.
    fn mentions(&self, column: &str, source: &Source, segmented: &Segmented, document: &mut Document) -> Vec<Mention> {
        let mut mentions = Vec::with_capacity(self.spans.len());
        for &(span, own) in &self.spans {
            let name = source.slice(span).unwrap_or_default().trim();
            if let Some(place) = segmented.locate(span) {
                let (name, kind) = (name.into(), own.unwrap_or(self.kind).into());
                mentions.push(Mention { name, kind, sentence: place.sentence, start: place.start, end: place.end });
            } else {
                let reason = format!("expected a mention within one sentence, got {} over several", quoted(name));
                document.lose(Part::Mention, Fault::new(column, reason));
            }
        }
        mentions
    }
}

/// A mention of no entity.
fn read_loose<'v>(
    mention: &Field<'_, 'v>,
    source: &Source<'v>,
    strays: &mut Strays<'v>,
    findings: &mut Findings<'v>,
    document: &mut Document,
) -> Result<Draft<'v>, Fault> {
    strays.check(mention, "mentions[].", &[], &["type", "start", "end", "text"])?;
    let kind = mention.key("type")?.text()?;
    let span = read_mention(mention, source, findings, document)?;
    Ok(Draft { kb_id: None, kind, spans: vec![(span, None)] })
}

/// An entity's identity across documents, where it has one of the right form.
fn identity(entity: &Field, document: &mut Document) -> Result<Option<Text>, Fault> {
    let id = entity.optional("id")?.map(|id| id.identifier()).transpose()?;
    let Some(kb_id) = entity.optional("kb_id")? else {
        if let Some(id) = id.filter(|id| is_curie(id) || is_wikidata(id)) {
            let what =
                "ids that look like identities, but say nothing beyond their document: that is what `kb_id` is for";
            document.remarks.push(Remark { what, example: format!("{entity}: {}", quoted(&id)) });
        }
        return Ok(None);
    };
    let identity = kb_id.identifier()?;
    if is_curie(&identity) {
        return Ok(Some((*identity).into()));
    }
    let what = "identities that are not of the form `PREFIX:ID`, left out: their entities are not joined by them";
    document.remarks.push(Remark { what, example: kb_id.expected("`PREFIX:ID`, such as `wikidata:Q42`").to_string() });
    Ok(None)
}

fn is_wikidata(id: &str) -> bool {
    id.strip_prefix('Q').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a text has the form `PREFIX:ID`.
fn is_curie(id: &str) -> bool {
    let Some((prefix, local)) = id.split_once(':') else { return false };
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    prefix.starts_with(|first: char| first.is_ascii_alphabetic())
        && prefix.bytes().all(is_of_name)
        && !prefix.ends_with('.')
        && !local.is_empty()
        && !local.contains(|character: char| character.is_whitespace() || character.is_control())
}

fn read_mention<'v>(
    mention: &Field<'_, 'v>,
    source: &Source<'v>,
    findings: &mut Findings<'v>,
    document: &mut Document,
) -> Result<(u32, u32), Fault> {
    let end = mention.key("end")?;
    let span = (mention.key("start")?.number_u32()?, end.number_u32()?);
    let given = mention.optional("text")?.map(|text| text.text()).transpose()?;
    findings.marked.push((span, given));
    let covered = source.covered(span).map_err(|reason| end.fault(reason))?;
    match given.map(|given| (likeness(given, covered), given)) {
        Some((Likeness::Other, given)) => {
            let reason = format!("expected the text of the span, {}, got {}", quoted(covered), quoted(given));
            return Err(mention.fault(reason));
        }
        Some((Likeness::Alike, given)) => {
            let what = "mentions whose `text` is not the span's by white space or case: the span's is taken";
            document.remarks.push(Remark { what, example: format!("{mention}: {}", quoted(given)) });
        }
        Some((Likeness::Same, _)) | None => {}
    }
    if source.cuts_word(span) {
        findings.cut.push(format!("{mention}: {}", quoted(covered)));
    }
    Ok(span)
}

impl Findings<'_> {
    fn tell(self, source: &Source, document: &mut Document) {
        if self.faults.is_empty() && self.cut.is_empty() {
            return;
        }
        let counted = source.counted_otherwise(&self.marked);
        for Fault { column, reason } in self.faults {
            document.lose(Part::Mention, Fault::new(column, format!("{reason}{counted}")));
        }
        for cut in self.cut {
            let what = "mentions that begin or end inside a word";
            document.remarks.push(Remark { what, example: format!("{cut}{counted}") });
        }
    }
}
