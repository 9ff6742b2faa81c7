//! What every revision says of a request that is no good: its own codes, always with the id, and what would be right.

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::revision::{REVISIONS, STATELESS, Speaker};
use crate::support::server::Server;
use crate::support::wire::Wire;

/// What must be answered: the code, and words of the message.
struct Wrong {
    method: &'static str,
    params: Value,
    code: i64,
    says: &'static str,
}

fn wrong(method: &'static str, params: Value, code: i64, says: &'static str) -> Wrong {
    Wrong { method, params, code, says }
}

/// The requests that are no good in any revision.
fn everywhere() -> Vec<Wrong> {
    let reference = json!({ "type": "ref/prompt", "name": "review_document" });
    let argument = json!({ "name": "document", "value": "" });
    vec![
        wrong("no/such", json!({}), -32601, "Method not found: no/such"),
        wrong("tools/call", json!({}), -32602, "`params.name` must be the name of a tool"),
        wrong("tools/call", json!({ "name": 7 }), -32602, "`params.name` must be the name of a tool"),
        wrong("tools/call", json!({ "name": "echo", "arguments": [] }), -32602, "`params.arguments` must be an object"),
        wrong("tools/call", json!({ "name": "nope" }), -32602, "Unknown tool: nope"),
        wrong("tools/list", json!({ "cursor": 7 }), -32602, "`params.cursor` must be the `nextCursor`"),
        wrong("tools/list", json!({ "cursor": "AAAA" }), -32602, "Invalid cursor"),
        wrong("resources/list", json!({ "cursor": 7 }), -32602, "`params.cursor` must be the `nextCursor`"),
        wrong("resources/list", json!({ "cursor": "AAAA" }), -32602, "Invalid cursor"),
        wrong("resources/templates/list", json!({ "cursor": "AAAA" }), -32602, "Invalid cursor"),
        wrong("prompts/list", json!({ "cursor": "AAAA" }), -32602, "Invalid cursor"),
        wrong("resources/read", json!({}), -32602, "`params.uri` must be the URI of a resource"),
        wrong("resources/read", json!({ "uri": 7 }), -32602, "`params.uri` must be the URI of a resource"),
        wrong(
            "tools/call",
            json!({ "name": "echo", "inputResponses": "x" }),
            -32602,
            "`params.inputResponses` must be",
        ),
        wrong("tools/call", json!({ "name": "echo", "requestState": 5 }), -32602, "`params.requestState` must be"),
        wrong("resources/read", json!({ "uri": "x", "inputResponses": [] }), -32602, "`params.inputResponses` must be"),
        wrong("prompts/get", json!({ "name": "x", "requestState": [] }), -32602, "`params.requestState` must be"),
        wrong("prompts/get", json!({}), -32602, "`params.name` must be the name of a prompt"),
        wrong(
            "prompts/get",
            json!({ "name": "review_document", "arguments": [] }),
            -32602,
            "must be an object of texts",
        ),
        wrong(
            "prompts/get",
            json!({ "name": "review_document", "arguments": { "document": 7 } }),
            -32602,
            "`document`",
        ),
        wrong("prompts/get", json!({ "name": "review_document" }), -32602, "the argument `document` is missing"),
        wrong("prompts/get", json!({ "name": "nope" }), -32602, "Unknown prompt: nope"),
        wrong("completion/complete", json!({}), -32602, "`params.ref` must be"),
        wrong(
            "completion/complete",
            json!({ "ref": { "type": "ref/x" }, "argument": argument }),
            -32602,
            "`params.ref`",
        ),
        wrong("completion/complete", json!({ "ref": reference }), -32602, "`params.argument` must be"),
        wrong(
            "completion/complete",
            json!({ "ref": reference, "argument": argument, "context": 5 }),
            -32602,
            "`params.context` must be an object",
        ),
        wrong(
            "completion/complete",
            json!({ "ref": reference, "argument": argument, "context": { "arguments": { "a": 1 } } }),
            -32602,
            "`params.context.arguments` must be",
        ),
        wrong(
            "completion/complete",
            json!({ "ref": reference, "argument": { "name": "focs", "value": "" } }),
            -32602,
            "did you mean `focus`?",
        ),
        wrong(
            "completion/complete",
            json!({ "ref": { "type": "ref/resource", "uri": "x://{y}" }, "argument": argument }),
            -32602,
            "Unknown resource template: x://{y}",
        ),
    ]
}

