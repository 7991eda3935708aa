//! Which class of the Biolink model a type of entities is.

use ground::curie::folds_to;

/// What is of no class below it.
const ANY: &str = "biolink:NamedThing";

/// Classes of the model, with the types of corpora that are theirs, folded. Neighbours in one list are told apart by few:
/// what one corpus calls a disease is another's phenotype.
const CLASSES: &[&[(&str, &[&str])]] = &[
    &[("biolink:ChemicalEntity", &["chemical", "chemicalentity", "drug", "chemicalsubstance", "smallmolecule"])],
    &[
        ("biolink:Gene", &["gene", "geneorgeneproduct", "geneproduct", "geneorprotein", "geney", "genen"]),
        ("biolink:Protein", &["protein"]),
    ],
    &[
        ("biolink:Disease", &["disease", "disorder"]),
        ("biolink:DiseaseOrPhenotypicFeature", &["diseaseorphenotypicfeature"]),
        ("biolink:PhenotypicFeature", &["phenotypicfeature", "phenotype", "symptom"]),
    ],
    &[(
        "biolink:SequenceVariant",
        &[
            "variant",
            "sequencevariant",
            "mutation",
            "dnamutation",
            "proteinmutation",
            "snp",
            "dnaallele",
            "proteinallele",
            "acidchange",
            "othermutation",
            "geneticvariant",
        ],
    )],
    &[("biolink:OrganismTaxon", &["species", "organismtaxon", "organism", "taxon"])],
    &[("biolink:CellLine", &["cellline"]), ("biolink:Cell", &["cell", "celltype"])],
    &[("biolink:AnatomicalEntity", &["anatomy", "anatomicalentity", "tissue", "organ", "bodypart"])],
    &[("biolink:Pathway", &["pathway"]), ("biolink:BiologicalProcess", &["biologicalprocess"])],
    // People and organisations are agents in the model: it has no class of persons.
    &[("biolink:Agent", &["per", "person"])],
    &[("biolink:Agent", &["org", "organization", "organisation"])],
    &[("biolink:GeographicLocation", &["loc", "location", "gpe", "place"])],
    &[("biolink:Event", &["event", "evt"])],
];

/// The class of a type.
pub(crate) fn category(kind: &str) -> &'static str {
    found(kind).map_or(ANY, |(_, class)| class)
}

/// Whether nothing can be of both types: they are of classes that are no neighbours, or of none and not alike.
pub(crate) fn exclude(kind: &str, other: &str) -> bool {
    match (found(kind), found(other)) {
        (None, None) => !folds_to(kind, other),
        (one, other) => one.map(|(neighbours, _)| neighbours) != other.map(|(neighbours, _)| neighbours),
    }
}

fn found(kind: &str) -> Option<(usize, &'static str)> {
    let named = |(_, kinds): &&(&str, &[&str])| kinds.iter().any(|known| folds_to(kind, known));
    let class = |(place, classes): (usize, &&'static [(&'static str, &[&str])])| {
        classes.iter().find(named).map(|(class, _)| (place, *class))
    };
    CLASSES.iter().enumerate().find_map(class)
}
