//! What the fuzzers share: the readers, without the query engine and the models, so that a build takes minutes; and
//! one way to run a reader over arbitrary bytes.

use std::fs;

pub use corpus;

use corpus::formats::dialect::Dialect;
use corpus::tables::CorpusWriter;
use corpus::{Acceptance, Format, Input, Record};

/// Pairs of a document at most: few enough for a run to be short.
const MOST_PAIRS: u64 = 10_000;

/// Reads `files` (name and content) as a source of the format, and writes what is accepted to tables. A reader may
/// refuse what it will; it may not panic, run on or take memory without bound.
pub fn read(format: Format, files: &[(&str, &[u8])]) {
    let folder = tempfile::Builder::new().prefix("docre-fuzz").tempdir_in("/dev/shm").expect("a folder in memory");
    for (name, content) in files {
        fs::write(folder.path().join(name), content).expect("a file in memory");
    }
    let reader = format.reader(Dialect::default());
    let source = if let [(name, _)] = files { folder.path().join(name) } else { folder.path().to_path_buf() };
    let (rules, mut accepted) = (Acceptance { most_pairs: MOST_PAIRS, ..Acceptance::default() }, Vec::new());
    for record in reader.records(Input::at(&source)).into_iter().flatten().map_while(Result::ok) {
        let read = reader.parse_all(&record).into_iter().flatten();
        accepted.extend(read.filter_map(|document| rules.accept(document, "fuzz".into()).ok()));
    }
    if !accepted.is_empty() {
        let mut writer = CorpusWriter::create(&folder.path().join("out"), "fuzz", "", false).expect("a folder in memory");
        writer.write(&accepted).expect("tables in memory");
    }
    for (_, content) in files {
        let _ = reader.parse(&Record { number: 1, bytes: content.to_vec() });
    }
}
