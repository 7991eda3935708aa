//! Why a graph cannot be made, read or written.

use std::io;
use std::path::PathBuf;

use ground::hint::{Hint, Words};
use submission::SubmissionError;
use table::TableError;

/// Why a graph cannot be made, read or written. What stood in its folder before stands there still.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// A table cannot be read or written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Predictions cannot be read.
    #[error(transparent)]
    Submission(#[from] SubmissionError),
    /// A file or folder cannot be used.
    #[error("{}: cannot {action}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was attempted.
        action: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// A line of the file of aliases is not one, or says otherwise than those before it.
    #[error("{}: line {line}: {reason}", path.display())]
    Alias {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Expected, then got.
        reason: String,
    },
    /// The file of aliases is not a table of text.
    #[error("{}: expected lines of tab-separated UTF-8", path.display())]
    Aliases {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No fact is about the split.
    #[error(
        "{}: expected facts about documents of the split {} and their entities, got {facts} that name others, such as \
         `{document}`",
        relations.display(),
        split.display()
    )]
    Elsewhere {
        /// Where the facts are.
        relations: PathBuf,
        /// The folder of the split.
        split: PathBuf,
        /// How many facts.
        facts: u64,
        /// A document that one names.
        document: String,
    },
    /// Rows of the corpus's tables do not follow each other as they should.
    #[error("{}: table `mentions`: expected the mentions of each entity in the order of `entities`, got some of `{doc_id}` elsewhere", folder.display())]
    Mentions {
        /// The folder of the split.
        folder: PathBuf,
        /// The document.
        doc_id: String,
    },
    /// A folder holds no graph.
    #[error("{}: expected a graph, with the tables `nodes` and `edges` and a file `graph.json`", folder.display())]
    NoGraph {
        /// The folder.
        folder: PathBuf,
        /// What the system or the reader says.
        source: io::Error,
    },
    /// The text is no SPARQL query.
    #[error("expected a SPARQL query: SELECT, ASK, CONSTRUCT or DESCRIBE")]
    Syntax(#[source] oxigraph::sparql::SparqlSyntaxError),
    /// A query cannot be answered.
    #[error("the query has no answer")]
    Evaluation(#[source] Box<oxigraph::sparql::QueryEvaluationError>),
    /// A prefix of the graph stands for nothing.
    #[error("the graph's prefixes: expected an IRI for each")]
    Prefix(#[source] oxigraph::model::IriParseError),
    /// The graph cannot be taken into memory.
    #[error("cannot load the graph")]
    Store(#[from] oxigraph::store::StorageError),
}

impl Hint for GraphError {
    fn hint(&self) -> Option<Words> {
        match self {
            Self::Table(error) => error.hint(),
            Self::Submission(error) => error.hint(),
            Self::Elsewhere { .. } => {
                Some("compare their `doc_id` with that of `entities`: they may be of another split or corpus".into())
            }
            _ => None,
        }
    }
}

impl GraphError {
    /// Wraps a file system error, for `map_err`.
    pub(super) fn io(path: impl Into<PathBuf>, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, action, source }
    }
}
