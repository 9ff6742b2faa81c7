//! From an address to a token.

use std::collections::BTreeMap;

use rmcp::transport::AuthorizationManager;
use rmcp::transport::auth::{AuthorizationMetadataSource, OAuthClientConfig};
use secrecy::ExposeSecret as _;
use url::Url;

use super::arguments::Asked;
use super::failure::ConnectError;
use super::loopback::Loopback;
use super::{browser, say};

/// What the consent page calls this client.
const NAME: &str = "bailiwick connect";

/// Goes the whole way; the manager then holds the token.
pub(super) async fn sign_in(asked: &Asked, loopback: Loopback) -> Result<AuthorizationManager, ConnectError> {
    let (mut manager, issuer) = discover(&asked.url).await?;
    let scopes = if asked.scopes.is_empty() { manager.select_initial_scopes(&[]).await } else { asked.scopes.clone() };
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    identify(&mut manager, asked, &issuer, loopback.redirect_uri(), &scopes).await?;
    let address = manager.get_authorization_url(&scopes).await;
    let address =
        address.map_err(|source| ConnectError::Request { issuer: issuer.clone(), source: Box::new(source) })?;

    say("sign in at", &address);
    if asked.opens_browser
        && let Err(error) = browser::open(&address)
    {
        say("no browser", &format!("{error}; open the address above"));
    }
    say("waiting", &format!("for the browser to come back to {}", loopback.redirect_uri()));
    let state = state(&address);
    let answer = loopback.answer(&state, asked.patience).await?;
    let issuer_said = answer.get("iss").map(String::as_str);
    let code = code(&answer, &issuer)?;
    manager
        .exchange_code_for_token_with_issuer(code, &state, issuer_said)
        .await
        .map_err(|source| ConnectError::Exchange { issuer, source: Box::new(source) })?;
    say("signed in", &format!("with the scopes {}", manager.get_current_scopes().await.join(" ")));
    Ok(manager)
}

/// Finds the authorization server; gives its issuer, or its address where it does not name itself.
async fn discover(url: &Url) -> Result<(AuthorizationManager, String), ConnectError> {
    let failed = |source| ConnectError::Discovery { url: url.to_string(), source: Box::new(source) };
    let mut manager = AuthorizationManager::new(url.clone()).await.map_err(failed)?;
    let found = manager.resolve_metadata().await.map_err(failed)?;
    let how = match found.source {
        AuthorizationMetadataSource::ProtectedResourceMetadata => "named by the metadata of the MCP endpoint",
        AuthorizationMetadataSource::AuthorizationServerMetadata => "at the address of the MCP endpoint itself",
        // What rmcp makes up without any metadata, and whatever a later version adds.
        AuthorizationMetadataSource::LegacyEndpointFallback | _ => {
            return Err(ConnectError::NoMetadata { url: url.to_string() });
        }
    };
    let issuer = found.metadata.issuer.clone().unwrap_or_else(|| found.metadata.token_endpoint.clone());
    manager.set_metadata(found.metadata);
    say("discovered", &format!("{issuer}, {how}"));
    Ok((manager, issuer))
}

/// Becomes a client of the server: the one that was given, or a new one.
async fn identify(
    manager: &mut AuthorizationManager,
    asked: &Asked,
    issuer: &str,
    redirect_uri: &str,
    scopes: &[&str],
) -> Result<(), ConnectError> {
    let Some(known) = &asked.client else {
        let registered = manager.register_client(NAME, redirect_uri, scopes).await;
        let client = registered
            .map_err(|source| ConnectError::Registration { issuer: issuer.to_owned(), source: Box::new(source) })?;
        say("registered", &format!("as {}", client.client_id));
        return Ok(());
    };
    let mut client = OAuthClientConfig::new(&known.id, redirect_uri)
        .with_scopes(scopes.iter().map(|scope| (*scope).to_owned()).collect());
    if let Some(secret) = &known.secret {
        client = client.with_client_secret(secret.expose_secret());
    }
    manager.configure_client(client).map_err(|source| ConnectError::Client {
        client: known.id.clone(),
        issuer: issuer.to_owned(),
        source: Box::new(source),
    })
}

/// The `state` of an authorization request.
fn state(address: &str) -> String {
    let url: Option<Url> = address.parse().ok();
    let found =
        url.and_then(|url| url.query_pairs().find(|(name, _)| name == "state").map(|(_, value)| value.into_owned()));
    found.unwrap_or_default()
}

/// The code of an answer. An error is believed only of the issuer that was asked, where it says who it is (RFC 9207).
fn code<'a>(answer: &'a BTreeMap<String, String>, issuer: &str) -> Result<&'a str, ConnectError> {
    if let Some(found) = answer.get("iss").filter(|found| *found != issuer) {
        return Err(ConnectError::Issuer { expected: issuer.to_owned(), found: found.clone() });
    }
    if let Some(code) = answer.get("error") {
        let description = answer.get("error_description").cloned();
        return Err(ConnectError::Refused { code: code.clone(), description });
    }
    answer.get("code").map(String::as_str).ok_or(ConnectError::NoCode)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn another_issuers_answer_is_not_trusted_be_it_a_code_or_an_error() {
        let issuer = "https://mcp.acme.example";
        assert_eq!(code(&answer(&[("code", "c"), ("iss", issuer)]), issuer).unwrap(), "c");
        for given in [("code", "c"), ("error", "access_denied")] {
            let error = code(&answer(&[given, ("iss", "https://evil.example")]), issuer).unwrap_err();
            assert!(matches!(error, ConnectError::Issuer { .. }), "{error}");
        }
        let error = code(&answer(&[("error", "access_denied"), ("error_description", "no")]), issuer).unwrap_err();
        assert_eq!(error.to_string(), "the authorization server answered `access_denied`: no");
        assert!(matches!(code(&answer(&[]), issuer), Err(ConnectError::NoCode)));
    }

    #[test]
    fn the_state_is_read_from_the_request() {
        assert_eq!(state("http://127.0.0.1/authorize?client_id=a&state=a%20b"), "a b");
    }
}
