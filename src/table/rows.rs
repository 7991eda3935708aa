//! The row types, one a table. What a column means stands in the table's file under `schemas/`.

use std::sync::{Arc, LazyLock};

use arrow::record_batch::RecordBatch;
use serde::Serialize;

use super::{Cell, Row, TableSchema, Text, annotated};

/// Every table's schema, sorted by name.
pub fn all() -> [&'static TableSchema; 31] {
    [
        AnnotatedRow::schema(),
        ClaimRow::schema(),
        ComparisonRow::schema(),
        DocumentRow::schema(),
        EdgeRow::schema(),
        EntityRow::schema(),
        EvidenceRow::schema(),
        FactRow::schema(),
        ImpliedRow::schema(),
        MentionRow::schema(),
        MergeRow::schema(),
        MetricRow::schema(),
        ModelRelationRow::schema(),
        NodeRow::schema(),
        PairRow::schema(),
        PieceRow::schema(),
        PrecisionRecallRow::schema(),
        PredictionRow::schema(),
        ProvenanceRow::schema(),
        RejectRow::schema(),
        RelationTypeRow::schema(),
        RelationRow::schema(),
        ReliabilityRow::schema(),
        ScoreRow::schema(),
        SentenceWeightRow::schema(),
        SentenceRow::schema(),
        SummaryRow::schema(),
        TokenRow::schema(),
        TraceRow::schema(),
        TrainingFigureRow::schema(),
        TrainingLogRow::schema(),
    ]
}

#[expect(clippy::expect_used, reason = "the text is part of the program, and a test parses each schema file")]
fn parse(text: &str) -> TableSchema {
    serde_json::from_str(text).expect("a schema file of this crate")
}

