//! Sequences that lie one after another in one matrix.

/// Where one sequence lies among the rows of a matrix that holds several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first row.
    pub start: usize,
    /// How many rows it has.
    pub len: usize,
}

/// Spans of these lengths, one after another.
pub fn consecutive(lengths: impl IntoIterator<Item = usize>) -> Vec<Span> {
    let mut start = 0;
    let span = |len| {
        let span = Span { start, len };
        start += len;
        span
    };
    lengths.into_iter().map(span).collect()
}

/// What is smaller counts as much: groups of small things are not worth their number.
const LEAST: usize = 8;

/// The places of things of like size, in groups, where all of a group are padded to its largest: what grows with this
/// power of the size then grows twofold at most. None is in two groups; their number does not grow with that of the
/// things.
pub fn alike(sizes: impl IntoIterator<Item = usize>, power: u32) -> Vec<Vec<usize>> {
    let cost = |size: usize| (size.max(LEAST) as u128).saturating_pow(power);
    let mut sized: Vec<(usize, usize)> = sizes.into_iter().enumerate().collect();
    sized.sort_by_key(|&(_, size)| std::cmp::Reverse(size));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let (mut most, mut sum) = (0, 0);
    for (place, size) in sized {
        match groups.last_mut() {
            Some(group) if (group.len() as u128 + 1) * most <= 2 * (sum + cost(size)) => group.push(place),
            _ => {
                groups.push(vec![place]);
                (most, sum) = (cost(size), 0);
            }
        }
        sum += cost(size);
    }
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_is_padded_together() {
        assert!(alike([], 3).is_empty());
        assert_eq!(alike([7, 0, 3], 3), [[0, 1, 2]]);
        // Beside one of 40 two of 20: 3 · 1600 is twice 1600 + 2 · 400; one more would be too much.
        assert_eq!(alike([20, 40, 20, 20, 20], 2), [vec![0, 1, 2], vec![3, 4]]);
        let sizes: Vec<usize> = (0..500).map(|place| 1 + place * 37 % 97).collect();
        let groups = alike(sizes.iter().copied(), 3);
        assert!(groups.len() <= 5, "{} groups", groups.len());
        let mut places = groups.concat();
        places.sort_unstable();
        assert_eq!(places, (0..500).collect::<Vec<_>>());
        let cubes = |sizes: &[usize]| sizes.iter().map(|size| size.max(&8).pow(3)).sum::<usize>();
        let of = |group: &Vec<usize>| group.iter().map(|&place| sizes[place]).collect::<Vec<_>>();
        let padded: usize = groups.iter().map(of).map(|of| of.len() * cubes(&[*of.iter().max().unwrap()])).sum();
        assert!(padded <= 2 * cubes(&sizes), "{padded} of {}", cubes(&sizes));
    }
}
