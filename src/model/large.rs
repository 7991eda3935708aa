//! Documents of more pairs than a run holds at once: which they are, and how that is said.

use ground::Text;

use crate::contract::Need;

/// Such documents that are named; all are counted.
pub const SHOWN: usize = 10;

/// How much of a document is held at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// So many pairs.
    Pairs(u64),
    /// As many pairs as take so many bytes.
    Bytes(u64),
}

impl Bound {
    /// So many pairs, where they are bounded by number; else as many as take so many bytes.
    pub fn of(most_pairs: Option<u64>, usual_bytes: u64) -> Self {
        most_pairs.map_or(Self::Bytes(usual_bytes), Self::Pairs)
    }

    /// The share of what a document takes that is held; `None` where that is all.
    pub fn share(self, need: Need) -> Option<f64> {
        let (most, all) = match self {
            Self::Pairs(most) => (most, need.pairs),
            Self::Bytes(most) => (most, need.bytes),
        };
        (all > most).then_some(most as f64 / all as f64)
    }
}

/// A document of more than that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLarge {
    /// Its name.
    pub document: Text,
    /// What it takes.
    pub need: Need,
    /// What there is for it.
    pub bound: Bound,
}

impl TooLarge {
    /// What is said of it: what sets the bound, and what becomes of the document.
    pub fn told(&self, set_by: &str, fate: &str) -> String {
        let Self { document, need: Need { pairs, bytes }, bound } = self;
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        let (most, got) = match *bound {
            Bound::Pairs(most) => (format!("at most {most} pairs"), pairs.to_string()),
            Bound::Bytes(most) => (
                format!("pairs that take at most {:.0} GiB", gib(most)),
                format!("{pairs}, which take about {:.1} GiB", gib(*bytes)),
            ),
        };
        format!("document `{document}`: expected {most} ({set_by}), got {got}; {fate}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_a_bound_is_held_in_part() {
        let need = Need { pairs: 90, bytes: 6 << 30 };
        let shares =
            [Bound::of(Some(90), 1), Bound::of(Some(45), 1), Bound::of(None, 6 << 30), Bound::of(None, 3 << 30)]
                .map(|bound| bound.share(need));
        assert_eq!(shares, [None, Some(0.5), None, Some(0.5)]);
        let told = |bound| TooLarge { document: "d".into(), need, bound }.told("`most`", "gone");
        assert_eq!(told(Bound::Pairs(45)), "document `d`: expected at most 45 pairs (`most`), got 90; gone");
        let of_bytes =
            "document `d`: expected pairs that take at most 3 GiB (`most`), got 90, which take about 6.0 GiB; gone";
        assert_eq!(told(Bound::Bytes(3 << 30)), of_bytes);
    }
}
