//! Predictions made worse on purpose, so that the inference module learns to mend them.

use ground::random::Random;

/// What is predicted for each pair, with a share r ~ U(0, `most`) of it replaced by wrong relations.
///
/// Of the pairs that are given a relation, each is replaced with probability r; its new class is any that does not hold
/// for it, the threshold class too where some relation holds. Of the pairs that are given none, as many get a wrong
/// relation, in expectation: since most pairs have none, a share r of those would drown what is right. `gold` has the
/// classes that hold for each pair, `n_classes` counts the threshold's.
pub fn noisy(
    found: &[Vec<u32>],
    gold: &[&Vec<u32>],
    n_classes: usize,
    most: f64,
    random: &mut Random,
) -> Vec<Vec<u32>> {
    let share = most * random.unit();
    let given = found.iter().filter(|classes| !classes.is_empty()).count();
    let of_none = share * given as f64 / (found.len() - given).max(1) as f64;
    let mut replaced = |(found, gold): (&Vec<u32>, &&Vec<u32>)| {
        let is_replaced = random.chance(if found.is_empty() { of_none } else { share });
        if is_replaced { wrong(gold, n_classes, random) } else { found.clone() }
    };
    found.iter().zip(gold).map(&mut replaced).collect()
}

/// One class that does not hold, as a set: empty for the threshold's.
fn wrong(gold: &[u32], n_classes: usize, random: &mut Random) -> Vec<u32> {
    let holds = |class: u32| if gold.is_empty() { class == 0 } else { gold.contains(&class) };
    let wrong: Vec<u32> = (0..n_classes as u32).filter(|&class| !holds(class)).collect();
    random.pick(&wrong).copied().filter(|&class| class != 0).into_iter().collect()
}
