//! The address on this machine that the browser comes back to (RFC 8252, section 7.3).
//!
//! Browsers open connections ahead and ask for icons, and any page can send a browser to any port. So connections are served
//! side by side, and only a request for the one path that knows the `state` is the answer.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use askama::Template;
use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::failure::ConnectError;

const PATH: &str = "/callback";

/// How long a connection may be silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// The parameters that the browser brought.
pub(super) type Answer = BTreeMap<String, String>;

/// A listener on 127.0.0.1.
#[derive(Debug)]
pub(super) struct Loopback {
    listener: TcpListener,
    redirect_uri: String,
}

/// What the person sees in the browser afterwards.
#[derive(Template)]
#[template(path = "returned.html")]
struct Page {
    heading: &'static str,
    text: &'static str,
}

impl Loopback {
    /// Listens on this port, or on a free one for 0.
    pub(super) async fn listen(port: u16) -> Result<Self, ConnectError> {
        let listening = async {
            let listener = TcpListener::bind(("127.0.0.1", port)).await?;
            let address = listener.local_addr()?;
            Ok(Self { listener, redirect_uri: format!("http://{address}{PATH}") })
        };
        listening.await.map_err(|source| ConnectError::Listen { port, source })
    }

    /// Where the authorization server sends the browser.
    pub(super) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Waits for the answer to the request with this `state`; the browser has its page when it is given.
    pub(super) async fn answer(self, state: &str, patience: Duration) -> Result<Answer, ConnectError> {
        let served = async {
            let mut connections = FuturesUnordered::new();
            loop {
                tokio::select! {
                    accepted = self.listener.accept() => connections.push(serve(accepted?.0, state)),
                    Some(answer) = connections.next() => if let Some(answer) = answer {
                        return Ok(answer);
                    },
                }
            }
        };
        match tokio::time::timeout(patience, served).await {
            Ok(answer) => answer.map_err(ConnectError::Waiting),
            Err(_) => Err(ConnectError::TimedOut(patience)),
        }
    }
}

/// Serves one connection to its end; gives what it brought, if that is the answer.
async fn serve(stream: TcpStream, state: &str) -> Option<Answer> {
    let answer = OnceCell::new();
    let service = hyper::service::service_fn(|request: Request<Incoming>| {
        let response = match read(&request, state) {
            Ok(parameters) => {
                let page = if parameters.contains_key("code") { ALLOWED } else { REFUSED };
                // A second request on the connection cannot change the first one's answer.
                let _ = answer.set(parameters);
                html(StatusCode::OK, &page)
            }
            Err(status) => html(status, &NOT_ASKED),
        };
        async move { Ok::<_, Infallible>(response) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(false);
    // A browser that is gone before its page has come has brought what it had.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
    answer.into_inner()
}

const ALLOWED: Page = Page { heading: "Signed in", text: "You can close this page and go back to the terminal." };
const REFUSED: Page = Page { heading: "Not allowed", text: "Nothing was given. The terminal says why." };
const NOT_ASKED: Page = Page { heading: "Nothing here", text: "No sign-in that was begun here is answered by this." };

/// The parameters of a request that is the answer.
fn read(request: &Request<Incoming>, state: &str) -> Result<Answer, StatusCode> {
    if request.method() != Method::GET {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    if request.uri().path() != PATH {
        return Err(StatusCode::NOT_FOUND);
    }
    parameters(request.uri().query().unwrap_or(""), state).ok_or(StatusCode::BAD_REQUEST)
}

/// What a query holds, if each parameter is there once and its `state` is ours.
fn parameters(query: &str, state: &str) -> Option<Answer> {
    let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let count = pairs.len();
    let answer: Answer = pairs.into_iter().collect();
    (answer.len() == count && answer.get("state").is_some_and(|found| found == state)).then_some(answer)
}

fn html(status: StatusCode, page: &Page) -> Response<Full<Bytes>> {
    let text = page.render().unwrap_or_else(|_| page.text.to_owned());
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    let values = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in values {
        response.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_our_own_request_is_one() {
        let good = parameters("code=c&state=s&iss=http%3A%2F%2F127.0.0.1", "s").unwrap();
        assert_eq!((good["code"].as_str(), good["iss"].as_str()), ("c", "http://127.0.0.1"));
        for bad in ["code=c", "code=c&state=other", "code=c&state=s&state=s", "code=c&code=d&state=s", "code=c&state="]
        {
            assert_eq!(parameters(bad, "s"), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn the_wait_ends() {
        let loopback = Loopback::listen(0).await.unwrap();
        let port = loopback.redirect_uri().to_owned();
        assert!(port.starts_with("http://127.0.0.1:") && port.ends_with("/callback"), "{port}");
        let error = loopback.answer("s", Duration::from_millis(1)).await.unwrap_err();
        assert!(matches!(error, ConnectError::TimedOut(_)), "{error}");
    }
}
