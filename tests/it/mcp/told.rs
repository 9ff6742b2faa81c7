//! That a row changed is told to whoever may read it and to nobody else: pairwise, in every revision, on streams that are opened
//! for the first time and on those that are resumed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sqlx::SqliteConnection;

use super::pairs::token_of;
use super::subscriptions::{demo, document, told, touch, writer};
use crate::isolation::{ADA_ELSEWHERE, PEOPLE, Tables, Who};
use crate::support::revision::{REVISIONS, STATELESS, Speaker};
use crate::support::server::Server;
use crate::support::stream::Stream;

/// A row that nobody has.
const NOBODYS: &str = "999999999";

/// One person, who asks to be told of everything.
struct Listener<'a> {
    who: &'a Who,
    speaker: Speaker<'a>,
    stream: Option<Stream>,
    /// What may be read.
    seen: BTreeSet<String>,
    /// A row of theirs by whose change it is known that what came before it has been told.
    last: String,
    /// How often it was changed.
    times: usize,
}

/// What one person sees and another does not, by the two of them.
type Hidden = BTreeMap<(usize, usize), String>;

fn hidden(seen: &[BTreeSet<String>]) -> Hidden {
    let people = 0..seen.len();
    let pairs = people.clone().flat_map(|one| people.clone().map(move |other| (one, other)));
    pairs.filter_map(|(one, other)| Some(((one, other), seen[other].difference(&seen[one]).next()?.clone()))).collect()
}

/// What a person of this speaker is told of these rows from now on; of a session after this event, where there is one.
async fn listen(server: &Server, speaker: &Speaker<'_>, rows: &BTreeSet<String>, after: Option<&str>) -> Stream {
    let token = &speaker.token;
    let Some(session) = &speaker.session else {
        let addresses: Vec<String> = rows.iter().map(|id| document(id)).collect();
        return Stream::listening(server, token, json!({ "resourceSubscriptions": addresses })).await;
    };
    match after {
        Some(event) => Stream::after(server, token, session, event).await,
        None => Stream::of_session(server, token, session).await,
    }
}

impl Listener<'_> {
    /// Waits until whatever there was to tell of what changed before has been told.
    async fn catch_up(&mut self, database: &mut SqliteConnection, stamp: &mut Stamp) {
        let stream = self.stream.as_mut().unwrap();
        let named = usize::from(self.speaker.is_stateless());
        // In one look the rows are told in an order of their own, and a stream that is resumed begins with an event of before.
        let last = format!("{}\"", document(&self.last));
        for _ in 0..3 {
            touch(database, &self.last, &stamp.next()).await;
            self.times += 1;
            stream.until_times(&last, self.times + named).await;
            // To its end, where its id may stand.
            while !stream.text.rsplit_once(&last).unwrap().1.contains("\n\n") {
                stream.text += &stream.wire.more().await;
            }
        }
    }

    /// Asserts that of these rows it was told of those that its person may read, and nothing else that they may not.
    fn was_told_of(&self, rows: &BTreeSet<String>, revision: &str) {
        let told: BTreeSet<String> = told(self.stream.as_ref().unwrap()).into_iter().collect();
        let addresses = |rows: &mut dyn Iterator<Item = &String>| rows.map(|id| document(id)).collect::<BTreeSet<_>>();
        let readable = addresses(&mut self.seen.iter());
        assert!(told.is_subset(&readable), "{} in {revision} is told of {told:?}", self.who.name);
        let expected = addresses(&mut self.seen.intersection(rows));
        // The others' last rows come and go between.
        let told: BTreeSet<String> = told.intersection(&addresses(&mut rows.iter())).cloned().collect();
        assert_eq!(told, expected, "{} in {revision}: {}", self.who.name, self.stream.as_ref().unwrap().text);
    }

    fn last_event(&self) -> Option<String> {
        let mut events = self.stream.as_ref().unwrap().text.lines().filter_map(|line| line.strip_prefix("id: "));
        events.next_back().map(ToOwned::to_owned)
    }
}

/// Times that a row is changed at, each later than the one before.
struct Stamp(u32);

