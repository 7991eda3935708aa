//! What things are called: `PREFIX:LOCAL` in tables, IRIs in RDF.
//!
//! An identifier that a knowledge base gave keeps its IRI there: MeSH, NCBI Gene, OMIM, UMLS and Wikidata. Everything
//! else lies below a base IRI of the user's choice. No Wikidata item is ever made up: only an id that the corpus gives
//! becomes one, and only a relation that is called like a Wikidata property (P17) becomes that property.

use std::fmt::{self, Write};
use std::str::FromStr;

use oxrdf::NamedNode;
use serde::{Deserialize, Serialize};

use ground::identity::digest;

/// Knowledge bases, with the prefixes under which corpora know them.
const KNOWN: &[(&str, &str, &[&str])] = &[
    ("MESH", "http://id.nlm.nih.gov/mesh/", &["mesh"]),
    ("NCBIGene", "https://www.ncbi.nlm.nih.gov/gene/", &["ncbigene", "gene", "entrez"]),
    ("OMIM", "https://omim.org/entry/", &["omim"]),
    ("UMLS", "https://uts.nlm.nih.gov/uts/umls/concept/", &["umls"]),
    ("WIKIDATA", "http://www.wikidata.org/entity/", &["wikidata", "wd"]),
];
/// Where Wikidata's properties lie, as truthy statements use them.
pub const WIKIDATA_PROPERTY: &str = "http://www.wikidata.org/prop/direct/";
/// Bytes of a step of a path; a longer one is cut, and a hash of the whole follows.
const LONGEST_STEP: usize = 200;

/// A base IRI: absolute, and a folder of further names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Base(String);

impl Default for Base {
    /// A name that is kept free for examples, so that it is never somebody's.
    fn default() -> Self {
        Self("https://docre.example/".to_owned())
    }
}

