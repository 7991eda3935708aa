//! Settings that are a name, or a table with `kind` and what belongs to that: `"mse"`, `{ kind = "mse", weight = 0.5 }`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, Visitor};

/// What settings call the name in a table.
const KIND: &str = "kind";

/// A setting as a type that is told apart by `kind`; by a name alone it has its defaults.
///
/// # Errors
/// Where it is neither, or does not fit.
pub fn by_name<'de, T: DeserializeOwned, D: Deserializer<'de>>(source: D) -> Result<T, D::Error> {
    struct Reader<T>(PhantomData<T>);
    impl<'de, T: DeserializeOwned> Visitor<'de> for Reader<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a name, or a table with `kind`")
        }

        fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
            T::deserialize(MapDeserializer::new([(KIND, name)].into_iter()))
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    source.deserialize_any(Reader(PhantomData))
}
