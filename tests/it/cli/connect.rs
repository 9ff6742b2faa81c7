//! `connect`: rmcp's client, in the binary, against the server, in the binary, with a person in between.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::process::{Running, Said, bailiwick, run, wait_until};
use crate::support::browser::{Browser, form, parameters};
use crate::support::client::Answer;

/// A demo in a process of its own.
struct Demo {
    running: Running,
    files: TempDir,
}

impl Demo {
    fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        let running = Running::start(files.path(), &["demo", "--dir", ".", "--rows", "100"]);
        Self { running, files }
    }

    fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.running.port)
    }

    /// `connect` with these further arguments.
    fn connect(&self, arguments: &[&str]) -> Connecting {
        let url = format!("{}/mcp", self.base());
        let mut command = bailiwick(self.files.path(), &["connect", &url]);
        command.args(arguments);
        Connecting::start(command)
    }

    /// A person goes to the address, signs in and decides; gives the last page that they see.
    async fn decide(&self, address: &str, decision: &str) -> Answer {
        let browser = Browser::new(&self.base());
        let next = browser.get(address).await.header("location").to_owned();
        let page = browser.get(&next).await;
        let password = fs::read_to_string(self.files.path().join("password.txt")).unwrap();
        let sign_in =
            form(&page.text, "/sign-in").with("account", "ada@acme.example").with("password", password.trim());
        let next = browser.submit("/sign-in", &sign_in).await.header("location").to_owned();
        let page = browser.get(&next).await;
        let decided = browser.submit("/consent", &form(&page.text, "/consent").with("decision", decision)).await;
        browser.get(decided.handed_over()).await
    }
}

/// A `connect` that waits for a person.
pub(crate) struct Connecting {
    child: Child,
    words: BufReader<std::process::ChildStderr>,
    told: String,
}

