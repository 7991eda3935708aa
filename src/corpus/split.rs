//! The tables of a split → those of several, document by document.
//!
//! Rows are carried over as they are, table by table and a few thousand at a time, so that nothing of a document is lost
//! on the way. Made anew are the name of the split and the positions in it, and the counts of its relations. Rejected
//! documents stay with the split that is divided; what else was rejected goes with its document.
//!
//! A share draws by a hash of the seed and the document's name: the order of the documents does not matter, and the
//! numbers are exact.

mod places;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use ground::identity::{Contents, Identity};
use ground::observe::{Event, Observer, Progress};
use ground::parsed::FolderName;
use ground::settings::Settings;
use ground::whole;
use table::rows::{
    DocumentRow, EntityRow, FactRow, ImpliedRow, MentionRow, PairRow, RejectRow, RelationTypeRow, SentenceRow, TokenRow,
};
use table::{OfDocument, Row, Staging, Standing, Table, TableError, TableFiles, TableWriter, Text};

use crate::convert::{Begun, Summary, begin, content_of};
use crate::error::CorpusError;
use crate::fault::Part as Lost;
use crate::tables::{Totals, synthetic_tables};

use places::{Place, Places};

/// Rows after which a part's are written, at the next document's start.
const ROWS_AT_ONCE: usize = 1 << 15;
/// Rows after which they are, though a document is not at its end.
const MOST_ROWS_AT_ONCE: usize = 1 << 19;
/// By how much the sum of shares may miss 1: thirds are written as 0.333.
const SLACK: f64 = 0.002;

/// How documents are drawn, where no lists name them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The share of each new split, by its name; together they are 1. None: lists name the documents.
    #[serde(default)]
    pub shares: BTreeMap<FolderName, f64>,
    /// Another draws others.
    #[serde(default)]
    pub seed: u64,
}

impl Settings for Options {
    fn check(&self) -> Result<(), String> {
        for (name, &share) in &self.shares {
            if !(share > 0.0 && share <= 1.0) {
                return Err(format!("`shares`: `{name}`: expected a share above 0 and up to 1, got {share}"));
            }
        }
        let sum: f64 = self.shares.values().sum();
        if self.shares.is_empty() || (sum - 1.0).abs() <= SLACK {
            return Ok(());
        }
        // The sum without what is left of decimal fractions in binary.
        Err(format!("`shares`: expected shares that sum to 1, got {}", (sum * 1e6).round() / 1e6))
    }
}

/// What to divide, and how.
#[derive(Debug, Clone)]
pub struct Division {
    /// By shares, or by nothing where lists say it.
    pub options: Options,
    /// The folder of the split.
    pub source: PathBuf,
    /// For each new split the file with the names of its documents, where they are listed.
    pub lists: BTreeMap<FolderName, PathBuf>,
}

impl Division {
    /// Writes the tables of each new split into `out/SPLIT`, all of a split or nothing. What is up to date is left, and
    /// other tables are replaced only where `force` is set.
    ///
    /// # Errors
    /// Where neither shares nor lists say how or both do, a list names a document that is not there or that another
    /// names too, a new split would be empty, or a folder holds something else or cannot be read or written.
    pub fn run(&self, out: &Path, force: bool, observe: Observer<'_>) -> Result<Vec<Summary>, CorpusError> {
        self.run_knowing(&Contents::default(), out, force, observe)
    }

    /// As [`Division::run`]; files whose content is known are not read once more to identify them.
    ///
    /// # Errors
    /// As there.
    pub fn run_knowing(
        &self,
        contents: &Contents,
        out: &Path,
        force: bool,
        observe: Observer<'_>,
    ) -> Result<Vec<Summary>, CorpusError> {
        self.check()?;
        let standing = Standing::of(&self.source)?;
        let places = standing.confirm(self.places(&standing, observe))?;
        let parts = self.names().map(|name| self.part(name, &standing, contents, out, force));
        let parts: Vec<Part> = parts.collect::<Result<_, _>>()?;
        if parts.iter().all(|part| part.staging.is_none()) {
            return Ok(parts.into_iter().map(Part::up_to_date).collect());
        }
        let mut carrier = Carrier { source: &self.source, standing: &standing, places, parts, n_rows: 0, observe };
        let carried = carrier.carry_all();
        standing.confirm(carried)?;
        carrier.parts.into_iter().map(Part::commit).collect()
    }

