//! What the module is told of each pair, made worse on purpose, so that it learns to mend it.

use ground::random::Random;

use super::config::NoiseOn;
use super::negatives::{Negatives, Sample};

/// The least and the greatest share, of the pairs with a relation and of the drawn others, of which the released program
/// tells something wrong (`create_sample` in its model.py).
const OF_GOLD: [[f64; 2]; 2] = [[0.2, 0.5], [0.05, 0.15]];
/// The others that it draws.
pub const DRAWN: Negatives = Negatives::APositive(5);

/// What is told of each pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its relations.
    pub sets: Vec<Vec<u32>>,
    /// Whether they were made wrong.
    pub is_wrong: Vec<bool>,
}

/// r, the shares that are made wrong: of predictions one, r ~ U(0, `most`); of gold that of the pairs with a relation and
/// that of the others.
pub fn shares(on: NoiseOn, most: f64, random: &mut Random) -> [f64; 2] {
    match on {
        NoiseOn::Predictions => [most * random.unit(); 2],
        NoiseOn::Gold => OF_GOLD.map(|[least, most]| least + (most - least) * random.unit()),
    }
}

/// What is predicted for each pair, with a share r of it replaced by wrong relations.
///
/// Of the pairs that are given a relation, each is replaced with probability r; its new class is any that does not hold
/// for it, the threshold class too where some relation holds. Of the pairs that are given none, as many get a wrong
/// relation, in expectation: since most pairs have none, a share r of those would drown what is right. `gold` has the
/// classes that hold for each pair, `n_classes` counts the threshold's.
pub fn noisy(found: &[Vec<u32>], gold: &[&Vec<u32>], n_classes: usize, share: f64, random: &mut Random) -> Told {
    let given = found.iter().filter(|classes| !classes.is_empty()).count();
    let of_none = share * given as f64 / (found.len() - given).max(1) as f64;
    let mut told = |(found, gold): (&Vec<u32>, &&Vec<u32>)| {
        let is_wrong = random.chance(if found.is_empty() { of_none } else { share });
        (if is_wrong { wrong(gold, n_classes, random) } else { found.clone() }, is_wrong)
    };
    let (sets, is_wrong) = found.iter().zip(gold).map(&mut told).unzip();
    Told { sets, is_wrong }
}

/// What holds for each pair, replaced in a share of the pairs with a relation, and in one of the drawn others, by a class
/// that does not: in one of each at least, as in the released program.
pub fn noisy_gold(
    gold: &[&Vec<u32>],
    sample: &Sample,
    n_classes: usize,
    shares: [f64; 2],
    random: &mut Random,
) -> Told {
    let mut is_wrong = vec![false; gold.len()];
    for (rows, share) in [&sample.positives, &sample.negatives].into_iter().zip(shares) {
        let mut rows = rows.clone();
        random.shuffle(&mut rows);
        for row in rows.iter().take((share * rows.len() as f64 + 1.0) as usize) {
            if let Some(is_wrong) = is_wrong.get_mut(*row as usize) {
                *is_wrong = true;
            }
        }
    }
    let mut told = |(gold, is_wrong): (&&Vec<u32>, &bool)| {
        if *is_wrong { wrong(gold, n_classes, random) } else { (*gold).clone() }
    };
    Told { sets: gold.iter().zip(&is_wrong).map(&mut told).collect(), is_wrong }
}

/// One class that does not hold, as a set: empty for the threshold's.
fn wrong(gold: &[u32], n_classes: usize, random: &mut Random) -> Vec<u32> {
    let holds = |class: u32| if gold.is_empty() { class == 0 } else { gold.contains(&class) };
    let wrong: Vec<u32> = (0..n_classes as u32).filter(|&class| !holds(class)).collect();
    random.pick(&wrong).copied().filter(|&class| class != 0).into_iter().collect()
}
