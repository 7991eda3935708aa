//! Documents as a brat folder, with the configuration by which brat shows what is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use ground::excerpt::quoted;

use super::super::tied::{self, Spanned, closest};
use crate::document::{Document, Entity, Mention};
use crate::fault::Remark;
use crate::losses::Noted;
use crate::text::Characters;
use crate::writer::{Claim, Written};

/// What brat wants before an identifier that names no knowledge base.
pub const NO_BASE: &str = "id:";

const UNLABELLED: &str = "documents that are not labelled, which brat cannot say: to be read with `--unlabelled`";
/// What brat reads the types of annotations from.
const UNTITLED: &str = "titles with which no text begins, for which brat has no place, not written";
/// What a file of text has as blanks, so that who reads it finds the mentions as they are annotated.
const UNSEEN: &str = "documents with control characters, which brat's files have as blanks";
const CONFIGURATION: &str = "annotation.conf";
/// Bytes of a file's name that a document's may take.
const LONGEST_NAME: usize = 150;

/// A folder in the making.
///
/// A document has its text and one file of annotations. All mentions of an entity are tied by `Equiv` and have its
/// identifier; a relation stands between those mentions of its entities that are closest, and a prediction has its
/// probability in a note. brat knows no blanks in names of types and relations and in identifiers: they become `_`, and
/// a name that another has already gets a number. What it has no place for is not written: evidence, and that nobody
/// has looked for relations; a title that begins the text is its first line, and no more. Entities of one identity and
/// type come back as one, a mention without identity as an entity, which is told.
#[derive(Debug)]
pub struct BratFolder {
    folder: PathBuf,
    kinds: Names,
    relations: Names,
    attribute_names: Names,
    /// Identifiers with blanks.
    identifiers: Names,
    /// The values of each.
    attributes: BTreeMap<String, BTreeSet<String>>,
    /// Documents whose names are not those of their files, and the first with its file's.
    renamed: Noted,
    /// Attributes that are read as others.
    changed: Noted,
}

/// Names as brat can have them, different ones for different names.
#[derive(Debug, Default)]
struct Names {
    /// What each name is called.
    called: BTreeMap<String, String>,
    taken: BTreeSet<String>,
}

/// A file of annotations in the making.
struct Annotations<'w> {
    written: &'w Written<'w>,
    text: Characters<'w>,
    lines: String,
    n_mentions: usize,
    n_identifiers: usize,
    n_relations: usize,
    n_attributes: usize,
}

