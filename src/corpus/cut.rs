//! Why the bytes of a source cannot be read, or cut into records.

use std::io::{self, ErrorKind};

/// UTF-8's, which some editors put at the start of a file.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Why a source cannot be read, or no further, where it is not the system that refuses; inside an [`io::Error`].
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Unreadable {
    /// It is something else than text.
    #[error("{0}")]
    Foreign(String),
    /// It is damaged from here on.
    #[error("{0}")]
    Damaged(String),
}

impl Unreadable {
    pub(crate) fn foreign(what: &str) -> io::Error {
        io::Error::new(ErrorKind::InvalidData, Self::Foreign(what.to_owned()))
    }

    pub(crate) fn damaged(reason: impl Into<String>) -> io::Error {
        io::Error::new(ErrorKind::InvalidData, Self::Damaged(reason.into()))
    }

    /// The one inside an error of reading.
    pub(crate) fn within(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

/// Why a file cannot be cut into records, or no further.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// Reading failed.
    #[error(transparent)]
    Io(io::Error),
    /// The file is not of this format at all: nothing can be taken from it.
    #[error("{0}")]
    Format(String),
    /// The file is damaged from here on: what came before stands.
    #[error("{0}")]
    Damaged(String),
}

/// What is no text, and what is damaged, is told inside an error of reading.
impl From<io::Error> for CutError {
    fn from(error: io::Error) -> Self {
        match Unreadable::within(&error) {
            Some(Unreadable::Foreign(what)) => Self::Format(what.clone()),
            Some(Unreadable::Damaged(reason)) => Self::Damaged(reason.clone()),
            None => Self::Io(error),
        }
    }
}
