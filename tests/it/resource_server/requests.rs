//! Requests that are no good as HTTP or as JSON: each has its status, and every answer is JSON.

use serde_json::json;

use crate::support::client::Answer;
use crate::support::wire::Wire;
use crate::support::world::{World, edit, token};

fn is_refused(answer: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!(answer.status, status, "{what}: {answer:?}");
    assert!(answer.header("content-type").starts_with("application/json"), "{what}: {answer:?}");
    assert_eq!(answer.json()["error"], code, "{what}");
    assert!(!answer.json()["error_description"].as_str().unwrap().is_empty(), "{what}");
}

#[tokio::test]
async fn paths_and_methods_that_are_not_served_are_404_and_405() {
    let world = World::new().await;
    let (client, token) = (&world.server.client, token());
    for path in ["/", "/mcp/", "/mcp/x", "/sse", "/dev/token?person=ada", "/healthz/x", "/.well-known/x", "/..%2fmcp"] {
        for call in [client.get(path), client.get(path).token(&token), client.method("POST", path)] {
            is_refused(&call.send().await, 404, "not_found", path);
        }
    }
    for (method, path) in
        [("POST", "/healthz"), ("DELETE", "/readyz"), ("PUT", "/.well-known/oauth-protected-resource")]
    {
        let answer = client.method(method, path).send().await;
        is_refused(&answer, 405, "method_not_allowed", path);
        assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS");
    }
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"] {
        let answer = client.method(method, "/mcp").token(&token).send().await;
        is_refused(&answer, 405, "method_not_allowed", method);
        assert_eq!(answer.header("allow"), "POST, GET, DELETE");
    }
    let head = client.method("HEAD", "/mcp").token(&token).send().await;
    assert_eq!((head.status, head.text.as_str()), (405, ""));
}

