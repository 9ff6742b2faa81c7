//! What one person holds is garbage in the hands of another: pairwise, for everything that can be held, over every method of every
//! revision. Each question is asked with what is somebody else's and with what nobody has, and the two answers are the same to the
//! byte, but for what was asked. And each is one that its owner is answered otherwise, so that there is something to hide.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bailiwick::clock::Clock as _;
use bailiwick::demo;
use serde_json::{Value, json};

use crate::isolation::{ADA_ELSEWHERE, DATASETS, PEOPLE, Tables, Who, has, key_arguments};
use crate::support::client::{Answer, Call};
use crate::support::revision::{REVISIONS, STATELESS, Speaker};
use crate::support::server::Server;
use crate::support::stream::Stream;

/// One person, and what they hold.
struct Someone<'a> {
    who: &'a Who,
    speaker: Speaker<'a>,
    tools: BTreeSet<String>,
    prompts: bool,
    /// By the method and parameters that gave them.
    cursors: Vec<(&'static str, Value, String)>,
    /// A session of an older revision, whichever this one speaks, and the last event of a stream in it.
    session: String,
    event: String,
}

/// A question, asked with something that may be somebody's.
struct Question {
    method: &'static str,
    params: Value,
    /// What an answer may repeat of it.
    echo: String,
}

/// An answer without what was asked: nothing else of it may differ.
type Heard = (u16, BTreeMap<String, String>, Vec<String>);

fn heard(answer: &Answer, echo: &str) -> Heard {
    let names_a_request = ["x-request-id", "date", "content-length"];
    let headers = answer.headers.iter().filter(|(name, _)| !names_a_request.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let events: Vec<&str> = answer.text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let said = if events.is_empty() { vec![answer.text.as_str()] } else { events };
    let said = said.into_iter().map(|text| if echo.is_empty() { text.to_owned() } else { text.replace(echo, "…") });
    (answer.status, headers.collect(), said.collect())
}

fn uri(dataset: &str, key: &str) -> String {
    format!("bailiwick://{dataset}/{}", key.replace('@', "%40"))
}

/// A key that no row has.
fn nobodys(dataset: &str) -> &'static str {
    if dataset == "invoice_lines" { "A-99999/1" } else { "999999999" }
}

/// Everything that asks for a row.
fn about_row(dataset: &str, key: &str, is_stateless: bool) -> Vec<Question> {
    let (tool, arguments) = (|operation: &str| format!("{operation}_{dataset}"), key_arguments(dataset, key));
    let filter: Value =
        arguments.as_object().unwrap().iter().map(|(name, value)| (name.clone(), json!({ "eq": value }))).collect();
    let (first, rest) = key.split_once('/').map_or((key, None), |(first, rest)| (first, Some(rest)));
    let template = match rest {
        Some(_) => format!("bailiwick://{dataset}/{{invoice_id}}/{{line_no}}"),
        None => format!("bailiwick://{dataset}/{{id}}"),
    };
    let column = if rest.is_some() { "invoice_id" } else { "id" };
    let address = uri(dataset, key);
    let question = |method, params| Question { method, params, echo: address.clone() };
    let call = |name: String, arguments: Value| question("tools/call", json!({ "name": name, "arguments": arguments }));
    let complete = |reference: &Value, name: &str, value: &str, known: Value| {
        let argument = json!({ "name": name, "value": value });
        question(
            "completion/complete",
            json!({ "ref": reference, "argument": argument, "context": { "arguments": known } }),
        )
    };
    let of_template = json!({ "type": "ref/resource", "uri": template });
    let mut questions = vec![
        call(tool("get"), arguments),
        call(tool("list"), json!({ "filter": filter })),
        call(tool("count"), json!({ "filter": filter })),
        question("resources/read", json!({ "uri": address })),
        complete(&of_template, column, first, json!({})),
    ];
    if rest.is_some() {
        questions.push(complete(&of_template, "line_no", "", json!({ "invoice_id": first })));
    }
    if dataset == "documents" {
        let words = json!({ "query": "the", "filter": filter });
        questions.push(call(tool("search"), words));
        questions.push(question("prompts/get", json!({ "name": "review_document", "arguments": { "document": key } })));
        questions.push(complete(
            &json!({ "type": "ref/prompt", "name": "review_document" }),
            "document",
            key,
            json!({}),
        ));
    }
    if !is_stateless {
        questions.push(question("resources/subscribe", json!({ "uri": address })));
        questions.push(question("resources/unsubscribe", json!({ "uri": address })));
    }
    questions
}

