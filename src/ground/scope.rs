//! The sets of facts that F1 is of.

/// Declares the scopes in reading order: a variant, its name in tables, and what is in it. `ALL` follows, so that what
/// is counted in every scope is counted in a new one too.
macro_rules! scopes {
    ($($Scope:ident, $name:literal, $meaning:literal;)+) => {
        /// A set of facts that F1 is of. Which facts are in it, `metrics` says.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Scope {
            $(#[doc = $meaning] $Scope,)+
        }

        impl Scope {
            /// All, in the order in which a reader looks for them.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$Scope),+];

            /// Its name in the tables `metrics` and `comparisons`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$Scope => $name,)+ }
            }

            /// What is in it, in a few words.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$Scope => $meaning,)+ }
            }
        }
    };
}

scopes! {
    All, "all", "all facts";
    Intra, "intra", "entities that share a sentence";
    Inter, "inter", "entities that share none";
    Infer, "infer", "facts in a triangle of facts, predictions in one of predictions";
    InferGold, "infer gold", "facts in a triangle of facts, and all predictions";
    Stated, "stated", "facts that a sentence states";
    Implied, "implied", "facts that only follow from others";
}
