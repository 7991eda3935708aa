//! Kills, failed operations, damaged and hostile files, processes at once: the short form of `make faults`. Without strace
//! it leaves out kills and failures.

use crate::support::python;

#[test]
fn nothing_tears_sticks_or_lies() {
    python("faults/faults.py", |command| {
        command.args(["--short", env!("CARGO_BIN_EXE_docre")]);
    });
}
