//! `[server]`, `[mcp]`, `[log]`, `[outbound]` and `[modes]`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use url::Url;

use super::document::Table;
use super::origin::{At, Origin};
use super::problem::BadSetting;
use super::reading::Warning;
use super::section::Section;
use super::settings::{Authorities, Log, LogFormat, McpOffer, Server};
use crate::model::Secret;

/// The fewest characters of the secret that handles are sealed with: whoever has seen one can try secrets at leisure.
const FEWEST_CHARACTERS: usize = 32;
const ADDRESS: &str = "an IP address, or `localhost`";
const ORIGIN: &str =
    "an origin: `https://` (or `http://`), a host, and a port if it is not the usual one, with nothing after it";

fn address(text: &str) -> Result<IpAddr, &'static str> {
    if text == "localhost" { Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)) } else { text.parse().map_err(|_| ADDRESS) }
}

/// Says whether the server listens on a loopback address; an address that cannot be read is none.
pub(super) fn is_loopback(document: &Table) -> bool {
    let server = document.get("server").and_then(|entry| entry.node.kind.as_table());
    server.and_then(|table| table.text("address")).is_some_and(|text| address(text).is_ok_and(|ip| ip.is_loopback()))
}

/// Reads an origin (RFC 6454): no user, path, query or fragment.
fn origin(text: &str) -> Result<Url, &'static str> {
    let url: Url = text.parse().map_err(|_| ORIGIN)?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && !text.ends_with('/');
    let anonymous = url.username().is_empty() && url.password().is_none() && !text.contains('@');
    if matches!(url.scheme(), "http" | "https") && url.host().is_some() && bare && anonymous {
        Ok(url)
    } else {
        Err(ORIGIN)
    }
}

fn host(text: &str) -> Result<String, &'static str> {
    let expected = "a host name or address, with a port if needed, and nothing else";
    let authority: Authority = text.parse().map_err(|_| expected)?;
    if text.contains(['@', '*']) || authority.host().is_empty() { Err(expected) } else { Ok(text.to_ascii_lowercase()) }
}

/// Reads `[server]`.
pub(super) fn server(section: &mut Section<'_>) -> Option<Server> {
    const TIME: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);
    let written = section.checked("address", |text| address(text).map(|ip| (ip, text == "localhost")));
    let port = section.integer::<u16>("port", 0..=65_535);
    let public_url = section.checked("public_url", origin);
    let allowed_hosts = section.checked_texts("allowed_hosts", host);
    let allowed_origins =
        section.checked_texts("allowed_origins", |text| origin(text).map(|url| url.origin().ascii_serialization()));
    let body_limit = section.size("body_limit", 1 << 10..=64 << 20);
    let connections = section.integer::<usize>("connections", 1..=1_000_000);
    let connections_per_address = section.integer::<usize>("connections_per_address", 0..=1_000_000);
    let header_timeout = section.duration("header_timeout", TIME);
    let body_timeout = section.duration("body_timeout", TIME);
    let write_timeout = section.duration("write_timeout", TIME);
    let request_timeout = section.duration("request_timeout", TIME);
    let shutdown_grace = section.duration("shutdown_grace", Duration::ZERO..=*TIME.end());
    let requests_per_person = section.integer::<usize>("requests_per_person", 1..=100_000);
    let sessions_per_person = section.integer::<usize>("sessions_per_person", 1..=10_000);
    let session_lifetime = section.duration("session_lifetime", Duration::from_mins(1)..=Duration::from_hours(24 * 30));
    let session_idle = section.duration("session_idle", Duration::from_secs(1)..=Duration::from_hours(24));
    let handle_key = handle_key(section);

    let At { value: (ip, by_name), origin: place } = written?;
    let port = port?.value;
    let public_url = match public_url {
        Some(url) => url,
        None if ip.is_loopback() && !section.has("public_url") => derived(ip, by_name, port, section)?,
        None => {
            let hint = "a server that others can reach needs the origin that they know it by, such as `https://mcp.acme.example`";
            if !section.has("public_url") {
                section.refuse(&place, BadSetting::Missing { key: section.key("public_url"), hint: hint.into() });
            }
            return None;
        }
    };
    if !ip.is_loopback() && public_url.value.scheme() == "http" {
        section.reading().warn(Warning::PlainHttp(public_url.value.origin().ascii_serialization()));
    }
    Some(Server {
        listen: SocketAddr::new(ip, port),
        public_url: public_url.value,
        allowed_hosts: allowed_hosts?.value.into_iter().map(|host| host.value).collect(),
        allowed_origins: allowed_origins?.value.into_iter().map(|origin| origin.value).collect(),
        body_limit: usize::try_from(body_limit?.value).ok()?,
        connections: connections?.value,
        connections_per_address: connections_per_address?.value,
        header_timeout: header_timeout?.value,
        body_timeout: body_timeout?.value,
        write_timeout: write_timeout?.value,
        request_timeout: request_timeout?.value,
        shutdown_grace: shutdown_grace?.value,
        requests_per_person: requests_per_person?.value,
        sessions_per_person: sessions_per_person?.value,
        session_lifetime: session_lifetime?.value,
        session_idle: session_idle?.value,
        handle_key: handle_key?,
    })
}

