"""Reads every format that `docre graph` writes with a program that is not ours, and compares counts, names and documents.

Run by `make peers`. A reader that is not installed is left out, and said to be: rdflib (N-Triples, N-Quads, Turtle),
networkx (GraphML), DuckDB (Parquet, CSV), KGTK, and the Biolink model's own classes for KGX's JSON lines (KGX itself
fetches its contexts from the network whenever it starts). The graphs are that of the sample run,
one whose names mean harm, and, where they are at hand, another system's predictions on DocRED's test documents.
"""

import collections
import importlib.util
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

import duckdb

ROOT = pathlib.Path(__file__).parent.parent.parent
DOCRE = str(pathlib.Path(sys.argv[1]).resolve())
CORPORA = pathlib.Path(os.environ.get("DOCRE_CORPORA", ROOT / "../shared/data"))
BASE = "https://docre.example/"
WORDS = BASE + "vocabulary/"
HOSTILE = [
    "He said \"hi\", she said 'ho'",
    "tab\there and back\\slash \\n \\t",
    "line\nbreak\r\nand return\r",
    "שלום \u202egnol",
    "𝔘𝔫𝔦 🦀",
    "</script><script>alert(1)</script><!--",
    "'; DROP TABLE nodes; --",
    "<http://evil.example/> <p> \"o\" . <x",
    "a|b;c,d",
    "]]> &amp; &#0; %00 %2F ../..",
    "=cmd()|' ' + \ufeff",
]


def docre(*arguments):
    subprocess.run([DOCRE, "--quiet", *map(str, arguments)], check=True)


def hostile_corpus(folder):
    """Documents and predictions whose every name, type and relation means harm."""
    documents, predictions = [], []
    for number, title in enumerate(HOSTILE):
        mentions = [[{"name": name, "type": HOSTILE[(number + place) % 2], "sent_id": 0, "pos": [place, place + 1]}]
                    for place, name in enumerate(HOSTILE)]
        documents.append({"title": title, "sents": [["x"] * len(HOSTILE)], "vertexSet": mentions})
        predictions.append({"title": title, "h_idx": number, "t_idx": (number + 1) % len(HOSTILE), "r": title,
                            "evidence": [0], "score": 0.25})
    (folder / "documents.json").write_text(json.dumps(documents))
    (folder / "predictions.json").write_text(json.dumps(predictions))
    docre("convert", "--format", "docred", "--unlabelled", "--split", "test", "--out", folder, folder / "documents.json")
    return folder / "test", folder / "predictions.json"


def real_corpus(folder):
    documents, predictions = CORPORA / "docred/test.json", CORPORA / "docred/gain_bert_test_submission.json"
    if not (documents.is_file() and predictions.is_file()):
        return None
    labels = ["--relation-labels", CORPORA / "docred/rel_info.json"]
    docre("convert", "--format", "docred", "--unlabelled", *labels, "--split", "test", "--out", folder, documents)
    return folder / "test", predictions


class Truth:
    """The tables, by DuckDB."""

    def __init__(self, folder):
        table = lambda name, columns: duckdb.sql(f"SELECT {columns} FROM '{folder}/{name}/*.parquet'").fetchall()
        self.names = dict(table("nodes", "node_id, name"))
        self.types = dict(table("nodes", "node_id, type"))
        self.aliases = {node: set(aliases) for node, aliases in table("nodes", "node_id, aliases")}
        self.edges = {edge[0]: edge for edge in table(
            "edges", "edge_id, head, relation, tail, n_documents, best_probability, combined_probability")}
        self.documents = collections.defaultdict(set)
        self.facts = table("provenance", "edge_id, doc_id")
        for edge, document in self.facts:
            self.documents[edge].add(document)
        self.runs = {run for (run,) in table("provenance", "DISTINCT run_id")}
        assert all(len(self.documents[edge]) == row[4] for edge, row in self.edges.items())
        assert all(row[1] in self.names and row[3] in self.names for row in self.edges.values())

    def check_edge(self, edge, head, relation, tail, documents, best, combined):
        expected = self.edges[edge]
        assert (head, relation, tail) == expected[1:4], (edge, expected)
        assert set(documents) == self.documents[edge], edge
        for found, probability in [(best, expected[5]), (combined, expected[6])]:
            if probability is None:
                assert found is None
            else:
                assert math.isclose(found, probability, rel_tol=1e-6), (edge, found, probability)


