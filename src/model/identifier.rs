//! Names that we define, and identifiers that others send us.

use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::printed::printed;

/// The longest identifier accepted from outside, in bytes.
pub const MAX_IDENTIFIER_BYTES: usize = 256;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadIdentifier {
    /// The text has no characters.
    #[error("is empty")]
    Empty,
    /// The text is longer than [`MAX_IDENTIFIER_BYTES`].
    #[error("is {0} bytes long; at most {MAX_IDENTIFIER_BYTES} are accepted")]
    TooLong(usize),
    /// The text has a character that a reader cannot see or that reorders what they see.
    #[error("has the character U+{:04X}, which is a control or an invisible character", u32::from(*.0))]
    Invisible(char),
    /// The text begins or ends with a blank.
    #[error("begins or ends with a blank")]
    Blank,
}

/// Says whether a character is a control, or invisible, or changes the direction of text (UAX #9, UTS #39).
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00A0}' | '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{2000}'..='\u{200F}' | '\u{2028}'..='\u{202F}' | '\u{205F}'..='\u{206F}'
            | '\u{3000}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

pub(super) fn check_identifier(text: &str) -> Result<(), BadIdentifier> {
    if text.is_empty() {
        return Err(BadIdentifier::Empty);
    }
    if text.len() > MAX_IDENTIFIER_BYTES {
        return Err(BadIdentifier::TooLong(text.len()));
    }
    if let Some(c) = text.chars().find(|c| is_invisible(*c)) {
        return Err(BadIdentifier::Invisible(c));
    }
    if text.starts_with(' ') || text.ends_with(' ') {
        return Err(BadIdentifier::Blank);
    }
    Ok(())
}

macro_rules! identifier {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(std::sync::Arc<str>);

        impl $type {
            /// The identifier, byte for byte.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::model::BadIdentifier;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::model::identifier::check_identifier(text)?;
                Ok(Self(text.into()))
            }
        }

        $crate::model::printed::printed!($type);
    };
}

pub(super) use identifier;

identifier! {
    /// The `sub` claim of a token (RFC 7519, section 4.1.2). Unique only together with its issuer.
    SubjectId
}
identifier! {
    /// The customer's own identifier of a person, from a claim such as `external_user_id`.
    ExternalUserId
}
identifier! {
    /// The issuer's identifier of a customer organisation, from a claim such as `urn:zitadel:iam:org:id`.
    OrganisationId
}
identifier! {
    /// The OAuth client that a token was issued to, from `client_id` or `azp`.
    ClientId
}
identifier! {
    /// A role as an issuer's token names it. It becomes `idp:<issuer>/<role>`, never a role of ours.
    Role
}
identifier! {
    /// The AI agent that a request says it comes from. From a header: it narrows, it never widens.
    Agent
}
identifier! {
    /// The data room that a request is limited to. From a header: it narrows, it never widens.
    DataRoom
}
identifier! {
    /// The conversation that a request says it belongs to. From a header, recorded only.
    Thread
}

impl IssuerName {
    /// What our own authorization server is called.
    pub const OURS: &str = "bailiwick";

    /// The name of our own authorization server.
    pub fn ours() -> Self {
        Self(Self::OURS.into())
    }
}

impl ClientId {
    /// Makes the id of a client that registers itself. It cannot be guessed, and cannot be taken for a URL.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(format!("blw-{}", URL_SAFE_NO_PAD.encode(bytes)).into())
    }

    /// Whether it can have been made so. None of our secrets can.
    pub fn is_made_here(&self) -> bool {
        self.0.strip_prefix("blw-").is_some_and(|rest| rest.len() == 22)
    }
}

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// The text does not have the form of a name.
    #[error("`{found}` is not a name; {expected}")]
    Form {
        /// What was found.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
    /// The text is a word that generated client code could not use.
    #[error("`{0}` is a reserved word; choose another name and map it with `column = \"{0}\"`")]
    Reserved(String),
}

const RESERVED: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "kind", "lambda",
    "masked", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// The outside name of a dataset, column, tool, list or claim: `[A-Za-z_][A-Za-z0-9_]*`, at most 48 characters, no
/// reserved word.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let mut bytes = text.bytes();
        let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
        if !first || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') || text.len() > 48 {
            let expected =
                "a name begins with a letter or `_`, goes on with letters, digits and `_`, and has at most 48 of them";
            return Err(BadName::Form { found: text.to_owned(), expected });
        }
        if RESERVED.contains(&text) {
            return Err(BadName::Reserved(text.to_owned()));
        }
        Ok(Self(text.into()))
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

printed!(Name);

macro_rules! declared {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// The declared name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
                let rest = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
                if !first || !rest || text.len() > 64 {
                    let expected = "letters, digits, `-`, `_` and `.`, beginning with a letter or digit, at most 64 of them";
                    return Err(BadName::Form { found: text.to_owned(), expected });
                }
                Ok(Self(text.into()))
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        printed!($type);
    };
}

declared! {
    /// A customer organisation as the configuration declares it (`[[tenant]] name`).
    Tenant
}
declared! {
    /// A trusted issuer as the configuration calls it (`[[issuer]] name`); never the `iss` claim itself.
    IssuerName
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_refuse_what_a_reader_cannot_see() {
        for bad in ["", "a\0b", "a\r\nb", "a\u{200B}b", "\u{202E}a", "a\u{FEFF}", " a", "a "] {
            assert!(bad.parse::<SubjectId>().is_err(), "{bad:?}");
        }
        assert_eq!("jdoe@acme.example".parse::<SubjectId>().unwrap().as_str(), "jdoe@acme.example");
        assert!("x".repeat(257).parse::<SubjectId>().is_err());
    }

    #[test]
    fn names_are_identifiers_in_every_language_that_matters() {
        for good in ["id", "_x", "OrderID", "a1"] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "1a", "a-b", "Order Details", "class", "kind", "ä"] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
        assert!("block/brain".parse::<IssuerName>().is_err());
    }
}
