//! A split's tables as lazy frames, with documents, entities and facts numbered.
//!
//! Joins and groups run over integers: labelled documents are numbered in order, entities through the whole split, and
//! a fact is one number, (head · entities + tail) · relations + relation.

use std::path::{Path, PathBuf};

use polars::prelude::*;

use rayon::prelude::*;
use table::{Standing, TableFiles, verify};

use crate::error::{self, Error, given};

/// The tables that may be read.
const TABLES: [&str; 6] = ["documents", "facts", "pairs", "mentions", "implied", "relation_types"];

/// A corpus split, opened for evaluation.
pub(super) struct Split {
    folder: PathBuf,
    /// Its tables, which must stay the same while they are read.
    pub standing: Standing,
    /// `doc_id`, `document` (null: unlabelled), `first_entity`, `n_entities`.
    documents: DataFrame,
    /// Labelled documents.
    pub labelled: usize,
    /// Entities of the labelled documents.
    entities: u64,
    /// Ordered pairs of two entities of one document, of all documents.
    pairs: u64,
    /// Relations that hold both ways.
    undirected: Vec<String>,
}

/// How the facts of a split are numbered.
pub(super) struct Numbering {
    entities: u64,
    /// `relation` and its `code`, from 0 in no order that matters.
    pub relations: DataFrame,
}

