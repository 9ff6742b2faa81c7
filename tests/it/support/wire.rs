//! A connection on which a test writes what no client library would.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// One connection to a server.
pub(crate) struct Wire(TcpStream);

impl Wire {
    pub(crate) async fn connect(base: &str) -> Self {
        Self(TcpStream::connect(base.trim_start_matches("http://")).await.unwrap())
    }

    /// A connection whose client takes little at a time.
    pub(crate) async fn narrow(base: &str) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        Self(socket.connect(base.trim_start_matches("http://").parse().unwrap()).await.unwrap())
    }

    /// A connection from this address of loopback.
    pub(crate) async fn from(address: &str, base: &str) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
        Self(socket.connect(base.trim_start_matches("http://").parse().unwrap()).await.unwrap())
    }

    /// How much there is to read until the server closes the connection.
    pub(crate) async fn length_of_rest(&mut self) -> usize {
        let mut bytes = Vec::new();
        // A reset is an end too.
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await.unwrap();
        bytes.len()
    }

    /// A connection, if there is somebody to connect to.
    pub(crate) async fn try_connect(base: &str) -> Option<Self> {
        TcpStream::connect(base.trim_start_matches("http://")).await.ok().map(Self)
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Sends, though the other side may have closed the connection.
    pub(crate) async fn try_send(&mut self, text: &str) {
        let _ = self.0.write_all(text.as_bytes()).await;
    }

    /// Whatever comes next; nothing at the end, be it a reset.
    pub(crate) async fn try_more(&mut self) -> String {
        let mut buffer = [0; 4096];
        let read = timeout(PATIENCE, self.0.read(&mut buffer)).await.unwrap().unwrap_or(0);
        std::str::from_utf8(&buffer[..read]).unwrap().to_owned()
    }

    /// The head of a POST to `/mcp`, with these further header lines.
    pub(crate) async fn begin(&mut self, token: &str, more: &str) {
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n{more}\r\n"
        );
        self.send(&head).await;
    }

    /// Everything up to these bytes.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.contains(end) {
            let mut buffer = [0; 4096];
            let read = timeout(PATIENCE, self.0.read(&mut buffer)).await.unwrap().unwrap();
            assert!(read > 0, "closed after {text}");
            text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        }
        text
    }

    /// Whatever comes next; nothing at the end.
    pub(crate) async fn more(&mut self) -> String {
        let mut buffer = [0; 4096];
        let read = timeout(PATIENCE, self.0.read(&mut buffer)).await.unwrap().unwrap();
        std::str::from_utf8(&buffer[..read]).unwrap().to_owned()
    }

    /// Everything until the server closes the connection.
    pub(crate) async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        // A reset is an end too.
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await.unwrap();
        String::from_utf8(bytes).unwrap()
    }
}
