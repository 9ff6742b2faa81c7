//! The stream of one client as it is written: the address for its messages, answers as they come, and a comment now and then
//! so that neither side takes the other for gone.
//!
//! The server in the stream is driven from here until it runs by itself, so that it ends with the body: no task of ours
//! outlives the connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use rmcp::model::ServerJsonRpcMessage;
use tokio::sync::mpsc;

use super::pipe::Pending;

/// How often a comment is written.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One client's stream.
pub(super) struct Line {
    first: Option<Bytes>,
    answers: mpsc::Receiver<ServerJsonRpcMessage>,
    pending: Arc<Pending>,
    serving: Option<Work>,
    end: Work,
}

impl Line {
    /// A stream of these answers, which ends when `end` does.
    pub(super) fn new(
        address: &str,
        answers: mpsc::Receiver<ServerJsonRpcMessage>,
        pending: Arc<Pending>,
        serving: impl Future<Output = ()> + Send + 'static,
        end: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let first = Some(Bytes::from(format!("event: endpoint\ndata: {address}\n\n")));
        Self { first, answers, pending, serving: Some(Box::pin(serving)), end: Box::pin(end) }
    }

    /// What is written, piece by piece.
    pub(super) fn pieces(self) -> impl Stream<Item = Result<Bytes, io::Error>> + Send {
        futures_util::stream::unfold(self, |mut line| async move {
            let piece = line.next().await?;
            Some((Ok(piece), line))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let keep_alive = tokio::time::sleep(KEEP_ALIVE);
        tokio::pin!(keep_alive);
        loop {
            let serving = async {
                match &mut self.serving {
                    Some(serving) => serving.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                message = self.answers.recv() => {
                    let message = message?;
                    self.pending.written(&message);
                    return Some(event(&message));
                }
                () = serving => self.serving = None,
                () = &mut self.end => return None,
                () = &mut keep_alive => return Some(Bytes::from_static(b": still here\n\n")),
            }
        }
    }
}

/// An answer as an event; JSON has no line breaks of its own.
fn event(message: &ServerJsonRpcMessage) -> Bytes {
    match serde_json::to_string(message) {
        Ok(text) => Bytes::from(format!("event: message\ndata: {text}\n\n")),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            Bytes::from_static(b": an answer could not be written\n\n")
        }
    }
}
