//! The `bailiwick` command: parse the arguments, run, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    bailiwick::cli::main(std::env::args_os())
}
