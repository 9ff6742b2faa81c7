//! `bailiwick config check`: what is in force, where each value comes from, and whether the database is as declared.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::app::{self, StartError};
use crate::catalog::{Catalog, Dataset, RoomRule, TenantEntry, TenantRule};
use crate::config::Loaded;
use crate::dataset::check::Warning;
use crate::model::{IssuerName, OrganisationId};

/// The configured database, as a server would find it at start.
pub(super) struct Looked {
    file: PathBuf,
    /// What it would warn of, or what it would not start for.
    pub(super) outcome: Result<Vec<Warning>, StartError>,
}

impl Looked {
    /// Opens it and holds the declarations against it; `None` where none is configured.
    pub(super) async fn at(loaded: &Loaded, catalog: &Catalog) -> Option<Self> {
        let settings = loaded.settings.database.as_ref()?;
        let outcome = app::data(settings, catalog).await.map(|(_, _, warnings)| warnings);
        Some(Self { file: settings.path.clone(), outcome })
    }

    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let file = visible(&self.file.display().to_string());
        match &self.outcome {
            Ok(warnings) => {
                writeln!(out, "\ndatabase {file}: as declared")?;
                warnings.iter().try_for_each(|warning| writeln!(out, "warning: {}", visible(&warning.to_string())))
            }
            Err(_) => writeln!(out, "\ndatabase {file}: `serve` would refuse to start"),
        }
    }

    fn document(&self) -> Value {
        let (warnings, refused) = match &self.outcome {
            Ok(warnings) => (warnings.iter().map(ToString::to_string).collect(), None),
            Err(refusal) => {
                let causes = std::iter::successors(Error::source(refusal), |cause| (*cause).source());
                let told = causes.fold(refusal.to_string(), |told, cause| format!("{told}: {cause}"));
                (Vec::new(), Some(told))
            }
        };
        json!({"file": self.file.display().to_string(), "refused": refused, "warnings": warnings})
    }
}

/// Prints the settings in force with their origins, the tenants, the datasets, the warnings, and what the database is like
/// if somebody looked. Secrets were hidden when the configuration was read, so there is none here to print.
pub(super) fn check(
    loaded: &Loaded,
    catalog: &Catalog,
    database: Option<&Looked>,
    json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if json {
        let mut document = document(loaded, catalog);
        document["database"] = database.map_or(Value::Null, Looked::document);
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)?;
        return Ok(());
    }
    let settings = loaded
        .provenance
        .iter()
        .map(|setting| vec![setting.key.clone(), visible(&setting.value), setting.origin.to_string()]);
    table(&["setting", "value", "from"], settings.collect(), out)?;
    if !catalog.tenants.is_empty() {
        writeln!(out)?;
        let head = ["tenant", "issuer", "organisations", "data rooms"];
        table(&head, catalog.tenants.values().map(tenant_row).collect(), out)?;
    }
    if !catalog.datasets.is_empty() {
        writeln!(out)?;
        let head = ["dataset", "table", "tenant", "data room", "columns"];
        table(&head, catalog.datasets.values().map(|dataset| dataset_row(dataset)).collect(), out)?;
    }
    for (index, warning) in loaded.warnings.iter().enumerate() {
        if index == 0 {
            writeln!(out)?;
        }
        writeln!(out, "warning: {warning}")?;
    }
    database.map_or(Ok(()), |database| database.print(out))?;
    Ok(())
}

fn document(loaded: &Loaded, catalog: &Catalog) -> Value {
    let settings: Vec<Value> = loaded
        .provenance
        .iter()
        .map(|setting| json!({"key": setting.key, "value": setting.value, "from": setting.origin.to_string()}))
        .collect();
    let tenants: Vec<Value> = catalog
        .tenants
        .values()
        .map(|tenant| {
            json!({
                "name": tenant.name.as_str(),
                "issuer": tenant.issuer.as_ref().map(IssuerName::as_str),
                "organisations": tenant.organisations.iter().map(OrganisationId::as_str).collect::<Vec<_>>(),
                "aliases": tenant.aliases,
                "data_rooms": tenant.data_rooms.iter().map(|(alias, room)| (alias.clone(), json!(room.as_str()))).collect::<serde_json::Map<_, _>>(),
                "data_rooms_as_is": tenant.data_rooms_as_is,
            })
        })
        .collect();
    let datasets: Vec<Value> = catalog
        .datasets
        .values()
        .map(|dataset| {
            json!({
                "name": dataset.name.as_str(),
                "table": dataset.table,
                "tenant": tenant_rule(dataset),
                "data_room": room_rule(dataset),
                "columns": dataset.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(),
            })
        })
        .collect();
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    json!({"settings": settings, "tenants": tenants, "datasets": datasets, "warnings": warnings})
}

fn tenant_row(tenant: &TenantEntry) -> Vec<String> {
    let organisations: Vec<&str> = tenant.organisations.iter().map(OrganisationId::as_str).collect();
    let mut rooms: Vec<String> = tenant.data_rooms.iter().map(|(alias, room)| format!("{alias} = {room}")).collect();
    if tenant.data_rooms_as_is {
        rooms.push("others as they are".to_owned());
    }
    if rooms.is_empty() {
        rooms.push("none: every data-room header is refused".to_owned());
    }
    let issuer = tenant.issuer.as_ref().map_or_else(|| "none, accounts only".to_owned(), ToString::to_string);
    vec![tenant.name.to_string(), issuer, organisations.join(", "), rooms.join(", ")]
}

fn dataset_row(dataset: &Dataset) -> Vec<String> {
    vec![
        dataset.name.to_string(),
        visible(&dataset.table),
        tenant_rule(dataset),
        room_rule(dataset),
        dataset.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", "),
    ]
}

