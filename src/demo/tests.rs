use std::fs;
use std::path::Path;
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

use super::*;
use crate::model::Timestamp;
use crate::model::oauth::Password;
use crate::passwords::{Comparison, Passwords};
use crate::random::OsRandom;
use crate::store::state::StateStore;

const NOW: Timestamp = Timestamp::from_secs(1_795_262_400);
const HOUR: Duration = Duration::from_hours(1);

fn random() -> Arc<dyn Random> {
    Arc::new(OsRandom)
}

async fn prepared(directory: &Path) -> Prepared {
    prepare(directory, 2_000, 4321, random()).await.unwrap()
}

async fn open(demo: &Prepared) -> SqliteConnection {
    SqliteConnectOptions::new().filename(&demo.database).read_only(true).connect().await.unwrap()
}

async fn number(connection: &mut SqliteConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

fn issuer() -> Issuer {
    Issuer::new(issuer_url(4321), random()).unwrap()
}

/// The claims, if a published key of this issuer signed them.
fn verified(issuer: &Issuer, token: &str) -> Option<Value> {
    let jwks = issuer.jwks();
    let key = jwks.find(&decode_header(token).unwrap().kid.unwrap())?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[issuer.url()]);
    validation.validate_exp = false;
    decode(token, &DecodingKey::from_jwk(key).unwrap(), &validation).ok().map(|token| token.claims)
}

#[tokio::test]
async fn the_database_is_the_same_on_every_machine() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut dumps = Vec::new();
    for directory in [&one, &two] {
        let demo = prepared(directory.path()).await;
        let rows: Vec<(i64, String, String, String)> =
            sqlx::query_as("SELECT id, title, body, owner_id || updated_at || classification FROM documents")
                .fetch_all(&mut open(&demo).await)
                .await
                .unwrap();
        dumps.push(rows);
    }
    assert_eq!(dumps[0].len(), 2_000);
    assert_eq!(dumps[0], dumps[1]);
    let filled = |(_, title, body, _): &(i64, String, String, String)| !format!("{title}{body}").contains(['{', '}']);
    assert!(dumps[0].iter().all(filled), "every slot is filled");
}

#[tokio::test]
async fn no_row_belongs_to_two_companies() {
    let directory = tempfile::tempdir().unwrap();
    let demo = prepared(directory.path()).await;
    let mut connection = open(&demo).await;
    let strays =
        "SELECT count(*) FROM documents d JOIN people p ON p.id = d.owner_id JOIN data_rooms r ON r.id = d.data_room_id
                  WHERE d.tenant_id <> p.tenant_id OR d.tenant_id <> r.tenant_id";
    assert_eq!(number(&mut connection, strays).await, 0);
    let strays = "SELECT count(*) FROM invoices i JOIN people p ON p.id = i.owner_id WHERE i.tenant_id <> p.tenant_id";
    assert_eq!(number(&mut connection, strays).await, 0);
    assert_eq!(number(&mut connection, "SELECT count(*) FROM pragma_foreign_key_check").await, 0);
    let sums =
        "SELECT count(*) FROM invoices i WHERE abs(amount - (SELECT sum(quantity * unit_price) FROM invoice_lines
                WHERE invoice_id = i.id)) > 0.01";
    assert_eq!(number(&mut connection, sums).await, 0);
    for tenant in ["acme", "globex"] {
        let classes: i64 =
            sqlx::query_scalar("SELECT count(DISTINCT classification) FROM documents WHERE tenant_id = $1")
                .bind(tenant)
                .fetch_one(&mut connection)
                .await
                .unwrap();
        assert_eq!(classes, 3, "{tenant}");
    }
}

#[tokio::test]
async fn every_person_has_something_to_see_and_somebody_else_something_more() {
    let directory = tempfile::tempdir().unwrap();
    let demo = prepared(directory.path()).await;
    let mut connection = open(&demo).await;
    for person in PEOPLE {
        let found: i64 = sqlx::query_scalar("SELECT count(*) FROM people WHERE id = $1")
            .bind(person.external_user)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(found, 1, "{}", person.name);
    }
    let own = "SELECT count(*) FROM documents WHERE owner_id = 'ada@acme.example' AND data_room_id NOT IN ('finance', 'board')";
    assert!(number(&mut connection, own).await > 0, "ada owns documents outside her rooms");
    let secret = "SELECT count(*) FROM documents WHERE data_room_id = 'finance' AND classification = 'secret'";
    assert!(number(&mut connection, secret).await > 0, "the clearance makes a difference");
    let found = "SELECT count(*) FROM documents_fts WHERE documents_fts MATCH 'forecast'";
    let read = "SELECT count(*) FROM documents WHERE title LIKE '%forecast%' OR body LIKE '%forecast%'";
    let expected = number(&mut connection, read).await;
    assert_eq!(number(&mut connection, found).await, expected);
    assert!(expected > 0);
}

