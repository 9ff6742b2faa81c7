//! Every tool, resource and method, asked for without a token, with one for another audience, with one that has expired,
//! and by somebody whom the policy gives nothing: refused each time, and each refusal leaves its trace.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use bailiwick::catalog::{self, Catalog};
use bailiwick::config::{self, Inputs};
use bailiwick::store::audit::{AuditReader, Filter, Outcome, Verdict};
use serde_json::{Value, json};

use crate::support::client::{Answer, Call};
use crate::support::clock::START;
use crate::support::issuer::{Answer as IssuerAnswer, SigningKey, TestIssuer, Token};
use crate::support::server::Server;

/// The demo's data under a policy that gives nothing to somebody of whom nothing is known but that they are verified; its
/// issuer is the test's.
async fn start() -> (Server, SigningKey, TestIssuer) {
    let key = SigningKey::rsa("1");
    let issuer = TestIssuer::start(IssuerAnswer::keys(&[&key]));
    let server = Server::demo_with(|directory| {
        let settings = directory.join("bailiwick.toml");
        let text = fs::read_to_string(&settings).unwrap();
        let replaced = text.lines().map(|line| match line.split_once(" = ") {
            Some(("issuer", value)) if value.contains("://") => "issuer = \"https://issuer.example\"".to_owned(),
            Some(("jwks_url", _)) => format!("jwks_url = \"{}\"", issuer.jwks_url()),
            Some(("algorithms", _)) => "algorithms = [\"RS256\"]".to_owned(),
            _ => line.to_owned(),
        });
        fs::write(&settings, replaced.collect::<Vec<_>>().join("\n")).unwrap();
        let policy = directory.join("policies/policy.csv");
        let text = fs::read_to_string(&policy).unwrap();
        fs::write(&policy, text.replace("p, verified,", "p, role:member,")).unwrap();
    })
    .await;
    (server, key, issuer)
}

fn catalog(directory: &Path) -> Catalog {
    let inputs = Inputs { path: Some(directory.join("bailiwick.toml")), ..Inputs::default() };
    catalog::build(&config::read(inputs).unwrap()).unwrap()
}

/// Everything that can be asked for by name, from the declarations rather than from what somebody is shown.
fn operations(catalog: &Catalog) -> Vec<(&'static str, Value, String)> {
    let generated = catalog.generated_tools().map(|(name, _, dataset)| (name, format!("dataset:{}", dataset.name)));
    let declared = catalog.tools.iter().map(|name| (name.clone(), format!("tool:{name}")));
    let tools = generated.chain(declared).map(|(name, object)| {
        ("tools/call", json!({ "name": name.as_str(), "arguments": { "id": "1", "text": "x", "query": "x" } }), object)
    });
    let resources =
        catalog.resources.iter().map(|uri| ("resources/read", json!({ "uri": **uri }), format!("resource:{uri}")));
    let rows = catalog.datasets.values().map(|dataset| {
        let key = vec!["1"; dataset.key.len()].join("/");
        let object = format!("dataset:{}", dataset.name);
        ("resources/read", json!({ "uri": format!("bailiwick://{}/{key}", dataset.name) }), object)
    });
    let prompts = catalog.prompts.keys().map(|name| {
        ("prompts/get", json!({ "name": name.as_str(), "arguments": { "document": "1" } }), format!("prompt:{name}"))
    });
    tools.chain(resources).chain(rows).chain(prompts).collect()
}

/// The other methods of the protocol, with what they need.
fn methods() -> Vec<(&'static str, Value)> {
    let client = json!({
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "0" }
    });
    let argument = json!({ "ref": { "type": "ref/prompt", "name": "x" }, "argument": { "name": "x", "value": "x" } });
    vec![
        ("initialize", client),
        ("ping", json!({})),
        ("tools/list", json!({})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/subscribe", json!({ "uri": "static://welcome" })),
        ("prompts/list", json!({})),
        ("prompts/get", json!({ "name": "x" })),
        ("completion/complete", argument),
        ("logging/setLevel", json!({ "level": "debug" })),
        ("server/discover", json!({})),
        ("notifications/initialized", json!({})),
        ("something/else", json!({})),
    ]
}

/// What of the answer could tell anything: no name of a tool or resource, no row.
fn tells_nothing(answer: &Answer, catalog: &Catalog, asked: &str) {
    let rest = answer.text.replace(asked, "");
    for (name, _, dataset) in catalog.generated_tools() {
        assert!(!rest.contains(name.as_str()) && !rest.contains(dataset.table.as_str()), "{answer:?}");
    }
    assert!(!rest.contains("acme.example") && !rest.contains("static://welcome"), "{answer:?}");
}

