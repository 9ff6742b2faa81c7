//! Tests of the whole reading: layers, refusals with their exact words, presets, the guide.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use proptest::prelude::*;

use super::*;
use crate::model::oauth::Reach;
use crate::model::{ContextField, Scope};

/// The least that answers anything.
const ISSUER: &str = "[[issuer]]\nname = \"blockbrain\"\npreset = \"blockbrain\"\naudience = \"337063032028900000\"\nclients = [\"373051238587049311\"]\n";

/// A tenant of that issuer, so that nothing is warned of.
const TENANT: &str = "[[tenant]]\nname = \"acme\"\nissuer = \"blockbrain\"\norganisations = [\"337063032028925795\"]\n";

/// One reading: a file, a `.env`, an environment.
#[derive(Default, Clone)]
struct Case<'a> {
    file: Option<&'a str>,
    dotenv: Option<&'a str>,
    environment: &'a [(&'a str, &'a str)],
    overrides: Overrides,
    path: Option<&'a str>,
}

impl Case<'_> {
    fn read(&self) -> (tempfile::TempDir, Result<Loaded, ConfigErrors>) {
        let directory = tempfile::tempdir().unwrap();
        if let Some(file) = self.file {
            std::fs::write(directory.path().join(DEFAULT_FILE), file).unwrap();
        }
        if let Some(dotenv) = self.dotenv {
            std::fs::write(directory.path().join(".env"), dotenv).unwrap();
        }
        let inputs = Inputs {
            path: self.path.map(PathBuf::from),
            overrides: self.overrides.clone(),
            environment: self.environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            working_directory: directory.path().to_owned(),
        };
        let read = super::read(inputs);
        (directory, read)
    }

    fn loaded(&self) -> Loaded {
        self.read().1.unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn refused(&self) -> String {
        self.read().1.map(|_| ()).unwrap_err().to_string()
    }
}

fn loaded(file: &str) -> Loaded {
    Case { file: Some(file), ..Case::default() }.loaded()
}

fn refused(file: &str) -> String {
    Case { file: Some(file), ..Case::default() }.refused()
}

/// Reads the issuer and `more`, and holds the refusal to these words. The first line of `more` is line 1.
#[track_caller]
fn refuses(more: &str, message: &str) {
    assert_eq!(refused(&format!("{more}\n{ISSUER}")), message);
}

/// The same within the issuer, whose next line is line 6.
#[track_caller]
fn issuer_refuses(more: &str, message: &str) {
    assert_eq!(refused(&format!("{ISSUER}{more}")), message);
}

fn origin_of(loaded: &Loaded, key: &str) -> (String, String) {
    let found = loaded.provenance.iter().find(|setting| setting.key == key);
    found.map(|setting| (setting.value.clone(), setting.origin.to_string())).unwrap()
}

#[test]
fn the_least_configuration_has_the_documented_defaults() {
    let Loaded { settings, warnings, .. } = loaded(&format!("{ISSUER}{TENANT}"));
    assert_eq!(warnings, []);
    assert_eq!(settings.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.server.public_url.as_str(), "http://127.0.0.1:8080/");
    assert!(settings.database.is_none());
    assert_eq!((settings.audit.keep, settings.audit.max_bytes), (Duration::ZERO, 0));
    let issuer = &settings.issuers[0];
    assert_eq!(issuer.issuers, ["https://auth.theblockbrain.ai"]);
    assert_eq!(issuer.keys, KeySource::Jwks("https://auth.theblockbrain.ai/oauth/v2/keys".parse().unwrap()));
    assert_eq!(issuer.algorithms, [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]);
    assert_eq!(issuer.token_types, [TokenType::Jwt]);
    assert_eq!(issuer.scopes, [Scope::Read].into_iter().collect());
    assert_eq!(issuer.actor, ActorRule::Deny);
    assert!(issuer.users);
    let hours = |n: u64| Duration::from_secs(n * 3600);
    let seconds = Duration::from_secs;
    assert_eq!((issuer.max_age, issuer.leeway, issuer.max_token_bytes), (hours(12), seconds(30), 16 << 10));
    let keys = KeyLimits {
        cool_down: seconds(30),
        fresh: seconds(600),
        fresh_bounds: (seconds(60), seconds(600)),
        stale: hours(1),
        negative: seconds(30),
        max_bytes: 64 << 10,
        max_keys: 50,
        timeout: seconds(4),
    };
    assert_eq!(issuer.key_limits, keys);
    assert_eq!(issuer.claims.external_user, ["external_user_id"]);
    assert_eq!(issuer.claims.organisation, ["urn:zitadel:iam:user:resourceowner:id", "urn:zitadel:iam:org:id"]);
    assert_eq!(issuer.claims.equal[0].0, "urn:zitadel:iam:org:id");
    assert_eq!(issuer.claims.roles[0].shape, RoleShape::PerOrganisation);
}

#[test]
fn both_families_of_headers_are_recognised() {
    let ContextHeaders { fields, tenant, external_user, user, user_email } = loaded(ISSUER).settings.context;
    assert_eq!(fields[&ContextField::Agent], ["X-Agent-ID"]);
    assert_eq!(fields[&ContextField::DataRoom], ["X-Data-Room-ID", "X-Data-Room"]);
    assert_eq!(fields[&ContextField::Thread], ["X-Thread-ID"]);
    assert_eq!(tenant, ["X-Tenant-ID", "X-Tenant", "X-Blockbrain-Org-Id"]);
    assert_eq!(external_user, ["X-External-User-ID"]);
    assert_eq!(user, ["X-User-ID", "X-Blockbrain-User-Id"]);
    assert_eq!(user_email, ["X-Blockbrain-User-Email"]);

    let loaded = loaded(&format!("[context]\npreset = \"none\"\nagent = \"X-Bot\"\ntrusted = [\"agent\"]\n{ISSUER}"));
    assert_eq!(loaded.settings.context.fields[&ContextField::Agent], ["X-Bot"]);
    assert!(loaded.settings.context.user.is_empty());
    assert_eq!(loaded.declarations.trusted, BTreeSet::from([ContextField::Agent]));
}

#[test]
fn each_layer_goes_over_the_one_below_and_says_so() {
    let mut case = Case { file: Some(ISSUER), ..Case::default() };
    let port = |case: &Case<'_>| origin_of(&case.loaded(), "server.port");
    let pair = |value: &str, from: &str| (value.to_owned(), from.to_owned());
    assert_eq!(port(&case), pair("8080", "default"));
    let file = format!("[server]\nport = 1001\n{ISSUER}");
    case.file = Some(&file);
    assert_eq!(port(&case), pair("1001", "bailiwick.toml:2"));
    case.dotenv = Some("# ports\nBAILIWICK_SERVER_PORT=1002\n");
    assert_eq!(port(&case), pair("1002", ".env:2 BAILIWICK_SERVER_PORT"));
    case.environment = &[("BAILIWICK_SERVER_PORT", "1003")];
    assert_eq!(port(&case), pair("1003", "environment BAILIWICK_SERVER_PORT"));
    case.overrides.port = Some("1004".to_owned());
    assert_eq!(port(&case), pair("1004", "--port"));
    assert_eq!(case.loaded().settings.server.listen.port(), 1004);
}

