//! The program: what stands in `cli`, with an allocator.

use std::process::ExitCode;

/// Tables and tensors come and go by the megabyte, which the system's allocator gives back to the kernel each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let anew = cfg!(target_os = "linux");
    ExitCode::from(docre::command_line::program(std::env::args_os(), anew))
}
