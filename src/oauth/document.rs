//! What a client says of itself at the address that is its id (OAuth Client ID Metadata Document, draft 02, section 4).
//!
//! The document is published, so nothing in it is a secret, and a client that would prove itself by one is refused. It is
//! written for every authorization server at once, so what is not for us (grants, scopes, redirect URIs that answers do not go to
//! here) is left out, as long as something remains that is.

use std::collections::BTreeSet;

use url::Url;

use super::destination::Destinations;
use super::members::Members;
use super::refusal::RegistrationRefusal;
use crate::model::Scopes;
use crate::model::oauth::{AuthMethod, ClientUrl, GrantType, RedirectUri};

/// The longest document (draft 02, section 8.7).
pub(super) const MOST_BYTES: usize = 5 << 10;

/// Why a document describes nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each text says what the variant means")]
pub enum BadDocument {
    #[error("the client's document is not a JSON object with each member once")]
    Json,
    #[error("the client's document does not name its own address as client_id")]
    ClientId,
    #[error("the client's document has no client_name")]
    NoName,
    #[error("the client's document has a secret, or a client that proves itself by one; what is published is none")]
    Secret,
    #[error("the client's document has a token_endpoint_auth_method that is not supported")]
    AuthMethod,
    #[error("the client's document has no usable keys, or has them in two places")]
    Keys,
    #[error("the client's document has no redirect URI that is accepted here")]
    NoRedirect,
    #[error("the client's document has a member that cannot be used: {0}")]
    Member(RegistrationRefusal),
}

/// What a document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) name: String,
    pub(super) redirect_uris: Vec<RedirectUri>,
    pub(super) auth_method: AuthMethod,
    pub(super) keys: Keys,
    pub(super) grant_types: BTreeSet<GrantType>,
    pub(super) scopes: Scopes,
}

/// Where the keys of a client are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Keys {
    /// It needs none.
    None,
    /// In its document.
    Here(String),
    /// At an address of their own.
    At(Url),
}

/// Reads the document of this address. Answers go to `destinations` alone.
pub(super) fn read(body: &[u8], url: &ClientUrl, destinations: Destinations<'_>) -> Result<Described, BadDocument> {
    let members = Members::read(body).map_err(|_| BadDocument::Json)?;
    if members.text("client_id").map_err(BadDocument::Member)? != Some(url.as_url().as_str()) {
        return Err(BadDocument::ClientId);
    }
    if members.has("client_secret") || members.has("client_secret_expires_at") {
        return Err(BadDocument::Secret);
    }
    let method = members.text("token_endpoint_auth_method").map_err(BadDocument::Member)?;
    let auth_method = auth_method(method)?;
    let keys = if auth_method == AuthMethod::PrivateKeyJwt { keys(&members)? } else { Keys::None };
    let uris = members.redirect_uris().map_err(BadDocument::Member)?;
    let uris: Vec<_> = uris.into_iter().filter_map(|text| destinations.read(text).ok()).collect();
    if uris.is_empty() {
        return Err(BadDocument::NoRedirect);
    }
    Ok(Described {
        name: members.name().map_err(BadDocument::Member)?.ok_or(BadDocument::NoName)?.to_owned(),
        redirect_uris: uris,
        auth_method,
        keys,
        grant_types: members.grant_types().map_err(BadDocument::Member)?,
        scopes: members.scopes().map_err(BadDocument::Member)?,
    })
}

fn keys(members: &Members) -> Result<Keys, BadDocument> {
    let uri = members.text("jwks_uri").map_err(BadDocument::Member)?;
    match (members.jwks().map_err(BadDocument::Member)?, uri) {
        (Some(jwks), None) => Ok(Keys::Here(jwks)),
        (None, Some(uri)) => uri.parse().map(Keys::At).map_err(|_| BadDocument::Keys),
        (None, None) | (Some(_), Some(_)) => Err(BadDocument::Keys),
    }
}

