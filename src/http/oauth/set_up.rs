//! `/set-up`: the first account, for whoever has the link that the server printed.

use std::net::IpAddr;
use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::events::{About, Kind};
use super::{Oauth, browser, form};
use crate::http::pages::SetUp as Page;
use crate::model::Tenant;
use crate::model::oauth::{CsrfToken, Password, SessionSecret, SetUpToken};
use crate::oauth::{FirstAccount, Parameters, SetUp};

/// What a form of this page carries.
fn csrf(secret: &SessionSecret, token: &SetUpToken) -> CsrfToken {
    secret.csrf_token(&format!("set-up {}", token.expose()))
}

fn link(parameters: &Parameters) -> Option<SetUpToken> {
    parameters.one("link").ok().flatten().and_then(|link| link.parse().ok())
}

/// The page. Looking at it does not spend the link.
pub(super) async fn get(oauth: Arc<Oauth>, request: Request) -> Response {
    let ip = oauth.peer(&request);
    if let Err(wait) = oauth.throttle.page(ip) {
        return oauth.too_many(wait);
    }
    let token = form::query(&request).ok().as_ref().and_then(link);
    let Some(token) = token else { return oauth.no_link(ip) };
    match oauth.server.is_set_up_open(&token).await {
        Ok(true) => {}
        Ok(false) => return oauth.no_link(ip),
        Err(failure) => return oauth.failed(&failure),
    }
    let held = browser::session(request.headers(), oauth.site());
    let new = match oauth.server.browser(held.as_ref()).await {
        Ok(new) => new,
        Err(failure) => return oauth.failed(&failure),
    };
    let Some(secret) = new.as_ref().or(held.as_ref()) else { return oauth.stale() };
    let mut response = oauth.set_up_page(StatusCode::OK, &token, secret, &Parameters::default(), None);
    if let Some(new) = &new {
        browser::set(&mut response, oauth.site(), new);
    }
    response
}

/// What was typed.
pub(super) async fn post(oauth: Arc<Oauth>, mut request: Request) -> Response {
    let ip = oauth.peer(&request);
    let parameters = match oauth.form(&mut request).await {
        Ok(parameters) => parameters,
        Err(page) => return page,
    };
    let Some(token) = link(&parameters) else { return oauth.no_link(ip) };
    let secret = browser::session(request.headers(), oauth.site());
    let sent = parameters.one("csrf").ok().flatten();
    let Some(secret) = secret.filter(|secret| sent.is_some_and(|sent| csrf(secret, &token).is(sent))) else {
        return oauth.forged(ip).await;
    };
    let text = |name| parameters.one(name).ok().flatten().unwrap_or("");
    let wanted = FirstAccount {
        login: text("account"),
        tenant: text("tenant"),
        external_user: text("external_user").trim(),
        password: Password::new(text("password").to_owned()),
        again: Password::new(text("again").to_owned()),
    };
    let prepared = match oauth.server.prepare(&token, wanted).await {
        Ok(SetUp::Ready(prepared)) => *prepared,
        Ok(SetUp::Bad(bad)) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return oauth.set_up_page(status, &token, &secret, &parameters, Some(&format!("Not yet: {bad}.")));
        }
        Ok(SetUp::Gone) => return oauth.no_link(ip),
        Err(failure) => return oauth.failed(&failure),
    };
    let step = match oauth.step(ip) {
        Ok(step) => step,
        Err(error) => return oauth.unrecorded(&error),
    };
    let account = match oauth.server.set_up(&token, prepared).await {
        Ok(Some(account)) => account,
        Ok(None) => return oauth.no_link(ip),
        Err(failure) => return oauth.failed(&failure),
    };
    let mut about = About::default();
    about.set_account(&account);
    if let Err(error) = step.record(Kind::SetUp, "ok", &about).await {
        return oauth.unrecorded(&error);
    }
    let text = format!("{} of {} can sign in now.", account.login, account.tenant);
    let hint = format!("Give {} to an MCP client: it will send you here to sign in.", oauth.site().resource());
    oauth.frame.notice(StatusCode::OK, "The first account is made", &text, Some(&hint))
}

impl Oauth {
    fn set_up_page(
        &self,
        status: StatusCode,
        token: &SetUpToken,
        secret: &SessionSecret,
        typed: &Parameters,
        problem: Option<&str>,
    ) -> Response {
        let typed = |name| typed.one(name).ok().flatten().unwrap_or("");
        let csrf = csrf(secret, token);
        let page = Page {
            frame: &self.frame,
            link: token.expose(),
            csrf: csrf.expose(),
            tenants: self.server.tenants.iter().map(Tenant::as_str).collect(),
            account: typed("account"),
            tenant: typed("tenant"),
            external_user: typed("external_user"),
            fewest: Password::FEWEST_CHARACTERS,
            problem,
        };
        self.frame.page(status, &page)
    }

    /// A page for a link that is not good. Whoever tries many is slowed down.
    fn no_link(&self, ip: IpAddr) -> Response {
        self.audit.count_rejection("set_up_link", ip);
        if let Err(wait) = self.throttle.failure(ip) {
            return self.too_many(wait);
        }
        let text = "It works once, for an hour, and only until there is an account.";
        let hint = "The server prints another when it starts and there is still none. Later accounts are made with \
                    `bailiwick account create`.";
        self.frame.notice(StatusCode::GONE, "This link does not work any more", text, Some(hint))
    }
}
