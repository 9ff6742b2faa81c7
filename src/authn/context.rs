//! What a request says about itself. A header narrows an answer or contradicts the token; it never widens, never proves.

use std::{fmt::Display, str::FromStr};

use http::HeaderMap;

use super::Rejection;
use crate::catalog::TenantEntry;
use crate::config::ContextHeaders;
use crate::model::{BadIdentifier, Context, ContextField, DataRoom, ExternalUserId};

/// A header's name and value.
type Said<'a> = (&'a str, &'a str);

/// Reads the context of a request whose token is verified: of this tenant, and of this external user and this user of the
/// platform, where the token names them. Where it does not, those headers are recorded.
pub(super) fn read(
    headers: &HeaderMap,
    names: &ContextHeaders,
    tenant: &TenantEntry,
    external_user: Option<&str>,
    user: Option<&str>,
) -> Result<Context, Rejection> {
    let aliases = "`aliases` of the `[[tenant]]`";
    agrees(one(headers, &names.tenant)?, |said| tenant.is_called(said), tenant.name.as_str(), aliases)?;
    let mut stated = Vec::new();
    for (names, claimed, setting) in [
        (&names.external_user, external_user, "`claims.external_user` of the `[[issuer]]`"),
        (&names.user, user, "`claims.user_header` of the `[[issuer]]`"),
    ] {
        match (one(headers, names)?, claimed) {
            (said, Some(claimed)) => agrees(said, |said| said == claimed, claimed, setting)?,
            (Some((header, value)), None) => stated.push(format!("{header}: {}", value.escape_debug()).into()),
            (None, None) => {}
        }
    }
    // Not used and not recorded, but two of them are refused like two of any other.
    one(headers, &names.user_email)?;
    let field = |field| names.fields.get(&field).map_or(Ok(None), |names| one(headers, names));
    Ok(Context {
        agent: field(ContextField::Agent)?.map(parse).transpose()?,
        data_room: field(ContextField::DataRoom)?.map(|said| data_room(said, tenant)).transpose()?,
        thread: field(ContextField::Thread)?.map(parse).transpose()?,
        stated,
    })
}

/// The person whom a platform names that may: by the customer's own identifier, or nobody. One who is named in another way
/// alone is nobody that we know, and not whoever consented either.
pub(super) fn asserted(headers: &HeaderMap, names: &ContextHeaders) -> Result<Option<ExternalUserId>, Rejection> {
    let said = one(headers, &names.external_user)?;
    match one(headers, &names.user)?.or(one(headers, &names.user_email)?) {
        Some((header, _)) if said.is_none() => {
            Err(bad(header, "names a person, and no header of `external_user` does"))
        }
        _ => said.map(parse).transpose(),
    }
}

/// The one value of a header that may go by several names.
fn one<'a>(headers: &'a HeaderMap, names: &'a [String]) -> Result<Option<Said<'a>>, Rejection> {
    let mut found: Option<Said<'a>> = None;
    for name in names {
        let mut values = headers.get_all(name.as_str()).iter();
        let Some(value) = values.next() else { continue };
        let value = std::str::from_utf8(value.as_bytes()).map_err(|_| bad(name, "is not UTF-8"))?;
        if values.next().is_some() {
            return Err(bad(name, "was sent twice"));
        }
        match found {
            Some((other, said)) if said != value => {
                return Err(bad(name, format_args!("contradicts `{other}`")));
            }
            _ => found = Some((name, value)),
        }
    }
    Ok(found)
}

fn agrees(said: Option<Said>, ok: impl Fn(&str) -> bool, own: &str, setting: &'static str) -> Result<(), Rejection> {
    let Some((header, arrived)) = said.filter(|(_, value)| !ok(value)) else { return Ok(()) };
    let (header, arrived) = (header.to_owned(), arrived.escape_debug().to_string());
    Err(Rejection::ContextMismatch { header, arrived, expected: own.to_owned(), setting })
}

fn data_room((header, room): Said<'_>, tenant: &TenantEntry) -> Result<DataRoom, Rejection> {
    let unknown = || Rejection::UnknownDataRoom { tenant: tenant.name.clone(), room: room.escape_debug().to_string() };
    tenant.data_room(room).ok_or_else(unknown)?.map_err(|error| bad(header, error))
}

fn parse<T: FromStr<Err = BadIdentifier>>((header, value): Said<'_>) -> Result<T, Rejection> {
    value.parse().map_err(|error| bad(header, error))
}

fn bad(header: &str, problem: impl Display) -> Rejection {
    Rejection::BadHeader { header: header.to_owned(), problem: problem.to_string() }
}
