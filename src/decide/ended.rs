//! How deciding ended.

use std::fmt::Display;

use table::Text;

/// Names that a warning lists.
const MOST_NAMES: usize = 8;

/// What is claimed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// Facts.
    pub count: u64,
    /// Documents on which the decision was fitted: figures of these flatter it.
    pub fitted_on: u64,
    /// Relations that a decision of somebody's own hand names, and no score is of.
    pub unscored: Vec<Text>,
    /// Pairs of types that such a decision names, and no two entities of a document have.
    pub unmet: Vec<String>,
    /// What is to be said where the decision was fitted on other scores than these.
    pub fitted_elsewhere: Option<String>,
    /// What is to be said where evidence is not by the weights of all runs.
    pub lacking: Option<String>,
}

impl Claims {
    /// What is to be said of them, a line each.
    pub fn warnings(&self) -> Vec<String> {
        let documents = self.fitted_on;
        let flattered = (documents > 0)
            .then(|| format!("the decision was fitted on {documents} of these documents: figures of them flatter it"));
        flattered
            .into_iter()
            .chain(self.unscored_told())
            .chain(self.unmet_told())
            .chain(self.fitted_elsewhere.clone())
            .chain(self.lacking.clone())
            .collect()
    }

    /// One in whose name a letter is wrong decides nothing, and nothing else would tell.
    fn unscored_told(&self) -> Option<String> {
        Some(format!("no score is of {}, which the decision names", named(&self.unscored)?))
    }

    /// One in which a letter is wrong bars all claims of its relation.
    fn unmet_told(&self) -> Option<String> {
        Some(format!("no entities are of the types {}, which the decision names", named(&self.unmet)?))
    }

    /// How many, in words.
    pub fn counted(&self) -> String {
        relations(self.count)
    }
}

/// Names in a row, not all of them where there are many; `None` of none.
fn named(names: &[impl Display]) -> Option<String> {
    let shown: Vec<String> = names.iter().take(MOST_NAMES).map(|name| format!("`{name}`")).collect();
    let more = names.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!shown.is_empty()).then(|| shown.join(", ") + &more)
}

/// So many relations, in words.
pub fn relations(count: u64) -> String {
    format!("{count} relation{}", if count == 1 { "" } else { "s" })
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The table was there, with these.
    UpToDate(Claims),
    /// It was made.
    Decided(Claims),
}

impl Ended {
    /// What is claimed.
    pub fn claims(&self) -> &Claims {
        match self {
            Self::UpToDate(claims) | Self::Decided(claims) => claims,
        }
    }
}
