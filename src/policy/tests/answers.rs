//! What a snapshot answers besides decisions, and where decisions end: at what is empty, absent, foreign or endless.

use super::*;
use crate::policy::names::Names;

const ROWS: &str = "p, verified, *, dataset:documents, read, r.obj.data_room_id in r.sub.rooms, allow\n\
                    p, *, *, tool:echo, call, true, allow\n\
                    p, *, *, resource:welcome://*, read, true, allow\n\
                    g, user:ada, room:finance, acme\n\
                    g, user:bob, role:lead, globex\n\
                    p, role:lead, globex, tool:web_search, call, true, allow\n";

fn listed<'a>(names: impl IntoIterator<Item = &'a Arc<str>>) -> String {
    names.into_iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(" ")
}

#[test]
fn names_are_closed_in_their_tenant() {
    let policy = snapshot(ROWS);
    assert_eq!(listed(&policy.names(&somebody("acme", &["user:ada"]))), "* room:finance user:ada");
    assert_eq!(listed(&policy.names(&somebody("globex", &["user:ada"]))), "* user:ada");
    let principals = |tenant: &str| listed(&policy.principals(&tenant.parse().unwrap()));
    assert_eq!(principals("acme"), "user:ada");
    assert_eq!(principals("globex"), "role:lead user:bob");
}

#[test]
fn a_name_that_nobody_can_have_is_told_from_one_that_nobody_has() {
    let bad = |name: &str| bad_name(name, &catalog());
    assert_eq!(
        ["role:nobody", "user:eve", "idp:zitadel/reader", "verified", "*"].map(bad),
        [const { None::<String> }; 5]
    );
    assert_eq!(bad("rule:nobody").unwrap(), "`rule:` is not a prefix of names; did you mean `role:`?");
}

#[test]
fn everybody_sees_their_own_tools_and_resources() {
    let policy = snapshot(ROWS);
    let seen = |requester: &Requester| {
        let (tools, resources) = (policy.visible_tools(requester), policy.visible_resources(requester));
        [listed(tools.keys()), listed(resources.keys())]
    };
    let documents = "count_documents echo get_documents list_documents search_documents";
    assert_eq!(seen(&somebody("acme", &["verified", "user:ada"])), [documents, "welcome://start"]);
    // Nobody else has a room, so that for them the dataset is not there.
    assert_eq!(seen(&somebody("acme", &["verified", "user:eve"])), ["echo", "welcome://start"]);
    assert_eq!(seen(&somebody("globex", &["verified", "user:bob"])), ["echo web_search", "welcome://start"]);
    assert_eq!(seen(&somebody("nowhere", &["verified", "user:bob"])), ["", ""]);
}

#[test]
fn each_list_holds_what_its_requester_may_read() {
    let mut catalog = Arc::into_inner(catalog()).unwrap();
    let prompt = Prompt { name: name("greet"), title: None, description: None, arguments: vec![], messages: vec![] };
    catalog.prompts.insert(prompt.name.clone(), prompt);
    // Its rows are no resources.
    let comments = Dataset { resource: None, ..Dataset::clone(&catalog.datasets[&name("comments")]) };
    catalog.datasets.insert(name("comments"), Arc::new(comments));
    let lines = "p, role:lead, globex, prompt:greet, read, true, allow\n\
                 p, verified, *, dataset:comments, read, true, allow\n\
                 p, user:gil, globex, dataset:documents, read, true, allow\n\
                 p, user:gil, globex, tool:get_documents, call, true, deny\n";
    let directory = directory(format!("{ROWS}{lines}"));
    let policy = check(directory.path(), &Arc::new(catalog)).snapshot.unwrap();
    let seen = |tenant: &str, user: &str| {
        let requester = somebody(tenant, &["verified", user]);
        [Listed::Resources, Listed::Templates, Listed::Prompts]
            .map(|list| listed(policy.visible(&requester, list).keys()))
    };
    assert_eq!(seen("acme", "user:ada"), ["documents welcome://start", "documents", ""]);
    assert_eq!(seen("acme", "user:eve"), ["welcome://start", "", ""]);
    assert_eq!(seen("globex", "user:bob"), ["welcome://start", "", "greet"]);
    assert_eq!(seen("globex", "user:gil"), ["welcome://start", "", ""], "rows are resources where `get_` reads them");
    let ada = somebody("acme", &["verified", "user:ada"]);
    assert_eq!(listed(policy.visible(&ada, Listed::Tools).keys()), listed(policy.visible_tools(&ada).keys()));
    let columns = policy.visible(&ada, Listed::Templates).into_values().next().unwrap().unwrap();
    assert!(columns.is_open(&name("title")) && !columns.is_open(&name("margin")));
    let words = [Listed::Tools, Listed::Resources, Listed::Templates, Listed::Prompts].map(Listed::as_str);
    assert_eq!(words, ["tools", "resources", "templates", "prompts"], "what the audit trail says");
}

