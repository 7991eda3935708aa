//! Every test of the project, a module a subject.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail where it stands")]
#![expect(clippy::print_stdout, reason = "what is skipped is said in words")]
#![expect(clippy::float_cmp, clippy::large_stack_arrays, clippy::too_many_lines, reason = "plain tests")]

mod atlop;
mod chemical_disease;
mod convert;
mod docre_ii;
mod docre_sd;
#[cfg(feature = "cuda")]
mod cuda;
mod device;
mod edge_graph;
mod encoder;
mod evaluate;
mod gda;
mod golden;
mod graph;
mod heads;
mod ids;
#[cfg(feature = "hub")]
mod hub;
mod json;
mod jsonl;
mod large_documents;
mod layer_cost;
mod layers;
mod mesh;
mod metrics;
mod operations;
mod optimizer;
mod pieces;
mod pipeline;
mod pipeline_of_models;
mod published;
mod pubtator;
mod query;
mod reading;
mod report;
mod sample;
mod score;
mod support;
mod synthetic;
mod table;
mod text;
mod train;
mod workers;
