//! Fetches what a stranger publishes at an address that a stranger chose, and so gives the stranger nothing by it.
//!
//! Whoever can make a server fetch an address can look around in its network (server-side request forgery). So an address is
//! https, names are resolved once and connected to only where every address is [public](is_public), redirects are not
//! followed, no proxy is taken from the environment, nothing is sent that a stranger did not send us, and time and size are
//! bounded. [`Destination::Anywhere`] is for hosts that the operator has named.

mod address;
mod authorities;
mod fresh;

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Response, StatusCode, Url};

pub use self::address::is_public;
pub use self::authorities::{Authorities, BadAuthorities};
pub use self::fresh::max_age;
use crate::model::is_of_this_machine;

/// The longest wait for a connection, and for the whole document.
const CONNECT: Duration = Duration::from_secs(2);
const WHOLE: Duration = Duration::from_secs(5);

/// Where a fetch may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// To public addresses, by https.
    Public,
    /// To any address by https, and to a loopback address by http too: the operator has named the host.
    Anywhere,
}

/// A document of a stranger.
#[derive(Debug)]
pub struct Fetched {
    /// What it says.
    pub body: Vec<u8>,
    /// How long its answer says that it is fresh, if it says so.
    pub max_age: Option<Duration>,
}

/// Why there is no document. The texts are for the log: they hold what the stranger chose.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The HTTP client could not be set up.
    #[error("the HTTP client for documents of others could not be set up")]
    Client(#[source] reqwest::Error),
    /// The address is not one that is fetched.
    #[error(
        "`{0}` is not fetched: an address is https, or, where the operator has named the host, http on a loopback host"
    )]
    Scheme(Url),
    /// The address is not public.
    #[error("`{url}` leads to {address}, which is not a public address")]
    NotPublic {
        /// The address that was to be fetched.
        url: Url,
        /// Where it leads.
        address: IpAddr,
    },
    /// There was no answer, or it broke off.
    #[error("`{url}` gave no answer")]
    Request {
        /// The address.
        url: Url,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It took too long.
    #[error("`{0}` gave no document within {WHOLE:?}")]
    Timeout(Url),
    /// The status is not 200.
    #[error("`{url}` answered {status}; 200 is expected, and redirects are not followed")]
    Status {
        /// The address.
        url: Url,
        /// What was answered.
        status: StatusCode,
    },
    /// The answer is no JSON by its own account.
    #[error("`{url}` answered with the content type `{found}`; `application/json` or another `+json` is expected")]
    ContentType {
        /// The address.
        url: Url,
        /// The content type.
        found: String,
    },
    /// The answer is too long.
    #[error("`{url}` answered with more than {most} bytes")]
    TooLong {
        /// The address.
        url: Url,
        /// The bound.
        most: usize,
    },
}

/// Fetches documents. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Outbound {
    public: Client,
    anywhere: Client,
}

impl Outbound {
    /// Sets it up.
    pub fn new(authorities: &Authorities) -> Result<Self, OutboundError> {
        // A connection that is kept would be used without looking at its address again.
        let builder = || authorities.client(CONNECT).pool_max_idle_per_host(0);
        let public = builder().https_only(true).dns_resolver(PublicOnly).build().map_err(OutboundError::Client)?;
        Ok(Self { public, anywhere: builder().build().map_err(OutboundError::Client)? })
    }

    /// Fetches one JSON document of at most `most` bytes.
    pub async fn json(&self, url: &Url, to: Destination, most: usize) -> Result<Fetched, OutboundError> {
        let client = match to {
            Destination::Public => {
                check_literal(url)?;
                &self.public
            }
            Destination::Anywhere => &self.anywhere,
        };
        if !(url.scheme() == "https" || to == Destination::Anywhere && is_loopback_http(url)) {
            return Err(OutboundError::Scheme(url.clone()));
        }
        match tokio::time::timeout(WHOLE, fetch(client, url, to, most)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(OutboundError::Timeout(url.clone())),
        }
    }
}

