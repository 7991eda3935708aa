//! Tables → the formats that people's tools read: annotated or predicted relations.

mod rows;

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use ground::choice;
use ground::excerpt::quoted;
use ground::observe::{Event, Observer};
use submission::places::Places;
use submission::predictions;
use table::{Ours, Staging, TableError, Text, evidence_of, write_same};

use crate::document::Document;
use crate::error::CorpusError;
use crate::formats::brat::{self, BratFolder};
use crate::formats::marked::joins;
use crate::formats::{bioc, doccano, docred, jsonl, label_studio, pubtator};
use crate::losses::{Noted, Remarks};
use crate::tables;
use crate::writer::{Claim, Writer, Written};

/// A format that tables are written back in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exported {
    /// DocRED's JSON.
    DocRed,
    /// JSON lines with running text.
    Jsonl,
    /// A submission to DocRED's official scorer: a list of facts.
    Submission,
    /// `PubTator`.
    PubTator,
    /// `BioC` JSON.
    BioCJson,
    /// A folder for brat.
    Brat,
    /// JSON lines for doccano.
    Doccano,
    /// Tasks for Label Studio.
    LabelStudio,
    /// The table `annotated`, a row a document.
    Annotated,
}

choice!(Exported, "format", {
    DocRed => "docred",
    Jsonl => "jsonl",
    Submission => "submission",
    PubTator => "pubtator",
    BioCJson => "bioc-json",
    Brat => "brat",
    Doccano => "doccano",
    LabelStudio => "label-studio",
    Annotated => "annotated",
});

impl Exported {
    /// Whether entities are told by relations of coreference.
    fn marks_mentions(self) -> bool {
        matches!(self, Self::Brat | Self::Doccano | Self::LabelStudio)
    }

    /// Whether the sentences that show a relation have a place.
    fn has_evidence(self) -> bool {
        !matches!(self, Self::PubTator | Self::Brat | Self::Doccano | Self::LabelStudio)
    }

    /// Whether how sure a prediction is has a place.
    fn has_probabilities(self) -> bool {
        self != Self::Annotated
    }

    /// Whether white space within a sentence is written as it is, where sentences are.
    fn keeps_blanks(self) -> bool {
        matches!(self, Self::DocRed | Self::Jsonl | Self::Submission | Self::Annotated)
    }

    /// Whether mentions are told by tokens, be they blank.
    fn has_tokens(self) -> bool {
        matches!(self, Self::DocRed | Self::Submission | Self::Annotated)
    }

    /// What writes a split into one file; `None` where it is a folder, or a table.
    fn writer(self, split: &Path) -> Result<Option<Box<dyn Writer>>, CorpusError> {
        Ok(Some(match self {
            Self::DocRed => Box::new(docred::DocRedWriter),
            Self::Jsonl => Box::new(jsonl::JsonLinesWriter),
            Self::Submission => Box::new(docred::SubmissionWriter::new(Places::of(split)?)),
            Self::PubTator => Box::new(pubtator::PubTatorWriter),
            Self::BioCJson => Box::new(bioc::BioCJsonWriter),
            Self::Brat | Self::Annotated => return Ok(None),
            Self::Doccano => Box::new(doccano::DoccanoWriter),
            Self::LabelStudio => Box::new(label_studio::LabelStudioWriter),
        }))
    }
}

/// What is written, and from where.
#[derive(Debug)]
pub struct Export<'a> {
    /// The folder of a split.
    pub split: &'a Path,
    /// Predictions to write in place of the split's facts: what [`predictions::read`] takes. They are held in memory.
    pub relations: Option<&'a Path>,
    /// How.
    pub format: Exported,
}

/// What documents have that not every format has a place for.
#[derive(Default)]
struct Unwritten {
    /// Relations whose name stands for coreference.
    joining: Noted,
    /// Those with evidence.
    shown: Noted,
    /// Those with a probability.
    sure: Noted,
    /// Documents whose text is written as tools take it.
    plain: Noted,
    /// Mentions of white space.
    blank: Noted,
}

impl Unwritten {
    fn count(&mut self, written: &Written) {
        for claim in written.claims.iter().flatten() {
            let place = || format!("{} of document {}", quoted(&claim.relation), quoted(&written.document.id));
            if joins(&claim.relation, None) {
                self.joining.note(|| quoted(&claim.relation));
            }
            if !claim.evidence.is_empty() {
                self.shown.note(place);
            }
            if claim.probability.is_some() {
                self.sure.note(place);
            }
        }
        if written.is_altered() {
            self.plain.note(|| quoted(&written.document.id));
        }
        let Document { entities, loose_mentions, .. } = written.document;
        for _ in
            entities.iter().flat_map(|entity| &entity.mentions).chain(loose_mentions).filter(|it| written.is_blank(it))
        {
            self.blank.note(|| format!("one of document {}", quoted(&written.document.id)));
        }
    }

