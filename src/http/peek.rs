//! What is looked at of a message before it is dispatched: strictly, so that no two readers read it differently.

use std::collections::BTreeSet;

use bytes::Bytes;
use poem::Response;
use serde_json::Value;

use super::error::json_rpc;
use crate::keys::strict_json::{self, BadJson};

/// What is looked at before dispatch.
pub(super) struct Peek {
    pub(super) id: Value,
    pub(super) method: String,
    /// The tool, the resource or the prompt that is asked for.
    pub(super) name: Option<String>,
    /// A request of 2026-07-28 names its revision in `_meta` and has no session, whatever its headers say.
    pub(super) is_modern: bool,
    /// The resources that a `subscriptions/listen` wants to be told of.
    pub(super) watched: Vec<String>,
}

/// Reads the body strictly: a member that comes twice, at any depth, is refused, since two readers could read it differently.
#[expect(clippy::result_large_err, reason = "the refusal is the answer, made at most once per request")]
pub(super) fn peek(body: &Bytes) -> Result<Peek, Response> {
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(json_rpc(&Value::Null, -32600, "Batches are not supported; send one request at a time"));
    }
    let members = strict_json::object(body).map_err(|bad| match bad {
        BadJson::Syntax(error) if error.is_data() => not_a_request(&error),
        BadJson::Syntax(error) => json_rpc(&Value::Null, -32700, &format!("Not JSON: {error}")),
        BadJson::NotAnObject => not_a_request(&"it is not an object"),
    })?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(ToOwned::to_owned);
    let params = members.get("params");
    let of_params = |name| params.and_then(|params| params.get(name));
    let version = of_params("_meta").and_then(|meta| meta.get("io.modelcontextprotocol/protocolVersion")?.as_str());
    let method = text(members.get("method")).unwrap_or_default();
    if let Some(wrong) = misshapen(&method, of_params) {
        return Err(json_rpc(members.get("id").unwrap_or(&Value::Null), -32602, wrong));
    }
    let is_modern = version.is_some_and(|version| version >= "2026-07-28");
    let watched = watched(of_params("notifications").filter(|_| is_modern && method == "subscriptions/listen"));
    let name = text(of_params("name")).or_else(|| text(of_params("uri"))).or_else(|| completed(of_params("ref")));
    let name = name.or_else(|| watched.first().cloned());
    Ok(Peek { id: members.get("id").cloned().unwrap_or_default(), method, name, is_modern, watched })
}

/// The resources that somebody wants to be told of, each once.
fn watched(notifications: Option<&Value>) -> Vec<String> {
    let asked = notifications.and_then(|notifications| notifications.get("resourceSubscriptions")?.as_array());
    let uris: BTreeSet<&str> = asked.into_iter().flatten().filter_map(Value::as_str).collect();
    uris.into_iter().map(ToOwned::to_owned).collect()
}

/// The prompt, or the template, whose argument is to be completed.
fn completed(reference: Option<&Value>) -> Option<String> {
    let reference = reference?;
    reference.get("name").or_else(|| reference.get("uri"))?.as_str().map(ToOwned::to_owned)
}

/// What is wrong with the parameters of a call or a read. rmcp would take one that it cannot read for an unknown method.
fn misshapen<'a>(method: &str, param: impl Fn(&'static str) -> Option<&'a Value>) -> Option<&'static str> {
    let is_text = |name| param(name).is_some_and(Value::is_string);
    let has_arguments = param("arguments").is_none_or(|arguments| arguments.is_object() || arguments.is_null());
    match method {
        "tools/call" if !is_text("name") => Some("`params.name` must be the name of a tool"),
        "tools/call" if !has_arguments => Some("`params.arguments` must be an object"),
        "resources/read" if !is_text("uri") => Some("`params.uri` must be the URI of a resource"),
        _ => None,
    }
}

pub(super) fn not_a_request(why: &dyn std::fmt::Display) -> Response {
    json_rpc(&Value::Null, -32600, &format!("Not a JSON-RPC request: {why}"))
}
