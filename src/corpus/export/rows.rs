//! A split → the table `annotated`: a folder of Parquet files, or a stream.

use std::io::Write;
use std::path::Path;

use ground::identity::Identity;
use ground::observe::Observer;
use table::rows::AnnotatedRow;
use table::stream::StreamWriter;
use table::{Ours, Row, Staging, Standing, TableError, TableFiles, TableWriter, holds_only_table};

use super::Export;
use crate::annotated::{Rows, size};
use crate::error::CorpusError;
use crate::tables::TABLES;

/// How the table is known: other tables of docre's, as those of a split, are not replaced by it.
const OURS: Ours = Ours { is: |folder| holds_only_table(folder, &AnnotatedRow::schema().name), names: |_| false };
/// Rows that are written at once, unless they hold so much before.
const ROWS_AT_ONCE: usize = 1024;
/// Tokens and pairs.
const MOST_AT_ONCE: usize = 1 << 19;

impl Export<'_> {
    /// Writes the table into a folder, which appears whole or not at all. A folder that holds the table of the same split
    /// is left, another only replaced where `force` is set, and other tables never.
    pub(super) fn write_rows(&self, out: &Path, force: bool, observe: Observer<'_>) -> Result<(), CorpusError> {
        // Predictions are no part of what identifies the table: with them it is made anew each time.
        let making = self.relations.is_none().then(|| self.making()).transpose()?;
        let staging = Staging::begin_over(out, OURS)?;
        if let Some(found) = TableFiles::at(out)?
            && !force
        {
            let same = making.is_some() && found.fingerprint()? == making;
            return if same { Ok(()) } else { Err(TableError::Stands { path: out.to_path_buf() }.into()) };
        }
        let making = making.unwrap_or_default();
        let mut writer = TableWriter::<AnnotatedRow>::inside(staging.folder().to_path_buf(), &making);
        self.each_rows(observe, |rows| writer.write(rows).and_then(|()| writer.end_group()))?;
        writer.finish()?;
        Ok(staging.commit()?)
    }

    /// Writes it as a stream.
    pub(super) fn send_rows(&self, output: &mut impl Write, observe: Observer<'_>) -> Result<(), CorpusError> {
        let fault = |source| TableError::Stream { name: "standard output".to_owned(), source };
        let mut stream = StreamWriter::<AnnotatedRow, _>::begin(output).map_err(fault)?;
        self.each_rows(observe, |rows| stream.write(rows).map_err(fault))?;
        Ok(stream.finish().map(drop).map_err(fault)?)
    }

    fn making(&self) -> Result<String, TableError> {
        let tables = Standing::of(self.split)?.identity(&TABLES)?;
        Ok(Identity::of(&AnnotatedRow::schema().name).field("tables", &tables).finish())
    }

    fn each_rows(
        &self,
        observe: Observer<'_>,
        mut with: impl FnMut(Vec<AnnotatedRow>) -> Result<(), TableError>,
    ) -> Result<(), CorpusError> {
        let rows = Rows::of(self.split)?;
        let (mut waiting, mut held) = (Vec::new(), 0);
        self.each(observe, |written| {
            let row = rows.row(written);
            held += size(&row);
            waiting.push(row);
            if waiting.len() >= ROWS_AT_ONCE || held >= MOST_AT_ONCE {
                held = 0;
                with(std::mem::take(&mut waiting))?;
            }
            Ok(())
        })?;
        if waiting.is_empty() { Ok(()) } else { Ok(with(waiting)?) }
    }
}
