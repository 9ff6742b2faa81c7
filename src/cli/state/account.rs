//! `bailiwick account`: the people who can sign in.

use std::io::{BufRead as _, IsTerminal as _, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use super::Desk;
use crate::cli::serve::Given;
use crate::model::ClientId;
use crate::model::oauth::{AccountId, Login, Password};
use crate::passwords::Passwords;
use crate::random;
use crate::store::state::{Account, PasswordHash};

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AccountCommand {
    /// Make an account; the password is the first line of standard input
    Create(Create),
    /// List the accounts
    List,
    /// Set a password: signs the person out everywhere and revokes what they allowed
    Passwd(Passwd),
    /// Keep somebody out: signs them out everywhere and revokes what they allowed
    Disable {
        /// The login
        login: Login,
    },
    /// Let somebody in again
    Enable {
        /// The login
        login: Login,
    },
    /// Sign somebody out in every browser; what they allowed stays allowed
    SignOut {
        /// The login
        login: Login,
    },
    /// Take back what somebody allowed; they stay signed in
    Revoke {
        /// The login
        login: Login,
        /// What they allowed this client alone; left out: every client
        #[arg(long)]
        client: Option<ClientId>,
    },
    /// Delete an account and revoke what it allowed; whoever signs in at a provider can come again, so disable them instead
    Delete {
        /// The login
        login: Login,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    /// What the person types, such as an e-mail address; unique among all tenants
    login: Login,
    /// The person's tenant, as `[[tenant]]` names it
    #[arg(long)]
    tenant: String,
    /// The customer's own identifier of the person: policies know them as user:ID
    #[arg(long, value_name = "ID")]
    external_user: Option<String>,
    #[command(flatten)]
    password: Source,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Passwd {
    /// The login
    login: Login,
    #[command(flatten)]
    password: Source,
}

#[derive(Debug, Args)]
struct Source {
    /// Make up a password and print it, instead of reading one
    #[arg(long)]
    generate: bool,
}

/// Carries a command out.
pub(in crate::cli) async fn run(
    command: AccountCommand,
    given: &Given,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let desk = Desk::open(given).await?;
    match command {
        AccountCommand::Create(create) => desk.create_account(create, out).await?,
        AccountCommand::List => desk.list_accounts(out).await?,
        AccountCommand::Passwd(Passwd { login, password }) => {
            let (hash, made) = desk.password(&password).await?;
            desk.store.set_password(&login, &hash, desk.now).await?;
            writeln!(out, "{login} has a new password, and is signed out everywhere")?;
            show(made.as_deref(), out)?;
        }
        AccountCommand::Disable { login } => {
            let changed = desk.store.disable_account(&login, desk.now).await?;
            let what = if changed { "is disabled, and what was allowed is revoked" } else { "was disabled already" };
            writeln!(out, "{login} {what}")?;
        }
        AccountCommand::Enable { login } => {
            let changed = desk.store.enable_account(&login, desk.now).await?;
            writeln!(out, "{login} {}", if changed { "can sign in again" } else { "was not disabled" })?;
        }
        AccountCommand::SignOut { login } => {
            let ended = desk.store.sign_out_account(&login, desk.now).await?;
            writeln!(out, "{login} is signed out; browsers: {ended}")?;
        }
        AccountCommand::Revoke { login, client } => {
            let revoked = desk.store.withdraw_consent(&login, client.as_ref(), desk.now).await?;
            writeln!(out, "what {login} allowed is revoked; grants: {revoked}")?;
        }
        AccountCommand::Delete { login } => {
            let revoked = desk.store.delete_account(&login, desk.now).await?;
            writeln!(out, "{login} is deleted; grants revoked: {revoked}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Desk {
    async fn create_account(&self, create: Create, out: &mut dyn Write) -> anyhow::Result<()> {
        let tenant = self.tenant(&create.tenant)?;
        let external_user =
            create.external_user.map(|id| id.parse().with_context(|| format!("`{id}` is no identifier")));
        let (hash, made) = self.password(&create.password).await?;
        let account = Account {
            id: AccountId::from_random(random::bytes(self.random.as_ref())?),
            login: create.login,
            tenant,
            external_user: external_user.transpose()?,
            created: self.now,
            password_set: self.now,
            disabled: None,
            provider: None,
        };
        self.store.create_account(&account, &hash, self.now).await?;
        let policy = match &account.external_user {
            Some(user) => format!("policies know them as user:{user}"),
            None => format!("policies know them as subject:bailiwick/{} only", account.id),
        };
        writeln!(out, "{} of {} can sign in; {policy}", account.login, account.tenant)?;
        show(made.as_deref(), out)?;
        write!(out, "{}", self.hint())?;
        Ok(())
    }

    async fn list_accounts(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        for account in self.store.accounts().await? {
            let at = account.provider.as_ref().map_or_else(String::new, |(name, shown)| format!("  {shown} at {name}"));
            let user = account.external_user.map_or_else(|| "-".to_owned(), |user| format!("user:{user}"));
            let disabled = account.disabled.map_or_else(String::new, |at| format!("  disabled since {at}"));
            writeln!(out, "{}  {}  {user}  {}{at}{disabled}", account.tenant, account.login, account.id)?;
        }
        Ok(())
    }

    /// The hash of a password, and the password itself where it was made up.
    async fn password(&self, source: &Source) -> anyhow::Result<(PasswordHash, Option<String>)> {
        let passwords = Passwords::new(Arc::clone(&self.random))?;
        let made = if source.generate { Some(random::hex::<12>(self.random.as_ref())?) } else { None };
        let text = match &made {
            Some(made) => made.clone(),
            None => read()?,
        };
        let password = Password::new(text);
        password.check_new()?;
        Ok((passwords.hash(password).await?, made))
    }
}

/// The first line of standard input. It is not an argument, so that it stays out of the shell's history and of `ps`.
fn read() -> anyhow::Result<String> {
    let mut input = std::io::stdin().lock();
    if input.is_terminal() {
        bail!(
            "no password on standard input\nhint: pipe it in, as in `pass show ada | bailiwick account …`, or let one be made with --generate"
        );
    }
    let mut line = String::new();
    input.read_line(&mut line).context("standard input cannot be read")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn show(made: Option<&str>, out: &mut dyn Write) -> anyhow::Result<()> {
    if let Some(made) = made {
        writeln!(out, "password: {made}\nIt is not shown again.")?;
    }
    Ok(())
}
