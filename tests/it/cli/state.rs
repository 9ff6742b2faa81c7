//! `migrate`, `account`, `client` and `key` without a server: what they make, what they say, what they refuse.

use std::fs;
use std::path::Path;

use super::process::{Said, run, run_with};

/// A configuration of one tenant, with the authorization server on.
const CONFIGURATION: &str = r#"
[oauth]
enabled = true
[[issuer]]
name = "blockbrain"
preset = "blockbrain"
audience = "337063032028900000"
clients = ["373051238587049311"]
[[tenant]]
name = "acme"
issuer = "blockbrain"
organisations = ["337063032028925795"]
"#;

fn configured() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("bailiwick.toml"), CONFIGURATION).unwrap();
    directory
}

#[track_caller]
fn done(directory: &Path, arguments: &[&str]) -> String {
    let Said { code, out, err } = run(directory, arguments);
    assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}: {out}");
    out
}

#[track_caller]
fn refused(directory: &Path, arguments: &[&str]) -> String {
    let Said { code, out, err } = run(directory, arguments);
    assert_eq!((code, out.as_str()), (1, ""), "{arguments:?}: {err}");
    err
}

#[test]
fn migrate_makes_what_is_missing_and_says_what_it_found() {
    let directory = configured();
    let first = done(directory.path(), &["migrate"]);
    let lines: Vec<_> = first.lines().collect();
    assert_eq!(lines.len(), 2, "{first}");
    assert!(lines[0].starts_with("audit  ") && lines[0].contains("made, with schema version "), "{first}");
    assert!(lines[1].starts_with("state  ") && lines[1].contains("made, with schema version "), "{first}");
    for file in ["audit.db", "state.db"] {
        assert!(directory.path().join(file).is_file(), "{file}");
    }
    let again = done(directory.path(), &["migrate"]);
    assert_eq!(again.matches("is up to date: schema version ").count(), 2, "{again}");
}

#[test]
fn migrate_leaves_alone_what_is_not_ours() {
    let directory = configured();
    fs::write(directory.path().join("state.db"), "not a database, but long enough to be taken for one ".repeat(40))
        .unwrap();
    let said = refused(directory.path(), &["migrate"]);
    assert!(said.contains("state.db` is not a SQLite database; move it away, or name another path"), "{said}");

    let off = configured();
    fs::write(off.path().join("bailiwick.toml"), CONFIGURATION.replace("enabled = true", "enabled = false")).unwrap();
    assert_eq!(done(off.path(), &["migrate"]).lines().count(), 1);
    assert!(!off.path().join("state.db").exists());
}

#[cfg(unix)]
#[test]
fn the_state_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = configured();
    done(directory.path(), &["migrate"]);
    let mode = fs::metadata(directory.path().join("state.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn secrets_are_printed_once_and_kept_nowhere() {
    let directory = configured();
    let made = done(directory.path(), &["client", "create", "Portal", "--redirect-uri", "https://app.example/cb"]);
    let after = |text: &str, label: &str| {
        text.lines().find_map(|line| line.strip_prefix(label)).unwrap_or_else(|| panic!("{label}: {text}")).to_owned()
    };
    let (id, secret) = (after(&made, "client id: "), after(&made, "client secret: "));
    assert!(id.starts_with("blw-") && secret.starts_with("blw_cs_"), "{made}");
    assert!(made.contains("not shown again"), "{made}");
    let account = ["account", "create", "ada@acme.example", "--tenant", "acme", "--generate"];
    let password = after(&done(directory.path(), &account), "password: ");

    let shown = [
        done(directory.path(), &["client", "list"]),
        done(directory.path(), &["client", "show", &id]),
        done(directory.path(), &["account", "list"]),
    ]
    .concat();
    assert!(shown.contains("Portal") && shown.contains("ada@acme.example"), "{shown}");
    let mut stored = Vec::new();
    for file in fs::read_dir(directory.path()).unwrap() {
        stored.extend(fs::read(file.unwrap().path()).unwrap());
    }
    for secret in [secret, password] {
        assert!(!shown.contains(&secret), "{shown}");
        assert!(!stored.windows(secret.len()).any(|window| window == secret.as_bytes()), "it is in a file");
    }
}

#[test]
fn a_password_is_read_from_standard_input_and_must_be_long() {
    let directory = configured();
    let create = ["account", "create", "ada@acme.example", "--tenant", "acme"];
    let short = run_with(directory.path(), &create, "short\n");
    assert_eq!((short.code, short.out.as_str()), (1, ""));
    assert!(short.err.contains("the password has 5 characters; at least 15 are needed"), "{}", short.err);
    assert_eq!(done(directory.path(), &["account", "list"]), "");
    let made = run_with(directory.path(), &create, "correct horse battery\r\n");
    assert_eq!((made.code, made.err.as_str()), (0, ""));
    assert!(!made.out.contains("horse"), "{}", made.out);
    let listed = done(directory.path(), &["account", "list"]);
    assert!(listed.starts_with("acme  ada@acme.example  -  "), "{listed}");
    let id = listed.split_whitespace().last().unwrap();
    assert!(made.out.contains(&format!("subject:bailiwick/{id} only")), "{}", made.out);

    assert_eq!(done(directory.path(), &["account", "disable", "ADA@acme.example"]).lines().count(), 1);
    assert!(done(directory.path(), &["account", "list"]).contains("disabled since "));
    assert!(done(directory.path(), &["account", "disable", "ada@acme.example"]).contains("was disabled already"));
    let nobody = refused(directory.path(), &["account", "disable", "eve"]);
    assert!(nobody.contains("no account `eve`; `bailiwick account list`"), "{nobody}");
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_made() {
    let directory = configured();
    let uri = run(directory.path(), &["client", "create", "x", "--redirect-uri", "https://app.example/cb#x"]);
    assert_eq!(uri.code, 2);
    assert!(uri.err.contains("the redirect URI has a fragment (`#`); leave it out"), "{}", uri.err);
    let none = run(directory.path(), &["client", "create", "x"]);
    assert!(none.code == 1 && none.err.contains("--redirect-uri"), "{}", none.err);
    let tenant = ["account", "create", "a", "--tenant", "acmee", "--generate"];
    let said = refused(directory.path(), &tenant);
    assert!(said.contains("no `[[tenant]]` is called `acmee`; did you mean `acme`?"), "{said}");
    let keys = refused(directory.path(), &["key", "rotate"]);
    assert!(keys.contains("there are no signing keys yet; the server makes them"), "{keys}");
    for list in [["client", "list"], ["account", "list"], ["key", "list"]] {
        assert_eq!(done(directory.path(), &list), "", "{list:?}");
    }
}

#[test]
fn where_the_server_is_off_that_is_said() {
    let directory = configured();
    fs::write(directory.path().join("bailiwick.toml"), CONFIGURATION.replace("enabled = true", "enabled = false"))
        .unwrap();
    let made =
        done(directory.path(), &["client", "create", "x", "--redirect-uri", "https://app.example/cb", "--public"]);
    assert!(made.contains("write `enabled = true` into `[oauth]`") && !made.contains("secret"), "{made}");
}

#[test]
fn to_look_at_a_token_makes_no_file() {
    let directory = configured();
    let said = run_with(directory.path(), &["token", "inspect"], "e30.e30.e30");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("note: `") && said.out.contains("state.db` does not exist"), "{said:?}");
    assert!(!directory.path().join("state.db").exists());
}
