//! Work beside which Python goes on: without the interpreter's lock, and with an ear for Ctrl-C.

use std::panic::resume_unwind;
use std::process;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use docre::command_line::{Cause, Failure};
use docre::ground::interrupt::{self, Signal};
use pyo3::prelude::*;

use crate::failure::of_failure;

/// The process whose threads share out work: those of a process do not come along where it is forked.
static PROCESS: OnceLock<u32> = OnceLock::new();

/// How often Python is asked whether it was interrupted.
const LOOK: Duration = Duration::from_millis(50);

/// Does the work on a thread of its own, since Python tells the thread that it calls alone whether Ctrl-C was hit, and
/// only where it is asked.
///
/// # Errors
/// What Python raises while it waits, `KeyboardInterrupt` above all; the work is stopped first.
pub fn work<T: Send>(py: Python<'_>, task: impl FnOnce() -> T + Send) -> PyResult<T> {
    if *PROCESS.get_or_init(process::id) != process::id() {
        let message = "docre was at work before this process was forked, and its threads did not come along".to_owned();
        let hint = "start processes afresh, as by multiprocessing.get_context(\"spawn\"), or use docre in them alone";
        return Err(of_failure(py, &Failure { message, hint: Some(hint.into()), cause: Cause::Given }));
    }
    let ended = Ended::default();
    thread::scope(|scope| {
        let working = scope.spawn(|| {
            let _told = Telling(&ended);
            task()
        });
        let mut stopped = None;
        while !py.detach(|| ended.wait()) {
            if let (None, Err(error)) = (&stopped, py.check_signals()) {
                // All work of the process: of several threads' work none can be told from the others'.
                interrupt::tell(Signal::Interrupt);
                stopped = Some(error);
            }
        }
        let done = working.join();
        if stopped.is_some() {
            interrupt::take_back();
        }
        let done = done.unwrap_or_else(|panic| resume_unwind(panic));
        stopped.map_or(Ok(done), Err)
    })
}

/// Whether a thread has ended.
#[derive(Default)]
struct Ended {
    is: Mutex<bool>,
    told: Condvar,
}

impl Ended {
    /// Waits for a moment; whether it has.
    fn wait(&self) -> bool {
        let is = self.is.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.told.wait_timeout_while(is, LOOK, |is| !*is);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Tells when it goes, by a panic too.
struct Telling<'e>(&'e Ended);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        *self.0.is.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.told.notify_all();
    }
}
