//! Probabilities that say how often a relation holds: of scores, each right or wrong.

use crate::decision::Step;
use crate::judged::Judged;

/// The temperature that makes what holds most likely: the mean of σ(margin / t) is then, weighted by margins, that of what
/// holds. The likelihood has one maximum over 1 / t, which halving finds.
pub fn temperature(scores: &[Judged]) -> f32 {
    let slope = |sharpness: f64| -> f64 {
        let of = |score: &Judged| {
            let margin = f64::from(score.margin);
            (1.0 / (1.0 + (-sharpness * margin).exp()) - f64::from(u8::from(score.holds))) * margin
        };
        scores.iter().map(of).sum()
    };
    // Scores that the threshold tells apart without a fault have no maximum: the end of the range will do.
    let (mut low, mut high) = (1e-2_f64, 1e2_f64);
    for _ in 0..60 {
        let middle = (low * high).sqrt();
        if slope(middle) < 0.0 { low = middle } else { high = middle }
    }
    (1.0 / (low * high).sqrt()) as f32
}

/// Steps that only rise, each the share of what holds among its scores: of all such steps the nearest to the scores (pool
/// adjacent violators). Scores come with the greatest margin first.
pub fn steps(scores: &[Judged]) -> Vec<Step> {
    struct Block {
        margin: f32,
        right: u64,
        all: u64,
    }
    let mut blocks: Vec<Block> = Vec::new();
    for score in scores.iter().rev() {
        let right = u64::from(score.holds);
        match blocks.last_mut().filter(|last| last.margin.total_cmp(&score.margin).is_eq() && last.all > 0) {
            // Alike, they cannot be told apart.
            Some(last) => (last.right, last.all) = (last.right + right, last.all + 1),
            None => blocks.push(Block { margin: score.margin, right, all: 1 }),
        }
    }
    let mut pooled: Vec<Block> = Vec::new();
    for mut block in blocks {
        while let Some(last) = pooled.pop_if(|last| last.right * block.all >= block.right * last.all) {
            block = Block { margin: last.margin, right: last.right + block.right, all: last.all + block.all };
        }
        pooled.push(block);
    }
    let step =
        |block: Block| Step { margin: block.margin, probability: (block.right as f64 / block.all as f64) as f32 };
    pooled.into_iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(scores: &[(f32, bool)]) -> Vec<Judged> {
        scores.iter().map(|&(margin, holds)| Judged { margin, holds }).collect()
    }

    #[test]
    fn a_temperature_makes_what_holds_most_likely() {
        // 3 of 4 at a margin of 2 hold: σ(2 / t) = 3 / 4, t = 2 / ln 3.
        let found = temperature(&scores(&[(2.0, true), (2.0, true), (2.0, true), (2.0, false)]));
        assert!((found - 2.0 / 3.0_f32.ln()).abs() < 1e-4, "{found}");
        // And 3 of 4 at one of -2 do not.
        let found = temperature(&scores(&[(-2.0, true), (-2.0, false), (-2.0, false), (-2.0, false)]));
        assert!((found - 2.0 / 3.0_f32.ln()).abs() < 1e-4, "{found}");
        // Nothing wrong: as sharp as can be.
        assert!((temperature(&scores(&[(1.0, true), (-1.0, false)])) - 0.01).abs() < 1e-5);
    }

    #[test]
    fn steps_only_rise() {
        let found = steps(&scores(&[(3.0, true), (2.0, false), (1.0, true), (1.0, true), (-1.0, true), (-2.0, false)]));
        // From below: 0 of 1 at -2; then 1 of 1, 2 of 2 and 0 of 1, which fall: 3 of 4 from -1 on; 1 of 1 at 3.
        let step = |margin, probability| Step { margin, probability };
        assert_eq!(found, [step(-2.0, 0.0), step(-1.0, 0.75), step(3.0, 1.0)]);
        assert_eq!(steps(&[]), []);
    }
}