#[tokio::test]
async fn without_a_valid_token_nothing_is_answered_and_everything_is_counted() {
    let (server, key, _issuer) = start().await;
    let catalog = catalog(&server.directory);
    let wrong_audience = Token::new().claim("aud", json!(["another", "337063032028900001"])).sign(&key);
    let expired =
        Token::new().claim("exp", START - 60).claim("iat", START - 7_200).claim("nbf", START - 7_200).sign(&key);
    let credentials = [None, Some(&wrong_audience), Some(&expired)];
    let (client, mut asked) = (&server.client, 0_u64);
    for credential in credentials {
        let mut expected: Option<(String, String)> = None;
        let mut refused = async |call: Call, about: &str| {
            let call = match credential {
                Some(token) => call.token(token),
                None => call,
            };
            let answer = call.send().await;
            let code = if credential.is_some() { "invalid_token" } else { "unauthorized" };
            assert_eq!((answer.status, answer.json()["error"].as_str()), (401, Some(code)), "{about}: {answer:?}");
            let challenge = answer.header("www-authenticate").to_owned();
            assert!(challenge.contains("resource_metadata=\"http"), "{about}: {challenge}");
            // One refusal reads like any other, whatever was asked for.
            let said = (answer.text, challenge);
            assert_eq!(*expected.get_or_insert_with(|| said.clone()), said, "{about}");
            asked += 1;
        };
        for (method, params, object) in operations(&catalog) {
            refused(client.rpc(method, params.clone()), &object).await;
            refused(client.modern(method, params), &object).await;
        }
        for (method, params) in methods() {
            refused(client.rpc(method, params.clone()), method).await;
            refused(client.modern(method, params), method).await;
        }
        for method in ["GET", "DELETE", "PUT", "HEAD"] {
            let call = client.method(method, "/mcp").header("Mcp-Session-Id", "0");
            if method != "HEAD" {
                refused(call, method).await;
            }
        }
        refused(client.post("not even JSON"), "garbage").await;
    }
    let directory = server.directory.clone();
    let _files = server.stop().await;
    let reader = AuditReader::open(&directory.join("audit.db")).await.unwrap();
    assert_eq!(reader.query(&Filter::default(), 10).await.unwrap(), [], "nobody was known, so nobody is recorded");
    let counted: BTreeMap<String, u64> =
        reader.rejections(None).await.unwrap().into_iter().map(|row| (row.reason, row.count)).collect();
    let each = asked / 3;
    let expected = [("audience", each), ("expired", each), ("no_token", each)];
    assert_eq!(counted, expected.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect());
}

