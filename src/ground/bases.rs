//! The registry of knowledge bases: under which prefix, IRI and spellings each is known. What an identifier of one looks
//! like is said in [`curie`](crate::curie).

/// A knowledge base.
pub(crate) struct Base {
    /// The registered prefix.
    pub prefix: &'static str,
    /// What its IRIs begin with, as Bioregistry and OBO have it; empty where nothing is registered.
    pub namespace: &'static str,
    /// Other prefixes under which corpora know it, folded.
    pub spellings: &'static [&'static str],
    /// Prefixes that are words of every day, folded: they count before an id of this base's form alone.
    pub words: &'static [&'static str],
    /// What its ids begin with before a number. Where there is but one, it may be lacking.
    pub stems: &'static [&'static str],
}

const fn base(prefix: &'static str, namespace: &'static str, spellings: &'static [&'static str]) -> Base {
    Base { prefix, namespace, spellings, words: &[], stems: &[] }
}

/// All of them; those that corpora name most come first.
pub(crate) const BASES: &[Base] = &[
    Base {
        stems: &["D", "C"],
        ..base("MESH", "http://id.nlm.nih.gov/mesh/", &["meshid", "mshid", "msh", "meshui", "meshc", "meshd"])
    },
    Base {
        words: &["gene", "genes", "geneid"],
        ..base(
            "NCBIGene",
            "https://www.ncbi.nlm.nih.gov/gene/",
            &["ncbigeneid", "entrez", "entrezgene", "entrezgeneid", "entrezid", "egid"],
        )
    },
    Base {
        words: &["species", "organism", "organismtaxon", "taxon", "taxonomy", "tax", "taxid"],
        stems: &["txid"],
        ..base(
            "NCBITaxon",
            "http://purl.obolibrary.org/obo/NCBITaxon_",
            &["ncbitaxonomy", "ncbitaxid", "ncbitaxonid", "ncbispecies"],
        )
    },
    Base { words: &["snp", "rs"], stems: &["rs"], ..base("dbSNP", "https://www.ncbi.nlm.nih.gov/snp/", &["dbsnpid"]) },
    Base { stems: &["CVCL_"], ..base("Cellosaurus", "https://www.cellosaurus.org/", &["cvcl", "cellosaurusid"]) },
    base("OMIM", "https://omim.org/entry/", &["mim", "omimid", "mimid"]),
    Base { stems: &["C"], ..base("UMLS", "https://uts.nlm.nih.gov/uts/umls/concept/", &["umlscui", "cui", "umlsid"]) },
    Base {
        stems: &["Q", "P", "L"],
        ..base("wikidata", "http://www.wikidata.org/entity/", &["wd", "wikidataid", "wikidataitem"])
    },
    // Mutations as tmVar writes them: registered nowhere.
    base("tmVar", "", &[]),
    base("CHEBI", "http://purl.obolibrary.org/obo/CHEBI_", &["chebiid"]),
    base("GO", "http://purl.obolibrary.org/obo/GO_", &["geneontology"]),
    base("HP", "http://purl.obolibrary.org/obo/HP_", &["hpo", "hpoid"]),
    base("MONDO", "http://purl.obolibrary.org/obo/MONDO_", &["mondoid"]),
    base("DOID", "http://purl.obolibrary.org/obo/DOID_", &["diseaseontology"]),
    base("CL", "http://purl.obolibrary.org/obo/CL_", &["cellontology"]),
    base("UBERON", "http://purl.obolibrary.org/obo/UBERON_", &[]),
    base("PR", "http://purl.obolibrary.org/obo/PR_", &["proteinontology"]),
    base("SO", "http://purl.obolibrary.org/obo/SO_", &["sequenceontology"]),
    base("ENVO", "http://purl.obolibrary.org/obo/ENVO_", &[]),
    base("PATO", "http://purl.obolibrary.org/obo/PATO_", &[]),
    base("MP", "http://purl.obolibrary.org/obo/MP_", &[]),
    base("NCIT", "http://purl.obolibrary.org/obo/NCIT_", &["nci", "ncithesaurus"]),
    base("OBI", "http://purl.obolibrary.org/obo/OBI_", &[]),
    base("CLO", "http://purl.obolibrary.org/obo/CLO_", &[]),
    base("FMA", "http://purl.obolibrary.org/obo/FMA_", &[]),
    base("EFO", "http://www.ebi.ac.uk/efo/EFO_", &[]),
    base("ORPHANET", "http://www.orpha.net/ORDO/Orphanet_", &["orpha", "ordo"]),
    base("HGNC", "http://identifiers.org/hgnc/", &["hgncid"]),
    base("UniProtKB", "http://purl.uniprot.org/uniprot/", &["uniprot", "swissprot", "uniprotid"]),
    base("ENSEMBL", "http://identifiers.org/ensembl/", &["ensemblid"]),
    base("DRUGBANK", "https://go.drugbank.com/drugs/", &["drugbankid"]),
    base("CHEMBL.COMPOUND", "http://identifiers.org/chembl.compound/", &["chembl"]),
    base("PUBCHEM.COMPOUND", "http://identifiers.org/pubchem.compound/", &["pubchem", "pubchemcid", "pubchemcompound"]),
    base("CAS", "http://identifiers.org/cas/", &["casrn"]),
    base("RXCUI", "https://bioregistry.io/rxcui:", &["rxnorm"]),
    base("ATC", "https://bioregistry.io/atc:", &["whoatc"]),
    base("MEDDRA", "http://identifiers.org/meddra/", &[]),
    base("SNOMEDCT", "http://snomed.info/id/", &["snomed", "snomedctus", "sct", "sctid"]),
    base("ICD10", "http://identifiers.org/icd/", &["icd", "icd10who"]),
    base("ICD10CM", "https://bioregistry.io/icd10cm:", &[]),
    base("ICD9CM", "https://bioregistry.io/icd9cm:", &["icd9"]),
    base("LOINC", "http://loinc.org/rdf/", &[]),
    base("HMDB", "http://identifiers.org/hmdb/", &[]),
    base("KEGG", "http://identifiers.org/kegg/", &[]),
    base("REACT", "http://identifiers.org/reactome/", &["reactome"]),
    base("InterPro", "http://identifiers.org/interpro/", &[]),
    base("PFAM", "http://identifiers.org/pfam/", &[]),
    base("MGI", "http://identifiers.org/mgi/", &[]),
    base("RGD", "http://identifiers.org/rgd/", &[]),
    base("ZFIN", "http://identifiers.org/zfin/", &[]),
    base("SGD", "http://identifiers.org/sgd/", &[]),
    base("FB", "http://identifiers.org/flybase/", &["flybase"]),
    base("CLINVAR", "http://identifiers.org/clinvar/", &[]),
    base("CAID", "http://identifiers.org/canonicalalleleid/", &[]),
    base("PMID", "https://pubmed.ncbi.nlm.nih.gov/", &["pubmed"]),
    base("DOI", "https://doi.org/", &[]),
    base("dbpedia", "http://dbpedia.org/resource/", &["dbpediaresource"]),
    base("geonames", "https://sws.geonames.org/", &[]),
    base("orcid", "https://orcid.org/", &[]),
    base("viaf", "http://viaf.org/viaf/", &[]),
    base("yago", "http://yago-knowledge.org/resource/", &[]),
    base("freebase", "http://rdf.freebase.com/ns/", &[]),
];

