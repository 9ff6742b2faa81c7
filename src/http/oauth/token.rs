//! `/token`: a code or a refresh token in, tokens out; and what all the endpoints that clients speak to share.

use std::net::IpAddr;
use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};
use serde_json::json;

use super::answer::{bad_form, json, token_refusal};
use super::events::{About, Kind};
use super::{Oauth, form, log};
use crate::model::oauth::GrantType;
use crate::oauth::{Credentials, Issued, NotIssued, Parameters, TokenRefusal, token};
use crate::store::audit::AuditError;
use crate::store::state::Client;

/// Answers a token request.
pub(super) async fn post(oauth: Arc<Oauth>, mut request: Request) -> Response {
    let ip = oauth.peer(&request);
    match oauth.exchange(ip, &mut request).await {
        Ok(issued) => tokens(&issued),
        Err(refusal) => token_refusal(refusal),
    }
}

/// A successful answer (RFC 6749, section 5.1).
fn tokens(issued: &Issued) -> Response {
    let mut body = json!({
        "access_token": issued.access.expose(),
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "scope": issued.scopes.to_string(),
    });
    if let Some(refresh) = &issued.refresh {
        body["refresh_token"] = refresh.expose().into();
    }
    json(StatusCode::OK, &body)
}

impl Oauth {
    async fn exchange(&self, ip: IpAddr, request: &mut Request) -> Result<Issued, TokenRefusal> {
        let parameters = self.parameters(ip, request).await?;
        let grant_type = token::grant_type(&parameters)?;
        let client = self.client(ip, request, &parameters).await?;
        let step = self.step(ip).map_err(|error| unrecorded(&error))?;
        let mut about = About { client: Some(client.id.clone()), ..About::default() };
        let kind = match grant_type {
            GrantType::AuthorizationCode => Kind::CodeExchange,
            GrantType::RefreshToken => Kind::Refresh,
            GrantType::ClientCredentials => Kind::ClientCredentials,
        };
        match self.server.issue(&client, grant_type, &parameters).await {
            Ok(issued) => {
                about.set_grant(&issued.grant);
                about.generation = Some(issued.generation).filter(|generation| *generation > 0);
                let Err(error) = step.record(kind, "ok", &about).await else { return Ok(issued) };
                // A refresh token that comes back unanswered is answered again; a code would be taken for a stolen one.
                if grant_type == GrantType::AuthorizationCode
                    && let Err(failure) = self.server.take_back(issued).await
                {
                    log(&failure);
                }
                Err(unrecorded(&error))
            }
            Err(NotIssued { failure: Some(failure), refusal, .. }) => {
                log(failure.as_ref());
                Err(refusal)
            }
            // What is no code and no token of ours is counted and not stored, so that garbage fills no disk.
            Err(NotIssued { grant: None, refusal, .. }) => {
                self.garbage(ip, refusal.code())?;
                Err(refusal)
            }
            Err(NotIssued { grant: Some(grant), refusal, reason, generation, reuse, .. }) => {
                about.set_grant(&grant);
                about.generation = generation;
                let kind = match (reuse, grant_type) {
                    (false, _) | (true, GrantType::ClientCredentials) => kind,
                    (true, GrantType::AuthorizationCode) => Kind::CodeReuse,
                    (true, GrantType::RefreshToken) => Kind::RefreshReuse,
                };
                step.record(kind, reason, &about).await.map_err(|error| unrecorded(&error))?;
                Err(refusal)
            }
        }
    }

    /// The parameters of a client's request. They come in the body: what stands in a URL stands in logs.
    pub(super) async fn parameters(&self, ip: IpAddr, request: &mut Request) -> Result<Parameters, TokenRefusal> {
        self.throttle.token(ip).map_err(TokenRefusal::TooMany)?;
        if request.uri().query().is_some_and(|query| !query.is_empty()) {
            return Err(TokenRefusal::InUrl);
        }
        form::form(request).await.map_err(bad_form)
    }

    /// The client of a request, which has proved itself.
    pub(super) async fn client(
        &self,
        ip: IpAddr,
        request: &Request,
        parameters: &Parameters,
    ) -> Result<Client, TokenRefusal> {
        let credentials = match Credentials::read(request.headers(), parameters) {
            Ok(credentials) => credentials,
            Err(refusal @ TokenRefusal::Client(_)) => {
                self.garbage(ip, refusal.code())?;
                return Err(refusal);
            }
            Err(refusal) => return Err(refusal),
        };
        let guess = credentials.show_secret();
        if guess && let Err(wait) = self.throttle.may_guess(ip, credentials.id()) {
            // Before it is compared: whoever guesses on would otherwise be told when they are right.
            self.audit.count_rejection("client_too_many", ip);
            return Err(TokenRefusal::TooMany(wait));
        }
        match self.server.authenticate(&credentials).await {
            Ok(client) if client.auth_method.is_confidential() => {
                self.throttle.client(&client.id).map_err(TokenRefusal::TooMany)?;
                Ok(client)
            }
            Ok(client) => Ok(client),
            Err(NotIssued { failure: Some(failure), refusal, .. }) => {
                log(failure.as_ref());
                Err(refusal)
            }
            Err(NotIssued { refusal, .. }) => {
                if guess {
                    self.throttle.guessed(ip, credentials.id());
                }
                self.garbage(ip, refusal.code())?;
                let step = self.step(ip).map_err(|error| unrecorded(&error))?;
                let client = self.server.is_name(credentials.id()).await.then(|| credentials.id().clone());
                let about = About { client, ..About::default() };
                step.record(Kind::ClientAuthentication, "refused", &about).await.map_err(|error| unrecorded(&error))?;
                Err(refusal)
            }
        }
    }

    /// Counts what was refused; whoever is refused too often has to wait.
    fn garbage(&self, ip: IpAddr, reason: &'static str) -> Result<(), TokenRefusal> {
        self.audit.count_rejection(reason, ip);
        self.throttle.failure(ip).map_err(TokenRefusal::TooMany)
    }
}

/// Nothing is answered that could not be recorded.
pub(super) fn unrecorded(error: &AuditError) -> TokenRefusal {
    log(error);
    TokenRefusal::Unavailable
}