    /// What a format makes another thing of, or has no place for.
    fn told(&self, format: Exported) -> impl Iterator<Item = String> {
        let name = format.name();
        let joining = self.joining.told("relations whose name stands for coreference").map(|told| {
            format!("{told}: read back, each makes one entity of its two, unless `--coreference` names others")
        });
        let placeless = |what| format!("relations whose {what} is not written, for which `{name}` has no place");
        let plain = "documents with `\\r`, or an empty line within a sentence, which are written as blanks";
        let blank = format!("mentions of nothing but white space, which `{name}` does not bring back");
        [
            joining.filter(|_| format.marks_mentions()),
            self.shown.told(&placeless("evidence")).filter(|_| !format.has_evidence()),
            self.sure.told(&placeless("probability")).filter(|_| !format.has_probabilities()),
            self.plain.told(plain).filter(|_| !format.keeps_blanks()),
            self.blank.told(&blank).filter(|_| !format.has_tokens()),
        ]
        .into_iter()
        .flatten()
    }
}

impl Export<'_> {
    /// Writes to a file, which appears whole or not at all. A file that stands already is left where it has the same
    /// bytes, and else replaced only where `force` is set. A folder that holds anything else is never written over:
    /// people go on to work in it.
    ///
    /// # Errors
    /// Where a table is missing or damaged, none of the predictions is about the split, one cannot be of its document, or
    /// the output refuses.
    pub fn run(&self, out: &Path, force: bool, observe: Observer<'_>) -> Result<(), CorpusError> {
        if self.format == Exported::Annotated {
            return self.write_rows(out, force, observe);
        }
        let Some(writer) = self.format.writer(self.split)? else { return self.write_folder(out, observe) };
        write_same(out, force, |file| self.write(&*writer, file, observe)).map_err(|error| match error {
            CorpusError::Write(source) => unwritten(out, source),
            other => other,
        })
    }

    /// Writes to standard output, or what stands for it.
    ///
    /// # Errors
    /// As [`Self::run`], and where the format is a folder.
    pub fn send(&self, output: &mut impl Write, observe: Observer<'_>) -> Result<(), CorpusError> {
        if self.format == Exported::Annotated {
            return self.send_rows(output, observe);
        }
        let writer = self.format.writer(self.split)?.ok_or(CorpusError::NoFolder { format: self.format.name() })?;
        self.write(&*writer, output, observe)
    }

    fn write(&self, writer: &dyn Writer, output: &mut impl Write, observe: Observer<'_>) -> Result<(), CorpusError> {
        let frame = writer.frame();
        let (mut before, mut remarks) = (frame.opening, Remarks::default());
        self.each(observe, |written| {
            remarks.add(&written.document.id, writer.remarks(written));
            output.write_all(before.as_bytes())?;
            before = frame.between;
            Ok(writer.write(written, output)?)
        })?;
        output.write_all(if before == frame.opening { frame.empty } else { frame.closing }.as_bytes())?;
        remarks.lines().into_iter().map(Event::Warning).for_each(observe);
        Ok(())
    }

    fn write_folder(&self, out: &Path, observe: Observer<'_>) -> Result<(), CorpusError> {
        let is_empty: fn(&Path) -> bool = |folder| folder.read_dir().is_ok_and(|mut entries| entries.next().is_none());
        let stands = out.exists() && !is_empty(out);
        let is = if stands { |_: &Path| true } else { is_empty };
        let staging = Staging::begin_over(out, Ours { is, names: BratFolder::holds })?;
        let mut folder = BratFolder::new(staging.folder());
        let mut remarks = Remarks::default();
        self.each(observe, |written| {
            remarks.add(&written.document.id, brat::remarks(written));
            folder.write(written).map_err(|(place, source)| unwritten(&out.join(place), source))
        })?;
        folder.finish().map_err(|source| unwritten(out, source))?;
        let renamed = folder.renamed();
        if !stands {
            staging.commit()?;
        } else if !is_same(staging.folder(), out).map_err(|source| unread(out, source))? {
            return Err(CorpusError::FolderStands { path: out.to_path_buf() });
        }
        remarks.lines().into_iter().chain(renamed).map(Event::Warning).for_each(observe);
        Ok(())
    }

    /// Each document of the split in order, as it is to be written.
    ///
    /// # Errors
    /// Those of the tables and of `with`.
    pub fn each(
        &self,
        observe: Observer<'_>,
        mut with: impl FnMut(&Written<'_>) -> Result<(), CorpusError>,
    ) -> Result<(), CorpusError> {
        let mut predicted = self.relations.map(|path| by_document(path, self.split, observe)).transpose()?;
        let (n_predicted, mut n_documents) = (predicted.as_ref().map_or(0, HashMap::len), 0);
        let (mut is_known, mut unwritten) = (false, Unwritten::default());
        for document in tables::read(self.split)? {
            let document: Document = document?;
            let written = match &mut predicted {
                None => Written::annotated(&document),
                Some(predicted) => {
                    let found = predicted.remove(&document.id);
                    n_documents += usize::from(found.is_some());
                    Written::predicted(&document, found.unwrap_or_default())
                }
            };
            self.check(&written)?;
            is_known |= written.claims.is_some();
            unwritten.count(&written);
            with(&written)?;
        }
        unwritten.told(self.format).map(Event::Warning).for_each(observe);
        if !is_known && self.format == Exported::Submission {
            let words = "no document of the split is labelled, so none has relations: `--relations` writes predictions";
            observe(Event::Warning(words.to_owned()));
        }
        let Some((stray, _)) = predicted.iter().flatten().min_by_key(|(name, _)| (*name).clone()) else {
            return Ok(());
        };
        let (n_strays, stray) = (n_predicted - n_documents, stray.to_string());
        if n_documents == 0 {
            let path = self.relations.unwrap_or(self.split).to_path_buf();
            return Err(CorpusError::Strangers { path, documents: n_strays, stray });
        }
        observe(Event::Warning(format!(
            "{n_strays} documents with predictions are not in the split, such as `{stray}`: left out"
        )));
        Ok(())
    }

    /// Refuses predictions that are none of the document, as a row of `annotated` would be: of entities or sentences
    /// that are not there, of an entity with itself, without a name, or given again.
    fn check(&self, written: &Written<'_>) -> Result<(), CorpusError> {
        let claims = written.claims.as_deref().unwrap_or_default();
        let wrong = claims.iter().find_map(|claim| refusal(claim, written.document));
        let again = || claims.windows(2).find_map(|pair| given_again(&pair[0], &pair[1]));
        match wrong.or_else(again) {
            None => Ok(()),
            Some(reason) => Err(CorpusError::Format {
                path: self.relations.unwrap_or(self.split).to_path_buf(),
                reason: format!("document `{}`: {reason}", written.document.id),
            }),
        }
    }
}