#[test]
fn lists_and_booleans_can_be_written_in_variables() {
    let environment = [
        ("BAILIWICK_SERVER_ALLOWED_HOSTS", "a.example, B.example:81"),
        ("BAILIWICK_CONTEXT_TRUSTED", "agent,thread"),
        ("BAILIWICK_MODES_USER_TOKEN", "1"),
        ("BAILIWICK_SERVER_PUBLIC_URL", "https://mcp.acme.example"),
    ];
    let loaded = Case { file: Some(ISSUER), environment: &environment, ..Case::default() }.loaded();
    assert_eq!(loaded.settings.server.allowed_hosts, ["a.example", "b.example:81"]);
    assert_eq!(loaded.declarations.trusted, BTreeSet::from([ContextField::Agent, ContextField::Thread]));
    assert_eq!(loaded.settings.server.public_url.as_str(), "https://mcp.acme.example/");
}

#[test]
fn paths_begin_at_the_directory_of_the_configuration_file() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("etc");
    std::fs::create_dir(&inner).unwrap();
    let file = format!("[database]\nurl = \"sqlite:data/company.db\"\n[audit]\npath = \"/var/audit.db\"\n{ISSUER}");
    std::fs::write(inner.join("other.toml"), file).unwrap();
    std::fs::write(inner.join(".env"), "BAILIWICK_SERVER_PORT=7\n").unwrap();
    for (path, environment) in
        [(Some("etc/other.toml".into()), vec![]), (None, vec![(FILE_VARIABLE.into(), "etc/other.toml".into())])]
    {
        let working_directory = directory.path().to_owned();
        let loaded = read(Inputs { path, environment, working_directory, ..Inputs::default() }).unwrap();
        assert_eq!(loaded.settings.database.as_ref().unwrap().path, inner.join("data/company.db"));
        assert_eq!(loaded.settings.audit.path, PathBuf::from("/var/audit.db"));
        assert_eq!(loaded.settings.policy.directory, inner.join("policies"));
        assert_eq!(origin_of(&loaded, "server.port").1, "etc/.env:1 BAILIWICK_SERVER_PORT");
    }
}

#[test]
fn a_configuration_that_is_nowhere_is_refused() {
    let none = "there is no such file\nhint: `bailiwick demo` needs none; ";
    let refused = Case::default().refused();
    assert!(refused.starts_with(&format!("bailiwick.toml: {none}")), "{refused}");
    let refused = Case { path: Some("a.toml"), dotenv: Some("AUDIENCE=x"), ..Case::default() }.refused();
    assert!(refused.starts_with(&format!("a.toml: {none}")), "{refused}");
}

#[test]
fn every_syntax_error_is_reported_with_its_line() {
    let message = refused("a = \n[server]\nport = = 3\n");
    assert!(message.lines().count() >= 2, "{message}");
    assert!(message.starts_with("bailiwick.toml:1: is not TOML: "), "{message}");
    assert!(message.contains("bailiwick.toml:3: is not TOML: "), "{message}");
    assert!(refused("a = 1\na = 2\n").starts_with("bailiwick.toml:2: is not TOML: duplicate key"), "duplicate");
}

