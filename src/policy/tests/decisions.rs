//! What policies decide.

use super::*;

const POLICY: &str = "\
p, role:member, acme, dataset:documents, read, r.obj.data_room_id in r.sub.rooms, allow
p, role:member, acme, dataset:documents, read, r.obj.owner_id == r.sub.external_id, allow
p, role:auditor, *, dataset:*, read, true, allow
p, *, *, dataset:documents, read, r.obj.classification == \"secret\" && r.sub.clearance < 3, deny
p, role:member, acme, tool:web_search, call, true, allow
p, verified, *, tool:echo, call, r.sub.clearance >= 1, allow
p, user:mallory, *, tool:*, *, true, deny
p, verified, *, resource:welcome://*, read, true, allow
p, verified, *, tool:echo, call, r.ctx.agent == \"bot\", allow
g, user:ada, role:member, acme
g, user:mallory, role:member, acme
g, user:ada, room:finance, acme
g, role:member, room:all, *
g, idp:blockbrain/admin, role:auditor, acme
g, user:grace, role:member, globex
";

fn tool(tool: &str) -> Object {
    Object::Tool(name(tool))
}

fn allowed(snapshot: &Snapshot, requester: &Requester, object: &Object, permission: Permission) -> bool {
    snapshot.decide(requester, object, permission).is_allowed()
}

fn lines(decision: &Decision) -> Vec<String> {
    decision.lines.iter().map(ToString::to_string).collect()
}

#[test]
fn a_role_is_a_role_in_its_tenant_only() {
    let policy = snapshot(POLICY);
    let search = tool("web_search");
    assert!(allowed(&policy, &somebody("acme", &["user:ada"]), &search, Permission::Call));
    assert!(!allowed(&policy, &somebody("globex", &["user:ada"]), &search, Permission::Call));
    assert!(!allowed(&policy, &somebody("acme", &["user:grace"]), &search, Permission::Call));
    assert!(!allowed(&policy, &somebody("nowhere", &["user:ada"]), &search, Permission::Call));
    // What a token says is a name of its own, never a role.
    assert!(!allowed(&policy, &somebody("acme", &["idp:blockbrain/member"]), &search, Permission::Call));
}

#[test]
fn a_denial_wins_and_says_which_line_it_is() {
    let policy = snapshot(POLICY);
    let denied = policy.decide(&somebody("acme", &["user:mallory"]), &tool("web_search"), Permission::Call);
    assert!(denied.is_denied_by_line());
    assert_eq!(lines(&denied), ["policy.csv:7"]);
    let ada = policy.decide(&somebody("acme", &["user:ada"]), &tool("web_search"), Permission::Call);
    assert_eq!(lines(&ada), ["policy.csv:5"]);
    // Nothing allows this, and nothing denies it.
    let nobody = policy.decide(&somebody("acme", &[]), &tool("web_search"), Permission::Call);
    assert!(!nobody.is_allowed() && !nobody.is_denied_by_line());
}

#[test]
fn what_is_absent_never_grants() {
    let policy = snapshot(POLICY);
    let person = somebody("acme", &["verified"]);
    assert!(!allowed(&policy, &person, &tool("echo"), Permission::Call));
    assert!(!allowed(&policy, &with_clearance(person.clone(), 0), &tool("echo"), Permission::Call));
    assert!(allowed(&policy, &with_clearance(person.clone(), 1), &tool("echo"), Permission::Call));
    let mut text = person;
    text.attributes.claims.insert(name("clearance"), Value::text("9"));
    assert!(!allowed(&policy, &text, &tool("echo"), Permission::Call), "a claim of another type is absent");
}

#[test]
fn answers_are_remembered_for_nobody_else() {
    let policy = snapshot(POLICY);
    let person = somebody("acme", &["verified"]);
    for _ in 0..2 {
        assert!(allowed(&policy, &with_clearance(person.clone(), 1), &tool("echo"), Permission::Call));
        assert!(!allowed(&policy, &person, &tool("echo"), Permission::Call));
        let mut bot = person.clone();
        bot.context.agent = Some("bot".parse().unwrap());
        assert!(allowed(&policy, &bot, &tool("echo"), Permission::Call));
        assert!(!allowed(&policy, &person, &tool("web_search"), Permission::Call));
    }
}

