//! What stands between the two paths and the server in a stream: messages one way, answers the other, and which are awaited.

use std::collections::HashMap;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ClientNotification, RequestId, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{mpsc, watch};

/// The transport of one stream.
pub(super) struct Pipe {
    pub(super) incoming: mpsc::Receiver<ClientJsonRpcMessage>,
    pub(super) outgoing: mpsc::Sender<ServerJsonRpcMessage>,
    pub(super) pending: Arc<Pending>,
}

impl Transport<RoleServer> for Pipe {
    type Error = SendError<ServerJsonRpcMessage>;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.pending.made(&message);
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
pub(super) struct Pending(watch::Sender<HashMap<RequestId, Answer>>);

/// How far the answer of a request is.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Awaited,
    /// It waits for its reader.
    Made,
}

/// How many answers one stream is owed at most. rmcp takes every message in at once, so that this is what bounds the answers
/// that wait for their reader.
const MOST: usize = 32;

/// Whether a message may be handed to the server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// It is noted, and must be handed over.
    Yes,
    /// A request has its id, and its answer has not been written yet.
    InUse,
    /// As many answers wait as may.
    Full,
}

impl Pending {
    /// Notes a message on its way to the server, if it may go. A request that is cancelled is not answered, unless its answer
    /// is there already and waits to be read.
    pub(super) fn sent(&self, message: &ClientJsonRpcMessage) -> Noted {
        let mut noted = Noted::Yes;
        match message {
            ClientJsonRpcMessage::Request(request) => {
                self.0.send_if_modified(|ids| {
                    noted = if ids.contains_key(&request.id) {
                        Noted::InUse
                    } else if ids.len() >= MOST {
                        Noted::Full
                    } else {
                        Noted::Yes
                    };
                    noted == Noted::Yes && ids.insert(request.id.clone(), Answer::Awaited).is_none()
                });
            }
            ClientJsonRpcMessage::Notification(told) => {
                if let ClientNotification::CancelledNotification(cancelled) = &told.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.0.send_if_modified(|ids| ids.get(id) == Some(&Answer::Awaited) && ids.remove(id).is_some());
                }
            }
            ClientJsonRpcMessage::Response(_) | ClientJsonRpcMessage::Error(_) => {}
        }
        noted
    }

    /// Notes that an answer is made, of a request that was cancelled too late as well: it waits for its reader from now on.
    fn made(&self, message: &ServerJsonRpcMessage) {
        if let Some(id) = answers(message) {
            self.0.send_if_modified(|ids| ids.insert(id.clone(), Answer::Made).is_none());
        }
    }

    /// Notes a message to the client as written.
    pub(super) fn written(&self, message: &ServerJsonRpcMessage) {
        if let Some(id) = answers(message) {
            self.0.send_if_modified(|ids| ids.remove(id).is_some());
        }
    }

    /// Waits until nothing is awaited.
    pub(super) async fn none(&self) {
        // The sender is `self`, so that it is there as long as somebody waits.
        if let Err(error) = self.0.subscribe().wait_for(HashMap::is_empty).await {
            tracing::debug!(%error, "nothing tells of answers any more");
        }
    }
}

/// The request that a message answers.
fn answers(message: &ServerJsonRpcMessage) -> Option<&RequestId> {
    match message {
        ServerJsonRpcMessage::Response(response) => Some(&response.id),
        ServerJsonRpcMessage::Error(error) => error.id.as_ref(),
        ServerJsonRpcMessage::Request(_) | ServerJsonRpcMessage::Notification(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn ask(id: &Value) -> ClientJsonRpcMessage {
        from_value(json!({ "jsonrpc": "2.0", "id": id, "method": "ping" })).unwrap()
    }

    fn cancel(id: &Value) -> ClientJsonRpcMessage {
        let params = json!({ "requestId": id });
        from_value(json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params })).unwrap()
    }

    fn answer(id: &Value) -> ServerJsonRpcMessage {
        from_value(json!({ "jsonrpc": "2.0", "id": id, "result": {} })).unwrap()
    }

    #[test]
    fn an_id_is_used_once_until_its_answer_is_written() {
        let (pending, one) = (Pending::default(), json!(1));
        assert_eq!((pending.sent(&ask(&one)), pending.sent(&ask(&one))), (Noted::Yes, Noted::InUse));
        assert_eq!(pending.sent(&ask(&json!("1"))), Noted::Yes, "a text is another id than a number");
        pending.made(&answer(&one));
        assert_eq!(pending.sent(&ask(&one)), Noted::InUse, "the answer is not read yet");
        pending.written(&answer(&one));
        assert_eq!(pending.sent(&ask(&one)), Noted::Yes);
    }

    #[test]
    fn what_waits_to_be_read_is_bounded_though_it_is_cancelled() {
        let pending = Pending::default();
        for id in 0..MOST {
            let id = json!(id);
            assert_eq!(pending.sent(&ask(&id)), Noted::Yes);
            pending.made(&answer(&id));
            assert_eq!(pending.sent(&cancel(&id)), Noted::Yes);
        }
        assert_eq!(pending.sent(&ask(&json!("more"))), Noted::Full);
        pending.written(&answer(&json!(0)));
        assert_eq!(pending.sent(&ask(&json!("more"))), Noted::Yes);
        pending.sent(&cancel(&json!("more")));
        assert_eq!(pending.sent(&ask(&json!("another"))), Noted::Yes, "what is cancelled in time is not answered");
        pending.made(&answer(&json!("more")));
        assert_eq!(pending.sent(&ask(&json!("late"))), Noted::Full, "and counts if it was too late");
    }
}
