//! `policy matrix`: that nobody is said to have nothing who is given something, whatever it depends on.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::demo::prepared;
use super::process::{bailiwick, run};
use crate::support::world::edit;

/// The lines without those that begin so, and more lines.
pub(super) fn with_lines(text: &str, without: &[&str], more: &[&str]) -> String {
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in without {
        assert!(text.lines().any(|found| squeezed(found).starts_with(line)), "{line}");
    }
    let kept = text.lines().filter(|line| !without.iter().any(|begin| squeezed(line).starts_with(begin)));
    kept.chain(more.iter().copied()).flat_map(|line| [line, "\n"]).collect()
}

/// The demo with more lines in its policy, and without those that begin so.
pub(super) fn with_policy(without: &[&str], more: &[&str]) -> TempDir {
    let directory = prepared();
    let policy = directory.path().join("policies/policy.csv");
    let text = fs::read_to_string(&policy).unwrap();
    fs::write(&policy, with_lines(&text, without, more)).unwrap();
    directory
}

/// The demo, in which rows of `people` can be updated.
pub(super) fn with_writable_people(more: &[&str]) -> TempDir {
    let directory = with_policy(&[], more);
    let people = "name = \"people\"\n";
    edit(&directory.path().join("bailiwick.toml"), people, &format!("{people}writable = [\"update\"]\n"));
    directory
}

