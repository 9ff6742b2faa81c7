//! Sign-in at another OpenID provider: here we are the client (OpenID Connect Core 1.0, section 3.1).
//!
//! A browser goes to the provider with a `state`, a `nonce` and a challenge (RFC 7636) that belong to its session, and comes
//! back with a code to an address that only this provider is given, so that one provider's answer cannot be taken for another's
//! (RFC 9207; RFC 9700, section 4.4). The ID token that the code is good for goes through the very checks of a forwarded
//! token, with the keys, the algorithms and the claim map of the provider's `[[issuer]]`; that it is meant for us, of this
//! journey and an ID token is checked besides. What the map names and the token has not is asked of the provider (`userinfo`).
//!
//! The crate `openidconnect` would bring a second set of signature checks with it, the one of RUSTSEC-2023-0071 among them,
//! and they would stand beside ours. What is left of a client without them is small: one document, one request.

mod fault;
mod metadata;
mod post;
mod userinfo;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue};

pub use self::fault::ProviderError;
use self::metadata::Documents;
use self::post::{Redeemed, Wire};
use crate::authn::Authenticator;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::{self, ContextHeaders, Issuer, SignIn, TokenType, TokenUse};
use crate::keys::{Claims, IssuerKeys, KeyCache, Person, Trace, Trust};
use crate::model::oauth::{CodeChallenge, CodeVerifier, CsrfToken, PersonClaims, ProviderState};
use crate::model::{BearerToken, IssuerName, Scopes, Tenant};
use crate::outbound::Authorities;
use crate::store::state::Identity;

/// The largest age of an ID token: it was made for this journey.
const FRESH: Duration = Duration::from_mins(10);

/// The path that a provider sends browsers back to; its name follows.
pub const CALLBACK: &str = "/sign-in/callback/";

/// What a browser comes back with, and what its session makes of the journey.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// The code.
    pub code: &'a str,
    /// Who says so (RFC 9207).
    pub iss: Option<&'a str>,
    /// What the challenge was made of.
    pub verifier: &'a CodeVerifier,
    /// What the ID token must have.
    pub nonce: &'a CsrfToken,
}

/// An OpenID provider where people sign in.
#[derive(Debug)]
pub struct Provider {
    settings: Arc<SignIn>,
    issuer: Issuer,
    tenants: BTreeSet<Tenant>,
    callback: String,
    signatures: Trust,
    keys: Arc<KeyCache>,
    catalog: Arc<Catalog>,
    clock: Arc<dyn Clock>,
    documents: Documents,
    wire: Wire,
}

