//! What `docre convert` takes as its sources: compressed files, archives, folders, patterns, stdin; and what it names.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;

use crate::pipeline;
use crate::support::{CONVERSION, DOCUMENT, Run, command, corpora, docre, rows};

/// A working directory.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Converts DocRED's JSON into `out/s`, with something on stdin.
    fn convert_with(&self, stdin: &[u8], arguments: &[&str]) -> Run {
        let convert = ["convert", "--format", "docred", "--split", "s", "--out", "out", "--force"];
        let mut command = command(convert.iter().chain(arguments));
        let piped =
            command.current_dir(self.0.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        // Who refuses the arguments reads nothing.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    fn convert(&self, arguments: &[&str]) -> Run {
        self.convert_with(b"", arguments)
    }

    /// The documents of a conversion that goes well, with their sources.
    fn documents(&self, arguments: &[&str]) -> Vec<String> {
        let run = self.convert(arguments);
        assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
        self.told()
    }

    fn told(&self) -> Vec<String> {
        rows(&self.path("out/s"), "SELECT doc_id, source FROM documents ORDER BY position")
    }

    /// What is said of a conversion that fails, and leaves nothing.
    fn failure(&self, arguments: &[&str]) -> String {
        let _ = fs::remove_dir_all(self.path("out"));
        let run = self.convert(arguments);
        assert_eq!(run.code, Some(1), "{arguments:?}: {}", run.stderr);
        assert!(!self.path("out").exists(), "{arguments:?}");
        run.stderr
    }
}

