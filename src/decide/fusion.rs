//! The scores of documents, and those of what they say that is evidence alone → their sums (EIDER, Xie et al. 2022, section
//! 3.3; DREEAM, Ma et al. 2023, section 3.4).
//!
//! With S the logit of a relation less the threshold class's, of the whole document (O) and of a pair's evidence (E), EIDER
//! has P = σ(S_O + S_E − τ), where τ is all that is fitted, on dev. A decision's shift is τ: [`fit`](crate::fit()) sweeps
//! it over the sums for the greatest F1, as the released programs of both do, and probabilities are calibrated as ever.
//!
//! A relation that one of the two scorings has not kept lies at the margin below its threshold, the most that it can be, or
//! with the lowest of the pair that was kept, where that lies below. A pair without evidence was scored once: its sum is
//! S_O, with S_E of 0, or of what a decision says. DREEAM's program has
//! −10 there, and for relations that are not among a pair's best four; also it claims what both scorings claim, whatever τ
//! is: with a τ of 0 or less that is so by itself, above it would be a second threshold, which none that is asked for by its
//! precision could move.

use crate::decision::model_on_evidence;
use crate::error::DecideError;
use crate::scores::Score;
use crate::source::Source;

/// Refuses scores of evidence that are another model's than those of documents, or of relations that it calls otherwise.
/// Where a table does not say whose it is, nobody knows.
pub fn check_one_model(documents: &Source, evidence: &Source) -> Result<(), DecideError> {
    let is_other = |(of, on_evidence): (_, &str)| model_on_evidence(of) != on_evidence;
    if documents.model().zip(evidence.model()).is_some_and(is_other) {
        return Err(DecideError::OtherModel([documents, evidence].map(|source| source.path().to_path_buf())));
    }
    Ok(())
}

/// The place of the scores of evidence among those of a document; those of the whole document come first.
pub const EVIDENCE: usize = 1;

/// How far above the threshold a relation of a pair lies in sum, of which each scoring has one score or none: `absent` is
/// what it then counts.
pub fn sum(found: &[(usize, Score)], absent: [f32; 2]) -> f32 {
    let of = |(place, absent): (usize, f32)| {
        found.iter().find(|(scoring, _)| *scoring == place).map_or(absent, |(_, score)| score.above)
    };
    (0..).zip(absent).map(of).sum()
}

#[cfg(test)]
mod tests {
    use crate::decision::Ensemble;
    use crate::run::tests::seen as score;
    use crate::scores::Score;

    fn fused(whole: &[Score], evidence: &[Score], without: f32) -> Vec<Score> {
        Ensemble::Fusion.join(vec![whole.to_vec(), evidence.to_vec()], 4.0, without)
    }

    #[test]
    fn a_sum_is_of_what_either_scoring_says() {
        let whole = [score(0, 1, "a", 1.0), score(0, 1, "b", -2.0), score(0, 2, "a", -3.0)];
        let evidence = [score(0, 1, "a", -0.5), score(0, 1, "c", 5.0), score(0, 2, "b", -9.0), score(3, 1, "a", 6.0)];
        // a: 1 - 0.5; b: -2 - 4, which lies below the margin of 4 and is none; c: -4 + 5. Of (0, 2) -3 - 4 and -4 - 9; of
        // (3, 1) -4 + 6.
        let expected = [score(0, 1, "c", 1.0), score(0, 1, "a", 0.5), score(3, 1, "a", 2.0)];
        assert_eq!(fused(&whole, &evidence, 0.0), expected);
    }

    #[test]
    fn a_pair_without_evidence_has_its_one_score_or_what_a_decision_says_beside_it() {
        let whole = [score(0, 1, "a", 3.0), score(0, 1, "b", -1.0)];
        assert_eq!(fused(&whole, &[], 0.0), whole);
        assert_eq!(fused(&whole, &[], -3.5), [score(0, 1, "a", -0.5)]);
        // It has evidence, by which the relation is not kept.
        let whole = [score(0, 1, "a", 3.0), score(0, 1, "b", 7.0)];
        assert_eq!(fused(&whole, &[score(0, 1, "c", -2.0)], 0.0), [score(0, 1, "b", 3.0), score(0, 1, "a", -1.0)]);
        // Nor lies it above the best of the pair by its evidence.
        assert_eq!(fused(&whole, &[score(0, 1, "c", -8.0)], 0.0), [score(0, 1, "b", -1.0)]);
    }
}
