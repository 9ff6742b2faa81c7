//! The serve loop.
//!
//! poem's own loop goes on serving a request whose client is gone, never sets `TCP_NODELAY` (44 ms per event on a
//! stream), and lets a client take for ever over its headers and over what it is sent; so the loop is ours. It speaks HTTP/1.1
//! alone: telling HTTP/2 apart by its first bytes waits for them without a limit, and what terminates TLS in front speaks
//! HTTP/1.1 to us.
//!
//! What a connection costs before anybody is known is bounded: how many there are, how long their headers are, and how long each
//! may take over them.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::patience::Patient;
use crate::clock::Clock;
use crate::limits::{Seldom, Share, Shares, allotment};
use crate::model::Timestamp;

/// How long to wait after the operating system refused to accept a connection (out of descriptors, most often).
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(50);

/// The longest head of a request, in bytes: twice the longest token, and room for the rest.
const LONGEST_HEAD: usize = 192 << 10;

/// How often the log says that a connection was refused.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// The loop's limits.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many connections there may be.
    pub connections: usize,
    /// How many of them from one address; 0 for as many as there may be.
    pub connections_per_address: usize,
    /// How long a client may take to send its headers.
    pub header_timeout: Duration,
    /// How long a client may read nothing of what it is sent, or too little.
    pub write_timeout: Duration,
    /// How long a shutdown waits for requests in flight.
    pub shutdown_grace: Duration,
}

/// The connections, as they are counted.
struct Counted {
    all: Shares<()>,
    of_address: Option<Shares<IpAddr>>,
    refused: Seldom,
}

impl Counted {
    fn new(limits: Limits) -> Self {
        let of_address = (limits.connections_per_address > 0).then(|| Shares::new(limits.connections_per_address));
        Self { all: Shares::new(limits.connections), of_address, refused: Seldom::new(SAID_EVERY) }
    }

    /// A place for a connection from there, which is free again when it is dropped.
    fn take(&self, peer: IpAddr) -> Option<(Share<()>, Option<Share<IpAddr>>)> {
        let of_address = match &self.of_address {
            Some(shares) => Some(shares.take(&allotment(peer))?),
            None => None,
        };
        Some((self.all.take(&())?, of_address))
    }

    fn say(&self, now: Timestamp, peer: IpAddr) {
        if let Some(refused) = self.refused.due(now) {
            tracing::warn!(
                %peer, refused,
                "a connection was closed, because there are as many as `server.connections` or `connections_per_address` allows"
            );
        }
    }
}

/// Serves `endpoint` on `listener` until `shutdown` is cancelled, then lets the requests in flight finish.
pub async fn serve(
    listener: TcpListener,
    endpoint: impl Endpoint<Output = Response> + 'static,
    limits: Limits,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) {
    let counted = Counted::new(limits);
    let endpoint = Arc::new(endpoint);
    let graceful = GracefulShutdown::new();
    let connections = TaskTracker::new();
    let local = listener.local_addr().map_or_else(|_| LocalAddr::default(), |addr| LocalAddr(Addr::SocketAddr(addr)));
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_BACK_OFF).await;
                    continue;
                }
            },
            () = shutdown.cancelled() => break,
        };
        let Some(place) = counted.take(peer.ip()) else {
            counted.say(clock.now(), peer.ip());
            continue;
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone before it began");
            continue;
        }
        let connection =
            connection(stream, Arc::clone(&endpoint), local.clone(), RemoteAddr(Addr::SocketAddr(peer)), limits);
        let watched = graceful.watch(connection);
        connections.spawn(async move {
            let _place = place;
            if let Err(error) = watched.await {
                tracing::debug!(error = %error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.shutdown_grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still in flight when the shutdown's grace time ended");
    }
}

fn connection<E: Endpoint<Output = Response> + 'static>(
    stream: TcpStream,
    endpoint: Arc<E>,
    local: LocalAddr,
    remote: RemoteAddr,
    limits: Limits,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send {
    let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let request = Request::from((request, local.clone(), remote.clone(), Scheme::HTTP));
        let endpoint = Arc::clone(&endpoint);
        async move { Ok::<http::Response<_>, Infallible>(endpoint.get_response(request).await.into()) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(LONGEST_HEAD);
    builder.serve_connection(TokioIo::new(Patient::new(stream, limits.write_timeout)), service)
}