macro_rules! rows {
    ($($(#[$doc:meta])* $row:ident in $table:literal { $($column:ident: $cell:ty,)* })*) => {$(
        $(#[$doc])*
        #[doc = concat!("\n```json\n", include_str!(concat!("../../schemas/", $table, ".json")), "```")]
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[expect(missing_docs, reason = "the schema file says what each column means")]
        pub struct $row {
            $(pub $column: $cell,)*
        }

        impl Row for $row {
            fn schema() -> &'static TableSchema {
                static SCHEMA: LazyLock<TableSchema> =
                    LazyLock::new(|| parse(include_str!(concat!("../../schemas/", $table, ".json"))));
                &SCHEMA
            }

            fn to_batch(rows: Vec<Self>) -> Result<RecordBatch, arrow::error::ArrowError> {
                $(let mut $column: Vec<$cell> = Vec::with_capacity(rows.len());)*
                for row in rows {
                    $($column.push(row.$column);)*
                }
                RecordBatch::try_new(Arc::new(Self::schema().arrow()), vec![$(Cell::to_array($column)),*])
            }

            fn from_batch(batch: &RecordBatch) -> Vec<Self> {
                let mut arrays = batch.columns().iter();
                $(let mut $column =
                    arrays.next().map_or_else(Vec::new, |array| <$cell as Cell>::from_array(array)).into_iter();)*
                (0..batch.num_rows()).map_while(|_| Some(Self { $($column: $column.next()?,)* })).collect()
            }
        }
    )*};
}

rows! {
    /// A row of `documents`.
    DocumentRow in "documents" {
        doc_id: Text,
        title: Text,
        split: Text,
        source: Text,
        position: u32,
        labelled: bool,
        n_sentences: u32,
        n_tokens: u32,
        n_entities: u32,
        text_hash: Text,
    }

    /// A row of `sentences`.
    SentenceRow in "sentences" {
        doc_id: Text,
        sent_id: u32,
        text: Text,
        token_start: u32,
        token_end: u32,
        char_start: Option<u32>,
        char_end: Option<u32>,
    }

    /// A row of `tokens`.
    TokenRow in "tokens" {
        doc_id: Text,
        sent_id: u32,
        token_id: u32,
        text: Text,
        char_start: Option<u32>,
        char_end: Option<u32>,
    }

    /// A row of `mentions`.
    MentionRow in "mentions" {
        doc_id: Text,
        entity_id: Option<u32>,
        mention_id: u32,
        sent_id: u32,
        token_start: u32,
        token_end: u32,
        name: Text,
        r#type: Text,
    }

    /// A row of `entities`.
    EntityRow in "entities" {
        doc_id: Text,
        entity_id: u32,
        name: Text,
        r#type: Text,
        kb_id: Option<Text>,
        n_mentions: u32,
    }

    /// A row of `pairs`.
    PairRow in "pairs" {
        doc_id: Text,
        head: u32,
        tail: u32,
        intra: bool,
        sentence_distance: u32,
        candidate: bool,
        labels: Option<Vec<Text>>,
    }

    /// A row of `facts`.
    FactRow in "facts" {
        doc_id: Text,
        head: u32,
        tail: u32,
        relation: Text,
        evidence: Vec<u32>,
        attributes: Vec<Text>,
    }

    /// A row of `annotated`.
    AnnotatedRow in "annotated" {
        doc_id: Text,
        title: Option<Text>,
        sentences: Vec<annotated::Sentence>,
        tokens: Vec<annotated::Token>,
        entities: Vec<annotated::Entity>,
        mentions: Vec<annotated::Mention>,
        pairs: Option<Vec<annotated::Pair>>,
        facts: Option<Vec<annotated::Fact>>,
    }

    /// A row of `relation_types`.
    RelationTypeRow in "relation_types" {
        relation: Text,
        label: Option<Text>,
        n_facts: u64,
        undirected: bool,
    }

    /// A row of `implied`.
    ImpliedRow in "implied" {
        doc_id: Text,
        head: u32,
        tail: u32,
        relation: Text,
        pattern: Text,
        bridge: u32,
        first: Text,
        second: Text,
        depth: u32,
    }

    /// A row of `rejects`.
    RejectRow in "rejects" {
        source: Text,
        record: u64,
        name: Option<Text>,
        part: Text,
        column: Text,
        reason: Text,
    }

    /// A row of `pieces`.
    PieceRow in "pieces" {
        doc_id: Text,
        encoder: Text,
        ids: Vec<u32>,
        mention_starts: Vec<Vec<u32>>,
        mention_ends: Vec<Vec<u32>>,
        sentence_starts: Vec<u32>,
        truncated: u32,
    }

    /// A row of `relations`.
    RelationRow in "relations" {
        run_id: Text,
        doc_id: Text,
        head: u32,
        tail: u32,
        relation: Text,
        logit: f32,
        threshold_logit: f32,
        probability: f32,
        rank: u32,
        base_probability: Option<f32>,
        iteration: Option<u32>,
    }

    /// A row of `scores`.
    ScoreRow in "scores" {
        run_id: Text,
        doc_id: Text,
        head: u32,
        tail: u32,
        relation: Text,
        logit: f32,
        threshold_logit: f32,
        base_logit: Option<f32>,
        base_threshold_logit: Option<f32>,
        iteration: Option<u32>,
        margin: f32,
        most_labels: u32,
    }

    /// A row of `sentence_weights`.
    SentenceWeightRow in "sentence_weights" {
        run_id: Text,
        doc_id: Text,
        head: u32,
        tail: u32,
        sent_id: u32,
        weight: f32,
    }

    /// A row of `evidence`.
    EvidenceRow in "evidence" {
        run_id: Text,
        doc_id: Text,
        head: u32,
        tail: u32,
        sent_id: u32,
        weight: f32,
    }

    /// A row of `model_relations`.
    ModelRelationRow in "model_relations" {
        relation: Text,
        label: Option<Text>,
        n_facts: u64,
        undirected: bool,
    }

    /// A row of `traces`.
    TraceRow in "traces" {
        run_id: Text,
        doc_id: Text,
        head: u32,
        tail: u32,
        iteration: u32,
        before: Vec<Text>,
        after: Vec<Text>,
    }

    /// A row of `claims`.
    ClaimRow in "claims" {
        run_id: Text,
        doc_id: Text,
        head: u32,
        tail: u32,
        relation: Text,
        since: u32,
        until: u32,
        logit: f32,
        threshold_logit: f32,
        base_logit: Option<f32>,
        base_threshold_logit: Option<f32>,
        iteration: Option<u32>,
        iterations: u32,
        most_labels: u32,
    }

    /// A row of `metrics`.
    MetricRow in "metrics" {
        run_id: Text,
        corpus: Text,
        split: Text,
        metric: Text,
        scope: Text,
        relation: Option<Text>,
        true_positives: Option<u64>,
        predicted: Option<u64>,
        gold: Option<u64>,
        precision: Option<f64>,
        recall: Option<f64>,
        f1: Option<f64>,
        f1_low: Option<f64>,
        f1_high: Option<f64>,
    }

    /// A row of `precision_recall`.
    PrecisionRecallRow in "precision_recall" {
        run_id: Text,
        margin: f32,
        predicted: u64,
        correct: u64,
        gold: u64,
        precision: f64,
        recall: f64,
        f1: f64,
    }

    /// A row of `reliability`.
    ReliabilityRow in "reliability" {
        run_id: Text,
        low: f64,
        high: f64,
        predicted: u64,
        correct: u64,
        probability: f64,
        share: f64,
    }

    /// A row of `comparisons`.
    ComparisonRow in "comparisons" {
        run_id: Text,
        against: Text,
        metric: Text,
        scope: Text,
        seeds: u32,
        against_seeds: u32,
        difference: f64,
        low: f64,
        high: f64,
        p_value: f64,
    }

    /// A row of `summary`.
    SummaryRow in "summary" {
        pipeline: Text,
        variant: Text,
        metric: Text,
        scope: Text,
        n: u32,
        mean: f64,
        standard_deviation: Option<f64>,
        against: Option<Text>,
        difference: Option<f64>,
        low: Option<f64>,
        high: Option<f64>,
        p_value: Option<f64>,
    }

    /// A row of `predictions`, which no stage of ours writes down: what a graph reads.
    PredictionRow in "predictions" {
        run_id: Option<Text>,
        doc_id: Text,
        head: u32,
        tail: u32,
        relation: Text,
        probability: Option<f32>,
        evidence: Option<Vec<u32>>,
        attributes: Option<Vec<Text>>,
    }

    /// A row of `nodes`.
    NodeRow in "nodes" {
        node_id: Text,
        name: Text,
        r#type: Text,
        kb_id: Option<Text>,
        aliases: Vec<Text>,
        n_documents: u32,
        n_entities: u32,
        n_mentions: u32,
        n_out: u32,
        n_in: u32,
    }

    /// A row of `edges`.
    EdgeRow in "edges" {
        edge_id: Text,
        head: Text,
        relation: Text,
        tail: Text,
        label: Option<Text>,
        n_documents: u32,
        n_facts: u32,
        best_probability: Option<f32>,
        combined_probability: Option<f64>,
    }

    /// A row of `provenance`.
    ProvenanceRow in "provenance" {
        edge_id: Text,
        run_id: Text,
        doc_id: Text,
        head: u32,
        tail: u32,
        probability: Option<f32>,
        evidence: Vec<u32>,
        head_mentions: Vec<Vec<u32>>,
        tail_mentions: Vec<Vec<u32>>,
        attributes: Vec<Text>,
    }

    /// A row of `merges`.
    MergeRow in "merges" {
        doc_id: Text,
        entity_id: u32,
        node_id: Text,
        merged_by: Text,
    }

    /// A row of `training_figures`.
    TrainingFigureRow in "training_figures" {
        epoch: u32,
        corpus: Text,
        stage: u32,
        precision: Option<f64>,
        recall: Option<f64>,
        f1: f64,
    }

    /// A row of `training_log`.
    TrainingLogRow in "training_log" {
        step: u64,
        epoch: u32,
        stage: u32,
        loss: f64,
        threshold_loss: f64,
        auxiliary_loss: Option<f64>,
        evidence_loss: Option<f64>,
        encoder_rate: f64,
        head_rate: f64,
        gradient_norm: f64,
        documents_per_second: f64,
        feature_weight: Option<f64>,
        relation_weight: Option<f64>,
        dev_f1: Option<f64>,
    }
}
