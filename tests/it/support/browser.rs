//! A browser without a screen: it keeps cookies, shows where it is sent, fills in the forms that it is shown, and follows no
//! redirect by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::client::Answer;

/// A form of a page: its hidden fields, by name.
#[derive(Debug, Clone)]
pub(crate) struct Form(pub(crate) Vec<(String, String)>);

impl Form {
    /// The same with this field, in the place of one of its name.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.retain(|(found, _)| found != name);
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn value(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(found, _)| found == name);
        found.map_or_else(|| panic!("no {name} in {self:?}"), |(_, value)| value)
    }

    pub(crate) fn encoded(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

/// The form of a page that is sent to this address.
pub(crate) fn form(page: &str, action: &str) -> Form {
    let from = page.find(&format!("action=\"{action}\"")).unwrap_or_else(|| panic!("no form for {action} in {page}"));
    let text = &page[from..];
    let text = &text[..text.find("</form>").unwrap()];
    let attribute = |tag: &str, name: &str| {
        let (_, after) = tag.split_once(&format!("{name}=\""))?;
        Some(after[..after.find('"').unwrap()].to_owned())
    };
    let inputs = text.split("<input ").skip(1).filter(|tag| tag.starts_with("type=\"hidden\""));
    Form(inputs.filter_map(|tag| attribute(tag, "name").zip(attribute(tag, "value"))).collect())
}

/// The parameters of an address.
pub(crate) fn parameters(address: &str) -> BTreeMap<String, String> {
    let url: url::Url = address.parse().unwrap_or_else(|error| panic!("{error}: {address}"));
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    let map: BTreeMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(map.len(), pairs.len(), "a parameter is there twice: {address}");
    map
}

/// One browser with its own cookies.
#[derive(Debug)]
pub(crate) struct Browser {
    http: reqwest::Client,
    base: String,
    cookies: ArcSwap<BTreeMap<String, String>>,
}

impl Browser {
    pub(crate) fn new(base: &str) -> Self {
        Self::with(base, &[])
    }

    /// One whose every request has these headers besides, as a proxy in front of the server would add them.
    pub(crate) fn with(base: &str, headers: &[(&'static str, &str)]) -> Self {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self {
            http: http.default_headers(headers).build().unwrap(),
            base: base.to_owned(),
            cookies: ArcSwap::default(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(self.address(path))).await
    }

    /// Sends a form, as a page of ours would.
    pub(crate) async fn submit(&self, path: &str, form: &Form) -> Answer {
        self.post(path, form, &[("Sec-Fetch-Site", "same-origin"), ("Origin", "null")]).await
    }

    /// Sends a form with these headers.
    pub(crate) async fn post(&self, path: &str, form: &Form, headers: &[(&str, &str)]) -> Answer {
        let request = self.http.post(self.address(path)).body(form.encoded());
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        self.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
    }

    pub(crate) fn cookies(&self) -> BTreeMap<String, String> {
        BTreeMap::clone(&self.cookies.load())
    }

    pub(crate) fn set_cookies(&self, cookies: BTreeMap<String, String>) {
        self.cookies.store(Arc::new(cookies));
    }

    fn address(&self, path: &str) -> String {
        if path.starts_with('/') { format!("{}{path}", self.base) } else { path.to_owned() }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let cookies: Vec<_> = self.cookies().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if cookies.is_empty() { request } else { request.header("Cookie", cookies.join("; ")) };
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for line in headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (pair, attributes) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let mut cookies = self.cookies();
            if attributes.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
            self.set_cookies(cookies);
        }
        Answer { status, headers, text: response.text().await.unwrap() }
    }
}
