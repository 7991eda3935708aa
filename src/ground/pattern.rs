//! How two facts meet in a bridge, from which a third may follow.

use crate::choice;

/// The two premises between the head `s` and the tail `o` of what follows, and the bridge `i`. Its name is how settings
/// and tables spell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// (s, i) and (i, o): one fact leads on to the other.
    Forward,
    /// (s, i) and (o, i): both facts point at the bridge.
    Inward,
    /// (o, i) and (i, s): a chain that is read backwards.
    Backward,
    /// (i, s) and (i, o): both facts start from the bridge.
    Outward,
}

choice!(Pattern, "pattern", {
    Forward => "s>i,i>o",
    Inward => "s>i,o>i",
    Backward => "o>i,i>s",
    Outward => "i>s,i>o",
});
