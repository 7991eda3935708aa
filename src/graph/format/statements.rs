//! A graph as RDF statements, which the RDF formats write and the store holds.
//!
//! | of | statements |
//! | --- | --- |
//! | a node | `rdf:type` its type, `rdfs:label`, `skos:altLabel` its aliases, `dcterms:identifier` its kb_id, `vocabulary:documents` |
//! | an edge | the statement itself, in the default graph, and in that of each supporting document |
//! | an edge's reifier | `rdf:Statement` with subject, predicate, object; `vocabulary:documents`, `…/bestProbability`, `…/combinedProbability`; `prov:wasDerivedFrom` each document, `prov:wasGeneratedBy` each run, `prov:qualifiedDerivation` each fact; `attribute:…` what its facts are said to be |
//! | a fact | `prov:Derivation` with `prov:entity` its document, `prov:hadActivity` its run, `vocabulary:probability`, and `…/evidence`, `…/headMention`, `…/tailMention`: sentences and tokens, as fragments of the document; `attribute:…` each of its attributes |
//! | a document | `prov:Entity`, `dcterms:identifier` its doc_id |
//! | a run | `prov:Activity`, `rdfs:label` |
//! | a relation, a type | `rdf:Property`, `rdfs:Class`; `rdfs:label` |
//!
//! An edge is named by the IRI of its reifier, in the vocabulary that RDF 1.1 has for it: every program reads that,
//! where the triple terms of RDF 1.2 are still read by few.

use std::collections::{BTreeMap, BTreeSet};

use oxrdf::vocab::{rdf, rdfs};
use oxrdf::{GraphNameRef, Literal, NamedNode, NamedNodeRef, QuadRef, TermRef};

use table::Text;
use table::rows::{EdgeRow, NodeRow, ProvenanceRow};

use super::error::WriteError;
use crate::Graph;
use crate::identifier::Iris;

const ALTERNATIVE_LABEL: NamedNodeRef<'_> = NamedNodeRef::new_unchecked("http://www.w3.org/2004/02/skos/core#altLabel");
const IDENTIFIER: NamedNodeRef<'_> = NamedNodeRef::new_unchecked("http://purl.org/dc/terms/identifier");

/// A word of PROV-O.
macro_rules! prov {
    ($word:literal) => {
        NamedNodeRef::new_unchecked(concat!("http://www.w3.org/ns/prov#", $word))
    };
}

/// Says every statement of a graph.
///
/// # Errors
/// Those of `say`, and where a table cannot be read.
pub fn statements<E: From<WriteError>>(
    graph: &Graph,
    say: &mut dyn FnMut(QuadRef<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut speaker = Speaker { iris: &graph.iris, words: Words::new(&graph.iris), say };
    speaker.nodes(graph)?;
    let runs = speaker.edges(graph)?;
    for run in runs {
        let iri = graph.iris.run(&run);
        speaker.say(&iri, rdf::TYPE, prov!("Activity"))?;
        speaker.say(&iri, rdfs::LABEL, &Literal::from(&*run))?;
    }
    for doc_id in graph.documents().map_err(table)? {
        let doc_id = doc_id.map_err(table)?;
        let iri = graph.iris.document(&doc_id);
        speaker.say(&iri, rdf::TYPE, prov!("Entity"))?;
        speaker.say(&iri, IDENTIFIER, &Literal::from(&*doc_id))?;
    }
    Ok(())
}

fn table<E: From<WriteError>>(error: table::TableError) -> E {
    WriteError::from(error).into()
}

/// Words of docre's own vocabulary.
struct Words {
    documents: NamedNode,
    best: NamedNode,
    combined: NamedNode,
    probability: NamedNode,
    evidence: NamedNode,
    head_mention: NamedNode,
    tail_mention: NamedNode,
}

impl Words {
    fn new(iris: &Iris) -> Self {
        Self {
            documents: iris.word("documents"),
            best: iris.word("bestProbability"),
            combined: iris.word("combinedProbability"),
            probability: iris.word("probability"),
            evidence: iris.word("evidence"),
            head_mention: iris.word("headMention"),
            tail_mention: iris.word("tailMention"),
        }
    }
}

struct Speaker<'s, E> {
    iris: &'s Iris,
    words: Words,
    say: &'s mut dyn FnMut(QuadRef<'_>) -> Result<(), E>,
}

