//! One identity in all the ways in which corpora write it, and never one for two.

use docre::ground::curie::{curie, folds_to, iri, is_prefix, namespace};
use docre::ground::variant::says_which;
use proptest::prelude::*;

fn check(cases: &[(&str, &str, &str)]) {
    for (id, kind, expected) in cases {
        assert_eq!(curie(id, kind).as_deref(), Some(*expected), "`{id}` of `{kind}`");
    }
}

#[test]
fn a_prefix_in_any_spelling_is_the_registered_one() {
    check(&[
        ("mesh:D001", "X", "MESH:D001"),
        ("MeSH:d003000", "X", "MESH:D003000"),
        ("MESH:MESH:D003000", "X", "MESH:D003000"),
        ("NCBI Gene:672", "X", "NCBIGene:672"),
        ("ncbi_gene:672", "X", "NCBIGene:672"),
        ("entrez:672", "Gene", "NCBIGene:672"),
        ("Gene:672", "X", "NCBIGene:672"),
        ("Gene:BRCA1", "X", "Gene:BRCA1"),
        ("taxonomy:10090", "X", "NCBITaxon:10090"),
        ("NCBITaxon:txid10090", "X", "NCBITaxon:10090"),
        ("dbSNP:123", "X", "dbSNP:rs123"),
        ("DBSNP:RS123", "X", "dbSNP:rs123"),
        ("SNP:rs123", "X", "dbSNP:rs123"),
        ("CVCL:0030", "X", "Cellosaurus:CVCL_0030"),
        ("cellosaurus:CVCL_0030", "X", "Cellosaurus:CVCL_0030"),
        ("MIM:114480", "X", "OMIM:114480"),
        ("OMIM:114480", "X", "OMIM:114480"),
        ("umls:C0006142", "X", "UMLS:C0006142"),
        ("WIKIDATA:Q30", "X", "wikidata:Q30"),
        ("wd:q30", "X", "wikidata:Q30"),
        ("http://www.wikidata.org/entity/Q30", "X", "wikidata:Q30"),
        ("https://www.wikidata.org/wiki/Q30", "X", "wikidata:Q30"),
        ("http://id.nlm.nih.gov/mesh/D003000", "X", "MESH:D003000"),
        ("http://purl.obolibrary.org/obo/GO_0005634", "X", "GO:0005634"),
        ("GO_0005634", "X", "GO:0005634"),
        ("OMIM_306000", "Disease", "OMIM:306000"),
        ("GO_1", "X", "X:GO_1"),
        ("CHEBI:CHEBI:15377", "X", "CHEBI:15377"),
        ("chebi:15377", "X", "CHEBI:15377"),
        ("uniprot:P04637", "X", "UniProtKB:P04637"),
        ("Foo:X17", "Gene", "Foo:X17"),
        ("foo:a:b", "Gene", "foo:a:b"),
    ]);
}

#[test]
fn a_bare_id_goes_by_its_form_and_its_type() {
    check(&[
        ("672", "Gene", "NCBIGene:672"),
        ("672", "GeneOrGeneProduct", "NCBIGene:672"),
        ("672", "gene_or_gene-product", "NCBIGene:672"),
        ("672(Tax:9606)", "Gene", "NCBIGene:672"),
        ("P04637", "Protein", "UniProtKB:P04637"),
        ("BRCA1", "Gene", "Gene:BRCA1"),
        ("10090", "Species", "NCBITaxon:10090"),
        ("10090", "Organism Taxon", "NCBITaxon:10090"),
        ("D000001", "ChemicalEntity", "MESH:D000001"),
        ("C535788", "Disease", "MESH:C535788"),
        ("D005334", "DiseaseOrPhenotypicFeature", "MESH:D005334"),
        ("C000657245", "Disease", "MESH:C000657245"),
        ("C0006142", "Disease", "UMLS:C0006142"),
        ("C0006142", "T191", "UMLS:C0006142"),
        ("114480", "Disease", "OMIM:114480"),
        ("114480", "Chemical", "Chemical:114480"),
        ("CVCL_0030", "CellLine", "Cellosaurus:CVCL_0030"),
        ("cvcl_0030", "X", "Cellosaurus:CVCL_0030"),
        ("9606", "Cell Line", "Cell_Line:9606"),
        ("rs77", "SequenceVariant", "dbSNP:rs77"),
        ("RS77", "X", "dbSNP:rs77"),
        ("Q30", "LOC", "wikidata:Q30"),
        ("ENSG00000141510", "Gene", "ENSEMBL:ENSG00000141510"),
        // What no knowledge base is known for stays apart by its type.
        ("D003000", "LOC", "LOC:D003000"),
        ("X17", "Foo", "Foo:X17"),
        ("X17", "Foo Bar", "Foo_Bar:X17"),
        ("X17", "Foo/Bar", "Foo_x2F_Bar:X17"),
        ("X17", "2D", "x32_D:X17"),
        ("X17", "人物", "人物:X17"),
        ("X17", "", "id:X17"),
        ("Q30> <x", "LOC", "LOC:Q30> <x"),
        (" 12:30 ", "TIME", "TIME:12:30"),
    ]);
}

