//! Shares of a run: jobs that know nothing of each other score a share of the documents each, into one folder on a disk
//! that they share, and another joins them.
//!
//! Shares are stretches of the split, of whole parts: the first of four has the first fourth of the parts. So each job
//! makes just the parts that one run would make, and what is joined is that run's, byte for byte. A job that was killed
//! goes on from its parts. A finished one leaves word of them, in `shards` beside the parts, and joining refuses where
//! one's is missing or is of something else.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use ground::interrupt;
use ground::observe::Observer;
use nn::device::{Compute, Precision};
use table::rows::{DocumentRow, ScoreRow};
use table::{Ours, Row, Staging, Table, TableError, TableFiles, TableWriter, check_workplace, clear_leftovers};

use super::Basis;
use super::decided::{self, Decided, Tables};
use super::ended::{Ended, Scored};
use super::error::ScoreError;
use super::limit::lacking;
use super::parts::{Parts, RUN, SHARDS, is_kept, remove, work_folder};
use super::purpose::Met;
use super::request::Request;
use super::shard::Shard;

/// What else stands among the parts.
pub const FURTHER: [&str; 1] = [SHARDS];
/// Under this key finished shards leave word.
const RECORD: &str = "shard";
/// Shards that a message names.
const SHOWN: usize = 8;

/// Where a shard leaves word.
fn folder_of(shard: Shard, out: &Path) -> PathBuf {
    work_folder(out).join(SHARDS).join(shard.folder_name())
}

/// Identifies the run of which a shard has left word.
fn run_of(shard: Shard, out: &Path) -> Result<Option<String>, TableError> {
    table::fingerprint(&folder_of(shard, out), &ScoreRow::schema().name)
}

/// What a finished shard leaves word of.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    /// Identifies what its scores are made from.
    fingerprint: String,
    /// Documents of a part.
    at_once: usize,
    /// Whether its parts have the weights of sentences.
    weighed: bool,
    parts: Vec<String>,
    scored: Scored,
    met: Met,
}

impl Record {
    fn write(&self, shard: Shard, out: &Path) -> Result<(), ScoreError> {
        // What is there is not whole, or of another run.
        remove(&folder_of(shard, out))?;
        let staging = Staging::begin(&folder_of(shard, out).join(&ScoreRow::schema().name))?;
        let writer = TableWriter::<ScoreRow>::inside(staging.folder().to_path_buf(), &self.fingerprint);
        let told = serde_json::to_string(self).map_err(Into::into);
        let told = told.map_err(|source| ScoreError::Shards { path: folder_of(shard, out), source })?;
        writer.noting(RUN, self.fingerprint.clone()).noting(RECORD, told).finish()?;
        Ok(staging.commit()?)
    }

    /// That of a shard; `None` where there is none, it is damaged, or a part of the shard is.
    fn find(shard: Shard, out: &Path) -> Result<Option<Self>, TableError> {
        if run_of(shard, out)?.is_none() {
            return Ok(None);
        }
        let files = TableFiles::find(&folder_of(shard, out), &ScoreRow::schema().name)?;
        let told = files.map(|files| files.note(RECORD)).transpose()?.flatten();
        let record: Option<Self> = told.and_then(|told| serde_json::from_str(&told).ok());
        let Some(record) = record else { return Ok(None) };
        let work = work_folder(out);
        for key in &record.parts {
            interrupt::check()?;
            if !is_kept(&work, key, record.weighed)? {
                return Ok(None);
            }
        }
        Ok(Some(record))
    }
}

