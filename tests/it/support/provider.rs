//! An OpenID provider on a loopback port: real metadata, real keys, real signatures. A person there signs in without a page;
//! what the provider then says of them, and how it can lie, is the test's choice.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use serde_json::{Map, Value, json};

use super::browser::parameters;
use super::clock::START;
use super::issuer::{ISS, ORGANISATION, ORGANISATION_CLAIM, SigningKey};
use super::loopback::Loopback;
use super::oauth::challenge_of;

/// How it knows the server.
pub(crate) const CLIENT: &str = "373051238587049400";
/// What the server proves that with.
pub(crate) const SECRET: &str = "the secret: of the server & its provider";

/// What the server is given with each ID token.
const ACCESS: &str = "the-access-token-of-the-provider";

/// What somebody who signed in gets to carry back, and what it is good for.
#[derive(Clone, Debug)]
struct Ticket {
    challenge: String,
    redirect_uri: String,
    id_token: String,
}

struct State {
    base: String,
    metadata: ArcSwap<Map<String, Value>>,
    tickets: ArcSwap<BTreeMap<String, Ticket>>,
    is_down: AtomicBool,
    redeemed: AtomicUsize,
    secrets: ArcSwap<Vec<String>>,
    userinfo: ArcSwap<(u16, Value)>,
    asked: AtomicUsize,
}

impl State {
    fn keep(&self, secret: &str) {
        self.secrets.rcu(|kept| kept.iter().cloned().chain([secret.to_owned()]).collect::<Vec<_>>());
    }
}

/// A running provider. It stops when it is dropped.
pub(crate) struct TestProvider {
    state: Arc<State>,
    _listening: Loopback,
}

/// Whom it says signed in, and what the test changes about that.
pub(crate) struct Person {
    pub(crate) claims: Map<String, Value>,
    pub(crate) header: Value,
    pub(crate) key: SigningKey,
}

impl Person {
    /// Somebody of Acme with a role, as Zitadel says it.
    pub(crate) fn new(subject: &str, external_user: &str) -> Self {
        let claims = json!({
            "iss": ISS, "sub": subject, "aud": [CLIENT], "azp": CLIENT, "iat": START, "exp": START + 3600,
            ORGANISATION_CLAIM: ORGANISATION, "urn:zitadel:iam:user:resourceowner:id": ORGANISATION,
            "external_user_id": external_user, "email": format!("{subject}@mail.example"), "email_verified": true,
            "urn:zitadel:iam:org:project:roles": { "auditor": { ORGANISATION: "acme.example" }, "boss": { "999": "b" } },
            "clearance": 3,
        });
        let Value::Object(claims) = claims else { unreachable!() };
        Self { claims, header: json!({ "alg": "RS256", "kid": "p1", "typ": "JWT" }), key: SigningKey::rsa("p1") }
    }

    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.claims.shift_remove(name);
        self
    }
}

