//! What the module is told of each pair, made worse on purpose, so that it learns to mend it.

use ground::random::Random;

use super::config::NoiseOn;
use super::negatives::{Negatives, Sample};
use crate::example::Example;

/// The least and the greatest share, of the pairs with a relation and of the drawn others, of which the released program
/// tells something wrong (`create_sample` in its model.py).
const OF_GOLD: [[f64; 2]; 2] = [[0.2, 0.5], [0.05, 0.15]];
/// The others that it draws.
pub const DRAWN: Negatives = Negatives::APositive(5);

/// The classes of which a pair may be told.
pub struct Classes<'a> {
    /// How many there are, the threshold's included.
    n_classes: usize,
    /// Those that are absent of each pair; none of any where it is empty.
    absent: Vec<&'a [u32]>,
}

impl<'a> Classes<'a> {
    /// All.
    pub fn all(n_classes: usize) -> Self {
        Self { n_classes, absent: Vec::new() }
    }

    /// Those of all pairs of some documents, in order.
    pub fn of(examples: &'a [Example], n_classes: usize) -> Self {
        if examples.iter().all(|example| example.absent.is_empty()) {
            return Self::all(n_classes);
        }
        let of_pairs = |example: &'a Example| example.pairs.iter().map(|_| &*example.absent);
        Self { n_classes, absent: examples.iter().flat_map(of_pairs).collect() }
    }

    fn of_pair(&self, pair: usize) -> impl Iterator<Item = u32> {
        let absent = self.absent.get(pair).copied().unwrap_or_default();
        (0..self.n_classes as u32).filter(move |class| !absent.contains(class))
    }
}

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
/// classes that hold for each pair.
pub fn noisy(found: &[Vec<u32>], gold: &[&Vec<u32>], classes: &Classes, share: f64, random: &mut Random) -> Told {
    let given = found.iter().filter(|classes| !classes.is_empty()).count();
    let of_none = share * given as f64 / (found.len() - given).max(1) as f64;
    let mut told = |(pair, (found, gold)): (usize, (&Vec<u32>, &&Vec<u32>))| {
        let is_wrong = random.chance(if found.is_empty() { of_none } else { share });
        (if is_wrong { wrong(gold, classes.of_pair(pair), random) } else { found.clone() }, is_wrong)
    };
    let (sets, is_wrong) = found.iter().zip(gold).enumerate().map(&mut told).unzip();
    Told { sets, is_wrong }
}

/// What holds for each pair, replaced in a share of the pairs with a relation, and in one of the drawn others, by a class
/// that does not: in one of each at least, as in the released program.
pub fn noisy_gold(
    gold: &[&Vec<u32>],
    sample: &Sample,
    classes: &Classes,
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
    let mut told = |(pair, (gold, is_wrong)): (usize, (&&Vec<u32>, &bool))| {
        if *is_wrong { wrong(gold, classes.of_pair(pair), random) } else { (*gold).clone() }
    };
    Told { sets: gold.iter().zip(&is_wrong).enumerate().map(&mut told).collect(), is_wrong }
}

/// One of some classes that does not hold, as a set: empty for the threshold's.
fn wrong(gold: &[u32], classes: impl Iterator<Item = u32>, random: &mut Random) -> Vec<u32> {
    let holds = |class: u32| if gold.is_empty() { class == 0 } else { gold.contains(&class) };
    let wrong: Vec<u32> = classes.filter(|&class| !holds(class)).collect();
    random.pick(&wrong).copied().filter(|&class| class != 0).into_iter().collect()
}
