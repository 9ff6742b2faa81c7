//! Which columns policies leave, and what is refused about them.

use super::*;

/// The catalog of these tests with a table of people: `phone` is open, `salary` protected, `tenant_id` for policies alone.
fn with_people() -> Arc<Catalog> {
    let mut catalog = Arc::into_inner(catalog()).unwrap();
    let text = |column| (column, ColumnType::Text);
    let kinds = [
        ("id", ColumnType::Id),
        text("tenant_id"),
        text("name"),
        text("phone"),
        ("salary", ColumnType::Number),
        ("manager_id", ColumnType::Id),
    ];
    let mut people = Dataset {
        data_room: RoomRule::Ignored,
        search: Some(Search { columns: vec![name("name"), name("phone")], fts: None }),
        ..dataset("people", &kinds)
    };
    people.columns[1].expose = false;
    people.columns[4].protected = true;
    catalog.datasets.insert(name("people"), Arc::new(people));
    Arc::new(catalog)
}

const ROWS: &str = "p, verified, *, dataset:*, read, true, allow\n";

fn loaded(lines: &str) -> Snapshot {
    let checked = check(directory(format!("{ROWS}{lines}")).path(), &with_people());
    checked.snapshot.unwrap_or_else(|| panic!("{:#?}", checked.findings))
}

fn refused(lines: &str) -> Vec<String> {
    let checked = check(directory(format!("{ROWS}{lines}")).path(), &with_people());
    let refusals = checked.findings.iter().filter(|finding| finding.severity == Severity::Refusal);
    refusals.map(|found| format!("{}:{} {}", found.line, found.column, found.message)).collect()
}

fn ada() -> Requester {
    let mut ada = somebody("acme", &["verified", "user:ada"]);
    ada.attributes.external_id = Some("ada".parse().unwrap());
    ada
}

/// What Ada sees of `people`: open columns, then `?` and the masked ones.
fn seen(policy: &Snapshot, requester: &Requester) -> String {
    let columns = policy.rows(requester, &name("people"), Permission::Read).columns;
    let open: Vec<_> = columns.open.iter().map(Name::as_str).collect();
    let masked: Vec<_> = columns.masked.keys().map(|column| format!("?{column}")).collect();
    [open.join(" "), masked.join(" ")].join(" ").trim().to_owned()
}

fn row(id: &str, salary: i64) -> Row {
    let cell = |column: &str, value| (name(column), Some(value));
    Row::from([cell("id", Value::text(id)), cell("salary", Value::Number(Number::Integer(salary)))])
}

#[test]
fn without_lines_a_column_is_as_declared() {
    assert_eq!(seen(&loaded(""), &ada()), "id manager_id name phone");
}

#[test]
fn a_protected_column_needs_a_line_and_an_open_one_a_denial() {
    let opened = "p, user:ada, acme, column:people/salary, read, true, allow\n";
    assert_eq!(seen(&loaded(opened), &ada()), "id manager_id name phone salary");
    assert_eq!(seen(&loaded(opened), &somebody("acme", &["verified", "user:bob"])), "id manager_id name phone");
    assert_eq!(seen(&loaded(opened), &somebody("globex", &["verified", "user:ada"])), "id manager_id name phone");
    let closed = "p, *, *, column:people/phone, read, true, deny\n";
    assert_eq!(seen(&loaded(closed), &ada()), "id manager_id name");
    assert_eq!(seen(&loaded(&format!("{opened}{closed}")), &ada()), "id manager_id name salary");
    let both = "p, *, *, column:people/salary, read, true, deny\n";
    assert_eq!(seen(&loaded(&format!("{opened}{both}")), &ada()), "id manager_id name phone");
}

#[test]
fn a_condition_on_the_row_masks_and_one_on_the_person_does_not() {
    let own = "p, verified, *, column:people/salary, read, r.obj.id == r.sub.external_id, allow\n";
    let policy = loaded(own);
    assert_eq!(seen(&policy, &ada()), "id manager_id name phone ?salary");
    let columns = policy.rows(&ada(), &name("people"), Permission::Read).columns;
    let rule = &columns.masked[&name("salary")];
    assert!(rule.admits(&row("ada", 1)) && !rule.admits(&row("bob", 1)) && !rule.admits(&Row::new()));
    // Somebody without an id owns no row: nothing is left to mask.
    assert_eq!(seen(&policy, &somebody("acme", &["verified"])), "id manager_id name phone");

    let others = "p, *, *, column:people/phone, read, r.obj.id != r.sub.external_id, deny\n";
    assert_eq!(seen(&loaded(others), &ada()), "id manager_id name ?phone");
    assert_eq!(seen(&loaded(others), &somebody("acme", &["verified"])), "id manager_id name");

    let cleared = "p, *, *, column:people/phone, read, r.sub.clearance < 3, deny\n";
    assert_eq!(seen(&loaded(cleared), &ada()), "id manager_id name", "an absent claim denies");
    assert_eq!(seen(&loaded(cleared), &with_clearance(ada(), 3)), "id manager_id name phone");
    assert_eq!(seen(&loaded(cleared), &with_clearance(ada(), 2)), "id manager_id name");
}

