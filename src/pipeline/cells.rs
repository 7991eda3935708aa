//! Variants with seeds: for what a pipeline file repeats its stages.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, anyhow, bail, ensure};

use super::written::{Matrix, Top, Variant};
use crate::ground::parsed::FolderName;
use crate::ground::suggest::unknown;
use crate::query;

/// Bytes of a variant's name at most: it becomes a part of the names of folders.
const LONGEST: usize = 100;
/// Between the steps of an instance's name where it is that of one folder.
pub const BETWEEN: char = '@';

/// The cells: seed by seed, each with every variant.
#[derive(Debug)]
pub struct Cells {
    /// The variants' names; that of the pipeline where there are seeds alone.
    pub variants: Vec<String>,
    /// With which variant each is compared.
    pub against: BTreeMap<String, String>,
    seeds: Vec<u64>,
    are_named: bool,
}

impl Cells {
    /// Of a file without a matrix.
    pub fn single(pipeline: &str) -> Self {
        Self { variants: vec![pipeline.to_owned()], against: BTreeMap::new(), seeds: Vec::new(), are_named: false }
    }

    /// What a matrix and the variants beside it say.
    ///
    /// # Errors
    /// What of it cannot be.
    pub fn read(top: &Top, matrix: &Matrix, pipeline: &str) -> anyhow::Result<Self> {
        let seeds = matrix.seeds.clone().unwrap_or_default();
        ensure!(matrix.seeds.is_none() || !seeds.is_empty(), "`matrix.seeds`: expected a seed or several, got none");
        let twice = (1..).zip(&seeds).find_map(|(next, seed)| seeds.get(next..)?.contains(seed).then_some(*seed));
        if let Some(seed) = twice {
            bail!("`matrix.seeds`: expected each once, got {seed} twice");
        }
        ensure!(
            !seeds.is_empty() || !top.variant.is_empty(),
            "`matrix`: expected `seeds`, or a `[[variant]]` beside it, got neither"
        );
        check_names(&top.variant)?;
        let names: Vec<String> = top.variant.iter().map(|variant| variant.name.clone()).collect();
        let against = references(&top.variant, &names, matrix.against.as_deref())?;
        let are_named = !names.is_empty();
        Ok(Self { variants: if are_named { names } else { vec![pipeline.to_owned()] }, against, seeds, are_named })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.variants.len() * self.seeds.len().max(1)
    }

    /// Those of variants of these names and of what they are compared with; of none: all.
    ///
    /// # Errors
    /// A name that no variant bears.
    pub fn of(&self, names: &[String]) -> anyhow::Result<BTreeSet<usize>> {
        let known: Vec<&str> = self.variants.iter().filter(|_| self.are_named).map(String::as_str).collect();
        if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
            bail!("{}", unknown("variant", name, &known));
        }
        let is_asked = |name: &str| names.iter().any(|asked| asked == name || self.reference(asked) == Some(name));
        Ok((0..self.count()).filter(|&cell| names.is_empty() || is_asked(self.variant(cell))).collect())
    }

    /// The variant of a cell.
    pub fn variant(&self, cell: usize) -> &str {
        self.variants.get(cell % self.variants.len()).map_or("", String::as_str)
    }

    fn reference(&self, variant: &str) -> Option<&str> {
        self.against.get(variant).map(String::as_str)
    }

    /// The seed of a cell, where the file says seeds.
    pub fn seed(&self, cell: usize) -> Option<u64> {
        self.seeds.get(cell / self.variants.len()).copied()
    }

    /// What stands before the names of an instance that is of these cells; `None` where it is of all.
    pub fn prefix(&self, cells: &BTreeSet<usize>, is_seeded: bool) -> Option<String> {
        let first = *cells.first()?;
        let all = if is_seeded { self.variants.len() } else { self.count() };
        let variant = (cells.len() < all).then(|| self.variant(first).to_owned());
        let seed = self.seed(first).filter(|_| is_seeded).map(|seed| format!("seed-{seed}"));
        let steps: Vec<String> = variant.into_iter().chain(seed).collect();
        (!steps.is_empty()).then(|| steps.join("/"))
    }
}

/// With which variant each is compared: what it says, or else the matrix, or else the first.
fn references(variants: &[Variant], names: &[String], usual: Option<&str>) -> anyhow::Result<BTreeMap<String, String>> {
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let check = |name: &str| {
        ensure!(known.contains(&name), "`against`: {}", unknown("variant", name, &known));
        Ok(name.to_owned())
    };
    let usual = usual.or(known.first().copied()).map(check).transpose().context("`matrix`")?;
    let mut against = BTreeMap::new();
    for variant in variants {
        let own = variant.against.as_deref().map(check).transpose();
        let reference = own.with_context(|| format!("variant `{}`", variant.name))?.or_else(|| usual.clone());
        against.extend(reference.filter(|name| *name != variant.name).map(|name| (variant.name.clone(), name)));
    }
    Ok(against)
}

/// Whether names can be those of folders, and of tables in queries.
fn check_names(variants: &[Variant]) -> anyhow::Result<()> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for Variant { name, .. } in variants {
        name.parse::<FolderName>().map_err(|reason| anyhow!("`variant.name`: {reason}"))?;
        let is_plain = !name.contains(|letter: char| letter.is_control() || letter == BETWEEN);
        ensure!(
            is_plain && name.trim() == name && name.len() <= LONGEST,
            "`variant.name`: expected at most {LONGEST} bytes, no `{}`, no control character and no space at an end, \
             got `{}`",
            BETWEEN,
            name.escape_debug()
        );
        match seen.insert(query::identifier(&name.to_lowercase()), name) {
            Some(other) if other == name => bail!("two variants are named `{name}`"),
            Some(other) => bail!("variants `{other}` and `{name}` would bear one name in queries"),
            None => {}
        }
    }
    Ok(())
}
