//! The entities of all documents → nodes, and where each entity went.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::path::Path;

use ground::observe::{Event, Observer, Progress};
use table::rows::{EntityRow, MentionRow, NodeRow};
use table::sort::{InOrder, Sorted, Sorter, sortable};
use table::{Text, Walk};

use super::format::biolink::exclude;
use super::merging::{Merger, are_foreign};
use super::tables::Tables;
use super::{GraphError, Options, Totals};

sortable! {
    /// A mention: where it stands in its document.
    Span {
        sent_id: u32,
        token_start: u32,
        token_end: u32,
    }

    /// An entity of a document, under the node that it becomes.
    Appearance {
        node_id: Text,
        doc_id: Text,
        entity_id: u32,
        name: Text,
        kind: Text,
        kb_id: Option<Text>,
        rule: Text,
        mentions: Vec<Span>,
    }

    /// The same under its document.
    Placed {
        doc_id: Text,
        entity_id: u32,
        /// Whether the node is of a type that was asked for.
        kept: bool,
        node_id: Text,
        rule: Text,
        mentions: Vec<Span>,
    }
}

/// The entities of a split under their nodes.
pub(super) fn appearances(
    split: &Path,
    merger: &Merger,
    folder: &Path,
    observe: Observer<'_>,
) -> Result<Sorted<Appearance>, GraphError> {
    let mut sorter = Sorter::new(folder.join("appearances"))?;
    let rules: BTreeMap<&str, Text> = ["kb_id", "name", "alias", "itself"].map(|rule| (rule, rule.into())).into();
    let mut number = 0;
    for document in Walk::<(EntityRow, MentionRow)>::open(split)? {
        let (document, (entities, mentions)) = document?;
        let mut mentions = mentions.into_iter().filter(|mention| mention.entity_id.is_some()).peekable();
        for entity in entities {
            let identity = merger.identify(&entity);
            sorter.push(&Appearance {
                node_id: identity.node_id.into(),
                mentions: spans(&mut mentions, entity.entity_id),
                rule: rules.get(identity.rule).cloned().unwrap_or_default(),
                doc_id: entity.doc_id,
                entity_id: entity.entity_id,
                name: entity.name,
                kind: entity.r#type,
                kb_id: identity.curie.map(Into::into),
            })?;
            number += 1;
            observe(Event::Progress(Progress::of_unit("entities", number)));
        }
        if mentions.next().is_some() {
            let (folder, doc_id) = (split.to_path_buf(), document.doc_id.to_string());
            return Err(GraphError::Mentions { folder, doc_id });
        }
    }
    Ok(sorter.finish()?)
}

/// The mentions of an entity, which stand in the order of the entities.
fn spans(mentions: &mut Peekable<impl Iterator<Item = MentionRow>>, entity_id: u32) -> Vec<Span> {
    let next = || mentions.next_if(|mention| mention.entity_id == Some(entity_id));
    let span = |MentionRow { sent_id, token_start, token_end, .. }| Span { sent_id, token_start, token_end };
    std::iter::from_fn(next).map(span).collect()
}

/// Writes the nodes, as yet without edges, and places the entities in their documents.
pub(super) fn nodes(
    appearances: &Sorted<Appearance>,
    options: &Options,
    folder: &Path,
    totals: &mut Totals,
) -> Result<Sorted<Placed>, GraphError> {
    let mut sorter = Sorter::new(folder.join("placed"))?;
    let mut writer = Tables { folder, fingerprint: "" }.writer::<NodeRow>()?;
    let (mut all, mut again) = (appearances.read()?, appearances.read()?);
    while let Some(node) = next_node(&mut all, totals)? {
        let kept = options.types.is_empty() || options.types.iter().any(|kind| **kind == *node.r#type);
        for appearance in again.by_ref().take(node.n_entities as usize) {
            sorter.push(&placed(appearance?, kept))?;
        }
        totals.entities += u64::from(node.n_entities);
        if kept {
            writer.push(node)?;
        }
    }
    writer.finish()?;
    Ok(sorter.finish()?)
}

fn placed(appearance: Appearance, kept: bool) -> Placed {
    let Appearance { node_id, doc_id, entity_id, rule, mentions, .. } = appearance;
    Placed { doc_id, entity_id, kept, node_id, rule, mentions }
}

/// Puts together the next node of its entities. What is in memory is its names, not the entities.
fn next_node(appearances: &mut InOrder<Appearance>, totals: &mut Totals) -> Result<Option<NodeRow>, GraphError> {
    let Some(first) = appearances.next().transpose()? else { return Ok(None) };
    let node_id = first.node_id.clone();
    let kb_id = first.kb_id.clone();
    let (mut names, mut types) = (Counts::default(), Counts::default());
    let (mut n_documents, mut n_entities, mut n_mentions) = (0, 0, 0);
    let (mut next, mut last_document) = (Some(first), None);
    while let Some(appearance) = next {
        names.add(appearance.name);
        types.add(appearance.kind);
        n_entities += 1;
        n_mentions += appearance.mentions.len() as u32;
        n_documents += u32::from(last_document.as_ref() != Some(&appearance.doc_id));
        last_document = Some(appearance.doc_id);
        next = appearances.next_if(|appearance| appearance.node_id == node_id)?;
    }
    let (name, aliases) = names.most_and_others();
    let (kind, other_types) = types.most_and_others();
    if kb_id.is_some() {
        let clash = other_types.iter().find(|other| exclude(&kind, other));
        clash.iter().for_each(|other| totals.clashing_types.add(&node_id, &kind, other));
        let clash = aliases.iter().find(|other| are_foreign(&name, other));
        clash.iter().for_each(|other| totals.clashing_names.add(&node_id, &name, other));
    }
    Ok(Some(NodeRow {
        node_id,
        name,
        r#type: kind,
        kb_id,
        aliases,
        n_documents,
        n_entities,
        n_mentions,
        n_out: 0,
        n_in: 0,
    }))
}

/// How often each text came.
#[derive(Default)]
struct Counts(BTreeMap<Text, u32>);

impl Counts {
    fn add(&mut self, text: Text) {
        *self.0.entry(text).or_default() += 1;
    }

    /// The text that came most often, of several the first, and the others in order.
    fn most_and_others(mut self) -> (Text, Vec<Text>) {
        let most = self.0.iter().min_by_key(|(_, count)| Reverse(**count)).map(|(text, _)| text.clone());
        debug_assert!(most.is_some(), "a node has an entity, and that a name and a type");
        let most = most.unwrap_or_default();
        self.0.remove(&most);
        (most, self.0.into_keys().collect())
    }
}
