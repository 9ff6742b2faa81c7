//! `token inspect`: why a token is accepted or not, without ever showing it.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use bailiwick::clock::{Clock as _, SystemClock};
use bailiwick::demo;
use bailiwick::model::Timestamp;

use super::process::{Running, Said, run_with};
use crate::support::server::Server;

const INSPECT: [&str; 2] = ["token", "inspect"];

/// A port that was free a moment ago.
fn nobody_listens() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The words after a check's mark.
fn line<'a>(said: &'a Said, mark: &str, check: &str) -> &'a str {
    let begins = format!("{mark}  {check}");
    said.out.lines().find(|line| line.starts_with(&begins)).unwrap_or_else(|| panic!("{begins:?}: {said:?}"))
}

#[tokio::test]
async fn a_token_is_inspected_check_by_check() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), &["demo", "--dir", ".", "--rows", "100"]);
    let token = running.token("carol").await;

    let good = run_with(directory.path(), &INSPECT, &format!("{token}\n"));
    assert_eq!((good.code, good.err.as_str()), (0, ""));
    line(&good, "ok", "signature");
    assert!(good.out.lines().any(|line| line.split_whitespace().eq(["tenant", "acme"])), "{}", good.out);
    assert!(good.out.contains("idp:demo/auditor") && good.out.contains("carol@acme.example"), "{}", good.out);
    assert_eq!(good.out.matches("base64url of the parts").count(), 1, "each check is told once: {}", good.out);

    let bearer = run_with(directory.path(), &INSPECT, &format!("Bearer {token}"));
    assert_eq!(bearer.code, 0, "a pasted header is understood too");

    let header = [&INSPECT[..], &["--header", "X-Tenant-ID: globex"]].concat();
    let contradicted = run_with(directory.path(), &header, &token);
    assert_eq!(contradicted.code, 1);
    assert!(contradicted.out.contains("rejected (context_mismatch)"), "{}", contradicted.out);

    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = run_with(directory.path(), &INSPECT, &format!("{signed}.{other}{}", &signature[1..]));
    assert_eq!(forged.code, 1);
    line(&forged, "NO", "signature");

    let settings = directory.path().join("bailiwick.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("\"337063032028900000\"", "\"337063032028900777\"")).unwrap();
    let audience = run_with(directory.path(), &INSPECT, &token);
    assert_eq!(audience.code, 1);
    assert!(line(&audience, "NO", "audience (`aud`)").contains("337063032028900000"), "what arrived");
    assert!(audience.out.contains("337063032028900777"), "what is expected: {}", audience.out);

    // One look shows everything that is wrong; what is rejected for is what the server would say.
    let text = fs::read_to_string(&settings).unwrap();
    let clients = text.lines().find(|line| line.starts_with("clients = ")).unwrap();
    fs::write(&settings, text.replace(clients, "clients = [\"another\"]")).unwrap();
    let both = run_with(directory.path(), &INSPECT, &token);
    assert_eq!(both.code, 1);
    line(&both, "NO", "audience (`aud`)");
    line(&both, "ok", "subject (`sub`)");
    line(&both, "NO", "client (`client_id`, `azp`)");
    assert!(both.out.contains("\nrejected (audience): audience (`aud`) is "), "{}", both.out);
    assert!(!both.out.contains("accepted\n"), "{}", both.out);

    for said in [both, good, bearer, contradicted, forged, audience] {
        assert!(!said.out.contains(signature) && !said.err.contains(signature), "the token is not shown");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_token_is_refused_for_its_time() {
    // In this process, because the demo's own endpoint signs no token that is old.
    let server = Server::demo().await;
    let now = SystemClock.now();
    let long_ago = Timestamp::from_secs(now.as_secs() - 7_200);
    let ada = demo::person("ada").unwrap();
    let expired = server.issuer().token(ada, long_ago, Duration::from_hours(1)).unwrap();
    let fresh = server.issuer().token(ada, now, Duration::from_hours(1)).unwrap();
    let good = run_with(&server.directory, &INSPECT, &fresh);
    assert_eq!(good.code, 0, "{good:?}");
    let old = run_with(&server.directory, &INSPECT, &expired);
    assert_eq!((old.code, old.err.as_str()), (1, ""));
    line(&old, "ok", "signature");
    line(&old, "NO", "expiry (`exp`)");
    assert!(old.out.contains("rejected (expired)"), "{}", old.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_cannot_be_fetched_are_told_with_the_cause() {
    let server = Server::demo().await;
    let fresh =
        server.issuer().token(demo::person("ada").unwrap(), SystemClock.now(), Duration::from_hours(1)).unwrap();
    let (directory, closed) = (server.directory.clone(), nobody_listens());
    let settings = directory.join("bailiwick.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let keys = text.lines().find(|line| line.starts_with("jwks_url = ")).unwrap();
    let nowhere = format!("jwks_url = \"http://127.0.0.1:{closed}/keys\"");
    fs::write(&settings, text.replace(keys, &nowhere)).unwrap();
    let said = run_with(&directory, &INSPECT, &fresh);
    assert_eq!((said.code, said.err.as_str()), (1, ""), "{said:?}");
    assert!(said.out.contains("\nrejected (keys_unavailable): "), "{}", said.out);
    let cause = said.out.lines().last().unwrap();
    let begins =
        format!("cause: the keys of `demo` could not be fetched: `http://127.0.0.1:{closed}/keys` gave no answer: ");
    assert!(cause.starts_with(&begins) && cause.contains("onnection refused"), "{cause}");
}

#[test]
fn garbage_and_nothing_are_told_apart() {
    let directory = super::demo::prepared();
    let garbage = run_with(directory.path(), &INSPECT, "garbage");
    assert_eq!(garbage.code, 1);
    assert!(garbage.out.contains("rejected (token_opaque)"), "{}", garbage.out);
    let told = garbage.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("1 part ") && told.contains("a JWT, which has 3 parts, and no opaque token"), "{told}");
    let nothing = run_with(directory.path(), &INSPECT, " \n");
    assert_eq!((nothing.code, nothing.out.as_str()), (1, ""));
    assert!(nothing.err.starts_with("error: no token on standard input\nhint: pipe it in"), "{}", nothing.err);
    let header = run_with(directory.path(), &["token", "inspect", "-H", "X-Tenant-ID"], "a.b.c");
    assert!(header.code == 1 && header.err.contains("write NAME: VALUE"), "{header:?}");
}