impl<E: From<WriteError>> Speaker<'_, E> {
    fn say<'t>(
        &mut self,
        subject: &NamedNode,
        predicate: NamedNodeRef<'_>,
        object: impl Into<TermRef<'t>>,
    ) -> Result<(), E> {
        (self.say)(QuadRef::new(subject, predicate, object.into(), GraphNameRef::DefaultGraph))
    }

    /// The nodes, and their types.
    fn nodes(&mut self, graph: &Graph) -> Result<(), E> {
        let mut types = BTreeSet::new();
        for node in graph.nodes().map_err(table)? {
            let node = node.map_err(table)?;
            self.node(&node)?;
            types.insert(node.r#type);
        }
        for kind in types {
            let iri = self.iris.class(&kind);
            self.say(&iri, rdf::TYPE, rdfs::CLASS)?;
            self.say(&iri, rdfs::LABEL, &Literal::from(&*kind))?;
        }
        Ok(())
    }

    fn node(&mut self, node: &NodeRow) -> Result<(), E> {
        let iri = self.iris.node(&node.node_id);
        self.say(&iri, rdf::TYPE, &self.iris.class(&node.r#type))?;
        self.say(&iri, rdfs::LABEL, &Literal::from(&*node.name))?;
        for alias in &node.aliases {
            self.say(&iri, ALTERNATIVE_LABEL, &Literal::from(&**alias))?;
        }
        if let Some(kb_id) = &node.kb_id {
            self.say(&iri, IDENTIFIER, &Literal::from(&**kb_id))?;
        }
        let documents = self.words.documents.clone();
        self.say(&iri, documents.as_ref(), &Literal::from(node.n_documents))
    }

    /// The edges, what they come from, and their relations; what is returned are the runs.
    fn edges(&mut self, graph: &Graph) -> Result<BTreeSet<Text>, E> {
        let (mut relations, mut runs) = (BTreeMap::new(), BTreeSet::new());
        let mut provenance = graph.provenance().map_err(table)?;
        for edge in graph.edges().map_err(table)? {
            let edge = edge.map_err(table)?;
            let reified = Reified::new(self.iris, &edge);
            self.edge(&edge, &reified)?;
            let mut last: Option<ProvenanceRow> = None;
            let mut number = 0;
            let mut attributes = BTreeSet::new();
            while let Some(fact) = provenance.next_if(|fact| fact.edge_id == edge.edge_id).map_err(table)? {
                let (document, run) = last.map(|last| (last.doc_id, last.run_id)).unzip();
                if document.as_ref() != Some(&fact.doc_id) {
                    self.document(&fact.doc_id, &reified)?;
                }
                if run.as_ref() != Some(&fact.run_id) {
                    self.say(&reified.edge, prov!("wasGeneratedBy"), &self.iris.run(&fact.run_id))?;
                    runs.insert(fact.run_id.clone());
                }
                self.fact(&fact, number, &reified.edge)?;
                number += 1;
                attributes.extend(fact.attributes.iter().cloned());
                last = Some(fact);
            }
            self.attributes(&reified.edge, &attributes)?;
            relations.entry(edge.relation).or_insert(edge.label);
        }
        for (relation, label) in relations {
            let iri = self.iris.relation(&relation);
            self.say(&iri, rdf::TYPE, rdf::PROPERTY)?;
            self.say(&iri, rdfs::LABEL, &Literal::from(&*label.unwrap_or(relation)))?;
        }
        Ok(runs)
    }

    fn edge(&mut self, edge: &EdgeRow, reified: &Reified) -> Result<(), E> {
        let Reified { edge: iri, head, relation, tail } = reified;
        self.say(head, relation.as_ref(), tail)?;
        self.say(iri, rdf::TYPE, rdf::STATEMENT)?;
        self.say(iri, rdf::SUBJECT, head)?;
        self.say(iri, rdf::PREDICATE, relation)?;
        self.say(iri, rdf::OBJECT, tail)?;
        let Words { documents, best, combined, .. } = &self.words;
        let (documents, best, combined) = (documents.clone(), best.clone(), combined.clone());
        self.say(iri, documents.as_ref(), &Literal::from(edge.n_documents))?;
        if let Some(probability) = edge.best_probability {
            self.say(iri, best.as_ref(), &Literal::from(probability))?;
        }
        match edge.combined_probability {
            Some(probability) => self.say(iri, combined.as_ref(), &Literal::from(probability)),
            None => Ok(()),
        }
    }

    /// A document that supports an edge.
    fn document(&mut self, doc_id: &str, reified: &Reified) -> Result<(), E> {
        let Reified { edge, head, relation, tail } = reified;
        let document = self.iris.document(doc_id);
        (self.say)(QuadRef::new(head, relation, tail, &document))?;
        self.say(edge, prov!("wasDerivedFrom"), &document)
    }

    fn fact(&mut self, fact: &ProvenanceRow, number: u32, edge: &NamedNode) -> Result<(), E> {
        let (document, run) = (self.iris.document(&fact.doc_id), self.iris.run(&fact.run_id));
        let derivation = self.iris.derivation(&fact.edge_id, number);
        self.say(edge, prov!("qualifiedDerivation"), &derivation)?;
        self.say(&derivation, rdf::TYPE, prov!("Derivation"))?;
        self.say(&derivation, prov!("entity"), &document)?;
        self.say(&derivation, prov!("hadActivity"), &run)?;
        if let Some(probability) = fact.probability {
            let word = self.words.probability.clone();
            self.say(&derivation, word.as_ref(), &Literal::from(probability))?;
        }
        self.attributes(&derivation, &fact.attributes)?;
        self.places(fact, &derivation)
    }

    /// What is said of a fact, or of all facts behind an edge: `name=value`.
    fn attributes<'a>(&mut self, subject: &NamedNode, attributes: impl IntoIterator<Item = &'a Text>) -> Result<(), E> {
        for attribute in attributes {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            self.say(subject, self.iris.attribute(name).as_ref(), &Literal::from(value))?;
        }
        Ok(())
    }

    /// Where the document speaks of a fact.
    fn places(&mut self, fact: &ProvenanceRow, derivation: &NamedNode) -> Result<(), E> {
        let word = self.words.evidence.clone();
        for sentence in &fact.evidence {
            self.say(derivation, word.as_ref(), &self.iris.sentence(&fact.doc_id, *sentence))?;
        }
        let words = [self.words.head_mention.clone(), self.words.tail_mention.clone()];
        for (word, mentions) in words.iter().zip([&fact.head_mentions, &fact.tail_mentions]) {
            for mention in mentions {
                if let [_, start, end] = **mention {
                    self.say(derivation, word.as_ref(), &self.iris.tokens(&fact.doc_id, start, end))?;
                }
            }
        }
        Ok(())
    }
}

/// The IRIs of an edge.
struct Reified {
    edge: NamedNode,
    head: NamedNode,
    relation: NamedNode,
    tail: NamedNode,
}

impl Reified {
    fn new(iris: &Iris, edge: &EdgeRow) -> Self {
        Self {
            edge: iris.edge(&edge.edge_id),
            head: iris.node(&edge.head),
            relation: iris.relation(&edge.relation),
            tail: iris.node(&edge.tail),
        }
    }
}
