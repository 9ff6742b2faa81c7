//! Subscriptions to single rows, in both eras: whoever may read a row is told that it changed, and nobody is told anything else.

use std::path::Path;

use bailiwick::store::audit::{AuditReader, Outcome, Verdict};
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, SqliteConnection};

use crate::isolation::{PEOPLE, Tables};
use crate::support::client::Answer;
use crate::support::server::Server;
use crate::support::session::{SESSION, open};
use crate::support::stream::Stream;
use crate::support::world::edit;

const UPDATED: &str = "notifications/resources/updated";
const BOB: usize = 1;
const EVE: usize = 4;

/// The demo, looking often.
pub(super) async fn demo() -> Server {
    demo_with("").await
}

async fn demo_with(more: &str) -> Server {
    Server::demo_with(|directory| look_often(directory, more)).await
}

fn look_often(directory: &Path, more: &str) {
    let settings = format!("[mcp]\nlook_every = \"50ms\"\n{more}\n[audit]\n");
    edit(&directory.join("bailiwick.toml"), "[audit]\n", &settings);
}

/// The demo, looking often, where invoices tell that they changed as well.
async fn demo_whose_invoices_tell() -> Server {
    Server::demo_with(|directory| {
        look_often(directory, "");
        let order = "order = [\"-issued_at\"]\n";
        edit(&directory.join("bailiwick.toml"), order, &format!("{order}changed = \"issued_at\"\n"));
    })
    .await
}

/// A connection that writes, as the company's own programs do.
pub(super) async fn writer(server: &Server) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(server.directory.join("company.db"));
    options.connect().await.unwrap()
}

pub(super) async fn touch(database: &mut SqliteConnection, id: &str, at: &str) {
    let done = sqlx::query("UPDATE documents SET updated_at = $1 WHERE CAST(id AS TEXT) = $2");
    assert_eq!(done.bind(at).bind(id).execute(database).await.unwrap().rows_affected(), 1);
}

async fn move_to(database: &mut SqliteConnection, id: &str, room: &str, at: &str) {
    let done = sqlx::query(
        "UPDATE documents SET data_room_id = $1, owner_id = 'carol@acme.example', classification = 'internal', updated_at = $2 \
         WHERE CAST(id AS TEXT) = $3",
    );
    assert_eq!(done.bind(room).bind(at).bind(id).execute(database).await.unwrap().rows_affected(), 1);
}

pub(super) fn document(id: &str) -> String {
    format!("bailiwick://documents/{id}")
}

async fn subscribe(server: &Server, token: &str, session: &str, uri: &str) -> Answer {
    ask(server, "resources/subscribe", token, session, uri).await
}

async fn ask(server: &Server, method: &str, token: &str, session: &str, uri: &str) -> Answer {
    server.client.rpc(method, json!({ "uri": uri })).token(token).header(SESSION, session).send().await
}

/// Four documents that only Bob of the two sees, and one that both see.
pub(super) async fn documents(server: &Server) -> (Vec<String>, String) {
    let tables = Tables::read(&server.directory).await;
    let (bob, eve) = (tables.seen(&PEOPLE[BOB], "documents"), tables.seen(&PEOPLE[EVE], "documents"));
    let own: Vec<String> = bob.difference(&eve).take(4).cloned().collect();
    (own, bob.intersection(&eve).next().unwrap().clone())
}

