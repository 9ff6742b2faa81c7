//! The client that every fetch is made with, and whose certificates it takes: those that the system trusts, and an authority of
//! one's own, such as a company has for the servers inside.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, redirect};

/// Why a file names no authority.
#[derive(Debug, thiserror::Error)]
pub enum BadAuthorities {
    /// What stands between the lines that say so is no certificate.
    #[error("a certificate in it cannot be read; PEM is expected, as `openssl x509 -in FILE -text` reads it")]
    Certificate(#[source] reqwest::Error),
    /// There is none.
    #[error("there is no certificate in it; PEM is expected, which begins with `-----BEGIN CERTIFICATE-----`")]
    None,
}

/// Authorities besides the system's. Cloning it is cheap.
#[derive(Clone, Default)]
pub struct Authorities(Arc<[Certificate]>);

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.0.len())
    }
}

impl Authorities {
    /// Reads certificates in PEM.
    pub fn read(pem: &[u8]) -> Result<Self, BadAuthorities> {
        let certificates = Certificate::from_pem_bundle(pem).map_err(BadAuthorities::Certificate)?;
        if certificates.is_empty() {
            return Err(BadAuthorities::None);
        }
        Ok(Self(certificates.into()))
    }

    /// A client that goes nowhere by itself: it follows no redirect, and takes no proxy from the environment.
    pub fn client(&self, connect: Duration) -> ClientBuilder {
        Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(connect)
            .tls_certs_merge(self.0.iter().cloned())
            .user_agent(concat!("bailiwick/", env!("CARGO_PKG_VERSION")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_told() {
        for (pem, expected) in [
            ("", "there is no certificate"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "there is no certificate"),
            ("-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n", "cannot be read"),
        ] {
            let refused = Authorities::read(pem.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains(expected), "{pem}: {refused}");
        }
    }
}