#[test]
fn resources_are_covered_by_prefix_whatever_their_characters() {
    let policy = snapshot(POLICY);
    let person = somebody("acme", &["verified"]);
    for (uri, expected) in
        [("welcome://start", true), ("welcome://é", true), ("welcome:/", false), ("wélcome://", false)]
    {
        assert_eq!(allowed(&policy, &person, &Object::Resource(uri.into()), Permission::Read), expected, "{uri}");
    }
}

/// The filter, as a person would read it.
fn filter(policy: &Snapshot, requester: &Requester, dataset: &str) -> Option<Arc<RowFilter>> {
    match policy.rows(requester, &name(dataset), Permission::Read).rule {
        RowRule::Nothing => None,
        RowRule::Filter(filter) => Some(filter),
    }
}

fn texts(parts: &[Predicate]) -> Vec<String> {
    parts.iter().map(ToString::to_string).collect()
}

#[test]
fn a_scope_holds_what_the_lines_leave() {
    let policy = snapshot(POLICY);
    let mut ada = somebody("acme", &["user:ada"]);
    ada.attributes.external_id = Some("ada".parse().unwrap());
    let found = filter(&policy, &ada, "documents").unwrap();
    assert_eq!(texts(&found.allow), ["data_room_id in [\"all\", \"finance\"]", "owner_id == \"ada\""]);
    // Without a clearance the comparison is unknown, which denies: what is left is the other half.
    assert_eq!(texts(&found.deny), ["classification == \"secret\""]);
    assert_eq!(found.tenant, Some((name("tenant_id"), "acme".parse().unwrap())));
    // A caller without an id owns nothing.
    ada.attributes.external_id = None;
    assert_eq!(texts(&filter(&policy, &ada, "documents").unwrap().allow), ["data_room_id in [\"all\", \"finance\"]"]);
    // With clearance the denial is no more.
    assert_eq!(texts(&filter(&policy, &with_clearance(ada, 3), "documents").unwrap().deny), [""; 0]);
    assert_eq!(filter(&policy, &somebody("acme", &["verified"]), "documents"), None);
}

#[test]
fn a_child_is_within_its_parents_scope() {
    let policy = snapshot(POLICY);
    let auditor = somebody("acme", &["idp:blockbrain/admin"]);
    let found = filter(&policy, &auditor, "comments").unwrap();
    let parent = found.parent.as_ref().unwrap();
    assert_eq!(parent.by, [(name("document_id"), name("id"))]);
    assert_eq!(parent.filter.tenant, Some((name("tenant_id"), "acme".parse().unwrap())));
    assert_eq!(texts(&parent.filter.deny), ["classification == \"secret\""]);
    let orphaned = snapshot("p, verified, *, dataset:comments, read, true, allow\n");
    assert_eq!(filter(&orphaned, &somebody("acme", &["verified"]), "comments"), None, "no parent row is readable");
}

#[test]
fn a_data_room_header_narrows_or_hides() {
    let policy = snapshot("p, verified, *, dataset:*, read, true, allow\n");
    let mut person = somebody("globex", &["verified"]);
    assert!(filter(&policy, &person, "rates").is_some());
    person.context.data_room = Some("finance".parse().unwrap());
    assert_eq!(filter(&policy, &person, "rates"), None, "no data room is declared for it");
    let documents = filter(&policy, &person, "documents").unwrap();
    assert_eq!(documents.data_room, Some((name("data_room_id"), "finance".parse().unwrap())));
    // `comments` is answered under any header, but its parent row must be in the room.
    let comments = filter(&policy, &person, "comments").unwrap();
    assert_eq!(comments.data_room, None);
    assert!(comments.parent.as_ref().unwrap().filter.data_room.is_some());
}

