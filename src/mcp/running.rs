//! How a handler runs: until it ends, is cancelled or panics, with word of its progress for who asks for it.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use rmcp::model::ProgressNotificationParam;
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};

use super::{Gone, reply};

/// How long a client that wants to know of progress waits for each word of it.
const BETWEEN_PROGRESS: Duration = Duration::from_secs(1);

/// How long the answer to a request may take; put into it by the http layer where no answer of HTTP waits for it.
#[derive(Debug, Clone, Copy)]
pub struct TimeLimit(pub Duration);

/// Runs a handler until it ends, its request is cancelled, its client is gone or its time is over. Dropping the handler drops its
/// receipt, which is then recorded as abandoned.
pub(super) async fn guarded<T>(
    context: &RequestContext<RoleServer>,
    handler: impl Future<Output = Result<T, ErrorData>>,
) -> Result<T, ErrorData> {
    tokio::select! {
        outcome = caught(handler) => outcome,
        () = context.ct.cancelled() => Err(reply::cancelled()),
        () = gone(context) => Err(reply::cancelled()),
        () = over(context) => Err(reply::too_long()),
    }
}

async fn over(context: &RequestContext<RoleServer>) {
    let parts = context.extensions.get::<http::request::Parts>();
    match parts.and_then(|parts| parts.extensions.get::<TimeLimit>()) {
        Some(TimeLimit(limit)) => tokio::time::sleep(*limit).await,
        None => std::future::pending().await,
    }
}

async fn gone(context: &RequestContext<RoleServer>) {
    let parts = context.extensions.get::<http::request::Parts>();
    match parts.and_then(|parts| parts.extensions.get::<Gone>()) {
        Some(Gone(gone)) => gone.cancelled().await,
        None => std::future::pending().await,
    }
}

/// Tells a client that asked for it how long its answer has been in the making, every second: how much of a query is left is
/// something that no database says.
pub(super) async fn with_progress<T>(
    context: &RequestContext<RoleServer>,
    handler: impl Future<Output = Result<T, ErrorData>>,
) -> Result<T, ErrorData> {
    let Some(token) = context.meta.get_progress_token() else { return handler.await };
    let mut handler = std::pin::pin!(handler);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_handler_is_an_answer() {
        let error = caught::<()>(async { panic!("the secret reason") }).await.unwrap_err();
        assert_eq!((error.code.0, &*error.message), (-32603, "Internal error"));
    }
}
