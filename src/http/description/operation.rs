//! Parts of a description, in the words of the RFCs.

use poem::http::Method;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaOperation, MetaOperationParam, MetaParamIn, MetaRequest, MetaResponse,
    MetaResponses, MetaSchema, MetaSchemaRef,
};
use poem_openapi::types::Type;

/// How forms are sent.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// The name of the security scheme for clients with a secret.
pub(super) const BASIC: &str = "client_secret_basic";

/// An endpoint without parameters and without answers.
pub(super) fn operation(
    method: Method,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
) -> MetaOperation {
    MetaOperation {
        method,
        tags: Vec::new(),
        summary: Some(summary),
        description: Some(description).filter(|text| !text.is_empty()),
        external_docs: None,
        params: Vec::new(),
        request: None,
        responses: MetaResponses { responses: Vec::new() },
        deprecated: false,
        security: Vec::new(),
        operation_id: Some(id),
        code_samples: Vec::new(),
    }
}

/// A parameter of the query.
pub(super) fn query(name: &str, required: bool, description: &str) -> MetaOperationParam {
    MetaOperationParam {
        name: name.to_owned(),
        schema: text(None),
        in_type: MetaParamIn::Query,
        description: Some(description.to_owned()),
        required,
        deprecated: false,
        explode: true,
        style: None,
    }
}

/// A part of the path.
pub(super) fn segment(name: &str, description: &str) -> MetaOperationParam {
    MetaOperationParam { in_type: MetaParamIn::Path, ..query(name, true, description) }
}

/// A form with these fields: each by its name, whether it is needed, and what it is.
pub(super) fn fields(fields: &[(&'static str, bool, &'static str)]) -> MetaRequest {
    let mut schema = MetaSchema::new("object");
    schema.required = fields.iter().filter(|field| field.1).map(|field| field.0).collect();
    schema.properties = fields.iter().map(|(name, _, about)| (*name, text(Some(about)))).collect();
    let schema = MetaSchemaRef::Inline(Box::new(schema));
    MetaRequest { description: None, content: vec![MetaMediaType { content_type: FORM, schema }], required: true }
}

/// A body of this type.
pub(super) fn body<T: Type>(content_type: &'static str) -> MetaRequest {
    let content = vec![MetaMediaType { content_type, schema: T::schema_ref() }];
    MetaRequest { description: None, content, required: true }
}

/// A client names itself in the body, or itself and its secret in the header.
pub(super) fn client_authentication() -> Vec<std::collections::HashMap<&'static str, Vec<&'static str>>> {
    vec![[(BASIC, Vec::new())].into(), [].into()]
}

/// An answer without a body.
pub(super) fn answer(status: u16, description: &'static str) -> MetaResponse {
    MetaResponse { description, status: Some(status), status_range: None, content: Vec::new(), headers: Vec::new() }
}

/// An answer of this type.
pub(super) fn json<T: Type>(status: u16, description: &'static str) -> MetaResponse {
    let content = vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }];
    MetaResponse { content, ..answer(status, description) }
}

/// A page for a person.
pub(super) fn page(status: u16, description: &'static str) -> MetaResponse {
    let content = vec![MetaMediaType { content_type: "text/html; charset=utf-8", schema: text(None) }];
    MetaResponse { content, ..answer(status, description) }
}

/// An error: one of these codes, and a sentence (RFC 6749, section 5.2).
pub(super) fn error(status: u16, description: &'static str, codes: &[&'static str]) -> MetaResponse {
    let mut code = MetaSchema::new("string");
    code.enum_items = codes.iter().map(|code| (*code).into()).collect();
    code.description = Some("The RFC's word for it.");
    let mut schema = MetaSchema::new("object");
    schema.required = vec!["error", "error_description"];
    schema.properties = vec![
        ("error", MetaSchemaRef::Inline(Box::new(code))),
        ("error_description", text(Some("What was wrong, in a sentence that holds nothing of what was sent."))),
    ];
    let content =
        vec![MetaMediaType { content_type: "application/json", schema: MetaSchemaRef::Inline(Box::new(schema)) }];
    MetaResponse { content, ..answer(status, description) }
}

/// The answer with a header that it always has.
pub(super) fn with_header(mut response: MetaResponse, name: &str, description: &str) -> MetaResponse {
    response.headers.push(MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: true,
        deprecated: false,
        schema: text(None),
    });
    response
}

fn text(description: Option<&'static str>) -> MetaSchemaRef {
    let mut schema = MetaSchema::new("string");
    schema.description = description;
    MetaSchemaRef::Inline(Box::new(schema))
}
