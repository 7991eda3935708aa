//! Whether the program was told to stop.
//!
//! Work that takes long asks [`check`] where it passes often, and ends with an ordinary error: so what is in the making
//! goes as it does after any other failure, and what can be kept is kept. Nothing here sets the flag by itself: who
//! listens to the system's signals calls [`tell`], and a library that nobody told goes on.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};

/// What tells a program to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// The user, by Ctrl-C.
    Interrupt,
    /// Another program, or the system as it shuts down.
    Terminate,
    /// The terminal, which was closed.
    HangUp,
}

const EVERY: [Signal; 3] = [Signal::Interrupt, Signal::Terminate, Signal::HangUp];

/// Nobody told the program to stop.
const UNTOLD: u8 = u8::MAX;

/// The signal's place in [`EVERY`].
static TOLD: AtomicU8 = AtomicU8::new(UNTOLD);

/// Work that was stopped by a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped by {signal}")]
pub struct Interrupted {
    /// The signal.
    pub signal: Signal,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::HangUp => "SIGHUP",
        })
    }
}

/// An interruption as an error of the system, which gives the source of what it wraps for its own: so it is found.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Wrapped(#[source] Interrupted);

/// For work whose errors are the system's.
impl From<Interrupted> for io::Error {
    fn from(interrupted: Interrupted) -> Self {
        Self::other(Wrapped(interrupted))
    }
}

/// Tells all work to stop. Of several signals the first counts.
pub fn tell(signal: Signal) {
    let place = EVERY.iter().position(|other| *other == signal).and_then(|place| u8::try_from(place).ok());
    let place = place.unwrap_or(UNTOLD);
    let _ = TOLD.compare_exchange(UNTOLD, place, Ordering::Relaxed, Ordering::Relaxed);
}

/// Takes back what was told, once the work that it stopped has ended: for a program that goes on after that, as an
/// interpreter does.
pub fn take_back() {
    TOLD.store(UNTOLD, Ordering::Relaxed);
}

/// Whether work may go on. Asking costs next to nothing.
///
/// # Errors
/// Where the program was told to stop.
pub fn check() -> Result<(), Interrupted> {
    let place = TOLD.load(Ordering::Relaxed);
    EVERY.get(usize::from(place)).map_or(Ok(()), |&signal| Err(Interrupted { signal }))
}

/// The interruption that an error is about, or that lies among its causes.
pub fn cause(error: &(dyn Error + 'static)) -> Option<Interrupted> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(interrupted) = error.downcast_ref() {
            return Some(*interrupted);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Outer {
        #[error(transparent)]
        Io(#[from] io::Error),
        #[error("{0}")]
        Stopped(#[from] Interrupted),
    }

    #[test]
    fn an_interruption_is_found_wherever_it_lies() {
        let interrupted = Interrupted { signal: Signal::Terminate };
        for outer in [Outer::from(interrupted), Outer::from(io::Error::from(interrupted))] {
            assert_eq!(cause(&outer), Some(interrupted), "{outer}");
            assert_eq!(cause(&io::Error::other(outer)), Some(interrupted));
        }
        assert_eq!(cause(&Outer::from(io::Error::other("full"))), None);
        check().unwrap();
    }
}
