//! What is run on a card, as far as it runs without one: `make gpu-check`, with tiny sizes.

use std::env;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

#[test]
fn what_is_run_on_a_card_runs_without_one() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/gpu.py");
    let out = TempDir::new().unwrap();
    let mut command = Command::new("python3");
    // `-B`: no compiled scripts in the tree.
    command.arg("-B").arg(script).arg("--dry-run").env("OUT", out.path()).env("DOCRE_DEVICE", "cpu");
    command.env("DOCRE_BIN", env!("CARGO_BIN_EXE_docre")).env("DOCRE_TEST_BIN", env::current_exe().unwrap());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: python3: {error}");
            return;
        }
    };
    let [said, errors] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    // What is left out is said in there: what wants a card, or PyTorch.
    println!("{said}");
    assert!(output.status.success(), "{said}{errors}");
    assert!(out.path().join("gpu.json").is_file(), "{said}");
}
