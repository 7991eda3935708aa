//! What things are called: `PREFIX:LOCAL` in tables and queries, IRIs in RDF.
//!
//! An identity of a knowledge base is its CURIE, and has the IRI that is registered for it ([`ground::curie`]).
//! Everything else lies below a base IRI of the user's choice. No Wikidata item is ever made up: only an id that the
//! corpus gives becomes one, and only a relation that is called like a Wikidata property (P17) becomes that property.
//!
//! A local name is escaped so that `PREFIX:LOCAL` is a word of SPARQL and Turtle as it stands, and no two names become
//! one ([`step`]).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::str::FromStr;

use oxrdf::NamedNode;
use serde::{Deserialize, Serialize};

use ground::curie::{begins_name, continues_name, namespace, registered};
use ground::identity::digest;

/// What lies below the base, a prefix each.
const BELOW: [&str; 8] = ["name", "type", "relation", "document", "run", "edge", "attribute", "vocabulary"];
/// Words of others, in which graphs are told.
const WORDS: [(&str, &str); 7] = [
    ("rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"),
    ("rdfs", "http://www.w3.org/2000/01/rdf-schema#"),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
    ("skos", "http://www.w3.org/2004/02/skos/core#"),
    ("dcterms", "http://purl.org/dc/terms/"),
    ("prov", "http://www.w3.org/ns/prov#"),
    ("wdt", WIKIDATA_PROPERTY),
];
/// What stands before an identity whose prefix is one of the graph's own.
const KNOWLEDGE_BASE: &str = "kb";
/// An entity that stays apart.
const ENTITY: &str = "entity";
/// Between the parts of a local name, where it has several; within them it is escaped.
const SEPARATOR: char = ':';
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

/// The node of an identity. One whose prefix the graph needs for itself stands whole below `kb:`.
pub(crate) fn of_curie(curie: &str) -> String {
    match curie.split_once(':') {
        Some((prefix, local)) if !is_own(prefix) => format!("{prefix}:{}", step(local)),
        _ => format!("{KNOWLEDGE_BASE}:{}", step(curie)),
    }
}

/// The CURIE of a node whose identity is that of a knowledge base; of any other, and where it was cut, what it is called.
pub(crate) fn curie_of(node_id: &str) -> Cow<'_, str> {
    let whole = node_id.split_once(':').filter(|(prefix, _)| !is_own(prefix));
    let whole = whole.and_then(|(prefix, local)| Some(format!("{prefix}:{}", unescaped(local)?)));
    whole.map_or(Cow::Borrowed(node_id), Cow::Owned)
}

/// The node of all entities of a name and type.
pub(crate) fn of_name(kind: &str, name: &str) -> String {
    let kind = step(kind);
    let name = if kind.contains('.') { escaped(name, true) } else { step(name) };
    format!("name:{kind}{SEPARATOR}{name}")
}

/// The node of an entity that stays apart.
pub(crate) fn of_entity(doc_id: &str, entity_id: u32) -> String {
    format!("{ENTITY}:{}{SEPARATOR}{entity_id}", step(doc_id))
}

fn is_own(prefix: &str) -> bool {
    [KNOWLEDGE_BASE, ENTITY].contains(&prefix)
        || BELOW.contains(&prefix)
        || WORDS.iter().any(|(word, _)| *word == prefix)
}

/// A text as a local name of SPARQL and Turtle, and a step of an IRI's path: letters, digits, `_`, and within it also
/// `-`, `.` and marks, stand for themselves, and all else is percent-encoded. Different texts give different names.
///
/// Our engine's names have dots in one place, so only the first of them stay.
pub(crate) fn step(text: &str) -> String {
    escaped(text, false)
}

/// A step that is a name by itself: colons, which part the steps of others, stand for themselves in it.
fn lone(text: &str) -> String {
    step(text).replace("%3A", ":")
}

