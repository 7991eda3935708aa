//! From relations to a graph: merging, counting, every format read back, SPARQL, pipes, and names that mean harm.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use docre::graph::format::statements::statements;
use docre::graph::format::{Format, WriteError};
use docre::graph::store::{Answer, Loaded};
use docre::graph::{self, Clashes, Graph, Merge, Options, Request, Totals};
use docre::ground::observe::unheard;
use docre::table::rows::{
    DocumentRow, EdgeRow, EntityRow, EvidenceRow, MentionRow, MergeRow, NodeRow, PredictionRow, ProvenanceRow,
    RelationRow,
};
use docre::table::{self, Row, Table, Text, stream};
use oxigraph::model::{NamedNode, Term};
use oxttl::{NQuadsParser, NTriplesParser, TurtleParser};
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{command, corpora, docre, document_row, files, rows};

/// Names that break what does not take them whole.
const HOSTILE: [&str; 12] = [
    "He said \"hi\", she said 'ho'",
    "tab\there and back\\slash",
    "line\nbreak\r\nand return\r",
    "שלום \u{202e}gnol",
    "𝔘𝔫𝔦 🦀",
    "</script><script>alert(1)</script><!--",
    "'; DROP TABLE nodes; --",
    "<http://evil.example/> <p> \"o\" . <x",
    "\"\"\" . <a> <b> \"\"\"",
    "a|b;c,d\u{1f}e",
    "]]> &amp; &#0; %00 %2F ../..",
    "=cmd()|' ' + \u{feff}\u{2028}",
];

fn entity(doc_id: &str, entity_id: u32, name: &str, kind: &str, kb_id: Option<&str>) -> EntityRow {
    EntityRow {
        doc_id: doc_id.into(),
        entity_id,
        name: name.into(),
        r#type: kind.into(),
        kb_id: kb_id.map(Text::from),
        n_mentions: 1,
    }
}

fn fact(doc_id: &str, head: u32, relation: &str, tail: u32, probability: Option<f32>) -> PredictionRow {
    PredictionRow {
        run_id: Some("run".into()),
        doc_id: doc_id.into(),
        head,
        tail,
        relation: relation.into(),
        probability,
        evidence: Some(vec![0]),
        attributes: None,
    }
}

/// A split with these entities, one mention each, and a table of facts.
fn write(folder: &Path, entities: &[EntityRow], facts: &[PredictionRow]) {
    let mention = |entity: &EntityRow| MentionRow {
        doc_id: entity.doc_id.clone(),
        entity_id: Some(entity.entity_id),
        mention_id: 0,
        sent_id: 0,
        token_start: entity.entity_id,
        token_end: entity.entity_id + 1,
        name: entity.name.clone(),
        r#type: entity.r#type.clone(),
    };
    let mut documents: Vec<&Text> = entities.iter().map(|entity| &entity.doc_id).collect();
    documents.dedup();
    let document = |(position, doc_id): (u32, &Text)| DocumentRow { n_sentences: 10, ..document_row(doc_id, position) };
    table::write(folder, "split", (0..).zip(documents).map(document).collect()).unwrap();
    table::write(folder, "split", entities.iter().map(mention).collect()).unwrap();
    table::write(folder, "split", entities.to_vec()).unwrap();
    table::write(folder, "p", facts.to_vec()).unwrap();
}

fn build(folder: &Path, options: &Options) -> Totals {
    build_with(folder, None, options)
}

fn build_with(folder: &Path, aliases: Option<&Path>, options: &Options) -> Totals {
    let (relations, out) = (folder.join("predictions"), folder.join("graph"));
    let request = Request {
        relations: &relations,
        split: folder,
        model_relations: None,
        evidence: None,
        aliases,
        out: &out,
        options,
        force: true,
    };
    graph::build(&request, &unheard).unwrap().unwrap()
}

fn read<R: Row + 'static>(folder: &Path) -> Vec<R> {
    table::read(&folder.join("graph")).unwrap().flat_map(Result::unwrap).collect()
}

/// Three documents: one thing under three spellings, two of the same name and other type, two knowledge bases.
fn small(folder: &Path) {
    let entities = [
        entity("a", 0, "Łódź  City", "LOC", None),
        entity("a", 1, "Poland", "LOC", None),
        entity("a", 2, "poland", "ORG", None),
        entity("b", 0, "łódź city", "LOC", None),
        entity("b", 1, "POLAND", "LOC", None),
        entity("c", 0, "aspirin", "Chemical", Some("D001241")),
        entity("c", 1, "Pain", "Disease", Some("MESH:D010146")),
        entity("c", 2, "Poland", "LOC", None),
        entity("c", 3, "Łódz\u{301} city", "LOC", None),
    ];
    let facts = [
        fact("a", 0, "P17", 1, Some(0.5)),
        fact("a", 0, "P17", 1, Some(0.25)),
        fact("b", 0, "P17", 1, Some(0.75)),
        fact("c", 3, "P17", 2, Some(0.5)),
        fact("c", 0, "CID", 1, None),
        fact("a", 0, "P17", 9, Some(1.0)),
        fact("a", 0, "P17", 9, Some(0.5)),
        fact("a", 0, "P17", 0, Some(0.5)),
        fact("a", 0, "P17", 0, None),
        fact("nowhere", 0, "P17", 1, Some(1.0)),
    ];
    write(folder, &entities, &facts);
}

