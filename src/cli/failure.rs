//! What is said where a command fails, and with which exit code it ends.

use std::error::Error;
use std::io;

use docre::checkpoint::CheckpointError;
use docre::corpus::CorpusError;
use docre::decide::DecideError;
use docre::encoder::LoadError;
use docre::encoder::hub::NotFound;
use docre::examples::ExamplesError;
use docre::graph::GraphError;
use docre::ground::hint::{Hint, Words};
use docre::metrics::Error as MetricsError;
use docre::nn::device::DeviceError;
use docre::pieces::PiecesError;
use docre::pipeline::LeftOut;
use docre::query::QueryError;
use docre::report::ReportError;
use docre::score::ScoreError;
use docre::submission::SubmissionError;
use docre::table::TableError;
use docre::train::TrainError;

use super::{Usage, output};

/// Whether the command was called wrongly: nothing was tried.
pub fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<Usage>() || matches!(error.downcast_ref(), Some(CorpusError::Options(_)))
}

/// Whether the reader of stdout went away, as `head` does: no error.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let closed = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    error.chain().any(closed)
}

/// Says what went wrong, and what to do next where there is a choice.
pub fn report(error: &anyhow::Error) {
    output::say(&format!("error: {error:#}"));
    if let Some(hint) = hint(error) {
        output::say(&format!("hint: {hint}"));
    }
}

/// What to do next, for errors that leave a choice: asked of each error of ours along the chain, from the outside in.
pub fn hint(error: &anyhow::Error) -> Option<Words> {
    error.chain().find_map(|cause| ASKED.iter().find_map(|ask| ask(cause)))
}

/// Asks an error for its hint, where it is of one type.
type Ask = fn(&(dyn Error + 'static)) -> Option<Words>;

/// Every type of errors with hints. A walk along the chain meets any of them; a test holds that none is missing.
const ASKED: [Ask; 17] = [
    of::<CheckpointError>,
    of::<CorpusError>,
    of::<DecideError>,
    of::<DeviceError>,
    of::<ExamplesError>,
    of::<GraphError>,
    of::<LeftOut>,
    of::<LoadError>,
    of::<MetricsError>,
    of::<NotFound>,
    of::<PiecesError>,
    of::<QueryError>,
    of::<ReportError>,
    of::<ScoreError>,
    of::<SubmissionError>,
    of::<TableError>,
    of::<TrainError>,
];

fn of<E: Hint + 'static>(error: &(dyn Error + 'static)) -> Option<Words> {
    error.downcast_ref::<E>()?.hint()
}
