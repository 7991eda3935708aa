//! What is there before a pipeline runs: files, and encoders in the Hugging Face cache.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::encoder::hub;
use crate::table::found_under;

/// The role of inputs whose places may be names on the hub. A source in any other role is a path, whatever it looks like.
pub const ENCODER: &str = "encoder";

/// A name, or several.
#[derive(Deserialize, Clone)]
#[serde(untagged, expecting = "expected a name or a list of names")]
pub enum OneOrMore {
    /// One.
    One(String),
    /// Several, in order.
    Several(Vec<String>),
}

impl From<OneOrMore> for Vec<String> {
    fn from(names: OneOrMore) -> Self {
        match names {
            OneOrMore::One(name) => vec![name],
            OneOrMore::Several(names) => names,
        }
    }
}

/// A source: places where it may be, of which the first that is there counts. A place is a path, or the name of an
/// encoder in the Hugging Face cache.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "OneOrMore")]
pub struct Source {
    places: Vec<String>,
}

impl TryFrom<OneOrMore> for Source {
    type Error = &'static str;

    fn try_from(names: OneOrMore) -> Result<Self, Self::Error> {
        let places: Vec<String> = names.into();
        if places.is_empty() { Err("expected a path or several, got none") } else { Ok(Self { places }) }
    }
}

impl From<&str> for Source {
    fn from(place: &str) -> Self {
        Self { places: vec![place.to_owned()] }
    }
}

impl Source {
    /// Where it is; `None` where it is in none of its places. Downloads nothing.
    pub fn path(&self) -> Option<PathBuf> {
        self.found().map(|(_, path)| path)
    }

    /// Those of its places that the hub can be asked for, where it is in none of them.
    pub fn to_fetch(&self) -> Vec<&str> {
        let places: &[String] = if self.path().is_none() { &self.places } else { &[] };
        places.iter().map(String::as_str).filter(|place| hub::is_fetched(place)).collect()
    }

    fn found(&self) -> Option<(&str, PathBuf)> {
        self.places.iter().find_map(|place| Some((place.as_str(), resolve(place)?)))
    }
}

fn resolve(place: &str) -> Option<PathBuf> {
    let path = Path::new(place);
    if found_under(path).exists() { Some(path.to_path_buf()) } else { hub::find(place).ok() }
}

/// The place that counts; all of them where it is in none.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found() {
            Some((place, _)) => f.write_str(place),
            None => f.write_str(&self.places.join("` or `")),
        }
    }
}

/// Sources with their verb.
pub fn list(missing: &[String]) -> String {
    let names: Vec<String> = missing.iter().map(|places| format!("`{places}`")).collect();
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}
