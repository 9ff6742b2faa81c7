//! `/sign-in/with/…` and `/sign-in/callback/…`: to an OpenID provider and back.
//!
//! The way there is a link and no form: a policy of `form-action` would be held against every redirect at the provider. The
//! link names a request that only this browser knows, so no other site can take it. Whatever goes wrong is told on our own
//! sign-in page; a browser is sent nowhere but to the provider and to the page that is next.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::answer::see_other;
use super::events::{About, Kind};
use super::sign_in::Here;
use super::{Oauth, browser, form};
use crate::model::oauth::{ProviderState, RequestHandle, SessionSecret};
use crate::oauth::{Admitted, NotIdentified, NotSent};
use crate::upstream::{Provider, ProviderError};

/// The last part of the path: the provider's name.
fn name(request: &Request) -> String {
    request.uri().path().rsplit('/').next().unwrap_or("").to_owned()
}

/// Sends the browser of a waiting request to a provider.
pub(super) async fn depart(oauth: Arc<Oauth>, request: Request) -> Response {
    if let Err(wait) = oauth.throttle.page(oauth.peer(&request)) {
        return oauth.too_many(wait);
    }
    let Ok(parameters) = form::query(&request) else { return oauth.stale() };
    let here = match oauth.here(&request, &parameters).await {
        Ok(here) => here,
        Err(page) => return page,
    };
    let name = name(&request);
    match oauth.server.depart(&name, &here.waiting, &here.handle, &here.secret).await {
        Ok(address) => {
            let mut response = see_other(&address);
            oauth.frame.protect(&mut response);
            response
        }
        Err(NotSent::NoProvider) => oauth.stale(),
        Err(NotSent::Provider(error)) => {
            log(&name, &error);
            let label = oauth.server.provider(&name).map_or("", Provider::label);
            oauth.sign_in_page(StatusCode::SERVICE_UNAVAILABLE, &here, "", Some(&why(label, &error)))
        }
        Err(NotSent::Failed(failure)) => oauth.failed(&failure),
    }
}

/// Takes the browser back.
pub(super) async fn arrive(oauth: Arc<Oauth>, request: Request) -> Response {
    let ip = oauth.peer(&request);
    if let Err(wait) = oauth.throttle.page(ip) {
        return oauth.too_many(wait);
    }
    let Ok(parameters) = form::query(&request) else { return oauth.stale() };
    let provider = oauth.server.provider(&name(&request));
    let secret = browser::session(request.headers(), oauth.site());
    let state = parameters.one("state").ok().flatten().and_then(|state| state.parse::<ProviderState>().ok());
    let (Some(provider), Some(secret), Some(state)) = (provider, secret, state) else { return oauth.stale() };
    let handle = match oauth.server.come_back(provider, &secret, &state).await {
        Ok(Some(handle)) => handle,
        Ok(None) => return oauth.stale(),
        Err(failure) => return oauth.failed(&failure),
    };
    let identified = oauth.server.identify(provider, &secret, &state, &parameters).await;
    // Not before: the provider takes its time, and whoever calls `/mcp` needs a place of the same queue.
    let step = match oauth.step(ip) {
        Ok(step) => step,
        Err(error) => return oauth.unrecorded(&error),
    };
    let admitted = match &identified {
        Ok(identity) => Ok(match oauth.server.admit(provider, &secret, identity).await {
            Ok(admitted) => admitted,
            Err(failure) => return oauth.failed(&failure),
        }),
        Err(not) => Err(not),
    };
    let mut about = About { provider: Some(provider.name().clone()), ..About::default() };
    let label = provider.label();
    let (outcome, response) = match admitted {
        Ok(Admitted::SignedIn(new, account)) => {
            about.set_account(&account);
            let mut response = see_other(&format!("/consent?request={}", handle.expose()));
            browser::set(&mut response, oauth.site(), &new);
            oauth.frame.protect(&mut response);
            ("ok", response)
        }
        Ok(Admitted::Disabled) => {
            let problem = "That account is disabled here.";
            ("account_disabled", oauth.back(secret, handle, StatusCode::FORBIDDEN, problem).await)
        }
        Ok(Admitted::Gone) => ("session_ended", oauth.stale()),
        Err(NotIdentified::Declined) => {
            let problem = format!("Nobody was signed in at {label}.");
            ("declined", oauth.back(secret, handle, StatusCode::FORBIDDEN, &problem).await)
        }
        Err(NotIdentified::Refused(error)) => {
            log(provider.name().as_str(), error);
            let outage = error.is_outage();
            let status = if outage { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::FORBIDDEN };
            let outcome = if outage { "provider_unavailable" } else { "identity_refused" };
            (outcome, oauth.back(secret, handle, status, &why(label, error)).await)
        }
    };
    match step.record(Kind::SignIn, outcome, &about).await {
        Ok(()) => response,
        Err(error) => oauth.unrecorded(&error),
    }
}

impl Oauth {
    /// The sign-in page of a request that came back with nobody.
    async fn back(&self, secret: SessionSecret, handle: RequestHandle, status: StatusCode, problem: &str) -> Response {
        match self.server.waiting(&handle, &secret).await {
            Ok(Some(waiting)) => self.sign_in_page(status, &Here { handle, secret, waiting }, "", Some(problem)),
            Ok(None) => self.stale(),
            Err(failure) => self.failed(&failure),
        }
    }
}

/// What the person is told.
fn why(label: &str, error: &ProviderError) -> String {
    if error.is_outage() {
        format!("{label} cannot be reached now. Try again in a moment.")
    } else if error.is_unknown_tenant() {
        format!("{label} says that you belong to an organisation that is not served here.")
    } else {
        format!("What {label} says of you is not accepted here. The log of this server has the reason.")
    }
}

/// The reason, for the operator, once.
fn log(provider: &str, error: &ProviderError) {
    let error: &dyn std::error::Error = error;
    tracing::warn!(issuer = provider, error, "nobody could sign in at a provider");
}
