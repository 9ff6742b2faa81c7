//! What a message must look like before MCP reads it.
//!
//! rmcp takes a request with parameters that it cannot read for an unknown method, and says of a message that is none only that
//! it is none. So the form is looked at here, and what is wrong is said with what would be right.

use serde_json::{Map, Value};

/// Why a message is not handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misshapen {
    /// It is no message of JSON-RPC 2.0.
    Message(&'static str),
    /// It asks for what the revision does not have any more.
    Method,
    /// It is a request, with parameters that its method does not have.
    Params(&'static str),
}

/// What 2026-07-28 took out. rmcp still knows them, and would ask for their headers before it says that they are gone.
const GONE: [&str; 4] = ["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];

/// Looks at one message. `is_modern` says that it is of 2026-07-28, which lacks some methods and has others.
pub(super) fn check(message: &Map<String, Value>, is_modern: bool) -> Result<(), Misshapen> {
    if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(Misshapen::Message("`jsonrpc` must be \"2.0\""));
    }
    let is_id = |id: &Value| id.is_string() || id.is_i64() || id.is_u64();
    if !message.get("id").is_none_or(is_id) {
        return Err(Misshapen::Message("`id` must be a text or a whole number"));
    }
    let Some(method) = message.get("method") else {
        let answers = message.contains_key("result") != message.contains_key("error");
        return if answers && message.contains_key("id") {
            Ok(())
        } else {
            Err(Misshapen::Message("it has no `method`, and is no answer to a request either"))
        };
    };
    let Some(method) = method.as_str() else { return Err(Misshapen::Message("`method` must be a text")) };
    let is_request = message.contains_key("id");
    if is_request && is_modern && GONE.contains(&method) {
        return Err(Misshapen::Method);
    }
    let none = Map::new();
    let params = match message.get("params") {
        None | Some(Value::Null) => &none,
        Some(Value::Object(params)) => params,
        Some(_) => return Err(Misshapen::Params("`params` must be an object")),
    };
    // Nobody is answered who did not ask.
    if !is_request {
        return Ok(());
    }
    params_of(method, params, is_modern).map_err(Misshapen::Params)
}

fn params_of(method: &str, params: &Map<String, Value>, is_modern: bool) -> Result<(), &'static str> {
    let holds = |holds: bool, or: &'static str| if holds { Ok(()) } else { Err(or) };
    let text = |name| params.get(name).is_some_and(Value::is_string);
    let is_object = |name| params.get(name).is_none_or(|value| value.is_object() || value.is_null());
    holds(is_object("_meta"), "`params._meta` must be an object")?;
    if let "tools/call" | "prompts/get" | "resources/read" = method {
        holds(is_object("inputResponses"), "`params.inputResponses` must be an object of the answers, by their keys")?;
        let state = params.get("requestState").is_none_or(|state| state.is_string() || state.is_null());
        holds(state, "`params.requestState` must be the text that came with `inputRequests`")?;
    }
    match (method, is_modern) {
        ("tools/call", _) => {
            holds(text("name"), "`params.name` must be the name of a tool")?;
            holds(is_object("arguments"), "`params.arguments` must be an object")
        }
        ("prompts/get", _) => {
            holds(text("name"), "`params.name` must be the name of a prompt")?;
            holds(is_object("arguments"), "`params.arguments` must be an object of texts")
        }
        ("resources/read", _) | ("resources/subscribe" | "resources/unsubscribe", false) => {
            holds(text("uri"), "`params.uri` must be the URI of a resource")
        }
        ("tools/list" | "resources/list" | "resources/templates/list" | "prompts/list", _) => {
            let cursor = params.get("cursor").is_none_or(|cursor| cursor.is_string() || cursor.is_null());
            holds(cursor, "`params.cursor` must be the `nextCursor` of the last page, or be left out")
        }
        ("completion/complete", _) => completion(params),
        ("initialize", false) => {
            holds(text("protocolVersion"), "`params.protocolVersion` must be a revision, such as \"2025-11-25\"")?;
            let capabilities = params.get("capabilities").is_some_and(Value::is_object);
            holds(capabilities, "`params.capabilities` must be an object, and may be an empty one")?;
            let about = params.get("clientInfo").and_then(Value::as_object);
            let said = about.is_some_and(|about| {
                ["name", "version"].iter().all(|part| about.get(*part).is_some_and(Value::is_string))
            });
            holds(said, "`params.clientInfo` must be an object with `name` and `version`")
        }
        ("subscriptions/listen", true) => {
            const NONE: &str = "`params.notifications` must be an object that says what to be told of";
            listened(params.get("notifications").and_then(Value::as_object).ok_or(NONE)?)
        }
        ("logging/setLevel", false) => {
            const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
            let level = params.get("level").and_then(Value::as_str);
            holds(
                level.is_some_and(|level| LEVELS.contains(&level)),
                "`params.level` must be one of: debug, info, notice, warning, error, critical, alert, emergency",
            )
        }
        _ => Ok(()),
    }
}

