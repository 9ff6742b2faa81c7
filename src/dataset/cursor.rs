//! Opaque cursors: a position in an order, encrypted, good only for whoever got it and for the same query.
//!
//! A cursor holds a position and no right: the next page runs under the scope that the policy gives then. It is
//! encrypted because a position is made of cells, and authenticated together with the principal, the tenant and the
//! query, so that one that was made for somebody else, or for another question, is as invalid as garbage. It must never
//! say why it was refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};

use super::cell::Cell;
use super::sql::Position;
use crate::model::Tenant;
use crate::random::{self, Random, RandomError};

/// The longest cursor that is given or taken, in characters.
pub(super) const MAX_CURSOR: usize = 16_384;

const NONCE: usize = 24;
const VERSION: u8 = 1;

/// The cursor is not one that was given to this caller for this query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid cursor")]
pub struct InvalidCursor;

/// Why no cursor could be made.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// There was no nonce.
    #[error("the cursor could not be encrypted")]
    Random(#[source] RandomError),
    /// The cipher refused.
    #[error("the cursor could not be encrypted")]
    Cipher,
    /// The cells of the order are too large to go into a cursor.
    #[error("the columns of this order hold texts that are too long to continue after; order by other columns")]
    TooLong,
}

/// The key that cursors are encrypted with. Whoever changes it makes every cursor invalid, which is safe.
pub struct CursorKey(XChaCha20Poly1305);

impl std::fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl CursorKey {
    /// Takes the key in.
    pub fn new(key: [u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(&Key::from(key)))
    }

    /// A key that nobody else has.
    ///
    /// # Errors
    ///
    /// When there are no random bytes.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        Ok(Self::new(random::bytes(random)?))
    }
}

/// For whom pages are numbered: what a cursor is bound to besides its query.
#[derive(Debug, Clone, Copy)]
pub struct Pager<'a> {
    /// The key.
    pub key: &'a CursorKey,
    /// Where nonces come from.
    pub random: &'a dyn Random,
    /// Who asks; unique among all principals.
    pub principal: &'a str,
    /// The tenant that is asked for.
    pub tenant: &'a Tenant,
}

/// What a query asks, without the page: two queries with the same digest have the same order and the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueryDigest([u8; 32]);

impl QueryDigest {
    /// The digest of a query's unambiguous text.
    pub(super) fn of(query: &str) -> Self {
        Self(Sha256::digest(query.as_bytes()).into())
    }
}

impl Pager<'_> {
    /// Encrypts a position.
    pub(super) fn seal(&self, query: QueryDigest, position: &Position) -> Result<String, CursorError> {
        let nonce: [u8; NONCE] = random::bytes(self.random).map_err(CursorError::Random)?;
        let payload = Payload { msg: &encode(position), aad: &self.binding(query) };
        let sealed = self.key.0.encrypt(&XNonce::from(nonce), payload).map_err(|_| CursorError::Cipher)?;
        let cursor = URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat());
        if cursor.len() > MAX_CURSOR { Err(CursorError::TooLong) } else { Ok(cursor) }
    }

    /// Decrypts a position, if this caller got it for this query.
    pub(super) fn open(&self, query: QueryDigest, cursor: &str) -> Result<Position, InvalidCursor> {
        if cursor.len() > MAX_CURSOR {
            return Err(InvalidCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| InvalidCursor)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or(InvalidCursor)?;
        let payload = Payload { msg: sealed, aad: &self.binding(query) };
        let position = self.key.0.decrypt(&XNonce::from(*nonce), payload).map_err(|_| InvalidCursor)?;
        decode(&position).ok_or(InvalidCursor)
    }

    /// Encrypts a place in a list that is made of several queries. `list` is its name.
    ///
    /// # Errors
    ///
    /// When there is no nonce, or the place is too long.
    pub fn seal_place(&self, list: &str, place: &str) -> Result<String, CursorError> {
        self.seal(QueryDigest::of(list), &vec![Cell::Text(place.to_owned())])
    }

    /// Decrypts a place, if this caller got it for this list.
    ///
    /// # Errors
    ///
    /// When it is anything else.
    pub fn open_place(&self, list: &str, cursor: &str) -> Result<String, InvalidCursor> {
        match self.open(QueryDigest::of(list), cursor)?.as_slice() {
            [Cell::Text(place)] => Ok(place.clone()),
            _ => Err(InvalidCursor),
        }
    }

    /// Each part with its length, so that no two bindings are spelled alike.
    fn binding(&self, query: QueryDigest) -> Vec<u8> {
        let mut binding = vec![VERSION];
        for part in [self.principal, self.tenant.as_str()] {
            binding.extend(part.len().to_le_bytes());
            binding.extend(part.as_bytes());
        }
        binding.extend(query.0);
        binding
    }
}

