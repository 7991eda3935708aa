//! What every format that tables are written back in is: a [`Writer`] of documents, each [`Written`] with its text and
//! what is claimed of it.

use std::borrow::Cow;
use std::io::{self, Write};

use ground::excerpt::quoted;
use table::Text;
use table::rows::PredictionRow;

use crate::document::{Document, Fact, Mention, Token, sentence_spans};
use crate::fault::Remark;
use crate::text::MOST_BLANKS;

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

/// A document, its text put together from its tokens, and the relations to be written.
///
/// Within a sentence stands between tokens what stood there, where that is known to be something else than blanks. Where
/// tokens have places in a source's text, so has the text: between sentences stood white space, and is a blank each, line
/// ends where there were several. Else tokens are parted by single blanks.
#[derive(Debug, Clone)]
pub struct Written<'d> {
    /// The document.
    pub document: &'d Document,
    /// Its text as people's tools take it: no line ends in `\r\n`, which they count otherwise, and none is empty within a
    /// sentence, which would end there.
    pub text: String,
    /// Its text, where that is another.
    exact: Option<String>,
    /// The relations, in order; `None` where nothing is known or predicted of them.
    pub claims: Option<Vec<Claim>>,
    /// Whether a model says so, and nobody has looked.
    pub is_predicted: bool,
    /// First and one past the last character of each token, in Unicode scalar values of `text`.
    tokens: Vec<(u32, u32)>,
    /// The first token of each sentence, and how many it has.
    sentences: Vec<(u32, u32)>,
}

/// Its characters but for white space.
fn letters(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|character| !character.is_whitespace())
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
        let (mut blanks, mut exact) = (Blanks { left: MOST_BLANKS, cut: 0 }, None::<String>);
        for (number, sentence) in (0..).zip(&document.sentences) {
            let known = document.uneven.get(&number).and_then(|text| gaps(text, sentence)).unwrap_or_default();
            for (place, token) in sentence.iter().enumerate() {
                let known = place.checked_sub(1).and_then(|before| known.get(before)).copied();
                let between = known.map_or_else(|| blanks.before(token, place, length), str::to_owned);
                let told = if known.is_some() { plain(&between) } else { between.clone() };
                if told != between {
                    exact.get_or_insert_with(|| text.clone());
                }
                exact.iter_mut().for_each(|exact| exact.extend([&*between, &*token.text]));
                text.extend([&*told, &*token.text]);
                let first = length.saturating_add(count(&between));
                length = first.saturating_add(count(&token.text));
                tokens.push((first, length));
            }
        }
        let sentences = sentence_spans(&document.sentences);
        Self { document, text, exact, claims, is_predicted, tokens, sentences }
    }

    /// Says `what` of it, where nobody annotated its relations, for a format that cannot.
    pub fn unlabelled(&self, what: &'static str) -> Option<Remark> {
        self.claims.is_none().then(|| Remark { what, example: "nobody annotated its relations".to_owned() })
    }

    /// Says `what` of a title that neither the text begins with nor is the document's name, for a format without titles.
    pub fn untitled(&self, what: &'static str) -> Option<Remark> {
        let (title, mut text) = (&self.document.title, letters(&self.text));
        let stands = *title == self.document.id || letters(title).all(|letter| text.next() == Some(letter));
        (!stands).then(|| Remark { what, example: quoted(&self.document.title) })
    }

    /// Whether its text has something in it that tools take otherwise.
    pub fn is_altered(&self) -> bool {
        self.exact.is_some()
    }

    /// The text as tools take it. Where it begins with the title, and a sentence ends there, that is a line.
    pub fn text_by_lines(&self) -> String {
        self.by_lines(&self.text)
    }

    /// The text as it is known to be, by lines likewise.
    pub fn exact_by_lines(&self) -> String {
        self.by_lines(self.exact.as_ref().unwrap_or(&self.text))
    }

    fn by_lines(&self, text: &str) -> String {
        let title = &*self.document.title;
        let (length, n_sentences) = (title.chars().count(), ground::whole(self.sentences.len()));
        let ends_title =
            (0..n_sentences).filter_map(|number| self.sentence(number)).any(|(_, end)| end as usize == length);
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

    /// Whether a mention is of nothing but white space.
    pub fn is_blank(&self, mention: &Mention) -> bool {
        let (start, end) = self.tokens_in_sentence(mention);
        let sentence = self.document.sentences.get(mention.sentence as usize);
        let tokens = sentence.and_then(|tokens| tokens.get(start as usize..end as usize)).unwrap_or_default();
        tokens.iter().all(|token| token.text.trim().is_empty())
    }

    /// First and one past the last character of a sentence; `None` for one without tokens.
    pub fn sentence(&self, sentence: u32) -> Option<(u32, u32)> {
        let (start, n_tokens) = *self.sentences.get(sentence as usize)?;
        let own = self.tokens.get(start as usize..(start + n_tokens) as usize)?;
        Some((own.first()?.0, own.last()?.1))
    }
}

/// Blanks that a text may have still where one would do, and those that it was to have beyond them: what follows has moved
/// up by so many.
struct Blanks {
    left: u32,
    cut: u32,
}

impl Blanks {
    /// What stands for what is not known before a token at a place of its sentence, where the text has come to a length:
    /// blanks, or line ends; a single one where there would be too many.
    fn before(&mut self, token: &Token, place: usize, length: u32) -> String {
        let start = match token.characters {
            Some((start, _)) => start.saturating_sub(self.cut).max(length),
            None => length + u32::from(length > 0),
        };
        let mut gap = start - length;
        let more = gap.saturating_sub(1);
        if more > self.left {
            (self.cut, gap) = (self.cut + more, 1);
        } else {
            self.left -= more;
        }
        let ends_line = place == 0 && gap > 1 && length > 0;
        if ends_line { "\n" } else { " " }.repeat(gap as usize)
    }
}

/// A document's name where a format cannot have it as it is: as it can, and a hash makes it one's own again.
pub fn own_name(name: &str, possible: String) -> Cow<'_, str> {
    if possible == name { name.into() } else { format!("{possible}-{}", ground::identity::mark(name)).into() }
}

/// What stands between the tokens of a sentence in its text; `None` where they do not stand there one behind the other, or
/// elsewhere than their places say.
fn gaps<'t>(text: &'t str, tokens: &[Token]) -> Option<Vec<&'t str>> {
    let (first, others) = tokens.split_first()?;
    let (mut rest, mut before, mut gaps) = (text.strip_prefix(&*first.text)?, first, Vec::with_capacity(others.len()));
    for token in others {
        let gap = match before.characters.zip(token.characters) {
            Some(((_, end), (start, _))) => {
                let past = rest.char_indices().nth(start.checked_sub(end)? as usize);
                rest.get(..past.map_or(rest.len(), |(byte, _)| byte))?
            }
            None => rest.get(..rest.len() - rest.trim_start().len())?,
        };
        rest = rest.strip_prefix(gap)?.strip_prefix(&*token.text)?;
        gaps.push(gap);
        before = token;
    }
    Some(gaps)
}

/// The same number of characters as tools take them.
fn plain(gap: &str) -> String {
    let is_empty_line = gap.matches('\n').count() > 1;
    let is_replaced = |character: char| character == '\r' || character == '\n' && is_empty_line;
    gap.chars().map(|character| if is_replaced(character) { ' ' } else { character }).collect()
}

fn count(text: &str) -> u32 {
    ground::whole(text.chars().count())
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
            attributes: row.attributes.unwrap_or_default(),
            probability: row.probability,
        }
    }
}