/// Everything that asks for something by its name.
fn about_name(kind: &str, name: &str) -> Question {
    let (method, params) = match kind {
        "tool" => ("tools/call", json!({ "name": name, "arguments": { "id": "1" } })),
        "prompt" => ("prompts/get", json!({ "name": name, "arguments": {} })),
        "prompt's argument" => {
            let reference = json!({ "type": "ref/prompt", "name": name });
            ("completion/complete", json!({ "ref": reference, "argument": { "name": "focus", "value": "" } }))
        }
        _ => {
            let reference = json!({ "type": "ref/resource", "uri": format!("bailiwick://{name}/{{id}}") });
            ("completion/complete", json!({ "ref": reference, "argument": { "name": "id", "value": "" } }))
        }
    };
    Question { method, params, echo: name.to_owned() }
}

fn with_cursor(method: &'static str, params: &Value, cursor: &str) -> Question {
    let mut params = params.clone();
    match method {
        "tools/call" => params["arguments"]["cursor"] = cursor.into(),
        _ => params["cursor"] = cursor.into(),
    }
    Question { method, params, echo: String::new() }
}

/// A token of one of the six.
pub(super) fn token_of(server: &Server, who: &Who) -> String {
    match who.name {
        "ada at globex" => {
            let at_globex = demo::Person { organisation: demo::GLOBEX, ..*demo::person("ada").unwrap() };
            server.issuer().token(&at_globex, server.clock.now(), Duration::from_hours(1)).unwrap()
        }
        name => server.token(name),
    }
}

/// Has the stream of a session tell that a call of its person was answered, so many times; the last event of it.
async fn last_event(server: &Server, within: &Speaker<'_>, times: usize) -> String {
    let mut stream = Stream::of_session(server, &within.token, within.session.as_ref().unwrap()).await;
    within.answer("logging/setLevel", json!({ "level": "debug" })).await;
    for _ in 0..times {
        within.answer("tools/call", json!({ "name": "whoami", "arguments": {} })).await.structured();
    }
    stream.until_times("notifications/message", times).await;
    let event = stream.last_event().await;
    within.answer("logging/setLevel", json!({ "level": "emergency" })).await;
    event
}

impl<'a> Someone<'a> {
    async fn begin(server: &'a Server, who: &'a Who, revision: &'static str) -> Self {
        let token = token_of(server, who);
        let speaker = Speaker::begin(&server.client, token.clone(), revision).await;
        let tools: BTreeSet<String> = server.client.tools(&token).await.into_iter().collect();
        let prompts = speaker.answer("prompts/list", json!({})).await.json()["result"]["prompts"] != json!([]);
        let mut cursors = Vec::new();
        let lists = [
            ("list_documents", json!({ "limit": 1 })),
            ("search_documents", json!({ "limit": 1, "query": "the" })),
            ("list_people", json!({ "limit": 1 })),
            ("list_invoice_lines", json!({ "limit": 1 })),
        ];
        for (name, arguments) in lists.into_iter().filter(|(name, _)| tools.contains(*name)) {
            let params = json!({ "name": name, "arguments": arguments });
            let page = speaker.answer("tools/call", params.clone()).await.structured();
            cursors.extend(page["next_cursor"].as_str().map(|cursor| ("tools/call", params, cursor.to_owned())));
        }
        let page = speaker.answer("resources/list", json!({})).await.json();
        let next = page["result"]["nextCursor"].as_str();
        cursors.extend(next.map(|cursor| ("resources/list", json!({}), cursor.to_owned())));

        let older = Speaker::begin(&server.client, token, "2025-11-25").await;
        let within = if speaker.is_stateless() { &older } else { &speaker };
        let event = last_event(server, within, 3).await;
        let session = within.session.clone().unwrap();
        Stream::after(server, &within.token, &session, &event).await;
        Self { who, speaker, tools, prompts, cursors, session, event }
    }

