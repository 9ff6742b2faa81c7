//! `[[issuer]]`: whom we trust. Nothing here has a default that trusts more than its preset says.

mod claims;
mod keys;

pub(super) use keys::key_url;

use std::time::Duration;

use jsonwebtoken::Algorithm;

use super::guide;
use super::origin::{At, Origin};
use super::preset;
use super::problem::BadSetting;
use super::reading::Warning;
use super::section::{Section, join};
use super::settings::{ActorRule, Issuer, KeySource, Server, TokenType, TokenUse};
use crate::model::nearest;
use crate::model::{IssuerName, Name, Scope, Scopes};

const ALGORITHMS: &str = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA";

const AUDIENCE: &str =
    "a token must say that it is meant for this server: `bailiwick token inspect` shows the `aud` of a token";

const CLIENTS: &str = "write the client ids whose tokens are accepted (`bailiwick token inspect` shows the one of a token), \
                       or `any_client = true`";

/// What the issuers so far have said, so that no token can belong to two.
#[derive(Default)]
struct Seen {
    names: Vec<(String, Origin)>,
    iss: Vec<(String, Origin)>,
}

/// What is around the issuers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around<'a> {
    /// The names that `[claims]` declares.
    pub(super) claims: &'a [Name],
    /// The issuers that a `[[sign_in]]` names.
    pub(super) providers: &'a [&'a str],
    /// Whether there are tokens without any issuer: those of our own authorization server.
    pub(super) own: bool,
    /// Whether only this machine can call.
    pub(super) loopback: bool,
}

/// Reads every `[[issuer]]`; gives the names too of those that are refused.
pub(super) fn issuers(root: &mut Section<'_>, around: Around<'_>) -> (Vec<Issuer>, Vec<String>) {
    let mut seen = Seen::default();
    let issuers = root.tables("issuer", true, |section| issuer(section, around, &mut seen));
    if issuers.is_empty() && !root.has("issuer") && !around.own {
        let reason = "no `[[issuer]]` is declared, so no token could be verified; write one (with \
                      `preset = \"blockbrain\"`, `audience` and `clients`), or let people sign in here \
                      (`oauth.enabled = true`)";
        root.refuse(root.origin(), BadSetting::NoMode(reason));
    }
    (issuers, seen.names.into_iter().map(|(name, _)| name).collect())
}

fn issuer(section: &mut Section<'_>, around: Around<'_>, seen: &mut Seen) -> Option<Issuer> {
    let name = section.checked("name", |text| {
        text.parse::<IssuerName>()
            .map_err(|_| "a name of letters, digits, `-`, `_` and `.`, beginning with a letter or digit")
    });
    let name = section.need("name", name, "policies and tenants call the issuer by it");
    once(section, "name", name.iter().map(|at| (at.value.to_string(), &at.origin)), &mut seen.names);
    let _ = section.word("preset", &preset::ISSUERS);

    let iss = some(section, "issuer");
    let iss = section.need("issuer", iss, "write the `iss` of its tokens");
    let values = iss.iter().flat_map(|at| &at.value).map(|at| (at.value.clone(), &at.origin));
    once(section, "issuer", values, &mut seen.iss);
    let keys = keys::source(section, iss.as_ref());

    let provides = name.as_ref().is_some_and(|name| around.providers.contains(&name.value.as_str()));
    let meant_for = meant_for(section, name.as_ref(), provides, around.loopback);

    let algorithms = algorithms(section);
    let token_types = token_types(section);
    let scopes = scopes(section);
    let users = section.boolean("users");
    let actor = actor(section);
    let max_age = section.duration("max_age", Duration::from_mins(1)..=Duration::from_hours(30 * 24));
    let leeway = section.duration("leeway", Duration::ZERO..=Duration::from_mins(5));
    let max_token_bytes = section.size("max_token_size", 1 << 10..=64 << 10);
    let key_limits = section.table("keys", keys::limits).flatten();
    let wants_users = users.as_ref().is_some_and(|users| users.value);
    let claims = section.table("claims", |section| claims::claims(section, around.claims, wants_users)).flatten();

    let (audiences, clients) = meant_for?;
    let (name, iss, keys) = (name?.value, texts(iss?.value), keys?);
    if let KeySource::Jwks(url) = &keys {
        keys::warn_of_foreign(section, &name, url);
    }
    Some(Issuer {
        name,
        issuers: iss,
        keys,
        key_limits: key_limits?,
        audiences,
        algorithms: algorithms?,
        clients,
        token_types: token_types?,
        token_use: TokenUse::Access,
        claims: claims?,
        scopes: scopes?,
        users: users?.value,
        actor: actor?,
        max_age: max_age?.value,
        leeway: leeway?.value,
        max_token_bytes: usize::try_from(max_token_bytes?.value).ok()?,
    })
}

/// Refuses an issuer of the name that stands for every declared tenant.
pub(super) fn check_own_name(root: &Section<'_>, issuers: &[Issuer]) {
    for issuer in issuers.iter().filter(|issuer| issuer.name.as_str() == IssuerName::OURS) {
        let expected = "another name: tokens of this server's own authorization server go by this one";
        root.unfit(root.origin(), "issuer.name".to_owned(), format!("`{}`", issuer.name), expected);
    }
}

/// Refuses an issuer whose tokens could be taken for those of our own authorization server.
pub(super) fn check_own_origin(root: &Section<'_>, issuers: &[Issuer], server: &Server) {
    for issuer in issuers.iter().filter(|issuer| issuer.issuers.contains(&server.origin())) {
        let expected = "the `iss` of somebody else: this is the origin of this server, which signs tokens itself";
        let key = format!("issuer.{}.issuer", issuer.name);
        root.unfit(root.origin(), key, format!("`{}`", server.origin()), expected);
    }
}

