//! Tests of the building: what is declared comes out, what makes no sense is refused with these words.

use super::super::{
    Change, ClaimType, ColumnType, Confirm, Direction, MessageBody, Piece, RoomRule, RowResource, TenantRule,
    TimeStorage,
};
use super::*;
use crate::config::{Inputs, read};

/// One issuer and one tenant; what follows begins at line 10.
const HEAD: &str = r#"[[issuer]]
name = "blockbrain"
preset = "blockbrain"
audience = "a"
clients = ["c"]
[[tenant]]
name = "acme"
issuer = "blockbrain"
organisations = ["337"]
"#;

/// The declaration of documents as the design has it, at line 10 of a file; without the `[database]`.
const DOCUMENTS: &str = r#"[[dataset]]
name = "documents"
table = "documents"
description = "Documents in the company's data rooms"
key = "id"
tenant = { column = "tenant_id" }
data_room = "data_room_id"
search = { columns = ["title", "body"], fts = "documents_fts" }
order = ["-updated_at"]
[dataset.columns]
id = { type = "id", column = "Document ID" }
tenant_id = { type = "text", expose = false }
data_room_id = { type = "id" }
owner_id = { type = "id" }
title = { type = "text" }
body = { type = "text", list = false }
classification = { type = "text", values = ["public", "internal", "secret"] }
amount = { type = "number", protected = true }
updated_at = { type = "time", stored = "unix_ms" }
picture = { type = "bytes" }
"#;

fn catalog(text: &str) -> Result<Catalog, String> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("bailiwick.toml"), text).unwrap();
    let environment = vec![("BAILIWICK_DATABASE_URL".into(), "sqlite:company.db".into())];
    let inputs = Inputs { environment, working_directory: directory.path().to_owned(), ..Inputs::default() };
    let loaded = read(inputs).unwrap_or_else(|errors| panic!("{errors}"));
    build(&loaded).map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// Holds the refusal of what stands from line 10 to these words, without the file's name.
#[track_caller]
fn refuses(more: &str, message: &str) {
    let refusal = catalog(&format!("{HEAD}{more}")).map(|_| ()).unwrap_err();
    assert_eq!(refusal.replace("bailiwick.toml:", ""), message);
}

/// A dataset of these lines and columns; the lines begin at line 12, the columns two lines after the last of them.
fn dataset(lines: &str, columns: &str) -> String {
    format!("[[dataset]]\nname = \"d\"\n{lines}\n[dataset.columns]\n{columns}\n")
}

#[test]
fn a_dataset_comes_out_as_it_is_declared() {
    let catalog = catalog(&format!("{HEAD}{DOCUMENTS}")).unwrap();
    let documents = &catalog.datasets[&"documents".parse::<Name>().unwrap()];
    let names: Vec<&str> = documents.columns.iter().map(|column| column.name.as_str()).collect();
    let order = "id tenant_id data_room_id owner_id title body classification amount updated_at picture";
    assert_eq!(names.join(" "), order, "columns keep the order of writing");
    assert_eq!(documents.tenant, TenantRule::Column("tenant_id".parse().unwrap()));
    assert_eq!(documents.data_room, RoomRule::Column("data_room_id".parse().unwrap()));
    assert_eq!(documents.order[0].direction, Direction::Descending);
    let search = documents.search.as_ref().unwrap();
    assert_eq!((search.columns.len(), search.fts.as_deref()), (2, Some("documents_fts")));
    let column = |name: &str| documents.column(name).unwrap();
    assert_eq!(column("id").source, "Document ID");
    assert!(!column("tenant_id").expose && !column("tenant_id").list);
    assert!(column("body").expose && !column("body").list);
    assert!(column("amount").protected && !column("title").protected);
    assert_eq!(column("updated_at").kind, ColumnType::Time(TimeStorage::UnixMillis));
    assert_eq!(column("classification").values.as_ref().unwrap().len(), 3);
    assert!(!column("picture").list, "bytes are never listed");
}

