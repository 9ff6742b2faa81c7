//! The endpoints of the authorization server: parse, ask the server, record, answer.

mod answer;
mod authorize;
mod browser;
mod consent;
mod discovery;
mod events;
mod form;
mod inspect;
mod provider;
mod register;
mod routes;
mod set_up;
mod sign_in;
mod sign_out;
#[cfg(test)]
mod tests;
mod throttle;
mod token;

use std::net::IpAddr;
use std::time::Duration;

use poem::http::StatusCode;
use poem::{Request, Response};

pub use routes::OauthEdge;
pub(super) use routes::routes;

use self::answer::seconds;
use self::events::Step;
use self::throttle::Throttle;
use super::error::RetryAfter as _;
use super::pages::Frame;
use super::peer::peer;
use crate::oauth::{AuthorizationServer, Failure, Site};
use crate::store::audit::{AuditError, AuditLog};

/// What the endpoints share.
struct Oauth {
    server: AuthorizationServer,
    frame: Frame,
    throttle: Throttle,
    audit: AuditLog,
}

impl Oauth {
    fn site(&self) -> &Site {
        &self.server.site
    }

    /// The address that a request comes from.
    fn peer(&self, request: &Request) -> IpAddr {
        peer(request, &self.server.settings.trusted_proxies)
    }

    /// Takes a place in the audit trail.
    fn step(&self, ip: IpAddr) -> Result<Step, AuditError> {
        Step::begin(&self.audit, &self.server.clock, ip)
    }

    /// A page for a browser that asks too often.
    fn too_many(&self, wait: Duration) -> Response {
        let text = "There were too many attempts from here, or for this account.";
        let hint = format!("Try again in {} seconds.", seconds(wait));
        let page = self.frame.notice(StatusCode::TOO_MANY_REQUESTS, "Too many attempts", text, Some(&hint));
        page.with_retry_after(seconds(wait))
    }

    /// A page for something that failed on our side; the log has the reason.
    fn failed(&self, failure: &Failure) -> Response {
        log(failure);
        self.unavailable()
    }

    /// A page for an audit trail that cannot be written.
    fn unrecorded(&self, error: &AuditError) -> Response {
        log(error);
        self.unavailable()
    }

    fn unavailable(&self) -> Response {
        let text = "Something did not work on our side, so nothing was done.";
        let hint = Some("Try again in a moment.");
        self.frame.notice(StatusCode::SERVICE_UNAVAILABLE, "Not now", text, hint).with_retry_after(2)
    }

    /// A page for a request that does not wait any more.
    fn stale(&self) -> Response {
        let text = "This request has run out, was answered already, or belongs to another browser.";
        let hint = Some("Go back to the application and start once more.");
        self.frame.notice(StatusCode::BAD_REQUEST, "Start again", text, hint)
    }

    /// A page for a form that was not sent from a page of ours, or from an old one.
    async fn forged(&self, ip: IpAddr) -> Response {
        if let Err(wait) = self.throttle.failure(ip) {
            self.audit.count_rejection("oauth_forged_form", ip);
            return self.too_many(wait);
        }
        let recorded = match self.step(ip) {
            Ok(step) => step.record(events::Kind::ForgedForm, "refused", &events::About::default()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = recorded {
            return self.unrecorded(&error);
        }
        let text = "This form was not sent from its own page, or the page was too old.";
        let hint = Some("Nothing was done. Go back to the application and start once more.");
        self.frame.notice(StatusCode::FORBIDDEN, "Start again", text, hint)
    }
}

/// Logs what went wrong on our side, with its causes, once.
fn log(error: &dyn std::error::Error) {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    tracing::error!(error = %text, "the authorization server could not answer a request");
}
