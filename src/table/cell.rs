//! Rust values as Arrow columns and back.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, ListArray, PrimitiveArray, StringArray,
    UInt32Array, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{ArrowPrimitiveType, Field, Float32Type, Float64Type, UInt32Type, UInt64Type};

use ground::Text;

/// A value that fills one cell of a column. The Arrow type it maps to is fixed by the implementation.
pub trait Cell: Sized {
    /// Whether it may be null, as a field of a struct.
    const NULLABLE: bool;

    /// A column of such values.
    fn to_array(values: Vec<Self>) -> ArrayRef;

    /// The values of a column whose type and nulls were checked against the schema.
    fn from_array(array: &dyn Array) -> Vec<Self>;
}

impl Cell for Text {
    const NULLABLE: bool = false;

    fn to_array(values: Vec<Self>) -> ArrayRef {
        Arc::new(StringArray::from_iter_values(values))
    }

    /// Equal neighbours share one allocation: identifiers repeat down a column.
    fn from_array(array: &dyn Array) -> Vec<Self> {
        debug_assert_eq!(array.null_count(), 0, "nulls were checked");
        let mut texts: Vec<Text> = Vec::with_capacity(array.len());
        for text in array.as_string::<i32>().iter().map(Option::unwrap_or_default) {
            match texts.last() {
                Some(last) if &**last == text => texts.push(last.clone()),
                _ => texts.push(text.into()),
            }
        }
        texts
    }
}

impl Cell for Option<Text> {
    const NULLABLE: bool = true;

    fn to_array(values: Vec<Self>) -> ArrayRef {
        Arc::new(StringArray::from_iter(values))
    }

    fn from_array(array: &dyn Array) -> Vec<Self> {
        array.as_string::<i32>().iter().map(|text| text.map(Text::from)).collect()
    }
}

impl Cell for bool {
    const NULLABLE: bool = false;

    fn to_array(values: Vec<Self>) -> ArrayRef {
        Arc::new(BooleanArray::from(values))
    }

    fn from_array(array: &dyn Array) -> Vec<Self> {
        array.as_boolean().iter().map(Option::unwrap_or_default).collect()
    }
}

impl Cell for Option<bool> {
    const NULLABLE: bool = true;

    fn to_array(values: Vec<Self>) -> ArrayRef {
        Arc::new(BooleanArray::from(values))
    }

    fn from_array(array: &dyn Array) -> Vec<Self> {
        array.as_boolean().iter().collect()
    }
}

macro_rules! number_cells {
    ($($native:ty => $array:ty, $arrow:ty;)*) => {$(
        impl Cell for $native {
            const NULLABLE: bool = false;

            fn to_array(values: Vec<Self>) -> ArrayRef {
                Arc::new(<$array>::from(values))
            }

            fn from_array(array: &dyn Array) -> Vec<Self> {
                numbers::<$arrow>(array).to_vec()
            }
        }

        impl Cell for Option<$native> {
            const NULLABLE: bool = true;

            fn to_array(values: Vec<Self>) -> ArrayRef {
                Arc::new(<$array>::from(values))
            }

            fn from_array(array: &dyn Array) -> Vec<Self> {
                array.as_primitive::<$arrow>().iter().collect()
            }
        }
    )*};
}

number_cells! {
    u32 => UInt32Array, UInt32Type;
    u64 => UInt64Array, UInt64Type;
    f32 => Float32Array, Float32Type;
    f64 => Float64Array, Float64Type;
}

fn numbers<T: ArrowPrimitiveType>(array: &dyn Array) -> &[T::Native] {
    let array: &PrimitiveArray<T> = array.as_primitive();
    array.values()
}

impl<T: Cell> Cell for Vec<T> {
    const NULLABLE: bool = false;

    fn to_array(values: Vec<Self>) -> ArrayRef {
        lists(values.into_iter().map(Some).collect())
    }

    fn from_array(array: &dyn Array) -> Vec<Self> {
        <Option<Vec<T>> as Cell>::from_array(array).into_iter().map(Option::unwrap_or_default).collect()
    }
}

impl<T: Cell> Cell for Option<Vec<T>> {
    const NULLABLE: bool = true;

    fn to_array(values: Vec<Self>) -> ArrayRef {
        lists(values)
    }

    fn from_array(array: &dyn Array) -> Vec<Self> {
        let array: &ListArray = array.as_list();
        let offsets = array.value_offsets();
        let [first, last] = [offsets.first(), offsets.last()].map(|offset| offset.map_or(0, |&offset| offset as usize));
        // Of a slice, the items of its own rows.
        let mut items = T::from_array(&array.values().slice(first, last - first)).into_iter();
        let lengths = offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize);
        lengths
            .enumerate()
            .map(|(row, length)| {
                let list: Vec<T> = items.by_ref().take(length).collect();
                array.is_valid(row).then_some(list)
            })
            .collect()
    }
}

/// A list column. Items are nullable in its type, as every Arrow writer has it, though none is null.
fn lists<T: Cell>(values: Vec<Option<Vec<T>>>) -> ArrayRef {
    let nulls = values.iter().any(Option::is_none).then(|| values.iter().map(Option::is_some).collect::<NullBuffer>());
    let offsets = OffsetBuffer::from_lengths(values.iter().map(|list| list.as_ref().map_or(0, Vec::len)));
    let items = T::to_array(values.into_iter().flatten().flatten().collect());
    let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
    Arc::new(ListArray::new(field, offsets, items, nulls))
}
