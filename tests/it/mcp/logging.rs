//! Logging of the older revisions: a session's client is told of its own calls what it asked for, and of nobody else's.

use serde_json::{Value, json};

use crate::support::server::Server;
use crate::support::session::{SESSION, open};
use crate::support::stream::Stream;
use crate::support::world::edit;

const MESSAGE: &str = "notifications/message";

async fn set_level(server: &Server, token: &str, session: &str, level: &str) -> Value {
    let call = server.client.rpc("logging/setLevel", json!({ "level": level })).token(token).header(SESSION, session);
    call.send().await.json()
}

/// The level and the text of each notice that came.
fn notices(stream: &Stream) -> Vec<(String, String)> {
    let events = stream.text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = events.filter_map(|event| serde_json::from_str::<Value>(event).ok());
    let said = events.filter(|event| event["method"] == MESSAGE);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    said.map(|event| (text(&event["params"]["level"]), text(&event["params"]["data"]["message"]))).collect()
}

#[tokio::test]
async fn a_session_is_told_what_it_asks_for_of_its_own_calls_alone() {
    let server = Server::demo().await;
    let (ada, bob) = (server.token("ada"), server.token("bob"));
    let (of_ada, of_bob, quiet) =
        (open(&server.client, &ada).await, open(&server.client, &bob).await, open(&server.client, &bob).await);
    assert_eq!(set_level(&server, &ada, &of_ada, "debug").await["result"], json!({}));
    assert_eq!(set_level(&server, &bob, &of_bob, "notice").await["result"], json!({}));
    let mut streams = [
        Stream::of_session(&server, &ada, &of_ada).await,
        Stream::of_session(&server, &bob, &of_bob).await,
        Stream::of_session(&server, &bob, &quiet).await,
    ];
    for session in [&of_bob, &quiet] {
        for (tool, arguments) in [("list_documents", json!({ "limit": 1 })), ("list_people", json!({ "limit": 200 }))] {
            server.client.tool(tool, arguments).token(&bob).header(SESSION, session).send().await.structured();
        }
    }
    streams[1].until("hidden from this person in some of these rows: salary").await;
    server.client.tool("list_documents", json!({ "limit": 1 })).token(&ada).header(SESSION, &of_ada).send().await;
    streams[0].until("`next_cursor` leads to them").await;
    edit(&server.policy(), "# Take the", "p, *, *, tool:echo, call, true, deny\n# Take the");
    for stream in &mut streams {
        stream.until("notifications/tools/list_changed").await;
    }
    let said = |level: &str, text: &str| (level.to_owned(), text.to_owned());
    let hidden = said("notice", "hidden from this person in some of these rows: salary");
    assert_eq!(notices(&streams[1]), [hidden], "no page, no change of the policy: below the level");
    assert_eq!(notices(&streams[2]), [], "it asked for nothing");
    let of_ada = [
        said("debug", "answered"),
        said("info", "the page holds 1 rows, and there are more; `next_cursor` leads to them"),
        said("info", "the policy changed what this person sees listed"),
    ];
    assert_eq!(notices(&streams[0]), of_ada, "nothing of Bob's");
}

#[tokio::test]
async fn logging_is_offered_in_the_revisions_that_have_it() {
    let server = Server::demo().await;
    let bob = server.token("bob");
    let hello =
        json!({ "protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": { "name": "t", "version": "0" } });
    let begun = server.client.rpc("initialize", hello).token(&bob).send().await.json();
    assert_eq!(begun["result"]["capabilities"]["logging"], json!({}), "{begun}");
    let discovered = server.client.modern("server/discover", json!({})).token(&bob).send().await.json();
    assert_eq!(discovered["result"]["capabilities"]["logging"], Value::Null, "{discovered}");
    let modern = server.client.modern("logging/setLevel", json!({ "level": "debug" })).token(&bob).send().await;
    assert_eq!((modern.status, modern.protocol_error().0), (404, -32601), "{modern:?}");
    let alone = server.client.rpc("logging/setLevel", json!({ "level": "debug" })).token(&bob).send().await;
    assert!(alone.protocol_error().1.contains("needs a session"), "{alone:?}");
    let session = open(&server.client, &bob).await;
    let wrong = set_level(&server, &bob, &session, "loud").await;
    assert_eq!(wrong["error"]["code"], -32602, "{wrong}");
}
