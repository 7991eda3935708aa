//! Source files → the tables of one split, a batch of documents at a time.
//!
//! While one batch is written, the next is cut and parsed; at most two are in memory. A batch is so many records and
//! bytes; it holds no pairs, which are made as they are written and whose number is bounded. Documents keep the order of the
//! sources, so the same input gives the same bytes whatever the number of threads. A record that cannot be read is a
//! row of `rejects`; the others go on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use ground::identity::{self, Contents, Identity};
use ground::observe::{Event, Observer, Progress};
use ground::parsed::{FolderName, TypePair};
use ground::settings::{Settings, at_least, within};
use table::found::Found;
use table::rows::{DocumentRow, RejectRow};
use table::{Ours, Staging, Table, TableError, Text};

use crate::acceptance::{Acceptance, EVERY};
use crate::admission::{Admission, Asked};
use crate::batches::{Batches, Parser};
use crate::error::CorpusError;
use crate::fault::Part;
use crate::formats::Format;
use crate::formats::dialect::{Bars, Dialect, USUAL_MOST_BYTES, Unit};
use crate::formats::pubtator::beside::Beside;
use crate::losses::Losses;
use crate::mesh::MeshTree;
use crate::pairs::MOST_PAIRS;
use crate::reader::Reader;
use crate::source::listing::Listing;
use crate::source::{Input, Sources, name_of, read_aside};
use crate::tables::{CorpusWriter, TABLES, Totals};

/// How a corpus is converted. Format and split are to be given; the others may be absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The source format.
    pub format: Format,
    /// The split's name, also that of its folder.
    pub split: FolderName,
    /// Types of the pairs that the corpus asks about; none: every ordered pair, or what the source says.
    #[serde(default)]
    pub candidates: Vec<TypePair>,
    /// Relations that hold both ways, `*` for all: their facts have one direction, and where all are, so have pairs.
    #[serde(default)]
    pub undirected: Vec<Text>,
    /// Takes the source as unlabelled: nothing is known of its relations.
    #[serde(default)]
    pub unlabelled: bool,
    /// What `|` between ids means, for formats that have it.
    #[serde(default)]
    pub bars: Option<Bars>,
    /// What becomes a document, for formats whose documents have parts.
    #[serde(default)]
    pub unit: Option<Unit>,
    /// Relations which say that two mentions are of one entity, for formats that mark mentions alone.
    #[serde(default)]
    pub coreference: Option<Vec<Text>>,
    /// The share of documents that may be lost.
    #[serde(default = "usual_max_rejected")]
    pub max_rejected: f64,
    /// Pairs of a document at most; one that has more is rejected.
    #[serde(default = "usual_most_pairs")]
    pub most_pairs: u64,
    /// Bytes of a record at most; a longer one is rejected.
    #[serde(default = "usual_most_bytes")]
    pub most_bytes: u64,
}

/// Bytes of a record at most, where no number is named.
pub fn usual_most_bytes() -> u64 {
    USUAL_MOST_BYTES
}

/// The share of documents that a pipeline may lose, where none is named.
pub fn usual_max_rejected() -> f64 {
    0.1
}

/// Pairs of a document at most, where none are named.
pub fn usual_most_pairs() -> u64 {
    MOST_PAIRS
}

impl Options {
    /// Those that are usual for a pipeline.
    pub fn of(format: Format, split: FolderName) -> Self {
        Self {
            format,
            split,
            candidates: Vec::new(),
            undirected: Vec::new(),
            unlabelled: false,
            bars: None,
            unit: None,
            coreference: None,
            max_rejected: usual_max_rejected(),
            most_pairs: usual_most_pairs(),
            most_bytes: usual_most_bytes(),
        }
    }
}

impl Settings for Options {
    fn check(&self) -> Result<(), String> {
        self.format.check(self.bars, self.unit, self.coreference.as_deref())?;
        within("max_rejected", self.max_rejected, 0.0, 1.0)?;
        at_least("most_pairs", self.most_pairs, 1)?;
        at_least("most_bytes", self.most_bytes, 1)
    }
}

/// What to convert, and how.
pub struct Conversion {
    /// How.
    pub options: Options,
    /// Files in order, compressed or not, archives of such, or folders: of files, or where the format's source is one. A
    /// path with `*`, `?` or `[…]` stands for those that it fits.
    pub inputs: Vec<PathBuf>,
    /// A MeSH tree file, for the hypernym filter.
    pub mesh: Option<PathBuf>,
    /// A JSON object from relation to what it is called in words; a relation that it lacks is a fault.
    pub relation_labels: Option<PathBuf>,
    /// A file with the names of the documents to take, one a line; without it, all are taken.
    pub ids: Option<PathBuf>,
    /// A file with the relations, for formats that have them beside the documents.
    pub relations: Option<PathBuf>,
}