/// What the table says of one name.
fn told(directory: &Path, name: &str) -> Json {
    let said = run(directory, &["policy", "matrix", "--json", "--tenant", "acme"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let document: Json = serde_json::from_str(&said.out).unwrap();
    let names = document["tenants"][0]["names"].as_array().unwrap();
    names.iter().find(|known| known["name"] == name).unwrap_or_else(|| panic!("{name} is not in {names:?}")).clone()
}

#[test]
fn what_is_somebodys_own_is_said_of_the_role_that_gives_it() {
    let directory = prepared();
    let member = told(directory.path(), "role:member");
    let some = json!({ "data_rooms": "some", "documents": "some", "invoice_lines": "some", "invoices": "some", "people": "all" });
    assert_eq!(member["datasets"], some);
    assert_eq!(member["rules"]["data_rooms"], json!(["rooms of their own"]));
    let documents = member["rules"]["documents"].as_array().unwrap();
    assert!(documents.contains(&"rooms of their own".into()) && documents.contains(&"own (owner_id)".into()));
    assert_eq!(member["columns"]["people"], json!(["salary only where own (id) or own (manager_id)"]));
    assert_eq!(told(directory.path(), "role:accountant")["datasets"]["data_rooms"], "no", "no line gives rooms");

    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/northwind");
    let mut command = bailiwick(&root, &["policy", "matrix"]);
    let said = command.env("BAILIWICK_DATABASE_URL", "sqlite:/nowhere/northwind.db").output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    let role = text.split_once("Which rows\n").unwrap().1.split_once("  role:employee\n").unwrap().1;
    assert!(role.contains("    orders         own (EmployeeID); EmployeeID in their reports\n"), "{text}");
    assert!(role.contains("    order_lines    only those of orders that may be read\n"), "{text}");
}

#[test]
fn of_rows_that_come_with_a_claim_the_columns_that_are_open_are_told() {
    let directory = with_policy(
        &["p, role:member, *, dataset:people"],
        &[
            "p, role:member, *, dataset:people, read, r.sub.clearance >= 1, allow",
            "p, role:accountant, acme, dataset:people, read, r.sub.clearance >= 1, allow",
            "p, role:accountant, acme, column:people/salary, read, r.sub.clearance > 2, allow",
        ],
    );
    for (name, told_of) in [
        ("role:member", json!(["salary too, in some rows at least"])),
        ("role:accountant", json!(["salary only with the right clearance"])),
    ] {
        let said = told(directory.path(), name);
        assert_eq!((&said["datasets"]["people"], &said["columns"]["people"]), (&"claims".into(), &told_of), "{name}");
    }
}

#[test]
fn a_role_of_the_identity_provider_shows_what_its_people_get() {
    let directory =
        with_policy(&["g, user:bob@acme.example, role:member, acme"], &["g, idp:demo/user, role:member, acme"]);
    let role = told(directory.path(), "idp:demo/user");
    assert_eq!((&role["datasets"]["invoices"], &role["datasets"]["people"]), (&"some".into(), &"all".into()));
    assert_eq!(role["rules"]["invoices"], json!(["own (owner_id)"]));
    assert_eq!(role["columns"]["people"], json!(["salary only where own (id) or own (manager_id)"]));
    // Bob has no line of his own, and the role that he may be given beside his name is named.
    let bob = told(directory.path(), "user:bob@acme.example");
    assert_eq!((&bob["datasets"]["invoices"], &bob["tools"]["echo"]), (&"idp".into(), &"idp".into()));
    assert_eq!(bob["rules"]["people"], json!(["with idp:demo/auditor or idp:demo/user"]));
    assert_eq!(bob["datasets"]["documents"], "some");
    let text = run(directory.path(), &["policy", "matrix", "--tenant", "acme"]).out;
    assert!(text.contains("  idp      only with a role that the identity provider gives"), "{text}");
}

#[test]
fn a_role_that_puts_its_people_on_a_list_opens_what_asks_for_an_entry() {
    let directory = with_policy(
        &[],
        &[
            "g, idp:demo/board, room:board, acme",
            "p, user:dora@acme.example, acme, tool:echo, call, \"board\" in r.sub.rooms, allow",
            "p, user:dora@acme.example, acme, dataset:invoices, read, \"board\" in r.sub.rooms, allow",
        ],
    );
    let dora = told(directory.path(), "user:dora@acme.example");
    assert_eq!((&dora["tools"]["echo"], &dora["datasets"]["invoices"]), (&"idp".into(), &"idp".into()));
    let roles = dora["rules"]["invoices"][0].as_str().unwrap();
    assert!(roles.contains("idp:demo/board"), "{roles}");
}

#[test]
fn what_a_claim_decides_is_never_taken_for_decided() {
    let directory = with_policy(
        &[],
        &[
            "p, role:clerk, acme, dataset:invoices, read, r.sub.email == \"clerk@acme.example\", allow",
            "p, role:clerk, acme, dataset:people, read, present(r.sub.email), allow",
            "p, role:clerk, acme, column:people/salary, read, r.sub.clearance > 2, allow",
            "p, role:clerk, acme, dataset:data_rooms, read, r.obj.id in r.sub.rooms, allow",
            "p, role:clerk, acme, dataset:data_rooms, read, \"board\" in r.sub.rooms, deny",
            "p, role:clerk, acme, tool:echo, call, r.sub.external_id != \"x\", allow",
            "p, role:guest, acme, dataset:people, read, r.sub.clearance < 3, deny",
            "p, role:guest, acme, dataset:people, read, true, allow",
            "p, role:stranger, acme, dataset:invoices, read, r.sub.clearance < 3, deny",
            "g, user:eve@acme.example, role:clerk, acme",
            "g, user:eve@acme.example, role:guest, acme",
            "g, user:eve@acme.example, role:stranger, acme",
        ],
    );
    let clerk = told(directory.path(), "role:clerk");
    assert_eq!((&clerk["datasets"]["invoices"], &clerk["datasets"]["people"]), (&"claims".into(), &"claims".into()));
    assert_eq!(clerk["rules"]["invoices"], json!(["more with the right email"]));
    assert_eq!(
        (&clerk["tools"]["echo"], &clerk["rules"]["echo"]),
        (&"claims".into(), &json!(["more with the right external_id"]))
    );
    assert_eq!(clerk["rules"]["data_rooms"], json!(["more with the right rooms"]), "whose rooms decide otherwise, too");
    assert_eq!(told(directory.path(), "role:guest")["datasets"]["people"], "claims");
    assert_eq!(told(directory.path(), "role:stranger")["datasets"]["invoices"], "no", "a denial gives nothing");
    // Where the rows are known, so is what a claim decides of a column.
    let directory = with_policy(&[], &["p, role:auditor, *, column:people/email, read, r.sub.clearance < 3, deny"]);
    let auditor = told(directory.path(), "role:auditor");
    assert_eq!(auditor["columns"]["people"], json!(["email only with the right clearance", "salary too"]));
}

#[test]
fn prompts_resources_and_denied_tools_are_shown() {
    let directory = with_policy(
        &[],
        &[
            "p, role:member, acme, tool:search_people, call, true, deny",
            "p, role:auditor, acme, tool:*_invoices, call, true, deny",
        ],
    );
    assert_ne!(run(directory.path(), &["policy", "check"]).code, 0, "a `*` stands at the end of a pattern only");
    let directory = with_policy(
        &[],
        &[
            "p, role:member, acme, tool:search_people, call, true, deny",
            "p, role:accountant, acme, tool:list_invoices, call, r.sub.clearance < 3, deny",
            "p, role:auditor, acme, tool:*, call, true, deny",
        ],
    );
    let member = told(directory.path(), "role:member");
    assert_eq!(
        (&member["prompts"]["review_document"], &member["resources"]["static://welcome"]),
        (&"yes".into(), &"yes".into())
    );
    assert_eq!(told(directory.path(), "verified")["prompts"]["review_document"], "no");
    assert_eq!(member["generated_tools"], json!({ "people": ["no search_people"] }));
    let accountant = told(directory.path(), "role:accountant");
    assert_eq!(accountant["generated_tools"]["invoices"], json!(["list_invoices only with the right clearance"]));
    assert_eq!(told(directory.path(), "role:auditor")["datasets"]["people"], "no", "no tool is left to read with");
    let text = run(directory.path(), &["policy", "matrix", "--tenant", "acme"]).out;
    assert!(text.contains("Prompts, resources       review_document  static://welcome\n"), "{text}");
    assert!(text.contains("Which tools of the datasets\n  user:ada@acme.example\n"), "{text}");
}

#[test]
fn a_column_that_is_null_or_not_written_in_some_rows_can_be_read_of() {
    let directory = with_writable_people(&[
        "p, role:member, acme, dataset:people, update, r.obj.id == r.sub.external_id, allow",
        "p, role:member, acme, column:people/email, update, true, deny",
        "p, role:member, acme, column:documents/title, read, r.obj.classification == \"internal\", deny",
        "p, role:member, acme, column:documents/updated_at, read, true, deny",
    ]);
    let member = told(directory.path(), "role:member");
    assert_eq!(member["changes"]["update_people"], "some");
    assert_eq!(member["rules"]["update_people"], json!(["own (id)"]));
    assert_eq!(member["columns"]["documents"], json!(["title but not where classification internal", "no updated_at"]));
    let written = member["columns"]["update_people"].as_array().unwrap();
    assert!(written.contains(&"not email".into()) && !written.contains(&"not name".into()), "{written:?}");
}

#[test]
fn a_long_name_leaves_room_for_the_words() {
    let long = format!("user:{}@acme.example", "x".repeat(70));
    let directory = with_policy(&[], &[&format!("g, {long}, role:member, acme")]);
    let text = run(directory.path(), &["policy", "matrix", "--tenant", "acme"]).out;
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert_eq!(text.matches("\nDatasets ").count(), 1, "one table still holds the datasets: {text}");
    assert!(text.contains("x…@acme.example  ") && text.contains(&format!("\n  {long}\n")), "{text}");
}