impl Connecting {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let words = BufReader::new(child.stderr.take().unwrap());
        Self { child, words, told: String::new() }
    }

    /// Reads until it tells of this step; gives what it says of it.
    pub(crate) fn until(&mut self, step: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.words.read_line(&mut line).unwrap(), 0, "it ended without `{step}`: {}", self.told);
            self.told.push_str(&line);
            if let Some(what) = line.strip_prefix(step) {
                return what.trim().to_owned();
            }
        }
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Said {
        self.words.read_to_string(&mut self.told).unwrap();
        let output = self.child.wait_with_output().unwrap();
        Said { err: self.told, ..Said::from(output) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_signs_in_and_a_tool_answers_in_their_name() {
    let demo = Demo::start();
    let mut connecting = demo.connect(&["whoami", "--no-browser"]);
    assert!(connecting.until("discovered").starts_with(&format!("{}, named by", demo.base())));
    assert!(!connecting.until("registered").is_empty());
    let address = connecting.until("sign in at");
    let asked = parameters(&address);
    assert_eq!(asked["resource"], format!("{}/mcp", demo.base()));
    assert_eq!(asked["code_challenge_method"], "S256");
    connecting.until("waiting");

    let page = demo.decide(&address, "allow").await;
    assert!(page.status == 200 && page.text.contains("Signed in"), "{page:?}");
    assert!(page.text.contains("--ground:"), "it looks like the pages of the server");
    let said = connecting.end();
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("signed in    with the scopes mcp:read"), "{}", said.err);
    let who: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((who["external_user_id"].as_str(), who["tenant"].as_str()), (Some("ada@acme.example"), Some("acme")));
    for secret in ["eyJ", "blw_ac_", "blw_rt_"] {
        assert!(!said.out.contains(secret) && !said.err.contains(secret), "{secret}: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_client_lists_the_tools_and_what_is_asked_badly_is_said() {
    let demo = Demo::start();
    let known = ["--client-id", "demo-client", "--no-browser", "--scope", "mcp:read"];
    let mut connecting = demo.connect(&known);
    let address = connecting.until("sign in at");
    demo.decide(&address, "allow").await;
    let said = connecting.end();
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!said.err.contains("registered"), "{}", said.err);
    assert!(said.out.lines().any(|line| line.starts_with("search_documents ")), "{}", said.out);

    for (arguments, code, words) in [
        (&["count_document"][..], 1, "there is no tool `count_document` for you; did you mean `count_documents`?"),
        (&["list_documents", "--arguments", r#"{"limit": "many"}"#], 1, "refused      list_documents"),
        (&["count_documents", "--json"], 0, "answered     count_documents"),
    ] {
        let mut connecting = demo.connect(&[arguments, &known].concat());
        let address = connecting.until("sign in at");
        demo.decide(&address, "allow").await;
        let said = connecting.end();
        assert_eq!(said.code, code, "{said:?}");
        assert!(said.err.contains(words), "{}", said.err);
        if code == 0 {
            let answer: Value = serde_json::from_str(&said.out).unwrap();
            assert!(answer["structuredContent"]["count"].is_number(), "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_says_no_is_heard_and_whoever_was_not_asked_is_not() {
    let demo = Demo::start();
    let mut connecting = demo.connect(&["--no-browser"]);
    let address = connecting.until("sign in at");
    let back = parameters(&address)["redirect_uri"].clone();
    connecting.until("waiting");
    let stranger = Browser::new(&demo.base());
    let origin = back.trim_end_matches("/callback");
    for (path, status) in
        [("/callback?code=stolen&state=guessed", 400), ("/callback?error=access_denied", 400), ("/favicon.ico", 404)]
    {
        let answer = stranger.get(&format!("{origin}{path}")).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(!answer.text.contains("stolen"), "{answer:?}");
    }
    let page = demo.decide(&address, "deny").await;
    assert!(page.text.contains("Not allowed"), "{page:?}");
    let said = connecting.end();
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
    assert!(said.err.contains("error: the authorization server answered `access_denied`"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_browser_is_opened_and_not_waited_for() {
    let demo = Demo::start();
    let bin = tempfile::tempdir().unwrap();
    let opened = bin.path().join("opened");
    for name in ["xdg-open", "open"] {
        let script =
            format!("#!/bin/sh\nprintf '%s' \"$1\" > '{0}.new' && /bin/mv '{0}.new' '{0}'\n", opened.display());
        let path = bin.path().join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let url = format!("{}/mcp", demo.base());
    let mut command = bailiwick(demo.files.path(), &["connect", &url, "count_documents"]);
    command.env("PATH", bin.path());
    let connecting = Connecting::start(command);
    wait_until("the browser is opened", async || opened.exists()).await;
    demo.decide(&fs::read_to_string(&opened).unwrap(), "allow").await;
    let said = connecting.end();
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with("{\"count\":"), "{}", said.out);

    let empty = tempfile::tempdir().unwrap();
    let mut command = bailiwick(demo.files.path(), &["connect", &url]);
    command.env("PATH", empty.path());
    let mut connecting = Connecting::start(command);
    let address = connecting.until("sign in at");
    assert!(connecting.until("no browser").contains("open the address above"));
    demo.decide(&address, "deny").await;
    connecting.end();
}

#[test]
fn each_step_that_cannot_be_taken_says_so_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let refuses = |arguments: &[&str], code: i32, words: &[&str]| {
        let said = run(directory.path(), &[&["connect"], arguments].concat());
        assert_eq!((said.code, said.out.as_str()), (code, ""), "{arguments:?}: {said:?}");
        for word in words {
            assert!(said.err.contains(word), "{arguments:?}: `{word}` is not in {}", said.err);
        }
    };
    refuses(&["mcp.acme.example"], 2, &["<URL>"]);
    refuses(&["http://mcp.acme.example/mcp"], 1, &["is not encrypted", "hint: use https"]);
    refuses(&["http://127.0.0.1:9/mcp"], 1, &["could not be found", "127.0.0.1:9", "hint: is this the address"]);
    refuses(&["http://127.0.0.1:9/mcp", "--address", "0.0.0.0"], 1, &["comes back to 127.0.0.1 only"]);
    refuses(&["http://127.0.0.1:9/mcp", "--config", "x.toml"], 1, &["reads no configuration"]);
    refuses(&["http://127.0.0.1:9/mcp", "t", "--arguments", "[1]"], 1, &["`[1]`", "JSON object"]);
    refuses(&["http://127.0.0.1:9/mcp", "--arguments", "{}"], 2, &["<TOOL>"]);
    refuses(&["http://127.0.0.1:9/mcp", "--client-id", "a", "--client-secret-file", "none"], 1, &["`none`"]);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    refuses(&["http://127.0.0.1:9/mcp", "--port", &port], 1, &["cannot listen on", "hint: leave --port out"]);
}

#[test]
fn a_server_without_sign_in_and_one_without_registration_are_told_apart() {
    let directory = super::demo::prepared();
    let settings = directory.path().join("bailiwick.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let closed = text.replace("registration = \"open\"", "registration = \"off\"");
    assert_ne!(closed, text);
    fs::write(&settings, &closed).unwrap();
    let running = Running::start(directory.path(), &["serve"]);
    let said = at(directory.path(), running.port, &["--no-browser"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("did not register this client"), "{}", said.err);
    assert!(said.err.contains("hint: make it known there"), "{}", said.err);

    let patient = at(directory.path(), running.port, &["--no-browser", "--client-id", "a", "--timeout", "1"]);
    assert_eq!(patient.code, 1);
    assert!(patient.err.contains("nobody came back from the browser within 1 s"), "{}", patient.err);

    drop(running);
    fs::write(&settings, closed.replace("[oauth]\nenabled = true", "[oauth]\nenabled = false")).unwrap();
    let running = Running::start(directory.path(), &["serve"]);
    let said = at(directory.path(), running.port, &["--no-browser"]);
    assert_eq!((said.code, said.err.contains("discovered")), (1, false), "{said:?}");
    assert!(said.err.contains("could not be found\n"), "{}", said.err);
}

fn at(directory: &Path, port: u16, arguments: &[&str]) -> Said {
    let url = format!("http://127.0.0.1:{port}/mcp");
    run(directory, &[&["connect", &url], arguments].concat())
}
