//! A connection whose client does not read, or a few bytes at a time: it is waited for so long, and then it is closed.
//!
//! hyper waits for ever. Whoever asks for much and reads nothing would keep what was made for it in memory, and a stream that
//! nobody reads would never end. What is not read costs nobody else anything meanwhile.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// The fewest bytes a second that whoever has something to read must take.
const SLOWEST: u128 = 1_024;

/// A connection that fails if its client takes too little of what it is sent, for so long.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    patience: Duration,
    /// Runs from the first byte that had to wait; what was taken counts until it is over.
    since: Option<Pin<Box<Sleep>>>,
    taken: u64,
    waits: bool,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, since: None, taken: 0, waits: false }
    }

    /// Goes on where bytes are taken; else fails when the time is up and they were too few.
    fn held<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>, bytes: u64) -> Poll<io::Result<T>> {
        if written.is_ready() {
            (self.waits, self.taken) = (false, self.taken.saturating_add(bytes));
            return written;
        }
        // Who begins to wait when the time is up had taken everything before.
        let begins = !std::mem::replace(&mut self.waits, true);
        if begins && self.since.as_ref().is_some_and(|since| since.is_elapsed()) {
            self.since = None;
        }
        loop {
            let since = match &mut self.since {
                Some(since) => since,
                since @ None => {
                    self.taken = 0;
                    since.insert(Box::pin(tokio::time::sleep(self.patience)))
                }
            };
            if since.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if u128::from(self.taken) * 1_000 < SLOWEST * self.patience.as_millis() {
                let text = "the client does not read, or too slowly";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, text)));
            }
            self.since = None;
        }
    }
}

fn written_bytes(written: &Poll<io::Result<usize>>) -> u64 {
    match written {
        Poll::Ready(Ok(bytes)) => u64::try_from(*bytes).unwrap_or(u64::MAX),
        Poll::Ready(Err(_)) | Poll::Pending => 0,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        let bytes = written_bytes(&written);
        self.held(context, written, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        let bytes = written_bytes(&written);
        self.held(context, written, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.held(context, flushed, 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.held(context, shut, 0)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(200);

    /// Reads so much at a time, all the time, to the end.
    async fn read(mut stream: DuplexStream, bytes: usize) {
        let mut buffer = vec![0; bytes];
        while stream.read(&mut buffer).await.unwrap() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn who_takes_a_byte_at_a_time_is_left_and_who_is_merely_slow_is_not() {
        for (bytes, is_left) in [(1, true), (256, false)] {
            let (ours, theirs) = duplex(256);
            let mut patient = Patient::new(ours, PATIENCE);
            let writing = async {
                let written = patient.write_all(&[7; 16_384]).await;
                drop(patient);
                written
            };
            let (written, ()) = tokio::join!(writing, read(theirs, bytes));
            assert_eq!(
                written.map_err(|error| error.kind()),
                if is_left { Err(io::ErrorKind::TimedOut) } else { Ok(()) }
            );
        }
    }

    #[tokio::test]
    async fn what_waits_again_after_a_while_is_waited_for_as_long() {
        let (ours, mut theirs) = duplex(8);
        let mut patient = Patient::new(ours, PATIENCE);
        let mut buffer = [0; 16];
        for _ in 0..2 {
            let reading = async {
                tokio::time::sleep(PATIENCE / 2).await;
                theirs.read_exact(&mut buffer).await.unwrap();
            };
            let (written, ()) = tokio::join!(patient.write_all(&[7; 16]), reading);
            written.unwrap();
            tokio::time::sleep(PATIENCE * 2).await;
        }
    }
}
