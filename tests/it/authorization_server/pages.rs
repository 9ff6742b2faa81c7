//! Items 28 to 41: what happens in a browser.

use std::time::Duration;

use serde_json::json;

use crate::support::browser::{Browser, Form, form, parameters};
use crate::support::client::Answer;
use crate::support::oauth::{self, CALLBACK};
use crate::support::server::Server;

/// A refused form: a page, and nothing else.
fn is_forged(answer: &Answer) {
    assert_eq!((answer.status, answer.header("location")), (403, ""), "{answer:?}");
}

fn is_page(answer: &Answer, status: u16) {
    assert_eq!((answer.status, answer.header("location")), (status, ""), "{answer:?}");
    assert!(answer.header("content-type").starts_with("text/html"), "{answer:?}");
}

#[tokio::test]
async fn item_28_no_get_gives_a_code() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let browser = Browser::new(&server.base);
    let page = oauth::consent_page(&server, &browser, &oauth::asking(&client), "ada").await;
    let consent = form(&page.text, "/consent").with("decision", "allow");
    let answer = browser.get(&format!("/consent?{}", consent.encoded())).await;
    is_page(&answer, 200);
}

#[tokio::test]
async fn item_37_whoever_has_consented_is_asked_again() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let browser = Browser::new(&server.base);
    let page = oauth::consent_page(&server, &browser, &oauth::asking(&client), "ada").await;
    oauth::decide(&browser, &page, "allow").await;
    let again = oauth::open(&browser, &oauth::asking(&client)).await;
    assert!(again.text.contains("action=\"/consent\""), "{again:?}");
}

#[tokio::test]
async fn item_29_a_form_from_elsewhere_does_nothing() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let browser = Browser::new(&server.base);
    let page = oauth::consent_page(&server, &browser, &oauth::asking(&client), "ada").await;
    let good = form(&page.text, "/consent").with("decision", "allow");

    let other = Browser::new(&server.base);
    let other_page = oauth::consent_page(&server, &other, &oauth::asking(&client), "ada").await;
    let others = form(&other_page.text, "/consent").value("csrf").to_owned();
    let sign_outs = form(&page.text, "/sign-out").value("csrf").to_owned();
    for csrf in ["", "x", others.as_str(), sign_outs.as_str()] {
        is_forged(&browser.submit("/consent", &good.clone().with("csrf", csrf)).await);
    }
    for headers in [
        [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")],
        [("Sec-Fetch-Site", "same-site"), ("Origin", "null")],
        [("Sec-Fetch-Site", "same-origin"), ("Origin", "https://evil.example")],
    ] {
        is_forged(&browser.post("/consent", &good, &headers).await);
    }
    // The same for the password.
    let fresh = Browser::new(&server.base);
    let page = oauth::open(&fresh, &oauth::asking(&client)).await;
    let wrong = form(&page.text, "/sign-in").with("csrf", "x");
    let wrong = wrong.with("account", &oauth::login("ada")).with("password", server.password());
    is_forged(&fresh.submit("/sign-in", &wrong).await);
    // And the request waits as if nothing had happened.
    let answer = browser.submit("/consent", &good).await;
    assert!(answer.handed_over().starts_with(CALLBACK), "{answer:?}");
}

#[tokio::test]
async fn item_30_a_request_waits_once_for_ten_minutes_in_one_browser() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let browser = Browser::new(&server.base);
    let page = oauth::consent_page(&server, &browser, &oauth::asking(&client), "ada").await;
    let consent = form(&page.text, "/consent").with("decision", "allow");

    // Another browser, where somebody else is signed in, cannot finish it: the code would be theirs.
    let other = Browser::new(&server.base);
    oauth::consent_page(&server, &other, &oauth::asking(&client), "bob").await;
    is_page(&other.submit("/consent", &consent).await, 400);
    is_page(&Browser::new(&server.base).submit("/consent", &consent).await, 400);

    let first = browser.submit("/consent", &consent).await;
    assert!(first.handed_over().starts_with(CALLBACK), "{first:?}");
    is_page(&browser.submit("/consent", &consent).await, 400);

    let late = oauth::open(&browser, &oauth::asking(&client)).await;
    server.clock.advance(Duration::from_secs(601));
    let answer = browser.submit("/consent", &form(&late.text, "/consent").with("decision", "allow")).await;
    is_page(&answer, 400);
}

#[tokio::test]
async fn item_30_two_tabs_do_not_disturb_each_other() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let browser = Browser::new(&server.base);
    let one = oauth::consent_page(&server, &browser, &oauth::asking(&client).with("state", "one"), "ada").await;
    let two = oauth::open(&browser, &oauth::asking(&client).with("state", "two")).await;
    for (page, state) in [(two, "two"), (one, "one")] {
        assert_eq!(parameters(&oauth::decide(&browser, &page, "allow").await)["state"], state);
    }
}

