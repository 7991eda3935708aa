//! Pipeline files → stages, run in order, each only where it is not up to date.
//!
//! A pipeline is a TOML file. `[sources]` names files that are there before; each `[[stage]]` has a name, a kind, and
//! named inputs and outputs, and whatever options its kind takes:
//!
//! ```toml
//! [sources]
//! documents = "data/redocred/dev_revised.json"     # as seen from the working directory
//! encoder = ["data/encoders/bert-base-cased", "google-bert/bert-base-cased"]
//!                                                  # several places: the first that is there; a name of the
//!                                                  # Hugging Face cache is one
//!
//! [[stage]]
//! name = "dev"
//! kind = "convert"
//! format = "docred"
//! split = "dev"
//! inputs = { documents = "documents" }             # sources, or outputs of other stages
//! outputs = { tables = "dev" }                     # paths in the pipeline's run folder, `runs/NAME`
//! ```
//!
//! [`Pipeline::read`] checks the whole file before anything runs: keys, kinds, and that each input is made exactly
//! once. [`run`] then goes through the stages, each behind those whose outputs it reads ([`order`]), and else in the
//! file's order. A stage is up to date when the manifest says that this build of docre made its outputs, with these
//! options, from inputs of this content, and the outputs still have the content they had then. So a stage runs again
//! after a change of any of these, and the stages behind it do where its outputs came out different.
//!
//! A stage that is `optional` is left out where its sources are not there, and with it the optional ones that need it:
//! a test split is had by some and not by others.
//!
//! `[[variant]]` and `[matrix]` repeat stages over settings and seeds ([`matrix`]): the file's stages become more, of which
//! each runs as any other does. One that fails leaves those that do not need it.
//!
//! A stage works in a hidden folder, `.work/STAGE/RECIPE`, and its outputs go to their places when it is done. Killed at
//! any moment, a run leaves outputs that are whole, and the next run goes on from there: training from its last whole
//! epoch, scoring from its finished parts. A lock keeps a second run out of the folder.
//!
//! To add a kind of stage, add a file to `stage/` and a line to the list in [`stage::registry`].

mod cells;
mod file;
mod gather;
mod install;
mod matrix;
mod optional;
mod options;
mod order;
mod plan;
mod reach;
mod request;
mod run_folder;
mod runner;
mod settings;
mod sources;
pub mod stage;
mod wiring;
mod written;

pub use crate::ground::manifest::{Artefact, Entry, Manifest, Recipe};
pub use crate::nn::device::DeviceChoice;
pub use file::Pipeline;
pub use optional::Without;
pub use plan::{Planned, plan};
pub use request::{LeftOut, Request};
pub use runner::{Ended, run, summaries};
pub use settings::setting;
pub use sources::Source;
pub use stage::kind::{Input, Stage};