/// A step behind dots, or none.
fn escaped(text: &str, mut has_dots: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_first = encoded.is_empty();
        let is_plain = match character {
            '.' => !is_first && !has_dots && characters.peek().is_some(),
            other if is_first => begins_name(other),
            other => continues_name(other),
        };
        has_dots |= is_plain && character == '.' && characters.peek() != Some(&'.');
        if is_plain {
            encoded.push(character);
        } else {
            percent_encoded(character, &mut encoded);
        }
    }
    if encoded.len() <= LONGEST_STEP {
        return encoded;
    }
    // It is longer than any that is whole.
    let cut = encoded.get(..encoded.floor_char_boundary(LONGEST_STEP)).unwrap_or_default();
    let cut = cut.rfind('%').filter(|place| place + 3 > cut.len()).and_then(|place| cut.get(..place)).unwrap_or(cut);
    format!("{cut}-{}", digest(text.as_bytes()))
}

/// The text that a step is of; `None` where it was cut.
fn unescaped(step: &str) -> Option<String> {
    if step.len() > LONGEST_STEP {
        return None;
    }
    let mut bytes = Vec::with_capacity(step.len());
    let mut rest = step;
    while let Some((before, behind)) = rest.split_once('%') {
        let (code, after) = behind.split_at_checked(2)?;
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

/// A text as the last part of an IRI's path ([RFC 3987](https://www.rfc-editor.org/rfc/rfc3987), `ipath`).
fn in_path(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for character in text.chars() {
        if continues_name(character) || "-._~!$&'()*+,;=:@/".contains(character) {
            encoded.push(character);
        } else {
            percent_encoded(character, &mut encoded);
        }
    }
    encoded
}

fn percent_encoded(character: char, to: &mut String) {
    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
        // Writing to a string cannot fail.
        let _ = write!(to, "%{byte:02X}");
    }
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

    /// A node's: that of a known knowledge base as is registered, which escapes no more than an IRI must.
    pub fn node(&self, node_id: &str) -> NamedNode {
        let (prefix, local) = node_id.split_once(':').unwrap_or((KNOWLEDGE_BASE, node_id));
        let registered = namespace(prefix).and_then(|_| unescaped(local)).map(|local| in_path(&local));
        NamedNode::new_unchecked(format!("{}{}", self.namespace(prefix), registered.as_deref().unwrap_or(local)))
    }

    /// What a prefix of nodes stands for.
    fn namespace(&self, prefix: &str) -> String {
        namespace(prefix).map_or_else(|| format!("{}{prefix}/", self.base), str::to_owned)
    }

    /// A relation's.
    pub fn relation(&self, relation: &str) -> NamedNode {
        match relation.strip_prefix('P') {
            Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                NamedNode::new_unchecked(format!("{WIKIDATA_PROPERTY}{relation}"))
            }
            _ => self.below("relation", &lone(relation)),
        }
    }

    /// An entity type's.
    pub fn class(&self, kind: &str) -> NamedNode {
        self.below("type", &lone(kind))
    }

    /// A document's, which is also the name of its graph.
    pub fn document(&self, doc_id: &str) -> NamedNode {
        self.below("document", &lone(doc_id))
    }

    /// A run's.
    pub fn run(&self, run_id: &str) -> NamedNode {
        self.below("run", &lone(run_id))
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
        self.below("document", &format!("{}#sentence={sentence}", lone(doc_id)))
    }

    /// Tokens of a document: the first, and one past the last.
    pub fn tokens(&self, doc_id: &str, start: u32, end: u32) -> NamedNode {
        self.below("document", &format!("{}#tokens={start},{end}", lone(doc_id)))
    }

    /// A word of docre's own.
    pub fn word(&self, word: &str) -> NamedNode {
        self.below("vocabulary", word)
    }

    /// What an attribute of facts is called.
    pub fn attribute(&self, name: &str) -> NamedNode {
        self.below("attribute", &step(name))
    }

    /// Prefixes with what they stand for: the graph's own, and those of its nodes.
    pub fn prefixes(&self, of_nodes: &BTreeSet<String>) -> Vec<(String, String)> {
        let own = BELOW.map(|prefix| (prefix.to_owned(), format!("{}{prefix}/", self.base)));
        let words = WORDS.map(|(prefix, namespace)| (prefix.to_owned(), namespace.to_owned()));
        let others = of_nodes.iter().filter(|prefix| !BELOW.contains(&prefix.as_str()));
        let others = others.map(|prefix| (prefix.clone(), self.namespace(prefix)));
        words.into_iter().chain(own).chain(others).collect()
    }

    /// The same for queries, which may also ask for what the graph does not have.
    pub fn prefixes_of_queries(&self, of_nodes: &BTreeSet<String>) -> Vec<(String, String)> {
        let known = registered().filter(|(prefix, _)| !of_nodes.contains(*prefix));
        let known = known.map(|(prefix, namespace)| (prefix.to_owned(), namespace.to_owned()));
        self.prefixes(of_nodes).into_iter().chain(known).collect()
    }

    /// The base is an IRI and the step percent-encoded, so what comes out is an IRI.
    fn below(&self, kind: &str, step: &str) -> NamedNode {
        NamedNode::new_unchecked(format!("{}{kind}/{step}", self.base))
    }
}