def check_rdflib(folder, truth):
    import rdflib
    from rdflib.namespace import PROV, RDF, RDFS, SKOS

    word = rdflib.Namespace(WORDS)
    graph = rdflib.Graph().parse(folder / "graph.nt", format="nt")
    turtle = rdflib.Graph().parse(folder / "graph.ttl", format="turtle")
    assert set(graph) == set(turtle)
    dataset = rdflib.Dataset().parse(folder / "graph.nq", format="nquads")
    named = collections.defaultdict(set)
    for subject, predicate, target, context in dataset.quads():
        named[context].add((subject, predicate, target))
    unnamed = next(name for name in (None, rdflib.graph.DATASET_DEFAULT_GRAPH_ID) if name in named)
    assert named.pop(unnamed) == set(graph)
    identifiers = {iri: str(graph.value(iri, rdflib.DCTERMS.identifier)) for iri in graph.subjects(RDF.type, PROV.Entity)}
    assert {identifiers[iri] for iri in named} == set().union(*truth.documents.values())

    edges = set(graph.subjects(RDF.type, RDF.Statement))
    assert len(edges) == len(truth.edges)
    nodes = {iri: str(graph.value(iri, RDFS.label)) for iri in graph.subjects(word.documents, None) if iri not in edges}
    iri_of = {node: rdflib.URIRef(BASE + node.replace(":", "/", 1)) for node in truth.names if node.startswith("name:")}
    assert len(nodes) == len(truth.names)
    for node, iri in iri_of.items():
        assert nodes[iri] == truth.names[node], node
        assert {str(alias) for alias in graph.objects(iri, SKOS.altLabel)} == truth.aliases[node]
        assert str(graph.value(graph.value(iri, RDF.type), RDFS.label)) == truth.types[node]
    for iri in edges:
        triple = tuple(graph.value(iri, part) for part in (RDF.subject, RDF.predicate, RDF.object))
        assert triple in graph
        documents = list(graph.objects(iri, PROV.wasDerivedFrom))
        assert all(triple in named[document] for document in documents)
        edge = str(iri).rsplit("/", 1)[1]
        number = lambda name: (lambda value: None if value is None else value.toPython())(graph.value(iri, word[name]))
        truth.check_edge(edge, *truth.edges[edge][1:4], {identifiers[document] for document in documents},
                         number("bestProbability"), number("combinedProbability"))
        assert (triple[0], triple[2]) == tuple(iri_of.get(truth.edges[edge][place], triple[place - 1]) for place in (1, 3))
    assert len(list(graph.subjects(RDF.type, PROV.Derivation))) == len(truth.facts)
    assert {str(graph.value(run, RDFS.label)) for run in graph.subjects(RDF.type, PROV.Activity)} == truth.runs
    assert len(list(graph.subject_objects(word.headMention))) >= len(truth.facts)
    return f"{len(graph)} triples, {len(named)} named graphs"


def check_networkx(folder, truth):
    import networkx

    graph = networkx.read_graphml(folder / "graph.graphml", force_multigraph=True)
    assert {node: data["name"] for node, data in graph.nodes(data=True)} == truth.names
    assert all(set(json.loads(data["aliases"])) == truth.aliases[node] for node, data in graph.nodes(data=True))
    assert graph.number_of_edges() == len(truth.edges)
    for head, tail, edge, data in graph.edges(keys=True, data=True):
        documents = json.loads(data["documents"])
        truth.check_edge(edge, head, data["relation"], tail, documents, data.get("best_probability"), data.get("combined_probability"))
    return f"{graph.number_of_nodes()} nodes, {graph.number_of_edges()} edges"


def check_duckdb(folder, truth):
    # Names have line ends of several kinds, so DuckDB is told what ends a row.
    read = lambda name: duckdb.sql(
        f"SELECT * FROM read_csv('{folder}/neo4j/{name}', header = true, all_varchar = true, delim = ',', quote = '\"',"
        f" escape = '\"', new_line = '\\n', strict_mode = false, parallel = false, max_line_size = 20000000)").fetchall()
    nodes = read("nodes.csv")
    assert {row[0]: row[2] for row in nodes} == truth.names
    assert {row[0]: row[1] for row in nodes} == truth.types
    assert all(set((row[5] or "").split("\x1f")) - {""} == truth.aliases[row[0]] for row in nodes)
    edges = read("relationships.csv")
    assert len(edges) == len(truth.edges)
    for head, relation, tail, edge, _, n_documents, best, combined, documents, _ in edges:
        number = lambda text: float(text) if text else None
        assert int(n_documents) == truth.edges[edge][4]
        truth.check_edge(edge, head, relation, tail, documents.split("\x1f"), number(best), number(combined))
    return f"{len(nodes)} nodes, {len(edges)} relationships"


