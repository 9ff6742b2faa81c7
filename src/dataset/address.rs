//! The address of a row as an MCP resource: `bailiwick://<dataset>/<key>`, each column of the key percent-encoded.
//!
//! An address grants nothing: it is read into what `get_<dataset>` takes, and asked for like that. One that names no dataset,
//! or whose key has another number of parts, is nobody's.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::catalog::{Catalog, Column, ColumnType, Dataset, ROWS};
use crate::model::percent_encode;

/// The template of the addresses of a dataset's rows (RFC 6570): `bailiwick://order_lines/{OrderID}/{ProductID}`.
pub fn template(dataset: &Dataset) -> String {
    let mut template = format!("{ROWS}{}", dataset.name);
    for column in &dataset.key {
        template.push_str("/{");
        template.push_str(column.as_str());
        template.push('}');
    }
    template
}

/// The address of an answered row; `None` where a column of its key is not in the answer, or absent.
pub fn of_row(dataset: &Dataset, row: &Map<String, Json>) -> Option<String> {
    let mut address = format!("{ROWS}{}", dataset.name);
    for column in &dataset.key {
        address.push('/');
        percent_encode(&written(row.get(column.as_str())?)?, &mut address);
    }
    Some(address)
}

/// The dataset whose rows have such addresses, and the arguments that its `get_` takes for this one.
pub fn read<'c>(address: &str, catalog: &'c Catalog) -> Option<(&'c Arc<Dataset>, Map<String, Json>)> {
    let (name, key) = address.strip_prefix(ROWS)?.split_once('/')?;
    // Capitals do not count there (RFC 3986, section 3.2.2), and no two datasets differ in nothing else.
    let dataset = catalog.datasets.values().find(|dataset| dataset.name.as_str().eq_ignore_ascii_case(name))?;
    dataset.resource.as_ref()?;
    let parts: Vec<&str> = key.split('/').collect();
    if parts.len() != dataset.key.len() {
        return None;
    }
    let pairs = dataset.key.iter().zip(parts).map(|(name, part)| {
        let column = dataset.column(name.as_str())?;
        Some((name.to_string(), value(&decode(part)?, column)?))
    });
    Some((dataset, pairs.collect::<Option<_>>()?))
}

/// A value as an address, a completion or a text has it; `None` where it is absent or no single value.
pub fn written(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(boolean) => Some(boolean.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// What [`written`] wrote, as an argument for this column.
pub fn value(text: &str, column: &Column) -> Option<Json> {
    match column.kind {
        ColumnType::Id | ColumnType::Text | ColumnType::Time(_) => Some(Json::String(text.to_owned())),
        ColumnType::Number => serde_json::from_str(text).ok().filter(Json::is_number),
        ColumnType::Boolean => text.parse().ok().map(Json::Bool),
        ColumnType::Json | ColumnType::Bytes => None,
    }
}

/// Reads a part of an address. Clients differ in what they encode, so that what need not be may be.
fn decode(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                bytes.push(u8::try_from(high << 4 | low).ok()?);
            }
            b'?' | b'#' => return None,
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_and_needs_no_more_than_a_path() {
        for text in ["42", "", "a/b", "50 %", "Zoë?#", "..", "\u{0}", "日本"] {
            let mut address = String::new();
            percent_encode(text, &mut address);
            assert!(address.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)), "{address}");
            assert_eq!(decode(&address).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_part_of_an_address_is_not_read() {
        for part in ["%", "%4", "%zz", "%ff", "a?b", "a#b"] {
            assert_eq!(decode(part), None, "{part}");
        }
        assert_eq!(decode("Zoë").as_deref(), Some("Zoë"));
    }
}
