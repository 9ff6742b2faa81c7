//! Dynamic client registration (RFC 7591): what a client that nobody knows may say of itself.
//!
//! It can choose its name, its redirect URIs and how it authenticates. It cannot give itself a grant that is not served, a
//! scope that does not exist, or a place where a browser would do something else than go there. Members that are not known
//! are ignored, as section 2 asks; grants that are not served are left out, because common clients list them all, as long as
//! one remains that is. What is registered is what the answer says.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::destination::Destinations;
use super::members::Members;
use super::refusal::RegistrationRefusal;
use crate::model::oauth::{AuthMethod, ClientSecret, GrantType, RedirectUri};
use crate::model::{ClientId, Scopes, Timestamp};

/// What a client is registered as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// What it calls itself.
    pub name: Option<String>,
    /// Where answers may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// How it authenticates.
    pub auth_method: AuthMethod,
    /// Its keys, where it authenticates by one.
    pub jwks: Option<String>,
    /// Which grants it may use.
    pub grant_types: BTreeSet<GrantType>,
    /// What it may ask for.
    pub scopes: Scopes,
}

/// Reads a request. Answers go to `destinations` alone.
pub fn read(body: &[u8], destinations: Destinations<'_>) -> Result<Registration, RegistrationRefusal> {
    let members = Members::read(body)?;
    let uris = members.redirect_uris()?.into_iter().map(|text| destinations.read(text));
    let auth_method = auth_method(members.text("token_endpoint_auth_method")?)?;
    let jwks = match auth_method {
        // Whatever a stranger registers would be fetched from an address of their choice: a document can name one, and there
        // the host of the client's own address is asked.
        AuthMethod::PrivateKeyJwt if members.has("jwks_uri") => return Err(RegistrationRefusal::Keys),
        AuthMethod::PrivateKeyJwt => Some(members.jwks()?.ok_or(RegistrationRefusal::Keys)?),
        AuthMethod::None | AuthMethod::SecretBasic | AuthMethod::SecretPost | AuthMethod::SecretEither => None,
    };
    Ok(Registration {
        name: members.name()?.map(ToOwned::to_owned),
        redirect_uris: uris.collect::<Result<_, _>>()?,
        auth_method,
        jwks,
        grant_types: members.grant_types()?,
        scopes: members.scopes()?,
    })
}

/// A client that does not choose gets a secret and may send it either way: the usual ones do not do as they registered.
fn auth_method(sent: Option<&str>) -> Result<AuthMethod, RegistrationRefusal> {
    match sent {
        None => Ok(AuthMethod::SecretEither),
        Some("none") => Ok(AuthMethod::None),
        Some("client_secret_basic") => Ok(AuthMethod::SecretBasic),
        Some("client_secret_post") => Ok(AuthMethod::SecretPost),
        Some("private_key_jwt") => Ok(AuthMethod::PrivateKeyJwt),
        Some(_) => Err(RegistrationRefusal::AuthMethod),
    }
}

/// The answer (RFC 7591, section 3.2.1): what is registered, and the secret, this once.
pub fn answer(id: &ClientId, secret: Option<&ClientSecret>, registration: &Registration, now: Timestamp) -> Value {
    let method = match registration.auth_method {
        AuthMethod::SecretEither => AuthMethod::SecretBasic,
        method @ (AuthMethod::None | AuthMethod::SecretBasic | AuthMethod::SecretPost | AuthMethod::PrivateKeyJwt) => {
            method
        }
    };
    let uris: Vec<_> = registration.redirect_uris.iter().map(RedirectUri::as_str).collect();
    let grants: Vec<_> = registration.grant_types.iter().map(|grant| grant.as_str()).collect();
    let mut answer = json!({
        "client_id": id.as_str(),
        "client_id_issued_at": now.as_secs(),
        "redirect_uris": uris,
        "grant_types": grants,
        "response_types": ["code"],
        "token_endpoint_auth_method": method.as_str(),
        "scope": registration.scopes.to_string(),
    });
    if let Some(name) = &registration.name {
        answer["client_name"] = name.as_str().into();
    }
    if let Some(jwks) = registration.jwks.as_ref().and_then(|jwks| serde_json::from_str::<Value>(jwks).ok()) {
        answer["jwks"] = jwks;
    }
    if let Some(secret) = secret {
        answer["client_secret"] = secret.expose().into();
        answer["client_secret_expires_at"] = 0.into();
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::metadata::Site;

    fn read_here(body: &[u8]) -> Result<Registration, RegistrationRefusal> {
        let site = Site::new(&"https://mcp.acme.example".parse().unwrap());
        read(body, Destinations { schemes: &["com.example.app".to_owned()], site: &site })
    }

    fn of(value: &Value) -> Result<Registration, RegistrationRefusal> {
        read_here(value.to_string().as_bytes())
    }

    #[test]
    fn what_a_client_leaves_out_is_filled_in() {
        let read = of(&json!({ "redirect_uris": ["https://app.example/cb"], "software_statement": 7 })).unwrap();
        assert_eq!((read.name, read.auth_method), (None, AuthMethod::SecretEither));
        assert_eq!(read.grant_types.len(), 2);
        assert_eq!(read.scopes.to_string(), "mcp:read mcp:write");
    }

    #[test]
    fn item_68_each_wrong_member_has_the_word_of_the_rfc() {
        let with = |name: &str, value: Value| {
            let mut body = json!({ "redirect_uris": ["http://127.0.0.1/cb"] });
            body[name] = value;
            of(&body).map_err(RegistrationRefusal::code)
        };
        let metadata = Err("invalid_client_metadata");
        for uris in [
            json!([]),
            json!(["javascript:alert(1)"]),
            json!(["http://app.example/cb"]),
            json!(["https://app.example/cb#x"]),
            json!(["com.other.app:/cb"]),
            json!(["https://app.example/cb", "https://mcp.acme.example/cb"]),
            Value::Null,
            json!(vec!["https://app.example/cb"; 11]),
        ] {
            assert_eq!(with("redirect_uris", uris.clone()), Err("invalid_redirect_uri"), "{uris}");
        }
        assert!(with("redirect_uris", json!(["com.example.app:/cb"])).is_ok());
        assert_eq!(with("redirect_uris", json!("https://app.example/cb")), metadata);
        assert_eq!(with("token_endpoint_auth_method", json!("private_key_jwt")), metadata);
        assert_eq!(with("grant_types", json!(["client_credentials"])), metadata);
        assert_eq!(with("grant_types", json!(["refresh_token"])), metadata);
        assert_eq!(with("response_types", json!(["token"])), metadata);
        assert_eq!(with("scope", json!("admin")), metadata);
        assert_eq!(with("client_name", json!("\u{202E}evil")), metadata);
        assert_eq!(with("client_name", json!("x".repeat(81))), metadata);
        let kept = with("grant_types", json!(["authorization_code", "client_credentials", "implicit"])).unwrap();
        assert_eq!(kept.grant_types.into_iter().collect::<Vec<_>>(), [GrantType::AuthorizationCode]);
        for body in ["", "[]", "{\"redirect_uris\": [], \"redirect_uris\": []}", "\u{feff}{}"] {
            assert!(read_here(body.as_bytes()).is_err(), "{body}");
        }
    }
}