/// What a conversion did.
#[derive(Debug, Default)]
pub struct Summary {
    /// Where the tables are.
    pub folder: PathBuf,
    /// What they hold; `None` where they were up to date and nothing was done.
    pub totals: Option<Totals>,
    /// What was lost.
    pub losses: Losses,
}

impl Summary {
    /// What was lost, beside what was taken, and why; empty where nothing was.
    pub fn lost(&self) -> Vec<String> {
        let taken = |part| {
            let totals = self.totals?;
            match part {
                Part::Document => Some(totals.documents),
                Part::Entity => Some(totals.entities),
                Part::Mention => Some(totals.mentions),
                Part::Relation => Some(totals.relations),
                Part::Evidence => None,
            }
        };
        if self.losses.is_empty() { Vec::new() } else { self.losses.lines(taken) }
    }
}

impl Conversion {
    /// Writes the tables of the split into `out/SPLIT`, all of them or nothing.
    ///
    /// Unless `force` is set, tables made from the same input and options are left as they are, and others refused.
    ///
    /// # Errors
    /// Where an input cannot be read or is not of the format, no document of it could be taken over, more were lost than
    /// may be (also for tables that are left as they are), one that is asked for is not in it, or the folder holds
    /// something else or cannot be written.
    pub fn run(&self, out: &Path, force: bool, observe: Observer<'_>) -> Result<Summary, CorpusError> {
        self.run_knowing(&Contents::default(), out, force, observe)
    }

    /// As [`Conversion::run`]; files whose content is known are not read once more to identify them.
    ///
    /// # Errors
    /// As there.
    pub fn run_knowing(
        &self,
        contents: &Contents,
        out: &Path,
        force: bool,
        observe: Observer<'_>,
    ) -> Result<Summary, CorpusError> {
        let target = out.join(&self.options.split);
        let prepared = self.prepare(contents)?;
        for input in &prepared.listing.paths {
            observe(Event::Detail(format!("reads {}", input.display())));
        }
        prepared.listing.aside.iter().cloned().map(Event::Note).for_each(observe);
        let staging = match begin(&target, &TABLES, &prepared.fingerprint, force)? {
            Begun::UpToDate(summary) => return self.confirmed(summary),
            Begun::Work(staging) => staging,
        };
        let mut writer = CorpusWriter::create(staging.folder(), &self.options.split, &prepared.fingerprint, false)?;
        let mut admission = Admission::new(prepared.asked.clone());
        let mut batches = Batches::new(self.parser(&prepared), Sources::new(prepared.listing.paths.clone()));
        let n_bytes = prepared.n_bytes();
        let mut batch = batches.next_batch()?;
        while let Some(parsed) = batch {
            let (accepted, rejects) = admission.pass(parsed);
            let (written, next) =
                rayon::join(|| writer.reject(rejects).and_then(|()| writer.write(&accepted)), || batches.next_batch());
            written?;
            let done = Progress::documents(admission.n_documents).through(batches.sources.n_read(), n_bytes);
            observe(Event::Progress(done));
            batch = next?;
        }
        admission.check()?;
        self.lose_strays(&prepared, &mut writer, &mut admission)?;
        self.check_losses(admission.n_documents, &admission.losses)?;
        let unseen = self.unseen(&writer);
        writer.keep_undirected(&self.options.undirected);
        let totals = writer.finish(&prepared.labels, |relation| batches.parser.rules.holds_both_ways(relation))?;
        staging.commit()?;
        batches.sources.aside().map(Event::Note).into_iter().for_each(observe);
        admission.remarks.lines().into_iter().chain(unseen).map(Event::Warning).for_each(observe);
        self.warning(totals).into_iter().for_each(observe);
        Ok(Summary { folder: target, totals: Some(totals), losses: admission.losses })
    }

    /// That a relation is called undirected which is none of the source's.
    fn unseen(&self, writer: &CorpusWriter) -> Option<String> {
        let seen: Vec<&str> = writer.relations().map(|relation| &**relation).collect();
        let is_seen = |name: &&Text| &***name == EVERY || seen.contains(&&***name);
        let name = self.options.undirected.iter().find(|name| !is_seen(name)).filter(|_| !seen.is_empty())?;
        Some(format!("`undirected`: {}", ground::suggest::unknown("relation", name, &seen)))
    }

