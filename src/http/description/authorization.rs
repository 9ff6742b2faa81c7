//! The endpoints of the authorization server, described.

use std::collections::HashMap;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::OpenApi;
use poem_openapi::registry::{
    MetaApi, MetaOperation, MetaPath, MetaResponse, MetaResponses, MetaSecurityScheme, Registry,
};
use poem_openapi::types::Type as _;

use super::operation::{
    BASIC, FORM, answer, body, client_authentication, error, json, operation, page, query, with_header,
};
use super::pages;
use super::shapes::{
    Introspection, KeySet, Registered, Registration, Revoked, ServerMetadata, TokenAnswer, TokenInQuestion,
    TokenRequest,
};
use crate::oauth::metadata::path;

/// What is said of the endpoints in [`crate::http::oauth`]. It adds no route.
pub(super) struct Authorization;

impl OpenApi for Authorization {
    fn meta() -> Vec<MetaApi> {
        let documents = [
            ("/.well-known/oauth-authorization-server", "server_metadata", SERVER_METADATA),
            ("/.well-known/openid-configuration", "openid_configuration", OPENID),
        ];
        let documents = documents.map(|(path, id, summary)| {
            let mut operation = operation(Method::GET, id, summary, ALIASES);
            operation.responses = one(json::<ServerMetadata>(200, "The document."));
            (path, operation)
        });
        let endpoints = [
            (path::JWKS, keys()),
            (path::AUTHORIZE, authorize()),
            (path::TOKEN, token()),
            (path::REVOKE, revoke()),
            (path::INTROSPECT, introspect()),
            (path::REGISTER, register()),
        ];
        let path =
            |(path, operation): (&str, MetaOperation)| MetaPath { path: path.to_owned(), operations: vec![operation] };
        let paths = documents.into_iter().chain(endpoints).map(path);
        vec![MetaApi { paths: paths.chain(pages::paths()).collect() }]
    }

