//! The issuer's keys through rotation, outage and floods: no good token is lost, no bad one is taken.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::clock::START;
use crate::support::issuer::{Answer, SigningKey, Token};
use crate::support::server::Server;
use crate::support::world::{World, every_key, token};

const COOL_DOWN: Duration = Duration::from_secs(30);
const FRESH: Duration = Duration::from_mins(10);

fn all_keys() -> Answer {
    Answer::keys(&every_key().each_ref())
}

#[tokio::test]
async fn item_76_the_server_starts_without_its_issuer_and_answers_503_until_it_is_there() {
    let world = World::whose_issuer_answers(Answer::HangUp, |_| {}).await;
    let client = &world.server.client;
    let token = token();
    for _ in 0..3 {
        let answer = client.tool("whoami", json!({})).token(&token).send().await;
        assert_eq!((answer.status, &answer.json()["error"]), (503, &json!("temporarily_unavailable")));
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=30).contains(&wait), "{wait}");
        assert_eq!(answer.header("www-authenticate"), "", "503 accuses nobody");
    }
    assert_eq!(world.issuer.fetches(), 1, "an issuer that is down is not hammered");
    let ready = client.get("/readyz").send().await;
    assert_eq!(ready.status, 200, "another issuer may be well");
    assert!(ready.text.contains("the latest fetch failed"), "{}", ready.text);

    world.issuer.answer(all_keys());
    world.server.clock.advance(COOL_DOWN);
    assert_eq!(client.tool("whoami", json!({})).token(&token).send().await.status, 200);
    assert_eq!(world.stop().await.rejections.get("keys_unavailable"), Some(&3));
}

#[tokio::test]
async fn item_76_known_keys_go_on_while_the_issuer_is_down_and_end_with_the_stale_window() {
    let world = World::new().await;
    let token = Token::new().claim("exp", START + 4 * 3600).sign(&SigningKey::rsa("rsa"));
    let status = async || world.server.client.tool("whoami", json!({})).token(&token).send().await.status;
    assert_eq!(status().await, 200);
    for down in [Answer::status(500), Answer::HangUp, Answer::json(&json!({ "keys": [] })), Answer::json(&json!([]))] {
        world.issuer.answer(down);
        world.server.clock.advance(FRESH);
        assert_eq!(status().await, 200);
        assert_eq!(status().await, 200);
    }
    let unknown = Token::new().sign(&SigningKey::rsa("unknown"));
    let answer = world.server.client.tool("whoami", json!({})).token(&unknown).send().await;
    assert_eq!(answer.status, 503, "an outage proves nothing about a key");
    world.server.clock.advance(Duration::from_hours(1));
    assert_eq!(status().await, 503);
    world.issuer.answer(all_keys());
    world.server.clock.advance(COOL_DOWN);
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn a_key_that_the_issuer_removed_is_refused_once_the_set_is_renewed() {
    let world = World::new().await;
    let token = Token::new().claim("exp", START + 4 * 3600).sign(&SigningKey::rsa("rsa"));
    let status = async || world.server.client.tool("whoami", json!({})).token(&token).send().await.status;
    assert_eq!(status().await, 200);
    world.issuer.answer(Answer::keys(&[&SigningKey::p256("p256")]));
    world.server.clock.advance(FRESH);
    assert_eq!(status().await, 503, "not found once is not proved absent");
    world.server.clock.advance(COOL_DOWN);
    assert_eq!(status().await, 401);
}

#[tokio::test]
async fn rotations_with_published_keys_lose_no_request_of_many_callers() {
    const CALLERS: usize = 16;
    const CALLS: usize = 4;
    let server = Server::demo().await;
    let mut earlier = server.token("bob");
    for _ in 0..4 {
        let answered = AtomicUsize::new(0);
        let caller = async |number: usize| {
            for call in 0..CALLS {
                let token = if (number + call).is_multiple_of(2) { server.token("ada") } else { earlier.clone() };
                let answer = server.client.tool("whoami", json!({})).token(&token).send().await;
                assert_eq!(answer.status, 200, "{answer:?}");
                // In the middle of everything the issuer begins to sign with its next key.
                if answered.fetch_add(1, Ordering::SeqCst) + 1 == CALLERS * CALLS / 2 {
                    server.issuer().rotate().unwrap();
                }
            }
        };
        join_all((0..CALLERS).map(caller)).await;
        earlier = server.token("bob");
        server.clock.advance(FRESH);
    }
}

#[tokio::test]
async fn a_key_used_before_it_is_published_costs_one_cool_down_and_never_a_401() {
    let world = World::whose_issuer_answers(Answer::keys(&[&SigningKey::p256("p256")]), |_| {}).await;
    let client = &world.server.client;
    let (old, new) = (Token::new().sign(&SigningKey::p256("p256")), token());
    let status = async |token: &str| client.tool("whoami", json!({})).token(token).send().await.status;
    assert_eq!(status(&old).await, 200);
    let answers = join_all((0..16).map(|_| status(&new))).await;
    assert!(answers.iter().all(|status| *status == 503), "{answers:?}");
    assert_eq!(status(&old).await, 200, "the others notice nothing");

    world.issuer.answer(all_keys());
    world.server.clock.advance(COOL_DOWN);
    let answers = join_all((0..16).map(|_| status(&new))).await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    assert_eq!(world.issuer.fetches(), 2);
}

#[tokio::test]
async fn a_demo_issuer_that_rotates_twice_in_a_row_costs_one_cool_down() {
    let server = Server::demo().await;
    let status = async |token: &str| server.client.tool("whoami", json!({})).token(token).send().await.status;
    let first = server.token("ada");
    assert_eq!(status(&first).await, 200);
    server.issuer().rotate().unwrap();
    server.issuer().rotate().unwrap();
    let third = server.token("ada");
    assert_eq!(status(&third).await, 503);
    server.clock.advance(COOL_DOWN);
    assert_eq!(status(&third).await, 200);
}

#[tokio::test]
async fn item_76_a_thousand_unknown_key_ids_cause_one_fetch_per_cool_down() {
    let world = World::new().await;
    let client = &world.server.client;
    let good = token();
    assert_eq!(client.tool("whoami", json!({})).token(&good).send().await.status, 200);
    assert_eq!(world.issuer.fetches(), 1);
    let key = SigningKey::ed25519("any");
    for round in 0..2 {
        let ask = async |batch: usize| {
            for number in 0..25 {
                let token = Token::new().header("kid", format!("{round}-{batch}-{number}")).sign(&key);
                let answer = client.tool("whoami", json!({})).token(&token).send().await;
                assert_eq!(answer.status, 503, "{answer:?}");
            }
            assert_eq!(client.tool("whoami", json!({})).token(&good).send().await.status, 200);
        };
        join_all((0..20).map(ask)).await;
        assert_eq!(world.issuer.fetches(), 1 + round);
        world.server.clock.advance(COOL_DOWN);
    }
    // Seen a cool-down ago and still not published: now it is sure.
    let known_unknown = Token::new().header("kid", "1-0-0").sign(&key);
    assert_eq!(client.tool("whoami", json!({})).token(&known_unknown).send().await.status, 401);
    assert_eq!(world.issuer.fetches(), 3);
}
