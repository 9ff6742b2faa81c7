//! `/sign-out`: the end of a session, on the server and in the browser; and a request that goes on with another account.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::answer::see_other;
use super::events::{About, Kind};
use super::{Oauth, browser};
use crate::http::pages::SignOut as Page;
use crate::model::oauth::SessionSecret;
use crate::oauth::{Begun, Parameters};

const PURPOSE: &str = "sign-out";

/// The page that asks.
pub(super) async fn get(oauth: Arc<Oauth>, request: Request) -> Response {
    if let Err(wait) = oauth.throttle.page(oauth.peer(&request)) {
        return oauth.too_many(wait);
    }
    let Some(secret) = browser::session(request.headers(), oauth.site()) else { return oauth.signed_out() };
    match oauth.server.signed_in(&secret).await {
        Ok(Some(account)) => {
            let csrf = secret.csrf_token(PURPOSE);
            let page = Page { frame: &oauth.frame, account: account.shown(), csrf: csrf.expose() };
            oauth.frame.page(StatusCode::OK, &page)
        }
        Ok(None) => oauth.signed_out(),
        Err(failure) => oauth.failed(&failure),
    }
}

/// The end.
pub(super) async fn post(oauth: Arc<Oauth>, mut request: Request) -> Response {
    let ip = oauth.peer(&request);
    let parameters = match oauth.form(&mut request).await {
        Ok(parameters) => parameters,
        Err(page) => return page,
    };
    let Some(secret) = browser::session(request.headers(), oauth.site()) else { return oauth.signed_out() };
    let next = match oauth.next(&request, &parameters, &secret).await {
        Ok(next) => next,
        Err(page) => return page,
    };
    let step = match oauth.step(ip) {
        Ok(step) => step,
        Err(error) => return oauth.unrecorded(&error),
    };
    let ended = match oauth.server.signed_in(&secret).await {
        Ok(who) => oauth.server.sign_out(&secret).await.map(|_| who),
        Err(failure) => Err(failure),
    };
    let who = match ended {
        Ok(who) => who,
        Err(failure) => return oauth.failed(&failure),
    };
    let mut about = About::default();
    if let Some(who) = &who {
        about.set_account(who);
    }
    if let Err(error) = step.record(Kind::SignOut, "ok", &about).await {
        return oauth.unrecorded(&error);
    }
    match next {
        None => oauth.signed_out(),
        Some(Begun { handle, session, .. }) => {
            let mut response = see_other(&format!("/sign-in?request={}", handle.expose()));
            if let Some(secret) = &session {
                browser::set(&mut response, oauth.site(), secret);
            }
            oauth.frame.protect(&mut response);
            response
        }
    }
}

impl Oauth {
    /// The request that goes on with another account, if the form names one; and whether the form is good.
    async fn next(
        &self,
        request: &Request,
        parameters: &Parameters,
        secret: &SessionSecret,
    ) -> Result<Option<Begun>, Response> {
        if !parameters.has("request") {
            let sent = parameters.one("csrf").ok().flatten();
            let good = sent.is_some_and(|sent| secret.csrf_token(PURPOSE).is(sent));
            return if good { Ok(None) } else { Err(self.forged(self.peer(request)).await) };
        }
        let here = self.here(request, parameters).await?;
        if !here.sent(PURPOSE, parameters) {
            return Err(self.forged(self.peer(request)).await);
        }
        self.server.begin_again(&here.waiting).await.map(Some).map_err(|failure| self.failed(&failure))
    }

    fn signed_out(&self) -> Response {
        let text = "Nobody is signed in here any more.";
        let hint = Some("What you have allowed to applications stays allowed.");
        let mut response = self.frame.notice(StatusCode::OK, "Signed out", text, hint);
        browser::clear(&mut response, self.site());
        response
    }
}
