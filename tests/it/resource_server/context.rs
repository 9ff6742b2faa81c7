//! The headers in which a platform says more about a request: they narrow an answer or refuse it, and never widen it.

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::server::Server;
use crate::support::world::{World, edit, token};

const PEOPLE: [(&str, &[&str]); 5] = [
    ("ada", &["finance", "board", "sales", "engineering", "handbook"]),
    ("bob", &["finance", "board", "sales", "engineering", "handbook"]),
    ("carol", &["finance", "board", "sales", "engineering", "handbook"]),
    ("dave", &["research", "operations", "plant"]),
    ("eve", &["finance", "board", "sales", "engineering", "handbook"]),
];

/// Every row that a list tool gives, page by page.
async fn rows(server: &Server, token: &str, tool: &str, headers: &[(&str, &str)]) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut arguments = json!({ "limit": 200 });
        if let Some(cursor) = &cursor {
            arguments["cursor"] = json!(cursor);
        }
        let call = server.client.tool(tool, arguments).token(token);
        let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
        let page = call.send().await.structured();
        all.extend(page["rows"].as_array().unwrap().iter().cloned());
        cursor = page["next_cursor"].as_str().map(ToOwned::to_owned);
        if cursor.is_none() {
            return all;
        }
    }
}

async fn count(server: &Server, token: &str, tool: &str, headers: &[(&str, &str)]) -> usize {
    let call = server.client.tool(tool, json!({})).token(token);
    let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
    usize::try_from(call.send().await.structured()["count"].as_u64().unwrap()).unwrap()
}

async fn whoami(server: &Server, person: &str, headers: &[(&str, &str)]) -> Answer {
    let call = server.client.tool("whoami", json!({})).token(&server.token(person));
    headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await
}

#[tokio::test]
async fn a_data_room_header_gives_exactly_the_rows_of_that_room_that_were_visible_without_it() {
    let server = Server::demo().await;
    for (person, rooms) in PEOPLE {
        let token = server.token(person);
        let all = rows(&server, &token, "list_documents", &[]).await;
        assert_eq!(all.len(), count(&server, &token, "count_documents", &[]).await);
        let mut narrowed = 0;
        for room in rooms {
            let header = [("X-Data-Room-ID", *room)];
            let expected: Vec<_> = all.iter().filter(|row| row["data_room_id"] == *room).cloned().collect();
            assert_eq!(rows(&server, &token, "list_documents", &header).await, expected, "{person} in {room}");
            assert_eq!(count(&server, &token, "count_documents", &header).await, expected.len());
            narrowed += expected.len();
        }
        assert_eq!(narrowed, all.len(), "every document is in one of the rooms");
        let elsewhere = all.iter().find(|row| row["data_room_id"] != rooms[0]).unwrap();
        let get = server.client.tool("get_documents", json!({ "id": elsewhere["id"] })).token(&token);
        let outside = get.header("X-Data-Room-ID", rooms[0]).send().await;
        if outside.json()["error"].is_null() {
            assert!(outside.tool_error().starts_with("Not found"), "{outside:?}");
        }
    }
}

#[tokio::test]
async fn a_room_goes_by_its_alias_and_by_each_name_of_the_header() {
    let server = Server::demo_with(|directory| {
        edit(&directory.join("bailiwick.toml"), "finance = \"finance\"", "66f1a2 = \"finance\"");
    })
    .await;
    let ada = server.token("ada");
    let expected = rows(&server, &ada, "list_documents", &[("X-Data-Room-ID", "66f1a2")]).await;
    assert!(!expected.is_empty() && expected.iter().all(|row| row["data_room_id"] == "finance"));
    for headers in [
        [("X-Data-Room", "66f1a2")].as_slice(),
        &[("x-data-room-id", "66f1a2"), ("X-Data-Room", "66f1a2")],
        &[("X-Data-Room-ID", "66f1a2"), ("X-Tenant-ID", "acme.example"), ("X-Tenant", "acme.example")],
        &[("X-Data-Room-ID", "66f1a2"), ("X-Blockbrain-Org-Id", "acme")],
        &[("X-Data-Room-ID", "66f1a2"), ("X-External-User-ID", "ada@acme.example"), ("X-User-ID", "whoever")],
    ] {
        assert_eq!(rows(&server, &ada, "list_documents", headers).await, expected, "{headers:?}");
    }
    assert_eq!(whoami(&server, "ada", &[("X-Data-Room-ID", "66f1a2")]).await.structured()["data_room"], "finance");
    // What stands in the database is not what the platform sends.
    let unknown = whoami(&server, "ada", &[("X-Data-Room-ID", "finance")]).await;
    assert_eq!((unknown.status, &unknown.json()["error"]), (403, &json!("unknown_data_room")));
}

#[tokio::test]
async fn a_header_that_contradicts_the_token_is_refused_and_names_the_setting() {
    let server = Server::demo().await;
    let aliases = "`aliases` of the `[[tenant]]`";
    let external = "`claims.external_user` of the `[[issuer]]`";
    for (header, value, setting) in [
        ("X-Tenant-ID", "globex", aliases),
        ("X-Tenant", "globex.example", aliases),
        ("X-Blockbrain-Org-Id", "337063032028925999", aliases),
        ("X-Tenant-ID", "ACME", aliases),
        ("X-Tenant-ID", "", aliases),
        ("X-External-User-ID", "bob@acme.example", external),
        ("X-External-User-ID", "Ada@acme.example", external),
    ] {
        let answer = whoami(&server, "ada", &[(header, value)]).await;
        assert_eq!((answer.status, &answer.json()["error"]), (403, &json!("context_mismatch")), "{header}: {value}");
        let text = answer.json()["error_description"].as_str().unwrap().to_lowercase();
        assert!(text.contains(setting) && text.contains(&header.to_lowercase()), "{text}");
        assert!(value.is_empty() || !answer.text.contains(value), "nothing is reflected: {answer:?}");
        assert!(!answer.text.contains("ada@acme.example"), "the token's own value is not told: {answer:?}");
    }
    let unknown = whoami(&server, "ada", &[("X-Data-Room-ID", "atlantis")]).await;
    assert_eq!((unknown.status, &unknown.json()["error"]), (403, &json!("unknown_data_room")));
    assert!(unknown.text.contains("`atlantis`") && unknown.text.contains("`data_rooms`"), "{unknown:?}");
    let of_another_tenant = whoami(&server, "ada", &[("X-Data-Room-ID", "research")]).await;
    assert_eq!(of_another_tenant.text, unknown.text.replace("atlantis", "research"), "it looks like one that is not");
}