#[test]
fn the_built_in_names_are_always_there() {
    let catalog = catalog(HEAD).unwrap();
    assert_eq!(catalog.tools.iter().map(Name::as_str).collect::<Vec<_>>(), ["echo", "whoami"]);
    assert!(catalog.resources.contains("static://welcome"));
    assert_eq!(&*catalog.lists[&"rooms".parse::<Name>().unwrap()], "room:");
    assert_eq!(catalog.tenants.len(), 1);
    assert!(catalog.datasets.is_empty() && catalog.claims.is_empty() && catalog.trusted_context.is_empty());
}

#[test]
fn claims_lists_and_context_come_out_as_declared() {
    let text = format!(
        "[claims]\nclearance = \"number\"\n[policy.lists]\nreports = \"report:\"\n[context]\ntrusted = \"agent\"\n{HEAD}"
    );
    let catalog = catalog(&text).unwrap();
    assert_eq!(catalog.claims[&"clearance".parse::<Name>().unwrap()], ClaimType::Number);
    assert_eq!(&*catalog.lists[&"reports".parse::<Name>().unwrap()], "report:");
    assert_eq!(catalog.trusted_context.len(), 1);
}

#[test]
fn a_left_out_data_room_rule_is_not_none() {
    let rule = |line: &str| {
        let text = dataset(&format!("key = \"id\"\ntenant = \"shared\"\n{line}"), "id = { type = \"id\" }");
        catalog(&format!("{HEAD}{text}")).unwrap().datasets.values().next().unwrap().data_room.clone()
    };
    assert_eq!(rule(""), RoomRule::Undeclared);
    assert_eq!(rule("data_room = \"none\""), RoomRule::Ignored);
}

#[test]
fn a_fixed_tenant_must_be_declared() {
    let text =
        |tenant: &str| dataset(&format!("key = \"id\"\ntenant = {{ fixed = \"{tenant}\" }}"), "id = { type = \"id\" }");
    let catalog = catalog(&format!("{HEAD}{}", text("acme"))).unwrap();
    assert_eq!(catalog.datasets.values().next().unwrap().tenant, TenantRule::Fixed("acme".parse().unwrap()));
    refuses(&text("amce"), "13: `dataset.d.tenant.fixed`: there is no tenant `amce`; did you mean `acme`?");
}

#[test]
fn columns_are_refused_with_what_would_be_right() {
    let cases = [
        (
            "id2 = { type = \"uuid\" }",
            "15: `dataset.d.columns.id2.type`: there is no type `uuid`; there are `id`, `text`, `number`, `boolean`, `time`, `json`, `bytes`",
        ),
        ("t = { type = \"tiem\" }", "15: `dataset.d.columns.t.type`: there is no type `tiem`; did you mean `time`?"),
        (
            "class = { type = \"text\" }",
            "15: `dataset.d.columns.class`: `class` is a reserved word; choose another name and map it with `column = \"class\"`",
        ),
        (
            "\"Order ID\" = { type = \"id\" }",
            "15: `dataset.d.columns.Order ID`: `Order ID` is not a name; a name begins with a letter or `_`, goes on with letters, digits and `_`, and has at most 48 of them",
        ),
        (
            "ID = { type = \"id\" }",
            "15: `dataset.d.columns.ID`: `ID` stands at 16 already; SQL does not tell names apart that differ in capitals only",
        ),
        (
            "t = { type = \"time\", stored = \"unixms\" }",
            "15: `dataset.d.columns.t.stored`: there is no form of a time `unixms`; did you mean `unix_ms`?",
        ),
        (
            "t = { type = \"text\", stored = \"unix\" }",
            "15: `dataset.d.columns.t.stored` is written for a column of type `text`; expected it for `time` only",
        ),
        (
            "t = { type = \"number\", values = [\"1\"] }",
            "15: `dataset.d.columns.t.values` is written for a column of type `number`; expected it for `id` and `text` only",
        ),
        (
            "t = { type = \"text\", values = [] }",
            "15: `dataset.d.columns.t.values` is empty; expected at least one value; leave it out if any may stand there",
        ),
        (
            "t = { type = \"text\", values = [\"a\", \"a\"] }",
            "15: `dataset.d.columns.t.values`: `a` stands at 15 already; once is enough",
        ),
        (
            "t = { type = \"bytes\", list = true }",
            "15: `dataset.d.columns.t.list` is `true`; expected `false`: bytes are never listed",
        ),
        (
            "t = { type = \"text\", expose = false, list = true }",
            "15: `dataset.d.columns.t.list` is `true`; expected `false`: the column is not in answers at all",
        ),
    ];
    for (column, message) in cases {
        let id = "id = { type = \"id\" }";
        // The one that differs in capitals only is found second.
        if message.contains("in capitals") {
            let text = dataset("key = \"id\"\ntenant = \"shared\"", &format!("{id}\n{column}"));
            refuses(
                &text,
                "16: `dataset.d.columns.ID`: `ID` stands at 15 already; SQL does not tell names apart that differ in capitals only",
            );
        } else {
            refuses(&dataset("key = \"id\"\ntenant = \"shared\"", &format!("{column}\n{id}")), message);
        }
    }
}

