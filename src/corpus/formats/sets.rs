//! Disjoint sets: what turns out to be one thing, as it turns out.

/// Sets of places, as a forest: each place points to another of its set, the first of a set to itself.
#[derive(Debug, Default)]
pub struct Sets(Vec<usize>);

impl Sets {
    /// Each of so many places by itself.
    pub fn of(n_places: usize) -> Self {
        Self((0..n_places).collect())
    }

    /// The next place, by itself.
    pub fn push(&mut self) -> usize {
        self.0.push(self.0.len());
        self.0.len() - 1
    }

    /// How many places there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The first place of a set. The way to it is halved for those who come after.
    pub fn root(&mut self, mut place: usize) -> usize {
        while let Some(&above) = self.0.get(place).filter(|above| **above != place) {
            let further = self.0.get(above).copied().unwrap_or(above);
            if let Some(own) = self.0.get_mut(place) {
                *own = further;
            }
            place = further;
        }
        place
    }

    /// Makes one of two sets: its first place, and that of the set which is one with it now, where they were two.
    pub fn join(&mut self, one: usize, other: usize) -> (usize, Option<usize>) {
        let (one, other) = (self.root(one), self.root(other));
        let (first, second) = (one.min(other), one.max(other));
        if let Some(below) = self.0.get_mut(second) {
            *below = first;
        }
        (first, (first != second).then_some(second))
    }
}
