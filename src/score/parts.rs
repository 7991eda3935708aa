//! The parts of tables in the making: written as they are finished, kept if the run is killed, put together at its end.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ground::identity::Identity;
use ground::present;
use model::example::Example;
use model::predict::Found;
use pieces::CutOff;
use table::rows::{ClaimRow, ScoreRow, SentenceWeightRow, TraceRow};
use table::{Lock, Ours, Row, Staging, TableError, TableFiles, TableWriter, Text};

use super::ended::Scored;
use super::error::ScoreError;
use super::limit::TooLarge;
use super::purpose::Met;
use super::rows::Rows;

/// Where finished shards leave word, beside the parts.
pub const SHARDS: &str = "shards";
/// Under this key what lies among the parts says of which run it is.
pub const RUN: &str = "run";
/// Rows that are built at once.
const ROWS_AT_ONCE: usize = 1 << 18;

/// Some documents and what is predicted of them.
pub struct Part {
    /// A hash of the model and of the documents.
    pub key: String,
    /// How many documents there are.
    pub documents: u64,
    /// What they lost at their ends.
    pub cut_off: CutOff,
    /// Documents beside these that are too large.
    pub too_large: Vec<TooLarge>,
    /// What was met in all of them.
    pub met: Met,
    /// The name of each and what is predicted of it; `None` where an earlier run has written it.
    pub found: Option<Vec<(Text, Found)>>,
}

impl Part {
    /// Whether an earlier run has written it below `work`: its scores are the last that it wrote.
    pub fn is_kept(&self, (work, weighed): (&Path, bool)) -> Result<bool, TableError> {
        is_kept(work, &self.key, weighed)
    }
}

/// Whether a part is finished below `work`, with the weights of sentences or without, and nothing of it damaged since.
pub fn is_kept(work: &Path, key: &str, weighed: bool) -> Result<bool, TableError> {
    let folder = work.join(key);
    let of_each = [ScoreRow::schema(), ClaimRow::schema(), TraceRow::schema()];
    for schema in of_each.into_iter().chain(weighed.then(SentenceWeightRow::schema)) {
        if table::fingerprint(&folder, &schema.name)?.as_deref() != Some(key) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// With a document as a model sees it. Every field is named; labels and evidence, which no prediction hangs on, are
/// left out.
pub fn with_example(identity: Identity, example: &Example) -> Identity {
    let Example {
        doc_id,
        ids,
        mentions,
        mention_ends,
        n_mentions,
        pairs,
        labels: _,
        absent,
        truncated,
        sentences,
        evidence: _,
        first,
        kept: _,
    } = example;
    let identity = identity
        .field("doc_id", doc_id)
        .numbers("ids", ids.iter().copied().map(u64::from))
        .numbers("mentions", mentions.iter().copied().map(u64::from))
        .numbers("mention_ends", mention_ends.iter().copied().map(u64::from))
        .numbers("n_mentions", n_mentions.iter().map(|&count| count as u64))
        .numbers("pairs", pairs.iter().flat_map(|&(head, tail)| [head, tail]).map(u64::from))
        .numbers("sentences", sentences.iter().copied().map(u64::from))
        .field("truncated", truncated);
    let identity = if absent.is_empty() { identity } else { identity.field("absent", absent) };
    if first.is_some() { identity.field("first", first) } else { identity }
}

/// The finished parts of a run, in order.
pub struct Parts {
    /// What was done so far.
    pub scored: Scored,
    /// What was met so far.
    pub met: Met,
    work: PathBuf,
    /// Identifies the run.
    run: String,
    /// Whether those that are kept have the weights of sentences.
    weighed: bool,
    folders: Vec<PathBuf>,
}

/// Where the parts of a table in `out` are kept.
pub fn work_folder(out: &Path) -> PathBuf {
    out.join(".scores.work")
}

impl Parts {
    /// No parts yet of a table in `out`, of the run that this identifies, with the weights of sentences or without.
    pub fn new(out: &Path, run: &str, weighed: bool) -> Self {
        let (scored, met) = (Scored::default(), Met::default());
        Self { scored, met, work: work_folder(out), run: run.to_owned(), weighed, folders: Vec::new() }
    }

    /// Writes the next part, unless it is there.
    pub fn keep(&mut self, part: Part, rows: &Rows<'_>) -> Result<(), ScoreError> {
        let (folder, key) = (self.work.join(&part.key), (part.key.as_str(), self.run.as_str()));
        match &part.found {
            Some(found) => {
                // What is there is not whole.
                remove(&folder)?;
                if self.weighed {
                    write(&folder, key, found.iter().flat_map(|(name, found)| rows.sentences(name, found)))?;
                }
                write(&folder, key, found.iter().flat_map(|(name, found)| rows.traces(name, found)))?;
                write(&folder, key, found.iter().flat_map(|(name, found)| rows.claims(name, found)))?;
                write(&folder, key, found.iter().flat_map(|(name, found)| rows.scores(name, found)))?;
            }
            None => self.scored.kept += part.documents,
        }
        self.scored.documents += part.documents;
        self.scored.cut_off += part.cut_off;
        self.met += &part.met;
        self.scored.too_large += part.too_large.len() as u64;
        self.folders.push(folder);
        Ok(())
    }

    /// Parts that were finished before, in order, by their keys.
    pub fn finished(out: &Path, run: &str, (scored, met): (Scored, Met), keys: &[String]) -> Self {
        let (work, run) = (work_folder(out), run.to_owned());
        let folders = keys.iter().map(|key| work.join(key)).collect();
        Self { scored, met, work, run, weighed: false, folders }
    }

    /// What identifies each, in order.
    pub fn keys(&self) -> Vec<String> {
        self.folders.iter().filter_map(|folder| key_of(folder)).map(str::to_owned).collect()
    }

    /// Puts a table of the parts together, by columns: their rows are not looked at.
    pub fn join<R: Row + 'static>(&self, writer: TableWriter<R>) -> Result<(), TableError> {
        table::join(&self.folders, writer)
    }

    /// Removes them, once the table stands, and what dead runs have left; where shards of another run are finished, whose
    /// parts are these `others`, only what is not among those.
    pub fn remove(mut self, others: Option<&BTreeSet<String>>) -> Result<Scored, ScoreError> {
        let own = std::mem::take(&mut self.folders).into_iter();
        let gone = match others {
            Some(others) => own.filter(|folder| key_of(folder).is_some_and(|key| !others.contains(key))).collect(),
            None => vec![self.work.clone()],
        };
        gone.iter().try_for_each(|path| remove(path))?;
        Ok(self.scored)
    }
}

impl Drop for Parts {
    /// Finished parts are kept; where there are none, nothing is.
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.work);
    }
}

