//! Signals that tell the program to stop: the first in an orderly way, a second one at once.
//!
//! A thread waits for them (`listening`). The first sets the flag that long work asks ([`docre::ground::interrupt`]), so
//! that the command ends with an error like any other, which removes what is in the making. A flag alone could not tell a
//! second signal from the first sent twice, as `timeout` does, and could not answer for work that does not.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use docre::ground::interrupt::{Interrupted, Signal};

/// Whether a pager has the terminal, and with it Ctrl-C.
static PAGING: AtomicBool = AtomicBool::new(false);

/// How a command is stopped.
#[derive(Clone, Copy)]
pub struct Stopping {
    /// How to go on, as the end of a sentence.
    pub goes_on: &'static str,
    /// Whether it writes nothing, and so may be ended wherever it is.
    pub only_reads: bool,
}

impl Stopping {
    /// Says that the command was stopped and how to go on; the exit code.
    pub fn say(self, Interrupted { signal }: Interrupted) -> u8 {
        // Nothing can be done where stderr itself refuses.
        let _ = writeln!(io::stderr(), "stopped by {signal}: {}", self.goes_on);
        code(signal)
    }
}

/// The exit code that shells give a command which a signal ended.
pub(super) fn code(signal: Signal) -> u8 {
    match signal {
        Signal::Interrupt => 130,
        Signal::Terminate => 143,
        Signal::HangUp => 129,
    }
}

/// Leaves Ctrl-C to a pager until it has ended: it has a use of its own for it.
pub fn while_paging<T>(page: impl FnOnce() -> T) -> T {
    PAGING.store(true, Ordering::Relaxed);
    let paged = page();
    PAGING.store(false, Ordering::Relaxed);
    paged
}

/// Whether a signal is not for the program.
#[cfg(unix)]
pub(super) fn is_of_pager(signal: Signal) -> bool {
    signal == Signal::Interrupt && PAGING.load(Ordering::Relaxed)
}