    /// Notes relations of a file beside whose documents did not come, where all are taken.
    fn lose_strays(
        &self,
        prepared: &Prepared,
        writer: &mut CorpusWriter,
        admission: &mut Admission,
    ) -> Result<(), CorpusError> {
        let (Some(beside), Some(path), None) = (&prepared.beside, &self.relations, &self.ids) else { return Ok(()) };
        let rows = beside.strays(&name_of(path));
        rows.iter().for_each(|row| admission.losses.add(row));
        Ok(writer.reject(rows)?)
    }

    /// What stands already, where no more was lost on the way there than may be now: that is no part of what it was made
    /// from.
    fn confirmed(&self, summary: Summary) -> Result<Summary, CorpusError> {
        if summary.losses.of(Part::Document) > 0 {
            let documents = Table::<DocumentRow>::require(&summary.folder)?;
            self.check_losses(Found::of(documents.files())?.n_rows(), &summary.losses)?;
        }
        Ok(summary)
    }

    /// Fails where nothing was taken, or too little.
    fn check_losses(&self, taken: u64, losses: &Losses) -> Result<(), CorpusError> {
        let (lost, most) = (losses.of(Part::Document), self.options.max_rejected);
        if taken == 0 {
            let reasons = if losses.is_empty() { Vec::new() } else { losses.lines(|_| None) };
            return Err(CorpusError::NoDocument { inputs: self.inputs.clone(), reasons });
        }
        if ground::counts::ratio(lost, taken + lost).is_none_or(|share| share <= most) {
            return Ok(());
        }
        let commonest = losses.commonest().map(|(count, first)| format!("{count} for the reason {first}"));
        Err(CorpusError::TooManyLost { lost, taken, most, reason: commonest.unwrap_or_default() })
    }

    /// What is not as one may think.
    fn warning(&self, totals: Totals) -> Option<Event> {
        let none_fits = !self.options.candidates.is_empty() && totals.pairs == totals.left_out;
        let words = if none_fits {
            "no pair of entities has the types that `candidates` names"
        } else if totals.labelled > 0 && totals.facts == 0 {
            "no document has a relation: where nobody annotated any, say so (`--unlabelled`, `unlabelled` in a pipeline)"
        } else {
            return None;
        };
        Some(Event::Warning(words.into()))
    }

    fn parser<'c>(&'c self, prepared: &'c Prepared) -> Parser<'c> {
        let rules = Acceptance {
            candidates: &self.options.candidates,
            mesh: prepared.mesh.as_ref(),
            relations: self.relation_labels.as_ref().map(|_| &prepared.labels),
            undirected: &self.options.undirected,
            unlabelled: self.options.unlabelled,
            most_pairs: self.options.most_pairs,
        };
        let (reader, most_bytes) = (self.reader(prepared.beside.clone()), self.options.most_bytes);
        Parser { asked: prepared.asked.as_ref(), rules, reader, most_bytes }
    }

    fn reader(&self, beside: Option<Arc<Beside>>) -> Box<dyn Reader> {
        let Options { format, bars, unit, most_bytes, .. } = self.options;
        let (bars, unit) = (bars.unwrap_or_default(), unit.unwrap_or_default());
        let coreference = self.options.coreference.clone();
        format.reader_with(Dialect { bars, unit, coreference, most_bytes }, beside)
    }

    /// Reads the small files and identifies the large ones.
    fn prepare(&self, contents: &Contents) -> Result<Prepared, CorpusError> {
        if self.relations.is_some() {
            self.options.format.check_relations().map_err(CorpusError::Options)?;
        }
        let reader = self.reader(None);
        let mut listing = Listing::of(&self.inputs, reader.takes_folders())?;
        listing.note_links(|folder| reader.links(folder));
        let fingerprint = self.fingerprint(&listing.paths, contents)?;
        Ok(Prepared {
            listing,
            asked: self.ids.as_deref().map(Asked::read).transpose()?,
            mesh: self.mesh.as_deref().map(read_mesh).transpose()?,
            labels: self.relation_labels.as_deref().map(read_labels).transpose()?.unwrap_or_default(),
            beside: self.relations.as_deref().map(read_beside).transpose()?,
            fingerprint,
        })
    }

    /// Identifies what the tables are made from. A file counts with its name: it is what `source` in them says.
    fn fingerprint(&self, inputs: &[PathBuf], contents: &Contents) -> Result<String, CorpusError> {
        let file = |path: &PathBuf| Ok((name_of(path), content_of(path, contents)?));
        let files = |paths: &[PathBuf]| paths.iter().map(file).collect::<Result<Vec<_>, CorpusError>>();
        Ok(Identity::of("convert")
            .field("options", &made_by(&self.options))
            .field("mesh", &files(self.mesh.as_slice())?)
            .field("relation_labels", &files(self.relation_labels.as_slice())?)
            .field("ids", &files(self.ids.as_slice())?)
            .field("relations", &files(self.relations.as_slice())?)
            .field("inputs", &files(inputs)?)
            .finish())
    }
}

