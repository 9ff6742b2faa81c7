//! Batches of JSON-RPC messages, which one revision of MCP has: a server of 2025-03-26 must take them, one of any other must not.
//!
//! The messages of a batch are handled one after the other, each like one that came alone, so that a batch takes no more of the
//! server than one request, and no less of the time limit.

use bytes::Bytes;
use poem::http::{StatusCode, header};
use poem::{Body, Response};
use serde_json::Value;

use super::error::{error_of, json_rpc};
use crate::keys::strict_json::{self, BadJson};

/// The revision that has batches, and what is assumed of a request that names none (2025-03-26, and 2025-06-18 of it).
pub(super) const REVISION: &str = "2025-03-26";

/// The most messages of a batch.
const MOST: usize = 50;

/// How many bytes of answers are held back for the others; the messages after that are not handled.
const LARGEST: usize = 16 << 20;

/// Whether the body is an array.
pub(super) fn is_one(body: &Bytes) -> bool {
    body.trim_ascii_start().starts_with(b"[")
}

/// One message of a batch.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) body: Bytes,
    /// That of a request; others are not answered.
    id: Option<Value>,
}

/// The messages of a batch.
#[expect(clippy::result_large_err, reason = "the refusal is the answer, made at most once per request")]
pub(super) fn messages(body: &Bytes) -> Result<Vec<Message>, Response> {
    let refuse = |code, why: &str| json_rpc(&Value::Null, code, why);
    // The reader of strict JSON reads objects.
    let wrapped = [b"{\"batch\":", body.as_ref(), b"}"].concat();
    let mut members = strict_json::object(&wrapped).map_err(|bad| match bad {
        BadJson::Syntax(error) if error.is_data() => refuse(-32600, &format!("Not a batch of JSON-RPC: {error}")),
        BadJson::Syntax(_) | BadJson::NotAnObject => refuse(-32700, "Not JSON: the array is not a whole one"),
    })?;
    let (Some(Value::Array(messages)), true) = (members.remove("batch"), members.is_empty()) else {
        return Err(refuse(-32700, "Not JSON: something follows the array"));
    };
    if messages.is_empty() || messages.len() > MOST {
        return Err(refuse(-32600, &format!("A batch has between 1 and {MOST} messages")));
    }
    if messages.iter().any(|message| message.get("method").and_then(Value::as_str) == Some("initialize")) {
        return Err(refuse(-32600, "`initialize` must not be part of a batch"));
    }
    let message = |message: Value| {
        let id = message.get("id").filter(|_| message.get("method").is_some()).cloned();
        Message { body: message.to_string().into(), id }
    };
    Ok(messages.into_iter().map(message).collect())
}

/// Whether there is a request among them.
pub(super) fn asks(messages: &[Message]) -> bool {
    messages.iter().any(|message| message.id.is_some())
}

/// Answers each message in turn. A refusal that is not of JSON-RPC, such as that of a session, is the answer to the whole, as long
/// as nothing else was answered: what was done already must not be asked for again.
pub(super) async fn answered<F: Future<Output = Response>>(
    messages: Vec<Message>,
    mut answer: impl FnMut(Bytes) -> F,
) -> Response {
    let (mut answers, mut held) = (Vec::new(), 0);
    for message in messages {
        if held > LARGEST {
            let text = "The answers of this batch are too large together: send fewer requests at once, or ask for less";
            answers.extend(message.id.map(|id| error_of(&id, -32603, text)));
            continue;
        }
        let mut response = answer(message.body).await;
        let media_type = response.headers().get(header::CONTENT_TYPE).map(|value| value.as_bytes().to_vec());
        let is_stream = media_type.is_some_and(|value| value.starts_with(b"text/event-stream"));
        let body = response.take_body().into_bytes().await.unwrap_or_default();
        held += body.len();
        let found = found(&body, is_stream);
        match (found, &message.id) {
            (Some(found), _) => answers.push(found),
            (None, Some(_)) if response.status().is_client_error() && answers.is_empty() => {
                response.set_body(Body::from(body));
                return response;
            }
            (None, Some(id)) if response.status().is_client_error() => {
                answers.push(error_of(id, -32600, &reason(&body)));
            }
            (None, Some(id)) => {
                answers.push(error_of(id, -32603, "The request took too long, or its answer was cut off"));
            }
            (None, None) => {}
        }
    }
    if answers.is_empty() {
        return Response::builder().status(StatusCode::ACCEPTED).finish();
    }
    Response::builder().content_type("application/json").body(Body::from(Value::Array(answers).to_string()))
}

