//! Settings, whatever their format → structs; what is wrong with one names it.

use std::fmt::Display;

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

/// The settings of a command, and of the kind of stage that does the same: command line and pipeline files fill the
/// same struct. Who owns it says what its settings are where they are absent, and what they may be.
pub trait Settings: Serialize + DeserializeOwned {
    /// Whether it can be done with them.
    ///
    /// # Errors
    /// The first setting that is out of its range, in backticks: expected, then got.
    fn check(&self) -> Result<(), String>;
}

/// Checks a number.
///
/// # Errors
/// Where it is not in the range, which includes both ends.
pub fn within<N: PartialOrd + Display>(name: &str, got: N, least: N, most: N) -> Result<(), String> {
    if least <= got && got <= most { Ok(()) } else { Err(format!("`{name}`: expected {least} to {most}, got {got}")) }
}

/// Checks a number that has no upper bound.
///
/// # Errors
/// Where it is less than `least`.
pub fn at_least<N: PartialOrd + Display>(name: &str, got: N, least: N) -> Result<(), String> {
    if got >= least { Ok(()) } else { Err(format!("`{name}`: expected {least} or more, got {got}")) }
}

/// Settings as a type.
///
/// # Errors
/// The path of the setting that does not fit, in backticks, then expected and got. `words` are what the format's own
/// error says, without a place.
pub fn read<'de, T, D>(source: D, words: impl Fn(D::Error) -> String) -> Result<T, String>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    serde_path_to_error::deserialize(source).map_err(|error| {
        let path = error.path().to_string();
        let reason = plain(&words(error.into_inner()));
        match place(&path, &reason) {
            "" | "." => reason,
            place => format!("`{place}`: {reason}"),
        }
    })
}

/// Settings of a JSON object as a type.
///
/// # Errors
/// As [`read`]; for what is no JSON, with line and column.
pub fn from_json<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, String> {
    let mut source = serde_json::Deserializer::from_str(text);
    let settings = read(&mut source, |error: serde_json::Error| {
        let told = error.to_string();
        // Inside a model the place would be that of the model's end.
        let place = told.rfind(" at line ").filter(|_| error.is_data());
        told[..place.unwrap_or(told.len())].to_owned()
    })?;
    source.end().map_err(|error| error.to_string())?;
    Ok(settings)
}

/// The path to say with a reason: less its last step, where that is an unknown name, which the reason tells.
fn place<'p>(path: &'p str, reason: &str) -> &'p str {
    let Some(unknown) = reason.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) else {
        return path;
    };
    match path.rsplit_once('.') {
        Some((outer, last)) if last == unknown => outer,
        None if path == unknown => "",
        _ => path,
    }
}

/// What serde says of a value of the wrong type, in the words of all other errors.
fn plain(reason: &str) -> String {
    let rest = ["invalid type: ", "invalid value: "].iter().find_map(|start| reason.strip_prefix(start));
    let Some((got, expected)) = rest.and_then(|rest| rest.rsplit_once(", expected ")) else { return reason.to_owned() };
    let expected = match expected {
        "u32" | "u64" | "usize" => "a whole number of 0 or more",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "path string" => "a path",
        _ if expected.starts_with("struct ") => "settings by name",
        other => other,
    };
    format!("expected {expected}, got {got}")
}

/// The names of settings whose values others do not have.
pub fn differing(settings: &impl Serialize, others: &impl Serialize) -> Vec<String> {
    let [own, others] = [serde_json::to_value(settings), serde_json::to_value(others)];
    let (Ok(Value::Object(own)), Ok(Value::Object(others))) = (own, others) else { return Vec::new() };
    own.into_iter().filter(|(name, value)| others.get(name) != Some(value)).map(|(name, _)| name).collect()
}

/// Settings by name, in their order.
pub struct Fields(pub Vec<(String, Value)>);

impl Fields {
    /// Takes one out.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let place = self.0.iter().position(|(of, _)| of == name)?;
        Some(self.0.remove(place).1)
    }

    /// Looks at one.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(of, _)| of == name).map(|(_, value)| value)
    }

    /// With those of others that are not among them.
    ///
    /// # Errors
    /// Where the others are no settings by name.
    pub fn or(mut self, others: &impl Serialize) -> Result<Self, String> {
        let others = serde_json::to_value(others).map_err(|error| error.to_string())?;
        let Value::Object(others) = others else { return Err(format!("expected settings by name, got {others}")) };
        let absent: Vec<(String, Value)> = others.into_iter().filter(|(name, _)| self.get(name).is_none()).collect();
        self.0.extend(absent);
        Ok(self)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Fields;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("settings by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        source.deserialize_map(Reader)
    }
}

/// Fields as a type.
///
/// # Errors
/// As [`read`].
pub fn from_fields<'de, T: Deserialize<'de>, E: Error>(Fields(fields): Fields) -> Result<T, E> {
    let source = serde::de::value::MapDeserializer::new(fields.into_iter());
    read(source, |error: serde_json::Error| error.to_string()).map_err(E::custom)
}