async fn fetch(client: &Client, url: &Url, to: Destination, most: usize) -> Result<Fetched, OutboundError> {
    let lost = |source| OutboundError::Request { url: url.clone(), source };
    let mut response = client.get(url.clone()).header(ACCEPT, "application/json").send().await.map_err(lost)?;
    // The resolver has judged it already; this holds whatever the library does with what it was given.
    if let (Destination::Public, Some(address)) = (to, response.remote_addr().map(|peer| peer.ip()))
        && !is_public(address)
    {
        return Err(OutboundError::NotPublic { url: url.clone(), address });
    }
    if response.status() != StatusCode::OK {
        return Err(OutboundError::Status { url: url.clone(), status: response.status() });
    }
    check_content_type(url, &response)?;
    let max_age = max_age(response.headers());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > most {
            return Err(OutboundError::TooLong { url: url.clone(), most });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Fetched { body, max_age })
}

fn check_content_type(url: &Url, response: &Response) -> Result<(), OutboundError> {
    let header = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let specific = media_type.strip_prefix("application/").and_then(|subtype| subtype.strip_suffix("+json"));
    if media_type == "application/json" || specific.is_some_and(|name| !name.is_empty()) {
        return Ok(());
    }
    Err(OutboundError::ContentType { url: url.clone(), found: header.to_owned() })
}

/// An address that is written as one is never resolved, so it is judged as it is written.
fn check_literal(url: &Url) -> Result<(), OutboundError> {
    let address = match url.host() {
        Some(url::Host::Ipv4(address)) => IpAddr::V4(address),
        Some(url::Host::Ipv6(address)) => IpAddr::V6(address),
        Some(url::Host::Domain(_)) | None => return Ok(()),
    };
    if is_public(address) { Ok(()) } else { Err(OutboundError::NotPublic { url: url.clone(), address }) }
}

/// Says whether an address is http on this very machine.
pub fn is_loopback_http(url: &Url) -> bool {
    url.scheme() == "http" && is_of_this_machine(url)
}

/// Resolves names, and refuses one that leads to any address that is not public.
#[derive(Debug)]
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let addresses = judged(found)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// A name leads to an address that is not public.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to {0}, which is not a public address")]
struct Inside(IpAddr);

fn judged(found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
    match found.iter().find(|address| !is_public(address.ip())) {
        Some(inside) => Err(Inside(inside.ip()).into()),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_73_a_name_with_one_address_inside_is_refused_whole() {
        let at = |addresses: &[&str]| {
            judged(addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect())
        };
        assert_eq!(at(&["1.1.1.1", "2606:4700::1111"]).unwrap().len(), 2);
        for inside in ["127.0.0.1", "::ffff:10.0.0.1", "fd00::1"] {
            let refused = at(&["1.1.1.1", inside]).unwrap_err().to_string();
            assert!(refused.contains("not a public address"), "{refused}");
        }
    }

    #[tokio::test]
    async fn item_73_neither_a_literal_nor_a_name_leads_inside_and_nothing_is_fetched_in_the_clear() {
        let outbound = Outbound::new(&Authorities::default()).unwrap();
        for url in [
            "https://127.0.0.1/x",
            "https://2130706433/x",
            "https://0x7f.1/x",
            "https://[::1]/x",
            "https://[::ffff:169.254.169.254]/x",
            "https://169.254.169.254/latest/meta-data/",
            "https://localhost/x",
            "http://1.1.1.1/x",
            "file:///etc/passwd",
        ] {
            let refused = outbound.json(&url.parse().unwrap(), Destination::Public, 10).await.unwrap_err();
            let mut text = refused.to_string();
            let mut cause = refused.source();
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            assert!(text.contains("not a public address") || text.contains("is not fetched"), "{url}: {text}");
        }
        let named = outbound.json(&"http://1.1.1.1/x".parse().unwrap(), Destination::Anywhere, 10).await.unwrap_err();
        assert!(matches!(named, OutboundError::Scheme(_)), "{named}");
    }
}
