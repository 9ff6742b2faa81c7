//! The pages that a person sees on the way from an authorization request to its answer, described for whoever puts a proxy, a
//! monitor or a test before them. They are for browsers: what they carry is made by the page before.

use poem::http::Method;
use poem_openapi::registry::{MetaOperation, MetaPath, MetaResponse};

use super::operation::{answer, error, fields, operation, page, query, segment, with_header};
use crate::oauth::metadata::path;
use crate::upstream::CALLBACK;

/// Every page, by its path.
pub(super) fn paths() -> Vec<MetaPath> {
    let path = |path: &str, operations: Vec<MetaOperation>| MetaPath { path: path.to_owned(), operations };
    vec![
        path("/sign-in", vec![sign_in_page(), sign_in()]),
        path("/sign-in/with/{name}", vec![depart()]),
        path(&format!("{CALLBACK}{{name}}"), vec![arrive()]),
        path("/consent", vec![consent_page(), consent()]),
        path("/sign-out", vec![sign_out_page(), sign_out()]),
        path(path::SET_UP, vec![set_up_page(), set_up()]),
    ]
}

const REQUEST: &str = "The handle of an authorization request that waits in this browser.";
const CSRF: &str = "What the page had in it, for this session and this request alone.";

/// An operation with these answers, and those that every page can give.
fn with(mut operation: MetaOperation, answers: Vec<MetaResponse>) -> MetaOperation {
    operation.responses.responses = answers;
    operation.responses.responses.extend([
        error(405, "Not by this method.", &["invalid_request"]),
        with_header(page(429, "Too many attempts from there, or for that account."), "Retry-After", "Seconds."),
        page(503, "Something failed, here or at the provider; nothing was done."),
    ]);
    operation
}

fn on(description: &'static str) -> MetaResponse {
    with_header(answer(303, description), "Location", "Where to.")
}

fn stale() -> MetaResponse {
    page(
        400,
        "The request has run out, was answered already, or belongs to another browser; or the form cannot be read.",
    )
}

fn forged() -> MetaResponse {
    page(403, "The form was not sent from its own page, or the page was too old. Nothing was done.")
}

fn sign_in_page() -> MetaOperation {
    let mut operation = operation(Method::GET, "sign_in_page", "Asks who the person is.", "");
    operation.params = vec![query("request", true, REQUEST)];
    let pages = vec![page(200, "The page."), on("Somebody is signed in: on to the consent page."), stale()];
    with(operation, pages)
}

fn sign_in() -> MetaOperation {
    let about = "The session's cookie is another one afterwards. Whether there is such an account is not told.";
    let mut operation = operation(Method::POST, "sign_in", "Signs in with a password.", about);
    operation.request = Some(fields(&[
        ("request", true, REQUEST),
        ("csrf", true, CSRF),
        ("account", true, "The login."),
        ("password", true, "The password."),
    ]));
    let wrong = page(403, "The account and the password do not go together; or the form is not ours.");
    with(operation, vec![on("On to the consent page."), stale(), wrong])
}

fn depart() -> MetaOperation {
    let about = "With `state`, `nonce` and a challenge (RFC 7636) that belong to this browser's session.";
    let mut operation = operation(Method::GET, "sign_in_with", "Sends the browser to an OpenID provider.", about);
    operation.params = vec![segment("name", "The `[[issuer]]`."), query("request", true, REQUEST)];
    with(operation, vec![on("To the provider."), stale()])
}

fn arrive() -> MetaOperation {
    let about = "The redirect URI that the provider knows. Each provider has its own, and a `state` counts once.";
    let mut operation = operation(Method::GET, "sign_in_callback", "Takes the browser back from a provider.", about);
    operation.params = vec![
        segment("name", "The `[[issuer]]`."),
        query("state", true, "What it was sent there with."),
        query("code", false, "What the provider gave."),
        query("iss", false, "Who says so (RFC 9207)."),
        query("error", false, "Why nobody signed in."),
    ];
    let refused = page(403, "Nobody was signed in there, or not in a way that counts here; the sign-in page says so.");
    with(operation, vec![on("Signed in: on to the consent page."), stale(), refused])
}

fn consent_page() -> MetaOperation {
    let about = "It names the client and who vouches for it, where the answer goes, the resource, the scopes, the account and the \
                 tenant.";
    let mut operation =
        operation(Method::GET, "consent_page", "Asks whether the client may have what it asks for.", about);
    operation.params = vec![query("request", true, REQUEST)];
    let pages = vec![page(200, "The page."), on("Nobody is signed in: on to the sign-in page."), stale()];
    with(operation, pages)
}

fn consent() -> MetaOperation {
    let about = "Nothing else gives a code. What was asked stands on the server, and no field changes it.";
    let mut operation = operation(Method::POST, "consent", "Allows or denies what is asked, once.", about);
    operation.request =
        Some(fields(&[("request", true, REQUEST), ("csrf", true, CSRF), ("decision", true, "`allow` or `deny`.")]));
    let handed = page(200, "A page that goes on to the client by itself, with `code` (or `error`), `state` and `iss`.");
    with(operation, vec![with_header(handed, "Refresh", "Where to."), stale(), forged()])
}

fn sign_out_page() -> MetaOperation {
    let operation = operation(Method::GET, "sign_out_page", "Asks whether to sign out.", "");
    with(operation, vec![page(200, "The page; or that nobody is signed in.")])
}

fn sign_out() -> MetaOperation {
    let about = "On the server and in the browser. With a request, that one goes on with another account.";
    let mut operation = operation(Method::POST, "sign_out", "Ends the session.", about);
    operation.request = Some(fields(&[("csrf", true, CSRF), ("request", false, REQUEST)]));
    let pages = vec![
        page(200, "Nobody is signed in any more."),
        on("On to the sign-in page of the request."),
        stale(),
        forged(),
    ];
    with(operation, pages)
}

const LINK: &str = "What the server printed when it started without an account.";

fn gone() -> MetaResponse {
    page(410, "The link counts once, for an hour, and only until there is an account.")
}

fn set_up_page() -> MetaOperation {
    let mut operation =
        operation(Method::GET, "set_up_page", "Asks for the first account.", "Looking does not spend the link.");
    operation.params = vec![query("link", true, LINK)];
    with(operation, vec![page(200, "The page."), gone()])
}

fn set_up() -> MetaOperation {
    let mut operation = operation(Method::POST, "set_up", "Makes the first account.", "");
    operation.request = Some(fields(&[
        ("link", true, LINK),
        ("csrf", true, CSRF),
        ("account", true, "The login."),
        ("tenant", true, "One of the declared tenants."),
        ("external_user", false, "The customer's own identifier of the person: policies know them as `user:…`."),
        ("password", true, "At least 15 characters."),
        ("again", true, "The same once more."),
    ]));
    let bad = page(422, "Something in it does not do; the page says what.");
    with(operation, vec![page(200, "The account is made."), stale(), forged(), gone(), bad])
}