/// What some revisions have and others do not; and where two codes are for the same thing.
fn of_revision(revision: &str) -> Vec<Wrong> {
    let unknown = json!({ "uri": "bailiwick://documents/99999999" });
    let none = "Unknown resource: bailiwick://documents/99999999";
    if revision == STATELESS {
        let gone =
            ["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "roots/list", "initialize"];
        let gone = gone
            .into_iter()
            .map(|method| wrong(method, json!({ "uri": "static://welcome", "level": "info" }), -32601, method));
        // The header of the name was never asked for where there is no such method.
        let named = ["resources/subscribe", "resources/unsubscribe"].map(|method| (method, json!({ "name": 7 })));
        let unnamed = named.into_iter().map(|(method, params)| wrong(method, params, -32601, "Method not found: "));
        let listen = |wanted: Value, says| wrong("subscriptions/listen", wanted, -32602, says);
        let wanted = |wanted: Value| json!({ "notifications": wanted });
        let too_many: Vec<String> = (0..101).map(|number| format!("bailiwick://documents/{number}")).collect();
        let listens = [
            listen(json!({}), "`params.notifications` must be an object"),
            listen(wanted(json!({ "toolsListChanged": "yes" })), "must be true or false"),
            listen(wanted(json!({ "promptsListChanged": 1 })), "must be true or false"),
            listen(
                wanted(json!({ "resourceSubscriptions": "x" })),
                "`params.notifications.resourceSubscriptions` must be",
            ),
            listen(
                wanted(json!({ "resourceSubscriptions": [5] })),
                "`params.notifications.resourceSubscriptions` must be",
            ),
            listen(wanted(json!({ "resourceSubscriptions": too_many })), "101 resources are subscribed to"),
        ];
        return gone.chain(unnamed).chain([wrong("resources/read", unknown, -32602, none)]).chain(listens).collect();
    }
    vec![
        wrong("resources/read", unknown, -32002, none),
        wrong("subscriptions/listen", json!({ "notifications": {} }), -32601, "subscriptions/listen"),
        wrong("sampling/createMessage", json!({}), -32601, "sampling/createMessage"),
    ]
}

#[track_caller]
fn is_error(answer: &Answer, revision: &str, Wrong { method, params, code, says }: &Wrong) {
    let what = format!("{revision} {method} {params}: {answer:?}");
    let (found, message) = answer.protocol_error();
    assert!(found == *code && message.contains(says), "{what}");
    assert_eq!((&answer.json()["id"], &answer.json()["jsonrpc"]), (&json!(1), &json!("2.0")), "{what}");
    // An answer like any other, but that 2026-07-28 tells an unknown method by the status too.
    let status = if revision == STATELESS && *code == -32601 { 404 } else { 200 };
    assert_eq!(answer.status, status, "{what}");
}

#[tokio::test]
async fn each_revision_has_its_codes_and_every_message_says_what_would_be_right() {
    let server = Server::demo().await;
    for revision in REVISIONS {
        let speaker = Speaker::begin(&server.client, server.token("ada"), revision).await;
        for wrong in everywhere().into_iter().chain(of_revision(revision)) {
            let answer = speaker.answer(wrong.method, wrong.params.clone()).await;
            is_error(&answer, revision, &wrong);
        }
        for (tool, arguments, says) in [
            ("echo", json!({}), "the argument `text` is missing; pass a text"),
            ("list_documents", json!({ "limit": 0 }), "`limit`"),
            ("list_documents", json!({ "filter": { "titel": { "eq": "x" } } }), "did you mean `title`?"),
            ("get_documents", json!({ "id": "99999999" }), "Not found"),
            ("search_documents", json!({ "query": "x", "ordr": [] }), "unknown argument `ordr`"),
        ] {
            let error =
                speaker.answer("tools/call", json!({ "name": tool, "arguments": arguments })).await.tool_error();
            assert!(error.contains(says), "{revision} {tool} {arguments}: {error}");
        }
        // Parameters that are no object are parameters that are wrong, and the request has an id.
        for params in [json!([]), json!("x"), json!(7), json!(true)] {
            let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params }).to_string();
            let expected = wrong("tools/list", params, -32602, "`params` must be an object");
            is_error(&speaker.post(body).send().await, revision, &expected);
        }
    }
}

