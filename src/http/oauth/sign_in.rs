//! `/sign-in`: who the person is.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::answer::{seconds, see_other};
use super::events::{About, Kind};
use super::{Oauth, browser, form};
use crate::http::error::RetryAfter as _;
use crate::http::pages::{Forms, ProviderLink, SignIn as Page};
use crate::model::oauth::{CsrfToken, Password, RequestHandle, SessionSecret};
use crate::oauth::{Parameters, SignIn, Waiting};

/// A request that waits in the browser that asks for a page.
pub(super) struct Here {
    pub(super) handle: RequestHandle,
    pub(super) secret: SessionSecret,
    pub(super) waiting: Waiting,
}

impl Oauth {
    /// The request that `parameters` name, in the browser of `request`; or the page that says that there is none.
    pub(super) async fn here(&self, request: &Request, parameters: &Parameters) -> Result<Here, Response> {
        let handle = parameters.one("request").ok().flatten().and_then(|handle| handle.parse::<RequestHandle>().ok());
        let secret = browser::session(request.headers(), self.site());
        let (Some(handle), Some(secret)) = (handle, secret) else { return Err(self.stale()) };
        match self.server.waiting(&handle, &secret).await {
            Ok(Some(waiting)) => Ok(Here { handle, secret, waiting }),
            Ok(None) => Err(self.stale()),
            Err(failure) => Err(self.failed(&failure)),
        }
    }

    /// The form of a request that was sent from a page of ours.
    pub(super) async fn form(&self, request: &mut Request) -> Result<Parameters, Response> {
        let ip = self.peer(request);
        if let Err(wait) = self.throttle.page(ip) {
            return Err(self.too_many(wait));
        }
        if !browser::is_ours(request, self.site()) {
            return Err(self.forged(ip).await);
        }
        match form::form(request).await {
            Ok(parameters) => Ok(parameters),
            Err(_) => Err(self.stale()),
        }
    }

    pub(super) fn sign_in_page(
        &self,
        status: StatusCode,
        here: &Here,
        account: &str,
        problem: Option<&str>,
    ) -> Response {
        let csrf = here.csrf("sign-in");
        let page = Page {
            frame: &self.frame,
            client: &here.waiting.client.name,
            handle: here.handle.expose(),
            csrf: csrf.expose(),
            account,
            providers: self.server.providers_for(&here.waiting.client).map(ProviderLink::of).collect(),
            problem,
        };
        self.frame.page(status, &page, Forms::Here)
    }
}

impl Here {
    /// What a form for this purpose carries.
    pub(super) fn csrf(&self, purpose: &str) -> CsrfToken {
        self.secret.csrf_token(&format!("{purpose} {}", self.handle.expose()))
    }

    /// Whether a form for this purpose carries it.
    pub(super) fn sent(&self, purpose: &str, parameters: &Parameters) -> bool {
        parameters.one("csrf").ok().flatten().is_some_and(|sent| self.csrf(purpose).is(sent))
    }
}

/// The page.
pub(super) async fn get(oauth: Arc<Oauth>, request: Request) -> Response {
    if let Err(wait) = oauth.throttle.page(oauth.peer(&request)) {
        return oauth.too_many(wait);
    }
    let Ok(parameters) = form::query(&request) else { return oauth.stale() };
    match oauth.here(&request, &parameters).await {
        Ok(here) if here.waiting.account.is_some() => see_other(&format!("/consent?request={}", here.handle.expose())),
        Ok(here) => oauth.sign_in_page(StatusCode::OK, &here, "", None),
        Err(page) => page,
    }
}

/// The password.
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
    if !here.sent("sign-in", &parameters) {
        return oauth.forged(ip).await;
    }
    let text = |name| parameters.one(name).ok().flatten().unwrap_or("");
    let (account, password) = (text("account"), text("password"));
    if let Err(wait) = oauth.throttle.sign_in(ip, account) {
        // Counted and not stored, as whatever a stranger can repeat at will.
        oauth.audit.count_rejection("sign_in_too_many", ip);
        let problem = format!("There were too many attempts. Try again in {} seconds.", seconds(wait));
        let page = oauth.sign_in_page(StatusCode::TOO_MANY_REQUESTS, &here, account, Some(&problem));
        return page.with_retry_after(seconds(wait));
    }
    let step = match oauth.step(ip) {
        Ok(step) => step,
        Err(error) => return oauth.unrecorded(&error),
    };
    let mut about = About { client: Some(here.waiting.client.id.clone()), ..About::default() };
    let done = match oauth.server.sign_in(&here.secret, account, Password::new(password.to_owned())).await {
        Ok(done) => done,
        Err(failure) => return oauth.failed(&failure),
    };
    let (outcome, response) = match done {
        SignIn::Done(secret, who) => {
            about.set_account(&who);
            let mut response = see_other(&format!("/consent?request={}", here.handle.expose()));
            browser::set(&mut response, oauth.site(), &secret);
            oauth.frame.protect(&mut response);
            ("ok", response)
        }
        SignIn::Wrong => {
            let problem = "That account and password do not go together.";
            ("wrong", oauth.sign_in_page(StatusCode::FORBIDDEN, &here, account, Some(problem)))
        }
        SignIn::Gone => ("session_ended", oauth.stale()),
    };
    match step.record(Kind::SignIn, outcome, &about).await {
        Ok(()) => response,
        Err(error) => oauth.unrecorded(&error),
    }
}
