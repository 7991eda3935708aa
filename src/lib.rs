//! docre.
pub mod table;
pub mod random;
pub mod corpus;
pub mod query;