#[test]
fn every_problem_is_reported_at_once() {
    let file = format!("[server]\nprot = 1\nport = \"eighty\"\n[log]\nformat = \"jsno\"\n{ISSUER}leeway = 30\n");
    let lines = [
        "bailiwick.toml:3: `server.port` is \"eighty\"; expected a whole number from 0 to 65535",
        "bailiwick.toml:2: `server.prot` is not a setting; did you mean `port`?",
        "bailiwick.toml:5: `log.format` is `jsno`; did you mean `json`?",
        "bailiwick.toml:11: `issuer.blockbrain.leeway` is 30; expected a text",
    ];
    assert_eq!(refused(&file), lines.join("\n"));
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_or_with_what_there_is() {
    refuses("[sevrer]\nport = 1", "bailiwick.toml:1: `sevrer` is not a setting; did you mean `server`?");
    refuses("[log]\ncolour = true", "bailiwick.toml:2: `log.colour` is not a setting; here stand `level`, `format`");
    issuer_refuses(
        "audiences = []",
        "bailiwick.toml:6: `issuer.blockbrain.audiences` is not a setting; did you mean `audience`?",
    );
    refuses(
        "[server]\npublic-url = \"https://a.example\"",
        "bailiwick.toml:2: `server.public-url` is not a setting; did you mean `public_url`?",
    );
}

#[test]
fn unknown_variables_are_refused_and_other_peoples_are_not() {
    let read = |environment| Case { file: Some(ISSUER), environment, ..Case::default() };
    assert_eq!(
        read(&[("BAILIWICK_SERVER_PROT", "1")]).refused(),
        "environment BAILIWICK_SERVER_PROT: `BAILIWICK_SERVER_PROT` is not a setting; did you mean `BAILIWICK_SERVER_PORT`?"
    );
    for name in [
        "BAILIWICK_X",
        "BAILIWICK_server_port",
        "BAILIWICK_ISSUER_NAME",
        "BAILIWICK_CLAIMS_CLEARANCE",
        "BAILIWICK_POLICY_LISTS",
    ] {
        let environment = [(name, "1")];
        let case = Case { file: Some(ISSUER), environment: &environment, ..Case::default() };
        assert!(case.refused().contains(&format!("`{name}` is not a setting")), "{name}");
    }
    // Kubernetes makes these for a Service named `bailiwick`.
    let links = [
        ("BAILIWICK_PORT", "tcp://10.0.0.1:80"),
        ("BAILIWICK_SERVICE_HOST", "10.0.0.1"),
        ("BAILIWICK_SERVICE_PORT_HTTP", "80"),
        ("BAILIWICK_PORT_80_TCP_PROTO", "tcp"),
        ("PATH", "/bin"),
    ];
    assert_eq!(read(&links).loaded().settings.server.listen.port(), 8080);
    assert_eq!(
        read(&[("BAILIWICK_SERVER_PORT", "tcp://10.0.0.1:80")]).refused(),
        "environment BAILIWICK_SERVER_PORT: `server.port` is \"tcp://10.0.0.1:80\": Kubernetes makes this variable for a \
         Service of that name; set `enableServiceLinks: false` in the pod"
    );
    let mut dotenv = Case { file: Some(ISSUER), dotenv: Some("\nCOMPOSE_PROJECT_NAME=x\n"), ..Case::default() };
    assert!(dotenv.loaded().warnings.iter().any(|warning| warning.to_string()
        == ".env:2 COMPOSE_PROJECT_NAME: `COMPOSE_PROJECT_NAME` is not a setting of this server, and is ignored"));
    dotenv.dotenv = Some("BAILIWICK_CONFIG=x\n");
    assert_eq!(dotenv.refused(), ".env:1 BAILIWICK_CONFIG: `BAILIWICK_CONFIG` is not a setting");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf8_is_refused_if_it_is_ours() {
    use std::os::unix::ffi::OsStringExt as _;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(DEFAULT_FILE), ISSUER).unwrap();
    let bad = OsString::from_vec(vec![0xff]);
    let read = |name: &str| {
        let environment = vec![(name.into(), bad.clone())];
        read(Inputs { environment, working_directory: directory.path().to_owned(), ..Inputs::default() })
    };
    assert!(read("LS_COLORS").is_ok());
    assert_eq!(read("AUDIENCE").unwrap_err().to_string(), "environment AUDIENCE: the value is not UTF-8");
}

#[test]
fn bad_values_are_refused_with_what_would_be_right() {
    let cases = [
        ("server.address", "\"example.com\"", "is \"example.com\"; expected an IP address, or `localhost`"),
        ("server.address", "1", "is 1; expected a text"),
        ("server.port", "70000", "is 70000; expected a whole number from 0 to 65535"),
        ("server.port", "8080.5", "is 8080.5; expected a whole number from 0 to 65535"),
        ("server.port", "true", "is true; expected a whole number from 0 to 65535"),
        (
            "server.public_url",
            "\"https://a.example/mcp\"",
            "is \"https://a.example/mcp\"; expected an origin: `https://` (or `http://`), a host, and a port if it is not the usual one, with nothing after it",
        ),
        (
            "server.public_url",
            "\"https://me:pw@a.example\"",
            "is a URL with a user name or password in it; expected an origin: `https://` (or `http://`), a host, and a port if it is not the usual one, with nothing after it",
        ),
        (
            "server.allowed_hosts",
            "[\"*\"]",
            "is \"*\"; expected a host name or address, with a port if needed, and nothing else",
        ),
        (
            "server.allowed_origins",
            "[\"null\"]",
            "is \"null\"; expected an origin: `https://` (or `http://`), a host, and a port if it is not the usual one, with nothing after it",
        ),
        ("server.allowed_origins", "[1]", "is a list with 1; expected texts"),
        (
            "server.body_limit",
            "\"4\"",
            "is \"4\"; expected a size such as \"512B\", \"64KB\", \"4MB\" or \"1GB\" (1KB is 1024 bytes)",
        ),
        ("server.body_limit", "\"1GB\"", "is \"1GB\"; expected a size from 1KB to 64MB"),
        (
            "server.header_timeout",
            "\"10\"",
            "is \"10\"; expected a duration such as \"500ms\", \"30s\", \"5m\", \"12h\" or \"90d\"",
        ),
        ("server.header_timeout", "\"0s\"", "is \"0ms\"; expected a duration from 1s to 1h"),
        ("server.connections", "0", "is 0; expected a whole number from 1 to 1000000"),
        ("server.connections_per_address", "-1", "is -1; expected a whole number from 0 to 1000000"),
        ("server.requests_per_person", "0", "is 0; expected a whole number from 1 to 100000"),
        ("server.sessions_per_person", "0", "is 0; expected a whole number from 1 to 10000"),
        ("mcp.subscriptions", "0", "is 0; expected a whole number from 1 to 1000"),
        ("mcp.legacy_sse", "\"on\"", "is \"on\"; expected `true` or `false`"),
        ("mcp.look_every", "\"1ms\"", "is \"1ms\"; expected a duration from 50ms to 1h"),
        ("server.session_lifetime", "\"1s\"", "is \"1s\"; expected a duration from 1m to 30d"),
        (
            "server.handle_key",
            "\"0123456789012345678901234567890\"",
            "is a secret of fewer than 32 characters; expected what `openssl rand -base64 32` prints",
        ),
        (
            "log.level",
            "\"bailiwick=loud\"",
            "is \"bailiwick=loud\"; expected a filter such as `info`, or `info,bailiwick=debug`",
        ),
        ("log.format", "\"xml\"", "is `xml`; expected `human`, `json`"),
        (
            "database.url",
            "\"postgres://me:pw@db/x\"",
            "is a URL with a user name or password in it; expected `sqlite:` and the path of a file: this version reads SQLite; PostgreSQL is to come",
        ),
        (
            "database.url",
            "\"company.db\"",
            "is \"company.db\"; expected `sqlite:` and the path of a file, such as \"sqlite:data/company.db\"",
        ),
        (
            "database.url",
            "\"sqlite::memory:\"",
            "is \"sqlite::memory:\"; expected `sqlite:` and the path of a file, such as \"sqlite:data/company.db\"",
        ),
        (
            "database.url",
            "\"sqlite:a.db?mode=rwc\"",
            "is \"sqlite:a.db?mode=rwc\"; expected `sqlite:` and the path of a file, without options: how it is opened is said by the datasets",
        ),
        ("database.connections", "0", "is 0; expected a whole number from 1 to 64"),
        ("audit.durability", "\"proces\"", "is `proces`; did you mean `process`?"),
        ("audit.keep", "\"0s\"", "is \"0s\"; expected \"forever\", or a duration of at least \"1h\", such as \"90d\""),
        (
            "audit.max_size",
            "\"1KB\"",
            "is \"1KB\"; expected \"unlimited\", or a size of at least \"1MB\", such as \"10GB\"",
        ),
        ("audit.path", "\"\"", "is \"\"; expected a text that is not empty"),
        ("policy.settle", "\"2s\"", "is \"2s\"; expected a duration from 10ms to 900ms"),
        ("policy.lists", "3", "is 3; expected a table"),
        ("context.preset", "\"blockbrian\"", "is `blockbrian`; did you mean `blockbrain`?"),
        ("context.trusted", "[\"room\"]", "is `room`; expected `agent`, `data_room`, `thread`"),
        ("context.agent", "[\"X Agent\"]", "is \"X Agent\"; expected the name of a header, such as `X-Agent-ID`"),
        ("context.agent", "[\"Authorization\"]", "is \"Authorization\"; expected a header that holds no credential"),
        ("modes.user_token", "\"yes\"", "is \"yes\"; expected `true` or `false`"),
        ("oauth.client_secret", "7", "is no text, or an empty one; expected a text that is not empty"),
    ];
    for (key, value, message) in cases {
        let (section, word) = key.split_once('.').unwrap();
        refuses(&format!("[{section}]\n{word} = {value}"), &format!("bailiwick.toml:2: `{key}` {message}"));
    }
}

#[test]
fn a_header_says_one_thing_only() {
    refuses(
        "[context]\nagent = [\"X-A\"]\nthread = [\"x-a\"]",
        "bailiwick.toml:3: `context.thread` is `x-a`, which bailiwick.toml:2 has already; a header can say one thing only",
    );
}

#[test]
fn a_level_with_a_slip_is_not_taken_for_a_name() {
    let expected = "expected a filter such as `info`, or `info,bailiwick=debug`";
    refuses("[log]\nlevel = \"inof\"", &format!("bailiwick.toml:2: `log.level` is \"inof\"; {expected}"));
    assert_eq!(loaded(&format!("[log]\nlevel = \"WARN,bailiwick=debug\"\n{ISSUER}{TENANT}")).warnings, []);
}

#[test]
fn what_signs_in_at_an_issuer_that_was_refused_is_not_refused_too() {
    let sign_in = "users = \"yes\"\n[[sign_in]]\nissuer = \"blockbrain\"\nclient_id = \"c\"\nclient_secret = \"s\"\n";
    let found = refused(&format!("{ISSUER}{sign_in}"));
    assert!(found.contains("`issuer.blockbrain.users` is \"yes\"; expected") && !found.contains("sign_in"), "{found}");
    let found = refused(&format!("{ISSUER}{}", sign_in.replace("issuer = \"blockbrain\"", "issuer = \"blockbrian\"")));
    assert!(found.contains("`sign_in.issuer` is `blockbrian`; did you mean `blockbrain`?"), "{found}");
}

#[test]
fn a_server_that_others_can_reach_must_say_its_public_url() {
    refuses(
        "[server]\naddress = \"0.0.0.0\"",
        "bailiwick.toml:2: `server.public_url` is missing; a server that others can reach needs the origin that they know \
         it by, such as `https://mcp.acme.example`",
    );
    let warned =
        loaded(&format!("[server]\naddress = \"0.0.0.0\"\npublic_url = \"http://mcp.acme.example\"\n{ISSUER}{TENANT}"));
    assert_eq!(warned.warnings, [Warning::PlainHttp("http://mcp.acme.example".to_owned())]);
    assert_eq!(
        warned.warnings[0].to_string(),
        "`server.public_url` is `http://mcp.acme.example`: tokens travel in the clear; put TLS in front and write `https://`"
    );
    let ipv6 = loaded(&format!("[server]\naddress = \"::1\"\n{ISSUER}"));
    assert_eq!(
        origin_of(&ipv6, "server.public_url"),
        ("http://[::1]:8080".to_owned(), "from server.address".to_owned())
    );
}

#[test]
fn what_is_designed_and_not_built_is_refused() {
    refuses(
        "[[tool]]\nname = \"x\"",
        "bailiwick.toml:1: `tool` is not supported yet: this version has the generated and the built-in tools; leave it out",
    );
}

#[test]
fn an_issuer_says_what_it_must() {
    assert_eq!(
        refused("[[issuer]]\npreset = \"blockbrain\"\n"),
        "bailiwick.toml:1: `issuer[1].name` is missing; policies and tenants call the issuer by it\n\
         bailiwick.toml:1: `issuer[1].audience` is missing; a token must say that it is meant for this server: `bailiwick token inspect` shows the `aud` of a token\n\
         bailiwick.toml:1: `issuer[1].clients` is missing; write the client ids whose tokens are accepted (`bailiwick token inspect` shows the one of a token), or `any_client = true`"
    );
    assert_eq!(
        refused("[[issuer]]\nname = \"x\"\naudience = \"a\"\nany_client = true\n"),
        "bailiwick.toml:1: `issuer.x.issuer` is missing; write the `iss` of its tokens\n\
         bailiwick.toml:1: `issuer.x.claims.organisation` is missing; without it no token could be told to belong to a tenant"
    );
    assert_eq!(
        refused("[log]\nlevel = \"info\"\n"),
        "bailiwick.toml: nothing could be answered: no `[[issuer]]` is declared, so no token could be verified; write one \
         (with `preset = \"blockbrain\"`, `audience` and `clients`), or let people sign in here (`oauth.enabled = true`)"
    );
    assert_eq!(refused("issuer = 3\n"), "bailiwick.toml:1: `issuer` is 3; expected one `[[issuer]]` for each");
}

#[test]
fn an_empty_list_is_not_permission() {
    let issuer = |line: &str| refused(&format!("[[issuer]]\nname = \"b\"\npreset = \"blockbrain\"\n{line}\n"));
    assert_eq!(
        issuer("audience = []\nclients = [\"c\"]"),
        "bailiwick.toml:4: `issuer.b.audience` is empty; expected at least one text"
    );
    assert_eq!(
        issuer("audience = \"a\"\nclients = []"),
        "bailiwick.toml:5: `issuer.b.clients` is empty; expected at least one client id, or `any_client = true`"
    );
    assert_eq!(
        issuer("audience = \"a\"\nclients = [\"c\"]\nany_client = true"),
        "bailiwick.toml:6: `issuer.b.clients` and `issuer.b.any_client` are both written; leave `any_client` out, or the list"
    );
    for key in ["algorithms", "token_types", "issuer"] {
        let message = issuer(&format!("audience = \"a\"\nclients = [\"c\"]\n{key} = []"));
        assert_eq!(message, format!("bailiwick.toml:6: `issuer.b.{key}` is empty; expected at least one text"));
    }
    let any = loaded("[[issuer]]\nname = \"b\"\npreset = \"blockbrain\"\naudience = \"a\"\nany_client = true\n");
    assert!(any.settings.issuers[0].clients.is_empty());
    assert!(any.warnings.iter().any(|warning| warning.to_string()
        == "`issuer.b` accepts tokens of any client: every application of that issuer can call; write `clients`"));
}

#[test]
fn bad_values_of_an_issuer_are_refused_with_what_would_be_right() {
    let cases = [
        (
            "algorithms = [\"HS256\"]",
            "algorithms` has `HS256`, an HMAC algorithm: whoever can verify could sign; expected RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA",
        ),
        (
            "algorithms = [\"none\"]",
            "algorithms` is `none`; expected `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `EdDSA`",
        ),
        ("algorithms = [\"rs256\"]", "algorithms` is `rs256`; did you mean `RS256`?"),
        ("token_types = [\"jwt\"]", "token_types` is `jwt`; did you mean `JWT`?"),
        ("scopes = [\"mcp:raed\"]", "scopes` is `mcp:raed`; did you mean `mcp:read`?"),
        ("actor = \"dney\"", "actor` is `dney`; did you mean `deny`?"),
        ("actor = []", "actor` is empty; expected at least one text"),
        ("max_age = \"0s\"", "max_age` is \"0ms\"; expected a duration from 1m to 30d"),
        ("leeway = \"1h\"", "leeway` is \"1h\"; expected a duration from 0ms to 5m"),
        ("max_token_size = \"1MB\"", "max_token_size` is \"1MB\"; expected a size from 1KB to 64KB"),
        ("keys = { cool_down = \"0s\" }", "keys.cool_down` is \"0ms\"; expected a duration from 1s to 1d"),
        (
            "keys = { fresh_min = \"1h\" }",
            "keys.fresh_min` is \"1h\"; expected a duration that is not longer than `fresh_max`",
        ),
        ("keys = { max_keys = 0 }", "keys.max_keys` is 0; expected a whole number from 1 to 1000"),
        (
            "jwks_url = \"http://auth.acme.example/keys\"",
            "jwks_url` is \"http://auth.acme.example/keys\"; expected a URL that begins with `https://` (`http://` on a loopback address), without a user or password",
        ),
        (
            "discovery_url = \"https://u:p@acme.example/x\"",
            "discovery_url` is a URL with a user name or password in it; expected a URL that begins with `https://` (`http://` on a loopback address), without a user or password",
        ),
        (
            "issuer = \"http://auth.acme.example\"",
            "issuer` is \"http://auth.acme.example\"; expected an `https://` URL, below which its metadata is; or else write `jwks_url`",
        ),
        ("claims = { organisation = [] }", "claims.organisation` is empty; expected at least one text"),
        (
            "claims = { external_user = [] }",
            "claims.external_user` is empty; expected the claim that gives `user:` names, since `users = true`",
        ),
        ("claims = { equal = [[\"a\"]] }", "claims.equal` is a list; expected a list of pairs, as in [[\"a\", \"b\"]]"),
        (
            "claims = { roles = [{ claim = \"r\" }] }",
            "claims.roles[1].shape` is missing; write `per_organisation` or `list`",
        ),
        (
            "claims = { attributes = { a = \"b\" } }",
            "claims.attributes` is for `a`; expected a claim that `[claims]` declares, which declares none",
        ),
    ];
    for (line, message) in cases {
        issuer_refuses(line, &format!("bailiwick.toml:6: `issuer.blockbrain.{message}"));
    }
    issuer_refuses(
        "jwks_url = \"https://a.example/keys\"\ndiscovery_url = \"https://a.example/meta\"",
        "bailiwick.toml:7: `issuer.blockbrain.jwks_url` and `issuer.blockbrain.discovery_url` are both written; leave `jwks_url` out if the metadata shall say where the keys are",
    );
    assert_eq!(
        refused(
            "[[issuer]]\nname = \"a/b\"\npreset = \"blockbrian\"\naudience = \"a\"\nclients = [\"c\"]\nissuer = \"https://i.example\"\nclaims = { organisation = \"o\" }\n"
        ),
        "bailiwick.toml:2: `issuer.a/b.name` is \"a/b\"; expected a name of letters, digits, `-`, `_` and `.`, beginning with a letter or digit\n\
         bailiwick.toml:3: `issuer.a/b.preset` is `blockbrian`; did you mean `blockbrain`?"
    );
}

#[test]
fn two_issuers_cannot_claim_one_token() {
    issuer_refuses(
        ISSUER,
        "bailiwick.toml:7: `issuer.blockbrain.name` is `blockbrain`, which bailiwick.toml:2 has already; a token must belong to one issuer\n\
         bailiwick.toml:6: `issuer.blockbrain.issuer` is `https://auth.theblockbrain.ai`, which bailiwick.toml:1 has already; a token must belong to one issuer",
    );
}

#[test]
fn keys_of_one_issuer_never_verify_for_another() {
    let keys = |more: &str| loaded(&format!("{ISSUER}{more}")).settings.issuers[0].keys.clone();
    // The preset's keys stand with the preset's issuer only.
    assert_eq!(
        keys("issuer = \"https://auth.acme.example/\""),
        KeySource::Discovery("https://auth.acme.example/.well-known/openid-configuration".parse().unwrap())
    );
    assert_eq!(
        keys("discovery_url = \"https://a.example/meta\""),
        KeySource::Discovery("https://a.example/meta".parse().unwrap())
    );
    assert_eq!(
        keys("jwks_url = \"http://127.0.0.1:9/keys\""),
        KeySource::Jwks("http://127.0.0.1:9/keys".parse().unwrap())
    );
    let elsewhere = loaded(&format!("{ISSUER}jwks_url = \"https://a.example/keys\"\n{TENANT}"));
    assert_eq!(
        elsewhere.warnings[0].to_string(),
        "`issuer.blockbrain` takes its keys from `https://a.example/keys` and accepts `iss` = `https://auth.theblockbrain.ai` only; \
         if tokens say otherwise, write `issuer`"
    );
}

#[test]
fn the_other_presets_fill_what_they_say() {
    let zitadel = "[[issuer]]\nname = \"z\"\npreset = \"zitadel\"\nissuer = [\"https://z.example\", \"https://y.example\"]\naudience = \"a\"\nclients = [\"c\"]\n";
    let generic = "[claims]\nclearance = \"number\"\ndepartment = \"text\"\n[[issuer]]\nname = \"g\"\nissuer = \"https://g.example\"\naudience = \"a\"\nclients = [\"c\"]\nactor = [\"robot\"]\n[issuer.claims]\norganisation = \"org\"\nattributes = { clearance = \"urn:acme:clearance\" }\n";
    let zitadel = &loaded(zitadel).settings.issuers[0];
    assert_eq!(zitadel.issuers.len(), 2);
    assert_eq!(zitadel.token_types, [TokenType::Jwt]);
    assert!(!zitadel.users && zitadel.claims.external_user.is_empty());
    let generic = &loaded(generic).settings.issuers[0];
    assert_eq!(generic.token_types, [TokenType::AccessToken]);
    assert_eq!(generic.claims.scope.as_deref(), Some("scope"));
    assert_eq!(generic.actor, ActorRule::Only(vec!["robot".to_owned()]));
    let attributes: Vec<_> =
        generic.claims.attributes.iter().map(|(name, claim)| (name.as_str(), claim.as_str())).collect();
    assert_eq!(attributes, [("clearance", "urn:acme:clearance"), ("department", "department")]);
}

/// The `.env` of Blockbrain's published guide.
const GUIDE: &str = "SERVER_HOST=localhost\nJWKS_URL=https://auth.theblockbrain.ai/oauth/v2/keys\nAUDIENCE=your-api-audience\n\
                     OAUTH_CLIENT_ID=your-client-id\nOAUTH_CLIENT_SECRET=your-client-secret\nVALIDATE_USER_TOKEN=1\n";

#[test]
fn the_guides_dotenv_alone_works_on_a_loopback_address() {
    let loaded = Case { dotenv: Some(GUIDE), ..Case::default() }.loaded();
    assert_eq!(loaded.settings.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(loaded.settings.server.public_url.as_str(), "http://localhost:8080/");
    let issuer = &loaded.settings.issuers[0];
    assert_eq!(
        (issuer.name.as_str(), issuer.audiences.as_slice()),
        ("blockbrain", &["your-api-audience".to_owned()][..])
    );
    assert_eq!(issuer.keys, KeySource::Jwks("https://auth.theblockbrain.ai/oauth/v2/keys".parse().unwrap()));
    assert!(issuer.users);
    let client = loaded.settings.oauth_client.as_ref().unwrap();
    assert_eq!(
        (client.id.as_str(), client.secret.as_ref().unwrap().expose()),
        ("your-client-id", "your-client-secret")
    );
    assert_eq!(origin_of(&loaded, "issuer.blockbrain.audience").1, ".env:3 AUDIENCE");
    assert_eq!(origin_of(&loaded, "issuer.blockbrain.any_client").1, "from server.address");
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "`oauth.client_id` is `your-client-id`, an example value: no real token will match it",
            "`oauth.client_secret` is `[secret]`, an example value: no real token will match it",
            "`oauth.client_id` is a client of the authorization server, which is off; `oauth.enabled = true` turns it on",
            "`issuer.blockbrain.audience` is `your-api-audience`, an example value: no real token will match it",
            "`issuer.blockbrain` accepts tokens of any client: every application of that issuer can call; write `clients`",
            "no `[[tenant]]` names the issuer `blockbrain`: every token of it is refused as `unknown_tenant`",
        ]
    );
}

