//! What is said of a relation beside its name and evidence, as an object in JSON.

use serde_json::{Map, Value};
use table::Text;

use super::json::Field;
use crate::document::Document;
use crate::fault::{Fault, Remark};
use crate::writer::Claim;

/// The `attributes` of a relation, as `name=value`.
///
/// # Errors
/// Where the relation is no object, or has several such keys.
pub fn read(relation: &Field, document: &mut Document) -> Result<Vec<Text>, Fault> {
    let Some(object) = relation.optional("attributes")? else { return Ok(Vec::new()) };
    let mut attributes = Vec::new();
    for name in object.names() {
        let Some(value) = object.optional(name)? else { continue };
        if let Some(shown) = value.value().scalar() {
            attributes.push(format!("{name}={shown}").into());
        } else {
            let what = "attributes that are no texts, numbers or booleans, left out";
            document.remarks.push(Remark { what, example: value.to_string() });
        }
    }
    Ok(attributes)
}

/// What a claim says of its relation as an object.
pub fn written(claim: &Claim) -> Map<String, Value> {
    let pair = |attribute: &Text| {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        (name.to_owned(), Value::from(value))
    };
    claim.attributes.iter().map(pair).collect()
}
