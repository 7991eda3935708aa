//! From logits to predicted relations.

/// A relation that a model predicts for a pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Predicted {
    /// Its class, from 1.
    pub class: u32,
    /// Its logit, above the threshold's.
    pub logit: f32,
    /// Its place among the pair's predictions, from 0: the greatest logit first, then the lowest class.
    pub rank: u32,
}

/// The relations whose logits are above the threshold class's (the first), at most `most` of them, the best first.
pub fn decode(logits: &[f32], most: usize) -> Vec<Predicted> {
    let Some((&threshold, relations)) = logits.split_first() else { return Vec::new() };
    let above = (1u32..).zip(relations).filter(|(_, logit)| **logit > threshold);
    let mut above: Vec<(u32, f32)> = above.map(|(class, &logit)| (class, logit)).collect();
    above.sort_by(|(class, logit), (other_class, other)| other.total_cmp(logit).then(class.cmp(other_class)));
    let ranked = (0..).zip(above).take(most);
    ranked.map(|(rank, (class, logit))| Predicted { class, logit, rank }).collect()
}
