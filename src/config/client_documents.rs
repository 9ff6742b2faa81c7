//! `oauth.client_documents` and `[[oauth.client_host]]`: whose documents make a client known.

use super::origin::At;
use super::reading::Warning;
use super::section::Section;
use super::settings::{ClientDocuments, ClientHost, HostRule};
use crate::model::oauth::{ClientUrl, Reach};
use crate::model::{Tenant, nearest};

/// What is written, with where each tenant is named.
pub(super) struct Written {
    pub(super) documents: ClientDocuments,
    pub(super) named: Vec<At<Tenant>>,
}

/// Reads both.
pub(super) fn client_documents(section: &mut Section<'_>) -> Option<Written> {
    let words = [("off", HostRule::None), ("listed", HostRule::Listed), ("any", HostRule::Any)];
    let rule = section.word("client_documents", &words);
    let mut named = Vec::new();
    let hosts = section.tables("client_host", true, |section| client_host(section, &mut named));
    Some(Written { documents: ClientDocuments { rule: rule?.value, hosts }, named })
}

fn client_host(section: &mut Section<'_>, named: &mut Vec<At<Tenant>>) -> Option<ClientHost> {
    let name = section.checked("name", host);
    let tenants = section.checked_texts("tenants", |text| text.parse::<Tenant>().map_err(|_| "names of tenants"));
    let internal = section.boolean("internal").is_some_and(|internal| internal.value);
    let name = section.need("name", name, "write the host of the clients' addresses, such as \"claude.ai\"")?.value;
    if internal {
        section.reading().warn(Warning::InternalClientHost(name.clone()));
    }
    let reach = match tenants {
        Some(tenants) => {
            named.extend(tenants.value.iter().cloned());
            Reach::Tenants(tenants.value.into_iter().map(|tenant| tenant.value).collect())
        }
        None if section.has("tenants") => return None,
        None => Reach::EveryTenant,
    };
    Some(ClientHost { name, reach, internal })
}

/// A host in its one spelling, without a port.
fn host(text: &str) -> Result<String, &'static str> {
    match format!("https://{text}/client").parse::<ClientUrl>() {
        Ok(url) if url.host() == text => Ok(text.to_owned()),
        Ok(_) | Err(_) => Err("a host in lower case, without scheme, port and path, such as \"claude.ai\""),
    }
}

/// Refuses tenants that are not declared: a slip there would keep people out, or let others in.
pub(super) fn check_tenants<'a>(
    root: &Section<'_>,
    named: &[At<Tenant>],
    declared: &(impl Iterator<Item = &'a str> + Clone),
) {
    for At { value, origin } in named {
        if !declared.clone().any(|name| name == value.as_str()) {
            let meant = nearest(value.as_str(), declared.clone());
            let expected = meant.map_or_else(
                || "a declared tenant".to_owned(),
                |meant| format!("a declared tenant, such as `{meant}`"),
            );
            root.unfit(origin, "oauth.client_host.tenants".to_owned(), format!("`{value}`"), expected);
        }
    }
}