#[test]
fn patterns_cover_columns_by_the_beginning_of_their_name() {
    assert_eq!(seen(&loaded("p, *, *, column:people/ph*, read, true, deny\n"), &ada()), "id manager_id name");
    let all = "p, user:ada, *, column:people/*, read, true, allow\n";
    assert_eq!(seen(&loaded(all), &ada()), "id manager_id name phone salary");
    // The dataset is denied with its columns, so there is nothing to see of them.
    assert_eq!(seen(&loaded("p, user:ada, *, *, read, true, deny\n"), &ada()), "");
}

#[test]
fn the_lines_that_decide_about_columns_are_on_record() {
    let policy = loaded(
        "p, *, *, column:people/phone, read, true, deny\np, verified, *, column:people/salary, read, r.obj.id == r.sub.external_id, allow\n",
    );
    let lines = policy.rows(&ada(), &name("people"), Permission::Read).lines;
    assert_eq!(
        lines.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["policy.csv:1", "policy.csv:2", "policy.csv:3"]
    );
    let column =
        |column: &str| policy.explain(&ada(), &Object::column(&name("people"), &name(column)), Permission::Read);
    let phone = column("phone");
    assert!(!phone.decision.is_allowed());
    let lines: Vec<_> = phone.lines.iter().map(|line| format!("{} {}", line.line, line.effect.as_str())).collect();
    assert_eq!(lines, ["policy.csv:2 deny", "declaration allow"]);
    assert!(column("salary").decision.is_allowed() && column("name").decision.is_allowed());
    assert!(column("name").lines.is_empty());
}

#[test]
fn a_search_needs_a_column_that_may_be_searched() {
    let tools = |lines: &str| {
        let tools: Vec<String> = loaded(lines).visible_tools(&ada()).keys().map(ToString::to_string).collect();
        tools.into_iter().filter(|tool| tool.ends_with("_people")).collect::<Vec<_>>().join(" ")
    };
    let phone = "p, *, *, column:people/phone, read, r.obj.id != r.sub.external_id, deny\n";
    assert_eq!(tools(phone), "count_people get_people list_people search_people");
    let nothing = format!("{phone}p, *, *, column:people/name, read, true, deny\n");
    assert_eq!(tools(&nothing), "count_people get_people list_people");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let found = [
        (
            "p, *, *, column:people/id, read, true, deny\n",
            "2:10 `column:people/id` would hide `id`, which is in the key of `people`; name the other columns, or deny the rows with `dataset:people`",
        ),
        (
            "p, *, *, column:people/*, read, true, deny\n",
            "2:10 `column:people/*` would hide `id`, which is in the key of `people`; name the other columns, or deny the rows with `dataset:people`",
        ),
        (
            "p, *, *, column:people/tenant_id, read, true, deny\n",
            "2:17 `people/tenant_id` is not exposed: it is in no answer, and no line can put it there",
        ),
        (
            "p, *, *, column:people/phon, read, true, deny\n",
            "2:17 there is no column `people/phon`; did you mean `people/phone`?",
        ),
        (
            "p, *, *, column:people/phone, call, true, deny\n",
            "2:31 `call` is not a permission of `column:` objects; there are `read`, `update`",
        ),
        (
            "p, *, *, column:people/phone, read, r.obj.sallary > 3, deny\n",
            "2:37 the dataset `people` has no column `sallary`; did you mean `salary`?",
        ),
    ];
    for (line, message) in found {
        assert_eq!(refused(line), [message]);
    }
}

#[test]
fn casbin_says_the_same_of_every_column_and_row() {
    let catalog = with_people();
    let people = &catalog.datasets[&name("people")];
    let policy = loaded(
        "p, user:ada, acme, column:people/salary, read, true, allow\n\
         p, verified, *, column:people/salary, read, r.obj.id == r.sub.external_id, allow\n\
         p, *, *, column:people/salary, read, r.obj.salary > 100, deny\n\
         p, *, *, column:people/ph*, read, r.obj.manager_id != r.sub.external_id, deny\n",
    );
    let mut hidden = 0;
    for requester in [ada(), somebody("acme", &["verified"]), somebody("globex", &["verified", "user:ada"])] {
        let columns = policy.rows(&requester, &name("people"), Permission::Read).columns;
        for row in [row("ada", 50), row("bob", 150), row("eve", 100), Row::new()] {
            for column in &people.columns {
                let expected = policy.admits_column(&requester, people, column, &row);
                let masked = columns.masked.get(&column.name).is_some_and(|rule| rule.admits(&row));
                assert_eq!(columns.is_open(&column.name) || masked, expected, "{} {row:?}", column.name);
                hidden += usize::from(!expected);
            }
        }
    }
    assert!(hidden > 20, "{hidden}");
}
