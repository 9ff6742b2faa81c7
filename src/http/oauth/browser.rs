//! What a browser brings along: the session's cookie, and where a form was sent from.

use poem::http::{HeaderMap, HeaderValue, header};
use poem::{Request, Response};

use crate::model::oauth::{DeviceToken, SessionSecret};
use crate::oauth::Site;

/// The prefix keeps other hosts and plain connections from setting it (RFC 6265bis, section 4.1.3.2).
const SECURE_NAME: &str = "__Host-bailiwick";

/// Over plain HTTP, on a loopback address, browsers take no such name.
const PLAIN_NAME: &str = "bailiwick-dev";

/// The same two names of the cookie that outlives the session.
const SECURE_DEVICE: &str = "__Host-bailiwick-device";
const PLAIN_DEVICE: &str = "bailiwick-dev-device";

/// How long a browser is one of an account's after the last sign-in there: half a year, in seconds.
const DEVICE: &str = "; Max-Age=15552000";

fn name(site: &Site) -> &'static str {
    if site.is_secure() { SECURE_NAME } else { PLAIN_NAME }
}

fn device_name(site: &Site) -> &'static str {
    if site.is_secure() { SECURE_DEVICE } else { PLAIN_DEVICE }
}

/// The session's secret.
pub(super) fn session(headers: &HeaderMap, site: &Site) -> Option<SessionSecret> {
    cookie(headers, name(site))?.parse().ok()
}

/// What the browser keeps of the account that was signed in to there last.
pub(super) fn device(headers: &HeaderMap, site: &Site) -> Option<DeviceToken> {
    cookie(headers, device_name(site))?.parse().ok()
}

/// A cookie that is there twice is none: somebody else has set one of them.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut values = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        (None | Some(_), _) => None,
    }
}

/// Gives the browser its session.
pub(super) fn set(response: &mut Response, site: &Site, secret: &SessionSecret) {
    insert(response, site, name(site), secret.expose(), "");
}

/// Makes the browser one of an account's.
pub(super) fn set_device(response: &mut Response, site: &Site, device: &DeviceToken) {
    insert(response, site, device_name(site), device.expose(), DEVICE);
}

/// Takes the session from the browser.
pub(super) fn clear(response: &mut Response, site: &Site) {
    insert(response, site, name(site), "", "; Max-Age=0");
}

fn insert(response: &mut Response, site: &Site, name: &str, value: &str, more: &str) {
    let secure = if site.is_secure() { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}");
    if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
        cookie.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// Says whether a form can have been sent from a page of ours. It is a second lock beside the form's own token: browsers that
/// say where a request comes from are believed, others are not asked. Pages without a referrer send `Origin: null`.
pub(super) fn is_ours(request: &Request, site: &Site) -> bool {
    let text = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or(""));
    match (text("sec-fetch-site"), text("origin")) {
        (Some(from), origin) => from == "same-origin" && origin.is_none_or(|o| o == "null" || o == site.issuer()),
        (None, Some(origin)) => origin == "null" || origin == site.issuer(),
        (None, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(url: &str) -> Site {
        Site::new(&url.parse().unwrap())
    }

    #[test]
    fn item_38_the_cookie_is_for_this_host_and_no_script() {
        let secret = SessionSecret::from_random([7; 32]);
        let mut response = Response::default();
        set(&mut response, &site("https://mcp.acme.example"), &secret);
        let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
        let expected = format!("__Host-bailiwick={}; Path=/; HttpOnly; SameSite=Lax; Secure", secret.expose());
        assert_eq!(cookie, expected);
    }

    #[test]
    fn a_cookie_that_is_there_twice_is_none() {
        let (one, other) = (SessionSecret::from_random([1; 32]), SessionSecret::from_random([2; 32]));
        let read = |line: String| {
            let headers = HeaderMap::from_iter([(header::COOKIE, line.parse().unwrap())]);
            session(&headers, &site("http://127.0.0.1:8080")).map(|secret| secret.hash())
        };
        assert_eq!(read(format!("a=b; bailiwick-dev={}", one.expose())), Some(one.hash()));
        assert_eq!(read(format!("bailiwick-dev={}; bailiwick-dev={}", one.expose(), other.expose())), None);
        assert_eq!(read(format!("__Host-bailiwick={}", one.expose())), None);
        assert_eq!(read("bailiwick-dev=x".to_owned()), None);
    }

    #[test]
    fn a_form_of_another_site_is_not_ours() {
        let site = site("https://mcp.acme.example");
        let ours = |headers: &[(&str, &str)]| {
            let request =
                headers.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
            is_ours(&request.finish(), &site)
        };
        assert!(ours(&[]) && ours(&[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(ours(&[("origin", "https://mcp.acme.example")]));
        for from in ["cross-site", "same-site", "none"] {
            assert!(!ours(&[("sec-fetch-site", from)]), "{from}");
        }
        assert!(!ours(&[("origin", "https://evil.example")]));
        assert!(!ours(&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")]));
    }
}
