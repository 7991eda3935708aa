//! The readers from within: what each format's files become, and what is wrong with those that are not its.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
#![expect(clippy::print_stdout, clippy::large_stack_arrays, reason = "plain tests, which say what is skipped")]

mod bigbio;
mod bioc;
mod bioc_relations;
mod brat;
mod chemical_disease;
mod counted;
mod doccano;
mod docred;
mod edge_graph;
mod export;
mod gda;
mod hints;
mod json;
mod jsonl;
mod label_studio;
mod lost;
mod mesh;
mod predictions;
mod pubtator;
mod pubtator_corpora;
mod pubtator_ids;
mod pubtator_write;
mod reading;
mod round;
mod round_trip;
mod source;
mod split;
mod standing;
mod text;
mod variants;
mod written;
mod told;
