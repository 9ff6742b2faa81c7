//! A token issuer on a loopback port: signs real tokens, publishes real keys, and can rotate, stall, fail and lie.
//!
//! The private keys in `tests/keys/` exist for these tests only. `rsa1024.token` was signed with `rsa1024.pem` by openssl,
//! because the signing library refuses so small a key; `rsa1024.modulus` is its public half.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Map, Value, json};
use url::Url;

use super::clock::START;
use super::loopback::Loopback;

/// The `iss` of its tokens. Not its address: the address has another port in every test.
pub(crate) const ISS: &str = "https://issuer.example";
/// The audience of its tokens.
pub(crate) const AUDIENCE: &str = "337063032028900000";
/// The client of its tokens.
pub(crate) const CLIENT: &str = "337063032028900001";
/// The organisation of its tokens.
pub(crate) const ORGANISATION: &str = "337063032028925795";
/// The claim that names the organisation.
pub(crate) const ORGANISATION_CLAIM: &str = "urn:zitadel:iam:org:id";

/// A private key, its id, and the algorithm that it signs with.
pub(crate) struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl SigningKey {
    pub(crate) fn rsa(kid: &str) -> Self {
        let der = der(include_str!("../../keys/rsa2048.pem"));
        Self { kid: kid.to_owned(), algorithm: Algorithm::RS256, key: EncodingKey::from_rsa_der(&der) }
    }

    pub(crate) fn other_rsa(kid: &str) -> Self {
        let der = der(include_str!("../../keys/rsa2048-other.pem"));
        Self { kid: kid.to_owned(), algorithm: Algorithm::RS256, key: EncodingKey::from_rsa_der(&der) }
    }

    pub(crate) fn p256(kid: &str) -> Self {
        let der = der(include_str!("../../keys/p256.pem"));
        Self { kid: kid.to_owned(), algorithm: Algorithm::ES256, key: EncodingKey::from_ec_der(&der) }
    }

    pub(crate) fn p384(kid: &str) -> Self {
        let der = der(include_str!("../../keys/p384.pem"));
        Self { kid: kid.to_owned(), algorithm: Algorithm::ES384, key: EncodingKey::from_ec_der(&der) }
    }

    pub(crate) fn ed25519(kid: &str) -> Self {
        let der = der(include_str!("../../keys/ed25519.pem"));
        Self { kid: kid.to_owned(), algorithm: Algorithm::EdDSA, key: EncodingKey::from_ed_der(&der) }
    }

    /// The same key, signing with another algorithm of its family.
    pub(crate) fn with_algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// The public half, as an entry of a key set.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.key, self.algorithm).unwrap()).unwrap();
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk
    }

    /// Signs these very bytes.
    pub(crate) fn sign(&self, header: &[u8], payload: &[u8]) -> String {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = jsonwebtoken::crypto::sign(input.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{input}.{signature}")
    }
}

fn der(pem: &str) -> Vec<u8> {
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(base64).unwrap()
}

/// A token in the making: what the issuer would write, and what the test changes.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
}

impl Token {
    /// An access token as Zitadel writes it, issued at the start of the test and good for an hour.
    pub(crate) fn new() -> Self {
        let claims = json!({
            "iss": ISS, "sub": "341200000000000101", "aud": [CLIENT, AUDIENCE], "client_id": CLIENT,
            "iat": START, "nbf": START, "exp": START + 3600, "jti": "V2_391184219667173286-at_391187731641798566",
            ORGANISATION_CLAIM: ORGANISATION, "urn:zitadel:iam:user:resourceowner:id": ORGANISATION,
            "external_user_id": "jdoe@acme.example",
        });
        let header = json!({ "typ": "JWT" });
        Self { header: object(header), claims: object(claims) }
    }

    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.claims.shift_remove(name);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Signs it; `alg` and `kid` are the key's unless the test has set them.
    pub(crate) fn sign(&self, key: &SigningKey) -> String {
        let mut header = self.header.clone();
        header.entry("alg").or_insert_with(|| json!(format!("{:?}", key.algorithm)));
        header.entry("kid").or_insert_with(|| json!(key.kid));
        header.retain(|_, value| !value.is_null());
        key.sign(&serde_json::to_vec(&header).unwrap(), &serde_json::to_vec(&self.claims).unwrap())
    }
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("{value} is no object") };
    members
}

