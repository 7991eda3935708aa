//! The tables of a split as they stand: of one making, and the same from the first row that is read to the last.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ground::identity::{Identity, content};
use ground::present;

use super::TableError;
use super::files::{TableFiles, making};
use super::integrity::Making;

/// The tables that are made together, and bear one fingerprint.
const MADE_TOGETHER: [&str; 10] = [
    "documents",
    "sentences",
    "tokens",
    "mentions",
    "entities",
    "pairs",
    "facts",
    "relation_types",
    "rejects",
    "implied",
];
/// What is made of them later, into the same folder.
const MADE_LATER: &str = "pieces";

/// Files as they were at a moment: nobody can put others in their place unseen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(Vec<(PathBuf, Stamp)>);

/// What tells a file from the one that takes its place. A replacement is another file, and was made later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    changed: Option<SystemTime>,
}

impl Snapshot {
    /// The files of a table, now.
    ///
    /// # Errors
    /// Where the system refuses to look.
    pub fn of(files: &TableFiles) -> Result<Self, TableError> {
        Self::of_files(files.paths())
    }

    /// The same of files that are named one by one.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn of_files<'p>(paths: impl IntoIterator<Item = &'p PathBuf>) -> Result<Self, TableError> {
        let stamped = |path: &PathBuf| Ok((path.clone(), stamp(path)?.ok_or_else(|| replaced(path))?));
        Ok(Self(paths.into_iter().map(stamped).collect::<Result<_, TableError>>()?))
    }

    /// Refuses an open file that is not the one of its name at that moment: one that was put in its place, and may be
    /// gone again.
    pub(super) fn check_open(&self, path: &Path, file: &File) -> Result<(), TableError> {
        let open = stamped(&file.metadata().map_err(TableError::io(path, "look at it"))?);
        let is_it = self.0.iter().any(|(known, then)| known == path && *then == open);
        if is_it { Ok(()) } else { Err(replaced(path)) }
    }

    /// Refuses what was put in their place since.
    ///
    /// # Errors
    /// Where there is any, or the system refuses to look.
    pub fn check(&self) -> Result<(), TableError> {
        self.0.iter().try_for_each(
            |(path, then)| {
                if stamp(path)? == Some(*then) { Ok(()) } else { Err(replaced(path)) }
            },
        )
    }
}

fn stamp(path: &Path) -> Result<Option<Stamp>, TableError> {
    let found = present(fs::metadata(path)).map_err(TableError::io(path, "look at it"))?;
    Ok(found.as_ref().map(stamped))
}

fn stamped(found: &fs::Metadata) -> Stamp {
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino;
    #[cfg(not(unix))]
    let inode = |_: &fs::Metadata| 0;
    Stamp { inode: inode(found), length: found.len(), changed: found.modified().ok() }
}

fn replaced(path: &Path) -> TableError {
    TableError::Replaced { path: path.to_path_buf() }
}

/// A split's tables as they stand, for whoever reads several of them: opened before the first is read, asked again behind
/// the last row.
#[derive(Debug, Clone)]
pub struct Standing {
    tables: BTreeMap<&'static str, Standings>,
}

/// A table as it stands.
#[derive(Debug, Clone)]
struct Standings {
    snapshot: Snapshot,
    /// Of each file.
    makings: Vec<Making>,
}

impl Standing {
    /// The tables of the split in a folder; those that are not there are none of its.
    ///
    /// # Errors
    /// Where two of them were not made together, or the system refuses to look.
    pub fn of(folder: &Path) -> Result<Self, TableError> {
        let mut tables = BTreeMap::new();
        for name in MADE_TOGETHER.into_iter().chain([MADE_LATER]) {
            let Some(files) = TableFiles::find(folder, name)? else { continue };
            // The files are looked at before what they say is read: what takes their place in between, shows.
            let snapshot = Snapshot::of(&files)?;
            let makings = files.paths().iter().map(|path| told(path)).collect::<Result<_, _>>()?;
            tables.insert(name, Standings { snapshot, makings });
        }
        let standing = Self { tables };
        match standing.of_two_makings() {
            None => Ok(standing),
            Some([first, second]) => Err(TableError::Mixed { folder: folder.to_path_buf(), first, second }),
        }
    }

    /// Two tables that were made from different things, by what they say themselves. One that says nothing was made by
    /// another program, and may stand among ours.
    fn of_two_makings(&self) -> Option<[&'static str; 2]> {
        let made_from = |name| {
            let makings = self.tables.get(name).into_iter().flat_map(|table| &table.makings);
            let told = makings.filter_map(|making| making.fingerprint.as_deref());
            told.filter(|fingerprint| !fingerprint.is_empty()).map(move |fingerprint| (name, fingerprint))
        };
        let mut told = MADE_TOGETHER.into_iter().flat_map(made_from);
        let (first, fingerprint) = told.next()?;
        told.find(|(_, other)| *other != fingerprint).map(|(second, _)| [first, second])
    }

    /// Identifies the content of tables: by what ours say that they were made from, and those of others by reading
    /// them. A table that is not there counts as such.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub fn identity(&self, tables: &[&str]) -> Result<String, TableError> {
        tables
            .iter()
            .try_fold(Identity::of("tables"), |identity, name| {
                let files = self.tables.get(name).map(Standings::identified).transpose()?;
                Ok(identity.field(name, &files))
            })
            .map(Identity::finish)
    }

    /// The files of a table, as they are to be when they are opened; `None` where it is not there.
    pub(super) fn snapshot(&self, table: &str) -> Option<&Snapshot> {
        self.tables.get(table).map(|table| &table.snapshot)
    }

    /// Refuses tables that were replaced since.
    ///
    /// # Errors
    /// Where one was, or the system refuses to look.
    pub fn check(&self) -> Result<(), TableError> {
        self.tables.values().try_for_each(|table| table.snapshot.check())
    }

    /// What came of reading: the error that the tables were replaced goes before any that may come of it.
    ///
    /// # Errors
    /// As [`Self::check`], and the outcome's.
    pub fn confirm<T, E: From<TableError>>(&self, outcome: Result<T, E>) -> Result<T, E> {
        self.check()?;
        outcome
    }
}

impl Standings {
    fn identified(&self) -> Result<Vec<String>, TableError> {
        let files = self.snapshot.0.iter().zip(&self.makings);
        files.map(|((path, _), making)| identified(path, making)).collect()
    }
}

/// What a file says of its making: nothing where it is damaged, which is for those to tell who read it.
fn told(path: &Path) -> Result<Making, TableError> {
    match making(path) {
        Err(TableError::Parquet { .. } | TableError::Unreadable { .. }) => Ok(Making::default()),
        told => told,
    }
}

/// Identifies the content of a table, whoever wrote it, as [`Standing::identity`] does.
///
/// # Errors
/// Where a file cannot be read.
pub fn identity(files: &TableFiles) -> Result<String, TableError> {
    let files = files.paths().iter().map(|path| identified(path, &told(path)?));
    let files: Vec<String> = files.collect::<Result<_, _>>()?;
    Ok(Identity::of("table").field("files", &files).finish())
}

fn identified(path: &Path, making: &Making) -> Result<String, TableError> {
    let told = making.fingerprint.as_ref().filter(|fingerprint| !fingerprint.is_empty());
    match told.or(making.checksum.as_ref()) {
        Some(told) => Ok(told.clone()),
        None => content(path).map_err(TableError::io(path, "read")),
    }
}
