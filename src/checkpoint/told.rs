//! A card as people read it.

use std::fmt;

use examples::{MOST_TYPES, Profile, TypePairs};
use ground::aligned::{Side, lines};
use serde_json::Value;

use super::{Card, CardCorpus, CorpusRelation, Figures, OfBase, SplitName};

/// Types of entities, and pairs of these, that are listed; all are counted.
const SHOWN: usize = 12;

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { docre, train, dev, profile, figures, base, .. } = self;
        let pieces = format!("{}, {} unknown to its vocabulary", profile.pieces, percent(profile.unknown()));
        let scripts = profile.scripts.keys().map(|script| format!("{script} {}", percent(profile.share(script))));
        let settings = self.settings.as_object().into_iter().flatten();
        let settings = settings.filter(|(_, value)| !value.is_null()).map(|(name, value)| setting(name, value));
        let corpora = self.corpora.iter().map(|corpus| (&*corpus.name, corpus.to_string()));
        let corpora = corpora.map(|(name, told)| format!("{:13} `{name}`: {told}\n", "corpus"));
        let of_base = base.as_ref().map(|base| ("its base", base.to_string()));
        let rows = [
            ("trained by", format!("docre {docre}")),
            ("trained on", train.to_string()),
            ("chosen on", dev.to_string()),
            ("figures", figures.as_ref().map_or_else(|| "none".to_owned(), Figures::to_string)),
            of_base.unwrap_or_default(),
            ("entity types", self.entity_types()),
            ("candidates", candidates(profile)),
            ("not asked", self.not_asked()),
            ("pieces", pieces),
            ("letters", or_none(scripts.collect::<Vec<_>>().join(", "))),
            ("settings", settings.collect::<Vec<_>>().join(", ")),
        ];
        rows.iter()
            .filter(|(name, _)| !name.is_empty())
            .try_for_each(|(name, told)| writeln!(f, "{name:13} {told}"))?;
        f.write_str(&corpora.collect::<String>())?;
        writeln!(f)?;
        self.relations().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl Card {
    fn entity_types(&self) -> String {
        let mut types: Vec<_> = self.profile.entity_types.iter().collect();
        types.sort_by_key(|(_, entities)| std::cmp::Reverse(**entities));
        let told = first(types.into_iter().map(|(kind, entities)| format!("{kind} {entities}")));
        match self.profile.further_entities {
            0 => told,
            further => format!("{told}; {further} entities of types beyond {MOST_TYPES}"),
        }
    }

    fn not_asked(&self) -> String {
        first(self.left_out().iter().map(|(head, tail)| format!("{head}:{tail}")))
    }

    fn relations(&self) -> impl Iterator<Item = String> {
        let heads = ["relation", "label", "facts", ""].map(str::to_owned);
        let both_ways = |undirected| if undirected { "both ways" } else { "" };
        let row = |of: &super::CardRelation| {
            let label = of.label.as_deref().unwrap_or_default().to_owned();
            vec![of.relation.to_string(), label, of.facts.to_string(), both_ways(of.undirected).to_owned()]
        };
        let rows: Vec<Vec<String>> = self.relations.iter().map(row).collect();
        lines(&heads, &[Side::Left, Side::Left, Side::Right, Side::Left], Some('─'), &rows)
    }
}

impl fmt::Display for CardCorpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name: _, train, dev, profile, relations, figures } = self;
        write!(f, "trained on {train}, chosen on {dev}; ")?;
        figures.as_ref().map_or(Ok(()), |figures| write!(f, "{figures}; "))?;
        write!(f, "candidates {}; relations ", candidates(profile))?;
        let relations = relations.iter().map(|CorpusRelation { told, model }| match model {
            Some(model) if *model == told.relation => format!("{model} {}", told.facts),
            Some(model) => format!("{} as {model} {}", told.relation, told.facts),
            None => format!("{} left out", told.relation),
        });
        f.write_str(&relations.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for SplitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { corpus, split, identity, documents } = self;
        write!(f, "{corpus}/{split}: {documents} documents, {identity}")
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, epoch, precision, recall, f1, f1_low, f1_high } = *self;
        let number = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.2}", 100.0 * share));
        let (p, r, f1) = (number(precision), number(recall), number(Some(f1)));
        let interval =
            f1_low.zip(f1_high).map(|(low, high)| format!(" ({} to {})", number(Some(low)), number(Some(high))));
        let stage = if stage > 1 { format!("stage {stage}, ") } else { String::new() };
        write!(f, "P {p} R {r} F1 {f1}{}, {stage}epoch {epoch}", interval.unwrap_or_default())
    }
}

impl fmt::Display for OfBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { precision, recall, f1, difference, low, high } = *self;
        let number = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.2}", 100.0 * share));
        let points = |share: f64| format!("{:+.2}", 100.0 * share);
        write!(f, "P {} R {} F1 {}; the model is ", number(precision), number(recall), number(Some(f1)))?;
        f.write_str(if self.is_worse() { "better" } else { "not better: score with the base" })?;
        write!(f, ", F1 {}", points(difference))?;
        low.zip(high).map_or(Ok(()), |(low, high)| write!(f, " ({} to {})", points(low), points(high)))
    }
}

fn candidates(profile: &Profile) -> String {
    let asked = profile.pairs_by_type().filter(|(.., found)| found.candidates > 0);
    let mut asked: Vec<_> = asked.collect();
    asked.sort_by_key(|(.., found)| std::cmp::Reverse(found.candidates));
    first(
        asked
            .into_iter()
            .map(|(head, tail, TypePairs { pairs, candidates })| format!("{head}:{tail} {candidates} of {pairs}")),
    )
}

fn setting(name: &str, value: &Value) -> String {
    match value.as_str() {
        Some(text) => format!("{name} {text}"),
        None => format!("{name} {value}"),
    }
}

/// A share with as many digits as tell it from none.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent > 0.0 && percent < 0.01 { "under 0.01%".to_owned() } else { format!("{percent:.2}%") }
}

/// The first few, and how many more there are.
fn first(all: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = all.collect();
    let more = all.len().saturating_sub(SHOWN);
    all.truncate(SHOWN);
    let told = or_none(all.join(", "));
    if more > 0 { format!("{told} and {more} more") } else { told }
}

fn or_none(told: String) -> String {
    if told.is_empty() { "none".to_owned() } else { told }
}
