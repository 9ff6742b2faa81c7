//! What goes to the authorization server and comes back. These types describe; what reads and writes is in `oauth`.

use poem_openapi::Object;

/// A token request: a code, a refresh token or nothing but the client, and what proves who that is.
#[derive(Debug, Object)]
pub(super) struct TokenRequest {
    /// `authorization_code`, `refresh_token` or `client_credentials`.
    grant_type: String,
    /// The code, with `authorization_code`.
    code: Option<String>,
    /// That of the authorization request, if it is sent at all.
    redirect_uri: Option<String>,
    /// The secret behind the `code_challenge` (RFC 7636): 43 to 128 characters.
    code_verifier: Option<String>,
    /// The refresh token, with `refresh_token`.
    refresh_token: Option<String>,
    /// Scopes to narrow the access token to.
    scope: Option<String>,
    /// The resource that was granted (RFC 8707); left out, that one.
    resource: Option<String>,
    /// The client, if it is not in the `Authorization` header.
    client_id: Option<String>,
    /// The client's secret, if it has one and it is not in the `Authorization` header.
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, with `client_assertion`.
    client_assertion_type: Option<String>,
    /// What the client signed, if it authenticates so (RFC 7523).
    client_assertion: Option<String>,
}

/// Tokens (RFC 6749, section 5.1).
#[derive(Debug, Object)]
pub(super) struct TokenAnswer {
    /// A JWT of the form of RFC 9068, for the one resource; or, by configuration, one that says nothing.
    access_token: String,
    /// `Bearer`.
    token_type: String,
    /// How long the access token lives, in seconds.
    expires_in: u64,
    /// The scopes of the access token.
    scope: String,
    /// Replaces the one that was sent. It is there if the client may refresh.
    refresh_token: Option<String>,
}

/// A token, and the client that asks about it or gives it back.
#[derive(Debug, Object)]
pub(super) struct TokenInQuestion {
    /// An access or a refresh token.
    token: String,
    /// A hint; the token says itself what it is.
    token_type_hint: Option<String>,
    /// The client, if it is not in the `Authorization` header.
    client_id: Option<String>,
    /// The client's secret, if it has one and it is not in the `Authorization` header.
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, with `client_assertion`.
    client_assertion_type: Option<String>,
    /// What the client signed, if it authenticates so (RFC 7523).
    client_assertion: Option<String>,
}

/// That a token is given back.
#[derive(Debug, Object)]
pub(super) struct Revoked {}

/// What a token is worth (RFC 7662, section 2.2). One that is not good, or not this client's business, is `active: false` and no
/// more.
#[derive(Debug, Object)]
pub(super) struct Introspection {
    /// Whether it is good now.
    active: bool,
    /// This server.
    iss: Option<String>,
    /// The one resource.
    aud: Option<String>,
    /// The account.
    sub: Option<String>,
    /// The account's login.
    username: Option<String>,
    /// Whom it was given to.
    client_id: Option<String>,
    /// What it allows.
    scope: Option<String>,
    /// Since when, in seconds since 1970.
    iat: Option<u64>,
    /// Until when, in seconds since 1970.
    exp: Option<u64>,
    /// The tenant of the account.
    tenant: Option<String>,
    /// `Bearer`, of an access token.
    token_type: Option<String>,
}

/// What a client says of itself (RFC 7591, section 2). Other members are ignored.
#[derive(Debug, Object)]
pub(super) struct Registration {
    /// Where answers may go: `https:`, `http:` on a loopback address, or an allowed scheme of an application. At most ten.
    redirect_uris: Vec<String>,
    /// What the consent page calls it. At most 80 characters.
    client_name: Option<String>,
    /// `none`, `client_secret_basic`, `client_secret_post` or `private_key_jwt`; left out, a secret that may be sent either way.
    token_endpoint_auth_method: Option<String>,
    /// The client's keys (RFC 7517), with `private_key_jwt`.
    jwks: Option<ClientKeys>,
    /// With `authorization_code` among them. Those that are not served are left out of what is registered.
    grant_types: Option<Vec<String>>,
    /// With `code` among them.
    response_types: Option<Vec<String>>,
    /// What it may ask for; left out, everything.
    scope: Option<String>,
}

