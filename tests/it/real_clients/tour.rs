//! Every client that others have written does what there is to do as two people: it lists, calls, reads, prompts and completes,
//! and each person gets their own answers, as the raw tables have them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::sdks::{installed, program, script};
use crate::isolation::{DATASETS, PEOPLE, Tables, Who, has};
use crate::support::chromium::skipped;
use crate::support::server::Server;
use crate::support::world::edit;

/// What one person must get, whichever client asks.
struct Expected {
    who: &'static Who,
    tools: BTreeSet<String>,
    resources: BTreeSet<String>,
    documents: BTreeSet<String>,
    /// A document of this person's, its text, and one that only the other person sees.
    own: String,
    text: String,
    hidden: String,
}

/// Two people whose answers differ in everything.
struct Pair {
    server: Server,
    expected: [Expected; 2],
}

fn document(id: &str) -> String {
    format!("bailiwick://documents/{id}")
}

impl Pair {
    async fn start() -> Self {
        let server = Server::demo_with(|directory| {
            edit(&directory.join("bailiwick.toml"), "[server]\n", "[mcp]\nlegacy_sse = true\n\n[server]\n");
        })
        .await;
        let tables = Tables::read(&server.directory).await;
        // Two members of one company, of whom each sees what the other does not.
        let people = [&PEOPLE[0], &PEOPLE[1]];
        let mut expected = Vec::new();
        for (who, other) in [(people[0], people[1]), (people[1], people[0])] {
            let documents = tables.seen(who, "documents");
            let own = documents.difference(&tables.seen(other, "documents")).next().unwrap().clone();
            let hidden = tables.seen(other, "documents").difference(&documents).next().unwrap().clone();
            let token = server.token(who.name);
            let row = server.client.tool("get_documents", json!({ "id": own })).token(&token).send().await.structured();
            let tools = server.client.tools(&token).await.into_iter().collect();
            let mut resources = BTreeSet::from(["static://welcome".to_owned()]);
            for (dataset, _) in DATASETS.into_iter().filter(|(dataset, _)| has(who, dataset)) {
                let keys = tables.seen(who, dataset).into_iter();
                resources.extend(keys.map(|key| format!("bailiwick://{dataset}/{}", key.replace('@', "%40"))));
            }
            let text = row["row"]["body"].as_str().unwrap().to_owned();
            expected.push(Expected { who, tools, resources, documents, own, text, hidden });
        }
        let Ok(expected) = expected.try_into() else { panic!("two people") };
        Self { server, expected }
    }

    /// What the client is told to do.
    fn asked(&self, expected: &Expected, how: &Value) -> Value {
        let path = if how["transport"] == "sse" { "sse" } else { "mcp" };
        let mut asked = json!({
            "url": format!("{}/{path}", self.server.base), "token": self.server.token(expected.who.name), "begin": "1",
            "document": expected.own, "hidden": expected.hidden,
            "read": ["static://welcome", document(&expected.own), document(&expected.hidden), document("99999999")],
        });
        for (name, value) in how.as_object().unwrap() {
            asked[name] = value.clone();
        }
        asked
    }

    /// Runs a client as each of the two, in turn, and looks at what they got.
    async fn tour(&self, revision: &str, mut client: impl FnMut(&Expected) -> Command) {
        for expected in &self.expected {
            let got = json_of(client(expected)).await;
            assert_eq!(got["version"], revision, "{got}");
            looks_like(&got, expected, if revision == "2026-07-28" { -32602 } else { -32002 });
        }
    }
}

/// Runs a command to its end, while the server goes on, and reads what it printed: an error, where it printed nothing else.
async fn json_of(mut command: Command) -> Value {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(!err.contains("Session termination failed"), "{err}");
    let said = if out.is_empty() { &err } else { &out };
    serde_json::from_str(said).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"))
}

fn texts(value: &Value) -> BTreeSet<String> {
    let list = value.as_array().unwrap_or_else(|| panic!("no list: {value}"));
    let texts: BTreeSet<String> = list.iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    assert_eq!(texts.len(), list.len(), "one comes twice: {value}");
    texts
}

