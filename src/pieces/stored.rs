//! The table `pieces` of a split: written once, and read where it is still what the split would give.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use ground::identity::Identity;
use ground::observe::{Event, Observer, Progress};
use table::rows::{FactRow, PieceRow};
use table::{
    Followers, Ours, Row, Staging, Standing, Table, TableError, TableWriter, Walk, check_making, clear_leftovers,
    restore,
};

use super::{CutOff, Cutter, PiecesError, encode, encode_within, within};

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Documents.
    pub documents: u64,
    /// Pieces of all of them.
    pub pieces: u64,
    /// What was lost at their ends.
    pub cut_off: CutOff,
}

/// Rows of `pieces`, some hundred documents at a time.
pub type Rows<'c> = Box<dyn Iterator<Item = Result<Vec<PieceRow>, PiecesError>> + 'c>;

/// Identifies what the pieces of a split are made from: the tables that are read, the tokenizer, the most pieces that
/// a document keeps and the markers.
///
/// # Errors
/// Where a table cannot be read.
pub fn fingerprint(split: &Standing, cutter: &Cutter) -> Result<String, TableError> {
    let tables = split.identity(&["documents", "tokens", "mentions"])?;
    let identity = Identity::of("pieces").field("tables", &tables);
    let identity = identity.field("tokenizer", cutter.tokenizer.identity());
    Ok(identity.field("most_pieces", &cutter.most_pieces).field("markers", &cutter.markers).finish())
}

/// Writes the table `pieces` of a split into the folder `out`; `None` where it is up to date. One of another making is
/// replaced only where `force` is set.
///
/// # Errors
/// Where a table is missing, damaged or cannot be written, or the tokenizer fails on a word.
pub fn write(
    split: &Path,
    out: &Path,
    cutter: &mut Cutter,
    force: bool,
    observe: Observer<'_>,
) -> Result<Option<Written>, PiecesError> {
    let table = out.join(&PieceRow::schema().name);
    restore(&table, Ours::TABLES)?;
    let standing = Standing::of(split)?;
    let fingerprint = fingerprint(&standing, cutter)?;
    clear_leftovers(out, Ours::TABLES);
    if is_current(out, &fingerprint)? {
        return Ok(None);
    }
    let batches = encode(split, cutter)?;
    let staging = Staging::begin(&table)?;
    if !force {
        check_making(out, &PieceRow::schema().name, None)?;
    }
    let mut writer = TableWriter::<PieceRow>::inside(staging.folder().to_path_buf(), &fingerprint);
    let mut written = Written::default();
    let mut facts = Facts::open(split, &standing)?;
    for rows in batches {
        let rows = rows?;
        written.add(&rows, &mut facts)?;
        writer.write(rows)?;
        observe(Event::Progress(Progress::documents(written.documents)));
    }
    writer.finish()?;
    standing.check()?;
    staging.commit()?;
    written.cut_off.event(cutter.most_pieces).into_iter().for_each(observe);
    Ok(Some(written))
}

/// The pieces of a split: those of its table where it is what the cutter would give, or else cut now.
///
/// # Errors
/// Where a table is missing or not as its schema says; later, where one is damaged or the tokenizer fails on a word.
pub fn read<'c>(split: &Path, cutter: &'c mut Cutter) -> Result<Rows<'c>, TableError> {
    read_within(split, cutter, 0..usize::MAX)
}

/// The same of the documents at these places in the split alone.
///
/// # Errors
/// As [`read`].
pub fn read_within<'c>(split: &Path, cutter: &'c mut Cutter, places: Range<usize>) -> Result<Rows<'c>, TableError> {
    if is_current(split, &fingerprint(&Standing::of(split)?, cutter)?)? {
        return Ok(Box::new(within(Walk::<(PieceRow,)>::open(split)?, places).map(|document| {
            let (_, (pieces,)) = document?;
            Ok(pieces)
        })));
    }
    Ok(Box::new(encode_within(split, cutter, places)?))
}

fn is_current(folder: &Path, fingerprint: &str) -> Result<bool, TableError> {
    Ok(table::fingerprint(folder, "pieces")?.as_deref() == Some(fingerprint))
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} documents, {} pieces", self.documents, self.pieces)
    }
}

impl Written {
    fn add(&mut self, rows: &[PieceRow], facts: &mut Facts) -> Result<(), TableError> {
        self.documents += rows.len() as u64;
        for row in rows {
            self.pieces += row.ids.len() as u64;
            let pairs = facts.of(row)?;
            if row.truncated > 0 {
                self.cut_off += CutOff::of(row.mention_starts.iter().map(Vec::len), pairs.into_iter());
            }
        }
        Ok(())
    }
}

/// The facts of a split beside its pieces, where it has the table: what is cut off is told in them too.
struct Facts(Option<Followers<(FactRow,)>>);

impl Facts {
    fn open(split: &Path, standing: &Standing) -> Result<Self, TableError> {
        let table = Table::<FactRow>::find(split)?;
        Ok(Self(table.map(|_| Followers::open(split, standing)).transpose()?))
    }

    /// The pairs of a document's facts; they have to be asked for in the order of the documents.
    fn of(&mut self, row: &PieceRow) -> Result<Vec<(u32, u32)>, TableError> {
        let Some(facts) = &mut self.0 else { return Ok(Vec::new()) };
        let (facts,) = facts.of(&row.doc_id)?;
        Ok(facts.iter().map(|fact| (fact.head, fact.tail)).collect())
    }
}