/// What a stream was told of, in order.
pub(super) fn told(stream: &Stream) -> Vec<String> {
    let events = stream.text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = events.filter_map(|event| serde_json::from_str::<Value>(event).ok());
    let updated = events.filter(|event| event["method"] == UPDATED);
    updated.map(|event| event["params"]["uri"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn whoever_reads_a_row_is_told_that_it_changed_and_nobody_else_is() {
    let server = demo().await;
    let ([one, another, leaving, gone], public) = {
        let (own, public) = documents(&server).await;
        (<[String; 4]>::try_from(own).unwrap(), public)
    };
    let (bob, eve) = (server.token("bob"), server.token("eve"));
    let all: Vec<String> = [&one, &another, &leaving, &gone, &public].map(|id| document(id)).into();
    let mut with_others = all.clone();
    with_others
        .extend(["bailiwick://nothing/1", "bailiwick://documents/999999999", "static://welcome"].map(Into::into));

    let session = open(&server.client, &bob).await;
    for uri in &all {
        assert_eq!(subscribe(&server, &bob, &session, uri).await.json()["result"], json!({}), "{uri}");
    }
    let mut streams = [
        Stream::of_session(&server, &bob, &session).await,
        Stream::listening(&server, &bob, json!({ "resourceSubscriptions": with_others })).await,
        Stream::listening(&server, &eve, json!({ "resourceSubscriptions": with_others })).await,
    ];
    let acknowledged = |stream: &Stream| stream.text.split("acknowledged").nth(1).unwrap().to_owned();
    assert_eq!(
        acknowledged(&streams[1]),
        acknowledged(&streams[2]),
        "an acknowledgement tells nothing of who may see what"
    );

    let mut database = writer(&server).await;
    move_to(&mut database, &leaving, "finance", "2030-01-01T00:00:00Z").await;
    sqlx::query("DELETE FROM documents WHERE CAST(id AS TEXT) = $1").bind(&gone).execute(&mut database).await.unwrap();
    touch(&mut database, &one, "2030-01-01T00:00:01Z").await;
    streams[0].until(&document(&one)).await;
    streams[1].until_times(&document(&one), 2).await;
    touch(&mut database, &another, "2030-01-01T00:00:02Z").await;
    touch(&mut database, &public, "2030-01-01T00:00:03Z").await;
    for stream in &mut streams {
        stream.until_times(&document(&public), if acknowledged_names(stream) { 2 } else { 1 }).await;
    }
    for stream in &streams[..2] {
        let mut told = told(stream);
        told.sort();
        let mut expected = [&one, &another, &public].map(|id| document(id));
        expected.sort();
        assert_eq!(told, expected, "once each, and nothing of what left or is gone");
    }
    assert_eq!(told(&streams[2]), [document(&public)]);
    assert!(streams[1].text.contains("io.modelcontextprotocol/subscriptionId"), "{}", streams[1].text);

    // Back in sight, it is told of: by now it can be read, and is not what it was.
    move_to(&mut database, &leaving, "sales", "2030-01-01T00:00:04Z").await;
    streams[0].until(&document(&leaving)).await;
}

/// Whether the acknowledgement names the resources too.
fn acknowledged_names(stream: &Stream) -> bool {
    stream.text.contains("notifications/subscriptions/acknowledged")
}

#[tokio::test]
async fn a_policy_that_takes_a_row_away_takes_its_subscription_away() {
    let server = demo().await;
    let (own, public) = documents(&server).await;
    let bob = server.token("bob");
    let session = open(&server.client, &bob).await;
    for id in [&own[0], &public] {
        subscribe(&server, &bob, &session, &document(id)).await;
    }
    let both: Vec<String> = [&own[0], &public].map(|id| document(id)).into();
    let mut streams = [
        Stream::of_session(&server, &bob, &session).await,
        Stream::listening(&server, &bob, json!({ "resourceSubscriptions": both, "resourcesListChanged": true })).await,
    ];
    let denial = "p, role:member, *, dataset:documents, read, r.obj.classification != \"public\", deny\n# Take the";
    edit(&server.policy(), "# Take the", denial);
    for stream in &mut streams {
        stream.until("notifications/resources/list_changed").await;
    }
    let mut database = writer(&server).await;
    touch(&mut database, &own[0], "2030-01-01T00:00:00Z").await;
    touch(&mut database, &public, "2030-01-01T00:00:00Z").await;
    streams[0].until(&document(&public)).await;
    streams[1].until_times(&document(&public), 2).await;
    for stream in &streams {
        assert_eq!(told(stream), [document(&public)]);
    }
}

#[tokio::test]
async fn a_hidden_row_is_as_unknown_as_none_and_each_decision_is_recorded() {
    let server = demo().await;
    let (own, public) = documents(&server).await;
    let (bob, eve) = (server.token("bob"), server.token("eve"));
    let session = open(&server.client, &eve).await;
    let (hidden, none) = (document(&own[0]), document("999999999"));
    let answers = (subscribe(&server, &eve, &session, &hidden).await, subscribe(&server, &eve, &session, &none).await);
    assert_eq!(answers.0.protocol_error(), (-32002, format!("Unknown resource: {hidden}")));
    assert_eq!(answers.0.json().to_string().replace(&hidden, &none), answers.1.json().to_string());
    // A dataset of which she sees nothing, and one that there is not.
    for uri in ["bailiwick://invoices/1", "bailiwick://nothing/1", "file:///etc/passwd", "bailiwick://documents/1/2"] {
        let answer = subscribe(&server, &eve, &session, uri).await;
        assert_eq!(answer.protocol_error(), (-32002, format!("Unknown resource: {uri}")));
    }
    let constant = subscribe(&server, &eve, &session, "static://welcome").await;
    assert_eq!(constant.json()["result"], json!({}), "it never changes, and that is all there is to it");
    let ours = open(&server.client, &bob).await;
    let unfit = subscribe(&server, &bob, &ours, "bailiwick://people/bob%40acme.example").await;
    assert!(unfit.protocol_error().1.starts_with("Rows of `people` cannot be subscribed to"), "{unfit:?}");
    let alone = server.client.rpc("resources/subscribe", json!({ "uri": document(&public) })).token(&bob).send().await;
    assert!(alone.protocol_error().1.contains("needs a session"), "{alone:?}");
    let modern = server.client.modern("resources/subscribe", json!({ "uri": document(&public) })).token(&bob);
    assert_eq!(modern.send().await.protocol_error().0, -32601, "the revision has no such method");
    let mut stream =
        Stream::listening(&server, &bob, json!({ "resourceSubscriptions": [document(&public), none] })).await;
    let files = server.stop().await.unwrap();
    stream.until("\"result\"").await;

    let audit = AuditReader::open(&files.path().join("audit.db")).await.unwrap();
    let records: Vec<_> = audit.tail(1_000).await.unwrap().into_iter().map(|decision| decision.record).collect();
    let through =
        |method: &str| records.iter().filter(|record| record.tool.as_deref() == Some(method)).collect::<Vec<_>>();
    let subscribed = through("resources/subscribe");
    let rows = |rows| (Verdict::Allow, Outcome::Answered { rows: Some(rows) });
    let of_documents = subscribed.iter().filter(|record| record.object == "dataset:documents");
    assert!(of_documents.map(|record| (record.verdict, record.outcome)).eq([rows(0), rows(0)]), "{subscribed:?}");
    let denied: Vec<_> = records.iter().filter(|record| record.verdict == Verdict::Deny).map(|r| &*r.object).collect();
    for object in ["dataset:invoices", "resource:bailiwick://nothing/1", "resource:file:///etc/passwd"] {
        assert!(denied.contains(&object), "{object} in {denied:?}");
    }
    let listened = through("subscriptions/listen");
    assert!(listened.iter().map(|record| (record.verdict, record.outcome)).eq([rows(1)]), "{listened:?}");
}

#[tokio::test]
async fn subscriptions_are_bounded_end_with_their_session_and_can_be_ended() {
    let server = demo_with("subscriptions = 2\n").await;
    let (own, public) = documents(&server).await;
    let bob = server.token("bob");
    let session = open(&server.client, &bob).await;
    for id in [&own[0], &own[1], &own[0]] {
        assert_eq!(subscribe(&server, &bob, &session, &document(id)).await.json()["result"], json!({}));
    }
    let third = subscribe(&server, &bob, &session, &document(&public)).await;
    assert!(third.protocol_error().1.contains("2 resources, which is the most"), "{third:?}");
    let three: Vec<String> = [&own[0], &own[1], &public].map(|id| document(id)).into();
    let params = json!({ "notifications": { "resourceSubscriptions": three } });
    let refused = server.client.modern("subscriptions/listen", params).token(&bob).send().await;
    assert_eq!((refused.status, refused.protocol_error().0), (200, -32602), "{refused:?}");
    assert!(refused.protocol_error().1.contains("`mcp.subscriptions`"), "{refused:?}");

    let ended = ask(&server, "resources/unsubscribe", &bob, &session, &document(&own[0])).await;
    assert_eq!(ended.json()["result"], json!({}));
    assert_eq!(subscribe(&server, &bob, &session, &document(&public)).await.json()["result"], json!({}));
    // Another session of the same person has subscriptions of its own.
    let other = open(&server.client, &bob).await;
    let mut of_other = Stream::of_session(&server, &bob, &other).await;
    subscribe(&server, &bob, &other, &document(&own[0])).await;
    let mut stream = Stream::of_session(&server, &bob, &session).await;
    let mut database = writer(&server).await;
    touch(&mut database, &own[0], "2030-01-01T00:00:00Z").await;
    of_other.until(&document(&own[0])).await;
    touch(&mut database, &public, "2030-01-01T00:00:00Z").await;
    stream.until(&document(&public)).await;
    assert_eq!(told(&stream), [document(&public)]);
    // What changes while no stream is open is told once one is.
    drop(stream);
    touch(&mut database, &public, "2030-01-01T00:00:01Z").await;
    let mut again = Stream::of_session(&server, &bob, &session).await;
    again.until_times(&document(&public), 2).await;
    assert_eq!(told(&of_other), [document(&own[0])]);
}

/// An invoice that is watched on the same streams as documents.
struct Witness {
    id: String,
    uri: String,
    touched: u8,
}

impl Witness {
    /// Awaits that every stream has been looked at from one end to the other. The datasets of a stream are looked at in the
    /// order of their names, so that the invoice comes last, and once in a round: the second touch is told of by a round
    /// that came to the documents when the first had been told.
    async fn awaits_a_round(&mut self, database: &mut SqliteConnection, mut streams: [&mut Stream; 2]) {
        for _ in 0..2 {
            self.touched += 1;
            let at = format!("2030-01-01T00:00:{:02}Z", self.touched);
            let done = sqlx::query("UPDATE invoices SET issued_at = $1 WHERE id = $2").bind(at).bind(&self.id);
            assert_eq!(done.execute(&mut *database).await.unwrap().rows_affected(), 1);
            for stream in &mut streams {
                let acknowledged = usize::from(acknowledged_names(stream));
                stream.until_times(&self.uri, acknowledged + usize::from(self.touched)).await;
            }
        }
    }
}

#[tokio::test]
async fn what_a_column_that_is_not_read_would_tell_is_not_told() {
    let server = demo_whose_invoices_tell().await;
    let (own, public) = documents(&server).await;
    let (hidden, id) = {
        let invoices = Tables::read(&server.directory).await.seen(&PEOPLE[BOB], "invoices");
        (document(&own[0]), invoices.first().unwrap().clone())
    };
    let mut witness = Witness { uri: format!("bailiwick://invoices/{id}"), id, touched: 0 };
    let bob = server.token("bob");
    let session = open(&server.client, &bob).await;
    let mut stream = Stream::of_session(&server, &bob, &session).await;
    let both = json!({ "resourceSubscriptions": [hidden, witness.uri], "toolsListChanged": true });
    let mut listening = Stream::listening(&server, &bob, both).await;
    for uri in [&hidden, &witness.uri] {
        assert_eq!(subscribe(&server, &bob, &session, uri).await.json()["result"], json!({}), "{uri}");
    }
    let masked = "p, user:bob@acme.example, acme, column:documents/updated_at, read, \
                  r.obj.data_room_id != \"nowhere\", deny\n# Take the";
    edit(&server.policy(), "# Take the", masked);
    for stream in [&mut stream, &mut listening] {
        stream.until("notifications/tools/list_changed").await;
    }
    let refused = subscribe(&server, &bob, &session, &document(&public)).await;
    assert!(refused.protocol_error().1.starts_with("Rows of `documents` cannot be subscribed to"), "{refused:?}");
    let mut database = writer(&server).await;
    touch(&mut database, &own[0], "2030-01-01T00:00:00Z").await;
    witness.awaits_a_round(&mut database, [&mut stream, &mut listening]).await;
    let mut expected = vec![witness.uri.clone(), witness.uri.clone()];
    for stream in [&stream, &listening] {
        assert_eq!(told(stream), expected, "and nothing of a row whose column is not read");
        assert_eq!(stream.times("notifications/tools/list_changed"), 1, "{}", stream.text);
    }

    edit(&server.policy(), masked, "# Take the");
    // Told when it may be known again, and only once.
    stream.until(&hidden).await;
    listening.until_times(&hidden, 2).await;
    for stream in [&mut stream, &mut listening] {
        // Before or after the row: two tasks tell of them.
        stream.until_times("notifications/tools/list_changed", 2).await;
    }
    witness.awaits_a_round(&mut database, [&mut stream, &mut listening]).await;
    expected.extend([hidden, witness.uri.clone(), witness.uri]);
    for stream in [&stream, &listening] {
        assert_eq!(told(stream), expected);
        assert_eq!(stream.times("notifications/tools/list_changed"), 2, "{}", stream.text);
    }
}

/// The acknowledgement is what the server agreed to (2026-07-28, "Subscriptions").
#[tokio::test]
async fn what_will_never_be_told_is_not_acknowledged() {
    let server = demo().await;
    let (own, _) = documents(&server).await;
    let honoured = [document(&own[0]), document("999999999"), "bailiwick://nope/1".to_owned()];
    let untold = ["bailiwick://data_rooms/sales", "bailiwick://data_rooms/nope", "x", "https://acme.example/1"];
    let all: Vec<&str> = honoured.iter().map(String::as_str).chain(untold).collect();
    let stream = Stream::listening(&server, &server.token("bob"), json!({ "resourceSubscriptions": all })).await;
    let events = stream.text.lines().filter_map(|line| line.strip_prefix("data: "));
    let mut events = events.filter_map(|event| serde_json::from_str::<Value>(event).ok());
    let acknowledged = events.find(|event| event["method"] == "notifications/subscriptions/acknowledged").unwrap();
    let mut names = acknowledged["params"]["notifications"]["resourceSubscriptions"].clone();
    names.as_array_mut().unwrap().sort_by_key(ToString::to_string);
    let mut expected = honoured.to_vec();
    expected.sort();
    assert_eq!(names, json!(expected), "{acknowledged}");
}

#[tokio::test]
async fn the_capability_is_there_where_a_dataset_can_tell() {
    let server = demo().await;
    let without =
        Server::demo_with(|directory| edit(&directory.join("bailiwick.toml"), "changed = \"updated_at\"\n", "")).await;
    for (server, expected) in [(&server, json!(true)), (&without, Value::Null)] {
        let bob = server.token("bob");
        let discovered = server.client.modern("server/discover", json!({})).token(&bob).send().await.json();
        assert_eq!(discovered["result"]["capabilities"]["resources"]["subscribe"], expected, "{discovered}");
        let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "0" } });
        let begun = server.client.rpc("initialize", hello).token(&bob).send().await.json();
        assert_eq!(begun["result"]["capabilities"]["resources"]["subscribe"], expected, "{begun}");
    }
    let (own, _) = documents(&without).await;
    let bob = without.token("bob");
    let stream = Stream::listening(&without, &bob, json!({ "resourceSubscriptions": [document(&own[0])] })).await;
    assert!(!stream.text.contains(&document(&own[0])), "what cannot be told is not accepted: {}", stream.text);
}
