//! Why documents cannot be cut into pieces.

use std::path::{Path, PathBuf};

use ground::hint::{Hint, Words};
use ground::{is_pointer, read_text};
use table::TableError;

/// How a word's last piece ends where pieces are of characters.
pub(super) const END_OF_WORD: &str = "</w>";

/// Why documents cannot be cut into pieces.
#[derive(Debug, thiserror::Error)]
pub enum PiecesError {
    /// The folder holds no tokenizer that is known.
    #[error("{}: expected `tokenizer.json`, `vocab.txt`, or `vocab.json` with `merges.txt`, found none of them", folder.display())]
    NoTokenizer {
        /// The folder.
        folder: PathBuf,
    },
    /// A tokenizer's file cannot be used.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Git has put a pointer in the place of a file.
    #[error("{}: expected a file of the tokenizer's, got a pointer of Git LFS to it", path.display())]
    Pointer {
        /// The file.
        path: PathBuf,
    },
    /// Byte pairs that are none of bytes.
    #[error("{}: expected pieces of bytes, as RoBERTa has them, got some that end with `{END_OF_WORD}`", path.display())]
    NoBytes {
        /// The file.
        path: PathBuf,
    },
    /// The text of a `tokenizer.json` describes no tokenizer, or a vocabulary makes none.
    #[error("tokenizer: {reason}")]
    Tokenizer {
        /// What the tokenizer library says.
        reason: String,
    },
    /// The vocabulary lacks a piece that every document needs.
    #[error("tokenizer: expected a piece {piece} in the vocabulary, found none")]
    NoPiece {
        /// The piece.
        piece: &'static str,
    },
    /// The vocabulary lacks a piece that marks mentions of a type.
    #[error(
        "tokenizer: expected a piece `{piece}` in the vocabulary, to mark mentions of the type `{name}`, found none"
    )]
    NoMarker {
        /// The piece.
        piece: String,
        /// The type.
        name: String,
    },
    /// The tokenizer fails on a word.
    #[error("tokenizer: cannot cut the word {word}: {reason}")]
    Word {
        /// The word in quotes, its middle left out where it is long.
        word: String,
        /// What the tokenizer says.
        reason: String,
    },
    /// A mention does not fit its document's other tables, or the tokenizer fails on a word.
    #[error("document `{document}`: {reason}")]
    Document {
        /// The document.
        document: String,
        /// The mention's number; expected, then got. Or the word, and what the tokenizer says.
        reason: String,
    },
    /// A word was not cut before its document: a fault of docre's.
    #[error("document `{document}`: word `{word}`: expected its pieces, found none")]
    Uncut {
        /// The document.
        document: String,
        /// The word.
        word: String,
    },
    /// A table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Hint for PiecesError {
    fn hint(&self) -> Option<Words> {
        match self {
            Self::Table(error) => error.hint(),
            Self::NoTokenizer { .. } | Self::NoBytes { .. } => Some(
                "of what Hugging Face's `AutoTokenizer` reads, its `save_pretrained` writes `tokenizer.json`".into(),
            ),
            Self::Pointer { .. } => Some("fetch what it stands for, by `git lfs pull` in its folder".into()),
            Self::NoMarker { .. } => Some("BERT's vocabularies have such pieces; the markers `star` need none".into()),
            _ => None,
        }
    }
}

/// The text of a tokenizer's file.
pub(super) fn text_of(path: &Path) -> Result<String, PiecesError> {
    let text = read_text(path).map_err(|error| fault(path, &error))?;
    if is_pointer(text.as_bytes()) {
        return Err(PiecesError::Pointer { path: path.to_path_buf() });
    }
    Ok(text)
}

pub(super) fn fault(path: &Path, reason: &impl ToString) -> PiecesError {
    PiecesError::File { path: path.to_path_buf(), reason: reason.to_string() }
}

#[expect(clippy::needless_pass_by_value, reason = "serves `map_err`")]
pub(super) fn tokenizer_fault(error: tokenizers::Error) -> PiecesError {
    PiecesError::Tokenizer { reason: error.to_string() }
}