#[tokio::test]
async fn a_header_that_comes_twice_or_disagrees_with_its_alias_is_refused() {
    let server = Server::demo().await;
    for headers in [
        [("X-Data-Room-ID", "finance"), ("X-Data-Room-ID", "finance")],
        [("X-Data-Room-ID", "finance"), ("X-Data-Room", "board")],
        [("X-Tenant-ID", "acme"), ("X-Tenant-ID", "acme")],
        [("X-Tenant-ID", "acme"), ("X-Tenant", "acme.example")],
        [("X-External-User-ID", "ada@acme.example"), ("X-External-User-ID", "bob@acme.example")],
        [("X-User-ID", "1"), ("X-User-ID", "2")],
        [("X-User-ID", "1"), ("X-Blockbrain-User-Id", "2")],
        [("X-Blockbrain-User-Email", "a@b.example"), ("X-Blockbrain-User-Email", "a@b.example")],
        [("X-Agent-ID", "a"), ("X-Agent-ID", "b")],
        [("X-Thread-ID", "a"), ("X-Thread-ID", "a")],
    ] {
        let answer = whoami(&server, "ada", &headers).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")), "{headers:?}");
        let text = answer.json()["error_description"].as_str().unwrap().to_lowercase();
        assert!(headers.iter().any(|(name, _)| text.contains(&name.to_lowercase())), "{text}");
    }
    let said = whoami(&server, "ada", &[("X-Agent-ID", "a7"), ("X-Thread-ID", "t1"), ("X-User-ID", "someone")]).await;
    let said = said.structured();
    assert_eq!((&said["agent"], &said["thread"]), (&json!("a7"), &json!("t1")));
    assert_eq!(said["external_user_id"], "ada@acme.example", "X-User-ID is recorded and never applied");
}

#[tokio::test]
async fn without_a_verified_token_the_headers_are_nothing() {
    let server = Server::demo().await;
    let headers = [("X-Tenant-ID", "acme"), ("X-External-User-ID", "ada@acme.example"), ("X-Data-Room-ID", "nowhere")];
    for token in [None, Some("a.b.c")] {
        let call = headers
            .iter()
            .fold(server.client.tool("whoami", json!({})), |call, (name, value)| call.header(name, value));
        let answer = token.map_or(call, |_| server.client.tool("whoami", json!({})).token("a.b.c")).send().await;
        assert_eq!(answer.status, 401);
    }
    let forged = server.client.tool("whoami", json!({})).token("a.b.c").header("X-Tenant-ID", "no\u{e9}").send().await;
    assert_eq!(forged.status, 401, "the token comes first");
}

#[tokio::test]
async fn a_dataset_that_says_nothing_of_data_rooms_is_not_there_under_such_a_header() {
    let server = Server::demo_with(|directory| {
        let old = "data_room = \"none\"\nsearch = { columns = [\"name\", \"title\"] }";
        edit(&directory.join("bailiwick.toml"), old, "search = { columns = [\"name\", \"title\"] }");
    })
    .await;
    let ada = server.token("ada");
    let tools = async |room: Option<&str>| {
        let call = server.client.rpc("tools/list", json!({})).token(&ada);
        let call = room.into_iter().fold(call, |call, room| call.header("X-Data-Room-ID", room));
        let list = call.send().await.json()["result"]["tools"].as_array().unwrap().clone();
        list.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let everywhere = tools(None).await;
    let in_finance = tools(Some("finance")).await;
    let gone: Vec<_> = everywhere.iter().filter(|tool| !in_finance.contains(tool)).cloned().collect();
    assert_eq!(gone, ["count_people", "get_people", "list_people", "search_people"]);
    assert!(in_finance.iter().all(|tool| everywhere.contains(tool)));
    assert!(in_finance.contains(&"list_invoices".to_owned()), "`none` was declared for it");

    let call = || server.client.tool("list_people", json!({})).token(&ada);
    assert!(!call().send().await.structured()["rows"].as_array().unwrap().is_empty());
    let hidden = call().header("X-Data-Room-ID", "finance").send().await;
    let unknown = server.client.tool("list_peopl3", json!({})).token(&ada).header("X-Data-Room-ID", "finance");
    assert_eq!(hidden.text, unknown.send().await.text.replace("list_peopl3", "list_people"));
}

#[tokio::test]
async fn what_nothing_can_be_compared_with_is_recorded_and_not_applied() {
    let world = World::new().await;
    let call = world.server.client.tool("whoami", json!({})).token(&token());
    let call = call.header("X-User-ID", "user_12345").header("X-Blockbrain-User-Email", "someone@else.example");
    let answer = call.send().await;
    assert!(!answer.structured().to_string().contains("12345"), "{answer:?}");
    let stated: Vec<_> = world.stop().await.decisions.into_iter().map(|decision| decision.record.stated).collect();
    let expected = "X-User-ID: user_12345";
    assert_eq!(stated, [Some(expected.to_owned())]);
}
