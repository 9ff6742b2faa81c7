//! The only source of randomness: identifiers, keys and nonces. Tests pass a seeded one.

use std::fmt;

/// Why no random bytes could be had.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct RandomError(#[source] getrandom::Error);

/// Gives random bytes.
pub trait Random: Send + Sync + fmt::Debug {
    /// Fills the buffer with bytes that nobody can predict.
    ///
    /// # Errors
    ///
    /// When the source has none; the caller refuses what it was about to do.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError>;
}

/// The operating system's source.
#[derive(Debug, Clone, Copy)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(buffer).map_err(RandomError)
    }
}

/// An array of random bytes.
pub fn bytes<const N: usize>(random: &dyn Random) -> Result<[u8; N], RandomError> {
    let mut buffer = [0; N];
    random.fill(&mut buffer)?;
    Ok(buffer)
}

/// So many random bytes as hexadecimal digits: an id that is unique without coordination.
pub fn hex<const N: usize>(random: &dyn Random) -> Result<String, RandomError> {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let halves = |byte: u8| [byte >> 4, byte & 0xf].map(|half| DIGITS[usize::from(half)]);
    Ok(bytes::<N>(random)?.into_iter().flat_map(halves).collect())
}