#[test]
fn datasets_are_refused_with_what_would_be_right() {
    const COLUMNS: &str = "id = { type = \"id\" }\ntitle = { type = \"text\" }\namount = { type = \"number\", protected = true }\n\
                           hidden = { type = \"text\", expose = false }\nmore = { type = \"json\" }\nsize = { type = \"number\" }";
    let open = "exposed columns: what is found, and in which order, tells what they hold";
    let get = "exposed columns that are not protected: `get_d` asks for them";
    let cases = [
        ("key = \"idd\"\ntenant = \"shared\"", "12: `dataset.d.key`: there is no column `idd`; did you mean `id`?".to_owned()),
        ("key = []\ntenant = \"shared\"", "12: `dataset.d.key` is empty; expected at least one column".to_owned()),
        ("key = [\"id\", \"id\"]\ntenant = \"shared\"", "12: `dataset.d.key` is `id` twice; expected each column once".to_owned()),
        ("key = \"more\"\ntenant = \"shared\"", "12: `dataset.d.key` is `more`, a column of type `json`; expected columns that can be asked for".to_owned()),
        ("key = \"hidden\"\ntenant = \"shared\"", format!("12: `dataset.d.key` is `hidden`, which is not in every answer; expected {get}")),
        ("key = \"amount\"\ntenant = \"shared\"", format!("12: `dataset.d.key` is `amount`, which is not in every answer; expected {get}")),
        ("key = \"id\"\ntenant = { column = \"tenant_id\" }", "13: `dataset.d.tenant.column`: there is no column `tenant_id`; there are `id`, `title`, `amount`, `hidden`, `more`, `size`".to_owned()),
        ("key = \"id\"\ntenant = { column = \"size\" }", "13: `dataset.d.tenant.column` is `size`, a column of type `number`; expected a column of type `id` or `text`".to_owned()),
        ("key = \"id\"\ntenant = \"shared\"\ndata_room = \"nnoe\"", "14: `dataset.d.data_room`: there is no column `nnoe`; there are `id`, `title`, `amount`, `hidden`, `more`, `size`".to_owned()),
        ("key = \"id\"\ntenant = \"shared\"\ndata_room = \"more\"", "14: `dataset.d.data_room` is `more`, a column of type `json`; expected a column of type `id` or `text`".to_owned()),
        ("key = \"id\"\ntenant = \"shared\"\nsearch = { columns = [] }", "14: `dataset.d.search.columns` is empty; expected at least one text column".to_owned()),
        ("key = \"id\"\ntenant = \"shared\"\nsearch = { columns = [\"titel\"] }", "14: `dataset.d.search.columns`: there is no column `titel`; did you mean `title`?".to_owned()),
        ("key = \"id\"\ntenant = \"shared\"\nsearch = { columns = [\"id\"] }", "14: `dataset.d.search.columns` is `id`, a column of type `id`; expected columns of type `text`".to_owned()),
        ("key = \"id\"\ntenant = \"shared\"\nsearch = { columns = [\"hidden\"] }", format!("14: `dataset.d.search.columns` is `hidden`, which is in no answer; expected {open}")),
        ("key = \"id\"\ntenant = \"shared\"\norder = [\"-sizes\"]", "14: `dataset.d.order`: there is no column `sizes`; did you mean `size`?".to_owned()),
        ("key = \"id\"\ntenant = \"shared\"\norder = [\"more\"]", "14: `dataset.d.order` is `more`, a column of type `json`; expected columns that have an order".to_owned()),
        ("key = \"id\"\ntenant = \"shared\"\norder = [\"-hidden\"]", format!("14: `dataset.d.order` is `hidden`, which is in no answer; expected {open}")),
        ("key = \"id\"\ntenant = \"shared\"\norder = [\"size\", \"-size\"]", "14: `dataset.d.order` is `size` twice; expected each column once".to_owned()),
    ];
    for (lines, message) in cases {
        refuses(&dataset(lines, COLUMNS), &message);
    }
    refuses(
        "[[dataset]]\nname = \"d\"\nkey = \"id\"\ntenant = \"shared\"\ncolumns = {}",
        "10: `dataset.d.columns` is empty; expected at least the key\n12: `dataset.d.key`: there is no column `id`; none is declared",
    );
    refuses(
        &dataset("key = \"id\"\ntenant = \"shared\"", "id = { type = \"id\" }")
            .replace("name = \"d\"", "name = \"import\""),
        "11: `dataset.import.name`: `import` is a reserved word; choose another name and map it with `column = \"import\"`",
    );
}