    fn check(&self) -> Result<(), CorpusError> {
        self.options.check().map_err(CorpusError::Options)?;
        let got = match (self.options.shares.is_empty(), self.lists.is_empty()) {
            (true, true) => "neither",
            (false, false) => "both",
            _ => return Ok(()),
        };
        Err(CorpusError::Options(format!("`shares`: expected shares or lists of documents, got {got}")))
    }

    fn names(&self) -> impl Iterator<Item = &FolderName> {
        self.options.shares.keys().chain(self.lists.keys())
    }

    fn part(
        &self,
        name: &FolderName,
        source: &Standing,
        contents: &Contents,
        out: &Path,
        force: bool,
    ) -> Result<Part, CorpusError> {
        let target = out.join(name);
        if is_same(&target, &self.source) {
            let reason = "expected another place than that of the split that is divided".to_owned();
            return Err(CorpusError::Format { path: target, reason });
        }
        let list = self.lists.get(name).map(|list| content_of(list, contents)).transpose()?;
        let fingerprint = Identity::of("split")
            .field("tables", &source.identity(&synthetic_tables())?)
            .field("options", &self.options)
            .field("list", &list)
            .field("name", name)
            .finish();
        let staging = match begin(&target, &self.tables()?, &fingerprint, force)? {
            Begun::UpToDate(_) => None,
            Begun::Work(staging) => Some(staging),
        };
        let (totals, n_facts) = (Totals::default(), BTreeMap::new());
        Ok(Part { name: (&**name).into(), target, fingerprint, staging, totals, n_facts })
    }

    /// The tables of each new split: one of an earlier time has no `sentences` to give, and most have no `implied`.
    fn tables(&self) -> Result<Vec<&'static str>, TableError> {
        let mut tables = synthetic_tables();
        for optional in [SentenceRow::schema(), ImpliedRow::schema()] {
            if TableFiles::find(&self.source, &optional.name)?.is_none() {
                tables.retain(|table| *table != optional.name);
            }
        }
        Ok(tables)
    }

    /// Where each document goes.
    fn places(&self, standing: &Standing, observe: Observer<'_>) -> Result<Places, CorpusError> {
        let mut places = Places::read(&self.source, standing, self.options.seed)?;
        if self.lists.is_empty() {
            self.draw(&mut places)?;
        } else {
            let n_left = places.list(self.lists.values())?;
            if n_left > 0 {
                observe(Event::Note(format!("no list names {n_left} of the documents: they are left out")));
            }
        }
        Ok(places)
    }

    /// Gives each share its number of documents.
    fn draw(&self, places: &mut Places) -> Result<(), CorpusError> {
        let (shares, n_documents) = (&self.options.shares, places.of.len());
        let counts = counts(&shares.values().copied().collect::<Vec<_>>(), n_documents);
        if let Some(((name, share), _)) = shares.iter().zip(&counts).find(|(_, count)| **count == 0) {
            let reason = format!("expected at least one document for `{name}`, got none: {share} of {n_documents}");
            return Err(CorpusError::Format { path: self.source.clone(), reason });
        }
        places.draw(&counts);
        Ok(())
    }
}