#[test]
fn the_lines_of_the_dataset_around_are_told_too() {
    let policy = snapshot(
        "p, verified, *, dataset:comments, read, true, allow\n\
         p, verified, *, dataset:documents, read, r.obj.final == true, allow\n\
         p, verified, *, dataset:documents, read, r.obj.classification == \"secret\", deny\n",
    );
    let told = |dataset: &str| {
        let rows = policy.rows(&somebody("acme", &["verified"]), &name(dataset), Permission::Read);
        rows.lines.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(told("comments"), ["policy.csv:1", "policy.csv:2", "policy.csv:3"]);
    assert_eq!(told("documents"), ["policy.csv:2", "policy.csv:3"]);
    // One line for both is told once.
    let policy = snapshot("p, verified, *, dataset:*, read, true, allow\n");
    let rows = policy.rows(&somebody("acme", &["verified"]), &name("comments"), Permission::Read);
    assert_eq!(rows.lines.len(), 1);
}

#[test]
fn a_dataset_of_another_tenant_is_not_there() {
    let policy = snapshot("p, verified, *, dataset:*, read, true, allow\n");
    assert_eq!(filter(&policy, &somebody("acme", &["verified"]), "rates"), None);
    let rates = Object::Dataset(name("rates"));
    assert!(!allowed(&policy, &somebody("acme", &["verified"]), &rates, Permission::Read));
    assert!(allowed(&policy, &somebody("globex", &["verified"]), &rates, Permission::Read));
    assert!(!allowed(&policy, &somebody("globex", &["verified"]), &rates, Permission::Call));
}

#[test]
fn an_explanation_shows_every_line_and_what_is_left_of_it() {
    let policy = snapshot(POLICY);
    let explained =
        policy.explain(&somebody("acme", &["user:ada"]), &Object::Dataset(name("documents")), Permission::Read);
    let seen: Vec<String> = explained
        .lines
        .iter()
        .map(|line| format!("{} {} {}", line.line, if line.matched { "matches" } else { "-" }, line.left))
        .collect();
    assert_eq!(
        seen,
        [
            "policy.csv:1 matches data_room_id in [\"all\", \"finance\"]",
            "policy.csv:2 matches unknown",
            "policy.csv:3 - true",
            "policy.csv:4 matches (classification == \"secret\" && unknown)",
        ]
    );
    assert_eq!(lines(&explained.decision), ["policy.csv:1", "policy.csv:4"]);
    assert!(explained.names.iter().any(|name| &**name == "room:all"));
}

#[test]
fn casbin_speaks_for_one_row() {
    let policy = snapshot(POLICY);
    let auditor = with_clearance(somebody("acme", &["idp:blockbrain/admin"]), 1);
    let row = |classification: Option<&str>| Row::from([(name("classification"), classification.map(Value::text))]);
    let word = |row: &Row| policy.admits_row(&auditor, &name("documents"), Permission::Read, row);
    assert!(word(&row(Some("public"))).is_allowed());
    assert_eq!(lines(&word(&row(Some("secret")))), ["policy.csv:4"]);
    assert!(!word(&row(None)).is_allowed(), "a missing classification could be a secret one");
}

#[test]
fn what_could_still_decide_is_what_is_not_known_and_not_settled() {
    let policy = snapshot(
        "p, *, acme, tool:echo, call, r.sub.clearance < 3 && r.sub.email == \"a\", allow\n\
         p, *, acme, tool:echo, call, r.sub.tenant == \"globex\" && r.sub.clearance < 3, allow\n\
         p, *, acme, tool:echo, call, r.sub.tenant == \"acme\" || r.sub.clearance < 3, allow\n\
         p, *, acme, tool:echo, call, !(present(r.sub.email)), deny\n\
         p, *, acme, tool:echo, call, \"finance\" in r.sub.rooms && r.sub.external_id != \"ada\", deny\n\
         p, *, acme, dataset:documents, read, r.obj.data_room_id in r.sub.rooms, allow\n\
         p, *, acme, dataset:documents, read, r.obj.owner_id == r.sub.external_id, allow\n\
         g, user:eve, room:finance, acme\n",
    );
    let open = |object: &Object| -> Vec<String> {
        let told = policy.explain(&somebody("acme", &[]), object, object.use_of());
        told.lines.iter().map(|line| line.open.iter().map(|open| &**open).collect::<Vec<_>>().join(" ")).collect()
    };
    let expected = ["r.sub.clearance r.sub.email", "", "", "r.sub.email", "r.sub.external_id r.sub.rooms"];
    assert_eq!(open(&tool("echo")), expected);
    assert_eq!(open(&Object::Dataset(name("documents"))), ["", "r.sub.external_id"], "a list on a column is settled");
}
