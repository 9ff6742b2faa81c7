//! Open streams are told when the lists of their person change, in both eras of the protocol, and no others are.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::server::Server;
use crate::support::session::{SESSION, open};
use crate::support::stream::Stream;
use crate::support::world::edit;

const TOOLS: &str = "notifications/tools/list_changed";
const RESOURCES: &str = "notifications/resources/list_changed";

/// One edit for Bob alone and then one for everybody: who is told of the first before the second?
#[tokio::test]
async fn a_stream_is_told_what_changed_for_its_person_and_nothing_else() {
    let server = Server::demo().await;
    let (ada, bob) = (server.token("ada"), server.token("bob"));
    let both = json!({ "toolsListChanged": true, "resourcesListChanged": true });
    let mut of_ada = [
        Stream::of_session(&server, &ada, &open(&server.client, &ada).await).await,
        Stream::listening(&server, &ada, both.clone()).await,
    ];
    let mut of_bob = [
        Stream::of_session(&server, &bob, &open(&server.client, &bob).await).await,
        Stream::listening(&server, &bob, both).await,
    ];
    let mut only_resources = Stream::listening(&server, &bob, json!({ "resourcesListChanged": true })).await;

    let policy = server.policy();
    let text = fs::read_to_string(&policy).unwrap();
    let to_bob = "p, user:bob@acme.example, acme, tool:echo, call, true, deny\n";
    fs::write(&policy, format!("{text}{to_bob}")).unwrap();
    for stream in &mut of_bob {
        stream.until(TOOLS).await;
    }
    assert!(!server.client.tools(&bob).await.contains(&"echo".to_owned()), "who is told finds it so");

    // Which rows of a dataset may be seen changes no list of tools; it changes that of resources, and so does one that goes.
    let to_all = "p, *, *, dataset:people, read, r.obj.id == \"nobody\", deny\n\
                  p, *, *, resource:static://welcome, read, true, deny\n";
    fs::write(&policy, format!("{text}{to_bob}{to_all}")).unwrap();
    for stream in of_ada.iter_mut().chain(&mut of_bob).chain([&mut only_resources]) {
        stream.until(RESOURCES).await;
    }
    for stream in &of_ada {
        assert_eq!((stream.times(TOOLS), stream.times(RESOURCES)), (0, 1), "{}", stream.text);
    }
    for stream in &of_bob {
        assert_eq!((stream.times(TOOLS), stream.times(RESOURCES)), (1, 1), "{}", stream.text);
    }
    assert_eq!((only_resources.times(TOOLS), only_resources.times(RESOURCES)), (0, 1), "{}", only_resources.text);
    let told = of_bob[1].text.lines().filter_map(|line| line.strip_prefix("data: ")).find(|line| line.contains(TOOLS));
    let told: Value = serde_json::from_str(told.unwrap()).unwrap();
    assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 7, "{told}");
}

/// A change that comes while a client is away is told when it is back, once, and not to whom has asked since.
#[tokio::test]
async fn a_stream_that_comes_back_is_told_what_changed_while_it_was_away() {
    let server = Server::demo().await;
    let (ada, bob) = (server.token("ada"), server.token("bob"));
    let tools = || json!({ "toolsListChanged": true });
    let sessions =
        [open(&server.client, &bob).await, open(&server.client, &bob).await, open(&server.client, &bob).await];
    let list = async |session: &str| {
        let call = server.client.rpc("tools/list", json!({})).token(&bob).header(SESSION, session);
        assert_eq!(call.send().await.status, 200);
    };
    let [away, asks_again, never_asked] = &sessions;
    list(away).await;
    list(asks_again).await;
    let mut before = Stream::of_session(&server, &bob, away).await;
    let mut witness = Stream::listening(&server, &ada, tools()).await;
    let denial = "p, *, *, tool:echo, call, true, deny\n# Take the";
    edit(&server.policy(), "# Take the", denial);
    before.until(TOOLS).await;
    drop(before);
    // The stream is gone when another can be opened that is told.
    let other = "p, *, *, tool:echo, call, true, deny\np, *, *, tool:whoami, call, true, deny\n# Take the";
    edit(&server.policy(), denial, other);
    witness.until_times(TOOLS, 2).await;
    list(asks_again).await;

    let mut streams = Vec::new();
    for session in &sessions {
        streams.push(Stream::of_session(&server, &bob, session).await);
    }
    // Another client of Bob's, which has a token of its own.
    server.clock.advance(Duration::from_secs(1));
    let another = server.token("bob");
    let mut listening = Stream::listening(&server, &another, tools()).await;
    listening.until(TOOLS).await;
    assert!(!server.client.tools(&another).await.contains(&"whoami".to_owned()));
    let mut asked = Stream::listening(&server, &another, tools()).await;
    edit(&server.policy(), "# Take the", "p, *, *, resource:static://welcome, read, true, deny\n# Take the");
    for stream in &mut streams {
        stream.until(RESOURCES).await;
    }
    let told: Vec<usize> = streams.iter().map(|stream| stream.times(TOOLS)).collect();
    // A session that is opened without an event begins with what it was told before.
    assert_eq!(told[0], 2, "{}", streams[0].text);
    assert_eq!(told[1..], [0, 0], "{asks_again} has asked since, {never_asked} never did");
    let files = server.stop().await;
    asked.until("0\r\n\r\n").await;
    assert_eq!(asked.times(TOOLS), 0, "{}", asked.text);
    drop(files);
}

