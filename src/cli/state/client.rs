//! `bailiwick client`: the clients that the operator makes known.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use super::Desk;
use crate::cli::serve::Given;
use crate::keys::assertion::check_client_keys;
use crate::model::oauth::{AccountId, AuthMethod, ClientOrigin, ClientSecret, GrantType, Reach, RedirectUri};
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
    /// Where answers to it may go; can be given several times; needed by a client that people sign in for
    #[arg(long, value_name = "URI")]
    redirect_uri: Vec<RedirectUri>,
    /// How it may get tokens, commas between: `authorization_code`, `refresh_token`; or `client_credentials`, as itself, for one tenant
    #[arg(long, value_name = "GRANTS", value_delimiter = ',', default_value = "authorization_code,refresh_token")]
    grants: Vec<GrantType>,
    /// Its id, if it must be a certain one
    #[arg(long)]
    id: Option<ClientId>,
    /// It cannot keep a secret: a program on somebody's computer
    #[arg(long)]
    public: bool,
    /// It proves itself by a key of its own: a file with its key set (RFC 7517), public halves only
    #[arg(long, value_name = "FILE", conflicts_with = "public")]
    jwks: Option<PathBuf>,
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
        let Create { name, redirect_uri, grants, id, public, jwks, tenant, asserts_users } = create;
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(|c| c != ' ' && is_invisible(c)) {
            bail!("a client's name has 1 to {LONGEST_NAME} visible characters");
        }
        let grant_types: BTreeSet<GrantType> = grants.into_iter().collect();
        check_grants(&grant_types, &redirect_uri, public, &tenant)?;
        let schemes = self.loaded.settings.oauth.as_ref().map_or(&[][..], |oauth| &oauth.private_schemes);
        for scheme in redirect_uri.iter().filter_map(RedirectUri::private_scheme) {
            if !schemes.iter().any(|allowed| allowed == scheme) {
                bail!(
                    "the scheme `{scheme}:` is not allowed\nhint: write `private_schemes = [\"{scheme}\"]` into `[oauth]`"
                );
            }
        }
        let own = &self.loaded.settings.server.public_url;
        if let Some(uri) = redirect_uri.iter().find(|uri| uri.leads_to(own)) {
            bail!("`{uri}` leads to this server itself\nhint: `--redirect-uri` is where the client takes answers");
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
        let jwks = jwks.as_deref().map(key_set).transpose()?;
        let auth_method = match (public, &jwks) {
            (true, _) => AuthMethod::None,
            (false, Some(_)) => AuthMethod::PrivateKeyJwt,
            (false, None) => AuthMethod::SecretEither,
        };
        let secret =
            if auth_method.has_secret() { Some(ClientSecret::from_random(random::bytes(random)?)) } else { None };
        let client = Client {
            auth_method,
            secret: secret.as_ref().map(ClientSecret::hash),
            jwks,
            grant_types,
            scopes: Scope::ALL.into_iter().collect(),
            redirect_uris: redirect_uri,
            reach,
            asserts_users,
            ..Client::new(id, name, ClientOrigin::CommandLine, self.now)
        };
        let own_name = AccountId::of_client(&client.id)
            .map_err(|error| anyhow::anyhow!("the id {error}, with `client:` before it"))?;
        self.store.create_client(&client, self.now).await?;
        writeln!(out, "client id: {}", client.id)?;
        if client.grant_types.contains(&GrantType::ClientCredentials) {
            writeln!(out, "policies name it: {own_name}")?;
        }
        if let Some(secret) = &secret {
            writeln!(out, "client secret: {}\nThe secret is not shown again.", secret.expose())?;
        }
        write!(out, "{}", self.hint())?;
        Ok(())
    }
}

/// Refuses what cannot go together: a grant is for people, who are sent somewhere, or for the client itself, which has to prove
/// who it is and has one tenant.
fn check_grants(
    grants: &BTreeSet<GrantType>,
    redirect_uris: &[RedirectUri],
    public: bool,
    tenants: &[String],
) -> anyhow::Result<()> {
    let asks_people = grants.contains(&GrantType::AuthorizationCode);
    if asks_people && redirect_uris.is_empty() {
        bail!("a client that people sign in for needs to know where answers go\nhint: give `--redirect-uri`");
    }
    if !asks_people && !redirect_uris.is_empty() {
        bail!("nobody is sent to a redirect URI without the grant `authorization_code`\nhint: leave one of them out");
    }
    if !asks_people && grants.contains(&GrantType::RefreshToken) {
        bail!("a refresh token comes of the grant `authorization_code`\nhint: give both in `--grants`");
    }
    if grants.contains(&GrantType::ClientCredentials) && (public || tenants.len() != 1) {
        bail!("a client that acts for itself has a secret or a key, and exactly one `--tenant`");
    }
    Ok(())
}

/// A client's keys, out of a file.
fn key_set(file: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))?;
    check_client_keys(text.as_bytes()).with_context(|| format!("`{}` is no key set of a client", file.display()))?;
    Ok(text)
}

fn show(client: &Client, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "id              {}", client.id)?;
    writeln!(out, "name            {}", client.name)?;
    writeln!(out, "made known by   {}", client.origin)?;
    writeln!(out, "authenticates   {}", client.auth_method)?;
    let grants: Vec<_> = client.grant_types.iter().map(|grant| grant.as_str()).collect();
    writeln!(out, "grants          {}", grants.join(" "))?;
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
    if let Some(copy) = client.document {
        writeln!(out, "document        fetched {}, fresh until {}", copy.fetched, copy.fresh_until)?;
    }
    if let Some(disabled) = client.disabled {
        writeln!(out, "disabled since  {disabled}")?;
    }
    Ok(())
}
