//! What is inside the sessions: rmcp's own, except that an answer's stream names no events.
//!
//! A client takes the id of an event, or a time to wait before it comes again, for a promise that the stream can be taken up where
//! it broke. That of one answer cannot: whoever does not read it to its end has ended the work. Only a session's own stream is
//! resumed, and its events have ids.

use std::collections::HashSet;
#[expect(
    clippy::disallowed_types,
    reason = "a table that changes when a request begins or is answered, held for one change and never across an await"
)]
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use rmcp::model::{ClientJsonRpcMessage, GetExtensions as _, ServerJsonRpcMessage};
use rmcp::transport::WorkerTransport;
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError, LocalSessionWorker,
};
use rmcp::transport::streamable_http_server::session::{RestoreOutcome, ServerSseMessage, SessionId, SessionManager};

/// The servers inside the sessions.
#[derive(Debug)]
pub(in crate::http) struct Within(pub(super) LocalSessionManager);

impl Within {
    /// None yet; each ends when it was idle for so long.
    pub(super) fn new(idle: Duration) -> Self {
        let mut sessions = LocalSessionManager::default();
        sessions.session_config.keep_alive = Some(idle);
        sessions.session_config.sse_retry = None;
        Self(sessions)
    }
}

impl SessionManager for Within {
    type Error = LocalSessionManagerError;
    type Transport = WorkerTransport<LocalSessionWorker>;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        self.0.create_session().await
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        self.0.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        self.0.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.0.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let held = held(&message);
        let events = self.0.create_stream(id, message).await?;
        Ok(events.map(move |mut event| {
            event.event_id = None;
            if let (Some(ServerJsonRpcMessage::Response(_) | ServerJsonRpcMessage::Error(_)), Some(held)) =
                (event.message.as_deref(), &held)
            {
                held.free();
            }
            event
        }))
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        self.0.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.0.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.0.resume(id, last).await
    }

    async fn restore_session(&self, id: SessionId) -> Result<RestoreOutcome<Self::Transport>, Self::Error> {
        self.0.restore_session(id).await
    }
}

/// The hold of a request on its id, which the http layer put into it.
fn held(message: &ClientJsonRpcMessage) -> Option<Arc<Held>> {
    let ClientJsonRpcMessage::Request(request) = message else { return None };
    request.request.extensions().get::<http::request::Parts>()?.extensions.get::<Arc<Held>>().cloned()
}

/// The ids of the requests that are being answered, by session. rmcp routes answers by them: of two requests with one id, the
/// first would never be answered.
#[derive(Debug, Default)]
pub(super) struct Ids {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    used: Mutex<HashSet<Arc<str>>>,
}

/// An id in use. It is free when the answer leaves, so that a client which has read it can use the id again, or else when nothing
/// of the request is left.
#[derive(Debug)]
pub(in crate::http) struct Held {
    ids: Arc<Ids>,
    key: Arc<str>,
    is_free: AtomicBool,
}

impl Ids {
    /// Takes this one, if nobody has it.
    pub(super) fn hold(self: &Arc<Self>, key: String) -> Option<Arc<Held>> {
        let key: Arc<str> = key.into();
        // Every change is one insertion or removal, so that a panic leaves it whole.
        let is_new = self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(Arc::clone(&key));
        is_new.then(|| Arc::new(Held { ids: Arc::clone(self), key, is_free: AtomicBool::new(false) }))
    }
}

impl Held {
    fn free(&self) {
        // Once only: by the second time another request may have it.
        if !self.is_free.swap(true, Ordering::Relaxed) {
            self.ids.used.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.free();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_held_once_and_free_when_it_is_answered_or_nothing_is_left_of_its_request() {
        let ids = Arc::new(Ids::default());
        let first = ids.hold("a 1".to_owned()).unwrap();
        assert!(ids.hold("a 1".to_owned()).is_none() && ids.hold("b 1".to_owned()).is_some());
        first.free();
        let second = ids.hold("a 1".to_owned()).unwrap();
        drop(first);
        assert!(ids.hold("a 1".to_owned()).is_none(), "the first is gone, and the second has it");
        drop(second);
        assert!(ids.hold("a 1".to_owned()).is_some());
    }
}
