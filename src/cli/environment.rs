//! Settings that libraries read from the environment alone: the one place that has them, with their values.
//!
//! They are read before the first line of ours runs (the allocator's) or once and for all (the thread pools'), so that
//! they must be there when the program starts: it starts itself anew with them. A script or a Makefile that set them
//! would hold for who calls the program through it, and not for others. Programs that use docre as a library decide for
//! themselves: the front page of the library says what to set.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

/// Starts the program anew with these settings, but for those that its caller has made. A process cannot safely change
/// its own environment. Where the system refuses, the program goes on as it is, only slower.
///
/// Together they halve the time of a small encoder's training, and take two thirds off a tiny one's.
pub fn settle() {
    let (Ok(program), Some(settings)) = (env::current_exe(), settings()) else { return };
    let missing: Vec<_> = settings.into_iter().filter(|(name, _)| env::var_os(name).is_none()).collect();
    if !missing.is_empty() {
        let mut arguments = env::args_os();
        let name = arguments.next().unwrap_or_else(|| OsString::from("docre"));
        // Returns only where it fails.
        let _ = Command::new(program).arg0(name).args(arguments).envs(missing).exec();
    }
}

/// The settings by name; `None` where the system does not say how many threads there may be.
pub fn settings() -> Option<[(&'static str, String); 4]> {
    let threads = thread::available_parallelism().ok()?;
    Some([
        // Else the tensor library reads /proc/cpuinfo before each matrix product.
        ("RAYON_NUM_THREADS", threads.to_string()),
        // The tensor library's own threads wait by spinning, while ours share out whole batches.
        ("CANDLE_NUM_THREADS", "1".to_owned()),
        // In milliseconds: what a step frees serves the next; the kernel would have to clear it again. Ten seconds
        // outlast a step; for ever (-1) would keep what the largest stage of a pipeline needed until the last has ended.
        ("MIMALLOC_PURGE_DELAY", "10000".to_owned()),
        // The tensor library would put backtraces into its errors' words, where panics are to have them.
        ("RUST_LIB_BACKTRACE", "0".to_owned()),
    ])
}