/// Whether two paths lead to one folder.
fn is_same(one: &Path, other: &Path) -> bool {
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

/// How many of all each share has: its whole part, and one more for those with the largest remainders.
pub(crate) fn counts(shares: &[f64], of: usize) -> Vec<usize> {
    let sum: f64 = shares.iter().sum();
    let exact: Vec<f64> = shares.iter().map(|share| share / sum * of as f64).collect();
    let mut counts: Vec<usize> = exact.iter().map(|exact| exact.floor() as usize).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    let remainder = |part: &usize| exact.get(*part).map_or(0.0, |exact| exact.fract());
    order.sort_by(|one, other| remainder(other).total_cmp(&remainder(one)));
    let left = of.saturating_sub(counts.iter().sum());
    for part in order.into_iter().take(left) {
        counts.iter_mut().skip(part).take(1).for_each(|count| *count += 1);
    }
    counts
}

/// A new split in the making.
struct Part {
    name: Text,
    target: PathBuf,
    fingerprint: String,
    /// `None` where it is up to date.
    staging: Option<Staging>,
    totals: Totals,
    n_facts: BTreeMap<Text, u64>,
}

impl Part {
    fn up_to_date(self) -> Summary {
        Summary { folder: self.target, ..Summary::default() }
    }

    fn commit(mut self) -> Result<Summary, CorpusError> {
        let Some(staging) = self.staging.take() else { return Ok(self.up_to_date()) };
        staging.commit()?;
        Ok(Summary { folder: self.target, totals: Some(self.totals), ..Summary::default() })
    }

    /// A writer of one of its tables, where it is to be made.
    fn writer<R: Row>(&self) -> Result<Option<TableWriter<R>>, TableError> {
        self.staging.as_ref().map(|staging| TableWriter::create(staging.folder(), &self.fingerprint)).transpose()
    }
}

/// Carries rows over.
struct Carrier<'c> {
    source: &'c Path,
    standing: &'c Standing,
    places: Places,
    parts: Vec<Part>,
    n_rows: u64,
    observe: Observer<'c>,
}

