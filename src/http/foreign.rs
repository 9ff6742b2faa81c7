//! Whoever asks from an Origin that is not ours, or under a Host that is not, is refused before anything of the request but its
//! credential is looked at (MCP, "Streamable HTTP": servers must look at the Origin of every connection).
//!
//! rmcp has the check, and makes it for what it is given; that the body is none, the method or the session another's, is
//! found out before.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http_body_util::Full;
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use poem::{Endpoint, IntoResponse as _, Request, Response, Result};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use super::error::answer;
use crate::mcp::{Mcp, RequestId};

const HOST: &str = "the Host of the request is not one that this server answers";
const ORIGIN: &str = "the Origin of the request is not one that this server answers";
const EITHER: &str = "the Host or the Origin of the request comes twice, or names a user";

/// How much of a header goes into the log, in characters.
const SHOWN: usize = 200;

/// Answers no request of a stranger's page.
pub(super) struct Ours<E> {
    inner: E,
    checks: StreamableHttpService<Mcp, NeverSessionManager>,
    /// What was accepted last, and most likely comes again: rmcp reads every name that is allowed anew each time.
    accepted: ArcSwapOption<Asked>,
}

/// What a request says that it was sent to, and from where.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    host: Option<HeaderValue>,
    origin: Option<HeaderValue>,
}

impl Asked {
    /// Nothing where a header comes more than once, which no client does (RFC 9112, section 3.2), or names a user.
    fn by(headers: &HeaderMap) -> Option<Self> {
        let one = |name| {
            let mut values = headers.get_all(name).iter();
            let first = values.next();
            let is_plain = first.is_none_or(|value| !value.as_bytes().contains(&b'@'));
            (is_plain && values.next().is_none()).then(|| first.cloned())
        };
        Some(Self { host: one(header::HOST)?, origin: one(header::ORIGIN)? })
    }

    /// The same in bytes of its own: those of a request are a piece of all its headers, the token among them.
    fn copied(&self) -> Option<Self> {
        let own = |value: &Option<HeaderValue>| match value {
            Some(value) => HeaderValue::from_bytes(value.as_bytes()).map(Some),
            None => Ok(None),
        };
        Some(Self { host: own(&self.host).ok()?, origin: own(&self.origin).ok()? })
    }
}

impl<E> Ours<E> {
    /// Around what these settings of rmcp's are for.
    pub(super) fn new(inner: E, mcp: Mcp, config: StreamableHttpServerConfig) -> Self {
        let checks = StreamableHttpService::new(
            move || Ok(mcp.clone()),
            Arc::new(NeverSessionManager::default()),
            config.with_legacy_session_mode(false),
        );
        Self { inner, checks, accepted: ArcSwapOption::empty() }
    }

    /// What of a request is not ours.
    async fn foreign(&self, request: &Request) -> Option<&'static str> {
        let headers = request.headers();
        // A target with a host of its own (RFC 9112, section 3.2.2) is for proxies, and says again what the header does.
        let host = headers.get(header::HOST).map_or(&b""[..], HeaderValue::as_bytes);
        if request.uri().authority().is_some_and(|target| !host.eq_ignore_ascii_case(target.as_str().as_bytes())) {
            return Some(HOST);
        }
        let Some(asked) = Asked::by(headers) else { return Some(EITHER) };
        if self.accepted.load().as_deref() == Some(&asked) {
            return None;
        }
        if self.is_refused(headers, &[header::HOST, header::ORIGIN]).await {
            return Some(if self.is_refused(headers, &[header::HOST]).await { HOST } else { ORIGIN });
        }
        if let Some(own) = asked.copied() {
            self.accepted.store(Some(Arc::new(own)));
        }
        None
    }

    /// Asks rmcp, which looks at `Host` and `Origin` first, for something that it has not.
    async fn is_refused(&self, headers: &HeaderMap, names: &[HeaderName]) -> bool {
        let mut asked = http::Request::new(Full::new(Bytes::new()));
        for name in names {
            if let Some(value) = headers.get(name) {
                asked.headers_mut().insert(name, value.clone());
            }
        }
        asked.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        let status = self.checks.handle(asked).await.status();
        matches!(status, StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST)
    }
}

impl<E: Endpoint> Endpoint for Ours<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if let Some(text) = self.foreign(&request).await {
            let id = request.extensions().get::<RequestId>().map_or("", |id| &id.0);
            let (host, origin) = (shown(&request, header::HOST), shown(&request, header::ORIGIN));
            tracing::info!(
                request.id = %id, ?host, ?origin,
                "{text}; see `server.public_url`, `server.allowed_hosts` and `server.allowed_origins`"
            );
            return Ok(answer(StatusCode::FORBIDDEN, "forbidden", text));
        }
        Ok(self.inner.call(request).await?.into_response())
    }
}

/// A header for the log, as far as anybody needs it.
fn shown(request: &Request, name: HeaderName) -> Option<String> {
    let value = request.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).chars().take(SHOWN).collect())
}
