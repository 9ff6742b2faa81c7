//! Our access tokens (RFC 9068): for one resource, short, and with the grant that they came of, so that they can be taken back.

use jsonwebtoken::{Algorithm, Header};
use serde_json::{Value, json};

use super::OwnKeys;
use crate::keys::claims::Claims;
use crate::keys::fault::Trace;
use crate::keys::jws::UnverifiedToken;
use crate::model::oauth::{AccountId, GrantId};
use crate::model::{BearerToken, ClientId, ExternalUserId, IssuerName, Scopes, Tenant, Timestamp};
use crate::random::{self, RandomError};
use crate::store::state::StateError;

/// The claim that names the tenant.
pub(in crate::keys) const TENANT: &str = "tenant";

/// The claim that holds the customer's own identifier of the person.
pub(in crate::keys) const EXTERNAL_USER: &str = "external_user_id";

/// The claim that names the grant.
pub(super) const GRANT: &str = "gid";

/// The claim that says which generation of refresh tokens the token came with.
const GENERATION: &str = "gen";

/// The claim that names the provider where the person had signed in; what it signed about them is with the grant.
const PROVIDER: &str = "idp";

/// Why no token could be signed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each text says what the variant means")]
pub enum SignError {
    #[error("no token id could be made")]
    Random(#[from] RandomError),
    #[error("the signing key could not be used")]
    Key(#[from] jsonwebtoken::errors::Error),
    #[error("what the token says could not be kept")]
    State(#[from] StateError),
}

/// What an access token of ours says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessClaims {
    /// What it came of.
    pub grant: GrantId,
    /// With which generation of the grant's refresh tokens.
    pub generation: u64,
    /// Whose it is.
    pub account: AccountId,
    /// Who uses it.
    pub client: ClientId,
    /// The person's tenant.
    pub tenant: Tenant,
    /// The customer's own identifier of the person.
    pub external_user: Option<ExternalUserId>,
    /// The provider where the person had signed in; `None`: here.
    pub provider: Option<IssuerName>,
    /// What it can be used for.
    pub scopes: Scopes,
    /// When it was made.
    pub issued: Timestamp,
    /// When it expires.
    pub expires: Timestamp,
}

impl OwnKeys {
    /// Signs a token that says this.
    pub fn sign(&self, claims: &AccessClaims) -> Result<BearerToken, SignError> {
        let ring = self.ring.load();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(ring.current.id.to_string());
        let body = self.body(claims)?;
        Ok(BearerToken::new(jsonwebtoken::encode(&header, &body, &ring.current.secret)?))
    }

    /// What a token says, be it signed or kept.
    pub(super) fn body(&self, claims: &AccessClaims) -> Result<Value, RandomError> {
        let mut body = json!({
            "iss": self.origin,
            "aud": self.resource,
            "sub": claims.account.as_str(),
            "client_id": claims.client.as_str(),
            "scope": claims.scopes.to_string(),
            "iat": claims.issued.as_secs(),
            "exp": claims.expires.as_secs(),
            "jti": random::hex::<16>(self.random.as_ref())?,
            TENANT: claims.tenant.as_str(),
            GRANT: claims.grant.as_str(),
            GENERATION: claims.generation,
        });
        if let Some(user) = &claims.external_user {
            body[EXTERNAL_USER] = user.as_str().into();
        }
        if let Some(provider) = &claims.provider {
            body[PROVIDER] = provider.as_str().into();
        }
        Ok(body)
    }

    /// What a token says, if we signed it for the resource that is served now. It may have expired since.
    pub fn read(&self, token: &BearerToken) -> Option<AccessClaims> {
        let mut trace = Trace::default();
        let read = UnverifiedToken::read(token.expose(), &mut trace).ok()?;
        let is_ours = read.header.text("typ") == Some("at+jwt")
            && read.header.text("alg") == Some(super::ALGORITHM)
            && read.claims.text("iss") == Some(&self.origin)
            && read.claims.text("aud") == Some(&self.resource);
        let key = self.find(read.header.text("kid"), Algorithm::EdDSA).ok().filter(|_| is_ours)?;
        let genuine = key.verifies(read.signing_input.as_bytes(), read.signature, Algorithm::EdDSA);
        genuine.then(|| access(&read.claims)).flatten()
    }
}

/// The claims of a token whose signature is known to be ours.
pub(in crate::keys) fn access(claims: &Claims) -> Option<AccessClaims> {
    let external_user = match claims.text(EXTERNAL_USER) {
        Some(user) => Some(user.parse().ok()?),
        None => None,
    };
    let provider = match claims.get(PROVIDER) {
        Some(provider) => Some(provider.as_str()?.parse().ok()?),
        None => None,
    };
    let time = |name| claims.get(name)?.as_i64().map(Timestamp::from_secs);
    Some(AccessClaims {
        grant: claims.text(GRANT)?.parse().ok()?,
        generation: claims.get(GENERATION)?.as_u64()?,
        account: claims.text("sub")?.parse().ok()?,
        client: claims.text("client_id")?.parse().ok()?,
        tenant: claims.text(TENANT)?.parse().ok()?,
        external_user,
        provider,
        scopes: Scopes::known_in(claims.text("scope")?),
        issued: time("iat")?,
        expires: time("exp")?,
    })
}
