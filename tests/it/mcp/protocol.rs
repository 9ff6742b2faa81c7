//! Both eras of the protocol, as a client sees them.

use serde_json::{Value, json};

use crate::support::server::Server;

const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

#[tokio::test]
async fn a_client_of_2026_discovers_lists_and_calls_without_a_session() {
    let server = Server::demo().await;
    let ada = server.token("ada");
    let modern = async |method: &str, params: Value| {
        let answer = server.client.modern(method, params).token(&ada).send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("mcp-session-id"), "");
        assert!(answer.header("content-type").starts_with("application/json"), "{answer:?}");
        let result = answer.json()["result"].clone();
        assert_eq!(result["resultType"], "complete", "{answer:?}");
        result
    };
    let discovered = modern("server/discover", json!({})).await;
    assert!(discovered["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")), "{discovered}");
    assert!(discovered["capabilities"]["tools"].is_object() && discovered["capabilities"]["resources"].is_object());

    for (method, of) in [("tools/list", "tools"), ("resources/list", "resources")] {
        let list = modern(method, json!({})).await;
        assert_eq!(list["cacheScope"], "private", "{list}");
        assert!(list["ttlMs"].as_u64().unwrap() <= 1_000, "{list}");
        assert!(!list[of].as_array().unwrap().is_empty());
    }
    let tools = modern("tools/list", json!({})).await["tools"].as_array().unwrap().clone();
    for tool in &tools {
        assert!(tool["inputSchema"].is_object() && tool["outputSchema"].is_object(), "{tool}");
        let name = tool["name"].as_str().unwrap();
        let reads = !["create_", "update_", "delete_"].iter().any(|word| name.starts_with(word));
        assert_eq!(tool["annotations"]["readOnlyHint"], reads, "{tool}");
        let schema = tool["inputSchema"].to_string().to_lowercase();
        for identity in ["tenant", "user_id", "subject", "token", "principal"] {
            assert!(!schema.contains(identity), "identity is never an argument: {tool}");
        }
    }
    let said = modern("tools/call", json!({ "name": "echo", "arguments": { "text": "a" } })).await;
    assert_eq!(said["structuredContent"]["text"], "a");
    let welcome = modern("resources/read", json!({ "uri": "static://welcome" })).await;
    assert!(welcome["contents"][0]["text"].as_str().unwrap().contains("Welcome"));
    assert_eq!(
        (&welcome["cacheScope"], &welcome["contents"][0]["mimeType"]),
        (&json!("private"), &json!("text/markdown"))
    );
}

#[tokio::test]
async fn every_older_revision_opens_a_session_and_works_in_it() {
    let server = Server::demo().await;
    let bob = server.token("bob");
    for version in LEGACY {
        let hello =
            json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "test", "version": "0" } });
        let opened = server.client.rpc("initialize", hello).token(&bob).send().await;
        assert_eq!(opened.status, 200, "{version}: {opened:?}");
        assert_eq!(opened.json()["result"]["protocolVersion"], version);
        assert_eq!(opened.json()["result"]["serverInfo"]["name"], "bailiwick");
        let session = opened.header("mcp-session-id").to_owned();
        assert!(session.contains('.'), "{session}");
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string();
        let in_session = |call: crate::support::client::Call| call.token(&bob).header("Mcp-Session-Id", &session);
        assert_eq!(in_session(server.client.post(ready)).send().await.status, 202);

        let list = in_session(server.client.rpc("tools/list", json!({}))).send().await.json();
        let names: Vec<_> = list["result"]["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
        assert!(names.contains(&&json!("count_documents")), "{list}");
        assert!(list["result"]["resultType"].is_null(), "older clients do not know it: {list}");
        let count = in_session(server.client.tool("count_documents", json!({}))).send().await.structured();
        let alone = server.client.tool("count_documents", json!({})).token(&bob).send().await.structured();
        assert_eq!(count, alone, "{version}");
        // Headers narrow each request by itself, in a session too.
        let narrowed = in_session(server.client.tool("count_documents", json!({})));
        let narrowed = narrowed.header("X-Data-Room-ID", "sales").send().await.structured();
        assert!(narrowed["count"].as_u64().unwrap() < count["count"].as_u64().unwrap());

        let ended = in_session(server.client.method("DELETE", "/mcp")).send().await;
        assert_eq!((ended.status, ended.text.as_str()), (204, ""), "{ended:?}");
        assert_eq!(in_session(server.client.rpc("tools/list", json!({}))).send().await.status, 404);
    }
}

#[tokio::test]
async fn a_wrong_argument_is_named_and_recorded_as_such() {
    let server = Server::demo().await;
    let ada = server.token("ada");
    for (tool, arguments, named) in [
        ("echo", json!({}), "`text`"),
        ("echo", json!({ "text": "a", "user": "bob" }), "`user`"),
        ("whoami", json!({ "tenant": "globex" }), "`tenant`"),
        ("list_documents", json!({ "limit": 0 }), "`limit`"),
        ("list_documents", json!({ "limit": "ten" }), "`limit`"),
        ("list_documents", json!({ "tenant_id": "globex" }), "`tenant_id`"),
        ("list_documents", json!({ "cursor": "forged" }), "`cursor`"),
        ("get_documents", json!({}), "`id`"),
        ("search_documents", json!({ "query": 7 }), "`query`"),
    ] {
        let error = server.client.tool(tool, arguments).token(&ada).send().await.tool_error();
        assert!(error.contains(named), "{tool}: {error}");
    }
    for arguments in [json!([]), json!("text"), json!(7)] {
        let answer = server.client.tool("echo", arguments.clone()).token(&ada).send().await;
        assert!(answer.json()["result"].is_null(), "{arguments}: {answer:?}");
    }
}
