//! The token endpoint (RFC 6749, section 3.2): what a code or a refresh token is worth now.
//!
//! Everything that can be refused without changing anything is refused first: a code that another client presents, or that
//! comes with another verifier or resource, stays good for the client that it is for. Then one conditional update says who was
//! first. A code that its own client presents again ends the family, because two have it; one that lost against itself by a
//! moment is only refused. A refresh token that comes back may only be an answer that was lost, and `benign` says when that is
//! believed.

use super::authorize::is_ours;
use super::client::Credentials;
use super::parameters::Parameters;
use super::refusal::TokenRefusal;
use super::server::Signed;
use super::{AuthorizationServer, Failure};
use crate::model::oauth::{AuthMethod, AuthorizationCode, CodeVerifier, GrantType, RedirectUri, RefreshToken};
use crate::model::{BearerToken, Scopes, Timestamp};
use crate::random::{self, Random};
use crate::store::state::{Client, Grant, NewRefresh, Redemption, Replay, RevocationReason, Rotation, Successor};

/// What a client gets.
#[derive(Debug)]
pub struct Issued {
    /// The access token.
    pub access: BearerToken,
    /// In how many seconds it expires.
    pub expires_in: u64,
    /// The refresh token.
    pub refresh: Option<RefreshToken>,
    /// What the access token can be used for.
    pub scopes: Scopes,
    /// What it came of.
    pub grant: Grant,
    /// Its place in the line of refresh tokens; 0 where there is none.
    pub generation: u64,
}

/// Why a client gets nothing.
#[derive(Debug)]
pub struct NotIssued {
    /// What it is told.
    pub refusal: TokenRefusal,
    /// What the audit is told, in one word.
    pub reason: &'static str,
    /// The grant, where it is known.
    pub grant: Option<Box<Grant>>,
    /// The generation of a refresh token.
    pub generation: Option<u64>,
    /// Whether somebody presented what was spent, so that the family was revoked.
    pub reuse: bool,
    /// What went wrong on our side.
    pub failure: Option<Box<Failure>>,
}

impl From<TokenRefusal> for NotIssued {
    fn from(refusal: TokenRefusal) -> Self {
        Self { refusal, reason: refusal.code(), grant: None, generation: None, reuse: false, failure: None }
    }
}

impl<E: Into<Failure>> From<E> for NotIssued {
    fn from(error: E) -> Self {
        Self { failure: Some(Box::new(error.into())), ..TokenRefusal::Unavailable.into() }
    }
}

/// `invalid_grant`, and why, for the audit.
fn bad_grant(reason: &'static str, grant: Option<&Grant>) -> NotIssued {
    NotIssued { reason, grant: grant.cloned().map(Box::new), ..TokenRefusal::Grant.into() }
}

/// Which grant a token request is for. Asked before who the client is, so that each question has its own answer.
pub fn grant_type(parameters: &Parameters) -> Result<GrantType, TokenRefusal> {
    let name = parameters.one("grant_type")?.ok_or(TokenRefusal::Missing("grant_type"))?;
    name.parse().map_err(|_| TokenRefusal::GrantType)
}

impl AuthorizationServer {
    /// Answers a token request of a client that has proved itself.
    pub async fn issue(
        &self,
        client: &Client,
        grant_type: GrantType,
        parameters: &Parameters,
    ) -> Result<Issued, NotIssued> {
        if !client.grant_types.contains(&grant_type) {
            return Err(TokenRefusal::Unauthorized.into());
        }
        let issued = match grant_type {
            GrantType::AuthorizationCode => self.exchange(client, parameters).await?,
            GrantType::RefreshToken => self.refresh(client, parameters).await?,
            GrantType::ClientCredentials => self.act_for_itself(client, parameters).await?,
        };
        self.note_use(client).await;
        Ok(issued)
    }