/// A client's public keys.
#[derive(Debug, Object)]
pub(super) struct ClientKeys {
    /// Each of the form that RFC 7517 gives it.
    keys: Vec<serde_json::Value>,
}

/// What was registered (RFC 7591, section 3.2.1).
#[derive(Debug, Object)]
pub(super) struct Registered {
    /// The client's name from now on.
    client_id: String,
    /// Since when, in seconds since 1970.
    client_id_issued_at: u64,
    /// The secret, this once, if it has one.
    client_secret: Option<String>,
    /// 0: never. It is there if there is a secret.
    client_secret_expires_at: Option<u64>,
    /// What the consent page calls it.
    client_name: Option<String>,
    /// Where answers may go.
    redirect_uris: Vec<String>,
    /// Which grants it may use.
    grant_types: Vec<String>,
    /// `code`.
    response_types: Vec<String>,
    /// How it authenticates.
    token_endpoint_auth_method: String,
    /// Its keys, if it authenticates by one.
    jwks: Option<ClientKeys>,
    /// What it may ask for.
    scope: String,
}

/// The authorization server's metadata (RFC 8414, section 2).
#[derive(Debug, Object)]
pub(super) struct ServerMetadata {
    /// The bare origin.
    issuer: String,
    /// Where a person is sent.
    authorization_endpoint: String,
    /// Where codes and refresh tokens are exchanged.
    token_endpoint: String,
    /// The keys that access tokens are signed with.
    jwks_uri: String,
    /// Where tokens are given back.
    revocation_endpoint: String,
    /// Where tokens are asked about.
    introspection_endpoint: String,
    /// Where clients register themselves, if they can.
    registration_endpoint: Option<String>,
    /// Every scope.
    scopes_supported: Vec<String>,
    /// `code`.
    response_types_supported: Vec<String>,
    /// `query`.
    response_modes_supported: Vec<String>,
    /// The grants that are served.
    grant_types_supported: Vec<String>,
    /// How clients authenticate at the token endpoint.
    token_endpoint_auth_methods_supported: Vec<String>,
    /// How clients authenticate at the revocation endpoint.
    revocation_endpoint_auth_methods_supported: Vec<String>,
    /// How clients authenticate at the introspection endpoint.
    introspection_endpoint_auth_methods_supported: Vec<String>,
    /// How clients may sign what they authenticate by at the token endpoint.
    token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// The same at the revocation endpoint.
    revocation_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// The same at the introspection endpoint.
    introspection_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// `S256`.
    code_challenge_methods_supported: Vec<String>,
    /// `true`: answers carry `iss` (RFC 9207).
    authorization_response_iss_parameter_supported: bool,
    /// Whether a client can be known by a document at the address that is its id (Client ID Metadata Documents).
    client_id_metadata_document_supported: bool,
    /// The URL of the MCP endpoint.
    protected_resources: Vec<String>,
    /// `public`. OpenID discovery asks for it.
    subject_types_supported: Option<Vec<String>>,
    /// OpenID discovery asks for it; no ID tokens are issued.
    id_token_signing_alg_values_supported: Option<Vec<String>>,
}

/// Keys (RFC 7517, section 5).
#[derive(Debug, Object)]
pub(super) struct KeySet {
    /// Those that sign, will sign, and have signed what may still be good.
    keys: Vec<PublicKey>,
}

/// A public key (RFC 8037).
#[derive(Debug, Object)]
pub(super) struct PublicKey {
    /// `OKP`.
    kty: String,
    /// `Ed25519`.
    crv: String,
    /// The key.
    x: String,
    /// Its name in the header of a token.
    kid: String,
    /// `EdDSA`.
    alg: String,
    /// `sig`.
    #[oai(rename = "use")]
    usage: String,
}
