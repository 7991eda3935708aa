//! Relations with which inference begins, in place of what the model's base predicts: another system's, as DocRE-II's
//! paper puts its module behind other models.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ground::excerpt::quoted;
use ground::identity::Identity;
use ground::observe::{Event, Observer};
use model::example::{Example, Relations};
use submission::predictions;
use table::rows::{DocumentRow, PairRow};
use table::{Followers, Standing, Table, Text, undirected_relations};

use super::error::ScoreError;

/// (head, tail, class) of each document that has any.
type Facts = BTreeMap<Text, Vec<(u32, u32, u32)>>;

/// The relations that are given, all in memory.
#[derive(Debug, Default)]
pub struct First {
    facts: Facts,
}

/// What of it cannot be used: how many, and one of them.
#[derive(Debug, Default)]
struct Strays {
    count: u64,
    first: Option<String>,
}

impl Strays {
    fn add(&mut self, count: u64, name: &str) {
        self.count += count;
        if count > 0 {
            self.first.get_or_insert_with(|| quoted(name));
        }
    }

    fn event(&self, what: &str) -> Option<Event> {
        let first = self.first.as_ref()?;
        Some(Event::Warning(format!(
            "{} of the first relations are of {what}: left out, the first of {first}",
            self.count
        )))
    }
}

impl First {
    /// What a table or a submission predicts of a split, as far as the model knows the relations and the split the
    /// documents and entities; what is left out is told.
    ///
    /// # Errors
    /// Where it cannot be read, or is of several runs.
    pub fn read(path: &Path, split: &Path, relations: &Relations, observe: Observer<'_>) -> Result<Self, ScoreError> {
        let (mut facts, mut runs, mut unknown) = (Facts::new(), BTreeSet::new(), Strays::default());
        let (undirected, mut both_ways) = (undirected_relations(split)?, BTreeSet::new());
        for row in predictions::read(path, split, observe)? {
            let row = row?;
            runs.insert(row.run_id);
            let class = relations.class(&row.relation);
            both_ways.extend(class.filter(|_| undirected.contains(&row.relation)));
            match class {
                Some(class) => facts.entry(row.doc_id).or_default().push((row.head, row.tail, class)),
                None => unknown.add(1, &row.relation),
            }
            if runs.len() > 1 {
                return Err(ScoreError::Runs(path.to_path_buf()));
            }
        }
        let (facts, [elsewhere, entities, pairs]) = of_split(facts, split, &both_ways)?;
        let strays = [&unknown, &elsewhere, &entities, &pairs];
        let left_out = strays.iter().map(|strays| strays.count).sum();
        if facts.values().all(Vec::is_empty)
            && let Some(first) = strays.into_iter().find_map(|strays| strays.first.clone())
        {
            return Err(ScoreError::Elsewhere { path: path.to_path_buf(), count: left_out, first });
        }
        let told = [
            unknown.event("relations that the model does not know"),
            elsewhere.event("documents that the split does not have"),
            entities.event("entities that their documents do not have"),
            pairs.event("pairs that are no candidates"),
        ];
        told.into_iter().flatten().for_each(observe);
        Ok(Self { facts })
    }

    /// Identifies them.
    pub fn identity(&self) -> String {
        let facts = self.facts.iter().fold(Identity::of("first relations"), |identity, (document, facts)| {
            let numbers = facts.iter().flat_map(|&(head, tail, class)| [head, tail, class]);
            identity.numbers(document, numbers.map(u64::from))
        });
        facts.finish()
    }

    /// A document that begins with its own; with none, where it has none.
    pub fn begun(&self, example: Example) -> Example {
        let first = self.facts.get(&example.doc_id).cloned().unwrap_or_default();
        Example { first: Some(first), ..example }
    }
}

/// Those of the documents of a split and of their candidate pairs, in order and once each; and what is of other documents,
/// entities and pairs. `both_ways` are the classes that hold both ways: they are asked about in the direction that facts
/// have, from the entity of the smaller number, or in the other.
fn of_split(mut facts: Facts, split: &Path, both_ways: &BTreeSet<u32>) -> Result<(Facts, [Strays; 3]), ScoreError> {
    let (mut kept, mut elsewhere, mut entities, mut pairs) =
        (Facts::new(), Strays::default(), Strays::default(), Strays::default());
    let standing = Standing::of(split)?;
    let mut candidates = Followers::<(PairRow,)>::open(split, &standing)?;
    let mut documents = Table::<DocumentRow>::require(split)?.of_split(&standing).cursor()?;
    while let Some(document) = documents.next_if(|_| true)? {
        let given = facts.remove(&document.doc_id);
        let given_pairs: BTreeSet<_> = given.iter().flatten().flat_map(|fact| directions(*fact, both_ways)).collect();
        let mut asked = BTreeSet::new();
        while let Some(pair) = candidates.next_of(&document.doc_id)? {
            if pair.candidate && given_pairs.contains(&(pair.head, pair.tail)) {
                asked.insert((pair.head, pair.tail));
            }
        }
        let Some(mut given) = given else { continue };
        given.sort_unstable();
        given.dedup();
        let all = given.len();
        given.retain(|&(head, tail, _)| head != tail && head.max(tail) < document.n_entities);
        let of_entities = given.len();
        given = given.into_iter().filter_map(|fact| directed(fact, both_ways, &asked)).collect();
        entities.add((all - of_entities) as u64, &document.doc_id);
        pairs.add((of_entities - given.len()) as u64, &document.doc_id);
        given.sort_unstable();
        given.dedup();
        kept.insert(document.doc_id, given);
    }
    candidates.finish()?;
    facts.iter().for_each(|(document, facts)| elsewhere.add(facts.len() as u64, document));
    Ok((kept, [elsewhere, entities, pairs]))
}

/// The directions in which a fact may be asked about, the usual one first.
fn directions((head, tail, class): (u32, u32, u32), both_ways: &BTreeSet<u32>) -> Vec<(u32, u32)> {
    let (first, second) = (head.min(tail), head.max(tail));
    if both_ways.contains(&class) { vec![(first, second), (second, first)] } else { vec![(head, tail)] }
}

/// A fact in the direction that is asked about; `None` where none is.
fn directed(fact: (u32, u32, u32), both_ways: &BTreeSet<u32>, asked: &BTreeSet<(u32, u32)>) -> Option<(u32, u32, u32)> {
    let (head, tail) = directions(fact, both_ways).into_iter().find(|pair| asked.contains(pair))?;
    Some((head, tail, fact.2))
}
