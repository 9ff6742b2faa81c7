//! What `connect` is asked to do.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use crate::model::is_of_this_machine;

/// The most that is read of a secret's file, in bytes.
const LONGEST_SECRET: u64 = 4 << 10;

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct Connect {
    /// The MCP endpoint, such as <https://mcp.acme.example/mcp>
    #[arg(value_name = "URL")]
    url: Url,
    /// The tool to call; left out, the tools are listed
    #[arg(value_name = "TOOL")]
    tool: Option<String>,
    /// The arguments of the tool: a JSON object
    #[arg(long, value_name = "JSON", requires = "tool")]
    arguments: Option<String>,
    /// The id of a client that the server knows; left out, this one registers itself
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// A file with that client's secret, or - for standard input; left out, the client is public
    #[arg(long, value_name = "FILE", requires = "client_id")]
    client_secret_file: Option<PathBuf>,
    /// A scope to ask for; may be given several times; left out, those that the server names
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Open no browser; its address is printed either way
    #[arg(long)]
    no_browser: bool,
    /// How long to wait for the person in the browser, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    timeout: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Signs in as MCP clients do, with rmcp's own client: it finds the authorization server, registers itself,
opens the browser, waits on 127.0.0.1 for it to come back (--port fixes the port, --client-id needs the
redirect URI http://127.0.0.1/callback registered), and exchanges the code. Words go to standard error,
tools and answers to standard output. Nothing is kept: the next call signs in anew.

Exit codes: 0 the tools are listed, or the tool has answered; 1 the tool has answered with an error, or
a step failed, and which; 2 the arguments were wrong.";

/// The same, understood.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) url: Url,
    pub(super) tool: Option<String>,
    pub(super) arguments: Option<Map<String, Value>>,
    pub(super) client: Option<Known>,
    pub(super) scopes: Vec<String>,
    pub(super) opens_browser: bool,
    pub(super) patience: Duration,
    pub(super) json: bool,
}

/// A client that the server knows.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) id: String,
    pub(super) secret: Option<SecretString>,
}

impl TryFrom<Connect> for Asked {
    type Error = anyhow::Error;

    fn try_from(given: Connect) -> anyhow::Result<Self> {
        check(&given.url)?;
        let arguments = given.arguments.as_deref().map(object).transpose()?;
        let secret = given.client_secret_file.as_deref().map(secret).transpose()?;
        Ok(Self {
            url: given.url,
            tool: given.tool,
            arguments,
            client: given.client_id.map(|id| Known { id, secret }),
            scopes: given.scopes,
            opens_browser: !given.no_browser,
            patience: Duration::from_secs(given.timeout),
            json: given.json,
        })
    }
}

/// Tokens go to this address, so it is https, or does not leave this machine.
fn check(url: &Url) -> anyhow::Result<()> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_of_this_machine(url) => Ok(()),
        "http" => {
            bail!(
                "`{url}` is not encrypted, and a token would be sent there\nhint: use https, or an address of this machine"
            )
        }
        other => bail!("`{other}:` is no address of an MCP server\nhint: write https://HOST/mcp"),
    }
}

fn object(text: &str) -> anyhow::Result<Map<String, Value>> {
    let value: Value = serde_json::from_str(text)
        .context("--arguments is not JSON\nhint: quote it for the shell, as in --arguments '{\"limit\": 5}'")?;
    match value {
        Value::Object(members) => Ok(members),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            bail!("--arguments is `{other}`, and a tool's arguments are a JSON object\nhint: write {{\"name\": value}}")
        }
    }
}

fn secret(file: &Path) -> anyhow::Result<SecretString> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(LONGEST_SECRET).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(LONGEST_SECRET).read_to_string(&mut text))
    };
    read.with_context(|| format!("the client's secret cannot be read from `{}`", file.display()))?;
    let text = text.trim();
    if text.is_empty() {
        bail!("`{}` holds no secret\nhint: leave --client-secret-file out for a public client", file.display());
    }
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_over_tls_or_stays_here() {
        for good in
            ["https://mcp.acme.example/mcp", "http://127.0.0.1:8080/mcp", "http://[::1]/mcp", "http://localhost/mcp"]
        {
            check(&good.parse().unwrap()).unwrap();
        }
        for bad in
            ["http://mcp.acme.example/mcp", "http://192.168.0.1/mcp", "http://localhost.evil.example/", "file:///mcp"]
        {
            let error = check(&bad.parse().unwrap()).unwrap_err().to_string();
            assert!(error.contains("hint: "), "{bad}: {error}");
        }
    }

    #[test]
    fn arguments_are_an_object() {
        assert_eq!(object(r#"{"limit": 5}"#).unwrap()["limit"], 5);
        assert!(object("[1]").unwrap_err().to_string().contains("`[1]`"));
        assert!(object("{limit: 5}").unwrap_err().to_string().contains("quote it for the shell"));
    }
}