impl Carrier<'_> {
    fn carry_all(&mut self) -> Result<(), TableError> {
        self.documents()?;
        if Table::<SentenceRow>::find(self.source)?.is_some() {
            self.carry::<SentenceRow>(|_, _| ())?;
        }
        self.carry::<TokenRow>(|part, _| part.totals.tokens += 1)?;
        self.carry::<MentionRow>(|part, _| part.totals.mentions += 1)?;
        self.carry::<EntityRow>(|part, _| part.totals.entities += 1)?;
        self.carry::<PairRow>(|part, pair| {
            part.totals.pairs += 1;
            part.totals.left_out += u64::from(!pair.candidate);
        })?;
        self.carry::<FactRow>(|part, fact| {
            (part.totals.facts, part.totals.relations) = (part.totals.facts + 1, part.totals.facts + 1);
            *part.n_facts.entry(fact.relation.clone()).or_default() += 1;
        })?;
        if Table::<ImpliedRow>::find(self.source)?.is_some() {
            self.carry::<ImpliedRow>(|_, _| ())?;
        }
        self.relation_types()?;
        self.rejects()
    }

    /// What was lost of documents that stand goes with them: entities are numbered by it in submissions.
    fn rejects(&self) -> Result<(), TableError> {
        let mut outputs = self.outputs::<RejectRow>()?;
        for batch in self.rows::<RejectRow>()? {
            for row in batch? {
                let name = row.name.as_ref().filter(|_| &*row.part != Lost::Document.name());
                let place = name.and_then(|name| self.places.get(name));
                let Some(number) = place.and_then(|place| place.part) else { continue };
                outputs.push(number, row, true)?;
            }
        }
        outputs.finish()
    }

    fn documents(&mut self) -> Result<(), TableError> {
        let mut outputs = self.outputs::<DocumentRow>()?;
        for batch in self.rows::<DocumentRow>()? {
            for row in batch? {
                let Some(number) = self.places.get(&row.doc_id).and_then(|place| place.part) else { continue };
                let Some(part) = self.parts.get_mut(number) else { continue };
                let position = whole(part.totals.documents as usize);
                part.totals.documents += 1;
                outputs.push(number, DocumentRow { split: part.name.clone(), position, ..row }, true)?;
            }
        }
        outputs.finish()
    }

    /// Carries the rows of a table, each seen by `count`.
    fn carry<R: OfDocument>(&mut self, count: impl Fn(&mut Part, &R)) -> Result<(), TableError> {
        let mut outputs = self.outputs::<R>()?;
        let mut at: Option<(Text, Place)> = None;
        for batch in self.rows::<R>()? {
            let batch = batch?;
            self.tell(batch.len());
            for row in batch {
                let goes_on = at.as_ref().filter(|(document, _)| document == row.doc_id());
                let (begins, place) = match goes_on {
                    Some((_, place)) => (false, *place),
                    None => (true, self.place_behind(at.as_ref(), &row)?),
                };
                if begins {
                    at = Some((row.doc_id().clone(), place));
                }
                let Some(number) = place.part else { continue };
                if let Some(part) = self.parts.get_mut(number) {
                    count(part, &row);
                }
                outputs.push(number, row, begins)?;
            }
        }
        outputs.finish()
    }

    /// The place of a row's document, which is to be behind the one before.
    fn place_behind<R: OfDocument>(&self, before: Option<&(Text, Place)>, row: &R) -> Result<Place, TableError> {
        let is_behind = |place: &Place| before.is_none_or(|(_, before)| before.position < place.position);
        self.places.get(row.doc_id()).filter(is_behind).ok_or_else(|| TableError::Stray {
            folder: self.source.to_path_buf(),
            table: R::schema().name.clone(),
            document: row.doc_id().to_string(),
        })
    }

    /// The relations of each part: those of its facts, and those of which no fact tells.
    fn relation_types(&self) -> Result<(), TableError> {
        let mut outputs = self.outputs::<RelationTypeRow>()?;
        for row in Table::<RelationTypeRow>::require(self.source)?.of_split(self.standing).all()? {
            for (number, part) in self.parts.iter().enumerate() {
                let n_facts = part.n_facts.get(&row.relation).copied().unwrap_or_default();
                if n_facts > 0 || row.label.is_some() || row.n_facts == 0 {
                    outputs.push(number, RelationTypeRow { n_facts, ..row.clone() }, true)?;
                }
            }
        }
        outputs.finish()
    }

    fn rows<R: Row>(&self) -> Result<impl Iterator<Item = Result<Vec<R>, TableError>> + use<R>, TableError> {
        Table::<R>::require(self.source)?.of_split(self.standing).batches()
    }

    fn outputs<R: Row>(&self) -> Result<Outputs<R>, TableError> {
        let output = |part: &Part| Ok(part.writer()?.map(|writer| Output { writer, rows: Vec::new() }));
        Ok(Outputs(self.parts.iter().map(output).collect::<Result<_, TableError>>()?))
    }

    fn tell(&mut self, n_rows: usize) {
        self.n_rows += n_rows as u64;
        (self.observe)(Event::Progress(Progress::of_unit("rows", self.n_rows)));
    }
}

/// A table of each part; none of one that is up to date.
struct Outputs<R>(Vec<Option<Output<R>>>);

struct Output<R> {
    writer: TableWriter<R>,
    rows: Vec<R>,
}

impl<R: Row> Outputs<R> {
    /// Appends a row of a part; with it a document `begins`, or goes on.
    fn push(&mut self, part: usize, row: R, begins: bool) -> Result<(), TableError> {
        let Some(Some(Output { writer, rows })) = self.0.get_mut(part) else { return Ok(()) };
        if rows.len() >= MOST_ROWS_AT_ONCE || (begins && rows.len() >= ROWS_AT_ONCE) {
            writer.write(std::mem::take(rows))?;
        }
        rows.push(row);
        Ok(())
    }

    fn finish(self) -> Result<(), TableError> {
        for Output { mut writer, rows } in self.0.into_iter().flatten() {
            if !rows.is_empty() {
                writer.write(rows)?;
            }
            writer.finish()?;
        }
        Ok(())
    }
}
