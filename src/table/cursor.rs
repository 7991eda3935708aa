//! A table's rows one by one, for walking several tables of one order side by side.

use std::iter::Peekable;
use std::path::Path;

use super::{Row, TableError, Text, read};

/// A place in a table.
pub struct Cursor<R> {
    batches: Box<dyn Iterator<Item = Result<Vec<R>, TableError>> + Send>,
    rows: Peekable<std::vec::IntoIter<R>>,
}

impl<R: Row + 'static> Cursor<R> {
    /// The start of a table of `folder`.
    ///
    /// # Errors
    /// Where the table is missing or not as its schema says.
    pub fn open(folder: &Path) -> Result<Self, TableError> {
        Ok(Self { batches: Box::new(read::<R>(folder)?), rows: Vec::new().into_iter().peekable() })
    }

    /// The next row, if there is one and it is wanted; otherwise the cursor stays.
    ///
    /// # Errors
    /// Where the table is damaged.
    pub fn next_if(&mut self, wanted: impl Fn(&R) -> bool) -> Result<Option<R>, TableError> {
        while self.rows.peek().is_none() {
            match self.batches.next() {
                Some(batch) => self.rows = batch?.into_iter().peekable(),
                None => return Ok(None),
            }
        }
        Ok(self.rows.next_if(wanted))
    }

    /// The rows from here on that are wanted, up to the first that is not.
    ///
    /// # Errors
    /// Where the table is damaged.
    pub fn take_while(&mut self, wanted: impl Fn(&R) -> bool) -> Result<Vec<R>, TableError> {
        let mut taken = Vec::new();
        while let Some(row) = self.next_if(&wanted)? {
            taken.push(row);
        }
        Ok(taken)
    }

    /// Checks that no row of `folder`'s table is left when its documents are: `document` gives a row's.
    ///
    /// # Errors
    /// Where one is, or the table is damaged.
    pub fn end(&mut self, folder: &Path, document: impl Fn(R) -> Text) -> Result<(), TableError> {
        let Some(row) = self.next_if(|_| true)? else { return Ok(()) };
        let (folder, table) = (folder.to_path_buf(), R::schema().name.clone());
        Err(TableError::Stray { folder, table, document: document(row).to_string() })
    }

    /// The rows from here on.
    pub fn rows(mut self) -> impl Iterator<Item = Result<R, TableError>> + use<R> {
        std::iter::from_fn(move || self.next_if(|_| true).transpose())
    }
}
