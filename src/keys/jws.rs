//! A signed token taken apart, strictly (RFC 7515, section 5.2). What is read here proves nothing: `UnverifiedToken` says
//! so in its name, and it stays in `keys`: what leaves is the claims whose signature was verified.
//!
//! The signature library ignores `crit`, `b64`, invalid UTF-8 in members it does not know, and members given twice.
//! Everything that two readers could understand differently is refused before it is asked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::claims::Claims;
use super::fault::{Reason, TokenFault, Trace};
use super::jwk::MAX_KID_BYTES;

/// Parameters that name keys or change what is signed. Ignoring one would be to misread the token; none is ever fetched.
const REFUSED_PARAMETERS: [&str; 8] = ["b64", "jku", "jwk", "x5u", "x5c", "zip", "enc", "epk"];

/// A token of three parts whose signature nobody has looked at yet.
#[derive(Debug)]
pub(super) struct UnverifiedToken<'t> {
    /// What the signature is over.
    pub(super) signing_input: &'t str,
    /// The signature, in base64url.
    pub(super) signature: &'t str,
    /// The header.
    pub(super) header: Claims,
    /// The payload.
    pub(super) claims: Claims,
}

impl<'t> UnverifiedToken<'t> {
    /// Takes the token apart and refuses what is not a plain signed JWT.
    pub(super) fn read(token: &'t str, trace: &mut Trace) -> Result<Self, TokenFault> {
        let is_key = token.starts_with("sk-kb-");
        trace.check(Reason::ApiKey, !is_key, if is_key { &"an API key" } else { &"no API key" })?;
        let parts: Vec<&str> = token.splitn(6, '.').collect();
        let count = format_args!("{} part{}", parts.len(), if parts.len() == 1 { "" } else { "s" });
        trace.check(Reason::Encrypted, parts.len() != 5, &count)?;
        trace.check(Reason::Opaque, parts.len() == 3, &count)?;
        let (header, payload, signature) = (parts[0], parts[1], parts[2]);
        let signing_input = &token[..header.len() + 1 + payload.len()];
        let (header, payload) = (decode(header, trace)?, decode(payload, trace)?);
        decode(signature, trace)?;
        let header = Claims::read(&header, Reason::Header, trace)?;
        let claims = Claims::read(&payload, Reason::Payload, trace)?;
        check_header(&header, trace)?;
        Ok(Self { signing_input, signature, header, claims })
    }
}

fn decode(part: &str, trace: &mut Trace) -> Result<Vec<u8>, TokenFault> {
    match URL_SAFE_NO_PAD.decode(part) {
        Ok(bytes) => trace.check(Reason::Base64, true, &"well-formed").map(|()| bytes),
        Err(error) => Err(trace.refuse(Reason::Base64, &error)),
    }
}

/// The checks of a header that need no issuer.
fn check_header(header: &Claims, trace: &mut Trace) -> Result<(), TokenFault> {
    trace.check(Reason::Critical, !header.has("crit"), &header.shown("crit"))?;
    let refused = REFUSED_PARAMETERS.iter().find(|name| header.has(name));
    trace.check(Reason::Parameter, refused.is_none(), refused.unwrap_or(&"none of them"))?;
    let plain =
        |kid: &str| (1..=MAX_KID_BYTES).contains(&kid.len()) && kid.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    let good = !header.has("kid") || header.text("kid").is_some_and(plain);
    trace.check(Reason::KeyId, good, &header.shown("kid"))
}
