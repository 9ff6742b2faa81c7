//! Where an answer may be sent. Whoever can choose that can steal codes, so a URI that is not plainly good is refused, and
//! two are the same only if their characters are (RFC 9700, section 2.1).

use std::str::FromStr;
use std::sync::Arc;

use url::Url;

use crate::model::printed::printed;

/// The longest redirect URI, in bytes.
const MOST_BYTES: usize = 2048;

/// The hosts of this machine, as they are written (RFC 8252, section 7.3; `localhost` because MCP clients use it).
const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// Schemes that a browser acts on itself, whatever the operator allows.
const DANGEROUS: [&str; 11] =
    ["javascript", "data", "vbscript", "file", "blob", "about", "view-source", "filesystem", "ftp", "ws", "wss"];

/// Why a text is not a redirect URI that is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRedirectUri {
    /// It is too long.
    #[error("the redirect URI is {0} bytes long; at most {MOST_BYTES} are accepted")]
    TooLong(usize),
    /// It is not an absolute URI.
    #[error("the redirect URI is not an absolute URI")]
    NotAbsolute,
    /// It has a character that no URI has, or that two readers take differently.
    #[error("the redirect URI has a blank, a backslash or a character outside ASCII; percent-encode it")]
    Character,
    /// It has a fragment (RFC 6749, section 3.1.2).
    #[error("the redirect URI has a fragment (`#`); leave it out")]
    Fragment,
    /// It has a user name or a password.
    #[error("the redirect URI has `@` before its host; leave it out")]
    UserInfo,
    /// It has `.` or `..` in its path.
    #[error("the redirect URI has `.` or `..` as a part of its path; write the path that is meant")]
    DotSegment,
    /// It has no host.
    #[error("the redirect URI has no host")]
    NoHost,
    /// It is `http:` to another machine.
    #[error("the redirect URI is `http:` to another machine; write `https:`, or a loopback address")]
    PlainHttp,
    /// Its scheme is not one that an application can own.
    #[error(
        "the scheme `{0}:` is not accepted; write `https:`, `http:` to a loopback address, or an application's own scheme with a dot, such as `com.example.app:`"
    )]
    Scheme(String),
}

/// A redirect URI whose form is accepted. Whether it is a client's own is [`RedirectUri::matches`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RedirectUri(Arc<str>);

impl RedirectUri {
    /// The URI as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether a request that names `requested` may be answered there, this being registered: the same characters, or,
    /// on a loopback address, the same but for the port (RFC 8252, section 7.3).
    pub fn matches(&self, requested: &Self) -> bool {
        match (self.loopback(), requested.loopback()) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (None, None) => self == requested,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// Says whether the answer stays on the person's own machine, where any program may be listening.
    pub fn is_loopback(&self) -> bool {
        self.loopback().is_some()
    }

    /// Says whether a browser that goes there comes to this origin: the same scheme, host and port, however they are written. All
    /// names of this machine are one. It never says no of what it cannot read.
    pub fn leads_to(&self, origin: &Url) -> bool {
        let place = |url: &Url| {
            let host = url.host_str().map(|host| host.trim_end_matches('.').to_owned());
            let host = host.map(|host| if LOOPBACK.contains(&host.as_str()) { LOOPBACK[0].to_owned() } else { host });
            (url.scheme().to_owned(), host, url.port_or_known_default())
        };
        self.0.parse::<Url>().map_or(true, |url| place(&url) == place(origin))
    }

    /// The scheme, where it is an application's own; such a one is accepted only where the operator lists it.
    pub fn private_scheme(&self) -> Option<&str> {
        let scheme = self.scheme();
        (scheme != "https" && scheme != "http").then_some(scheme)
    }

    /// What a person is shown of where the answer goes: host and port, or the application's scheme.
    pub fn destination(&self) -> &str {
        if self.private_scheme().is_some() { self.scheme() } else { split(&self.0).0 }
    }

    fn scheme(&self) -> &str {
        self.0.split_once(':').map_or("", |(scheme, _)| scheme)
    }

    /// Host, and everything after the port.
    fn loopback(&self) -> Option<(&str, &str)> {
        let (authority, rest) = self.0.starts_with("http://").then(|| split(&self.0))?;
        let host = host(authority);
        LOOPBACK.contains(&host).then_some((host, rest))
    }
}

/// The authority, and everything after it, of a URI with one.
fn split(uri: &str) -> (&str, &str) {
    let after = uri.split_once("://").map_or(uri, |(_, after)| after);
    after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()))
}

/// The host of an authority: what stands before the port.
fn host(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        Some(_) | None => authority,
    }
}

impl FromStr for RedirectUri {
    type Err = BadRedirectUri;