impl Split {
    /// Opens the split in a folder.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let columns = [
            ("doc_id", DataType::String),
            ("position", DataType::UInt32),
            ("labelled", DataType::Boolean),
            ("n_entities", DataType::UInt32),
        ];
        let standing = Standing::of(folder)?;
        TABLES.par_iter().try_for_each(|table| verify_all(&folder.join(table)))?;
        let place = folder.join("documents");
        let documents = scan(&place, &columns)?.sort(["position", "doc_id"], SortMultipleOptions::default());
        let documents = collect(documents, "documents in order")?;
        let mut split =
            number_documents(folder, standing, documents).map_err(error::query(place.display().to_string()))?;
        split.check_names()?;
        split.undirected = undirected(&folder.join("relation_types"))?;
        if split.labelled == 0 {
            return Err(Error::Unlabelled(folder.to_path_buf()));
        }
        Ok(split)
    }

    fn check_names(&self) -> Result<(), Error> {
        let rows = self.documents.height();
        let names = self.documents.column("doc_id").and_then(Column::n_unique);
        let names = names.map_err(error::query("documents by name"))?;
        if names == rows {
            return Ok(());
        }
        let reason = format!("expected a `doc_id` for each of {rows} documents, got {names} different ones");
        Err(Error::Rows { folder: self.folder.join("documents"), reason })
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Documents of which the source does not say which relations hold.
    pub fn unlabelled(&self) -> usize {
        self.documents.height() - self.labelled
    }

    /// Numbers facts whose relations are among those of the given frames' column `relation`.
    pub fn numbering(&self, facts: &[LazyFrame]) -> Result<Numbering, Error> {
        let names: Vec<LazyFrame> = facts.iter().map(|rows| rows.clone().select([col("relation")])).collect();
        let names = concat(names, UnionArgs::default()).map_err(error::query("relations"))?;
        let names = names.unique(None, UniqueKeepStrategy::Any).with_row_index("code", None);
        let relations = collect(names.with_column(col("code").cast(DataType::UInt64)), "relations")?;
        let codes = relations.height() as u64;
        match self.entities.checked_mul(self.entities).and_then(|pairs| pairs.checked_mul(codes)) {
            Some(_) => Ok(Numbering { entities: self.entities, relations }),
            None => Err(Error::TooLarge { folder: self.folder.clone(), entities: self.entities, relations: codes }),
        }
    }

    /// The columns of one of the split's tables.
    pub fn table(&self, name: &str, columns: &[(&str, DataType)]) -> Result<LazyFrame, Error> {
        scan(&self.folder.join(name), columns)
    }

    /// Whether it is synthetic: its table `implied` says which facts no sentence states.
    ///
    /// # Errors
    /// Where the system refuses to look.
    pub fn has_implied(&self) -> Result<bool, Error> {
        Ok(TableFiles::find(&self.folder, "implied")?.is_some())
    }

    /// Facts: `doc_id`, `head`, `tail`, `relation`.
    pub fn facts(&self) -> Result<LazyFrame, Error> {
        Ok(self.directed(self.table("facts", &FACT)?))
    }

    /// Sentences of evidence: the same and `evidence`, one row a sentence.
    ///
    /// # Errors
    /// As [`Self::facts`].
    pub fn evidence(&self) -> Result<LazyFrame, Error> {
        let sentences = DataType::List(Box::new(DataType::UInt32));
        let columns: Vec<_> = FACT.into_iter().chain([("evidence", sentences)]).collect();
        let options = ExplodeOptions { empty_as_null: false, keep_nulls: false };
        Ok(self.directed(self.table("facts", &columns)?).explode(by_name(["evidence"], true, false), options))
    }

    /// Rows of facts, those of undirected relations in the one direction that gold facts have: from the entity of the
    /// smaller number.
    pub fn directed(&self, rows: LazyFrame) -> LazyFrame {
        if self.undirected.is_empty() {
            return rows;
        }
        let turned = self.is_undirected().and(col("head").gt(col("tail")));
        let end = |end: &str, other: &str| when(turned.clone()).then(col(other)).otherwise(col(end)).alias(end);
        rows.with_columns([end("head", "tail"), end("tail", "head")])
    }

    /// Training facts as names: those of undirected relations in both directions, as documents number their entities
    /// each in its own way.
    pub fn both_ways(&self, names: LazyFrame) -> Result<LazyFrame, Error> {
        if self.undirected.is_empty() {
            return Ok(names);
        }
        let turned = names.clone().filter(self.is_undirected()).select([
            col("tail_name").alias("head_name"),
            col("head_name").alias("tail_name"),
            col("relation"),
        ]);
        let names = names.select(["head_name", "tail_name", "relation"].map(col));
        concat([names, turned], UnionArgs::default()).map_err(error::query("training facts"))
    }

    /// Whether any relation holds both ways.
    pub fn has_undirected(&self) -> bool {
        !self.undirected.is_empty()
    }

    /// Whether the row's relation holds both ways.
    pub fn is_undirected(&self) -> Expr {
        let names = Series::new("undirected".into(), &self.undirected);
        col("relation").is_in(lit(names).implode(false), false)
    }

    /// The rows that stand in labelled documents, with the columns of `documents`.
    pub fn in_labelled(&self, rows: LazyFrame) -> LazyFrame {
        let labelled = self.documents.clone().lazy().filter(col("document").is_not_null());
        rows.inner_join(labelled, col("doc_id"), col("doc_id"))
    }

    /// All rows, with the columns of `documents`: null where the split has no such document.
    pub fn in_any(&self, rows: LazyFrame) -> LazyFrame {
        rows.left_join(self.documents.clone().lazy(), col("doc_id"), col("doc_id"))
    }

    /// Whether the table `pairs` has every ordered pair: the corpus asks about them all.
    pub fn lists_every_pair(&self) -> Result<bool, Error> {
        let rows = self.table("pairs", &[("head", DataType::UInt32)])?.select([len().alias("rows")]);
        let rows = collect(rows, "rows of pairs")?;
        let rows = rows.column("rows").and_then(|rows| rows.cast(&DataType::UInt64)).map_err(error::query("pairs"))?;
        Ok(rows.u64().map_err(error::query("pairs"))?.get(0) == Some(self.pairs))
    }

    /// The sentences that mention an entity of a labelled document: `entity`, `sent_id`.
    pub fn sentences(&self) -> Result<LazyFrame, Error> {
        let columns = [("doc_id", DataType::String), ("entity_id", DataType::UInt32), ("sent_id", DataType::UInt32)];
        let mentions = self.in_labelled(self.table("mentions", &columns)?.filter(col("entity_id").is_not_null()));
        let sentences =
            mentions.filter(stands("entity_id")).select([entity("entity_id").alias("entity"), col("sent_id")]);
        Ok(sentences.unique(None, UniqueKeepStrategy::Any))
    }

    /// What entities of labelled documents are called by their mentions, each name once: `entity`, `name`.
    pub fn names(&self) -> Result<LazyFrame, Error> {
        let columns = [("doc_id", DataType::String), ("entity_id", DataType::UInt32), ("name", DataType::String)];
        let mentions = self.in_labelled(self.table("mentions", &columns)?.filter(col("entity_id").is_not_null()));
        let names = mentions.filter(stands("entity_id")).select([entity("entity_id").alias("entity"), col("name")]);
        Ok(names.unique(None, UniqueKeepStrategy::Any))
    }
}