/// Documents with these titles, a line each.
fn documents(titles: &[&str]) -> Vec<u8> {
    let document =
        |title: &&str| DOCUMENT.replacen("\"Altomonte\"", &format!("\"{title}\""), 1).replace('\n', " ") + "\n";
    titles.iter().map(document).collect::<String>().into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).unwrap()
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, content) in members {
        let mut header = vec![0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        archive.extend(header);
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

#[test]
fn compressed_files_are_read_whatever_they_are_called() {
    let place = Place::new();
    let two = documents(&["A", "B"]);
    place.write("dev.json.gz", gzip(&two));
    place.write("dev.zst", zstd(&two));
    place.write("blocks", [gzip(&documents(&["A"])), gzip(&documents(&["B"]))].concat());
    place.write("plain.gz", &two);
    for name in ["dev.json.gz", "dev.zst", "blocks", "plain.gz"] {
        assert_eq!(place.documents(&[name]), [format!("A,{name}"), format!("B,{name}")]);
    }
    // The same once more is up to date.
    let run = docre(
        ["convert", "--format", "docred", "--split", "s", "--out"]
            .map(PathBuf::from)
            .into_iter()
            .chain([place.path("out"), place.path("plain.gz")]),
    );
    assert!(run.stderr.contains("up to date"), "{}", run.stderr);
}

#[test]
fn members_of_an_archive_are_sources() {
    let place = Place::new();
    let (one, other) = (documents(&["A", "B"]), documents(&["C"]));
    let members: [(&str, &[u8]); 4] =
        [("d/one.json", &one), ("d/README", b"about"), ("d/.x", b"x"), ("other", &gzip(&other))];
    for (name, bytes) in
        [("c.tar", archive(&members)), ("c.tgz", gzip(&archive(&members))), ("c", zstd(&archive(&members)))]
    {
        place.write(name, bytes);
        let run = place.convert(&[name]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(
            run.stderr.contains("note: members of archives left aside: 2, the first `d/README`\n"),
            "{}",
            run.stderr
        );
        assert_eq!(
            place.told(),
            [format!("A,{name}/d/one.json"), format!("B,{name}/d/one.json"), format!("C,{name}/other")]
        );
    }
    place.write("e.tar", archive(&[("d/a.json", &one), ("d/b.zip", b"PK\x03\x04")]));
    assert!(place.failure(&["e.tar"]).contains("e.tar/d/b.zip: a zip archive: unpack it first\n"));
    // A name that is in two of them is told as ever.
    place.write("f.tar", archive(&[("a.json", &one), ("b.json", &documents(&["B", "D"]))]));
    let run = place.convert(&["f.tar"]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("f.tar/b.json: record 1 (`B`)"), "{}", run.stderr);
}

#[test]
fn a_folder_stands_for_its_files_and_a_pattern_for_those_that_it_fits() {
    let place = Place::new();
    for (name, titles) in [("part-2.json", ["C", "D"]), ("part-10.json", ["A", "B"]), ("more.json", ["E", "F"])] {
        place.write(&format!("corpus/{name}"), documents(&titles));
    }
    place.write("corpus/zipped.gz", gzip(&documents(&["G"])));
    for aside in ["LICENSE", "readme.txt", ".hidden.json", "notes.md", "nothing.json", "below/part-3.json"] {
        place.write(&format!("corpus/{aside}"), if aside == "nothing.json" { "" } else { "not JSON" });
    }
    let run = place.convert(&["corpus"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let expected =
        "note: corpus: left aside: `.hidden.json`, `LICENSE`, `below`, `notes.md`, `nothing.json` and 1 more\n";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    let parts = ["A,part-10.json", "B,part-10.json", "C,part-2.json", "D,part-2.json"];
    assert_eq!(place.told(), [&["E,more.json", "F,more.json"], &parts[..], &["G,zipped.gz"]].concat());
    assert_eq!(place.documents(&["corpus/part-*.json"]), parts);
    assert_eq!(place.documents(&["c?rpus/part-[0-9].json"]), parts[2..]);
    place.write("corpus/[x]*.json", documents(&["H"]));
    assert_eq!(place.documents(&["corpus/[x]*.json"]), ["H,[x]*.json"], "what is there is no pattern");
    assert!(
        place.failure(&["corpus/*.xml"]).contains("corpus/*.xml: expected files that the pattern fits, found none\n")
    );
    assert!(place.failure(&["corpus/[.json"]).contains("corpus/[.json: no pattern of paths: "));
    place.write("empty/README", "about");
    assert!(place.failure(&["empty"]).contains("empty: expected files of a corpus in the folder, found none\n"));
}

#[test]
fn stdin_is_a_source() {
    let place = Place::new();
    let (plain, compressed) = (documents(&["A", "B"]), gzip(&documents(&["A", "B"])));
    place.write("c.json", documents(&["C"]));
    for bytes in [&plain, &compressed] {
        let run = place.convert_with(bytes, &["-", "c.json"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert_eq!(place.told(), ["A,stdin", "B,stdin", "C,c.json"]);
    }
    let run = place.convert_with(&archive(&[("a.json", &plain)]), &["-"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(place.told(), ["A,stdin/a.json", "B,stdin/a.json"]);
    let run = place.convert_with(b"", &["-"]);
    assert_eq!(run.code, Some(1));
    // Not where it was set down, which is gone by then.
    assert!(run.stderr.starts_with("error: stdin: the file is empty"), "{}", run.stderr);
    let run = place.convert_with(b"[{\"title\": 1}]", &["-"]);
    assert!(run.stderr.starts_with("error: stdin: no document could be read"), "{}", run.stderr);
    let run = place.convert_with(&plain, &["-", "-"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("`-`: expected it once"), "{}", run.stderr);
}

#[test]
fn what_is_damaged_ends_there_and_the_next_source_goes_on() {
    let place = Place::new();
    let many: Vec<String> = (0..2000).map(|number| format!("D{number}")).collect();
    let whole = documents(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    place.write("c.json", documents(&["C"]));
    let mut changed = gzip(&whole);
    let middle = changed.len() / 2;
    changed[middle..middle + 50].fill(0xFF);
    for (bytes, expected) in [
        (cut(gzip(&whole)), "expected more of what gzip compressed, the file is cut off here"),
        (cut(zstd(&whole)), "expected more of what zstd compressed, the file is cut off here"),
        (changed, "expected what gzip compressed, it is damaged here ("),
        (cut(archive(&[("a.json", &whole)])), "expected more of the archive, the file is cut off here"),
        (cut(gzip(&archive(&[("a.json", &whole)]))), "expected more of what gzip compressed, the file is cut off here"),
    ] {
        place.write("damaged", bytes);
        let run = place.convert(&["damaged", "c.json"]);
        assert_eq!(run.code, Some(3), "{}", run.stderr);
        assert!(run.stderr.contains(expected), "{}", run.stderr);
        let rejects = rows(&place.path("out/s"), "SELECT source, record FROM rejects");
        assert_eq!(rejects.len(), 1, "{rejects:?}");
        assert!(rejects[0].starts_with("damaged"), "{rejects:?}");
        let told = place.told();
        assert!(told.len() > 400 && told.len() < 2000, "{expected}: {}", told.len());
        assert!(
            told[..told.len() - 1].iter().zip(&many).all(|(told, title)| told.starts_with(&format!("{title},damaged")))
        );
        assert_eq!(told.last().unwrap(), "C,c.json");
    }
    place.write("damaged", &gzip(&whole)[..10]);
    assert!(place.failure(&["damaged"]).contains("damaged: no document could be read"));
    assert_eq!(place.convert(&["damaged", "c.json"]).code, Some(3));
}

#[test]
fn what_is_no_corpus_is_named() {
    let place = Place::new();
    for (bytes, expected) in [
        (&b"PK\x03\x04"[..], "a zip archive: unpack it first"),
        (b"\xFD7zXZ\0", "compressed by xz: unpack it first (`xz -d`)"),
        (b"BZh9", "compressed by bzip2: unpack it first (`bunzip2`)"),
        (b"%PDF-1.4", "a PDF, not a corpus"),
        (b"<!doctype html>", "a page of HTML, not a corpus"),
        (b"\xFF\xFE[\0", "a text in UTF-16: expected UTF-8, save it so"),
        (&gzip(b""), "the file is empty"),
    ] {
        place.write("it", bytes);
        let failure = place.failure(&["it"]);
        assert!(failure.contains(&format!("error: it: {expected}\n")), "{failure}");
    }
}

#[test]
fn files_beside_the_sources_may_be_marked_and_compressed() {
    let place = Place::new();
    place.write("dev.json", documents(&["A", "B"]));
    let labels = r#"{"P131": "located in", "P17": "country"}"#;
    for (ids, labels) in [
        ("\u{FEFF}A\r\n".as_bytes().to_vec(), format!("\u{FEFF}{labels}").into_bytes()),
        (gzip("\u{FEFF}A\n".as_bytes()), zstd(labels.as_bytes())),
    ] {
        place.write("few.ids", ids);
        place.write("labels.json", labels);
        assert_eq!(
            place.documents(&["--ids", "few.ids", "--relation-labels", "labels.json", "dev.json"]),
            ["A,dev.json"]
        );
        assert_eq!(
            rows(&place.path("out/s"), "SELECT label FROM relation_types ORDER BY relation"),
            ["located in", "country"]
        );
    }
    place.write("few.ids", b"\xFF\xFEA\0");
    let failure = place.failure(&["--ids", "few.ids", "dev.json"]);
    assert!(failure.contains("few.ids: a text in UTF-16: expected UTF-8, save it so\n"), "{failure}");
    place.write("few.ids", b"\xE4\n");
    let failure = place.failure(&["--ids", "few.ids", "dev.json"]);
    assert!(failure.contains("few.ids: expected names of documents in UTF-8\n"), "{failure}");
}

/// So many bytes behind a beginning, in some thousand.
fn bomb(beginning: &[u8], byte: u8) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(beginning).unwrap();
    let block = vec![byte; 1 << 20];
    (0..300).for_each(|_| encoder.write_all(&block).unwrap());
    encoder.finish().unwrap()
}

#[test]
fn what_unfolds_without_end_is_bounded_and_the_documents_before_it_stand() {
    let place = Place::new();
    place.write("bomb.zst", bomb(&documents(&["A"]), b'{'));
    let run = place.convert(&["bomb.zst"]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("bomb.zst: record 2: record: "), "{}", run.stderr);
    assert_eq!(place.told(), ["A,bomb.zst"]);
    place.write("bomb.gz", bomb(b"1|t|Title\n1|a|Text.\n\n2|t|Title\n2|a|", b'x'));
    let path = |name: &str| place.path(name).into_os_string();
    let arguments = ["convert", "--force", "--format", "pubtator", "--split", "s", "--out"].map(Into::into);
    let run = docre(arguments.into_iter().chain([path("out"), path("bomb.gz")]));
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("bomb.gz: record 2"), "{}", run.stderr);
    assert_eq!(place.told(), ["1,bomb.gz"]);
}

#[test]
fn the_real_corpus_is_the_same_compressed() {
    let Some(corpora) = corpora() else { return };
    let place = Place::new();
    let plain = fs::read(corpora.join("redocred/dev_revised.json")).unwrap();
    place.write("a/dev.json", &plain);
    place.write("b/dev.json", gzip(&plain));
    let tables = |path: &str| {
        let run = place.convert(&[path]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let split: &Path = &place.path("out/s");
        (
            run.stderr,
            rows(split, "SELECT doc_id, head, tail, relation FROM facts"),
            rows(split, "SELECT * FROM documents"),
        )
    };
    assert_eq!(tables("a/dev.json"), tables("b/dev.json"));
}

#[test]
fn a_pipeline_takes_a_folder_of_compressed_files() {
    let place = pipeline::Place::new(&CONVERSION.replace("dev.json", "corpus"));
    fs::create_dir(place.path("corpus")).unwrap();
    let write = |name: &str, content: Vec<u8>| fs::write(place.path("corpus").join(name), content).unwrap();
    write("b.zst", zstd(&documents(&["B"])));
    write("a.gz", gzip(&documents(&["A"])));
    let told = || rows(&place.path("runs/tiny/dev"), "SELECT doc_id, source FROM documents ORDER BY position");
    assert_eq!(place.run(&[]), ["dev"]);
    assert_eq!(told(), ["A,a.gz", "B,b.zst"]);
    assert!(place.run(&[]).is_empty());
    write("c", documents(&["C"]));
    assert_eq!(place.run(&[]), ["dev"]);
    assert_eq!(told(), ["A,a.gz", "B,b.zst", "C,c"]);
}

#[cfg(target_os = "linux")]
#[test]
fn who_waits_for_stdin_stops_when_told_to() {
    let place = Place::new();
    let arguments = ["convert", "--format", "docred", "--split", "s", "--out", "out", "-"];
    let mut command = command(arguments);
    let folder = place.path("tmp");
    fs::create_dir(&folder).unwrap();
    let piped = command.current_dir(place.0.path()).env("TMPDIR", &folder).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than a pipe holds: what is behind it was read.
    stdin.write_all(&vec![b' '; 1 << 20]).unwrap();
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    assert!(!place.path("out").exists());
}