#[test]
fn the_guides_example_values_are_refused_where_others_can_reach_the_server() {
    let case = Case {
        dotenv: Some(GUIDE),
        environment: &[("SERVER_HOST", "0.0.0.0"), ("BAILIWICK_SERVER_PUBLIC_URL", "https://mcp.acme.example")],
        ..Case::default()
    };
    assert_eq!(
        case.refused(),
        ".env:4 OAUTH_CLIENT_ID: `oauth.client_id` is `your-client-id`, an example value; it works on a loopback address only. \
         write the id by which this server knows the client that the secret is for\n\
         .env:5 OAUTH_CLIENT_SECRET: `oauth.client_secret` is `[secret]`, an example value; it works on a loopback address only. \
         write a secret that nobody can guess, and give it to the platform alone\n\
         .env:3 AUDIENCE: `issuer.blockbrain.audience` is `your-api-audience`, an example value; it works on a loopback address only. \
         a token must say that it is meant for this server: `bailiwick token inspect` shows the `aud` of a token\n\
         .env:3 AUDIENCE: `issuer.blockbrain.clients` is missing; write the client ids whose tokens are accepted \
         (`bailiwick token inspect` shows the one of a token), or `any_client = true`"
    );
}

#[test]
fn the_guides_names_complete_a_declared_issuer() {
    let dotenv = "JWKS_URL=https://auth.theblockbrain.ai/other\nAUDIENCE=1, 2\nVALIDATE_USER_TOKEN=\n";
    let loaded = Case { file: Some(ISSUER), dotenv: Some(dotenv), ..Case::default() }.loaded();
    let issuer = &loaded.settings.issuers[0];
    assert_eq!(loaded.settings.issuers.len(), 1);
    assert_eq!(issuer.audiences, ["1", "2"]);
    assert_eq!(issuer.keys, KeySource::Jwks("https://auth.theblockbrain.ai/other".parse().unwrap()));
    assert_eq!(issuer.clients, ["373051238587049311"]);
    let two = [ISSUER, &ISSUER.replace("name = \"blockbrain\"", "name = \"b2\"")].concat();
    assert!(Case { file: Some(&two), dotenv: Some("AUDIENCE=1"), ..Case::default() }.refused().starts_with(
        ".env:1 AUDIENCE: `issuer` is 2 issuers with the preset `blockbrain`; expected one of them, for this variable to complete; write the values in the file\n"
    ));
}

