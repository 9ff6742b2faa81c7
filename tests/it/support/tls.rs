//! TLS before something that speaks plain HTTP on a loopback port, under the name `localhost`.
//!
//! `tests/keys/tls-authority.pem` has signed `tls-localhost.pem`, made by openssl for these tests; its own key was thrown away.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use url::Url;

use super::loopback::Loopback;

const AUTHORITY: &str = include_str!("../../keys/tls-authority.pem");
const CERTIFICATE: &[u8] = include_bytes!("../../keys/tls-localhost.pem");
const KEY: &[u8] = include_bytes!("../../keys/tls-localhost-key.pem");

/// A running front. It stops when it is dropped.
pub(crate) struct Front {
    url: Url,
    _listening: Loopback,
}

impl Front {
    /// Begins before this address of plain HTTP.
    pub(crate) fn of(plain: &Url) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut url: Url = format!("https://localhost:{}", listener.local_addr().unwrap().port()).parse().unwrap();
        url.set_path(plain.path());
        let behind = plain.socket_addrs(|| None).unwrap()[0];
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
        let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
        let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
        let serve = move |stream| serve(stream, behind, Arc::clone(&config));
        Self { url, _listening: Loopback::new(listener, serve) }
    }

    /// The same address behind TLS.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }
}

/// Lets a server trust the authority: what its configuration says for that.
pub(crate) fn trusted(directory: &Path) -> &'static str {
    std::fs::write(directory.join("company-ca.pem"), AUTHORITY).unwrap();
    "[outbound]\nca_file = \"company-ca.pem\"\n"
}

/// One request without a body, and its answer.
fn serve(stream: TcpStream, behind: SocketAddr, config: Arc<ServerConfig>) -> io::Result<()> {
    let mut tls = StreamOwned::new(ServerConnection::new(config).map_err(io::Error::other)?, stream);
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match tls.read(&mut buffer)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&buffer[..read]),
        }
    }
    let mut plain = TcpStream::connect(behind)?;
    plain.write_all(&request)?;
    io::copy(&mut plain, &mut tls)?;
    tls.conn.send_close_notify();
    tls.flush()
}
