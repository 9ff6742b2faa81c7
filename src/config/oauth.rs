//! `[state]` and `[oauth]`: the authorization server, and our own identity at another one.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::client_documents::{Written, client_documents};
use super::guide;
use super::origin::At;
use super::problem::BadSetting;
use super::reading::Warning;
use super::section::Section;
use super::settings::{Oauth, OauthClient, Registration, Server, State, TokenFormat};
use crate::model::Tenant;
use crate::model::oauth::RedirectUri;

/// The fewest characters of a secret that a stranger can try.
const FEWEST_CHARACTERS: usize = 16;

fn short() -> String {
    format!("a text of fewer than {FEWEST_CHARACTERS} characters")
}

/// Reads `[state]`.
pub(super) fn state(section: &mut Section<'_>) -> Option<State> {
    section.path("path").map(|path: At<PathBuf>| State { path: path.value })
}

/// What `[oauth]` says: the authorization server, where it is on, and the client that the guide knows us by.
pub(super) struct Read {
    pub(super) server: Option<Oauth>,
    pub(super) client: Option<OauthClient>,
    /// The tenants that hosts of clients are for.
    pub(super) named: Vec<At<Tenant>>,
}

/// Reads `[oauth]`. Everything in it is read, be it on or off, so that a mistake is found before it matters.
pub(super) fn oauth(section: &mut Section<'_>, loopback: bool) -> Option<Read> {
    const HOUR: Duration = Duration::from_hours(1);
    const DAY: Duration = Duration::from_hours(24);
    let enabled = section.boolean("enabled");
    let access_token = section.duration("access_token", Duration::from_mins(10)..=DAY);
    let formats = [("jwt", TokenFormat::Jwt), ("opaque", TokenFormat::Opaque)];
    let access_token_format = section.word("access_token_format", &formats);
    let refresh_idle = section.duration("refresh_idle", HOUR..=365 * DAY);
    let refresh_absolute = section.duration("refresh_absolute", HOUR..=365 * DAY);
    let refresh_grace = section.duration("refresh_grace", Duration::ZERO..=Duration::from_mins(30));
    let code = section.duration("code", Duration::from_secs(10)..=Duration::from_mins(10));
    let sign_in = section.duration("sign_in", Duration::from_mins(5)..=30 * DAY);
    let registration = registration(section);
    let registration_cap = section.integer::<u64>("registration_cap", 1..=1_000_000);
    let registration_unused = section.duration("registration_unused", Duration::from_mins(10)..=365 * DAY);
    let documents = client_documents(section);
    let private_schemes = section.checked_texts("private_schemes", scheme);
    let trusted_proxies = section.checked_texts("trusted_proxies", network);
    let enabled = enabled?.value;
    let client = client(section, enabled, loopback);
    let Written { documents, named } = documents?;
    let server = Oauth {
        access_token: access_token?.value,
        access_token_format: access_token_format?.value,
        refresh_idle: refresh_idle?.value,
        refresh_absolute: refresh_absolute?.value,
        refresh_grace: refresh_grace?.value,
        code: code?.value,
        sign_in: sign_in?.value,
        registration: registration?,
        registration_cap: registration_cap?.value,
        registration_unused: registration_unused?.value,
        client_documents: documents,
        private_schemes: private_schemes?.value.into_iter().map(|scheme| scheme.value).collect(),
        trusted_proxies: trusted_proxies?.value.into_iter().map(|network| network.value).collect(),
    };
    Some(Read { server: enabled.then_some(server), client, named })
}

/// Refuses what an authorization server cannot be: one that passwords and codes reach in the clear.
pub(super) fn check_transport(root: &Section<'_>, server: &Server) {
    let url = &server.public_url;
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() == "http" && !local {
        let written = root.raw_table("server").and_then(|table| table.get("public_url"));
        let origin = written.map_or(root.origin(), |entry| &entry.node.origin);
        let expected = "`https:`, because `oauth.enabled = true`: passwords and codes must not travel in the clear";
        root.unfit(origin, "server.public_url".to_owned(), format!("`{}`", server.origin()), expected);
    }
}

