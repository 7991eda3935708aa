//! The text of an article, and where its mentions lie in it.
//!
//! Offsets count over all passages, one character between two, or anew in each group of passages, as files of full texts
//! have it; passages without text count, or do not. No file says which: it is read as fits most of its mentions.

use std::ops::Range;

use ground::excerpt::quoted;

use crate::fault::Fault;
use crate::formats::dialect::Unit;
use crate::formats::spans::{Source, check_misfits};
use crate::text::{Characters, check_span};

use super::article::{Article, MentionLine, fault};
use super::spelling::alike;

/// The text of an article with its mentions.
pub(super) struct Laid {
    pub text: String,
    /// First and one past the last character of each passage.
    pub passages: Vec<(u32, u32)>,
    /// Where each mention line stands, or what is wrong with it.
    pub mentions: Vec<Result<Standing, Fault>>,
}

/// A mention in the text.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    /// Its characters in the text.
    pub span: (u32, u32),
    /// The text there, where the line has it otherwise.
    pub respelt: Option<String>,
}

/// How offsets are meant.
#[derive(Clone, Copy)]
struct Layout {
    by_group: bool,
    without_empty: bool,
}

impl Laid {
    /// The text in the layout that fits best, the likelier one where two do.
    ///
    /// # Errors
    /// Where most mentions fit none.
    pub(super) fn of(article: &Article) -> Result<Self, Fault> {
        let mut best: Option<(Layout, Self)> = None;
        for layout in layouts(article) {
            let laid = Self::in_layout(article, layout);
            let is_better = best.as_ref().is_none_or(|(_, best)| laid.n_lost() < best.n_lost());
            let is_perfect = laid.n_lost() == 0;
            if is_better {
                best = Some((layout, laid));
            }
            if is_perfect {
                break;
            }
        }
        let (layout, mut best) =
            best.ok_or_else(|| Fault::new("text", "expected a way to count its characters, got none"))?;
        // Those that begin anew count from places that are known in characters alone.
        if best.n_lost() > 0 && !layout.by_group {
            best.hint(article);
        }
        best.check()?;
        Ok(best)
    }

    fn in_layout(article: &Article, layout: Layout) -> Self {
        let (mut text, mut length, mut passages) = (String::new(), 0, Vec::with_capacity(article.passages.len()));
        text.reserve(article.passages.iter().map(|passage| passage.text.len() + 1).sum());
        for (place, passage) in article.passages.iter().enumerate() {
            let is_skipped = layout.without_empty && passage.text.is_empty();
            let is_parted = if layout.without_empty { length > 0 } else { place > 0 };
            let start = length + u32::from(is_parted);
            if !is_skipped {
                text.extend(is_parted.then_some(' '));
                text.push_str(passage.text);
                length = start + ground::whole(passage.text.chars().count());
            }
            passages.push((start.min(length), length));
        }
        let groups: Vec<u32> = starts_of_groups(article, &passages);
        let characters = Characters::new(&text);
        let of_group = |mention: &MentionLine| groups.get(mention.group).copied().unwrap_or_default();
        let base = |mention: &MentionLine| if layout.by_group { of_group(mention) } else { 0 };
        let mentions =
            article.mentions.iter().map(|mention| stand(mention, base(mention), &characters, length)).collect();
        Self { text, passages, mentions }
    }

    fn n_lost(&self) -> usize {
        self.mentions.iter().filter(|mention| mention.is_err()).count()
    }

    /// Says of mentions that miss the text where all would fit if their offsets counted something else.
    fn hint(&mut self, article: &Article) {
        let spans: Vec<_> = article.mentions.iter().map(|mention| (mention.span, Some(mention.name))).collect();
        let counted = Source::new(&self.text).counted_otherwise(&spans);
        self.mentions.iter_mut().filter_map(|mention| mention.as_mut().err()).for_each(|fault| fault.reason += counted);
    }

    fn check(&self) -> Result<(), Fault> {
        match self.mentions.iter().find_map(|mention| mention.as_ref().err()) {
            Some(first) => check_misfits(self.n_lost(), self.mentions.len(), || first.to_string()),
            None => Ok(()),
        }
    }

    /// The passages of each document that is to be made of the article, numbered from 1.
    pub(super) fn units(article: &Article, unit: Unit) -> Vec<(usize, Range<usize>)> {
        let n = article.passages.len();
        let has_text = |range: &Range<usize>| {
            article.passages.get(range.clone()).unwrap_or_default().iter().any(|passage| !passage.text.is_empty())
        };
        let ranges: Vec<Range<usize>> = match unit {
            Unit::Document => return vec![(1, 0..n)],
            Unit::Passage => (0..n).map(|place| place..place + 1).collect(),
            Unit::Section => {
                let groups = article.passages.chunk_by(|one, next| one.group == next.group);
                let range = |start: &mut usize, group: &[_]| {
                    let first = *start;
                    *start += group.len();
                    Some(first..*start)
                };
                groups.scan(0, range).collect()
            }
        };
        (1..).zip(ranges).filter(|(_, range)| has_text(range)).collect()
    }
}

/// The layouts in which an article can be meant, likelier ones first. Where each group begins with a title, as if it were
/// an article, offsets begin anew in it.
fn layouts(article: &Article) -> impl Iterator<Item = Layout> {
    let has_groups = article.passages.last().is_some_and(|last| last.group > 0);
    let mut groups = article.passages.chunk_by(|one, next| one.group == next.group);
    let are_titled = groups.all(|group| group.first().is_some_and(|first| first.is_title));
    let by_group: &[bool] = match (has_groups, are_titled) {
        (false, _) => &[false],
        (true, true) => &[true, false],
        (true, false) => &[false, true],
    };
    let mut after_empty = article.passages.iter().skip_while(|passage| !passage.text.is_empty());
    let has_empty = after_empty.any(|passage| !passage.text.is_empty());
    let without_empty: &[bool] = if has_empty { &[false, true] } else { &[false] };
    let with = |without_empty: bool| by_group.iter().map(move |&by_group| Layout { by_group, without_empty });
    without_empty.iter().flat_map(move |&without_empty| with(without_empty))
}

/// The first character of each group of passages.
fn starts_of_groups(article: &Article, passages: &[(u32, u32)]) -> Vec<u32> {
    let mut starts = Vec::new();
    for (passage, (start, _)) in article.passages.iter().zip(passages) {
        if passage.group >= starts.len() {
            starts.push(*start);
        }
    }
    starts
}

fn stand(mention: &MentionLine, base: u32, characters: &Characters, length: u32) -> Result<Standing, Fault> {
    check_span(mention.span, length.saturating_sub(base)).map_err(|reason| fault(mention.line, "end", reason))?;
    let span = (base + mention.span.0, base + mention.span.1);
    let there = characters.slice(span).unwrap_or_default();
    if there.trim().is_empty() {
        return Err(fault(mention.line, "end", "expected a mention, got nothing but whitespace"));
    }
    if there == mention.name {
        return Ok(Standing { span, respelt: None });
    }
    if alike(mention.name, there) {
        return Ok(Standing { span, respelt: Some(there.trim().to_owned()) });
    }
    let reason = format!("expected the text {}, got {}", quoted(there), quoted(mention.name));
    Err(fault(mention.line, "name", reason))
}
