//! From logits to predicted relations.

/// A relation that a model predicts for a pair, or nearly does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Predicted {
    /// Its class, from 1.
    pub class: u32,
    /// Its logit.
    pub logit: f32,
    /// Its place among the pair's predictions, from 0: the greatest logit first, then the lowest class.
    pub rank: u32,
}

/// How much of a model's thought about a pair is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// Relations at most.
    pub most: usize,
    /// How far below the threshold's a logit may lie.
    pub margin: f32,
    /// Whether the best is wanted where none lies so high: of a pair that was looked at there is then something.
    pub best: bool,
}

impl Wanted {
    /// What is above the threshold.
    pub fn predicted(most: usize) -> Self {
        Self { most, margin: 0.0, best: false }
    }

    /// All that is above it or within a margin below.
    pub fn within(margin: f32) -> Self {
        Self { most: usize::MAX, margin, best: false }
    }

    /// The same with the best, wherever it lies.
    #[must_use]
    pub fn or_best(self) -> Self {
        Self { best: true, ..self }
    }
}

/// The relations whose logits are above the threshold class's (the first), at most `most` of them, the best first.
pub fn decode(logits: &[f32], most: usize) -> Vec<Predicted> {
    decode_wanted(logits, Wanted::predicted(most))
}

/// Relations that another gives a pair, as they are predicted: the best logit first.
pub fn given(logits: &[f32], classes: &[u32]) -> Vec<Predicted> {
    let scored = classes.iter().filter_map(|&class| Some((class, *logits.get(class as usize)?)));
    ranked(scored.collect(), usize::MAX)
}

/// The same of those that are wanted.
pub fn decode_wanted(logits: &[f32], Wanted { most, margin, best }: Wanted) -> Vec<Predicted> {
    let Some((&threshold, relations)) = logits.split_first() else { return Vec::new() };
    // Rounded, the bound never lies above the threshold: what is above that one stays.
    let bound = threshold - margin;
    let above = (1u32..).zip(relations).filter(|(_, logit)| **logit > bound);
    let above: Vec<(u32, f32)> = above.map(|(class, &logit)| (class, logit)).collect();
    if above.is_empty() && best {
        return ranked((1..).zip(relations.iter().copied()).collect(), 1);
    }
    ranked(above, most)
}

fn ranked(mut found: Vec<(u32, f32)>, most: usize) -> Vec<Predicted> {
    found.sort_by(|(class, logit), (other_class, other)| other.total_cmp(logit).then(class.cmp(other_class)));
    let ranked = (0..).zip(found).take(most);
    ranked.map(|(rank, (class, logit))| Predicted { class, logit, rank }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_there_wherever_it_lies_where_that_is_wanted() {
        let found = |logits: &[f32], wanted| {
            decode_wanted(logits, wanted).iter().map(|found| (found.class, found.rank)).collect::<Vec<_>>()
        };
        let within = Wanted::within(1.0);
        assert_eq!(found(&[0.0, -3.0, -2.0], within), []);
        assert_eq!(found(&[0.0, -3.0, -2.0], within.or_best()), [(2, 0)]);
        // Of those that are wanted anyway none is more.
        assert_eq!(found(&[0.0, -0.5, 2.0, -4.0], within.or_best()), found(&[0.0, -0.5, 2.0, -4.0], within));
        assert_eq!(found(&[0.0], within.or_best()), []);
    }
}
