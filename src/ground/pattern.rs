//! How two facts meet in a bridge, from which a third may follow.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The two premises between the head `s` and the tail `o` of what follows, and the bridge `i`. Its name is how settings
/// and tables spell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Pattern {
    /// (s, i) and (i, o): one fact leads on to the other.
    Forward,
    /// (s, i) and (o, i): both facts point at the bridge.
    Inward,
    /// (o, i) and (i, s): a chain that is read backwards.
    Backward,
    /// (i, s) and (i, o): both facts start from the bridge.
    Outward,
}

/// A text that names no pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPattern(String);

impl Pattern {
    /// All, in the order of DocRE-SD's heads.
    pub const ALL: [Self; 4] = [Self::Forward, Self::Inward, Self::Backward, Self::Outward];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "s>i,i>o",
            Self::Inward => "s>i,o>i",
            Self::Backward => "o>i,i>s",
            Self::Outward => "i>s,i>o",
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Pattern {
    type Err = UnknownPattern;

    fn from_str(name: &str) -> Result<Self, UnknownPattern> {
        Self::ALL.into_iter().find(|pattern| pattern.name() == name).ok_or_else(|| UnknownPattern(name.to_owned()))
    }
}

impl TryFrom<String> for Pattern {
    type Error = UnknownPattern;

    fn try_from(name: String) -> Result<Self, UnknownPattern> {
        name.parse()
    }
}

impl From<Pattern> for &'static str {
    fn from(pattern: Pattern) -> Self {
        pattern.name()
    }
}

impl fmt::Display for UnknownPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third, last] = Pattern::ALL.map(Pattern::name);
        write!(formatter, "expected one of `{first}`, `{second}`, `{third}` and `{last}`, got `{}`", self.0)
    }
}

impl std::error::Error for UnknownPattern {}
