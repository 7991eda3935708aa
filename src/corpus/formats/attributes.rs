//! What is said of a relation beside its name and evidence, as an object in JSON.

use std::slice;

use serde_json::{Map, Value};
use table::Text;

use super::json::{Field, Json};
use crate::document::Document;
use crate::fault::{Fault, Remark};
use crate::writer::Claim;

/// The `attributes` of a relation, as `name=value`; one that has several values is a list of them.
///
/// # Errors
/// Where the relation is no object, or has several such keys.
pub fn read(relation: &Field, document: &mut Document) -> Result<Vec<Text>, Fault> {
    let Some(object) = relation.optional("attributes")? else { return Ok(Vec::new()) };
    let mut attributes = Vec::new();
    for name in object.names() {
        let Some(value) = object.optional(name)? else { continue };
        if !is_name(name) {
            let what = "attributes without a name, or with a `=` in it, left out";
            document.remarks.push(Remark { what, example: value.to_string() });
            continue;
        }
        let values =
            if let Json::List(values) = value.value() { values.as_slice() } else { slice::from_ref(value.value()) };
        let shown: Option<Vec<_>> = values.iter().map(Json::scalar).collect();
        if let Some(shown) = shown.filter(|shown| !shown.is_empty()) {
            attributes.extend(shown.iter().map(|shown| Text::from(format!("{name}={shown}"))));
        } else {
            let what = "attributes that are no texts, numbers or booleans, left out";
            document.remarks.push(Remark { what, example: value.to_string() });
        }
    }
    Ok(attributes)
}

/// Whether an attribute of this name is read back from `name=value` as it was.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('=')
}

/// What a claim says of its relation as an object.
pub fn written(claim: &Claim) -> Map<String, Value> {
    let mut object = Map::new();
    for attribute in &claim.attributes {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        put(&mut object, name, Value::from(value));
    }
    object
}

/// Adds a value to those of its name.
pub fn put(object: &mut Map<String, Value>, name: &str, value: Value) {
    match object.get_mut(name) {
        None => {
            object.insert(name.to_owned(), value);
        }
        Some(Value::Array(values)) => values.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}
