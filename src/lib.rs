//! Document-level relation extraction in bulk: corpora to tables, tables to relations, metrics and a knowledge graph.
//!
//! # The flow
//! ```text
//! corpus files ─ convert → documents sentences tokens mentions entities pairs facts    Parquet, a folder a corpus and split
//!    (or synthesize)                  │
//!                                  encode → pieces                            subwords, for one encoder
//!                                     │
//!                       pieces pairs ─┼─ train → a checkpoint, training_log, training_figures
//!                       pieces pairs ─┼─ score → scores relations traces claims  by a checkpoint
//!                             scores ─┼─ decide → relations                   by a decision, of one run or several
//!                       scores facts ─┼─ fit → a decision                     for F1, precision or recall
//!                    relations facts ─┼─ evaluate → metrics
//!                  metrics relations ─┼─ summarise → summary                  of variants, over seeds
//!         relations entities mentions ─┴─ graph → nodes edges provenance merges, RDF, GraphML, CSV, …
//!                     all of the above ─ report → a page
//! ```
//! `convert --to annotated` makes one table of a split, with a row a document, which stands for its folder where models
//! read; see [`corpus::annotated`].
//!
//! Stages meet only through tables: folders of Parquet files, which `docre query` and any other engine can read. What
//! each table holds stands in `schemas/NAME.json`, which the code reads when it is compiled.
//!
//! # From a program
//! A folder of tables, read row by row ([`table::rows`] has a type for each table):
//! ```
//! use docre::corpus::synthetic::{Options, tables::{Portion, Synthesis}};
//! use docre::ground::observe::unheard;
//! use docre::table::{Table, rows::FactRow};
//!
//! # let out = tempfile::tempdir()?;
//! # let out = out.path();
//! let portion = Portion { split: "train".parse()?, documents: 3, first: 0 };
//! let synthesis = Synthesis { options: Options::default(), portion, json: false };
//! synthesis.run(out, false, &unheard)?;
//!
//! for fact in Table::<FactRow>::require(&out.join("train"))?.rows()? {
//!     let FactRow { doc_id, head, relation, tail, .. } = fact?;
//!     println!("{doc_id}: entity {head} {relation} entity {tail}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! A split scored with a checkpoint, and the predictions judged:
//! ```no_run
//! use std::path::Path;
//!
//! use docre::ground::observe::unheard;
//! use docre::nn::device::DeviceChoice;
//! use docre::{metrics, score};
//!
//! let (split, out) = (Path::new("corpora/cdr/dev"), Path::new("runs/cdr"));
//! let request = score::Request::new(Path::new("runs/cdr/best"), split, out, "cdr", DeviceChoice::Auto);
//! score::score(&request, &unheard)?;
//!
//! let evaluation = metrics::evaluate(&metrics::Request::new(split, out))?;
//! for metric in &evaluation.metrics {
//!     println!("{} {}: {:?}", metric.metric, metric.scope, metric.f1);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! Documents in memory, rows of `annotated` from any program, scored by a model that stays loaded:
//! ```no_run
//! use std::path::Path;
//!
//! use docre::nn::device::DeviceChoice;
//! use docre::score::{ScoreError, Scorer, Setup};
//! use docre::table::RecordBatch;
//!
//! fn relations(batches: &[RecordBatch]) -> Result<Vec<RecordBatch>, ScoreError> {
//!     let scorer = Scorer::quietly(&Setup::new(Path::new("runs/cdr/best"), "cdr", DeviceChoice::Auto))?;
//!     batches.iter().map(|batch| Ok(scorer.score(batch)?.relations)).collect()
//! }
//! ```
//!
//! # Code map
//! Each folder of `src/` but `pipeline` and `cli` is a crate, a room of this house, and names in its `Cargo.toml` only those below it; here they
//! stand from the ground floor up. Start at [`table`], then follow the flow. The root package has the roof: [`pipeline`],
//! and `cli`, which adds arguments, messages and exit codes, and no more: [`command_line`], which is the program, `main.rs`,
//! and which `python` calls.
//!
//! | room | from → to | knows nothing of |
//! | --- | --- | --- |
//! | [`ground`] | what several rooms share: settings, identities, the manifest, words for figures, events, hints | tables, tensors |
//! | [`table`] | rows ↔ Parquet, checked against the schemas, crash-safe | what the tables are for |
//! | [`submission`] | predictions as tables or in DocRED's JSON, training facts → values | a corpus |
//! | [`corpus`] | source formats → the corpus tables, one file a format | models, metrics, queries |
//! | `kernels` | tensors on a CUDA device → tensors, by kernels of our own; empty without `cuda` | layers, models |
//! | [`nn`] | tensors → tensors with gradients; variables, layers, the optimizer, the device | models, documents |
//! | [`pieces`] | tokens and mentions → subword pieces with entity markers | tensors |
//! | [`encoder`] | pieces → hidden states and attention: BERT, RoBERTa and their kin | tables, entities |
//! | [`model`] | pieces and pairs → logits of relations, one file a model | tables, paths |
//! | [`examples`] | rows of pieces and pairs → what a model computes with; counts of what they are made of | how it computes |
//! | [`checkpoint`] | a trained model, and the card that says what it is for ↔ a folder | how documents are read |
//! | [`decide`] | scores and a decision → relations; scores and facts → a decision | models, what scores come from |
//! | [`score`] | a checkpoint, pieces and pairs → scores, relations, and the trace of inference | how the model was trained |
//! | [`train`] | labelled pairs → checkpoints | source formats, scoring, queries |
//! | `frames` | Parquet files → polars' lazy frames; no path means anything | tables, columns |
//! | [`metrics`] | facts and relations → metrics, as polars queries; scores → metrics | source formats, tensors |
//! | [`graph`] | relations of many documents → one graph, in the formats that others load | how relations are found |
//! | [`query`] | SQL or SPARQL → a result, over any folder of tables or a graph | what the tables are for |
//! | [`report`] | a run's tables → one HTML page | how relations are found, how figures are reckoned |
//! | `python` | the library and its command line → a Python package, which stands on all of this | how anything is done |
//! | [`pipeline`] | a pipeline file → the stages above, each where it is not up to date | how they do it |
//!
//! # Where a change goes
//! - A corpus format: a file in `src/corpus/formats/`, its variant, name and reader in the `mod.rs` there, its tests in
//!   `src/corpus/tests/`, a fuzzer in `tests/fuzz/` and `FUZZERS` of the Makefile, and a row in `data/README.md`.
//! - A knowledge base: a line in `src/ground/bases.rs`; the forms of ids without a prefix, in `curie.rs` beside it.
//! - A model: a file in `src/model/`, and a kind in `kinds.rs`.
//! - A scope of the metrics: a line in `src/ground/scope.rs`; which facts are in it, in `members` of
//!   `src/metrics/tally.rs`, over a column of `marked_facts.rs` if it asks for something new; its meaning in
//!   `src/metrics/README.md` and `schemas/metrics.json`.
//! - A graph format: a file in `src/graph/format/`, and a line in the list of its `mod.rs`.
//! - A kernel for CUDA devices: in a file of `src/kernels/cuda/`, its check in the file of that name in `emulate/` there;
//!   which operation it serves, and when, in `src/nn/ops/card/`; that there is none without `cuda`, in `no_card.rs`.
//! - A stage: a file in `src/pipeline/stage/`, and a line in `registry.rs`; a command: a file in `src/cli/`.
//! - A table: a file in `schemas/`, and a row type in `src/table/rows.rs`.
//! - A setting: a field of its room's `Options` with its default; its range in `check`; the command's argument in
//!   `src/cli/`; a row in `pipelines/README.md`, which a test compares.
//!
//! # Speed
//! The program starts itself anew with settings that libraries read from the environment alone (`cli/environment.rs`).
//! A program that uses this library starts with them, or trains at half the speed: `RAYON_NUM_THREADS` (as many as there
//! are cores), `CANDLE_NUM_THREADS=1`, and `RUST_LIB_BACKTRACE=0` for short errors. With mimalloc as its allocator, also
//! `MIMALLOC_PURGE_DELAY=10000`.
//!
//! # Invariants
//! Cargo and tests hold these; where outside libraries live, `tests/it/layers.rs`, that there is no circle, `circles.rs`.
//!
//! - A room imports only what stands below it, and `train` and `score` do not import each other. The files of a room import
//!   one another in no circle; a file that declares modules hands their names on.
//! - A corpus format's name appears in [`corpus`] and in pipeline files alone: a new corpus is one reader and one file.
//! - An outside library has one home: polars in `frames`, [`metrics`] and [`query`], its SQL parser in [`query`], Arrow
//!   and Parquet in [`table`], hashes in [`ground`], what unfolds files in [`corpus`], the compressor of pages in
//!   [`report`], tokenizers in [`pieces`], RDF in [`graph`], TOML in [`pipeline`], clap in `cli`.
//! - A room installs no handler of signals: long work asks [`ground::interrupt`], which the program tells
//!   (`cli/signals.rs`).
//! - Under a table's final name there is a whole table or none, at any moment, whatever kills the process.
//! - The same input gives the same bytes, whatever the number of threads; in training, whose threads share a step's
//!   documents, with the same number of them.
//! - What a thing is made from is identified in one way, by [`ground::identity`], and the build of docre is a part of it:
//!   a changed program makes its things again.
//! - Unsafe code stands where `kernels` speaks to CUDA's driver and where `python` takes Arrow of other libraries alone; the
//!   program has none where it is built without the feature `cuda`.
//! - Bad input is an error or a row of `rejects`, which names file, record and field; never a panic.

pub use checkpoint;
pub use corpus;
pub use decide;
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

mod cli;
pub use cli::line as command_line;

// The rooms above speak of this library by its name, as the program does that stands on it.
extern crate self as docre;

/// Which build of docre this is: a hash of its sources, schemas and lock file. A program that uses the library tells it
/// to [`ground::identity::set_build`] if its own things are to be made again when docre changes.
pub const BUILD: &str = env!("DOCRE_BUILD");
