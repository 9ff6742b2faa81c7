//! Identifiers that we give out. They are no secrets, and nobody can guess one.

use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::model::ClientId;
use crate::model::identifier::{BadIdentifier, check_identifier, identifier};
use crate::model::printed::printed;

macro_rules! given {
    ($(#[$doc:meta])* $type:ident) => {
        identifier! {
            $(#[$doc])*
            $type
        }

        impl $type {
            /// Makes an id of random bytes.
            pub fn from_random(bytes: [u8; 16]) -> Self {
                Self(URL_SAFE_NO_PAD.encode(bytes).into())
            }
        }
    };
}

given! {
    /// Whose a token of ours is, and its `sub`: a local account, or a client that acts for itself.
    AccountId
}
given! {
    /// A grant: what one account allowed one client, and the family of all tokens that came of it (`gid` in our tokens).
    GrantId
}
given! {
    /// A sign-in in one browser. Its secret changes when somebody signs in; the id stays.
    LoginSessionId
}
given! {
    /// A signing key of ours (`kid`).
    KeyId
}

impl AccountId {
    /// What stands before the id of a client. No account has it: the ids that we make have no colon.
    const CLIENT: &str = "client:";

    /// A client that acts for itself.
    pub fn of_client(client: &ClientId) -> Result<Self, BadIdentifier> {
        format!("{}{client}", Self::CLIENT).parse()
    }
}

/// What a person types to say who they are. Letters differ only by what they mean: it is kept in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Login(Arc<str>);

impl Login {
    /// The login, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Login {
    type Err = BadIdentifier;

    fn from_str(text: &str) -> Result<Self, BadIdentifier> {
        let text = text.trim().to_lowercase();
        check_identifier(&text)?;
        Ok(Self(text.into()))
    }
}

printed!(Login);