    async fn hears(&self, Question { method, params, echo }: &Question) -> Heard {
        heard(&self.speaker.answer(method, params.clone()).await, echo)
    }

    /// Everything that can be asked with anybody's id of a session.
    fn with_session(&self, session: &str) -> Vec<Call> {
        let Speaker { client, token, revision, .. } = &self.speaker;
        let within = Speaker { client, token: token.clone(), revision, session: Some(session.to_owned()) };
        let call = json!({ "name": "whoami", "arguments": {} });
        let mut calls = vec![
            within.ask("tools/list", json!({})),
            within.ask("tools/call", call),
            within.ask("prompts/list", json!({})),
            within.ask("ping", json!({})),
            within.ask("logging/setLevel", json!({ "level": "debug" })),
        ];
        if within.is_stateless() {
            return calls.into_iter().map(|call| call.header("Mcp-Session-Id", session)).collect();
        }
        let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } });
        let answer = json!({ "jsonrpc": "2.0", "id": 0, "result": { "action": "accept" } });
        let batch = json!([{ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }]);
        calls.extend([cancel, answer, batch].map(|body| within.post(body.to_string())));
        let of_session = |method: &str| {
            let call = client.method(method, "/mcp").token(token).header("Mcp-Session-Id", session);
            call.header("Accept", "text/event-stream")
        };
        calls.extend([of_session("GET"), of_session("GET").header("Last-Event-ID", "0/0"), of_session("DELETE")]);
        calls
    }

    /// What this person's own session resumes after an event.
    async fn resumes(&self, own: &str, event: &str) -> Heard {
        let call = self.speaker.client.method("GET", "/mcp").token(&self.speaker.token).header("Mcp-Session-Id", own);
        heard(&call.header("Accept", "text/event-stream").header("Last-Event-ID", event).send().await, "")
    }
}

