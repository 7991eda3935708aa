//! What a graph calls its things: the same in tables, queries and formats, and nothing twice.

use std::fs;
use std::path::Path;

use docre::graph::identifier::{Base, Iris};
use docre::graph::store::{Answer, Loaded};
use docre::graph::{self, Format, Graph, Options, Request, Totals};
use docre::ground::observe::unheard;
use docre::table::rows::{EdgeRow, EntityRow, MentionRow, NodeRow, PredictionRow, ProvenanceRow, RelationTypeRow};
use docre::table::{self, Row, Text};
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{docre, document_row, rows};

/// Entities of a document: name, type, kb_id.
type Entities<'e> = [(&'e str, &'e str, Option<&'e str>)];

/// A split of documents `a`, `b`, …, with one mention an entity, and its graph in every format.
struct Made(TempDir);

impl Made {
    fn of(documents: &[(&str, &Entities<'_>)], facts: Vec<PredictionRow>, undirected: &[&str]) -> (Self, Totals) {
        let made = Self(TempDir::new().unwrap());
        let folder = made.0.path();
        let (mut entities, mut mentions, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for (position, (doc_id, of_document)) in (0..).zip(documents) {
            rows.push(document_row(doc_id, position));
            for (entity_id, (name, kind, kb_id)) in (0..).zip(*of_document) {
                entities.push(EntityRow {
                    doc_id: (*doc_id).into(),
                    entity_id,
                    name: (*name).into(),
                    r#type: (*kind).into(),
                    kb_id: kb_id.map(Text::from),
                    n_mentions: 1,
                });
                mentions.push(MentionRow {
                    doc_id: (*doc_id).into(),
                    entity_id: Some(entity_id),
                    mention_id: 0,
                    sent_id: 0,
                    token_start: entity_id,
                    token_end: entity_id + 1,
                    name: (*name).into(),
                    r#type: (*kind).into(),
                });
            }
        }
        let relation =
            |name: &&str| RelationTypeRow { relation: (*name).into(), label: None, n_facts: 0, undirected: true };
        table::write(folder, "split", rows).unwrap();
        table::write(folder, "split", entities).unwrap();
        table::write(folder, "split", mentions).unwrap();
        table::write(folder, "split", undirected.iter().map(relation).collect()).unwrap();
        table::write(folder, "p", facts).unwrap();
        let totals = made.build();
        (made, totals)
    }

    fn build(&self) -> Totals {
        let (relations, out) = (self.0.path().join("predictions"), self.folder());
        let options = Options { formats: Format::ALL.to_vec(), ..Options::default() };
        let (split, options) = (self.0.path(), &options);
        let request = Request {
            relations: &relations,
            split,
            model_relations: None,
            evidence: None,
            aliases: None,
            out: &out,
            options,
            force: true,
        };
        graph::build(&request, &unheard).unwrap().unwrap()
    }

    fn folder(&self) -> std::path::PathBuf {
        self.0.path().join("graph")
    }

    fn read<R: Row + 'static>(&self) -> Vec<R> {
        table::read(&self.folder()).unwrap().flat_map(Result::unwrap).collect()
    }

    fn node_ids(&self) -> Vec<String> {
        self.read::<NodeRow>().into_iter().map(|node| node.node_id.to_string()).collect()
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.folder().join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
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
        evidence: None,
        attributes: None,
    }
}

fn answer(graph: &Loaded, sparql: &str) -> Vec<Vec<Value>> {
    match graph.query(sparql).unwrap_or_else(|error| panic!("{sparql}: {error}")) {
        Answer::Rows { rows, .. } => rows,
        Answer::Triples(_) => panic!("expected rows"),
    }
}

/// One thing of each kind that biomedical corpora know.
const BIOMEDICAL: [(&str, &str, Option<&str>); 7] = [
    ("Alphazine", "ChemicalEntity", Some("D000001")),
    ("BRCAX", "GeneOrGeneProduct", Some("672")),
    ("rs77", "SequenceVariant", Some("rs77")),
    ("mouse", "OrganismTaxon", Some("10090")),
    ("HeLaX", "CellLine", Some("CVCL_0030")),
    ("fever", "DiseaseOrPhenotypicFeature", Some("D005334")),
    ("V600E", "SequenceVariant", Some("p|SUB|V|600|E;CorrespondingGene:673")),
];

#[test]
fn biomedical_things_are_who_they_are_with_iri_and_category() {
    // Another corpus writes the same identities in its own way, and numbers of other things.
    let other: &Entities<'_> = &[
        ("alphazine", "Chemical", Some("MESH:D000001")),
        ("fever", "Disease", Some("mesh:D005334")),
        ("BRCAX", "Gene", Some("672")),
        ("louse", "Species", Some("672")),
        ("X17", "Foo", Some("X17")),
        ("X17", "Bar", Some("X17")),
    ];
    let (made, totals) = Made::of(&[("a", &BIOMEDICAL), ("b", other)], vec![fact("b", 0, "CID", 1, None)], &[]);
    let nodes: Vec<(String, String, String)> = made
        .lines("kgx/nodes.jsonl")
        .iter()
        .map(|node| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&node["id"]), text(&node["category"][0]).replace("biolink:", ""), text(&node["iri"]))
        })
        .collect();
    let obo = "http://purl.obolibrary.org/obo/NCBITaxon_";
    let expected = [
        ("Bar:X17", "NamedThing", "https://docre.example/Bar/X17"),
        ("Cellosaurus:CVCL_0030", "CellLine", "https://www.cellosaurus.org/CVCL_0030"),
        ("Foo:X17", "NamedThing", "https://docre.example/Foo/X17"),
        ("MESH:D000001", "ChemicalEntity", "http://id.nlm.nih.gov/mesh/D000001"),
        // Of two types as frequent, the first.
        ("MESH:D005334", "Disease", "http://id.nlm.nih.gov/mesh/D005334"),
        ("NCBIGene:672", "Gene", "https://www.ncbi.nlm.nih.gov/gene/672"),
        ("NCBITaxon:10090", "OrganismTaxon", &format!("{obo}10090")),
        ("NCBITaxon:672", "OrganismTaxon", &format!("{obo}672")),
        ("dbSNP:rs77", "SequenceVariant", "https://www.ncbi.nlm.nih.gov/snp/rs77"),
        (
            "tmVar:p|SUB|V|600|E;CorrespondingGene:673",
            "SequenceVariant",
            "https://docre.example/tmVar/p%7CSUB%7CV%7C600%7CE%3BCorrespondingGene%3A673",
        ),
    ];
    let nodes: Vec<(&str, &str, &str)> = nodes.iter().map(|(id, kind, iri)| (&**id, &**kind, &**iri)).collect();
    assert_eq!(nodes, expected);
    let merged = rows(&made.folder(), "SELECT node_id, kb_id FROM nodes WHERE n_documents = 2 ORDER BY node_id");
    assert_eq!(merged, ["MESH:D000001,MESH:D000001", "MESH:D005334,MESH:D005334", "NCBIGene:672,NCBIGene:672"]);
    assert_eq!((totals.clashing_types.nodes, totals.clashing_names.nodes), (0, 0), "{totals:?}");
    // Every format calls them as the tables do; KGX wants the CURIE, where nothing is escaped.
    let escaped = |id: &str| {
        let (prefix, local) = id.split_once(':').unwrap();
        format!("{prefix}:{}", local.replace('|', "%7C").replace(';', "%3B").replace(':', "%3A"))
    };
    for name in ["graph.graphml", "neo4j/nodes.csv", "graph.kgtk.tsv"] {
        let text = fs::read_to_string(made.folder().join(name)).unwrap();
        assert!(expected.iter().all(|(id, ..)| text.contains(&escaped(id))), "{name}");
    }
    for name in ["graph.nt", "graph.nq"] {
        let text = fs::read_to_string(made.folder().join(name)).unwrap();
        assert!(expected.iter().all(|(.., iri)| text.contains(&format!("<{iri}>"))), "{name}");
    }
    let turtle = fs::read_to_string(made.folder().join("graph.ttl")).unwrap();
    for prefix in ["MESH: <http://id.nlm.nih.gov/mesh/>", "Foo: <https://docre.example/Foo/>", "tmVar: <https"] {
        assert!(turtle.contains(&format!("@prefix {prefix}")), "{prefix}");
    }
    for id in ["MESH:D000001", "Foo:X17", "dbSNP:rs77"] {
        assert!(turtle.contains(&format!("\n{id} ")), "{id}: {turtle}");
    }
    let news: &Entities<'_> =
        &[("Ada", "PER", None), ("Acme", "ORG", None), ("Oslo", "LOC", None), ("2019", "TIME", None)];
    let (made, _) = Made::of(&[("a", news)], Vec::new(), &[]);
    let categories: Vec<String> = made
        .lines("kgx/nodes.jsonl")
        .iter()
        .map(|node| format!("{} {}", node["entity_type"].as_str().unwrap(), node["category"][0].as_str().unwrap()))
        .collect();
    let expected =
        ["LOC biolink:GeographicLocation", "ORG biolink:Agent", "PER biolink:Agent", "TIME biolink:NamedThing"];
    assert_eq!(categories, expected);
}

