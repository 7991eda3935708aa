//! `PubTator` by the program: relations beside the articles, and tables written back.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::support::{Run, corpora, docre, rows};

const ARTICLES: &str = "1|t|Alphazine eased cough.\n1|a|Betamol did not.\n1\t0\t9\tAlphazine\tChemical\tMESH:D000001\n\
                        1\t16\t21\tcough\tDisease\tMESH:D000002\n\n2|t|Alphazine.\n2\t0\t9\tAlphazine\tChemical\t-\n";
const RELATIONS: &str = "1\tchem^disease:therapeutic\tMESH:D000001\tMESH:D000002\n3\tR\tMESH:D000001\tMESH:D000002\n";

fn convert(folder: &Path, format: &str, further: &[&str], source: &str) -> Run {
    let path = |name: &str| folder.join(name).into_os_string().into_string().unwrap();
    let (out, source) = (path("out"), path(source));
    let arguments = ["convert", "--format", format, "--split", "dev", "--force", "--out", &out];
    docre(arguments.into_iter().chain(further.iter().copied()).chain([&*source]))
}

#[test]
fn relations_may_lie_in_a_file_beside() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("articles.txt"), ARTICLES).unwrap();
    let relations = folder.path().join("relations.tsv");
    fs::write(&relations, RELATIONS).unwrap();
    let beside = ["--relations-file", relations.to_str().unwrap()];
    let run = convert(folder.path(), "pubtator", &beside, "articles.txt");
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let dev = folder.path().join("out/dev");
    assert_eq!(rows(&dev, "SELECT doc_id, head, relation, tail FROM facts"), ["1,0,chem^disease:therapeutic,1"]);
    let lost = ["relations.tsv,2,3,relation,id,\"expected the id of a document of the source, got `3`\""];
    assert_eq!(rows(&dev, "SELECT source, record, name, part, \"column\", reason FROM rejects"), lost);

    let ids = folder.path().join("ids.txt");
    fs::write(&ids, "1\n").unwrap();
    let asked = [&beside[..], &["--ids", ids.to_str().unwrap()]].concat();
    let run = convert(folder.path(), "pubtator", &asked, "articles.txt");
    assert_eq!(run.code, Some(0), "what is not asked for is not missing: {}", run.stderr);

    let run = convert(folder.path(), "jsonl", &beside, "articles.txt");
    assert!(
        run.stderr.contains("expected a file of relations with the format `pubtator` alone, got `jsonl`"),
        "{}",
        run.stderr
    );
}

#[test]
fn tables_are_written_back() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("articles.txt"), format!("{ARTICLES}\n")).unwrap();
    convert(folder.path(), "pubtator", &[], "articles.txt");
    let dev = folder.path().join("out/dev");
    let run = docre(["convert", "--to", "pubtator", dev.to_str().unwrap()]);
    assert_eq!((run.code, &*run.stdout), (Some(0), &*format!("{ARTICLES}\n")));
}

/// A corpus, its tables written back, and the tables of that: the same but for the name of the source.
#[test]
fn a_corpus_survives_the_way_back() {
    let Some(corpora) = corpora() else { return };
    let folder = TempDir::new().unwrap();
    let source = corpora.join("cdr/CDR_DevelopmentSet.PubTator.txt");
    let tables = |source: &str| {
        let run = convert(folder.path(), "pubtator", &[], source);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let dev = folder.path().join("out/dev");
        let of = |table: &str| rows(&dev, &format!("SELECT * FROM {table}"));
        ["tokens", "entities", "mentions", "facts", "pairs"].map(of)
    };
    let first = tables(source.to_str().unwrap());
    let out = folder.path().join("again.txt");
    let dev = folder.path().join("out/dev");
    docre(["convert", "--to", "pubtator", "--out", out.to_str().unwrap(), dev.to_str().unwrap()]);
    assert!(tables("again.txt") == first);
}
