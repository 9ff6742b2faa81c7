//! `bailiwick key`: what the authorization server signs with.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;

use super::Desk;
use crate::cli::serve::Given;
use crate::keys::own;
use crate::store::state::RotatedKeys;

/// How long a key is published before it signs: twice as long as a copy of the key set may be kept.
const PUBLISHED: Duration = Duration::from_mins(10);

/// What can be done with the signing keys.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum KeyCommand {
    /// List the keys: the next, the one that signs, those that signed
    List,
    /// Sign with the next key from now on, and publish one for the next time
    Rotate {
        /// The keys were stolen: take them all out at once, and refuse every token that they signed
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
        KeyCommand::Rotate { replace: false } => {
            let (id, seed) = own::mint(desk.random.as_ref())?;
            let turned = desk.store.rotate_signing_keys((&id, &seed), PUBLISHED, desk.now).await?;
            let RotatedKeys { retired, current, next } = turned;
            writeln!(out, "{current} signs from now on; {retired} signs no more, and stays published; {next} is next")?;
        }
        KeyCommand::Rotate { replace: true } => {
            let (current, next) = (own::mint(desk.random.as_ref())?, own::mint(desk.random.as_ref())?);
            let gone = desk.store.replace_signing_keys((&current.0, &current.1), (&next.0, &next.1), desk.now).await?;
            writeln!(out, "{} signs from now on; {} is next", current.0, next.0)?;
            for key in gone {
                writeln!(out, "{key} is taken out, and what it signed is refused")?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