#[test]
fn turning_user_token_mode_off_leaves_the_authorization_server_or_nothing() {
    let case = Case { file: Some(ISSUER), dotenv: Some("VALIDATE_USER_TOKEN=0"), ..Case::default() };
    assert_eq!(
        case.refused(),
        ".env:1 VALIDATE_USER_TOKEN: nothing could be answered: User Token mode is off, and so is the authorization server, \
         and there is no other way in; write `modes.user_token = true` (in the guide's `.env`: `VALIDATE_USER_TOKEN=1`), or \
         `oauth.enabled = true`"
    );
    let on = loaded(&format!("{ISSUER}[modes]\nuser_token = false\n[oauth]\nenabled = true\n")).settings;
    assert_eq!(
        (on.issuers.len(), on.issuers.iter().filter(|issuer| on.forwards(issuer)).count()),
        (1, 0),
        "no token of the issuer is taken"
    );
}

#[test]
fn where_people_sign_in_here_a_tenant_needs_no_issuer() {
    let own = "[oauth]\nenabled = true\n[[tenant]]\nname = \"acme\"\n";
    let read = loaded(own);
    assert!(read.settings.issuers.is_empty() && read.declarations.tenants[0].issuer.is_none());
    assert_eq!(
        refused(&format!("{own}organisations = [\"1\"]\n")),
        "bailiwick.toml:3: `tenant.acme.issuer` is missing; write the name of the `[[issuer]]` that speaks for this tenant, or \
         leave `organisations` out too: then its people sign in here"
    );
    assert_eq!(
        refused(&format!("{ISSUER}{own}issuer = \"blockbrain\"\n")),
        "bailiwick.toml:8: `tenant.acme.organisations` is missing; write the organisation ids that mean this tenant in the \
         issuer's tokens"
    );
}