impl BratFolder {
    /// Documents will go into a folder, which is there.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            kinds: Names::default(),
            relations: Names::default(),
            attribute_names: Names::default(),
            identifiers: Names::default(),
            attributes: BTreeMap::new(),
            renamed: Noted::default(),
            changed: Noted::default(),
        }
    }

    /// Whether a file of this name is one of such a folder.
    pub fn holds(name: &str) -> bool {
        name == CONFIGURATION || [".txt", ".ann"].iter().any(|ending| name.ends_with(ending))
    }

    /// Writes a document's files.
    ///
    /// # Errors
    /// That of the system, with the document's place in the folder.
    pub fn write(&mut self, written: &Written<'_>) -> Result<(), (PathBuf, io::Error)> {
        let (document, mut file) = (written.document, Annotations::of(written));
        let mut spans: Vec<Vec<Spanned>> = Vec::with_capacity(document.entities.len());
        for entity in &document.entities {
            spans.push(file.entity(entity, &mut self.kinds, &mut self.identifiers));
        }
        for mention in &document.loose_mentions {
            file.mention(mention, &mut self.kinds);
        }
        for claim in written.claims.iter().flatten() {
            let ends = spans.get(claim.head as usize).zip(spans.get(claim.tail as usize));
            if let Some(ends) = ends.and_then(|(head, tail)| closest(head, tail)) {
                self.relation(claim, ends, &mut file);
            }
        }
        let below = place_of(&document.id);
        if below != Path::new(&*document.id) {
            self.renamed.note(|| format!("{} as {}", quoted(&document.id), quoted(&below.display().to_string())));
        }
        let place = self.folder.join(&below);
        write_files(&place, &lines_of(written), &file.lines).map_err(|error| (below, error))
    }

    /// Writes what brat is to know of the types.
    ///
    /// # Errors
    /// That of the system.
    pub fn finish(&self) -> io::Result<()> {
        let mut text = String::from("[entities]\n\n");
        self.kinds.taken.iter().for_each(|kind| line(&mut text, format_args!("{kind}")));
        text.push_str("\n[relations]\n\n");
        line(&mut text, format_args!("Equiv\tArg1:<ENTITY>, Arg2:<ENTITY>, <REL-TYPE>:symmetric-transitive"));
        self.relations
            .taken
            .iter()
            .for_each(|name| line(&mut text, format_args!("{name}\tArg1:<ENTITY>, Arg2:<ENTITY>")));
        text.push_str("\n[events]\n\n[attributes]\n\n");
        for (name, values) in &self.attributes {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let values = if values == ["true"] { String::new() } else { format!(", Value:{}", values.join("|")) };
            line(&mut text, format_args!("{name}\tArg:<RELATION>{values}"));
        }
        write_file(&self.folder.join(CONFIGURATION), &text)
    }

    /// What to say of names that are not as they were, where there are any.
    pub fn renamed(&self) -> Vec<String> {
        let documents = self.renamed.told("documents whose names no file can have, written with others");
        let attributes = self.changed.told("attributes of relations whose values brat cannot have as they are");
        documents.into_iter().chain(self.renamed_types()).chain(attributes).collect()
    }

    fn renamed_types(&self) -> Option<String> {
        let all = [&self.kinds, &self.relations, &self.attribute_names, &self.identifiers];
        let mut changed = all.into_iter().flat_map(|names| &names.called).filter(|(name, called)| name != called);
        let (name, called) = changed.next()?;
        let count = 1 + changed.count();
        Some(format!(
            "names that brat cannot have, or that would be those of others, are changed: {count}, such as {} to {}",
            quoted(name),
            quoted(called)
        ))
    }

    fn relation(&mut self, claim: &Claim, (head, tail): (usize, usize), file: &mut Annotations<'_>) {
        let name = self.relations.call(&claim.relation);
        file.n_relations += 1;
        let number = file.n_relations;
        line(&mut file.lines, format_args!("R{number}\t{name} Arg1:T{head} Arg2:T{tail}\t"));
        for attribute in &claim.attributes {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, "true"));
            let (name, told) = (self.attribute_names.call(name), one_line(value).trim().to_owned());
            if told != value || value.is_empty() {
                self.changed.note(|| quoted(attribute));
            }
            let value = told;
            let shown = if value == "true" { String::new() } else { format!(" {value}") };
            file.n_attributes += 1;
            line(&mut file.lines, format_args!("A{}\t{name} R{number}{shown}", file.n_attributes));
            self.attributes.entry(name).or_default().insert(value);
        }
        if let Some(probability) = claim.probability {
            line(&mut file.lines, format_args!("#{number}\tAnnotatorNotes R{number}\tprobability {probability:.4}"));
        }
    }
}

impl Names {
    /// What a name is called.
    fn call(&mut self, name: &str) -> String {
        if let Some(called) = self.called.get(name) {
            return called.clone();
        }
        let plain = one_word(name);
        let (mut called, mut number) = (plain.clone(), 1);
        while !self.taken.insert(called.clone()) {
            number += 1;
            called = format!("{plain}_{number}");
        }
        self.called.insert(name.to_owned(), called.clone());
        called
    }
}

impl<'w> Annotations<'w> {
    fn of(written: &'w Written<'w>) -> Self {
        let text = Characters::new(&written.text);
        let lines = String::new();
        Self { written, text, lines, n_mentions: 0, n_identifiers: 0, n_relations: 0, n_attributes: 0 }
    }

    fn entity(&mut self, entity: &Entity, kinds: &mut Names, identifiers: &mut Names) -> Vec<Spanned> {
        let mut spans = Vec::with_capacity(entity.mentions.len());
        for mention in &entity.mentions {
            let Some((span, number)) = self.mention(mention, kinds) else { continue };
            if let Some(kb_id) = &entity.kb_id {
                let base = if kb_id.contains(':') && !kb_id.starts_with(NO_BASE) { "" } else { NO_BASE };
                self.n_identifiers += 1;
                let id = if kb_id.contains(is_blank) { identifiers.call(kb_id) } else { kb_id.to_string() };
                let name = one_line(&mention.name);
                line(&mut self.lines, format_args!("N{}\tReference T{number} {base}{id}\t{name}", self.n_identifiers));
            }
            spans.push((span, number));
        }
        if spans.len() > 1 {
            let members: Vec<String> = spans.iter().map(|(_, number)| format!("T{number}")).collect();
            line(&mut self.lines, format_args!("*\tEquiv {}", members.join(" ")));
        }
        spans.sort_by_key(|(span, number)| (span.start, span.end, *number));
        spans
    }

