//! The values of a table, each read as one type, within its bounds.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::{Section, join};
use crate::config::document::{Entry, Kind, Node};
use crate::config::origin::At;
use crate::config::problem::BadSetting;
use crate::config::quantity;
use crate::model::Secret;
use crate::model::nearest;

impl Section<'_> {
    /// Pairs of texts: `[["a", "b"], ["c", "d"]]`.
    pub(in crate::config) fn couples(&mut self, key: &'static str) -> Option<Vec<(String, String)>> {
        let Entry { node, .. } = self.find(key)?;
        let couple = |node: &Node| match node.kind.as_list()? {
            [one, other] => Some((one.kind.as_text()?.to_owned(), other.kind.as_text()?.to_owned())),
            _ => None,
        };
        let couples: Option<Vec<_>> = node.kind.as_list().and_then(|nodes| nodes.iter().map(couple).collect());
        match &couples {
            Some(couples) => {
                let shown: Vec<_> = couples.iter().map(|(one, other)| format!("{one} = {other}")).collect();
                self.take(key, shown.join(", "), &node.origin);
            }
            None => {
                self.unfit(
                    &node.origin,
                    self.key(key),
                    node.kind.describe(),
                    "a list of pairs, as in [[\"a\", \"b\"]]",
                );
            }
        }
        couples
    }

    /// A text that `check` accepts; otherwise it says what would be right.
    pub(in crate::config) fn checked<T>(
        &mut self,
        key: &'static str,
        check: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<At<T>> {
        let Entry { node, .. } = self.find(key)?;
        let read = match node.kind.as_text() {
            Some(text) => check(text).map(|value| (value, text.to_owned())),
            None => Err("a text"),
        };
        match read {
            Ok((value, shown)) => {
                self.take(key, shown, &node.origin);
                Some(At::new(value, node.origin.clone()))
            }
            Err(expected) => {
                self.unfit(&node.origin, self.key(key), node.kind.describe(), expected);
                None
            }
        }
    }

    /// A text that is not empty.
    pub(in crate::config) fn text(&mut self, key: &'static str) -> Option<At<String>> {
        self.checked(key, |text| if text.is_empty() { Err("a text that is not empty") } else { Ok(text.to_owned()) })
    }

    /// A path; a relative one begins at the configuration's directory.
    pub(in crate::config) fn path(&mut self, key: &'static str) -> Option<At<PathBuf>> {
        let base = self.reading.base();
        self.text(key).map(|text| text.map(|text| base.join(text)))
    }

    /// One of some words.
    pub(in crate::config) fn word<T: Copy>(&mut self, key: &'static str, words: &[(&'static str, T)]) -> Option<At<T>> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let all = words.iter().map(|(word, _)| *word);
            self.unknown_word(key, &text, all);
        }
        found.map(|(_, value)| At::new(*value, text.origin))
    }

    /// Refuses a word that stands for nothing.
    pub(in crate::config) fn unknown_word<'w>(
        &self,
        key: &str,
        found: &At<String>,
        words: impl Iterator<Item = &'w str> + Clone,
    ) {
        let what = BadSetting::UnknownWord {
            key: self.key(key),
            found: found.value.clone(),
            nearest: nearest(&found.value, words.clone()).map(str::to_owned),
            known: join(words),
        };
        self.reading.refuse(&found.origin, what);
    }

    /// Texts: a list, or one text; in a variable, parted by commas.
    pub(in crate::config) fn texts(&mut self, key: &'static str) -> Option<At<Vec<At<String>>>> {
        let Entry { node, .. } = self.find(key)?;
        let origin = &node.origin;
        let texts: Option<Vec<At<String>>> = match &node.kind {
            Kind::Text(text) => Some(vec![At::new(text.clone(), origin.clone())]),
            Kind::Variable(text) => Some(
                text.split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .map(|part| At::new(part.to_owned(), origin.clone()))
                    .collect(),
            ),
            Kind::List(nodes) => nodes.iter().map(|node| self.element(key, node)).collect(),
            Kind::Integer(_) | Kind::Real(_) | Kind::Boolean(_) | Kind::Time(_) | Kind::Table(_) => {
                self.unfit(origin, self.key(key), node.kind.describe(), "a list of texts");
                None
            }
        };
        let texts = texts?;
        self.take(key, texts.iter().map(|text| text.value.as_str()).collect::<Vec<_>>().join(", "), origin);
        Some(At::new(texts, origin.clone()))
    }

    /// An element of a list of texts.
    fn element(&self, key: &str, node: &Node) -> Option<At<String>> {
        let text = node.kind.as_text().filter(|text| !text.is_empty());
        if text.is_none() {
            self.unfit(&node.origin, self.key(key), format!("a list with {}", node.kind.describe()), "texts");
        }
        text.map(|text| At::new(text.to_owned(), node.origin.clone()))
    }

    /// Texts that `check` accepts, each one.
    pub(in crate::config) fn checked_texts<T>(
        &mut self,
        key: &'static str,
        check: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Option<At<Vec<At<T>>>> {
        let texts = self.texts(key)?;
        let checked: Vec<Option<At<T>>> = texts
            .value
            .into_iter()
            .map(|text| match check(&text.value) {
                Ok(value) => Some(At::new(value, text.origin)),
                Err(expected) => {
                    self.unfit(&text.origin, self.key(key), Kind::Text(text.value).describe(), expected);
                    None
                }
            })
            .collect();
        let all: Option<Vec<At<T>>> = checked.into_iter().collect();
        Some(At::new(all?, texts.origin))
    }

    /// A whole number within bounds.
    pub(in crate::config) fn integer<T: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
    ) -> Option<At<T>> {
        let Entry { node, .. } = self.find(key)?;
        let number = match &node.kind {
            Kind::Integer(integer) => Some(*integer),
            Kind::Variable(text) if text.contains("://") => {
                self.refuse(&node.origin, BadSetting::ServiceLink { key: self.key(key), found: node.kind.describe() });
                return None;
            }
            Kind::Variable(text) => text.parse().ok(),
            Kind::Text(_) | Kind::Real(_) | Kind::Boolean(_) | Kind::Time(_) | Kind::List(_) | Kind::Table(_) => None,
        };
        let value = number
            .filter(|number| range.contains(number))
            .and_then(|number| T::try_from(number).ok().map(|value| (value, number)));
        let Some((value, number)) = value else {
            let expected = format!("a whole number from {} to {}", range.start(), range.end());
            self.unfit(&node.origin, self.key(key), node.kind.describe(), expected);
            return None;
        };
        self.take(key, number.to_string(), &node.origin);
        Some(At::new(value, node.origin.clone()))
    }

    /// True or false; in a variable also 1 or 0.
    pub(in crate::config) fn boolean(&mut self, key: &'static str) -> Option<At<bool>> {
        let Entry { node, .. } = self.find(key)?;
        let value = match &node.kind {
            Kind::Boolean(boolean) => Some(*boolean),
            Kind::Variable(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            },
            Kind::Text(_) | Kind::Real(_) | Kind::Integer(_) | Kind::Time(_) | Kind::List(_) | Kind::Table(_) => None,
        };
        if let Some(value) = value {
            self.take(key, value.to_string(), &node.origin);
        } else {
            self.unfit(&node.origin, self.key(key), node.kind.describe(), "`true` or `false`");
        }
        value.map(|value| At::new(value, node.origin.clone()))
    }

    /// A duration within bounds.
    pub(in crate::config) fn duration(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Option<At<Duration>> {
        let read = self.checked(key, |text| quantity::duration(text).ok_or(quantity::DURATION))?;
        if range.contains(&read.value) {
            return Some(read);
        }
        let bounds = (quantity::show_duration(*range.start()), quantity::show_duration(*range.end()));
        let found = format!("\"{}\"", quantity::show_duration(read.value));
        self.unfit(&read.origin, self.key(key), found, format!("a duration from {} to {}", bounds.0, bounds.1));
        None
    }

    /// A size within bounds.
    pub(in crate::config) fn size(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<At<u64>> {
        let read = self.checked(key, |text| quantity::size(text).ok_or(quantity::SIZE))?;
        if range.contains(&read.value) {
            return Some(read);
        }
        let bounds = (quantity::show_size(*range.start()), quantity::show_size(*range.end()));
        let found = format!("\"{}\"", quantity::show_size(read.value));
        self.unfit(&read.origin, self.key(key), found, format!("a size from {} to {}", bounds.0, bounds.1));
        None
    }

    /// A secret, written at `key` or in the file that `file_key` names. Never shown, neither here nor in an error.
    pub(in crate::config) fn secret(&mut self, key: &'static str, file_key: &'static str) -> Option<At<Secret>> {
        let written = self.find(key);
        let file = self.path(file_key);
        let (text, origin) = match (written, file) {
            (Some(entry), Some(_)) => {
                let what = BadSetting::Both {
                    one: self.key(key),
                    other: self.key(file_key),
                    hint: "leave one out, best the one that holds the secret itself",
                };
                self.refuse(&entry.origin, what);
                return None;
            }
            (Some(Entry { node, .. }), None) => (node.kind.as_text().map(str::to_owned), node.origin.clone()),
            (None, Some(file)) => match std::fs::read_to_string(&file.value) {
                Ok(text) => (Some(text.trim_end_matches(['\r', '\n']).to_owned()), file.origin),
                Err(source) => {
                    self.refuse(&file.origin, BadSetting::Read { path: file.value, source });
                    return None;
                }
            },
            (None, None) => return None,
        };
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            self.unfit(&origin, self.key(key), "no text, or an empty one".to_owned(), "a text that is not empty");
            return None;
        };
        self.take(key, "[secret]".to_owned(), &origin);
        Some(At::new(Secret::new(text), origin))
    }
}
