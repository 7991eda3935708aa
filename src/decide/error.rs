//! Why nothing can be decided.

use std::io;
use std::path::PathBuf;

use ground::hint::{Hint, Words};
use table::TableError;

/// Why nothing can be decided.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// A decision cannot be read.
    #[error("{}: cannot read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A decision is none.
    #[error("{}: {reason}", path.display())]
    Decision {
        /// The file.
        path: PathBuf,
        /// Expected, then got.
        reason: String,
    },
    /// A table cannot be read or written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Scores that no model gave, or no one run.
    #[error("{}: document `{document}`: {reason}", path.display())]
    Scores {
        /// The table, or its folder.
        path: PathBuf,
        /// The document.
        document: String,
        /// Expected, then got.
        reason: String,
    },
    /// There are no scores.
    #[error("expected at least one table of scores, got none")]
    NoScores,
    /// The documents are not known.
    #[error("{0}: expected the corpus that was scored, got none")]
    NoCorpus(&'static str),
    /// Scores do not reach as far down as the decision.
    #[error(
        "expected scores within {wanted} below the threshold, as the decision shifts it, got those within {margin}"
    )]
    Margin {
        /// How far down the decision goes.
        wanted: f32,
        /// How far down the scores go.
        margin: f32,
    },
    /// Runs that reach down to different depths.
    #[error("expected one margin of all runs, got {first} and {other}")]
    Margins {
        /// That of the first.
        first: f32,
        /// Another.
        other: f32,
    },
    /// Runs whose models give a pair more relations and fewer.
    #[error("expected models that give a pair equally many relations at most, got {first} and {other}")]
    MostLabels {
        /// As the first does.
        first: u32,
        /// As another does.
        other: u32,
    },
    /// What is to be fused is not there.
    #[error(
        "`ensemble` of a decision: expected for `fusion` the scores of documents and those of their evidence alone, one \
         table of each, got {documents} and {evidence}"
    )]
    Fusion {
        /// Tables of scores of documents.
        documents: usize,
        /// Those of evidence alone.
        evidence: usize,
    },
    /// What is to be fused is of two models.
    #[error(
        "{}: expected scores of evidence by the model of {}, with its relations called alike, got another's",
        .0[1].display(),
        .0[0].display()
    )]
    OtherModel([PathBuf; 2]),
    /// The scores of one run are there twice.
    #[error("{}: expected the scores of several runs, got these twice", .0.display())]
    Twice(PathBuf),
    /// Scores of evidence alone among others.
    #[error("{}: expected scores of documents, as the others are, got those of their evidence alone", .0.display())]
    EvidenceOnly(PathBuf),
    /// What is asked for does not fit what a decision says.
    #[error("{0}")]
    Options(String),
    /// Nobody says how much of what a model looks at a sentence has.
    #[error("{}: expected the table `sentence_weights` of one making beside the scores, as evidence is asked for, found none", .0.display())]
    NoWeights(PathBuf),
    /// Scores, or claims of an iteration, are not where they were said to be.
    #[error("{}: expected the table `{table}`{}, found none", path.display(), of_iteration(table))]
    NoTable {
        /// The folder, or a table that is another.
        path: PathBuf,
        /// What the table is called.
        table: &'static str,
    },
    /// Several runs at an iteration.
    #[error(
        "expected claims of one run, since of an iteration nothing tells what lay below the threshold, got {0} runs"
    )]
    OneRun(usize),
    /// Inverses at an iteration.
    #[error(
        "`inverses` of a decision: expected none, since of an iteration nothing tells what lay below the threshold, got \
         some"
    )]
    NoInverses,
    /// What lay below the threshold at an iteration is not known.
    #[error(
        "expected a threshold that is not lowered, since of an iteration only claims are kept, got a shift of {shift}"
    )]
    Lowered {
        /// The shift.
        shift: f32,
    },
    /// The model does not infer so often.
    #[error("{}: expected an iteration from 0 to {most}, got {wanted}", path.display())]
    Iteration {
        /// The claims.
        path: PathBuf,
        /// The iteration.
        wanted: u32,
        /// The model's last.
        most: u32,
    },
    /// No shift within the scores comes to what is wanted.
    #[error("expected a threshold of {what} {wanted}, got {best:.4} at most, within {margin} below the model's")]
    Unreachable {
        /// Precision or recall.
        what: &'static str,
        /// What was asked for.
        wanted: f64,
        /// The best that there is.
        best: f64,
        /// How far down the scores go.
        margin: f32,
    },
    /// A decision does not say which threshold comes to what is wanted.
    #[error("expected a decision with a threshold of {what} {wanted}, got {}", told(*best, *fitted))]
    At {
        /// Precision or recall.
        what: &'static str,
        /// What was asked for.
        wanted: f64,
        /// The best that there is.
        best: Option<f64>,
        /// Whether it was fitted at all.
        fitted: bool,
    },
    /// What docre did not write stands where a decision was to go.
    #[error("{}: expected nothing or a decision that docre wrote, found another file: it will not be replaced", .0.display())]
    Foreign(PathBuf),
    /// No score is right.
    #[error("{}: expected scores of which some are right, got {wrong} wrong ones", path.display())]
    NothingRight {
        /// The split.
        path: PathBuf,
        /// The scores of its documents.
        wrong: usize,
        /// Whether types of entities say what may be claimed.
        by_types: bool,
    },
    /// Nobody says what holds.
    #[error("{}: expected labelled documents with facts, got none", .0.display())]
    Unlabelled(PathBuf),
    /// Types that no setting can name.
    #[error("types of entities: {0}")]
    Types(String),
    /// A score or a fact names an entity that the corpus lacks.
    #[error("document `{document}`: expected an entity of the corpus, got entity {entity}")]
    Entity {
        /// The document.
        document: String,
        /// The entity.
        entity: u32,
    },
}

