//! The files of a brat folder, and of those below it, document by document; one document is in memory at a time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::cut::{BYTE_ORDER_MARK, CutError};
use crate::fault::Fault;
use crate::reader::{Record, Records};

const TEXT: &str = "txt";
/// Files of annotations, in the order in which they are read.
const ANNOTATIONS: [&str; 3] = ["ann", "a1", "a2"];
/// The file of entities that are given; that of the answers is missing where nobody has given them.
const GIVEN: &str = "a1";

/// The files of one document, as a record has them: a line of their lengths, then their bytes and the document's name.
#[derive(Debug)]
pub struct Files<'r> {
    /// The document's name.
    pub name: Cow<'r, str>,
    /// Its text, where there is one.
    pub text: Option<&'r [u8]>,
    /// Its annotations, where there are any.
    pub annotations: Option<&'r [u8]>,
    /// Whether somebody has looked for relations.
    pub labelled: bool,
}

/// What is still to be read.
enum Place {
    /// A folder, and what the names of its documents begin with.
    Folder(PathBuf, String),
    /// A document.
    Document(Paths),
}

/// Where a document's files are.
#[derive(Default)]
struct Paths {
    name: String,
    text: Option<PathBuf>,
    annotations: [Option<PathBuf>; 3],
}

/// What a file is to its document.
#[derive(Clone, Copy)]
enum Role {
    Text,
    /// Of which of the kinds.
    Annotations(usize),
}

/// The documents that are still to be read, the next one last.
struct Documents {
    places: Vec<Place>,
    number: u64,
    most_bytes: u64,
}

/// The documents of a folder, or the one whose text or annotations a path names.
///
/// # Errors
/// Where nothing of the kind is there.
pub fn records(path: &Path, most_bytes: u64) -> Result<Records, CutError> {
    let place = if path.is_dir() {
        Place::Folder(path.to_path_buf(), String::new())
    } else {
        let expected = "expected a folder, or a file `NAME.txt` or `NAME.ann` that stands in one";
        let is_member = path.ancestors().skip(1).any(Path::is_file);
        let got = if is_member { ", got one in an archive: unpack it first" } else { "" };
        Place::Document(Paths::around(path).ok_or_else(|| CutError::Format(format!("{expected}{got}")))?)
    };
    let mut documents = Documents { places: vec![place], number: 0, most_bytes }.peekable();
    if documents.peek().is_none() {
        return Err(CutError::Format("expected files `NAME.txt` and `NAME.ann`, found none".to_owned()));
    }
    Ok(Box::new(documents))
}

/// The documents and folders of a folder by their names.
fn documents(folder: &Path, before: &str) -> io::Result<BTreeMap<String, Place>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || entry.file_type()?.is_symlink() {
            continue;
        }
        if path.is_dir() {
            // A folder may be called as a document is: it comes behind it.
            found.insert(format!("{name}/"), Place::Folder(path.clone(), format!("{before}{name}/")));
        } else if let Some(role) = role(&path) {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let name = format!("{before}{stem}");
            let new = || Place::Document(Paths { name, ..Paths::default() });
            if let Place::Document(paths) = found.entry(stem).or_insert_with(new) {
                *paths.of(role) = Some(path);
            }
        }
    }
    Ok(found)
}

/// The links in a folder and in those below it: they may lead anywhere, and round. What cannot be listed has none, and is
/// told where it is read.
pub fn links(folder: &Path, before: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (name, kind) = (entry.file_name().to_string_lossy().into_owned(), entry.file_type());
        if name.starts_with('.') {
            continue;
        }
        if kind.as_ref().is_ok_and(fs::FileType::is_symlink) {
            found.push(format!("{before}{name}"));
        } else if kind.is_ok_and(|kind| kind.is_dir()) {
            links(&entry.path(), &format!("{before}{name}/"), found);
        }
    }
}

/// What a file is to its document; `None` for a file of something else.
fn role(path: &Path) -> Option<Role> {
    let ending = path.extension()?.to_str()?;
    if ending == TEXT {
        return Some(Role::Text);
    }
    ANNOTATIONS.iter().position(|kind| *kind == ending).map(Role::Annotations)
}