fn tenant_rule(dataset: &Dataset) -> String {
    match (&dataset.tenant, &dataset.within) {
        (TenantRule::Column(column), _) => format!("column {column}"),
        (TenantRule::Fixed(tenant), _) => format!("fixed {tenant}"),
        (TenantRule::Shared, _) => "shared".to_owned(),
        (TenantRule::Inherited, Some(within)) => format!("as {}", within.dataset),
        (TenantRule::Inherited, None) => "inherited".to_owned(),
    }
}

fn room_rule(dataset: &Dataset) -> String {
    match &dataset.data_room {
        RoomRule::Column(column) => format!("column {column}"),
        RoomRule::Ignored => "none".to_owned(),
        RoomRule::Undeclared => "not answered under one".to_owned(),
    }
}

/// Escapes what a terminal would obey instead of show.
pub(super) fn visible(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escape = crate::model::is_invisible(c);
            let escaped = escape.then(|| c.escape_unicode()).into_iter().flatten();
            escaped.chain((!escape).then_some(c))
        })
        .collect()
}

/// Writes rows under their heads, each column as wide as its widest cell; the last is not padded.
fn table(head: &[&str], rows: Vec<Vec<String>>, out: &mut dyn Write) -> std::io::Result<()> {
    let head: Vec<String> = head.iter().map(|&word| word.to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalog, config};

    const FILE: &str = r#"
[database]
url = "sqlite:company.db"
[[issuer]]
name = "blockbrain"
preset = "blockbrain"
audience = "337063032028900000"
clients = ["373051238587049311"]
[[tenant]]
name = "acme"
issuer = "blockbrain"
organisations = ["337063032028925795"]
data_rooms_as_is = true
[[dataset]]
name = "documents"
key = "id"
tenant = { column = "tenant_id" }
columns = { id = { type = "id" }, tenant_id = { type = "text", expose = false } }
"#;

    const SECRET: &str = "s3cret-that-nobody-may-see";

    fn printed(json: bool) -> String {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("bailiwick.toml"), FILE).unwrap();
        let env = format!("OAUTH_CLIENT_ID=ours\nOAUTH_CLIENT_SECRET={SECRET}\n");
        std::fs::write(directory.path().join(".env"), env).unwrap();
        let inputs = config::Inputs {
            environment: vec![("BAILIWICK_SERVER_PORT".into(), "9000".into())],
            working_directory: directory.path().to_owned(),
            ..config::Inputs::default()
        };
        let loaded = config::read(inputs).unwrap();
        assert!(loaded.settings.oauth_client.as_ref().unwrap().secret.as_ref().unwrap().expose() == SECRET);
        let catalog = catalog::build(&loaded).unwrap();
        let mut out = Vec::new();
        check(&loaded, &catalog, None, json, &mut out).unwrap();
        assert!(!format!("{loaded:?}").contains(SECRET));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_tenant_without_rooms_is_said_to_have_none() {
        let mut entry = TenantEntry {
            name: "acme".parse().unwrap(),
            issuer: Some("blockbrain".parse().unwrap()),
            organisations: std::collections::BTreeSet::new(),
            aliases: std::collections::BTreeSet::new(),
            data_rooms: std::collections::BTreeMap::new(),
            data_rooms_as_is: false,
        };
        assert_eq!(tenant_row(&entry).last().unwrap(), "none: every data-room header is refused");
        entry.data_rooms_as_is = true;
        assert_eq!(tenant_row(&entry).last().unwrap(), "others as they are");
    }

    #[test]
    fn every_value_is_printed_with_its_origin_in_aligned_columns() {
        let text = printed(false);
        let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
        assert_eq!(
            line("server.address").split_whitespace().collect::<Vec<_>>(),
            ["server.address", "127.0.0.1", "default"]
        );
        assert!(line("server.port").ends_with("environment BAILIWICK_SERVER_PORT"), "{text}");
        assert!(line("issuer.blockbrain.audience").ends_with("bailiwick.toml:7"), "{text}");
        assert!(line("issuer.blockbrain.jwks_url").ends_with("preset blockbrain"), "{text}");
        assert!(line("oauth.client_secret").contains("[secret]"), "{text}");
        assert!(line("oauth.client_secret").ends_with(".env:2 OAUTH_CLIENT_SECRET"), "{text}");
        assert_eq!(
            line("documents").split("  ").filter(|cell| !cell.is_empty()).map(str::trim).collect::<Vec<_>>(),
            ["documents", "documents", "column tenant_id", "not answered under one", "id, tenant_id"]
        );
        let column = |line: &str| line.find("default").or_else(|| line.find("preset"));
        assert_eq!(column(&line("server.address")), column(&line("issuer.blockbrain.jwks_url")));
        assert!(text.contains(
            "\nwarning: `oauth.client_id` is a client of the authorization server, which is off; `oauth.enabled = true` turns it on\n"
        ));
    }

    #[test]
    fn json_says_the_same() {
        let value: Value = serde_json::from_str(&printed(true)).unwrap();
        let port = json!({"key": "server.port", "value": "9000", "from": "environment BAILIWICK_SERVER_PORT"});
        assert!(value["settings"].as_array().unwrap().contains(&port));
        assert_eq!(value["tenants"][0]["organisations"], json!(["337063032028925795"]));
        assert_eq!(value["datasets"][0]["tenant"], json!("column tenant_id"));
        assert_eq!(value["warnings"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn no_secret_is_ever_printed() {
        assert!(!printed(false).contains(SECRET));
        assert!(!printed(true).contains(SECRET));
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        assert_eq!(visible("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
    }
}