impl FromStr for Base {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = |reason: String| format!("`{text}`: expected an absolute IRI that ends in `/`{reason}");
        if !text.ends_with('/') || text.contains(['?', '#']) {
            return Err(fault(String::new()));
        }
        NamedNode::new(text).map_err(|error| fault(format!(", got: {error}")))?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Base {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for Base {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Base> for String {
    fn from(base: Base) -> Self {
        base.0
    }
}

/// A knowledge base's identifier as `PREFIX:LOCAL`. A bare one is known by its form and the entity's type; one that is
/// not known stays below `kb:`.
pub(crate) fn knowledge_base(id: &str, kind: &str) -> String {
    let prefixed = id.split_once(':').and_then(|(prefix, local)| {
        let known = KNOWN.iter().find(|(_, _, names)| names.contains(&prefix.to_lowercase().as_str()));
        known.map(|(name, ..)| (*name, local))
    });
    match prefixed.or_else(|| Some((bare(id, kind)?, id))) {
        Some((prefix, local)) => format!("{prefix}:{}", step(local)),
        None => format!("kb:{}", step(id)),
    }
}

/// The knowledge base of an identifier without a prefix.
fn bare(id: &str, kind: &str) -> Option<&'static str> {
    let (first, digits) = id.split_at_checked(1)?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let medical = ["chemical", "disease"].contains(&kind.to_lowercase().as_str());
    match (first, digits.len()) {
        ("Q", _) if is_number(digits) => Some("WIKIDATA"),
        ("D" | "C", 6 | 9) if medical && is_number(digits) => Some("MESH"),
        ("C", 7) if medical && is_number(digits) => Some("UMLS"),
        _ if kind.eq_ignore_ascii_case("gene") && is_number(id) => Some("NCBIGene"),
        _ => None,
    }
}

/// A text as one step of a path: a space becomes `_`, and what is no letter or digit of ASCII, `-` or `.` between two of
/// these is percent-encoded. Different texts give different steps.
pub(crate) fn step(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    let mut last_is_plain = false;
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let is_plain = byte.is_ascii_alphanumeric();
        let between = last_is_plain && bytes.peek().is_some_and(u8::is_ascii_alphanumeric);
        match byte {
            b' ' => encoded.push('_'),
            b'.' if between => encoded.push('.'),
            _ if is_plain || byte == b'-' => encoded.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
        last_is_plain = is_plain;
    }
    if encoded.len() <= LONGEST_STEP {
        return encoded;
    }
    let cut = encoded.get(..LONGEST_STEP).unwrap_or_default();
    let cut = cut.rfind('%').filter(|place| place + 3 > LONGEST_STEP).and_then(|place| cut.get(..place)).unwrap_or(cut);
    format!("{cut}~{}", digest(text.as_bytes()))
}

/// The IRIs of a graph.
#[derive(Debug, Clone)]
pub struct Iris {
    base: String,
}

impl Iris {
    /// IRIs below a base.
    pub fn new(base: &Base) -> Self {
        Self { base: base.0.clone() }
    }

    /// A node's.
    pub fn node(&self, node_id: &str) -> NamedNode {
        let (prefix, local) = node_id.split_once(':').unwrap_or(("kb", node_id));
        match KNOWN.iter().find(|(name, ..)| *name == prefix) {
            Some((_, namespace, _)) => NamedNode::new_unchecked(format!("{namespace}{local}")),
            None => self.below(prefix, local),
        }
    }

    /// A relation's.
    pub fn relation(&self, relation: &str) -> NamedNode {
        match relation.strip_prefix('P') {
            Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                NamedNode::new_unchecked(format!("{WIKIDATA_PROPERTY}{relation}"))
            }
            _ => self.below("relation", &step(relation)),
        }
    }

    /// An entity type's.
    pub fn class(&self, kind: &str) -> NamedNode {
        self.below("type", &step(kind))
    }

    /// A document's, which is also the name of its graph.
    pub fn document(&self, doc_id: &str) -> NamedNode {
        self.below("document", &step(doc_id))
    }

    /// A run's.
    pub fn run(&self, run_id: &str) -> NamedNode {
        self.below("run", &step(run_id))
    }

    /// The reifier of an edge.
    pub fn edge(&self, edge_id: &str) -> NamedNode {
        self.below("edge", edge_id)
    }

    /// The derivation of an edge from one of its facts, which are counted from 0.
    pub fn derivation(&self, edge_id: &str, number: u32) -> NamedNode {
        self.below("edge", &format!("{edge_id}/{number}"))
    }

    /// A sentence of a document, counted from 0.
    pub fn sentence(&self, doc_id: &str, sentence: u32) -> NamedNode {
        self.below("document", &format!("{}#sentence={sentence}", step(doc_id)))
    }

    /// Tokens of a document: the first, and one past the last.
    pub fn tokens(&self, doc_id: &str, start: u32, end: u32) -> NamedNode {
        self.below("document", &format!("{}#tokens={start},{end}", step(doc_id)))
    }

    /// A word of docre's own.
    pub fn word(&self, word: &str) -> NamedNode {
        self.below("vocabulary", word)
    }

    /// Prefixes for queries and for Turtle, with what they stand for.
    pub fn prefixes(&self) -> Vec<(&'static str, String)> {
        let known = KNOWN.iter().map(|(name, namespace, _)| (*name, (*namespace).to_owned()));
        let below = ["name", "type", "relation", "document", "run", "edge", "vocabulary"];
        let below = below.map(|kind| (kind, format!("{}{kind}/", self.base)));
        let words = [
            ("rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"),
            ("rdfs", "http://www.w3.org/2000/01/rdf-schema#"),
            ("xsd", "http://www.w3.org/2001/XMLSchema#"),
            ("skos", "http://www.w3.org/2004/02/skos/core#"),
            ("dcterms", "http://purl.org/dc/terms/"),
            ("prov", "http://www.w3.org/ns/prov#"),
            ("wdt", WIKIDATA_PROPERTY),
        ];
        let words = words.map(|(name, namespace)| (name, namespace.to_owned()));
        words.into_iter().chain(below).chain(known).collect()
    }

    /// The base is an IRI and the step percent-encoded, so what comes out is an IRI.
    fn below(&self, kind: &str, step: &str) -> NamedNode {
        NamedNode::new_unchecked(format!("{}{kind}/{step}", self.base))
    }
}

#[cfg(test)]
mod tests {
    use super::{Base, knowledge_base, step};

    #[test]
    fn identifiers_are_those_of_the_knowledge_base_or_stay_local() {
        for (id, kind, expected) in [
            ("D003000", "Chemical", "MESH:D003000"),
            ("C535788", "Disease", "MESH:C535788"),
            ("C0006142", "Disease", "UMLS:C0006142"),
            ("MeSH:D1", "X", "MESH:D1"),
            ("672", "Gene", "NCBIGene:672"),
            ("672", "Disease", "kb:672"),
            ("Q30", "LOC", "WIKIDATA:Q30"),
            ("D003000", "LOC", "kb:D003000"),
            ("Q30> <x", "LOC", "kb:Q30%3E_%3Cx"),
            ("", "LOC", "kb:"),
        ] {
            assert_eq!(knowledge_base(id, kind), expected);
        }
        assert_eq!((step("U.S. _x"), step("..")), ("U.S%2E_%5Fx".into(), "%2E%2E".into()));
        assert!(step(&"é".repeat(1000)).len() < 240);
        assert_ne!(step(&"é".repeat(1000)), step(&"é".repeat(1001)));
        for base in ["relative/", "https://x.example", "https://x y/", "https://x/#a/", ""] {
            assert!(base.parse::<Base>().is_err(), "{base}");
        }
    }
}
