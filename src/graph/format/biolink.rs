//! Which class of the Biolink model a type of entities is.

use ground::curie::{Family, folds_to};

/// What is of no class below it.
const ANY: &str = "biolink:NamedThing";

/// A class of the model, and what it stands for: of two classes that stand for one, an entity may be either, as what one
/// corpus calls a disease is another's phenotype.
type Class = (&'static str, &'static str);

/// Classes of types beyond, or within, the families of knowledge bases: a class, and its types, folded.
const CLASSES: &[(Class, &[&str])] = &[
    (("biolink:Protein", "gene"), &["protein"]),
    (("biolink:Disease", "disease"), &["disease", "disorder"]),
    (("biolink:PhenotypicFeature", "disease"), &["phenotypicfeature", "phenotype", "symptom"]),
    (("biolink:Cell", "cell"), &["cell", "celltype"]),
    (("biolink:AnatomicalEntity", "anatomy"), &["anatomy", "anatomicalentity", "tissue", "organ", "bodypart"]),
    (("biolink:Pathway", "process"), &["pathway"]),
    (("biolink:BiologicalProcess", "process"), &["biologicalprocess"]),
    // People and organisations are agents in the model: it has no class of persons.
    (("biolink:Agent", "person"), &["per", "person"]),
    (("biolink:Agent", "organisation"), &["org", "organization", "organisation"]),
    (("biolink:GeographicLocation", "place"), &["loc", "location", "gpe", "place"]),
    (("biolink:Event", "event"), &["event", "evt"]),
];

/// The class of a type.
pub(crate) fn category(kind: &str) -> &'static str {
    class(kind).map_or(ANY, |(class, _)| class)
}

/// Whether nothing can be of both types: their classes stand for different things, or they have none and are not alike.
pub(crate) fn exclude(kind: &str, other: &str) -> bool {
    match (class(kind), class(other)) {
        (None, None) => !folds_to(kind, other),
        (one, other) => one.map(|(_, what)| what) != other.map(|(_, what)| what),
    }
}

fn class(kind: &str) -> Option<Class> {
    let named = CLASSES.iter().find(|(_, kinds)| kinds.iter().any(|known| folds_to(kind, known)));
    named.map(|(class, _)| *class).or_else(|| Some(of_family(Family::of(kind)?)))
}

fn of_family(family: Family) -> Class {
    match family {
        Family::Gene => ("biolink:Gene", "gene"),
        Family::Species => ("biolink:OrganismTaxon", "species"),
        Family::Chemical => ("biolink:ChemicalEntity", "chemical"),
        Family::Disease => ("biolink:DiseaseOrPhenotypicFeature", "disease"),
        Family::CellLine => ("biolink:CellLine", "cell"),
        Family::Variant => ("biolink:SequenceVariant", "variant"),
        Family::Semantic => (ANY, "concept"),
    }
}
