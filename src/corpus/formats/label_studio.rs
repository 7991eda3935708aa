//! Label Studio's JSON: an array of tasks, each a text and what annotators marked in it; read and written.
//!
//! ```json
//! [{"id": 7, "data": {"text": "Alphazine eased cough."}, "annotations": [{"result": [
//!    {"id": "a", "type": "labels", "from_name": "label", "to_name": "text",
//!     "value": {"start": 0, "end": 9, "text": "Alphazine", "labels": ["Drug"]}},
//!    {"id": "b", "type": "labels", "from_name": "label", "to_name": "text",
//!     "value": {"start": 16, "end": 21, "text": "cough", "labels": ["Disease"]}},
//!    {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right", "labels": ["treats"]}]}]}]
//! ```
//!
//! One task a line is read too. Of several annotations of a task the one marked as ground truth counts, else the first
//! that was not cancelled; where there is none, a prediction. Offsets count Unicode scalar values or, in older
//! versions, UTF-16 units: what fits the texts of the regions. A relation may have several names; one in both
//! directions is two facts, one without a name is none. A region of another text (`to_name`) is lost. A document is
//! called as `doc_id` in `data`, else as the task's number; its `title` there is the document's. What a region is in a
//! knowledge base may stand in its `meta` as `kb_id`, where we write it.

use std::borrow::Cow;
use std::io::{self, Write};

use ground::by_digits;
use ground::excerpt::quoted;
use serde_json::{Value, json};

use super::dialect::Dialect;
use super::json::{Field, Json, title};
use super::marked::{Arrow, Marked, Marking, attributes, joins, parse};
use super::objects;
use super::tied::{self, COREFERENCE, Tied, arrows, ties};
use crate::cut::CutError;
use crate::document::Document;
use crate::fault::{Fault, Part, Remark};
use crate::reader::{Reader, Record, Records, Reject};
use crate::source::Input;
use crate::text::Characters;
use crate::writer::{Claim, Frame, Writer, Written};

/// What has the name of the text that a region is in.
const TARGET: &str = "to_name";
const OTHER_KINDS: &str = "annotations other than regions of text and relations: left aside";
const SEVERAL: &str = "tasks with several annotations, one of which counts";
const PREDICTED: &str = "tasks without annotations: a prediction is taken";
const UTF_16: &str = "tasks whose offsets count UTF-16 units";
const SEVERAL_LABELS: &str = "regions with several labels, the first of which counts";

/// Reads Label Studio's exports.
#[derive(Debug, Clone, Default)]
pub struct LabelStudio {
    /// Which relations stand for coreference.
    pub dialect: Dialect,
}

impl Reader for LabelStudio {
    fn records(&self, input: Input) -> Result<Records, CutError> {
        objects::records(input, self.dialect.most_bytes, "")
    }

    fn parse(&self, record: &Record) -> Result<Document, Reject> {
        parse(record, name, |root, name| document(root, name, &self.dialect))
    }
}

/// What a task is called.
fn name<'v>(root: &Field<'_, 'v>) -> Result<Option<Cow<'v, str>>, Fault> {
    if let Some(data) = root.optional("data")?
        && let Some(found) = data.optional("doc_id")?
    {
        return found.identifier().map(Some);
    }
    root.optional("id")?.map(|found| found.identifier()).transpose()
}

fn document(root: &Field, name: &str, dialect: &Dialect) -> Result<Document, Fault> {
    let Some(data) = root.optional("data")? else {
        let is_flat = root.optional("annotation_id")?.is_some() || root.optional("annotator")?.is_some();
        let got = if is_flat { "the export `JSON-MIN`, which has no relations: export as `JSON`" } else { "none" };
        return Err(Fault::new("data", format!("expected the task's data, got {got}")));
    };
    let (key, text) = text(&data)?;
    let mut marked = Marked::default();
    read_annotations(root, &Target { data, key }, &mut marked, dialect)?;
    count_utf_16(text, &mut marked);
    marked.title = title(&data, &mut marked.remarks)?;
    marked.document(name, text, dialect.coreference.as_deref())
}