/// The bytes of some cells; no two lists of cells have the same.
pub(super) fn encode(cells: &[Cell]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(cells.len() * 16);
    for cell in cells {
        match cell {
            Cell::Null => bytes.push(0),
            Cell::Integer(integer) => {
                bytes.push(1);
                bytes.extend(integer.to_le_bytes());
            }
            Cell::Real(real) => {
                bytes.push(2);
                bytes.extend(real.to_le_bytes());
            }
            Cell::Text(text) => encode_long(3, text.as_bytes(), &mut bytes),
            Cell::BrokenText(text) => encode_long(4, text, &mut bytes),
            Cell::Bytes(blob) => encode_long(5, blob, &mut bytes),
        }
    }
    bytes
}

fn encode_long(tag: u8, content: &[u8], bytes: &mut Vec<u8>) {
    bytes.push(tag);
    bytes.extend((content.len() as u64).to_le_bytes());
    bytes.extend(content);
}

fn decode(mut bytes: &[u8]) -> Option<Position> {
    let mut position = Position::new();
    while let Some((tag, rest)) = bytes.split_first() {
        let cell;
        (cell, bytes) = match tag {
            0 => (Cell::Null, rest),
            1 => {
                let (number, rest) = rest.split_first_chunk()?;
                (Cell::Integer(i64::from_le_bytes(*number)), rest)
            }
            2 => {
                let (number, rest) = rest.split_first_chunk()?;
                (Cell::Real(f64::from_le_bytes(*number)), rest)
            }
            3..=5 => {
                let (length, rest) = rest.split_first_chunk()?;
                let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
                let (content, rest) = rest.split_at_checked(length)?;
                let cell = match tag {
                    3 => Cell::Text(String::from_utf8(content.to_vec()).ok()?),
                    4 => Cell::BrokenText(content.to_vec()),
                    _ => Cell::Bytes(content.to_vec()),
                };
                (cell, rest)
            }
            _ => return None,
        };
        position.push(cell);
    }
    Some(position)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Counting(AtomicU8);

    impl Random for Counting {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
            buffer.fill(self.0.fetch_add(1, Ordering::Relaxed));
            Ok(())
        }
    }

    fn position() -> Position {
        vec![
            Cell::Null,
            Cell::Integer(-7),
            Cell::Real(0.5),
            Cell::Text("Zoë".to_owned()),
            Cell::BrokenText(vec![0xff]),
            Cell::Bytes(vec![0, 1]),
        ]
    }

    #[test]
    fn a_cursor_comes_back_as_the_position_and_never_looks_the_same_twice() {
        let (key, random, tenant) = (CursorKey::new([7; 32]), Counting::default(), "acme".parse().unwrap());
        let pager = Pager { key: &key, random: &random, principal: "zitadel/ada", tenant: &tenant };
        let query = QueryDigest::of("list documents");
        let first = pager.seal(query, &position()).unwrap();
        let second = pager.seal(query, &position()).unwrap();
        assert_ne!(first, second);
        assert!(!first.contains("Zo") && first.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
        assert_eq!(pager.open(query, &first), Ok(position()));
    }

    #[test]
    fn a_cursor_of_another_principal_tenant_query_or_key_is_as_invalid_as_garbage() {
        let (key, other_key) = (CursorKey::new([7; 32]), CursorKey::new([8; 32]));
        let random = Counting::default();
        let (acme, globex): (Tenant, Tenant) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let pager = Pager { key: &key, random: &random, principal: "zitadel/ada", tenant: &acme };
        let query = QueryDigest::of("list documents");
        let cursor = pager.seal(query, &position()).unwrap();

        let strangers = [
            Pager { principal: "zitadel/bob", ..pager },
            Pager { tenant: &globex, ..pager },
            Pager { key: &other_key, ..pager },
            Pager { principal: "zitadel/adaacme", ..pager },
        ];
        for stranger in strangers {
            assert_eq!(stranger.open(query, &cursor), Err(InvalidCursor), "{stranger:?}");
        }
        assert_eq!(pager.open(QueryDigest::of("list people"), &cursor), Err(InvalidCursor));
        for garbage in ["", "x", "AAAA", "not base64!", &"A".repeat(200), &"A".repeat(MAX_CURSOR + 4)] {
            assert_eq!(pager.open(query, garbage), Err(InvalidCursor), "{garbage}");
        }
    }

    #[test]
    fn every_changed_bit_makes_a_cursor_invalid() {
        let (key, random, tenant) = (CursorKey::new([7; 32]), Counting::default(), "acme".parse().unwrap());
        let pager = Pager { key: &key, random: &random, principal: "p", tenant: &tenant };
        let query = QueryDigest::of("q");
        let bytes = URL_SAFE_NO_PAD.decode(pager.seal(query, &position()).unwrap()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(pager.open(query, &URL_SAFE_NO_PAD.encode(forged)), Err(InvalidCursor), "bit {bit}");
        }
    }
}
