//! How deciding ended.

/// What is claimed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Claims {
    /// Facts.
    pub count: u64,
    /// Documents on which the decision was fitted: figures of these flatter it.
    pub fitted_on: u64,
}

impl Claims {
    /// What is to be said of documents that the decision knows.
    pub fn warning(&self) -> Option<String> {
        let documents = self.fitted_on;
        (documents > 0)
            .then(|| format!("the decision was fitted on {documents} of these documents: figures of them flatter it"))
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The table was there, with these.
    UpToDate(Claims),
    /// It was made.
    Decided(Claims),
}

impl Ended {
    /// What is claimed.
    pub fn claims(self) -> Claims {
        match self {
            Self::UpToDate(claims) | Self::Decided(claims) => claims,
        }
    }
}