/// Removes the parts that a run has left which was killed, where its table stands in `out` and nobody makes it anew. They
/// stay where another run than this one has finished any: it goes on from them.
pub fn remove_leftovers(out: &Path, run: &str) {
    let work = work_folder(out);
    if work.exists()
        && !holds_another(&work, run)
        && let Ok(_held) = Lock::beside(&out.join(&ScoreRow::schema().name))
        && Ours::TABLES.is_left(&work)
    {
        // What stays hinders nobody, and the next run tries again.
        let _ = fs::remove_dir_all(&work);
    }
}

/// Whether a part of another run is finished, or a shard of one has left word.
fn holds_another(work: &Path, run: &str) -> bool {
    let of = |folder: &Path| TableFiles::find(folder, &ScoreRow::schema().name).ok()??.note(RUN).ok()?;
    let folders = [work.to_path_buf(), work.join(SHARDS)];
    let entries = folders.into_iter().flat_map(fs::read_dir).flatten().flatten();
    entries.map(|entry| entry.path()).any(|folder| of(&folder).is_some_and(|of| of != run))
}

/// Writes a table of a part, some of its rows at a time. The key and the run identify it and whose it is.
fn write<R: Row + 'static>(
    folder: &Path,
    (key, run): (&str, &str),
    mut rows: impl Iterator<Item = Result<R, ScoreError>>,
) -> Result<(), ScoreError> {
    let staging = Staging::begin(&folder.join(&R::schema().name))?;
    let mut writer = TableWriter::inside(staging.folder().to_path_buf(), key).noting(RUN, run.to_owned());
    loop {
        let some: Vec<R> = rows.by_ref().take(ROWS_AT_ONCE).collect::<Result<_, _>>()?;
        let is_last = some.len() < ROWS_AT_ONCE;
        writer.set_down(some)?;
        if is_last {
            break;
        }
    }
    writer.finish()?;
    Ok(staging.commit()?)
}

fn key_of(folder: &Path) -> Option<&str> {
    folder.file_name()?.to_str()
}

/// Removes a folder of ours, where it stands.
pub fn remove(folder: &Path) -> Result<(), ScoreError> {
    let removed = present(fs::remove_dir_all(folder)).map(drop);
    removed.map_err(|source| ScoreError::Remove { path: folder.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Example {
        Example {
            doc_id: "a".into(),
            ids: vec![1, 2],
            mentions: vec![0, 1],
            mention_ends: vec![0, 1],
            n_mentions: vec![1, 1],
            pairs: vec![(0, 1)],
            labels: vec![vec![3]],
            truncated: 0,
            sentences: vec![0, 1],
            ..Example::default()
        }
    }

    #[test]
    fn a_part_hangs_on_all_that_its_documents_are_predicted_from() {
        let key = |example: &Example| with_example(Identity::of("part"), example).finish();
        let changes: [fn(&mut Example); 12] = [
            |example| example.doc_id = "b".into(),
            |example| example.ids[1] = 3,
            |example| example.ids.push(0),
            |example| example.mentions.swap(0, 1),
            |example| example.mention_ends.swap(0, 1),
            |example| example.n_mentions = vec![2],
            |example| example.pairs = vec![(1, 0)],
            |example| example.truncated = 1,
            |example| example.sentences = vec![0],
            |example| example.absent = vec![2],
            |example| example.first = Some(Vec::new()),
            |example| example.first = Some(vec![(0, 1, 2)]),
        ];
        for (place, change) in changes.into_iter().enumerate() {
            let mut changed = example();
            change(&mut changed);
            assert_ne!(key(&changed), key(&example()), "{place}");
        }
        assert_eq!(key(&Example { labels: vec![Vec::new()], ..example() }), key(&example()));
        assert_eq!(key(&Example { evidence: vec![((0, 1), vec![0])], ..example() }), key(&example()));
    }
}