#[tokio::test]
async fn item_27_and_30_a_tab_that_was_open_before_the_sign_in_in_another_goes_on_after_it() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let browser = Browser::new(&server.base);
    let one = oauth::open(&browser, &oauth::asking(&client).with("state", "one")).await;
    let two = oauth::open(&browser, &oauth::asking(&client).with("state", "two")).await;
    for (page, password, state) in [(one, server.password(), "one"), (two, "whatever is typed", "two")] {
        let signed_in = oauth::sign_in(&browser, &page, &oauth::login("ada"), password).await;
        assert_eq!(signed_in.status, 303, "{signed_in:?}");
        let consent = browser.get(signed_in.header("location")).await;
        assert!(consent.text.contains("ada@acme.example"), "{consent:?}");
        assert_eq!(parameters(&oauth::decide(&browser, &consent, "allow").await)["state"], state);
    }
    // A form of another site is one all the same.
    let page = oauth::open(&browser, &oauth::asking(&client)).await;
    let form = form(&page.text, "/consent");
    is_forged(&browser.post("/sign-in", &form, &[("Sec-Fetch-Site", "cross-site")]).await);
    let events = oauth::stop_and_read_events(server).await;
    let of = |kind: &str| events.iter().filter(|(found, _)| found == kind).count();
    assert_eq!((of("oauth_sign_in"), of("oauth_consent"), of("oauth_forged_form")), (1, 2, 1));
}

#[tokio::test]
async fn item_31_what_is_asked_cannot_be_edited_in_the_page() {
    let server = Server::demo().await;
    let narrow = json!({ "scope": "mcp:read", "token_endpoint_auth_method": "none" });
    let client = oauth::register(&server, narrow).await;
    let browser = Browser::new(&server.base);
    let page = oauth::consent_page(&server, &browser, &oauth::asking(&client), "ada").await;
    let edited = form(&page.text, "/consent")
        .with("decision", "allow")
        .with("client_id", "other")
        .with("redirect_uri", "https://evil.example/cb")
        .with("scope", "mcp:write")
        .with("state", "evil")
        .with("resource", "https://evil.example");
    let answer = browser.submit("/consent", &edited).await;
    let address = answer.handed_over();
    assert!(address.starts_with(CALLBACK), "{address}");
    let found = parameters(address);
    assert_eq!(found["state"], "af0ifjsldkj");
    let tokens = oauth::Tokens::of(&oauth::post(&server, "/token", &oauth::exchange(&client, &found["code"])).await);
    assert_eq!(tokens.scope, "mcp:read");
}

