//! Bytes to lines, lines to fields. Refuses every character that a reader could not see or could mistake.

use std::path::Path;

use super::content::{says_something, without_blanks};
use crate::model::is_invisible;
use crate::policy::finding::{Finding, Severity};

/// How many fields a line has at most.
const MOST_FIELDS: usize = 7;

/// A field of a line, without the blanks around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) text: &'a str,
    /// The byte in the line where it begins, from 1.
    pub(super) column: u32,
}

/// A line that is neither blank nor a comment.
#[derive(Debug)]
pub(super) struct Record<'a> {
    /// From 1.
    pub(super) line: u32,
    pub(super) fields: Vec<Field<'a>>,
}

fn position(offset: usize) -> u32 {
    u32::try_from(offset).map_or(u32::MAX, |offset| offset.saturating_add(1))
}

/// The file as text: UTF-8, without a byte order mark, ending in a newline.
pub(super) fn text(path: &Path, bytes: Vec<u8>) -> Result<String, Finding> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        let message = "the file is UTF-16; save it as UTF-8 without a byte order mark";
        return Err(Finding { line: 1, column: 1, ..Finding::of_file(path, message) });
    }
    if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        let message = "the file begins with a byte order mark; save it as UTF-8 without one";
        return Err(Finding { line: 1, column: 1, ..Finding::of_file(path, message) });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let (bytes, valid) = (error.as_bytes(), error.utf8_error().valid_up_to());
        let before = &bytes[..valid];
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let line = position(before.split(|byte| *byte == b'\n').count() - 1);
        let message = format!("the byte 0x{:02X} is not UTF-8; save the file as UTF-8", bytes[valid]);
        Finding { line, column: position(before.len() - start), ..Finding::of_file(path, message) }
    })?;
    if text.is_empty() || text.ends_with('\n') {
        return Ok(text);
    }
    let (at, message) = if let Some(zero) = text.find('\0') {
        (zero, "the file holds zero bytes, as UTF-16 does; save it as UTF-8")
    } else if text.ends_with('\r') {
        (text.len() - 1, "the last line ends in a carriage return alone; end lines with LF or CRLF")
    } else {
        (text.len(), "the last line does not end in a newline, so it may be cut short; end it with one")
    };
    let before = text.get(..at).unwrap_or(&text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = position(before.matches('\n').count());
    Err(Finding { line, column: position(at - start), ..Finding::of_file(path, message) })
}

/// The lines of a file that say something. A line with a bad character is a finding and is not read further.
pub(super) fn records<'t>(path: &Path, text: &'t str) -> impl Iterator<Item = Result<Record<'t>, Finding>> {
    text.lines().enumerate().filter_map(|(index, raw)| {
        let line = position(index);
        if let Some((at, message)) = bad_character(raw) {
            let column = position(at);
            return Some(Err(Finding { path: path.to_owned(), line, column, severity: Severity::Refusal, message }));
        }
        says_something(raw).then(|| Ok(Record { line, fields: fields(raw) }))
    })
}

fn fields(line: &str) -> Vec<Field<'_>> {
    let mut fields = Vec::with_capacity(MOST_FIELDS);
    let mut start = 0;
    for field in line.split(',') {
        let text = without_blanks(field);
        let blanks = field.len() - field.trim_start_matches(' ').len();
        fields.push(Field { text, column: position(start + blanks) });
        start += field.len() + 1;
    }
    fields
}

fn bad_character(line: &str) -> Option<(usize, String)> {
    if line.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    for (at, c) in line.char_indices() {
        let code = u32::from(c);
        let message = match c {
            '\t' => "a tab stands here; separate fields by commas, and align them with spaces".to_owned(),
            '\r' => "a carriage return stands inside a line; end lines with LF or CRLF".to_owned(),
            c if c.is_control() => format!("the control character U+{code:04X} stands here; remove it"),
            c if is_invisible(c) => {
                format!("the invisible character U+{code:04X} stands here; remove it, or put a space")
            }
            _ => continue,
        };
        return Some((at, message));
    }
    mixed_word(line)
}

/// Finds a word that mixes Latin letters with letters of a script that looks like Latin (UTS #39, section 5.1).
fn mixed_word(line: &str) -> Option<(usize, String)> {
    let similar = |c: char| matches!(c, '\u{0370}'..='\u{03FF}' | '\u{0400}'..='\u{052F}' | '\u{0530}'..='\u{058F}' | '\u{FF01}'..='\u{FF5E}');
    let mut start = 0;
    for word in line.split_inclusive(|c: char| !c.is_alphabetic() && !similar(c)) {
        let stranger = word.char_indices().find(|(_, c)| similar(*c));
        if let Some((at, c)) = stranger
            && word.chars().any(|c| c.is_ascii_alphabetic())
        {
            let message = format!(
                "`{c}` (U+{:04X}) stands among Latin letters and can be mistaken for one; write the whole word in one script",
                u32::from(c)
            );
            return Some((start + at, message));
        }
        start += word.len();
    }
    None
}