#[tokio::test]
async fn media_types_that_are_not_spoken_are_406_and_415() {
    let world = World::new().await;
    let client = &world.server.client;
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    let sent_as = |content_type: Option<&str>| {
        let call = client.method("POST", "/mcp").token(&token()).body(body.clone());
        content_type.into_iter().fold(call, |call, content_type| call.header("Content-Type", content_type))
    };
    for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonx")]
    {
        let answer = sent_as(content_type).send().await;
        is_refused(&answer, 415, "unsupported_media_type", content_type.unwrap_or("none"));
    }
    for accept in ["text/html", "application/json", "text/event-stream"] {
        let answer = sent_as(Some("application/json")).header("Accept", accept).send().await;
        is_refused(&answer, 406, "not_acceptable", accept);
    }
    for accept in ["*/*", "text/event-stream, application/json", "application/json;q=0.9, text/event-stream"] {
        for content_type in ["application/json", "Application/JSON; charset=utf-8"] {
            let answer = sent_as(Some(content_type)).header("Accept", accept).send().await;
            assert_eq!(answer.status, 200, "{accept} {content_type}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_single_json_rpc_request_is_400() {
    let world = World::new().await;
    let token = token();
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"a"}}}"#;
    let deep = call.replace(r#""a""#, &format!("{}{}", "[".repeat(5000), "]".repeat(5000)));
    let cases: [(i64, &[u8]); 18] = [
        (-32700, b""),
        (-32700, b"{"),
        (-32700, b"nonsense"),
        (-32700, b"{\"jsonrpc\":\"2.0\",}"),
        (-32700, b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\xff\"}"),
        (-32600, deep.as_bytes()),
        (-32700, &[call.as_bytes(), b" x"].concat()),
        (-32700, &[call.as_bytes(), call.as_bytes()].concat()),
        (-32600, b"7"),
        (-32600, b"null"),
        (-32600, b"\"ping\""),
        (-32600, b"[]"),
        (-32600, b"{}"),
        (-32600, br#"{"jsonrpc":"2.0","id":1,"method":7}"#),
        (-32600, br#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#),
        (-32600, br#"{"id":1,"method":"ping"}"#),
        (-32600, br#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#),
        (-32600, br#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#),
    ];
    for (code, body) in cases {
        let answer = world.server.client.post(body.to_vec()).token(&token).send().await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(120)]).into_owned();
        assert_eq!(answer.status, 400, "{shown}: {answer:?}");
        assert!(answer.header("content-type").starts_with("application/json"), "{shown}");
        assert_eq!(answer.protocol_error().0, code, "{shown}: {answer:?}");
    }
    assert!(world.stop().await.decisions.is_empty(), "nothing was decided");
}

#[tokio::test]
async fn a_member_that_comes_twice_is_refused_wherever_it_stands() {
    let world = World::new().await;
    let token = token();
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"a"}}}"#;
    assert_eq!(world.server.client.post(call).token(&token).send().await.structured()["text"], "a");
    for (old, new) in [
        (r#""id":1"#, r#""id":1,"id":2"#),
        (r#""jsonrpc":"2.0""#, r#""jsonrpc":"2.0","jsonrpc":"2.0""#),
        (r#""method":"tools/call""#, r#""method":"tools/list","method":"tools/call""#),
        (r#""method":"tools/call""#, r#""method":"tools/call","\u006dethod":"tools/list""#),
        (r#""name":"echo""#, r#""name":"whoami","name":"echo""#),
        (r#""name":"echo""#, r#""name":"echo","_meta":{},"_meta":{}"#),
        (r#""arguments":"#, r#""arguments":{"text":"b"},"arguments":"#),
        (r#""text":"a""#, r#""text":"a","text":"b""#),
        (r#""text":"a""#, r#""text":"a","x":[{"y":1,"y":2}]"#),
    ] {
        let body = call.replacen(old, new, 1);
        assert_ne!(body, call);
        let answer = world.server.client.post(body.clone()).token(&token).send().await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        assert_eq!(answer.protocol_error().0, -32600, "{body}: {answer:?}");
    }
    assert_eq!(world.stop().await.decisions.len(), 1);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_with_or_without_its_length() {
    let world = World::with(|directory| {
        edit(&directory.join("bailiwick.toml"), "[server]\n", "[server]\nbody_limit = \"1KB\"\n");
    })
    .await;
    let body = |length: usize| {
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "echo", "arguments": { "text": "" } } })
        .to_string();
        let text = "x".repeat(length - call.len());
        call.replace(r#""text":"""#, &format!(r#""text":"{text}""#))
    };
    let fits = world.server.client.post(body(1024)).token(&token()).send().await;
    assert_eq!(fits.status, 200, "{fits:?}");
    is_refused(&world.server.client.post(body(1025)).token(&token()).send().await, 413, "payload_too_large", "known");

    let mut wire = Wire::connect(&world.server.base).await;
    wire.begin(&token(), "Connection: close\r\nTransfer-Encoding: chunked\r\n").await;
    wire.send(&format!("401\r\n{}\r\n", body(1025))).await;
    let answer = wire.until("payload_too_large").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(world.stop().await.decisions.len(), 1);
}

#[tokio::test]
async fn a_client_that_stops_in_the_middle_is_not_waited_for() {
    let world = World::with(|directory| {
        let short = "[server]\nheader_timeout = \"1s\"\nbody_timeout = \"1s\"\n";
        edit(&directory.join("bailiwick.toml"), "[server]\n", short);
    })
    .await;
    let (base, token) = (&world.server.base, token());
    let headers = async |part: &str| {
        let mut wire = Wire::connect(base).await;
        wire.send(part).await;
        let answer = wire.rest().await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    };
    let body = async |more: &str, part: &str| {
        let mut wire = Wire::connect(base).await;
        wire.begin(&token, more).await;
        wire.send(part).await;
        let answer = wire.until("request_timeout").await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.to_lowercase().contains("content-type: application/json"), "{answer}");
        wire.rest().await;
    };
    let unproved = async {
        // Nobody's body is waited for.
        let mut wire = Wire::connect(base).await;
        wire.begin("a.b.c", "Content-Length: 100\r\n").await;
        assert!(wire.until("invalid_token").await.starts_with("HTTP/1.1 401 "));
    };
    tokio::join!(
        headers(""),
        headers("P"),
        headers("PRI * HTTP/2.0\r\n\r\nSM\r\n\r"),
        headers("POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bear"),
        body("Content-Length: 100\r\n", "{\"jsonrpc\""),
        body("Transfer-Encoding: chunked\r\n", "a\r\n{\"jsonrpc\""),
        unproved
    );
    assert!(world.stop().await.decisions.is_empty());
}
