//! How deciding ended.

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
            .chain(self.fitted_elsewhere.clone())
            .chain(self.lacking.clone())
            .collect()
    }

    /// One in whose name a letter is wrong decides nothing, and nothing else would tell.
    fn unscored_told(&self) -> Option<String> {
        let names: Vec<String> = self.unscored.iter().take(MOST_NAMES).map(|name| format!("`{name}`")).collect();
        let more = self.unscored.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!names.is_empty()).then(|| format!("no score is of {}{more}, which the decision names", names.join(", ")))
    }

    /// How many, in words.
    pub fn counted(&self) -> String {
        relations(self.count)
    }
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