#[tokio::test]
async fn somebody_whom_the_policy_gives_nothing_is_refused_everything_and_each_refusal_is_recorded() {
    let (server, key, _issuer) = start().await;
    let catalog = catalog(&server.directory);
    let token = Token::new().claim("external_user_id", "nobody@acme.example").sign(&key);
    let mut expected = Vec::new();
    for (method, params, object) in operations(&catalog) {
        let (field, made_up) =
            if method == "resources/read" { ("uri", "static://none") } else { ("name", "no_such_name") };
        let name = params[field].as_str().unwrap().to_owned();
        let mut unknown = params.clone();
        unknown[field] = made_up.into();
        let kind = match method {
            "tools/call" => "tool",
            "prompts/get" => "prompt",
            _ => "resource",
        };
        for modern in [false, true] {
            let send = async |params: &Value| {
                let call = if modern {
                    server.client.modern(method, params.clone())
                } else {
                    server.client.rpc(method, params.clone())
                };
                call.token(&token).send().await
            };
            let hidden = send(&params).await;
            let through = if kind == "tool" { name.clone() } else { method.to_owned() };
            expected.push((object.clone(), object.starts_with("dataset:").then_some(through)));
            let none = send(&unknown).await;
            expected.push((format!("{kind}:{made_up}"), None));
            assert_eq!((hidden.status, &hidden.text), (none.status, &none.text.replace(made_up, &name)), "{name}");
            assert!(hidden.json().get("error").is_some(), "{hidden:?}");
            tells_nothing(&hidden, &catalog, &name);
        }
    }
    let calls = expected.len();
    for (method, params) in methods() {
        let answer = server.client.rpc(method, params).token(&token).send().await;
        tells_nothing(&answer, &catalog, "static://welcome");
        match method {
            "tools/list" => assert_eq!(answer.json()["result"]["tools"], json!([])),
            "resources/list" => assert_eq!(answer.json()["result"]["resources"], json!([])),
            _ => assert!(answer.status < 500, "{method}: {answer:?}"),
        }
    }
    let directory = server.directory.clone();
    let _files = server.stop().await;
    let reader = AuditReader::open(&directory.join("audit.db")).await.unwrap();
    let written = reader.query(&Filter::default(), 1_000).await.unwrap();
    let (refused, listed) = written.split_at(calls);
    for (row, (object, tool)) in refused.iter().zip(&expected) {
        let record = &row.record;
        assert_eq!((&record.object, &record.tool), (object, tool));
        assert_eq!((record.verdict, record.outcome, &*record.reason), (Verdict::Deny, Outcome::Refused, "policy"));
        assert_eq!(record.external_user.as_deref(), Some("nobody@acme.example"));
        assert!(record.lines.is_empty() && !record.revision.is_empty());
    }
    // Of the other methods, those that speak of what the policy governs.
    let listed: Vec<_> = listed.iter().map(|row| (row.record.object.as_str(), row.record.outcome)).collect();
    let nothing = Outcome::Answered { rows: Some(0) };
    let (got, completed) = (("prompt:x", Outcome::Refused), ("prompt:x", Outcome::Refused));
    let lists = [("tools", nothing), ("resources", nothing), ("templates", nothing), ("prompts", nothing)];
    assert_eq!(listed, [lists.as_slice(), &[got, completed]].concat());
    assert!(reader.rejections(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn item_74_a_token_without_the_scope_may_list_and_is_asked_to_step_up() {
    let (key, seen) = (SigningKey::rsa("1"), BTreeSet::from(["tools", "resources", "dataset:data_rooms"]));
    let issuer = TestIssuer::start(IssuerAnswer::keys(&[&key]));
    let server = Server::demo_with(|directory| {
        let settings = directory.join("bailiwick.toml");
        let text = fs::read_to_string(&settings).unwrap();
        let replaced = text.lines().map(|line| match line.split_once(" = ") {
            Some(("issuer", value)) if value.contains("://") => "issuer = \"https://issuer.example\"".to_owned(),
            Some(("jwks_url", _)) => format!("jwks_url = \"{}\"", issuer.jwks_url()),
            Some(("algorithms", _)) => "algorithms = [\"RS256\"]".to_owned(),
            Some(("scopes", _)) => "scopes = []".to_owned(),
            _ => line.to_owned(),
        });
        fs::write(&settings, replaced.collect::<Vec<_>>().join("\n")).unwrap();
    })
    .await;
    let catalog = catalog(&server.directory);
    // Somebody to whom the policy gives everything, and whose token says nothing of what it may be used for.
    let token = Token::new().claim("external_user_id", "ada@acme.example").claim("clearance", 3).sign(&key);
    let mut expected = Vec::new();
    for (method, params, object) in operations(&catalog) {
        let tool = params["name"].as_str().unwrap_or_default();
        let changes = ["create_", "update_", "delete_"].iter().any(|word| tool.starts_with(word));
        let scope = if changes { "scope=\"mcp:write\"" } else { "scope=\"mcp:read\"" };
        let answer = server.client.rpc(method, params).token(&token).send().await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (403, Some("insufficient_scope")), "{object}");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains("error=\"insufficient_scope\"") && challenge.contains(scope), "{challenge}");
        expected.push(object);
    }
    for dataset in catalog.datasets.values() {
        let uri = format!(
            "bailiwick://{}/{{{}}}",
            dataset.name,
            dataset.key.iter().map(bailiwick::model::Name::as_str).collect::<Vec<_>>().join("}/{")
        );
        let key = dataset.key[0].as_str();
        let params = json!({ "ref": { "type": "ref/resource", "uri": uri }, "argument": { "name": key, "value": "" } });
        let answer = server.client.rpc("completion/complete", params).token(&token).send().await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (403, Some("insufficient_scope")), "{uri}");
        expected.push(format!("dataset:{}", dataset.name));
    }
    let row = "bailiwick://documents/1";
    let listening = json!({ "notifications": { "resourceSubscriptions": [row] } });
    let watching = [
        ("resources/read", server.client.rpc("resources/read", json!({ "uri": row }))),
        ("resources/subscribe", server.client.rpc("resources/subscribe", json!({ "uri": row }))),
        ("subscriptions/listen", server.client.modern("subscriptions/listen", listening)),
    ]
    .map(|(method, call)| {
        expected.push("dataset:documents".to_owned());
        (method, call.token(&token))
    });
    let mut methods = Vec::new();
    for (method, call) in watching {
        let answer = call.send().await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (403, Some("insufficient_scope")), "{method}");
        methods.push(method);
    }
    assert!(server.client.tools(&token).await.len() > 10, "what the policy allows is shown");
    let resources = server.client.rpc("resources/list", json!({})).token(&token).send().await;
    assert!(resources.text.contains("static://welcome") && !resources.text.contains("bailiwick://"), "{resources:?}");
    let written = server.stop_and_read_decisions().await;
    let (refused, listed) = written.split_at(expected.len());
    for (row, object) in refused.iter().zip(&expected) {
        assert_eq!(&row.record.object, object);
        assert_eq!(
            (row.record.verdict, &*row.record.reason, row.record.outcome),
            (Verdict::Deny, "scope", Outcome::Refused)
        );
        assert!(!row.record.lines.is_empty(), "the policy did allow it: {:?}", row.record);
    }
    let through = refused[refused.len() - methods.len()..].iter().map(|row| row.record.tool.as_deref().unwrap());
    assert_eq!(through.collect::<Vec<_>>(), methods, "each is recorded as the method that was asked");
    // Rows are data: the list goes without them, and the refusal of the first dataset says why.
    assert_eq!(listed.iter().map(|row| row.record.object.as_str()).collect::<BTreeSet<_>>(), seen);
}
