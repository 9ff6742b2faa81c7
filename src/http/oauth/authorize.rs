//! `/authorize`: an authorization request comes in by a GET, and waits; nothing is given for it here (RFC 6749, section 4.1).

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::answer::see_other;
use super::form::{self, BadBody};
use super::{Oauth, browser};
use crate::http::pages::Notice;
use crate::model::oauth::RedirectUri;
use crate::oauth::{Local, NotAsked, NotBegun, Refusal, authorize};

/// Opens a request and sends the browser to the page that is next.
pub(super) async fn get(oauth: Arc<Oauth>, request: Request) -> Response {
    let ip = oauth.peer(&request);
    if let Err(wait) = oauth.throttle.page(ip) {
        return oauth.too_many(wait);
    }
    let parameters = match form::query(&request) {
        Ok(parameters) => parameters,
        Err(BadBody::Parameters(bad)) => return oauth.local(Local::Parameters(bad)),
        Err(BadBody::TooLong | BadBody::ContentType | BadBody::Lost) => return oauth.local(Local::TooLong),
    };
    let secret = browser::session(request.headers(), oauth.site());
    match oauth.server.begin(&parameters, secret.as_ref()).await {
        Ok(begun) => {
            let page = if begun.is_signed_in { "consent" } else { "sign-in" };
            let mut response = see_other(&format!("/{page}?request={}", begun.handle.expose()));
            if let Some(secret) = &begun.session {
                browser::set(&mut response, oauth.site(), secret);
            }
            oauth.frame.protect(&mut response);
            response
        }
        Err(NotBegun::Refused(NotAsked::Local(local))) => {
            oauth.audit.count_rejection("oauth_local_error", ip);
            oauth.local(local)
        }
        Err(NotBegun::Refused(NotAsked::Redirect { redirect_uri, state, refusal })) => {
            oauth.audit.count_rejection(refusal.code(), ip);
            let mut response = see_other(&oauth.refusal(&redirect_uri, state.as_deref(), refusal));
            oauth.frame.protect(&mut response);
            response
        }
        Err(NotBegun::Unvouched { redirect_uri, state, refusal }) => {
            oauth.audit.count_rejection(refusal.code(), ip);
            oauth.way_back(&redirect_uri, state.as_deref(), refusal)
        }
        Err(NotBegun::Failed(failure)) => oauth.failed(&failure),
    }
}

impl Oauth {
    /// A refusal that goes no further than this page.
    pub(super) fn local(&self, local: Local) -> Response {
        let text = format!("The application that sent you here made a mistake: {local}.");
        let hint = match local {
            Local::UnknownClient => "If you have used it before, remove the connection there and add it again.",
            Local::UnknownRedirect => "Whoever runs it can register the address with the operator of this server.",
            Local::ClientUrl | Local::ClientHost | Local::Document(_) => {
                "The application describes itself at an address of its own. Whoever runs it can put that right."
            }
            Local::Parameters(_) | Local::TooLong | Local::Repeated(_) | Local::NoClient | Local::NoRedirect => {
                "You can close this page."
            }
        };
        tracing::info!(reason = %local, "an authorization request was refused on a page");
        self.frame.notice(StatusCode::BAD_REQUEST, "This link does not work", &text, Some(hint))
    }

    /// Where a client is told of a refusal.
    pub(super) fn refusal(&self, redirect_uri: &RedirectUri, state: Option<&str>, refusal: Refusal) -> String {
        let description = refusal.to_string();
        self.address(redirect_uri, state, &[("error", refusal.code()), ("error_description", &description)])
    }

    /// A refusal that the client is told if the person follows the link.
    fn way_back(&self, redirect_uri: &RedirectUri, state: Option<&str>, refusal: Refusal) -> Response {
        let page = Notice {
            frame: &self.frame,
            heading: "This link does not work",
            text: &format!("The application that sent you here made a mistake: {refusal}."),
            hint: Some("It registered itself here, and nobody has checked it."),
            link: Some((&self.refusal(redirect_uri, state, refusal), &format!("Go to {}", redirect_uri.destination()))),
        };
        self.frame.page(StatusCode::BAD_REQUEST, &page)
    }

    /// Where a client is answered: with these parameters, its own `state`, and our name (RFC 9207).
    pub(super) fn address(&self, to: &RedirectUri, state: Option<&str>, parameters: &[(&str, &str)]) -> String {
        let state = state.map(|state| ("state", state));
        let all: Vec<_> = parameters.iter().copied().chain(state).chain([("iss", self.site().issuer())]).collect();
        authorize::answer(to, &all)
    }
}
