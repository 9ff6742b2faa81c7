//! The document as a page: read off the document itself, so that it cannot say anything else.

use askama::Template;
use serde_json::{Map, Value};

use crate::http::pages::Frame;

/// The page.
#[derive(Debug, Clone, Template)]
#[template(path = "docs.html")]
pub(super) struct Page {
    host: String,
    title: String,
    version: String,
    about: String,
    endpoints: Vec<Endpoint>,
    shapes: Vec<Shape>,
}

/// A path, by one method.
#[derive(Debug, Clone)]
struct Endpoint {
    id: String,
    method: String,
    path: String,
    summary: String,
    about: String,
    parameters: Vec<Field>,
    body: Option<Content>,
    answers: Vec<Answer>,
}

/// What goes in or comes out.
#[derive(Debug, Clone)]
struct Content {
    media: String,
    /// The name of a shape, or nothing where `fields` are all there is.
    shape: String,
    fields: Vec<Field>,
}

/// One status.
#[derive(Debug, Clone)]
struct Answer {
    status: String,
    about: String,
    headers: Vec<Field>,
    content: Option<Content>,
}

/// An object that several endpoints may speak of.
#[derive(Debug, Clone)]
struct Shape {
    name: String,
    about: String,
    fields: Vec<Field>,
}

/// A member, a parameter or a header.
#[derive(Debug, Clone)]
struct Field {
    name: String,
    kind: String,
    required: bool,
    about: String,
}

impl Page {
    /// The page of a document.
    pub(super) fn of(document: &Value, frame: &Frame) -> Self {
        let info = &document["info"];
        let mut endpoints = Vec::new();
        for (path, methods) in members(&document["paths"]) {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                endpoints.push(Endpoint::of(path, method, operation));
            }
        }
        let shape = |(name, schema): (&String, &Value)| Shape {
            name: name.clone(),
            about: text(&schema["description"]),
            fields: fields(schema),
        };
        Self {
            host: frame.host().to_owned(),
            title: text(&info["title"]),
            version: text(&info["version"]),
            about: text(&info["description"]),
            endpoints,
            shapes: members(&document["components"]["schemas"]).map(shape).collect(),
        }
    }
}

impl Endpoint {
    fn of(path: &str, method: &str, operation: &Value) -> Self {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let answer = |(status, answer): (&String, &Value)| Answer {
            status: status.clone(),
            about: text(&answer["description"]),
            headers: members(&answer["headers"])
                .map(|(name, header)| Field::of(name, &header["schema"], header))
                .collect(),
            content: content(answer),
        };
        Self {
            id: text(&operation["operationId"]),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text(&operation["summary"]),
            about: text(&operation["description"]),
            parameters: parameters
                .map(|parameter| Field::of(&text(&parameter["name"]), &parameter["schema"], parameter))
                .collect(),
            body: content(&operation["requestBody"]),
            answers: members(&operation["responses"]).map(answer).collect(),
        }
    }
}

impl Field {
    fn of(name: &str, schema: &Value, about: &Value) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind(schema),
            required: about["required"].as_bool().unwrap_or(false),
            about: text(&about["description"]),
        }
    }
}

/// The one form that a body has.
fn content(of: &Value) -> Option<Content> {
    let (media, content) = members(&of["content"]).next()?;
    let schema = &content["schema"];
    Some(Content { media: media.clone(), shape: named(schema).unwrap_or_default().to_owned(), fields: fields(schema) })
}

fn fields(schema: &Value) -> Vec<Field> {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let field = |(name, schema): (&String, &Value)| Field {
        required: required.contains(&name.as_str()),
        ..Field::of(name, schema, schema)
    };
    members(&schema["properties"]).map(field).collect()
}

/// What a value is, in a word or two.
fn kind(schema: &Value) -> String {
    if let Some(name) = named(schema) {
        return name.to_owned();
    }
    if let Some(items) = schema.get("items") {
        return format!("list of {}", kind(items));
    }
    let words: Vec<&str> = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if words.is_empty() { text(&schema["type"]) } else { words.join(", ") }
}

fn named(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next())
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::description::{Served, document};

    #[test]
    fn everything_that_is_described_is_on_the_page() {
        let document = document("http://127.0.0.1:8080", Served::All).unwrap();
        let frame = Frame::new(&"http://127.0.0.1:8080".parse().unwrap());
        let page = Page::of(&document, &frame).render().unwrap();
        for (path, methods) in members(&document["paths"]) {
            assert!(page.contains(&format!(">{path}<")), "{path}");
            for (_, operation) in members(methods) {
                for (status, _) in members(&operation["responses"]) {
                    assert!(page.contains(&format!(">{status}<")), "{path} {status}");
                }
            }
        }
        for (name, _) in members(&document["components"]["schemas"]) {
            assert!(page.contains(&format!("id=\"shape-{name}\"")), "{name}");
        }
        assert!(page.contains("invalid_grant") && !page.contains("<script") && !page.contains("style="), "{page}");
    }
}
