//! What a client is: how it proves itself, what it may ask for, where it came from, whom it can serve.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::model::Tenant;

/// A text is none of the words that stand for something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not {what}; known are {known}")]
pub struct UnknownWord {
    /// What was found.
    pub found: String,
    /// What it should have been.
    pub what: &'static str,
    /// Every word.
    pub known: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $type:ident, $what:literal, { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type { $($(#[$variant_doc])* $variant,)* }

        impl $type {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word in protocol messages and in the store.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl FromStr for $type {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                let known = || [$(concat!("`", $word, "`"),)*].join(", ");
                Self::ALL
                    .iter()
                    .copied()
                    .find(|one| one.as_str() == text)
                    .ok_or_else(|| UnknownWord { found: text.to_owned(), what: $what, known: known() })
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// How a client authenticates at the token endpoint (RFC 7591, section 2: `token_endpoint_auth_method`).
    AuthMethod, "a client authentication method", {
        /// It does not: a public client, which proves itself by PKCE alone.
        None = "none",
        /// By its secret, in the `Authorization` header.
        SecretBasic = "client_secret_basic",
        /// By its secret, in the body.
        SecretPost = "client_secret_post",
        /// By its secret, either way: what a client gets that did not choose.
        SecretEither = "client_secret",
        /// By what it signs with a key of its own (RFC 7523).
        PrivateKeyJwt = "private_key_jwt",
    }
}

impl AuthMethod {
    /// Says whether a client of this kind has a secret.
    pub fn has_secret(self) -> bool {
        match self {
            Self::None | Self::PrivateKeyJwt => false,
            Self::SecretBasic | Self::SecretPost | Self::SecretEither => true,
        }
    }

    /// Says whether a client of this kind can prove who it is (RFC 6749, section 2.1).
    pub fn is_confidential(self) -> bool {
        match self {
            Self::None => false,
            Self::SecretBasic | Self::SecretPost | Self::SecretEither | Self::PrivateKeyJwt => true,
        }
    }
}

words! {
    /// A way to get tokens (RFC 6749, section 1.3).
    GrantType, "a grant type", {
        /// By a person's consent.
        AuthorizationCode = "authorization_code",
        /// By what an earlier consent left.
        RefreshToken = "refresh_token",
        /// As the client itself, for nobody.
        ClientCredentials = "client_credentials",
    }
}

impl GrantType {
    /// What a client gets that does not choose: it acts for people.
    pub fn for_people() -> BTreeSet<Self> {
        [Self::AuthorizationCode, Self::RefreshToken].into()
    }
}

words! {
    /// Who made a client known to us, and so how far its metadata can be believed.
    ClientOrigin, "an origin of clients", {
        /// The operator, with `bailiwick client create`.
        CommandLine = "command_line",
        /// The operator, in `[oauth]` of the configuration.
        Configuration = "configuration",
        /// The client itself (RFC 7591): nobody has verified what it says.
        Registration = "registration",
        /// The document at the address that is its id: whoever holds that address says what is in it.
        MetadataDocument = "metadata_document",
    }
}

impl ClientOrigin {
    /// Says whether the operator answers for what is said of such a client. Anybody can make the others known.
    pub fn is_vouched_for(self) -> bool {
        match self {
            Self::CommandLine | Self::Configuration => true,
            Self::Registration | Self::MetadataDocument => false,
        }
    }
}

/// Whose people a client can be used by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Every declared tenant's.
    EveryTenant,
    /// These tenants' alone.
    Tenants(BTreeSet<Tenant>),
}

impl Reach {
    /// Says whether people of this tenant can use the client.
    pub fn covers(&self, tenant: &Tenant) -> bool {
        match self {
            Self::EveryTenant => true,
            Self::Tenants(tenants) => tenants.contains(tenant),
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EveryTenant => f.write_str("*"),
            Self::Tenants(tenants) => {
                let names: Vec<_> = tenants.iter().map(Tenant::as_str).collect();
                f.write_str(&names.join(" "))
            }
        }
    }
}

impl FromStr for Reach {
    type Err = crate::model::BadName;

    /// Reads what [`Reach`] prints. An empty text is no tenant at all.
    fn from_str(text: &str) -> Result<Self, crate::model::BadName> {
        if text == "*" {
            return Ok(Self::EveryTenant);
        }
        Ok(Self::Tenants(text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_of_no_tenant_serves_nobody() {
        let acme: Tenant = "acme".parse().unwrap();
        assert!("*".parse::<Reach>().unwrap().covers(&acme));
        assert!("globex acme".parse::<Reach>().unwrap().covers(&acme));
        assert!(!"globex".parse::<Reach>().unwrap().covers(&acme));
        assert!(!"".parse::<Reach>().unwrap().covers(&acme));
        for reach in ["*", "", "acme globex"] {
            assert_eq!(reach.parse::<Reach>().unwrap().to_string(), reach);
        }
    }

    #[test]
    fn an_unknown_word_is_refused_with_the_known_ones() {
        let error = "tls_client_auth".parse::<AuthMethod>().unwrap_err().to_string();
        assert!(error.contains("`tls_client_auth` is not a client authentication method"), "{error}");
        assert!(error.contains("`client_secret_basic`"), "{error}");
        assert!("implicit".parse::<GrantType>().is_err());
    }
}
