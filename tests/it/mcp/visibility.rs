//! What a person may not know looks like what does not exist: in lists, in answers, and to whoever lacks a scope.

use bailiwick::store::audit::{Outcome, Verdict};
use serde_json::json;

use crate::support::client::{Answer, Call, Client};
use crate::support::issuer::{SigningKey, Token};
use crate::support::world::{World, edit, token};

/// Somebody whom the policy gives `whoami` and hides `echo` from.
fn guest() -> Token {
    Token::new().claim("external_user_id", "guest@acme.example").claim("sub", "341200000000000105")
}

fn signed(token: &Token) -> String {
    token.sign(&SigningKey::rsa("rsa"))
}

/// The answer with another name in it. Of a stream, the event without its number.
fn renamed(answer: &Answer, from: &str, to: &str) -> (u16, String) {
    let event = answer.text.lines().rfind(|line| line.starts_with("data: {")).unwrap_or(&answer.text);
    (answer.status, event.replace(from, to))
}

async fn session(client: &Client, token: &str) -> String {
    let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "0" } });
    client.rpc("initialize", hello).token(token).send().await.header("mcp-session-id").to_owned()
}

#[tokio::test]
async fn a_hidden_tool_and_an_unknown_one_are_the_same_answer_and_both_are_recorded() {
    let world = World::with(|directory| {
        edit(&directory.join("policies/policy.csv"), "p, verified,    *, resource:", "p, role:member, *, resource:");
    })
    .await;
    let client = &world.server.client;
    let guest = signed(&guest());
    let id = session(client, &guest).await;
    let params = |name: &str| json!({ "name": name, "arguments": { "text": "a" } });
    let read = |uri: &str| json!({ "uri": uri });
    let mut compared = 0;
    for era in ["modern", "alone", "in a session"] {
        let ask = |method: &str, params| -> Call {
            let call = if era == "modern" { client.modern(method, params) } else { client.rpc(method, params) };
            let call = call.token(&guest);
            if era == "in a session" { call.header("Mcp-Session-Id", &id) } else { call }
        };
        let hidden = ask("tools/call", params("echo")).send().await;
        let unknown = ask("tools/call", params("ech0")).send().await;
        assert_eq!(hidden.protocol_error(), (-32602, "Unknown tool: echo".to_owned()), "{era}");
        assert_eq!(renamed(&hidden, "echo", "ech0"), renamed(&unknown, "", ""), "{era}");

        let hidden = ask("resources/read", read("static://welcome")).send().await;
        let unknown = ask("resources/read", read("static://welcom3")).send().await;
        assert!(hidden.protocol_error().1.starts_with("Unknown resource: static://welcome"), "{era}: {hidden:?}");
        assert_eq!(renamed(&hidden, "welcome", "welcom3"), renamed(&unknown, "", ""), "{era}");

        let tools = ask("tools/list", json!({})).send().await.json();
        let names: Vec<_> = tools["result"]["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
        assert_eq!(names, [&json!("whoami")], "{era}");
        let resources = ask("resources/list", json!({})).send().await.json();
        assert_eq!(resources["result"]["resources"], json!([]), "{era}");
        compared += 1;
    }
    let left = world.stop().await;
    for object in ["tool:echo", "tool:ech0", "resource:static://welcome", "resource:static://welcom3"] {
        let rows: Vec<_> = left.decisions.iter().filter(|decision| decision.record.object == object).collect();
        assert_eq!(rows.len(), compared, "{object}");
        for row in rows {
            assert_eq!((row.record.verdict, row.record.outcome), (Verdict::Deny, Outcome::Refused), "{object}");
            assert_eq!(row.record.external_user.as_deref(), Some("guest@acme.example"));
        }
    }
}

#[tokio::test]
async fn a_missing_scope_is_a_challenge_for_what_is_visible_and_says_nothing_of_what_is_hidden() {
    let world = World::new().await;
    let client = &world.server.client;
    let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", world.server.base);
    let mut asked = 0;
    for scope in ["", "mcp:write", "openid profile"] {
        let guest = signed(&guest().claim("scope", scope));
        let id = session(client, &guest).await;
        for era in ["modern", "alone", "in a session"] {
            let ask = |method: &str, params| -> Call {
                let call = if era == "modern" { client.modern(method, params) } else { client.rpc(method, params) };
                let call = call.token(&guest);
                if era == "in a session" { call.header("Mcp-Session-Id", &id) } else { call }
            };
            let visible = [
                ask("tools/call", json!({ "name": "whoami", "arguments": {} })),
                ask("resources/read", json!({ "uri": "static://welcome" })),
            ];
            for call in visible {
                let answer = call.send().await;
                assert_eq!(
                    (answer.status, &answer.json()["error"]),
                    (403, &json!("insufficient_scope")),
                    "{era} {scope}"
                );
                let challenge = answer.header("www-authenticate");
                let expected =
                    format!(r#"Bearer resource_metadata="{metadata}", scope="mcp:read", error="insufficient_scope""#);
                assert!(challenge.starts_with(&expected), "{challenge}");
            }
            let call = |name: &str| ask("tools/call", json!({ "name": name, "arguments": { "text": "a" } }));
            let (hidden, unknown) = (call("echo").send().await, call("ech0").send().await);
            assert_eq!(hidden.protocol_error(), (-32602, "Unknown tool: echo".to_owned()), "{era} {scope}");
            assert_eq!(hidden.header("www-authenticate"), "");
            assert_eq!(renamed(&hidden, "echo", "ech0"), renamed(&unknown, "", ""));
            asked += 1;
        }
        assert_eq!(client.tools(&guest).await, ["whoami"], "visibility ignores scopes");
    }
    assert_eq!(
        client.tool("whoami", json!({})).token(&token()).send().await.status,
        200,
        "no claim: the issuer's scopes"
    );
    let left = world.stop().await;
    let rows = |object: &str, verdict: Verdict| {
        let found = left.decisions.iter().map(|decision| &decision.record);
        found.filter(|record| record.object == object && record.verdict == verdict).collect::<Vec<_>>()
    };
    let lacking = rows("tool:whoami", Verdict::Deny);
    assert!(lacking.iter().all(|record| record.reason == "scope"));
    assert_eq!(lacking.len(), asked);
    assert_eq!(rows("resource:static://welcome", Verdict::Deny).len(), asked);
    assert_eq!(rows("tool:ech0", Verdict::Deny).len(), asked);
    assert_eq!(rows("tool:echo", Verdict::Deny).len(), asked, "one call, one record");
}
