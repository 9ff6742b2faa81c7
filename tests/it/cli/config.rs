//! `--help`, `config`, and what the commands say when something is not in order.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::demo::prepared;
use super::process::{Said, bailiwick, matches_snapshot, run};

#[test]
fn help_says_what_there_is() {
    let directory = tempfile::tempdir().unwrap();
    let help = run(directory.path(), &["--help"]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    matches_snapshot("help.txt", &help.out);
    let bare = run(directory.path(), &[]);
    assert_eq!((bare.code, bare.out.as_str()), (2, ""));
    assert!(bare.err.contains("demo "), "{}", bare.err);
    let typo = run(directory.path(), &["srve"]);
    assert_eq!(typo.code, 2);
    assert!(typo.err.contains("a similar subcommand exists: 'serve'"), "{}", typo.err);
}

#[test]
fn without_a_configuration_every_command_says_what_to_do_next() {
    let directory = tempfile::tempdir().unwrap();
    for command in [
        &["serve"][..],
        &["config", "check"],
        &["policy", "check"],
        &["policy", "matrix"],
        &["audit", "tail"],
        &["token", "inspect"],
    ] {
        let said = run(directory.path(), command);
        let code = if command[0] == "policy" { 2 } else { 1 };
        assert_eq!((said.code, said.out.as_str()), (code, ""), "{command:?}");
        assert!(said.err.starts_with("error: bailiwick.toml: there is no such file\nhint: "), "{}", said.err);
        assert!(said.err.contains("`bailiwick demo`") && said.err.contains("`bailiwick config defaults`"));
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn the_printed_defaults_are_a_file_to_begin_with() {
    let directory = tempfile::tempdir().unwrap();
    let defaults = run(directory.path(), &["config", "defaults"]);
    assert_eq!((defaults.code, defaults.out.as_str()), (0, bailiwick::config::DEFAULTS));
    fs::write(directory.path().join("bailiwick.toml"), &defaults.out).unwrap();
    let check = run(directory.path(), &["config", "check"]);
    assert_eq!(check.code, 1);
    assert!(check.err.contains("no `[[issuer]]` is declared"), "only that is missing: {}", check.err);
    let presets = run(directory.path(), &["config", "defaults", "--presets"]);
    assert!(presets.code == 0 && presets.out.contains("https://auth.theblockbrain.ai"), "{presets:?}");
}

#[test]
fn the_configuration_is_shown_with_its_origins_and_without_its_secrets() {
    const SECRET: &str = "s3cret-that-nobody-may-see";
    let directory = prepared();
    fs::write(directory.path().join(".env"), format!("OAUTH_CLIENT_ID=ours\nOAUTH_CLIENT_SECRET={SECRET}\n")).unwrap();
    let check = |more: &[&str]| {
        let arguments = [&["config", "check", "--log-level", "warn"], more].concat();
        let output = bailiwick(directory.path(), &arguments).env("BAILIWICK_AUDIT_QUEUE", "99").output().unwrap();
        super::process::Said::from(output)
    };
    let text = check(&[]);
    assert_eq!((text.code, text.err.as_str()), (0, ""));
    let line = |key: &str| text.out.lines().find(|line| line.starts_with(key)).unwrap();
    assert!(line("server.port ").contains("bailiwick.toml:"), "{}", text.out);
    assert!(line("server.body_limit ").ends_with("default"), "{}", text.out);
    assert!(line("audit.queue ").ends_with("environment BAILIWICK_AUDIT_QUEUE"), "{}", text.out);
    assert!(line("log.level ").ends_with("--log-level"), "{}", text.out);
    assert!(line("issuer.demo.token_types ").ends_with("preset zitadel"), "{}", text.out);
    assert!(line("oauth.client_secret ").ends_with(".env:2 OAUTH_CLIENT_SECRET"), "{}", text.out);
    assert!(line("oauth.client_secret ").contains("[secret]"), "{}", text.out);
    let json = check(&["--json"]);
    let value: Value = serde_json::from_str(&json.out).unwrap();
    let settings = value["settings"].as_array().unwrap();
    let queue = settings.iter().find(|setting| setting["key"] == "audit.queue").unwrap();
    assert_eq!(
        (queue["value"].as_str(), queue["from"].as_str()),
        (Some("99"), Some("environment BAILIWICK_AUDIT_QUEUE"))
    );
    assert_eq!(value["tenants"][0]["name"], "acme");
    assert_eq!(value["datasets"].as_array().unwrap().len(), 5);
    for said in [text, json] {
        assert!(!said.out.contains(SECRET) && !said.err.contains(SECRET));
    }
}

/// Runs a command over the demo's files after a change; it must fail, and say this.
#[track_caller]
fn refused(change: impl FnOnce(&Path), command: &[&str], expected: &[&str]) {
    let directory = prepared();
    change(directory.path());
    let said = run(directory.path(), command);
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
    assert!(said.err.starts_with("error: "), "{}", said.err);
    for part in expected {
        assert!(said.err.contains(part), "{part:?} is not in\n{}", said.err);
    }
}

fn edit(directory: &Path, file: &str, from: &str, to: &str) {
    let path = directory.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from:?} is not in {file}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn what_is_not_in_order_is_named_with_what_would_be_right() {
    let toml = "bailiwick.toml";
    let serve: &[&str] = &["serve", "--port", "0"];
    refused(
        |d| edit(d, toml, "port = ", "prot = "),
        &["config", "check"],
        &["did you mean `port`?", "bailiwick.toml:"],
    );
    refused(
        |d| edit(d, toml, "sqlite:company.db", "postgres://u:pw-secret@db/company"),
        &["config", "check"],
        &["`sqlite:` and the path of a file", "PostgreSQL is to come"],
    );
    refused(|d| edit(d, toml, "title = {", "titel = {"), &["config", "check"], &["did you mean `titel`?"]);
    refused(|d| fs::remove_file(d.join("company.db")).unwrap(), serve, &["there is no database at", "company.db"]);
    refused(
        |d| edit(d, toml, "name = \"people\"", "name = \"people\"\ntable = \"peple\""),
        serve,
        &["dataset `people`: the database has no table or view `peple`; did you mean `people`?"],
    );
    refused(
        |d| edit(d, toml, "customer = { type", "custmer = { type"),
        serve,
        &["dataset `invoices`", "custmer", "customer"],
    );
    refused(
        |d| edit(d, "policies/policy.csv", "tool:echo", "tool:ecko"),
        serve,
        &["policy.csv:15:", "there is no tool `ecko`; did you mean `echo`?"],
    );
    refused(
        |d| fs::create_dir(d.join("audit.db")).unwrap(),
        serve,
        &["error: the audit store cannot be opened\n  cause: ", "is a directory; name a file in it"],
    );
    refused(|_| {}, &["audit", "tail"], &["audit.db` does not exist; the server creates it"]);
    refused(|_| {}, &["--config", "elsewhere.toml", "serve"], &["elsewhere.toml: there is no such file"]);
}

#[test]
fn the_database_is_looked_at_as_serve_would() {
    let directory = prepared();
    let check = |more: &[&str]| run(directory.path(), &[&["config", "check"], more].concat());
    let good = check(&[]);
    assert_eq!((good.code, good.err.as_str()), (0, ""), "{good:?}");
    assert!(good.out.contains("company.db: as declared\n"), "{}", good.out);
    let document = |said: &Said| serde_json::from_str::<Value>(&said.out).unwrap()["database"].clone();
    assert_eq!(document(&check(&["--json"]))["refused"], Value::Null);

    edit(directory.path(), "bailiwick.toml", "name = \"people\"", "name = \"people\"\ntable = \"peple\"");
    let wrong = check(&[]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.out.contains("company.db: `serve` would refuse to start\n"), "{}", wrong.out);
    assert!(wrong.out.contains("\nserver.port "), "what is in force is printed all the same: {}", wrong.out);
    let expected = "dataset `people`: the database has no table or view `peple`; did you mean `people`?";
    assert!(wrong.err.starts_with("error: ") && wrong.err.contains(expected), "{}", wrong.err);
    let json = check(&["--json"]);
    assert_eq!(json.code, 1);
    assert!(document(&json)["refused"].as_str().unwrap().contains(expected), "{}", json.out);

    fs::remove_file(directory.path().join("company.db")).unwrap();
    let gone = check(&[]);
    assert!(gone.code == 1 && gone.err.contains("there is no database at"), "{gone:?}");
    let json = document(&check(&["--json"]));
    assert!(json["refused"].as_str().unwrap().contains(": there is no database at"), "{json}");
    let aside = check(&["--without-database"]);
    assert_eq!((aside.code, aside.err.as_str()), (0, ""));
    assert!(!aside.out.contains("as declared") && !aside.out.contains("would refuse"), "{}", aside.out);
    assert_eq!(document(&check(&["--json", "--without-database"])), Value::Null);
}

#[test]
fn a_port_in_use_is_said_with_the_way_out_last() {
    let directory = prepared();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for command in ["serve", "demo"] {
        let said = run(directory.path(), &[command, "--port", &port]);
        assert_eq!(said.code, 1);
        assert!(said.err.starts_with(&format!("error: cannot listen on 127.0.0.1:{port}\n  cause: ")), "{}", said.err);
        assert!(said.err.lines().last().unwrap().starts_with("hint: "), "{}", said.err);
        assert!(!said.err.contains('\u{1b}'), "no colours where there is no terminal");
    }
}

#[test]
fn the_description_of_the_endpoints_is_the_committed_one() {
    let directory = tempfile::tempdir().unwrap();
    let said = run(directory.path(), &["openapi"]);
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/bailiwick.yaml");
    assert_eq!((said.code, said.out), (0, fs::read_to_string(committed).unwrap()));
}
