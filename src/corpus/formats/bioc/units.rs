//! What becomes a document: all of an article, each of its sections, or each of its passages.

use std::collections::HashMap;

use super::super::dialect::Unit;
use super::blocks::Blocks;
use super::model::{Article, Passage};

/// The blocks of one document to be, and what it is called.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Its name.
    pub(super) id: String,
    /// Its title.
    pub(super) title: String,
    /// Its blocks in order.
    pub(super) blocks: Vec<usize>,
}

/// The documents that an article becomes, at least one.
pub(super) fn plans(article: &Article, blocks: &Blocks, unit: Unit) -> Vec<Plan> {
    let title = title(article);
    let of_passage: Vec<(String, String)> = match unit {
        Unit::Document => Vec::new(),
        Unit::Section => sections(article, &title),
        Unit::Passage => (0..article.passages.len()).map(|number| (number.to_string(), title.clone())).collect(),
    };
    let (mut plans, mut places): (Vec<Plan>, HashMap<&str, usize>) = (Vec::new(), HashMap::new());
    for (number, block) in blocks.list.iter().enumerate() {
        let Some((name, title)) = of_passage.get(block.passage) else { continue };
        let place = *places.entry(name).or_insert(plans.len());
        if place == plans.len() {
            plans.push(Plan { id: format!("{}#{name}", article.id.trim()), title: title.clone(), blocks: Vec::new() });
        }
        if let Some(plan) = plans.get_mut(place) {
            plan.blocks.push(number);
        }
    }
    if plans.is_empty() {
        plans.push(Plan { id: article.id.trim().to_owned(), title, blocks: (0..blocks.list.len()).collect() });
    }
    plans
}

/// The text of the passage that is the title.
fn title(article: &Article) -> String {
    let passage = article.passages.iter().find(|passage| is_title(passage)).map(text);
    passage.or_else(|| article.infons.get(&["title"])).unwrap_or_default().to_owned()
}

fn is_title(passage: &Passage) -> bool {
    let is = |keys: &[&str], names: &[&str]| {
        passage.infons.get(keys).is_some_and(|found| names.iter().any(|name| found.eq_ignore_ascii_case(name)))
    };
    is(&["type"], &["title", "front"]) || is(&["section_type", "section"], &["title"])
}

fn text<'p>(passage: &'p Passage) -> &'p str {
    let first = passage.sentences.first().map_or("", |sentence| &*sentence.text);
    if passage.text.is_empty() { first.trim() } else { passage.text.trim() }
}

/// Of each passage the name of its section and what heads it. Passages that say of no section go with the heading before
/// them.
fn sections(article: &Article, title: &str) -> Vec<(String, String)> {
    let mut heading: Option<String> = None;
    let mut named: Vec<(String, Option<String>)> = Vec::with_capacity(article.passages.len());
    for passage in &article.passages {
        let kind = passage.infons.get(&["type"]).unwrap_or_default();
        let is_heading = kind.strip_prefix("title_").is_some_and(|level| level == "1");
        let said = passage.infons.get(&["section_type", "section"]).filter(|name| !name.is_empty());
        if is_heading {
            heading = Some(text(passage).to_owned());
        }
        let name = match (said, &heading) {
            (Some(said), _) => said.to_owned(),
            (None, Some(heading)) => heading.clone(),
            (None, None) if kind.is_empty() => "text".to_owned(),
            (None, None) => kind.to_owned(),
        };
        named.push((name, is_heading.then(|| text(passage).to_owned())));
    }
    let mut heads: HashMap<String, String> = HashMap::new();
    for (name, heading) in &named {
        if let Some(heading) = heading {
            heads.entry(name.clone()).or_insert_with(|| heading.clone());
        }
    }
    let head = |name: &str| heads.get(name).cloned().unwrap_or_else(|| title.to_owned());
    named.into_iter().map(|(name, _)| (name.clone(), head(&name))).collect()
}
