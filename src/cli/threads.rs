//! The number of threads, told to the tensor library once.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

const THREADS: &str = "RAYON_NUM_THREADS";

/// Starts the program anew with the number of threads in its environment, unless it stands there already.
///
/// Without it the tensor library reads `/proc/cpuinfo` before each matrix product, which takes a third of a tiny model's
/// time and a tenth of a small one's; and a process cannot safely change its own environment. Where the system refuses,
/// the program goes on as it is.
pub fn tell() {
    let (Ok(program), Ok(threads)) = (env::current_exe(), thread::available_parallelism()) else { return };
    if env::var_os(THREADS).is_none() {
        let mut arguments = env::args_os();
        let name = arguments.next().unwrap_or_else(|| OsString::from("docre"));
        // Returns only where it fails.
        let _ = Command::new(program).arg0(name).args(arguments).env(THREADS, threads.to_string()).exec();
    }
}
