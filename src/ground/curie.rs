//! Who a thing is across documents: its identifier in a knowledge base as a CURIE, `PREFIX:LOCAL`.
//!
//! Corpora write one identity in many ways, and different ones alike: `672` is a gene and a species. The CURIE has the
//! registered prefix of its knowledge base; a bare id gets that of its entity's type.

use std::iter;

use crate::bases::{BASES, Base, gene_number, is_digits, joined, stands_for_none};
use crate::variant::{Variant, is_certain_mutation, is_mutation, reference_number, without_tmvar};

pub use crate::bases::folds_to;

/// What the types of entities that have knowledge bases of their own come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Genes, and what they make.
    Gene,
    /// Species.
    Species,
    /// Chemicals and drugs.
    Chemical,
    /// Diseases, and what shows them.
    Disease,
    /// Lines of cells.
    CellLine,
    /// Mutations.
    Variant,
    /// One of UMLS's semantic types: `T047`.
    Semantic,
}

/// The prefix of ids by which a document alone calls a thing that has no identity: `local:7_0`.
pub const LOCAL: &str = "local";

const FAMILIES: &[(Family, &[&str])] = &[
    (Family::Gene, &["gene", "geneorgeneproduct", "geneproduct", "protein", "geneorprotein", "geney", "genen"]),
    (Family::Species, &["species", "organismtaxon", "organism", "taxon"]),
    (Family::Chemical, &["chemical", "chemicalentity", "drug", "chemicalsubstance", "smallmolecule"]),
    (
        Family::Disease,
        &["disease", "diseaseorphenotypicfeature", "phenotypicfeature", "phenotype", "symptom", "disorder"],
    ),
    (Family::CellLine, &["cellline"]),
    (
        Family::Variant,
        &["variant", "sequencevariant", "mutation", "dnamutation", "proteinmutation", "snp", "dnaallele"],
    ),
    (Family::Variant, &["proteinallele", "acidchange", "othermutation", "geneticvariant", "geneticvariation"]),
];

impl Family {
    /// That of a type, in any spelling.
    pub fn of(kind: &str) -> Option<Self> {
        let named = FAMILIES.iter().find(|(_, kinds)| kinds.iter().any(|known| folds_to(kind, known)));
        let is_semantic = || kind.len() == 4 && kind.strip_prefix('T').is_some_and(is_digits);
        named.map(|(family, _)| *family).or_else(|| is_semantic().then_some(Self::Semantic))
    }
}

/// The identity of an entity of type `kind` whose source gives `id`; `None` where the id stands for none. What is a CURIE
/// stays as it is, but for the spelling of a known prefix.
pub fn curie(id: &str, kind: &str) -> Option<String> {
    let id = id.trim();
    if stands_for_none(id) || is_local(id) {
        return None;
    }
    let family = Family::of(kind);
    let is_variant = family == Some(Family::Variant) || without_tmvar(id) != id || is_certain_mutation(id);
    if is_variant {
        return of_variant(id, kind);
    }
    written(id).unwrap_or_else(|| Some(bare(id, kind, family)))
}

/// By what mentions of one document are of one thing: its identity, else its local id.
pub fn within_document(id: &str, kind: &str) -> Option<String> {
    curie(id, kind).or_else(|| is_local(id).then(|| id.trim().to_owned()))
}

/// Whether an id tells a thing from others of its document, and says nothing of who it is elsewhere.
fn is_local(id: &str) -> bool {
    id.split_once(':').is_some_and(|(prefix, local)| prefix.trim() == LOCAL && !stands_for_none(local.trim()))
}

/// The identity of a mutation: its number in dbSNP, else its name, which with the gene says what it is beyond its document.
/// What else is said of it is no part of that.
fn of_variant(id: &str, kind: &str) -> Option<String> {
    let variant = Variant::of(id);
    if let Some(number) = variant.number {
        return Some(joined("dbSNP", "rs", number));
    }
    let (first, name) = (variant.first, variant.name);
    if stands_for_none(name) {
        return None;
    }
    if is_mutation(name) || name != first {
        return Some(variant.curie());
    }
    written(first).unwrap_or_else(|| Some(bare(first, kind, Some(Family::Variant))))
}

/// The CURIE of an id that names its knowledge base, by a prefix or an IRI; the inner `None` where it stands for none.
#[expect(clippy::option_option, reason = "no CURIE, and the CURIE of nothing")]
fn written(id: &str) -> Option<Option<String>> {
    if let Some((base, local)) = Base::of_iri(id).or_else(|| Base::of_underscore(id)) {
        return Some(of_base(base, local));
    }
    let (prefix, local) = id.split_once(':')?;
    let (prefix, local) = (prefix.trim(), local.trim());
    if let Some(base) = Base::known(prefix, local) {
        return Some(of_base(base, local));
    }
    is_prefix(prefix).then(|| (!stands_for_none(local)).then(|| joined(prefix, "", local)))
}

/// The CURIE of an id of a known base, which may say its prefix again.
fn of_base(base: &Base, mut local: &str) -> Option<String> {
    local = local.trim();
    while let Some((_, rest)) = local.split_once(':').filter(|(prefix, rest)| {
        Base::known(prefix.trim(), rest.trim()).is_some_and(|again| again.prefix == base.prefix)
    }) {
        local = rest.trim();
    }
    if base.prefix == "NCBIGene" {
        local = gene_number(local).unwrap_or(local);
    }
    if stands_for_none(local) {
        return None;
    }
    if base.prefix == "freebase"
        && let Some(path) = local.strip_prefix('/')
    {
        // Its IRIs have dots in the place of slashes.
        return Some(joined(base.prefix, "", &path.replace('/', ".")));
    }
    let (stem, rest) = match base.stem(local) {
        // The registered ids of species are numbers alone.
        Some((_, number)) if base.prefix == "NCBITaxon" => ("", number),
        Some(found) => found,
        None => ("", local),
    };
    Some(joined(base.prefix, stem, rest))
}

