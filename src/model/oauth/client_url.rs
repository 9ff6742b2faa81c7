//! The id of a client that is an address: where the document is that describes it (OAuth Client ID Metadata Document,
//! draft 02, section 3).
//!
//! The id is compared as it is written, so one address must have one spelling: whatever a reader of URLs would write in
//! another way is refused, and never put right.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::model::{BadIdentifier, ClientId};

/// Why a text is not the address of a client's document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadClientUrl {
    /// It is too long, or has characters that no id has.
    #[error("the client's address {0}")]
    Identifier(#[from] BadIdentifier),
    /// It is not a URL with a host.
    #[error("the client's address is not a URL with a host")]
    NotAUrl,
    /// Its scheme is another one.
    #[error("the client's address must begin with https://")]
    Scheme,
    /// There is another spelling of it.
    #[error(
        "the client's address is not in its one spelling: lower-case host, no default port, no `.` or `..` in the path"
    )]
    Spelling,
    /// It names nothing at the host.
    #[error("the client's address has no path")]
    NoPath,
    /// It has a user name or a password.
    #[error("the client's address has a user before its host")]
    UserInfo,
    /// It has a fragment.
    #[error("the client's address has a fragment")]
    Fragment,
}

/// The address of a client's document, which is the client's id.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientUrl(Url);

impl ClientUrl {
    /// Says whether an id wants to be such an address: then it is one, or it is nobody's.
    pub fn is_meant_by(id: &ClientId) -> bool {
        id.as_str().starts_with("https:") || id.as_str().starts_with("http:")
    }

    /// The address.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Its host, without the port: what a person is shown, and what the operator lists.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}

impl FromStr for ClientUrl {
    type Err = BadClientUrl;

    fn from_str(text: &str) -> Result<Self, BadClientUrl> {
        text.parse::<ClientId>()?;
        let url: Url = text.parse().map_err(|_| BadClientUrl::NotAUrl)?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(BadClientUrl::Scheme);
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(BadClientUrl::NotAUrl);
        }
        if text.contains('#') {
            return Err(BadClientUrl::Fragment);
        }
        if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
            return Err(BadClientUrl::UserInfo);
        }
        // `Url` takes dot segments away, encoded ones too, and writes host, port and escapes in their one form.
        if url.as_str() != text || text.contains('\\') {
            return Err(BadClientUrl::Spelling);
        }
        if url.path() == "/" {
            return Err(BadClientUrl::NoPath);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for ClientUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl fmt::Debug for ClientUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_72_an_address_has_one_spelling_and_names_a_document() {
        for good in [
            "https://vscode.dev/oauth/client-metadata.json",
            "https://claude.ai/oauth/mcp-oauth-client-metadata",
            "https://app.example:8443/client?x=1",
            "http://127.0.0.1:8080/client",
        ] {
            assert_eq!(good.parse::<ClientUrl>().unwrap().to_string(), good);
        }
        for (bad, why) in [
            ("https://app.example", BadClientUrl::Spelling),
            ("https://app.example/", BadClientUrl::NoPath),
            ("https://user@app.example/c", BadClientUrl::UserInfo),
            ("https://user:pass@app.example/c", BadClientUrl::UserInfo),
            ("https://app.example/c#x", BadClientUrl::Fragment),
            ("https://app.example/c#", BadClientUrl::Fragment),
            ("https://app.example/a/../c", BadClientUrl::Spelling),
            ("https://app.example/a/%2e%2E/c", BadClientUrl::Spelling),
            ("https://app.example/./c", BadClientUrl::Spelling),
            ("https://app.example/a\\c", BadClientUrl::Spelling),
            ("https://App.example/c", BadClientUrl::Spelling),
            ("https://app.example:443/c", BadClientUrl::Spelling),
            ("https:app.example/c", BadClientUrl::Spelling),
            ("https:///app.example/c", BadClientUrl::Spelling),
            ("HTTPS://app.example/c", BadClientUrl::Spelling),
            ("https://2130706433/c", BadClientUrl::Spelling),
            ("https://app.example/c d", BadClientUrl::Spelling),
            ("https://", BadClientUrl::NotAUrl),
            ("app.example/c", BadClientUrl::NotAUrl),
            ("ftp://app.example/c", BadClientUrl::Scheme),
            ("javascript:alert(1)", BadClientUrl::Scheme),
        ] {
            assert_eq!(bad.parse::<ClientUrl>(), Err(why), "{bad}");
        }
        assert!(format!("https://app.example/{}", "x".repeat(256)).parse::<ClientUrl>().is_err());
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_taken_is_taken_as_it_is_written(text in "https?:/{0,3}[a-zA-Z0-9.@:%\\\\#?\\[\\]-]{0,16}(/[a-z.%0-9\\\\]{0,8}){0,3}") {
            if let Ok(url) = text.parse::<ClientUrl>() {
                proptest::prop_assert_eq!(url.to_string(), text);
                proptest::prop_assert!(!url.host().is_empty() && url.as_url().path().len() > 1);
            }
        }
    }
}
