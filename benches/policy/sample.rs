//! Policies of any size, of lines of one sort or of all, and who asks about them.

use std::fmt::Write as _;
use std::sync::Arc;

use bailiwick::model::{Attributes, Context, Number, Requester, Value};

use crate::Failure;

/// How many lines of a tenant belong together.
const BLOCK: usize = 16;
/// In a mixture, one line in so many is for every tenant.
const SHARED: usize = 100;
/// The people of a block who have lines of their own.
const LETTERS: [char; 4] = ['a', 'b', 'c', 'd'];

/// What the lines of a policy are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mixture {
    /// All of it: roles and who has them, rows, tools, data rooms, lines for every tenant.
    All,
    /// Tools alone: two lines of each person's four have a condition of their own.
    Tools,
    /// Rows alone, each line under a condition that no other has.
    Rows,
    /// Roles and data rooms: `g` lines, for two lines that say what those come to.
    Grants,
    /// A role of many data rooms, and three lines for each of the people who have it.
    People,
}

impl Mixture {
    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Tools => "tools",
            Self::Rows => "rows",
            Self::Grants => "grants",
            Self::People => "people",
        }
    }

    pub(crate) fn read(word: &str) -> Result<Self, Failure> {
        let all = [Self::All, Self::Tools, Self::Rows, Self::Grants, Self::People];
        let known = all.into_iter().find(|mixture| mixture.as_str() == word);
        known.ok_or_else(|| {
            format!("`{word}` is no mixture of lines; there are all, tools, rows, grants, people").into()
        })
    }

    /// Whether there are people who call tools.
    pub(crate) fn has_tools(self) -> bool {
        match self {
            Self::All | Self::Tools | Self::Grants | Self::People => true,
            Self::Rows => false,
        }
    }

    /// Whether there are people who read rows.
    pub(crate) fn has_rows(self) -> bool {
        match self {
            Self::All | Self::Rows | Self::Grants | Self::People => true,
            Self::Tools => false,
        }
    }

    /// The policy of so many lines.
    pub(crate) fn policy(self, lines: usize, tenants: usize) -> String {
        let (common, shared): (_, fn(usize) -> String) = match self {
            Self::All => ((lines / SHARED).max(1), shared),
            Self::Tools | Self::Rows => (0, shared),
            Self::Grants => (MEANING.len(), |number| MEANING[number].to_owned()),
            Self::People => ((lines / SHARED).max(1), rooms),
        };
        let block = match self {
            Self::All => team,
            Self::Tools => callers,
            Self::Rows => readers,
            Self::Grants => members,
            Self::People => people,
        };
        let own = lines - common;
        let mut text = String::with_capacity(lines * 100);
        let mut add = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        (0..common).map(shared).for_each(&mut add);
        for number in 0..tenants {
            let count = own / tenants + usize::from(number < own % tenants);
            let blocks = (0..).flat_map(|block_number| block(number, block_number));
            blocks.take(count).for_each(&mut add);
        }
        text
    }
}

fn name(tenant: usize) -> String {
    format!("t{tenant}")
}

fn person(letter: char, block: usize, tenant: &str) -> String {
    format!("{letter}{block}@{tenant}.example")
}

