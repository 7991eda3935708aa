//! `-` in the place of a path: a stream of Arrow, or the files of a corpus, on stdin or stdout.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use docre::ground::interrupt;
use tempfile::{Builder, TempDir};

use super::output;

/// Whether a path stands for stdin or stdout.
pub fn is(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A folder for what comes or goes through a pipe, of this process alone; removed in the end.
///
/// The system's temporary folder belongs to all: this one is made when it is needed, under a name that nobody knows and
/// where nothing stands, for the eyes of its owner.
#[derive(Default)]
pub struct Scratch(Option<TempDir>);

impl Scratch {
    /// A file with what comes on stdin: a source is read twice, once to identify it.
    ///
    /// # Errors
    /// Where stdin cannot be read, or set down.
    pub fn spooled(&mut self) -> anyhow::Result<PathBuf> {
        let path = self.folder("stdin")?;
        let spool = || io::copy(&mut stdin(), &mut File::create_new(&path)?);
        spool().context("cannot set down what comes on standard input")?;
        Ok(path)
    }

    /// A folder of that name in it.
    ///
    /// # Errors
    /// Where the system refuses the folder around it.
    pub fn folder(&mut self, name: &str) -> anyhow::Result<PathBuf> {
        let made = match self.0.take() {
            Some(made) => made,
            None => Builder::new().prefix("docre-").tempdir().context("cannot create a temporary folder")?,
        };
        Ok(self.0.insert(made).path().join(name))
    }
}

/// Bytes that are read ahead at a time, and how many times.
const BLOCK: usize = 1 << 16;
const BLOCKS: usize = 4;
/// How often who waits for input asks whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// Standard input, whose reader stops where the program is told to, though nothing comes.
///
/// A thread does the reading that cannot be broken off, and is left behind: the system takes a blocked read up again
/// after a signal.
pub fn stdin() -> impl io::BufRead {
    let (blocks, read) = sync_channel(BLOCKS);
    let mut stdin = output::stdin();
    thread::spawn(move || {
        loop {
            let mut block = Vec::with_capacity(BLOCK);
            let read = stdin.by_ref().take(BLOCK as u64).read_to_end(&mut block).map(|_| block);
            let is_last = read.as_ref().map_or(true, Vec::is_empty);
            // Nobody takes it where the work has ended.
            if blocks.send(read).is_err() || is_last {
                return;
            }
        }
    });
    BufReader::with_capacity(BLOCK, Blocks { read, block: io::Cursor::default(), ended: false })
}

/// What another thread reads.
struct Blocks {
    read: Receiver<io::Result<Vec<u8>>>,
    block: io::Cursor<Vec<u8>>,
    ended: bool,
}

impl Read for Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.block.read(buffer)?;
        if count > 0 || self.ended || buffer.is_empty() {
            return Ok(count);
        }
        self.block = io::Cursor::new(self.next()?);
        self.ended = self.block.get_ref().is_empty();
        self.block.read(buffer)
    }
}

impl Blocks {
    fn next(&self) -> io::Result<Vec<u8>> {
        loop {
            interrupt::check()?;
            match self.read.recv_timeout(LOOK) {
                Ok(read) => return read,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
            }
        }
    }
}
