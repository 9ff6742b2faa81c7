//! Items 57 to 63: refresh tokens.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use sqlx::ConnectOptions as _;

use crate::support::client::Answer;
use crate::support::oauth::{self, Registered, Tokens};
use crate::support::server::Server;

async fn refresh(server: &Server, client: &Registered, token: &str) -> Answer {
    oauth::post(server, "/token", &oauth::refresh(client, token)).await
}

fn error(answer: &Answer) -> String {
    assert_eq!(answer.status, 400, "{answer:?}");
    answer.json()["error"].as_str().unwrap().to_owned()
}

async fn started(server: &Server) -> (Registered, Tokens) {
    let client = oauth::public(server).await;
    let tokens = oauth::tokens(server, &client, "ada").await;
    (client, tokens)
}

#[tokio::test]
async fn item_57_each_refresh_gives_a_new_token() {
    let server = Server::demo().await;
    let (client, first) = started(&server).await;
    let second = Tokens::of(&refresh(&server, &client, &first.refresh).await);
    let third = Tokens::of(&refresh(&server, &client, &second.refresh).await);
    assert!(first.refresh != second.refresh && second.refresh != third.refresh);
    assert!(oauth::is_accepted(&server, &third.access).await);
}

/// How many refresh tokens of a grant can still be used, by the file.
async fn unspent(server: &Server, access: &str) -> i64 {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(server.directory.join("state.db")).read_only(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM refresh_tokens WHERE grant_id = $1 AND spent_at IS NULL")
        .bind(oauth::claims(access)["gid"].as_str().unwrap())
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn item_58_twenty_at_once_leave_one_lineage() {
    let server = Server::demo().await;
    let (client, first) = started(&server).await;
    let answers = join_all((0..20).map(|_| refresh(&server, &client, &first.refresh))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let mut tokens: Vec<_> = answers.iter().map(|answer| Tokens::of(answer).refresh).collect();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 1, "everybody is given the same successor");
    assert_eq!(unspent(&server, &first.access).await, 1);
    for answer in &answers {
        assert!(oauth::is_accepted(&server, &Tokens::of(answer).access).await, "nobody was given what is not good");
    }
    // And again, of the successor: the line goes on as one.
    let answers = join_all((0..20).map(|_| refresh(&server, &client, &tokens[0]))).await;
    let last: BTreeSet<_> = answers.iter().map(|answer| Tokens::of(answer).refresh).collect();
    assert_eq!((last.len(), unspent(&server, &first.access).await), (1, 1));
}

#[tokio::test]
async fn item_59_an_answer_that_was_lost_is_given_again() {
    let server = Server::demo().await;
    let (client, first) = started(&server).await;
    let lost = Tokens::of(&refresh(&server, &client, &first.refresh).await);
    server.clock.advance(Duration::from_mins(5));
    let again = Tokens::of(&refresh(&server, &client, &first.refresh).await);
    assert_eq!(again.refresh, lost.refresh, "and not a second line");
    let next = Tokens::of(&refresh(&server, &client, &again.refresh).await);
    assert!(oauth::is_accepted(&server, &next.access).await);
}

#[tokio::test]
async fn item_60_a_token_that_comes_back_late_ends_the_family() {
    let server = Server::demo().await;
    let (client, first) = started(&server).await;
    let second = Tokens::of(&refresh(&server, &client, &first.refresh).await);
    let third = Tokens::of(&refresh(&server, &client, &second.refresh).await);
    assert!(oauth::is_accepted(&server, &third.access).await);
    server.clock.advance(Duration::from_secs(61));
    assert_eq!(error(&refresh(&server, &client, &first.refresh).await), "invalid_grant");
    for access in [&first.access, &second.access, &third.access] {
        assert!(!oauth::is_accepted(&server, access).await);
    }
    assert_eq!(error(&refresh(&server, &client, &third.refresh).await), "invalid_grant");
    let grant = oauth::claims(&third.access)["gid"].as_str().unwrap().to_owned();
    let events = oauth::stop_and_read_events(server).await;
    let (_, detail) = events.iter().find(|(kind, _)| kind == "refresh_token_reuse_detected").unwrap();
    assert_eq!((&detail["client"], &detail["grant"]), (&json!(client.id), &json!(grant)));
    assert_eq!((&detail["generation"], &detail["ip"]), (&json!(1), &json!("127.0.0.1")));
    assert_eq!(events.iter().filter(|(kind, _)| kind == "refresh_token_reuse_detected").count(), 1, "{events:?}");
}

#[tokio::test]
async fn item_60_a_token_whose_successor_was_used_is_no_lost_answer() {
    let server = Server::demo().await;
    let (client, first) = started(&server).await;
    let second = Tokens::of(&refresh(&server, &client, &first.refresh).await);
    assert!(oauth::is_accepted(&server, &second.access).await, "whoever has it has received the answer");
    server.clock.advance(Duration::from_secs(61));
    assert_eq!(error(&refresh(&server, &client, &first.refresh).await), "invalid_grant");
    assert!(!oauth::is_accepted(&server, &second.access).await);
}

#[tokio::test]
async fn item_61_another_client_gets_nothing_and_ends_nothing() {
    let server = Server::demo().await;
    let (client, first) = started(&server).await;
    let other = oauth::public(&server).await;
    assert_eq!(error(&refresh(&server, &other, &first.refresh).await), "invalid_grant");
    assert!(oauth::is_accepted(&server, &first.access).await);
    Tokens::of(&refresh(&server, &client, &first.refresh).await);
}

#[tokio::test]
async fn item_62_scopes_shrink_for_one_token_and_never_grow() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let asking = oauth::asking(&client).with("scope", "mcp:read mcp:write");
    let code = oauth::code(&server, &asking, "ada").await;
    let first = Tokens::of(&oauth::post(&server, "/token", &oauth::exchange(&client, &code)).await);
    let with = |token: &str, name: &str, value: &str| oauth::refresh(&client, token).with(name, value);
    for scope in ["mcp:read admin", "mcp:admin"] {
        let answer = oauth::post(&server, "/token", &with(&first.refresh, "scope", scope)).await;
        assert_eq!(error(&answer), "invalid_scope", "{scope}");
    }
    let answer = oauth::post(&server, "/token", &with(&first.refresh, "resource", "https://evil.example")).await;
    assert_eq!(error(&answer), "invalid_target");
    let narrow = Tokens::of(&oauth::post(&server, "/token", &with(&first.refresh, "scope", "mcp:read")).await);
    assert_eq!((narrow.scope.as_str(), &oauth::claims(&narrow.access)["scope"]), ("mcp:read", &json!("mcp:read")));
    let whole = Tokens::of(&refresh(&server, &client, &narrow.refresh).await);
    assert_eq!(whole.scope, "mcp:read mcp:write", "the grant is as it was");
}

#[tokio::test]
async fn item_63_a_line_ends_when_nobody_uses_it_and_at_its_absolute_end() {
    let server = Server::demo().await;
    let day = Duration::from_hours(24);
    let (client, idle) = started(&server).await;
    let mut busy = oauth::tokens(&server, &client, "ada").await;
    for _ in 0..3 {
        server.clock.advance(day * 5);
        busy = Tokens::of(&refresh(&server, &client, &busy.refresh).await);
    }
    assert_eq!(error(&refresh(&server, &client, &idle.refresh).await), "invalid_grant", "fifteen days unused");
    for _ in 0..2 {
        server.clock.advance(day * 7);
        busy = Tokens::of(&refresh(&server, &client, &busy.refresh).await);
    }
    server.clock.advance(Duration::from_mins(24 * 60 - 5));
    let last = refresh(&server, &client, &busy.refresh).await;
    assert!(last.json()["expires_in"].as_i64().unwrap() <= 300, "no token outlives the consent: {last:?}");
    server.clock.advance(Duration::from_mins(5));
    let last = Tokens::of(&last);
    assert!(!oauth::is_accepted(&server, &last.access).await);
    assert_eq!(error(&refresh(&server, &client, &last.refresh).await), "invalid_grant", "thirty days in all");
}
