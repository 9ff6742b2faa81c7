//! What a person proves themselves with.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// Why a text cannot become somebody's password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    /// It can be guessed.
    #[error("the password has {0} characters; at least {minimum} are needed", minimum = Password::FEWEST_CHARACTERS)]
    TooShort(usize),
    /// It is more than anybody types.
    #[error("the password has {0} bytes; at most {maximum} are taken", maximum = Password::MOST_BYTES)]
    TooLong(usize),
}

/// A password as it was typed. Any text is one, because what is wrong is told by comparing it.
pub struct Password(SecretString);

impl Password {
    /// The fewest characters of a password that is set (NIST SP 800-63B-4, section 3.1.1.2, asks 15 where it is alone).
    pub const FEWEST_CHARACTERS: usize = 15;

    /// The longest password, in bytes: hashing a longer one would be work for nothing.
    pub const MOST_BYTES: usize = 1024;

    /// Takes the text in.
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// Gives the text out. A word that reviewers search for.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Says whether this can become somebody's password.
    pub fn check_new(&self) -> Result<(), BadPassword> {
        let (characters, bytes) = (self.expose().chars().count(), self.expose().len());
        if characters < Self::FEWEST_CHARACTERS {
            return Err(BadPassword::TooShort(characters));
        }
        if bytes > Self::MOST_BYTES { Err(BadPassword::TooLong(bytes)) } else { Ok(()) }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_and_not_bytes() {
        let check = |text: &str| Password::new(text.to_owned()).check_new();
        assert_eq!(check("äöüäöüäöü"), Err(BadPassword::TooShort(9)));
        assert_eq!(check("correct horse battery"), Ok(()));
        assert_eq!(check(&"x".repeat(1025)), Err(BadPassword::TooLong(1025)));
    }
}
