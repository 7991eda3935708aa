//! The tables of a run: scores, what they were on the way, and what is claimed of them by the decision that travels with
//! the checkpoint.

use std::path::{Path, PathBuf};

use checkpoint::decision_in;
use decide::{Decision, EVIDENCE_ONLY, MODEL, Writers, recount, write_relations};
use ground::identity::Identity;
use ground::observe::{Event, Observer};
use table::rows::{ClaimRow, EvidenceRow, RelationRow, ScoreRow, SentenceWeightRow, TraceRow};
use table::{
    Ours, Row, Staging, TableError, TableWriter, check_making, check_outdated, check_place, fingerprint,
    remove_outdated,
};

use super::ended::Ended;
use super::error::ScoreError;
use super::limit::table_lacks;
use super::parts::Parts;
use super::request::{Options, Request};
use super::told::noting;

/// Puts back what a process that died has set aside.
pub fn restore(out: &Path) -> Result<(), TableError> {
    let of_evidence = [SentenceWeightRow::schema(), EvidenceRow::schema()];
    [TraceRow::schema(), ClaimRow::schema(), ScoreRow::schema(), RelationRow::schema()]
        .iter()
        .chain(&of_evidence)
        .try_for_each(|schema| table::restore(&out.join(&schema.name), Ours::TABLES).map(drop))
}

/// What tables note of how they were made.
pub struct Notes<'a> {
    /// Identifies the model.
    pub model: &'a str,
    /// Above which weight a sentence is evidence, where that alone was scored.
    pub evidence_only: Option<f32>,
    /// What was told of the documents, a line each.
    pub told: &'a [String],
}

impl Notes<'_> {
    /// The writer of a table that says what it is of.
    fn on<R: Row + 'static>(&self, writer: TableWriter<R>) -> TableWriter<R> {
        let writer = writer.noting(MODEL, self.model.to_owned());
        match self.evidence_only {
            Some(threshold) => writer.noting(EVIDENCE_ONLY, threshold.to_string()),
            None => writer,
        }
    }
}

/// The tables in the making. The last was begun first, and so goes last: what was made for it is empty then.
pub struct Tables {
    traces: Staging,
    claims: Staging,
    scores: Staging,
    relations: Staging,
    /// What is evidence, where the model learnt that and sees all sentences.
    evidence: Option<Staging>,
    /// The weights of these, likewise.
    weights: Option<Staging>,
}

impl Tables {
    /// Starts with all, where none is of another making or those may be replaced. `fingerprint` identifies what all but
    /// the relations are made from.
    pub fn begin(
        &Decided { request, ref making, tells_evidence, .. }: &Decided<'_>,
        fingerprint: &str,
    ) -> Result<Self, TableError> {
        Ok(Self {
            weights: tells_evidence.then(|| begin::<SentenceWeightRow>(request, fingerprint)).transpose()?,
            evidence: tells_evidence.then(|| begin::<EvidenceRow>(request, making)).transpose()?,
            relations: begin::<RelationRow>(request, making)?,
            scores: begin::<ScoreRow>(request, fingerprint)?,
            claims: begin::<ClaimRow>(request, fingerprint)?,
            traces: begin::<TraceRow>(request, fingerprint)?,
        })
    }

    /// Puts the parts together, of this making.
    pub fn fill(&self, parts: &Parts, making: &str, notes: &Notes<'_>) -> Result<(), ScoreError> {
        if let Some(weights) = &self.weights {
            parts.join::<SentenceWeightRow>(TableWriter::inside(weights.folder().to_path_buf(), making))?;
        }
        parts.join::<TraceRow>(TableWriter::inside(self.traces.folder().to_path_buf(), making))?;
        parts.join::<ClaimRow>(notes.on(TableWriter::inside(self.claims.folder().to_path_buf(), making)))?;
        let scores = notes.on(TableWriter::inside(self.scores.folder().to_path_buf(), making));
        Ok(parts.join::<ScoreRow>(noting(scores, notes.told))?)
    }

    /// Gives all their names. Killed before the scores have theirs, a run goes on from its parts; killed behind them, it
    /// leaves scores of which the next one makes the relations.
    pub fn commit(self) -> Result<(), TableError> {
        self.traces.commit()?;
        self.claims.commit()?;
        self.weights.map_or(Ok(()), Staging::commit)?;
        self.scores.commit()?;
        self.evidence.map_or(Ok(()), Staging::commit)?;
        self.relations.commit()
    }
}

/// What a file or the checkpoint says, at the threshold that is asked for; nothing, where neither does.
pub fn decision(checkpoint: &Path, file: Option<&Path>, options: &Options) -> Result<Decision, ScoreError> {
    let decision = match file {
        Some(file) => Decision::read(file)?,
        None => Decision::find(&decision_in(checkpoint))?.unwrap_or_default(),
    };
    let decision = decision.at(options.at())?;
    decision.check_one_run()?;
    // Before a model has scored for hours.
    decision.check_reach(options.margin)?;
    Ok(decision)
}

/// Starts with a table, unless one stands there of another making.
fn begin<R: Row>(request: &Request<'_>, making: &str) -> Result<Staging, TableError> {
    let staging = Staging::begin(&request.out.join(&R::schema().name))?;
    check_of::<R>(request, making)?;
    Ok(staging)
}

/// Refuses where a table stands of another making, unless it may be replaced.
fn check_of<R: Row>(request: &Request<'_>, making: &str) -> Result<(), TableError> {
    let is_free = request.force || table_lacks::<R>(request.out, making)?.is_some();
    if is_free { Ok(()) } else { check_making(request.out, &R::schema().name, None) }
}