#[test]
fn a_printed_name_can_be_pasted_into_queries() {
    let wikidata: &Entities<'_> = &[
        ("United States", "LOC", Some("Q30")),
        ("Ada Berg", "PER", None),
        ("人物 一", "PER", None),
        ("_x-1.", "MISC", None),
        ("a document's", "T", Some("document:DW_1")),
    ];
    let facts = vec![
        fact("DW_1095032", 0, "Positive_Correlation", 1, None),
        fact("DW_1095032", 0, "Positive Correlation", 1, None),
        fact("DW_1095032", 1, "Positive-Correlation.x", 0, None),
    ];
    let (made, _) = Made::of(&[("DW_1095032", wikidata), ("a", &BIOMEDICAL)], facts, &[]);
    let ids = made.node_ids();
    assert!(ids.contains(&"wikidata:Q30".to_owned()) && ids.contains(&"name:PER:ada%20berg".to_owned()), "{ids:?}");
    let graph = Loaded::new(&Graph::open(&made.folder()).unwrap()).unwrap();
    for id in &ids {
        let label = answer(&graph, &format!("SELECT ?name WHERE {{ {id} rdfs:label ?name }}"));
        let name = rows(&made.folder(), &format!("SELECT name FROM nodes WHERE node_id = '{id}'"));
        assert_eq!(label, [[Value::from(name[0].trim_matches('"'))]], "{id}");
    }
    let count = |pattern: &str| answer(&graph, &format!("SELECT * WHERE {{ {pattern} }}")).len();
    assert_eq!(count("?a relation:Positive_Correlation ?b"), 1);
    assert_eq!(count("?a relation:Positive%20Correlation ?b"), 1);
    assert_eq!(count("?a relation:Positive-Correlation.x ?b"), 1);
    assert_eq!(count("GRAPH document:DW_1095032 { ?a ?p ?b }"), 3);
    assert_eq!(count("?a a type:PER"), 2);
    assert_eq!(count("?a a type:SequenceVariant"), 2);
    // What the graph does not have can be asked for too.
    assert_eq!(count("CHEBI:15377 ?p ?o"), 0);
}

