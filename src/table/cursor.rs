//! A table's rows one by one, for walking several tables of one order side by side.

use std::iter::Peekable;

use super::{OfDocument, Row, TableError, Text};

/// What the rows of one document take at most, beside their texts and lists.
const HELD_BYTES: usize = 1 << 30;

/// A place in a table.
pub struct Cursor<R> {
    batches: Box<dyn Iterator<Item = Result<Vec<R>, TableError>> + Send>,
    rows: Peekable<std::vec::IntoIter<R>>,
}

impl<R: Row + 'static> Cursor<R> {
    pub(super) fn new(batches: impl Iterator<Item = Result<Vec<R>, TableError>> + Send + 'static) -> Self {
        Self { batches: Box::new(batches), rows: Vec::new().into_iter().peekable() }
    }

    /// The next row, which stays the next.
    ///
    /// # Errors
    /// Where the table is damaged.
    pub fn peek(&mut self) -> Result<Option<&R>, TableError> {
        while self.rows.peek().is_none() {
            match self.batches.next() {
                Some(batch) => self.rows = batch?.into_iter().peekable(),
                None => return Ok(None),
            }
        }
        Ok(self.rows.peek())
    }

    /// The next row, if there is one and it is wanted; otherwise the cursor stays.
    ///
    /// # Errors
    /// Where the table is damaged.
    pub fn next_if(&mut self, wanted: impl Fn(&R) -> bool) -> Result<Option<R>, TableError> {
        self.peek()?;
        Ok(self.rows.next_if(wanted))
    }

    /// The rows from here on that are of a document.
    ///
    /// # Errors
    /// Where the table is damaged, or the rows are too many to hold.
    pub fn of(&mut self, document: &Text) -> Result<Vec<R>, TableError>
    where
        R: OfDocument,
    {
        let most = HELD_BYTES / size_of::<R>().max(1);
        let mut taken = Vec::new();
        while let Some(row) = self.next_if(|row| row.doc_id() == document)? {
            if taken.len() == most {
                return Err(TableError::Rows { table: &R::schema().name, document: document.to_string(), most });
            }
            taken.push(row);
        }
        Ok(taken)
    }

    /// The rows from here on.
    pub fn rows(mut self) -> impl Iterator<Item = Result<R, TableError>> + use<R> {
        std::iter::from_fn(move || self.next_if(|_| true).transpose())
    }
}
