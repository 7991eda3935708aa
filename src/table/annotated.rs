//! What a row of `annotated` has lists of. What a field means stands in the table's file under `schemas/`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StructArray};
use arrow::datatypes::Field;
use serde::Serialize;

use super::{Cell, Text};

macro_rules! items {
    ($($(#[$doc:meta])* $item:ident { $($field:ident: $cell:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[expect(missing_docs, reason = "the schema file says what each field means")]
        pub struct $item {
            $(pub $field: $cell,)*
        }

        impl Cell for $item {
            const NULLABLE: bool = false;

            fn to_array(values: Vec<Self>) -> ArrayRef {
                $(let mut $field: Vec<$cell> = Vec::with_capacity(values.len());)*
                for value in values {
                    $($field.push(value.$field);)*
                }
                structs(vec![$((stringify!($field), <$cell as Cell>::NULLABLE, Cell::to_array($field))),*])
            }

            fn from_array(array: &dyn Array) -> Vec<Self> {
                let mut columns = array.as_struct().columns().iter();
                $(let mut $field =
                    columns.next().map_or_else(Vec::new, |column| <$cell as Cell>::from_array(column)).into_iter();)*
                (0..array.len()).map_while(|_| Some(Self { $($field: $field.next()?,)* })).collect()
            }
        }
    )*};
}

fn structs(columns: Vec<(&str, bool, ArrayRef)>) -> ArrayRef {
    let column = |(name, nullable, array): (&str, bool, ArrayRef)| {
        let name = name.strip_prefix("r#").unwrap_or(name);
        (Arc::new(Field::new(name, array.data_type().clone(), nullable)), array)
    };
    Arc::new(StructArray::from(columns.into_iter().map(column).collect::<Vec<_>>()))
}

items! {
    /// A sentence.
    Sentence {
        token_start: u32,
        token_end: u32,
        text: Option<Text>,
        char_start: Option<u32>,
        char_end: Option<u32>,
    }

    /// A token.
    Token {
        text: Text,
        char_start: Option<u32>,
        char_end: Option<u32>,
    }

    /// An entity.
    Entity {
        name: Option<Text>,
        r#type: Option<Text>,
        kb_id: Option<Text>,
    }

    /// A mention.
    Mention {
        entity_id: Option<u32>,
        token_start: u32,
        token_end: u32,
        name: Text,
        r#type: Text,
    }

    /// A pair that is asked about.
    Pair {
        head: u32,
        tail: u32,
        candidate: Option<bool>,
    }

    /// A relation that holds.
    Fact {
        head: u32,
        tail: u32,
        relation: Text,
        label: Option<Text>,
        undirected: Option<bool>,
        evidence: Option<Vec<u32>>,
        attributes: Option<Vec<Text>>,
    }
}