impl Stamp {
    fn next(&mut self) -> String {
        self.0 += 1;
        format!("2030-01-01T{:02}:{:02}:{:02}Z", self.0 / 3_600, self.0 / 60 % 60, self.0 % 60)
    }
}

/// What a `subscriptions/listen` with this address is acknowledged with, but for the address.
async fn acknowledged(server: &Server, token: &str, id: &str) -> String {
    let mut stream = Stream::listening(server, token, json!({ "resourceSubscriptions": [document(id)] })).await;
    stream.until("\n\n").await;
    let event = stream.text.lines().find(|line| line.contains("acknowledged")).unwrap();
    assert!(event.contains(&document(id)), "{event}");
    event.replace(&document(id), "…")
}

async fn compare(revision: &'static str) {
    let server = demo().await;
    let tables = Tables::read(&server.directory).await;
    let people: Vec<&Who> = PEOPLE.iter().chain([&ADA_ELSEWHERE]).collect();
    let seen: Vec<BTreeSet<String>> = people.iter().map(|who| tables.seen(who, "documents")).collect();
    let hidden = hidden(&seen);
    assert!(hidden.len() >= 20, "there is something to hide: {hidden:?}");
    let rows: BTreeSet<String> = hidden.values().cloned().collect();
    let mut lasts: Vec<String> = Vec::new();
    for seen in &seen {
        let own = seen.difference(&rows).filter(|id| !lasts.contains(id)).last();
        lasts.push(own.unwrap().clone());
    }
    let watched: BTreeSet<String> = rows.iter().chain(&lasts).cloned().chain([NOBODYS.to_owned()]).collect();

    let mut listeners = Vec::new();
    for ((who, seen), last) in people.into_iter().zip(&seen).zip(lasts) {
        let speaker = Speaker::begin(&server.client, token_of(&server, who), revision).await;
        for id in watched.iter().filter(|_| revision != STATELESS) {
            let answer = speaker.answer("resources/subscribe", json!({ "uri": document(id) })).await.json();
            assert_eq!(answer["error"].is_null(), seen.contains(id), "{} subscribes to {id}: {answer}", who.name);
        }
        let stream = Some(listen(&server, &speaker, &watched, None).await);
        listeners.push(Listener { who, speaker, stream, seen: seen.clone(), last, times: 0 });
    }
    if revision == STATELESS {
        for ((one, other), id) in &hidden {
            let (one, owner) = (&listeners[*one], &listeners[*other]);
            let theirs = acknowledged(&server, &one.speaker.token, id).await;
            let what = format!("{} listens to {id} of {}", one.who.name, owner.who.name);
            assert_eq!(theirs, acknowledged(&server, &one.speaker.token, NOBODYS).await, "{what}");
            assert_eq!(theirs, acknowledged(&server, &owner.speaker.token, id).await, "{what}, as they do");
        }
    }

    let (mut database, mut stamp) = (writer(&server).await, Stamp(0));
    for id in &rows {
        touch(&mut database, id, &stamp.next()).await;
    }
    for listener in &mut listeners {
        listener.catch_up(&mut database, &mut stamp).await;
        listener.was_told_of(&rows, revision);
    }
    let events: Vec<Option<String>> = listeners.iter().map(Listener::last_event).collect();
    for listener in &mut listeners {
        listener.stream = None;
    }
    for id in &rows {
        touch(&mut database, id, &stamp.next()).await;
    }
    for (listener, after) in listeners.iter_mut().zip(&events) {
        listener.stream = Some(listen(&server, &listener.speaker, &watched, after.as_deref()).await);
        listener.times = 0;
        listener.catch_up(&mut database, &mut stamp).await;
        // What a session subscribed to goes on while its stream is away; a new `subscriptions/listen` begins anew.
        if revision == STATELESS {
            let told = told(listener.stream.as_ref().unwrap());
            assert!(!told.iter().any(|address| rows.iter().any(|id| *address == document(id))), "{told:?}");
        } else {
            listener.was_told_of(&rows, revision);
        }
    }
}

#[tokio::test]
async fn a_change_is_told_to_whoever_may_read_the_row_and_to_nobody_else_in_every_revision() {
    for revision in REVISIONS {
        compare(revision).await;
    }
}