    fn register(registry: &mut Registry) {
        ServerMetadata::register(registry);
        KeySet::register(registry);
        TokenRequest::register(registry);
        TokenAnswer::register(registry);
        TokenInQuestion::register(registry);
        Revoked::register(registry);
        Introspection::register(registry);
        Registration::register(registry);
        Registered::register(registry);
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: Some("A client's id and secret, each form-encoded before they are joined (RFC 6749, 2.3.1)."),
            name: None,
            key_in: None,
            scheme: Some("basic"),
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(BASIC, scheme);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

const SERVER_METADATA: &str = "Describes the authorization server (RFC 8414).";
const OPENID: &str = "The same, for clients that look where OpenID has it.";
const ALIASES: &str = "Served with `/mcp` behind it and below `/mcp` too, because clients look there.";

fn one(response: MetaResponse) -> MetaResponses {
    MetaResponses { responses: vec![response] }
}

fn keys() -> MetaOperation {
    let about = "A key is published before it signs, and for as long as a token of it lives.";
    let mut operation = operation(Method::GET, "keys", "Gives the keys that access tokens are signed with.", about);
    operation.responses = one(json::<KeySet>(200, "The keys."));
    operation
}

fn authorize() -> MetaOperation {
    let about = "A browser comes here, goes on to the pages of sign-in and consent, and back to the client with `code` (or \
                 `error`), `state` and `iss`. A parameter that is sent twice is an error; one that is not known is ignored.";
    let mut operation =
        operation(Method::GET, "authorize", "Begins an authorization (RFC 6749, section 4.1.1).", about);
    operation.params = vec![
        query("response_type", true, "`code`."),
        query("client_id", true, "The client."),
        query("redirect_uri", false, "One of the client's; left out, its only one."),
        query("code_challenge", true, "The SHA-256 of a secret, as 43 characters of base64url (RFC 7636)."),
        query("code_challenge_method", true, "`S256`."),
        query("scope", false, "Some of `mcp:read` and `mcp:write`; left out, the client's."),
        query("state", false, "Comes back as it was sent. At most 4096 bytes."),
        query("resource", false, "The URL of the MCP endpoint (RFC 8707); left out, that one."),
    ];
    let on = answer(303, "On to the sign-in or consent page; or to the client, with the error in the query.");
    operation.responses.responses = vec![
        with_header(on, "Location", "Where to."),
        page(400, "The client or where its answer goes is not known to be good, so nobody is sent anywhere."),
        error(405, "Not by this method.", &["invalid_request"]),
        with_header(page(429, "Too many requests."), "Retry-After", "Seconds."),
        with_header(page(503, "Something failed on this side; nothing was done."), "Retry-After", "Seconds."),
    ];
    operation
}

fn token() -> MetaOperation {
    let about = "A code counts once. A refresh token is replaced each time; the same one is answered once more where the answer \
                 may have been lost, and ends its family where it comes back late.";
    let mut operation =
        operation(Method::POST, "token", "Gives tokens for a code, for a refresh token, or to a client itself.", about);
    operation.request = Some(body::<TokenRequest>(FORM));
    operation.security = client_authentication();
    operation.responses.responses = vec![json::<TokenAnswer>(200, "Tokens.")];
    operation.responses.responses.extend(refusals(&[
        "invalid_request",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_target",
    ]));
    operation
}

fn revoke() -> MetaOperation {
    let about = "A refresh token ends its whole family, an access token too. An unknown token is as good as one that is revoked.";
    let mut operation = operation(Method::POST, "revoke", "Takes a token back (RFC 7009).", about);
    operation.request = Some(body::<TokenInQuestion>(FORM));
    operation.security = client_authentication();
    operation.responses.responses = vec![json::<Revoked>(200, "It is not good, whatever it was before.")];
    operation.responses.responses.extend(refusals(&["invalid_request"]));
    operation
}

fn introspect() -> MetaOperation {
    let about = "For confidential clients: about their own tokens, and about those of the tenants that they serve if the operator \
                 made them known.";
    let mut operation = operation(Method::POST, "introspect", "Says what a token is worth (RFC 7662).", about);
    operation.request = Some(body::<TokenInQuestion>(FORM));
    operation.security = client_authentication();
    operation.responses.responses = vec![json::<Introspection>(200, "What it is worth.")];
    operation.responses.responses.extend(refusals(&["invalid_request"]));
    operation
}

fn register() -> MetaOperation {
    let about = "Served where the configuration says so; with `registration = \"token\"` the request carries the initial access \
                 token as `Authorization: Bearer`.";
    let mut operation = operation(Method::POST, "register", "Registers a client (RFC 7591).", about);
    operation.request = Some(body::<Registration>("application/json"));
    let bearer = error(401, "An initial access token is needed.", &["invalid_token"]);
    operation.responses.responses = vec![
        json::<Registered>(201, "What was registered."),
        error(400, "It cannot be registered.", &["invalid_redirect_uri", "invalid_client_metadata"]),
        with_header(bearer, "WWW-Authenticate", "`Bearer`."),
        error(405, "Not by this method.", &["invalid_request"]),
        error(413, "The body is longer than 16 KiB.", &["invalid_client_metadata"]),
        too_many(),
        unavailable(),
    ];
    operation
}

/// What the endpoints that read a form refuse with, besides these errors of their own.
fn refusals(bad_request: &[&'static str]) -> Vec<MetaResponse> {
    let client = error(401, "The client did not prove itself; it may register anew.", &["invalid_client"]);
    vec![
        error(400, "The request is refused.", bad_request),
        client,
        error(405, "Not by this method.", &["invalid_request"]),
        error(413, "The body is longer than 16 KiB.", &["invalid_request"]),
        too_many(),
        unavailable(),
    ]
}

fn too_many() -> MetaResponse {
    with_header(error(429, "Too many requests.", &["slow_down"]), "Retry-After", "Seconds.")
}

fn unavailable() -> MetaResponse {
    let failed =
        error(503, "Something failed on this side; what was sent is as good as before.", &["temporarily_unavailable"]);
    with_header(failed, "Retry-After", "Seconds.")
}
