//! No token, and no signature of one, is in the log, in the files or in an answer, whatever was done with it.

use std::time::Duration;

use serde_json::json;

use crate::support::attacks::every_attack;
use crate::support::capture::{Capture, files};
use crate::support::client::{Answer, Call};
use crate::support::issuer::{SigningKey, Token};
use crate::support::world::{World, token, token_of_organisation};

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
    let capture = Capture::begin();
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
    let log = capture.end();
    assert!(log.contains("a request was rejected") && log.contains("token_opaque"), "the log was captured: {log}");
    let written = files(left.files.path());
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
