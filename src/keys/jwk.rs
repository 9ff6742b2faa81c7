//! From a JWKS document to the keys that may verify a signature (RFC 7517, RFC 7518, RFC 8037).
//!
//! The document is read entry by entry: one odd entry is left out with a reason and does not cost the others. What the
//! signature library would overlook (`use`, `key_ops`, `alg`, curve, size, published private halves) is decided here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::strict_json::{self, BadJson};

/// The longest key id that is accepted, in bytes.
pub const MAX_KID_BYTES: usize = 256;

const RSA: &[Algorithm] =
    &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];
const P256: &[Algorithm] = &[Algorithm::ES256];
const P384: &[Algorithm] = &[Algorithm::ES384];
const ED25519: &[Algorithm] = &[Algorithm::EdDSA];

/// Private members (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1). A published private half belongs to everybody.
const PRIVATE: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Ed25519 points of small order, without the sign bit: under such a key one signature fits many messages.
pub(super) const SMALL_ORDER: [[u8; 32]; 7] = [
    point(0, 0, 0),
    point(1, 0, 0),
    point(0xec, 0xff, 0x7f),
    point(0xed, 0xff, 0x7f),
    point(0xee, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn point(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// Why an entry of a key set is left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The entry is no JSON object.
    #[error("the entry is not an object")]
    NotAnObject,
    /// A member has the wrong type or form.
    #[error("`{member}` is {found}; {expected} is expected")]
    Member {
        /// The member.
        member: &'static str,
        /// What it is.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
    /// The key's private half is published with it.
    #[error("it publishes its private member `{0}`: treat the key as stolen")]
    Private(&'static str),
    /// Another entry has the same key id and another key.
    #[error("another key of the set has the same `kid`")]
    SameKid,
}

/// Why a whole document is not a key set.
#[derive(Debug, thiserror::Error)]
pub enum BadKeySet {
    /// The document is not strict JSON.
    #[error("the key set cannot be read")]
    Json(#[source] BadJson),
    /// There is no `keys` array.
    #[error("the key set has no array `keys`")]
    NoKeys,
    /// There are too many keys.
    #[error("the key set has {found} keys; at most {most} are accepted (`max_keys`)")]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// Every entry was left out, or there was none.
    #[error("the key set has no usable key ({skipped} left out)")]
    Empty {
        /// How many entries were left out.
        skipped: usize,
        /// The first of them, and why.
        first: Option<Box<(usize, Unusable)>>,
    },
}

/// A public key of an issuer, and what it may be used for.
#[derive(Debug)]
pub struct TrustedKey {
    kid: Option<Box<str>>,
    algorithms: &'static [Algorithm],
    only: Option<Algorithm>,
    key: DecodingKey,
    fingerprint: [u8; 32],
}

impl TrustedKey {
    /// Its key id, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Says whether signatures of this algorithm may be verified with it.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.only.map_or_else(|| self.algorithms.contains(&algorithm), |only| only == algorithm)
    }

    /// Says whether it is the very same key: id, material and algorithms.
    pub fn is(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint && self.only == other.only
    }

    /// Verifies a JWS signature (its base64url text) over the signing input. Nothing but the signature is looked at.
    #[must_use]
    pub fn verifies(&self, signing_input: &[u8], signature: &str, algorithm: Algorithm) -> bool {
        self.fits(algorithm)
            && matches!(jsonwebtoken::crypto::verify(signature, signing_input, &self.key, algorithm), Ok(true))
    }
}

/// What a document gave.
#[derive(Debug)]
pub(super) struct Filtered {
    /// The usable keys; never none.
    pub(super) keys: Vec<TrustedKey>,
    /// The entries left out: their position, and why.
    pub(super) skipped: Vec<(usize, Unusable)>,
}

/// Reads a JWKS document.
pub(super) fn filter(document: &[u8], max_keys: usize) -> Result<Filtered, BadKeySet> {
    let members = strict_json::object(document).map_err(BadKeySet::Json)?;
    let entries = members.get("keys").and_then(Value::as_array).ok_or(BadKeySet::NoKeys)?;
    if entries.len() > max_keys {
        return Err(BadKeySet::TooMany { found: entries.len(), most: max_keys });
    }
    let mut read: Vec<(usize, TrustedKey)> = Vec::with_capacity(entries.len());
    let mut skipped = Vec::new();
    for (position, entry) in entries.iter().enumerate() {
        match entry.as_object().ok_or(Unusable::NotAnObject).and_then(trusted_key) {
            // The same key twice is one key.
            Ok(key) if read.iter().any(|(_, other)| other.is(&key)) => {}
            Ok(key) => read.push((position, key)),
            Err(reason) => skipped.push((position, reason)),
        }
    }
    let mut keys = Vec::with_capacity(read.len());
    let ids: Vec<_> = read.iter().map(|(_, key)| (key.kid.clone(), key.fingerprint)).collect();
    for (position, key) in read {
        if key.kid.is_some() && ids.iter().any(|(kid, other)| *kid == key.kid && *other != key.fingerprint) {
            skipped.push((position, Unusable::SameKid));
        } else {
            keys.push(key);
        }
    }
    if keys.is_empty() {
        return Err(BadKeySet::Empty { skipped: skipped.len(), first: skipped.into_iter().next().map(Box::new) });
    }
    Ok(Filtered { keys, skipped })
}

fn trusted_key(entry: &Map<String, Value>) -> Result<TrustedKey, Unusable> {
    if let Some(member) = PRIVATE.iter().find(|member| entry.contains_key(**member)) {
        return Err(Unusable::Private(member));
    }
    let kid = optional_text(entry, "kid")?;
    if let Some(kid) = kid.filter(|kid| kid.is_empty() || kid.len() > MAX_KID_BYTES) {
        return Err(unlike("kid", format!("{} bytes long", kid.len()), "1 to 256 bytes"));
    }
    if let Some(purpose) = optional_text(entry, "use")?.filter(|purpose| *purpose != "sig") {
        return Err(unlike("use", format!("`{purpose}`"), "`sig`"));
    }
    if let Some(operations) = entry.get("key_ops") {
        let verifies = operations.as_array().is_some_and(|operations| operations.iter().any(|o| o == "verify"));
        if !verifies {
            return Err(unlike("key_ops", operations.to_string(), "a list with `verify`"));
        }
    }
    let (algorithms, key, material) = match text(entry, "kty")? {
        "RSA" => rsa(entry)?,
        "EC" => elliptic_curve(entry)?,
        "OKP" => edwards_curve(entry)?,
        other => return Err(unlike("kty", format!("`{other}`"), "`RSA`, `EC` or `OKP`")),
    };
    let only = match optional_text(entry, "alg")? {
        None => None,
        Some(name) => Some(
            algorithms
                .iter()
                .copied()
                .find(|algorithm| format!("{algorithm:?}") == name)
                .ok_or_else(|| unlike("alg", format!("`{name}`"), "a signature algorithm of this type of key"))?,
        ),
    };
    let mut hash = Sha256::new();
    for part in [kid.unwrap_or_default().as_bytes(), format!("{algorithms:?}").as_bytes(), &material] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Ok(TrustedKey { kid: kid.map(Into::into), algorithms, only, key, fingerprint: hash.finalize().into() })
}

type Material = (&'static [Algorithm], DecodingKey, Vec<u8>);

fn rsa(entry: &Map<String, Value>) -> Result<Material, Unusable> {
    let (modulus, exponent) = (octets(entry, "n")?, octets(entry, "e")?);
    let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
    if !(2048..=8192).contains(&bits) || modulus.first() == Some(&0) || modulus.last().is_none_or(|n| n % 2 == 0) {
        return Err(unlike("n", format!("{bits} bits"), "an odd number of 2048 to 8192 bits"));
    }
    let number = exponent.iter().try_fold(0_u64, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)));
    // 33 bits is the verifier's own limit; NIST SP 800-56B would allow more, and nobody uses it.
    if !number.is_some_and(|e| e >= 3 && e % 2 == 1 && e < 1 << 33) || exponent.first() == Some(&0) {
        return Err(unlike("e", format!("{exponent:?}"), "an odd number of at least 3 and at most 33 bits"));
    }
    let key = DecodingKey::from_rsa_raw_components(&modulus, &exponent);
    Ok((RSA, key, [exponent, modulus].concat()))
}

fn elliptic_curve(entry: &Map<String, Value>) -> Result<Material, Unusable> {
    let (algorithms, length) = match text(entry, "crv")? {
        "P-256" => (P256, 32),
        "P-384" => (P384, 48),
        other => return Err(unlike("crv", format!("`{other}`"), "`P-256` or `P-384`")),
    };
    let point = [vec![4], exactly(entry, "x", length)?, exactly(entry, "y", length)?].concat();
    Ok((algorithms, DecodingKey::from_ec_der(&point), point))
}

fn edwards_curve(entry: &Map<String, Value>) -> Result<Material, Unusable> {
    let curve = text(entry, "crv")?;
    if curve != "Ed25519" {
        return Err(unlike("crv", format!("`{curve}`"), "`Ed25519`"));
    }
    let point = exactly(entry, "x", 32)?;
    let mut unsigned = point.clone();
    if let Some(last) = unsigned.last_mut() {
        *last &= 0x7f;
    }
    if SMALL_ORDER.iter().any(|small| *small == *unsigned) {
        return Err(unlike("x", "a point of small order".to_owned(), "a public key"));
    }
    Ok((ED25519, DecodingKey::from_ed_der(&point), point))
}

fn exactly(entry: &Map<String, Value>, member: &'static str, length: usize) -> Result<Vec<u8>, Unusable> {
    let octets = octets(entry, member)?;
    if octets.len() != length {
        return Err(unlike(member, format!("{} bytes long", octets.len()), "a coordinate of the curve's length"));
    }
    Ok(octets)
}

fn octets(entry: &Map<String, Value>, member: &'static str) -> Result<Vec<u8>, Unusable> {
    let decoded = URL_SAFE_NO_PAD.decode(text(entry, member)?);
    decoded.map_err(|error| unlike(member, error.to_string(), "base64url without padding"))
}

fn text<'a>(entry: &'a Map<String, Value>, member: &'static str) -> Result<&'a str, Unusable> {
    optional_text(entry, member)?.ok_or_else(|| unlike(member, "absent".to_owned(), "a text"))
}

fn optional_text<'a>(entry: &'a Map<String, Value>, member: &'static str) -> Result<Option<&'a str>, Unusable> {
    match entry.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(unlike(member, other.to_string(), "a text")),
    }
}

fn unlike(member: &'static str, found: String, expected: &'static str) -> Unusable {
    Unusable::Member { member, found, expected }
}
