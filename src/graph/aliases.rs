//! Names that are to count as another.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use unicode_normalization::UnicodeNormalization;

use ground::excerpt::quoted;
use ground::read_text;

use super::GraphError;

/// What a folded alias stands for.
#[derive(Debug)]
struct Meaning {
    /// The folded type that it is of alone.
    kind: Option<String>,
    /// The folded name.
    name: String,
    /// Its line in the file.
    line: u64,
}

/// Aliases and the names that they are of. A name may itself be an alias: the last counts.
#[derive(Debug, Default)]
pub struct Aliases(HashMap<String, Vec<Meaning>>);

impl Aliases {
    /// Those of a file: lines of `alias`, `name` and perhaps `type`, separated by tabs. A line with a type is for entities
    /// of that type alone, and goes before one without.
    ///
    /// # Errors
    /// Where the file cannot be read, a line is none, an alias has two names, or aliases come back to themselves.
    pub fn read(path: &Path) -> Result<Self, GraphError> {
        let text = read_text(path).map_err(|source| GraphError::Aliases { path: path.to_path_buf(), source })?;
        let refused = |line, reason| GraphError::Alias { path: path.to_path_buf(), line, reason };
        let lines = text.trim_start_matches('\u{feff}').lines();
        let mut aliases = Self::default();
        for (line, text) in (1..).zip(lines).filter(|(_, text)| !text.is_empty()) {
            aliases.add(line, text).map_err(|reason| refused(line, reason))?;
        }
        aliases.check().map_err(|(line, reason)| refused(line, reason))?;
        Ok(aliases)
    }

    fn add(&mut self, line: u64, text: &str) -> Result<(), String> {
        let columns: Vec<&str> = text.split('\t').collect();
        let (alias, name, kind) = match columns.as_slice() {
            [alias, name] => (*alias, *name, None),
            // Spreadsheets write the tabs of empty columns.
            [alias, name, kind] => (*alias, *name, Some(fold(kind)).filter(|kind| !kind.is_empty())),
            other => {
                let columns = "expected `alias`, `name` and perhaps `type`, separated by tabs";
                return Err(format!("{columns}, got {} columns", other.len()));
            }
        };
        let folded = fold(name);
        if folded.is_empty() || fold(alias).is_empty() {
            return Err("expected an alias and a name, got an empty one".to_owned());
        }
        let meanings = self.0.entry(fold(alias)).or_default();
        match meanings.iter().find(|other| other.kind == kind) {
            Some(other) if other.name != folded => {
                let (alias, name) = (quoted(alias), quoted(name));
                Err(format!("expected one name for {alias}, got {name}, and another in line {}", other.line))
            }
            Some(_) => Ok(()),
            None => {
                meanings.push(Meaning { kind, name: folded, line });
                Ok(())
            }
        }
    }

    /// Finds aliases that come back to themselves: of entities of each type, and of others.
    fn check(&self) -> Result<(), (u64, String)> {
        let kinds: BTreeSet<Option<&str>> = self.0.values().flatten().map(|meaning| meaning.kind.as_deref()).collect();
        for kind in kinds.into_iter().chain([None]) {
            let mut ended = HashSet::new();
            for first in self.0.keys() {
                let (mut way, mut name) = (HashSet::new(), first.as_str());
                while !ended.contains(name)
                    && let Some(meaning) = self.meaning(name, kind)
                {
                    if !way.insert(name) {
                        let reason = format!("expected aliases that end in a name, got back to {}", quoted(name));
                        return Err((meaning.line, reason));
                    }
                    name = &meaning.name;
                }
                ended.extend(way);
            }
        }
        Ok(())
    }

    /// What an alias stands for, of an entity of a type; one of itself stands for nothing.
    fn meaning(&self, alias: &str, kind: Option<&str>) -> Option<&Meaning> {
        let meanings = self.0.get(alias)?;
        let of = |kind: Option<&str>| meanings.iter().find(|meaning| meaning.kind.as_deref() == kind);
        kind.and_then(|kind| of(Some(kind))).or_else(|| of(None)).filter(|meaning| meaning.name != alias)
    }

    /// The folded name that a folded alias comes to, of an entity of a folded type; `None` where it is none.
    pub fn name_of(&self, alias: &str, kind: &str) -> Option<&str> {
        let mut found = None;
        while let Some(meaning) = self.meaning(found.unwrap_or(alias), Some(kind)) {
            found = Some(meaning.name.as_str());
        }
        found
    }
}

/// A name without what its writers chose freely: upper and lower case, the composition of accents, white space.
///
/// Lower, upper and lower case again comes to Unicode's full case folding (`ẞ`, `ß` and `SS` are one), and takes `ı` for
/// `i` besides.
pub fn fold(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    let composed: String = words.join(" ").nfc().collect();
    composed.to_lowercase().to_uppercase().to_lowercase().nfc().collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use super::{Aliases, fold};

    fn aliases(lines: &[&str]) -> Result<Aliases, String> {
        let mut aliases = Aliases::default();
        for (line, text) in (1..).zip(lines) {
            aliases.add(line, text).map_err(|reason| format!("{line}: {reason}"))?;
        }
        aliases.check().map_err(|(line, reason)| format!("{line}: {reason}"))?;
        Ok(aliases)
    }

    fn name(lines: &[&str], alias: &str, kind: &str) -> Option<String> {
        aliases(lines).ok()?.name_of(alias, kind).map(str::to_owned)
    }

    #[test]
    fn an_alias_comes_to_the_last_name() {
        let chain = ["USA\tUnited States", "United States\tAmerica", "States\tthe States\tLOC", "states\tStates"];
        assert_eq!(name(&chain, "usa", "loc").as_deref(), Some("america"));
        assert_eq!(name(&chain, "united states", "org").as_deref(), Some("america"));
        assert_eq!(name(&chain, "america", "loc"), None);
        assert_eq!(name(&chain, "states", "loc").as_deref(), Some("the states"));
        assert_eq!(name(&chain, "states", "org"), None);
    }

    #[test]
    fn what_says_two_things_or_nothing_is_refused() {
        let refused = |lines: &[&str]| aliases(lines).map(drop).unwrap_err();
        let twice = "2: expected one name for `USA`, got `America`, and another in line 1";
        assert_eq!(refused(&["USA\tUnited States", "USA\tAmerica"]), twice);
        assert!(aliases(&["USA\tAmerica", "usa\tAMERICA", "USA\tthe team\tORG"]).is_ok());
        let circle = refused(&["USA\tAmerica", "America\tUSA"]);
        assert!(circle.contains("expected aliases that end in a name, got back to `"), "{circle}");
        // Of one type alone.
        assert!(refused(&["USA\tAmerica", "America\tUSA\tORG"]).contains("got back to"));
        for empty in ["USA\t", "\tUSA", "USA\t\u{a0}"] {
            assert_eq!(refused(&[empty]), "1: expected an alias and a name, got an empty one");
        }
        assert_eq!(name(&["USA\tAmerica\t"], "usa", "loc").as_deref(), Some("america"));
        assert!(refused(&["USA"]).ends_with("separated by tabs, got 1 columns"));
    }

    #[test]
    fn names_fold_as_unicode_has_it() {
        for (one, other) in
            [("STRASSE", "Straße"), ("ẞ", "ss"), ("ΟΔΟΣ", "οδος"), ("İ", "i\u{307}"), ("a\u{a0}b", " A  b ")]
        {
            assert_eq!(fold(one), fold(other), "{one}");
        }
        assert_ne!(fold("resume"), fold("résumé"));
    }
}