#[test]
fn an_identity_with_types_or_names_that_clash_is_told() {
    let a: &Entities<'_> = &[("Norway", "LOC", Some("Q20")), ("tumour", "Disease", Some("D009369"))];
    let b: &Entities<'_> = &[("Norway", "PER", Some("Q20")), ("cancer", "DiseaseOrPhenotypicFeature", Some("D009369"))];
    let c: &Entities<'_> = &[("norway", "LOC", Some("Q20")), ("neoplasm", "Disease", Some("MESH:D009369"))];
    let (made, totals) = Made::of(&[("a", a), ("b", b), ("c", c)], vec![fact("a", 0, "P17", 1, None)], &[]);
    assert_eq!(made.node_ids(), ["MESH:D009369", "wikidata:Q20"]);
    assert_eq!((totals.clashing_types.nodes, totals.clashing_names.nodes), (1, 1));
    let warnings = totals.warnings().join("\n");
    assert!(
        warnings
            .contains("1 node of one identifier with types that exclude each other: `wikidata:Q20` is `LOC` and `PER`"),
        "{warnings}"
    );
    assert!(warnings.contains("`MESH:D009369` is `cancer` and `neoplasm`"), "{warnings}");
}

#[test]
fn a_change_is_one_node_with_its_gene_and_apart_without() {
    let variant = |kb_id| ("V600E", "SequenceVariant", Some(kb_id));
    let a: &Entities<'_> = &[variant("p|SUB|V|600|E;CorrespondingGene:673")];
    let b: &Entities<'_> = &[variant("tmVar:p|SUB|V|600|E;Gene:673"), variant("p|SUB|V|600|E;Gene:9")];
    let bare: &Entities<'_> = &[variant("p|SUB|V|600|E")];
    let (made, totals) = Made::of(&[("a", a), ("b", b), ("c", bare), ("d", bare)], Vec::new(), &[]);
    assert_eq!(totals.entities, 5);
    let nodes: Vec<NodeRow> = made.read();
    let shown: Vec<(&str, Option<&str>, u32)> =
        nodes.iter().map(|node| (&*node.node_id, node.kb_id.as_deref(), node.n_entities)).collect();
    assert_eq!(
        shown,
        [
            ("entity:c:0", Some("tmVar:p|SUB|V|600|E"), 1),
            ("entity:d:0", Some("tmVar:p|SUB|V|600|E"), 1),
            (
                "tmVar:p%7CSUB%7CV%7C600%7CE%3BCorrespondingGene%3A673",
                Some("tmVar:p|SUB|V|600|E;CorrespondingGene:673"),
                2
            ),
            ("tmVar:p%7CSUB%7CV%7C600%7CE%3BCorrespondingGene%3A9", Some("tmVar:p|SUB|V|600|E;CorrespondingGene:9"), 1),
        ]
    );
}