/// Scores the documents of a shard, unless it is finished.
pub fn score(
    basis: &Basis<'_>,
    shard: Shard,
    compute: Compute,
    (fingerprint, decided): (&str, &Decided<'_>),
    observe: Observer<'_>,
) -> Result<Ended, ScoreError> {
    let out = basis.request.out;
    // What the join would refuse is refused before anything is computed.
    decided.check_tables(fingerprint)?;
    check_workplace(&work_folder(out), &FURTHER)?;
    basis.purpose.has_relations(basis.request)?;
    let at_once = super::loaded::documents_at_once(&compute);
    let is_same = |record: &Record| record.fingerprint == fingerprint && record.at_once == at_once;
    if let Some(record) = Record::find(shard, out)?.filter(is_same) {
        let too_large = record.scored.too_large;
        lacking(too_large).into_iter().for_each(observe);
        return Ok(Ended::ShardUpToDate { shard, too_large });
    }
    let places = shard.places(documents(basis)?, at_once);
    let core = basis.core(compute, observe)?;
    let parts = basis.parts((&core, fingerprint), places, observe)?;
    basis.check()?;
    let (scored, met) = (Scored { kept: 0, ..parts.scored }, parts.met.clone());
    let fingerprint = fingerprint.to_owned();
    let (weighed, parts_of_it) = (basis.tells_evidence(), parts.keys());
    Record { fingerprint, at_once, weighed, parts: parts_of_it, scored, met }.write(shard, out)?;
    Ok(Ended::Shard(shard, parts.scored))
}

/// How many documents the split has.
fn documents(basis: &Basis<'_>) -> Result<usize, TableError> {
    let table = Table::<DocumentRow>::require(basis.request.split)?.of_split(&basis.standing);
    table.record_batches()?.try_fold(0, |sum, batch| Ok(sum + batch?.num_rows()))
}

/// Makes the tables of a run of which all shards are finished, unless they are up to date. The request is that of the
/// shards, but for which of them.
///
/// # Errors
/// Where a shard is missing or is not of this request; and as [`score`](super::score()).
pub fn join(request: &Request<'_>, observe: Observer<'_>) -> Result<Ended, ScoreError> {
    decided::restore(request.out)?;
    let basis = Basis::of(request, observe)?;
    clear_leftovers(request.out, Ours::TABLES);
    let told = told(request.out)?;
    // Shards may be of another machine's device: what they computed in, they say.
    let all = [Precision::F32, Precision::Bf16];
    let precisions = all.into_iter().filter(|of| request.options.precision.is_none_or(|wanted| wanted == *of));
    let fingerprints = precisions.map(|of| basis.fingerprint(of)).collect::<Result<Vec<_>, _>>()?;
    let begun =
        told.iter().filter_map(|shard| run_of(*shard, request.out).transpose()).collect::<Result<BTreeSet<_>, _>>()?;
    for fingerprint in &fingerprints {
        // Shards that computed in another type are to take the place of these tables.
        if begun.iter().any(|other| other != fingerprint && fingerprints.contains(other)) {
            continue;
        }
        let decided = basis.decided(fingerprint)?;
        if let Some(ended) = basis.standing(fingerprint, &decided, observe)? {
            return Ok(ended);
        }
    }
    let numbers: BTreeSet<usize> = told.iter().map(|shard| shard.of).collect();
    let records = complete_of_any(&numbers, request.out, &fingerprints)?;
    let Some(fingerprint) = records.first().map(|record| record.fingerprint.clone()) else {
        return Err(ScoreError::NoShards(request.out.to_path_buf()));
    };
    let decided = basis.decided(&fingerprint)?;
    let tables = Tables::begin(&decided, &fingerprint)?;
    check_workplace(&work_folder(request.out), &FURTHER)?;
    basis.purpose.has_relations(request)?;
    let parts = parts((request.out, &fingerprint), &records);
    basis.end((fingerprint, &decided), tables, parts, observe)
}

/// The parts of all shards of a run, in order.
fn parts((out, run): (&Path, &str), records: &[Record]) -> Parts {
    let (mut scored, mut met) = (Scored::default(), Met::default());
    for record in records {
        scored.documents += record.scored.documents;
        scored.kept += record.scored.documents;
        scored.cut_off += record.scored.cut_off;
        scored.too_large += record.scored.too_large;
        met += &record.met;
    }
    let keys: Vec<String> = records.iter().flat_map(|record| record.parts.iter().cloned()).collect();
    Parts::finished(out, run, (scored, met), &keys)
}

/// The parts of finished shards of other runs than the one that this identifies; `None` where there are no such shards.
pub fn parts_of_others(out: &Path, run: &str) -> Result<Option<BTreeSet<String>>, ScoreError> {
    let mut parts = None;
    for shard in told(out)? {
        if run_of(shard, out)?.is_some_and(|of| of != run)
            && let Some(record) = Record::find(shard, out)?
        {
            parts.get_or_insert_with(BTreeSet::new).extend(record.parts);
        }
    }
    Ok(parts)
}

/// The shards that have left word.
fn told(out: &Path) -> Result<Vec<Shard>, ScoreError> {
    let path = work_folder(out).join(SHARDS);
    let refused = |source| ScoreError::Shards { path: path.clone(), source };
    let mut told = Vec::new();
    let entries = match fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(told),
        Err(error) => return Err(refused(error)),
    };
    for entry in entries {
        let name = entry.map_err(refused)?.file_name();
        told.extend(name.to_str().and_then(Shard::of_folder));
    }
    Ok(told)
}

/// The records of all shards of one of these numbers, of which none is missing and none of another making. `fingerprints`
/// are those that they may have.
fn complete_of_any(numbers: &BTreeSet<usize>, out: &Path, fingerprints: &[String]) -> Result<Vec<Record>, ScoreError> {
    let mut refusal = None;
    for &of in numbers {
        match complete(of, out, fingerprints) {
            Ok(records) => return Ok(records),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    Err(refusal.unwrap_or_else(|| ScoreError::NoShards(out.to_path_buf())))
}

fn complete(of: usize, out: &Path, fingerprints: &[String]) -> Result<Vec<Record>, ScoreError> {
    let (mut records, mut missing, mut foreign) = (Vec::<Record>::new(), Vec::new(), Vec::new());
    for index in 0..of {
        interrupt::check()?;
        let shard = Shard { index, of };
        match Record::find(shard, out)? {
            None => missing.push(shard),
            Some(record) => {
                let is_wanted = fingerprints.contains(&record.fingerprint);
                let first = records.first();
                let is_alike = first
                    .is_none_or(|first| (&first.fingerprint, first.at_once) == (&record.fingerprint, record.at_once));
                if is_wanted && is_alike { records.push(record) } else { foreign.push(shard) }
            }
        }
    }
    let out = out.to_path_buf();
    match (missing.first(), foreign.first()) {
        (None, None) => Ok(records),
        (Some(&first), _) => Err(ScoreError::Missing { out, of, shards: named(&missing), first }),
        (None, Some(&first)) => Err(ScoreError::Foreign { out, shards: named(&foreign), first }),
    }
}

fn named(shards: &[Shard]) -> String {
    let names: Vec<String> = shards.iter().take(SHOWN).map(|shard| format!("`{shard}`")).collect();
    let more = shards.len() - names.len();
    names.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}
