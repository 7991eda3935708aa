//! The thread that waits for signals; see [`super::signals`].

use std::fs;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use docre::ground::interrupt::{self, Interrupted, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

use super::signals::{Stopping, code, is_of_pager};

/// A signal that comes sooner than this after the first is the same, sent twice.
const SENT_TWICE: Duration = Duration::from_millis(200);
/// After this time the user is told that the command has heard, but not ended yet.
const SILENCE: Duration = Duration::from_secs(2);
/// A command that has nothing to remove is not waited for any longer.
const GRACE: Duration = Duration::from_millis(500);

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
