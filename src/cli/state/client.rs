//! `bailiwick client`: the clients that the operator makes known.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use super::Desk;
use crate::cli::serve::Given;
use crate::model::oauth::{AuthMethod, ClientOrigin, ClientSecret, GrantType, Reach, RedirectUri};
use crate::model::{ClientId, Scope, is_invisible};
use crate::random;
use crate::store::state::{Client, StateError};

/// The longest name of a client, in characters: it stands in a heading.
const LONGEST_NAME: usize = 80;

/// What can be done with clients.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ClientCommand {
    /// Make a client known; its secret is printed this once
    Create(Create),
    /// List the clients
    List,
    /// Print everything about one client
    Show {
        /// Its id
        id: ClientId,
    },
    /// Refuse a client and its tokens until it is enabled again
    Disable {
        /// Its id
        id: ClientId,
    },
    /// Let a client in again
    Enable {
        /// Its id
        id: ClientId,
    },
    /// Delete a client, and revoke what people allowed it
    Delete {
        /// Its id
        id: ClientId,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    /// What people are shown
    name: String,
    /// Where answers to it may go; can be given several times
    #[arg(long, value_name = "URI", required = true)]
    redirect_uri: Vec<RedirectUri>,
    /// Its id, if it must be a certain one
    #[arg(long)]
    id: Option<ClientId>,
    /// It cannot keep a secret: a program on somebody's computer
    #[arg(long)]
    public: bool,
    /// Whose people can use it; can be given several times; left out: everybody's
    #[arg(long)]
    tenant: Vec<String>,
    /// It is a platform that may say, in its headers, which person of these tenants it works for
    #[arg(long, requires = "tenant", conflicts_with = "public")]
    asserts_users: bool,
}

/// Carries a command out.
pub(in crate::cli) async fn run(
    command: ClientCommand,
    given: &Given,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let desk = Desk::open(given).await?;
    match command {
        ClientCommand::Create(create) => desk.create_client(create, out).await?,
        ClientCommand::List => {
            for client in desk.store.clients().await? {
                let disabled = client.disabled.map_or_else(String::new, |at| format!("  disabled since {at}"));
                writeln!(out, "{}  {}  {}  for {}{disabled}", client.id, client.name, client.origin, client.reach)?;
            }
        }
        ClientCommand::Show { id } => {
            let client = desk.store.client(&id).await?.ok_or(StateError::NoClient(id))?;
            show(&client, out)?;
        }
        ClientCommand::Disable { id } => {
            let changed = desk.store.disable_client(&id, desk.now).await?;
            writeln!(out, "{id} {}", if changed { "is disabled" } else { "was disabled already" })?;
        }
        ClientCommand::Enable { id } => {
            let changed = desk.store.enable_client(&id, desk.now).await?;
            writeln!(out, "{id} {}", if changed { "is enabled again" } else { "was not disabled" })?;
        }
        ClientCommand::Delete { id } => {
            let revoked = desk.store.delete_client(&id, desk.now).await?;
            writeln!(out, "{id} is deleted; grants revoked: {revoked}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Desk {
    async fn create_client(&self, create: Create, out: &mut dyn Write) -> anyhow::Result<()> {
        let Create { name, redirect_uri, id, public, tenant, asserts_users } = create;
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(|c| c != ' ' && is_invisible(c)) {
            bail!("a client's name has 1 to {LONGEST_NAME} visible characters");
        }
        let schemes = self.loaded.settings.oauth.as_ref().map_or(&[][..], |oauth| &oauth.private_schemes);
        for scheme in redirect_uri.iter().filter_map(RedirectUri::private_scheme) {
            if !schemes.iter().any(|allowed| allowed == scheme) {
                bail!(
                    "the scheme `{scheme}:` is not allowed\nhint: write `private_schemes = [\"{scheme}\"]` into `[oauth]`"
                );
            }
        }
        let reach = if tenant.is_empty() {
            Reach::EveryTenant
        } else {
            Reach::Tenants(tenant.iter().map(|name| self.tenant(name)).collect::<anyhow::Result<_>>()?)
        };
        let random = self.random.as_ref();
        let id = match id {
            Some(id) => id,
            None => ClientId::from_random(random::bytes(random).context("no id could be made")?),
        };
        let secret = if public { None } else { Some(ClientSecret::from_random(random::bytes(random)?)) };
        let client = Client {
            id,
            name,
            uri: None,
            origin: ClientOrigin::CommandLine,
            auth_method: if public { AuthMethod::None } else { AuthMethod::SecretEither },
            secret: secret.as_ref().map(ClientSecret::hash),
            grant_types: GrantType::ALL.iter().copied().collect(),
            scopes: Scope::ALL.into_iter().collect(),
            redirect_uris: redirect_uri,
            reach,
            asserts_users,
            created: self.now,
            used: None,
            disabled: None,
        };
        self.store.create_client(&client, self.now).await?;
        writeln!(out, "client id: {}", client.id)?;
        if let Some(secret) = &secret {
            writeln!(out, "client secret: {}\nThe secret is not shown again.", secret.expose())?;
        }
        write!(out, "{}", self.hint())?;
        Ok(())
    }
}

fn show(client: &Client, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "id              {}", client.id)?;
    writeln!(out, "name            {}", client.name)?;
    writeln!(out, "made known by   {}", client.origin)?;
    writeln!(out, "authenticates   {}", client.auth_method)?;
    writeln!(out, "scopes          {}", client.scopes)?;
    writeln!(out, "for tenants     {}", client.reach)?;
    if client.asserts_users {
        writeln!(out, "asserts users   yes, of those tenants: its word alone says whom it works for")?;
    }
    for uri in &client.redirect_uris {
        writeln!(out, "redirect URI    {}", uri.as_str())?;
    }
    writeln!(out, "since           {}", client.created)?;
    if let Some(used) = client.used {
        writeln!(out, "last token      {used}")?;
    }
    if let Some(disabled) = client.disabled {
        writeln!(out, "disabled since  {disabled}")?;
    }
    Ok(())
}
