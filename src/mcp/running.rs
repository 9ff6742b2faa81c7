//! How a handler runs: until it ends, is cancelled or panics, with word of its progress for who asks for it.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use rmcp::model::{CallToolResult, ContentBlock, ProgressNotificationParam, ProgressToken};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::reply;
use crate::store::audit::Ending;

/// How long a client that wants to know of progress waits for each word of it.
const BETWEEN_PROGRESS: Duration = Duration::from_secs(1);

/// Cancelled when the client of a request in a session is gone; put into the request by the http layer, because the session
/// itself goes on.
#[derive(Debug, Clone)]
pub struct Gone(pub CancellationToken);

/// When a request has taken as long as one may; put into it by the http layer. What is not answered by then is answered that it
/// took too long, and the audit has it so.
#[derive(Debug, Clone)]
pub struct Deadline {
    at: Instant,
    most: Duration,
    ending: Ending,
}

impl Deadline {
    /// That of a request which begins now and may take so long.
    pub fn after(most: Duration) -> Self {
        Self { at: Instant::now() + most, most, ending: Ending::default() }
    }

    /// That of this request.
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Option<Self> {
        of_request::<Self>(context).cloned()
    }

    /// How long a question may wait, so that there is time left to say that nobody answered.
    pub(super) fn for_a_question(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now()).saturating_sub(self.most / 10)
    }

    pub(super) fn ending(&self) -> Ending {
        self.ending.clone()
    }

    /// Ready when it has passed; says before that it is the server which ends the request.
    async fn passed(&self) -> Duration {
        tokio::time::sleep_until(self.at).await;
        self.ending.too_late();
        self.most
    }
}

/// A handler at work. Boxed, because a future that is handed on is kept, and copied, by everyone who hands it on.
pub(super) type Handler<'a, T> = Pin<Box<dyn Future<Output = Result<T, ErrorData>> + Send + 'a>>;

/// Runs a handler until it ends, its request is cancelled, its client is gone or its time is over. All but the first only drop the
/// handler, and with it its receipt, which is then recorded as abandoned, or as timed out.
pub(super) async fn guarded<T: Send>(
    context: &RequestContext<RoleServer>,
    handler: Handler<'_, T>,
) -> Result<T, ErrorData> {
    limited(context, handler, |most| Err(too_long(most))).await
}

/// The same for a handler that has an answer of its own to its time being over.
pub(super) async fn limited<T: Send>(
    context: &RequestContext<RoleServer>,
    handler: Handler<'_, T>,
    late: impl FnOnce(Duration) -> Result<T, ErrorData>,
) -> Result<T, ErrorData> {
    let passed = async {
        match of_request::<Deadline>(context) {
            Some(deadline) => deadline.passed().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        // Of the messages of a batch, those whose turn comes too late are not begun.
        biased;
        most = passed => late(most),
        outcome = caught(with_progress(context, handler)) => outcome,
        () = context.ct.cancelled() => Err(reply::cancelled()),
        () = gone(context) => Err(reply::cancelled()),
    }
}

fn of_request<T: Send + Sync + 'static>(context: &RequestContext<RoleServer>) -> Option<&T> {
    context.extensions.get::<http::request::Parts>()?.extensions.get::<T>()
}

async fn gone(context: &RequestContext<RoleServer>) {
    match of_request::<Gone>(context) {
        Some(Gone(gone)) => gone.cancelled().await,
        None => std::future::pending().await,
    }
}

/// The handler, with word of its progress where the client asked for it.
fn with_progress<'a, T: Send + 'a>(context: &'a RequestContext<RoleServer>, handler: Handler<'a, T>) -> Handler<'a, T> {
    match context.meta.get_progress_token() {
        Some(token) => Box::pin(telling(context, token, handler)),
        None => handler,
    }
}

/// Tells the client how long its answer has been in the making, every second: how much of a query is left is something that no
/// database says.
async fn telling<T>(
    context: &RequestContext<RoleServer>,
    token: ProgressToken,
    mut handler: Handler<'_, T>,
) -> Result<T, ErrorData> {
    let mut seconds = 0.0;
    loop {
        if let Ok(outcome) = tokio::time::timeout(BETWEEN_PROGRESS, &mut handler).await {
            return outcome;
        }
        seconds += BETWEEN_PROGRESS.as_secs_f64();
        let progress = ProgressNotificationParam::new(token.clone(), seconds)
            .with_message(format!("no answer yet after {seconds} s"));
        // The handler goes on meanwhile: it may hold a connection, and a client that reads nothing is told nothing.
        tokio::select! {
            outcome = &mut handler => return outcome,
            told = context.peer.notify_progress(progress) => if let Err(error) = told {
                tracing::debug!(%error, "progress could not be told");
            },
        }
    }
}

/// Turns a panic into an answer: rmcp runs handlers in tasks of its own, where one would leave the request hanging.
async fn caught<T>(handler: impl Future<Output = Result<T, ErrorData>>) -> Result<T, ErrorData> {
    let outcome = AssertUnwindSafe(handler).catch_unwind().await;
    outcome.unwrap_or_else(|panic| Err(reply::panicked(panic.as_ref())))
}

/// The answer of a request that took too long.
fn too_long(most: Duration) -> ErrorData {
    ErrorData::internal_error(took_too_long(most), None)
}

/// The same for a call of a tool. What it has changed, if it changes something, nobody waited for.
pub(super) fn tool_too_long(most: Duration, is_change: bool) -> CallToolResult {
    let mut text = took_too_long(most);
    if is_change {
        text.push_str(" Read the row first: whether it was changed is not certain.");
    }
    CallToolResult::error(vec![ContentBlock::text(text)])
}

fn took_too_long(most: Duration) -> String {
    format!(
        "The server ended this, because a request may take {most:?} at most. Ask for less (narrower filters, a smaller page), or \
         try again later."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_handler_is_an_answer() {
        let error = caught::<()>(async { panic!("the secret reason") }).await.unwrap_err();
        assert_eq!((error.code.0, &*error.message), (-32603, "Internal error"));
    }
}