/// The relations that a table of their types says hold both ways; none where it does not say.
fn undirected(table: &Path) -> Result<Vec<String>, Error> {
    if TableFiles::at(table)?.is_none() || !has_column(table, "undirected")? {
        return Ok(Vec::new());
    }
    let columns = [("relation", DataType::String), ("undirected", DataType::Boolean)];
    let rows = collect(scan(table, &columns)?.filter(col("undirected")), "undirected relations")?;
    let names = rows.column("relation").and_then(Column::str).map_err(error::query("undirected relations"))?;
    Ok(names.iter().flatten().map(str::to_owned).collect())
}

/// The columns that make a fact.
pub(super) const FACT: [(&str, DataType); 4] = [
    ("doc_id", DataType::String),
    ("head", DataType::UInt32),
    ("tail", DataType::UInt32),
    ("relation", DataType::String),
];

impl Numbering {
    fn n_relations(&self) -> u64 {
        self.relations.height() as u64
    }

    /// The number of a pair of numbered entities.
    pub fn pair(&self, head: Expr, tail: Expr) -> Expr {
        head * lit(self.entities) + tail
    }

    /// The pair's head.
    pub fn head(&self, pair: Expr) -> Expr {
        pair.floor_div(lit(self.entities))
    }

    /// The pair's tail.
    pub fn tail(&self, pair: Expr) -> Expr {
        pair % lit(self.entities)
    }

    /// The same in the other direction.
    pub fn turned(&self, pair: Expr) -> Expr {
        self.pair(self.tail(pair.clone()), self.head(pair))
    }

    /// The number of a fact about a numbered pair.
    pub fn fact(&self, pair: Expr, code: Expr) -> Expr {
        pair * lit(self.n_relations()) + code
    }

    /// The fact's pair.
    pub fn pair_of(&self, fact: Expr) -> Expr {
        fact.floor_div(lit(self.n_relations()))
    }

    /// The fact's relation.
    pub fn code_of(&self, fact: Expr) -> Expr {
        fact % lit(self.n_relations())
    }

    /// Adds a `relation` to numbered facts.
    pub fn with_relation(&self, facts: LazyFrame) -> LazyFrame {
        facts.left_join(self.relations.clone().lazy(), self.code_of(col("fact")), col("code"))
    }

    /// Adds `code` to rows with a `relation`; rows of other relations are lost.
    pub fn with_code(&self, rows: LazyFrame) -> LazyFrame {
        rows.inner_join(self.relations.clone().lazy(), col("relation"), col("relation"))
    }

    /// The number of a row's fact, made of the columns of `documents`, `head`, `tail` and `code`.
    pub fn fact_of_row(&self) -> Expr {
        self.fact(self.pair(entity("head"), entity("tail")), col("code"))
    }

    /// The number of a row's pair.
    pub fn pair_of_row(&self) -> Expr {
        self.pair(entity("head"), entity("tail"))
    }
}

/// Whether the row's document has an entity of that index.
pub(super) fn stands(column: &str) -> Expr {
    col(column).lt(col("n_entities"))
}

