//! Names that may stand in a place of a pipeline file, and the nearest of them to one that may not.

use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::names::nearest;

/// The keys of a struct, as its `Deserialize` has them: the struct stays the only list of its options.
pub fn of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut keys: &'static [&'static str] = &[];
    // The probe has nothing to deserialize: it always fails, after it has seen the keys.
    let _ = T::deserialize(Probe(&mut keys));
    keys
}

struct Probe<'k>(&'k mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("only keys are asked for"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// What to say of a name that none of `known` is: the nearest, or all where none is near.
pub fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some((edits, nearest)) if edits <= nearest.len().div_ceil(2) => {
            format!("unknown {what} `{name}`, the nearest known one is `{nearest}`")
        }
        Some(_) => format!("unknown {what} `{name}`, known are `{}`", known.join("`, `")),
        None => format!("unknown {what} `{name}`, none is expected here"),
    }
}