fn looks_like(got: &Value, expected: &Expected, not_found: i64) {
    let Expected { who, tools, resources, documents, own, text, hidden } = expected;
    assert_eq!(texts(&got["tools"]), *tools, "{}", who.name);
    assert_eq!(texts(&got["resources"]), *resources, "{}", who.name);
    assert_eq!(texts(&got["templates"]).len(), DATASETS.iter().filter(|(name, _)| has(who, name)).count());
    assert_eq!(got["prompts"], json!(["review_document"]));
    assert_eq!(got["who"]["external_user_id"], who.user(), "{}", got["who"]);
    assert_eq!(got["count"], documents.len());
    let refused = "Not found: there is no such row, or it is not one that this person may see.";
    assert_eq!(got["hidden"], json!([true, refused]));
    assert!(got["read"]["static://welcome"].as_str().unwrap().starts_with("# Welcome"));
    assert_eq!(got["read"][document(own)], *text);
    let unknown = |id: &str| {
        let error = &got["read"][document(id)];
        assert_eq!(error["code"], not_found, "{error}");
        // One client writes the code before the message.
        let message = error["message"].as_str().unwrap();
        assert!(message.ends_with(&format!("Unknown resource: {}", document(id))), "{message}");
        message.replace(&document(id), "…")
    };
    assert_eq!(unknown(hidden), unknown("99999999"), "hidden and not there are one answer");
    assert!(got["prompt"].as_str().unwrap().starts_with("Review “"), "{}", got["prompt"]);
    let begins: BTreeSet<String> = documents.iter().filter(|id| id.starts_with('1')).cloned().collect();
    for completed in got["completed"].as_array().unwrap() {
        let completed = texts(completed);
        assert!(completed == begins || completed.len() == 100 && completed.is_subset(&begins), "{completed:?}");
    }
}

/// The scripts' clients, each over its own way to connect.
async fn scripted(program_of: Option<(PathBuf, Vec<PathBuf>)>, how: Value, revision: &str) {
    let Some((executable, arguments)) = program_of else { return };
    let pair = Pair::start().await;
    pair.tour(revision, |expected| {
        let mut command = program(&executable, &pair.server.directory);
        command.args(&arguments).arg(pair.asked(expected, &how).to_string());
        command
    })
    .await;
}

fn python(package: &str) -> Option<(PathBuf, Vec<PathBuf>)> {
    let python = installed("venv/bin/python", "the MCP clients for Python")?;
    let found = std::fs::read_dir(python.ancestors().nth(2)?.join("lib")).ok()?.flatten();
    if !found.into_iter().any(|version| version.path().join("site-packages").join(package).exists()) {
        skipped(&format!("{package} for Python: .ci/run installs it"));
        return None;
    }
    Some((python, vec![script("tour.py")]))
}

fn typescript(package: &str) -> Option<(PathBuf, Vec<PathBuf>)> {
    let package = installed(&format!("node_modules/{package}/package.json"), package)?;
    Some((installed("node_modules/.bin/node", "node")?, vec![script("tour.mjs"), package]))
}

macro_rules! tours {
    ($($name:ident: $program:expr, $how:tt, $revision:literal;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            scripted($program, json!($how), $revision).await;
        })*
    };
}

tours! {
    python_of_the_old_revisions: python("mcp"), { "client": "mcp", "transport": "http", "mode": "legacy" }, "2025-11-25";
    python_that_finds_out: python("mcp"), { "client": "mcp", "transport": "http", "mode": "auto" }, "2026-07-28";
    python_of_2026: python("mcp"), { "client": "mcp", "transport": "http", "mode": "2026-07-28" }, "2026-07-28";
    python_over_server_sent_events:
        python("mcp"), { "client": "mcp", "transport": "sse", "mode": "legacy" }, "2025-11-25";
    fastmcp_of_the_old_revisions: python("fastmcp"), { "client": "fastmcp", "mode": "legacy" }, "2025-11-25";
    fastmcp_that_finds_out: python("fastmcp"), { "client": "fastmcp", "mode": "auto" }, "2026-07-28";
    typescript_of_the_first_line: typescript("@modelcontextprotocol/sdk"), { "client": "sdk" }, "2025-11-25";
    typescript_of_the_old_revisions:
        typescript("@modelcontextprotocol/client"), { "client": "client", "mode": "legacy" }, "2025-11-25";
    typescript_that_finds_out:
        typescript("@modelcontextprotocol/client"), { "client": "client", "mode": "auto" }, "2026-07-28";
    typescript_of_2026:
        typescript("@modelcontextprotocol/client"), { "client": "client", "mode": "2026-07-28" }, "2026-07-28";
}