#[test]
fn a_mutation_is_one_thing_whatever_is_said_of_it() {
    let (tmvar, of_gene) = ("tmVar:p|SUB|V|600|E", "tmVar:p|SUB|V|600|E;CorrespondingGene:673");
    check(&[
        ("p|SUB|V|600|E", "SequenceVariant", tmvar),
        ("tmVar:p|SUB|V|600|E", "ProteinMutation", tmvar),
        ("TMVAR:p|SUB|V|600|E", "X", tmvar),
        ("p|SUB|V|600|E;HGVS:p.V600E;VariantGroup:0", "ProteinMutation", tmvar),
        // With its gene it is who it is beyond its document, however the gene is called.
        ("p|SUB|V|600|E;HGVS:p.V600E;CorrespondingGene:673", "ProteinMutation", of_gene),
        ("tmVar:p|SUB|V|600|E;CorrespondingGene:673", "X", of_gene),
        ("tmVar: p|SUB|V|600|E; gene: 673(Tax:9606) ;VariantGroup:0", "X", of_gene),
        ("p|SUB|V|600|E;Gene:-", "X", tmvar),
        ("c|DEL|1|A;Gene:8,7;CorrespondingGene:8", "X", "tmVar:c|DEL|1|A;CorrespondingGene:7,8"),
        ("p|SUB|V|600|E", "X", tmvar),
        ("c|DEL|1314_1328|", "DNAMutation", "tmVar:c|DEL|1314_1328|"),
        ("|INS||7", "Variant", "tmVar:|INS||7"),
        ("c|SYB|A|1|G", "Mutation", "tmVar:c|SYB|A|1|G"),
        ("tmVar:p|SUB|V|600|E;CorrespondingGene:673;RS#:113488022;CA#:123643", "Mutation", "dbSNP:rs113488022"),
        ("RS#:113488022", "Mutation", "dbSNP:rs113488022"),
        ("rs113488022;CorrespondingGene:673", "SNP", "dbSNP:rs113488022"),
        ("tmVar:rs113488022;VariantGroup:0", "Mutation", "dbSNP:rs113488022"),
        ("HGVS:p.V600E;CorrespondingGene:673", "Variant", "HGVS:p.V600E"),
        ("p.V600E", "Variant", "Variant:p.V600E"),
        // Two alternatives are no mutation.
        ("D003110|D009369", "Disease", "Disease:D003110|D009369"),
    ]);
    assert_eq!(curie(";CorrespondingGene:673", "Variant"), None);
}

#[test]
fn a_change_without_its_gene_is_nobody_beyond_its_document() {
    for (id, is_somebody) in [
        ("p|SUB|V|600|E", false),
        ("tmVar:p|SUB|V|600|E;Gene:673", true),
        ("p|SUB|V|600|E;RS#:77", true),
        ("MESH:D003000", true),
    ] {
        assert_eq!(says_which(&curie(id, "SequenceVariant").unwrap()), is_somebody, "`{id}`");
    }
}

