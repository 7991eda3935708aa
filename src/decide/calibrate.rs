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

/// Steps that only rise, each the share of what holds among its scores: of all such steps the nearest to the scores
/// (pool adjacent violators). Where that is none or all, the step stays as far away from 0 or 1 as its scores can tell.
/// They come with the greatest margin first.
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
    let share = |block: &Block| block.right as f64 / block.all as f64;
    let mut steps: Vec<Step> =
        pooled.iter().map(|block| Step { margin: block.margin, probability: share(block) as f32 }).collect();
    // Shares only rise: none but the first can be 0, and none but the last 1.
    if let Some((block, step)) = pooled.first().zip(steps.first_mut()).filter(|(block, _)| block.right == 0) {
        let next = pooled.get(1).map_or(1.0, share);
        step.probability = bounded(block.all, next) as f32;
    }
    if let Some((block, step)) = pooled.last().zip(steps.last_mut()).filter(|(block, _)| block.right == block.all) {
        let before = pooled.iter().rev().nth(1).map_or(0.0, share);
        step.probability = ((1.0 - bounded(block.all, 1.0 - before)) as f32).min(1.0 - f32::EPSILON);
    }
    steps
}

/// The probability of what was never seen in so many: that of Laplace's rule of succession, or half of the next step's,
/// that steps still rise. Of 0 or 1 no further evidence would tell anything.
fn bounded(of: u64, next: f64) -> f64 {
    (1.0 / (of as f64 + 2.0)).min(next / 2.0)
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
        // From below: 0 of 1 at -2; then 1 of 1, 2 of 2 and 0 of 1, which fall: 3 of 4 from -1 on; 1 of 1 at 3. Of one
        // score nobody says that it is impossible, 1 in 3, nor that it is certain, half of what 0.75 leaves.
        let step = |margin, probability| Step { margin, probability };
        assert_eq!(found, [step(-2.0, 1.0 / 3.0), step(-1.0, 0.75), step(3.0, 0.875)]);
        assert_eq!(steps(&[]), []);
    }

    #[test]
    fn no_step_is_impossible_or_certain() {
        let of = |wrong: usize, right: usize| {
            let scores = [vec![(1.0, true); right], vec![(-1.0, false); wrong]].concat();
            steps(&super::tests::scores(&scores)).iter().map(|step| step.probability).collect::<Vec<f32>>()
        };
        assert_eq!(of(2, 8), [0.25, 0.9]);
        assert_eq!(of(98, 0), [0.01]);
        assert_eq!(of(0, 98), [0.99]);
        // Below what single precision tells from 1.
        let many = vec![Judged { margin: 1.0, holds: true }; 1 << 25];
        assert!(steps(&many).iter().all(|step| step.probability < 1.0));
        // And still they rise: 1 of 1000 lies above 0 of 2.
        let mut low = vec![(0.0, false); 999];
        low.push((0.0, true));
        low.extend([(-1.0, false); 2]);
        let low = steps(&super::tests::scores(&low));
        assert_eq!(low.iter().map(|step| step.probability).collect::<Vec<_>>(), [0.0005, 0.001]);
    }
}
