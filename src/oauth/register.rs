//! Dynamic client registration (RFC 7591): what a client that nobody knows may say of itself.
//!
//! It can choose its name, its redirect URIs and how it authenticates. It cannot give itself a grant that is not served, a
//! scope that does not exist, or a place where a browser would do something else than go there. Members that are not known
//! are ignored, as section 2 asks; grants that are not served are left out, because common clients list them all, as long as
//! one remains that is. What is registered is what the answer says.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::refusal::RegistrationRefusal;
use crate::keys::strict_json;
use crate::model::oauth::{AuthMethod, ClientSecret, GrantType, RedirectUri};
use crate::model::{ClientId, Scope, Scopes, Timestamp, is_invisible};

/// The most redirect URIs of one client.
const MOST_REDIRECTS: usize = 10;

/// The longest name, in characters: it stands in a heading.
const LONGEST_NAME: usize = 80;

/// What a client is registered as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// What it calls itself.
    pub name: Option<String>,
    /// Where answers may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// How it authenticates.
    pub auth_method: AuthMethod,
    /// Which grants it may use.
    pub grant_types: BTreeSet<GrantType>,
    /// What it may ask for.
    pub scopes: Scopes,
}

/// Reads a request. `schemes` are the private-use schemes that the operator allows.
pub fn read(body: &[u8], schemes: &[String]) -> Result<Registration, RegistrationRefusal> {
    let members = strict_json::object(body).map_err(|_| RegistrationRefusal::Body)?;
    let member = |name: &str| members.get(name).filter(|value| !value.is_null());
    let text = |name: &'static str| match member(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(RegistrationRefusal::Member(name)),
    };
    let texts = |name: &'static str| match member(name) {
        None => Ok(None),
        Some(Value::Array(list)) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            texts.map(Some).ok_or(RegistrationRefusal::Member(name))
        }
        Some(_) => Err(RegistrationRefusal::Member(name)),
    };
    let name = text("client_name")?.map(str::trim).filter(|name| !name.is_empty());
    if name.is_some_and(|name| name.chars().count() > LONGEST_NAME || name.chars().any(|c| c != ' ' && is_invisible(c)))
    {
        return Err(RegistrationRefusal::Member("client_name"));
    }
    Ok(Registration {
        name: name.map(ToOwned::to_owned),
        redirect_uris: redirect_uris(texts("redirect_uris")?, schemes)?,
        auth_method: auth_method(text("token_endpoint_auth_method")?)?,
        grant_types: grants(texts("grant_types")?, texts("response_types")?)?,
        scopes: scopes(text("scope")?)?,
    })
}

fn redirect_uris(sent: Option<Vec<&str>>, schemes: &[String]) -> Result<Vec<RedirectUri>, RegistrationRefusal> {
    let sent = sent.filter(|sent| !sent.is_empty()).ok_or(RegistrationRefusal::NoRedirect)?;
    if sent.len() > MOST_REDIRECTS {
        return Err(RegistrationRefusal::TooManyRedirects);
    }
    let read = |text: &str| {
        let uri: RedirectUri = text.parse().map_err(|_| RegistrationRefusal::Redirect)?;
        let allowed = uri.private_scheme().is_none_or(|scheme| schemes.iter().any(|allowed| allowed == scheme));
        if allowed { Ok(uri) } else { Err(RegistrationRefusal::Redirect) }
    };
    sent.into_iter().map(read).collect()
}

/// A client that does not choose gets a secret and may send it either way: the usual ones do not do as they registered.
fn auth_method(sent: Option<&str>) -> Result<AuthMethod, RegistrationRefusal> {
    match sent {
        None => Ok(AuthMethod::SecretEither),
        Some("none") => Ok(AuthMethod::None),
        Some("client_secret_basic") => Ok(AuthMethod::SecretBasic),
        Some("client_secret_post") => Ok(AuthMethod::SecretPost),
        Some(_) => Err(RegistrationRefusal::AuthMethod),
    }
}

fn grants(grants: Option<Vec<&str>>, responses: Option<Vec<&str>>) -> Result<BTreeSet<GrantType>, RegistrationRefusal> {
    if responses.is_some_and(|responses| !responses.contains(&"code")) {
        return Err(RegistrationRefusal::ResponseTypes);
    }
    let Some(sent) = grants else { return Ok(GrantType::ALL.iter().copied().collect()) };
    let served: BTreeSet<GrantType> = sent.iter().filter_map(|grant| grant.parse().ok()).collect();
    if served.contains(&GrantType::AuthorizationCode) { Ok(served) } else { Err(RegistrationRefusal::GrantTypes) }
}

fn scopes(sent: Option<&str>) -> Result<Scopes, RegistrationRefusal> {
    let Some(sent) = sent else { return Ok(Scope::ALL.into_iter().collect()) };
    let known = Scopes::known_in(sent);
    if known.is_empty() { Err(RegistrationRefusal::Member("scope")) } else { Ok(known) }
}

/// The answer (RFC 7591, section 3.2.1): what is registered, and the secret, this once.
pub fn answer(id: &ClientId, secret: Option<&ClientSecret>, registration: &Registration, now: Timestamp) -> Value {
    let method = match registration.auth_method {
        AuthMethod::SecretEither => AuthMethod::SecretBasic,
        method @ (AuthMethod::None | AuthMethod::SecretBasic | AuthMethod::SecretPost) => method,
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
    if let Some(secret) = secret {
        answer["client_secret"] = secret.expose().into();
        answer["client_secret_expires_at"] = 0.into();
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &Value) -> Result<Registration, RegistrationRefusal> {
        read(value.to_string().as_bytes(), &["com.example.app".to_owned()])
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
            assert!(read(body.as_bytes(), &[]).is_err(), "{body}");
        }
    }
}
