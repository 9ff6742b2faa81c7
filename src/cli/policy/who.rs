//! Whom a question is about: by their names, by claims, or by a token.
//!
//! Nothing is granted to anybody here, so names and claims are taken at their word. A token is not: an explanation of
//! somebody whom the server would turn away would explain what never happens.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};

use super::person;
use crate::catalog::Catalog;
use crate::cli::arguments::Explain;
use crate::cli::token;
use crate::config::Loaded;
use crate::model::{Context, DataRoom, Requester, Tenant};

/// The longest token file, in bytes.
const LONGEST: u64 = 1 << 20;

/// Somebody, and how we know of them.
pub(super) struct Who {
    pub(super) requester: Requester,
    /// What they are called in the answer.
    pub(super) called: String,
    pub(super) source: Source,
}

/// Where the names and claims come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// `--as`
    Names,
    /// `--as` and `--asserted-by`
    Asserted,
    /// `--claims`, with or without names.
    Claims,
    /// `--token-file`
    Token,
}

impl Source {
    /// The word for machines.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Asserted => "asserted",
            Self::Claims => "claims",
            Self::Token => "token",
        }
    }

    /// What the answer takes for granted.
    pub(super) fn assumed(self) -> &'static str {
        match self {
            Self::Names => {
                "no other claims (--claims FILE) and no roles of the identity provider (--as idp:ISSUER/ROLE)"
            }
            Self::Asserted => "nothing: a platform's word has no claims, and no roles of an identity provider",
            Self::Claims => "no other claims, and no roles of the identity provider (--as idp:ISSUER/ROLE)",
            Self::Token => "nothing: the token was verified as the server would",
        }
    }
}

/// Reads who is asked about from the arguments.
pub(super) async fn read(request: &Explain, loaded: &Loaded, catalog: &Arc<Catalog>) -> anyhow::Result<Who> {
    let context = |tenant: &Tenant| -> anyhow::Result<Context> {
        Ok(Context {
            agent: request.agent.as_deref().map(str::parse).transpose().context("--agent")?,
            data_room: request.data_room.as_deref().map(|room| data_room(room, tenant, catalog)).transpose()?,
            ..Context::default()
        })
    };
    if let Some(file) = &request.who.token_file {
        let mut requester = verified(file, loaded, catalog).await?;
        requester.context = context(&requester.tenant)?;
        let called = requester.names.iter().find(|name| name.starts_with("user:"));
        let called = called.or_else(|| requester.names.iter().find(|name| name.starts_with("subject:")));
        let called = called.map_or_else(|| "the bearer of the token".to_owned(), ToString::to_string);
        return Ok(Who { requester, called, source: Source::Token });
    }
    let tenant = person::tenant(request.tenant.as_deref().unwrap_or_default(), catalog)?;
    person::check_names(&request.who.names, catalog)?;
    let mut requester = person::requester(&tenant, &request.who.names, context(&tenant)?)?;
    let mut called = request.who.names.join(", ");
    if let Some(client) = &request.asserted_by {
        let requester = person::asserted(requester, client).context("--asserted-by")?;
        return Ok(Who { requester, called: format!("{called}, named by {client}"), source: Source::Asserted });
    }
    let Some(file) = &request.who.claims else { return Ok(Who { requester, called, source: Source::Names }) };
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    person::add_claims(&mut requester.attributes, &text, catalog).with_context(|| {
        format!(
            "{} is not understood\nhint: it holds attributes by the names that conditions have for them, as in \
             {{\"external_id\": \"ada@acme.example\", \"clearance\": 3}}; what a token says is read from the token: --token-file",
            file.display()
        )
    })?;
    if called.is_empty() {
        let user = requester.attributes.external_id.as_ref().map(|id| format!("user:{id}"));
        requester.names.extend(user.as_deref().map(Arc::from));
        called = user.unwrap_or_else(|| "verified".to_owned());
    }
    Ok(Who { requester, called, source: Source::Claims })
}

/// A data room as the database or the platform spells it; one that the server would refuse is refused here.
fn data_room(room: &str, tenant: &Tenant, catalog: &Catalog) -> anyhow::Result<DataRoom> {
    let entry = catalog.tenants.get(tenant).with_context(|| format!("`{tenant}` is not a declared tenant"))?;
    if let Some(declared) = entry.data_rooms.values().find(|declared| declared.as_str() == room) {
        return Ok(declared.clone());
    }
    let Some(spelled) = entry.data_room(room) else {
        let known: Vec<_> = entry.data_rooms.values().map(DataRoom::as_str).collect();
        bail!("--data-room: `{room}` is not a data room of {tenant}{}", person::instead(room, &known))
    };
    spelled.map_err(|error| anyhow::anyhow!("--data-room: `{room}` {error}"))
}

/// Whoever a token proves.
async fn verified(file: &Path, loaded: &Loaded, catalog: &Arc<Catalog>) -> anyhow::Result<Requester> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().lock().take(LONGEST).read_to_string(&mut text).context("standard input cannot be read")?;
    } else {
        let opened = fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        opened.take(LONGEST).read_to_string(&mut text).with_context(|| format!("cannot read {}", file.display()))?;
    }
    let headers = token::request(text.trim(), &[])?;
    let inspected = token::inspected(&headers, loaded, catalog).await?;
    match inspected.outcome {
        Ok(principal) => Ok(principal.requester().clone()),
        Err(rejection) => bail!(
            "the token is not accepted ({}): {}\nhint: `bailiwick token inspect` shows every check; to explain without a token, name the person with --as and --tenant, or their claims with --claims",
            rejection.code(),
            [vec![rejection.to_string()], inspected.causes].concat().join("; ")
        ),
    }
}
