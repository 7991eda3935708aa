//! Features as a folder: `features.json` says what they are of, `train.safetensors` and `dev.safetensors` have them.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use checkpoint::{CheckpointError, read, read_tensors, save_tensors, write};
use ground::identity::content;
use ground::settings;
use table::{Ours, Staging, holds_only, is_named_file};

const LABEL: &str = "features.json";
const SPLITS: [&str; 2] = ["train.safetensors", "dev.safetensors"];

/// How the folder is known.
pub const OURS: Ours = Ours {
    is: |folder| holds_only(folder, (LABEL, "docre"), |entry| is_named_file(entry, is_name)),
    // The library of tensors writes under other names first.
    names: |name| is_name(name) || (checkpoint::OURS.names)(name),
};

fn is_name(name: &str) -> bool {
    name == LABEL || SPLITS.contains(&name)
}

/// Where features are kept, or would be.
pub struct Folder {
    path: PathBuf,
    identity: String,
}

/// What `features.json` says.
#[derive(Serialize, Deserialize)]
struct Label {
    /// The version of docre that made them.
    docre: String,
    /// What they were made from.
    identity: String,
    /// The content of each file, lest damage be learnt from.
    contents: Vec<String>,
}

impl Folder {
    /// Beside the checkpoint of a base, so that all runs over it share one.
    pub fn beside(base: &Path, folds: u32, identity: String) -> Self {
        let name = base.file_name().unwrap_or_default().to_string_lossy();
        let role = if folds == 0 { "features".to_owned() } else { format!("features-of-{folds}-folds") };
        Self { path: base.with_file_name(format!("{name}.{role}")), identity }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The rows of each document of both splits; `None` where there are none of this identity. What is damaged is made
    /// anew.
    pub fn read(&self) -> Option<[Vec<Tensor>; 2]> {
        let text = String::from_utf8(read(&self.path.join(LABEL)).ok()?).ok()?;
        let label: Label = settings::from_json(&text).ok()?;
        if label.identity != self.identity || Self::contents(&self.path)? != label.contents {
            return None;
        }
        let [train, dev] = SPLITS.map(|split| documents(&self.path.join(split)));
        Some([train?, dev?])
    }

    /// # Errors
    /// Where somebody else's files stand there, another process is at work on it, or the system refuses.
    pub fn write(&self, splits: [&[Tensor]; 2]) -> Result<(), CheckpointError> {
        let staging = Staging::begin_over(&self.path, OURS)?;
        for (name, documents) in SPLITS.into_iter().zip(splits) {
            let path = staging.folder().join(name);
            let tensors = together(documents).map_err(|error| fault(&path, &error))?;
            save_tensors(&path, tensors.into_iter())?;
        }
        let path = staging.folder().join(LABEL);
        let contents = Self::contents(staging.folder()).ok_or_else(|| fault(&path, &"cannot read what was written"))?;
        let (docre, identity) = (env!("CARGO_PKG_VERSION").to_owned(), self.identity.clone());
        let text = serde_json::to_string_pretty(&Label { docre, identity, contents });
        write(&path, &(text.map_err(|error| fault(&path, &error))? + "\n"))?;
        Ok(staging.commit()?)
    }

    fn contents(folder: &Path) -> Option<Vec<String>> {
        SPLITS.iter().map(|split| content(&folder.join(split)).ok()).collect()
    }
}

fn fault(path: &Path, reason: &impl ToString) -> CheckpointError {
    CheckpointError::File { path: path.to_path_buf(), reason: reason.to_string() }
}

/// The rows of all documents, and how many each has.
fn together(documents: &[Tensor]) -> candle_core::Result<[(String, Tensor); 2]> {
    let some: Vec<&Tensor> = documents.iter().filter(|rows| rows.elem_count() > 0).collect();
    let counts = documents.iter().map(|rows| Ok(rows.dim(0)? as u32)).collect::<candle_core::Result<Vec<u32>>>()?;
    let counts = Tensor::new(counts, &Device::Cpu)?;
    Ok([("features".to_owned(), Tensor::cat(&some, 0)?), ("rows".to_owned(), counts)])
}

fn documents(path: &Path) -> Option<Vec<Tensor>> {
    let tensors = read_tensors(path, &Device::Cpu).ok()?;
    let (features, counts) = (tensors.get("features")?, tensors.get("rows")?.to_vec1::<u32>().ok()?);
    let mut first = 0;
    let mut next = |count: u32| {
        let rows = features.narrow(0, first, count as usize).ok();
        first += count as usize;
        rows
    };
    let documents = counts.into_iter().map(&mut next).collect::<Option<Vec<_>>>()?;
    (features.dim(0).ok()? == first).then_some(documents)
}