#[tokio::test]
async fn pages_are_read_from_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let demo = prepared(directory.path()).await;
    let mut connection = open(&demo).await;
    for (conditions, index) in [
        ("tenant_id = 'acme'", "documents_by_time"),
        ("tenant_id = 'acme' AND data_room_id = 'finance'", "documents_by_room"),
        ("tenant_id = 'acme' AND owner_id = 'ada@acme.example'", "documents_by_owner"),
    ] {
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT id FROM documents WHERE {conditions} ORDER BY updated_at DESC, id DESC LIMIT 20"
        );
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
        let plan: Vec<String> = plan.into_iter().map(|(_, _, _, detail)| detail).collect();
        assert!(plan.len() == 1 && plan[0].contains(index), "{conditions}: {plan:?}");
    }
}

#[tokio::test]
async fn an_interrupted_start_leaves_no_half_database() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("company.unfinished"), "half of it").unwrap();
    let demo = prepared(directory.path()).await;
    assert_eq!(number(&mut open(&demo).await, "SELECT count(*) FROM documents").await, 2_000);
    assert!(!directory.path().join("company.unfinished").exists());
}

#[tokio::test]
async fn what_somebody_edited_is_found_as_it_was_left() {
    let directory = tempfile::tempdir().unwrap();
    let demo = prepared(directory.path()).await;
    let edited = fs::read_to_string(&demo.policy).unwrap().replace("# g, user:bob", "g, user:bob");
    fs::write(&demo.policy, &edited).unwrap();
    let modified = fs::metadata(&demo.database).unwrap().modified().unwrap();
    let again = prepare(directory.path(), 50, 4321, random()).await.unwrap();
    assert_eq!(fs::read_to_string(&again.policy).unwrap(), edited);
    assert_eq!(fs::metadata(&again.database).unwrap().modified().unwrap(), modified);
}

#[tokio::test]
async fn settings_follow_the_port_unless_somebody_edited_them() {
    let directory = tempfile::tempdir().unwrap();
    let demo = prepared(directory.path()).await;
    let settings = || fs::read_to_string(&demo.settings).unwrap();
    assert!(settings().contains("port = 4321") && settings().contains("http://127.0.0.1:4321/demo/issuer/keys"));
    prepare(directory.path(), 50, 4322, random()).await.unwrap();
    assert!(settings().contains("port = 4322") && !settings().contains("4321"));

    let edited = settings().replace("keep = \"90d\"", "keep = \"30d\"");
    fs::write(&demo.settings, &edited).unwrap();
    prepare(directory.path(), 50, 4322, random()).await.unwrap();
    let error = prepare(directory.path(), 50, 4323, random()).await.unwrap_err();
    assert!(matches!(error, DemoError::Files(FilesError::OtherPort { .. })), "{error:?}");
    assert_eq!(settings(), edited);
}

#[tokio::test]
async fn the_settings_are_toml_without_a_gap() {
    let directory = tempfile::tempdir().unwrap();
    let demo = prepared(directory.path()).await;
    let text = fs::read_to_string(&demo.settings).unwrap();
    let settings: toml::Table = text.parse().unwrap();
    assert_eq!(settings["dataset"].as_array().unwrap().len(), 5);
    let issuer = &settings["issuer"].as_array().unwrap()[0];
    assert_eq!(issuer["issuer"].as_str(), Some(demo.issuer.url()));
    assert!(issuer["jwks_url"].as_str().unwrap().ends_with(JWKS_PATH));
    assert_eq!(issuer["audience"].as_array().unwrap()[0].as_str(), Some(AUDIENCE));
    assert_eq!(issuer["clients"].as_array().unwrap()[0].as_str(), Some(CLIENT));
    for (tenant, organisation) in [(0, ACME), (1, GLOBEX)] {
        let tenant = &settings["tenant"].as_array().unwrap()[tenant];
        assert_eq!(tenant["organisations"].as_array().unwrap()[0].as_str(), Some(organisation));
    }
}