/// What of one person's another asks for, and how often that was compared.
#[derive(Default)]
struct Compared(BTreeMap<&'static str, usize>);

impl Compared {
    /// `theirs`, in the hands of somebody who does not have it, is `nobodys`; to whom it belongs it is something.
    async fn same(
        &mut self,
        kind: &'static str,
        (one, owner): (&Someone<'_>, &Someone<'_>),
        theirs: &Question,
        nobodys: &Question,
    ) {
        let what = format!("{} asks {} {} of {}", one.who.name, theirs.method, theirs.params, owner.who.name);
        let answers = (one.hears(theirs).await, one.hears(nobodys).await);
        assert_eq!(answers.0, answers.1, "{what}");
        let unserved = answers.1.2.iter().any(|text| text.contains("-32601"));
        // To end what one never began is answered alike to everybody.
        if !unserved && theirs.method != "resources/unsubscribe" {
            let own = (owner.hears(theirs).await, owner.hears(nobodys).await);
            // Rows of a dataset that cannot tell that they changed are refused unseen, those that are there and those that are not.
            if !own.1.2.iter().any(|text| text.contains("cannot be subscribed to")) {
                assert_ne!(own.0, own.1, "{what}: there is nothing to hide");
                *self.0.entry(kind).or_default() += 1;
            }
        }
    }
}

async fn compare(revision: &'static str) {
    let server = Server::demo().await;
    let tables = Tables::read(&server.directory).await;
    let mut people = Vec::new();
    for who in PEOPLE.iter().chain([&ADA_ELSEWHERE]) {
        people.push(Someone::begin(&server, who, revision).await);
    }
    let mut compared = Compared::default();
    for one in &people {
        for other in people.iter().filter(|other| other.who.name != one.who.name) {
            let pair = (one, other);
            for (dataset, _) in DATASETS.into_iter().filter(|(dataset, _)| has(other.who, dataset)) {
                let (own, theirs) = (tables.seen(one.who, dataset), tables.seen(other.who, dataset));
                // One that does not begin the key of a row of one's own, which could be completed from it.
                let begins = |key: &&String| {
                    let first = key.split_once('/').map_or(key.as_str(), |(first, _)| first);
                    !own.iter().any(|own| own.starts_with(first))
                };
                let Some(key) = theirs.difference(&own).find(begins) else { continue };
                let stateless = revision == STATELESS;
                let asked = about_row(dataset, key, stateless);
                for (theirs, nobodys) in asked.iter().zip(&about_row(dataset, nobodys(dataset), stateless)) {
                    // Whoever sees no prompt asks for one that is not there, row or no row.
                    if other.prompts || !theirs.params.to_string().contains("review_document") {
                        compared.same("row", pair, theirs, nobodys).await;
                    }
                }
            }
            for hidden in other.tools.difference(&one.tools) {
                compared.same("tool", pair, &about_name("tool", hidden), &about_name("tool", "no_such_tool")).await;
            }
            if other.prompts && !one.prompts {
                for kind in ["prompt", "prompt's argument"] {
                    let none = about_name(kind, "no_such_prompt");
                    compared.same("prompt", pair, &about_name(kind, "review_document"), &none).await;
                }
            }
            for (dataset, key) in DATASETS.into_iter().filter(|(name, _)| has(other.who, name) && !has(one.who, name)) {
                if key == ["id"] {
                    let (theirs, none) = (about_name("template", dataset), about_name("template", "no_such_dataset"));
                    compared.same("template", pair, &theirs, &none).await;
                }
            }
            for (method, params, cursor) in &other.cursors {
                let questions = (with_cursor(method, params, cursor), with_cursor(method, params, "AAAA"));
                compared.same("cursor", pair, &questions.0, &questions.1).await;
            }
            let what = format!("{} in a session of {}", one.who.name, other.who.name);
            for (theirs, garbage) in one.with_session(&other.session).into_iter().zip(one.with_session("garbage")) {
                assert_eq!(heard(&theirs.send().await, ""), heard(&garbage.send().await, ""), "{what}");
            }
            let fresh = Speaker::begin(&server.client, one.speaker.token.clone(), "2025-11-25").await;
            let own = last_event(&server, &fresh, 1).await;
            assert_ne!(own, other.event, "the session has no such event of its own");
            let fresh = fresh.session.unwrap();
            let resumed = (one.resumes(&fresh, &other.event).await, one.resumes(&fresh, "4000").await);
            assert_eq!(resumed.0, resumed.1, "{} resumes a stream of {}", one.who.name, other.who.name);
        }
    }
    for someone in &people {
        let alive =
            someone.speaker.answer("tools/call", json!({ "name": "whoami", "arguments": {} })).await.structured();
        assert_eq!(alive["external_user_id"], someone.who.user(), "and nobody's session was ended");
    }
    let Compared(compared) = compared;
    for (kind, least) in [("row", 300), ("tool", 100), ("prompt", 10), ("template", 20), ("cursor", 60)] {
        assert!(compared[kind] >= least, "{kind} was compared {} times only", compared[kind]);
    }
}

macro_rules! revisions {
    ($($name:ident: $revision:literal;)*) => {
        $(#[tokio::test]
        async fn $name() {
            compare($revision).await;
        })*

        #[test]
        fn every_revision_is_compared() {
            assert_eq!([$($revision),*], REVISIONS);
        }
    };
}

revisions! {
    what_one_person_holds_is_garbage_to_another_in_2024_11_05: "2024-11-05";
    what_one_person_holds_is_garbage_to_another_in_2025_03_26: "2025-03-26";
    what_one_person_holds_is_garbage_to_another_in_2025_06_18: "2025-06-18";
    what_one_person_holds_is_garbage_to_another_in_2025_11_25: "2025-11-25";
    what_one_person_holds_is_garbage_to_another_in_2026_07_28: "2026-07-28";
}
