//! What is said of names that only one issuer gives, where our own authorization server speaks for the same tenant.

use super::*;
use crate::model::IssuerName;

/// What is found in these lines; with our own authorization server beside the issuers of the tenants, or without.
fn told(policy: &str, own: bool) -> Vec<String> {
    let mut catalog = Arc::try_unwrap(catalog()).unwrap();
    if own {
        catalog.issuers.insert(IssuerName::ours());
    }
    let directory = directory(policy);
    let found = check(directory.path(), &Arc::new(catalog)).findings;
    found.iter().map(|found| format!("{} {}: {}", found.line, found.severity, found.message)).collect()
}

#[test]
fn a_denial_of_a_name_of_one_issuer_says_that_it_does_not_hold_at_ours() {
    let deny = |who: &str, tenant: &str| format!("p, {who}, {tenant}, tool:echo, call, true, deny\n");
    let subject = deny("subject:blockbrain/1", "acme");
    assert_eq!(told(&subject, false), [""; 0]);
    assert_eq!(
        told(&subject, true),
        [
            "1 warning: the denial does not hold for somebody who signs in at this server, which also serves tenant `acme`: \
          only `blockbrain` gives `subject:blockbrain/1`; deny `user:<external user id>`, or deny \
          `subject:bailiwick/<account>` too"
        ]
    );
    let role = told(&deny("idp:blockbrain/admin", "*"), true);
    assert!(role.len() == 1 && role[0].contains("only `blockbrain` gives `idp:blockbrain/admin`"), "{role:?}");
    for silent in [deny("user:ada", "acme"), subject.replace("deny", "allow"), deny("subject:bailiwick/1", "acme")] {
        assert_eq!(told(&silent, true), [""; 0], "{silent}");
    }
}

#[test]
fn somebody_who_signed_in_at_ours_can_be_spoken_of_in_every_tenant() {
    for line in [
        "p, subject:bailiwick/acct-1, acme, tool:echo, call, true, deny\n",
        "p, subject:bailiwick/acct-1, *, tool:echo, call, true, deny\n",
        "p, *, globex, tool:echo, call, r.sub.issuer == \"bailiwick\", deny\n",
        "p, role:member, acme, tool:echo, call, true, allow\ng, subject:bailiwick/acct-1, role:member, acme\n",
    ] {
        assert_eq!(told(line, true), [""; 0], "{line}");
        assert_ne!(told(line, false), [""; 0], "{line}");
    }
    let role = told("p, idp:bailiwick/admin, acme, tool:echo, call, true, deny\n", true);
    assert!(
        role.len() == 1 && role[0].contains("refused: nobody has `idp:bailiwick/admin`"),
        "{role:?}: it gives no roles"
    );
}

/// Whom a platform names is a member, and is not verified.
#[test]
fn a_member_goes_by_verified_where_no_platform_can_name_people() {
    let everybody = "g, user:ada, role:member, acme\np, verified, *, tool:echo, call, true, allow\n";
    let twice = |who: &str| format!("{everybody}p, {who}, acme, tool:echo, call, true, allow\n");
    let redundant =
        |who: &str, own| told(&twice(who), own).iter().any(|told| told.contains("already says as much for `verified`"));
    for member in ["role:member", "user:ada"] {
        assert!(redundant(member, false) && !redundant(member, true), "{member}");
    }
    assert!(redundant("subject:blockbrain/1", true), "whose token was verified");
    assert!(!redundant("*", false));
}
