//! What is in a file, by its first bytes, and what is in an archive, whatever their bytes are.

use std::fs;
use std::io::{Read, Write};

use proptest::prelude::*;
use tempfile::TempDir;

use crate::CutError;
use crate::source::{Input, Sources, Unopened};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).unwrap()
}

/// A header, its sum set.
fn header(name: &[u8], size: &[u8; 12], kind: u8) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name);
    header[124..136].copy_from_slice(size);
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

fn octal(size: usize) -> [u8; 12] {
    format!("{size:011o}\0").into_bytes().try_into().unwrap()
}

/// A member with its content, filled up.
fn member(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = header(name.as_bytes(), &octal(content.len()), kind);
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), vec![0; 1024]].concat()
}

/// What the sources in a file are: their names and contents, up to damage in one, and what is wrong with others.
fn read(bytes: &[u8]) -> Vec<Result<(String, Vec<u8>), String>> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("s");
    fs::write(&path, bytes).unwrap();
    let sources = Sources::new(vec![path]);
    sources
        .map(|source: Result<Input, Unopened>| {
            let source = source.map_err(|Unopened { error, .. }| error.to_string())?;
            let (name, mut content) = (source.name().to_string(), Vec::new());
            let read = source.stream().unwrap().read_to_end(&mut content);
            match read.map_err(CutError::from) {
                Ok(_) => Ok((name, content)),
                Err(CutError::Damaged(reason)) => Err(format!("{name}, {} bytes: {reason}", content.len())),
                Err(other) => Err(other.to_string()),
            }
        })
        .collect()
}

fn only(name: &str, content: &[u8]) -> Vec<Result<(String, Vec<u8>), String>> {
    vec![Ok((name.to_owned(), content.to_vec()))]
}

#[test]
fn what_is_compressed_is_read_as_what_it_unfolds_to() {
    for text in [&b"a"[..], b"one\ntwo\n", &b"a line\n".repeat(300_000)] {
        assert_eq!(read(text), only("s", text));
        assert_eq!(read(&gzip(text)), only("s", text));
        assert_eq!(read(&zstd(text)), only("s", text));
        let several = [gzip(text), gzip(b"!"), vec![0; 3000]].concat();
        assert_eq!(read(&several), only("s", &[text, b"!"].concat()), "members one after the other, and zeros");
        let skipped = [&b"\x50\x2A\x4D\x18\x02\0\0\0ab"[..], &zstd(text), &zstd(b"!")].concat();
        assert_eq!(read(&skipped), only("s", &[text, b"!"].concat()), "frames");
        assert_eq!(read(&gzip(&zstd(text))), only("s", text));
    }
    let behind = [gzip(b"text"), b"more".to_vec()].concat();
    assert_eq!(read(&behind), [Err("s, 4 bytes: expected the end behind what gzip compressed, found more".to_owned())]);
}

#[test]
fn what_is_no_text_is_named() {
    for (bytes, expected) in [
        (&b""[..], "the file is empty"),
        (&gzip(b""), "the file is empty"),
        (b"PK\x03\x04rest", "a zip archive: unpack it first"),
        (b"\xFD7zXZ\0rest", "compressed by xz: unpack it first (`xz -d`)"),
        (b"BZh91AY&SY", "compressed by bzip2: unpack it first (`bunzip2`)"),
        (b"7z\xBC\xAF\x27\x1Crest", "a 7z archive: unpack it first"),
        (b"%PDF-1.7", "a PDF, not a corpus"),
        (b"\n <!DOCTYPE HTML>", "a page of HTML, not a corpus"),
        (b"<html lang=\"en\">", "a page of HTML, not a corpus"),
        (b"\xFF\xFE[\0", "a text in UTF-16: expected UTF-8, save it so"),
        (b"[\0{\0", "a text in UTF-16: expected UTF-8, save it so"),
        (b"\0[\0{", "a text in UTF-16: expected UTF-8, save it so"),
        (&gzip(b"PK\x03\x04rest"), "a zip archive: unpack it first"),
        (&gzip(&gzip(&gzip(b"text"))), "compressed several times: unpack it first"),
        (
            &archive(&[member("a", b'0', &archive(&[member("b", b'0', b"text")]))]),
            "an archive within an archive: unpack it first",
        ),
    ] {
        assert_eq!(read(bytes), [Err(expected.to_owned())], "{bytes:?}");
    }
    for text in
        [&b"<!DOCTYPE collection SYSTEM \"BioC.dtd\">"[..], b"<?xml version=\"1.0\"?>", b"PAR1\x15\0\x15\0", b"BZ"]
    {
        assert_eq!(read(text), only("s", text));
    }
}

