//! The five people of the demo: what a token says of each, and nothing of what each may do. That is in the policy.

/// The organisation id of acme at the demo's issuer.
pub const ACME: &str = "337063032028925795";

/// The organisation id of globex at the demo's issuer.
pub const GLOBEX: &str = "337063032028925999";

/// Somebody who works for one of the two companies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// The first name, in small letters: what the command line calls the person.
    pub name: &'static str,
    /// `sub`: the issuer's identifier.
    pub subject: &'static str,
    /// `external_user_id`: the company's own identifier.
    pub external_user: &'static str,
    /// The organisation that the person belongs to.
    pub organisation: &'static str,
    /// The organisation's name.
    pub organisation_name: &'static str,
    /// The organisation's domain at the issuer.
    pub domain: &'static str,
    /// The roles that the identity provider gave.
    pub roles: &'static [&'static str],
    /// The clearance; some have none.
    pub clearance: Option<u8>,
    /// Who this is, in a few words.
    pub about: &'static str,
}

const AT_ACME: Person = Person {
    name: "",
    subject: "",
    external_user: "",
    organisation: ACME,
    organisation_name: "Acme AG",
    domain: "acme.example",
    roles: &["user"],
    clearance: None,
    about: "",
};

/// Everyone that the demo signs tokens for.
pub const PEOPLE: [Person; 5] = [
    Person {
        name: "ada",
        subject: "341200000000000101",
        external_user: "ada@acme.example",
        clearance: Some(3),
        about: "chief financial officer of acme: the finance and board rooms, every invoice, cleared for secrets",
        ..AT_ACME
    },
    Person {
        name: "bob",
        subject: "341200000000000102",
        external_user: "bob@acme.example",
        clearance: Some(1),
        about: "account manager at acme: the sales and engineering rooms, the invoices of his customers",
        ..AT_ACME
    },
    Person {
        name: "carol",
        subject: "341200000000000103",
        external_user: "carol@acme.example",
        roles: &["user", "auditor"],
        clearance: Some(2),
        about: "auditor of acme by her identity provider's word: everything there, but no secrets",
        ..AT_ACME
    },
    Person {
        name: "dave",
        subject: "341200000000000201",
        external_user: "dave@globex.example",
        organisation: GLOBEX,
        organisation_name: "Globex GmbH",
        domain: "globex.example",
        roles: &["user"],
        clearance: Some(3),
        about: "engineer at globex, another company: the research and operations rooms there",
    },
    Person {
        name: "eve",
        subject: "341200000000000105",
        external_user: "eve@acme.example",
        roles: &["guest"],
        about: "guest of acme: public documents, and hardly a tool",
        ..AT_ACME
    },
];

/// The person of this name.
pub fn person(name: &str) -> Option<&'static Person> {
    PEOPLE.iter().find(|person| person.name == name)
}
