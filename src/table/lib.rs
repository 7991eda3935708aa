//! Tables as types: a schema file per table, a row type per table, Parquet in and out.
//!
//! A table is a folder `NAME` of Parquet files `part-00000.parquet`, `part-00001.parquet`, …, whose rows, read in the
//! order of the files, are sorted by the schema's key. Identical rows give identical bytes. What a reader can see under
//! its final name is always whole: files and folders are written under a hidden sibling's name, made durable, and then
//! renamed or exchanged (see [`Staging`], [`write_file`] and [`put`]). What docre did not make is never replaced
//! ([`Ours`]).
//!
//! A [`Table`] is found and read, a [`Walk`] reads several tables of a split document by document. Files are
//! checked when they are opened: their bytes are those that were written, and unfold to no more than is in proportion. A
//! [`Standing`] sees to it that the tables of a split are of one making, and stay the same while they are read.
//!
//! This module does not know what the tables are for, and does not query them.

pub mod annotated;
mod aside;
mod beside;
mod bounds;
pub mod cell;
mod cursor;
mod error;
mod evidence;
mod files;
pub mod found;
mod folder;
mod foreign;
mod handle;
mod integrity;
mod joined;
mod leftovers;
mod lock;
mod nested;
mod nulls;
mod objects;
mod ours;
mod outdated;
mod pages;
mod place;
mod read;
mod records;
pub mod rows;
pub mod schema;
mod scratch;
pub mod sort;
mod split;
mod staging;
mod version;
pub mod stream;
mod whole;
mod write;

pub use arrow::record_batch::RecordBatch;

pub use aside::{found_under, stands_for};
pub use beside::{is_random, sibling, through};
pub use cell::Cell;
pub use cursor::Cursor;
pub use error::TableError;
pub use evidence::{evidence_of, in_or_at, weights_beside, weights_of};
pub use files::{TableFiles, fingerprint, is_part_name, verify};
pub use folder::{make_folder, not_ours};
pub use foreign::rows_of;
pub use ground::Text;
pub use handle::{Table, read};
pub use joined::join;
pub use leftovers::clear_leftovers;
pub use lock::Lock;
pub use objects::json_rows;
pub use ours::{Ours, check_workplace, holds_only, holds_only_table, holds_only_tables, is_marked, is_named_file};
pub use outdated::{check_outdated, remove_outdated};
pub use place::{check_place, is_file, put, restore};
pub use read::RecordBatches;
pub use records::{RecordWriter, Records};
pub use schema::TableSchema;
pub use scratch::Scratch;
pub use split::{
    EVERY_RELATION, Followers, MOST_EMPTY, OfDocument, RelationWords, SplitTables, Undirected, Walk, relation_words,
    undirected_relations,
};
pub use staging::Staging;
pub use version::{Snapshot, Standing, identity};
pub use whole::{remove_leftovers, write_file, write_same};
pub use write::{TableWriter, check_making, write};

/// A row of a table, by columns when it is stored.
pub trait Row: Sized + Send {
    /// The table's schema, from its file under `schemas/`.
    fn schema() -> &'static TableSchema;

    /// Rows as Arrow columns, in the order of the schema.
    fn to_batch(rows: Vec<Self>) -> Result<RecordBatch, arrow::error::ArrowError>;

    /// The rows of a batch whose columns were checked against the schema and stand in its order.
    fn from_batch(batch: &RecordBatch) -> Vec<Self>;
}
