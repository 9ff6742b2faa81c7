//! Who is asking, proved.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::HeaderMap;

use super::{Rejection, context};
use crate::catalog::{Catalog, TenantEntry};
use crate::config::ContextHeaders;
use crate::keys::{Reason, Signed, Trace};
use crate::model::{Assurance, Attributes, ExternalUserId, OrganisationId, Proof, Requester, SubjectId};

/// Who is asking, through whom, and what the credential allows. Exists only because a token was verified: nothing outside
/// `authn` can make one.
#[derive(Debug, Clone)]
pub struct Principal {
    requester: Requester,
    proof: Proof,
}

impl Principal {
    /// Who asks, as the policy reads it.
    pub fn requester(&self) -> &Requester {
        &self.requester
    }

    /// What the credential proved: subject, actor, client, scopes, expiry.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// Who this is and through whom, in one text: what cursors and sessions are bound to. Two principals never share one.
    pub fn binding(&self) -> String {
        format!("{} {} {:?} {:?}", self.proof.subject, self.requester.tenant, self.proof.client, self.proof.actor)
    }

    /// Makes the principal of a verified token. Its tenant is the one that its issuer may speak for by the organisation that
    /// the token names; no header has a part in that.
    pub(super) fn of(
        signed: &Signed,
        proof: Proof,
        catalog: &Catalog,
        (headers, header_names): (&HeaderMap, &ContextHeaders),
        trace: &mut Trace,
    ) -> Result<Self, Rejection> {
        let (issuer, claims) = signed.person();
        let claimed: Option<OrganisationId> =
            claims.identifier(&issuer.claims.organisation, Reason::Organisation, trace)?;
        let speaks = |entry: &&TenantEntry, id| entry.is_spoken_for(&issuer.name, id) && signed.is_for(&entry.name);
        let tenant = claimed.as_ref().and_then(|id| catalog.tenants.values().find(|entry| speaks(entry, id)));
        let (Some(tenant), Some(organisation)) = (tenant, &claimed) else {
            return Err(Rejection::UnknownTenant { issuer: issuer.name.clone(), organisation: claimed });
        };
        let external_id: Option<ExternalUserId> =
            claims.identifier_or_number(&issuer.claims.external_user, Reason::ExternalUser, trace)?;
        let external = external_id.as_ref().map(ExternalUserId::as_str);
        let user: Option<SubjectId> =
            claims.identifier_or_number(issuer.claims.user_header.as_slice(), Reason::Subject, trace)?;
        let context = context::read(headers, header_names, tenant, external, user.as_ref().map(SubjectId::as_str))?;

        // Whatever the token contains stands behind one of these prefixes.
        let proved = (signed.assurance() == Assurance::Verified).then_some(&proof.subject);
        let mut names = BTreeSet::from(["*".into()]);
        names.extend(proved.into_iter().flat_map(|own| ["verified".into(), own.name()]));
        names.extend(external.filter(|_| issuer.users).map(|user| Arc::from(format!("user:{user}"))));
        for claim in &issuer.claims.roles {
            let roles = claims.roles(claim, organisation, trace)?;
            names.extend(roles.iter().map(|role| Arc::from(format!("idp:{}/{role}", issuer.name))));
        }
        let attributes = Attributes {
            id: proved.map(|subject| subject.id.clone()),
            external_id,
            issuer: proved.map(|subject| subject.issuer.clone()),
            assurance: Some(signed.assurance()),
            actor: proof.actor.as_ref().map(|actor| actor.id.clone()),
            ..claims.attributes(issuer, &catalog.claims)
        };
        Ok(Self { requester: Requester { tenant: tenant.name.clone(), names, attributes, context }, proof })
    }
}
