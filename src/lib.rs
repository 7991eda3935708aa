//! Document-level relation extraction in bulk: corpora to tables, tables to relations, metrics and a knowledge graph.
//!
//! # The flow
//! ```text
//! corpus files ─ convert → documents tokens mentions entities pairs facts     Parquet, one folder a corpus and split
//!    (or synthesize)                  │
//!                                  encode → pieces                            subwords, for one encoder
//!                                     │
//!                       pieces pairs ─┼─ train → a checkpoint, training_log
//!                       pieces pairs ─┼─ score → relations                    by a checkpoint
//!                    relations facts ─┼─ evaluate → metrics
//!         relations entities mentions ─┴─ graph → nodes edges provenance merges, RDF, GraphML, CSV, …
//!                     all of the above ─ report → a page
//! ```
//! Stages meet only through tables: folders of Parquet files, which `docre query` and any other engine can read. What
//! each table holds stands in `schemas/NAME.json`, which the code reads when it is compiled.
//!
//! # Code map
//! Start at [`table`], which everything stands on, then follow the flow.
//!
//! | module | from → to | knows nothing of |
//! | --- | --- | --- |
//! | [`names`] | a name that is unknown → the one that was meant | what is named |
//! | [`settings`] | JSON, TOML → structs, or which setting does not fit | what is set |
//! | [`table`] | rows ↔ Parquet, checked against the schemas, crash-safe | what the tables are for |
//! | [`random`] | a seed → random numbers, the same everywhere | |
//! | [`workers`] | jobs → their results in order, a thread each | what the jobs are |
//! | [`device`] | `auto`, `cpu`, `cuda:N` → a device to compute on | models |
//! | [`corpus`] | source formats → the corpus tables, one file a format | models, metrics, queries |
//! | [`pieces`] | tokens and mentions → subword pieces with entity markers | tensors |
//! | [`encoder`] | pieces → hidden states and attention: BERT and RoBERTa | tables, entities |
//! | [`model`] | pieces and pairs → logits of relations, one file a model | paths |
//! | [`checkpoint`] | a trained model ↔ a folder | documents |
//! | [`score`] | a checkpoint, pieces and pairs → relations | how the model was trained |
//! | [`submission`] | predictions and training facts in DocRED's JSON → values | tables |
//! | [`metrics`] | facts and relations → metrics, as polars queries | source formats, tensors |
//! | [`train`] | labelled pairs → checkpoints | source formats |
//! | [`graph`] | relations of many documents → one graph, in the formats that others load | how relations are found |
//! | [`query`] | SQL or SPARQL → a result, over any folder of tables or a graph | what the tables are for |
//! | [`report`] | a run's tables → one HTML page | how relations are found, how figures are reckoned |
//! | [`pipeline`] | a pipeline file → the stages above, each where it is not up to date | how they do it |
//!
//! The binary, `main.rs` and `cli`, adds arguments, messages and exit codes, and no more.
//!
//! # Speed
//! The program starts itself anew with settings that libraries read from the environment alone (`cli/environment.rs`).
//! A program that uses this library starts with them, or trains at half the speed: `RAYON_NUM_THREADS` (as many as there
//! are cores), `CANDLE_NUM_THREADS=1`, and `RUST_LIB_BACKTRACE=0` for short errors. With mimalloc as its allocator, also
//! `MIMALLOC_PURGE_DELAY=10000`.
//!
//! # Invariants
//! Tests hold these; the imports, in `tests/it/layers.rs`.
//!
//! - A module imports only what stands above it in the code map, and no two stages import each other.
//! - A corpus format's name appears in [`corpus`] and in pipeline files alone: a new corpus is one reader and one file.
//! - An outside library has one home: polars in [`metrics`] and [`query`], Arrow and Parquet in [`table`],
//!   the compressor of pages in [`report`], tokenizers in [`pieces`], RDF in [`graph`], TOML in [`pipeline`], clap in the
//!   binary.
//! - Under a table's final name there is a whole table or none, at any moment, whatever kills the process.
//! - The same input gives the same bytes, whatever the number of threads; in training, whose threads share a step's
//!   documents, with the same number of them.
//! - What a thing is made from is identified in one way, by [`ground::identity`], and the build of docre is a part of it:
//!   a changed program makes its things again.
//! - Bad input is an error or a row of `rejects`, which names file, record and field; never a panic.

pub use checkpoint;
pub use corpus;
pub use encoder;
pub use examples;
pub use graph;
pub use ground;
pub use metrics;
pub use model;
pub use nn;
pub use pieces;
pub use query;
pub use report;
pub use score;
pub use submission;
pub use table;
pub use train;

pub mod pipeline;

/// Which build of docre this is: a hash of its sources, schemas and lock file. A program that uses the library tells it
/// to [`ground::identity::set_build`] if its own things are to be made again when docre changes.
pub const BUILD: &str = env!("DOCRE_BUILD");
