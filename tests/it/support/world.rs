//! A server with a configuration of its own, which trusts two test issuers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use bailiwick::store::audit::{AuditReader, Decision};
use tempfile::TempDir;

use super::clock::ManualClock;
use super::issuer::{AUDIENCE, Answer, CLIENT, ISS, ORGANISATION, ORGANISATION_CLAIM, SigningKey, TestIssuer, Token};
use super::server::Server;

const MODEL: &str = include_str!("../../../policies/model.conf");

/// Everyone may ask who they are; `echo` is for the members alone.
const POLICY: &str = "\
p, verified,    *, tool:whoami,               call, true, allow
p, verified,    *, resource:static://welcome, read, true, allow
p, role:member, *, tool:echo,                 call, true, allow
g, user:jdoe@acme.example, role:member, acme
";

/// The server, its issuers and its files.
pub(crate) struct World {
    pub(crate) issuer: TestIssuer,
    pub(crate) server: Server,
    _other: TestIssuer,
    files: TempDir,
}

/// What a server left behind.
pub(crate) struct Left {
    pub(crate) files: TempDir,
    pub(crate) decisions: Vec<Decision>,
    /// How often a request was rejected for each reason.
    pub(crate) rejections: BTreeMap<String, u64>,
}

/// The key that both issuers' tests sign with unless they say otherwise.
pub(crate) fn every_key() -> [SigningKey; 4] {
    [SigningKey::rsa("rsa"), SigningKey::p256("p256"), SigningKey::ed25519("ed"), SigningKey::p384("p384")]
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// The same, with its files changed before the start.
    pub(crate) async fn with(change: impl FnOnce(&Path)) -> Self {
        Self::whose_issuer_answers(Answer::keys(&every_key().each_ref()), change).await
    }

    /// The same, where the first issuer answers so when it is asked for its keys.
    pub(crate) async fn whose_issuer_answers(keys: Answer, change: impl FnOnce(&Path)) -> Self {
        let issuer = TestIssuer::start(keys);
        let other = TestIssuer::start(Answer::keys(&[&SigningKey::other_rsa("rsa")]));
        let files = tempfile::tempdir().unwrap();
        fs::create_dir(files.path().join("policies")).unwrap();
        fs::write(files.path().join("policies/model.conf"), MODEL).unwrap();
        fs::write(files.path().join("policies/policy.csv"), POLICY).unwrap();
        fs::write(files.path().join("bailiwick.toml"), settings(&issuer, &other)).unwrap();
        change(files.path());
        let server = Server::over(files.path(), Arc::new(ManualClock::new())).await;
        Self { issuer, server, _other: other, files }
    }

    /// Stops the server and reads its audit.
    pub(crate) async fn stop(self) -> Left {
        self.server.stop().await;
        let audit = AuditReader::open(&self.files.path().join("audit.db")).await.unwrap();
        let decisions = audit.tail(100_000).await.unwrap();
        let mut rejections = BTreeMap::new();
        for rejection in audit.rejections(None).await.unwrap() {
            *rejections.entry(rejection.reason).or_default() += rejection.count;
        }
        Left { files: self.files, decisions, rejections }
    }
}

/// Replaces text that must be there.
pub(crate) fn edit(file: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(old), "{old} is not in {text}");
    fs::write(file, text.replace(old, new)).unwrap();
}

/// A good token.
pub(crate) fn token() -> String {
    Token::new().sign(&SigningKey::rsa("rsa"))
}

fn settings(issuer: &TestIssuer, other: &TestIssuer) -> String {
    let trusted = |name: &str, iss: &str, jwks: &str| {
        format!(
            r#"
[[issuer]]
name = "{name}"
preset = "zitadel"
issuer = "{iss}"
jwks_url = "{jwks}"
audience = ["{AUDIENCE}"]
clients = ["{CLIENT}"]
users = true

[issuer.claims]
external_user = ["external_user_id"]
scope = "scope"
absent = ["nonce", "at_hash"]
"#
        )
    };
    format!(
        r#"[server]
address = "127.0.0.1"
port = {{port}}

[audit]
path = "audit.db"

[policy]
directory = "policies"
{}{}
[[tenant]]
name = "acme"
issuer = "blockbrain"
organisations = ["{ORGANISATION}"]

[[tenant]]
name = "globex"
issuer = "other"
organisations = ["globex"]
"#,
        trusted("blockbrain", ISS, issuer.jwks_url().as_str()),
        trusted("other", "https://other.example", other.jwks_url().as_str()),
    )
}

/// A token of an organisation that no tenant declares.
pub(crate) fn token_of_organisation(organisation: &str) -> String {
    Token::new()
        .claim(ORGANISATION_CLAIM, organisation)
        .claim("urn:zitadel:iam:user:resourceowner:id", organisation)
        .sign(&SigningKey::rsa("rsa"))
}
