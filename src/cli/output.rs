//! Where what a command says goes: to the program's streams, or to the program that called the command within itself.
//!
//! Who calls is told by thread: a command reads and writes on the thread on which it was called. What its work tells on
//! others goes through [`super::Messages::listener`], which remembers.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Read, Write};
use std::sync::Arc;

use docre::ground::excerpt::harmless;

/// A program that calls commands within itself: what else goes through the program's streams goes through it.
pub trait Caller: Send + Sync {
    /// What is read where `-` stands for standard input; it is asked for once.
    ///
    /// # Errors
    /// Where there is none.
    fn input(&self) -> io::Result<Box<dyn Read + Send>>;
    /// Takes what goes to standard output.
    ///
    /// # Errors
    /// Where it has no room.
    fn take(&self, bytes: &[u8]) -> io::Result<()>;
    /// Hears a line.
    fn say(&self, line: &str);
    /// Hears how far the work is, as text and as a share of 1, a few times a second.
    fn progress(&self, told: &str, share: Option<f64>);
}

thread_local! {
    static CALLER: RefCell<Option<Arc<dyn Caller>>> = const { RefCell::new(None) };
}

/// Does something for a caller.
pub fn calling<T>(caller: Arc<dyn Caller>, work: impl FnOnce() -> T) -> T {
    /// Puts back who called before, though the work panics.
    struct Before(Option<Arc<dyn Caller>>);
    impl Drop for Before {
        fn drop(&mut self) {
            let before = self.0.take();
            CALLER.with(|caller| *caller.borrow_mut() = before);
        }
    }
    let before = Before(CALLER.with(|own| own.borrow_mut().replace(caller)));
    let done = work();
    drop(before);
    done
}

/// Who called; none where the command is the program's own.
pub fn caller() -> Option<Arc<dyn Caller>> {
    CALLER.with(|caller| caller.borrow().clone())
}

/// Says a line on stderr.
pub fn say(line: &str) {
    say_to(caller().as_ref(), line);
}

pub(super) fn say_to(caller: Option<&Arc<dyn Caller>>, line: &str) {
    let line = harmless(line);
    match caller {
        Some(caller) => caller.say(&line),
        // Nothing can be done where stderr itself refuses.
        None => drop(writeln!(io::stderr(), "{line}")),
    }
}

/// Standard input.
pub fn stdin() -> Box<dyn Read + Send> {
    match caller() {
        Some(caller) => caller.input().unwrap_or_else(|error| Box::new(Refused(Some(error)))),
        None => Box::new(io::stdin()),
    }
}

/// Input that there is not.
struct Refused(Option<io::Error>);

impl Read for Refused {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Standard output.
pub enum Stdout {
    /// The program's own.
    Own(io::StdoutLock<'static>),
    /// That of who called.
    Of(Arc<dyn Caller>),
}

/// Standard output.
pub fn stdout() -> Stdout {
    caller().map_or_else(|| Stdout::Own(io::stdout().lock()), Stdout::Of)
}

impl Stdout {
    /// Whether people read it as it comes.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Own(own) if own.is_terminal())
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Own(own) => own.write(bytes),
            Self::Of(caller) => caller.take(bytes).map(|()| bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Own(own) => own.flush(),
            Self::Of(_) => Ok(()),
        }
    }
}