/// What a refusal of ours says.
fn reason(body: &[u8]) -> String {
    let said = serde_json::from_slice::<Value>(body).ok();
    let words = said.as_ref().and_then(|said| said.get("error_description")?.as_str());
    format!("Refused: {}. Send it by itself", words.unwrap_or("it needs more than this request brings"))
}

/// The response of JSON-RPC in an answer, or in the events of one.
fn found(body: &[u8], is_stream: bool) -> Option<Value> {
    let is_response = |value: &Value| value.get("jsonrpc").is_some() && value.get("method").is_none();
    if !is_stream {
        return serde_json::from_slice(body).ok().filter(is_response);
    }
    let lines = body.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data: "));
    lines.filter_map(|data| serde_json::from_slice(data).ok()).find(is_response)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(body: &str) -> (Value, String) {
        let body = Bytes::from(body.to_owned());
        assert!(is_one(&body), "{body:?}");
        let mut response = messages(&body).unwrap_err();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let body = futures_util::FutureExt::now_or_never(response.take_body().into_string()).unwrap().unwrap();
        let error: Value = serde_json::from_str(&body).unwrap();
        (error["error"]["code"].clone(), error["error"]["message"].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_batch_is_one_whole_array_of_some_messages() {
        let two = Bytes::from_static(b" [{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"},7]");
        let read = messages(&two).unwrap();
        assert_eq!((read.len(), &read[0].id, &read[1].body), (2, &Some(json!(1)), &Bytes::from_static(b"7")));
        for (body, code, says) in [
            ("[", -32700, "whole"),
            ("[{]", -32700, "whole"),
            ("[],\"a\":[]", -32700, "follows"),
            ("[]}", -32700, "whole"),
            ("[]", -32600, "between 1 and 50"),
            (&format!("[{}1]", "1,".repeat(50)), -32600, "between 1 and 50"),
            ("[{\"id\":1,\"id\":2}]", -32600, "twice"),
            ("[{\"method\":\"initialize\"}]", -32600, "`initialize`"),
        ] {
            let (found, message) = refusal(body);
            assert!(found == code && message.contains(says), "{body}: {found} {message}");
        }
    }

    #[tokio::test]
    async fn what_is_left_of_a_batch_is_not_handled_once_its_answers_are_too_large() {
        let message = |id: usize| json!({ "jsonrpc": "2.0", "id": id, "method": "ping" });
        let batch = Value::Array((0..4).map(message).collect());
        let (text, mut handled) = ("x".repeat(LARGEST / 2), 0);
        let response = answered(messages(&batch.to_string().into()).unwrap(), |_| {
            handled += 1;
            let answer = json!({ "jsonrpc": "2.0", "id": handled, "result": text });
            std::future::ready(Response::builder().body(answer.to_string()))
        });
        let answers: Value = serde_json::from_str(&response.await.into_body().into_string().await.unwrap()).unwrap();
        assert_eq!((handled, answers.as_array().unwrap().len()), (2, 4));
        let said = answers[3]["error"]["message"].as_str().unwrap();
        assert!(answers[3]["id"] == 3 && said.contains("send fewer requests at once"), "{said}");
    }

    #[tokio::test]
    async fn a_refusal_of_one_message_does_not_lose_the_answers_to_those_before() {
        let answered = async |batch: &[&str]| {
            let batch = Value::Array(
                batch.iter().map(|method| json!({ "jsonrpc": "2.0", "id": method, "method": method })).collect(),
            );
            let response = answered(messages(&batch.to_string().into()).unwrap(), |body: Bytes| {
                let message: Value = serde_json::from_slice(&body).unwrap();
                let response = match message["method"].as_str() {
                    Some("write") => {
                        super::super::error::answer(StatusCode::FORBIDDEN, "insufficient_scope", "it needs more")
                    }
                    _ => Response::from(json!({ "jsonrpc": "2.0", "id": message["id"], "result": {} }).to_string()),
                };
                std::future::ready(response)
            });
            let mut response = response.await;
            let body = response.take_body().into_string().await.unwrap();
            (response.status(), serde_json::from_str::<Value>(&body).unwrap())
        };
        let (status, answers) = answered(&["read", "write", "read"]).await;
        assert_eq!((status, answers.as_array().unwrap().len()), (StatusCode::OK, 3));
        let error = json!({ "code": -32600, "message": "Refused: it needs more. Send it by itself" });
        assert_eq!(answers[1], json!({ "jsonrpc": "2.0", "id": "write", "error": error }));
        // Nothing was done yet: the client can step up and send all of it again.
        let (status, answer) = answered(&["write", "read"]).await;
        assert_eq!((status, &answer["error"]), (StatusCode::FORBIDDEN, &json!("insufficient_scope")));
    }
}
