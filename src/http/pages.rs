//! The pages that a person sees: sign-in, consent, sign-out and notices. Rendered here, without scripts, with nothing from
//! elsewhere; whatever a client or a person wrote is escaped.

use askama::Template;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, Response};
use url::Url;

use crate::upstream::Provider;

/// What each of the pages has around its content.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    host: String,
    is_secure: bool,
}

/// Nothing from elsewhere, no scripts, no frames, and forms that lead nowhere else than here. Browsers hold `form-action` against
/// every redirect that follows a form, so no form is answered by a redirect to a client: [`HandOver`] goes there.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; \
                      base-uri 'none'";

/// The sign-in page.
#[derive(Template)]
#[template(path = "sign-in.html")]
pub(super) struct SignIn<'a> {
    pub(super) frame: &'a Frame,
    pub(super) client: &'a str,
    pub(super) handle: &'a str,
    pub(super) csrf: &'a str,
    pub(super) account: &'a str,
    /// Where else the person can sign in.
    pub(super) providers: Vec<ProviderLink<'a>>,
    pub(super) problem: Option<&'a str>,
}

/// An OpenID provider, on the sign-in page.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProviderLink<'a> {
    pub(super) name: &'a str,
    pub(super) label: &'a str,
}

impl<'a> ProviderLink<'a> {
    pub(super) fn of(provider: &'a Provider) -> Self {
        Self { name: provider.name().as_str(), label: provider.label() }
    }
}

/// The page that makes the first account.
#[derive(Template)]
#[template(path = "set-up.html")]
pub(super) struct SetUp<'a> {
    pub(super) frame: &'a Frame,
    pub(super) link: &'a str,
    pub(super) csrf: &'a str,
    pub(super) tenants: Vec<&'a str>,
    pub(super) account: &'a str,
    pub(super) tenant: &'a str,
    pub(super) external_user: &'a str,
    /// The fewest characters of a password.
    pub(super) fewest: usize,
    pub(super) problem: Option<&'a str>,
}

/// A scope, for people.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScopeText {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

/// The consent page.
#[derive(Template)]
#[template(path = "consent.html")]
pub(super) struct Consent<'a> {
    pub(super) frame: &'a Frame,
    pub(super) client: &'a str,
    /// Whether the operator made the client known.
    pub(super) vouched: bool,
    /// Who says what the client is, in a few words.
    pub(super) standing: &'a str,
    /// The host of the document that the client is known by.
    pub(super) described_at: Option<&'a str>,
    pub(super) redirect_host: &'a str,
    pub(super) loopback: bool,
    pub(super) account: &'a str,
    /// Where the person signed in, if not here.
    pub(super) provider: Option<&'a str>,
    pub(super) tenant: &'a str,
    pub(super) resource: &'a str,
    pub(super) scopes: Vec<ScopeText>,
    pub(super) handle: &'a str,
    pub(super) csrf: &'a str,
    pub(super) sign_out_csrf: &'a str,
}

/// The page between a decision and the client, which goes on by itself.
///
/// A redirect would be shorter. But Chromium (148, measured) and Safari apply the consent page's `form-action` to it, and to each
/// redirect after it. With the client's own origin listed, a client whose callback leads on to another of its hosts is
/// stopped there, after it has had the code, and the person sees a button that does nothing; with `https:` listed, the policy
/// stops nobody. A page of ours ends the form's way here, and what it goes on to is an ordinary navigation.
#[derive(Template)]
#[template(path = "hand-over.html")]
pub(super) struct HandOver<'a> {
    pub(super) frame: &'a Frame,
    pub(super) client: &'a str,
    pub(super) allowed: bool,
    pub(super) address: &'a str,
}

/// The page that asks whether to sign out.
#[derive(Template)]
#[template(path = "sign-out.html")]
pub(super) struct SignOut<'a> {
    pub(super) frame: &'a Frame,
    pub(super) account: &'a str,
    pub(super) csrf: &'a str,
}

/// A page with something to read, and perhaps a way on.
#[derive(Template)]
#[template(path = "notice.html")]
pub(super) struct Notice<'a> {
    pub(super) frame: &'a Frame,
    pub(super) heading: &'a str,
    pub(super) text: &'a str,
    pub(super) hint: Option<&'a str>,
    /// Where else one can go, and what the link says.
    pub(super) link: Option<(&'a str, &'a str)>,
}

impl Frame {
    /// The frame of the pages at this public URL.
    pub(super) fn new(public_url: &Url) -> Self {
        let host = public_url.host_str().unwrap_or_default();
        let host = public_url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Self { host, is_secure: public_url.scheme() == "https" }
    }

    /// The host, and the port if it has one.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Renders a page, with the headers that keep it to itself (RFC 9700, sections 4.2 and 4.16).
    pub(super) fn page(&self, status: StatusCode, page: &impl Template) -> Response {
        let text = match page.render() {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(%error, "a page could not be rendered");
                return Response::from(StatusCode::INTERNAL_SERVER_ERROR);
            }
        };
        let mut response =
            Response::builder().status(status).content_type("text/html; charset=utf-8").body(Body::from(text));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.protect(&mut response);
        response
    }

    /// A page with something to read.
    pub(super) fn notice(&self, status: StatusCode, heading: &str, text: &str, hint: Option<&str>) -> Response {
        self.page(status, &Notice { frame: self, heading, text, hint, link: None })
    }

    /// Hands the browser over to a client.
    pub(super) fn hand_over(&self, client: &str, allowed: bool, address: &str) -> Response {
        let mut response = self.page(StatusCode::OK, &HandOver { frame: self, client, allowed, address });
        match HeaderValue::from_str(&format!("0; url={address}")) {
            Ok(mut value) => {
                value.set_sensitive(true);
                response.headers_mut().insert(header::REFRESH, value);
            }
            // The page has the address too, to go there by hand.
            Err(error) => tracing::error!(%error, "the address of a client could not be written"),
        }
        response
    }

    /// The headers of every answer to a browser, redirects too.
    pub(super) fn protect(&self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.is_secure {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
    }
}

/// What the pages load.
pub(super) fn asset(name: &str) -> Option<Response> {
    let (kind, text) = match name {
        "style.css" => ("text/css; charset=utf-8", include_str!("../../templates/style.css")),
        "docs.css" => ("text/css; charset=utf-8", include_str!("../../templates/docs.css")),
        "mark.svg" => ("image/svg+xml", include_str!("../../templates/mark.svg")),
        _ => return None,
    };
    let mut response = Response::builder().content_type(kind).body(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_client_calls_itself_stays_text() {
        let frame = Frame::new(&"https://mcp.acme.example".parse().unwrap());
        let evil = "<script>alert(1)</script>\"'&";
        let providers = vec![ProviderLink { name: "x", label: evil }];
        let (client, handle, csrf, account) = (evil, evil, evil, evil);
        let page = SignIn { frame: &frame, client, handle, csrf, account, providers, problem: Some(evil) };
        let response = frame.page(StatusCode::OK, &page);
        assert_eq!(response.headers()["strict-transport-security"], "max-age=31536000");
        let text = response.into_body().into_string().await.unwrap();
        assert!(!text.contains("<script") && !text.contains(evil), "{text}");
        assert!(text.contains("&#60;script&#62;"), "{text}");
    }
}
