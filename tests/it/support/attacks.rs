//! Hostile tokens: what forgers, confused platforms and careless issuers send. Each says for which reason it is refused.
//!
//! The unit tests hold the reasons; the black-box tests hold that a caller cannot tell one from the other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value as Json, json};

use super::clock::START;
use super::issuer::{AUDIENCE, CLIENT, ISS, ORGANISATION, ORGANISATION_CLAIM, SigningKey, Token};

/// The claim that holds roles.
pub(crate) const ROLES_CLAIM: &str = "urn:zitadel:iam:org:project:roles";

pub(crate) fn rsa() -> SigningKey {
    SigningKey::rsa("rsa")
}

pub(crate) fn signed(change: impl FnOnce(Token) -> Token) -> String {
    change(Token::new()).sign(&rsa())
}

pub(crate) fn with_claim(name: &str, value: impl Into<Json>) -> String {
    signed(|token| token.claim(name, value))
}

pub(crate) fn with_header(name: &str, value: impl Into<Json>) -> String {
    signed(|token| token.header(name, value))
}

pub(crate) fn raw(header: &str, payload: &[u8]) -> String {
    rsa().sign(header.as_bytes(), payload)
}

pub(crate) fn payload() -> String {
    serde_json::to_string(&Token::new().claims).unwrap()
}

/// A plain header.
pub(crate) const HEADER: &str = r#"{"alg":"RS256","kid":"rsa","typ":"JWT"}"#;

/// What it is, the reason that the log and the audit give, the token.
pub(crate) type Attack = (&'static str, &'static str, String);

