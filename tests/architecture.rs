//! Holds the shape of the source: the order of layers, the size of files, who may say what.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// From the top of `src/lib.rs` down: a module imports only from modules before it.
const LAYERS: &[&str] = &[
    "model",
    "clock",
    "random",
    "limits",
    "outbound",
    "config",
    "catalog",
    "store",
    "keys",
    "passwords",
    "authn",
    "upstream",
    "policy",
    "authz",
    "oauth",
    "dataset",
    "mcp",
    "http",
    "app",
    "demo",
    "cli",
];

/// What a security reviewer reads first, in lines of code, without tests, comments and blank lines: `authn`, `authz` and what
/// stands between casbin and us. What decides rows and columns the README names after it.
const AUTHORIZATION_PATH: usize = 700;

/// Where a file should have been divided.
const LONGEST_FILE: usize = 400;

fn sources() -> BTreeMap<PathBuf, String> {
    fn walk(directory: &Path, found: &mut BTreeMap<PathBuf, String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.insert(path, text);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found
}

fn relative(path: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    path.strip_prefix(root).unwrap().to_string_lossy().into_owned()
}

/// The layer that a file belongs to: `policy/files.rs` and `policy/mod.rs` to `policy`, `clock.rs` to `clock`.
fn layer(path: &str) -> Option<usize> {
    let first = path.split('/').next().unwrap().trim_end_matches(".rs");
    LAYERS.iter().position(|layer| *layer == first)
}

fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("/tests/")
}

/// The code of a file before its test module.
fn production(text: &str) -> &str {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    &text[..end]
}

fn is_code(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//")
}

#[test]
fn a_module_imports_only_from_modules_above_it() {
    for (path, text) in sources() {
        let path = relative(&path);
        let Some(own) = layer(&path) else {
            assert!(
                matches!(path.as_str(), "lib.rs" | "main.rs"),
                "{path} is in no layer; add it to LAYERS and to lib.rs"
            );
            continue;
        };
        if is_test(&path) {
            continue;
        }
        for (number, line) in production(&text).lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            assert!(
                !line.contains("crate::{"),
                "{path}:{}: import each module by itself, so that its layer shows",
                number + 1
            );
            for used in line.match_indices("crate::").map(|(at, found)| &line[at + found.len()..]) {
                let name: String = used.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                if let Some(other) = LAYERS.iter().position(|layer| *layer == name) {
                    assert!(other <= own, "{path}:{}: `{}` imports from `{name}`, below it", number + 1, LAYERS[own]);
                }
            }
        }
    }
}

#[test]
fn the_map_in_lib_rs_is_the_order_of_layers() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let declared: Vec<_> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(declared, LAYERS);
}

#[test]
fn files_stay_readable() {
    let long: Vec<_> = sources()
        .into_iter()
        .filter(|(path, _)| !is_test(&relative(path)))
        .map(|(path, text)| (relative(&path), production(&text).lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .collect();
    assert!(long.is_empty(), "divide these: {long:?}");
}

#[test]
fn the_authorization_path_is_an_hours_reading() {
    let lines: Vec<_> = sources()
        .into_iter()
        .map(|(path, text)| (relative(&path), production(&text).lines().filter(|line| is_code(line)).count()))
        .filter(|(path, _)| {
            !is_test(path) && (path.starts_with("authn/") || path.starts_with("authz/") || path == "policy/enforcer.rs")
        })
        .collect();
    let total: usize = lines.iter().map(|(_, lines)| lines).sum();
    assert!(total <= AUTHORIZATION_PATH, "{total} lines, {AUTHORIZATION_PATH} are allowed: {lines:#?}");
}

/// Each word, and the only places that may say it.
const WORDS: &[(&str, &[&str])] = &[
    ("sqlx::", &["store/", "dataset/", "demo/"]),
    ("poem::", &["http/", "demo/", "app/"]),
    ("rmcp::", &["mcp/", "http/", "app/", "cli/connect/"]),
    ("casbin::", &["policy/"]),
    ("AssertSqlSafe", &["dataset/", "store/", "demo/"]),
    ("anyhow", &["cli/", "main.rs"]),
    ("std::env::", &["config/", "main.rs", "cli/"]),
    ("dataset::preview", &["cli/", "dataset/"]),
    ("crate::demo", &["demo/", "cli/"]),
    ("RowScope::of", &["authz/action.rs"]),
    ("Authorized::redeem", &["authz/gate.rs"]),
    (".rule(Ask", &["authz/gate.rs"]),
];

#[test]
fn words_stay_where_they_belong() {
    for (path, text) in sources() {
        let path = relative(&path);
        if is_test(&path) {
            continue;
        }
        for (number, line) in production(&text).lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for (word, places) in WORDS {
                let allowed = !line.contains(word) || places.iter().any(|place| path.starts_with(place));
                assert!(allowed, "{path}:{}: `{word}` belongs to {places:?}", number + 1);
            }
        }
    }
}

#[test]
fn no_module_is_a_junk_drawer() {
    for path in sources().keys() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let folder = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        for bad in ["utils", "util", "helpers", "common", "manager", "misc", "types"] {
            assert!(name != bad && folder != bad, "{}: name it by what it is", relative(path));
        }
    }
}
