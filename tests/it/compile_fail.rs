//! The sealed values hold against code inside the crate: each file of `tests/compile_fail` is compiled as a module of a
//! copy of `src/`, because a `pub(crate)` door cannot be seen from outside.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The error codes that the compiler gives each intruder.
fn compile(cases: &[(String, String)]) -> BTreeMap<String, Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copied = tempfile::tempdir().unwrap();
    for folder in ["src", "migrations", "policies", "templates"] {
        copy(&root.join(folder), &copied.path().join(folder));
    }
    for file in ["Cargo.lock", "bailiwick.toml"] {
        fs::copy(root.join(file), copied.path().join(file)).unwrap();
    }
    let mut manifest: toml::Table = fs::read_to_string(root.join("Cargo.toml")).unwrap().parse().unwrap();
    manifest.remove("bench");
    fs::write(copied.path().join("Cargo.toml"), manifest.to_string()).unwrap();

    let intruders = copied.path().join("src/intruders");
    fs::create_dir(&intruders).unwrap();
    let mut list = String::from("//! Modules that must not compile.\n");
    for (name, text) in cases {
        fs::write(intruders.join(format!("{name}.rs")), text).unwrap();
        writeln!(list, "mod {name};").unwrap();
    }
    fs::write(intruders.join("mod.rs"), list).unwrap();
    let lib = copied.path().join("src/lib.rs");
    let text = fs::read_to_string(&lib).unwrap();
    fs::write(&lib, format!("{text}\nmod intruders;\n")).unwrap();

    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["check", "--lib", "--offline", "--message-format=json", "--quiet"])
        .current_dir(copied.path())
        .env("CARGO_TARGET_DIR", target)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!output.stdout.is_empty(), "the compiler was not reached: {words}");
    let mut codes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        let message = &message["message"];
        if message["level"] != "error" {
            continue;
        }
        let Some(file) = message["spans"][0]["file_name"].as_str() else { continue };
        let name = Path::new(file).file_stem().unwrap().to_string_lossy().into_owned();
        codes.entry(name).or_default().push(message["code"]["code"].as_str().unwrap_or_default().to_owned());
    }
    codes
}

#[test]
fn nobody_forges_forgets_or_reuses_a_permit() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail");
    let mut cases = Vec::new();
    let mut expected = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let code = text.lines().next().unwrap().trim_start_matches("//! ").to_owned();
        expected.insert(name.clone(), code);
        cases.push((name, text));
    }
    // The compiler looks for wrong names, then wrong types, then moved values, each only where the step before found
    // nothing: so the cases of each step are compiled apart.
    let mut found = BTreeMap::new();
    let steps: [&[&str]; 4] =
        [&["E0423", "E0603"], &["E0061", "E0277", "E0308", "E0599", "E0624"], &["E0451"], &["E0382", "compiles"]];
    for code in expected.values() {
        assert!(steps.iter().any(|step| step.contains(&code.as_str())), "{code} is in no step");
    }
    for step in steps {
        let of_step = |(name, _): &&(String, String)| step.contains(&expected[name].as_str());
        found.extend(compile(&cases.iter().filter(of_step).cloned().collect::<Vec<_>>()));
    }
    let strangers: Vec<_> = found.keys().filter(|name| !expected.contains_key(*name)).collect();
    assert!(strangers.is_empty(), "errors in files that are no case: {strangers:?}");
    for (name, code) in &expected {
        let codes = found.remove(name).unwrap_or_default();
        if code == "compiles" {
            assert!(codes.is_empty(), "{name} must compile, but: {codes:?}");
        } else {
            assert!(codes.contains(code), "{name} must fail with {code}; the compiler said {codes:?}");
        }
    }
}
