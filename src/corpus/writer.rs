//! What every format that tables are written back in is: a [`Writer`] of documents, each [`Written`] with its text and
//! what is claimed of it.

use std::io::{self, Write};

use table::Text;
use table::rows::PredictionRow;

use crate::document::{Document, Fact, Mention, sentence_spans};
use crate::fault::Remark;

/// Writes documents into one stream.
pub trait Writer {
    /// What stands before the first document, between two, and behind the last; and in place of all where there is none.
    fn frame(&self) -> Frame {
        Frame { opening: "", between: "", closing: "", empty: "" }
    }

    /// Writes a document.
    ///
    /// # Errors
    /// That of the output.
    fn write(&self, document: &Written<'_>, output: &mut dyn Write) -> io::Result<()>;

    /// What is written in another way than it stands in the document, or not at all.
    fn remarks(&self, _document: &Written<'_>) -> Vec<Remark> {
        Vec::new()
    }
}

/// What stands around documents.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// Before the first.
    pub opening: &'static str,
    /// Between two.
    pub between: &'static str,
    /// Behind the last.
    pub closing: &'static str,
    /// All, where there is no document.
    pub empty: &'static str,
}

/// Blanks of a text at most: more than a record has bytes, and places in a damaged table may lie far apart.
const MOST_BLANKS: u32 = 64 << 20;

/// A document, its text put together from its tokens, and the relations to be written.
///
/// Where the tokens have places in a source's text, so has the text: what stood between them was white space, and is a
/// blank each, at the end of a sentence line ends where there were several. Else tokens are parted by single blanks.
#[derive(Debug, Clone)]
pub struct Written<'d> {
    /// The document.
    pub document: &'d Document,
    /// Its text.
    pub text: String,
    /// The relations, in order; `None` where nothing is known or predicted of them.
    pub claims: Option<Vec<Claim>>,
    /// Whether a model says so, and nobody has looked.
    pub is_predicted: bool,
    /// First and one past the last character of each token, in Unicode scalar values of `text`.
    tokens: Vec<(u32, u32)>,
    /// The first token of each sentence, and how many it has.
    sentences: Vec<(u32, u32)>,
}

/// A relation that is annotated or predicted.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// `entity_id` of the head.
    pub head: u32,
    /// `entity_id` of the tail.
    pub tail: u32,
    /// The relation's name.
    pub relation: Text,
    /// The sentences that show it.
    pub evidence: Vec<u32>,
    /// As [`Fact::attributes`].
    pub attributes: Vec<Text>,
    /// How sure the prediction is, where there is a number.
    pub probability: Option<f32>,
}

impl<'d> Written<'d> {
    /// A document with the relations that it has.
    pub fn annotated(document: &'d Document) -> Self {
        let claims = document.facts.as_ref().map(|facts| facts.iter().map(Claim::from).collect());
        Self::new(document, claims, false)
    }

    /// A document with predicted ones.
    pub fn predicted(document: &'d Document, mut claims: Vec<Claim>) -> Self {
        claims
            .sort_by(|one, other| (one.head, one.tail, &one.relation).cmp(&(other.head, other.tail, &other.relation)));
        Self::new(document, Some(claims), true)
    }

    fn new(document: &'d Document, claims: Option<Vec<Claim>>, is_predicted: bool) -> Self {
        let (mut text, mut length, mut tokens) = (String::new(), 0_u32, Vec::new());
        let mut blanks = MOST_BLANKS;
        for sentence in &document.sentences {
            for (place, token) in sentence.iter().enumerate() {
                let start = match token.characters {
                    Some((start, _)) => start.max(length),
                    None => length + u32::from(length > 0),
                };
                let gap = if start - length > blanks { 1 } else { start - length };
                blanks -= gap.min(blanks);
                let ends_line = place == 0 && gap > 1 && length > 0;
                text.extend((0..gap).map(|_| if ends_line { '\n' } else { ' ' }));
                text.push_str(&token.text);
                let first = length.saturating_add(gap);
                length = first.saturating_add(ground::whole(token.text.chars().count()));
                tokens.push((first, length));
            }
        }
        let sentences = sentence_spans(&document.sentences);
        Self { document, text, claims, is_predicted, tokens, sentences }
    }

    /// The text. Where it begins with the title, which is a sentence, that is a line.
    pub fn text_by_lines(&self) -> String {
        let (title, text) = (&*self.document.title, &*self.text);
        let ends_title = self.sentence(0).is_some_and(|(_, end)| title.chars().count() == end as usize);
        match text.strip_prefix(title).and_then(|rest| rest.strip_prefix(' ')) {
            Some(rest) if ends_title && !title.is_empty() => format!("{title}\n{rest}"),
            _ => text.to_owned(),
        }
    }

    /// First and one past the last character of a mention; `None` where it has no tokens.
    pub fn span(&self, mention: &Mention) -> Option<(u32, u32)> {
        let first = self.tokens.get(mention.start as usize)?;
        let last = self.tokens.get((mention.end as usize).checked_sub(1)?)?;
        Some((first.0, last.1))
    }

    /// First and one past the last token of a mention within its sentence.
    pub fn tokens_in_sentence(&self, mention: &Mention) -> (u32, u32) {
        let (first, _) = self.sentences.get(mention.sentence as usize).copied().unwrap_or_default();
        (mention.start.saturating_sub(first), mention.end.saturating_sub(first))
    }

    /// First and one past the last character of a sentence; `None` for one without tokens.
    pub fn sentence(&self, sentence: u32) -> Option<(u32, u32)> {
        let (start, n_tokens) = *self.sentences.get(sentence as usize)?;
        let own = self.tokens.get(start as usize..(start + n_tokens) as usize)?;
        Some((own.first()?.0, own.last()?.1))
    }
}

impl From<&Fact> for Claim {
    fn from(fact: &Fact) -> Self {
        let Fact { head, tail, relation, evidence, attributes } = fact.clone();
        Self { head, tail, relation, evidence, attributes, probability: None }
    }
}

impl From<PredictionRow> for Claim {
    fn from(row: PredictionRow) -> Self {
        Self {
            head: row.head,
            tail: row.tail,
            relation: row.relation,
            evidence: row.evidence.unwrap_or_default(),
            attributes: Vec::new(),
            probability: row.probability,
        }
    }
}