#[test]
fn all_relations_of_a_split_without_labels_can_be_undirected() {
    let (a, b): (&Entities<'_>, &Entities<'_>) = (&[BIOMEDICAL[1], BIOMEDICAL[0]], &[BIOMEDICAL[0], BIOMEDICAL[1]]);
    let facts = vec![fact("a", 0, "Association", 1, Some(0.5)), fact("b", 0, "Association", 1, Some(0.5))];
    let edges = |undirected: &[&str]| Made::of(&[("a", a), ("b", b)], facts.clone(), undirected).1.edges;
    assert_eq!((edges(&["*"]), edges(&[])), (1, 2));
}

#[test]
fn an_undirected_relation_is_one_edge_whatever_its_order() {
    // In `a` the gene comes first, in `b` the chemical.
    let a: &Entities<'_> = &[BIOMEDICAL[1], BIOMEDICAL[0]];
    let b: &Entities<'_> = &[BIOMEDICAL[0], BIOMEDICAL[1]];
    let facts = vec![
        fact("a", 0, "Association", 1, Some(0.5)),
        // The same the other way, which is no other fact.
        fact("a", 1, "Association", 0, Some(0.25)),
        fact("b", 0, "Association", 1, Some(0.5)),
        fact("a", 0, "Directed", 1, None),
        fact("b", 0, "Directed", 1, None),
    ];
    let (made, totals) = Made::of(&[("a", a), ("b", b)], facts, &["Association"]);
    assert_eq!((totals.facts, totals.repeated, totals.edges), (4, 1, 3));
    let edges: Vec<EdgeRow> = made.read();
    let shown: Vec<String> = edges
        .iter()
        .map(|edge| format!("{} {} {} {}", edge.head, edge.relation, edge.tail, edge.n_documents))
        .collect();
    assert_eq!(
        shown,
        [
            "MESH:D000001 Association NCBIGene:672 2",
            "MESH:D000001 Directed NCBIGene:672 1",
            "NCBIGene:672 Directed MESH:D000001 1",
        ]
    );
    // 1 − (1 − 0.5) · (1 − 0.5): the likelier of the two of `a`, and that of `b`.
    assert_eq!((edges[0].best_probability, edges[0].combined_probability), (Some(0.5), Some(0.75)));
    let behind: Vec<ProvenanceRow> = made.read();
    // Entity 1 of `a` is the chemical, with its mention at token 1.
    assert_eq!((behind[0].head, behind[0].tail, &behind[0].head_mentions), (1, 0, &vec![vec![0, 1, 2]]));
    assert_eq!((behind[1].head, behind[1].tail, &behind[1].head_mentions), (0, 1, &vec![vec![0, 0, 1]]));
}

#[test]
fn what_is_said_of_a_fact_goes_through_to_every_format() {
    let entities: &Entities<'_> = &[BIOMEDICAL[0], BIOMEDICAL[1]];
    let with = |doc_id: &str, attributes: &[&str]| PredictionRow {
        attributes: Some(attributes.iter().map(|text| Text::from(*text)).collect()),
        ..fact(doc_id, 0, "Association", 1, None)
    };
    let facts = vec![with("a", &["novelty=Novel", "score=0.9"]), with("b", &["novelty=No"]), with("c", &[])];
    let (made, _) = Made::of(&[("a", entities), ("b", entities), ("c", entities)], facts, &[]);
    let behind: Vec<ProvenanceRow> = made.read();
    let attributes: Vec<Vec<&str>> =
        behind.iter().map(|row| row.attributes.iter().map(|text| &**text).collect()).collect();
    assert_eq!(attributes, [vec!["novelty=Novel", "score=0.9"], vec!["novelty=No"], vec![]]);
    assert_eq!(
        made.lines("kgx/edges.jsonl")[0]["attributes"],
        serde_json::json!(["novelty=No", "novelty=Novel", "score=0.9"])
    );
    for name in ["graph.graphml", "neo4j/relationships.csv", "graph.kgtk.tsv"] {
        assert!(fs::read_to_string(made.folder().join(name)).unwrap().contains("novelty=Novel"), "{name}");
    }
    for name in ["graph.nt", "graph.nq", "graph.ttl"] {
        assert!(fs::read_to_string(made.folder().join(name)).unwrap().contains("\"Novel\""), "{name}");
    }
    let graph = Loaded::new(&Graph::open(&made.folder()).unwrap()).unwrap();
    let documents = "SELECT ?id WHERE { ?fact attribute:novelty \"Novel\"; prov:entity/dcterms:identifier ?id }";
    assert_eq!(answer(&graph, documents), [[Value::from("a")]]);
    let edges = "SELECT ?head WHERE { ?edge attribute:novelty \"Novel\"; rdf:subject ?head }";
    assert_eq!(answer(&graph, edges), [[Value::from("http://id.nlm.nih.gov/mesh/D000001")]]);
}