/// Reads the secret of handles; `None` where one is written that is too short.
#[expect(clippy::option_option, reason = "left out, and refused, are two things")]
fn handle_key(section: &mut Section<'_>) -> Option<Option<Arc<Secret>>> {
    let Some(key) = section.secret("handle_key", "handle_key_file") else {
        return (!section.has("handle_key") && !section.has("handle_key_file")).then_some(None);
    };
    if key.value.expose().len() < FEWEST_CHARACTERS {
        let found = format!("a secret of fewer than {FEWEST_CHARACTERS} characters");
        section.unfit(&key.origin, section.key("handle_key"), found, "what `openssl rand -base64 32` prints");
        return None;
    }
    Some(Some(Arc::new(key.value)))
}

/// The public URL of a server that only this machine can reach.
fn derived(ip: IpAddr, by_name: bool, port: u16, section: &Section<'_>) -> Option<At<Url>> {
    let place = Origin::Derived("from server.address");
    let text =
        if by_name { format!("http://localhost:{port}") } else { format!("http://{}", SocketAddr::new(ip, port)) };
    let url: Url = text.parse().ok()?;
    section.take("public_url", text, &place);
    Some(At::new(url, place))
}

/// Reads `[mcp]`.
pub(super) fn mcp(section: &mut Section<'_>) -> Option<McpOffer> {
    let subscriptions = section.integer::<usize>("subscriptions", 1..=1_000);
    let changes_per_minute = section.integer::<u32>("changes_per_minute", 1..=100_000);
    let look_every = section.duration("look_every", Duration::from_millis(50)..=Duration::from_hours(1));
    let legacy_sse = section.boolean("legacy_sse");
    Some(McpOffer {
        subscriptions: subscriptions?.value,
        changes_per_minute: NonZeroU32::new(changes_per_minute?.value)?,
        look_every: look_every?.value,
        legacy_sse: legacy_sse?.value,
    })
}

/// Reads `[log]`.
pub(super) fn log(section: &mut Section<'_>) -> Option<Log> {
    let level = section.checked("level", |text| match text.parse::<tracing_subscriber::EnvFilter>() {
        // A word alone that is no level would be taken for the name of a part of the program, and nothing said of the rest.
        Ok(_) if !text.is_empty() && text.split(',').all(is_level_or_says_of_what) => Ok(text.to_owned()),
        _ => Err("a filter such as `info`, or `info,bailiwick=debug`"),
    });
    let format = section.word("format", &[("human", LogFormat::Human), ("json", LogFormat::Json)]);
    Some(Log { level: level?.value, format: format?.value })
}

fn is_level_or_says_of_what(directive: &str) -> bool {
    directive.contains(['=', '[']) || directive.trim().parse::<tracing_subscriber::filter::LevelFilter>().is_ok()
}

/// Reads `[outbound]`. What the certificates are is seen when something is to be fetched.
pub(super) fn outbound(section: &mut Section<'_>) -> Option<Authorities> {
    let At { value: path, origin } = section.path("ca_file")?;
    match std::fs::read(&path) {
        Ok(pem) => Some(Authorities { path, pem }),
        Err(source) => {
            section.refuse(&origin, BadSetting::Read { path, source });
            None
        }
    }
}

/// Reads `[modes]`: whether forwarded tokens are taken. One way in must be left; `own` says that people can sign in here.
pub(super) fn modes(section: &mut Section<'_>, own: bool) -> Option<bool> {
    let At { value, origin } = section.boolean("user_token")?;
    if !value && !own {
        let reason = "User Token mode is off, and so is the authorization server, and there is no other way in; \
                      write `modes.user_token = true` (in the guide's `.env`: `VALIDATE_USER_TOKEN=1`), or \
                      `oauth.enabled = true`";
        section.refuse(&origin, BadSetting::NoMode(reason));
    }
    Some(value)
}
