//! Everyone who works for the two companies: the five people of the demo, and their colleagues.

use super::text::Dice;

/// A row of `people`.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) tenant: &'static str,
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// Guests have none.
    pub(super) salary: Option<i64>,
    pub(super) manager: Option<&'static str>,
}

/// Managers before those who report to them.
pub(super) fn everyone() -> Vec<Member> {
    let known = KNOWN.iter().map(|(id, tenant, name, title, salary, manager)| Member {
        id: (*id).to_owned(),
        tenant,
        name,
        title,
        salary: *salary,
        manager: *manager,
    });
    let colleagues = COLLEAGUES.iter().zip(1_u64..).map(|((tenant, name, title), number)| {
        let mut dice = Dice::new(number);
        let rise = i64::try_from(dice.below(60)).unwrap_or(0) * 500;
        Member {
            id: format!("{}@{tenant}.example", name.to_lowercase().replace(' ', ".")),
            tenant,
            name,
            title,
            salary: Some(42_000 + rise),
            manager: Some(if *tenant == "acme" { "ada@acme.example" } else { "dave@globex.example" }),
        }
    });
    known.chain(colleagues).collect()
}

type Known = (&'static str, &'static str, &'static str, &'static str, Option<i64>, Option<&'static str>);

const KNOWN: &[Known] = &[
    ("ada@acme.example", "acme", "Ada Berger", "Chief financial officer", Some(148_000), None),
    ("bob@acme.example", "acme", "Bob Tanner", "Account manager", Some(71_000), Some("ada@acme.example")),
    ("carol@acme.example", "acme", "Carol Weiss", "Internal auditor", Some(83_000), Some("ada@acme.example")),
    ("eve@acme.example", "acme", "Eve Marchand", "Guest", None, None),
    ("dave@globex.example", "globex", "Dave Lund", "Head of engineering", Some(104_000), None),
];

const COLLEAGUES: &[(&str, &str, &str)] = &[
    ("acme", "Gustav Keller", "Account manager"),
    ("acme", "Hanna Vogel", "Controller"),
    ("acme", "Ivan Petrov", "Software engineer"),
    ("acme", "Julia Santos", "Software engineer"),
    ("acme", "Karim Haddad", "Product manager"),
    ("acme", "Lena Fischer", "Designer"),
    ("acme", "Marco Rossi", "Sales engineer"),
    ("acme", "Nora Lindgren", "Legal counsel"),
    ("acme", "Oscar Nilsson", "Buyer"),
    ("acme", "Paula Moreau", "Office manager"),
    ("acme", "Quentin Leroy", "Accountant"),
    ("acme", "Rosa Jimenez", "Support engineer"),
    ("acme", "Stefan Huber", "Technical writer"),
    ("acme", "Tara Singh", "Data analyst"),
    ("globex", "Zoe Brandt", "Account manager"),
    ("globex", "Yusuf Demir", "Plant manager"),
    ("globex", "Xenia Orlova", "Research chemist"),
    ("globex", "Walter Klein", "Shift leader"),
    ("globex", "Vera Novotna", "Logistics planner"),
    ("globex", "Ulrich Maier", "Maintenance engineer"),
];