/// A client that says nothing is a public one: it has no secret that it could prove itself by.
fn auth_method(written: Option<&str>) -> Result<AuthMethod, BadDocument> {
    match written {
        None | Some("none") => Ok(AuthMethod::None),
        Some("private_key_jwt") => Ok(AuthMethod::PrivateKeyJwt),
        Some("client_secret_basic" | "client_secret_post" | "client_secret_jwt") => Err(BadDocument::Secret),
        Some(_) => Err(BadDocument::AuthMethod),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::oauth::metadata::Site;

    const URL: &str = "https://app.example/client.json";

    fn document() -> Value {
        json!({ "client_id": URL, "client_name": "An app", "redirect_uris": ["https://app.example/cb"] })
    }

    fn read_here(body: &[u8]) -> Result<Described, BadDocument> {
        let site = Site::new(&"https://mcp.acme.example".parse().unwrap());
        read(body, &URL.parse().unwrap(), Destinations { schemes: &[], site: &site })
    }

    fn of(document: &Value) -> Result<Described, BadDocument> {
        read_here(document.to_string().as_bytes())
    }

    #[test]
    fn what_a_document_leaves_out_is_filled_in() {
        let read = of(&document()).unwrap();
        assert_eq!((read.name.as_str(), read.auth_method), ("An app", AuthMethod::None));
        assert_eq!((read.grant_types.len(), read.scopes.to_string().as_str()), (2, "mcp:read mcp:write"));
    }

    #[test]
    fn what_is_for_other_servers_is_left_out() {
        let mut vscode = document();
        vscode["grant_types"] =
            json!(["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]);
        vscode["redirect_uris"] = json!([
            "cursor://x/cb",
            "https://mcp.acme.example/cb",
            "http://127.0.0.1:33418/",
            "com.example.app:/cb",
            "javascript:x"
        ]);
        let read = of(&vscode).unwrap();
        assert_eq!(read.grant_types.len(), 2);
        assert_eq!(read.redirect_uris.iter().map(RedirectUri::as_str).collect::<Vec<_>>(), ["http://127.0.0.1:33418/"]);
    }

    #[test]
    fn item_72_what_describes_nobody_is_refused() {
        let refused = |name: &str, value: Value| {
            let mut changed = document();
            changed[name] = value;
            of(&changed).unwrap_err()
        };
        assert_eq!(refused("client_id", json!(null)), BadDocument::ClientId);
        assert_eq!(refused("client_id", json!("https://app.example/client.json?")), BadDocument::ClientId);
        assert_eq!(refused("client_id", json!("https://APP.example/client.json")), BadDocument::ClientId);
        assert_eq!(refused("client_name", json!(" ")), BadDocument::NoName);
        assert_eq!(refused("client_secret", json!("x")), BadDocument::Secret);
        assert_eq!(refused("client_secret_expires_at", json!(0)), BadDocument::Secret);
        for method in ["client_secret_basic", "client_secret_post", "client_secret_jwt"] {
            assert_eq!(refused("token_endpoint_auth_method", json!(method)), BadDocument::Secret);
        }
        assert_eq!(refused("token_endpoint_auth_method", json!("tls_client_auth")), BadDocument::AuthMethod);
        for elsewhere in ["http://app.example/cb", "https://mcp.acme.example/cb"] {
            assert_eq!(refused("redirect_uris", json!([elsewhere])), BadDocument::NoRedirect, "{elsewhere}");
        }
        assert!(matches!(refused("redirect_uris", json!([])), BadDocument::Member(_)));
        assert!(matches!(refused("redirect_uris", json!(vec!["https://app.example/cb"; 11])), BadDocument::Member(_)));
        assert!(matches!(refused("grant_types", json!(["client_credentials"])), BadDocument::Member(_)));
        assert!(matches!(refused("response_types", json!(["token"])), BadDocument::Member(_)));
        assert!(matches!(refused("client_name", json!("a\u{202E}b")), BadDocument::Member(_)));
        let twice = br#"{"client_id":"a","client_id":"b"}"#;
        assert_eq!(read_here(twice), Err(BadDocument::Json));
    }
}
