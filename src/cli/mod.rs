//! The command line. Data goes to standard output, words to standard error; an error ends with a hint where we know the
//! next step.

mod arguments;
mod audit;
mod config;
mod connect;
mod demo;
mod policy;
mod serve;
mod state;
mod token;

use std::ffi::OsString;
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser as _;

/// Runs the command that the arguments name.
///
/// The exit code is 0 when it did what was asked, 1 when what it looked at is not in order (a policy that is refused, a
/// token that is not accepted) or it failed, and 2 when the arguments were wrong. The `policy` commands keep to what `diff`
/// does: 1 is a difference, a test that fails, a no; and 2 that it could not be said.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(refusal) => {
            // Where even standard error is closed there is nobody left to tell.
            let _ = refusal.print();
            return if refusal.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(arguments)));
    match outcome {
        Ok(code) => code,
        // `bailiwick config check | head` closes the pipe when it has seen enough.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            ExitCode::FAILURE
        }
    }
}

/// Prints an error.
fn tell(error: &anyhow::Error) {
    // Where even standard error is closed there is nobody left to tell.
    let _ = io::stderr().lock().write_all(told(error).as_bytes());
}

/// The error, each cause on a line of its own, and what to do about it last.
fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    let mut hints = String::new();
    for (depth, cause) in error.chain().enumerate() {
        let cause = cause.to_string();
        let (what, hint) = cause.split_once("\nhint: ").unwrap_or((&cause, ""));
        let label = if depth == 0 { "error" } else { "  cause" };
        text.extend([label, ": ", what, "\n"]);
        if !hint.is_empty() {
            hints.extend(["hint: ", hint, "\n"]);
        }
    }
    text.push_str(&hints);
    text
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let given = serve::Given { options: arguments.options, environment: crate::config::process_environment() };
    let mut out = io::stdout().lock();
    match arguments.command {
        Command::Serve => serve::run(given).await,
        Command::Demo(demo) => self::demo::run(demo, given).await,
        Command::Config(command) => serve::config(&command, &given, &mut out).await,
        Command::Policy(command) => policy::run(command, &given, &mut out).await,
        Command::Token(command) => token::run(command, &given, &mut out).await,
        Command::Audit(command) => serve::audit(command, &given, &mut out).await,
        Command::Connect(command) => connect::run(command, &given, &mut out).await,
        Command::Account(command) => state::account::run(command, &given, &mut out).await,
        Command::Client(command) => state::client::run(command, &given, &mut out).await,
        Command::Key(command) => state::key::run(command, &given, &mut out).await,
        Command::Migrate => state::migrate(&given, &mut out).await,
        Command::Openapi => {
            out.write_all(crate::http::specification().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Says whether nobody reads standard output any more.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let closed = Some(ErrorKind::BrokenPipe);
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().map(io::Error::kind) == closed
            || cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind) == closed
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_that_nobody_reads_is_no_error_and_another_failure_is_one() {
        struct Failing(ErrorKind);
        impl io::Write for Failing {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let plain = |kind| anyhow::Error::from(writeln!(Failing(kind), "text").unwrap_err()).context("printing");
        let json = |kind| anyhow::Error::from(serde_json::to_writer(Failing(kind), "text").unwrap_err());
        assert!(is_closed_pipe(&plain(ErrorKind::BrokenPipe)) && is_closed_pipe(&json(ErrorKind::BrokenPipe)));
        assert!(!is_closed_pipe(&plain(ErrorKind::StorageFull)) && !is_closed_pipe(&json(ErrorKind::StorageFull)));
    }
}
