//! Weights that lie: archives that unfold, headers that name what is not there, an index that names other files.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor, safetensors};
use docre::encoder::{LoadError, read_state_dict, read_weights};
use docre::ground::hint::Hint;
use docre::pieces::Tokenizer;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// What is said of a folder with these files.
fn said(files: &[(&str, Vec<u8>)]) -> String {
    let folder = TempDir::new().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let started = Instant::now();
    let error = read_weights(folder.path(), &Device::Cpu).unwrap_err().to_string();
    assert!(started.elapsed() < Duration::from_secs(30), "{error}");
    error
}

/// An archive with these entries, as they are.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("archive.zip");
    let mut archive = ZipWriter::new(File::create(&path).unwrap());
    for (name, content) in entries {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap();
    fs::read(path).unwrap()
}

/// The pickle of a state dict with one weight `w` of so many numbers, behind so many others in its storage.
fn pickle(size: u32, offset: u32) -> Vec<u8> {
    crate::hostile::pickle(&[size], &[1], offset)
}

#[test]
fn an_archive_unfolds_to_no_more_than_itself() {
    let of = |pickle: Vec<u8>, storage: &[u8]| archive(&[("archive/data.pkl", &pickle), ("archive/data/0", storage)]);
    let refused = |archive: Vec<u8>, expected: &str| {
        let said = said(&[("pytorch_model.bin", archive)]);
        assert!(said.contains("pytorch_model.bin: expected a PyTorch archive: ") && said.contains(expected), "{said}");
    };
    let numbers = [0; 400];
    refused(of(pickle(1 << 24, 0), &numbers), "weight `w`: is larger than the archive");
    refused(of(pickle(1, 1 << 24), &numbers), "weight `w`: expected 4 bytes in storage `0`, got 0");
    refused(of(pickle(100, 1), &numbers), "weight `w`: expected 400 bytes in storage `0`, got 396");
    // Packed, as PyTorch packs nothing: the method stands at 8 of an entry's own head, and at 10 in the list of all.
    let mut packed = of(pickle(100, 0), &numbers);
    for (mark, place) in [(b"PK\x03\x04", 8), (b"PK\x01\x02", 10)] {
        let heads: Vec<usize> = (0..packed.len() - 4).filter(|&at| packed[at..].starts_with(mark)).collect();
        assert_eq!(heads.len(), 2);
        heads.into_iter().for_each(|head| packed[head + place] = 8);
    }
    refused(packed, "ompression method");
}

#[test]
fn one_pickle_under_many_names_is_read_once() {
    // Ten names in the list of all, which lead to one pickle of 4 MB.
    let long = [b"N".repeat(4 << 20), b".".to_vec()].concat();
    let names: Vec<String> = (0..10).map(|number| format!("{number}/data.pkl")).collect();
    let mut whole = archive(&[(&names[0], &long)]);
    let list = (0..whole.len() - 4).rfind(|&at| whole[at..].starts_with(b"PK\x01\x02")).unwrap();
    let end = (0..whole.len() - 4).rfind(|&at| whole[at..].starts_with(b"PK\x05\x06")).unwrap();
    let entry = whole[list..end].to_vec();
    let mut tail = whole.split_off(end);
    whole.truncate(list);
    for name in &names {
        let mut entry = entry.clone();
        entry[46..46 + name.len()].copy_from_slice(name.as_bytes());
        whole.extend(entry);
    }
    let size = u32::try_from(whole.len() - list).unwrap();
    tail[8..10].copy_from_slice(&10u16.to_le_bytes());
    tail[10..12].copy_from_slice(&10u16.to_le_bytes());
    tail[12..16].copy_from_slice(&size.to_le_bytes());
    whole.extend(tail);
    let said = said(&[("pytorch_model.bin", whole)]);
    // By this program, or by the library that reads archives.
    assert!(said.contains("expected a pickle of at most 16777216 bytes") || said.contains("archive"), "{said}");
}

