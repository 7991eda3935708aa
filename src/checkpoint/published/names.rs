//! What state dicts of released code call the weights of our models.

use std::collections::BTreeMap;

use candle_core::Tensor;

/// Whose state dict it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// ATLOP's: it has our names.
    Atlop,
    /// DocRE-II's, or that of its base alone.
    DocreIi,
    /// DocRE-SD's.
    DocreSd,
}

/// A weight that each has and no other.
const MARKS: [(&str, Kind); 3] = [
    ("head_extractor.weight", Kind::Atlop),
    ("Relation_classifier.2.weight", Kind::DocreIi),
    ("Reasoning_module.relation_layer.weight", Kind::DocreSd),
];
/// How names begin, and how ours do.
type Names = [(&'static str, &'static str)];
/// Of both programs: the encoder, and what makes the feature of a pair. Reading has put `model.` before the encoder's.
const BASE: &Names = &[
    ("model.encoder.embeddings.", "model.embeddings."),
    ("model.encoder.encoder.", "model.encoder."),
    ("model.encoder.pooler.", "model.pooler."),
    ("head_pair.0.", "head_extractor."),
    ("tail_pair.0.", "tail_extractor."),
    ("entity_pair_extractor.0.", "pair_feature."),
    ("entity_pair_extractor.3.", "pair_feature.LayerNorm."),
    ("Relation_classifier.1.", "classifier.LayerNorm."),
    ("Relation_classifier.2.", "classifier."),
];
const DOCRE_II: &Names = &[
    ("CCA.relation_rep1", "inference.relations"),
    ("CCA.relation_layer.", "inference.classifier."),
    ("CCA.Reduce_dense.0.", "inference.reduction."),
    ("CCA.Online_inference.dense.0.", "inference.output."),
    ("CCA.Online_inference.dense.2.", "inference.output.LayerNorm."),
];
const DOCRE_II_LAYER: &Names = &[
    ("combine.0.", "memory."),
    ("combine.2.", "memory.LayerNorm."),
    ("Self_Attention.mid_output.0.", "feature_attention.output."),
    ("Self_Attention.", "feature_attention."),
    ("Cross_Attention.mid_output.0.", "relation_attention.output."),
    ("Cross_Attention.", "relation_attention."),
    ("gate.0.", "gate."),
    ("mid_output.dense1.", "feature_update.inner."),
    ("mid_output.dense2.", "feature_update.outer."),
    ("mid_output.LayerNorm2.", "feature_update.outer.LayerNorm."),
    ("mid_output1.dense1.", "relation_update.inner."),
    ("mid_output1.dense2.", "relation_update.outer."),
    ("mid_output1.LayerNorm2.", "relation_update.outer.LayerNorm."),
];
const DOCRE_SD: &Names =
    &[("MASK_token", "reasoning.mask"), ("Reasoning_module.relation_layer.", "reasoning.classifier.")];
const DOCRE_SD_LAYER: &Names = &[
    ("query.", "attention.query."),
    ("key.", "attention.key."),
    ("value.", "attention.value."),
    ("bin_k.", "attention.bridge_key."),
    ("bin_v.", "attention.bridge_value."),
    ("Output.dense1.", "highway.inner."),
    ("Output.H.", "highway.transform."),
    ("Output.T.", "highway.gate."),
    ("Output.dense3.", "highway.outer."),
    ("Output.LayerNorm3.", "highway.outer.LayerNorm."),
];
/// How the names of layers begin, and how ours do, and how they go on after the number of the layer.
const LAYERS: [(&str, &str, &Names); 3] = [
    ("CCA.Online_inference.Layers.", "inference.layer.", DOCRE_II_LAYER),
    ("Reasoning_module.Online_inference.Layers.", "reasoning.layer.", DOCRE_SD_LAYER),
    ("Reasoning_module.target_inference.Layers.", "average.layer.", DOCRE_SD_LAYER),
];

impl Kind {
    /// Whose the weights are.
    ///
    /// # Errors
    /// Where they are nobody's that is known, expected then got.
    pub fn of(weights: &BTreeMap<String, Tensor>) -> Result<Self, String> {
        let found = MARKS.iter().find(|(name, _)| weights.contains_key(*name));
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            let names = MARKS.map(|(name, _)| name).join("`, `");
            format!("expected a state dict of ATLOP, DocRE-II or DocRE-SD, found no weight of `{names}`")
        })
    }

    /// The weights by our names; what our models have no place for keeps its own.
    pub fn renamed(self, weights: BTreeMap<String, Tensor>) -> BTreeMap<String, Tensor> {
        if self == Self::Atlop {
            return weights;
        }
        weights.into_iter().map(|(name, weight)| (ours(&name).unwrap_or(name), weight)).collect()
    }
}

fn ours(name: &str) -> Option<String> {
    let mut tables = [BASE, DOCRE_II, DOCRE_SD].into_iter();
    tables.find_map(|names| replaced(name, names)).or_else(|| {
        LAYERS.iter().find_map(|(theirs, ours, names)| {
            let (layer, part) = name.strip_prefix(theirs)?.split_once('.')?;
            Some(format!("{ours}{layer}.{}", replaced(part, names)?))
        })
    })
}

fn replaced(name: &str, names: &Names) -> Option<String> {
    names.iter().find_map(|(theirs, ours)| name.strip_prefix(theirs).map(|rest| format!("{ours}{rest}")))
}

/// How many layers have names that begin so.
pub fn count(weights: &BTreeMap<String, Tensor>, beginning: &str) -> usize {
    let numbers = weights.keys().filter_map(|name| name.strip_prefix(beginning)?.split('.').next());
    numbers.collect::<std::collections::BTreeSet<_>>().len()
}