#[tokio::test]
async fn the_five_can_sign_in_with_a_password_that_is_made_once() {
    let directory = tempfile::tempdir().unwrap();
    let demo = prepared(directory.path()).await;
    let password = open_accounts(&demo, &random(), NOW).await.unwrap();
    assert!(password.len() > 15, "{password}");
    let store = StateStore::open(&directory.path().join("state.db"), NOW).await.unwrap();
    let accounts = store.accounts().await.unwrap();
    let names: Vec<_> = accounts.iter().map(|account| format!("{} {}", account.tenant, account.login)).collect();
    let expected = ["acme ada", "acme bob", "acme carol", "acme eve", "globex dave"];
    assert_eq!(names, expected.map(|name| format!("{name}@{}.example", name.split(' ').next().unwrap())));
    let (_, hash) = store.account_by_login(&"ada@acme.example".parse().unwrap()).await.unwrap().unwrap();
    let passwords = Passwords::new(random()).unwrap();
    assert!(matches!(
        passwords.verify(Password::new(password.clone()), Some(hash.clone())).await,
        Ok(Comparison::Same)
    ));

    assert_eq!(open_accounts(&demo, &random(), NOW).await.unwrap(), password, "and stays what it is");
    let (_, again) = store.account_by_login(&"ada@acme.example".parse().unwrap()).await.unwrap().unwrap();
    assert!(again == hash);
    #[cfg(unix)]
    for file in ["password.txt", "state.db"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(directory.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} is its owner's alone");
    }
}

#[test]
fn the_policy_has_the_line_that_the_tour_uncomments() {
    let policy = include_str!("../../policies/policy.csv");
    let granted: Vec<_> = policy.lines().filter(|line| line.starts_with("# g, user:bob@acme.example,")).collect();
    assert_eq!(granted.len(), 1);
    assert!(granted[0].contains("room:finance"));
    for line in policy.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let fields = line.split(',').count();
        let wanted = if line.starts_with("p,") { 7 } else { 4 };
        assert_eq!(fields, wanted, "{line}");
    }
    assert!(policy.ends_with('\n'));
}

#[test]
fn a_token_says_who_the_person_is_and_nothing_that_only_an_id_token_has() {
    let issuer = issuer();
    let carol = person("carol").unwrap();
    let claims = verified(&issuer, &issuer.token(carol, NOW, HOUR).unwrap()).unwrap();
    assert_eq!(claims["sub"], carol.subject);
    assert_eq!(claims["external_user_id"], "carol@acme.example");
    assert_eq!(claims["urn:zitadel:iam:org:id"], ACME);
    assert_eq!(claims["urn:zitadel:iam:user:resourceowner:id"], ACME);
    assert!(claims["urn:zitadel:iam:org:project:roles"]["auditor"][ACME].is_string());
    assert_eq!(claims["clearance"], 2);
    assert_eq!(claims["iat"], NOW.as_secs());
    assert_eq!(claims["exp"], NOW.as_secs() + 3_600);
    assert_eq!(claims["client_id"], CLIENT);
    for absent in ["azp", "nonce", "at_hash", "scope", "email"] {
        assert_eq!(claims.get(absent), None, "{absent}");
    }
    let eve = verified(&issuer, &issuer.token(person("eve").unwrap(), NOW, HOUR).unwrap()).unwrap();
    assert_eq!(eve.get("clearance"), None);
    let other = issuer.token(carol, NOW, HOUR).unwrap();
    assert_ne!(verified(&issuer, &other).unwrap()["jti"], claims["jti"]);
}

#[test]
fn a_rotation_refuses_no_good_token_and_the_next_key_is_published_before_it_signs() {
    let issuer = issuer();
    let ada = person("ada").unwrap();
    let before = issuer.token(ada, NOW, HOUR).unwrap();
    let published = issuer.jwks();
    issuer.rotate().unwrap();
    let after = issuer.token(ada, NOW, HOUR).unwrap();
    let kid = |token: &str| decode_header(token).unwrap().kid.unwrap();
    assert_ne!(kid(&before), kid(&after));
    assert!(published.find(&kid(&after)).is_some(), "whoever fetched before the rotation has the new key");
    assert!(verified(&issuer, &before).is_some());
    assert!(verified(&issuer, &after).is_some());
    issuer.rotate().unwrap();
    assert!(verified(&issuer, &before).is_none(), "a key that has left is no longer published");
    assert!(verified(&issuer, &after).is_some());
}

#[test]
fn tokens_of_another_start_are_not_taken() {
    let ada = person("ada").unwrap();
    let token = issuer().token(ada, NOW, HOUR).unwrap();
    assert!(verified(&issuer(), &token).is_none());
}

#[test]
fn published_keys_have_no_private_part_and_debug_prints_none() {
    let issuer = issuer();
    let keys = serde_json::to_value(issuer.jwks()).unwrap();
    for key in keys["keys"].as_array().unwrap() {
        let members: Vec<_> = key.as_object().unwrap().keys().cloned().collect();
        assert!(
            members.iter().all(|member| ["kty", "crv", "x", "kid", "use", "alg"].contains(&member.as_str())),
            "{members:?}"
        );
        assert_eq!(
            (key["kty"].as_str(), key["crv"].as_str(), key["alg"].as_str()),
            (Some("OKP"), Some("Ed25519"), Some("EdDSA"))
        );
    }
    assert!(format!("{issuer:?}").contains("[redacted]"));
}