#[test]
fn the_program_takes_gold_facts_with_their_attributes() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let text = "5|t|Alphazine and BRCAX.\n5|a|None.\n5\t0\t9\tAlphazine\tChemicalEntity\tD000001\n\
                5\t14\t19\tBRCAX\tGeneOrGeneProduct\t672\n5\tPositive_Correlation\tD000001\t672\n\n";
    fs::write(path("source.txt"), text).unwrap();
    let run = docre(["convert", "--format", "pubtator", "--split", "s", "--out", &path("out"), &path("source.txt")]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let (facts, split, out) = (path("out/s/facts"), path("out/s"), path("graph"));
    let run = docre(["graph", "--relations", &facts, "--corpus", &split, "--out", &out]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let ids = rows(Path::new(&out), "SELECT head, relation, tail FROM edges");
    assert_eq!(ids, ["MESH:D000001,Positive_Correlation,NCBIGene:672"]);
    let sparql = "SELECT (count(*) AS ?n) WHERE { MESH:D000001 relation:Positive_Correlation NCBIGene:672 }";
    assert_eq!(docre(["query", &out, "--sparql", sparql, "--format", "csv"]).stdout, "n\n1\n");
}

fn texts() -> impl Strategy<Value = String> {
    let parts = [
        "_", " ", "%20", "%5F", "-", ".", ".", ":", "/", "a", "A", "1", "é", "人", "ि", "\u{301}", "\u{fffe}",
        "\u{1680}", "🦀", "𪊧",
    ];
    let parts =
        proptest::collection::vec(proptest::sample::select(parts.to_vec()), 0..6).prop_map(|parts| parts.concat());
    prop_oneof![
        2 => parts,
        1 => proptest::collection::vec(any::<char>(), 0..6).prop_map(String::from_iter),
        1 => ("[a-é_. ]", 60usize..260).prop_map(|(part, times)| part.repeat(times)),
    ]
}

#[test]
fn a_colon_in_a_relation_stands_for_itself() {
    let entities = [("Tea", "Food", None), ("Rash", "Disease", None)];
    let (made, _) = Made::of(&[("a:1", &entities)], vec![fact("a:1", 0, "CPR:3", 1, None)], &[]);
    let graph = Loaded::new(&Graph::open(&made.folder()).unwrap()).unwrap();
    assert_eq!(answer(&graph, "SELECT ?a WHERE { ?a relation:CPR:3 ?b }").len(), 1);
    assert_eq!(answer(&graph, "SELECT ?a WHERE { GRAPH document:a:1 { ?a relation:CPR:3 ?b } }").len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn two_names_are_never_one(one in texts(), other in texts()) {
        let iris = Iris::new(&Base::default());
        let names = [&one, &other].map(|text| [iris.relation(text), iris.class(text), iris.document(text)]);
        prop_assert_eq!(one == other, names[0] == names[1], "{:?} {:?}", one, other);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_name_can_be_pasted(texts in proptest::collection::vec(texts(), 16)) {
        let kinds = ["PER", "Foo/Bar", "Disease", "", "2D", "人物", "a.b"];
        let entities: Vec<(&str, &str, Option<&str>)> =
            texts.iter().zip(kinds.iter().cycle()).zip(texts.iter().rev()).enumerate()
                .map(|(place, ((name, kind), id))| (&**name, *kind, (place % 2 == 0).then_some(&**id)))
                .collect();
        let (made, _) = Made::of(&[("a", &entities)], vec![fact("a", 0, "P17", 1, None)], &[]);
        let graph = Loaded::new(&Graph::open(&made.folder()).unwrap()).unwrap();
        for id in made.node_ids() {
            prop_assert_eq!(answer(&graph, &format!("SELECT ?n WHERE {{ {id} vocabulary:documents ?n }}")).len(), 1, "{}", id);
        }
    }
}