fn texts(texts: Vec<At<String>>) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}

/// Texts, at least one.
fn some(section: &mut Section<'_>, key: &'static str) -> Option<At<Vec<At<String>>>> {
    let texts = section.texts(key)?;
    if texts.value.is_empty() {
        section.unfit(&texts.origin, section.key(key), "empty".to_owned(), "at least one text");
        return None;
    }
    Some(texts)
}

/// Refuses what an issuer has said before.
fn once<'v>(
    section: &Section<'_>,
    key: &str,
    values: impl Iterator<Item = (String, &'v Origin)>,
    seen: &mut Vec<(String, Origin)>,
) {
    for (value, origin) in values {
        let origin = if origin.is_written() { origin } else { section.origin() };
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == value) {
            let what = BadSetting::Twice {
                key: section.key(key),
                found: value.clone(),
                first: first.clone(),
                hint: "a token must belong to one issuer",
            };
            section.refuse(origin, what);
        }
        seen.push((value, origin.clone()));
    }
}

/// What a forwarded token must be meant for: audiences and clients. Neither where the issuer `provides` people who sign in and
/// nothing is written: then no token of it is taken.
fn meant_for(
    section: &mut Section<'_>,
    name: Option<&At<IssuerName>>,
    provides: bool,
    loopback: bool,
) -> Option<(Vec<String>, Vec<String>)> {
    if provides && !section.has("audience") && !section.has("clients") {
        // Asked for all the same, so that the keys are known.
        let unwritten = (section.texts("audience"), section.texts("clients"), section.boolean("any_client"));
        let any = unwritten.2.filter(|any| any.value);
        if let Some(any) = any {
            let expected = "nothing: without `audience` no token of this issuer is taken, of whatever client";
            section.unfit(&any.origin, section.key("any_client"), "true".to_owned(), expected);
        }
        return Some((Vec::new(), Vec::new()));
    }
    let audience = some(section, "audience");
    let audience = section.need("audience", audience, AUDIENCE);
    if let Some(audience) = &audience {
        guide::check_placeholders(section, "audience", &audience.value, AUDIENCE, loopback);
    }
    let clients = clients(section, loopback);
    if let (Some(name), Some(clients)) = (name, &clients)
        && clients.is_empty()
    {
        section.reading().warn(Warning::AnyClient(name.value.to_string()));
    }
    Some((texts(audience?.value), clients?))
}

/// The accepted clients; empty only where `any_client = true` says so.
fn clients(section: &mut Section<'_>, loopback: bool) -> Option<Vec<String>> {
    let clients = section.texts("clients");
    let any = section.boolean("any_client")?;
    match clients {
        Some(clients) if !clients.value.is_empty() => {
            if any.value {
                let (one, other) = (section.key("clients"), section.key("any_client"));
                let hint = "leave `any_client` out, or the list";
                section.refuse(&any.origin, BadSetting::Both { one, other, hint });
                return None;
            }
            guide::check_placeholders(section, "clients", &clients.value, CLIENTS, loopback);
            Some(texts(clients.value))
        }
        _ if any.value => Some(Vec::new()),
        Some(clients) => {
            section.unfit(
                &clients.origin,
                section.key("clients"),
                "empty".to_owned(),
                "at least one client id, or `any_client = true`",
            );
            None
        }
        None => section.need("clients", None, CLIENTS),
    }
}

fn algorithms(section: &mut Section<'_>) -> Option<Vec<Algorithm>> {
    let words = some(section, "algorithms")?;
    let mut algorithms = Vec::new();
    for At { value, origin } in words.value {
        let key = section.key("algorithms");
        let known = || ALGORITHMS.split(", ");
        if known().any(|word| word == value) {
            algorithms.extend(value.parse::<Algorithm>());
        } else if matches!(value.as_str(), "HS256" | "HS384" | "HS512") {
            section.refuse(&origin, BadSetting::Hmac { key, found: value, expected: ALGORITHMS });
        } else {
            let nearest = nearest(&value, known()).map(str::to_owned);
            section.refuse(&origin, BadSetting::UnknownWord { key, found: value, nearest, known: join(known()) });
        }
    }
    Some(algorithms)
}

fn token_types(section: &mut Section<'_>) -> Option<Vec<TokenType>> {
    const WORDS: [(&str, TokenType); 3] =
        [("at+jwt", TokenType::AccessToken), ("JWT", TokenType::Jwt), ("missing", TokenType::Missing)];
    let words = some(section, "token_types")?;
    let mut types = Vec::new();
    for word in words.value {
        match WORDS.iter().find(|(known, _)| *known == word.value) {
            Some((_, token_type)) => types.push(*token_type),
            None => section.unknown_word("token_types", &word, WORDS.iter().map(|(known, _)| *known)),
        }
    }
    Some(types)
}

fn scopes(section: &mut Section<'_>) -> Option<Scopes> {
    let words = section.texts("scopes")?;
    let mut scopes = Vec::new();
    for word in words.value {
        match word.value.parse::<Scope>() {
            Ok(scope) => scopes.push(scope),
            Err(_) => section.unknown_word("scopes", &word, Scope::ALL.into_iter().map(Scope::as_str)),
        }
    }
    Some(scopes.into_iter().collect())
}

fn actor(section: &mut Section<'_>) -> Option<ActorRule> {
    if section.is_list("actor") {
        return some(section, "actor").map(|actors| ActorRule::Only(texts(actors.value)));
    }
    let word = section.word("actor", &[("deny", false), ("allow", true)])?;
    Some(if word.value { ActorRule::Allow } else { ActorRule::Deny })
}
