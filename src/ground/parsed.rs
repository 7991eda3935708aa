//! Settings that are texts of some form: checked where they are read, and right wherever they are.

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One visible step of a path: the name of a split, a stage, a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FolderName(String);

impl FolderName {
    /// One that stands in the code.
    pub fn fixed(name: &'static str) -> Self {
        debug_assert!(name.parse::<Self>().is_ok(), "`{name}` is no step of a path");
        Self(name.to_owned())
    }
}

impl FromStr for FolderName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\']) {
            return Err(format!("expected a name that can be that of a folder, got `{name}`"));
        }
        Ok(Self(name.to_owned()))
    }
}

impl Deref for FolderName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<Path> for FolderName {
    fn as_ref(&self) -> &Path {
        self.0.as_ref()
    }
}

/// The types of a pair's entities, as `HEAD:TAIL`; `*` stands for any type.
///
/// A type may hold colons itself: a pair fits whose two types, joined by a colon, are the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TypePair(String);

impl TypePair {
    /// Whether entities of these types are such a pair.
    pub fn fits(&self, head: &str, tail: &str) -> bool {
        let rest = |text: &str| text.strip_prefix("*:").is_some_and(|rest| rest == "*" || rest == tail);
        let exact = |head: &str| self.0.strip_prefix(head).and_then(|rest| rest.strip_prefix(':'));
        rest(&self.0) || exact(head).is_some_and(|rest| rest == "*" || rest == tail)
    }
}

impl FromStr for TypePair {
    type Err = String;

    fn from_str(pair: &str) -> Result<Self, String> {
        match pair.split_once(':') {
            Some((head, tail)) if !head.is_empty() && !tail.is_empty() => Ok(Self(pair.to_owned())),
            _ => Err(format!("expected two types, such as `Chemical:Disease`, got `{pair}`")),
        }
    }
}

impl fmt::Display for FolderName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self)
    }
}

impl fmt::Display for TypePair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for FolderName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<FolderName> for String {
    fn from(name: FolderName) -> Self {
        name.0
    }
}

impl TryFrom<String> for TypePair {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<TypePair> for String {
    fn from(pair: TypePair) -> Self {
        pair.0
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use super::TypePair;

    #[test]
    fn a_pair_of_types_fits_by_name_or_by_star() {
        for (pair, head, tail, fits) in [
            ("Chemical:Disease", "Chemical", "Disease", true),
            ("Chemical:Disease", "Disease", "Chemical", false),
            ("*:Disease", "Gene", "Disease", true),
            ("*:Disease", "Gene", "Chemical", false),
            ("Gene:*", "Gene", "a:b", true),
            ("Gene:*", "Genes", "a", false),
            ("*:*", "a", "b", true),
            ("a:b:c", "a:b", "c", true),
            ("a:b:c", "a", "b:c", true),
            ("a:b:c", "a", "c", false),
        ] {
            assert_eq!(pair.parse::<TypePair>().unwrap().fits(head, tail), fits, "{pair} {head} {tail}");
        }
        for pair in ["", "Gene", ":Gene", "Gene:"] {
            assert!(pair.parse::<TypePair>().is_err(), "{pair}");
        }
    }
}
