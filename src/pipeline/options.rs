//! The tables of a pipeline file as types: which keys may stand where, and the nearest of them to one that may not.

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;
use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::forward_to_deserialize_any;
use toml::Table;

use crate::ground::settings::Settings;
use crate::ground::suggest::unknown;

/// The keys of a struct, as its `Deserialize` has them: the struct stays the only list of its options.
pub fn keys<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut keys: &'static [&'static str] = &[];
    // The probe has nothing to deserialize: it always fails, after it has seen the keys.
    let _ = T::deserialize(Probe(&mut keys));
    keys
}

/// The same, of what is read with nothing borrowed.
pub fn keys_of<T: DeserializeOwned>() -> Vec<&'static str> {
    keys::<T>().to_vec()
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

/// Whether a table has no other keys than these.
///
/// # Errors
/// The first that it should not have, with the nearest known one.
pub fn check_keys(table: &Table, known: &[&str]) -> anyhow::Result<()> {
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => bail!("{}", unknown("key", key, known)),
        None => Ok(()),
    }
}

/// The same, of the table at a place of the file.
///
/// # Errors
/// The place, and that key.
pub fn check_keys_among(table: &Table, known: &[&str], place: &str) -> anyhow::Result<()> {
    check_keys(table, known).with_context(|| place.to_owned())
}

/// A table as a type.
pub fn typed<T: DeserializeOwned>(table: Table) -> anyhow::Result<T> {
    crate::ground::settings::read(table, |error: toml::de::Error| error.message().to_owned())
        .map_err(anyhow::Error::msg)
}

/// Takes those keys out of a table that are settings of one kind.
pub fn part<T: Settings>(table: &mut Table) -> Table {
    keys::<T>().iter().filter_map(|&key| table.remove_entry(key)).collect()
}

/// The options of a stage as the settings of what it does.
pub fn settings<T: Settings>(table: Table) -> anyhow::Result<T> {
    let settings: T = typed(table)?;
    settings.check().map_err(anyhow::Error::msg)?;
    Ok(settings)
}