/// The same before a table is begun, and where something else than a table stands.
fn check_for<R: Row>(request: &Request<'_>, making: &str) -> Result<(), TableError> {
    check_of::<R>(request, making)?;
    check_place(&request.out.join(&R::schema().name), Ours::TABLES)
}

/// What is decided of a run's scores.
pub struct Decided<'a> {
    request: &'a Request<'a>,
    decision: Decision,
    /// Identifies what the claims are made from.
    making: String,
    /// Whether the model tells what is evidence.
    tells_evidence: bool,
}

impl<'a> Decided<'a> {
    /// What the request or the checkpoint says; nothing, where neither does. `scores` identifies what those are made from.
    pub fn of(request: &'a Request<'a>, scores: &str, tells_evidence: bool) -> Result<Self, ScoreError> {
        let decision = decision(request.checkpoint, request.decision, &request.options)?;
        let making = Identity::of("relations").field("scores", scores).field("decision", &decision).finish();
        Ok(Self { request, decision, making, tells_evidence })
    }

    /// Refuses where tables stand that the run's may not replace, before any is begun. `fingerprint` identifies what all but
    /// the claims are made from.
    pub fn check_tables(&self, fingerprint: &str) -> Result<(), TableError> {
        let &Self { request, ref making, tells_evidence, .. } = self;
        if tells_evidence {
            check_for::<SentenceWeightRow>(request, fingerprint)?;
            check_for::<EvidenceRow>(request, making)?;
        }
        check_for::<RelationRow>(request, making)?;
        check_for::<ScoreRow>(request, fingerprint)?;
        check_for::<ClaimRow>(request, fingerprint)?;
        check_for::<TraceRow>(request, fingerprint)
    }

    /// Refuses where evidence stands that a model learnt, which this one has not, unless it may be replaced.
    pub fn check_outdated(&self) -> Result<(), TableError> {
        check_outdated(self.request.out, &self.outdated(), self.request.force)
    }

    /// Removes it.
    pub fn remove_outdated(&self) -> Result<(), TableError> {
        remove_outdated(self.request.out, &self.outdated())
    }

    /// The tables of evidence, where there are none now.
    fn outdated(&self) -> Vec<&'static str> {
        let of_evidence = [SentenceWeightRow::schema(), EvidenceRow::schema()].map(|schema| &*schema.name);
        of_evidence.into_iter().filter(|_| !self.tells_evidence).collect()
    }

    /// Claims, where the table of scores stands and that of claims is not of this decision.
    pub fn over_scores(&self, too_large: u64, observe: Observer<'_>) -> Result<Ended, ScoreError> {
        let name = &RelationRow::schema().name;
        let is_made =
            |name: &str| Ok::<_, TableError>(fingerprint(self.request.out, name)?.as_ref() == Some(&self.making));
        if is_made(name)? && (!self.tells_evidence || is_made(&EvidenceRow::schema().name)?) {
            if self.decision.names_anything() {
                let scores = [self.request.out.join(&ScoreRow::schema().name)];
                let claims = recount(&self.request_over(&scores, &[]))?;
                claims.warnings().into_iter().for_each(|warning| observe(Event::Warning(warning)));
            }
            return Ok(Ended::UpToDate { too_large });
        }
        let staging = begin::<RelationRow>(self.request, &self.making)?;
        let evidence = self.tells_evidence.then(|| begin::<EvidenceRow>(self.request, &self.making)).transpose()?;
        let table = |name: &str| self.request.out.join(name);
        let weights = self.tells_evidence.then(|| table(&SentenceWeightRow::schema().name));
        let relations = self.write(table(&ScoreRow::schema().name), weights, (&staging, evidence.as_ref()), observe)?;
        evidence.map_or(Ok(()), Staging::commit)?;
        staging.commit()?;
        Ok(Ended::Decided { relations, too_large })
    }

    /// Claims of scores that have not their name yet, and how many.
    pub fn over(&self, tables: &Tables, observe: Observer<'_>) -> Result<u64, ScoreError> {
        let folder = |staging: &Staging| staging.folder().to_path_buf();
        let weights = tables.weights.as_ref().map(folder);
        self.write(folder(&tables.scores), weights, (&tables.relations, tables.evidence.as_ref()), observe)
    }

    fn write(
        &self,
        scores: PathBuf,
        weights: Option<PathBuf>,
        (relations, evidence): (&Staging, Option<&Staging>),
        observe: Observer<'_>,
    ) -> Result<u64, ScoreError> {
        let weights: Vec<PathBuf> = weights.into_iter().collect();
        let writers = Writers {
            relations: TableWriter::inside(relations.folder().to_path_buf(), &self.making),
            evidence: evidence.map(|evidence| TableWriter::inside(evidence.folder().to_path_buf(), &self.making)),
        };
        let claims = write_relations(&self.request_over(&[scores], &weights), writers)?;
        claims.warnings().into_iter().for_each(|warning| observe(Event::Warning(warning)));
        Ok(claims.count)
    }

    fn request_over<'b>(&'b self, scores: &'b [PathBuf], weights: &'b [PathBuf]) -> decide::Request<'b> {
        decide::Request {
            scores,
            weights,
            split: Some(self.request.split).filter(|_| self.decision.asks_types()),
            decision: &self.decision,
            run_id: None,
            iteration: None,
            out: self.request.out,
            force: true,
        }
    }
}