    fn from_str(text: &str) -> Result<Self, BadRedirectUri> {
        if text.len() > MOST_BYTES {
            return Err(BadRedirectUri::TooLong(text.len()));
        }
        // What is left after this means the same to every reader of URIs.
        if !text.bytes().all(|b| b.is_ascii_graphic() && !br#"\"<>^`{|}"#.contains(&b)) {
            return Err(BadRedirectUri::Character);
        }
        if text.contains('#') {
            return Err(BadRedirectUri::Fragment);
        }
        let url: Url = text.parse().map_err(|_| BadRedirectUri::NotAbsolute)?;
        // `Url` puts schemes in lower case; a registered URI is compared as it is written, so it is written so.
        let scheme = url.scheme();
        if !text.starts_with(&format!("{scheme}:")) {
            return Err(BadRedirectUri::Scheme(text.split(':').next().unwrap_or_default().to_owned()));
        }
        match scheme {
            "https" | "http" => check_web(text, &url)?,
            other if other.contains('.') && !DANGEROUS.contains(&other) => {}
            other => return Err(BadRedirectUri::Scheme(other.to_owned())),
        }
        Ok(Self(text.into()))
    }
}

fn check_web(text: &str, url: &Url) -> Result<(), BadRedirectUri> {
    let (authority, rest) = split(text);
    // `Url` forgives `https:host` and `https:///host`; browsers do too, and others do not.
    if authority.is_empty() || !text.starts_with(&format!("{}://", url.scheme())) || url.host().is_none() {
        return Err(BadRedirectUri::NoHost);
    }
    if authority.contains('@') {
        return Err(BadRedirectUri::UserInfo);
    }
    let path = rest.split('?').next().unwrap_or_default();
    let is_dot = |part: &str| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if path.split('/').any(is_dot) {
        return Err(BadRedirectUri::DotSegment);
    }
    if url.scheme() == "http" && !LOOPBACK.contains(&host(authority)) {
        return Err(BadRedirectUri::PlainHttp);
    }
    Ok(())
}