/// Places of the same things beyond their registered IRIs, without the scheme.
const PAGES: &[(&str, &str)] = &[
    ("www.wikidata.org/wiki/", "wikidata"),
    ("wikidata.org/wiki/", "wikidata"),
    ("meshb.nlm.nih.gov/record/ui?ui=", "MESH"),
    ("www.omim.org/entry/", "OMIM"),
    ("www.uniprot.org/uniprot/", "UniProtKB"),
];

impl Base {
    /// The base that a prefix in any spelling stands for, before this id.
    pub fn known(prefix: &str, local: &str) -> Option<&'static Self> {
        let of = |base: &&Self| {
            folds_to(prefix, base.prefix)
                || base.spellings.iter().any(|name| folds_to(prefix, name))
                || base.words.iter().any(|name| folds_to(prefix, name)) && base.has_form(local)
        };
        BASES.iter().find(of)
    }

    /// The base of this very prefix.
    pub fn of(prefix: &str) -> Option<&'static Self> {
        BASES.iter().find(|base| base.prefix == prefix)
    }

    /// The base whose IRI this is, and the id.
    pub fn of_iri(iri: &str) -> Option<(&'static Self, &str)> {
        let bare = without_scheme(iri)?;
        let page = PAGES.iter().find_map(|(start, prefix)| Some((Self::of(prefix)?, bare.strip_prefix(start)?)));
        let registered = |base: &'static Self| Some((base, bare.strip_prefix(without_scheme(base.namespace)?)?));
        page.or_else(|| BASES.iter().find_map(registered))
    }

    /// The base of an id such as `GO_0005634`: of few digits, it is more likely somebody's own.
    pub fn of_underscore(id: &str) -> Option<(&'static Self, &str)> {
        let (prefix, local) = id.split_once('_').filter(|(_, local)| local.len() >= 4 && is_digits(local))?;
        Some((Self::of(prefix)?, local))
    }

    /// Whether an id is a number, perhaps behind a stem of this base.
    fn has_form(&self, local: &str) -> bool {
        gene_number(local).is_some() || self.stem(local).is_some_and(|(stem, _)| !stem.is_empty())
    }

    /// An id's stem as it is registered, and the rest.
    pub fn stem<'t>(&self, local: &'t str) -> Option<(&'static str, &'t str)> {
        let behind = |stem: &&'static str| {
            let (start, rest) = local.split_at_checked(stem.len())?;
            let is_rest =
                is_digits(rest) || stem.ends_with('_') && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
            (start.eq_ignore_ascii_case(stem) && is_rest && !rest.is_empty()).then_some((*stem, rest))
        };
        match self.stems {
            [only] if is_digits(local) => Some((*only, local)),
            stems => stems.iter().find_map(behind),
        }
    }
}