    async fn exchange(&self, client: &Client, parameters: &Parameters) -> Result<Issued, NotIssued> {
        let code = parameters.one("code").map_err(TokenRefusal::from)?.ok_or(TokenRefusal::Missing("code"))?;
        let code: AuthorizationCode = code.parse().map_err(|_| bad_grant("no_code", None))?;
        let verifier = parameters.one("code_verifier").map_err(TokenRefusal::from)?;
        let verifier = verifier.ok_or(TokenRefusal::Missing("code_verifier"))?;
        let verifier: CodeVerifier = verifier.parse().map_err(|_| TokenRefusal::Verifier)?;
        let stored = self.store.code(&code).await?.ok_or_else(|| bad_grant("unknown_code", None))?;
        let grant = &stored.grant;
        self.is_for(grant, client)?;
        if !stored.challenge.is_met_by(&verifier) {
            return Err(bad_grant("wrong_verifier", Some(grant)));
        }
        let redirect_uri = parameters.one("redirect_uri").map_err(TokenRefusal::from)?;
        let granted = grant.terms.redirect_uri.as_ref().map(RedirectUri::as_str);
        if redirect_uri.is_some() && redirect_uri != granted {
            return Err(bad_grant("wrong_redirect_uri", Some(grant)));
        }
        self.check_resource(parameters, grant)?;

        let now = self.clock.now();
        let random: &dyn Random = self.random.as_ref();
        let scopes = grant.terms.scopes.clone();
        // Signed before anything is spent: a server that cannot sign leaves the code as it was.
        let access = self.sign(grant, &scopes, 1, now).await?;
        let refresh = if client.grant_types.contains(&GrantType::RefreshToken) {
            Some(RefreshToken::from_random(random::bytes(random)?))
        } else {
            None
        };
        let expires = now.plus(self.settings.refresh_idle);
        let new = refresh.as_ref().map(|token| NewRefresh { token, expires });
        match self.store.redeem_code(&code, new, now).await? {
            Redemption::Done => {
                let Signed { token: access, expires_in } = access;
                Ok(Issued { access, expires_in, refresh, scopes, grant: stored.grant, generation: 1 })
            }
            Redemption::Unknown => Err(bad_grant("unknown_code", Some(grant))),
            Redemption::Expired => Err(bad_grant("expired", Some(grant))),
            Redemption::Revoked => Err(bad_grant("revoked", Some(grant))),
            // Unspent a moment ago: one client that asked twice at once, not one that kept a copy.
            Redemption::Spent { .. } if stored.spent.is_none() => Err(bad_grant("code_raced", Some(grant))),
            Redemption::Spent { .. } => {
                self.store.revoke_grant(&grant.id, RevocationReason::CodeReplayed, now).await?;
                Err(NotIssued { reuse: true, ..bad_grant("code_replayed", Some(grant)) })
            }
        }
    }

    /// Takes the exchange of a code back, whose answer could not be given: the code is good again, and what came of it never
    /// was.
    pub async fn take_back(&self, issued: Issued) -> Result<(), Failure> {
        Ok(self.store.take_back_redemption(&issued.grant.id).await?)
    }

