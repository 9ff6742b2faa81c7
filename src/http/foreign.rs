//! Whoever asks from an Origin that is not ours, or under a Host that is not, is refused before anything of the request but its
//! credential is looked at (MCP, "Streamable HTTP": servers must look at the Origin of every connection).
//!
//! rmcp has the check, and makes it for what it is given; that the body is none, the method or the session another's, is
//! found out before.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http_body_util::Full;
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{Endpoint, IntoResponse as _, Request, Response, Result};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use super::error::answer;
use crate::mcp::Mcp;

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
    /// Nothing where a header comes more than once.
    fn by(headers: &HeaderMap) -> Option<Self> {
        let one = |name| {
            let mut values = headers.get_all(name).iter();
            let first = values.next();
            values.next().is_none().then(|| first.cloned())
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

    async fn is_foreign(&self, headers: &HeaderMap) -> bool {
        let Some(asked) = Asked::by(headers) else { return self.is_refused(headers).await };
        if self.accepted.load().as_deref() == Some(&asked) {
            return false;
        }
        let is_refused = self.is_refused(headers).await;
        if !is_refused && let Some(own) = asked.copied() {
            self.accepted.store(Some(Arc::new(own)));
        }
        is_refused
    }

    /// Asks rmcp, which looks at `Host` and `Origin` first, for something that it has not.
    async fn is_refused(&self, headers: &HeaderMap) -> bool {
        let mut asked = http::Request::new(Full::new(Bytes::new()));
        for name in [header::HOST, header::ORIGIN] {
            for value in headers.get_all(&name) {
                asked.headers_mut().append(&name, value.clone());
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
        if self.is_foreign(request.headers()).await {
            let text = "the Host or Origin of the request is not one that this server answers";
            return Ok(answer(StatusCode::FORBIDDEN, "forbidden", text));
        }
        Ok(self.inner.call(request).await?.into_response())
    }
}
