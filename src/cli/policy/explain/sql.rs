//! A statement for a reader: a clause to a line, each bound value beside its placeholder.

use std::fmt::Write as _;

use crate::cli::config::visible;
use crate::cli::policy::layout::wrapped;
use crate::dataset::{Bind, Statement};

/// Where a line begins, outside of names and texts.
const CLAUSES: [&str; 5] = [" FROM ", " WHERE ", " UNION ALL ", " ORDER BY ", " LIMIT "];

/// Stands for a blank at which no line may end. `visible` leaves none of them in a value.
const HELD: char = '\u{1}';

/// The statement in lines of so many characters.
pub(super) fn lines(statement: &Statement, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for clause in annotated(statement).split('\n') {
        let below = |(index, line): (usize, String)| if index == 0 { line } else { format!("    {line}") };
        lines.extend(wrapped(clause, width - 4).into_iter().enumerate().map(below));
    }
    lines.iter().map(|line| line.replace(HELD, " ")).collect()
}

/// The text with the values as comments, so that it stays a statement.
fn annotated(statement: &Statement) -> String {
    let (text, values) = statement.parts();
    let mut out = String::with_capacity(text.len() * 2);
    let mut quoted = None;
    // How many parentheses are open: what is inside one belongs to its clause.
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if quoted.is_none() && depth == 0 && CLAUSES.iter().any(|clause| rest.starts_with(clause)) {
            out.push('\n');
            rest = &rest[1..];
            continue;
        }
        let length = c.len_utf8();
        let digits = rest.get(1..).map_or(0, |after| after.bytes().take_while(u8::is_ascii_digit).count());
        let end = if quoted.is_none() && c == '$' && digits > 0 { 1 + digits } else { length };
        let (token, after) = rest.split_at(end);
        out.push_str(token);
        rest = after;
        match quoted {
            // A doubled quote ends one name and begins the next, which comes to the same.
            Some(open) if open == c => quoted = None,
            None if matches!(c, '"' | '\'') => quoted = Some(c),
            None if end > 1 => {
                let number = token.get(1..).and_then(|number| number.parse::<usize>().ok());
                if let Some(value) = number.and_then(|number| values.get(number.checked_sub(1)?)) {
                    let comment = visible(&format!(" /* {} */", shown(value).replace("*/", "* /")));
                    out.extend(comment.chars().map(|c| if c == ' ' { HELD } else { c }));
                }
            }
            None if c == '(' => depth += 1,
            None if c == ')' => depth = depth.saturating_sub(1),
            Some(_) | None => {}
        }
    }
    out
}

/// A bound value as SQL would write it.
fn shown(value: &Bind) -> String {
    match value {
        Bind::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Bind::Integer(integer) => integer.to_string(),
        Bind::Real(real) => format!("{real:?}"),
        Bind::Bytes(bytes) => format!("x'{}'", hexadecimal(bytes)),
    }
}

/// Bytes as their digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stands_beside_its_placeholder_and_nowhere_else() {
        let mut statement = Statement::default();
        statement.sql("SELECT 'a $1' FROM ").name("odd \" $1 FROM ").sql(" WHERE (t.a = ");
        statement.bind(Bind::Text("O'Hara */ \u{1b}[2J".into())).sql(" FROM ) AND t.b IN (");
        for number in 2..=11 {
            statement.bind(Bind::Integer(number)).sql(", ");
        }
        let text = lines(&statement, 1_000);
        assert_eq!(text[..2], ["SELECT 'a $1'", "FROM \"odd \"\" $1 FROM \""]);
        assert!(text[2].starts_with("WHERE (t.a = $1 /* 'O''Hara * / \\u{1b}[2J' */ FROM ) AND"), "{text:?}");
        assert!(text[2].contains("$11 /* 11 */"), "{text:?}");
        assert_eq!((text.len(), text[2].matches("/*").count()), (3, 11), "{text:?}");
        assert!(lines(&statement, 40).iter().all(|line| !line.trim().starts_with("*/")), "a comment is one word");
    }
}