    async fn refresh(&self, client: &Client, parameters: &Parameters) -> Result<Issued, NotIssued> {
        let token = parameters.one("refresh_token").map_err(TokenRefusal::from)?;
        let token = token.ok_or(TokenRefusal::Missing("refresh_token"))?;
        let token: RefreshToken = token.parse().map_err(|_| bad_grant("no_refresh_token", None))?;
        let stored = self.store.refresh(&token).await?.ok_or_else(|| bad_grant("unknown_refresh_token", None))?;
        let grant = &stored.grant;
        let refused = |refusal: NotIssued| NotIssued { generation: Some(stored.generation), ..refusal };
        self.is_for(grant, client).map_err(refused)?;
        self.check_resource(parameters, grant).map_err(refused)?;
        let scopes = narrowed(parameters, &grant.terms.scopes)?;

        let now = self.clock.now();
        let salt = random::bytes(self.random.as_ref())?;
        let expires = now.plus(self.settings.refresh_idle);
        let successor = match self.store.rotate_refresh(&token, &salt, expires, now).await? {
            Rotation::Rotated(successor) => successor,
            Rotation::Replayed(replay) => {
                let Some(successor) = self.benign(replay, now) else {
                    self.store.revoke_grant(&grant.id, RevocationReason::RefreshReplayed, now).await?;
                    return Err(refused(NotIssued { reuse: true, ..bad_grant("refresh_token_replayed", Some(grant)) }));
                };
                successor
            }
            Rotation::Unknown => return Err(refused(bad_grant("unknown_refresh_token", Some(grant)))),
            Rotation::Expired => return Err(refused(bad_grant("expired", Some(grant)))),
            Rotation::Revoked => return Err(refused(bad_grant("revoked", Some(grant)))),
        };
        let Signed { token: access, expires_in } = self.sign(grant, &scopes, successor.generation, now).await?;
        let (refresh, generation) = (Some(successor.token), successor.generation);
        Ok(Issued { access, expires_in, refresh, scopes, grant: stored.grant, generation })
    }

    /// A spent token comes back. It is taken for an answer that was lost, or for the slower of two at once, until its successor
    /// is used, and in any case for `refresh_grace` from the moment it was spent; then the same answer is given again. Only what
    /// took its place last can be had so: there is one lineage and never two.
    fn benign(&self, replay: Replay, now: Timestamp) -> Option<Successor> {
        let in_grace = now.since(replay.spent) <= self.settings.refresh_grace;
        replay.successor.filter(|successor| successor.used.is_none() || in_grace)
    }

    /// Whether a grant is this client's, for what is served now, and of a tenant that the client still serves.
    fn is_for(&self, grant: &Grant, client: &Client) -> Result<(), NotIssued> {
        if grant.terms.client != client.id {
            return Err(bad_grant("another_client", Some(grant)));
        }
        if grant.terms.resource != self.site.resource() {
            return Err(bad_grant("resource_is_gone", Some(grant)));
        }
        if !client.reach.covers(&grant.terms.tenant) || !self.tenants.contains(&grant.terms.tenant) {
            return Err(bad_grant("tenant_not_served", Some(grant)));
        }
        if self.is_vouched_for(grant) { Ok(()) } else { Err(bad_grant("provider_is_gone", Some(grant))) }
    }

    fn check_resource(&self, parameters: &Parameters, grant: &Grant) -> Result<(), NotIssued> {
        let asked = parameters.one("resource").map_err(|_| TokenRefusal::Target)?;
        if asked.is_none_or(|resource| is_ours(resource, &self.site)) {
            Ok(())
        } else {
            Err(NotIssued { grant: Some(Box::new(grant.clone())), ..TokenRefusal::Target.into() })
        }
    }

    /// The client of a request, if it is known, enabled and has proved itself.
    pub async fn authenticate(&self, credentials: &Credentials) -> Result<Client, NotIssued> {
        let refused = TokenRefusal::Client(credentials.presented());
        let client = self.live_client(credentials.id()).await?.ok_or(refused)?;
        match (credentials.assertion(), client.auth_method) {
            (Some(assertion), AuthMethod::PrivateKeyJwt) => self.prove_by_key(&client, assertion).await?,
            (Some(_), _) => return Err(refused.into()),
            (None, _) => credentials.prove(&client)?,
        }
        Ok(client)
    }
}

/// The scopes of the access token: the grant's, or fewer if fewer are asked for (RFC 6749, section 6).
fn narrowed(parameters: &Parameters, granted: &Scopes) -> Result<Scopes, TokenRefusal> {
    let Some(asked) = parameters.one("scope")? else { return Ok(granted.clone()) };
    let words = asked.split(' ').filter(|word| !word.is_empty());
    let scopes: Scopes = words.map(str::parse).collect::<Result<_, _>>().map_err(|_| TokenRefusal::Scope)?;
    if !scopes.is_empty() && scopes.is_within(granted) { Ok(scopes) } else { Err(TokenRefusal::Scope) }
}
