//! What must hold of signed claims on every request. Absence refuses: no claim that matters is optional.

use crate::config::Issuer;
use crate::keys::{Claims, Reason, Signed, TokenFault, Trace};
use crate::model::{ClientId, Proof, Subject, SubjectId, Timestamp};

/// Checks the claims of a token and says what they prove, of whom and through whom.
pub(super) fn check(signed: &Signed, now: Timestamp, trace: &mut Trace) -> Result<Proof, TokenFault> {
    let (issuer, claims, (speaker, person)) = (signed.issuer(), signed.claims(), signed.person());
    let shown = |name| claims.shown(name);
    trace.compare(Reason::Issuer, claims.is_from(&issuer.issuers), &shown("iss"), &issuer.issuers)?;
    let [expires, taken_until] = times(issuer, claims, now, trace)?;
    let ours = |audience: &&str| issuer.audiences.iter().any(|accepted| accepted == audience);
    let named = claims.texts("aud").is_some_and(|audiences| audiences.iter().any(ours));
    trace.compare(Reason::Audience, named, &shown("aud"), &issuer.audiences)?;
    let subject: Option<SubjectId> = person.identifier(&["sub"], Reason::Subject, trace)?;
    let id = trace.require(Reason::Subject, subject, &person.shown("sub"), None)?;
    trace.check(Reason::Bound, !claims.has("cnf"), &shown("cnf"))?;
    for (name, accepted) in issuer.token_use.marks() {
        let meant = !claims.has(name) || claims.text(name).is_some_and(|value| accepted.contains(&value));
        trace.check(Reason::Use, meant, &shown(name))?;
    }
    for name in &issuer.claims.absent {
        trace.check(Reason::Forbidden, !claims.has(name), &shown(name))?;
    }
    for name in &issuer.claims.required {
        let present = claims.get(name).is_some_and(|value| !value.is_null());
        trace.check(Reason::Required, present, &shown(name))?;
    }
    for (left, right) in &issuer.claims.equal {
        let equal = !claims.has(left) || !claims.has(right) || claims.get(left) == claims.get(right);
        trace.compare(Reason::Unequal, equal, &shown(left), &shown(right))?;
    }
    let client: Option<ClientId> = claims.identifier(&["client_id", "azp"], Reason::Client, trace)?;
    let name = client.as_ref().map_or("absent", ClientId::as_str);
    // `clients` is empty only where `any_client = true` was written.
    let known = issuer.clients.is_empty() || client.is_some() && issuer.clients.iter().any(|known| known == name);
    trace.compare(Reason::Client, known, &name, &issuer.clients)?;
    let actor = person.actor(&speaker.actor, trace)?;
    // The issuer's own scopes are for tokens that have no such claim, never for one whose claim is empty.
    let claimed = issuer.claims.scope.as_deref().map(|name| claims.scopes(name, trace)).transpose()?.flatten();
    let scopes = claimed.unwrap_or_else(|| issuer.scopes.clone());
    Ok(Proof { subject: Subject { issuer: speaker.name.clone(), id }, actor, client, scopes, expires, taken_until })
}

fn times(issuer: &Issuer, claims: &Claims, now: Timestamp, trace: &mut Trace) -> Result<[Timestamp; 2], TokenFault> {
    let (expires, made) = (claims.time("exp", trace)?, claims.time("iat", trace)?);
    let begins = claims.optional_time("nbf", trace)?.unwrap_or(made);
    let (latest, oldest) = (now.plus(issuer.leeway), issuer.max_age.saturating_add(issuer.leeway));
    let last = expires.plus(issuer.leeway);
    trace.compare(Reason::Expired, now < last, &expires, &format_args!("later than {now}"))?;
    trace.compare(Reason::Future, made <= latest, &made, &format_args!("at latest {latest}"))?;
    trace.compare(Reason::TooOld, now.since(made) <= oldest, &made, &format_args!("{oldest:?} ago or less"))?;
    trace.compare(Reason::NotYet, begins <= latest, &begins, &format_args!("at latest {latest}"))?;
    Ok([expires, last])
}
