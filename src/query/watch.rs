//! Work on a thread of its own, and who waits for it: a time and a memory limit, and a stack that is deep enough.
//!
//! The engine of SQL does not stop when it is asked to. What has passed a limit is left behind, and its answer is not
//! waited for: a program that goes on should end soon. That of SPARQL is told to, and stops but where it sorts.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ground::caught::caught;
use ground::interrupt;

use crate::error::QueryError;
use crate::limits::{Options, taken};

/// How often limits are looked at.
const POLL: Duration = Duration::from_millis(20);
/// How long the engine may think about a statement before it begins: a plan takes milliseconds, but the time grows with
/// the square of a statement's length, and CTEs that double each other double it.
const PLANNING: Duration = Duration::from_secs(10);

/// What the work tells of itself: since when it plans.
#[derive(Clone)]
pub(crate) struct Progress(Arc<Mutex<Option<Instant>>>);

impl Progress {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Some(Instant::now()))))
    }

    /// From now on it is an answer that takes time.
    pub fn planned(&self) {
        self.set(None);
    }

    /// There is more to plan.
    pub fn planning(&self) {
        self.set(Some(Instant::now()));
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn is_late(&self) -> bool {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() > PLANNING)
    }
}

/// Does the work within the limits, on so many bytes of stack. Only what is used of them is taken.
///
/// # Errors
/// Those of the work; where a limit is passed, the system refuses the thread, or the engine panics.
pub(crate) fn watched<T: Send + 'static>(
    options: &Options,
    stack: usize,
    work: impl FnOnce(&Progress) -> Result<T, QueryError> + Send + 'static,
) -> Result<T, QueryError> {
    let watch = Watch::new(options);
    let (sender, receiver) = sync_channel(1);
    let progress = watch.progress.clone();
    // Nobody waits for what comes too late.
    let work = move || drop(sender.send(caught(|| work(&progress)).unwrap_or(Err(QueryError::Engine))));
    let refused = |source: io::Error| QueryError::Stack { megabytes: stack >> 20, source };
    thread::Builder::new().name("query".to_owned()).stack_size(stack).spawn(work).map_err(refused)?;
    loop {
        match receiver.recv_timeout(POLL) {
            Ok(outcome) => return outcome,
            Err(RecvTimeoutError::Disconnected) => return Err(QueryError::Engine),
            Err(RecvTimeoutError::Timeout) => watch.check()?,
        }
    }
}

/// What limits the work.
struct Watch {
    started: Instant,
    progress: Progress,
    time: Option<Duration>,
    /// Bytes of the limit, and what the process had before.
    memory: Option<(u64, u64)>,
}

impl Watch {
    fn new(options: &Options) -> Self {
        let memory = options.bytes().zip(taken());
        Self { started: Instant::now(), progress: Progress::new(), time: options.time(), memory }
    }

    /// Whether to wait on: asked every [`POLL`].
    fn check(&self) -> Result<(), QueryError> {
        interrupt::check()?;
        let elapsed = self.started.elapsed();
        if let Some(limit) = self.time.filter(|limit| elapsed > *limit) {
            return Err(QueryError::Time { seconds: limit.as_secs_f64() });
        }
        if self.progress.is_late() {
            return Err(QueryError::Planning { seconds: PLANNING.as_secs() });
        }
        match (self.memory, taken()) {
            (Some((limit, before)), Some(now)) if now.saturating_sub(before) > limit => {
                Err(QueryError::Memory { megabytes: limit as f64 / 1e6 })
            }
            _ => Ok(()),
        }
    }
}