printed!(RedirectUri);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn uri(text: &str) -> RedirectUri {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn item_11_only_the_same_characters_match() {
        let registered = uri("https://app.example/oauth/callback");
        assert!(registered.matches(&uri("https://app.example/oauth/callback")));
        for other in [
            "https://app.example/oauth/callback?x=1",
            "https://app.example/oauth/callback/",
            "https://app.example/oauth/callback/more",
            "https://app.example/oauth/%63allback",
            "https://app.example/oauth/Callback",
            "https://app.example:443/oauth/callback",
            "https://sub.app.example/oauth/callback",
            "https://app.example.evil.example/oauth/callback",
            "https://App.example/oauth/callback",
            "http://localhost/oauth/callback",
        ] {
            assert!(!registered.matches(&uri(other)), "{other}");
        }
        for refused in [
            "https://app.example@evil.example/oauth/callback",
            "https://user:password@app.example/oauth/callback",
            "https://app.example\\@evil.example/oauth/callback",
            "https://app.example/oauth/callback#x",
            "https://app.example/oauth/../callback",
            "https://app.example/oauth/%2e%2E/callback",
            "https://app.example/./oauth/callback",
            "https:app.example/oauth/callback",
            "https:///app.example/oauth/callback",
            "https://app.example/oauth call",
            "https://app.example/öauth",
            "HTTPS://app.example/oauth/callback",
            "//app.example/oauth/callback",
            "/oauth/callback",
            "",
        ] {
            assert!(refused.parse::<RedirectUri>().is_err(), "{refused}");
        }
    }

    #[test]
    fn item_12_a_loopback_address_matches_on_any_port() {
        for (registered, same) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb"),
            ("http://127.0.0.1:1/cb", "http://127.0.0.1/cb"),
            ("http://[::1]/cb", "http://[::1]:8080/cb"),
            ("http://localhost:3000/cb?a=b", "http://localhost:3001/cb?a=b"),
        ] {
            assert!(uri(registered).matches(&uri(same)), "{registered} {same}");
        }
        for (registered, other) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/other"),
            ("http://127.0.0.1/cb", "http://localhost:51004/cb"),
            ("http://127.0.0.1/cb", "http://[::1]/cb"),
            ("http://127.0.0.1/cb", "https://127.0.0.1/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1/cb?x"),
            ("https://127.0.0.1/cb", "https://127.0.0.1:444/cb"),
            ("http://localhost/cb", "http://localhost/cb/"),
        ] {
            assert!(!uri(registered).matches(&uri(other)), "{registered} {other}");
        }
        for refused in [
            "http://127.0.0.1.evil.tld/cb",
            "http://127.0.0.1:80@evil.tld/cb",
            "http://127.1/cb",
            "http://2130706433/cb",
            "http://0x7f.0.0.1/cb",
            "http://[::ffff:127.0.0.1]/cb",
            "http://localhost.evil.tld/cb",
            "http://LOCALHOST/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:99999/cb",
        ] {
            assert!(refused.parse::<RedirectUri>().is_err(), "{refused}");
        }
    }

    #[test]
    fn however_an_origin_is_written_it_is_the_same() {
        let leads = |text: &str, origin: &str| uri(text).leads_to(&origin.parse().unwrap());
        for ours in [
            "https://mcp.acme.example/cb",
            "https://MCP.acme.example:443/",
            "https://mcp.acme.example./cb",
            "https://mcp.acme.example",
        ] {
            assert!(leads(ours, "https://mcp.acme.example"), "{ours}");
        }
        for ours in ["http://127.0.0.1:8080/cb", "http://localhost:8080/cb", "http://[::1]:8080"] {
            assert!(leads(ours, "http://localhost:8080") && leads(ours, "http://127.0.0.1:8080"), "{ours}");
        }
        for other in ["https://acme.example/cb", "https://mcp.acme.example:8443/cb", "com.example.app:/cb"] {
            assert!(!leads(other, "https://mcp.acme.example"), "{other}");
        }
        for other in ["http://localhost/cb", "http://127.0.0.1:8081/cb", "https://localhost:8080/cb"] {
            assert!(!leads(other, "http://localhost:8080"), "{other}");
        }
    }

    #[test]
    fn item_13_plain_http_stays_on_the_machine() {
        assert_eq!("http://app.example/cb".parse::<RedirectUri>(), Err(BadRedirectUri::PlainHttp));
        assert_eq!("http://10.0.0.1/cb".parse::<RedirectUri>(), Err(BadRedirectUri::PlainHttp));
    }

    #[test]
    fn item_14_a_scheme_of_its_own_has_a_dot_and_is_never_a_browsers() {
        for refused in [
            "javascript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://app.example/x",
            "myapp://callback",
            "ftp://app.example/cb",
        ] {
            assert!(refused.parse::<RedirectUri>().is_err(), "{refused}");
        }
        let ours = uri("com.example.app:/callback");
        assert_eq!(ours.private_scheme(), Some("com.example.app"));
        assert!(ours.matches(&uri("com.example.app:/callback")));
        assert!(!ours.matches(&uri("com.example.app:/other")));
        assert!(!ours.is_loopback());
    }

    #[test]
    fn a_person_is_shown_where_the_answer_goes() {
        assert_eq!(uri("https://app.example:8443/cb?x=/y").destination(), "app.example:8443");
        assert_eq!(uri("http://[::1]:9/cb").destination(), "[::1]:9");
        assert_eq!(uri("http://localhost?x").destination(), "localhost");
        assert_eq!(uri("com.example.app:/callback").destination(), "com.example.app");
    }

    proptest! {
        /// Whatever differs from a registered URI does not match it, unless it is a loopback URI of another port.
        #[test]
        fn a_changed_uri_does_not_match(
            path in "(/[a-z0-9%._~-]{0,6}){0,4}",
            at in 0_usize..40,
            with in "[ -~]{0,3}",
        ) {
            let text = format!("https://app.example{path}");
            prop_assume!(text.parse::<RedirectUri>().is_ok());
            let mut changed = text.clone();
            let at = at.min(changed.len());
            changed.insert_str(at, &with);
            if let Ok(other) = changed.parse::<RedirectUri>() {
                prop_assert_eq!(uri(&text).matches(&other), text == changed);
            }
        }

        /// What is accepted as loopback really names this machine, to the parser that browsers have too.
        #[test]
        fn what_is_accepted_goes_where_it_says(text in "https?://[a-z0-9.:@\\[\\]%-]{1,24}(/[a-z.%0-9]{0,8})?") {
            if let Ok(accepted) = text.parse::<RedirectUri>() {
                let url: Url = text.parse().unwrap();
                prop_assert!(url.username().is_empty() && url.password().is_none());
                let local = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
                prop_assert!(url.scheme() == "https" || local);
                prop_assert_eq!(accepted.is_loopback(), url.scheme() == "http");
            }
        }

        #[test]
        fn a_loopback_uri_matches_on_every_port(one in 1_u16.., other in 1_u16.., path in "[a-z]{0,8}") {
            let at = |port| uri(&format!("http://127.0.0.1:{port}/{path}"));
            prop_assert!(at(one).matches(&at(other)));
            let elsewhere = uri(&format!("http://127.0.0.1:{other}/{path}x"));
            prop_assert!(!at(one).matches(&elsewhere));
        }
    }
}
