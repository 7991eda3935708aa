//! Tables as types.

pub mod cell;
pub mod schema;

pub use cell::{Cell, Text};
pub use schema::TableSchema;
