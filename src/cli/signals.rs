//! Signals that tell the program to stop: the first in an orderly way, a second one at once.
//!
//! A thread waits for them. The first sets the flag that long work asks ([`interrupt`]), so that the command ends with an
//! error like any other, which removes what is in the making. A flag alone could not tell a second signal from the first
//! sent twice, as `timeout` does, and could not answer for work that does not.

use std::fs;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use docre::ground::interrupt::{self, Interrupted, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

/// A signal that comes sooner than this after the first is the same, sent twice.
const SENT_TWICE: Duration = Duration::from_millis(200);
/// After this time the user is told that the command has heard, but not ended yet.
const SILENCE: Duration = Duration::from_secs(2);
/// A command that has nothing to remove is not waited for any longer.
const GRACE: Duration = Duration::from_millis(500);

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
fn code(signal: Signal) -> u8 {
    match signal {
        Signal::Interrupt => 130,
        Signal::Terminate => 143,
        Signal::HangUp => 129,
    }
}

/// Listens from now on. Where the system refuses, signals do what they always do: end the program where it is.
pub fn listen(stopping: Stopping) {
    let Ok(mut signals) = Signals::new(wanted()) else { return };
    let listener = move || {
        let mut first: Option<(Instant, Signal)> = None;
        for signal in signals.forever().filter_map(named).filter(|signal| !is_of_pager(*signal)) {
            match first {
                None => {
                    first = Some((Instant::now(), signal));
                    interrupt::tell(signal);
                    let _ = thread::Builder::new().spawn(move || wait(stopping, signal));
                }
                Some((heard, _)) if heard.elapsed() > SENT_TWICE => low_level::exit(code(signal).into()),
                Some(_) => {}
            }
        }
    };
    let _ = thread::Builder::new().name("signals".to_owned()).spawn(listener);
}

/// Leaves Ctrl-C to a pager until it has ended: it has a use of its own for it.
pub fn while_paging<T>(page: impl FnOnce() -> T) -> T {
    PAGING.store(true, Ordering::Relaxed);
    let paged = page();
    PAGING.store(false, Ordering::Relaxed);
    paged
}

fn is_of_pager(signal: Signal) -> bool {
    signal == Signal::Interrupt && PAGING.load(Ordering::Relaxed)
}

/// Outlives the orderly end only where that takes long.
fn wait(stopping: Stopping, signal: Signal) {
    if stopping.only_reads {
        thread::sleep(GRACE);
        low_level::exit(stopping.say(Interrupted { signal }).into());
    }
    thread::sleep(SILENCE);
    let _ = writeln!(io::stderr(), "{signal}: stops when the step in hand is done; once more, and it stops at once");
}

fn named(signal: i32) -> Option<Signal> {
    match signal {
        SIGINT => Some(Signal::Interrupt),
        SIGTERM => Some(Signal::Terminate),
        SIGHUP => Some(Signal::HangUp),
        _ => None,
    }
}

/// The signals that the program was not started to ignore, as `nohup` and shells start it in the background.
fn wanted() -> Vec<i32> {
    let every = [SIGINT, SIGTERM, SIGHUP];
    let ignored = ignored();
    every.into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0).collect()
}

/// Signals that are ignored, a bit each. Where the system does not say, SIGHUP may be: it is left as it is.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let told = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    told.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(1 << (SIGHUP - 1))
}