/// What of the options shows in the tables: how much may be lost does not.
fn made_by(options: &Options) -> Options {
    Options { max_rejected: usual_max_rejected(), ..options.clone() }
}

struct Prepared {
    listing: Listing,
    asked: Option<Asked>,
    mesh: Option<MeshTree>,
    labels: BTreeMap<Text, Text>,
    beside: Option<Arc<Beside>>,
    fingerprint: String,
}

impl Prepared {
    /// Bytes of all sources; 0 where one is a folder, of which not all is read.
    fn n_bytes(&self) -> u64 {
        let sizes = self.listing.paths.iter().map(|path| path.metadata().ok().filter(fs::Metadata::is_file));
        sizes.map(|file| file.map(|file| file.len())).sum::<Option<u64>>().unwrap_or_default()
    }
}

/// What identifies the content of a path, read where it is not known.
pub(super) fn content_of(path: &Path, contents: &Contents) -> Result<String, CorpusError> {
    let read = || identity::content(path).map_err(|source| CorpusError::Read { path: path.to_path_buf(), source });
    contents.known(path).map_or_else(read, |known| Ok(known.to_owned()))
}

/// Starts work towards `tables` in the folder `target`, or says what stands there where that is what would be made.
///
/// What must not be replaced is refused under the lock alone: until then another process may be replacing it.
pub(super) fn begin(target: &Path, tables: &[&str], fingerprint: &str, force: bool) -> Result<Begun, CorpusError> {
    table::clear_leftovers(target.parent().unwrap_or(Path::new("")), Ours::TABLES);
    table::restore(target, Ours::TABLES)?;
    let current = || if force { Ok(None) } else { current(target, tables, fingerprint) };
    if let Some(summary) = current()? {
        return Ok(Begun::UpToDate(summary));
    }
    let staging = Staging::begin(target)?;
    if let Some(summary) = current()? {
        return Ok(Begun::UpToDate(summary));
    }
    // The same tables, one of them damaged or removed, are made again: the first that says what it was made from decides.
    let recorded = || tables.iter().find_map(|table| table::fingerprint(target, table).transpose()).transpose();
    let same = || Ok::<_, TableError>(recorded()?.as_deref() == Some(fingerprint));
    let vacant = || !target.exists() || is_empty(target);
    if force || vacant() || same()? {
        Ok(Begun::Work(staging))
    } else {
        Err(CorpusError::Exists { target: target.into() })
    }
}

/// What a conversion starts with.
pub(super) enum Begun {
    /// The tables are there already.
    UpToDate(Summary),
    /// They are to be made.
    Work(Staging),
}

/// A summary of whole tables that were made from the same; `None` where they are of another making, or damaged.
fn current(target: &Path, tables: &[&str], fingerprint: &str) -> Result<Option<Summary>, TableError> {
    for table in tables {
        if table::fingerprint(target, table)?.as_deref() != Some(fingerprint) {
            return Ok(None);
        }
    }
    match summary(target) {
        Ok(summary) => Ok(Some(summary)),
        Err(refused @ (TableError::Io { .. } | TableError::Stopped(_))) => Err(refused),
        Err(_) => Ok(None),
    }
}

fn summary(target: &Path) -> Result<Summary, TableError> {
    let mut summary = Summary { folder: target.to_path_buf(), ..Summary::default() };
    for batch in table::read::<RejectRow>(target)? {
        let batch = batch?;
        batch.iter().for_each(|row| summary.losses.add(row));
    }
    Ok(summary)
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

fn read_mesh(path: &Path) -> Result<MeshTree, CorpusError> {
    MeshTree::read(path).map_err(|error| CorpusError::of_source(path, error))
}

fn read_beside(path: &Path) -> Result<Arc<Beside>, CorpusError> {
    Ok(Arc::new(Beside::read(Input::at(path)).map_err(|error| CorpusError::of_source(path, error))?))
}

fn read_labels(path: &Path) -> Result<BTreeMap<Text, Text>, CorpusError> {
    let text = read_aside(path)?;
    let labels: BTreeMap<String, String> = serde_json::from_slice(&text).map_err(|error| CorpusError::Format {
        path: path.to_path_buf(),
        reason: format!("expected a JSON object of texts, from relation to label: {error}"),
    })?;
    Ok(labels.into_iter().map(|(relation, label)| (relation.into(), label.into())).collect())
}