#[test]
fn two_names_for_one_setting_must_agree() {
    let read = |dotenv| Case { file: Some(ISSUER), dotenv: Some(dotenv), ..Case::default() };
    assert_eq!(
        read("SERVER_HOST=localhost\nBAILIWICK_SERVER_ADDRESS=::1\n").refused(),
        ".env:2 BAILIWICK_SERVER_ADDRESS: `SERVER_HOST` and `BAILIWICK_SERVER_ADDRESS` both set `server.address`, and differ; leave one out"
    );
    read("SERVER_HOST=::1\nBAILIWICK_SERVER_ADDRESS=::1\n").loaded();
}

#[test]
fn secrets_come_from_files_too_and_never_show() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(DEFAULT_FILE), ISSUER).unwrap();
    std::fs::write(directory.path().join("secret"), "hush, nobody knows\n").unwrap();
    let read = |environment: &[(&str, &str)]| {
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        read(Inputs { environment, working_directory: directory.path().to_owned(), ..Inputs::default() })
    };
    for name in ["OAUTH_CLIENT_SECRET_FILE", "BAILIWICK_OAUTH_CLIENT_SECRET_FILE"] {
        let loaded = read(&[("OAUTH_CLIENT_ID", "us"), (name, "secret")]).unwrap();
        assert_eq!(
            loaded.settings.oauth_client.as_ref().unwrap().secret.as_ref().unwrap().expose(),
            "hush, nobody knows"
        );
        assert!(!format!("{loaded:?}").contains("hush"));
        assert_eq!(origin_of(&loaded, "oauth.client_secret"), ("[secret]".to_owned(), format!("environment {name}")));
    }
    let loaded =
        read(&[("BAILIWICK_OAUTH_CLIENT_ID", "us"), ("BAILIWICK_OAUTH_CLIENT_SECRET", "a@b:c, and some more")])
            .unwrap();
    assert_eq!(
        loaded.settings.oauth_client.as_ref().unwrap().secret.as_ref().unwrap().expose(),
        "a@b:c, and some more"
    );
    let errors = |environment: &[(&str, &str)]| read(environment).unwrap_err().to_string();
    assert_eq!(
        errors(&[
            ("OAUTH_CLIENT_ID", "us"),
            ("OAUTH_CLIENT_SECRET", "hush, nobody knows"),
            ("OAUTH_CLIENT_SECRET_FILE", "secret")
        ]),
        "environment OAUTH_CLIENT_SECRET: `oauth.client_secret` and `oauth.client_secret_file` are both written; leave one out, best the one that holds the secret itself"
    );
    assert!(
        errors(&[("OAUTH_CLIENT_ID", "us"), ("OAUTH_CLIENT_SECRET_FILE", "nowhere")])
            .ends_with("nowhere` cannot be read (No such file or directory (os error 2))")
    );
    assert_eq!(
        errors(&[("OAUTH_CLIENT_SECRET", "hush, nobody knows")]),
        "environment OAUTH_CLIENT_SECRET: `oauth.client_id` is missing; write the id by which this server knows the client that the secret is for"
    );
    assert_eq!(
        errors(&[("OAUTH_CLIENT_ID", "us"), ("OAUTH_CLIENT_SECRET", "hush")]),
        "environment OAUTH_CLIENT_SECRET: `oauth.client_secret` is a text of fewer than 16 characters; expected one that nobody can guess"
    );
    let contradiction = errors(&[
        ("OAUTH_CLIENT_SECRET", "hush, nobody knows"),
        ("BAILIWICK_OAUTH_CLIENT_SECRET", "another hush, nobody knows"),
    ]);
    assert!(contradiction.contains("both set `oauth.client_secret`") && !contradiction.contains("hush"));
}

#[test]
fn a_dataset_needs_a_database() {
    let dataset =
        "[[dataset]]\nname = \"d\"\nkey = \"id\"\ntenant = \"shared\"\ncolumns = { id = { type = \"id\" } }\n";
    assert_eq!(
        refused(&format!("{dataset}{ISSUER}")),
        "bailiwick.toml:1: `database.url` is missing; a dataset is declared, so write `url = \"sqlite:<path>\"`"
    );
}