/// Why a claim cannot be one of a document: expected, then got.
fn refusal(claim: &Claim, document: &Document) -> Option<String> {
    let Claim { head, tail, relation, evidence, .. } = claim;
    let (n_entities, n_sentences) = (document.entities.len(), document.sentences.len());
    if (*head).max(*tail) as usize >= n_entities {
        Some(format!("expected entities below {n_entities}, got {head} and {tail}"))
    } else if head == tail {
        Some(format!("expected two entities, got {head} twice"))
    } else if relation.is_empty() {
        Some(format!("expected the name of the relation of {head} and {tail}, got none"))
    } else {
        let sentence = evidence.iter().find(|&&sentence| sentence as usize >= n_sentences)?;
        Some(format!("expected evidence in sentences below {n_sentences}, got {sentence}"))
    }
}

fn given_again(one: &Claim, other: &Claim) -> Option<String> {
    let is_same = (one.head, one.tail, &one.relation) == (other.head, other.tail, &other.relation);
    let reason =
        || format!("expected each fact once, got {} of {} and {} again", quoted(&one.relation), one.head, one.tail);
    is_same.then(reason)
}

fn unwritten(path: &Path, source: io::Error) -> CorpusError {
    TableError::Io { path: path.to_path_buf(), action: "write", source }.into()
}

fn unread(path: &Path, source: io::Error) -> CorpusError {
    TableError::Io { path: path.to_path_buf(), action: "read", source }.into()
}

/// Whether two folders hold the same files, folders below them included.
fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    if !other.is_dir() {
        return Ok(false);
    }
    let names = |folder: &Path| fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect();
    let (ours, theirs): (io::Result<BTreeSet<_>>, io::Result<BTreeSet<_>>) = (names(one), names(other));
    let ours = ours?;
    if ours != theirs? {
        return Ok(false);
    }
    for name in ours {
        let (one, other) = (one.join(&name), other.join(&name));
        let same =
            if one.is_dir() { is_same(&one, &other)? } else { other.is_file() && fs::read(&one)? == fs::read(&other)? };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

fn by_document(path: &Path, split: &Path, observe: Observer<'_>) -> Result<HashMap<Text, Vec<Claim>>, CorpusError> {
    let mut found: HashMap<Text, Vec<Claim>> = HashMap::new();
    let evidence = evidence_of(path)?;
    for row in predictions::read_supported(path, evidence.as_deref(), split, observe)? {
        let row = row?;
        found.entry(row.doc_id.clone()).or_default().push(row.into());
    }
    Ok(found)
}

/// A split as a file in DocRED's JSON, annotated as it is.
///
/// # Errors
/// As [`Export::run`].
pub fn export(split: &Path, out: &Path, force: bool) -> Result<(), CorpusError> {
    Export { split, relations: None, format: Exported::DocRed }.run(out, force, &|_| ())
}