#[test]
fn claims_decide_by_their_type() {
    let mut catalog = Arc::into_inner(catalog()).unwrap();
    catalog.claims.insert(name("title"), ClaimType::Text);
    catalog.claims.insert(name("staff"), ClaimType::Boolean);
    let catalog = Arc::new(catalog);
    let echoes = |condition: &str, claim: &str, value: Value| {
        let directory = directory(format!("p, *, *, tool:echo, call, {condition}, allow\n"));
        let policy = check(directory.path(), &catalog).snapshot.unwrap();
        let mut person = somebody("acme", &[]);
        person.attributes.claims.insert(name(claim), value);
        policy.decide(&person, &Object::Tool(name("echo")), Permission::Call).is_allowed()
    };
    assert!(echoes("r.sub.title == \"boss\"", "title", Value::text("boss")));
    assert!(!echoes("r.sub.title == \"boss\"", "title", Value::text("bos")));
    assert!(echoes("r.sub.staff == true", "staff", Value::Boolean(true)));
    assert!(!echoes("r.sub.staff == true", "staff", Value::Boolean(false)));
    assert!(echoes("r.sub.clearance == 3", "clearance", Value::Number(Number::Integer(3))));
    // A claim that is not of its declared type is absent, not merely unequal.
    for (claim, value) in
        [("title", Value::Boolean(true)), ("staff", Value::text("true")), ("clearance", Value::text("3"))]
    {
        assert!(!echoes(&format!("present(r.sub.{claim})"), claim, value));
    }
}

#[test]
fn a_dataset_without_a_tenant_rule_that_holds_is_not_there() {
    let mut catalog = Arc::into_inner(catalog()).unwrap();
    let orphan = Dataset { within: None, ..Dataset::clone(&catalog.datasets[&name("comments")]) };
    catalog.datasets.insert(name("comments"), Arc::new(orphan));
    let directory = directory("p, verified, *, dataset:*, read, true, allow\n");
    let policy = check(directory.path(), &Arc::new(catalog)).snapshot.unwrap();
    let person = somebody("acme", &["verified"]);
    assert_eq!(policy.rows(&person, &name("comments"), Permission::Read).rule, RowRule::Nothing);
    assert_ne!(policy.rows(&person, &name("documents"), Permission::Read).rule, RowRule::Nothing);
    assert_eq!(policy.rows(&person, &name("nothing"), Permission::Read).rule, RowRule::Nothing);
}

#[test]
fn datasets_that_lie_within_each_other_are_not_there() {
    let mut catalog = Arc::into_inner(catalog()).unwrap();
    let within = |parent: &str| Some(Within { dataset: name(parent), by: BTreeMap::from([(name("id"), name("id"))]) });
    let documents = Dataset { within: within("comments"), ..Dataset::clone(&catalog.datasets[&name("documents")]) };
    catalog.datasets.insert(name("documents"), Arc::new(documents));
    // Only what is asked for the rows is built here: the lints too would follow parents without an end.
    let directory = directory("p, verified, *, dataset:*, read, true, allow\n");
    let sources = files::Sources::read(directory.path()).unwrap();
    let (lines, found) = files::parse(directory.path(), sources, &catalog);
    assert_eq!(found, []);
    let names = Names::new(&lines.grants, &catalog);
    let policy = Snapshot::new([0; 32], lines, names, Arc::new(catalog));
    assert_eq!(
        policy.rows(&somebody("acme", &["verified"]), &name("comments"), Permission::Read).rule,
        RowRule::Nothing
    );
}

#[test]
fn a_column_that_no_line_speaks_of_is_decided_by_its_declaration() {
    let policy = snapshot("p, *, *, dataset:*, read, true, allow\n");
    let read = |column: &str| {
        let column = Object::Column(column.into());
        policy.decide(&somebody("acme", &[]), &column, Permission::Read).is_allowed()
    };
    assert!(read("documents/title") && read("comments/owner_id"));
    let declared = Columns::declared(&catalog().datasets[&name("documents")]);
    assert!(declared.is_open(&name("title")) && !declared.is_open(&name("margin")));
    assert!(!read("documents/margin") && !read("documents/nothing") && !read("nothing/title"));
}