#[test]
fn bad_declarations_are_refused_with_what_would_be_right() {
    let dataset = |lines: &str| {
        refused(&format!("{ISSUER}[database]\nurl = \"sqlite:a.db\"\n[[dataset]]\nname = \"d\"\n{lines}\n"))
    };
    let columns = "columns = { id = { type = \"id\" } }";
    assert_eq!(
        dataset(""),
        "bailiwick.toml:8: `dataset.d.key` is missing; write the column, or the list of columns, that identifies a row\n\
         bailiwick.toml:8: `dataset.d.tenant` is missing; write { column = \"...\" }, { fixed = \"<tenant>\" }, or \"shared\" if every tenant may see every row\n\
         bailiwick.toml:8: `dataset.d.columns` is missing; only declared columns exist for the outside"
    );
    let base = format!("key = \"id\"\n{columns}\n");
    for (line, message) in [
        ("tenant = \"sharde\"", "`dataset.d.tenant` is `sharde`; did you mean `shared`?"),
        ("tenant = 3", "`dataset.d.tenant` is 3; expected a table"),
        (
            "tenant = {}",
            "`dataset.d.tenant.column` is missing; write { column = \"...\" }, { fixed = \"<tenant>\" }, or \"shared\" if every tenant may see every row",
        ),
        (
            "tenant = { column = \"a\", fixed = \"b\" }",
            "`dataset.d.tenant.column` and `dataset.d.tenant.fixed` are both written; a row's tenant is either in a column or fixed",
        ),
        (
            "tenant = { colum = \"a\" }",
            "`dataset.d.tenant.column` is missing; write { column = \"...\" }, { fixed = \"<tenant>\" }, or \"shared\" if every tenant may see every row\nbailiwick.toml:12: `dataset.d.tenant.colum` is not a setting; did you mean `column`?",
        ),
        (
            "tenant = \"shared\"\nwithin = { by = {} }",
            "`dataset.d.within.dataset` is missing; write the name of the parent",
        ),
        (
            "tenant = \"shared\"\nwithin = { dataset = \"p\" }",
            "`dataset.d.within.by` is missing; write { <column of this dataset> = \"<key column of the parent>\" }",
        ),
        (
            "tenant = \"shared\"\nsearch = {}",
            "`dataset.d.search.columns` is missing; write the text columns that are searched",
        ),
        ("tenant = \"shared\"\ndata_room = false", "`dataset.d.data_room` is false; expected a text"),
    ] {
        let line_number = 12 + line.lines().count() - 1;
        assert_eq!(dataset(&format!("{base}{line}")), format!("bailiwick.toml:{line_number}: {message}"), "{line}");
    }
    assert_eq!(
        dataset(
            "key = \"id\"\ntenant = \"shared\"\ncolumns = { id = {}, b = 3, c = { type = \"id\", exposed = true } }"
        ),
        "bailiwick.toml:12: `dataset.d.columns.id.type` is missing; write `id`, `text`, `number`, `boolean`, `time`, `json` or `bytes`\n\
         bailiwick.toml:12: `dataset.d.columns.b` is 3; expected a table\n\
         bailiwick.toml:12: `dataset.d.columns.c.exposed` is not a setting; did you mean `expose`?"
    );
    assert_eq!(
        refused(&format!("{ISSUER}[[tenant]]\n")),
        "bailiwick.toml:6: `tenant[1].name` is missing; policies and tenant columns call the tenant by it\n\
         bailiwick.toml:6: `tenant[1].issuer` is missing; write the name of the `[[issuer]]` that speaks for this tenant\n\
         bailiwick.toml:6: `tenant[1].organisations` is missing; write the organisation ids that mean this tenant in the issuer's tokens"
    );
}

/// The documentation as a configuration: every example is in force, except for what excludes another.
fn documentation() -> String {
    let text = layers::documented();
    let others = [
        "ca_file = ",
        "client_secret_file = ",
        "discovery_url = ",
        "registration_token_file = ",
        "registration_token = ",
        "handle_key_file = ",
        "handle_key = ",
    ];
    let other = |line: &str| others.iter().any(|other| line.starts_with(other));
    text.lines().filter(|line| !other(line)).fold(String::new(), |mut text, line| {
        let line = if line.starts_with("within = ") { "" } else { line };
        let _ = writeln!(text, "{line}");
        text
    })
}

#[test]
fn the_documentation_is_itself_a_configuration() {
    let loaded = loaded(&documentation());
    assert_eq!(loaded.settings.issuers[0].clients, ["373051238587049311"]);
    assert_eq!(loaded.declarations.datasets[0].columns.len(), 9);
    assert_eq!(loaded.declarations.lists[0].1.value, "report:");
    let catalog = crate::catalog::build(&loaded);
    assert!(catalog.is_ok(), "{catalog:?}");
}

/// The tables of the documentation whose keys are not free, each with the number of its line.
fn tables() -> Vec<(usize, String)> {
    const FREE: [&str; 6] = [
        "[policy.lists]",
        "[claims]",
        "[tenant.data_rooms]",
        "[dataset.columns]",
        "[issuer.claims.attributes]",
        "[prompt.arguments]",
    ];
    let text = documentation();
    let headers = text.lines().enumerate().filter(|(_, line)| line.starts_with('[') && !FREE.contains(line));
    headers.map(|(number, line)| (number, line.to_owned())).collect()
}

