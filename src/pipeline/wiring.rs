//! Who makes what: checked before anything runs.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use anyhow::{bail, ensure};

use super::stage::kind::{Kind, Needs};
use crate::ground::manifest::MANIFEST;
use crate::ground::suggest::unknown;

/// Names with what they stand for, in the order of the file: sources and the outputs of stages.
#[derive(Default)]
pub struct Producers {
    by_name: BTreeMap<String, String>,
}

impl Producers {
    /// Adds a source, or an output of a stage.
    pub fn add(&mut self, name: &str, producer: String) -> anyhow::Result<()> {
        for (other, first) in &self.by_name {
            let (a, b) = (Path::new(name), Path::new(other));
            ensure!(a != b, "`{name}` is made twice, by {first} and by {producer}");
            ensure!(
                !a.starts_with(b) && !b.starts_with(a),
                "`{name}` of {producer} and `{other}` of {first} lie one inside the other"
            );
        }
        self.by_name.insert(name.to_owned(), producer);
        Ok(())
    }

    /// Fails where nothing so far bears the name; `later` are outputs of stages further down, with their stages.
    pub fn check(&self, name: &str, later: &BTreeMap<String, String>) -> anyhow::Result<()> {
        if self.by_name.contains_key(name) {
            return Ok(());
        }
        if let Some(stage) = later.get(name) {
            bail!("`{name}` is made only afterwards, by stage `{stage}`");
        }
        let known: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
        bail!("{}", unknown("source or output", name, &known));
    }
}

/// Whether an output's path stays in the run folder and is none of the runner's own.
pub fn check_output(path: &str) -> anyhow::Result<()> {
    let plain = |step: Component| match step {
        Component::Normal(name) => !name.to_string_lossy().starts_with('.'),
        _ => false,
    };
    let inside = !path.is_empty() && Path::new(path).components().all(plain) && !path.ends_with('/');
    let is_manifest = Path::new(path).starts_with(MANIFEST);
    ensure!(inside && !is_manifest, "output `{path}`: expected the path of a visible file or folder to be made");
    Ok(())
}

/// Whether the inputs and outputs of a stage are those that its kind takes and makes.
pub fn check_roles(
    kind: &Kind,
    inputs: &BTreeMap<String, Vec<String>>,
    outputs: &BTreeMap<String, String>,
) -> anyhow::Result<()> {
    let known: Vec<&str> = kind.inputs.iter().map(|(role, _)| *role).collect();
    for (role, names) in inputs {
        let needs = kind.inputs.iter().find(|(known, _)| known == role).map(|(_, needs)| *needs);
        ensure!(needs.is_some() || kind.further_inputs, "{}", unknown("input", role, &known));
        let fits = match needs {
            Some(Needs::Several) => !names.is_empty(),
            Some(Needs::Any) => true,
            Some(Needs::One | Needs::Optional) | None => names.len() == 1,
        };
        ensure!(fits, "input `{role}`: expected one name, got {}", names.len());
    }
    for (role, needs) in kind.inputs {
        ensure!(needs.is_optional() || inputs.contains_key(*role), "expected an input `{role}`, got none");
    }
    let known = [kind.outputs, kind.optional_outputs].concat();
    for role in outputs.keys() {
        ensure!(kind.further_outputs || known.contains(&role.as_str()), "{}", unknown("output", role, &known));
    }
    for role in kind.outputs {
        ensure!(outputs.contains_key(*role), "expected an output `{role}`, got none");
    }
    Ok(())
}
