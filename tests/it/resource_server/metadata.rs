//! What the server says of itself, to whom, and that no header of a request gets into it.

use serde_json::{Value, json};

use crate::support::issuer::ISS;
use crate::support::server::Server;
use crate::support::world::{World, edit, token};

const WELL_KNOWN: [&str; 2] = ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"];

#[tokio::test]
async fn the_metadata_is_the_same_at_both_paths() {
    let world = World::new().await;
    for path in WELL_KNOWN {
        let answer = world.server.client.get(path).send().await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.json(),
            json!({
                "resource": format!("{}/mcp", world.server.base),
                "authorization_servers": [ISS, "https://other.example"],
                "scopes_supported": ["mcp:read"],
                "bearer_methods_supported": ["header"],
                "resource_name": "Bailiwick"
            })
        );
        assert!(answer.header("content-type").starts_with("application/json"));
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        assert_eq!(answer.header("set-cookie"), "");
        let head = world.server.client.method("HEAD", path).send().await;
        assert_eq!((head.status, head.text.as_str()), (200, ""));
    }
    // Nothing that is not served is advertised, and no authorization server is pretended.
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/register", "/token"]
    {
        assert_eq!(world.server.client.get(path).send().await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn no_header_of_a_request_gets_into_metadata_or_challenges() {
    let world = World::new().await;
    let expected = [
        world.server.client.get(WELL_KNOWN[0]).send().await.text,
        world.server.client.tool("whoami", json!({})).send().await.header("www-authenticate").to_owned(),
    ];
    for (name, value) in [
        ("Host", "evil.example"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "gopher"),
        ("X-Forwarded-Prefix", "/evil.example"),
        ("Forwarded", "host=evil.example;proto=https"),
        ("X-Original-URL", "/evil.example"),
        ("Origin", "https://evil.example"),
        ("Referer", "https://evil.example/"),
    ] {
        let metadata = world.server.client.get(WELL_KNOWN[0]).header(name, value).send().await;
        let challenge = world.server.client.tool("whoami", json!({})).header(name, value).send().await;
        assert_eq!([metadata.text.as_str(), challenge.header("www-authenticate")], expected.each_ref().map(|s| &**s));
        for answer in [metadata, challenge] {
            let headers = format!("{:?}", answer.headers);
            assert!(!headers.contains("evil") && !headers.contains("gopher"), "{name}: {headers}");
        }
    }
}

#[tokio::test]
async fn item_78_a_host_or_origin_that_is_not_listed_is_refused_at_mcp() {
    let world = World::with(|directory| {
        let listed =
            "[server]\nallowed_hosts = [\"mcp.acme.example\"]\nallowed_origins = [\"https://app.acme.example\"]\n";
        edit(&directory.join("bailiwick.toml"), "[server]\n", listed);
    })
    .await;
    let port = world.server.base.rsplit(':').next().unwrap().to_owned();
    let token = token();
    let own = world.server.base.clone();
    let call =
        |name: &str, value: &str| world.server.client.tool("whoami", json!({})).token(&token).header(name, value);
    for host in ["mcp.acme.example", "localhost", "127.0.0.1", "MCP.ACME.EXAMPLE", &format!("localhost:{port}")] {
        assert_eq!(call("Host", host).send().await.status, 200, "{host}");
    }
    for origin in ["https://app.acme.example", &own] {
        let answer = call("Origin", origin).send().await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, origin));
    }
    let hosts = ["evil.example", "mcp.acme.example.evil.example", "169.254.169.254", "127.0.0.1.evil.example"];
    let origins = [
        "https://evil.example",
        "http://app.acme.example",
        "https://app.acme.example:8443",
        "https://app.acme.example.evil.example",
        "null",
        "http://localhost:1",
        "http://127.0.0.1:1",
        "not an origin",
    ];
    let refused = hosts.map(|host| ("Host", host)).into_iter().chain(origins.map(|origin| ("Origin", origin)));
    for (name, value) in refused {
        let answer = call(name, value).send().await;
        assert_eq!((answer.status, &answer.json()["error"]), (403, &json!("forbidden")), "{name}: {value}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{name}: {value}");
        assert!(!answer.text.contains(value) && !format!("{:?}", answer.headers).contains(value), "{answer:?}");
    }
    let left = world.stop().await;
    assert_eq!(left.decisions.len(), 7, "nobody decided anything for the others");
}