#[test]
fn the_names_of_generated_tools_must_fit() {
    let long = "d".repeat(43);
    let text = |search: &str| {
        let lines = format!("key = \"id\"\ntenant = \"shared\"\n{search}");
        dataset(&lines, "id = { type = \"id\" }\nt = { type = \"text\" }")
            .replace("name = \"d\"", &format!("name = \"{long}\""))
    };
    refuses(
        &text(""),
        &format!(
            "11: `dataset.{long}.name` is too long for its tool `count_{long}`; expected a shorter name: a tool's has at most 48 characters"
        ),
    );
    let catalog =
        catalog(&format!("{HEAD}{}", text("search = { columns = \"t\" }").replace(&long, "documents"))).unwrap();
    let tools: Vec<String> = catalog.generated_tools().map(|(name, ..)| name.to_string()).collect();
    assert_eq!(tools, ["list_documents", "get_documents", "search_documents", "count_documents"]);
}

#[test]
fn a_dataset_is_changed_as_its_declaration_says_and_only_where_something_can_be_lost_is_a_word_asked_for() {
    let text = |lines: &str| {
        let lines = format!("key = \"id\"\ntenant = {{ column = \"t\" }}\n{lines}");
        dataset(&lines, "id = { type = \"id\" }\nt = { type = \"text\" }\nv = { type = \"text\" }")
    };
    let built = |lines: &str| {
        let catalog = catalog(&format!("{HEAD}{}", text(lines))).unwrap();
        let (_, dataset) = catalog.datasets.first_key_value().unwrap();
        (Arc::clone(dataset), catalog)
    };
    let (read, plain) = built("");
    assert!(read.writable.is_empty() && read.changing_tool(Change::Create).is_none());
    assert_eq!(plain.generated_tools().count(), 3);
    let (written, declared) = built("writable = [\"delete\", \"create\", \"update\"]\nconfirm = \"required\"");
    assert_eq!(written.confirm, Confirm::Required);
    let tools: Vec<String> = declared.generated_tools().map(|(name, ..)| name.to_string()).collect();
    assert_eq!(tools, ["list_d", "get_d", "count_d", "create_d", "update_d", "delete_d"]);
    let columns = |change| written.written_by(change).map(|column| column.name.to_string()).collect::<Vec<_>>();
    assert_eq!(columns(Change::Create), ["id", "v"], "the tenant's column is never given");
    assert_eq!(columns(Change::Update), ["v"], "nor is a key changed");
    assert_eq!(columns(Change::Delete), [] as [&str; 0]);
    for (lines, expected) in [
        ("writable = [\"crate\"]", "there is no change `crate`; did you mean `create`?"),
        ("writable = [\"create\", \"create\"]", "`create` stands at"),
        (
            "confirm = \"required\"",
            "is written where nothing can be lost; expected it beside `writable` with \"update\" or \"delete\"",
        ),
        ("writable = \"create\"\nconfirm = \"required\"", "is written where nothing can be lost"),
    ] {
        let refused = catalog(&format!("{HEAD}{}", text(lines)));
        let told = refused.unwrap_err();
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn two_datasets_cannot_make_one_tool() {
    let one = dataset("key = \"id\"\ntenant = \"shared\"", "id = { type = \"id\" }");
    refuses(
        &format!("{one}{}", one.replace("name = \"d\"", "name = \"D\"")),
        "17: `dataset.name`: `D` stands at 11 already; the tools `list_…` and `get_…` of the two could not be told apart (capitals do not count)",
    );
}

/// A dataset with this name, key and `within`, one line for each and a column `a` and `b`.
fn child(name: &str, key: &str, within: &str) -> String {
    format!(
        "[[dataset]]\nname = \"{name}\"\nkey = {key}\n{within}\ncolumns = {{ a = {{ type = \"id\" }}, b = {{ type = \"id\" }}, n = {{ type = \"number\" }} }}\n"
    )
}

#[test]
fn a_child_inherits_the_rule_of_a_parent_of_any_depth() {
    let text = child("lines", "[\"a\", \"b\"]", "within = { dataset = \"orders\", by = { b = \"a\" } }")
        + child("orders", "\"a\"", "within = { dataset = \"customers\", by = { n = \"n\" } }").as_str()
        + child("customers", "\"n\"", "tenant = { fixed = \"acme\" }").as_str();
    let catalog = catalog(&format!("{HEAD}{text}")).unwrap();
    let lines = &catalog.datasets[&"lines".parse::<Name>().unwrap()];
    assert_eq!(lines.tenant, TenantRule::Inherited);
    let within = lines.within.as_ref().unwrap();
    assert_eq!(within.dataset.as_str(), "orders");
    assert_eq!(within.by.iter().map(|(child, parent)| format!("{child}={parent}")).collect::<Vec<_>>(), ["b=a"]);
}

#[test]
fn within_must_cover_the_whole_key_of_a_declared_parent() {
    let parent = child("p", "[\"a\", \"b\"]", "tenant = \"shared\"");
    for (by, message) in [
        (
            "dataset = \"pp\", by = { a = \"a\" }",
            "18: `dataset.c.within.dataset`: there is no dataset `pp`; did you mean `p`?",
        ),
        (
            "dataset = \"p\", by = { a = \"a\" }",
            "18: `dataset.c.within.by` is without `b`; expected the whole key of `p`, which is `a`, `b`",
        ),
        (
            "dataset = \"p\", by = { a = \"a\", b = \"b\", n = \"n\" }",
            "18: `dataset.c.within.by` is to `n`; expected the key of `p`, which is `a`, `b`",
        ),
        (
            "dataset = \"p\", by = { a = \"a\", b = \"a\" }",
            "18: `dataset.c.within.by` is to `a` twice; expected each column of the key once\n18: `dataset.c.within.by` is without `b`; expected the whole key of `p`, which is `a`, `b`",
        ),
        (
            "dataset = \"p\", by = { a = \"a\", b = \"bb\" }",
            "18: `dataset.c.within.by`: there is no column of the parent `bb`; did you mean `b`?\n18: `dataset.c.within.by` is without `b`; expected the whole key of `p`, which is `a`, `b`",
        ),
        (
            "dataset = \"p\", by = { a = \"a\", x = \"b\" }",
            "18: `dataset.c.within.by`: there is no column `x`; there are `a`, `b`, `n`",
        ),
        (
            "dataset = \"p\", by = { a = \"a\", n = \"b\" }",
            "18: `dataset.c.within.by` is from `n`, a column of type `number`; expected the type of `b`, which is `id`",
        ),
    ] {
        refuses(&format!("{parent}{}", child("c", "\"a\"", &format!("within = {{ {by} }}"))), message);
    }
}

#[test]
fn datasets_cannot_be_within_each_other() {
    let within = |parent: &str| format!("within = {{ dataset = \"{parent}\", by = {{ a = \"a\" }} }}");
    refuses(
        &child("a", "\"a\"", &within("a")),
        "13: `dataset.a.within` goes round in a circle: `a` within `a`; one of them must stand alone",
    );
    let circle = child("z", "\"a\"", &within("b"))
        + child("b", "\"a\"", &within("a")).as_str()
        + child("a", "\"a\"", &within("b")).as_str();
    refuses(
        &circle,
        "23: `dataset.a.within` goes round in a circle: `a` within `b` within `a`; one of them must stand alone",
    );
}

#[test]
fn tenants_are_refused_with_what_would_be_right() {
    let cases = [
        (
            "name = \"beta\"\nissuer = \"blockbrian\"\norganisations = [\"1\"]",
            "12: `tenant.beta.issuer`: there is no issuer `blockbrian`; did you mean `blockbrain`?",
        ),
        (
            "name = \"be ta\"\nissuer = \"blockbrain\"\norganisations = [\"1\"]",
            "11: `tenant.be ta.name`: `be ta` is not a name; letters, digits, `-`, `_` and `.`, beginning with a letter or digit, at most 64 of them",
        ),
        (
            "name = \"beta\"\nissuer = \"blockbrain\"\norganisations = []",
            "13: `tenant.beta.organisations` is empty; expected at least one organisation id: no token could be told to belong to this tenant",
        ),
        (
            "name = \"beta\"\nissuer = \"blockbrain\"\norganisations = [\" 1\"]",
            "13: `tenant.beta.organisations`: \" 1\" begins or ends with a blank",
        ),
        (
            "name = \"beta\"\nissuer = \"blockbrain\"\norganisations = [\"337\"]",
            "13: `tenant.beta.organisations`: `337` stands at 9 already; for one issuer it can mean one tenant only",
        ),
        (
            "name = \"beta\"\nissuer = \"blockbrain\"\norganisations = [\"1\"]\naliases = [\"acme\"]",
            "14: `tenant.beta.aliases`: `acme` stands at 7 already; for one issuer it can mean one tenant only",
        ),
        (
            "name = \"acme\"\nissuer = \"blockbrain\"\norganisations = [\"1\"]",
            "11: `tenant.name`: `acme` stands at 7 already; a tenant is declared once; add organisation ids to it",
        ),
        (
            "name = \"beta\"\nissuer = \"blockbrain\"\norganisations = [\"1\"]\ndata_rooms = { a = \"\\u200B\" }",
            "14: `tenant.beta.data_rooms`: \"\\u{200b}\" has the character U+200B, which is a control or an invisible character",
        ),
    ];
    for (lines, message) in cases {
        refuses(&format!("[[tenant]]\n{lines}\n"), message);
    }
    let two = "[[issuer]]\nname = \"other\"\npreset = \"zitadel\"\nissuer = \"https://z.example\"\naudience = \"a\"\nclients = [\"c\"]\n\
               [[tenant]]\nname = \"beta\"\nissuer = \"other\"\norganisations = [\"337\"]\n";
    assert_eq!(catalog(&format!("{HEAD}{two}")).unwrap().tenants.len(), 2, "another issuer's ids are its own");
}

#[test]
fn data_rooms_come_out_as_declared() {
    let catalog = catalog(&format!("{HEAD}aliases = [\"66f1\"]\n[tenant.data_rooms]\n66f2 = \"finance\"\n")).unwrap();
    let acme = &catalog.tenants["acme"];
    assert_eq!(acme.data_rooms["66f2"].as_str(), "finance");
    assert!(!acme.data_rooms_as_is && acme.aliases.contains("66f1"));
}

#[test]
fn claims_and_lists_are_refused_with_what_would_be_right() {
    let form =
        "a prefix of small letters, digits, `-` and `_` that begins with a letter and ends with `:`, such as `report:`";
    let built_in = "a prefix that is not built in (`user:`, `subject:`, `idp:`, `role:`, `client:` and `room:` are)";
    let cases = [
        ("[claims]\nclearance = \"int\"", "11: `claims.clearance`: there is no type `int`; there are `text`, `number`, `boolean`".to_owned()),
        ("[claims]\nemail = \"text\"", "11: `claims.email` is the name of what every requester has as `r.sub.email`; expected another name".to_owned()),
        ("[claims]\n\"a-b\" = \"text\"", "11: `claims.a-b`: `a-b` is not a name; a name begins with a letter or `_`, goes on with letters, digits and `_`, and has at most 48 of them".to_owned()),
        ("[policy.lists]\nnames = \"x:\"", "11: `policy.lists.names` is the name of what every requester has as `r.sub.names`; expected another name".to_owned()),
        ("[policy.lists]\nrooms = \"r:\"", "11: `policy.lists.rooms` is built in, as the list of what follows `room:`; expected another name".to_owned()),
        ("[policy.lists]\nreports = \"report\"", format!("11: `policy.lists.reports` is `report`; expected {form}")),
        ("[policy.lists]\nreports = \"Report:\"", format!("11: `policy.lists.reports` is `Report:`; expected {form}")),
        ("[policy.lists]\nreports = \":\"", format!("11: `policy.lists.reports` is `:`; expected {form}")),
        ("[policy.lists]\nstaff = \"s:\"\nmore = \"s:\"", "12: `policy.lists.more`: `s:` stands at 11 already; two lists cannot be filled by one prefix".to_owned()),
        ("[policy.lists]\nlevel = \"l:\"\n[claims]\nlevel = \"number\"", "11: `policy.lists.level`: `level` stands at 13 already; a claim has that name, and `r.sub` can hold it once".to_owned()),
    ];
    for (lines, message) in cases {
        refuses(lines, &message);
    }
    for prefix in ["user:", "subject:", "idp:", "role:", "client:", "room:"] {
        refuses(
            &format!("[policy.lists]\nx = \"{prefix}\""),
            &format!("11: `policy.lists.x` is `{prefix}`; expected {built_in}"),
        );
    }
}

#[test]
fn one_slip_gives_one_message_and_two_give_two() {
    let text = child("p", "\"a\"", "tenant = \"shared\"").replace("type = \"number\"", "type = \"numbre\"")
        + child("c", "\"x\"", "within = { dataset = \"p\", by = { a = \"a\" } }").as_str();
    refuses(
        &text,
        "14: `dataset.p.columns.n.type`: there is no type `numbre`; did you mean `number`?\n\
         17: `dataset.c.key`: there is no column `x`; there are `a`, `b`, `n`",
    );
}

#[test]
fn rows_are_resources_as_declared() {
    let resource = |lines: &str| {
        let text = DOCUMENTS.replace("order = [\"-updated_at\"]", lines);
        catalog(&format!("{HEAD}{text}")).unwrap().datasets["documents"].resource.clone()
    };
    assert_eq!(resource(""), Some(RowResource::default()));
    assert_eq!(resource("resource = \"none\""), None);
    let picture = resource("resource = { title = \"title\", content = \"picture\" }").unwrap();
    assert_eq!(picture.title.unwrap().as_str(), "title");
    assert_eq!(picture.content.unwrap().media_type, "application/octet-stream");
    let body = resource("resource = { content = \"body\", media_type = \"text/markdown\" }").unwrap();
    assert_eq!(body.content.unwrap().media_type, "text/markdown");
}

#[test]
fn what_no_resource_could_be_is_refused() {
    let refuses = |line: &str, message: &str| {
        refuses(&DOCUMENTS.replace("order = [\"-updated_at\"]", line), message);
    };
    refuses(
        "resource = { title = \"titel\" }",
        "18: `dataset.documents.resource.title`: there is no column `titel`; did you mean `title`?",
    );
    refuses(
        "resource = { title = \"amount\" }",
        "18: `dataset.documents.resource.title` is `amount`, a column of type `number`; expected a column of type `text` or `id`",
    );
    refuses(
        "resource = { title = \"body\" }",
        "25: `dataset.documents.resource.title` is `body`, which is not in lists; expected a column without `list = false`",
    );
    refuses(
        "resource = { content = \"tenant_id\" }",
        "18: `dataset.documents.resource.content` is `tenant_id`, which is in no answer; expected an exposed column",
    );
    refuses(
        "resource = { media_type = \"text/plain\" }",
        "18: `dataset.documents.resource.media_type` is written alone; expected `resource.content` beside it: a whole row is always JSON",
    );
}

/// The documents, and a prompt of these lines, which begin at line 32.
fn prompt(lines: &str) -> String {
    format!("{DOCUMENTS}[[prompt]]\nname = \"p\"\n{lines}\n")
}

#[test]
fn a_prompt_is_read_into_pieces() {
    let text = prompt(
        "[prompt.arguments]\ndocument = { dataset = \"documents\" }\nfocus = { required = false }\n\
         [[prompt.messages]]\ntext = \"{{{document.title}}} {focus}\"\n[[prompt.messages]]\nrole = \"assistant\"\nrow = \"document\"",
    );
    let catalog = catalog(&format!("{HEAD}{text}")).unwrap();
    let prompt = &catalog.prompts["p"];
    let name = |text: &str| text.parse::<Name>().unwrap();
    let MessageBody::Text(pieces) = &prompt.messages[0].body else { panic!("{prompt:?}") };
    assert_eq!(
        *pieces,
        [
            Piece::Text("{".to_owned()),
            Piece::Column { argument: name("document"), column: name("title") },
            Piece::Text("} ".to_owned()),
            Piece::Argument(name("focus")),
        ]
    );
    assert!(
        prompt.messages[1].by_assistant
            && matches!(&prompt.messages[1].body, MessageBody::Row(row) if *row == name("document"))
    );
    assert!(prompt.arguments[0].required && !prompt.arguments[1].required);
}

#[test]
fn a_prompt_that_speaks_of_what_is_not_there_is_refused() {
    let arguments = "[prompt.arguments]\ndocument = { dataset = \"documents\" }\nfocus = { values = [\"a\"] }\n[[prompt.messages]]\n";
    let says = |message: &str, refusal: &str| refuses(&prompt(&format!("{arguments}{message}")), refusal);
    says(
        "text = \"{dokument}\"",
        "36: `prompt.p.messages.text`: there is no argument `dokument`; did you mean `document`?",
    );
    says(
        "text = \"{document.titel}\"",
        "36: `prompt.p.messages.text`: there is no column `titel`; did you mean `title`?",
    );
    says(
        "text = \"{document.tenant_id}\"",
        "36: `prompt.p.messages.text`: there is no column `tenant_id`; there are `id`, `data_room_id`, `owner_id`, `title`, `body`, `classification`, `amount`, `updated_at`, `picture`",
    );
    says(
        "text = \"{focus.title}\"",
        "36: `prompt.p.messages.text` is `{focus.title}`, where `focus` is an argument without `dataset`; expected `{focus}`",
    );
    says(
        "text = \"{focus\"",
        "36: `prompt.p.messages.text` is a text with a single `{`; expected `{argument}` or `{argument.column}`; a brace itself is written twice",
    );
    says(
        "row = \"focus\"",
        "36: `prompt.p.messages.row` is `focus`, an argument without `dataset`; expected an argument that names a row",
    );
    refuses(
        &prompt("[prompt.arguments]\nx = { dataset = \"document\" }\n[[prompt.messages]]\ntext = \"a\""),
        "33: `prompt.p.arguments.x.dataset`: there is no dataset `document`; did you mean `documents`?",
    );
}