#[cfg(test)]
mod tests {
    use super::{Base, Iris, curie_of, of_curie, of_name, step};

    #[test]
    fn ids_of_known_bases_have_the_iris_that_are_registered() {
        let iris = Iris::new(&Base::default());
        for (curie, node_id, iri) in [
            ("MESH:D003000", "MESH:D003000", "http://id.nlm.nih.gov/mesh/D003000"),
            ("DOI:10.1038/s41.2", "DOI:10.1038%2Fs41%2E2", "https://doi.org/10.1038/s41.2"),
            (
                "dbpedia:Paris_(mythology)",
                "dbpedia:Paris_%28mythology%29",
                "http://dbpedia.org/resource/Paris_(mythology)",
            ),
            ("dbpedia:100% <é>?", "dbpedia:100%25%20%3Cé%3E%3F", "http://dbpedia.org/resource/100%25%20%3Cé%3E%3F"),
            ("Foo:a/b", "Foo:a%2Fb", "https://docre.example/Foo/a%2Fb"),
        ] {
            assert_eq!(of_curie(curie), node_id);
            assert_eq!(curie_of(node_id), curie);
            assert_eq!(iris.node(node_id).as_str(), iri);
        }
        let long = of_curie(&format!("dbpedia:{}", "/".repeat(1000)));
        assert!(curie_of(&long) == long && iris.node(&long).as_str().ends_with(long.trim_start_matches("dbpedia:")));
        assert_eq!(curie_of("name:LOC:a%20b"), "name:LOC:a%20b");
    }

    #[test]
    fn nodes_are_called_as_queries_can_say() {
        for (curie, expected) in [
            ("MESH:D003000", "MESH:D003000"),
            ("tmVar:p|SUB|V|600|E", "tmVar:p%7CSUB%7CV%7C600%7CE"),
            ("Foo:Q30> <x", "Foo:Q30%3E%20%3Cx"),
            // No node is called like a document of the graph.
            ("document:a", "kb:document%3Aa"),
            ("kb:a", "kb:kb%3Aa"),
        ] {
            assert_eq!(of_curie(curie), expected);
        }
        assert_eq!(of_name("LOC", "a:b.c"), "name:LOC:a%3Ab.c");
        assert_eq!(of_name("a.b", "c.d"), "name:a.b:c%2Ed");
    }

    #[test]
    fn a_step_is_what_it_says() {
        for (text, expected) in [
            ("Positive_Correlation", "Positive_Correlation"),
            ("DW_1095032", "DW_1095032"),
            ("a b", "a%20b"),
            ("1.5-x", "1.5-x"),
            ("-1", "%2D1"),
            ("U.S.", "U.S%2E"),
            ("a.b.c", "a.b%2Ec"),
            ("a..b", "a..b"),
            ("..", "%2E%2E"),
            ("人物", "人物"),
            ("100%", "100%25"),
            ("a/b#c", "a%2Fb%23c"),
            ("", ""),
        ] {
            assert_eq!(step(text), expected);
        }
        for letter in ["é", "人", "/", "a"] {
            let [long, longer] = [1000, 1001].map(|times| step(&letter.repeat(times)));
            assert!(long.len() < 240 && long != longer);
        }
        for base in ["relative/", "https://x.example", "https://x y/", "https://x/#a/", ""] {
            assert!(base.parse::<Base>().is_err(), "{base}");
        }
    }
}