/// The number of the row's entity in the split.
pub(super) fn entity(column: &str) -> Expr {
    col("first_entity") + col(column).cast(DataType::UInt64)
}

/// Rows in memory, by the engine that streams: what a query keeps is its outcome, not its input.
pub(super) fn collect(frame: LazyFrame, what: &str) -> Result<DataFrame, Error> {
    error::asked(what, || Ok(frame.collect_with_engine(Engine::Streaming)?.unwrap_single()))
}

/// A table's columns, their types checked.
pub(super) fn scan(folder: &Path, columns: &[(&str, DataType)]) -> Result<LazyFrame, Error> {
    scan_where(folder, columns, |got, expected| got == expected)
}

/// Whether a table has a column of this name.
pub(super) fn has_column(folder: &Path, column: &str) -> Result<bool, Error> {
    Ok(schema(&mut open(folder)?, folder)?.contains(column))
}

/// Whether a table has a column of this name that is not of nulls alone.
pub(super) fn has_values(folder: &Path, column: &str) -> Result<bool, Error> {
    if !has_column(folder, column)? {
        return Ok(false);
    }
    let empty = col(column).null_count().eq(len()).and(len().gt(lit(0)));
    let found = collect(open(folder)?.select([empty.alias("empty")]), "nulls")?;
    let empty = found.column("empty").and_then(|empty| empty.bool().map(|empty| empty.get(0)));
    Ok(empty.map_err(error::query("nulls"))? != Some(true))
}

/// A table that another program may have written: whole numbers of any width and any kind of text will do, and are
/// cast; a number that does not fit, or a null, is an error.
pub(super) fn scan_foreign(folder: &Path, columns: &[(&str, DataType)]) -> Result<LazyFrame, Error> {
    sound(scan_where(folder, columns, fits)?, folder, columns, "row")
}

/// The same with a row for each item of a column that has lists of numbers, of the rows to `keep`; `None` where none of
/// these has a list.
pub(super) fn scan_foreign_items(
    folder: &Path,
    columns: &[(&str, DataType)],
    list: &str,
    keep: Expr,
) -> Result<Option<LazyFrame>, Error> {
    let all = |kind| [columns, &[(list, kind)]].concat();
    let mut table = scan_where(folder, &all(DataType::List(Box::new(DataType::UInt32))), fits)?;
    if schema(&mut table, folder)?.get(list) == Some(&DataType::Null) {
        return Ok(None);
    }
    let lists = table.filter(keep.and(col(list).is_not_null()));
    if collect(lists.clone().select([col(list)]).limit(1), "lists")?.height() == 0 {
        return Ok(None);
    }
    let options = ExplodeOptions { empty_as_null: false, keep_nulls: false };
    let items = lists.explode(by_name([list], true, false), options);
    Ok(Some(sound(items, folder, &all(DataType::UInt32), "item")?))
}

/// Whether a column of another program's can be read as one of ours.
fn fits(got: &DataType, expected: &DataType) -> bool {
    match (got, expected) {
        (got, DataType::String) => got.is_string() || got.is_categorical(),
        (DataType::Null, DataType::List(_)) => true,
        (DataType::List(got), DataType::List(expected)) => got.is_null() || fits(got, expected),
        (got, number) => got == number || got.is_integer(),
    }
}