/// The number of a gene, which some taggers follow by its species: `672(Tax:9606)`.
pub(crate) fn gene_number(id: &str) -> Option<&str> {
    Some(id.split_once("(Tax:").map_or(id, |(number, _)| number.trim())).filter(|number| is_digits(number))
}

fn without_scheme(iri: &str) -> Option<&str> {
    iri.strip_prefix("http://").or_else(|| iri.strip_prefix("https://"))
}

/// Whether two words are one but for case, `_`, `-` and blanks.
pub fn folds_to(word: &str, other: &str) -> bool {
    folded(word).eq(folded(other))
}

fn folded(word: &str) -> impl Iterator<Item = u8> + '_ {
    word.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b' ')).map(|byte| byte.to_ascii_lowercase())
}

/// Whether a text is one decimal digit at least, and nothing else.
pub(crate) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Ids that stand for none.
const NONE: &[&str] =
    &["", "-", "--", "-1", "none", "null", "nil", "na", "nan", "n/a", "unknown", "cui-less", "cuiless", "?"];

/// A CURIE of its parts: its prefix, what its ids begin with, and the rest.
pub(crate) fn joined(prefix: &str, stem: &str, local: &str) -> String {
    let mut curie = String::with_capacity(prefix.len() + stem.len() + local.len() + 1);
    for part in [prefix, ":", stem, local] {
        curie.push_str(part);
    }
    curie
}

/// Whether an id says that there is none.
pub(crate) fn stands_for_none(id: &str) -> bool {
    NONE.iter().any(|none| id.eq_ignore_ascii_case(none))
}
