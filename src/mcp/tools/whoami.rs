//! `whoami`: who the server takes the caller for, so that nobody has to guess why an answer is what it is.

use rmcp::model::{JsonObject, Tool};
use serde_json::{Value, json};

use super::{BadArgument, no_arguments, object, read_only};
use crate::authn::Principal;
use crate::model::{Agent, Assurance, ClientId, DataRoom, ExternalUserId, Scope, Thread};
use crate::policy::Snapshot;

pub(in crate::mcp) fn describe() -> Tool {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let optional = |description: &str| json!({ "type": ["string", "null"], "description": description });
    let texts =
        |description: &str| json!({ "type": "array", "items": { "type": "string" }, "description": description });
    let output = json!({
        "type": "object",
        "properties": {
            "subject": text("The issuer's name and its identifier of the person"),
            "external_user_id": optional("The company's own identifier of the person"),
            "tenant": text("The company"),
            "actor": optional("Who uses the person's rights, where the token names someone"),
            "client": optional("The application that the token was issued to"),
            "assurance": text("How the identity was established"),
            "scopes": texts("What the token may be used for"),
            "names": texts("The names that policy lines can match"),
            "agent": optional("The agent, from the request's headers"),
            "data_room": optional("The data room that answers are limited to, from the request's headers"),
            "thread": optional("The conversation, from the request's headers"),
            "policy_revision": text("The revision of the policy in force")
        },
        "required": ["subject", "tenant", "assurance", "scopes", "names", "policy_revision"],
        "additionalProperties": false
    });
    Tool::new(
        "whoami",
        "Says who the server takes you for: the person, the company, the names that policies know",
        object(no_arguments()),
    )
    .with_title("Who am I")
    .with_raw_output_schema(object(output))
    .with_annotations(read_only("Who am I".to_owned()))
}

pub(in crate::mcp) fn call(
    arguments: &JsonObject,
    principal: &Principal,
    policy: &Snapshot,
) -> Result<Value, BadArgument> {
    if let Some(unknown) = arguments.keys().next() {
        return Err(BadArgument::Unknown { found: unknown.clone(), expected: "it takes none" });
    }
    let (requester, proof) = (principal.requester(), principal.proof());
    let scopes = Scope::ALL.into_iter().filter(|scope| proof.scopes.contains(*scope)).map(Scope::as_str);
    Ok(json!({
        "subject": proof.subject.to_string(),
        "external_user_id": requester.attributes.external_id.as_ref().map(ExternalUserId::as_str),
        "tenant": requester.tenant.as_str(),
        "actor": proof.actor.as_ref().map(ToString::to_string),
        "client": proof.client.as_ref().map(ClientId::as_str),
        "assurance": requester.attributes.assurance.map(Assurance::as_str),
        "scopes": scopes.collect::<Vec<_>>(),
        "names": policy.names(requester),
        "agent": requester.context.agent.as_ref().map(Agent::as_str),
        "data_room": requester.context.data_room.as_ref().map(DataRoom::as_str),
        "thread": requester.context.thread.as_ref().map(Thread::as_str),
        "policy_revision": policy.revision().to_string()
    }))
}