/// A safetensors file: the header's length as told, the header, and the bytes behind it.
fn file(length: u64, header: &str, data: &[u8]) -> Vec<u8> {
    [&length.to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn a_header_names_what_is_there() {
    let refused = |content: Vec<u8>| {
        let said = said(&[("model.safetensors", content)]);
        assert!(said.contains("model.safetensors: expected a whole safetensors file"), "{said}");
    };
    let told = |header: &str, data: &[u8]| refused(file(header.len() as u64, header, data));
    let weight = |kind: &str, shape: &str, ends: &str| {
        format!(r#"{{"w":{{"dtype":"{kind}","shape":{shape},"data_offsets":{ends}}}}}"#)
    };
    for length in [9, 1 << 20, 1 << 40, u64::MAX] {
        refused(file(length, "{}", &[]));
    }
    told(&weight("F32", "[1000000000]", "[0,4000000000]"), &[0; 4]);
    told(&weight("F32", "[4294967296,4294967296]", "[0,4]"), &[0; 4]);
    told(&weight("F32", "[2]", "[0,4]"), &[0; 4]);
    told(&weight("F32", "[1]", "[4,0]"), &[0; 4]);
    told(&weight("F32", "[1]", "[4,8]"), &[0; 8]);
    told(&weight("F32", "[1]", "[0,18446744073709551615]"), &[0; 4]);
    told(&weight("F32", "[1]", "[0,4]"), &[0; 8]);
    told(&weight("F33", "[1]", "[0,4]"), &[0; 4]);
    told(&weight("F32", "[-1]", "[0,4]"), &[0; 4]);
    told(&"[".repeat(1 << 20), &[]);
    let twice = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    told(twice, &[0; 4]);
}

/// A file with one number by each name.
fn shard(weights: &[(&str, f32)]) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("shard");
    let tensor = |&(name, number): &(&str, f32)| (name.to_owned(), Tensor::new(&[number], &Device::Cpu).unwrap());
    safetensors::save(&weights.iter().map(tensor).collect(), &path).unwrap();
    fs::read(path).unwrap()
}

#[test]
fn a_weight_of_two_names_is_refused() {
    let refused = |one: &str, other: &str| {
        let said = said(&[("model.safetensors", shard(&[(one, 1.0), (other, 2.0), ("cls.bias", 3.0)]))]);
        let expected =
            format!("model.safetensors: expected each weight once, got `{one}` and `{other}`, which are one");
        assert!(said.contains(&expected), "{said}");
    };
    refused("bert.embeddings.LayerNorm.bias", "embeddings.LayerNorm.bias");
    refused("bert.embeddings.LayerNorm.gamma", "bert.embeddings.LayerNorm.weight");
    refused("bert.pooler.dense.bias", "roberta.pooler.dense.bias");
}

#[test]
fn a_pointer_to_weights_is_told_as_such() {
    let pointer = b"version https://git-lfs/spec/v1\noid sha256:0\nsize 133466304\n".to_vec();
    for name in ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"] {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(name), &pointer).unwrap();
        let error = read_weights(folder.path(), &Device::Cpu).unwrap_err();
        assert!(
            error.to_string().ends_with("expected a file of the encoder's, got a pointer of Git LFS to it"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("git lfs pull"));
    }
    for name in ["tokenizer.json", "vocab.txt", "vocab.json"] {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(name), &pointer).unwrap();
        fs::write(folder.path().join("merges.txt"), "#version: 0.2\n").unwrap();
        let error = Tokenizer::load(folder.path()).err().unwrap();
        let expected = format!("{name}: expected a file of the tokenizer's, got a pointer of Git LFS to it");
        assert!(error.to_string().ends_with(&expected), "{error}");
        assert!(error.hint().unwrap().contains("git lfs pull"));
    }
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("weights.pt"), &pointer).unwrap();
    let error = read_state_dict(&folder.path().join("weights.pt"), &Device::Cpu).unwrap_err();
    assert!(matches!(error, LoadError::Pointer { .. }), "{error}");
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("pytorch_model.bin"), "no archive").unwrap();
    assert_eq!(read_weights(folder.path(), &Device::Cpu).unwrap_err().hint(), None);
}

#[test]
fn an_index_names_files_beside_it_and_what_they_hold() {
    let index =
        |entries: &str| ("model.safetensors.index.json", format!(r#"{{"weight_map":{{{entries}}}}}"#).into_bytes());
    let [one, two] = [shard(&[("a", 1.0), ("b", 1.0)]), shard(&[("a", 2.0), ("c", 2.0)])];
    let with = |entries: &str| said(&[index(entries), ("1", one.clone()), ("2", two.clone())]);
    let name = "model.safetensors.index.json: ";
    for outside in ["../1", "/etc/passwd", "folder/1", "..", "./1/..", ""] {
        let said = with(&format!(r#""a":"{outside}""#));
        assert!(
            said.contains(name) && said.contains(&format!("expected names of files beside it, got `{outside}`")),
            "{said}"
        );
    }
    assert!(with(r#""a":"3""#).ends_with("3: cannot read"));
    assert!(with(r#""a":"1","c":"1""#).contains("weight `c`: expected it in `1`, found none"));
    assert!(with(r#""b":"1","c":"2""#).contains("weight `a`: expected the name of its file, as two have one"));
    // Of two files that have one weight, the index says which counts.
    for (named, number) in [("1", 1.0), ("2", 2.0)] {
        let folder = TempDir::new().unwrap();
        let (path, index) = index(&format!(r#""a":"{named}","b":"1","c":"2""#));
        let write = |name: &str, content: &[u8]| fs::write(Path::new(folder.path()).join(name), content).unwrap();
        write(path, &index);
        write("1", &one);
        write("2", &two);
        let weights = read_weights(folder.path(), &Device::Cpu).unwrap();
        assert_eq!(weights["a"].to_vec1::<f32>().unwrap(), [number]);
        assert_eq!(weights.len(), 3);
    }
}
