//! A row → a document, if it is one.

use std::collections::BTreeSet;

use ground::whole;
use table::Text;
use table::annotated::{self, Sentence};
use table::rows::AnnotatedRow;

use super::NAME;
use crate::document::{Document, Entity, Fact, Mention, Token, check_length};
use crate::fault::Fault;
use crate::pairs::{BothWays, MOST_PAIRS, Pairs};
use crate::tables::Accepted;

/// The document of a row.
///
/// # Errors
/// Its name, and what is wrong with it.
pub fn accepted(row: AnnotatedRow) -> Result<Accepted, (Text, Fault)> {
    let document = row.doc_id.clone();
    read(row).map_err(|fault| (document, fault))
}

fn read(row: AnnotatedRow) -> Result<Accepted, Fault> {
    let AnnotatedRow { doc_id, title, sentences, tokens, entities, mentions, pairs, facts } = row;
    if doc_id.trim().is_empty() {
        return Err(Fault::new("doc_id", "expected the document's name, got none"));
    }
    check_length("doc_id", &doc_id)?;
    let mut document = Document { id: doc_id, title: title.unwrap_or_default(), ..Document::default() };
    put_sentences(&mut document, &sentences, tokens)?;
    document.entities =
        entities.iter().map(|entity| Entity { kb_id: entity.kb_id.clone(), mentions: Vec::new() }).collect();
    put_mentions(&mut document, &sentences, mentions)?;
    check_entities(&document, &entities)?;
    if let Some(pairs) = pairs {
        put_pairs(&mut document, &pairs)?;
    }
    document.facts = facts.map(|facts| sound_facts(&document, facts)).transpose()?;
    let pairs = Pairs::asked(&document, &[], BothWays::None).with_facts(&mut document);
    if pairs.len() > MOST_PAIRS {
        let reason = format!("expected at most {MOST_PAIRS}, got {}: list those that are asked about", pairs.len());
        return Err(Fault::new("pairs", reason));
    }
    Ok(Accepted { document, source: NAME.into(), pairs, implied: Vec::new() })
}

fn put_sentences(document: &mut Document, sentences: &[Sentence], tokens: Vec<annotated::Token>) -> Result<(), Fault> {
    let n_tokens = whole(tokens.len());
    let mut tokens = (0..).zip(tokens);
    let mut next = 0;
    for (place, sentence) in (0..).zip(sentences) {
        let fault = |field: &str, reason| Err(Fault::new(format!("sentences[{place}].{field}"), reason));
        let &Sentence { token_start: start, token_end: end, .. } = sentence;
        if start != next {
            return fault("token_start", format!("expected {next}, where the sentence before ends, got {start}"));
        }
        if end < start || end > n_tokens {
            return fault("token_end", format!("expected {start} to {n_tokens}, the number of tokens, got {end}"));
        }
        next = end;
        let own = tokens.by_ref().take((end - start) as usize).map(|(token, found)| read_token(token, found));
        let own: Vec<Token> = own.collect::<Result<_, _>>()?;
        if let Some((field, expected, said)) = other_place(sentence, &own) {
            return fault(field, format!("expected {expected}, as its tokens have it, got {said}"));
        }
        if let Some(text) = sentence.text.as_ref().filter(|text| **text != document.text_of(place, &own)) {
            document.uneven.insert(place, text.clone());
        }
        document.sentences.push(own);
    }
    if next < n_tokens {
        let reason = format!("expected all {n_tokens} tokens in sentences, got none from token {next} on");
        return Err(Fault::new("sentences", reason));
    }
    Ok(())
}

/// A field that says another character than a sentence's tokens: what these say, and what it says.
fn other_place(sentence: &Sentence, tokens: &[Token]) -> Option<(&'static str, u32, u32)> {
    let of = |token: Option<&Token>| token.and_then(|token| token.characters);
    let start = ("char_start", of(tokens.first()).map(|first| first.0), sentence.char_start);
    let end = ("char_end", of(tokens.last()).map(|last| last.1), sentence.char_end);
    let differ = |(field, expected, said): (_, Option<u32>, Option<u32>)| Some((field, expected?, said?));
    [start, end].into_iter().filter_map(differ).find(|(_, expected, said)| expected != said)
}

fn read_token(place: u32, token: annotated::Token) -> Result<Token, Fault> {
    let annotated::Token { text, char_start, char_end } = token;
    match (char_start, char_end) {
        (Some(start), Some(end)) if end < start => {
            let reason = format!("expected {start} or more, got {end}");
            Err(Fault::new(format!("tokens[{place}].char_end"), reason))
        }
        (Some(_), None) | (None, Some(_)) => {
            let reason = "expected `char_start` and `char_end` or neither, got one";
            Err(Fault::new(format!("tokens[{place}]"), reason))
        }
        _ => Ok(Token { text, characters: char_start.zip(char_end) }),
    }
}