#[tokio::test]
async fn what_is_no_message_is_400_with_the_code_of_json_rpc_in_every_revision() {
    let server = Server::demo().await;
    for revision in REVISIONS {
        let speaker = Speaker::begin(&server.client, server.token("ada"), revision).await;
        for (body, code, says) in [
            ("", -32700, "Not JSON"),
            ("{\"jsonrpc\":\"2.0\",", -32700, "Not JSON"),
            ("nonsense", -32700, "Not JSON"),
            ("7", -32600, "it is not an object"),
            ("{}", -32600, "`jsonrpc` must be"),
            (r#"{"jsonrpc":"1.0","id":1,"method":"tools/list"}"#, -32600, "`jsonrpc` must be"),
            (r#"{"jsonrpc":"2.0","id":null,"method":"tools/list"}"#, -32600, "`id` must be a text or a whole number"),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}"#, -32600, "`id` must be a text or a whole number"),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600, "`method` must be a text"),
            (r#"{"jsonrpc":"2.0","id":1}"#, -32600, "it has no `method`"),
            (r#"{"jsonrpc":"2.0","result":{}}"#, -32600, "it has no `method`"),
        ] {
            let answer = speaker.post(body.to_owned()).send().await;
            let (found, message) = answer.protocol_error();
            assert!(answer.status == 400 && found == code && message.contains(says), "{revision} {body}: {answer:?}");
            assert!(answer.json()["id"].is_null() && answer.header("content-type").starts_with("application/json"));
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused_whatever_it_sends() {
    let server = Server::demo().await;
    let ada = server.token("ada");
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let is_welcome = async || {
        let answer = server.client.rpc("ping", json!({})).token(&ada).send().await;
        assert_eq!((answer.status, &answer.json()["result"]), (200, &json!({})), "{answer:?}");
    };
    for (name, value) in [("Origin", "https://evil.example"), ("Origin", "null"), ("Host", "evil.example")] {
        // Whoever is accepted before and after makes nobody else welcome.
        is_welcome().await;
        for (method, body) in [
            ("POST", ping),
            ("POST", "{}"),
            ("POST", "nonsense"),
            ("POST", ""),
            ("POST", "[]"),
            ("GET", ""),
            ("DELETE", ""),
            ("PUT", ping),
        ] {
            for media_type in ["application/json", "text/plain"] {
                let call = server.client.method(method, "/mcp").token(&ada).header("Content-Type", media_type);
                let answer = call.header(name, value).body(body).send().await;
                let what = format!("{name}: {value}, {method} {body}: {answer:?}");
                assert_eq!((answer.status, &answer.json()["error"]), (403, &json!("forbidden")), "{what}");
                let said = format!("the {name} of the request is not one that this server answers");
                assert_eq!(answer.json()["error_description"], said, "{what}");
            }
        }
    }
    is_welcome().await;
}

#[tokio::test]
async fn what_says_twice_where_it_is_sent_or_from_is_refused() {
    let server = Server::demo().await;
    let (ada, here) = (server.token("ada"), server.base.trim_start_matches("http://"));
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let (own, evil) = (format!("Host: {here}"), "Host: evil.example".to_owned());
    let from = |origin: &str| format!("Origin: {origin}");
    for (target, headers, status) in [
        ("/mcp", vec![own.clone()], 200),
        (&*format!("http://{here}/mcp"), vec![own.clone()], 200),
        ("/mcp", vec![own.clone(), from(&format!("http://{here}"))], 200),
        ("/mcp", vec![own.clone(), evil.clone()], 403),
        ("/mcp", vec![evil, own.clone()], 403),
        ("/mcp", vec![own.clone(), from(&format!("http://{here}")), from("http://evil.example")], 403),
        ("/mcp", vec![format!("Host: evil.example@{here}")], 403),
        ("/mcp", vec![own.clone(), from(&format!("http://evil.example@{here}"))], 403),
        ("http://evil.example/mcp", vec![own.clone()], 403),
    ] {
        let mut wire = Wire::connect(&server.base).await;
        let (headers, length) = (headers.join("\r\n"), ping.len());
        let head = format!("POST {target} HTTP/1.1\r\n{headers}\r\nAuthorization: Bearer {ada}");
        wire.send(&format!("{head}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{ping}")).await;
        let answer = wire.until("\r\n\r\n").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target} {headers}: {answer}");
    }
}

#[tokio::test]
async fn a_revision_that_nobody_knows_is_refused_with_those_that_are_spoken() {
    let server = Server::demo().await;
    let ada = server.token("ada");
    let is_refused = |answer: &Answer, named: &str| {
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, &error["code"]), (400, &json!(-32022)), "{named}: {answer:?}");
        assert_eq!((&error["data"]["requested"], &error["data"]["supported"]), (&json!(named), &json!(REVISIONS)));
    };
    let speaker = Speaker::begin(&server.client, ada.clone(), "2025-11-25").await;
    let session = speaker.session.clone().unwrap();
    for named in ["2099-01-01", "1.0", ""] {
        let alone = server.client.rpc("tools/list", json!({})).token(&ada).header("MCP-Protocol-Version", named);
        is_refused(&alone.send().await, named);
        for method in ["GET", "DELETE"] {
            let call = server.client.method(method, "/mcp").token(&ada).header("Mcp-Session-Id", &session);
            is_refused(&call.header("MCP-Protocol-Version", named).send().await, named);
        }
    }
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2099-01-01", "io.modelcontextprotocol/clientCapabilities": {}
    });
    let both = server.client.rpc("tools/list", json!({ "_meta": meta })).token(&ada);
    let both = both.header("MCP-Protocol-Version", "2099-01-01").header("Mcp-Method", "tools/list").send().await;
    is_refused(&both, "2099-01-01");
    // A handshake is refused nothing: it is offered the newest revision that has one.
    let hello =
        json!({ "protocolVersion": "2099-01-01", "capabilities": {}, "clientInfo": { "name": "x", "version": "0" } });
    let opened = server.client.rpc("initialize", hello).token(&ada).send().await;
    assert_eq!(opened.json()["result"]["protocolVersion"], "2025-11-25");
    for params in [json!({}), json!({ "protocolVersion": 7 }), json!({ "protocolVersion": "2025-11-25" })] {
        let answer = server.client.rpc("initialize", params).token(&ada).send().await;
        assert_eq!((answer.status, answer.protocol_error().0), (200, -32602), "{answer:?}");
    }
}

#[tokio::test]
async fn headers_of_2026_must_say_what_the_body_says() {
    let server = Server::demo().await;
    let ada = server.token("ada");
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": STATELESS, "io.modelcontextprotocol/clientCapabilities": {}
    });
    let good = [("MCP-Protocol-Version", STATELESS), ("Mcp-Method", "tools/call"), ("Mcp-Name", "whoami")];
    let call = async |meta: &Value, headers: &[(&str, &str)]| {
        let params = json!({ "name": "whoami", "arguments": {}, "_meta": meta });
        let call = server.client.rpc("tools/call", params).token(&ada);
        headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await
    };
    assert_eq!(call(&meta, &good).await.status, 200);
    for (what, headers) in [
        ("another name", [good[0], good[1], ("Mcp-Name", "echo")].as_slice()),
        ("another method", &[good[0], ("Mcp-Method", "tools/list"), good[2]]),
        ("no name", &[good[0], good[1]]),
        ("no method", &[good[0], good[2]]),
        ("no version", &[good[1], good[2]]),
        ("another version", &[("MCP-Protocol-Version", "2025-11-25"), good[1], good[2]]),
        ("an unknown version", &[("MCP-Protocol-Version", "2099-01-01"), good[1], good[2]]),
    ] {
        let answer = call(&meta, headers).await;
        assert_eq!((answer.status, answer.protocol_error().0), (400, -32020), "{what}: {answer:?}");
        assert_eq!(answer.json()["id"], 1, "{what}");
    }
    for (what, meta) in [
        ("no _meta", json!(null)),
        ("no version in it", json!({ "io.modelcontextprotocol/clientCapabilities": {} })),
        ("no capabilities in it", json!({ "io.modelcontextprotocol/protocolVersion": STATELESS })),
    ] {
        let answer = call(&meta, &good).await;
        assert_eq!((answer.status, answer.protocol_error().0), (400, -32602), "{what}: {answer:?}");
    }
    // A session is nothing to this revision, whoever's it is.
    let with = [good[0], good[1], good[2], ("Mcp-Session-Id", "garbage")];
    let answer = call(&meta, &with).await;
    assert_eq!((answer.status, answer.header("mcp-session-id")), (200, ""), "{answer:?}");
}
