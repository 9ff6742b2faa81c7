//! `bailiwick key`: what the authorization server signs with.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;

use super::Desk;
use crate::cli::serve::Given;
use crate::keys::own;

/// How long a key is published before it signs: twice as long as a copy of the key set may be kept.
const PUBLISHED: Duration = Duration::from_mins(10);

/// What can be done with the signing keys.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum KeyCommand {
    /// List the keys: the next, the one that signs, those that signed
    List,
    /// Sign with the next key from now on, and publish one for the next time
    Rotate {
        /// The key that signs was stolen: take it out at once, and refuse every token that it signed
        #[arg(long)]
        replace: bool,
    },
}

/// Carries a command out.
pub(in crate::cli) async fn run(command: KeyCommand, given: &Given, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let desk = Desk::open(given).await?;
    match command {
        KeyCommand::List => {
            for key in desk.store.signing_keys().await? {
                writeln!(out, "{:8}  {}  since {}", key.stage.as_str(), key.id, key.staged)?;
            }
        }
        KeyCommand::Rotate { replace } => {
            let (id, seed) = own::mint(desk.random.as_ref())?;
            let turned = if replace {
                desk.store.replace_signing_keys((&id, &seed), desk.now).await?
            } else {
                desk.store.rotate_signing_keys((&id, &seed), PUBLISHED, desk.now).await?
            };
            let retired = if replace { "is taken out" } else { "signs no more, and stays published" };
            writeln!(
                out,
                "{} signs from now on; {} {retired}; {} is next",
                turned.current, turned.retired, turned.next
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