fn put_mentions(
    document: &mut Document,
    sentences: &[Sentence],
    mentions: Vec<annotated::Mention>,
) -> Result<(), Fault> {
    let n_entities = document.entities.len();
    for (place, mention) in mentions.into_iter().enumerate() {
        let sentence = sentence_of(&mention, place, sentences)?;
        let column = |field: &str| format!("mentions[{place}].{field}");
        let annotated::Mention { entity_id, token_start: start, token_end: end, name, r#type: kind } = mention;
        if kind.is_empty() {
            return Err(Fault::new(column("type"), "expected its type, got none"));
        }
        check_length(&column("type"), &kind)?;
        let of = match entity_id {
            None => &mut document.loose_mentions,
            Some(entity) => match document.entities.get_mut(entity as usize) {
                Some(entity) => &mut entity.mentions,
                None => return Err(out_of_range(column("entity_id"), entity, n_entities)),
            },
        };
        of.push(Mention { name, kind, sentence, start, end });
    }
    Ok(())
}

/// The sentence that holds a mention.
fn sentence_of(mention: &annotated::Mention, place: usize, sentences: &[Sentence]) -> Result<u32, Fault> {
    let fault = |field: &str, reason| Err(Fault::new(format!("mentions[{place}].{field}"), reason));
    let &annotated::Mention { token_start: start, token_end: end, .. } = mention;
    let sentence = sentences.partition_point(|sentence| sentence.token_end <= start);
    let Some(holds) = sentences.get(sentence) else {
        let n_tokens = sentences.last().map_or(0, |last| last.token_end);
        return fault("token_start", format!("expected one of {n_tokens} tokens, got {start}"));
    };
    let (least, most) = (start.saturating_add(1), holds.token_end);
    if end < least || end > most {
        return fault("token_end", format!("expected {least} to {most}, where sentence {sentence} ends, got {end}"));
    }
    Ok(whole(sentence))
}

fn check_entities(document: &Document, said: &[annotated::Entity]) -> Result<(), Fault> {
    for (place, (entity, said)) in document.entities.iter().zip(said).enumerate() {
        if entity.mentions.is_empty() {
            return Err(Fault::new(format!("entities[{place}]"), "expected at least one mention, got none"));
        }
        for (field, said, own) in [("name", &said.name, entity.name()), ("type", &said.r#type, entity.kind())] {
            if let Some(said) = said.as_ref().filter(|said| **said != own) {
                let reason = format!("expected `{own}`, as its first mention has it, got `{said}`");
                return Err(Fault::new(format!("entities[{place}].{field}"), reason));
            }
        }
    }
    Ok(())
}

fn put_pairs(document: &mut Document, pairs: &[annotated::Pair]) -> Result<(), Fault> {
    let mut asked = BTreeSet::new();
    for (place, &annotated::Pair { head, tail, candidate }) in pairs.iter().enumerate() {
        let column = || format!("pairs[{place}]");
        check_ends(document, &column, head, tail)?;
        if !asked.insert((head, tail)) {
            return Err(Fault::new(column(), format!("expected each pair once, got ({head}, {tail}) again")));
        }
        if candidate == Some(false) {
            document.left_out.insert((head, tail));
        }
    }
    document.asked = Some(asked);
    Ok(())
}

/// The facts in order.
fn sound_facts(document: &Document, facts: Vec<annotated::Fact>) -> Result<Vec<Fact>, Fault> {
    let n_sentences = whole(document.sentences.len());
    let mut read = Vec::with_capacity(facts.len());
    for (place, fact) in facts.into_iter().enumerate() {
        let column = || format!("facts[{place}]");
        let annotated::Fact { head, tail, relation, evidence, attributes, .. } = fact;
        check_ends(document, &column, head, tail)?;
        let (mut evidence, attributes) = (evidence.unwrap_or_default(), attributes.unwrap_or_default());
        if relation.is_empty() {
            return Err(Fault::new(format!("{}.relation", column()), "expected the relation's name, got none"));
        }
        if let Some(sentence) = evidence.iter().find(|&&sentence| sentence >= n_sentences) {
            let reason = format!("expected sentences below {n_sentences}, got {sentence}");
            return Err(Fault::new(format!("{}.evidence", column()), reason));
        }
        evidence.sort_unstable();
        evidence.dedup();
        read.push((Fact { head, tail, relation, evidence, attributes }, place));
    }
    read.sort_by(|(one, _), (other, _)| {
        (one.head, one.tail, &one.relation).cmp(&(other.head, other.tail, &other.relation))
    });
    let same = |pair: &&[(Fact, usize)]| {
        let [(one, _), (other, _)] = pair else { return false };
        (one.head, one.tail, &one.relation) == (other.head, other.tail, &other.relation)
    };
    if let Some([_, (_, place)]) = read.windows(2).find(same) {
        return Err(Fault::new(format!("facts[{place}]"), "expected each fact once, got it again"));
    }
    Ok(read.into_iter().map(|(fact, _)| fact).collect())
}

fn check_ends(document: &Document, column: &dyn Fn() -> String, head: u32, tail: u32) -> Result<(), Fault> {
    let n_entities = document.entities.len();
    for (field, end) in [("head", head), ("tail", tail)] {
        if end as usize >= n_entities {
            return Err(out_of_range(format!("{}.{field}", column()), end, n_entities));
        }
    }
    if head == tail {
        return Err(Fault::new(column(), format!("expected two entities, got {head} twice")));
    }
    Ok(())
}

fn out_of_range(column: String, entity: u32, n_entities: usize) -> Fault {
    Fault::new(column, format!("expected one of {n_entities} entities, got {entity}"))
}