#[tokio::test]
async fn item_32_to_34_pages_keep_to_themselves() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let browser = Browser::new(&server.base);
    let sign_in = oauth::open(&browser, &oauth::asking(&client)).await;
    let consent = oauth::consent_page(&server, &browser, &oauth::asking(&client), "ada").await;
    let error = browser.get("/authorize?client_id=x").await;
    let sign_out = browser.get("/sign-out").await;
    let allow = form(&consent.text, "/consent").with("decision", "allow");
    let handed_over = browser.submit("/consent", &allow).await;
    for page in [&sign_in, &consent, &handed_over, &error, &sign_out] {
        let policy = page.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{policy}");
        assert!(policy.contains("form-action 'self';") && policy.contains("base-uri 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
        assert_eq!(page.header("x-frame-options"), "DENY");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert!(!page.text.contains("<script") && !page.text.contains(" style="), "{}", page.text);
        assert!(!page.text.contains("src=\"http"), "{}", page.text);
    }
    // Whoever does not go on by itself goes by hand, to the same place.
    let by_hand = handed_over.handed_over().replace('&', "&#38;");
    assert!(handed_over.text.contains(&format!("href=\"{by_hand}\"")), "{handed_over:?}");
    let style = browser.get("/pages/style.css").await;
    assert!(style.status == 200 && style.header("content-type").starts_with("text/css"), "{style:?}");
}

#[tokio::test]
async fn item_33_what_a_client_calls_itself_is_text() {
    let server = Server::demo().await;
    let name = "<script>alert(1)</script> & \"Co\"";
    let client =
        oauth::register(&server, json!({ "client_name": name, "logo_uri": "https://evil.example/x.png" })).await;
    let browser = Browser::new(&server.base);
    let page = oauth::consent_page(&server, &browser, &oauth::asking(&client), "ada").await;
    assert!(!page.text.contains("<script>") && !page.text.contains("evil.example"), "{}", page.text);
    assert!(page.text.contains("&#60;script&#62;alert(1)&#60;/script&#62; &#38; &#34;Co&#34;"), "{}", page.text);
    for name in ["\u{202E}evil", "two\nlines", &"x".repeat(81)] {
        let refused = oauth::register_raw(&server, json!({ "client_name": name })).await;
        assert_eq!(refused.json()["error"], "invalid_client_metadata", "{name:?}");
    }
}

#[tokio::test]
async fn item_35_the_person_is_told_who_asks_for_what_and_where_it_leads() {
    let server = Server::demo().await;
    let remote = oauth::register(&server, json!({ "redirect_uris": ["https://app.example:8443/cb"] })).await;
    let local = oauth::public(&server).await;
    let warning = "A program on this computer is asking";
    for (client, host, warned) in [(&remote, "app.example:8443", false), (&local, "127.0.0.1:7777", true)] {
        let browser = Browser::new(&server.base);
        let asking = oauth::asking(client).with("scope", "mcp:read mcp:write");
        let page = oauth::consent_page(&server, &browser, &asking, "dave").await;
        let resource = format!("{}/mcp", server.base);
        for shown in [
            "Test client",
            "self-registered, unverified",
            host,
            "dave@globex.example",
            "globex",
            "mcp:read",
            "mcp:write",
            resource.as_str(),
        ] {
            assert!(page.text.contains(shown), "{shown} is not in {}", page.text);
        }
        assert_eq!(page.text.contains(warning), warned);
    }
}

#[tokio::test]
async fn item_36_a_no_is_told_to_the_client_and_leaves_nothing() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let browser = Browser::new(&server.base);
    let page = oauth::consent_page(&server, &browser, &oauth::asking(&client), "ada").await;
    let found = parameters(&oauth::decide(&browser, &page, "deny").await);
    assert_eq!((found["error"].as_str(), found["state"].as_str()), ("access_denied", "af0ifjsldkj"));
    assert_eq!(found["iss"], server.base);
    assert_eq!(found.get("code"), None);
    is_page(&browser.submit("/consent", &form(&page.text, "/consent").with("decision", "allow")).await, 400);
}

#[tokio::test]
async fn item_38_the_session_changes_at_the_sign_in_and_ends_on_the_server() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let browser = Browser::new(&server.base);
    let page = oauth::open(&browser, &oauth::asking(&client)).await;
    let before = browser.cookies();
    let signed_in = oauth::sign_in(&browser, &page, &oauth::login("ada"), server.password()).await;
    let cookie = signed_in.header("set-cookie").to_owned();
    assert!(
        cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax") && cookie.contains("; Path=/"),
        "{cookie}"
    );
    let after = browser.cookies();
    assert_ne!(before, after);

    // Whoever planted the first one is signed in nowhere.
    let planted = Browser::new(&server.base);
    planted.set_cookies(before);
    assert!(planted.get("/sign-out").await.text.contains("Signed out"));

    let page = browser.get("/sign-out").await;
    assert!(page.text.contains("ada@acme.example"), "{page:?}");
    let done = browser.submit("/sign-out", &form(&page.text, "/sign-out")).await;
    is_page(&done, 200);
    let left: Vec<_> = browser.cookies().into_keys().collect();
    assert_eq!(left, ["bailiwick-dev-device"], "which signs nobody in");
    let stolen = Browser::new(&server.base);
    stolen.set_cookies(after);
    assert!(stolen.get("/sign-out").await.text.contains("Signed out"), "the session is gone on the server");
}

#[tokio::test]
async fn item_39_a_stranger_does_not_learn_who_has_an_account_and_locks_nobody_out() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let ada = oauth::login("ada");
    let attempt = async |browser: &Browser, page: &Answer, account: &str, password: &str| {
        let mut answer = oauth::sign_in(browser, page, account, password).await;
        answer.text = answer.text.replace(account, "ACCOUNT");
        answer
    };
    let browser = Browser::new(&server.base);
    let page = oauth::open(&browser, &oauth::asking(&client)).await;
    let unknown = attempt(&browser, &page, "nobody@acme.example", "not the password").await;
    let wrong = attempt(&browser, &page, &ada, "not the password").await;
    assert_eq!((unknown.status, &unknown.text), (403, &wrong.text));
    assert_eq!(unknown.status, wrong.status);
    assert!(!wrong.text.contains("not the password"), "{}", wrong.text);

    let mut limited = attempt(&browser, &page, &ada, "x").await;
    for _ in 0..10 {
        limited = attempt(&browser, &page, &ada, "x").await;
    }
    assert_eq!(limited.status, 429);
    let wait: u64 = limited.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(attempt(&browser, &page, &ada, server.password()).await.status, 429);
    // Somebody else is not kept out, and she herself not for long.
    let other = Browser::new(&server.base);
    let others = oauth::open(&other, &oauth::asking(&client)).await;
    assert_eq!(oauth::sign_in(&other, &others, &oauth::login("bob"), server.password()).await.status, 303);
    server.clock.advance(Duration::from_secs(wait));
    assert_eq!(attempt(&browser, &page, &ada, server.password()).await.status, 303);
}