/// The text that is read.
struct Target<'f, 'v> {
    data: Field<'f, 'v>,
    /// Its name in the data.
    key: &'v str,
}

/// The text and its name: that called so, or the only one.
fn text<'v>(data: &Field<'_, 'v>) -> Result<(&'v str, &'v str), Fault> {
    if let Some(text) = data.optional("text")? {
        return Ok(("text", text.text()?));
    }
    let Json::Object(members) = data.value() else { return Err(data.expected("an object")) };
    let mut texts = members.iter().filter_map(|(name, value)| match value {
        Json::Text(text) if name != "doc_id" && name != "title" => Some((&**name, &**text)),
        _ => None,
    });
    match (texts.next(), texts.next()) {
        (Some(text), None) => Ok(text),
        (None, _) => Err(data.fault("expected `text`, got no text at all")),
        (Some(_), Some(_)) => Err(data.fault("expected `text`, got several texts of other names")),
    }
}

/// Takes the annotation of a task that counts, or a prediction.
fn read_annotations<'v>(
    root: &Field<'_, 'v>,
    target: &Target<'_, 'v>,
    marked: &mut Marked<'v>,
    dialect: &Dialect,
) -> Result<(), Fault> {
    for key in ["annotations", "completions"] {
        let Some(list) = root.optional(key)? else { continue };
        let mut standing: Vec<Field> = Vec::new();
        for annotation in list.items()? {
            if !is(&annotation, "was_cancelled")? {
                standing.push(annotation);
            }
        }
        let truth = standing.iter().find(|annotation| is(annotation, "ground_truth") == Ok(true));
        let Some(chosen) = truth.or(standing.first()) else { continue };
        if standing.len() > 1 {
            marked.remark(SEVERAL, format!("{}, of {}", chosen, standing.len()));
        }
        marked.labelled = true;
        return read_results(chosen, target, marked);
    }
    let Some(list) = root.optional("predictions")? else { return Ok(()) };
    // Some exports have the numbers of predictions in their place.
    let Some(chosen) = list.items()?.find(|prediction| matches!(prediction.value(), Json::Object(_))) else {
        return Ok(());
    };
    marked.remark(PREDICTED, chosen.to_string());
    read_results(&chosen, target, marked)?;
    // Entities alone are a prediction too, and say nothing of relations.
    let coreference = dialect.coreference.as_deref();
    marked.labelled = marked.arrows.iter().any(|arrow| !joins(&arrow.relation, coreference));
    Ok(())
}

fn is(annotation: &Field, key: &str) -> Result<bool, Fault> {
    Ok(annotation.optional(key)?.is_some_and(|found| *found.value() == Json::Bool(true)))
}

fn read_results<'v>(annotation: &Field<'_, 'v>, target: &Target<'_, 'v>, marked: &mut Marked<'v>) -> Result<(), Fault> {
    let results = annotation.key("result")?;
    let name = target.name(&results)?;
    for result in results.items()? {
        let kind = text_of(&result, "type").unwrap_or_default();
        match kind {
            "labels" | "hypertextlabels" => {
                if let Some(other) = text_of(&result, TARGET).filter(|other| *other != name) {
                    let reason = format!("expected a region of the text `{name}`, got one of {}", quoted(other));
                    marked.lose(Part::Mention, result.fault(reason));
                } else if let Err(fault) = read_region(&result, kind, marked) {
                    marked.lose(Part::Mention, fault);
                }
            }
            "relation" => {
                if let Err(fault) = read_relation(&result, marked) {
                    marked.lose(Part::Relation, fault);
                }
            }
            _ => marked.remark(OTHER_KINDS, format!("{result}: type `{kind}`")),
        }
    }
    Ok(())
}

impl<'v> Target<'_, 'v> {
    /// What the regions of the text have as theirs: its name in the data or, where none has that, the first that no other
    /// part of the data has. Without the interface's configuration nothing ties them closer.
    fn name(&self, results: &Field<'_, 'v>) -> Result<&'v str, Fault> {
        let mut first = None;
        for result in results.items()? {
            let is_region = matches!(text_of(&result, "type"), Some("labels" | "hypertextlabels"));
            match text_of(&result, TARGET).filter(|_| is_region) {
                Some(name) if name == self.key => return Ok(name),
                Some(name) if first.is_none() && matches!(self.data.optional(name), Ok(None)) => first = Some(name),
                _ => {}
            }
        }
        Ok(first.unwrap_or(self.key))
    }
}