#[test]
fn an_id_that_stands_for_none_is_none() {
    for id in [
        "",
        " ",
        "\t",
        "-",
        "-1",
        "None",
        "none",
        "null",
        "NULL",
        "NaN",
        "NIL",
        "N/A",
        "CUI-less",
        "MESH:",
        "MESH:-1",
        "mesh:-",
        "UMLS:CUI-less",
        "Foo:",
        "Foo: ",
        "Foo:null",
        "tmVar:",
        "tmVar:-;CorrespondingGene:1",
    ] {
        for kind in ["Gene", "SequenceVariant", "Foo", ""] {
            assert_eq!(curie(id, kind), None, "`{id}` of `{kind}`");
        }
    }
}

#[test]
fn registered_prefixes_have_iris() {
    assert_eq!(iri("MESH:D003000"), Some(("http://id.nlm.nih.gov/mesh/", "D003000")));
    assert_eq!(iri("NCBITaxon:10090"), Some(("http://purl.obolibrary.org/obo/NCBITaxon_", "10090")));
    assert_eq!((iri("tmVar:p|SUB|V|600|E"), iri("Foo:X17"), iri("X17")), (None, None, None));
    for (prefix, namespace_of) in docre::ground::curie::registered() {
        assert!(is_prefix(prefix), "{prefix}");
        assert_eq!(namespace(prefix), Some(namespace_of));
        assert!(namespace_of.starts_with("http") && namespace_of.ends_with(['/', '_', ':']), "{namespace_of}");
        assert_eq!(curie(&format!("{namespace_of}X7"), "Foo"), Some(format!("{prefix}:X7")));
        assert_eq!(curie(&format!("{}:X7", prefix.to_lowercase()), "Foo"), Some(format!("{prefix}:X7")));
    }
}

const KINDS: [&str; 16] = [
    "Gene",
    "Protein",
    "Species",
    "Chemical",
    "Disease",
    "CellLine",
    "SequenceVariant",
    "SNP",
    "T047",
    "LOC",
    "mesh",
    "Entrez",
    "Foo Bar",
    "a/b",
    "",
    "人物",
];

fn kinds() -> impl Strategy<Value = String> {
    prop_oneof![4 => proptest::sample::select(&KINDS[..]).prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

/// Ids of the forms that there are, put together of their parts.
fn ids() -> impl Strategy<Value = String> {
    let parts = [
        "MESH",
        "mesh",
        "Gene",
        "NCBI Gene",
        "tmVar",
        "rs",
        "RS#",
        "CorrespondingGene:",
        ";Gene:",
        ",",
        "CVCL",
        "CVCL_",
        "wd",
        "Foo",
        "GO",
        "http",
        "//",
        "-1",
        "D",
        "C",
        "Q",
        "p|SUB|V|1|E",
        "672",
        "0006142",
        "(Tax:9606)",
        ":",
        ":",
        ":",
        ";",
        "|",
        "_",
        " ",
        "-",
        "http://www.wikidata.org/entity/",
        "é",
    ];
    let parts =
        proptest::collection::vec(proptest::sample::select(parts.to_vec()), 0..7).prop_map(|parts| parts.concat());
    prop_oneof![4 => parts, 1 => "\\PC{0,12}", 1 => proptest::collection::vec(any::<char>(), 0..8).prop_map(String::from_iter)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn a_curie_is_that_of_itself(id in ids(), kind in kinds()) {
        if let Some(once) = curie(&id, &kind) {
            let again = curie(&once, &kind);
            prop_assert_eq!(again.as_ref(), Some(&once), "`{}` of `{}`", id, kind);
            let (prefix, local) = once.split_once(':').unwrap();
            prop_assert!(is_prefix(prefix) && !local.is_empty() && local.trim() == local, "{}", once);
        }
    }

    #[test]
    fn one_number_of_two_types_is_two_things(number in 0u32..10_000_000, one in kinds(), other in kinds()) {
        let number = number.to_string();
        let genes = ["Gene", "Protein", "Entrez"];
        let together = |kind: &str| genes.iter().any(|gene| folds_to(kind, gene));
        prop_assume!(!(folds_to(one.trim(), other.trim()) || together(&one) && together(&other)));
        prop_assert_ne!(curie(&number, &one), curie(&number, &other));
    }
}