#[test]
fn members_of_an_archive_are_sources_of_their_own() {
    let long = "d/".repeat(80) + "long.txt";
    let pax = format!("{} path={long}\n", long.len() + 10);
    let mut prefixed = header(b"name.txt", &octal(1), b'0');
    prefixed[345..349].copy_from_slice(b"some");
    let sum: u32 = prefixed
        .iter()
        .enumerate()
        .map(|(place, &byte)| u32::from(if (148..156).contains(&place) { b' ' } else { byte }))
        .sum();
    prefixed[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let large = [&header(b"large.txt", b"\x80\0\0\0\0\0\0\0\0\0\0\x02", b'0')[..], b"ab", &[0; 510]].concat();
    let members = [
        member("./a.txt", b'0', b"one"),
        member("folder/", b'5', b""),
        member("folder/", 0, b""),
        member("link", b'2', b""),
        member("README.md", b'0', b"about"),
        member("folder/.hidden", b'0', b"hidden"),
        member("folder/._a.txt", b'0', b"of a Mac"),
        member("nothing.txt", b'0', b""),
        member("folder/b.gz", 0, &gzip(&b"two".repeat(1000))),
        member("@LongLink", b'L', format!("{long}\0").as_bytes()),
        member("cut name", b'0', b"three"),
        member("PaxHeaders/x", b'x', pax.as_bytes()),
        member("cut name", b'0', b"four"),
        member("pax_global_header", b'g', b"17 comment=hello\n"),
        [prefixed, b"5".to_vec(), vec![0; 511]].concat(),
        large,
    ];
    let expected: Vec<_> = [
        ("s/a.txt".to_owned(), b"one".to_vec()),
        ("s/folder/b.gz".to_owned(), b"two".repeat(1000)),
        (format!("s/{long}"), b"three".to_vec()),
        (format!("s/{long}"), b"four".to_vec()),
        ("s/some/name.txt".to_owned(), b"5".to_vec()),
        ("s/large.txt".to_owned(), b"ab".to_vec()),
    ]
    .into_iter()
    .map(Ok)
    .collect();
    let whole = archive(&members);
    assert_eq!(read(&whole), expected);
    assert_eq!(read(&gzip(&whole)), expected);
    assert_eq!(read(&zstd(&whole)), expected);
}

#[test]
fn what_is_wrong_in_an_archive_is_damage() {
    let good = member("a", b'0', b"one");
    let mut flipped = member("b", b'0', b"two");
    flipped[0] ^= 1;
    for (second, expected) in [
        (flipped, "expected a header in the archive, its sum is not right"),
        (member("b", b'S', b""), "expected plain files in the archive, got one of type `S`"),
        (
            header(b"b", &octal(1 << 21), b'L'),
            "expected at most 1048576 bytes about a file in the archive, got 2097152",
        ),
        (header(b"b", b"9\0\0\0\0\0\0\0\0\0\0\0", b'0'), "expected a number in a header of the archive"),
        (member("b", b'x', b"999 path=x\n"), "expected `LENGTH KEY=VALUE` of pax about a file in the archive"),
        (member("b", b'x', b"22 GNU.sparse.major=1\n"), "expected plain files in the archive, got a sparse one"),
    ] {
        let read = read(&archive(&[good.clone(), second]));
        assert_eq!(read, [Ok(("s/a".to_owned(), b"one".to_vec())), Err(expected.to_owned())]);
    }
}

#[test]
fn damage_is_told_once_behind_what_is_whole() {
    let members = [member("a", b'0', &b"one".repeat(400)), member("b", b'0', &b"two".repeat(400))];
    let whole = archive(&members);
    // Each member has a header and three blocks; within the second's content, only that is lost.
    let told = read(&whole[..6 * 512 + 7]);
    assert_eq!(told.len(), 2);
    assert_eq!(told[1], Err("s/b, 519 bytes: expected more of the archive, the file is cut off here".to_owned()));
    for end in 512..whole.len() - 512 {
        let told = read(&whole[..end]);
        assert_eq!(told.iter().filter(|one| one.is_err()).count(), 1, "{end}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_told(
        magic in prop::sample::select(vec![&b""[..], b"\x1F\x8B\x08", b"\x28\xB5\x2F\xFD", b"\x50\x2A\x4D\x18"]),
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        read(&[magic, &bytes].concat());
    }

    #[test]
    fn what_is_cut_off_gives_the_text_before_it(
        text in prop::collection::vec("[a-z ]{0,80}", 1..200),
        share in 0.0..1.0f64,
    ) {
        let text = text.join("\n").into_bytes();
        for whole in [gzip(&text), zstd(&text)] {
            let end = (whole.len() as f64 * share) as usize;
            if end < 4 {
                continue;
            }
            let folder = TempDir::new().unwrap();
            let path = folder.path().join("s");
            fs::write(&path, &whole[..end]).unwrap();
            let mut content = Vec::new();
            let read = Input::at(&path).stream().unwrap().read_to_end(&mut content);
            prop_assert!(text.starts_with(&content));
            let is_damage = matches!(read.map_err(CutError::from), Err(CutError::Damaged(_)));
            prop_assert!(is_damage || content == text);
        }
    }

    #[test]
    fn a_changed_archive_is_read_or_told(place in 0usize..3072, byte in any::<u8>(), end in 0usize..3584) {
        let mut bytes = archive(&[member("a", b'0', b"one"), member("h", b'x', b"9 path=b\n"), member("c", b'0', b"two")]);
        bytes[place] = byte;
        read(&bytes);
        read(&bytes[..end.min(bytes.len())]);
    }
}

#[test]
fn names_that_are_aside() {
    use crate::source::listing::is_aside;
    for name in [
        "README",
        "readme.txt",
        "README_first",
        "d/LICENSE",
        ".x",
        ".git/config",
        "a/__MACOSX/._b",
        "notes.md",
        "x.pdf",
    ] {
        assert!(is_aside(name), "{name}");
    }
    for name in ["readmission.xml", "a.xml", "./a.xml", "licensed.json", "d.d/a.txt"] {
        assert!(!is_aside(name), "{name}");
    }
}
