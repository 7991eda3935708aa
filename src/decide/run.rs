//! Tables of scores → a table of relations, document by document.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use ground::identity::Identity;
use ground::settings::Settings;
use table::rows::{DocumentRow, EntityRow, EvidenceRow, RelationRow};
use table::{
    Ours, Row, Staging, Standing, TableError, TableFiles, TableWriter, Text, Walk, check_making, check_outdated,
    clear_leftovers, fingerprint, identity, remove_outdated, restore,
};

use crate::claims::{Types, claims};
use crate::decision::{At, Decision};
use crate::ended::{Claims, Ended};
use crate::error::DecideError;
use crate::runs::Runs;
use crate::scores::Score;
use crate::shares::{Sentences, Shares, lacking};
use crate::source::files;

/// Claims that are written at once, and those of one more document.
const ROWS_AT_ONCE: usize = 1 << 16;

/// How a decision is applied.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// What the run is called; absent: as the first table of scores says.
    pub run_id: Option<String>,
    /// The iteration of the model whose claims are wanted, 0: its base; absent: the last.
    pub iteration: Option<u32>,
    /// The precision that a fitted decision's threshold came to, in place of its own threshold.
    pub at_precision: Option<f64>,
    /// The recall that it came to, likewise.
    pub at_recall: Option<f64>,
}

impl Options {
    /// The threshold that is asked for.
    pub fn at(&self) -> At {
        At { precision: self.at_precision, recall: self.at_recall }
    }
}

impl Settings for Options {
    fn check(&self) -> Result<(), String> {
        self.at().check()
    }
}

/// What to decide, and how.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Tables of scores, or folders that hold one: each of another run over the same documents.
    pub scores: &'a [PathBuf],
    /// Their tables of the weights of sentences, where there are any: then there is a table of evidence, too.
    pub weights: &'a [PathBuf],
    /// The folder of the split that was scored, where several runs are joined or the types of entities count.
    pub split: Option<&'a Path>,
    /// What is decided.
    pub decision: &'a Decision,
    /// What the run is called; `None`: as the first table of scores says.
    pub run_id: Option<&'a str>,
    /// The iteration of the models whose claims are wanted, 0: their bases; `None`: the last. Then `scores` are tables of
    /// `claims`, or folders that hold one.
    pub iteration: Option<u32>,
    /// The folder into which the table goes.
    pub out: &'a Path,
    /// Whether a table of another making is replaced.
    pub force: bool,
}

/// Makes the table of relations, and that of their evidence where the weights of sentences are known, unless they are up
/// to date. Evidence of other relations, which would be taken for theirs, does not stay beside them.
///
/// # Errors
/// Where a table cannot be used, or the scores do not suffice for the decision.
pub fn decide(request: &Request<'_>) -> Result<Ended, DecideError> {
    let evidence = (!request.weights.is_empty()).then(EvidenceRow::schema);
    let names: Vec<&str> = [RelationRow::schema()].into_iter().chain(evidence).map(|schema| &*schema.name).collect();
    names.iter().try_for_each(|name| restore(&request.out.join(name), Ours::TABLES).map(drop))?;
    clear_leftovers(request.out, Ours::TABLES);
    let outdated: &[&str] = if evidence.is_some() { &[] } else { &[&EvidenceRow::schema().name] };
    check_outdated(request.out, outdated, request.force)?;
    let making = making(request)?;
    let made = names.iter().map(|name| fingerprint(request.out, name)).collect::<Result<Vec<_>, _>>()?;
    if made.iter().all(|made| made.as_ref() == Some(&making)) {
        remove_outdated(request.out, outdated)?;
        return Ok(Ended::UpToDate(with_lacking(request, recount(request)?)));
    }
    let begin = |name: &&str| {
        let staging = Staging::begin(&request.out.join(name))?;
        let is_checked = request.force || fingerprint(request.out, name)?.as_ref() == Some(&making);
        if is_checked { Ok(staging) } else { check_making(request.out, name, None).map(|()| staging) }
    };
    let mut stagings = names.iter().map(begin).collect::<Result<Vec<_>, TableError>>()?;
    // Relations last: evidence is of relations of its making alone, and what was made for the first is empty then.
    stagings.reverse();
    let mut folders = stagings.iter().rev().map(|staging| staging.folder().to_path_buf());
    let Some(relations) = folders.next() else { return Err(DecideError::NoScores) };
    let evidence = folders.next().map(|folder| TableWriter::inside(folder, &making));
    let writers = Writers { relations: TableWriter::inside(relations, &making), evidence };
    let claims = write_relations(request, writers)?;
    remove_outdated(request.out, outdated)?;
    stagings.into_iter().try_for_each(Staging::commit)?;
    Ok(Ended::Decided(with_lacking(request, claims)))
}

/// Claims, with what is to be said of their evidence.
fn with_lacking(request: &Request<'_>, claims: Claims) -> Claims {
    Claims { lacking: lacking(request.decision, request.weights.len(), request.scores.len()), ..claims }
}