#[tokio::test]
async fn browsers_are_answered_by_the_list_at_mcp_and_by_anyone_at_the_metadata() {
    let world = World::with(|directory| {
        edit(
            &directory.join("bailiwick.toml"),
            "[server]\n",
            "[server]\nallowed_origins = [\"https://app.acme.example\"]\n",
        );
    })
    .await;
    let preflight = |path: &str, origin: &str| {
        let call = world.server.client.method("OPTIONS", path).header("Origin", origin);
        call.header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "authorization, content-type, mcp-param-region")
    };
    let allowed = preflight("/mcp", "https://app.acme.example").send().await;
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (204, "https://app.acme.example"));
    assert!(allowed.header("access-control-allow-methods").contains("POST"));
    assert_eq!(allowed.header("access-control-allow-headers"), "authorization, content-type, mcp-param-region");
    assert_eq!(allowed.header("vary"), "Origin");
    for origin in ["https://evil.example", "null", "https://APP.acme.example"] {
        let refused = preflight("/mcp", origin).send().await;
        assert!(
            !refused.headers.keys().any(|name| name.as_str().starts_with("access-control-")),
            "{origin} {refused:?}"
        );
    }
    for path in WELL_KNOWN {
        assert_eq!(preflight(path, "https://evil.example").send().await.header("access-control-allow-origin"), "*");
        let read = world.server.client.get(path).header("Origin", "https://evil.example").send().await;
        assert_eq!((read.status, read.header("access-control-allow-origin")), (200, "*"));
    }
    // A page that is allowed can read why it was refused.
    let origin = "https://app.acme.example";
    let answer = world.server.client.tool("whoami", json!({})).header("Origin", origin).send().await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, origin));
    assert!(answer.header("access-control-expose-headers").contains("WWW-Authenticate"));
    for answer in [answer, allowed] {
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
}

#[tokio::test]
async fn readiness_says_that_the_audit_cannot_be_written_and_nothing_is_answered_meanwhile() {
    let server = Server::demo().await;
    let ada = server.token("ada");
    let readyz = async || {
        let answer = server.client.get("/readyz").send().await;
        let body = answer.json();
        assert_eq!(body["ready"] == true, answer.status == 200, "{answer:?}");
        let checks = body["checks"].as_array().unwrap().clone();
        let audit = checks.iter().find(|check| check["name"] == "audit").unwrap().clone();
        (answer.status, audit)
    };
    let call = async || server.client.tool("count_documents", json!({})).token(&ada).send().await;
    assert_eq!(readyz().await.0, 200);
    let before = call().await.structured();

    // The file under the server's hands is moved away and a directory is in its place.
    let file = server.directory.join("audit.db");
    let away = server.directory.join("moved.db");
    for end in ["", "-wal", "-shm"] {
        let old = server.directory.join(format!("audit.db{end}"));
        if old.exists() {
            std::fs::rename(old, server.directory.join(format!("moved.db{end}"))).unwrap();
        }
    }
    std::fs::create_dir(&file).unwrap();
    let refused = call().await;
    assert!(refused.json()["result"].is_null(), "nothing is answered unrecorded: {refused:?}");
    assert!(!refused.text.contains("audit.db"), "{refused:?}");
    let (status, audit) = readyz().await;
    assert_eq!((status, &audit["ok"]), (503, &Value::Bool(false)));
    assert!(audit["detail"].as_str().unwrap().contains("cannot be written since"), "{audit}");
    assert_eq!(server.client.get("/healthz").send().await.json(), json!({ "status": "ok" }));
    for answer in [call().await, server.client.modern("tools/list", json!({})).token(&ada).send().await] {
        assert!(answer.json()["result"].is_null(), "{answer:?}");
    }

    std::fs::remove_dir(&file).unwrap();
    for end in ["", "-wal", "-shm"] {
        let old = server.directory.join(format!("moved.db{end}"));
        if old.exists() {
            std::fs::rename(old, server.directory.join(format!("audit.db{end}"))).unwrap();
        }
    }
    assert!(!away.exists());
    while readyz().await.0 != 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(call().await.structured(), before, "it mends itself");
}