/// The schemas of a dataset's tools are each person's own.
#[tokio::test]
async fn a_column_that_goes_changes_the_list_of_tools() {
    let server = Server::demo().await;
    let both = json!({ "toolsListChanged": true, "resourcesListChanged": true });
    let mut of_ada = Stream::listening(&server, &server.token("ada"), both.clone()).await;
    let mut of_bob = Stream::listening(&server, &server.token("bob"), both).await;
    let column = "p, user:bob@acme.example, acme, column:documents/title, read, true, deny\n# Take the";
    edit(&server.policy(), "# Take the", column);
    of_bob.until(TOOLS).await;
    edit(&server.policy(), "# Take the", "p, *, *, resource:static://welcome, read, true, deny\n# Take the");
    of_ada.until(RESOURCES).await;
    assert_eq!(of_ada.times(TOOLS), 0, "{}", of_ada.text);
}

#[tokio::test]
async fn a_stream_whose_token_has_expired_is_told_nothing_and_ends() {
    let server = Server::demo().await;
    let bob = server.token("bob");
    let session = open(&server.client, &bob).await;
    let own = Stream::of_session(&server, &bob, &session).await;
    let listening = Stream::listening(&server, &bob, json!({ "toolsListChanged": true })).await;
    server.clock.advance(Duration::from_hours(2));
    let ada = server.token("ada");
    let mut of_ada = Stream::listening(&server, &ada, json!({ "toolsListChanged": true })).await;

    let denial = "p, *, *, tool:echo, call, true, deny\n# Take the";
    edit(&server.policy(), "# Take the", denial);
    of_ada.until(TOOLS).await;
    for mut stream in [own, listening] {
        stream.until("0\r\n\r\n").await;
        assert_eq!(stream.times(TOOLS), 0, "{}", stream.text);
    }
    // The session is as good as before, and its person, with another token, is told again.
    let fresh = server.token("bob");
    let mut again = Stream::of_session(&server, &fresh, &session).await;
    edit(&server.policy(), denial, "# Take the");
    again.until(TOOLS).await;
}

/// Clocks differ: as long as a token is taken by a call, its stream is told.
#[tokio::test]
async fn a_stream_is_told_for_as_long_as_its_token_is_taken() {
    let server = Server::demo().await;
    let bob = server.token("bob");
    let mut stream = Stream::listening(&server, &bob, json!({ "toolsListChanged": true })).await;
    server.clock.advance(Duration::from_secs(3_600 + 20));
    let call = async || server.client.tool("whoami", json!({})).token(&bob).send().await.status;
    assert_eq!(call().await, 200, "within the issuer's leeway");
    let denial = "p, *, *, tool:echo, call, true, deny\n# Take the";
    edit(&server.policy(), "# Take the", denial);
    stream.until(TOOLS).await;
    server.clock.advance(Duration::from_secs(20));
    assert_eq!(call().await, 401);
    edit(&server.policy(), denial, "# Take the");
    stream.until("0\r\n\r\n").await;
    assert_eq!(stream.times(TOOLS), 1, "{}", stream.text);
}

#[tokio::test]
async fn streams_end_when_the_server_stops_and_the_oldest_when_one_person_opens_too_many() {
    let server = Server::demo_with(|directory| {
        edit(&directory.join("bailiwick.toml"), "[server]\n", "[server]\nsessions_per_person = 2\n");
    })
    .await;
    let (ada, bob) = (server.token("ada"), server.token("bob"));
    let tools = || json!({ "toolsListChanged": true });
    let mut of_bob = Stream::listening(&server, &bob, tools()).await;
    let mut first = Stream::listening(&server, &ada, tools()).await;
    let mut second = Stream::listening(&server, &ada, tools()).await;
    let mut third = Stream::of_session(&server, &ada, &open(&server.client, &ada).await).await;
    first.until("0\r\n\r\n").await;
    edit(&server.policy(), "# Take the", "p, *, *, tool:echo, call, true, deny\n# Take the");
    for stream in [&mut of_bob, &mut second, &mut third] {
        stream.until(TOOLS).await;
    }
    let files = server.stop().await;
    for stream in [&mut of_bob, &mut second, &mut third] {
        stream.until("0\r\n\r\n").await;
    }
    assert!(of_bob.text.contains("\"result\""), "a subscription ends with its result: {}", of_bob.text);
    drop(files);
}