#[tokio::test]
async fn item_39_strangers_from_many_networks_lock_nobody_out_of_a_browser_where_they_have_signed_in() {
    let server = Server::demo_with(oauth::behind_a_proxy).await;
    let client = oauth::public(&server).await;
    let ada = oauth::login("ada");
    let signs_in = async |browser: &Browser, page: &Answer, password: &str, from: &str| {
        let form = form(&page.text, "/sign-in").with("account", &ada).with("password", password);
        browser.post("/sign-in", &form, &[("Sec-Fetch-Site", "same-origin"), ("X-Forwarded-For", from)]).await
    };
    let hers = Browser::new(&server.base);
    oauth::consent_page(&server, &hers, &oauth::asking(&client), "ada").await;
    let page = hers.get("/sign-out").await;
    is_page(&hers.submit("/sign-out", &form(&page.text, "/sign-out")).await, 200);

    let stranger = Browser::new(&server.base);
    let page = oauth::open(&stranger, &oauth::asking(&client)).await;
    let mut compared = 0;
    for network in 0..60 {
        // One of many networks of many customers, and two networks of one.
        for from in [format!("2001:db8:{network:x}:1::1"), format!("2001:db8:{network:x}:2::1")] {
            let guessed = signs_in(&stranger, &page, "guess", &from).await;
            assert!(matches!(guessed.status, 403 | 429), "{guessed:?}");
            compared += usize::from(guessed.status == 403);
        }
    }
    assert_eq!(compared, 99, "the hundredth of the account, or its first, was hers");
    let fresh = signs_in(&stranger, &page, server.password(), "203.0.113.77").await;
    assert_eq!(fresh.status, 429, "{fresh:?}");
    let wait: u64 = fresh.header("retry-after").parse().unwrap();
    assert!((1..=3).contains(&wait), "{wait}");

    let page = oauth::open(&hers, &oauth::asking(&client)).await;
    let signed_in = signs_in(&hers, &page, server.password(), "2001:db8:1:1::1").await;
    assert_eq!(signed_in.status, 303, "{signed_in:?}");
    // What makes it hers is of her account alone, and gives no more than a bucket.
    let thief = Browser::new(&server.base);
    let page = oauth::open(&thief, &oauth::asking(&client)).await;
    let mut cookies = thief.cookies();
    cookies.insert("bailiwick-dev-device".to_owned(), hers.cookies()["bailiwick-dev-device"].clone());
    thief.set_cookies(cookies);
    assert_eq!(signs_in(&thief, &page, "guess", "198.51.100.1").await.status, 403);
    let mut last = 0;
    for _ in 0..5 {
        last = signs_in(&thief, &page, "guess", "198.51.100.1").await.status;
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn item_40_no_page_leads_to_another_origin() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let browser = Browser::new(&server.base);
    oauth::consent_page(&server, &browser, &oauth::asking(&client), "ada").await;
    for target in ["//evil.example", "/\\evil.example", "https:evil.example", "x\r\nLocation: https://evil.example"] {
        let encoded = Form(Vec::new()).with("request", target).with("next", target).with("return_to", target).encoded();
        for path in ["/sign-in", "/consent"] {
            is_page(&browser.get(&format!("{path}?{encoded}")).await, 400);
        }
    }
}

#[tokio::test]
async fn item_41_another_account_goes_on_with_the_same_request() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let browser = Browser::new(&server.base);
    let page = oauth::consent_page(&server, &browser, &oauth::asking(&client), "ada").await;
    let old = form(&page.text, "/consent").with("decision", "allow");
    let switched = browser.submit("/sign-out", &form(&page.text, "/sign-out")).await;
    assert_eq!(switched.status, 303);
    let sign_in = browser.get(switched.header("location")).await;
    let signed_in = oauth::sign_in(&browser, &sign_in, &oauth::login("bob"), server.password()).await;
    let page = browser.get(signed_in.header("location")).await;
    assert!(page.text.contains("bob@acme.example"), "{page:?}");
    is_page(&browser.submit("/consent", &old).await, 400);
    let found = parameters(&oauth::decide(&browser, &page, "allow").await);
    assert_eq!(found["state"], "af0ifjsldkj");
}
