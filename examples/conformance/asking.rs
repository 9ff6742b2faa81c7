//! Fixtures of 2026-07-28 that ask the client for something before they answer (SEP-2322).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock, CreateMessageRequest,
    CreateMessageRequestParams, ElicitRequest, ElicitRequestParams, ElicitationSchema, InputRequest, InputRequests,
    InputRequiredResult, InputResponses, ListRootsRequest, SamplingMessage,
};
use serde_json::{Map, Value, json};
use sha2::Sha256;

/// What every fixture of this kind begins with.
pub(crate) const PREFIX: &str = "test_input_required_result_";

/// What is asked, by the name of the tool without the prefix.
pub(crate) const TOOLS: [&str; 8] = [
    "elicitation",
    "sampling",
    "list_roots",
    "request_state",
    "multiple_inputs",
    "multi_round",
    "tampered_state",
    "capabilities",
];

/// A key for the state of a harness; a real server's is secret.
const KEY: &[u8; 64] = b"the key of a conformance harness, which nobody needs to know: 64";

/// A form with one field.
pub(crate) fn form(message: &str, field: &str, kind: &str) -> Result<ElicitRequestParams, ErrorData> {
    let mut properties = Map::new();
    properties.insert(field.to_owned(), json!({ "type": kind }));
    form_of(message, &json!({ "type": "object", "properties": properties, "required": [field] }))
}

/// A form of this schema.
pub(crate) fn form_of(message: &str, schema: &Value) -> Result<ElicitRequestParams, ErrorData> {
    let requested_schema: ElicitationSchema = serde_json::from_value(schema.clone()).map_err(internal)?;
    Ok(ElicitRequestParams::FormElicitationParams { meta: None, message: message.to_owned(), requested_schema })
}

fn internal(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

fn elicit(message: &str, field: &str, kind: &str) -> Result<InputRequest, ErrorData> {
    Ok(InputRequest::Elicitation(ElicitRequest::new(form(message, field, kind)?)))
}

fn sample(text: &str) -> InputRequest {
    let params = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(text)], 100);
    InputRequest::CreateMessage(CreateMessageRequest::new(params))
}

fn roots() -> InputRequest {
    InputRequest::ListRoots(ListRootsRequest::default())
}

fn ask<const N: usize>(requests: [(&str, InputRequest); N], state: Option<String>) -> CallToolResponse {
    let requests: InputRequests = requests.into_iter().map(|(key, request)| (key.to_owned(), request)).collect();
    InputRequiredResult::new(Some(requests), state).into()
}

fn said(text: impl Into<String>) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(text)]).into()
}

/// An answer of the client; what is no object is none.
pub(crate) fn answer<'a>(answers: Option<&'a InputResponses>, key: &str) -> Option<&'a Map<String, Value>> {
    answers?.get(key)?.as_object()
}

/// A text in the content of an answer.
pub(crate) fn content<'a>(answer: &'a Map<String, Value>, key: &str) -> &'a str {
    answer.get("content").and_then(|content| content.get(key)?.as_str()).unwrap_or("nothing")
}

fn mac(state: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new(KEY.into());
    mac.update(state.as_bytes());
    mac
}

/// A state that a client carries and cannot change.
fn seal(state: &str) -> String {
    format!("{state}.{}", URL_SAFE_NO_PAD.encode(mac(state).finalize().into_bytes()))
}

fn open(sealed: &str) -> Result<&str, ErrorData> {
    let tampered = || ErrorData::invalid_params("requestState failed integrity verification", None);
    let (state, tag) = sealed.rsplit_once('.').ok_or_else(tampered)?;
    let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| tampered())?;
    mac(state).verify_slice(&tag).map_err(|_| tampered())?;
    Ok(state)
}

/// Answers a fixture of this kind.
pub(crate) fn call(
    request: &CallToolRequestParams,
    capabilities: &ClientCapabilities,
) -> Result<CallToolResponse, ErrorData> {
    let answers = request.input_responses.as_ref();
    let state = request.request_state.as_deref().map(open).transpose()?;
    let name = || elicit("What is your name?", "name", "string");
    Ok(match request.name.trim_start_matches(PREFIX) {
        "elicitation" => match answer(answers, "user_name") {
            Some(answer) => said(format!("Hello, {}!", content(answer, "name"))),
            None => ask([("user_name", name()?)], None),
        },
        "sampling" => match answer(answers, "capital_question") {
            Some(answer) => said(format!("Sampling response: {}", content(answer, "text"))),
            None => ask([("capital_question", sample("What is the capital of France?"))], None),
        },
        "list_roots" => match answer(answers, "client_roots") {
            Some(answer) => said(format!("Client roots: {}", json!(answer.get("roots")))),
            None => ask([("client_roots", roots())], None),
        },
        "request_state" | "tampered_state" => match state {
            Some(_) => said("Confirmed: state-ok"),
            None => ask([("confirm", elicit("Please confirm", "ok", "boolean")?)], Some(seal("confirm"))),
        },
        "multiple_inputs" => {
            let has = |key| answer(answers, key).is_some();
            if state.is_some() && has("user_name") && has("greeting") && has("client_roots") {
                said("All inputs received")
            } else {
                let all = [("user_name", name()?), ("greeting", sample("Greet somebody")), ("client_roots", roots())];
                ask(all, Some(seal("gather")))
            }
        }
        "multi_round" => match state {
            None => ask([("step1", name()?)], Some(seal("1"))),
            Some("1") => {
                ask([("step2", elicit("What is your favourite colour?", "color", "string")?)], Some(seal("2")))
            }
            Some(_) => said("Multi-round flow complete"),
        },
        "capabilities" if answers.is_some() => said("Capability-aware flow complete"),
        "capabilities" => {
            let mut requests = InputRequests::new();
            if capabilities.elicitation.is_some() {
                requests.insert("user_name".to_owned(), name()?);
            }
            if capabilities.sampling.is_some() {
                requests.insert("greeting".to_owned(), sample("Greet somebody"));
            }
            if capabilities.roots.is_some() {
                requests.insert("client_roots".to_owned(), roots());
            }
            if requests.is_empty() {
                said("The client can answer nothing")
            } else {
                InputRequiredResult::from_input_requests(requests).into()
            }
        }
        other => return Err(ErrorData::invalid_params(format!("Unknown tool: {PREFIX}{other}"), None)),
    })
}