impl Hint for DecideError {
    fn hint(&self) -> Option<Words> {
        match self {
            Self::Table(error) => error.hint(),
            Self::Margin { .. } | Self::Unreachable { what: "recall", .. } => {
                Some("score with a larger `--margin`".into())
            }
            Self::Iteration { .. } => Some("score with a larger `--iterations`".into()),
            Self::NoWeights(_) => {
                Some("score with a model that was trained with an `evidence_weight`, or leave the threshold out".into())
            }
            Self::NoTable { .. } => Some("name the folder into which `docre score` has written".into()),
            Self::Margins { .. } => Some("score again with one `--margin`".into()),
            Self::MostLabels { .. } => {
                Some("say how many, by `most_labels` in a decision (`docre decide --most-labels`)".into())
            }
            Self::Fusion { .. } => Some(
                "score a second time with `--evidence-only`, and decide over both: `docre decide` with `--scores` twice".into(),
            ),
            Self::OtherModel(_) => {
                Some("score both with one `--checkpoint`, and the same `--iterations` and `--like`".into())
            }
            Self::EvidenceOnly(_) => Some("pass `--ensemble fusion` (`ensemble = \"fusion\"` of a decision)".into()),
            Self::OneRun(_) => Some("score each with `--iterations N`, and decide over these scores".into()),
            Self::NoInverses => Some("score with `--iterations N`, and decide over these scores".into()),
            Self::Lowered { .. } => {
                Some("score with `--iterations` as often as that, and decide over its scores".into())
            }
            Self::NoCorpus(_) => Some("name it with `--corpus`, and `--split`".into()),
            Self::Entity { .. } => Some("name the split whose scores they are".into()),
            Self::Foreign(_) => Some("move it away, or choose another `--out`".into()),
            Self::NothingRight { by_types: true, .. } => Some(
                "types may bar all that is right: compare those that the decision or `--types-of` names with the split's"
                    .into(),
            ),
            Self::NothingRight { .. } => {
                Some("name the split whose scores they are, or score with a larger `--margin`".into())
            }
            Self::At { best: None, fitted: true, .. } => {
                Some("fit one with `--precision` or `--recall`, which tell how far it gets".into())
            }
            Self::At { best: None, .. } => Some(
                "fit one with `docre fit`; `docre score` takes decision.json in the folder of its checkpoint".into(),
            ),
            Self::At { .. } => Some("ask for less".into()),
            _ => None,
        }
    }
}

/// Who reads a table of these.
fn of_iteration(table: &str) -> &'static str {
    if table == "claims" { ", which tells of iterations" } else { "" }
}

fn told(best: Option<f64>, fitted: bool) -> String {
    match best {
        Some(best) => format!("{best:.4} at most"),
        None if fitted => "one whose fitting came to no such thresholds".to_owned(),
        None => "one that was not fitted".to_owned(),
    }
}
