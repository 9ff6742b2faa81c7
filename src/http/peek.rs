//! The look at a message before it is dispatched: what it asks for, and by which revision of MCP.

use std::collections::BTreeSet;

use bytes::Bytes;
use poem::http::{HeaderMap, StatusCode};
use poem::{Body, Response};
use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};

use super::error::{answered, json_rpc};
use super::shape::{self, Misshapen};
use crate::keys::strict_json::{self, BadJson};

/// Where a request names its revision, from 2025-06-18 on.
pub(super) const REVISION: &str = "mcp-protocol-version";

/// What is looked at before dispatch.
#[derive(Debug)]
pub(super) struct Peek {
    pub(super) id: Value,
    pub(super) method: String,
    /// Whether it is to be answered: neither a notification nor an answer itself.
    pub(super) is_request: bool,
    /// The tool, the resource or the prompt that is asked for.
    pub(super) name: Option<String>,
    /// Whether its `_meta` names a revision.
    pub(super) names_revision: bool,
    /// A request of 2026-07-28 names its revision in `_meta` and has no session, whatever its headers say.
    pub(super) is_modern: bool,
    /// The resources that a `subscriptions/listen` wants to be told of.
    pub(super) watched: Vec<String>,
}

/// Reads the body strictly: a member that comes twice, at any depth, is refused, since two readers could read it differently.
#[expect(clippy::result_large_err, reason = "the refusal is the answer, made at most once per request")]
pub(super) fn peek(body: &Bytes) -> Result<Peek, Response> {
    let members = strict_json::object(body).map_err(|bad| match bad {
        BadJson::Syntax(error) if error.is_data() => not_a_request(&error),
        BadJson::Syntax(error) => json_rpc(&Value::Null, -32700, &format!("Not JSON: {error}")),
        BadJson::NotAnObject => not_a_request(&"it is not an object"),
    })?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(ToOwned::to_owned);
    let params = members.get("params");
    let of_params = |name| params.and_then(|params| params.get(name));
    let version = of_params("_meta").and_then(|meta| meta.get("io.modelcontextprotocol/protocolVersion")?.as_str());
    let is_modern = version.is_some_and(|version| version >= "2026-07-28");
    let method = text(members.get("method")).unwrap_or_default();
    shape::check(&members, is_modern).map_err(|wrong| match wrong {
        Misshapen::Message(why) => not_a_request(&why),
        Misshapen::Params(why) => answered(members.get("id").unwrap_or(&Value::Null), -32602, why),
        Misshapen::Method => {
            let text = format!("Method not found: {method}");
            let mut refusal = json_rpc(members.get("id").unwrap_or(&Value::Null), -32601, &text);
            refusal.set_status(StatusCode::NOT_FOUND);
            refusal
        }
    })?;
    let watched = watched(of_params("notifications").filter(|_| is_modern && method == "subscriptions/listen"));
    let name = text(of_params("name")).or_else(|| text(of_params("uri"))).or_else(|| completed(of_params("ref")));
    Ok(Peek {
        id: members.get("id").cloned().unwrap_or_default(),
        is_request: !method.is_empty() && members.contains_key("id"),
        method,
        name: name.or_else(|| watched.first().cloned()),
        names_revision: version.is_some(),
        is_modern,
        watched,
    })
}

/// The refusal of a revision that this server does not speak, where the headers alone name one: what the body says of it, rmcp
/// looks at.
pub(super) fn unknown_revision(headers: &HeaderMap, id: &Value) -> Option<Response> {
    let named = headers.get(REVISION)?.as_bytes();
    let known = ProtocolVersion::KNOWN_VERSIONS.iter().map(ProtocolVersion::as_str);
    if known.clone().any(|known| known.as_bytes() == named) {
        return None;
    }
    let supported: Vec<&str> = known.collect();
    let requested = String::from_utf8_lossy(named);
    let message =
        format!("Unsupported protocol version; `MCP-Protocol-Version` must be one of: {}", supported.join(", "));
    let data = json!({ "supported": supported, "requested": requested });
    let error = json!({ "code": -32022, "message": message, "data": data });
    let body = json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string();
    Some(Response::builder().status(StatusCode::BAD_REQUEST).content_type("application/json").body(Body::from(body)))
}

/// The resources that somebody wants to be told of, each once.
fn watched(notifications: Option<&Value>) -> Vec<String> {
    let asked = notifications.and_then(|notifications| notifications.get("resourceSubscriptions")?.as_array());
    let uris: BTreeSet<&str> = asked.into_iter().flatten().filter_map(Value::as_str).collect();
    uris.into_iter().map(ToOwned::to_owned).collect()
}

/// A `subscriptions/listen` without these resources: rmcp acknowledges what is asked for, whoever asks.
pub(super) fn without(body: Bytes, untold: &[String]) -> Bytes {
    if untold.is_empty() {
        return body;
    }
    let Ok(mut message) = serde_json::from_slice::<Value>(&body) else { return body };
    if let Some(Value::Array(uris)) = message.pointer_mut("/params/notifications/resourceSubscriptions") {
        uris.retain(|uri| !untold.iter().any(|untold| uri.as_str() == Some(untold)));
    }
    message.to_string().into()
}

/// The prompt, or the template, whose argument is to be completed.
fn completed(reference: Option<&Value>) -> Option<String> {
    let reference = reference?;
    reference.get("name").or_else(|| reference.get("uri"))?.as_str().map(ToOwned::to_owned)
}

pub(super) fn not_a_request(why: &dyn std::fmt::Display) -> Response {
    json_rpc(&Value::Null, -32600, &format!("Not a JSON-RPC request: {why}"))
}