/// The CURIE of an id without a prefix: by its form, by its type, or with its type for a prefix.
fn bare(id: &str, kind: &str, family: Option<Family>) -> String {
    let (letter, digits) = id.split_at_checked(1).unwrap_or(("", id));
    let known = match (family, letter, digits.len()) {
        (Some(Family::Gene), ..) if gene_number(id).is_some() => Some("NCBIGene"),
        (Some(Family::Gene), ..) if is_uniprot(id) => Some("UniProtKB"),
        (Some(Family::Species), ..) if is_digits(id) => Some("NCBITaxon"),
        (Some(Family::Chemical | Family::Disease | Family::Semantic), "C", 7) if is_digits(digits) => Some("UMLS"),
        (Some(Family::Chemical | Family::Disease), "D" | "C", 6..=9) if is_digits(digits) => Some("MESH"),
        (Some(Family::Disease), _, 5) if is_digits(id) => Some("OMIM"),
        (_, "Q", _) if is_digits(digits) => Some("wikidata"),
        _ if reference_number(id).is_some() => Some("dbSNP"),
        _ if is_cellosaurus(id) => Some("Cellosaurus"),
        _ if is_ensembl(id) => Some("ENSEMBL"),
        _ => None,
    };
    let base = known.and_then(Base::of).or_else(|| Base::known(kind.trim(), id));
    base.and_then(|base| of_base(base, id)).unwrap_or_else(|| joined(&prefix_of_type(kind.trim()), "", id))
}

fn is_cellosaurus(id: &str) -> bool {
    let (start, rest) = id.split_at_checked(5).unwrap_or_default();
    start.eq_ignore_ascii_case("CVCL_") && !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether an id is that of a gene, transcript or protein of Ensembl: `ENSG00000141510`.
fn is_ensembl(id: &str) -> bool {
    let (start, digits) = id.split_at_checked(id.len().saturating_sub(11)).unwrap_or_default();
    is_digits(digits)
        && start.strip_prefix("ENS").is_some_and(|rest| rest.ends_with(['G', 'T', 'P']))
        && start.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Whether an id has the form of UniProt's accessions, such as `P04637` and `A0A024R1R8`.
fn is_uniprot(id: &str) -> bool {
    let bytes = id.as_bytes();
    let all = |start: usize, form: &[u8]| {
        let part = bytes.get(start..start + form.len()).unwrap_or_default();
        part.len() == form.len()
            && iter::zip(part, form).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                b'A' => byte.is_ascii_uppercase(),
                _ => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
            })
    };
    match (bytes.first(), bytes.len()) {
        (Some(b'O' | b'P' | b'Q'), 6) => all(1, b"0***0"),
        (Some(b'A'..=b'Z'), 6) => all(1, b"0A**0"),
        (Some(b'A'..=b'Z'), 10) => all(1, b"0A**0A**0"),
        _ => false,
    }
}

/// What an entity's type is as a prefix. Types that differ in more than blanks and `_` have different ones.
fn prefix_of_type(kind: &str) -> String {
    let mut prefix = String::with_capacity(kind.len());
    for character in kind.chars() {
        match character {
            ' ' | '_' if !prefix.is_empty() => prefix.push('_'),
            letter if begins_prefix(letter) || !prefix.is_empty() && continues_name(letter) => prefix.push(letter),
            other => prefix.push_str(&format!("{}x{:X}_", if prefix.is_empty() { "" } else { "_" }, u32::from(other))),
        }
    }
    if prefix.is_empty() { "id".to_owned() } else { prefix }
}

/// The IRI of a CURIE whose knowledge base has registered ones: what all of them begin with, and the local id.
pub fn iri(curie: &str) -> Option<(&'static str, &str)> {
    let (prefix, local) = curie.split_once(':')?;
    Some((namespace(prefix)?, local))
}

/// What the IRIs of a registered prefix begin with.
pub fn namespace(prefix: &str) -> Option<&'static str> {
    Base::of(prefix).map(|base| base.namespace).filter(|namespace| !namespace.is_empty())
}

/// The registered prefixes, with what their IRIs begin with.
pub fn registered() -> impl Iterator<Item = (&'static str, &'static str)> {
    BASES.iter().map(|base| (base.prefix, base.namespace)).filter(|(_, namespace)| !namespace.is_empty())
}

/// Whether a text can be a prefix, in a CURIE, in SPARQL and in Turtle alike.
pub fn is_prefix(text: &str) -> bool {
    text.starts_with(begins_prefix)
        && !text.ends_with('.')
        && text.chars().all(|character| character == '.' || continues_name(character))
}

/// Whether a prefix may begin with a character: a letter of SPARQL's grammar that an IRI takes as it is.
fn begins_prefix(character: char) -> bool {
    matches!(character, 'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{2ff}' | '\u{370}'..='\u{1fff}' | '\u{2c00}'..='\u{2fef}'
        | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{ffef}')
        && character.is_alphabetic()
}

/// Whether a name may go on with a character, in SPARQL, Turtle and IRIs alike: a letter, a mark, a digit, `_` or `-`.
pub fn continues_name(character: char) -> bool {
    begins_name(character) || matches!(character, '-' | '\u{300}'..='\u{36f}')
}

/// Whether a name may begin with a character.
pub fn begins_name(character: char) -> bool {
    character == '_' || character.is_ascii_digit() || begins_prefix(character)
}
