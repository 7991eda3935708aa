//! JSON with a memory of where it is: a value is read through [`Field`]s, and a [`Fault`] names the path to it.
//!
//! The path is a chain of borrowed parents, written out only when something is wrong. Unlike `serde_json::Value`, an
//! object here keeps its members in order and keeps repeated keys, so that a repeated key is a fault and not a silent
//! choice; text without escapes is borrowed from the source.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use ground::excerpt::quoted;
use ground::suggest::nearest;

use crate::fault::{Fault, Loss, Part, Remark};

/// A JSON value that borrows from its source.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'v> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number, zero or above.
    Whole(u64),
    /// A whole number below zero.
    Negative(i64),
    /// Any other number.
    Number(f64),
    /// A text.
    Text(Cow<'v, str>),
    /// A list.
    List(Vec<Json<'v>>),
    /// An object: its members in order, repeated keys included.
    Object(Vec<(Cow<'v, str>, Json<'v>)>),
}

/// A value and the way to it.
#[derive(Debug, Clone, Copy)]
pub struct Field<'p, 'v> {
    value: &'v Json<'v>,
    step: Step<'p, 'v>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'p, 'v> {
    Root,
    Key(&'p Field<'p, 'v>, &'p str),
    Item(&'p Field<'p, 'v>, usize),
}

impl<'v> Json<'v> {
    /// The one value in `bytes`.
    ///
    /// # Errors
    /// A fault of `record` where the bytes are not one JSON value of RFC 8259 in UTF-8, nested at most 127 deep.
    pub fn parse(bytes: &'v [u8]) -> Result<Self, Fault> {
        serde_json::from_slice(bytes).map_err(|error| Fault::new("record", format!("expected JSON: {error}")))
    }

    /// Makes a list of objects of an object of lists, as Hugging Face's libraries lay lists of objects out. What is none
    /// stays as it is.
    ///
    /// # Errors
    /// Expected, then got, where the lists are not of one length.
    pub fn turn(&mut self) -> Result<(), String> {
        let Self::Object(members) = self else { return Ok(()) };
        let length = |value: &Self| if let Self::List(items) = value { Some(items.len()) } else { None };
        let Some(n_items) = members.first().and_then(|(_, value)| length(value)) else { return Ok(()) };
        if let Some((key, value)) = members.iter().find(|(_, value)| length(value) != Some(n_items)) {
            let got = length(value).map_or("no list".to_owned(), |got| got.to_string());
            return Err(format!(
                "expected {n_items} items under each key, as under the first, got {got} under {}",
                quoted(key)
            ));
        }
        let mut objects: Vec<Vec<(Cow<'v, str>, Self)>> = vec![Vec::with_capacity(members.len()); n_items];
        for (key, value) in std::mem::take(members) {
            let Self::List(items) = value else { continue };
            objects.iter_mut().zip(items).for_each(|(object, item)| object.push((key.clone(), item)));
        }
        *self = Self::List(objects.into_iter().map(Self::Object).collect());
        Ok(())
    }

    /// As [`Json::turn`]; where the lists are not of one length, so that nobody knows what belongs together, it becomes
    /// `instead`, and as many parts are lost as the longest of them has items.
    pub fn turn_or_lose(&mut self, part: Part, column: &str, instead: Self) -> Vec<Loss> {
        let Err(reason) = self.turn() else { return Vec::new() };
        let members = if let Self::Object(members) = &*self { members.as_slice() } else { &[] };
        let lengths = members.iter().map(|(_, value)| if let Self::List(items) = value { items.len() } else { 0 });
        let n_lost = lengths.max().unwrap_or_default().max(1);
        *self = instead;
        vec![Loss::new(part, Fault::new(column, reason)); n_lost]
    }

    /// The values of a member of an object: one, where it is not repeated.
    pub fn members_mut<'s>(&'s mut self, name: &'s str) -> impl Iterator<Item = &'s mut Self> {
        let members = if let Self::Object(members) = self { members.as_mut_slice() } else { &mut [] };
        members.iter_mut().filter(move |(key, _)| key == name).map(|(_, value)| value)
    }

    /// The items of a list; none of anything else.
    pub fn items_mut(&mut self) -> &mut [Self] {
        if let Self::List(items) = self { items } else { &mut [] }
    }

    /// The value as the root of all paths.
    pub fn root(&'v self) -> Field<'v, 'v> {
        Field { value: self, step: Step::Root }
    }

    /// A text, a number or a boolean as a text; `None` for what is none of these.
    pub fn scalar(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Whole(number) => Cow::Owned(number.to_string()),
            Self::Negative(number) => Cow::Owned(number.to_string()),
            // With no more digits than it has: of 1e20 nobody knows the last ones.
            Self::Number(number) => Cow::Owned(format!("{number:?}")),
            Self::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Self::Null | Self::List(_) | Self::Object(_) => return None,
        })
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Whole(_) | Self::Negative(_) | Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// What an id can be.
pub const IDENTIFIER: &str = "a text or a whole number from 0";
/// What an offset or a place can be.
pub const NUMBER: &str = "a whole number from 0 and below 2^32";

/// A key that is not known, and the name that may be meant.
pub type Stray<'n, 'v> = (&'v str, Option<&'n str>);

/// Whether a key may be a slip of a name: the same but for case, or for an edit or two where the name is long enough.
pub fn is_slip(key: &str, name: &str) -> bool {
    let allowed = if name.len() < 4 { 0 } else { (name.len() / 4).max(1) };
    let (lower, expected) = (key.to_ascii_lowercase(), name.to_ascii_lowercase());
    key != name && nearest(&lower, &[&*expected]).is_some_and(|(edits, _)| edits <= allowed)
}

/// The `title` of an object, without which a document does where it is no text.
///
/// # Errors
/// A fault where this is no object, or has several.
pub fn title<'v>(parent: &Field<'_, 'v>, remarks: &mut Vec<Remark>) -> Result<&'v str, Fault> {
    let Some(title) = parent.optional("title")? else { return Ok("") };
    Ok(title.text().unwrap_or_else(|fault| {
        remarks.push(Remark { what: "titles that are no text, left aside", example: fault.to_string() });
        ""
    }))
}

impl<'v> Field<'_, 'v> {
    /// The value itself.
    pub fn value(&self) -> &'v Json<'v> {
        self.value
    }

    /// The member `name` of an object.
    ///
    /// # Errors
    /// A fault where this is no object, or has no such member (`null` counts as none), or several.
    pub fn key<'s>(&'s self, name: &'s str) -> Result<Field<'s, 'v>, Fault> {
        match self.optional(name)? {
            Some(field) => Ok(field),
            None => Err(Fault::new(format!("{}{name}", self.stem()), "missing")),
        }
    }

    /// The member `name` of an object, where it has one that is not `null`.
    ///
    /// # Errors
    /// A fault where this is no object or has several such members.
    pub fn optional<'s>(&'s self, name: &'s str) -> Result<Option<Field<'s, 'v>>, Fault> {
        let mut found = self.members()?.iter().filter(|(key, _)| key == name);
        let Some((_, value)) = found.next() else { return Ok(None) };
        let field = Field { value, step: Step::Key(self, name) };
        match found.next() {
            Some(_) => Err(field.fault("expected one such key, got several")),
            None => Ok((*value != Json::Null).then_some(field)),
        }
    }

    /// The names of an object's members that are none of these, each with the one of them that it lacks and that may be
    /// meant.
    ///
    /// # Errors
    /// A fault where this is no object, or has a member that may be a slip of one of `weighty` that it lacks: a misspelt
    /// name must not make these missing.
    pub fn strays<'n>(&self, weighty: &[&'n str], others: &[&'n str]) -> Result<Vec<Stray<'n, 'v>>, Fault> {
        let members = self.members()?;
        let names = || weighty.iter().chain(others).copied();
        let keys = members.iter().map(|(key, _)| &**key).filter(|key| names().all(|name| name != *key));
        let stray = |key| {
            let is_lacking = |name: &&str| !members.iter().any(|(key, _)| key == *name);
            let meant = names().filter(is_lacking).find(|name| is_slip(key, name));
            match meant.filter(|name| weighty.contains(name)) {
                Some(name) => Err(self.fault(format!("expected the key `{name}`, got {}", quoted(key)))),
                None => Ok((key, meant)),
            }
        };
        keys.map(stray).collect()
    }

    /// The names of an object's members; none of anything else.
    pub fn names(&self) -> impl Iterator<Item = &'v str> + use<'v> {
        let members = if let Json::Object(members) = self.value { members.as_slice() } else { &[] };
        members.iter().map(|(key, _)| &**key)
    }

    /// The items of a list.
    ///
    /// # Errors
    /// A fault where this is no list.
    pub fn items<'s>(&'s self) -> Result<impl ExactSizeIterator<Item = Field<'s, 'v>>, Fault> {
        let Json::List(items) = self.value else { return Err(self.expected("a list")) };
        Ok(items.iter().enumerate().map(move |(place, value)| Field { value, step: Step::Item(self, place) }))
    }

    /// A text.
    ///
    /// # Errors
    /// A fault where this is none.
    pub fn text(&self) -> Result<&'v str, Fault> {
        let Json::Text(text) = self.value else { return Err(self.expected("a text")) };
        Ok(text)
    }

    /// A text, or a whole number as one.
    ///
    /// # Errors
    /// A fault where this is none.
    pub fn identifier(&self) -> Result<Cow<'v, str>, Fault> {
        match self.value {
            Json::Text(text) => Ok(Cow::Borrowed(text)),
            Json::Whole(number) => Ok(Cow::Owned(number.to_string())),
            _ => Err(self.expected(IDENTIFIER)),
        }
    }

    /// A whole number from 0 to 4,294,967,295.
    ///
    /// # Errors
    /// A fault where this is none.
    pub fn number_u32(&self) -> Result<u32, Fault> {
        let number = if let Json::Whole(number) = self.value { u32::try_from(*number).ok() } else { None };
        number.ok_or_else(|| self.expected(NUMBER))
    }

    /// A list of two whole numbers, first and one past the last of something.
    ///
    /// # Errors
    /// A fault where this is none.
    pub fn bounds(&self) -> Result<(u32, u32), Fault> {
        let items = self.items()?;
        let n_items = items.len();
        let mut items = items.map(|bound| bound.number_u32());
        match (items.next(), items.next(), n_items) {
            (Some(start), Some(end), 2) => Ok((start?, end?)),
            _ => Err(self.fault(format!("expected [start, end], got {n_items} numbers"))),
        }
    }

    /// A fault of this field.
    pub fn fault(&self, reason: impl Into<String>) -> Fault {
        Fault::new(self.to_string(), reason)
    }

    /// The fault that something else was expected here.
    pub fn expected(&self, what: &str) -> Fault {
        let got = match self.value {
            Json::Whole(number) => number.to_string(),
            Json::Negative(number) => number.to_string(),
            // As it stands there: `7.0` is no whole number.
            Json::Number(number) => format!("{number:?}"),
            Json::Text(text) => format!("the text {}", quoted(text)),
            other => other.kind().to_owned(),
        };
        self.fault(format!("expected {what}, got {got}"))
    }

    fn members(&self) -> Result<&'v [(Cow<'v, str>, Json<'v>)], Fault> {
        let Json::Object(members) = self.value else { return Err(self.expected("an object")) };
        Ok(members)
    }

    /// What stands before a member's name in its path.
    fn stem(&self) -> String {
        match self.step {
            Step::Root => String::new(),
            _ => format!("{self}."),
        }
    }
}

/// The path: `vertexSet[3][0].pos`, or `record` for the root.
impl fmt::Display for Field<'_, '_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            Step::Root => formatter.write_str("record"),
            Step::Key(Field { step: Step::Root, .. }, name) => formatter.write_str(name),
            Step::Key(parent, name) => write!(formatter, "{parent}.{name}"),
            Step::Item(parent, place) => write!(formatter, "{parent}[{place}]"),
        }
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyJson)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Json<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Whole(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Negative(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json<'de>, A::Error> {
        let mut object = Vec::new();
        while let Some(Key(key)) = members.next_key()? {
            object.push((key, members.next_value()?));
        }
        Ok(Json::Object(object))
    }
}

/// A member's name, borrowed where it can be: `Cow` by itself would always copy.
struct Key<'v>(Cow<'v, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(AnyJson)? {
            Json::Text(text) => Ok(Self(text)),
            other => Err(D::Error::custom(format_args!("expected a key, got {}", other.kind()))),
        }
    }
}
