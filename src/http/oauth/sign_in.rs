//! `/sign-in`: who the person is.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::answer::{seconds, see_other};
use super::events::{About, Kind};
use super::{Oauth, browser, form};
use crate::http::error::RetryAfter as _;
use crate::http::pages::{ProviderLink, SignIn as Page};
use crate::model::oauth::{CsrfToken, Password, RequestHandle, SessionSecret};
use crate::oauth::{Parameters, Proof, SignIn, Waiting};

/// How long to wait where too many passwords wait to be compared.
const SOON: u64 = 3;

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
        self.frame.page(status, &page)
    }

    /// On to the consent page.
    fn signed_in(&self, here: &Here) -> Response {
        let mut response = see_other(&format!("/consent?request={}", here.handle.expose()));
        self.frame.protect(&mut response);
        response
    }

    /// The page again, for somebody who has to wait. Counted and not stored, as whatever a stranger can repeat at will.
    fn sign_in_later(&self, ip: IpAddr, here: &Here, account: &str, later: &Later) -> Response {
        let (status, reason, wait, why) = match *later {
            Later::TooMany(wait) => {
                (StatusCode::TOO_MANY_REQUESTS, "sign_in_too_many", seconds(wait), "There were too many attempts.")
            }
            Later::Busy => {
                let why = "Too many people are signing in at this moment.";
                (StatusCode::SERVICE_UNAVAILABLE, "sign_in_busy", SOON, why)
            }
        };
        self.audit.count_rejection(reason, ip);
        let problem = format!("{why} Try again in {wait} seconds.");
        self.sign_in_page(status, here, account, Some(&problem)).with_retry_after(wait)
    }
}

/// Why somebody has to wait.
enum Later {
    /// There were too many attempts, and the next may come after this time.
    TooMany(Duration),
    /// Too many passwords wait to be compared.
    Busy,
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
        Ok(here) if here.waiting.account.is_some() => oauth.signed_in(&here),
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
    if here.waiting.account.is_some() {
        // They have signed in in another tab since this page was shown, so the form has the token of the session before.
        // Nothing in it is read: this leads where the page itself would lead now.
        return oauth.signed_in(&here);
    }
    if !here.sent("sign-in", &parameters) {
        return oauth.forged(ip).await;
    }
    let text = |name| parameters.one(name).ok().flatten().unwrap_or("");
    let (account, password) = (text("account"), text("password"));
    let is_known = match browser::device(request.headers(), oauth.site()) {
        Some(device) => oauth.server.knows(account, &device).await,
        None => Ok(false),
    };
    let may_try = match is_known {
        Ok(true) => oauth.throttle.sign_in_again(ip, account),
        Ok(false) => oauth.throttle.sign_in(ip, account),
        Err(failure) => return oauth.failed(&failure),
    };
    if let Err(wait) = may_try {
        return oauth.sign_in_later(ip, &here, account, &Later::TooMany(wait));
    }
    let proved = match oauth.server.prove(account, Password::new(password.to_owned())).await {
        Ok(Proof::Given(proved)) => Some(proved),
        Ok(Proof::Wrong) => None,
        Ok(Proof::Busy) => return oauth.sign_in_later(ip, &here, account, &Later::Busy),
        Err(failure) => return oauth.failed(&failure),
    };
    // Not before: a comparison takes its time and changes nothing, and whoever calls `/mcp` needs a place of the same queue.
    let step = match oauth.step(ip) {
        Ok(step) => step,
        Err(error) => return oauth.unrecorded(&error),
    };
    let done = match proved {
        Some(proved) => oauth.server.sign_in(&here.secret, proved).await,
        None => Ok(SignIn::Wrong),
    };
    let mut about = About { client: Some(here.waiting.client.id.clone()), ..About::default() };
    let (outcome, response) = match done {
        Ok(SignIn::Done(secret, device, who)) => {
            about.set_account(&who);
            let mut response = oauth.signed_in(&here);
            browser::set(&mut response, oauth.site(), &secret);
            browser::set_device(&mut response, oauth.site(), &device);
            ("ok", response)
        }
        Ok(SignIn::Wrong) => {
            let problem = "That account and password do not go together.";
            ("wrong", oauth.sign_in_page(StatusCode::FORBIDDEN, &here, account, Some(problem)))
        }
        Ok(SignIn::Gone) => ("session_ended", oauth.stale()),
        Err(failure) => return oauth.failed(&failure),
    };
    match step.record(Kind::SignIn, outcome, &about).await {
        Ok(()) => response,
        Err(error) => oauth.unrecorded(&error),
    }
}
