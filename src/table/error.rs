//! What can go wrong with a table: always which file, and which column.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;
use parquet::errors::ParquetError;

use ground::caught::Caught;
use ground::hint::{Hint, Words};
use ground::interrupt::Interrupted;

/// A table that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file system refused.
    #[error("{}: cannot {action}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was attempted.
        action: &'static str,
        /// Its answer.
        source: io::Error,
    },
    /// The file is not Parquet, or damaged.
    #[error("{}: not a whole Parquet file", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the Parquet library says.
        source: ParquetError,
    },
    /// A table that is needed is not in the folder.
    #[error("{}: no table `{table}` here: expected `{table}/part-00000.parquet` or `{table}.parquet`", folder.display())]
    NoTable {
        /// The folder.
        folder: PathBuf,
        /// The table's name.
        table: String,
    },
    /// A column that the schema names is missing.
    #[error("{}: column `{column}`: expected {expected}, found no such column", path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column's name.
        column: String,
        /// Its type in the schema.
        expected: String,
    },
    /// A column has another type than the schema's.
    #[error("{}: column `{column}`: expected {expected}, found {found}", path.display())]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column's name.
        column: String,
        /// Its type in the schema.
        expected: String,
        /// Its type in the file.
        found: String,
    },
    /// A cell is null where the schema allows none.
    #[error("{}: column `{column}`: expected a value in every row, found {nulls} nulls", path.display())]
    Null {
        /// The file.
        path: PathBuf,
        /// The column's name.
        column: String,
        /// How many cells of the batch are null.
        nulls: usize,
    },
    /// A value does not fit the type that the schema gives its column.
    #[error("{}: column `{column}`: expected values that fit {expected}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The column's name.
        column: String,
        /// Its type in the schema.
        expected: String,
        /// What the Arrow library says.
        source: ArrowError,
    },
    /// A document's row has a value that none of its fields can have.
    #[error("{}: document {document}: `{field}`: {reason}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The document, as a message names it.
        document: String,
        /// The field, as a path: `mentions[3].token_start`.
        field: String,
        /// Expected, then got.
        reason: String,
    },
    /// A table has rows of a document that another table lacks, or in another order.
    #[error("{}: table `{table}`: document `{document}`: expected the documents of `documents`, in their order", folder.display())]
    Stray {
        /// The folder.
        folder: PathBuf,
        /// The table's name.
        table: String,
        /// The document of its first such row.
        document: String,
    },
    /// A file of ours is not as it was written.
    #[error("{}: damaged: its bytes are not those that docre wrote", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// What was set down for a while is not as it was written.
    #[error("{}: scratch file: record {place}: expected the bytes that were written, got others", folder.display())]
    Record {
        /// The folder of the file, which has no name.
        folder: PathBuf,
        /// The record, from 0.
        place: usize,
    },
    /// The library that reads a file gave up on it.
    #[error("{}: expected a whole Parquet file of common types", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the library says.
        source: Caught,
    },
    /// A file is small and holds too much.
    #[error("{}: expected at most {most} {what} in a file of its size, got {got}", path.display())]
    Unfolds {
        /// The file.
        path: PathBuf,
        /// What there is too much of.
        what: &'static str,
        /// How much.
        got: u64,
        /// How much there may be.
        most: u64,
    },
    /// A page of a file says that it holds more than there can be.
    #[error("{}: column `{column}`: expected at most {most} {what}, got {got}", path.display())]
    Page {
        /// The file.
        path: PathBuf,
        /// The column's name.
        column: String,
        /// What there is too much of.
        what: &'static str,
        /// How much.
        got: i64,
        /// How much there may be.
        most: i64,
    },
    /// A document has more rows than memory is there for.
    #[error("table `{table}`: document `{document}`: expected at most {most} rows of one document")]
    Rows {
        /// The table.
        table: &'static str,
        /// The document.
        document: String,
        /// How many there may be.
        most: usize,
    },
    /// Tables of a split are not of one making.
    #[error("{}: tables `{first}` and `{second}` were made from different sources: the split was replaced while it was read, or mixed from two", folder.display())]
    Mixed {
        /// The split's folder.
        folder: PathBuf,
        /// A table.
        first: &'static str,
        /// One of another making.
        second: &'static str,
    },
    /// A folder is not there any more.
    #[error("{}: was removed or replaced while docre wrote into it", path.display())]
    Gone {
        /// The folder.
        path: PathBuf,
    },
    /// A table was replaced by another.
    #[error("{}: was replaced while it was read", path.display())]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// A record that was set down for sorting is not as it was.
    #[error("{}: a file of sorted records was changed by another program", .0.display())]
    Sorted(PathBuf),
    /// A pipe does not carry an Arrow stream, or breaks off.
    #[error("{name}: expected a whole Arrow IPC stream")]
    Stream {
        /// The pipe.
        name: String,
        /// What the Arrow library says.
        source: ArrowError,
    },
    /// Something that is no table stands where tables were to go.
    #[error("{}: holds files that docre did not write: they will not be replaced", path.display())]
    Foreign {
        /// The folder, or the file in its place.
        path: PathBuf,
    },
    /// Somebody has put something into what docre has made.
    #[error("{}: stands in what docre has made, and is not a part of it: it will not be replaced", path.display())]
    PutThere {
        /// The file or the folder.
        path: PathBuf,
    },
    /// Tables stand where something else was to go.
    #[error("{}: holds other tables than what would be made: they will not be replaced", path.display())]
    OtherTables {
        /// The folder.
        path: PathBuf,
    },
    /// Something that is no folder stands where docre was to make something.
    #[error("{}: expected nothing or what docre has made, found {found}: it will not be replaced", path.display())]
    Taken {
        /// Its path.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The folder in which the program was started, or one above it.
    #[error("{}: docre was started in it: it will not be replaced", path.display())]
    Here {
        /// The folder.
        path: PathBuf,
    },
    /// A table of another making stands where one was to go.
    #[error("{}: holds a table that was made from other input or with other options", path.display())]
    OtherMaking {
        /// The table's folder.
        path: PathBuf,
    },
    /// What no file can take the place of stands where one was to go.
    #[error("{}: expected a file or nothing, found {found}", path.display())]
    NotAFile {
        /// Its path.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// What is no folder stands where one was to go.
    #[error("{}: expected a folder or nothing, found {found}", path.display())]
    NotAFolder {
        /// Its path.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// There is no folder for a file to go into.
    #[error("{}: expected a folder for `{}`, found none", folder.display(), name.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
        /// What the file was to be called.
        name: PathBuf,
    },
    /// What is neither a file nor a folder stands where a table was expected.
    #[error("{}: expected a file or a folder, found {found}", path.display())]
    NoFile {
        /// Its path.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A file stands where one was to go.
    #[error("{}: stands already", path.display())]
    Stands {
        /// The file.
        path: PathBuf,
    },
    /// The program was told to stop.
    #[error("{0}")]
    Stopped(#[from] Interrupted),
    /// Another process is writing the same folder.
    #[error("{}: another docre is writing it; wait for it, or choose another folder", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
}

impl Hint for TableError {
    fn hint(&self) -> Option<Words> {
        match self {
            Self::Foreign { .. } => Some("move the files away, or choose another place for what is made".into()),
            Self::Taken { .. } | Self::PutThere { .. } => {
                Some("move it away, or choose another place for what is made".into())
            }
            Self::NoFolder { .. } => Some("make the folder first".into()),
            Self::NoFile { .. } => Some("write what it carries into a file, and name that".into()),
            Self::OtherTables { .. } | Self::Here { .. } | Self::NotAFile { .. } | Self::NotAFolder { .. } => {
                Some("choose another place for what is made".into())
            }
            Self::Stands { .. } | Self::OtherMaking { .. } => {
                Some("pass `--force` to replace it, or choose another `--out`".into())
            }
            // What `docre score` makes is in no split.
            Self::NoTable { table, .. } if table != "relations" => {
                Some("name the folder of a split, which `docre convert` has written".into())
            }
            Self::Damaged { .. } | Self::Mixed { .. } => {
                Some("make it anew, with `docre convert` if it is a split".into())
            }
            Self::Record { .. } => Some("run it again; if it is so once more, the disk is at fault".into()),
            Self::Io { source, .. } if is_full(source) => Some("make room there, or choose another place".into()),
            Self::Stray { .. } => Some("name the split that its documents are of".into()),
            Self::Replaced { .. } => Some("read it again when whoever writes it is done".into()),
            _ => None,
        }
    }
}

/// Whether there is no room for what was to be written.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

impl TableError {
    /// Wraps a file system error, for `map_err`.
    pub(super) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, action, source }
    }

    /// Wraps a Parquet error in reading, for `map_err`.
    pub(super) fn read(path: &Path) -> impl FnOnce(ParquetError) -> Self {
        Self::parquet(path, "read")
    }

    /// Wraps a Parquet error in writing, for `map_err`.
    pub(super) fn written(path: &Path) -> impl FnOnce(ParquetError) -> Self {
        Self::parquet(path, "write")
    }

    fn parquet(path: &Path, action: &'static str) -> impl FnOnce(ParquetError) -> Self {
        let path = path.to_path_buf();
        move |source| match source {
            // A full disk reaches us through the Parquet library; it is the file system's answer all the same.
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(error) => Self::Io { path, action, source: *error },
                Err(inner) => Self::Parquet { path, source: ParquetError::External(inner) },
            },
            source => Self::Parquet { path, source },
        }
    }
}