#[test]
fn entities_merge_and_edges_count_their_documents() {
    let folder = TempDir::new().unwrap();
    small(folder.path());
    let totals = build(folder.path(), &Options::default());
    assert_eq!(
        totals,
        Totals {
            documents: 3,
            entities: 9,
            predictions: 10,
            strays: 2,
            of_itself: 1,
            stray_evidence: 0,
            repeated: 3,
            filtered: 0,
            facts: 4,
            nodes: 5,
            edges: 2,
            clashing_types: Clashes::default(),
            clashing_names: Clashes::default(),
        }
    );
    let nodes: Vec<NodeRow> = read(folder.path());
    let shown: Vec<(&str, &str, u32, u32, u32)> =
        nodes.iter().map(|node| (&*node.node_id, &*node.name, node.n_documents, node.n_out, node.n_in)).collect();
    let city = "name:LOC:łódź%20city".to_owned();
    assert_eq!(
        shown,
        [
            ("MESH:D001241", "aspirin", 1, 1, 0),
            ("MESH:D010146", "Pain", 1, 0, 1),
            ("name:LOC:poland", "Poland", 3, 0, 1),
            (&*city, "Łódz\u{301} city", 3, 1, 0),
            ("name:ORG:poland", "poland", 1, 0, 0),
        ]
    );
    assert_eq!(nodes[2].aliases, [Text::from("POLAND")]);
    let edges: Vec<EdgeRow> = read(folder.path());
    assert_eq!((&*edges[0].relation, edges[0].best_probability, edges[0].combined_probability), ("CID", None, None));
    // Noisy-or of 0.5 (the higher of two), 0.75 and 0.5: 1 − 0.5 · 0.25 · 0.5.
    let city = &edges[1];
    assert_eq!((city.n_documents, city.n_facts), (3, 3));
    assert_eq!((city.best_probability, city.combined_probability), (Some(0.75), Some(0.9375)));
    let provenance: Vec<ProvenanceRow> = read(folder.path());
    let of_city: Vec<_> = provenance.iter().filter(|row| row.edge_id == city.edge_id).collect();
    assert_eq!(of_city.iter().map(|row| &*row.doc_id).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!((&of_city[2].head_mentions, &of_city[2].evidence), (&vec![vec![0, 3, 4]], &vec![0]));
}

#[test]
fn evidence_is_found_in_any_order_and_that_of_what_comes_again_is_put_together() {
    let folder = TempDir::new().unwrap();
    let entities =
        ["a", "b", "c"].map(|doc_id| [0, 1].map(|id| entity(doc_id, id, ["Rome", "Italy"][id as usize], "LOC", None)));
    let claimed = |doc_id: &str, head: u32, tail: u32| PredictionRow {
        evidence: None,
        ..fact(doc_id, head, "P47", tail, Some(0.5))
    };
    let named = |evidence: &[u32], probability: f32, attribute: &str| PredictionRow {
        evidence: Some(evidence.to_vec()),
        attributes: Some(vec![attribute.into()]),
        ..fact("b", 0, "P47", 1, Some(probability))
    };
    let facts = [claimed("c", 1, 0), named(&[4, 2, 12], 0.75, "x"), named(&[3, 2], 0.25, "y"), claimed("a", 0, 1)];
    write(folder.path(), entities.as_flattened(), &facts);
    let sentence = |(doc_id, head, tail, sent_id): (&str, u32, u32, u32)| EvidenceRow {
        run_id: "run".into(),
        doc_id: doc_id.into(),
        head,
        tail,
        sent_id,
        weight: 0.5,
    };
    // Of `b` the facts themselves say it; of (1, 0) in `a` nothing is claimed.
    let told = [("a", 0, 1, 5), ("a", 0, 1, 1), ("a", 1, 0, 7), ("b", 0, 1, 9), ("c", 1, 0, 6)].map(sentence);
    table::write(&folder.path().join("told"), "", told.to_vec()).unwrap();
    let (relations, evidence) = (folder.path().join("predictions"), folder.path().join("told/evidence"));
    let (out, options) = (folder.path().join("graph"), Options::default());
    let request = Request {
        relations: &relations,
        split: folder.path(),
        model_relations: None,
        evidence: Some(&evidence),
        aliases: None,
        out: &out,
        options: &options,
        force: true,
    };
    let totals = graph::build(&request, &unheard).unwrap().unwrap();
    assert_eq!((totals.repeated, totals.stray_evidence), (1, 1));
    let told = ["1 sentences of evidence are not in their documents: left out".to_owned()];
    assert_eq!(totals.warnings(), told);
    let mut provenance: Vec<ProvenanceRow> = read(folder.path());
    provenance.sort_by(|one, other| one.doc_id.cmp(&other.doc_id));
    let evidence: Vec<&[u32]> = provenance.iter().map(|row| &*row.evidence).collect();
    assert_eq!(evidence, [&[1, 5][..], &[2, 3, 4], &[6]]);
    assert_eq!((provenance[1].probability, &provenance[1].attributes), (Some(0.75), &vec!["x".into(), "y".into()]));
}

#[test]
fn a_small_probability_is_not_lost_among_others() {
    let folder = TempDir::new().unwrap();
    let entities =
        ["a", "b"].map(|doc_id| [0, 1].map(|id| entity(doc_id, id, ["Rome", "Italy"][id as usize], "LOC", None)));
    let one = [fact("a", 0, "P17", 1, Some(1e-17))];
    write(folder.path(), entities.as_flattened(), &one);
    build(folder.path(), &Options::default());
    let [edge] = &read::<EdgeRow>(folder.path())[..] else { panic!("expected an edge") };
    assert_eq!(edge.combined_probability, Some(f64::from(1e-17_f32)));
    let other = TempDir::new().unwrap();
    write(other.path(), entities.as_flattened(), &[one[0].clone(), fact("b", 0, "P17", 1, Some(1.0))]);
    build(other.path(), &Options::default());
    assert_eq!(read::<EdgeRow>(other.path())[0].combined_probability, Some(1.0));
}

#[test]
fn rows_of_no_document_are_refused() {
    let folder = TempDir::new().unwrap();
    small(folder.path());
    let mut entities: Vec<EntityRow> = Table::require(folder.path()).unwrap().all().unwrap();
    entities.push(entity("nowhere", 0, "Poland", "LOC", None));
    table::write(folder.path(), "split", entities).unwrap();
    let relations = folder.path().join("predictions");
    let (out, options) = (folder.path().join("graph"), Options::default());
    let request = Request {
        relations: &relations,
        split: folder.path(),
        model_relations: None,
        evidence: None,
        aliases: None,
        out: &out,
        options: &options,
        force: false,
    };
    let refused = graph::build(&request, &|_| {}).unwrap_err().to_string();
    assert!(refused.contains("table `entities`: document `nowhere`: expected the documents of"), "{refused}");
}

#[test]
fn merging_can_be_chosen_and_is_written_out() {
    let folder = TempDir::new().unwrap();
    small(folder.path());
    let merged_by = |options: &Options, aliases: Option<&Path>| {
        build_with(folder.path(), aliases, options);
        let merges: Vec<MergeRow> = read(folder.path());
        merges.into_iter().map(|row| (row.node_id.to_string(), row.merged_by.to_string())).collect::<Vec<_>>()
    };
    let options = Options::default();
    let by_id = merged_by(&options, None);
    assert_eq!(by_id[5], ("MESH:D001241".to_owned(), "kb_id".to_owned()));
    assert_eq!(by_id[1], by_id[4]);
    let by_name = merged_by(&Options { merge: Merge::Name, ..options.clone() }, None);
    assert_eq!(by_name[5], ("name:Chemical:aspirin".to_owned(), "name".to_owned()));
    let apart = merged_by(&Options { merge: Merge::None, ..options.clone() }, None);
    assert_eq!(apart[1], ("entity:a:1".to_owned(), "itself".to_owned()));
    assert_eq!(apart.iter().collect::<BTreeSet<_>>().len(), 9);
    let aliases = folder.path().join("aliases.tsv");
    fs::write(&aliases, "\u{feff}POLAND\tRepublic of Poland\tLOC\n").unwrap();
    let aliased = merged_by(&options, Some(&aliases));
    assert_eq!(aliased[1], ("name:LOC:republic%20of%20poland".to_owned(), "alias".to_owned()));
    assert_eq!(aliased[2], ("name:ORG:poland".to_owned(), "name".to_owned()));
}

#[test]
fn filters_leave_out_facts_edges_and_nodes() {
    let folder = TempDir::new().unwrap();
    small(folder.path());
    let counts = |options: Options| {
        let totals = build(folder.path(), &options);
        (totals.nodes, totals.edges, totals.facts)
    };
    let all = Options::default();
    assert_eq!(counts(Options { min_probability: Some(0.6), ..all.clone() }), (5, 1, 1));
    assert_eq!(counts(Options { min_support: 2, ..all.clone() }), (5, 1, 3));
    assert_eq!(counts(Options { relations: vec!["CID".into()], ..all.clone() }), (5, 1, 1));
    assert_eq!(counts(Options { types: vec!["LOC".into()], ..all.clone() }), (2, 1, 3));
    assert_eq!(counts(Options { connected: true, ..all }), (4, 2, 4));
}

/// A split in which every name, type, relation, document and run is hostile, and its graph in every format.
fn hostile(folder: &Path) -> Graph {
    let mut entities = Vec::new();
    let mut facts = Vec::new();
    for (number, doc_id) in HOSTILE.iter().enumerate() {
        for (id, name) in (0..).zip(HOSTILE) {
            entities.push(entity(doc_id, id, name, HOSTILE[(number + id as usize) % 2], None));
        }
        let mut row = fact(doc_id, number as u32, doc_id, (number as u32 + 1) % 12, Some(0.1));
        row.run_id = Some((*doc_id).into());
        facts.push(row);
    }
    write(folder, &entities, &facts);
    build(folder, &Options { formats: Format::ALL.to_vec(), ..Options::default() });
    Graph::open(&folder.join("graph")).unwrap()
}

/// The names of the nodes by node_id.
fn names(folder: &Path) -> BTreeMap<String, String> {
    read::<NodeRow>(folder).into_iter().map(|node| (node.node_id.to_string(), node.name.to_string())).collect()
}

#[test]
fn rdf_is_read_back_whole() {
    let folder = TempDir::new().unwrap();
    let graph = hostile(folder.path());
    let path = |name: &str| folder.path().join("graph").join(name);
    let label = NamedNode::new_unchecked("http://www.w3.org/2000/01/rdf-schema#label");
    let expected: BTreeSet<(String, String)> =
        names(folder.path()).into_iter().map(|(id, name)| (graph.iris.node(&id).into_string(), name)).collect();
    let lines: Vec<_> =
        NTriplesParser::new().for_slice(&fs::read(path("graph.nt")).unwrap()).map(Result::unwrap).collect();
    let labels: BTreeSet<(String, String)> = lines
        .iter()
        .filter(|triple| triple.predicate == label)
        .filter_map(|triple| match &triple.object {
            Term::Literal(text) => Some((triple.subject.to_string().replace(['<', '>'], ""), text.value().to_owned())),
            _ => None,
        })
        .collect();
    assert!(expected.is_subset(&labels));
    let turtle: BTreeSet<String> = TurtleParser::new()
        .for_slice(&fs::read(path("graph.ttl")).unwrap())
        .map(|triple| triple.unwrap().to_string())
        .collect();
    assert_eq!(turtle, lines.iter().map(ToString::to_string).collect());
    let quads: Vec<_> =
        NQuadsParser::new().for_slice(&fs::read(path("graph.nq")).unwrap()).map(Result::unwrap).collect();
    let graphs: BTreeSet<String> = quads
        .iter()
        .filter(|quad| !quad.graph_name.is_default_graph())
        .map(|quad| quad.graph_name.to_string())
        .collect();
    assert_eq!(graphs.len(), HOSTILE.len());
    assert_eq!(quads.len(), lines.len() + HOSTILE.len());
}

#[test]
fn graphml_is_xml_that_holds_every_name() {
    let folder = TempDir::new().unwrap();
    hostile(folder.path());
    let text = fs::read_to_string(folder.path().join("graph/graph.graphml")).unwrap();
    let unescape = |text: &str| {
        let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#13;", "\r"), ("&amp;", "&")];
        entities.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    let between = |text: &str, start: &str| {
        text.split(start).skip(1).map(|rest| unescape(rest.split('<').next().unwrap())).collect::<Vec<_>>()
    };
    let mut expected: Vec<String> =
        names(folder.path()).into_values().map(|name| name.replace('\u{1f}', "\u{fffd}")).collect();
    let mut found = between(&text, "<data key=\"node-name\">");
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    assert_eq!(text.matches("<edge ").count(), HOSTILE.len());
}

#[test]
fn neo4j_csv_has_no_dangling_end() {
    let folder = TempDir::new().unwrap();
    hostile(folder.path());
    let records = |name: &str| -> Vec<csv::StringRecord> {
        let path = folder.path().join("graph/neo4j").join(name);
        csv::Reader::from_path(path).unwrap().records().map(Result::unwrap).collect()
    };
    let nodes = records("nodes.csv");
    let found: BTreeMap<String, String> = nodes.iter().map(|row| (row[0].to_owned(), row[2].to_owned())).collect();
    let expected: BTreeMap<String, String> =
        names(folder.path()).into_iter().map(|(id, name)| (id, name.replace('\u{1f}', "\u{fffd}"))).collect();
    assert_eq!(found, expected);
    let relationships = records("relationships.csv");
    assert_eq!(relationships.len(), HOSTILE.len());
    assert!(relationships.iter().all(|row| found.contains_key(&row[0]) && found.contains_key(&row[2])));
    let types: BTreeSet<&str> = relationships.iter().map(|row| &row[1]).collect();
    assert_eq!(types, BTreeSet::from(HOSTILE));
}

#[test]
fn what_is_said_of_nodes_is_no_relation_and_ids_and_numbers_are_as_they_were_given() {
    let folder = TempDir::new().unwrap();
    let myth =
        |id| entity("a", id, &format!("Paris {id}"), "PER", Some("dbpedia:Paris_(mythology)").filter(|_| id == 0));
    let facts = ["alias", "label", "P26"].map(|relation| fact("a", 0, relation, 1, Some(0.105)));
    write(folder.path(), &[myth(0), myth(1)], &facts);
    build(folder.path(), &Options { formats: vec![Format::Kgtk, Format::Kgx], ..Options::default() });
    let read = |name: &str| fs::read_to_string(folder.path().join("graph").join(name)).unwrap();
    let table = read("graph.kgtk.tsv");
    let edges = table.lines().filter(|line| line.split('\t').nth(3).is_some_and(|end| end.starts_with("name:")));
    let mut relations: Vec<&str> = edges.filter_map(|line| line.split('\t').nth(2)).collect();
    relations.sort_unstable();
    assert_eq!(relations, ["P26", "relation:alias", "relation:label"]);
    let nodes = read("kgx/nodes.jsonl");
    assert!(nodes.contains(r#""id":"dbpedia:Paris_(mythology)""#), "{nodes}");
    assert!(nodes.contains(r#""iri":"http://dbpedia.org/resource/Paris_(mythology)""#), "{nodes}");
    let edges = read("kgx/edges.jsonl");
    assert!(
        edges.contains(r#""subject":"dbpedia:Paris_(mythology)""#) && edges.contains("\"best_probability\":0.105,"),
        "{edges}"
    );
}

#[test]
fn kgtk_and_kgx_hold_every_name() {
    let folder = TempDir::new().unwrap();
    hostile(folder.path());
    let table = fs::read_to_string(folder.path().join("graph/graph.kgtk.tsv")).unwrap();
    let lines: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert!(lines.iter().all(|line| line.len() == 4), "four columns in each line");
    let labels: BTreeMap<String, String> = lines
        .iter()
        .filter(|line| line[2] == "label")
        .map(|line| (line[1].to_owned(), serde_json::from_str(&line[3].replace("\\|", "|")).unwrap()))
        .collect();
    assert_eq!(labels, names(folder.path()));
    let ids: BTreeSet<&str> = lines.iter().map(|line| line[0]).collect();
    assert_eq!(ids.len(), lines.len());
    let nodes = fs::read_to_string(folder.path().join("graph/kgx/nodes.jsonl")).unwrap();
    let nodes: Vec<Value> = nodes.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found: BTreeMap<String, String> =
        nodes.iter().map(|node| (node["id"].as_str().unwrap().into(), node["name"].as_str().unwrap().into())).collect();
    assert_eq!(found, names(folder.path()));
    let edges = fs::read_to_string(folder.path().join("graph/kgx/edges.jsonl")).unwrap();
    for edge in edges.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        assert!(
            found.contains_key(edge["subject"].as_str().unwrap())
                && found.contains_key(edge["object"].as_str().unwrap())
        );
        assert_eq!(edge["documents"][0], edge["original_predicate"]);
    }
}

#[test]
fn sparql_counts_what_the_tables_count() {
    let folder = TempDir::new().unwrap();
    let graph = hostile(folder.path());
    let loaded = Loaded::new(&graph).unwrap();
    let count = |pattern: &str| match loaded.query(&format!("SELECT (count(*) AS ?n) WHERE {{ {pattern} }}")).unwrap() {
        Answer::Rows { rows, .. } => rows[0][0].as_u64().unwrap(),
        Answer::Triples(_) => panic!("expected rows"),
    };
    let tables = |sql: &str| rows(&folder.path().join("graph"), sql)[0].parse::<u64>().unwrap();
    assert_eq!(count("?e a rdf:Statement"), tables("SELECT count(*) AS n FROM edges"));
    assert_eq!(
        count("?n vocabulary:documents ?d . ?n a ?type . ?type a rdfs:Class"),
        tables("SELECT count(*) AS n FROM nodes")
    );
    assert_eq!(
        count("?d a prov:Derivation ; prov:entity ?doc ; prov:hadActivity ?run"),
        tables("SELECT count(*) AS n FROM provenance")
    );
    assert_eq!(count("?doc a prov:Entity"), 12);
    assert_eq!(count("?run a prov:Activity"), 12);
    // Every edge stands in the graph of its document, and its reifier speaks of just that statement.
    let in_its_document = "?e rdf:subject ?s ; rdf:predicate ?p ; rdf:object ?o ; prov:wasDerivedFrom ?doc .
                           ?s ?p ?o . GRAPH ?doc { ?s ?p ?o }";
    assert_eq!(count(in_its_document), 12);
    for name in HOSTILE {
        let text = oxigraph::model::Literal::from(name);
        assert!(count(&format!("?n rdfs:label|skos:altLabel {text}")) > 0, "{name}");
    }
    let Answer::Rows { rows, .. } =
        loaded.query("ASK { ?d vocabulary:evidence ?s . FILTER(contains(str(?s), \"#sentence=0\")) }").unwrap()
    else {
        panic!("expected a truth value");
    };
    assert_eq!(rows, [[Value::Bool(true)]]);
}

#[test]
fn the_program_answers_sparql_in_every_format() {
    let folder = TempDir::new().unwrap();
    small(folder.path());
    build(folder.path(), &Options::default());
    let path = folder.path().to_str().unwrap();
    let sparql = "SELECT ?name ?n WHERE { ?s wdt:P17 ?o . ?o rdfs:label ?name ; vocabulary:documents ?n }";
    let run = |sparql: &str, format: &str| docre(["query", path, "--sparql", sparql, "--format", format]);
    assert_eq!(run(sparql, "table").stdout, "name    n\n──────  ─\nPoland  3\n");
    assert_eq!(run(sparql, "csv").stdout, "name,n\nPoland,3\n");
    assert_eq!(run(sparql, "json").stdout, "{\"name\":\"Poland\",\"n\":3}\n");
    assert_eq!(run("ASK { ?s ?p ?o }", "csv").stdout, "answer\ntrue\n");
    let described = run("DESCRIBE MESH:D001241", "table");
    assert!(
        described.stdout.contains(
            "<http://id.nlm.nih.gov/mesh/D001241> <http://www.w3.org/2000/01/rdf-schema#label> \"aspirin\" ."
        )
    );
    let wrong = run("SELECT nonsense", "table");
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.stderr.starts_with("error: expected a SPARQL query"), "{}", wrong.stderr);
    assert_eq!(run("DELETE WHERE { ?s ?p ?o }", "table").code, Some(1));
    let none = docre(["query", TempDir::new().unwrap().path().to_str().unwrap(), "--sparql", sparql]);
    assert!(none.stderr.contains("expected a folder with one graph"), "{}", none.stderr);
    assert_eq!(docre(["query", path]).code, Some(2));
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::collection::vec(any::<char>(), 0..12).prop_map(String::from_iter),
        proptest::sample::select(&HOSTILE[..]).prop_map(str::to_owned)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_text_makes_the_round_trip_through_n_triples(texts in proptest::collection::vec(any_text(), 5)) {
        let folder = TempDir::new().unwrap();
        let [name, kind, relation, doc_id, run_id] = &texts[..] else { panic!("five texts") };
        // A relation without a name is refused.
        prop_assume!(!relation.is_empty());
        let entities = [entity(doc_id, 0, name, kind, Some(relation)), entity(doc_id, 1, relation, name, None)];
        let row = PredictionRow { run_id: Some((**run_id).into()), ..fact(doc_id, 0, relation, 1, Some(0.5)) };
        write(folder.path(), &entities, &[row]);
        build(folder.path(), &Options { formats: vec![Format::NTriples, Format::Turtle], ..Options::default() });
        let graph = Graph::open(&folder.path().join("graph")).unwrap();
        let mut said = BTreeSet::new();
        statements(&graph, &mut |quad| {
            if quad.graph_name.is_default_graph() {
                said.insert(oxigraph::model::TripleRef::from(quad).into_owned().to_string());
            }
            Ok::<_, WriteError>(())
        }).unwrap();
        let read = fs::read(folder.path().join("graph/graph.nt")).unwrap();
        let triples: Vec<_> = NTriplesParser::new().for_slice(&read).map(Result::unwrap).collect();
        prop_assert_eq!(&triples.iter().map(ToString::to_string).collect::<BTreeSet<_>>(), &said);
        let texts_read: BTreeSet<&str> = triples.iter().filter_map(|triple| match &triple.object {
            Term::Literal(text) => Some(text.value()),
            _ => None,
        }).collect();
        for text in &texts {
            prop_assert!(texts_read.contains(text.as_str()), "{:?}", text);
        }
        let turtle = fs::read(folder.path().join("graph/graph.ttl")).unwrap();
        let turtle: BTreeSet<String> = TurtleParser::new().for_slice(&turtle).map(|triple| triple.unwrap().to_string()).collect();
        prop_assert_eq!(turtle, said);
    }
}

fn arguments<'a>(folder: &'a Path, relations: &'a str, out: &'a str) -> Vec<&'a str> {
    vec!["graph", "--relations", relations, "--corpus", folder.to_str().unwrap(), "--out", out]
}

#[test]
fn a_graph_is_made_once_and_replaced_whole() {
    let folder = TempDir::new().unwrap();
    small(folder.path());
    let (relations, out) = (folder.path().join("predictions"), folder.path().join("graph"));
    let base = arguments(folder.path(), relations.to_str().unwrap(), out.to_str().unwrap());
    let run = |more: &[&str]| docre(base.iter().chain(more));
    let first = run(&["--format", "ntriples,neo4j"]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert!(first.stderr.contains("5 nodes of 9 entities, 2 edges of 4 facts, 3 documents"), "{}", first.stderr);
    assert!(first.stderr.contains("warning: 2 of 7 facts name a document or an entity"), "{}", first.stderr);
    assert!(run(&["--format", "ntriples,neo4j"]).stderr.contains("up to date"));
    let relationships = out.join("neo4j/relationships.csv");
    fs::remove_file(&relationships).unwrap();
    assert!(!run(&["--format", "ntriples,neo4j"]).stderr.contains("up to date") && relationships.is_file());
    // What a killed run has left is cleared, and what the new graph does not have goes.
    fs::create_dir_all(folder.path().join(".graph.work/0000/nodes")).unwrap();
    fs::create_dir_all(folder.path().join(".graph.partial/neo4j")).unwrap();
    let other = ["--format", "kgx", "--min-support", "2"];
    let refused = run(&other);
    assert_eq!((refused.code, out.join("neo4j").exists()), (Some(1), true), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("made from other input") && refused.stderr.contains("`--force`"),
        "{}",
        refused.stderr
    );
    assert_eq!(run(&[&other[..], &["--force"]].concat()).code, Some(0));
    assert!(out.join("kgx/edges.jsonl").is_file() && !out.join("neo4j").exists());
    let hidden: Vec<PathBuf> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with('.'))
        .collect();
    assert!(hidden.is_empty(), "{hidden:?}");
    let before = files(&out);
    fs::write(out.join("notes.txt"), "mine").unwrap();
    let refused = run(&[]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("will not be replaced"), "{}", refused.stderr);
    fs::remove_file(out.join("notes.txt")).unwrap();
    assert_eq!(files(&out), before);
}

#[test]
fn the_same_facts_in_any_order_make_the_same_graph() {
    let folder = TempDir::new().unwrap();
    small(folder.path());
    let options = Options { formats: Format::ALL.to_vec(), ..Options::default() };
    build(folder.path(), &options);
    let first = files(&folder.path().join("graph"));
    let mut facts: Vec<PredictionRow> = Table::require_at(&folder.path().join("predictions")).unwrap().all().unwrap();
    facts.reverse();
    table::write(folder.path(), "p", facts).unwrap();
    fs::remove_dir_all(folder.path().join("graph")).unwrap();
    build(folder.path(), &options);
    assert!(files(&folder.path().join("graph")) == first);
}

#[test]
fn relations_come_and_edges_go_through_a_pipe() {
    let folder = TempDir::new().unwrap();
    small(folder.path());
    let mut input = stream::StreamWriter::<RelationRow, _>::begin(Vec::new()).unwrap();
    let relation = |doc_id: &str, head, tail| RelationRow {
        run_id: "piped".into(),
        doc_id: doc_id.into(),
        head,
        tail,
        relation: "P17".into(),
        logit: 1.0,
        threshold_logit: 0.0,
        probability: 0.5,
        rank: 1,
        base_probability: None,
        iteration: None,
    };
    input.write(vec![relation("a", 0, 1), relation("b", 0, 1)]).unwrap();
    let input = input.finish().unwrap();
    let through = |bytes: &[u8]| {
        let mut child = command(arguments(folder.path(), "-", "-"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that refuses its input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(bytes);
        child.wait_with_output().unwrap()
    };
    let output = through(&input);
    let edges: Vec<EdgeRow> = stream::receive(&output.stdout[..]).unwrap().flat_map(Result::unwrap).collect();
    assert_eq!((edges.len(), edges[0].n_documents, edges[0].combined_probability), (1, 2, Some(0.75)));
    let cut = through(&input[..input.len() / 2]);
    assert_eq!(cut.status.code(), Some(1));
    assert!(cut.stdout.is_empty());
    let unmarked = through(&input[..input.len() - 8]);
    assert_eq!((unmarked.status.code(), unmarked.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8(unmarked.stderr).unwrap().contains("the docre that wrote the stream was stopped"));
    let text = through(b"[]");
    assert!(String::from_utf8(text.stderr).unwrap().contains("standard input: expected a whole Arrow IPC stream"));
}

#[test]
fn a_pipeline_makes_a_graph() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let sql = file("facts.sql", "SELECT 'gold' AS run_id, doc_id, head, tail, relation FROM test_facts");
    let pipeline = file(
        "tiny.toml",
        &format!(
            r#"
[sources]
sql = "{sql}"
[[stage]]
name = "test"
kind = "synthesize"
split = "test"
documents = 3
outputs = {{ tables = "test" }}
[[stage]]
name = "facts"
kind = "query"
inputs = {{ sql = "sql", test = "test" }}
outputs = {{ table = "facts.parquet" }}
[[stage]]
name = "graph"
kind = "graph"
formats = ["kgtk"]
types = ["PER", "LOC"]
inputs = {{ corpus = "test", relations = "facts.parquet" }}
outputs = {{ graph = "graph" }}
"#
        ),
    );
    let runs = folder.path().join("runs");
    let run = || docre(["run", &pipeline, "--runs", runs.to_str().unwrap()]);
    let first = run();
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let out = runs.join("tiny/graph");
    assert!(out.join("graph.kgtk.tsv").is_file());
    assert_eq!(rows(&out, "SELECT DISTINCT type FROM nodes ORDER BY type"), ["LOC", "PER"]);
    assert!(run().stderr.contains("tiny/graph: up to date"));
}

#[test]
fn what_no_graph_can_be_made_of_is_said() {
    let folder = TempDir::new().unwrap();
    small(folder.path());
    let message = |relations: &str, more: &[&str]| {
        let out = folder.path().join("none");
        let base = arguments(folder.path(), relations, out.to_str().unwrap());
        let run = docre(base.iter().chain(more));
        assert!(!out.exists());
        (run.code, run.stderr)
    };
    let refused = |relations: &str, more: &[&str], expected: &str| {
        let (code, stderr) = message(relations, more);
        assert!(code == Some(1) && stderr.contains(expected), "{stderr}");
    };
    let facts = folder.path().join("predictions");
    let facts = facts.to_str().unwrap();
    refused("/no/such", &[], "`/no/such`: cannot read: No such file");
    assert!(!folder.path().join(".none.work").exists(), "nothing is made before the facts are found");
    let json = folder.path().join("submission.json");
    fs::write(&json, "[{\"title\": \"a\"}]").unwrap();
    refused(json.to_str().unwrap(), &[], "entry 1: `h_idx`: expected a value, got none");
    let aliases = folder.path().join("aliases.tsv");
    fs::write(&aliases, "a\tb\n\n\nonly one\n").unwrap();
    refused(facts, &["--aliases", aliases.to_str().unwrap()], "aliases.tsv: line 4: expected `alias`, `name`");
    let entities = folder.path().join("entities");
    refused(entities.to_str().unwrap(), &[], "column `head`: expected UInt32, found no such column");
    table::write(folder.path(), "p", vec![fact("a", 0, "P17", 1, Some(f32::NAN))]).unwrap();
    refused(facts, &[], "document `a`: column `probability`: expected a number from 0 to 1, got NaN");
    table::write(folder.path(), "p", vec![fact("a", 0, "", 1, None)]).unwrap();
    refused(facts, &[], "document `a`: column `relation`: expected a relation's name, got an empty one");
    fs::write(&json, "[{\"title\": \"a\", \"h_idx\": 0, \"t_idx\": 1, \"r\": \"\"}]").unwrap();
    refused(json.to_str().unwrap(), &[], "entry 1: `r`: expected a relation's name, got an empty one");
    for wrong in [["--base", "nonsense"], ["--format", "xml"], ["--min-probability", "2"], ["--merge", "all"]] {
        assert_eq!(message(facts, &wrong).0, Some(2));
    }
}

#[test]
fn a_submission_makes_a_graph() {
    let folder = TempDir::new().unwrap();
    small(folder.path());
    let json = folder.path().join("theirs.json");
    let entry = |score: &str| {
        format!(
            "{{\"title\": \"a\", \"h_idx\": 0, \"t_idx\": 1, \"r\": \"P17\", \"evidence\": [2], \"score\": {score}}}"
        )
    };
    for (score, expected) in [("0.5", Some(0.5)), ("3.5", None), ("\"high\"", None)] {
        fs::write(&json, format!("[{}]", entry(score))).unwrap();
        let out = folder.path().join("graph");
        // Each graph is one of other facts than the one before.
        let base = arguments(folder.path(), json.to_str().unwrap(), out.to_str().unwrap());
        let run = docre(base.into_iter().chain(["--force"]));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let provenance: Vec<ProvenanceRow> = read(folder.path());
        assert_eq!(
            (provenance[0].probability, &*provenance[0].run_id, &provenance[0].evidence[..]),
            (expected, "theirs", &[2][..])
        );
    }
}

#[test]
fn real_predictions_make_a_graph_whose_counts_agree() {
    let Some(corpora) = corpora() else { return };
    let (test, predictions) = (corpora.join("docred/test.json"), corpora.join("docred/gain_bert_test_submission.json"));
    if !predictions.is_file() {
        println!("skipped: {} is not there", predictions.display());
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_str().unwrap();
    let converted = docre([
        "convert",
        "--format",
        "docred",
        "--split",
        "test",
        "--unlabelled",
        "--out",
        path,
        test.to_str().unwrap(),
    ]);
    assert_eq!(converted.code, Some(0), "{}", converted.stderr);
    let out = folder.path().join("graph");
    let split = folder.path().join("test");
    let run = docre(arguments(&split, predictions.to_str().unwrap(), out.to_str().unwrap()));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let count = |sql: &str| rows(&out, sql)[0].clone();
    assert_eq!(count("SELECT count(*) AS n FROM provenance"), "12631");
    assert_eq!(count("SELECT sum(n_facts) AS n FROM edges"), "12631");
    let sparql = "SELECT (count(*) AS ?n) WHERE { ?e a rdf:Statement }";
    let answer = docre(["query", path, "--sparql", sparql, "--format", "csv"]);
    assert_eq!(answer.stdout.lines().nth(1), Some(&*count("SELECT count(*) AS n FROM edges")));
}