/// What the issuer does when it is asked.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Answers.
    Reply {
        status: u16,
        content_type: &'static str,
        /// Further header lines, each ended by CRLF.
        headers: String,
        body: Vec<u8>,
    },
    /// Takes the request and never answers.
    Stall,
    /// Begins a body that never ends.
    Endless,
    /// Hangs up.
    HangUp,
}

impl Answer {
    pub(crate) fn json(body: &Value) -> Self {
        let body = serde_json::to_vec(body).unwrap();
        Self::Reply { status: 200, content_type: "application/json", headers: String::new(), body }
    }

    pub(crate) fn keys(keys: &[&SigningKey]) -> Self {
        Self::json(&json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() }))
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Reply { status, content_type: "application/json", headers: String::new(), body: b"{}".to_vec() }
    }

    /// The same reply with one more header.
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Reply { headers, .. } = &mut self {
            *headers = format!("{headers}{name}: {value}\r\n");
        }
        self
    }

    /// The same reply under another content type.
    pub(crate) fn with_content_type(mut self, other: &'static str) -> Self {
        if let Self::Reply { content_type, .. } = &mut self {
            *content_type = other;
        }
        self
    }
}

struct State {
    keys: ArcSwap<Answer>,
    discovery: ArcSwap<Answer>,
    fetches: AtomicUsize,
}

/// A running issuer. It stops when it is dropped.
pub(crate) struct TestIssuer {
    state: Arc<State>,
    listening: Loopback,
}

impl TestIssuer {
    /// Starts with this answer at `/oauth/v2/keys`.
    pub(crate) fn start(keys: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let discovery = json!({ "issuer": ISS, "jwks_uri": format!("http://{address}/oauth/v2/keys") });
        let state = Arc::new(State {
            keys: ArcSwap::from_pointee(keys),
            discovery: ArcSwap::from_pointee(Answer::json(&discovery)),
            fetches: AtomicUsize::new(0),
        });
        let serving = Arc::clone(&state);
        Self { state, listening: Loopback::new(listener, move |stream| serve(stream, &serving)) }
    }

    pub(crate) fn jwks_url(&self) -> Url {
        format!("http://{}/oauth/v2/keys", self.listening.address).parse().unwrap()
    }

    pub(crate) fn discovery_url(&self) -> Url {
        format!("http://{}/.well-known/openid-configuration", self.listening.address).parse().unwrap()
    }

    /// Answers so from now on when asked for its keys.
    pub(crate) fn answer(&self, answer: Answer) {
        self.state.keys.store(Arc::new(answer));
    }

    /// Answers so from now on when asked for its discovery document.
    pub(crate) fn answer_discovery(&self, answer: Answer) {
        self.state.discovery.store(Arc::new(answer));
    }

    /// How often it was asked for its keys.
    pub(crate) fn fetches(&self) -> usize {
        self.state.fetches.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&buffer[..read]),
        }
    }
    let answer = if request.starts_with(b"GET /oauth/v2/keys ") {
        state.fetches.fetch_add(1, Ordering::SeqCst);
        state.keys.load_full()
    } else {
        state.discovery.load_full()
    };
    match &*answer {
        Answer::Reply { status, content_type, headers, body } => {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} Whatever\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
            );
            stream.write_all(head.as_bytes())?;
            stream.write_all(body)
        }
        // Until the other side gives up.
        Answer::Stall => stream.read(&mut buffer).map(drop),
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")?;
            loop {
                stream.write_all(&[b' '; 1024])?;
            }
        }
        Answer::HangUp => Ok(()),
    }
}