/// The text at a key, where there is one.
fn text_of<'v>(result: &Field<'_, 'v>, key: &str) -> Option<&'v str> {
    result.optional(key).ok().flatten()?.text().ok()
}

fn read_region<'v>(result: &Field<'_, 'v>, kind: &str, marked: &mut Marked<'v>) -> Result<(), Fault> {
    let value = result.key("value")?;
    let labels = value.key(kind)?;
    let mut labels_of = labels.items()?;
    let Some(label) = labels_of.next() else { return Err(labels.fault("expected a label, got none")) };
    let n_others = labels_of.len();
    let mut kb_ids = Vec::new();
    if let Some(meta) = result.optional("meta")?
        && let Some(kb_id) = meta.optional("kb_id")?
    {
        kb_ids.push(kb_id.identifier()?);
    }
    marked.mentions.push(Marking {
        id: result.optional("id")?.map(|found| found.identifier()).transpose()?.unwrap_or_default(),
        kind: label.text()?.into(),
        span: (offset(&value.key("start")?)?, offset(&value.key("end")?)?),
        name: value.optional("text")?.and_then(|text| text.text().ok()),
        kb_ids,
        place: result.to_string(),
    });
    if n_others > 0 {
        marked.remark(SEVERAL_LABELS, labels.to_string());
    }
    Ok(())
}

/// A number, or one as a text, as the tag for hypertext has it.
fn offset(field: &Field) -> Result<u32, Fault> {
    match field.value() {
        Json::Text(text) => text.parse().map_err(|_| field.expected("characters of a plain text")),
        _ => field.number_u32(),
    }
}

fn read_relation<'v>(result: &Field<'_, 'v>, marked: &mut Marked<'v>) -> Result<(), Fault> {
    let (from, to) = (result.key("from_id")?.identifier()?, result.key("to_id")?.identifier()?);
    let direction = result.optional("direction")?;
    let ends = match direction.as_ref().map_or(Ok("right"), Field::text)? {
        "right" => vec![[from, to]],
        "left" => vec![[to, from]],
        "bi" => vec![[from.clone(), to.clone()], [to, from]],
        _ => {
            return Err(
                direction.map_or_else(|| result.fault("direction"), |it| it.expected("`left`, `right` or `bi`"))
            );
        }
    };
    let nameless = || result.fault("expected a relation with a name in `labels`, got none");
    let labels = result.optional("labels")?.ok_or_else(nameless)?;
    let names = labels.items()?.map(|label| label.text()).collect::<Result<Vec<_>, _>>()?;
    if names.is_empty() {
        return Err(nameless());
    }
    let attributes = attributes(result)?;
    for name in names {
        marked.arrows.extend(ends.iter().map(|ends| Arrow {
            ends: ends.clone(),
            relation: name.into(),
            attributes: attributes.clone(),
            place: result.to_string(),
        }));
    }
    Ok(())
}

/// Puts offsets that count UTF-16 units as characters, where more of the regions' texts fit so.
fn count_utf_16(text: &str, marked: &mut Marked<'_>) {
    if text.chars().all(|character| character.len_utf16() == 1) {
        return;
    }
    let characters_of =
        (0..).zip(text.chars()).flat_map(|(place, character)| std::iter::repeat_n(place, character.len_utf16()));
    let mut characters_of: Vec<u32> = characters_of.collect();
    characters_of.push(ground::whole(text.chars().count()));
    let counted = |(start, end): (u32, u32)| {
        let character = |unit: u32| characters_of.get(unit as usize).copied();
        Some((character(start)?, character(end)?))
    };
    let characters = Characters::new(text);
    let fits = |span: Option<(u32, u32)>, name: Option<&str>| {
        name.is_some() && span.and_then(|span| characters.slice(span)) == name
    };
    let as_they_are = marked.mentions.iter().filter(|mention| fits(Some(mention.span), mention.name)).count();
    let as_units = marked.mentions.iter().filter(|mention| fits(counted(mention.span), mention.name)).count();
    if as_units <= as_they_are {
        return;
    }
    for mention in &mut marked.mentions {
        // What lies beyond the text is left for the message that says so.
        mention.span = counted(mention.span).unwrap_or(mention.span);
    }
    let example = format!("{as_units} of {} regions fit", marked.mentions.len());
    marked.remarks.push(Remark { what: UTF_16, example });
}