impl Paths {
    /// The files of the document of which one is at a path.
    fn around(path: &Path) -> Option<Self> {
        role(path).filter(|_| path.is_file())?;
        let mut paths = Self { name: path.file_stem()?.to_string_lossy().into_owned(), ..Self::default() };
        for ending in [TEXT].iter().chain(&ANNOTATIONS) {
            let beside = path.with_extension(ending);
            if let (true, Some(role)) = (beside.is_file(), role(&beside)) {
                *paths.of(role) = Some(beside);
            }
        }
        Some(paths)
    }

    fn of(&mut self, role: Role) -> &mut Option<PathBuf> {
        match role {
            Role::Text => &mut self.text,
            Role::Annotations(kind) => &mut self.annotations[kind],
        }
    }

    /// The files as a record, at most one byte more than `most` of each: it is then refused for its length.
    fn record(&self, number: u64, most: u64) -> io::Result<Record> {
        let read = |path: &Path, bytes: &mut Vec<u8>| {
            File::open(path)?.take(most.saturating_add(1)).read_to_end(bytes).map(|_| ())
        };
        let (mut text, mut annotations) = (Vec::new(), Vec::new());
        self.text.as_deref().map(|path| read(path, &mut text)).transpose()?;
        for path in self.annotations.iter().flatten() {
            let start = annotations.len();
            read(path, &mut annotations)?;
            if annotations.get(start..).is_some_and(|file| file.starts_with(BYTE_ORDER_MARK)) {
                annotations.drain(start..start + BYTE_ORDER_MARK.len());
            }
            annotations.push(b'\n');
        }
        let given = |path: &PathBuf| path.extension().is_some_and(|ending| ending == GIVEN);
        let labelled = self.annotations.iter().flatten().any(|path| !given(path));
        let length = |is_there: bool, bytes: &[u8]| if is_there { bytes.len().to_string() } else { "-".to_owned() };
        let has_annotations = self.annotations.iter().any(Option::is_some);
        let (n_text, n_annotations) = (length(self.text.is_some(), &text), length(has_annotations, &annotations));
        let mut bytes = format!("{n_text} {n_annotations} {}\n", u8::from(labelled)).into_bytes();
        bytes.extend(text);
        bytes.extend(annotations);
        bytes.extend(self.name.as_bytes());
        Ok(Record { number, bytes })
    }
}

impl Iterator for Documents {
    type Item = Result<Record, CutError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.places.pop()? {
                Place::Document(paths) => {
                    self.number += 1;
                    return Some(paths.record(self.number, self.most_bytes).map_err(CutError::from));
                }
                Place::Folder(path, before) => match documents(&path, &before) {
                    Ok(found) => self.places.extend(found.into_values().rev()),
                    Err(error) => {
                        self.places.clear();
                        return Some(Err(error.into()));
                    }
                },
            }
        }
    }
}

impl<'r> Files<'r> {
    /// Those of a record.
    ///
    /// # Errors
    /// Where it was not cut by [`records`].
    pub fn of(bytes: &'r [u8]) -> Result<Self, Fault> {
        let found = || {
            let end = memchr::memchr(b'\n', bytes)?;
            let (head, mut rest) = (str::from_utf8(bytes.get(..end)?).ok()?, bytes.get(end + 1..)?);
            let mut part = |length: &str| {
                if length == "-" {
                    return Some(None);
                }
                let (part, behind) = rest.split_at_checked(length.parse().ok()?)?;
                rest = behind;
                Some(Some(part))
            };
            let lengths: Vec<&str> = head.split(' ').collect();
            let &[n_text, n_annotations, labelled] = lengths.as_slice() else { return None };
            let (text, annotations) = (part(n_text)?, part(n_annotations)?);
            Some(Self { name: String::from_utf8_lossy(rest), text, annotations, labelled: labelled == "1" })
        };
        found().ok_or_else(|| Fault::new("record", "expected the files of a document"))
    }
}
