//! Warnings of data rooms that no tenant declares.

use super::*;

/// The findings of a policy where acme declares these rooms, by the platform's names, and globex takes any.
fn told(policy: &str, declared: &[(&str, &str)]) -> Vec<String> {
    let mut catalog = Arc::into_inner(catalog()).unwrap();
    let acme = catalog.tenants.get_mut(&"acme".parse::<crate::model::Tenant>().unwrap()).unwrap();
    acme.data_rooms_as_is = false;
    acme.data_rooms = declared.iter().map(|(alias, room)| ((*alias).to_owned(), room.parse().unwrap())).collect();
    let findings = check(directory(policy).path(), &Arc::new(catalog)).findings;
    findings.iter().map(|found| format!("{}: {}: {}", found.line, found.severity, found.message)).collect()
}

const ROOMS: [(&str, &str); 2] = [("sales", "sales"), ("b-1", "board")];

#[test]
fn a_room_that_no_tenant_declares_is_warned_of() {
    let policy = "p, verified, *, dataset:documents, read, r.obj.data_room_id in r.sub.rooms, allow\n\
         g, user:ada, room:saels, acme\ng, user:ada, room:sales, acme\ng, user:eve, room:saels, globex\n";
    assert_eq!(
        told(policy, &ROOMS),
        ["2: warning: no `[tenant.data_rooms]` of tenant `acme` has the room `saels`; did you mean `sales`?"]
    );
    assert_eq!(told(policy, &[]), [] as [&str; 0], "a tenant that declares none is not asked under a header");
}

#[test]
fn a_condition_that_names_no_declared_room_is_warned_of() {
    let line = |who: &str, tenant: &str, when: &str, effect: &str| {
        format!("p, {who}, {tenant}, dataset:documents, read, {when}, {effect}\n")
    };
    let of = |when: &str| told(&line("verified", "acme", when, "allow"), &ROOMS);
    let expected = |term: &str, room: &str, hint: &str| {
        let place = "no `[tenant.data_rooms]` of tenant `acme` has that room";
        format!("1: warning: `{term}` is compared with `{room}`, and {place}; {hint}")
    };
    let column = "r.obj.data_room_id";
    let slip = expected(column, "saels", "did you mean `sales`?");
    assert_eq!(of("r.obj.data_room_id == \"saels\""), [slip.as_str()]);
    assert_eq!(
        of("r.obj.title == \"x\" && !(\"saels\" != r.obj.data_room_id || present(r.obj.owner_id))"),
        [slip.as_str()]
    );
    let alias = expected(column, "b-1", "the platform calls so what the database calls `board`: write that");
    assert_eq!(of("r.obj.data_room_id == \"b-1\" || r.obj.data_room_id == \"board\""), [alias]);
    let far = expected(column, "laboratory", "there are `board`, `sales`");
    assert_eq!(of("r.obj.data_room_id != \"laboratory\""), [far]);
    assert_eq!(
        of("r.obj.owner_id == \"saels\" || r.obj.title == \"saels\" || r.obj.id == r.obj.data_room_id"),
        [] as [&str; 0]
    );

    // A denial is a wall all the same in the rows that there are, so that it is no refusal.
    let allowance = line("verified", "acme", "r.obj.data_room_id == \"sales\"", "allow");
    let denial = allowance + line("*", "acme", "r.obj.data_room_id == \"saels\"", "deny").as_str();
    assert_eq!(told(&denial, &ROOMS), [format!("2: {}", slip.strip_prefix("1: ").unwrap())]);

    // Where a tenant takes any room, nothing can be said; so for a line for both.
    let elsewhere = "r.obj.data_room_id == \"saels\"";
    assert_eq!(told(&line("verified", "globex", elsewhere, "allow"), &ROOMS), [] as [&str; 0]);
    assert_eq!(told(&line("verified", "*", elsewhere, "allow"), &ROOMS), [] as [&str; 0]);
    assert_eq!(told(&line("verified", "acme", elsewhere, "allow"), &[]), [] as [&str; 0]);
}

#[test]
fn a_literal_is_looked_for_among_the_rooms_of_the_person_and_of_the_request_too() {
    let mut catalog = Arc::into_inner(catalog()).unwrap();
    catalog.trusted_context.insert(ContextField::DataRoom);
    for tenant in catalog.tenants.values_mut() {
        tenant.data_rooms_as_is = false;
        tenant.data_rooms = BTreeMap::from([("sales".to_owned(), "sales".parse().unwrap())]);
    }
    let policy = directory(
        "p, verified, *, dataset:documents, read, r.ctx.data_room == \"saels\" || r.ctx.agent == \"saels\", allow\n\
         p, verified, *, tool:echo, call, \"saels\" in r.sub.rooms, allow\n\
         g, user:ada, room:saels, *\n",
    );
    let catalog = Arc::new(catalog);
    let findings = check(policy.path(), &catalog).findings;
    let found: Vec<_> = findings.iter().map(|found| (found.line, found.message.as_str())).collect();
    let missing = "no `[tenant.data_rooms]` of any tenant has that room; did you mean `sales`?";
    let ctx = format!("`r.ctx.data_room` is compared with `saels`, and {missing}");
    let list = format!("`r.sub.rooms` is compared with `saels`, and {missing}");
    let grant = "no `[tenant.data_rooms]` of any tenant has the room `saels`; did you mean `sales`?";
    assert_eq!(found, [(1, ctx.as_str()), (2, list.as_str()), (3, grant)]);

    // The entries of another list are no rooms.
    let mut catalog = Arc::into_inner(catalog).unwrap();
    catalog.lists.insert(name("teams"), "team:".into());
    let policy = directory(
        "p, verified, *, tool:echo, call, \"saels\" in r.sub.teams, allow\n\
         g, user:ada, team:saels, *\n",
    );
    assert_eq!(check(policy.path(), &Arc::new(catalog)).findings, []);
}
