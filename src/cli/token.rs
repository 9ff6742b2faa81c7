//! `bailiwick token`: why a token is accepted or not, check by check; and how one of ours is taken back.

use std::io::{Read as _, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::arguments::TokenCommand;
use super::config::visible;
use super::serve::{self, Given};
use crate::app;
use crate::authn::{Authenticator, Principal, Rejection};
use crate::catalog::Catalog;
use crate::config::Loaded;
use crate::keys::{KeyStatus, Step};
use crate::model::oauth::GrantId;

/// The most that is read from standard input, in bytes.
const LONGEST: u64 = 1 << 20;

/// Carries a command out.
pub(super) async fn run(command: TokenCommand, given: &Given, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        TokenCommand::Inspect { headers } => inspect(&headers, given, out).await,
        TokenCommand::Revoke { grant } => revoke(grant, given, out).await,
    }
}

/// What is on standard input.
fn read() -> anyhow::Result<String> {
    let mut input = String::new();
    std::io::stdin().lock().take(LONGEST).read_to_string(&mut input).context("standard input cannot be read")?;
    Ok(input)
}

/// Takes back the grant of this id, or the one that the token on standard input came of.
async fn revoke(named: Option<GrantId>, given: &Given, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let loaded = given.load()?;
    let seams = serve::seams();
    let Some(own) = app::Own::look(&loaded.settings, &seams).await? else {
        bail!(
            "this server gives no tokens: `[oauth] enabled` is not true, or it has never run\nhint: a token of an `[[issuer]]` is taken back there"
        )
    };
    let grant = if let Some(id) = &named {
        own.grant(id).await?.with_context(|| format!("there is no grant `{id}`"))?
    } else {
        let input = read()?;
        let token = bare(&input)?;
        own.grant_of(token).await?.context(
            "this server did not give that token, or it ended so long ago that nothing is left of it\nhint: `bailiwick token inspect` says whose it is",
        )?
    };
    let terms = &grant.terms;
    let what = format!("grant {}: what {} allowed {} in {}", grant.id, terms.account, terms.client, terms.tenant);
    let changed = own.withdraw(&grant, seams.clock.now()).await?;
    writeln!(out, "{what} {}", if changed { "is revoked" } else { "was revoked already" })?;
    Ok(ExitCode::SUCCESS)
}

