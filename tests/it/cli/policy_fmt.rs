//! `policy fmt` over files as they lie on a disk: permissions, links, other people's line ends.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use super::demo::prepared;
use super::process::run;

const RAGGED: &str = "# who, tenant, what, may, when, effect\n\
    p,verified,*,tool:whoami,call,true,allow\n\n\
    # Members.\n\
    p, role:member,   acme, dataset:documents,read,  r.obj.owner_id == r.sub.external_id,   allow   \n\
    g, user:ada@acme.example,role:member,acme\n\
    g, user:bob@acme.example, role:member, acme\n";

const EVEN: &str = "\
# who,          tenant, what,              may,  when,                                effect
p, verified,    *,      tool:whoami,       call, true,                                allow

# Members.
p, role:member, acme,   dataset:documents, read, r.obj.owner_id == r.sub.external_id, allow
g, user:ada@acme.example, role:member, acme
g, user:bob@acme.example, role:member, acme
";

/// What there is in a directory, to see that nothing was left behind.
fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_laid_out_in_place_and_once_only() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("team.csv");
    fs::write(&file, RAGGED).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(&file).unwrap().ino();

    let asked = run(directory.path(), &["policy", "fmt", "--check", "team.csv"]);
    assert_eq!((asked.code, asked.err.as_str()), (1, ""));
    let expected = "team.csv: would be laid out anew\n1 file to lay out, 0 in order, 0 not understood and left alone\n";
    assert_eq!(asked.out, expected);
    assert_eq!(fs::read_to_string(&file).unwrap(), RAGGED, "--check writes nothing");

    let done = run(directory.path(), &["policy", "fmt", "team.csv"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let expected = "team.csv: laid out anew\n1 file laid out anew, 0 in order, 0 not understood and left alone\n";
    assert_eq!(done.out, expected);
    assert_eq!(fs::read_to_string(&file).unwrap(), EVEN);
    let after = fs::metadata(&file).unwrap();
    assert_eq!(after.permissions().mode() & 0o7777, 0o640);
    assert_ne!(after.ino(), before, "another file in its place, not the old one written over");
    assert_eq!(names(directory.path()), ["team.csv"]);

    for command in [&["policy", "fmt", "team.csv"][..], &["policy", "fmt", "--check", "."]] {
        let again = run(directory.path(), command);
        assert_eq!(again.code, 0, "{again:?}");
        assert!(again.out.ends_with("1 in order, 0 not understood and left alone\n"), "{}", again.out);
    }
    assert_eq!(fs::metadata(&file).unwrap().ino(), after.ino(), "what is in order is not written");
}

#[test]
fn a_link_stays_one_and_line_ends_stay_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let real = directory.path().join("real");
    fs::create_dir(&real).unwrap();
    fs::write(real.join("team.csv"), RAGGED.replace('\n', "\r\n")).unwrap();
    symlink("real/team.csv", directory.path().join("policy.csv")).unwrap();
    let done = run(directory.path(), &["policy", "fmt", "policy.csv"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(directory.path().join("policy.csv").is_symlink());
    assert_eq!(fs::read_to_string(real.join("team.csv")).unwrap(), EVEN.replace('\n', "\r\n"));
    assert_eq!(names(&real), ["team.csv"]);
    let again = run(directory.path(), &["policy", "fmt", "--json", "policy.csv"]);
    let document: serde_json::Value = serde_json::from_str(&again.out).unwrap();
    let expected = serde_json::json!({ "files": [{ "file": "policy.csv", "result": "in_order", "findings": [] }] });
    assert_eq!((again.code, document), (0, expected));
}

#[test]
fn a_file_that_is_not_understood_is_left_alone_and_the_others_are_laid_out() {
    let directory = tempfile::tempdir().unwrap();
    let broken = RAGGED.replace("call,true,", "call;true,");
    fs::write(directory.path().join("a.csv"), &broken).unwrap();
    fs::write(directory.path().join("b.csv"), RAGGED).unwrap();
    fs::write(directory.path().join(".#b.csv"), RAGGED).unwrap();
    fs::write(directory.path().join("notes.txt"), RAGGED).unwrap();
    let done = run(directory.path(), &["policy", "fmt", "."]);
    assert_eq!(done.code, 1);
    let finding = "./a.csv:2:1: refused: 6 fields; `p, who, tenant, what, may, when, effect` has 7\n";
    let told = "1 file laid out anew, 0 in order, 1 not understood and left alone\n";
    assert_eq!(done.out, format!("{finding}./b.csv: laid out anew\n{told}"));
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    assert_eq!((read("a.csv"), read("b.csv").as_str()), (broken, EVEN));
    assert_eq!((read(".#b.csv").as_str(), read("notes.txt").as_str()), (RAGGED, RAGGED), "no policy files");

    let nowhere = run(directory.path(), &["policy", "fmt", "nowhere.csv"]);
    assert_eq!((nowhere.code, nowhere.out.as_str()), (2, ""));
    assert!(nowhere.err.starts_with("error: cannot read nowhere.csv\n"), "{}", nowhere.err);
    // What was replaced before that is told.
    for (more, told) in [
        (&[][..], "c.csv: laid out anew\n".to_owned()),
        (&["--json"], {
            let files = serde_json::json!([{ "file": "c.csv", "result": "laid_out", "findings": [] }]);
            format!("{:#}\n", serde_json::json!({ "files": files }))
        }),
    ] {
        fs::write(directory.path().join("c.csv"), RAGGED).unwrap();
        let stopped = run(directory.path(), &[&["policy", "fmt", "c.csv", "nowhere.csv"], more].concat());
        assert_eq!((stopped.code, stopped.out), (2, told));
        assert!(stopped.err.starts_with("error: cannot read nowhere.csv\n"), "{}", stopped.err);
    }
    fs::create_dir(directory.path().join("empty")).unwrap();
    let empty = run(directory.path(), &["policy", "fmt", "empty"]);
    assert!(empty.code == 2 && empty.err.contains("there is no `*.csv` in empty"), "{empty:?}");
}

#[test]
fn without_a_path_the_configured_directory_is_meant() {
    let directory = prepared();
    let file = directory.path().join("policies/policy.csv");
    let text = fs::read_to_string(&file).unwrap();
    let asked = run(directory.path(), &["policy", "fmt", "--check"]);
    assert!(asked.code == 0 && asked.out.starts_with("0 files to lay out, 1 in order"), "{asked:?}");
    fs::write(&file, text.replace("true,    ", "true,")).unwrap();
    let asked = run(directory.path(), &["policy", "fmt", "--check"]);
    assert!(asked.code == 1 && asked.out.contains("policies/policy.csv: would be laid out anew"), "{asked:?}");
    let done = run(directory.path(), &["policy", "fmt"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    let help = run(directory.path(), &["policy", "fmt", "--help"]);
    assert!(help.out.contains("Exit codes: 0 everything is laid out"), "{}", help.out);
}