    fn mention(&mut self, mention: &Mention, kinds: &mut Names) -> Option<Spanned> {
        let (start, end) = self.written.span(mention)?;
        let (kind, there) = (kinds.call(&mention.kind), one_line(self.text.slice((start, end))?));
        self.n_mentions += 1;
        line(&mut self.lines, format_args!("T{}\t{kind} {start} {end}\t{there}", self.n_mentions));
        Some((start..end, self.n_mentions))
    }
}

/// What of a document is another thing to who reads it back.
pub fn remarks(written: &Written<'_>) -> Vec<Remark> {
    let title = written.untitled(UNTITLED);
    let unseen = written.text.chars().find(|character| is_unseen(*character));
    let example = unseen.map(|character| format!("{}", character.escape_unicode()));
    let unseen = example.map(|example| Remark { what: UNSEEN, example });
    tied::remarks(written).into_iter().chain(written.unlabelled(UNLABELLED)).chain(title).chain(unseen).collect()
}

/// The file of a document below the folder, without its ending. A name that no file should have is replaced, and made
/// its own again by a hash.
fn place_of(id: &str) -> PathBuf {
    let is_plain = |character: char| {
        !character.is_control() && !matches!(character, '\\' | ':' | '"' | '<' | '>' | '|' | '?' | '*')
    };
    let is_step = |step: &str| {
        !step.is_empty() && !step.starts_with(['.', ' ']) && step.len() <= LONGEST_NAME && step.chars().all(is_plain)
    };
    // A folder of such a name could be in the way of another document's file.
    let is_folder = |step: &str| is_step(step) && !BratFolder::holds(step);
    let (folders, file) = id.rsplit_once('/').map_or((None, id), |(above, file)| (Some(above), file));
    if is_step(file) && folders.iter().flat_map(|above| above.split('/')).all(is_folder) {
        return id.split('/').collect();
    }
    let step = |character| if is_plain(character) && !matches!(character, '/' | '.' | ' ') { character } else { '_' };
    let name: String = id.chars().take(LONGEST_NAME / 4).map(step).collect();
    format!("{name}-{}", ground::identity::mark(id)).into()
}

/// The text, in which no line ends within a mention: to brat its parts would be several. What is not seen is a blank, as
/// in the annotations.
fn lines_of(written: &Written<'_>) -> String {
    let (mut text, characters) = (written.text_by_lines(), Characters::new(&written.text));
    if text.contains(is_unseen) {
        text = text.chars().map(|character| if is_unseen(character) { ' ' } else { character }).collect();
    }
    let Document { entities, loose_mentions, .. } = written.document;
    let mentions = entities.iter().flat_map(|entity| &entity.mentions).chain(loose_mentions);
    let mut spans: Vec<(u32, u32)> = mentions.filter_map(|mention| written.span(mention)).collect();
    spans.retain(|&span| characters.slice(span).is_some_and(|there| there.contains('\n')));
    if spans.is_empty() {
        return text;
    }
    let is_within = |place: u32| spans.iter().any(|&(start, end)| (start..end).contains(&place));
    let blank = |(place, character)| if character == '\n' && is_within(place) { ' ' } else { character };
    (0..).zip(text.chars()).map(blank).collect()
}

fn name_of(place: &Path) -> String {
    place.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A text and its annotations.
fn write_files(place: &Path, text: &str, annotations: &str) -> io::Result<()> {
    if let Some(above) = place.parent() {
        fs::create_dir_all(above)?;
    }
    let beside = |ending: &str| place.with_file_name(format!("{}{ending}", name_of(place)));
    write_file(&beside(".txt"), text)?;
    write_file(&beside(".ann"), annotations)
}

fn write_file(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{line}");
}

/// A name as brat can have it.
fn one_word(name: &str) -> String {
    let name: String = name.trim().chars().map(|character| if is_blank(character) { '_' } else { character }).collect();
    if name.is_empty() { "_".to_owned() } else { name }
}

fn one_line(text: &str) -> String {
    text.chars().map(|character| if is_blank(character) { ' ' } else { character }).collect()
}

fn is_blank(character: char) -> bool {
    character.is_whitespace() || is_unseen(character)
}

/// Whether a character is a control character that is no white space, or a mark of the order of bytes.
fn is_unseen(character: char) -> bool {
    character == '\u{feff}' || character.is_control() && !character.is_whitespace()
}