/// Reads a token from standard input and prints each check. The exit code is 0 where it is accepted, 1 where it is not.
async fn inspect(headers: &[String], given: &Given, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let (loaded, catalog) = given.load_catalog()?;
    let headers = request(&read()?, headers)?;
    let Inspected { steps, outcome, causes } = inspected(&headers, &loaded, &catalog).await?;
    print(&steps, out)?;
    match outcome {
        Ok(principal) => {
            accepted(&principal, out)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(rejection) => {
            writeln!(out, "\nrejected ({}): {rejection}", rejection.code())?;
            for cause in causes {
                writeln!(out, "cause: {cause}")?;
            }
            let state = &loaded.settings.state.path;
            if loaded.settings.oauth.is_some() && !state.exists() {
                let file = state.display();
                writeln!(
                    out,
                    "note: `{file}` does not exist, so that no token of this server's own can be known here"
                )?;
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What came of a request that was imagined.
pub(super) struct Inspected {
    /// The checks.
    pub(super) steps: Vec<Step>,
    /// Who it proves.
    pub(super) outcome: Result<Principal, Rejection>,
    /// Of each issuer whose keys were asked for and not had, why.
    pub(super) causes: Vec<String>,
}

/// The checks of such a request, and who it proves.
pub(super) async fn inspected(
    headers: &HeaderMap,
    loaded: &Loaded,
    catalog: &Arc<Catalog>,
) -> anyhow::Result<Inspected> {
    let seams = serve::seams();
    let own = app::Own::look(&loaded.settings, &seams).await?;
    let issuers = app::trusted(&loaded.settings, &seams.clock)?;
    let keys: Vec<_> = issuers.iter().map(|(_, keys)| Arc::clone(keys)).collect();
    let issuers = app::Own::trusted(own.as_ref(), issuers, &loaded.settings.server);
    let context = loaded.settings.context.clone();
    let authenticator = Authenticator::new(issuers, Arc::clone(catalog), context, Arc::clone(&seams.clock));
    let (steps, outcome) = authenticator.inspect(headers).await;
    let cause = |keys: KeyStatus| {
        Some(format!("the keys of `{}` could not be fetched: {}", keys.issuer, visible(&keys.failure?)))
    };
    let causes = keys.iter().map(|keys| keys.status()).filter_map(cause).collect();
    Ok(Inspected { steps, outcome, causes })
}

/// The token of what was pasted, be it the whole header or not.
fn bare(pasted: &str) -> anyhow::Result<&str> {
    let pasted = pasted.trim();
    if pasted.is_empty() {
        bail!(
            "no token on standard input\nhint: pipe it in, as in `pbpaste | bailiwick token …`; it is not an argument, so that it stays out of the shell's history"
        );
    }
    Ok(pasted.strip_prefix("Bearer ").unwrap_or(pasted))
}

/// The headers of the request that is imagined.
pub(super) fn request(token: &str, given: &[String]) -> anyhow::Result<HeaderMap> {
    let token = bare(token)?;
    let mut headers = HeaderMap::new();
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .context("the token has characters that no header can carry")?;
    value.set_sensitive(true);
    headers.append(header::AUTHORIZATION, value);
    for header in given {
        let (name, value) =
            header.split_once(':').with_context(|| format!("`{header}` is not a header; write NAME: VALUE"))?;
        let name: HeaderName = name.trim().parse().with_context(|| format!("`{name}` is not a header name"))?;
        let value: HeaderValue = value.trim().parse().with_context(|| format!("`{value}` is not a header value"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn print(steps: &[Step], out: &mut dyn Write) -> anyhow::Result<()> {
    let mut told: Vec<&Step> = Vec::new();
    for step in steps {
        // The parts of a token are checked one by one, and some claims twice; a reader needs to see that once.
        let again =
            |earlier: &&Step| (earlier.name, earlier.ok, &earlier.arrived) == (step.name, step.ok, &step.arrived);
        if !told.iter().any(again) {
            told.push(step);
        }
    }
    let width = told.iter().map(|step| step.name.chars().count()).max().unwrap_or(0);
    for step in told {
        let mark = if step.ok { "ok" } else { "NO" };
        writeln!(out, "{mark}  {:<width$}  {}", step.name, step.arrived)?;
        if !step.ok && !step.expected.is_empty() {
            writeln!(out, "    {:<width$}  {}", "expected", step.expected)?;
        }
    }
    Ok(())
}

fn accepted(principal: &Principal, out: &mut dyn Write) -> anyhow::Result<()> {
    let (requester, proof) = (principal.requester(), principal.proof());
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let names: Vec<_> = requester.names.iter().map(ToString::to_string).collect();
    let context = &requester.context;
    writeln!(out, "\naccepted")?;
    writeln!(out, "    subject            {}", proof.subject)?;
    writeln!(
        out,
        "    external user      {}",
        shown(requester.attributes.external_id.as_ref().map(ToString::to_string))
    )?;
    writeln!(out, "    tenant             {}", requester.tenant)?;
    writeln!(out, "    client             {}", shown(proof.client.as_ref().map(ToString::to_string)))?;
    writeln!(out, "    actor              {}", shown(proof.actor.as_ref().map(ToString::to_string)))?;
    writeln!(out, "    scopes             {}", proof.scopes)?;
    writeln!(out, "    names              {}", names.join(", "))?;
    writeln!(out, "    agent              {}", shown(context.agent.as_ref().map(ToString::to_string)))?;
    writeln!(out, "    data room          {}", shown(context.data_room.as_ref().map(ToString::to_string)))?;
    writeln!(out, "    expires            {}", proof.expires)?;
    Ok(())
}
