//! Every test of the project, a module a subject.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod chemical_disease;
mod convert;
mod edge_graph;
mod evaluate;
mod gda;
mod json;
mod jsonl;
mod layers;
mod mesh;
mod metrics;
mod pubtator;
mod query;
mod reading;
mod sample;
mod support;
mod synthetic;
mod table;
mod text;
