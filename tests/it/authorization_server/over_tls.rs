//! What is fetched over TLS: documents of clients and keys of issuers, from a server whose certificate an authority of one's own
//! has signed (items 72 and 73).

use std::fs;
use std::path::Path;

use serde_json::json;

use super::client_documents::described;
use crate::cli::process::run;
use crate::support::bare;
use crate::support::browser::Browser;
use crate::support::client::Answer as Reply;
use crate::support::issuer::{Answer, TestIssuer};
use crate::support::oauth::{self, CALLBACK, Registered};
use crate::support::server::Server;
use crate::support::tls::{self, Front};
use crate::support::world::{World, edit, token};

/// A client whose document is behind TLS.
fn client() -> (TestIssuer, Front, Registered) {
    let (place, plain, mut document) = described(&json!({}));
    let front = Front::of(&plain.id.parse().unwrap());
    document["client_id"] = front.url().as_str().into();
    place.answer(Answer::json(&document));
    let client = Registered { id: front.url().to_string(), secret: None, callback: CALLBACK.to_owned() };
    (place, front, client)
}

fn add(directory: &Path, more: &str) {
    let file = directory.join("bailiwick.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n{more}\n")).unwrap();
}

const INTERNAL: &str = "[[oauth.client_host]]\nname = \"localhost\"\ninternal = true\n";

async fn authorize(server: &Server, client: &Registered) -> Reply {
    Browser::new(&server.base).get(&format!("/authorize?{}", oauth::asking(client).encoded())).await
}

#[tokio::test]
async fn item_72_a_document_behind_tls_makes_a_client_known() {
    let server = Server::demo_with(|directory| add(directory, &format!("{}{INTERNAL}", tls::trusted(directory)))).await;
    let (place, _front, client) = client();
    let tokens = oauth::tokens(&server, &client, "ada").await;
    assert_eq!(oauth::claims(&tokens.access)["client_id"], json!(client.id));
    assert!(oauth::is_accepted(&server, &tokens.access).await);
    assert_eq!(place.fetches(), 1);
}

#[tokio::test]
async fn item_72_a_certificate_that_nobody_has_vouched_for_makes_nobody_known() {
    let server = Server::demo_with(|directory| add(directory, INTERNAL)).await;
    let (place, _front, client) = client();
    let answer = authorize(&server, &client).await;
    assert_eq!((answer.status, answer.header("location"), place.fetches()), (400, "", 0), "{answer:?}");
}

#[tokio::test]
async fn item_73_an_authority_of_ones_own_opens_no_way_inside() {
    let server = Server::demo_with(|directory| add(directory, tls::trusted(directory))).await;
    let (place, _front, client) = client();
    let answer = authorize(&server, &client).await;
    assert_eq!((answer.status, answer.header("location"), place.fetches()), (400, "", 0), "{answer:?}");
}

#[tokio::test]
async fn keys_of_an_issuer_inside_are_taken_by_its_own_authority_alone() {
    for trusts in [true, false] {
        let mut front = None;
        let world = World::with(|directory| {
            let file = directory.join("bailiwick.toml");
            let text = fs::read_to_string(&file).unwrap();
            let plain = text.split("jwks_url = \"").nth(1).unwrap().split('"').next().unwrap();
            let behind = front.insert(Front::of(&plain.parse().unwrap()));
            let text = text.replace(plain, behind.url().as_str());
            fs::write(&file, text).unwrap();
            if trusts {
                add(directory, tls::trusted(directory));
            }
        })
        .await;
        let answer = world.server.client.tool("whoami", json!({})).token(&token()).send().await;
        assert_eq!(answer.status, if trusts { 200 } else { 503 }, "{answer:?}");
        world.stop().await;
    }
}

#[test]
fn a_file_that_holds_no_authority_is_told_before_anything_is_served() {
    let files = bare::files(bare::ACME, "");
    let file = files.path().join("bailiwick.toml");
    edit(&file, "port = {port}", "port = 0");
    add(files.path(), "[outbound]\nca_file = \"company-ca.pem\"");
    let missing = run(files.path(), &["serve"]);
    assert!(missing.code == 1 && missing.err.contains("company-ca.pem` cannot be read"), "{missing:?}");
    fs::write(files.path().join("company-ca.pem"), "a certificate, soon").unwrap();
    let none = run(files.path(), &["serve"]);
    assert!(none.code == 1 && none.err.contains("(`outbound.ca_file`) cannot be used"), "{none:?}");
    assert!(none.err.contains("there is no certificate in it; PEM is expected"), "{none:?}");
}
