//! Every test of the project, a module a subject.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail where it stands")]
#![expect(clippy::print_stdout, reason = "what is skipped is said in words")]
#![expect(
    clippy::float_cmp,
    clippy::large_stack_arrays,
    clippy::result_large_err,
    clippy::too_many_lines,
    reason = "plain tests"
)]

mod annotated;
mod annotation_tools;
mod atlop;
mod bioc;
mod card;
mod circles;
mod convert;
mod corpora;
mod cuda;
mod curie;
mod cut_off;
mod damage;
mod decide;
mod device;
mod dialect;
mod distant;
mod documents_on_disk;
mod encoder;
mod evaluate;
mod evidence;
mod evaluate_scores;
mod evaluate_undirected;
mod first_relations;
mod faults;
mod fusion;
mod golden;
mod gpu;
mod graph;
mod graph_names;
mod graph_sql;
mod help;
mod identity;
mod ids;
mod hostile;
mod hub;
mod kernels;
mod kin;
mod large_documents;
mod large_training;
mod layers;
mod layouts;
mod leftovers;
mod lies;
mod matrix;
mod metrics;
mod models;
mod observe;
mod oddities;
mod operations;
mod optimizer;
mod outdated;
mod pages;
mod papers;
mod paths;
mod pieces;
mod pipeline;
mod pipeline_of_models;
mod places;
mod planned;
mod precisions;
mod published;
mod pubtator;
mod query;
mod query_limits;
mod recipes;
mod released;
mod report;
mod report_evidence;
mod report_predictions;
mod resident;
mod sample;
mod score;
mod second_stage;
mod sentences;
mod settings;
mod shards;
mod sources;
mod split;
mod statements;
mod stopped;
mod support;
mod synthetic;
mod table;
mod tellings;
mod traces;
mod train;
mod walls;
mod weights;
mod words;
mod workers;