/// The columns of the types that are expected, if each of their values is one: a row's, or a list's item.
fn sound(mut table: LazyFrame, folder: &Path, columns: &[(&str, DataType)], place: &str) -> Result<LazyFrame, Error> {
    let schema = schema(&mut table, folder)?;
    let ask = |of: &str, what: &str, asked: fn(Expr) -> Expr| {
        asked(col(of)).cast(DataType::Float64).alias(format!("{what} {of}"))
    };
    let mut asked: Vec<Expr> = columns.iter().map(|(name, _)| ask(name, "nulls", Expr::null_count)).collect();
    let cast = columns.iter().filter(|(name, kind)| kind.is_integer() && schema.get(name) != Some(kind));
    let cast: Vec<&str> = cast.map(|(name, _)| *name).collect();
    asked.extend(cast.iter().flat_map(|name| [ask(name, "least", Expr::min), ask(name, "greatest", Expr::max)]));
    let found = collect(table.clone().select(asked), "rows")?;
    let number = |what: &str, of: &str| found.column(&format!("{what} {of}")).ok()?.f64().ok()?.get(0);
    let refused = |reason| Err(Error::Rows { folder: folder.to_path_buf(), reason });
    for (name, _) in columns {
        if let Some(count) = number("nulls", name).filter(|&count| count > 0.0) {
            return refused(format!("column `{name}`: expected a value in every {place}, got {count} nulls"));
        }
    }
    let most = f64::from(u32::MAX);
    for name in cast {
        let extremes = [number("least", name), number("greatest", name)];
        if let Some(got) = extremes.into_iter().flatten().find(|got| !(0.0..=most).contains(got)) {
            return refused(format!("column `{name}`: expected numbers from 0 to {most}, got {got}"));
        }
    }
    Ok(table.select(columns.iter().map(|(column, kind)| col(*column).strict_cast(kind.clone())).collect::<Vec<_>>()))
}

fn schema(table: &mut LazyFrame, folder: &Path) -> Result<SchemaRef, Error> {
    error::asked(folder.display().to_string(), || table.collect_schema())
}

/// Checks the files of a table, where it is there, before the engine opens them by itself.
pub(super) fn verify_all(table: &Path) -> Result<(), Error> {
    let files = TableFiles::at(table)?;
    Ok(files.iter().flat_map(TableFiles::paths).try_for_each(|path| verify(path))?)
}

/// A table, named by its folder, or by its one file with or without `.parquet`.
fn open(folder: &Path) -> Result<LazyFrame, Error> {
    let files = TableFiles::at(folder)?.ok_or_else(|| Error::NoTable(folder.to_path_buf()))?;
    error::asked(folder.display().to_string(), || frames::scan(files.paths()))
}

fn scan_where(
    folder: &Path,
    columns: &[(&str, DataType)],
    fits: impl Fn(&DataType, &DataType) -> bool,
) -> Result<LazyFrame, Error> {
    let mut table = open(folder)?;
    let schema = schema(&mut table, folder)?;
    for (column, expected) in columns {
        let got = schema.get(column);
        if !got.is_some_and(|got| fits(got, expected)) {
            return Err(Error::Column {
                folder: folder.to_path_buf(),
                column: (*column).to_owned(),
                expected: expected.to_string(),
                got: got.map_or_else(|| "none".to_owned(), DataType::to_string),
            });
        }
    }
    Ok(table.select(columns.iter().map(|(column, _)| col(*column)).collect::<Vec<_>>()))
}

fn number_documents(folder: &Path, standing: Standing, documents: DataFrame) -> PolarsResult<Split> {
    let (mut numbers, mut first_entities) = (Vec::new(), Vec::new());
    let (mut labelled, mut entities, mut pairs) = (0u32, 0u64, 0u64);
    let sizes = documents.column("n_entities")?.u32()?;
    for (is_labelled, size) in documents.column("labelled")?.bool()?.iter().zip(sizes.iter()) {
        let size = u64::from(given(size, "n_entities")?);
        first_entities.push(entities);
        pairs = pairs.saturating_add(size * size.saturating_sub(1));
        numbers.push((is_labelled == Some(true)).then_some(labelled));
        if is_labelled == Some(true) {
            labelled += 1;
            entities += size;
        }
    }
    let mut documents = documents.select(["doc_id", "n_entities"])?;
    documents.with_column(Column::new("document".into(), numbers))?;
    documents.with_column(Column::new("first_entity".into(), first_entities))?;
    let (folder, labelled) = (folder.to_path_buf(), labelled as usize);
    Ok(Split { folder, standing, documents, labelled, entities, pairs, undirected: Vec::new() })
}
