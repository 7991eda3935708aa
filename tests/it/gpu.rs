//! What is run on a card, as far as it runs without one: `make gpu-check`, with tiny sizes. It leaves out what wants a card
//! or PyTorch.

use std::env;

use tempfile::TempDir;

use crate::support::python;

#[test]
fn what_is_run_on_a_card_runs_without_one() {
    let out = TempDir::new().unwrap();
    let said = python("bench/gpu.py", |command| {
        command.arg("--dry-run").env("OUT", out.path()).env("DOCRE_DEVICE", "cpu");
        // What was packed for a card runs on none.
        command.env("DOCRE_CARRY", out.path().join("carry"));
        command.env("DOCRE_BIN", env!("CARGO_BIN_EXE_docre")).env("DOCRE_TEST_BIN", env::current_exe().unwrap());
    });
    assert!(said.is_none_or(|_| out.path().join("gpu.json").is_file()));
}
