//! Scores and a decision → the table `relations`: what is claimed of what a model thinks.
//!
//! A [`Decision`] shifts the model's threshold, calibrates probabilities, holds relations to types and to their inverses,
//! and joins the scores of several runs. Without one the model's own threshold decides, and nothing else.
//!
//! Tables of scores are walked side by side, a document at a time, in their order: what is in memory is a document's
//! scores, and rows come out in the order of the table without being sorted. (As a query, the same asks for windows over
//! pairs and joins of runs, for which an engine holds a table whole and loses its order.)
//!
//! Scores of documents are fused with those of their evidence alone, where there are both ([`Ensemble::Fusion`]).
//!
//! Of a model that infers, the claims of any of its iterations are had in the same way, of the table `claims`.
//!
//! [`judge`] says of a labelled split's scores which are right; on that [`fit()`] finds a decision, and `metrics` puts
//! figures.
//!
//! It does not know what the scores come from: models, tensors.

mod calibrate;
mod claims;
mod consistent;
mod decider;
mod decision;
mod ensemble;
mod ended;
mod error;
mod fit;
mod fusion;
mod judged;
mod run;
mod runs;
mod scores;
mod shares;
mod source;
mod seen;

pub use claims::probability;
pub use decider::{Decider, Tally};
pub use decision::{
    At, Calibration, Decision, EVIDENCE_ONLY, Ensemble, FittedRun, MODEL, Point, Step, model_on_evidence,
};
pub use ended::{Claims, Ended, relations};
pub use error::DecideError;
pub use fit::{Calibrated, Fit, FitOptions, FitRequest, fit};
pub use judged::{Judged, JudgedDocument, Judging, judge};
pub use run::{Options, Request, Writers, decide, recount, write_relations};
pub use shares::{Sentences, Shares, WeightsBeside, weights_beside};

#[cfg(test)]
mod tests;
