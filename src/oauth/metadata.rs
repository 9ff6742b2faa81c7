//! What the authorization server says of itself (RFC 8414), and the addresses that it says it with.
//!
//! One issuer and one resource, written out once from the configuration, so that no two documents, parameters or claims can
//! spell them differently. Only what is served is named: an endpoint that configuration turns off is not in the document.

use serde_json::{Value, json};
use url::Url;

use crate::keys::assertion::ALGORITHMS;
use crate::model::Scope;

/// The paths of the endpoints, below the issuer.
pub mod path {
    /// RFC 6749, section 3.1.
    pub const AUTHORIZE: &str = "/authorize";
    /// RFC 6749, section 3.2.
    pub const TOKEN: &str = "/token";
    /// RFC 7591, section 3.
    pub const REGISTER: &str = "/register";
    /// RFC 7009, section 2.
    pub const REVOKE: &str = "/revoke";
    /// RFC 7662, section 2.
    pub const INTROSPECT: &str = "/introspect";
    /// RFC 7517, section 5.
    pub const JWKS: &str = "/jwks.json";
    /// The page that makes the first account.
    pub const SET_UP: &str = "/set-up";
}

/// Where the server is, and what it protects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    origin: Url,
    issuer: String,
    resource: String,
}

impl Site {
    /// The site of this public URL.
    pub fn new(public_url: &Url) -> Self {
        let issuer = public_url.origin().ascii_serialization();
        Self { origin: public_url.clone(), resource: format!("{issuer}/mcp"), issuer }
    }

    /// The origin, to compare others with.
    pub fn origin(&self) -> &Url {
        &self.origin
    }

    /// The issuer: the bare origin, without a slash at its end.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The one resource: the URL of the MCP endpoint.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The address of a path.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// Whether the public address is behind TLS.
    pub fn is_secure(&self) -> bool {
        self.issuer.starts_with("https:")
    }
}

/// How clients may authenticate at the token and revocation endpoints.
pub const CLIENT_METHODS: [&str; 4] = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"];

/// The grants that are served.
pub const GRANTS: [&str; 3] = ["authorization_code", "refresh_token", "client_credentials"];

/// What the configuration turns on and off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offers {
    /// Clients can register themselves.
    pub registration: bool,
    /// Clients can be known by a document at the address that is their id.
    pub client_documents: bool,
}

/// The document of `/.well-known/oauth-authorization-server`.
pub fn authorization_server(site: &Site, offers: Offers) -> Value {
    let mut document = json!({
        "issuer": site.issuer(),
        "authorization_endpoint": site.address(path::AUTHORIZE),
        "token_endpoint": site.address(path::TOKEN),
        "jwks_uri": site.address(path::JWKS),
        "revocation_endpoint": site.address(path::REVOKE),
        "introspection_endpoint": site.address(path::INTROSPECT),
        "scopes_supported": Scope::ALL.map(Scope::as_str),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GRANTS,
        "token_endpoint_auth_methods_supported": CLIENT_METHODS,
        "revocation_endpoint_auth_methods_supported": CLIENT_METHODS,
        "introspection_endpoint_auth_methods_supported": CLIENT_METHODS[1..],
        "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "introspection_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": offers.client_documents,
        "protected_resources": [site.resource()],
    });
    if offers.registration {
        document["registration_endpoint"] = site.address(path::REGISTER).into();
    }
    document
}

/// The document of `/.well-known/openid-configuration`, for clients that look there first. OpenID discovery requires two
/// members more; no ID token is issued, so `openid` is not among the scopes.
pub fn openid_configuration(site: &Site, offers: Offers, algorithm: &str) -> Value {
    let mut document = authorization_server(site, offers);
    document["subject_types_supported"] = json!(["public"]);
    document["id_token_signing_alg_values_supported"] = json!([algorithm]);
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Offers = Offers { registration: true, client_documents: true };

    #[test]
    fn the_issuer_is_the_bare_origin_everywhere() {
        let site = Site::new(&"https://mcp.acme.example:443/".parse().unwrap());
        assert_eq!((site.issuer(), site.resource()), ("https://mcp.acme.example", "https://mcp.acme.example/mcp"));
        let document = authorization_server(&site, ALL);
        assert_eq!(document["issuer"], site.issuer());
        for (name, value) in document.as_object().unwrap() {
            if name.ends_with("_endpoint") || name == "jwks_uri" {
                assert!(value.as_str().unwrap().starts_with("https://mcp.acme.example/"), "{name}");
            }
        }
    }

    #[test]
    fn registration_is_named_where_it_is_served() {
        let site = Site::new(&"http://127.0.0.1:8080".parse().unwrap());
        let none = authorization_server(&site, Offers { registration: false, client_documents: false });
        assert_eq!(none.get("registration_endpoint"), None);
        assert_eq!(none["client_id_metadata_document_supported"], false);
        assert_eq!(
            openid_configuration(&site, ALL, "EdDSA")["registration_endpoint"],
            "http://127.0.0.1:8080/register"
        );
    }
}
