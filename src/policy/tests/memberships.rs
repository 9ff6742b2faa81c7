//! What lint says of lines for people of few names and of many, who are looked at the one way and the other.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::many_lines::Numbers;
use super::*;

pub(in crate::policy) const GIVEN: [&str; 10] =
    ["role:r0", "role:r1", "role:r2", "role:r3", "role:r4", "role:r5", "role:r6", "role:r7", "room:a", "room:b"];
pub(in crate::policy) const GIVING: [&str; 12] = [
    "verified",
    "user:u0",
    "user:u1",
    "subject:blockbrain/1",
    "role:r0",
    "role:r1",
    "role:r2",
    "role:r3",
    "role:r4",
    "role:r5",
    "role:r6",
    "room:a",
];
/// So that it is read who is in which room, and somebody is in one.
const ROOMS: &str = "p, verified, *, dataset:documents, read, r.obj.data_room_id in r.sub.rooms, allow
g, verified, room:of-all, *
";

/// Lines for people, everybody and roles, and roles in rings.
pub(in crate::policy) fn lines(seed: u64) -> String {
    let mut numbers = Numbers(seed);
    let mut text = ROOMS.to_owned();
    let tenants = ["acme", "acme", "globex", "*"];
    for _ in 0..numbers.one(&[6, 12, 24]) {
        let (member, group) = (numbers.one(&GIVING), numbers.one(&GIVEN));
        writeln!(text, "g, {member}, {group}, {}", numbers.one(&tenants)).unwrap();
    }
    for _ in 0..24 {
        let who = if numbers.one(&[true, false]) { numbers.one(&GIVEN) } else { numbers.one(&GIVING) };
        let what = numbers.one(&["tool:echo", "tool:web_search", "tool:*", "tool:e*"]);
        let when = numbers.one(&["true", "r.sub.clearance < 3", "r.sub.clearance < 3 && r.sub.email == \"a@b\""]);
        let effect = numbers.one(&["allow", "allow", "deny"]);
        writeln!(text, "p, {who}, {}, {what}, call, {when}, {effect}", numbers.one(&tenants)).unwrap();
    }
    text
}

#[test]
fn a_line_for_somebody_of_many_names_is_judged_as_for_one_of_few() {
    let mut crowd = String::new();
    (0..20).for_each(|number| writeln!(crowd, "g, verified, room:{number}, *").unwrap());
    let mut counted = BTreeMap::from([("goes by that", 0), ("denies all", 0)]);
    for seed in 0..300 {
        let text = lines(seed);
        let (few, many) = (findings(directory(&text).path()), findings(directory(format!("{text}{crowd}")).path()));
        assert_eq!(few, many, "{text}");
        for (words, count) in &mut counted {
            *count += few.iter().filter(|finding| finding.contains(words)).count();
        }
    }
    assert!(counted.values().all(|count| *count > 200), "{counted:?}: too few to tell");
}
