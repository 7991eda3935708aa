//! Encoders, tokenizers, archives and names that mean harm: refused or shown in words, in little time and memory.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use candle_core::{Device, Tensor};
use docre::checkpoint::Checkpoint;
use docre::encoder::{read_config, read_weights};
use docre::ground::aligned::{self, Side};
use docre::ground::excerpt::harmless;
use docre::pieces::Tokenizer;
use docre::table;
use docre::table::rows::RelationRow;
use serde_json::{Value, json};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::golden::folder;
use crate::support::{docre, rows};

/// Reads an archive of PyTorch with a pickle and one storage, `archive/data/0`.
fn unpickled(pickle: &[u8], storage: &[u8]) -> Result<Vec<(String, Tensor)>, String> {
    let folder = TempDir::new().unwrap();
    let mut archive = ZipWriter::new(File::create(folder.path().join("pytorch_model.bin")).unwrap());
    for (name, content) in [("archive/data.pkl", pickle), ("archive/data/0", storage)] {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap();
    let read = read_weights(folder.path(), &Device::Cpu);
    read.map(|weights| weights.into_iter().collect()).map_err(|error| error.to_string())
}

/// The pickle of a state dict with a weight `w` of a shape, that many numbers into the storage.
pub fn pickle(shape: &[u32], strides: &[u32], offset: u32) -> Vec<u8> {
    let number = |number: &u32| [&b"J"[..], &number.to_le_bytes()].concat();
    let tuple = |items: &[u32]| [&b"("[..], &items.iter().flat_map(number).collect::<Vec<_>>(), b"t"].concat();
    let text = |text: &str| [&b"X"[..], &u32::try_from(text.len()).unwrap().to_le_bytes(), text.as_bytes()].concat();
    [
        &b"\x80\x02}("[..],
        &text("w"),
        b"ctorch._utils\n_rebuild_tensor_v2\n((",
        &text("storage"),
        b"ctorch\nFloatStorage\n",
        &text("0"),
        &text("cpu"),
        b"K\x06tQ",
        &number(&offset),
        &tuple(shape),
        &tuple(strides),
        b"\x89Nt",
        b"Ru.",
    ]
    .concat()
}

#[test]
fn an_archive_is_read_as_far_as_it_is_true() {
    let storage: Vec<u8> = (0..6u8).flat_map(|number| f32::from(number).to_le_bytes()).collect();
    let values = |shape, strides, offset| {
        let [(name, weight)] = &unpickled(&pickle(shape, strides, offset), &storage).unwrap()[..] else { panic!() };
        assert_eq!(name, "w");
        weight.to_vec2::<f32>().unwrap()
    };
    assert_eq!(values(&[2, 3], &[3, 1], 0), [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]);
    assert_eq!(values(&[2, 2], &[2, 1], 2), [[2.0, 3.0], [4.0, 5.0]]);
    assert_eq!(values(&[2, 3], &[1, 2], 0), [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]);
    let refused = |shape, strides, offset, expected: &str| {
        let error = unpickled(&pickle(shape, strides, offset), &storage).unwrap_err();
        assert!(error.contains(&format!("weight `w`: {expected}")), "{error}");
    };
    refused(&[2, 3], &[3, 1], 1, "expected 24 bytes in storage `0`, got 20");
    refused(&[2, 3], &[3, 1], i32::MAX as u32, "expected 24 bytes in storage `0`, got 0");
    refused(&[1 << 30, 1 << 30], &[1 << 30, 1], 0, "is larger than the archive");
    refused(&[2, 3], &[1, 1], 0, "expected numbers one after another, got strides [1, 1]");
    refused(&[2, 3], &[], 0, "expected numbers one after another, got strides []");
    refused(&[1; 9], &[1; 9], 0, "expected at most 8 dimensions, got 9");
    refused(&[2, 3], &[1; 100_000], 0, "expected at most 8 dimensions, got 100000");
}

#[test]
fn a_pickle_costs_no_more_than_its_length() {
    let of = |parts: &[&[u8]]| unpickled(&parts.concat(), &[]);
    // Each tuple holds the last one twice: 2^60 objects, were they copies.
    assert_eq!(of(&[b"\x80\x02)", &b"q\x00h\x00\x86".repeat(60), b"."]).unwrap().len(), 0);
    // A million tuples, each in the next.
    assert_eq!(of(&[b"\x80\x02)", &b"\x85".repeat(1_000_000), b"."]).unwrap().len(), 0);
    // A weight that is given a hundred thousand times is there once.
    let whole = pickle(&[], &[], 0);
    let again = b"X\x01\x00\x00\x00wh\x00".repeat(100_000);
    let number = 7f32.to_le_bytes();
    let weights = unpickled(&[&whole[..whole.len() - 2], b"q\x00", &again, b"u."].concat(), &number).unwrap();
    let [(_, weight)] = &weights[..] else { panic!() };
    assert_eq!(weight.to_scalar::<f32>().unwrap(), 7.0);
    let refused = |parts: &[&[u8]], expected: &str| {
        let error = of(parts).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    // A dictionary that takes its own entries forty times, and two that take each other's: 2^40 entries and more.
    let copies = "the pickle copies more than 4194304 entries of dictionaries";
    refused(&[b"\x80\x02}q\x00)Ns", &b"h\x00h\x00b".repeat(40), b"."], copies);
    refused(&[b"\x80\x02}q\x00)Ns}q\x01)Ns", &b"h\x00h\x01bh\x01h\x00b".repeat(40), b"."], copies);
    refused(&[&b")".repeat(5_000_000)], "the pickle has more than 4194304 objects");
    refused(&[&b"N".repeat(17 << 20)], "expected a pickle of at most 16777216 bytes, got a longer one");
    // Four gigabytes of text, of which nothing is there.
    refused(&[b"X\xff\xff\xff\xff"], "the pickle ends too early");
    refused(&[b"\x86."], "takes from an empty stack");
    refused(&[b"t."], "misses a mark");
    refused(&[b"h\x07."], "recalls 7");
    refused(&[b"\x8a\xff"], "numbers of at most 8 bytes");
    refused(&[b"\xff"], "instruction 0xff of the pickle is not known");
    // A tensor of nothing, and of a storage that is none.
    for arguments in [&b")"[..], b"(K\x00K\x00K\x00K\x00t", b"()QK\x00))t"] {
        let start: &[u8] = b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n";
        refused(&[start, arguments, b"Rs."], "weight `w`: expected storage, offset, shape and strides");
    }
}

#[test]
fn a_pickle_calls_nothing() {
    let mark = TempDir::new().unwrap();
    let path = mark.path().join("called");
    let command = format!("touch {}", path.display());
    let text = [&b"X"[..], &u32::try_from(command.len()).unwrap().to_le_bytes(), command.as_bytes()].concat();
    let pickle = [&b"\x80\x02cposix\nsystem\n("[..], &text, b"tR."].concat();
    assert_eq!(unpickled(&pickle, &[]).unwrap().len(), 0);
    assert!(!path.exists());
}

#[test]
fn an_encoder_of_absurd_size_is_refused() {
    let golden = fs::read_to_string(folder("atlop_bert").join("config.json")).unwrap();
    let golden: Value = serde_json::from_str(&golden).unwrap();
    let encoder = TempDir::new().unwrap();
    for name in ["vocab_size", "hidden_size", "num_hidden_layers", "intermediate_size", "max_position_embeddings"] {
        for size in [1_000_000_000u64, u64::MAX] {
            let mut config = golden.clone();
            config[name] = json!(size);
            fs::write(encoder.path().join("config.json"), config.to_string()).unwrap();
            let error = read_config(encoder.path()).unwrap_err().to_string();
            assert!(error.contains(&format!("`{name}`: expected at most ")), "{error}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_in_a_folder_is_no_file() {
    let model = TempDir::new().unwrap();
    let pipe = |name: &str| assert!(Command::new("mkfifo").arg(model.path().join(name)).status().unwrap().success());
    pipe("config.json");
    let error = read_config(model.path()).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "expected a file, found something else");
    assert!(Checkpoint::load(model.path(), &Device::Cpu).is_err());
    for name in ["model.safetensors", "pytorch_model.bin", "tokenizer.json", "vocab.txt"] {
        pipe(name);
    }
    assert!(read_weights(model.path(), &Device::Cpu).is_err());
    assert!(Tokenizer::load(model.path()).is_err());
    // A shard that the index names.
    fs::remove_file(model.path().join("model.safetensors")).unwrap();
    fs::write(model.path().join("model.safetensors.index.json"), r#"{"weight_map": {"w": "pytorch_model.bin"}}"#)
        .unwrap();
    assert!(read_weights(model.path(), &Device::Cpu).is_err());
}

/// What is said of the golden tokenizer of a folder, changed.
fn changed(name: &str, change: impl Fn(&mut Value)) -> Result<Tokenizer, String> {
    let text = fs::read_to_string(folder(name).join("tokenizer.json")).unwrap();
    let mut described: Value = serde_json::from_str(&text).unwrap();
    change(&mut described);
    Tokenizer::from_json(&described.to_string()).map_err(|error| error.to_string())
}

#[test]
fn a_tokenizer_cuts_any_word_and_each_time_alike() {
    let refused = |name: &str, change: &dyn Fn(&mut Value), expected: &str| {
        let error = changed(name, change).err().unwrap();
        assert!(error.contains(expected), "{error}");
    };
    // A trie said to have 2^30 entries, one of none, and a replacement of 2,000 letters.
    let precompiled = |table: &str| json!({"type": "Precompiled", "precompiled_charsmap": table});
    let long = format!("BAAAAAAAAAAA{}", "YWFh".repeat(2000 / 3));
    let wordless = json!({"type": "FixedLength", "length": 0});
    let replace = |to: &str| json!({"type": "Replace", "pattern": {"String": "a"}, "content": to});
    let normalizers = |all: Vec<Value>| json!({"type": "Sequence", "normalizers": all});
    for table in ["AAAA", "/////wAAAAA=", "AAAAAAAA", "no base 64"] {
        let expected = "`precompiled_charsmap`: expected a table of SentencePiece's";
        refused("atlop_bert", &|all| all["normalizer"] = precompiled(table), expected);
        refused("atlop_bert", &|all| all["normalizer"] = normalizers(vec![precompiled(table)]), expected);
    }
    refused("atlop_bert", &|all| all["normalizer"] = normalizers(vec![precompiled(&long); 2]), "to grow 1000 times");
    refused("atlop_bert", &|all| all["pre_tokenizer"] = wordless.clone(), "got `FixedLength`");
    // Each makes two bytes of one that is no ASCII.
    let bytes = || json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    refused("atlop_bert", &|all| all["normalizer"] = normalizers(vec![bytes(); 22]), "to grow 1000 times at most");
    let doubled = json!({"type": "Sequence", "pretokenizers": vec![bytes(); 30]});
    refused("atlop_bert", &|all| all["pre_tokenizer"] = doubled.clone(), "the normalizer's included");
    let hidden = json!({"type": "Sequence", "normalizers": [], "pretokenizers": vec![bytes(); 30]});
    refused("atlop_bert", &|all| all["pre_tokenizer"] = hidden.clone(), "the normalizer's included");
    let growing = normalizers(vec![replace("aaaaaaaaaa"); 30]);
    refused("atlop_bert", &|all| all["normalizer"] = growing.clone(), "expected a word to grow 1000 times at most");
    refused("atlop_bert", &|all| all["model"]["vocab"]["far"] = json!(3_000_000_000u32), "expected ids below 16777216");
    let longest = |length: u32| move |all: &mut Value| all["model"]["max_input_chars_per_word"] = json!(length);
    let expected = "`max_input_chars_per_word`: expected at most 1000, got 1000000000";
    refused("atlop_bert", &longest(1_000_000_000), expected);
    assert!(changed("atlop_bert", longest(1000)).is_ok());
    refused("atlop_roberta", &|all| all["model"]["dropout"] = json!(0.1), "`dropout`: expected none");
    refused("atlop_roberta", &|all| all["model"]["continuing_subword_prefix"] = json!("é"), "`merges`: expected");
    let harmless = changed("atlop_bert", |all| all["normalizer"] = normalizers(vec![replace("b"); 30])).ok().unwrap();
    assert_eq!(harmless.pieces("a").unwrap(), harmless.pieces("b").unwrap());
    assert!(changed("atlop_roberta", |all| all["model"]["dropout"] = json!(0.0)).is_ok());
}

#[test]
fn what_steers_a_terminal_is_escaped() {
    assert_eq!(harmless("a path/to it: `漢` 👩‍👧\n\tas it is"), "a path/to it: `漢` 👩‍👧\n\tas it is");
    assert_eq!(
        harmless("\u{1b}[2J\r\u{9b}\u{202e}\u{2028}\u{feff}\0"),
        r"\u{1b}[2J\r\u{9b}\u{202e}\u{2028}\u{feff}\u{0}"
    );
    let cells = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
    let rows = [cells(["\u{1b}[31m", "\u{202e}"])];
    let lines: Vec<String> =
        aligned::lines(&cells(["a\nb", &"x".repeat(100_000)]), &[Side::Left, Side::Right], None, &rows).collect();
    assert_eq!(
        lines,
        [format!(r"a\nb        {}…", "x".repeat(71)), format!(r"\u{{1b}}[31m{}\u{{202e}}", " ".repeat(66))]
    );
}

/// Fails where a text would steer the terminal.
fn assert_plain(text: &str) {
    let steers = |c: char| (c.is_control() && c != '\n') || ('\u{2028}'..='\u{202e}').contains(&c);
    assert!(!text.contains(steers), "{text:?}");
}

#[test]
fn no_name_reaches_the_terminal_as_it_is() {
    let name = "\u{1b}[31m\u{202e}\u{2028}\r";
    let run = TempDir::new().unwrap();
    let path = |name: &str| run.path().join(name).to_str().unwrap().to_owned();
    // An error, whose path it is.
    let absent = docre(["query", &path(name), "SELECT 1"]);
    assert_eq!(absent.code, Some(1));
    assert_plain(&absent.stderr);
    // A relation, longer than a width can be; and a record that is rejected.
    let long = format!("{name}{}", "r".repeat(70_000));
    let document = |title: &str, relation: &str, tail: u32| {
        let entity = |place: u32| json!([{"name": name, "type": name, "sent_id": 0, "pos": [place, place + 1]}]);
        json!({"title": title, "sents": [[name, name]], "vertexSet": [entity(0), entity(1)],
               "labels": [{"r": relation, "h": 0, "t": tail, "evidence": []}]})
    };
    fs::write(path("test.json"), json!([document("a", &long, 1), document(name, &long, 7)]).to_string()).unwrap();
    let converted = docre(["convert", "--format", "docred", "--split", "test", "--out", &path(""), &path("test.json")]);
    assert_eq!(converted.code, Some(3), "{}", converted.stderr);
    assert_plain(&converted.stderr);
    let relation = RelationRow {
        run_id: "r".into(),
        doc_id: "a".into(),
        head: 0,
        tail: 1,
        relation: long.as_str().into(),
        logit: 2.0,
        threshold_logit: 1.0,
        probability: 0.7,
        rank: 1,
        base_probability: None,
        iteration: None,
    };
    table::write(run.path(), "f", vec![relation]).unwrap();
    let arguments = ["evaluate", "--corpus", &path("test"), "--relations", &path(""), "--out", &path("figures")];
    let told = docre(arguments.into_iter().chain(["--per-relation", "--resamples", "10"]));
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    assert_plain(&told.stdout);
    assert!(told.stdout.contains("rrr…") && told.stdout.lines().all(|line| line.chars().count() < 200));
    // A table for people, its heads too; for programs the name is whole.
    let sql = format!("SELECT relation AS \"{name}\" FROM facts");
    assert_plain(&docre(["query", &path("test"), &sql, "--format", "table"]).stdout);
    let json = docre(["query", &path("test"), "SELECT relation FROM facts", "--format", "json"]).stdout;
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["relation"], json!(long));
}

#[test]
fn a_record_that_is_too_long_is_rejected() {
    let folder = TempDir::new().unwrap();
    let source = folder.path().join("test.jsonl");
    let line = |id: &str, text: &str| json!({"id": id, "text": text, "entities": [], "relations": []}).to_string();
    fs::write(&source, [line("long", &"word ".repeat(100)), line("short", "A word.")].join("\n")).unwrap();
    let out = folder.path().to_str().unwrap();
    let convert = |most: &str| {
        let arguments = ["convert", "--format", "jsonl", "--split", "test", "--force", "--out", out];
        docre(arguments.into_iter().chain(["--most-bytes", most, source.to_str().unwrap()]))
    };
    let run = convert("100");
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let words = "record 1: record: expected at most 100 bytes (`--most-bytes`, `most_bytes` in a pipeline), got more";
    assert!(run.stderr.contains(words), "{}", run.stderr);
    assert_eq!(rows(&folder.path().join("test"), "SELECT doc_id FROM documents"), ["short"]);
    assert_eq!(convert("1000").code, Some(0));
}

/// Whether a path leads to a page of these.
fn is_one_of(path: &Path, pages: &[Vec<u8>]) -> bool {
    pages.contains(&fs::read(path).unwrap())
}

#[test]
fn pages_that_are_made_at_once_are_whole() {
    let made = TempDir::new().unwrap();
    let runs = [1, 2].map(|seed| {
        let run = made.path().join(seed.to_string());
        let arguments = ["synthesize", "--docs", "20", "--split", "test", "--seed", &seed.to_string(), "--out"];
        assert_eq!(docre(arguments.into_iter().chain([run.to_str().unwrap()])).code, Some(0));
        run
    });
    let report = |run: &Path, out: &Path| {
        let mut command = crate::support::command(["report", run.to_str().unwrap(), "--out", out.to_str().unwrap()]);
        command.stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let pages = [0, 1].map(|place| {
        let out = made.path().join(format!("{place}.html"));
        assert!(report(&runs[place], &out).wait().unwrap().success());
        fs::read(&out).unwrap()
    });
    assert_ne!(pages[0], pages[1]);
    for round in 0..5 {
        // At first there is no page, and then there is one.
        let out = made.path().join(format!("page-{}.html", round / 2));
        let started: Vec<_> = (0..4).map(|place| report(&runs[place % 2], &out)).collect();
        for child in started {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        assert!(is_one_of(&out, &pages));
    }
}