fn registration(section: &mut Section<'_>) -> Option<Registration> {
    #[derive(Clone, Copy)]
    enum Word {
        Off,
        Open,
        Token,
    }
    let word = section.word("registration", &[("off", Word::Off), ("open", Word::Open), ("token", Word::Token)]);
    let token = section.secret("registration_token", "registration_token_file");
    let word = word?;
    match (word.value, token) {
        (Word::Off, None) => Some(Registration::Off),
        (Word::Open, None) => Some(Registration::Open),
        (Word::Token, Some(token)) if token.value.expose().len() >= FEWEST_CHARACTERS => {
            Some(Registration::Token(token.value))
        }
        (Word::Token, Some(token)) => {
            section.unfit(&token.origin, section.key("registration_token"), short(), "one that nobody can guess");
            None
        }
        (Word::Token, None) => {
            let hint = "clients must show it; write it, or the file that holds it";
            let key = section.key("registration_token");
            section.refuse(&word.origin, BadSetting::Missing { key, hint: hint.into() });
            None
        }
        (Word::Off | Word::Open, Some(token)) => {
            let expected = "nothing, or `registration = \"token\"`: nobody is asked for it";
            section.unfit(&token.origin, section.key("registration_token"), "written".to_owned(), expected);
            None
        }
    }
}

/// A scheme of an application's own (RFC 8252, section 7.1).
fn scheme(text: &str) -> Result<String, &'static str> {
    let example: Result<RedirectUri, _> = format!("{text}:/callback").parse();
    match example {
        Ok(uri) if uri.private_scheme() == Some(text) => Ok(text.to_owned()),
        Ok(_) | Err(_) => Err("a scheme of an application's own, which has a dot, such as \"com.example.app\""),
    }
}

fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    let network = text.parse::<IpNet>().or_else(|_| address());
    match network {
        Ok(network) if network.prefix_len() == 0 => {
            Err("a network that does not contain everybody: whoever is trusted here can say what address they have")
        }
        Ok(network) => Ok(network),
        Err(_) => Err("an address, or a network such as \"10.0.0.0/8\""),
    }
}

/// Reads the client that the guide knows us by.
fn client(section: &mut Section<'_>, enabled: bool, loopback: bool) -> Option<OauthClient> {
    let id = section.text("client_id");
    let secret = section.secret("client_secret", "client_secret_file");
    let redirect_uris = section.texts("redirect_uris");
    let hint = "write the client id that the authorization server knows this server by";
    let Some(id) = id else {
        if let Some(secret) = &secret {
            let key = section.key("client_id");
            section.refuse(&secret.origin, BadSetting::Missing { key, hint: hint.into() });
        }
        return None;
    };
    guide::check_placeholders(section, "client_id", std::slice::from_ref(&id), hint, loopback);
    if let Some(secret) = &secret
        && !guide::check_secret_placeholder(section, "client_secret", secret, loopback)
        && secret.value.expose().len() < FEWEST_CHARACTERS
    {
        section.unfit(&secret.origin, section.key("client_secret"), short(), "one that nobody can guess");
    }
    let redirect_uris = redirect_uris.map(|texts| texts.value).unwrap_or_default();
    let mut checked = Vec::new();
    for At { value, origin } in redirect_uris {
        match value.parse::<RedirectUri>() {
            Ok(uri) => checked.push(uri),
            Err(error) => section.refuse(&origin, BadSetting::RedirectUri { key: section.key("redirect_uris"), error }),
        }
    }
    if !enabled {
        section.reading().warn(Warning::OauthUnused);
    } else if checked.is_empty() {
        // Not refused: the guide's `.env` has no name for them.
        section.reading().warn(Warning::NoRedirectUri);
    }
    let client = id.value.parse();
    if let Err(error) = &client {
        let found = format!("{:?}, which {error}", id.value);
        section.unfit(&id.origin, section.key("client_id"), found, "an identifier");
    }
    Some(OauthClient { id: client.ok()?, secret: secret.map(|secret| secret.value), redirect_uris: checked })
}