/// Attacks on the form of the token.
fn attacks_on_form() -> Vec<Attack> {
    let good = Token::new().sign(&rsa());
    let (input, signature) = good.rsplit_once('.').unwrap();
    let (header, body) = input.split_once('.').unwrap();
    let last_bits = {
        // The last character of an RSA-2048 signature carries four bits that must be zero.
        let last = signature.chars().last().unwrap();
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let next = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
        format!("{}{next}", &good[..good.len() - 1])
    };
    vec![
        ("an API key", "api_key", "sk-kb-0123456789abcdef".to_owned()),
        ("an API key with dots", "api_key", "sk-kb-a.b.c".to_owned()),
        ("an opaque token", "token_opaque", "V2_391184219667173286-at_391187731641798566".to_owned()),
        ("two parts", "token_opaque", input.to_owned()),
        ("four parts", "token_opaque", format!("{good}.x")),
        ("six parts", "token_opaque", format!("{good}.a.b.c")),
        ("a JWE", "token_encrypted", format!("{good}.a.b")),
        ("too large", "token_too_large", with_claim("padding", "x".repeat(16_384))),
        ("padding", "base64", format!("{input}.{signature}==")),
        ("bits after the end of the signature", "base64", last_bits),
        ("the other alphabet", "base64", format!("{input}.++//{}", &signature[4..])),
        ("a header that is no base64", "base64", format!("{header}~.{body}.{signature}")),
        ("an empty header", "header_malformed", format!(".{body}.{signature}")),
        ("an empty payload", "payload_malformed", format!("{header}..{signature}")),
        ("a header that is a list", "header_malformed", raw("[]", payload().as_bytes())),
        ("a payload that is a text", "payload_malformed", raw(HEADER, b"\"x\"")),
        ("a payload with more after it", "payload_malformed", raw(HEADER, format!("{} {{}}", payload()).as_bytes())),
        ("a byte order mark", "payload_malformed", raw(HEADER, format!("\u{feff}{}", payload()).as_bytes())),
        ("alg twice", "header_malformed", raw(r#"{"alg":"RS256","alg":"none","kid":"rsa","typ":"JWT"}"#, b"{}")),
        (
            "kid twice, once escaped",
            "header_malformed",
            raw(r#"{"alg":"RS256","kid":"rsa","typ":"JWT","\u006bid":"p256"}"#, payload().as_bytes()),
        ),
        ("sub twice", "payload_malformed", raw(HEADER, payload().replacen('{', r#"{"sub":"admin","#, 1).as_bytes())),
        (
            "a member twice, deep down",
            "payload_malformed",
            raw(HEADER, payload().replacen('{', r#"{"x":[{"a":1,"a":2}],"#, 1).as_bytes()),
        ),
        (
            "no UTF-8 in a member that nobody reads",
            "payload_malformed",
            raw(HEADER, &[b"{\"x\":\"\xff\",", &payload().as_bytes()[1..]].concat()),
        ),
        (
            "a lone surrogate",
            "payload_malformed",
            raw(HEADER, payload().replacen('{', r#"{"x":"\ud800","#, 1).as_bytes()),
        ),
        (
            "nested too deep",
            "payload_malformed",
            raw(
                HEADER,
                payload().replacen('{', &format!("{{\"x\":{}{},", "[".repeat(64), "]".repeat(64)), 1).as_bytes(),
            ),
        ),
        (
            "nested a thousand deep",
            "payload_malformed",
            raw(HEADER, format!("{}{}", "[".repeat(5000), "]".repeat(5000)).as_bytes()),
        ),
    ]
}

/// Attacks on the header of a token.
fn attacks_on_the_header() -> Vec<Attack> {
    let mut attacks = vec![
        ("crit that we do not know", "header_crit", with_header("crit", json!(["urn:example"]))),
        ("crit that names a registered parameter", "header_crit", with_header("crit", json!(["alg"]))),
        ("an empty crit", "header_crit", with_header("crit", json!([]))),
        ("crit with b64", "header_crit", signed(|token| token.header("crit", json!(["b64"])).header("b64", false))),
        ("b64 false", "header_parameter", with_header("b64", false)),
        ("b64 true", "header_parameter", with_header("b64", true)),
        ("jku", "header_parameter", with_header("jku", "https://evil.example/keys")),
        ("x5u", "header_parameter", with_header("x5u", "https://evil.example/cert")),
        ("jwk", "header_parameter", with_header("jwk", SigningKey::other_rsa("rsa").jwk())),
        ("x5c", "header_parameter", with_header("x5c", json!(["MIIB"]))),
        ("zip", "header_parameter", with_header("zip", "DEF")),
        ("enc", "header_parameter", with_header("enc", "A256GCM")),
        ("a kid of 257 bytes", "kid_malformed", with_header("kid", "k".repeat(257))),
        ("a kid of 4 KB", "kid_malformed", with_header("kid", "k".repeat(4096))),
        ("an empty kid", "kid_malformed", with_header("kid", "")),
        ("a numeric kid", "kid_malformed", with_header("kid", 7)),
        ("a kid that is a list", "kid_malformed", with_header("kid", json!(["rsa"]))),
        ("a kid with a line break", "kid_malformed", with_header("kid", "rsa\r\nx: y")),
        ("a kid with NUL", "kid_malformed", with_header("kid", "rsa\0")),
        ("a null kid", "kid_malformed", raw(r#"{"alg":"RS256","kid":null,"typ":"JWT"}"#, payload().as_bytes())),
        ("no kid, where one key alone fits", "accepted", raw(r#"{"alg":"RS256","typ":"JWT"}"#, payload().as_bytes())),
    ];
    for typ in [
        "logout+jwt",
        "dpop+jwt",
        "oauth-authz-req+jwt",
        "oauth-id-jag+jwt",
        "id_token",
        "at+jwt ",
        "application/jwt",
        "",
    ] {
        attacks.push(("another typ", "type_refused", with_header("typ", typ)));
    }
    attacks.push(("a typ that is a list", "type_refused", with_header("typ", json!(["JWT"]))));
    attacks.push(("no typ", "type_refused", with_header("typ", Json::Null)));
    attacks
}

/// Attacks on algorithm, key and signature.
fn attacks_on_the_signature() -> Vec<Attack> {
    let good = Token::new().sign(&rsa());
    let (input, signature) = good.rsplit_once('.').unwrap();
    let (header, body) = input.split_once('.').unwrap();
    let public = URL_SAFE_NO_PAD.decode(rsa().jwk()["n"].as_str().unwrap()).unwrap();
    let hmac = |header: &str, secret: &[u8]| {
        let input = format!("{}.{body}", URL_SAFE_NO_PAD.encode(header));
        let key = EncodingKey::from_secret(secret);
        let signature = jsonwebtoken::crypto::sign(input.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{input}.{signature}")
    };
    let unsigned = |alg: &str| {
        let header = format!(r#"{{"alg":"{alg}","kid":"rsa","typ":"JWT"}}"#);
        format!("{}.{body}.", URL_SAFE_NO_PAD.encode(header))
    };
    let changed_body = {
        let claims = Token::new().claim("sub", "341200000000000999").claims;
        format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims).unwrap()))
    };
    let p256 = Token::new().sign(&SigningKey::p256("p256"));
    let zeros = format!("{}.{}", p256.rsplit_once('.').unwrap().0, URL_SAFE_NO_PAD.encode([0; 64]));
    let ed = Token::new().sign(&SigningKey::ed25519("ed"));
    let ed_zeros = format!("{}.{}", ed.rsplit_once('.').unwrap().0, URL_SAFE_NO_PAD.encode([0; 64]));
    vec![
        ("none", "algorithm_refused", unsigned("none")),
        ("None", "algorithm_refused", unsigned("None")),
        ("nOnE", "algorithm_refused", unsigned("nOnE")),
        ("an empty alg", "algorithm_refused", unsigned("")),
        ("rs256 in small letters", "algorithm_refused", with_header("alg", "rs256")),
        ("no alg", "algorithm_refused", with_header("alg", Json::Null)),
        ("an alg that is a list", "algorithm_refused", with_header("alg", json!(["RS256"]))),
        ("HMAC with the public key", "algorithm_refused", hmac(r#"{"alg":"HS256","kid":"rsa","typ":"JWT"}"#, &public)),
        ("HMAC that says RS256", "signature_invalid", hmac(HEADER, &public)),
        (
            "RS512, which the issuer's settings do not have",
            "algorithm_refused",
            Token::new().sign(&rsa().with_algorithm(Algorithm::RS512)),
        ),
        ("PS256", "algorithm_refused", Token::new().sign(&rsa().with_algorithm(Algorithm::PS256))),
        ("ES384", "algorithm_refused", Token::new().sign(&SigningKey::p384("p384"))),
        ("RS256 under the key of ES256", "key_algorithm", with_header("kid", "p256")),
        ("ES256 under the key of RS256", "key_algorithm", Token::new().sign(&SigningKey::p256("rsa"))),
        ("EdDSA under the key of RS256", "key_algorithm", Token::new().sign(&SigningKey::ed25519("rsa"))),
        ("another key under this id", "signature_invalid", Token::new().sign(&SigningKey::other_rsa("rsa"))),
        ("no signature", "signature_invalid", format!("{input}.")),
        ("half a signature", "signature_invalid", format!("{input}.{}", &signature[..signature.len() / 2 / 4 * 4])),
        ("another payload", "signature_invalid", changed_body),
        ("the signature of another token", "signature_invalid", {
            let other = with_claim("jti", "2");
            format!("{input}.{}", other.rsplit_once('.').unwrap().1)
        }),
        ("an ECDSA signature of zeros", "signature_invalid", zeros),
        ("an EdDSA signature of zeros", "signature_invalid", ed_zeros),
        ("the other issuer's name over our key", "signature_invalid", with_claim("iss", "https://other.example")),
    ]
}

/// Attacks on issuer, audience and times, all really signed.
fn attacks_on_claims() -> Vec<Attack> {
    let mut attacks = Vec::new();
    let mut add = |name, code, token| attacks.push((name, code, token));
    for iss in [
        json!("https://evil.example"),
        json!(format!("{ISS}/")),
        json!(ISS.to_uppercase()),
        json!([ISS]),
        json!(7),
        Json::Null,
    ] {
        add("another iss", "issuer_unknown", with_claim("iss", iss));
    }
    add("no iss", "issuer_unknown", signed(|token| token.without("iss")));
    for aud in [
        json!("https://evil.example"),
        json!([]),
        json!(""),
        json!(7),
        json!({ "0": AUDIENCE }),
        json!([[AUDIENCE]]),
        json!([AUDIENCE, 7]),
        json!(&AUDIENCE[1..]),
        json!(format!("{AUDIENCE} ")),
        Json::Null,
    ] {
        add("another aud", "audience", with_claim("aud", aud));
    }
    add("no aud", "audience", signed(|token| token.without("aud")));
    for (name, code, value) in [
        ("exp", "expired", json!(START - 30)),
        ("exp", "expired", json!(0)),
        ("exp", "expired", json!(1.5)),
        ("iat", "issued_in_future", json!(START + 31)),
        ("iat", "too_old", json!(START - 43_231)),
        ("iat", "too_old", json!(0)),
        ("nbf", "not_yet_valid", json!(START + 31)),
    ] {
        add(name, code, with_claim(name, value));
    }
    for name in ["exp", "iat", "nbf"] {
        for value in [
            json!("1795251600"),
            Json::Null,
            json!([START]),
            json!({}),
            json!(true),
            json!(-1),
            json!(u64::MAX),
            json!(1e300),
            json!(253_402_300_800_i64),
        ] {
            add(name, "time_malformed", with_claim(name, value));
        }
    }
    add("no exp", "time_malformed", signed(|token| token.without("exp")));
    add("no iat", "time_malformed", signed(|token| token.without("iat")));
    attacks
}

/// Attacks on what the claims say of the person, the client and the use, all really signed.
fn attacks_on_identity() -> Vec<Attack> {
    let mut attacks = Vec::new();
    let mut add = |name, code, token| attacks.push((name, code, token));
    for sub in [
        json!(""),
        json!(7),
        Json::Null,
        json!(["x"]),
        json!("a\0b"),
        json!("a\r\nb"),
        json!("a\u{200b}b"),
        json!("\u{202e}a"),
        json!(" a"),
        json!("x".repeat(257)),
    ] {
        add("an unfit sub", "subject", with_claim("sub", sub));
    }
    add("no sub", "subject", signed(|token| token.without("sub")));
    add("bound to a key", "sender_constrained", with_claim("cnf", json!({ "jkt": "x" })));
    for typ in ["Refresh", "ID", "Logout", "Offline", "bearer"] {
        add("a token for something else", "token_use", with_claim("typ", typ));
    }
    add("an ID token by its mark", "token_use", with_claim("token_use", "id"));
    add("a mark of another type", "token_use", with_claim("typ", json!(["Bearer"])));
    add(
        "a logout token",
        "token_use",
        with_claim("events", json!({ "http://schemas.openid.net/event/backchannel-logout": {} })),
    );
    add("an ID token by its nonce", "claim_forbidden", with_claim("nonce", "n"));
    add("an ID token by its at_hash", "claim_forbidden", with_claim("at_hash", Json::Null));
    add("no jti", "claim_missing", signed(|token| token.without("jti")));
    add("a null jti", "claim_missing", with_claim("jti", Json::Null));
    add("another organisation in each claim", "claims_differ", with_claim(ORGANISATION_CLAIM, "337063032028925999"));
    for client in [json!("337063032028909999"), json!(""), json!(7), Json::Null, json!([CLIENT])] {
        add("another client", "client_refused", with_claim("client_id", client));
    }
    add("no client", "client_refused", signed(|token| token.without("client_id")));
    add("another azp", "client_refused", signed(|token| token.without("client_id").claim("azp", "evil")));
    add("an actor", "actor_refused", with_claim("act", json!({ "sub": "341200000000000909" })));
    add("an actor that is null", "actor_refused", with_claim("act", Json::Null));
    for scope in [json!(7), json!(["mcp:read", 7]), json!({}), Json::Null] {
        add("unfit scopes", "scope_malformed", with_claim("scope", scope));
    }
    for organisation in
        [json!(""), json!(337_063_032_028_925_795_i64), Json::Null, json!([ORGANISATION]), json!("a\nb")]
    {
        add(
            "an unfit organisation",
            "organisation_malformed",
            signed(|token| {
                token.without(ORGANISATION_CLAIM).claim("urn:zitadel:iam:user:resourceowner:id", organisation)
            }),
        );
    }
    for user in [
        json!(""),
        json!([]),
        json!(["jdoe"]),
        json!({}),
        Json::Null,
        json!(true),
        json!(1.5),
        json!("a\u{7}b"),
        json!("x".repeat(257)),
    ] {
        add("an unfit external user", "external_user_malformed", with_claim("external_user_id", user));
    }
    for roles in [
        json!("admin"),
        json!(["admin"]),
        json!({ "admin": [ORGANISATION] }),
        Json::Null,
        json!({ "a\u{200b}b": { ORGANISATION: "x" } }),
        json!({ "": { ORGANISATION: "x" } }),
    ] {
        add("unfit roles", "roles_malformed", with_claim(ROLES_CLAIM, roles));
    }
    attacks
}

/// Every class of attack, each on an otherwise good token. `accepted` stands where there is nothing to refuse.
pub(crate) fn every_attack() -> Vec<Attack> {
    let attacks = [
        attacks_on_form(),
        attacks_on_the_header(),
        attacks_on_the_signature(),
        attacks_on_claims(),
        attacks_on_identity(),
    ];
    attacks.concat()
}
