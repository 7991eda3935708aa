//! Rows in, relations out, and nothing set down between them.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use docre::corpus::annotated::Names;
use docre::ground::folder_name;
use docre::ground::observe::{Event, Observer, Progress};
use docre::score::{Grouping, Options, Scorer, Seen, Setup};
use docre::table::TableError;
use docre::table::rows::{AnnotatedRow, RelationRow};
use docre::table::stream::StreamWriter;

use super::super::annotated::Rows;
use super::super::{Messages, Outcome, output};
use super::ScoreArgs;

/// Scores rows as they come, in parts of as many documents as a split is scored in.
///
/// # Errors
/// Where the checkpoint cannot be used, a row is wrong, or stdout refuses. What was written until then has no end mark.
pub fn score(
    args: &ScoreArgs,
    options: Options,
    (source, rows): (PathBuf, Rows),
    messages: Messages,
) -> anyhow::Result<Outcome> {
    let name = folder_name(&args.checkpoint);
    let setup = Setup {
        options,
        grouping: Some(Grouping::Together),
        decision: args.decision.as_deref(),
        ..Setup::new(&args.checkpoint, &name, args.device)
    };
    let (began, listener) = (Instant::now(), messages.listener());
    let observe = |event| listener.hear(&event);
    let scorer = Scorer::load(&setup, &observe)?;
    let mut passing = Passing { names: Names::of(&source), source, scorer: &scorer, seen: Seen::default() };
    passing.all(rows, output::stdout(), &observe)?;
    let seen = passing.seen;
    scorer.warnings(&seen).into_iter().map(Event::Warning).for_each(observe);
    drop(listener);
    let scored = seen.scored();
    let rate = scored.documents as f64 / began.elapsed().as_secs_f64();
    messages.say(&format!("-/relations: {scored}, {rate:.0} documents/s"));
    Ok(if scored.too_large == 0 { Outcome::Done } else { Outcome::SomeRejected })
}

struct Passing<'a> {
    scorer: &'a Scorer,
    source: PathBuf,
    names: Names,
    seen: Seen,
}

impl Passing<'_> {
    fn all(&mut self, rows: Rows, output: impl Write, observe: Observer<'_>) -> anyhow::Result<()> {
        let refused = |source| TableError::Stream { name: "standard output".to_owned(), source };
        let at_once = self.scorer.documents_at_once();
        let mut stream = StreamWriter::<RelationRow, _>::begin(output).map_err(refused)?;
        let mut waiting: Vec<AnnotatedRow> = Vec::new();
        for some in rows {
            let some = some?;
            some.iter().try_for_each(|row| self.names.add(&row.doc_id))?;
            waiting.extend(some);
            while waiting.len() >= at_once {
                let later = waiting.split_off(at_once);
                self.some(std::mem::replace(&mut waiting, later), &mut stream, observe)?;
            }
        }
        self.names.check_any()?;
        self.some(waiting, &mut stream, observe)?;
        stream.finish().map_err(refused)?.flush().map_err(|error| refused(error.into()))?;
        Ok(())
    }

    fn some<W: Write>(
        &mut self,
        rows: Vec<AnnotatedRow>,
        stream: &mut StreamWriter<RelationRow, W>,
        observe: Observer<'_>,
    ) -> anyhow::Result<()> {
        let found = self.scorer.score_rows(rows, &self.source)?;
        let refused = |source| TableError::Stream { name: "standard output".to_owned(), source };
        stream.write_batch(&found.relations).map_err(refused)?;
        self.seen += &found.seen;
        observe(Event::Progress(Progress::documents(self.seen.scored().documents)));
        Ok(())
    }
}
