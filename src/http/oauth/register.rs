//! `/register`: a client that nobody knows makes itself known (RFC 7591). There only if the configuration says so.

use std::net::IpAddr;
use std::sync::Arc;

use poem::http::{StatusCode, header};
use poem::{Request, Response};
use serde_json::Value;

use super::answer::{json, registration_refusal};
use super::events::{About, Kind};
use super::form::{self, BadBody};
use super::{Oauth, log};
use crate::config::Registration;
use crate::model::TokenHash;
use crate::oauth::{Destinations, RegistrationRefusal, register};
use crate::store::audit::AuditError;

/// Answers a registration.
pub(super) async fn post(oauth: Arc<Oauth>, mut request: Request) -> Response {
    let ip = oauth.peer(&request);
    match oauth.register(ip, &mut request).await {
        Ok(answer) => json(StatusCode::CREATED, &answer),
        Err(refusal) => registration_refusal(refusal),
    }
}

impl Oauth {
    async fn register(&self, ip: IpAddr, request: &mut Request) -> Result<Value, RegistrationRefusal> {
        self.throttle.registration(ip).map_err(RegistrationRefusal::TooMany)?;
        let read = match self.may_register(request) {
            Ok(()) => read(request, self.server.destinations()).await,
            Err(refusal) => Err(refusal),
        };
        let registration = match read {
            Ok(registration) => registration,
            Err(refusal) => {
                self.audit.count_rejection(refusal.code(), ip);
                return Err(refusal);
            }
        };
        let step = self.step(ip).map_err(|error| unrecorded(&error))?;
        match self.server.register(&registration).await {
            Ok((id, secret)) => {
                let about = About { client: Some(id.clone()), ..About::default() };
                step.record(Kind::Registration, "ok", &about).await.map_err(|error| unrecorded(&error))?;
                Ok(register::answer(&id, secret.as_ref(), &registration, self.server.clock.now()))
            }
            Err(Ok(refusal)) => {
                step.record(Kind::Registration, "full", &About::default()).await.map_err(|error| unrecorded(&error))?;
                Err(refusal)
            }
            Err(Err(failure)) => {
                log(&failure);
                Err(RegistrationRefusal::Unavailable)
            }
        }
    }

    /// Whether the request has the initial access token, where one is needed (RFC 7591, section 3).
    fn may_register(&self, request: &Request) -> Result<(), RegistrationRefusal> {
        let wanted = match &self.server.settings.registration {
            Registration::Open => return Ok(()),
            Registration::Off => return Err(RegistrationRefusal::Token),
            Registration::Token(wanted) => wanted,
        };
        let mut sent = request.headers().get_all(header::AUTHORIZATION).iter();
        let (Some(sent), None) = (sent.next(), sent.next()) else { return Err(RegistrationRefusal::Token) };
        let token = sent.to_str().ok().and_then(|text| text.split_once(' '));
        let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        let right = token.is_some_and(|token| TokenHash::of(token).is(&TokenHash::of(wanted.expose())));
        if right { Ok(()) } else { Err(RegistrationRefusal::Token) }
    }
}

async fn read(
    request: &mut Request,
    destinations: Destinations<'_>,
) -> Result<register::Registration, RegistrationRefusal> {
    let body = form::body(request, "application/json").await.map_err(|bad| match bad {
        BadBody::TooLong => RegistrationRefusal::TooLong,
        BadBody::ContentType | BadBody::Lost | BadBody::Parameters(_) => RegistrationRefusal::Body,
    })?;
    register::read(&body, destinations)
}

fn unrecorded(error: &AuditError) -> RegistrationRefusal {
    log(error);
    RegistrationRefusal::Unavailable
}
