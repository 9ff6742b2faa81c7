//! The `bailiwick` command: parse the arguments, run, exit.

use std::process::ExitCode;

// A request is allocated on one thread and freed on another, again and again; the system's allocator takes a lock for each.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    bailiwick::cli::main(std::env::args_os())
}