/// Writes Label Studio's tasks.
///
/// Annotated relations are an annotation. Predicted ones, and entities without known relations, are a prediction, which
/// the tool shows to be corrected: its score is the least probability in it, so that tasks sorted by it begin with the
/// uncertain. Mentions of an entity are tied by the relation `coreference`, a relation stands between those mentions of
/// its entities that are closest. Evidence is not written. Entities of one identity and type come back as one, a mention
/// without identity as an entity, which is told.
#[derive(Debug, Clone, Copy)]
pub struct LabelStudioWriter;

impl Writer for LabelStudioWriter {
    fn frame(&self) -> Frame {
        Frame { opening: "[\n", between: ",\n", closing: "\n]\n", empty: "[]\n" }
    }

    fn write(&self, written: &Written<'_>, output: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(output, &task(written)).map_err(io::Error::from)
    }

    fn remarks(&self, written: &Written<'_>) -> Vec<Remark> {
        tied::remarks(written)
    }
}

fn task(written: &Written) -> Value {
    let document = written.document;
    let mut data = json!({"text": written.text_by_lines(), "doc_id": &*document.id});
    if !document.title.is_empty() {
        data["title"] = (&*document.title).into();
    }
    let results = results(written);
    let claims = written.claims.as_deref();
    let least = claims.into_iter().flatten().filter_map(|claim| claim.probability).reduce(f32::min);
    if claims.is_some() && !written.is_predicted {
        return json!({"data": data, "annotations": [{"result": results}]});
    }
    let mut prediction = json!({"model_version": "docre", "result": results});
    if let Some(least) = least {
        prediction["score"] = least.into();
    }
    json!({"data": data, "predictions": [prediction]})
}

fn results(written: &Written) -> Vec<Value> {
    let mentions = Tied::of(written);
    let characters = Characters::new(&written.text);
    let region = |place: usize| format!("m{}", place + 1);
    let mut results: Vec<Value> = Vec::with_capacity(mentions.len());
    for (place, tied) in mentions.iter().enumerate() {
        let text = characters.slice((tied.span.start, tied.span.end)).unwrap_or_default();
        let mut result = json!({
            "id": region(place), "type": "labels", "from_name": "label", "to_name": "text",
            "value": {"start": tied.span.start, "end": tied.span.end, "text": text, "labels": [&*tied.mention.kind]},
        });
        if let Some(kb_id) = tied.kb_id {
            // The list is what the tool shows beside the region.
            result["meta"] = json!({"text": [kb_id], "kb_id": kb_id});
        }
        results.push(result);
    }
    let relation = |from: usize, to: usize, name: &str, claim: Option<&Claim>| {
        let (from, to) = (region(from), region(to));
        let mut result = json!({
            "type": "relation", "from_id": from, "to_id": to, "direction": "right", "labels": [name],
        });
        if let Some(claim) = claim.filter(|claim| !claim.attributes.is_empty()) {
            result["attributes"] = claim.attributes.iter().map(|attribute| &**attribute).collect();
        }
        if let Some(probability) = claim.and_then(|claim| claim.probability) {
            result["score"] = by_digits(probability).into();
        }
        result
    };
    results.extend(ties(&mentions).into_iter().map(|(from, to)| relation(from, to, COREFERENCE, None)));
    let arrows = arrows(written, &mentions);
    results.extend(arrows.into_iter().map(|(claim, from, to)| relation(from, to, &claim.relation, Some(claim))));
    results
}
