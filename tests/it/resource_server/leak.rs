//! No token, and no signature of one, is in the log, in the files or in an answer, whatever was done with it.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::attacks::every_attack;
use crate::support::client::{Answer, Call};
use crate::support::issuer::{SigningKey, Token};
use crate::support::world::{World, token, token_of_organisation};

/// What was logged so far.
#[derive(Clone, Default)]
struct Log(Arc<ArcSwap<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.rcu(|logged| [logged.as_slice(), bytes].concat());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn files(directory: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

/// What must not be found: of each token its long parts, which no two tokens share with anything public.
fn secrets(tokens: &[String]) -> Vec<String> {
    let parts = tokens.iter().flat_map(|token| token.split('.').skip(1)).filter(|part| part.len() >= 40);
    // A part of it would be as bad, and lines may be cut.
    let mut found: Vec<_> = parts.map(|part| part.chars().take(40).collect()).collect();
    found.sort();
    found.dedup();
    found
}

#[tokio::test]
async fn no_token_is_in_the_log_the_files_or_the_answers() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone());
    // For this thread, on which everything of this test runs but the connections to SQLite, which see no token.
    let guard = tracing::subscriber::set_default(subscriber.finish());
    // With one subscriber alone, tracing asks the thread that first comes to a log line whether anybody wants it, and keeps the
    // answer for all; that may be the thread of another test, which has none. With two it asks the subscribers.
    let second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish());

    let world = World::new().await;
    let client = world.server.client.clone();
    let good = token();
    let mut tokens: Vec<_> = every_attack().into_iter().map(|(_, _, token)| token).collect();
    let more = [
        Token::new().claim("scope", ""),
        Token::new().claim("exp", 0),
        Token::new().header("kid", "unknown"),
        Token::new().claim("external_user_id", "guest@acme.example"),
    ];
    tokens.extend(more.iter().map(|token| token.sign(&SigningKey::rsa("rsa"))));
    tokens.extend([token_of_organisation("other"), good.clone()]);

    let mut answers: Vec<Answer> = Vec::new();
    for token in &tokens {
        answers.push(client.tool("whoami", json!({})).token(token).send().await);
    }
    let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "0" } });
    answers.push(client.rpc("initialize", hello).token(&good).send().await);
    let session = answers.last().unwrap().header("mcp-session-id").to_owned();
    let calls: Vec<Call> = vec![
        client.tool("whoami", json!({})).header("Mcp-Session-Id", &session),
        client.method("DELETE", "/mcp").header("Mcp-Session-Id", &session),
        client.modern("tools/list", json!({})),
        client.modern("tools/call", json!({ "name": "echo", "arguments": { "text": 7 } })),
        client.tool("no_such", json!({})),
        client.rpc("no/such", json!({})),
        client.post("{"),
        client.get("/mcp"),
        client.tool("whoami", json!({})).header("X-Tenant-ID", "globex"),
        client.tool("whoami", json!({})).header("X-Data-Room-ID", "nowhere"),
        client.tool("whoami", json!({})).header("Host", "evil.example"),
        client.tool("whoami", json!({})).header("Authorization", &format!("Bearer {good}")),
        client.get(&format!("/nowhere?access_token={good}")),
        client.get(&format!("/healthz?access_token={good}")),
    ];
    for call in calls {
        answers.push(call.token(&good).send().await);
    }
    world.server.clock.advance(Duration::from_hours(2));
    world.issuer.answer(crate::support::issuer::Answer::HangUp);
    answers.push(client.tool("whoami", json!({})).token(&good).send().await);
    let left = world.stop().await;
    drop((guard, second));

    let log = String::from_utf8(log.0.load().to_vec()).unwrap();
    assert!(log.contains("a request was rejected") && log.contains("token_opaque"), "the log was captured: {log}");
    let mut written = Vec::new();
    files(left.files.path(), &mut written);
    assert!(written.iter().any(|(name, bytes)| name.ends_with("audit.db") && bytes.len() > 4096));
    assert!(left.decisions.len() > 5 && left.rejections.len() > 20);
    let secrets = secrets(&tokens);
    assert!(secrets.len() > 100);
    for secret in &secrets {
        if let Some(line) = log.lines().find(|line| line.contains(secret)) {
            panic!("{secret} is in the log: {line}");
        }
        for (name, bytes) in &written {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} is in {name}");
        }
        for answer in &answers {
            assert!(!format!("{answer:?}").contains(secret), "{secret} is in {answer:?}");
        }
    }
}