/// Identifies what the table is made from.
fn making(request: &Request<'_>) -> Result<String, DecideError> {
    let scores = request.scores.iter().map(|path| Ok(identity(&files(path, request.iteration)?)?));
    let scores: Vec<String> = scores.collect::<Result<_, DecideError>>()?;
    let weights = request.weights.iter().map(|path| identity(&TableFiles::require_at(path)?));
    let weights: Vec<String> = weights.collect::<Result<_, _>>()?;
    let split = request.split.map(|split| Standing::of(split)?.identity(&["documents", "entities"])).transpose()?;
    let identity = Identity::of("decided").field("scores", &scores).field("split", &split);
    let identity = identity.field("iteration", &request.iteration);
    let identity = if weights.is_empty() { identity } else { identity.field("weights", &weights) };
    Ok(identity.field("decision", request.decision).field("run_id", &request.run_id).finish())
}

/// What is claimed, on its way into a table.
struct Claimed<'a> {
    request: &'a Request<'a>,
    run_id: Option<Text>,
    rows: Vec<RelationRow>,
    evidence: Vec<EvidenceRow>,
    /// `None`: they are only counted.
    writers: Option<Writers>,
    claims: Claims,
}

/// Where rows go.
pub struct Writers {
    /// Those of claims.
    pub relations: TableWriter<RelationRow>,
    /// Those of their evidence, where the weights of sentences are known.
    pub evidence: Option<TableWriter<EvidenceRow>>,
}

impl Writers {
    fn finish(self) -> Result<(), TableError> {
        self.evidence.map_or(Ok(()), TableWriter::finish)?;
        self.relations.finish()
    }
}

impl Claimed<'_> {
    fn add(&mut self, scores: &[Score], types: Option<&Types>, shares: &Shares) -> Result<(), DecideError> {
        let of_fitting = scores.first().is_some_and(|score| self.request.decision.was_fitted_on(&score.row.doc_id));
        self.claims.fitted_on += u64::from(of_fitting);
        let (decision, before) = (self.request.decision, self.rows.len());
        claims(decision, self.run_id.as_ref(), scores, types, &mut self.rows)?;
        let claimed = self.rows.get(before..).unwrap_or_default();
        shares.evidence(claimed, decision.evidence_threshold(), &mut self.evidence);
        if self.rows.len() >= ROWS_AT_ONCE { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), DecideError> {
        self.claims.count += self.rows.len() as u64;
        let (rows, evidence) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.evidence));
        let Some(writers) = &mut self.writers else { return Ok(()) };
        writers.relations.write(rows)?;
        Ok(writers.evidence.as_mut().map_or(Ok(()), |writer| writer.write(evidence))?)
    }
}

/// Writes what is claimed of the scores of a request, and counts it.
///
/// # Errors
/// As [`decide`].
pub fn write_relations(request: &Request<'_>, writers: Writers) -> Result<Claims, DecideError> {
    claimed(request, Some(writers))
}

/// Counts what was claimed of the scores of a request: whoever finds the table made tells the same as who has made it.
///
/// # Errors
/// As [`decide`].
pub fn recount(request: &Request<'_>) -> Result<Claims, DecideError> {
    claimed(request, None)
}

fn claimed(request: &Request<'_>, writers: Option<Writers>) -> Result<Claims, DecideError> {
    let decision = request.decision;
    if decision.asks_types() && request.split.is_none() {
        return Err(DecideError::NoCorpus("`types` of a decision"));
    }
    let mut runs = Runs::open(request.scores, decision, request.iteration)?;
    runs.check_reach(decision)?;
    if request.split.is_some() {
        runs.check_once()?;
    }
    let run_id = request.run_id.map(Text::from).or_else(|| runs.run_id().cloned());
    let mut sentences = Sentences::open(request.weights)?;
    let (rows, evidence) = (Vec::new(), Vec::new());
    let mut claimed = Claimed { request, run_id, rows, evidence, writers, claims: Claims::default() };
    let mut unmet = decision.named_types();
    match request.split {
        Some(split) => {
            for document in Walk::<(EntityRow,)>::open(split)? {
                let (DocumentRow { doc_id, .. }, (entities,)) = document?;
                let types = decision.asks_types().then(|| Types::new(entities));
                types.iter().for_each(|types| types.meet(&mut unmet));
                claimed.add(&runs.of(&doc_id)?, types.as_ref(), &sentences.of(&doc_id)?)?;
            }
            runs.finish()?;
        }
        None => {
            while let Some((doc_id, scores)) = runs.next()? {
                claimed.add(&scores, None, &sentences.of(&doc_id)?)?;
            }
        }
    }
    sentences.finish()?;
    // An empty table has a file too.
    if !claimed.rows.is_empty() || claimed.claims.count == 0 {
        claimed.write()?;
    }
    claimed.writers.map_or(Ok(()), Writers::finish)?;
    let fitted_elsewhere = runs.fitted_elsewhere(decision);
    let unmet = unmet.into_iter().map(ToString::to_string).collect();
    Ok(Claims { unscored: runs.unscored(), unmet, fitted_elsewhere, ..claimed.claims })
}

#[cfg(test)]
pub(crate) mod tests;