fn listened(wanted: &Map<String, Value>) -> Result<(), &'static str> {
    let is_unsaid_or =
        |name: &str, is: fn(&Value) -> bool| wanted.get(name).is_none_or(|value| value.is_null() || is(value));
    if !["toolsListChanged", "promptsListChanged", "resourcesListChanged"]
        .iter()
        .all(|list| is_unsaid_or(list, Value::is_boolean))
    {
        return Err(
            "`toolsListChanged`, `promptsListChanged` and `resourcesListChanged` in `params.notifications` must be true \
                    or false",
        );
    }
    let texts = |value: &Value| value.as_array().is_some_and(|uris| uris.iter().all(Value::is_string));
    if is_unsaid_or("resourceSubscriptions", texts) {
        Ok(())
    } else {
        Err("`params.notifications.resourceSubscriptions` must be an array of the URIs of resources")
    }
}

fn completion(params: &Map<String, Value>) -> Result<(), &'static str> {
    let member = |of: &str, name: &str| params.get(of).and_then(|of| of.get(name)).and_then(Value::as_str);
    match member("ref", "type") {
        Some("ref/prompt") if member("ref", "name").is_some() => {}
        Some("ref/resource") if member("ref", "uri").is_some() => {}
        _ => {
            return Err(
                "`params.ref` must be {\"type\": \"ref/prompt\", \"name\": …} or {\"type\": \"ref/resource\", \"uri\": …}",
            );
        }
    }
    if member("argument", "name").is_none() || member("argument", "value").is_none() {
        return Err("`params.argument` must be an object with the texts `name` and `value`");
    }
    if !params.get("context").is_none_or(|context| context.is_object() || context.is_null()) {
        return Err("`params.context` must be an object");
    }
    let known = params.get("context").and_then(|context| context.get("arguments"));
    let texts =
        |known: &Value| known.is_null() || known.as_object().is_some_and(|known| known.values().all(Value::is_string));
    if known.is_none_or(texts) { Ok(()) } else { Err("`params.context.arguments` must be an object of texts") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(message: Value, is_modern: bool) -> Result<(), Misshapen> {
        let Value::Object(message) = message else { panic!("{message}") };
        check(&message, is_modern)
    }

    #[test]
    fn answers_and_notifications_pass_and_nothing_is_asked_of_what_a_revision_lacks() {
        for message in [
            json!({ "jsonrpc": "2.0", "id": "a", "result": {} }),
            json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": 1, "message": "x" } }),
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 } }),
            json!({ "jsonrpc": "2.0", "method": "tools/call" }),
            json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": null }),
        ] {
            assert_eq!(of(message.clone(), false), Ok(()), "{message}");
        }
        let ask = |method: &str| json!({ "jsonrpc": "2.0", "id": 1, "method": method });
        for (method, of_2026, elsewhere) in [
            ("subscriptions/listen", true, Ok(())),
            ("resources/subscribe", false, Err(Misshapen::Method)),
            ("resources/unsubscribe", false, Err(Misshapen::Method)),
            ("logging/setLevel", false, Err(Misshapen::Method)),
            ("initialize", false, Ok(())),
        ] {
            assert!(matches!(of(ask(method), of_2026), Err(Misshapen::Params(_))), "{method}");
            assert_eq!(of(ask(method), !of_2026), elsewhere, "{method} is unknown there, whatever its parameters");
        }
    }
}