/// Eight rules for a role, and who has it.
fn team(tenant: usize, block: usize) -> [String; BLOCK] {
    let tenant = &name(tenant);
    let role = format!("role:team{block}");
    let person = |letter: char| format!("user:{}", person(letter, block, tenant));
    let line = |what: &str, may: &str, when: &str, effect: &str| {
        format!("p, {role}, {tenant}, {what}, {may}, {when}, {effect}")
    };
    let member = |who: &str, group: &str| format!("g, {who}, {group}, {tenant}");
    let data_room = |number: usize| format!("room:r{}", block * 2 + number);
    let owner = "r.obj.owner_id == r.sub.external_id";
    [
        member(&person('a'), &role),
        line("dataset:documents", "read", "r.obj.data_room_id in r.sub.rooms", "allow"),
        member(&person('a'), &data_room(0)),
        line("dataset:documents", "read", owner, "allow"),
        line("dataset:documents", "read", r#"r.obj.classification == "secret" && r.sub.clearance < 3"#, "deny"),
        member(&person('b'), &role),
        line("dataset:invoices", "read", &format!("r.obj.amount < {}", 1_000 + block), "allow"),
        line("tool:echo", "call", "true", "allow"),
        member(&person('a'), &data_room(1)),
        line("dataset:in*", "read", owner, "allow"),
        line("dataset:people", "*", "true", "allow"),
        member(&person('b'), &data_room(0)),
        line("tool:count_documents", "call", "true", "deny"),
        member(&person('c'), &role),
        member(&person('c'), &data_room(1)),
        member(&format!("idp:bench/team{block}"), &role),
    ]
}

/// Lines for every tenant, in groups of four.
fn shared(number: usize) -> String {
    let group = number / 4;
    match number % 4 {
        0 => format!("g, idp:bench/group{group}, role:group{group}, *"),
        1 => format!("p, role:group{group}, *, dataset:*, read, true, allow"),
        2 => format!("p, client:blocked{group}, *, *, *, true, deny"),
        _ => format!("p, role:group{group}, *, tool:count_*, call, true, deny"),
    }
}

/// What the rest of a line depends on: whom it is for, and which of their four it is.
struct Line {
    tenant: String,
    person: String,
    place: usize,
    /// A number that no other line has.
    number: usize,
}

/// Four lines for each of four people.
fn each(tenant: usize, block: usize, line: impl Fn(Line) -> String) -> [String; BLOCK] {
    /// More than a tenant has.
    const LINES: usize = 1_000_000;
    std::array::from_fn(|place| {
        let person = person(LETTERS[place / LETTERS.len()], block, &name(tenant));
        let number = tenant * LINES + block * BLOCK + place;
        line(Line { tenant: name(tenant), person, place: place % LETTERS.len(), number })
    })
}

fn callers(tenant: usize, block: usize) -> [String; BLOCK] {
    each(tenant, block, |Line { tenant, person, place, number }| {
        let (what, when, effect) = match place {
            0 => ("tool:echo", "true".to_owned(), "allow"),
            1 => ("tool:whoami", format!("r.sub.clearance < {}", number + 3), "allow"),
            2 => ("tool:count_documents", "true".to_owned(), "deny"),
            _ => ("tool:who*", format!("r.sub.clearance > {number}"), "allow"),
        };
        format!("p, user:{person}, {tenant}, {what}, call, {when}, {effect}")
    })
}

fn readers(tenant: usize, block: usize) -> [String; BLOCK] {
    each(tenant, block, |Line { tenant, person, place, number }| {
        let (what, when, effect) = match place {
            0 => ("dataset:documents", format!("r.obj.amount < {}", number + 3), "allow"),
            1 => {
                ("dataset:documents", format!(r#"r.obj.classification == "secret" && r.obj.amount < {number}"#), "deny")
            }
            2 => ("dataset:in*", format!("r.obj.owner_id == r.sub.external_id && r.obj.amount > {number}"), "allow"),
            _ => ("dataset:people", format!("r.obj.amount == {number}"), "allow"),
        };
        format!("p, user:{person}, {tenant}, {what}, read, {when}, {effect}")
    })
}

/// What the role and the rooms of [`members`] come to.
const MEANING: [&str; 2] = [
    "p, role:member, *, tool:echo, call, true, allow",
    "p, role:member, *, dataset:documents, read, r.obj.data_room_id in r.sub.rooms, allow",
];

fn members(tenant: usize, block: usize) -> [String; BLOCK] {
    each(tenant, block, |Line { tenant, person, place, number }| match place {
        0 => format!("g, user:{person}, role:member, {tenant}"),
        _ => format!("g, user:{person}, room:r{number}, {tenant}"),
    })
}

/// What the role of [`people`] comes to, and its rooms.
fn rooms(number: usize) -> String {
    match number {
        0 => "p, role:staff, *, dataset:documents, read, r.obj.data_room_id in r.sub.rooms, allow".to_owned(),
        _ => format!("g, role:staff, room:r{number}, *"),
    }
}

fn people(tenant: usize, block: usize) -> [String; BLOCK] {
    each(tenant, block, |Line { tenant, person, place, number }| match place {
        0 => format!("g, user:{person}, role:staff, {tenant}"),
        1 => format!("p, user:{person}, {tenant}, tool:echo, call, true, allow"),
        2 => format!("p, user:{person}, {tenant}, dataset:people, read, r.obj.amount == {number}, allow"),
        _ => format!("p, user:{person}, {tenant}, dataset:documents, read, r.obj.amount == {number}, deny"),
    })
}

/// The settings of a server with so many tenants.
pub(crate) fn settings(tenants: usize) -> String {
    let mut text = String::from(
        r#"
[database]
url = "sqlite:company.db"
[policy]
directory = "policies"
[claims]
clearance = "number"
[[issuer]]
name = "bench"
preset = "zitadel"
issuer = "http://127.0.0.1:8080/issuer"
jwks_url = "http://127.0.0.1:8080/issuer/keys"
audience = ["1"]
clients = ["1"]
users = true
[issuer.claims]
external_user = ["external_user_id"]
"#,
    );
    for number in 0..tenants {
        let name = name(number);
        write!(text, "[[tenant]]\nname = \"{name}\"\nissuer = \"bench\"\norganisations = [\"{}\"]\n", number + 1)
            .unwrap_or_default();
    }
    for (name, order) in [("documents", "updated_at"), ("invoices", "id"), ("invoice_lines", "id"), ("people", "id")] {
        write!(
            text,
            r#"
[[dataset]]
name = "{name}"
description = "The {name} of the benchmark"
key = "id"
tenant = {{ column = "tenant_id" }}
data_room = "data_room_id"
order = ["{order}"]
[dataset.columns]
id = {{ type = "id" }}
tenant_id = {{ type = "text", expose = false }}
data_room_id = {{ type = "id" }}
owner_id = {{ type = "id" }}
classification = {{ type = "text", values = ["public", "internal", "secret"] }}
amount = {{ type = "number" }}
updated_at = {{ type = "time", stored = "text" }}
"#
        )
        .unwrap_or_default();
    }
    text
}

/// Somebody of a team, with the names and claims that a token would give.
pub(crate) fn somebody(number: usize, lines: usize, tenants: usize) -> Result<Requester, Failure> {
    let name = name(number % tenants);
    let blocks = (lines / tenants / BLOCK).max(1);
    let id = person(LETTERS[number % 3], (number / tenants) % blocks, &name);
    let names = ["*", "verified", "idp:bench/employee", "idp:bench/reader"].map(Arc::from);
    let own = [format!("user:{id}"), format!("subject:bench/{number}")].map(Arc::from);
    Ok(Requester {
        tenant: name.parse()?,
        names: names.into_iter().chain(own).collect(),
        attributes: Attributes {
            // Unique, so that no answer is of somebody else.
            external_id: Some(format!("{number}-{id}").parse()?),
            claims: [("clearance".parse()?, Value::Number(Number::Integer(2)))].into(),
            ..Attributes::default()
        },
        context: Context::default(),
    })
}