def check_kgtk(folder, truth):
    from kgtk.io.kgtkreader import KgtkReader, KgtkReaderOptions
    from kgtk.kgtkformat import KgtkFormat
    from kgtk.utils.validationaction import ValidationAction
    from kgtk.value.kgtkvalue import KgtkValue
    from kgtk.value.kgtkvalueoptions import KgtkValueOptions

    stop = ValidationAction.ERROR
    options = KgtkReaderOptions(empty_line_action=stop, short_line_action=stop, long_line_action=stop,
                                whitespace_line_action=stop, invalid_value_action=stop, prohibited_list_action=stop)
    said = collections.defaultdict(lambda: collections.defaultdict(list))
    edges = {}
    for row in KgtkReader.open(folder / "graph.kgtk.tsv", options=options, value_options=KgtkValueOptions()):
        edge, head, label, tail = row
        assert all(KgtkValue(value, options=KgtkValueOptions()).validate() for value in row), row
        if head in truth.names and tail in truth.names:
            edges[edge] = (head, tail)
        else:
            said[head][label].append(KgtkFormat.unstringify(tail) if tail.startswith('"') else float(tail))
    assert {node: said[node]["label"][0] for node in truth.names} == truth.names
    assert all(set(said[node]["alias"]) == truth.aliases[node] for node in truth.names)
    assert set(edges) == set(truth.edges)
    for edge, (head, tail) in edges.items():
        of = said[edge]
        first = lambda name: of[name][0] if of[name] else None
        truth.check_edge(edge, head, truth.edges[edge][2], tail, of["document"], first("best_probability"), first("combined_probability"))
    return f"{len(truth.names)} nodes, {len(edges)} edges, each value valid"


def check_biolink(folder, truth):
    from biolink_model.datamodel import pydanticmodel_v2 as biolink

    def read(name):
        for line in (folder / "kgx" / name).read_text().split("\n")[:-1]:
            yield json.loads(line)

    def validate(data):
        """Builds the model's object of a record's category, of the fields that the model knows."""
        kind = getattr(biolink, data["category"][0].removeprefix("biolink:"))
        return kind(**{name: value for name, value in data.items() if name in kind.model_fields})

    nodes = {data["id"]: validate(data).name for data in read("nodes.jsonl")}
    assert nodes == truth.names
    edges = list(read("edges.jsonl"))
    assert {data["id"] for data in edges} == set(truth.edges)
    for data in edges:
        edge = validate(data)
        truth.check_edge(edge.id, edge.subject, edge.original_predicate, edge.object, data["documents"],
                         data.get("best_probability"), data.get("combined_probability"))
    return f"{len(nodes)} nodes, {len(edges)} edges, each valid"


CHECKS = {"duckdb": check_duckdb, "rdflib": check_rdflib, "networkx": check_networkx, "kgtk": check_kgtk,
          "biolink_model": check_biolink}


def main():
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        sources = {"hostile": hostile_corpus(scratch), "DocRED's test documents": real_corpus(scratch / "real")}
        if pathlib.Path("runs/sample/relations").is_dir():
            sources["sample"] = ("runs/sample/test", "runs/sample/relations")
        for place, (name, source) in enumerate(sources.items()):
            if source is None:
                print(f"{name}: left out, {CORPORA} does not hold them")
                continue
            folder = scratch / f"graph{place}"
            formats = "ntriples,nquads,turtle,graphml,neo4j,kgtk,kgx"
            docre("graph", "--relations", source[1], "--corpus", source[0], "--out", folder, "--format", formats)
            truth = Truth(folder)
            print(f"{name}: {len(truth.names)} nodes, {len(truth.edges)} edges, {len(truth.facts)} facts")
            for reader, check in CHECKS.items():
                if importlib.util.find_spec(reader) is None:
                    print(f"  {reader}: left out, not installed")
                else:
                    print(f"  {reader}: agrees: {check(folder, truth)}")


main()