/// The bridge from a command to a URL, which desktop clients start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_remote_with_the_client_of_the_first_line() {
    let Some(bridge) = installed("node_modules/mcp-remote/dist/proxy.js", "mcp-remote") else { return };
    let Some((node, arguments)) = typescript("@modelcontextprotocol/sdk") else { return };
    let pair = Pair::start().await;
    for expected in &pair.expected {
        let header = format!("Authorization: Bearer {}", pair.server.token(expected.who.name));
        let url = format!("{}/mcp", pair.server.base);
        let bridge = json!([node, bridge, url, "--transport", "http-only", "--header", header]);
        let mut command = program(&node, &pair.server.directory);
        command.args(&arguments);
        command.arg(pair.asked(expected, &json!({ "client": "command", "command": bridge })).to_string());
        let got = json_of(command).await;
        assert_eq!(got["version"], "bailiwick");
        looks_like(&got, expected, -32002);
    }
}

/// One call of the Inspector's command.
fn inspect(pair: &Pair, (node, inspector): (&Path, &Path), era: &str, person: &Expected, method: &[&str]) -> Command {
    let mut command = program(node, &pair.server.directory);
    command.arg(inspector).arg(format!("{}/mcp", pair.server.base));
    command.args(["--protocol-era", era, "--format", "json", "--header"]);
    command.arg(format!("Authorization: Bearer {}", pair.server.token(person.who.name)));
    command.env("MCP_INSPECTOR_SECRET_STORE", "memory").arg("--method").args(method);
    command
}

/// Its command lists the first page alone, and completes nothing: that of 2.12.0, the newest in November 2026, has a
/// `prompts/complete` and refuses it, because it is for `mcpdo`, which asks through a process of its own that goes on after the test.
/// Everything else is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_inspector_in_both_eras() {
    let path = "node_modules/@modelcontextprotocol/inspector/clients/cli/build/index.js";
    let Some(inspector) = installed(path, "the MCP Inspector") else { return };
    let Some(node) = installed("node_modules/.bin/node", "node") else { return };
    let pair = Pair::start().await;
    for era in ["legacy", "modern"] {
        for expected in &pair.expected {
            let ask = async |method: &[&str]| json_of(inspect(&pair, (&node, &inspector), era, expected, method)).await;
            let names = |list: &Value, name: &str| -> BTreeSet<String> {
                let list = list.as_array().unwrap_or_else(|| panic!("{era}: {list}"));
                list.iter().map(|entry| entry[name].as_str().unwrap().to_owned()).collect()
            };
            let tools = ask(&["tools/list"]).await;
            assert_eq!(names(&tools["result"]["tools"], "name"), expected.tools, "{era}");
            let resources = names(&ask(&["resources/list"]).await["result"]["resources"], "uri");
            assert!(resources.is_subset(&expected.resources) && resources.len() > 50, "{era}: {resources:?}");
            let prompts = ask(&["prompts/list"]).await;
            assert_eq!(names(&prompts["result"]["prompts"], "name"), BTreeSet::from(["review_document".to_owned()]));
            let who = ask(&["tools/call", "--tool-name", "whoami"]).await["result"]["structuredContent"].clone();
            assert_eq!(who["external_user_id"], expected.who.user(), "{era}");
            let read = ask(&["resources/read", "--uri", &document(&expected.own)]).await;
            assert_eq!(read["result"]["contents"][0]["text"], expected.text, "{era}");
            for uri in [document(&expected.hidden), document("99999999")] {
                let read = ask(&["resources/read", "--uri", &uri]).await;
                assert_eq!(read["error"]["message"], format!("Unknown resource: {uri}"), "{era}");
            }
            let with = format!("document={}", expected.own);
            let prompt = ask(&["prompts/get", "--prompt-name", "review_document", "--prompt-args", &with]).await;
            assert!(prompt["result"]["messages"][1]["content"]["resource"]["text"].as_str() == Some(&expected.text));
        }
    }
}