impl TestProvider {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let base = format!("http://{address}");
        let metadata = json!({
            "issuer": ISS,
            "authorization_endpoint": format!("{base}/authorize?tenant=x"),
            "token_endpoint": format!("{base}/token"),
            "jwks_uri": format!("{base}/keys"),
            "authorization_response_iss_parameter_supported": true,
        });
        let Value::Object(metadata) = metadata else { unreachable!() };
        let state = Arc::new(State {
            base,
            metadata: ArcSwap::from_pointee(metadata),
            tickets: ArcSwap::default(),
            is_down: AtomicBool::new(false),
            redeemed: AtomicUsize::new(0),
            secrets: ArcSwap::default(),
            userinfo: ArcSwap::from_pointee((500, json!({}))),
            asked: AtomicUsize::new(0),
        });
        let serving = Arc::clone(&state);
        Self { state, _listening: Loopback::new(listener, move |stream| serve(stream, &serving)) }
    }

    /// The configuration of a server whose people sign in here: an issuer, a tenant, this provider.
    pub(crate) fn configuration(&self) -> String {
        let base = &self.state.base;
        format!(
            r#"
[claims]
clearance = "number"
[[issuer]]
name = "zitadel"
preset = "zitadel"
issuer = "{ISS}"
jwks_url = "{base}/keys"
users = true
claims.external_user = ["external_user_id"]
[[sign_in]]
issuer = "zitadel"
label = "Acme login"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
discovery_url = "{base}/.well-known/openid-configuration"
[[tenant]]
name = "acme"
issuer = "zitadel"
organisations = ["{ORGANISATION}"]
[[tenant]]
name = "globex"
issuer = "zitadel"
organisations = ["999"]
"#
        )
    }

    /// Says something else of itself from now on.
    pub(crate) fn metadata(&self, name: &str, value: Value) {
        let mut metadata = Map::clone(&self.state.metadata.load());
        metadata.insert(name.to_owned(), value);
        self.state.metadata.store(Arc::new(metadata));
    }

    /// Has a place from now on that says this of whoever signed in.
    pub(crate) fn userinfo(&self, status: u16, said: Value) {
        self.metadata("userinfo_endpoint", format!("{}/userinfo", self.state.base).into());
        self.state.userinfo.store(Arc::new((status, said)));
    }

    /// How often that was asked.
    pub(crate) fn asked(&self) -> usize {
        self.state.asked.load(Ordering::SeqCst)
    }

    /// Answers 500 to everything, or no longer.
    pub(crate) fn set_down(&self, down: bool) {
        self.state.is_down.store(down, Ordering::SeqCst);
    }

    /// How many codes were asked about.
    pub(crate) fn redeemed(&self) -> usize {
        self.state.redeemed.load(Ordering::SeqCst)
    }

    /// Everything that only the provider and the server know of each other: ID tokens, verifiers, codes, access tokens.
    pub(crate) fn secrets(&self) -> Vec<String> {
        Vec::clone(&self.state.secrets.load())
    }

    /// Somebody signs in at the address that the server sent a browser to: the address that they are sent back to.
    pub(crate) fn sign_in(&self, address: &str, person: &Person) -> String {
        assert!(address.starts_with(&format!("{}/authorize?tenant=x&", self.state.base)), "{address}");
        let asked = parameters(address);
        for (name, value) in [("response_type", "code"), ("client_id", CLIENT), ("code_challenge_method", "S256")] {
            assert_eq!(asked[name], value, "{address}");
        }
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"), "{address}");
        let mut claims = person.claims.clone();
        claims.entry("nonce").or_insert_with(|| asked["nonce"].clone().into());
        claims.retain(|_, value| !value.is_null());
        let (header, claims) = (serde_json::to_vec(&person.header).unwrap(), serde_json::to_vec(&claims).unwrap());
        let ticket = Ticket {
            challenge: asked["code_challenge"].clone(),
            redirect_uri: asked["redirect_uri"].clone(),
            id_token: person.key.sign(&header, &claims),
        };
        let code = format!("code-{}-of-the-provider", self.state.tickets.load().len());
        self.state.keep(&ticket.id_token);
        self.state.keep(&code);
        let back = format!(
            "{}?code={code}&state={}&iss={}",
            ticket.redirect_uri, asked["state"], "https%3A%2F%2Fissuer.example"
        );
        let mut tickets = BTreeMap::clone(&self.state.tickets.load());
        tickets.insert(code, ticket);
        self.state.tickets.store(Arc::new(tickets));
        back
    }
}

fn serve(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    let (head, body) = loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&buffer[..read]),
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header =
            |name: &str| head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix(name).map(str::to_owned));
        let length = header("content-length: ").map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            break (head.to_owned(), body.to_owned());
        }
    };
    let (status, answer) = if state.is_down.load(Ordering::SeqCst) {
        (500, json!({}))
    } else if head.starts_with("GET /keys ") {
        (200, json!({ "keys": [SigningKey::rsa("p1").jwk()] }))
    } else if head.starts_with("GET /userinfo ") {
        state.asked.fetch_add(1, Ordering::SeqCst);
        let bearer = format!("authorization: Bearer {ACCESS}");
        let is_given = head.lines().any(|line| line.eq_ignore_ascii_case(&bearer) && line.ends_with(ACCESS));
        if is_given { (state.userinfo.load().0, state.userinfo.load().1.clone()) } else { (401, json!({})) }
    } else if head.starts_with("POST /token ") {
        state.redeemed.fetch_add(1, Ordering::SeqCst);
        match redeem(state, &head, &body) {
            Ok(id_token) => (200, json!({ "access_token": ACCESS, "token_type": "Bearer", "id_token": id_token })),
            Err(error) => (400, json!({ "error": error })),
        }
    } else {
        (200, Value::Object(Map::clone(&state.metadata.load())))
    };
    let body = answer.to_string();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Whatever\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

/// The ID token for a code, if everything about it is as the provider remembers.
fn redeem(state: &State, head: &str, body: &str) -> Result<String, &'static str> {
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(CLIENT), encoded(SECRET));
    let expected =
        format!("authorization: Basic {}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair));
    let in_header = head.lines().any(|line| line.eq_ignore_ascii_case(&expected) && line.ends_with(&expected[21..]));
    let in_body = form.get("client_id").map(String::as_str) == Some(CLIENT)
        && form.get("client_secret").map(String::as_str) == Some(SECRET);
    if in_header == in_body {
        return Err("invalid_client");
    }
    let tickets = state.tickets.load_full();
    let ticket = tickets.get(&form["code"]).ok_or("invalid_grant")?;
    let mut left = BTreeMap::clone(&tickets);
    left.remove(&form["code"]);
    state.tickets.store(Arc::new(left));
    state.keep(&form["code_verifier"]);
    state.keep(ACCESS);
    let is_ours = form["grant_type"] == "authorization_code" && form["redirect_uri"] == ticket.redirect_uri;
    if is_ours && challenge_of(&form["code_verifier"]) == ticket.challenge {
        Ok(ticket.id_token.clone())
    } else {
        Err("invalid_grant")
    }
}