#[test]
fn every_key_that_is_read_is_documented() {
    let text = documentation();
    for (number, header) in tables() {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.insert(number + 1, "zzzzzzzzzzzz = 1");
        let message = refused(&lines.join("\n"));
        let (_, known) = message.split_once("; here stand ").unwrap_or_else(|| panic!("{header}: {message}"));
        for word in known.lines().next().unwrap().split(", ").map(|word| word.trim_matches('`')) {
            let written = format!("{word} = ");
            let table = [format!("[{word}]"), format!("[[{word}]]"), format!(".{word}]"), format!(".{word}]]")];
            let found = DEFAULTS.lines().any(|line| {
                let line = line.trim_start_matches('#');
                line.starts_with(&written) || table.iter().any(|table| line.ends_with(table.as_str()))
            });
            assert!(found, "{header}: `{word}` is not documented");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_unknown_key_anywhere_is_refused(key in "[a-z][a-z_]{0,14}", at in any::<prop::sample::Index>(), value in "(1|\"x\"|true|\\[\\]|\\{\\})") {
        let text = documentation();
        let tables = tables();
        let (number, header) = at.get(&tables);
        let known = DEFAULTS.contains(&format!("{key} = ")) || DEFAULTS.contains(&format!("{key}]"))
            || ["tool", "writable"].contains(&key.as_str());
        prop_assume!(!known);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.insert(number + 1, format!("{key} = {value}"));
        let message = refused(&lines.join("\n"));
        let expected = format!("bailiwick.toml:{}: ", number + 2);
        prop_assert!(message.lines().any(|line| line.starts_with(&expected) && line.contains(&format!("{key}` is not a setting"))), "{} {}", header, message);
    }

    #[test]
    fn an_unknown_variable_is_refused(section in "(SERVER|LOG|DATABASE|AUDIT|POLICY|CONTEXT|MODES|OAUTH|X)", key in "[A-Z][A-Z_]{0,14}") {
        let name = format!("BAILIWICK_{section}_{key}");
        prop_assume!(!DEFAULTS.contains(&format!("{} = ", key.to_lowercase())));
        prop_assume!(!key.contains("SERVICE_") && !key.contains("_TCP_") && !key.contains("_UDP_") && !key.contains("_SCTP_"));
        let message = Case { file: Some(ISSUER), environment: &[(name.as_str(), "1")], ..Case::default() }.refused();
        let expected = format!("`{name}` is not a setting");
        prop_assert!(message.contains(&expected), "{}", message);
    }
}

#[test]
fn the_authorization_server_is_off_unless_it_is_turned_on() {
    let off = loaded(&format!("{ISSUER}{TENANT}"));
    assert!(off.settings.oauth.is_none());
    assert!(off.settings.state.path.ends_with("state.db"));
    let on = loaded(&format!("[oauth]\nenabled = true\n{ISSUER}{TENANT}")).settings.oauth.unwrap();
    assert_eq!((on.access_token, on.code), (Duration::from_mins(15), Duration::from_mins(1)));
    assert_eq!((on.refresh_idle, on.refresh_absolute), (Duration::from_hours(14 * 24), Duration::from_hours(30 * 24)));
    assert!(matches!(on.registration, Registration::Off));
    assert!(on.trusted_proxies.is_empty() && on.private_schemes.is_empty());
    assert_eq!(on.client_documents.of_host("claude.ai"), Some((Reach::EveryTenant, false)));
}

#[test]
fn hosts_of_clients_are_taken_as_they_are_listed() {
    let with = |rule: &str| {
        let host = |name: &str, more: &str| format!("[[oauth.client_host]]\nname = \"{name}\"\n{more}\n");
        let hosts = [host("claude.ai", "tenants = [\"acme\"]"), host("localhost", "internal = true")].concat();
        loaded(&format!("[oauth]\nenabled = true\nclient_documents = \"{rule}\"\n{hosts}{ISSUER}{TENANT}"))
    };
    let acme = Reach::Tenants(["acme".parse().unwrap()].into());
    for (rule, expected) in [
        ("off", [None, None, None]),
        ("listed", [Some((acme.clone(), false)), Some((Reach::EveryTenant, true)), None]),
        ("any", [Some((acme, false)), Some((Reach::EveryTenant, true)), Some((Reach::EveryTenant, false))]),
    ] {
        let read = with(rule);
        let documents = &read.settings.oauth.as_ref().unwrap().client_documents;
        assert_eq!(["claude.ai", "localhost", "vscode.dev"].map(|host| documents.of_host(host)), expected, "{rule}");
        let warnings: Vec<_> = read.warnings.iter().map(ToString::to_string).collect();
        assert!(warnings.len() == 1 && warnings[0].contains("for development"), "{warnings:?}");
    }
}

#[test]
fn mistakes_in_oauth_are_found_even_while_it_is_off() {
    for (line, message) in [
        ("access_token = \"5m\"", "`oauth.access_token` is \"5m\"; expected a duration from 10m to 1d"),
        ("code = \"11m\"", "`oauth.code` is \"11m\"; expected a duration from 10s to 10m"),
        ("registration = \"opne\"", "`oauth.registration` is `opne`; did you mean `open`?"),
        (
            "registration = \"token\"",
            "`oauth.registration_token` is missing; clients must show it; write it, or the file that holds it",
        ),
        (
            "registration = \"token\"\nregistration_token = \"guess\"",
            "`oauth.registration_token` is a text of fewer than 16 characters; expected one that nobody can guess",
        ),
        (
            "registration_token = \"0123456789abcdef\"",
            "`oauth.registration_token` is written; expected nothing, or `registration = \"token\"`: nobody is asked for it",
        ),
        (
            "private_schemes = [\"myapp\"]",
            "`oauth.private_schemes` is \"myapp\"; expected a scheme of an application's own, which has a dot, such as \"com.example.app\"",
        ),
        (
            "private_schemes = [\"javascript\"]",
            "`oauth.private_schemes` is \"javascript\"; expected a scheme of an application's own, which has a dot, such as \"com.example.app\"",
        ),
        (
            "trusted_proxies = [\"0.0.0.0/0\"]",
            "`oauth.trusted_proxies` is \"0.0.0.0/0\"; expected a network that does not contain everybody: whoever is trusted here can say what address they have",
        ),
        (
            "trusted_proxies = [\"proxy\"]",
            "`oauth.trusted_proxies` is \"proxy\"; expected an address, or a network such as \"10.0.0.0/8\"",
        ),
        (
            "client_id = \"us\"\nredirect_uris = [\"http://platform.example/cb\"]",
            "`oauth.redirect_uris`: the redirect URI is `http:` to another machine; write `https:`, or a loopback address",
        ),
        ("access_token_format = \"JWT\"", "`oauth.access_token_format` is `JWT`; did you mean `jwt`?"),
        ("enable = true", "`oauth.enable` is not a setting; did you mean `enabled`?"),
        ("client_documents = \"all\"", "`oauth.client_documents` is `all`; expected `off`, `listed`, `any`"),
        (
            "[[oauth.client_host]]\nname = \"https://claude.ai\"",
            "`oauth.client_host.https://claude.ai.name` is \"https://claude.ai\"; expected a host in lower case, without scheme, port \
             and path, such as \"claude.ai\"",
        ),
        (
            "[[oauth.client_host]]\ninternal = true",
            "`oauth.client_host[1].name` is missing; write the host of the clients' addresses, such as \"claude.ai\"",
        ),
        (
            "[[oauth.client_host]]\nname = \"claude.ai\"\ntenants = [\"acne\"]",
            "`oauth.client_host.tenants` is `acne`; expected a declared tenant",
        ),
    ] {
        let refused = refused(&format!("[oauth]\n{line}\n{ISSUER}"));
        assert!(refused.starts_with("bailiwick.toml:") && refused.ends_with(message), "{line}\n{refused}\n{message}");
    }
}

#[test]
fn the_authorization_server_needs_what_keeps_it_safe() {
    let on = |more: &str| format!("[oauth]\nenabled = true\n{more}{ISSUER}{TENANT}");
    let warned: Vec<_> = loaded(&on("client_id = \"us\"\n")).warnings.iter().map(ToString::to_string).collect();
    let expected = "`oauth.client_id` has no `oauth.redirect_uris`, so nobody can sign in for it: write where its answers go, such as \
                    the callback that the platform shows for this server";
    assert_eq!(warned, [expected], "the guide's `.env` has no name for them");
    assert_eq!(
        refused(&on("[server]\naddress = \"0.0.0.0\"\npublic_url = \"http://mcp.acme.example\"\n")),
        "bailiwick.toml:5: `server.public_url` is `http://mcp.acme.example`; expected `https:`, because `oauth.enabled = true`: \
         passwords and codes must not travel in the clear"
    );
    let ours = ISSUER.replace("name = \"blockbrain\"", "name = \"bailiwick\"");
    let refused_name = refused(&format!("[oauth]\nenabled = true\n{ours}"));
    assert!(refused_name.contains("`issuer.name` is `bailiwick`; expected another name"), "{refused_name}");
    let own = "[server]\npublic_url = \"https://auth.theblockbrain.ai\"\n";
    let refused_iss = refused(&on(own));
    assert!(refused_iss.contains("expected the `iss` of somebody else"), "{refused_iss}");
}

#[test]
fn the_guides_client_is_a_client_of_the_authorization_server() {
    let file = format!(
        "[oauth]\nenabled = true\nredirect_uris = [\"https://platform.example/cb\"]\n\
         registration = \"token\"\nregistration_token = \"0123456789abcdef\"\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n{ISSUER}{TENANT}"
    );
    let dotenv = "OAUTH_CLIENT_ID=ours\nOAUTH_CLIENT_SECRET=hush-nobody-knows\n";
    let read = Case { file: Some(&file), dotenv: Some(dotenv), ..Case::default() }.loaded();
    let client = read.settings.oauth_client.as_ref().unwrap();
    assert_eq!((client.id.as_str(), client.redirect_uris[0].as_str()), ("ours", "https://platform.example/cb"));
    let oauth = read.settings.oauth.as_ref().unwrap();
    assert!(matches!(&oauth.registration, Registration::Token(token) if token.expose() == "0123456789abcdef"));
    assert_eq!((oauth.registration_cap, oauth.registration_unused), (1000, Duration::from_hours(1)));
    assert_eq!(oauth.trusted_proxies.len(), 2);
    assert!(read.warnings.is_empty());
    assert!(!format!("{read:?}").contains("0123456789abcdef") && !format!("{read:?}").contains("hush"));
}
