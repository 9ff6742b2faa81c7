//! `/consent`: what the person decides. Nothing else gives a code.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::answer::see_other;
use super::events::{About, Kind};
use super::sign_in::Here;
use super::{Oauth, form};
use crate::http::pages::{Consent as Page, ScopeText};
use crate::model::oauth::{ClientOrigin, ClientUrl};
use crate::model::{IssuerName, Scope};
use crate::oauth::{Decided, Refusal};
use crate::store::state::Account;
use crate::upstream::Provider;

/// What a scope means to a person.
fn text(scope: Scope) -> ScopeText {
    let text = match scope {
        Scope::Read => "List and read what you may read",
        Scope::Write => "Change what you may change",
    };
    ScopeText { name: scope.as_str(), text }
}

/// The page.
pub(super) async fn get(oauth: Arc<Oauth>, request: Request) -> Response {
    if let Err(wait) = oauth.throttle.page(oauth.peer(&request)) {
        return oauth.too_many(wait);
    }
    let Ok(parameters) = form::query(&request) else { return oauth.stale() };
    match oauth.here(&request, &parameters).await {
        Ok(here) => {
            let Some(account) = &here.waiting.account else {
                let mut response = see_other(&format!("/sign-in?request={}", here.handle.expose()));
                oauth.frame.protect(&mut response);
                return response;
            };
            oauth.consent_page(&here, account)
        }
        Err(page) => page,
    }
}

/// The decision.
pub(super) async fn post(oauth: Arc<Oauth>, mut request: Request) -> Response {
    let ip = oauth.peer(&request);
    let parameters = match oauth.form(&mut request).await {
        Ok(parameters) => parameters,
        Err(page) => return page,
    };
    let here = match oauth.here(&request, &parameters).await {
        Ok(here) => here,
        Err(page) => return page,
    };
    let Some(account) = here.waiting.account.clone().filter(|_| here.sent("consent", &parameters)) else {
        return oauth.forged(ip).await;
    };
    let allow = match parameters.one("decision") {
        Ok(Some("allow")) => true,
        Ok(Some("deny")) => false,
        Ok(Some(_) | None) | Err(_) => return oauth.stale(),
    };
    let step = match oauth.step(ip) {
        Ok(step) => step,
        Err(error) => return oauth.unrecorded(&error),
    };
    let mut about = About { client: Some(here.waiting.client.id.clone()), ..About::default() };
    about.set_account(&account);
    let (outcome, response) = match oauth.server.decide(&here.handle, &here.waiting, &account, allow).await {
        Ok(Decided::Allowed(code, made)) => {
            let (asked, grant) = *made;
            about.grant = Some(grant.id);
            let to = oauth.address(&asked.redirect_uri, asked.state.as_deref(), &[("code", code.expose())]);
            ("allowed", oauth.frame.hand_over(&here.waiting.client.name, true, &to))
        }
        Ok(Decided::Denied(asked)) => {
            let outcome = if allow { "not_for_this_tenant" } else { "denied" };
            let to = oauth.refusal(&asked.redirect_uri, asked.state.as_deref(), Refusal::Denied);
            (outcome, oauth.frame.hand_over(&here.waiting.client.name, false, &to))
        }
        Ok(Decided::Gone) => ("gone", oauth.stale()),
        Err(failure) => return oauth.failed(&failure),
    };
    match step.record(Kind::Consent, outcome, &about).await {
        Ok(()) => response,
        Err(error) => oauth.unrecorded(&error),
    }
}

impl Oauth {
    /// What people know a provider by.
    fn label<'a>(&'a self, name: &'a IssuerName) -> &'a str {
        self.server.provider(name.as_str()).map_or(name.as_str(), Provider::label)
    }

    fn consent_page(&self, here: &Here, account: &Account) -> Response {
        let (client, request) = (&here.waiting.client, &here.waiting.request);
        let (vouched, standing) = match client.origin {
            ClientOrigin::CommandLine | ClientOrigin::Configuration => (true, "registered by the operator"),
            ClientOrigin::Registration => (false, "self-registered, unverified"),
            ClientOrigin::MetadataDocument => (false, "describes itself, unverified"),
        };
        let described_at = client.described_at();
        let (csrf, sign_out) = (here.csrf("consent"), here.csrf("sign-out"));
        let page = Page {
            frame: &self.frame,
            client: &client.name,
            vouched,
            standing,
            described_at: described_at.as_ref().map(ClientUrl::host),
            redirect_host: request.redirect_uri.destination(),
            loopback: request.redirect_uri.is_loopback(),
            account: account.shown(),
            provider: account.provider.as_ref().map(|(name, _)| self.label(name)),
            tenant: account.tenant.as_str(),
            resource: &request.resource,
            scopes: request.scopes.iter().map(text).collect(),
            handle: here.handle.expose(),
            csrf: csrf.expose(),
            sign_out_csrf: sign_out.expose(),
        };
        self.frame.page(StatusCode::OK, &page)
    }
}
