//! A document of `BioC` JSON → [`Article`].
//!
//! A value of an infon that is no text is taken as one: `PubTator` 3 writes numbers, and as the ends of a relation objects
//! with `type` and `identifier`.

use std::borrow::Cow;

use table::Text;

use super::super::json::{Field, Json, NUMBER};
use super::model::{Annotation, Article, Infons, Passage, Relation, Source};
use crate::fault::{Fault, Part};

/// The keys by which documents are called, the first that is there.
const NAMES: [&str; 3] = ["id", "_id", "pmid"];

/// The document in `json`.
///
/// # Errors
/// Where it is no object, or a list in it is none.
pub(super) fn article<'j>(json: &'j Json<'j>) -> Result<Article<'j>, Fault> {
    let root = json.root();
    let mut article = Article::default();
    for name in NAMES {
        if let (true, Some(id)) = (article.id.is_empty(), root.optional(name)?) {
            article.id = id.value().scalar().ok_or_else(|| id.expected("a text"))?;
        }
    }
    article.infons = infons(&root)?;
    // Any object with an id would be a document otherwise.
    for field in root.key("passages")?.items()? {
        let passage = passage(&field, &mut article)?;
        article.passages.push(passage);
    }
    article.annotations = annotations(&root, &mut article)?;
    article.relations = relations(&root, &mut article)?;
    Ok(article)
}

/// What the document in `json` is called, where it can be told.
pub(super) fn name(json: &Json) -> Option<Text> {
    let root = json.root();
    NAMES.iter().find_map(|name| root.optional(name).ok()??.value().scalar().map(|id| Text::from(&*id)))
}

/// A passage, or a sentence of one.
fn passage<'j>(field: &Field<'_, 'j>, article: &mut Article<'j>) -> Result<Passage<'j>, Fault> {
    let mut sentences = Vec::new();
    if let Some(found) = field.optional("sentences")? {
        for sentence in found.items()? {
            sentences.push(self::sentence(&sentence, article)?);
        }
    }
    Ok(Passage { sentences, ..sentence(field, article)? })
}

fn sentence<'j>(field: &Field<'_, 'j>, article: &mut Article<'j>) -> Result<Passage<'j>, Fault> {
    Ok(Passage {
        infons: infons(field)?,
        offset: field.optional("offset")?.and_then(|offset| number(&offset).ok()),
        text: text(field, "text")?,
        sentences: Vec::new(),
        annotations: annotations(field, article)?,
        relations: relations(field, article)?,
    })
}

/// The annotations of a passage; one that is wrong is lost by itself.
fn annotations<'j>(parent: &Field<'_, 'j>, article: &mut Article<'j>) -> Result<Vec<Annotation<'j>>, Fault> {
    let mut annotations = Vec::new();
    if let Some(found) = parent.optional("annotations")? {
        for field in found.items()? {
            match annotation(&field) {
                Ok(annotation) => annotations.push(annotation),
                Err(fault) => article.lose(Part::Mention, fault),
            }
        }
    }
    Ok(annotations)
}

fn annotation<'j>(field: &Field<'_, 'j>) -> Result<Annotation<'j>, Fault> {
    let mut locations = Vec::new();
    if let Some(found) = field.optional("locations")? {
        for location in found.items()? {
            locations.push((number(&location.key("offset")?)?, number(&location.key("length")?)?));
        }
    }
    Ok(Annotation { id: text(field, "id")?, infons: infons(field)?, locations, text: text(field, "text")? })
}

fn relations<'j>(parent: &Field<'_, 'j>, article: &mut Article<'j>) -> Result<Vec<Relation<'j>>, Fault> {
    let mut relations = Vec::new();
    if let Some(found) = parent.optional("relations")? {
        for field in found.items()? {
            match relation(&field) {
                Ok(relation) => relations.push(relation),
                Err(fault) => article.lose(Part::Relation, fault),
            }
        }
    }
    Ok(relations)
}

fn relation<'j>(field: &Field<'_, 'j>) -> Result<Relation<'j>, Fault> {
    let mut nodes = Vec::new();
    if let Some(found) = field.optional("nodes")? {
        for node in found.items()? {
            nodes.push((text(&node, "refid")?, text(&node, "role")?));
        }
    }
    Ok(Relation { id: text(field, "id")?, infons: infons(field)?, nodes })
}

fn infons<'j>(parent: &Field<'_, 'j>) -> Result<Infons<'j>, Fault> {
    let Some(found) = parent.optional("infons")? else { return Ok(Infons::default()) };
    let Json::Object(members) = found.value() else { return Err(found.expected("an object")) };
    let infon = |(key, value): &'j (Cow<'j, str>, Json<'j>)| Some((borrowed(key), said(value)?));
    Ok(Infons(members.iter().filter_map(infon).collect()))
}

/// What an infon says.
fn said<'j>(value: &'j Json<'j>) -> Option<Source<'j>> {
    let Json::Object(members) = value else { return value.scalar() };
    let member = |name: &str| members.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.scalar());
    let identifier = member("identifier")?;
    Some(member("type").map_or(identifier.clone(), |kind| Cow::Owned(format!("{kind}|{identifier}"))))
}

/// A text member that may be left out.
fn text<'j>(parent: &Field<'_, 'j>, name: &str) -> Result<Source<'j>, Fault> {
    let Some(field) = parent.optional(name)? else { return Ok(Cow::Borrowed("")) };
    field.value().scalar().ok_or_else(|| field.expected("a text"))
}

fn borrowed<'j>(text: &'j Cow<'j, str>) -> Source<'j> {
    Cow::Borrowed(text)
}

/// A whole number, also where it stands in a text.
fn number(field: &Field) -> Result<u32, Fault> {
    match field.value() {
        Json::Text(text) => text.trim().parse().map_err(|_| field.expected(NUMBER)),
        _ => field.number_u32(),
    }
}
