//! From a token to an answer.

use std::io::Write;
use std::process::ExitCode;

use rmcp::model::{CallToolRequestParams, CallToolResult, ProtocolVersion, Tool};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt as _, RoleClient, RunningService};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{AuthClient, AuthorizationManager, StreamableHttpClientTransport};
use serde_json::{Map, Value};
use url::Url;

use super::failure::ConnectError;
use super::say;
use crate::model::{nearest, suggestion};

/// A connection to an MCP server, with a token.
pub(super) struct Session(RunningService<RoleClient, ()>);

impl Session {
    /// Speaks the newest revision that both sides know.
    pub(super) async fn open(url: &Url, manager: AuthorizationManager) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // rmcp's own client does the same: an answer that is not read to its end would hold up the next one.
            .pool_max_idle_per_host(0)
            .build()?;
        let config = StreamableHttpClientTransportConfig::with_uri(url.as_str());
        let transport = StreamableHttpClientTransport::with_client(AuthClient::new(http, manager), config);
        let lifecycle = ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::LATEST],
            legacy_version: Some(ProtocolVersion::LATEST_WITH_INITIALIZE),
        };
        let running = ().serve_with_lifecycle(transport, lifecycle).await;
        let running =
            running.map_err(|source| ConnectError::Open { url: url.to_string(), source: Box::new(source) })?;
        Ok(Self(running))
    }

    /// Lists the tools: the name of each, and the first line of what it is.
    pub(super) async fn list(&self, json: bool, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let tools = self.tools().await?;
        if json {
            writeln!(out, "{}", serde_json::to_string(&tools)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        let width = tools.iter().map(|tool| tool.name.chars().count()).max().unwrap_or(0);
        for tool in &tools {
            let description = tool.description.as_deref().unwrap_or("").lines().next().unwrap_or("");
            writeln!(out, "{}", format!("{:<width$}  {description}", tool.name).trim_end())?;
        }
        say("listed", &format!("{} tools", tools.len()));
        Ok(ExitCode::SUCCESS)
    }

    /// Calls a tool that is listed.
    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: Option<Map<String, Value>>,
        json: bool,
        out: &mut dyn Write,
    ) -> anyhow::Result<ExitCode> {
        let tools = self.tools().await?;
        if !tools.iter().any(|listed| listed.name == tool) {
            let near = nearest(tool, tools.iter().map(|listed| listed.name.as_ref()));
            let suggestion = suggestion(near);
            return Err(ConnectError::NoTool { tool: tool.to_owned(), suggestion }.into());
        }
        let mut request = CallToolRequestParams::new(tool.to_owned());
        request.arguments = arguments;
        let called = self.0.call_tool(request).await;
        let answer = called.map_err(|source| ConnectError::Call { tool: tool.to_owned(), source: Box::new(source) })?;
        show(&answer, json, out)?;
        let failed = answer.is_error.unwrap_or(false);
        say(if failed { "refused" } else { "answered" }, tool);
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    async fn tools(&self) -> Result<Vec<Tool>, ConnectError> {
        self.0.list_all_tools().await.map_err(|source| ConnectError::List(Box::new(source)))
    }

    /// Ends the connection.
    pub(super) async fn close(self) {
        if let Err(error) = self.0.cancel().await {
            say("note", &format!("the connection did not end well: {error}"));
        }
    }
}

/// Prints what a tool has answered: its structured form, or else its texts.
fn show(answer: &CallToolResult, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    if json {
        writeln!(out, "{}", serde_json::to_string(answer)?)?;
        return Ok(());
    }
    if let Some(structured) = &answer.structured_content {
        writeln!(out, "{structured}")?;
        return Ok(());
    }
    for block in &answer.content {
        match block.as_text() {
            Some(text) => writeln!(out, "{}", text.text)?,
            None => writeln!(out, "{}", serde_json::to_string(block)?)?,
        }
    }
    Ok(())
}
