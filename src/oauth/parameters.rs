//! The parameters of a request: a query, or a body of `application/x-www-form-urlencoded`.
//!
//! A parameter that occurs twice is an error and not a choice between two values, because two readers choose differently
//! (RFC 6749, section 3.1). One that is empty counts as absent, and one that nobody asks for is ignored.

use std::collections::BTreeMap;
use std::fmt;

/// The most parameters of one request; those of every known client are fewer than twenty.
const MOST: usize = 64;

/// Why a query or a body cannot be read. It does not say what it found: that may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadParameters {
    /// A `%` without two hexadecimal digits behind it, or bytes that are no UTF-8.
    #[error("the parameters are not UTF-8 in percent-encoding")]
    Encoding,
    /// More than `MOST`.
    #[error("there are more than {MOST} parameters")]
    TooMany,
}

/// A parameter was sent more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the parameter {0} was sent more than once")]
pub struct Repeated(pub &'static str);

/// What was sent under one name.
enum Sent {
    Once(String),
    Repeatedly,
}

/// The parameters of one request. `Debug` prints names and no values: some of them are secrets.
#[derive(Default)]
pub struct Parameters(BTreeMap<String, Sent>);

impl Parameters {
    /// Reads a query or a body.
    pub fn read(text: &str) -> Result<Self, BadParameters> {
        let mut found = BTreeMap::new();
        for (count, pair) in text.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            if count == MOST {
                return Err(BadParameters::TooMany);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if value.is_empty() {
                continue;
            }
            found.entry(name).and_modify(|sent| *sent = Sent::Repeatedly).or_insert(Sent::Once(value));
        }
        Ok(Self(found))
    }

    /// The value of a parameter, if there is one.
    pub fn one(&self, name: &'static str) -> Result<Option<&str>, Repeated> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Sent::Once(value)) => Ok(Some(value)),
            Some(Sent::Repeatedly) => Err(Repeated(name)),
        }
    }

    /// Whether a parameter was sent, be it once or more often.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Undoes the encoding of a form (URL Standard, section 5.1), strictly.
pub(super) fn decode(text: &str) -> Result<String, BadParameters> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (rest.next().and_then(digit), rest.next().and_then(digit));
                high.zip(low).map(|(high, low)| high << 4 | low).ok_or(BadParameters::Encoding)?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| BadParameters::Encoding)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_once_is_read_and_what_is_sent_twice_is_refused() {
        let read = Parameters::read("a=1&b=2&b=3&c=&d&e=%C3%A4+%2B&&f=%26%3D").unwrap();
        assert_eq!(read.one("a"), Ok(Some("1")));
        assert_eq!(read.one("b"), Err(Repeated("b")));
        assert_eq!((read.one("c"), read.one("d"), read.one("g")), (Ok(None), Ok(None), Ok(None)));
        assert_eq!(read.one("e"), Ok(Some("ä +")));
        assert_eq!(read.one("f"), Ok(Some("&=")));
        assert!(read.has("b") && !read.has("c"));
        assert_eq!(Parameters::read("a=1&a=1").unwrap().one("a"), Err(Repeated("a")));
        assert_eq!(Parameters::read("a=&a=1").unwrap().one("a"), Ok(Some("1")), "an empty value is none");
    }

    #[test]
    fn what_is_not_text_is_refused() {
        for bad in ["a=%", "a=%4", "a=%zz", "%ff=1", "a=%C3", "a=%+1"] {
            assert_eq!(Parameters::read(bad).unwrap_err(), BadParameters::Encoding, "{bad}");
        }
        let many: Vec<_> = (0..=MOST).map(|n| format!("p{n}=1")).collect();
        let many = many.join("&");
        assert_eq!(Parameters::read(&many).unwrap_err(), BadParameters::TooMany);
    }

    #[test]
    fn debug_prints_no_value() {
        let read = Parameters::read("password=hunter2").unwrap();
        assert_eq!(format!("{read:?}"), "{\"password\"}");
    }
}
