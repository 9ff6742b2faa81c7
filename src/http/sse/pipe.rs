//! What stands between the two paths and the server in a stream: messages one way, answers the other, and which are awaited.

use std::collections::BTreeSet;

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ClientNotification, RequestId, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{mpsc, watch};

/// The transport of one stream.
pub(super) struct Pipe {
    pub(super) incoming: mpsc::Receiver<ClientJsonRpcMessage>,
    pub(super) outgoing: mpsc::Sender<ServerJsonRpcMessage>,
}

impl Transport<RoleServer> for Pipe {
    type Error = SendError<ServerJsonRpcMessage>;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let outgoing = self.outgoing.clone();
        async move { outgoing.send(message).await }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        self.incoming.recv().await
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.incoming.close();
        Ok(())
    }
}

/// The requests that were taken in and whose answers have not been written yet.
#[derive(Debug, Default)]
pub(super) struct Pending(watch::Sender<BTreeSet<String>>);

/// How many answers one stream is owed at most. rmcp takes every message in at once, so that this is what bounds the answers
/// that wait for their reader.
const MOST: usize = 32;

impl Pending {
    /// Whether as many answers wait as may.
    pub(super) fn is_full(&self) -> bool {
        self.0.borrow().len() >= MOST
    }

    /// Notes a message on its way to the server. A request that is cancelled is not answered.
    pub(super) fn sent(&self, message: &ClientJsonRpcMessage) {
        match message {
            ClientJsonRpcMessage::Request(request) => {
                self.0.send_if_modified(|ids| ids.insert(request.id.to_string()));
            }
            ClientJsonRpcMessage::Notification(told) => {
                if let ClientNotification::CancelledNotification(cancelled) = &told.notification {
                    self.answered(cancelled.params.request_id.as_ref());
                }
            }
            ClientJsonRpcMessage::Response(_) | ClientJsonRpcMessage::Error(_) => {}
        }
    }

    /// Notes a message to the client as written.
    pub(super) fn written(&self, message: &ServerJsonRpcMessage) {
        match message {
            ServerJsonRpcMessage::Response(response) => self.answered(Some(&response.id)),
            ServerJsonRpcMessage::Error(error) => self.answered(error.id.as_ref()),
            ServerJsonRpcMessage::Request(_) | ServerJsonRpcMessage::Notification(_) => {}
        }
    }

    /// Awaits this one no more.
    fn answered(&self, id: Option<&RequestId>) {
        if let Some(id) = id {
            self.0.send_if_modified(|ids| ids.remove(&id.to_string()));
        }
    }

    /// Waits until nothing is awaited.
    pub(super) async fn none(&self) {
        // The sender is `self`, so that it is there as long as somebody waits.
        if let Err(error) = self.0.subscribe().wait_for(BTreeSet::is_empty).await {
            tracing::debug!(%error, "nothing tells of answers any more");
        }
    }
}