impl Provider {
    /// The provider of a `[[sign_in]]`: this issuer, with these keys. `origin` is ours.
    pub fn new(
        settings: Arc<SignIn>,
        (issuer, keys): (&Issuer, &Arc<KeyCache>),
        catalog: &Arc<Catalog>,
        origin: &str,
        authorities: &Authorities,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, ProviderError> {
        let speaks = catalog.tenants.values().filter(|tenant| tenant.issuer.as_ref() == Some(&issuer.name));
        let trusted = vec![(of_id_tokens(issuer, &settings), Arc::clone(keys))];
        Ok(Self {
            tenants: speaks.map(|tenant| tenant.name.clone()).collect(),
            callback: format!("{origin}{CALLBACK}{}", issuer.name),
            signatures: Trust::new(trusted),
            keys: Arc::clone(keys),
            catalog: Arc::clone(catalog),
            clock: Arc::clone(clock),
            documents: Documents::new(settings.metadata.clone(), issuer.issuers.clone(), Arc::clone(clock)),
            wire: Wire::new(authorities)?,
            issuer: issuer.clone(),
            settings,
        })
    }

    /// Its name: that of its `[[issuer]]`.
    pub fn name(&self) -> &IssuerName {
        &self.issuer.name
    }

    /// What people know it by.
    pub fn label(&self) -> &str {
        &self.settings.label
    }

    /// The tenants that it speaks for.
    pub fn tenants(&self) -> &BTreeSet<Tenant> {
        &self.tenants
    }

    /// Where a browser is sent to.
    pub async fn address(
        &self,
        state: &ProviderState,
        nonce: &CsrfToken,
        challenge: &CodeChallenge,
    ) -> Result<String, ProviderError> {
        let mut address = self.documents.get(&self.wire).await?.authorization.clone();
        address
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", self.settings.client_id.as_str())
            .append_pair("redirect_uri", &self.callback)
            .append_pair("scope", &self.settings.scopes.join(" "))
            .append_pair("state", state.expose())
            .append_pair("nonce", nonce.expose())
            .append_pair("code_challenge", &challenge.as_text())
            .append_pair("code_challenge_method", "S256");
        Ok(address.into())
    }

    /// Says whether an answer is this provider's, as far as the answer says whose it is: asked before anything is sent anywhere,
    /// and of refusals too.
    pub async fn check_source(&self, iss: Option<&str>) -> Result<(), ProviderError> {
        let is_ours = match iss {
            Some(iss) => self.issuer.issuers.iter().any(|known| known == iss),
            None => !self.documents.get(&self.wire).await?.names_itself,
        };
        if is_ours { Ok(()) } else { Err(ProviderError::Source) }
    }

    /// Who it is that signed in.
    pub async fn identity(&self, arrival: Arrival<'_>) -> Result<Identity, ProviderError> {
        self.check_source(arrival.iss).await?;
        let documents = self.documents.get(&self.wire).await?;
        let Redeemed { id_token: token, access } =
            self.wire.redeem(&documents, &self.settings, &self.callback, &arrival).await?;
        let signed = self.signatures.signed(&token, &mut Trace::default()).await?;
        let claims = signed.claims();
        if !claims.text("nonce").is_some_and(|nonce| arrival.nonce.is(nonce)) {
            return Err(ProviderError::Nonce);
        }
        if !is_for_us(claims, self.settings.client_id.as_str()) {
            return Err(ProviderError::AuthorizedParty);
        }
        let told = self.told(claims, &documents, access.as_ref()).await?;
        let claims = told.as_deref().map_or(claims, Person::claims);
        let principal = self.people(told.clone()).authenticate(&bearer(&token)?).await?;
        let (requester, proof) = (principal.requester(), principal.proof());
        if proof.actor.is_some() {
            return Err(ProviderError::Acted);
        }
        let attributes = &requester.attributes;
        let email = attributes.email.as_deref();
        let shown = email.or(attributes.external_id.as_ref().map(crate::model::ExternalUserId::as_str));
        Ok(Identity {
            provider: self.issuer.name.clone(),
            iss: claims.text("iss").unwrap_or_default().to_owned(),
            subject: proof.subject.id.clone(),
            tenant: requester.tenant.clone(),
            external_user: attributes.external_id.clone(),
            shown: shown.unwrap_or(proof.subject.id.as_str()).to_owned(),
            claims: PersonClaims::new(claims.only(read(&self.issuer.claims))),
        })
    }
}

impl Provider {
    /// How long what it says of somebody counts.
    pub fn counts_for(&self) -> Duration {
        self.settings.counts_for
    }

    /// Says who an ID token proves, with what was told besides. No header of a browser has a say in it.
    fn people(&self, told: Option<Arc<Person>>) -> Authenticator {
        let keys = Arc::clone(&self.keys);
        let keys = match told {
            Some(told) => IssuerKeys::Told(keys, told),
            None => IssuerKeys::Fetched(keys),
        };
        let trusted = vec![(of_id_tokens(&self.issuer, &self.settings), keys)];
        let (catalog, clock) = (Arc::clone(&self.catalog), Arc::clone(&self.clock));
        Authenticator::new(trusted, catalog, ContextHeaders::default(), clock)
    }
}

/// The claims that are read of a person, and so the ones that are kept.
fn read(map: &config::Claims) -> impl Iterator<Item = &str> {
    let roles = map.roles.iter().map(|role| &role.claim);
    let named = map.external_user.iter().chain(&map.organisation).chain(roles).chain(&map.user_header);
    named.chain(map.attributes.values()).map(String::as_str).chain(["sub", "email", "email_verified"])
}

/// The issuer, as one whose ID tokens for us are looked at.
fn of_id_tokens(issuer: &Issuer, settings: &SignIn) -> Issuer {
    Issuer {
        audiences: vec![settings.client_id.as_str().to_owned()],
        // `azp` is looked at here: it is often absent.
        clients: Vec::new(),
        token_types: vec![TokenType::Jwt, TokenType::Missing],
        token_use: TokenUse::Identity,
        claims: config::Claims {
            scope: None,
            absent: Vec::new(),
            required: vec!["nonce".to_owned()],
            ..issuer.claims.clone()
        },
        scopes: Scopes::default(),
        max_age: FRESH,
        ..issuer.clone()
    }
}

/// Whether an ID token was issued to us (OpenID Connect Core 1.0, section 3.1.3.7, 4 and 5).
fn is_for_us(claims: &Claims, client: &str) -> bool {
    let alone = claims.texts("aud").is_some_and(|audiences| audiences.len() == 1);
    if claims.has("azp") { claims.text("azp") == Some(client) } else { alone }
}

fn bearer(token: &BearerToken) -> Result<HeaderMap, ProviderError> {
    let mut value =
        HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| ProviderError::NoIdToken)?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}
