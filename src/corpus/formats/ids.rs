//! Identifiers as `PubTator` and `BioC` write them: one, several in a list, or one of a kind with words about it.

use std::borrow::Cow;

use super::dialect::Bars;

/// What separates the ids of a list, in any of the formats.
const SEPARATORS: [char; 2] = [',', ';'];

/// A thing, by all its names in the list; the first is its identity.
pub(crate) type Thing<'t> = Vec<Cow<'t, str>>;

/// The things that a field names, those that stand for nothing among them.
///
/// An id of a variant holds `|` itself, and what follows its first `;` is said of it: it is one, whole. In other lists
/// `,` and `;` part the ids of several things, and `|` does as `bars` says.
pub(crate) fn things(field: &str, bars: Bars) -> Vec<Thing<'_>> {
    let field = field.trim();
    let one = |id| vec![Cow::Borrowed(id)];
    if is_variant(field) {
        return vec![one(field)];
    }
    let mut things = Vec::new();
    for id in field.split(SEPARATORS).map(str::trim) {
        let names = id.split('|').map(|name| Cow::Borrowed(name.trim()));
        match bars {
            _ if is_variant(id) => things.push(one(id)),
            Bars::Names => things.push(names.collect()),
            Bars::Entities => things.extend(names.map(|name| vec![name])),
        }
    }
    things
}

/// Whether an id is of a variant as tmVar writes it (`c|DEL|1314_1328|`), or one of dbSNP with words about it.
fn is_variant(id: &str) -> bool {
    let first = id.split(';').next().unwrap_or_default();
    let first = first.strip_prefix("tmVar:").unwrap_or(first);
    let is_word = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphabetic());
    let mut parts = first.split('|');
    let (sequence, change) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_change = sequence.len() <= 1 && is_word(sequence) && change.len() >= 2 && is_word(change);
    let number = first.strip_prefix("rs").unwrap_or_default();
    let is_described = id.contains(';') && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_change && parts.next().is_some()) || is_described
}

#[cfg(test)]
mod tests {
    use super::{Bars, things};

    #[test]
    fn an_id_of_a_variant_is_one() {
        let check =
            |field: &str, expected: &[&str]| assert_eq!(things(field, Bars::Entities).concat(), expected, "{field}");
        check("D1", &["D1"]);
        check("D1,D2;D3|D4", &["D1", "D2", "D3", "D4"]);
        check("c|DEL|1314_1328|", &["c|DEL|1314_1328|"]);
        check(
            "tmVar:p|SUB|V|600|E;HGVS:p.V600E;CorrespondingGene:673",
            &["tmVar:p|SUB|V|600|E;HGVS:p.V600E;CorrespondingGene:673"],
        );
        check("rs1;VariantGroup:0", &["rs1;VariantGroup:0"]);
        check("rs1,rs2", &["rs1", "rs2"]);
        check("|DUP||15", &["|DUP||15"]);
        check("-", &["-"]);
        assert_eq!(things("A|B,C", Bars::Names), [vec!["A", "B"], vec!["C"]]);
    }
}
