//! The two tables of a run: scores, and what is claimed of them by the decision that travels with the checkpoint.

use std::path::{Path, PathBuf};

use checkpoint::DECISION;
use decide::{Decision, write_relations};
use ground::identity::Identity;
use ground::observe::{Event, Observer};
use table::rows::{RelationRow, ScoreRow};
use table::{Ours, Row, Staging, TableError, TableWriter, check_making, fingerprint};

use super::Request;
use super::ended::Ended;
use super::error::ScoreError;

/// Puts back what a process that died has set aside.
pub fn restore(out: &Path) -> Result<(), TableError> {
    [ScoreRow::schema(), RelationRow::schema()]
        .iter()
        .try_for_each(|schema| table::restore(&out.join(&schema.name), Ours::TABLES).map(drop))
}

/// Both tables in the making.
pub struct Tables {
    scores: Staging,
    relations: Staging,
}

impl Tables {
    /// Starts with both, where neither is of another making or those may be replaced.
    pub fn begin(request: &Request<'_>) -> Result<Self, TableError> {
        Ok(Self { relations: begin::<RelationRow>(request)?, scores: begin::<ScoreRow>(request)? })
    }

    /// Where the scores go.
    pub fn scores(&self) -> &Path {
        self.scores.folder()
    }

    /// Gives both their names. Killed in between, a run leaves scores of which the next one makes the claims.
    pub fn commit(self) -> Result<(), TableError> {
        self.scores.commit()?;
        self.relations.commit()
    }
}

/// Starts with a table, unless it is of another making: what it was made from was asked before.
fn begin<R: Row>(request: &Request<'_>) -> Result<Staging, TableError> {
    let name = &R::schema().name;
    let staging = Staging::begin(&request.out.join(name))?;
    if !request.force {
        check_making(request.out, name, None)?;
    }
    Ok(staging)
}

/// What is decided of a run's scores.
pub struct Decided<'a> {
    request: &'a Request<'a>,
    decision: Decision,
    /// Identifies what the claims are made from.
    making: String,
}

impl<'a> Decided<'a> {
    /// What the request or the checkpoint says; nothing, where neither does. `scores` identifies what those are made from.
    pub fn of(request: &'a Request<'a>, scores: &str) -> Result<Self, ScoreError> {
        let decision = match request.decision {
            Some(file) => Decision::read(file)?,
            None => Decision::find(&request.checkpoint.join(DECISION))?.unwrap_or_default(),
        };
        let decision = decision.at(request.at)?;
        // Before a model has scored for hours.
        decision.check_reach(request.margin)?;
        let making = Identity::of("relations").field("scores", scores).field("decision", &decision).finish();
        Ok(Self { request, decision, making })
    }

    /// Claims, where the table of scores stands and that of claims is not of this decision.
    pub fn over_scores(&self, too_large: u64, observe: Observer<'_>) -> Result<Ended, ScoreError> {
        let name = &RelationRow::schema().name;
        if fingerprint(self.request.out, name)?.as_ref() == Some(&self.making) {
            return Ok(Ended::UpToDate { too_large });
        }
        let staging = begin::<RelationRow>(self.request)?;
        let relations = self.write(self.request.out.join(&ScoreRow::schema().name), &staging, observe)?;
        staging.commit()?;
        Ok(Ended::Decided { relations, too_large })
    }

    /// Claims of scores that have not their name yet, and how many.
    pub fn over(&self, tables: &Tables, observe: Observer<'_>) -> Result<u64, ScoreError> {
        self.write(tables.scores().to_path_buf(), &tables.relations, observe)
    }

    fn write(&self, scores: PathBuf, staging: &Staging, observe: Observer<'_>) -> Result<u64, ScoreError> {
        let request = decide::Request {
            scores: &[scores],
            split: Some(self.request.split).filter(|_| self.decision.asks_types()),
            decision: &self.decision,
            run_id: None,
            out: self.request.out,
            force: true,
        };
        let writer = TableWriter::inside(staging.folder().to_path_buf(), &self.making);
        let claims = write_relations(&request, writer)?;
        claims.warning().into_iter().for_each(|warning| observe(Event::Warning(warning)));
        Ok(claims.count)
    }
}
